"""Records that the version before stored are written back byte for byte.

So the version before reads what this one stores, while a service is updated or taken back.
"""

import pytest

from ensemble.spec import Ensemble
from models.interface.manifest import ModelManifest
from storage.records.feedback import Dataset
from storage.records.forecasts import Forecast, ForecastRatios
from storage.records.jobs import Job, JobEnd
from storage.records.labelled_output import Manifest
from storage.records.runs import Run, RunEnd
from storage.versions.active_labels import LabelMove
from storage.versions.aliases import AliasMove
from storage.versions.schedule_state import ScheduleState
from tasks.board.worker_profile import WorkerProfile
from tests.support.root_before import unpack_root

RECORDS = {
    "feedback/*/*/dataset.json": Dataset,
    "forecasts.json": ForecastRatios,
    "jobs/*/ended.json": JobEnd,
    "jobs/*/forecast.json": Forecast,
    "jobs/*/job.json": Job,
    "labelled/*/_current/*.json": LabelMove,
    "labelled/*/*/_manifest.json": Manifest,
    "registry/*/*/aliases/*/*.json": AliasMove,
    "registry/ensembles/*/*/ensemble.json": Ensemble,
    "registry/models/*/*/manifest.json": ModelManifest,
    "registry/models/*/*/measured.json": WorkerProfile,
    "runs/*/*/ended.json": RunEnd,
    "runs/*/*/run.json": Run,
    "schedules/*/*.json": ScheduleState,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return unpack_root(tmp_path_factory.mktemp("root-before"))


@pytest.mark.parametrize("pattern", RECORDS)
def test_a_record_of_the_version_before_keeps_its_bytes(home, pattern):
    files = list(home.glob(pattern))
    assert files
    for file in files:
        stored = file.read_bytes()
        assert RECORDS[pattern].decode(stored, str(file)).encode() == stored


def test_every_json_file_of_the_root_is_such_a_record(home):
    records = {file for pattern in RECORDS for file in home.glob(pattern)}
    assert set(home.rglob("*.json")) == records
