"""The result of `chorus score`: an object of JSON, or tables and lines for people."""

from collections import Counter

from chorus.common.console import print_line
from chorus.common.console_table import print_preview
from chorus.common.preview import read_preview
from chorus.feedback.reject_reasons import join_reasons, nothing_labelled, reject_reasons
from chorus.service.run_job import Outcome
from ensemble.spec import EnsembleRegistry
from storage.places.place import Place
from storage.records import feedback
from storage.records.feedback import Dataset
from storage.records.jobs import Job
from storage.records.labelled_output import Manifest
from storage.tables import decode_parquet

_MAX_DETAILS = 5  # reasons shown of rows that models rejected; each row may have its own


def score_result(job: Job, dataset: Dataset, outcome: Outcome, seconds: float) -> dict[str, object]:
    """Return the result for --json; `seconds`: that the command took."""
    manifest = outcome.manifest
    reasons = reject_reasons(dataset, manifest)
    error = {} if manifest.rows_labelled else {"error": nothing_labelled(manifest.rows_in, reasons)}
    return {
        "job": job.id,
        "status": "done",
        "rows_in": manifest.rows_in,
        "rows_labelled": manifest.rows_labelled,
        "rows_rejected": manifest.rows_rejected,
        "cells_scored": outcome.cells,
        "seconds": round(seconds, 3),
        "rows_per_second": round(manifest.rows_labelled / seconds, 1),
        "models": {model.name: model.version for model in manifest.models},
        "output": job.out,
        "rejects": manifest.rejects,
        "rejects_of_models": [job.output.url_of(part.name) for part in manifest.rejected_parts],
        "reasons": reasons,
        **error,
    }


def print_result(
    place: Place, job: Job, dataset: Dataset, manifest: Manifest, seconds: float
) -> None:
    """Print a preview of the labels, the counts, and where the files are."""
    ensemble = EnsembleRegistry(place).read(job.ensemble.name, job.ensemble.version)
    if manifest.rows_labelled:
        print_preview(read_preview(job.output, manifest, ensemble), manifest.rows_labelled)
    reasons = join_reasons(reject_reasons(dataset, manifest))
    members = ", ".join(f"{model.name} {model.version}" for model in manifest.models)
    print_line(
        f"Job {job.id}: {manifest.rows_in:,} rows in, {manifest.rows_labelled:,} labelled, "
        f"{manifest.rows_rejected:,} rejected{f' ({reasons})' if reasons else ''}, "
        f"in {seconds:,.1f} s."
    )
    print_line(f"Ensemble {manifest.ensemble.name} {manifest.ensemble.version}: {members}")
    print_line(f"Labelled: {job.out}")
    if dataset.rejected:
        print_line(f"Rejected: {place.url_of(feedback.rejects_path(dataset.customer, dataset.id))}")
    if manifest.rejected_parts:
        print_line(f"Rejected by models: {job.out}/_rejects-*.parquet")
        for detail, rows in _model_reject_details(job.output, manifest):
            print_line(f"  {rows:,} rows: {detail}")
    if not manifest.rows_labelled:
        print_line(nothing_labelled(manifest.rows_in, reject_reasons(dataset, manifest)))


def _model_reject_details(output: Place, manifest: Manifest) -> list[tuple[str, int]]:
    """Return which model could not score rows and why, with the rows: the most common first."""
    details: Counter[str] = Counter()
    for part in manifest.rejected_parts:
        details.update(decode_parquet(output.read(part.name), ["detail"])["detail"].to_pylist())
    return details.most_common(_MAX_DETAILS)
