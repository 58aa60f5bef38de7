"""The interface of every kind of model: scorer, manifest, training set, training options, device."""
