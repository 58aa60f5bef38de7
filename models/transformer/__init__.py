"""The kind `transformer` on the CPU: tokens, batches, training, export, and scoring in OpenVINO."""
