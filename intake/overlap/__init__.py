"""Overlap: which texts of an upload earlier datasets of its customer hold, for score reuse."""
