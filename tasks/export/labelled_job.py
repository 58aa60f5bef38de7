"""A job whose labels are complete, with all that its export needs to know."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from ensemble.spec import Ensemble, EnsembleRegistry
from intake.readers.join_texts import BETWEEN_NAMES
from storage.errors import BadRequest
from storage.places.place import Absent, Place
from storage.records.feedback import Dataset, read_dataset
from storage.records.jobs import Job
from storage.records.labelled_output import Manifest, read_manifest
from tasks.export.flat_columns import TargetLabels


class NotExportable(BadRequest):
    """A job without complete labels, or whose feedback was removed."""

    def __init__(self, job: str, reason: str, advice: str) -> None:
        self.job, self.reason = job, reason
        super().__init__(f"Job {job} cannot be exported: {reason}. {advice}")


@dataclass(frozen=True)
class LabelledJob:
    """A labelled job; `targets` have the labels in the order of its labelled rows."""

    place: Place
    job: Job
    dataset: Dataset
    manifest: Manifest
    targets: tuple[TargetLabels, ...]

    @property
    def with_text(self) -> bool:
        """Whether its labelled rows have the text."""
        return self.job.keep_text

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of the upload in the order of the file.

        Of feedback that was stored without the order: id, text, then the others. A text that was
        joined of several columns is none of them.
        """
        source = self.dataset.source
        chosen = [name for name in (source.id_column, source.text_column) if name is not None]
        return tuple(dict.fromkeys((*(source.columns or chosen), *self.dataset.columns)))

    def holds_text(self, column: str) -> bool:
        """Return whether the column is the text, or one of those that were joined to it."""
        joined = f"{BETWEEN_NAMES}{self.dataset.source.text_column}{BETWEEN_NAMES}"
        return f"{BETWEEN_NAMES}{column}{BETWEEN_NAMES}" in joined


def open_labelled_job(place: Place, job: Job) -> LabelledJob:
    """Read what the export of a job needs. Raises NotExportable, BadRecord."""
    manifest = read_manifest(job.output)
    if manifest is None or manifest.job != job.id:
        raise NotExportable(
            job.id,
            "its labels are not complete",
            f"See `chorus status {job.id}`; export it when it is done.",
        )
    try:
        dataset = read_dataset(place, job.customer, job.dataset)
    except Absent:
        raise NotExportable(
            job.id, "its feedback was removed", f"Its labels are in {job.out}."
        ) from None
    ensemble = EnsembleRegistry(place).read(job.ensemble.name, job.ensemble.version)
    return LabelledJob(place, job, dataset, manifest, _targets(job, manifest, ensemble))


def _targets(job: Job, manifest: Manifest, ensemble: Ensemble) -> tuple[TargetLabels, ...]:
    """Return the targets with their labels, which the first part has; none if there is no part."""
    schema = pa.schema([])
    if manifest.parts:
        schema = pq.read_schema(pa.BufferReader(job.output.read(manifest.parts[0].name)))
    return tuple(
        TargetLabels(target.name, target.mode, _labels(schema, f"{target.name}_probabilities"))
        for target in ensemble.targets
    )


def _labels(schema: pa.Schema, column: str) -> tuple[str, ...]:
    return tuple(schema.field(column).type.names) if column in schema.names else ()
