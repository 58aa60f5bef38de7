"""Commands on a file of feedback: score, submit, plan."""
