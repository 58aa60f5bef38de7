"""Models: the kinds of model, the registry of published versions, training and scoring.

Imports only storage/. Importing a module here loads no model library; a scorer, a trainer or an
import of a model loads what it needs.
"""
