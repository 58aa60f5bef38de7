"""The id of a job depends only on the request, and stays the same in later versions of Chorus."""

from storage.records.jobs import job_id
from storage.records.labelled_output import EnsembleVersion, ModelVersion

REQUEST = (
    "acme",
    "upload",
    EnsembleVersion(name="moods", version=1),
    (ModelVersion(name="bow", version=1, digest="d"),),
    None,
    True,
    False,
)


def test_the_id_of_a_request_never_changes():
    assert job_id(*REQUEST) == "29f14d127c0ef5a0"
