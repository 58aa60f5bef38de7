"""The processes: scoring workers, control worker, bridge, embedded broker. May import tasks and all
below.
"""
