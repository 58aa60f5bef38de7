"""Texts become a job as a front door would do it: nothing but the texts comes from outside."""

import io
import json
import time
from collections.abc import Sequence

from intake.dataset.upload import UploadOptions, store_upload
from storage.places.place import Place
from storage.records.jobs import Job
from tasks.jobs.submit import build_job, create_job, resolve_versions


def job_for(place: Place, customer: str, texts: Sequence[str]) -> Job:
    """Take the texts in under ids that were never used, and write the job;
    `tasks.jobs.submit.start` sets it going.
    """
    now = time.time_ns()
    lines = [json.dumps({"id": f"{now} {at}", "text": text}) for at, text in enumerate(texts)]
    upload = UploadOptions(path="-", customer=customer, format="jsonl", encoding="utf-8")
    return job_from(place, upload, "\n".join(lines).encode())


def job_from(place: Place, upload: UploadOptions, stdin: bytes = b"") -> Job:
    """The same for an upload of any form."""
    lineup = resolve_versions(place, upload.customer)
    dataset = store_upload(place, upload, io.BytesIO(stdin), _no_one)
    return create_job(
        place, build_job(place, dataset, lineup, out=None, keep_text=True, keep_columns=False)
    )


def _no_one(_: str) -> None:
    """There are no people here to read notices."""
