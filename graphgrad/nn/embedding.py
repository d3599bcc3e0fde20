"""Embeddings as a module: a table with a row for each word."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.create import zeros
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import wrote
from graphgrad.nn import functional
from graphgrad.nn.arguments import kept
from graphgrad.nn.init import normal_
from graphgrad.nn.module import Module, Parameter
from graphgrad.ops.attributes import keep_flags, keep_integers, keep_numbers

__all__ = ["Embedding"]

_NEARLY_0 = 1e-7  # as in PyTorch


class Embedding(Module):
    """A table of vectors, looked up by number (P19.10): an affine layer on one-hot vectors, without the product.

    It starts with standard normal numbers, as PyTorch's, and zeros in the row of the padding.

    Parameters
    ----------
    num_embeddings, embedding_dim
        How many vectors there are, and how long they are.
    padding_idx
        The number of a vector that stands for no word; it starts as zeros and gets no gradient. Negative ones count
        from the end.
    max_norm
        How long a vector may be. Longer ones are shortened, for good, when they are looked up; the optimiser may make
        them longer again. None lets them be.
    norm_type
        Which norm `max_norm` is about.
    scale_grad_by_freq
        Divide what a vector receives by how often it was looked up in the batch.
    sparse
        Only its default: gradients are whole arrays.
    dtype
        Of the vectors; the default dtype if left out.
    generator
        Where the initial values come from; by default what `graphgrad.manual_seed` starts.

    Attributes
    ----------
    weight
        The table, of shape (num_embeddings, embedding_dim).

    Raises
    ------
    ShapeError
        If a length isn't a whole number from 0.
    ArgumentError
        If `padding_idx` is no row, for a `max_norm` below 0 or another `sparse`; when it is called, if a number is no
        row.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.Embedding(10, 3, padding_idx=0)
    >>> layer
    Embedding(10, 3, padding_idx=0)
    >>> layer(gg.tensor([[1, 2], [4, 0]])).shape
    (2, 2, 3)
    >>> layer(gg.tensor([0])).tolist()
    [[0.0, 0.0, 0.0]]
    """

    weight: Tensor
    padding_idx: int | None
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    sparse: bool

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        options = (padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
        self._keep(num_embeddings, embedding_dim, *options)
        self.weight = Parameter(zeros((self.num_embeddings, self.embedding_dim), dtype))
        self.reset_parameters(generator)

    def _keep(self, num_embeddings: Any, embedding_dim: Any, *options: Any) -> None:
        """Take over what it was made with, if it will do."""
        for name, length in (("num_embeddings", num_embeddings), ("embedding_dim", embedding_dim)):
            if not isinstance(length, (int, np.integer)) or isinstance(length, bool) or length < 0:
                raise ShapeError(describe(f"Embedding: {name} is a whole number from 0, got {length!r}"))
        self.num_embeddings, self.embedding_dim = int(num_embeddings), int(embedding_dim)
        names = ("padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse")
        for name, value in kept("Embedding", self._check, **dict(zip(names, options, strict=True))).items():
            setattr(self, name, value)

    def _check(self, options: dict[str, Any]) -> None:
        """Bring the options into the form in which they are kept, or refuse them."""
        keep_flags(options, "scale_grad_by_freq", "sparse")
        keep_numbers(options, "norm_type", *([] if options["max_norm"] is None else ["max_norm"]))
        if options["max_norm"] is not None and not options["max_norm"] >= 0:
            raise ValueError(f"max_norm is a length, from 0, got {options['max_norm']}")
        if options["sparse"]:
            raise ValueError("sparse gradients are not available: NumPy arrays hold every row of weight")
        if options["padding_idx"] is not None:
            keep_integers(options, "padding_idx")
            n = self.num_embeddings
            if not -n <= options["padding_idx"] < n:
                raise ValueError(f"padding_idx is a row of weight, from {-n} to {n - 1}, got {options['padding_idx']}")
            options["padding_idx"] %= n

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw the initial values anew."""
        normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0.0
            wrote(self.weight.data)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An embedding with vectors that were learned before.

        Parameters
        ----------
        embeddings
            The table, of shape (num_embeddings, embedding_dim), which is copied; the row of the padding as it is.
        freeze
            Whether they stay as they are: the weight then asks for no gradient.
        padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
            As for a new one.

        Examples
        --------
        >>> import graphgrad as gg
        >>> layer = gg.nn.Embedding.from_pretrained([[1.0, 2.0], [3.0, 4.0]])
        >>> layer(gg.tensor([1]))
        tensor([[3., 4.]])
        """
        given = embeddings.data if isinstance(embeddings, Tensor) else embeddings
        array = as_array(given, copy=False, what="Embedding.from_pretrained: embeddings")
        if array.ndim != 2:
            raise ShapeError(
                describe(
                    "Embedding.from_pretrained: embeddings has the shape (num_embeddings, embedding_dim)",
                    f"got: {array.shape}",
                )
            )
        layer = cls.__new__(cls)  # nothing is drawn
        layer._keep(*array.shape, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
        layer.weight = Parameter(array)
        layer.weight.requires_grad = not freeze
        return layer

    def forward(self, input: Any) -> Tensor:
        """Integers of any shape to that shape with another axis, embedding_dim."""
        if self.max_norm is not None:
            self._shorten(input)
        return functional.embedding(  # type: ignore[no-any-return]
            input, self.weight, self.padding_idx, None, self.norm_type, self.scale_grad_by_freq
        )

    def _shorten(self, input: Any) -> None:
        """Bring the vectors that are about to be looked up to their greatest length."""
        rows = np.unique(np.asarray(input.data if isinstance(input, Tensor) else input))
        if not rows.size or rows.dtype.kind not in "iu" or rows[0] < 0 or rows[-1] >= self.num_embeddings:
            return  # the operation tells what is wrong with it
        table = self.weight.data
        lengths = np.linalg.norm(table[rows], self.norm_type, axis=1)
        long = lengths > self.max_norm
        if long.any():
            table[rows[long]] *= (self.max_norm / (lengths[long] + _NEARLY_0))[:, None]
            wrote(table)

    def extra_repr(self) -> str:
        line = f"{self.num_embeddings}, {self.embedding_dim}"
        shown = {"padding_idx": None, "max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False}
        for name, default in shown.items():
            if getattr(self, name) != default:
                line += f", {name}={getattr(self, name)}"
        return line
