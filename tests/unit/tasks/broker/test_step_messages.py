"""Step messages: a cell and its message convert into each other; steps are named by their work."""

from dataclasses import asdict

from tasks.broker.step_messages import CellId, FinishJob, ReduceChunk, ScoreCell, control_step

CELL = CellId(chunk="c1", model="bow", version=2)


def test_a_cell_survives_the_message_that_has_it_scored():
    assert ScoreCell.for_job("job1", CELL).cell_id == CELL


def test_the_arguments_of_a_score_message_are_those_of_earlier_versions():
    message = asdict(ScoreCell.for_job("job1", CELL))
    assert message == {"job": "job1", "chunk": "c1", "model": "bow", "version": 2}


def test_the_same_cell_of_two_jobs_is_one_step():
    one, other = (ScoreCell.for_job(job, CELL) for job in ("job1", "job2"))
    assert one.step == other.step


def test_the_step_of_a_control_message_follows_from_its_arguments():
    for message in (ReduceChunk("job1", "c1"), FinishJob("job1")):
        assert control_step(asdict(message)) == message.step
