"""A registry of small real models, trained in a second, for tests of whole jobs."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED

from ensemble.spec import Ensemble, EnsembleRegistry, Member, Target
from models.interface.manifest import ModelCard, ModelSpec, ModelTarget
from models.publishing.registry import ModelRegistry
from storage.places.place import Place

MOODS = ("negative", "positive")
TOPICS = ("delivery", "price")
_GOOD = ("great", "love it", "very good", "happy with this", "excellent")
_BAD = ("awful", "hate it", "very bad", "angry about this", "terrible")
_CUSTOMERS = b"""
[customers.acme]
ensemble = "acme"
[customers.plain]
ensemble = "plain"
"""
PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)


def build(place: Place) -> None:
    """Publish mood-bow, mood-plain (one of), topics-bow and topics-acme (any of), and three
    ensembles.

    The customer acme uses topics-acme besides the default models, and plain only mood-bow. No
    ensemble names the model sleeper.
    """
    for name, seed in (("mood-bow", 1), ("mood-plain", 2), ("sleeper", 3)):
        publish_bow(place, name, "mood", "one_of", MOODS, *_moods(seed))
    for name, labels in (("topics-bow", TOPICS), ("topics-acme", ("cafe", "price"))):
        publish_bow(place, name, "topics", "any_of", labels, *_topics(labels))
    mood = Target(
        name="mood",
        mode="one_of",
        members=(Member(model="mood-bow"), Member(model="mood-plain", weight=2)),
    )
    shared = (Member(model="topics-bow"),)
    registry = EnsembleRegistry(place)
    registry.publish(
        "default",
        Ensemble(targets=(mood, Target(name="topics", mode="any_of", members=shared))),
        PUBLISHED,
    )
    own = (*shared, Member(model="topics-acme"))
    registry.publish(
        "acme",
        Ensemble(targets=(mood, Target(name="topics", mode="any_of", members=own))),
        PUBLISHED,
    )
    alone = Target(name="mood", mode="one_of", members=(Member(model="mood-bow"),))
    registry.publish("plain", Ensemble(targets=(alone,)), PUBLISHED)
    place.replace("customers.toml", _CUSTOMERS)


def build_plain(place: Place) -> None:
    """Publish only what the customer plain needs: mood-bow and an ensemble of it."""
    publish_bow(place, "mood-bow", "mood", "one_of", MOODS, *_moods(1))
    alone = Target(name="mood", mode="one_of", members=(Member(model="mood-bow"),))
    EnsembleRegistry(place).publish("plain", Ensemble(targets=(alone,)), PUBLISHED)
    place.replace("customers.toml", b'[customers.plain]\nensemble = "plain"\n')


def publish_bow(place, name, target, mode, labels, texts, answers, words=None):
    """Fit and publish a scikit-learn pipeline; `words` makes features of texts, or else TF-IDF."""
    import skops.io
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import Pipeline

    head = LogisticRegression() if mode == "one_of" else OneVsRestClassifier(LogisticRegression())
    pipeline = Pipeline([("tfidf", words or TfidfVectorizer()), ("head", head)]).fit(texts, answers)
    with tempfile.TemporaryDirectory() as folder:
        skops.io.dump(pipeline, Path(folder, "pipeline.skops"), compression=ZIP_DEFLATED)
        spec = ModelSpec(
            kind="bow",
            target=ModelTarget(name=target, mode=mode),
            labels=labels,
            card=ModelCard(data="made by the tests"),
        )
        return ModelRegistry(place).publish(name, Path(folder), spec, PUBLISHED)


def _moods(seed):
    texts = [f"{word} {other}" for word in _GOOD + _BAD for other in ("today", "again", str(seed))]
    return texts, [MOODS[1] if text.startswith(_GOOD) else MOODS[0] for text in texts]


def _topics(labels):
    import numpy as np

    texts = [
        f"the {' and the '.join(some)} was so"
        for some in (labels, labels[:1], labels[1:], ("rest",)) * 3
    ]
    return texts, np.array([[label in text for label in labels] for text in texts], dtype=int)
