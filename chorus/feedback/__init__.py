"""Stored feedback: `chorus feedback`, and the rejects of a dataset for every command."""
