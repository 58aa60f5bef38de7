"""Export: the caller's rows in their order, with flat columns of labels, as one file.

Formats are CSV, Excel, JSON Lines and Parquet. Steps and commands use it.
"""
