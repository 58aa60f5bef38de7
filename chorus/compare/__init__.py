"""`chorus diff`: what changes between two jobs, two runs or two model versions."""
