"""Commands on stored feedback and its labels: reprocess, schedule, labels, prune."""
