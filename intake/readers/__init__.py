"""Readers: the lines or batches of each format become blocks of records."""
