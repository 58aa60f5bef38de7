"""Intake: a file or a batch of messages becomes a stored dataset.

Used by tasks, workers and chorus; imports storage only.
"""
