"""What `chorus diff` and the gate score by themselves: only what the version has never said."""

import numpy as np

from chorus.score_here import complete
from chorus.stored_feedback import StoredChunk
from models.registry import ModelRegistry
from storage import scores
from storage.feedback import Donor
from storage.scores import Scores
from tests.registered import publish_model
from tests.steps import MOOD, store_dataset


def test_a_text_that_an_earlier_chunk_holds_is_not_asked_again(place):
    manifest = ModelRegistry(place).manifest("bow", publish_model(place, "bow"))
    asked = []

    def score(texts):
        asked.extend(texts.to_pylist())
        values = np.full((len(texts), 2), 0.5, np.float32)
        return Scores("bow", 1, manifest.digest, MOOD, values)

    earlier = store_dataset(place, ["old", "older"], name="earlier")
    lent = Scores("bow", 1, manifest.digest, MOOD, np.array([[0.1, 0.9], [0.2, 0.8]], np.float32))
    place.create(scores.path("bow", 1, earlier.chunks[0].id), scores.encode(lent))
    donor = Donor(dataset="earlier", position=0, shared=1)
    later = store_dataset(place, ["new", "older"], name="later", found=[((donor,), 1)])
    found = complete(place, score, manifest, StoredChunk(later, 0))
    assert asked == ["new"]
    assert np.allclose(found.values, [[0.5, 0.5], [0.2, 0.8]])
    again = store_dataset(place, ["older", "old"], name="again", found=[((donor,), 0)])
    assert np.allclose(complete(place, score, manifest, StoredChunk(again, 0)).values, [[0.2, 0.8], [0.1, 0.9]])
    assert asked == ["new"]
