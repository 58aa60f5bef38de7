"""The steps of a job, each of which may run twice: score, reduce, finish, publish results."""
