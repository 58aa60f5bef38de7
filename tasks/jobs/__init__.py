"""Jobs from submission to active labels: submit, reprocess, schedules, prune."""
