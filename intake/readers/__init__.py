"""Readers: from the lines or batches of each format to blocks of records."""
