"""Overlap: which chunks of earlier datasets hold the texts of a new one."""
