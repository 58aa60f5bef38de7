"""A network that computes the texts of a batch end to end, in one row of tokens without padding.

    three texts     [CLS] a b [SEP]   [CLS] c [SEP]   [CLS] d e f [SEP]
    ids             one row of 12 tokens
    positions       0 1 2 3  0 1 2  0 1 2 3 4
    starts          0 4 7 12

Attention stays within each text. Everything else in an encoder treats each token by itself, so any
encoder that takes its attention from the registry of transformers can be packed as it is;
models.gpu.network checks that. Needs only torch and transformers.
"""

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, cast

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

from models.transformer.batches import Int64, split_by_tokens
from models.transformer.networks import MeanHead, StandardHead

_REGISTERED = "packed"  # the name of the attention in the registries of transformers


class NotPackable(Exception):
    """A network that cannot compute packed texts, only padded ones."""


@dataclass(frozen=True)
class PackedBatch:
    """The texts of a batch, on the device of the network."""

    ids: torch.Tensor  # [tokens] int64
    positions: torch.Tensor  # [tokens] int64, from 0 within each text
    starts: torch.Tensor  # [texts + 1] int32: where each text begins, and the number of tokens
    longest: int  # tokens of the longest text, on the host: reading it from the device would block


class PackedNetwork:
    """A model of models.transformer.networks that computes packed texts.

    From the vectors of whole texts on it computes in float32.
    """

    def __init__(self, model: MeanHead | StandardHead) -> None:
        """Change the attention of `model`, which is on the CPU and in float32.

        Raises NotPackable, and leaves the model as it was.
        """
        self._model = model
        self._encoder: Any = (
            model.encoder if isinstance(model, MeanHead) else model.model.base_model
        )
        layers, self._first_position = _layers(self._encoder), _first_position(self._encoder)
        self._original_attention = self._encoder.config._attn_implementation  # noqa: SLF001 — there is no public name
        AttentionInterface.register(_REGISTERED, _attention)
        AttentionMaskInterface.register(_REGISTERED, _no_mask)
        hugging_face_model(model).set_attn_implementation(_REGISTERED)
        if self._encoder.config._attn_implementation != _REGISTERED:  # noqa: SLF001
            raise NotPackable("it does not take its attention from the registry")
        pool = _means if isinstance(model, MeanHead) else _first_tokens
        self._hook = layers.register_forward_hook(pool, with_kwargs=True)

    def move_to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move the model; the encoder then computes in `dtype`, the head in float32.

        The head is cheap, and errors of rounding would show there.
        """
        self._model.to(device)
        self._encoder.to(dtype)
        if isinstance(getattr(self._encoder, "pooler", None), torch.nn.Module):
            self._encoder.pooler.float()

    def split(self, lengths: Int64, budget: int) -> list[range]:
        """Split by tokens, as there is no padding."""
        return split_by_tokens(lengths, budget)

    def restore(self) -> None:
        """Undo all changes of the model, so that it computes padded texts again."""
        self._hook.remove()
        self._model.float()
        hugging_face_model(self._model).set_attn_implementation(self._original_attention)

    def __call__(self, batch: PackedBatch) -> torch.Tensor:
        """Compute logits, float32 [texts, labels]."""
        inputs = {
            "input_ids": batch.ids[None],
            "position_ids": (batch.positions + self._first_position)[None],
            # The names in transformers. Every layer passes them on to its attention.
            "cu_seq_lens_q": batch.starts,
            "cu_seq_lens_k": batch.starts,
            "max_length_q": batch.longest,
            "max_length_k": batch.longest,
        }
        if isinstance(self._model, MeanHead):
            logits: torch.Tensor = self._model.linear(
                self._encoder(**inputs).last_hidden_state[:, 0]
            )
        else:
            logits = self._model.model(**inputs).logits
        return logits


def hugging_face_model(model: MeanHead | StandardHead) -> Any:
    """Return the model of transformers inside."""
    return model.encoder if isinstance(model, MeanHead) else model.model


def _layers(encoder: Any) -> torch.nn.Module:
    """Return the stack of layers between the embeddings and the head. Raises NotPackable."""
    for name in ("encoder", "transformer"):
        layers = getattr(encoder, name, None)
        if isinstance(layers, torch.nn.Module):
            return layers
    raise NotPackable("its stack of layers has an unknown name")


def _first_position(encoder: Any) -> int:
    """Return the position of a text's first token. Raises NotPackable.

    It is 0, or for RoBERTa and its relatives what follows the id of the pad token.
    """
    try:
        pad = encoder.embeddings.position_embeddings.padding_idx
    except AttributeError as error:
        raise NotPackable("it has no table of positions") from error
    return 0 if pad is None else pad + 1


def _first_tokens(_layer: object, _args: object, inputs: dict[str, Any], output: Any) -> Any:
    """Keep only the first token of each text, which is all that a standard head reads.

    `output.last_hidden_state`: [1, tokens, hidden] → [texts, 1, hidden] float32. Poolers and heads
    then run unchanged.
    """
    starts = inputs["cu_seq_lens_q"]
    output.last_hidden_state = (
        output.last_hidden_state[0].index_select(0, starts[:-1]).float().unsqueeze(1)
    )
    return output


def _means(_layer: object, _args: object, inputs: dict[str, Any], output: Any) -> Any:
    """Replace the token vectors of each text by their mean; shapes as in `_first_tokens`."""
    starts = inputs["cu_seq_lens_q"]
    vectors = output.last_hidden_state[0].float()
    # unsafe: skips a check of the lengths for which the host would have to wait
    means = torch.segment_reduce(vectors, "mean", lengths=starts.diff(), unsafe=True)
    output.last_hidden_state = means.unsqueeze(1)
    return output


def _no_mask(*_args: object, **_kwargs: object) -> None:
    """Make no mask of all tokens against all tokens, as packed texts need none."""


def _attention(
    _layer: object,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: torch.Tensor | None,
    scaling: float | None = None,
    **inputs: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within each text.

    query, key and value [1, heads, tokens, width] → [1, tokens, heads, width]. Raises NotPackable
    if a layer does not pass on where the texts begin.
    """
    if "cu_seq_lens_q" not in inputs:
        raise NotPackable("its layers do not pass on where the texts begin")
    starts, longest = inputs["cu_seq_lens_q"], inputs["max_length_q"]
    # each [tokens, heads, width]
    queries, keys, values = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    default_scaling = query.shape[-1] ** -0.5
    if scaling is not None and scaling != default_scaling:
        queries = queries * (scaling / default_scaling)
    if _has_kernel(query):
        from torch.nn.attention.varlen import varlen_attn

        # the seven arguments that it has had since torch 2.10
        attended = varlen_attn(queries, keys, values, starts, starts, longest, longest)
        return cast(torch.Tensor, attended)[None], None
    return _attention_by_length([queries, keys, values], starts.tolist())[None], None


def _has_kernel(query: torch.Tensor) -> bool:
    return query.is_cuda and query.dtype in (torch.bfloat16, torch.float16)


def _attention_by_length(inputs: list[torch.Tensor], starts: list[int]) -> torch.Tensor:
    """Attend without the kernel, for all neighbours of one length at a time.

    `inputs` are query, key and value [tokens, heads, width].
    """
    result = torch.empty_like(inputs[0])
    begin = 0
    for length, texts in groupby(end - start for start, end in pairwise(starts)):
        end = begin + length * len(list(texts))
        query, key, value = (
            tensor[begin:end].reshape(-1, length, *tensor.shape[1:]).transpose(1, 2)
            for tensor in inputs
        )
        attended = scaled_dot_product_attention(query, key, value)  # [texts, heads, length, width]
        result[begin:end] = attended.transpose(1, 2).flatten(0, 1)
        begin = end
    return result
