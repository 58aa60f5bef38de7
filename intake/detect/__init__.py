"""Detection: where an upload's bytes come from, its format, encoding and layout, before a row is
read.
"""
