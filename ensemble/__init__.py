"""Combining what several models say into one answer. May import storage; knows nothing of models/
or intake/.
"""
