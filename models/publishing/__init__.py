"""Publishing: the registry of model versions, training, trial loads and imports from elsewhere."""
