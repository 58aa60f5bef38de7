"""Parquet: record batches of bounded size, and columns of any type as text."""
