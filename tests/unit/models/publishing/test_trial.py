"""A model is measured before it is published; one that does not answer is not published."""

import os
import signal

import pytest

from models.interface.manifest import Measurements, digest_of
from models.publishing.sample_texts import sample_texts
from models.publishing.trial import TrialFailed, measure_model
from tests.support.models import light_model
from tests.support.models.models_fixtures import spec, strings


def crashing_model():
    """Install a model that ends its process."""
    light_model.install()
    light_model.BowScorer.load = lambda _: os.kill(os.getpid(), signal.SIGKILL)


def broken_model():
    light_model.install()
    light_model.BowScorer.load = lambda _: [][0]


def test_speed_and_memory_of_a_light_model_are_measured_on_the_texts(tmp_path):
    texts = strings(*(["good"] * 20))
    measured = measure_model(spec(), tmp_path, texts, light_model.install)
    assert measured.rows == 20
    assert measured.tokens_per_second is None
    assert measured.characters_per_second == pytest.approx(4 * measured.rows_per_second, rel=0.01)
    assert measured.memory > 10_000_000


def test_without_texts_a_model_is_tried_on_sample_texts(tmp_path):
    measured = measure_model(spec(), tmp_path, initializer=light_model.install)
    assert measured.rows == len(set(sample_texts().to_pylist()))


@pytest.mark.parametrize(
    ("labels", "initializer", "reason"),
    [
        (("bad", "good"), broken_model, "IndexError: list index out of range"),
        (("bad", "good", "new"), light_model.install, r"answered with \(8, 2\)"),
        (("bad", "good"), crashing_model, "ended by signal SIGKILL"),
    ],
)
def test_a_model_that_does_not_answer_fails_its_trial(tmp_path, labels, initializer, reason):
    with pytest.raises(TrialFailed, match=reason):
        measure_model(spec(labels=labels), tmp_path, initializer=initializer)


def test_measurements_do_not_change_the_digest():
    measured = Measurements(
        load_seconds=1, rows_per_second=2, characters_per_second=3, rows=4, memory=5
    )
    assert digest_of(spec().model_copy(update={"measured": measured}), ()) == digest_of(spec(), ())
