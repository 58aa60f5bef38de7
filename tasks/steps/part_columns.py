"""The columns of a job's parts: those that the version which began the job writes."""

from functools import lru_cache

import pyarrow as pa
import pyarrow.parquet as pq

from storage.places.place import Place
from storage.records.jobs import Job
from storage.records.labelled_output import part_name, part_positions
from tasks.planning.record_cache import ensemble_of

_MAX_JOBS = 1024  # remembered


@lru_cache(_MAX_JOBS)
def has_columns_by_target(place: Place, job: Job) -> bool:
    """Return whether the parts of a job have agreement and review by target.

    They have, unless a version that did not write these columns has written a part already: the
    parts of one job all have the same columns.
    """
    written = part_positions(job.output)
    if not written:
        return True
    part = job.output.read(part_name(min(written)))
    try:
        schema = pq.read_schema(pa.BufferReader(part))
    except pa.ArrowInvalid:  # not a part; writing it again, or finishing the job, says so
        return True
    column = f"{ensemble_of(place, job).targets[0].name}_agreement"
    # a column of the caller with this name is a string
    return column in schema.names and pa.types.is_floating(schema.field(column).type)
