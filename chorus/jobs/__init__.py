"""Commands on jobs and stored feedback: score, submit, status, plan, reprocess, labels, prune,
schedule.
"""
