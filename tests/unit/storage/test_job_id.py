"""A job is its question: the same question is the same job, also for who asked it with an older
version.
"""

from storage.records.jobs import job_id
from storage.records.labelled_output import EnsembleVersion, ModelVersion

QUESTION = (
    "acme",
    "upload",
    EnsembleVersion(name="moods", version=1),
    (ModelVersion(name="bow", version=1, digest="d"),),
    None,
    True,
    False,
)


def test_the_id_of_a_question_stays_what_it_was():
    assert job_id(*QUESTION) == "29f14d127c0ef5a0"
