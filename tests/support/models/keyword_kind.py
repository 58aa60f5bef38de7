"""A kind of model in one file, to show that a new kind needs no more: it counts the words of each
label.
"""

import json

import numpy as np

from models.interface.import_result import ImportResult
from models.interface.kind import Kind

ENTRY = {"keyword": "tests.support.models.keyword_kind:KeywordKind"}  # the line in the table
FILE = "keywords.json"  # label → its words


class KeywordKind(Kind):
    """One-of models: a label is as likely as the text has words of it."""

    summary = "Counts words."
    recognised_by = FILE
    max_threads = 1

    def open_scorer(self, spec, folder, compute):  # noqa: ARG002 — it needs only the file
        return KeywordScorer(folder)

    def fit(self, data, folder, options):  # noqa: ARG002 — it has no options
        words = {label: set() for label in data.labels}
        for text, truth in zip(data.texts.to_pylist(), data.truth, strict=True):
            words[data.labels[truth.argmax()]].update(text.split())
        shared = set.intersection(*words.values())
        (folder / FILE).write_text(
            json.dumps({label: sorted(own - shared) for label, own in words.items()})
        )

    def recognises(self, source):
        return (source / FILE).is_file()

    def import_files(self, source, folder, max_tokens):  # noqa: ARG002 — it reads words
        words = json.loads((source / FILE).read_text())
        (folder / FILE).write_text(json.dumps(words))
        return ImportResult("one_of", tuple(words), None, len(words))


class KeywordScorer:
    def __init__(self, folder):
        self._folder = folder

    def load(self):
        self._words = list(json.loads((self._folder / FILE).read_text()).values())

    def prepare(self, texts):
        return [text.split() for text in texts.to_pylist()]

    def infer(self, prepared):
        counts = [
            [1 + sum(word in words for word in text) for words in self._words] for text in prepared
        ]
        return np.array(counts, dtype=np.float32).reshape(-1, len(self._words))

    def finish(self, raw):
        return raw / raw.sum(axis=1, keepdims=True)

    def unload(self):
        self._words = None
