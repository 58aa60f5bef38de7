"""The board: the state of jobs in Redis, rebuilt from storage when lost; every key is built in
`keys`.
"""
