"""The models: what a scorer is, the registry of published versions, the kinds of model, and
training them.

Imports only storage/. Nothing here loads a model library until a scorer or a trainer of that kind
is asked for.
"""
