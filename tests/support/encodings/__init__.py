"""Exports in legacy encodings, made from sentences in many languages."""
