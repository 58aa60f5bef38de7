"""The plan and the progress of a job, from one read of storage."""

from storage.records import labelled_output, scores
from tasks.planning.stored_work import read_work_of_job
from tests.support.runs.steps import store_dataset, store_job

TEXTS = ["a", "bb", "ccc", "dddd", "eeeee"]  # chunks of 2, 2 and 1


def write_scores(place, model, chunk):
    place.create(scores.path(model, 1, chunk.id), b"scores")


def test_scored_chunks_of_unwritten_parts_count_as_progress_and_are_not_planned(place):
    dataset = store_dataset(place, TEXTS)
    store_job(place, dataset)
    for model in ("bow", "minilm"):
        write_scores(place, model, dataset.chunks[0])
    write_scores(place, "bow", dataset.chunks[1])
    work = read_work_of_job(place, "job1")
    assert work.progress().scored == {"bow": 2, "minilm": 1}
    assert work.progress().parts == 0
    assert work.plan().chunks == (dataset.chunks[0].id,)
    assert [(cell.chunk, cell.model) for cell in work.plan().cells] == [
        (dataset.chunks[1].id, "minilm"),
        (dataset.chunks[2].id, "bow"),
        (dataset.chunks[2].id, "minilm"),
    ]


def test_a_written_chunk_counts_as_scored_even_without_its_scores(place):
    dataset = store_dataset(place, TEXTS)
    job = store_job(place, dataset)
    job.output.create(labelled_output.part_name(1), b"part")
    progress = read_work_of_job(place, "job1").progress()
    assert (progress.parts, progress.scored) == (1, {"bow": 1, "minilm": 1})


def test_equal_chunks_are_scored_once_and_each_counts_as_progress(place):
    dataset = store_dataset(place, ["a", "bb", "a", "bb"])
    store_job(place, dataset)
    assert len(read_work_of_job(place, "job1").plan().cells) == 2
    write_scores(place, "bow", dataset.chunks[0])
    assert read_work_of_job(place, "job1").progress().scored == {"bow": 2, "minilm": 0}
