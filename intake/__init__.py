"""Feedback in: a file of whatever form becomes a stored dataset. Used by tasks and chorus; imports
storage only.
"""
