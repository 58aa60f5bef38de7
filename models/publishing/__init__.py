"""Publishing: training, import from elsewhere, a trial of the model, and the registry."""
