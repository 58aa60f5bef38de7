"""The scoring worker: one model in memory, its measurements, and isolated scoring of failing
texts.
"""
