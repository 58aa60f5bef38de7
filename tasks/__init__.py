"""Jobs: the board and queues in Redis, planning, and the steps of a job.

It may import storage, intake, models and ensemble.
"""
