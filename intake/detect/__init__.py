"""Detection: where an upload's bytes come from, its format, encoding and layout, before any row
is read.
"""
