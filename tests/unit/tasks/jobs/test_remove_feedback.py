"""Feedback is removed as a whole, whenever the removal is interrupted."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.places.place import LocalPlace
from storage.records import feedback, labelled_output
from storage.records.exported_files import request_file
from storage.records.feedback import Dataset, read_chunk
from storage.records.jobs import JobEnd, all_jobs, write_end
from storage.records.labelled_output import EnsembleVersion
from storage.versions.active_labels import ActiveLabel, read_active_labels, set_active_labels
from tasks.jobs.remove_feedback import FeedbackInUse, remove_feedback
from tasks.jobs.submit import ResolvedVersions, build_job, create_job
from tests.support.intake_files import files_below, upload

CSV = "\n".join(["id,text", *(f"{row},text {row}" for row in range(40)), "none,"]).encode()
NOW = datetime(2026, 1, 2, tzinfo=UTC)
VERSIONS = ResolvedVersions(EnsembleVersion(name="default", version=1), ())


class Interrupted(Exception):
    pass


class InterruptedPlace(LocalPlace):
    """A place whose process ends before its n-th change."""

    def __init__(self, root: Path, changes: int) -> None:
        super().__init__(root)
        self._left = changes

    def _count(self) -> None:
        if not self._left:
            raise Interrupted
        self._left -= 1

    def replace(self, path: str, data: bytes) -> None:
        self._count()
        super().replace(path, data)

    def create(self, path: str, data: bytes, *, durable: bool = False) -> bool:
        self._count()
        return super().create(path, data, durable=durable)

    def remove(self, path: str) -> None:
        self._count()
        super().remove(path)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """A dataset that one done job has labelled, and another one into a folder elsewhere."""
    place = LocalPlace(tmp_path / "home")
    dataset = upload(tmp_path, CSV, chunk_rows=10)
    for out in (None, str(tmp_path / "out")):
        options = {"out": out, "keep_text": True, "keep_columns": False, "requested_at": NOW}
        job = create_job(place, build_job(place, dataset, VERSIONS, **options))
        job.output.create("part-00000.parquet", b"labels")
        job.output.create(labelled_output.SUCCESS, b"")
        write_end(place, job.id, JobEnd(status="done"))
        request_file(place, [job.id], str(tmp_path / "labels.csv"))
        if out is None:
            set_active_labels(place, "acme", {dataset.id: ActiveLabel(job=job.id, at=NOW)})
    return dataset


@pytest.mark.parametrize("changes", range(14))
def test_an_interrupted_removal_leaves_a_whole_dataset_or_none_and_is_completed_by_another(
    tmp_path: Path, dataset: Dataset, changes: int
) -> None:
    home = tmp_path / "home"
    place = LocalPlace(home)
    try:
        remove_feedback(InterruptedPlace(home, changes), "acme", dataset.id)
    except Interrupted:
        for stored in feedback.datasets(place, "acme"):
            assert sum(read_chunk(place, stored, n).num_rows for n in range(4)) == 40
    remove_feedback(place, "acme", dataset.id)
    left = files_below(home)
    assert [path for path in left if path.startswith(("feedback", "sketches"))] == []
    assert [path for path in left if "part-" in path] == []
    assert read_active_labels(place, "acme").datasets == {}
    assert all_jobs(place) == []
    assert [path for path in left if path.endswith("files.json")] == []
    assert (tmp_path / "out/part-00000.parquet").exists(), "labels elsewhere are the caller's"


def test_a_dataset_that_comes_again_is_whole_after_an_interrupted_removal(
    tmp_path: Path, dataset: Dataset
) -> None:
    with pytest.raises(Interrupted):
        remove_feedback(InterruptedPlace(tmp_path / "home", 1), "acme", dataset.id)
    again = upload(tmp_path, CSV, chunk_rows=10)
    assert (again.id, again.rows) == (dataset.id, 40)


def test_a_job_that_comes_during_the_removal_keeps_the_dataset(
    tmp_path: Path, dataset: Dataset
) -> None:
    home = tmp_path / "home"

    class Raced(LocalPlace):
        def remove(self, path: str) -> None:
            super().remove(path)
            if path.endswith("dataset.json"):
                options = {"out": None, "keep_text": False, "keep_columns": False}
                create_job(LocalPlace(home), build_job(self, dataset, VERSIONS, **options))

    with pytest.raises(FeedbackInUse, match="job "):
        remove_feedback(Raced(home), "acme", dataset.id)
    assert feedback.read_dataset(LocalPlace(home), "acme", dataset.id) == dataset


def test_labels_that_are_requested_after_a_removal_are_active(
    tmp_path: Path, dataset: Dataset
) -> None:
    place = LocalPlace(tmp_path / "home")
    remove_feedback(place, "acme", dataset.id)
    label = ActiveLabel(job="0123", at=NOW)
    set_active_labels(place, "acme", {dataset.id: label})
    assert read_active_labels(place, "acme").datasets == {dataset.id: label}
