"""The interface of every kind of model: what a scorer offers, what a manifest says, what training
gets.
"""
