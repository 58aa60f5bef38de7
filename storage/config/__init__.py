"""Files that a person writes, TOML or JSON: every mistake is reported with its file and line.

What the tables of a file mean is defined by the packages that use them.
"""
