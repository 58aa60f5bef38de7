"""Commands that change the registry: training, publishing, ensembles, the promotion gate."""
