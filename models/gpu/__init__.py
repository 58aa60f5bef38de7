"""The kind `transformer` on a GPU: packed batches in torch."""
