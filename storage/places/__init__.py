"""Places: one root, on a disk or in a bucket, below which files are created whole or not at all."""
