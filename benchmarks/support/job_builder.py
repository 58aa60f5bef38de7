"""Jobs built from texts alone, as a web server that calls Chorus would do it."""

import io
import json
import time
from collections.abc import Sequence

from intake.dataset.upload import store_upload
from intake.dataset.upload_options import UploadOptions
from storage.places.place import Place
from storage.records.jobs import Job
from tasks.jobs.submit import build_job, create_job, resolve_versions


def job_from_texts(place: Place, customer: str, texts: Sequence[str]) -> Job:
    """Store the texts under new ids and write their job; it does not start yet."""
    prefix = time.time_ns()
    lines = [
        json.dumps({"id": f"{prefix} {number}", "text": text}) for number, text in enumerate(texts)
    ]
    upload = UploadOptions(path="-", customer=customer, format="jsonl", encoding="utf-8")
    return job_from_upload(place, upload, "\n".join(lines).encode())


def job_from_upload(place: Place, upload: UploadOptions, stdin: bytes = b"") -> Job:
    """Store an upload in any file format and write its job; it does not start yet."""
    versions = resolve_versions(place, upload.customer)
    dataset = store_upload(place, upload, io.BytesIO(stdin), _ignore_notice)
    return create_job(
        place, build_job(place, dataset, versions, out=None, keep_text=True, keep_columns=False)
    )


def _ignore_notice(_: str) -> None:
    """Drop a notice, which no person would read here."""
