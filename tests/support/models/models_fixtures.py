"""Small models: an encoder with random weights, and labelled texts easy to learn."""

import json
from pathlib import Path

import pyarrow as pa

from models.interface.manifest import ModelCard, ModelSpec, ModelTarget
from models.interface.training_set import build_labelled_texts

WORDS = (
    "the",
    "parcel",
    "price",
    "was",
    "late",
    "good",
    "bad",
    "very",
    "dear",
    "box",
    "shop",
    "and",
    "today",
    "again",
)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def spec(kind="bow", mode="one_of", labels=("bad", "good"), max_tokens=None):
    return ModelSpec(
        kind=kind,
        target=ModelTarget(name="mood", mode=mode),
        labels=labels,
        max_tokens=max_tokens,
        card=ModelCard(data="made by the tests"),
    )


def moods():
    """Return 64 labelled texts of a one-of target."""
    texts = [
        f"the {thing} was {how} {when} {number}"
        for number in range(4)
        for thing in ("parcel", "box", "shop", "price")
        for how in ("good", "bad")
        for when in ("today", "again")
    ]
    return build_labelled_texts(
        texts, [("good",) if "good" in text else ("bad",) for text in texts], "one_of"
    )


def topics():
    """Return 60 labelled texts of an any-of target, some without a label."""
    answers = (("late",), ("dear",), ("late", "dear"), (), ())
    texts = [f"the box was {' and '.join(answers[n % 5]) or 'good'} {n}" for n in range(60)]
    return build_labelled_texts(
        texts, [answers[n % 5] for n in range(60)], "any_of", ("late", "dear")
    )


def strings(*texts):
    return pa.array(texts, pa.string())


def encoder(folder: Path) -> Path:
    """Write a BERT with 2 layers of width 32 and random weights; return its folder."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *WORDS, *"0123456789"))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 — no password
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.5,  # wide, so that answers differ from text to text
    )
    folder.mkdir()
    BertModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def edit_json(file: Path, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
