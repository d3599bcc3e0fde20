"""The layers of Transformers, with PyTorch's parameters: attention, and two affine layers for each place by itself.

Around each part there is a residual connection, x + part(x), and a layer normalisation (Vaswani et al., 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.errors import ArgumentError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn import functional
from graphgrad.nn.arguments import as_tensor, kept
from graphgrad.nn.attention import MultiheadAttention
from graphgrad.nn.dropout import Dropout
from graphgrad.nn.linear import Linear
from graphgrad.nn.module import Module
from graphgrad.nn.normalization import LayerNorm
from graphgrad.ops.attributes import keep_flags

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

Activation = Callable[[Tensor], Tensor]


class _Layer(Module):
    """Attentions and a small network for each place, each with a normalisation and a dropout of its own."""

    # Every attention's name, and that of the dropout behind it.
    _attentions: tuple[str, ...]

    self_attn: MultiheadAttention
    linear1: Linear
    dropout: Dropout
    linear2: Linear
    norm1: LayerNorm
    norm2: LayerNorm
    dropout1: Dropout
    dropout2: Dropout
    activation: Activation

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        named: dict[Any, Any] = {"relu": functional.relu, "gelu": functional.gelu}
        if not (callable(activation) or (isinstance(activation, str) and activation in named)):
            raise ArgumentError(
                describe(f"{type(self).__name__}: activation is 'relu', 'gelu' or a function, got {activation!r}")
            )
        for name in self._attentions:
            attention = MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype, generator=generator
            )
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype=dtype, generator=generator)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype=dtype, generator=generator)
        given = kept(type(self).__name__, lambda attrs: keep_flags(attrs, *attrs), norm_first=norm_first)
        self.norm_first: bool = given["norm_first"]
        parts = range(1, len(self._attentions) + 2)
        for k in parts:
            setattr(self, f"norm{k}", LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype))
        for k in parts:
            setattr(self, f"dropout{k}", Dropout(dropout))
        self.activation = activation if callable(activation) else named[activation]

    def _with(self, x: Tensor, norm: LayerNorm, part: Activation) -> Tensor:
        """What came, and what a part adds to it: normalised before the part, or afterwards together."""
        added: Tensor = x + part(norm(x)) if self.norm_first else norm(x + part(x))
        return added

    def _fed_forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return found


class TransformerEncoderLayer(_Layer):
    """A layer of a Transformer's encoder: each place attends to all others, then goes through a small network (P19.22).

    Parameters
    ----------
    d_model
        How many features there are at each place, before and after.
    nhead
        How many heads the attention has.
    dim_feedforward
        How many hidden units the small network has.
    dropout
        How probable it is that a weight of the attention, a hidden unit or what a part gives is dropped, in training.
    activation
        Of the hidden units: ``"relu"``, ``"gelu"`` or a function.
    layer_norm_eps
        Added to the variance by the normalisations.
    batch_first
        Whether batches have the shape (B, length, features), and not (length, B, features).
    norm_first
        Whether parts get their input normalised, x + part(norm(x)), and not the sum, norm(x + part(x)).
    bias
        Whether affine layers, projections and normalisations have one.
    dtype
        Of the parameters; the default dtype if left out.
    generator
        Where the initial values come from; by default what `graphgrad.manual_seed` starts.

    Attributes
    ----------
    self_attn
        A `MultiheadAttention`.
    linear1, linear2
        The small network, each a `Linear`.
    norm1, norm2
        A `LayerNorm` for each part.

    Raises
    ------
    ShapeError
        If a length isn't a whole number from 1, the heads don't divide `d_model`, or when it is called with operands of
        other shapes.
    ArgumentError
        If `dropout` is no probability, or for another activation.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
    >>> layer(gg.ones((3, 5, 8))).shape
    (3, 5, 8)
    """

    _attentions = ("self_attn",)

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        """
        Shape (length, B, d_model), with `batch_first` (B, length, d_model), or (length, d_model), to the same.

        Parameters
        ----------
        src
            The sequences.
        src_mask, src_key_padding_mask, is_causal
            The `attn_mask`, `key_padding_mask` and `is_causal` of the attention.
        """

        def attended(x: Tensor) -> Tensor:
            found, _ = self.self_attn(
                x, x, x, src_key_padding_mask, need_weights=False, attn_mask=src_mask, is_causal=is_causal
            )
            return self.dropout1(found)  # type: ignore[no-any-return]

        x = self._with(as_tensor(src), self.norm1, attended)
        return self._with(x, self.norm2, lambda x: self.dropout2(self._fed_forward(x)))


class TransformerDecoderLayer(_Layer):
    """A layer of a Transformer's decoder: places attend to each other, then to an encoder's; then a small network.

    (P19.22.)

    Parameters
    ----------
    d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias
        As in `TransformerEncoderLayer`.
    dtype, generator
        As in `TransformerEncoderLayer`.

    Attributes
    ----------
    self_attn, multihead_attn
        The attention to each other and that to the encoder's results, each a `MultiheadAttention`.
    linear1, linear2
        The small network, each a `Linear`.
    norm1, norm2, norm3
        A `LayerNorm` for each part.

    Raises
    ------
    ShapeError
        If a length isn't a whole number from 1, the heads don't divide `d_model`, or when it is called with operands of
        other shapes.
    ArgumentError
        If `dropout` is no probability, or for another activation.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.TransformerDecoderLayer(8, 2, dim_feedforward=16, batch_first=True)
    >>> layer(gg.ones((3, 5, 8)), gg.ones((3, 7, 8))).shape
    (3, 5, 8)
    """

    _attentions = ("self_attn", "multihead_attn")

    multihead_attn: MultiheadAttention
    norm3: LayerNorm
    dropout3: Dropout

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """
        Shape (length, B, d_model), with `batch_first` (B, length, d_model), or (length, d_model), to the same.

        Parameters
        ----------
        tgt
            The sequences.
        memory
            What the encoder gave, of any length.
        tgt_mask, tgt_key_padding_mask, tgt_is_causal
            The `attn_mask`, `key_padding_mask` and `is_causal` of the attention to each other.
        memory_mask, memory_key_padding_mask, memory_is_causal
            Those of the attention to `memory`.
        """

        def attended(x: Tensor) -> Tensor:
            found, _ = self.self_attn(
                x, x, x, tgt_key_padding_mask, need_weights=False, attn_mask=tgt_mask, is_causal=tgt_is_causal
            )
            return self.dropout1(found)  # type: ignore[no-any-return]

        def looked_up(x: Tensor) -> Tensor:
            found, _ = self.multihead_attn(
                x,
                memory,
                memory,
                memory_key_padding_mask,
                need_weights=False,
                attn_mask=memory_mask,
                is_causal=memory_is_causal,
            )
            return self.dropout2(found)  # type: ignore[no-any-return]

        x = self._with(as_tensor(tgt), self.norm1, attended)
        x = self._with(x, self.norm2, looked_up)
        return self._with(x, self.norm3, lambda x: self.dropout3(self._fed_forward(x)))
