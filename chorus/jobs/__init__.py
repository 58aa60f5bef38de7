"""Commands on jobs: score, submit, status, plan, cancel, resume."""
