"""What public names and docstrings must satisfy."""
