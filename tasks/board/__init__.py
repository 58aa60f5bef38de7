"""The board: the state of jobs in Redis, rebuilt from storage when lost; `keys` builds every key.

Its `context` is what every step works with. It may import tasks/broker.
"""
