"""The versions that a scoring worker keeps in memory."""

import pyarrow as pa
import pytest

from models.interface.compute import Compute
from models.publishing.registry import Tampered
from storage.places.place import LocalPlace
from workers.scoring.model_cache import ModelCache

TEXTS = pa.array(["great", "awful"])


@pytest.fixture
def artifact(home):
    return home / "registry/models/mood-bow/1/pipeline.skops"


def test_the_champion_is_loaded_before_the_first_message(home, artifact):
    cache = ModelCache(LocalPlace(home), Compute())
    cache.load_champion("mood-bow")
    artifact.unlink()
    with cache.use("mood-bow", 1) as loaded:
        assert loaded.score(TEXTS).shape == (2, 2)


def test_a_champion_that_cannot_be_loaded_fails_the_message_that_needs_it(home, artifact):
    artifact.write_bytes(b"something else")
    cache = ModelCache(LocalPlace(home), Compute())
    cache.load_champion("mood-bow")
    with pytest.raises(Tampered), cache.use("mood-bow", 1):
        pytest.fail("it was handed out")


def test_a_model_that_failed_is_loaded_again_for_the_next_chunk(home):
    cache = ModelCache(LocalPlace(home), Compute())
    with pytest.raises(RuntimeError, match="out of memory"), cache.use("mood-bow", 1) as first:
        raise RuntimeError("out of memory")
    with cache.use("mood-bow", 1) as second:
        assert second is not first
        assert second.score(pa.array(["great"])).shape == (1, 2)
    with cache.use("mood-bow", 1) as third:
        assert third is second
