"""Transformers whole: a stack of encoder layers, one of decoder layers, and both together (Vaswani et al., 2017)."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.dtypes import as_dtype, get_default_dtype
from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn import functional
from graphgrad.nn.arguments import as_tensor, lengths
from graphgrad.nn.container import ModuleList
from graphgrad.nn.init import xavier_uniform_
from graphgrad.nn.module import Module
from graphgrad.nn.normalization import LayerNorm
from graphgrad.nn.transformer import Activation, TransformerDecoderLayer, TransformerEncoderLayer

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


def _copies(stack: str, layer: Any, num_layers: Any) -> ModuleList:
    """A layer as often as it is wanted, each with parameters of its own that begin alike."""
    if not isinstance(layer, Module):
        raise DTypeError(describe(f"{stack}: a layer is a Module, got {type(layer).__name__}"))
    (count,) = lengths(stack, 1, num_layers=num_layers)
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoder(Module):
    """Encoder layers one after the other (P19.22).

    Parameters
    ----------
    encoder_layer
        A `TransformerEncoderLayer`, which is copied: the copies begin with the same values. To draw them anew for each,
        call ``reset_parameters`` of the modules inside, or make them through `Transformer`.
    num_layers
        How many.
    norm
        A normalisation of the result, or None.

    Attributes
    ----------
    layers
        The layers.

    Raises
    ------
    DTypeError
        If the layer is no module.
    ShapeError
        If `num_layers` isn't a whole number from 1, or when it is called with operands of other shapes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
    >>> encoder = gg.nn.TransformerEncoder(layer, 3)
    >>> encoder(gg.ones((4, 5, 8))).shape, len(encoder.layers)
    ((4, 5, 8), 3)
    """

    layers: ModuleList
    norm: Module | None

    def __init__(self, encoder_layer: TransformerEncoderLayer, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies("TransformerEncoder", encoder_layer, num_layers)
        self.num_layers = len(self.layers)
        self.norm = norm

    def forward(
        self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool | None = None
    ) -> Tensor:
        """
        The shape that the layers take, to the same.

        Parameters
        ----------
        src
            The sequences.
        mask, src_key_padding_mask
            The `src_mask` and `src_key_padding_mask` of every layer.
        is_causal
            Says that `mask` is causal, so that it needn't be read. (PyTorch finds that out when it is None.)
        """
        x: Tensor = as_tensor(src)
        for layer in self.layers:
            x = layer(x, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """Decoder layers one after the other, each of which looks up what the encoder gave (P19.22).

    Parameters
    ----------
    decoder_layer
        A `TransformerDecoderLayer`, which is copied as in `TransformerEncoder`.
    num_layers
        How many.
    norm
        A normalisation of the result, or None.

    Attributes
    ----------
    layers
        The layers.

    Raises
    ------
    DTypeError
        If the layer is no module.
    ShapeError
        If `num_layers` isn't a whole number from 1, or when it is called with operands of other shapes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.TransformerDecoderLayer(8, 2, dim_feedforward=16, batch_first=True)
    >>> decoder = gg.nn.TransformerDecoder(layer, 2)
    >>> decoder(gg.ones((4, 5, 8)), gg.ones((4, 7, 8))).shape
    (4, 5, 8)
    """

    layers: ModuleList
    norm: Module | None

    def __init__(self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies("TransformerDecoder", decoder_layer, num_layers)
        self.num_layers = len(self.layers)
        self.norm = norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """
        The shapes that the layers take, to that of `tgt`.

        Parameters
        ----------
        tgt, memory
            The sequences, and what the encoder gave.
        tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, tgt_is_causal, memory_is_causal
            Those of every layer.
        """
        x: Tensor = as_tensor(tgt)
        for layer in self.layers:
            x = layer(
                x,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal),
                memory_is_causal=memory_is_causal,
            )
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """An encoder and a decoder that looks up what it gives: sequences to sequences of features (P19.22).

    Embeddings, positions and the layer of the output are not in it. All matrices start as Xavier's.

    Parameters
    ----------
    d_model
        How many features there are at each place.
    nhead
        How many heads each attention has.
    num_encoder_layers, num_decoder_layers
        How many layers of each kind.
    dim_feedforward, dropout, activation
        As in `TransformerEncoderLayer`.
    custom_encoder, custom_decoder
        A module in the place of the encoder, or of the decoder.
    layer_norm_eps, batch_first, norm_first, bias
        As in `TransformerEncoderLayer`.
    dtype, generator
        As in `TransformerEncoderLayer`.

    Attributes
    ----------
    encoder, decoder
        A `TransformerEncoder` and a `TransformerDecoder`, each with a `LayerNorm` at its end.

    Raises
    ------
    ShapeError
        If a length isn't a whole number from 1, the heads don't divide `d_model`, or when it is called with operands of
        other shapes.
    ArgumentError
        If `dropout` is no probability, or for another activation.
    DTypeError
        If `custom_encoder` or `custom_decoder` is no module.

    Examples
    --------
    >>> import graphgrad as gg
    >>> model = gg.nn.Transformer(8, 2, 1, 1, dim_feedforward=16, batch_first=True)
    >>> mask = gg.nn.Transformer.generate_square_subsequent_mask(5)
    >>> model(gg.ones((3, 7, 8)), gg.ones((3, 5, 8)), tgt_mask=mask).shape
    (3, 5, 8)
    """

    encoder: Module
    decoder: Module

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = functional.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        options = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        for name, given, kind, stack, count in (
            ("encoder", custom_encoder, TransformerEncoderLayer, TransformerEncoder, num_encoder_layers),
            ("decoder", custom_decoder, TransformerDecoderLayer, TransformerDecoder, num_decoder_layers),
        ):
            made: Module
            if not (given is None or isinstance(given, Module)):
                raise DTypeError(describe(f"Transformer: custom_{name} is a Module, got {type(given).__name__}"))
            if given is None:
                layer: Any = kind(*options, dtype=dtype, generator=generator)
                made = stack(layer, count, LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype))
            else:
                made = given
            setattr(self, name, made)
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw the matrices anew, as Xavier's."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                xavier_uniform_(parameter, generator=generator)

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """
        Shapes (S, B, d_model) and (T, B, d_model), or with B first, or without B, to that of `tgt`.

        Parameters
        ----------
        src, tgt
            What the encoder gets, and what the decoder gets.
        src_mask, src_key_padding_mask, src_is_causal
            Those of the encoder.
        tgt_mask, tgt_key_padding_mask, tgt_is_causal
            Those of the decoder's attention to its own places; see `generate_square_subsequent_mask`.
        memory_mask, memory_key_padding_mask, memory_is_causal
            Those of its attention to what the encoder gave.
        """
        src, tgt = as_tensor(src), as_tensor(tgt)
        batch = 0 if self.batch_first else 1
        fits = src.ndim == tgt.ndim and src.shape[-1:] == tgt.shape[-1:] == (self.d_model,)
        if not fits or (src.ndim == 3 and src.shape[batch] != tgt.shape[batch]):
            raise ShapeError(
                describe(
                    f"Transformer: src {src.shape} and tgt {tgt.shape} don't fit",
                    f"expected: as many examples, on axis {batch}, and {self.d_model} features on the last axis",
                )
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        found: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return found

    @staticmethod
    def generate_square_subsequent_mask(sz: int, *, dtype: DTypeLike | None = None) -> Tensor:
        """A mask for sequences whose places see themselves and what came before, and nothing behind.

        Parameters
        ----------
        sz
            How long the sequences are.
        dtype
            A floating one; the default dtype if left out.

        Returns
        -------
        Tensor
            Shape (sz, sz): 0 on the diagonal and below it, -inf above, to be added to the scores.

        Examples
        --------
        >>> import graphgrad as gg
        >>> gg.nn.Transformer.generate_square_subsequent_mask(3)
        tensor([[  0., -inf, -inf],
                [  0.,   0., -inf],
                [  0.,   0.,   0.]])
        """
        (size,) = lengths("generate_square_subsequent_mask", 1, sz=sz)
        kind = get_default_dtype() if dtype is None else as_dtype(dtype, "generate_square_subsequent_mask")
        return Tensor(np.triu(np.full((size, size), -np.inf, dtype=kind), k=1))
