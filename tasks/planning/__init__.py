"""Planning: which cells are missing, which scores are reused, and in which order cells are
dispatched.
"""
