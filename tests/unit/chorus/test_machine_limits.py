"""The limits of a machine that runs given jobs only: models with rows share its cores."""

from dataclasses import replace

import pytest

from chorus.common.settings import from_environment
from chorus.service.machine_limits import limits_for_jobs
from tasks.jobs.submit import build_job, resolve_versions
from tests.support.models.placeholder_models import publish_ensemble, publish_model
from tests.support.runs.steps import store_dataset

MODELS = ("minilm", "roberta", "distil")


@pytest.mark.parametrize(
    ("busy", "threads"),
    [
        (MODELS, [2, 1, 1]),
        (["roberta"], [1, 4, 1]),
        (["minilm", "distil"], [2, 1, 2]),
        ([], [1, 1, 1]),
    ],
)
def test_models_with_rows_to_score_share_the_cores(place, busy, threads):
    for model in MODELS:
        publish_model(place, model, kind="transformer")
    publish_ensemble(place, dict.fromkeys(MODELS, 1))
    job = build_job(
        place,
        store_dataset(place, ["a"]),
        resolve_versions(place, "acme"),
        out=None,
        keep_text=True,
        keep_columns=False,
    )
    settings = replace(from_environment({"CHORUS_HOME": place.url}), cores=4, device="cpu")
    limits, _ = limits_for_jobs(place, settings, [job], busy)
    assert [limits(model).threads for model in MODELS] == threads
