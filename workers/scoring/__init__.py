"""The scoring worker: its models in memory, isolated scoring of failing texts, measurements."""
