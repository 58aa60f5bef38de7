"""The labelled rows of one complete job, read part by part."""

from functools import lru_cache
from itertools import accumulate

import numpy as np
import pyarrow as pa

from storage.errors import BadRequest
from storage.places.place import Place
from storage.records.decisions import Mode
from storage.records.jobs import Job
from storage.records.labelled_output import read_manifest
from storage.tables import decode_parquet
from tasks.planning.record_cache import ensemble_of

# Parts of the second job in memory. Two uploads of the same rows have them in a similar order.
_CACHED_PARTS = 4


class NotComplete(BadRequest):
    """A job that has not labelled all of its rows, or whose labels were pruned."""

    def __init__(self, job: str) -> None:
        self.job = job
        super().__init__(f"Job {job} has no complete labels to compare. See `chorus status {job}`.")


class JobOutput:
    """Labelled rows of one complete job, in parts of one chunk each."""

    def __init__(self, place: Place, job: Job) -> None:
        """Read the manifest of the job's output. Raises NotComplete, Absent, BadRecord."""
        manifest = read_manifest(job.output)
        if manifest is None:
            raise NotComplete(job.id)
        self.job, self.rows = job, manifest.rows_labelled
        self.targets: dict[str, Mode] = {
            target.name: target.mode for target in ensemble_of(place, job).targets
        }
        self._parts = manifest.parts
        # Number of the first row of each part, and last the number of all rows.
        self.starts = np.array([0, *accumulate(part.rows for part in manifest.parts)])
        self.part = lru_cache(_CACHED_PARTS)(self._read_part)

    def __len__(self) -> int:
        """Return the number of parts."""
        return len(self._parts)

    def labels(self, target: str) -> tuple[str, ...]:
        """Return the labels of a target; none if the job has no rows."""
        if not self._parts:
            return ()
        return tuple(self.part(0).schema.field(f"{target}_probabilities").type.names)

    @property
    def answers(self) -> str:
        """Targets with their modes, for an error."""
        return ", ".join(f"{name} ({mode})" for name, mode in self.targets.items())

    def _read_part(self, part: int) -> pa.Table:
        """Read the ids, labels and probabilities of one part."""
        columns = [name for target in self.targets for name in (target, f"{target}_probabilities")]
        return self.read(part, ["id", *columns])

    def read(self, part: int, columns: list[str]) -> pa.Table:
        """Read some columns of one part."""
        return decode_parquet(self.job.output.read(self._parts[part].name), columns)

    def row_numbers(self, part: int, rows: pa.Table) -> dict[str, int]:
        """Return the numbers of a part's rows within the whole output, by id."""
        return {id_: int(self.starts[part]) + row for row, id_ in enumerate(rows["id"].to_pylist())}
