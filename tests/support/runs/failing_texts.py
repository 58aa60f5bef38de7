"""Models that fail on some texts, and a job that is run to its end in spite of them."""

import numpy as np
import pyarrow.parquet as pq

from tasks.steps.fault_isolation import IsolatedScoringFailed
from tasks.steps.score import ScoringFailed
from tests.support.runs.steps import LengthModel


class FailingModel(LengthModel):
    """An isolated model: bow is killed by one word, minilm answers NaN for the text "nan"."""

    def __init__(self, model):
        super().__init__(model)
        self.model = model

    def score(self, texts):
        """Return the scores; raises IsolatedScoringFailed for bow and "kill"."""
        words = {word for text in texts.to_pylist() for word in text.split()}
        if self.model == "bow" and "kill" in words:
            raise IsolatedScoringFailed("ended by signal SIGKILL")
        values = super().score(texts)
        if self.model == "minilm":
            values[[text == "nan" for text in texts.to_pylist()]] = np.nan
        return values


def run_to_end(steps, job, plan=True):
    """Run the job as workers do: a failed cell is tried again at once. Return the failures."""
    if plan:
        steps.plan(job)
    failures = []
    while steps.queue:
        message = steps.queue.pop(0)
        try:
            steps.run(message)
        except ScoringFailed as error:
            failures.append(error)
            steps.queue.insert(0, message)
    return failures


def rows_of(output, parts):
    """Return the rows of these parts, as dicts."""
    return [
        row
        for part in parts
        for row in pq.read_table(output.url_of(part.name), partitioning=None).to_pylist()
    ]
