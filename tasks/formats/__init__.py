"""File formats of an export: CSV, Excel, JSON Lines and Parquet, from tables of flat columns."""
