"""The steps of a job and the queue between them. May import storage, intake, models and ensemble."""
