"""The command line: arguments and options of every command; each imports what it runs when it
runs.
"""
