"""The interface of all kinds: scorer, manifest, training set, training options, device."""
