"""A root with two models whose uploads are labelled, and runs that reprocess them."""

from datetime import UTC, datetime, timedelta

from models.publishing.registry import ModelRegistry
from storage.records.runs import create_run, read_run
from storage.versions.active_labels import read_active_labels
from tasks.jobs.reprocess import build_run, start_run
from tasks.jobs.submit import build_job, create_job, resolve_versions, start_job
from tests.support.models.placeholder_models import (
    PUBLISHED,
    StepsWithRegistry,
    publish_ensemble,
    publish_model,
)
from tests.support.runs.steps import store_dataset

TODAY = datetime.now(UTC) + timedelta(days=1)  # later than the uploads, which are submitted now
MODELS = ("bow", "minilm")


def steps_with_models(place, redis):
    """Publish two models and an ensemble, and return steps over them."""
    for model in MODELS:
        publish_model(place, model)
    publish_ensemble(place, dict.fromkeys(MODELS, 1))
    return StepsWithRegistry(place, redis)


def label_upload(steps, name, texts, day=1):
    """Store an upload and label it; return its job."""
    place = steps.context.place
    dataset = store_dataset(place, texts, name=name, taken_in=datetime(2026, 1, day, tzinfo=UTC))
    job = start_upload_job(steps, dataset, keep_text=False, keep_columns=True)
    steps.drain()
    return job


def start_upload_job(steps, dataset, *, keep_text=True, keep_columns=False):
    """Start a job that labels the dataset under today's champions, and return it."""
    place = steps.context.place
    versions = resolve_versions(place, "acme")
    job = create_job(
        place,
        build_job(
            place, dataset, versions, out=None, keep_text=keep_text, keep_columns=keep_columns
        ),
    )
    start_job(steps.context, job)
    return job


def publish_new_version(steps, model="bow"):
    """Publish the next version of a model and promote it."""
    place = steps.context.place
    ModelRegistry(place).store.promote(model, publish_model(place, model), PUBLISHED)


def reprocess(steps, name="night", now=TODAY, **options):
    """Execute a run to its end."""
    run = start_run(steps.context, "acme", name=name, now=now, **options)
    steps.drain()
    return run


def create_run_only(place, customer, **options):
    """Write the record of a run without starting its jobs."""
    return create_run(place, build_run(place, customer, **options))


def active_jobs(steps):
    """Return dataset → job whose labels are active."""
    return {
        dataset: label.job
        for dataset, label in read_active_labels(steps.context.place, "acme").datasets.items()
    }


def job_of_run(steps, name):
    """Return the id of the only job of a run."""
    return read_run(steps.context.place, "acme", name).jobs[0].job
