"""Datasets: records are cleaned and validated, and stored as chunks and rejects, all or nothing."""
