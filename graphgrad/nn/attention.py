"""Attention with several heads, with PyTorch's parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.create import zeros
from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.arguments import as_tensor, kept
from graphgrad.nn.init import normal_, xavier_uniform_, zeros_
from graphgrad.nn.linear import Linear
from graphgrad.nn.module import Module, Parameter
from graphgrad.ops.array.arithmetic import add
from graphgrad.ops.array.axes import expand_dims, permute_dims, squeeze
from graphgrad.ops.array.joining import concat
from graphgrad.ops.array.logic import logical_not, logical_or
from graphgrad.ops.array.padding import pad
from graphgrad.ops.array.reductions import mean
from graphgrad.ops.array.selection import where
from graphgrad.ops.array.shaping import astype, broadcast_to, reshape
from graphgrad.ops.array.splitting import split
from graphgrad.ops.attributes import keep_flags, keep_numbers
from graphgrad.ops.functional.attention import attention_weights, scaled_dot_product_attention
from graphgrad.ops.functional.layers import linear
from graphgrad.ops.matrix.matmul import matmul

__all__ = ["MultiheadAttention"]

Shape = tuple[int, ...]


class MultiheadAttention(Module):
    """Attention of several heads beside each other, each to projections of its own (Vaswani et al., 2017; P19.22).

    Queries, keys and values are projected, W x + b, and cut into heads; each head takes for every query the mean of the
    values, weighted by how well their keys fit it; what all heads found is put together and projected once more.

    Parameters
    ----------
    embed_dim
        How many features the queries have, and the results.
    num_heads
        How many heads there are, each for an equal part of the features.
    dropout
        How probable it is that a weight is dropped, in training.
    bias
        Whether the projections have one.
    add_bias_kv
        Whether there is one more key and value for all, which are learnt.
    add_zero_attn
        Whether there is one more key and value for all, of zeros.
    kdim, vdim
        How many features the keys and the values have; None for as many as the queries.
    batch_first
        Whether batches have the shape (B, length, features), and not (length, B, features).
    dtype
        Of the parameters; the default dtype if left out.
    generator
        Where the initial values come from; by default what `graphgrad.manual_seed` starts.

    Attributes
    ----------
    in_proj_weight
        The three projections one below the other, of shape (3 · embed_dim, embed_dim), uniform as
        `graphgrad.nn.init.xavier_uniform_` has it at the start. None where keys or values have another number of
        features; there are q_proj_weight, k_proj_weight and v_proj_weight then.
    in_proj_bias
        Shape (3 · embed_dim,), or None; it starts at 0, like that of `out_proj`.
    bias_k, bias_v
        Shape (1, 1, embed_dim), or None.
    out_proj
        The last projection, a `Linear`.

    Raises
    ------
    ShapeError
        If a length isn't a whole number from 1, the heads don't divide `embed_dim`, or when it is called with operands
        of other shapes.
    ArgumentError
        If `dropout` is no probability, or `is_causal` is given without the mask.
    DTypeError
        If another option is neither True nor False, or a mask holds neither bools nor floats.

    Examples
    --------
    >>> import graphgrad as gg
    >>> attention = gg.nn.MultiheadAttention(8, 2, batch_first=True)
    >>> x = gg.ones((3, 5, 8))
    >>> out, weights = attention(x, x, x)
    >>> out.shape, weights.shape
    ((3, 5, 8), (3, 5, 5))
    """

    in_proj_weight: Tensor | None
    q_proj_weight: Tensor | None
    k_proj_weight: Tensor | None
    v_proj_weight: Tensor | None
    in_proj_bias: Tensor | None
    bias_k: Tensor | None
    bias_v: Tensor | None
    out_proj: Linear

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        kdim, vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        counts = {"embed_dim": embed_dim, "num_heads": num_heads, "kdim": kdim, "vdim": vdim}
        for name, count in counts.items():
            if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < 1:
                raise ShapeError(describe(f"MultiheadAttention: {name} is a whole number from 1, got {count!r}"))
        if embed_dim % num_heads:
            raise ShapeError(
                describe(f"MultiheadAttention: embed_dim {embed_dim} can't be split into {num_heads} heads")
            )
        flags = {"bias": bias, "add_bias_kv": add_bias_kv, "add_zero_attn": add_zero_attn, "batch_first": batch_first}
        options = kept("MultiheadAttention", _prepare, dropout=dropout, **flags)
        bias, add_bias_kv = options["bias"], options["add_bias_kv"]
        embed_dim, num_heads, kdim, vdim = map(int, counts.values())
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim, self.dropout = kdim, vdim, float(options["dropout"])
        self.batch_first: bool = options["batch_first"]
        self.add_zero_attn: bool = options["add_zero_attn"]
        alike = kdim == vdim == embed_dim
        self.in_proj_weight = Parameter(zeros((3 * embed_dim, embed_dim), dtype)) if alike else None
        for name, features in (("q", embed_dim), ("k", kdim), ("v", vdim)):
            weight = None if alike else Parameter(zeros((embed_dim, features), dtype))
            setattr(self, f"{name}_proj_weight", weight)
        self.in_proj_bias = Parameter(zeros(3 * embed_dim, dtype)) if bias else None
        self.bias_k, self.bias_v = (
            Parameter(zeros((1, 1, embed_dim), dtype)) if add_bias_kv else None for _ in range(2)
        )
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype, generator=generator)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw the initial values anew."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                xavier_uniform_(weight, generator=generator)
        for more in (self.bias_k, self.bias_v):
            if more is not None:  # as Xavier's, with as many features on both sides
                normal_(more, 0.0, self.embed_dim**-0.5, generator)
        self.out_proj.reset_parameters(generator)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                zeros_(bias)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """
        What each query finds, and how much it took of each value.

        Parameters
        ----------
        query
            Shape (L, B, embed_dim), with `batch_first` (B, L, embed_dim), or (L, embed_dim) without a batch.
        key, value
            The same with S keys and values, of `kdim` and `vdim` features.
        key_padding_mask
            Shape (B, S), or (S,) without a batch: which keys no query sees. Bools, True for those that are hidden,
            unlike in `scaled_dot_product_attention`; or floats, which are added to the scores.
        need_weights
            Whether the weights are wanted; without them none are kept, and it is quicker.
        attn_mask
            Shape (L, S), or (B · num_heads, L, S): which keys a query doesn't see. Bools or floats, as above.
        average_attn_weights
            Whether the mean of the heads' weights is wanted, and not those of each.
        is_causal
            Says that `attn_mask` hides from each query the keys behind its own place, so that it needn't be read.

        Returns
        -------
        out : Tensor
            The shape of `query`. A query that sees nothing finds zeros, whether weights are wanted or not.
        weights : Tensor or None
            Shape (B, L, S), or (B, num_heads, L, S) for each head.
        """
        if is_causal and attn_mask is None:
            raise ArgumentError(
                describe(
                    "MultiheadAttention: is_causal says of attn_mask that it is causal, and there is none",
                    hint="give attn_mask too, such as ~np.tri(length, dtype=bool)",
                )
            )
        is_same = query is key, key is value
        query = as_tensor(query)
        key = query if is_same[0] else as_tensor(key)
        value = key if is_same[1] else as_tensor(value)
        is_batched = query.ndim == 3
        self._check(query, key, value)
        queries, keys, values = self._projected(query, key, value, is_batched)
        extra = (self.bias_k is not None) + self.add_zero_attn
        mask = self._mask(attn_mask, key_padding_mask, queries, keys.shape[-2] - extra, extra, is_batched)
        dropped = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            weights = attention_weights(queries, keys, mask, dropped)
            found = matmul(weights, values)
            weights = mean(weights, 1) if average_attn_weights else weights
            weights = weights if is_batched else squeeze(weights, 0)
        elif is_causal and key_padding_mask is None and not extra:
            found = scaled_dot_product_attention(queries, keys, values, None, dropped, True)
        else:
            found = scaled_dot_product_attention(queries, keys, values, mask, dropped)
        joined = permute_dims(found, (0, 2, 1, 3) if self.batch_first or not is_batched else (2, 0, 1, 3))
        return self.out_proj(reshape(joined, query.shape)), weights

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        """Refuse shapes that don't fit."""
        axes = "(B, length, features)" if self.batch_first else "(length, B, features)"
        if query.ndim not in (2, 3):
            raise ShapeError(
                describe(f"MultiheadAttention: query has the shape {axes}, or (length, features), got {query.shape}")
            )
        for name, one, features in (
            ("query", query, self.embed_dim),
            ("key", key, self.kdim),
            ("value", value, self.vdim),
        ):
            if one.ndim != query.ndim or one.shape[-1] != features:
                expected = axes if query.ndim == 3 else "(length, features)"
                raise ShapeError(
                    describe(
                        f"MultiheadAttention: {name} must have the shape {expected} with {features} features, "
                        f"got {one.shape}"
                    )
                )
        batch = 0 if self.batch_first else 1
        if key.shape[:-1] != value.shape[:-1] or (query.ndim == 3 and query.shape[batch] != key.shape[batch]):
            raise ShapeError(
                describe(
                    "MultiheadAttention: there are as many values as keys, and as many examples of each as of queries",
                    f"query {query.shape}, key {key.shape}, value {value.shape}",
                )
            )

    def _projected(self, query: Tensor, key: Tensor, value: Tensor, is_batched: bool) -> list[Tensor]:
        """Queries, keys and values of all heads, of shape (B, heads, length, head_dim)."""
        width = self.embed_dim
        if self.in_proj_weight is None:
            weights: Any = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            biases: Any = (None,) * 3 if self.in_proj_bias is None else split(self.in_proj_bias, width)
            three = [linear(*one) for one in zip((query, key, value), weights, biases, strict=True)]
        elif query is key is value:
            three = list(split(linear(query, self.in_proj_weight, self.in_proj_bias), width, -1))
        else:
            sizes = (width, 2 * width) if key is value else (width,) * 3
            weights = split(self.in_proj_weight, sizes)
            biases = (None,) * 3 if self.in_proj_bias is None else split(self.in_proj_bias, sizes)
            three = [linear(*one) for one in zip((query, key, value), weights, biases, strict=False)]
            if key is value:
                three[1:] = split(three[1], width, -1)
        if not is_batched:
            three = [expand_dims(one, 0) for one in three]
        batch = 0 if self.batch_first or not is_batched else 1
        if self.bias_k is not None:
            each = list(three[1].shape)
            each[1 - batch] = 1
            three[1:] = [
                concat([one, broadcast_to(more, each)], 1 - batch)
                for one, more in zip(three[1:], (self.bias_k, self.bias_v), strict=True)
            ]
        heads = [reshape(one, (*one.shape[:2], self.num_heads, self.head_dim)) for one in three]
        heads = [permute_dims(one, (0, 2, 1, 3) if batch == 0 else (1, 2, 0, 3)) for one in heads]
        if self.add_zero_attn:
            heads[1:] = [pad(one, [(0, 0), (0, 0), (0, 1), (0, 0)]) for one in heads[1:]]
        return heads

    def _mask(
        self, attn_mask: Any, key_padding_mask: Any, queries: Tensor, keys: int, extra: int, is_batched: bool
    ) -> Any:
        """Both masks as one, as `scaled_dot_product_attention` takes it, over (B, heads, L, S)."""
        (batch, heads, length, _), dtype = queries.shape, queries.dtype
        found: list[Tensor] = []
        if attn_mask is not None:
            mask = _checked(attn_mask, "attn_mask", (length, keys), (batch * heads, length, keys))
            found.append(mask if mask.ndim == 2 else reshape(mask, (batch, heads, length, keys)))
        if key_padding_mask is not None:
            mask = _checked(key_padding_mask, "key_padding_mask", (batch, keys) if is_batched else (keys,))
            found.append(reshape(mask, (batch, 1, 1, keys)))
        if not found:
            return None
        if all(one.dtype == np.bool for one in found):
            mask = logical_not(found[0] if len(found) == 1 else logical_or(*found))
        else:
            added = [astype(where(one, -np.inf, 0.0), dtype) if one.dtype == np.bool else one for one in found]
            mask = added[0] if len(added) == 1 else add(*added)
        # What is added to the keys is seen by every query.
        sides = [(0, 0)] * (mask.ndim - 1) + [(0, extra)]
        return pad(mask, sides, constant_values=mask.dtype == np.bool) if extra else mask


def _prepare(options: dict[str, Any]) -> None:
    keep_numbers(options, "dropout")
    keep_flags(options, *(name for name in options if name != "dropout"))
    if not 0 <= options["dropout"] <= 1:
        raise ValueError(f"dropout is a probability from 0 to 1, got {options['dropout']!r}")


def _checked(given: Any, name: str, *shapes: Shape) -> Tensor:
    mask = as_tensor(given)
    if mask.dtype.kind not in "bf":
        raise DTypeError(
            describe(
                f"MultiheadAttention: {name} holds bools or floats, got {mask.dtype}",
                hint="bools are True where a key is hidden; floats are added to the scores",
            )
        )
    if mask.shape not in shapes:
        expected = " or ".join(map(str, shapes))
        raise ShapeError(describe(f"MultiheadAttention: {name} must have the shape {expected}, got {mask.shape}"))
    return mask
