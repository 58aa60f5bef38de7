"""A network that is given the texts of a batch end to end, in one row of tokens without padding.

    three texts     [CLS] a b [SEP]   [CLS] c [SEP]   [CLS] d e f [SEP]
    ids             one row of 12 tokens
    positions       0 1 2 3  0 1 2  0 1 2 3 4
    starts          0 4 7 12

Each text attends within itself only. Everything else in an encoder treats each token by itself, so
any encoder that takes its attention from the registry of transformers can be packed as it is;
models.gpu.network checks that. Needs torch and transformers alone.
"""

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, cast

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

from models.transformer.batches import Int64, split_by_tokens
from models.transformer.networks import MeanHead, StandardHead

_NAME = "packed"  # in the registries of transformers


class NotPackable(Exception):
    """Why a network cannot be given packed texts; it can still be given padded ones."""


@dataclass(frozen=True)
class PackedBatch:
    """The texts of a batch, on the device of the network."""

    ids: torch.Tensor  # [tokens] int64
    positions: torch.Tensor  # [tokens] int64, from 0 within each text
    starts: torch.Tensor  # [texts + 1] int32: where each text begins, and the number of tokens
    # tokens of the longest text; known to the host, so that nobody has to ask the device
    longest: int


class PackedNetwork:
    """A model of models.transformer.networks for packed texts. From one vector a text on, all is
    float32.
    """

    def __init__(self, model: MeanHead | StandardHead) -> None:
        """Sets up `model`, on the CPU and in float32, and keeps it. Raises NotPackable, with the
        model as it was.
        """
        self._model = model
        self._encoder: Any = (
            model.encoder if isinstance(model, MeanHead) else model.model.base_model
        )
        layers, self._first_position = _layers(self._encoder), _first_position(self._encoder)
        self._attends_with = self._encoder.config._attn_implementation  # noqa: SLF001 — there is no public one
        AttentionInterface.register(_NAME, _attention)
        AttentionMaskInterface.register(_NAME, _no_mask)
        hugging_face_model(model).set_attn_implementation(_NAME)
        if self._encoder.config._attn_implementation != _NAME:  # noqa: SLF001
            raise NotPackable("it does not take its attention from the registry")
        pool = _means if isinstance(model, MeanHead) else _first_tokens
        self._hook = layers.register_forward_hook(pool, with_kwargs=True)

    def move_to(self, device: torch.device, dtype: torch.dtype) -> None:
        """The encoder computes in `dtype`; the head, which is cheap and where errors would show, in
        float32.
        """
        self._model.to(device)
        self._encoder.to(dtype)
        if isinstance(getattr(self._encoder, "pooler", None), torch.nn.Module):
            self._encoder.pooler.float()

    def split(self, lengths: Int64, budget: int) -> list[range]:
        """Which texts to compute together: by their tokens, there is nothing else."""
        return split_by_tokens(lengths, budget)

    def restore(self) -> None:
        """The model is again what it was, for padded texts."""
        self._hook.remove()
        self._model.float()
        hugging_face_model(self._model).set_attn_implementation(self._attends_with)

    def __call__(self, row: PackedBatch) -> torch.Tensor:
        """Logits, float32 [texts, labels]."""
        inputs = {
            "input_ids": row.ids[None],
            "position_ids": (row.positions + self._first_position)[None],
            # What transformers calls them; every layer hands them on to its attention.
            "cu_seq_lens_q": row.starts,
            "cu_seq_lens_k": row.starts,
            "max_length_q": row.longest,
            "max_length_k": row.longest,
        }
        if isinstance(self._model, MeanHead):
            logits: torch.Tensor = self._model.linear(
                self._encoder(**inputs).last_hidden_state[:, 0]
            )
        else:
            logits = self._model.model(**inputs).logits
        return logits


def hugging_face_model(model: MeanHead | StandardHead) -> Any:
    """The model of transformers."""
    return model.encoder if isinstance(model, MeanHead) else model.model


def _layers(encoder: Any) -> torch.nn.Module:
    """The stack of layers, between the embeddings and the pooler or the head. Raises NotPackable."""
    for name in ("encoder", "transformer"):
        found = getattr(encoder, name, None)
        if isinstance(found, torch.nn.Module):
            return found
    raise NotPackable("its stack of layers has no name that is known")


def _first_position(encoder: Any) -> int:
    """0, or what follows the pad token's id: RoBERTa and its kin count from there. Raises
    NotPackable.
    """
    try:
        pad = encoder.embeddings.position_embeddings.padding_idx
    except AttributeError as error:
        raise NotPackable("it has no table of positions") from error
    return 0 if pad is None else pad + 1


def _first_tokens(_layer: object, _args: object, inputs: dict[str, Any], output: Any) -> Any:
    """Each text becomes a row of its own with its first token alone, which is all that a standard
    head looks at.

    `output.last_hidden_state`: [1, tokens, hidden] → [texts, 1, hidden] float32. So poolers and
    heads run as they are.
    """
    starts = inputs["cu_seq_lens_q"]
    output.last_hidden_state = (
        output.last_hidden_state[0].index_select(0, starts[:-1]).float().unsqueeze(1)
    )
    return output


def _means(_layer: object, _args: object, inputs: dict[str, Any], output: Any) -> Any:
    """Each text becomes a row of its own with the mean of its token vectors: shapes as in
    `_first_tokens`.
    """
    starts = inputs["cu_seq_lens_q"]
    vectors = output.last_hidden_state[0].float()
    # unsafe: without a check of the lengths, for which the host would have to wait
    means = torch.segment_reduce(vectors, "mean", lengths=starts.diff(), unsafe=True)
    output.last_hidden_state = means.unsqueeze(1)
    return output


def _no_mask(*_args: object, **_kwargs: object) -> None:
    """In place of a mask of all tokens against all tokens."""


def _attention(
    _layer: object,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: torch.Tensor | None,
    scaling: float | None = None,
    **inputs: Any,
) -> tuple[torch.Tensor, None]:
    """Within each text: query, key and value [1, heads, tokens, width] → [1, tokens, heads, width].

    Raises NotPackable when a layer does not say where the texts begin.
    """
    if "cu_seq_lens_q" not in inputs:
        raise NotPackable("its layers do not hand on where the texts begin")
    starts, longest = inputs["cu_seq_lens_q"], inputs["max_length_q"]
    rows = [tensor[0].transpose(0, 1) for tensor in (query, key, value)]  # [tokens, heads, width]
    usual = query.shape[-1] ** -0.5
    if scaling is not None and scaling != usual:
        rows[0] = rows[0] * (scaling / usual)
    if _has_kernel(query):
        from torch.nn.attention.varlen import varlen_attn

        # The seven arguments that it has had from torch 2.10 on.
        attended = cast(
            torch.Tensor, varlen_attn(rows[0], rows[1], rows[2], starts, starts, longest, longest)
        )
        return attended[None], None
    return _attention_by_length(rows, starts.tolist())[None], None


def _has_kernel(query: torch.Tensor) -> bool:
    return query.is_cuda and query.dtype in (torch.bfloat16, torch.float16)


def _attention_by_length(rows: list[torch.Tensor], starts: list[int]) -> torch.Tensor:
    """The same where there is no kernel for it: neighbours of one length at a time."""
    result = torch.empty_like(rows[0])
    begin = 0
    for length, texts in groupby(end - start for start, end in pairwise(starts)):
        end = begin + length * len(list(texts))
        query, key, value = (
            row[begin:end].reshape(-1, length, *row.shape[1:]).transpose(1, 2) for row in rows
        )
        attended = scaled_dot_product_attention(query, key, value)  # [texts, heads, length, width]
        result[begin:end] = attended.transpose(1, 2).flatten(0, 1)
        begin = end
    return result
