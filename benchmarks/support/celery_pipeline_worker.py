"""A hand-written Celery worker with a Hugging Face pipeline, which coldstart.py compares with.

`celery -A support.celery_pipeline_worker worker --pool solo`, with BROKER_URL, MODEL_FOLDER and
THREADS in the environment.
"""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from celery import Celery
from transformers import pipeline

torch.set_num_threads(int(os.environ["THREADS"]))
app = Celery("pipeline", broker=os.environ["BROKER_URL"])
app.conf.update(
    task_default_queue="pipeline", task_ignore_result=True, worker_prefetch_multiplier=1
)
classify = pipeline(
    "text-classification", model=os.environ["MODEL_FOLDER"], top_k=None, device="cpu"
)


@app.task(name="score")
def score(texts: list[str], file: str) -> None:
    """Write every text's probability of every label to one Parquet file."""
    predictions = classify(texts, batch_size=32, truncation=True)
    rows = [{answer["label"]: answer["score"] for answer in answers} for answers in predictions]
    partial_file = Path(f"{file}.new")
    pq.write_table(pa.Table.from_pylist(rows), partial_file)
    partial_file.rename(file)
