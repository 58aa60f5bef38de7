"""Datasets: records are cleaned and validated, and stored as chunks and rejects, whole or not at
all.
"""
