"""Embeddings as modules: a table with a row for each word, and the sum or mean of a bag of words."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.create import zeros
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import unlocked, wrote
from graphgrad.nn import functional
from graphgrad.nn.arguments import kept, lengths
from graphgrad.nn.constraints import shrinking
from graphgrad.nn.init import normal_
from graphgrad.nn.module import Module, Parameter
from graphgrad.ops.attributes import keep_flags, keep_integers, keep_numbers
from graphgrad.ops.functional.embedding_bag import MODES

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """What looks up rows of a table of vectors, ``weight``."""

    weight: Tensor
    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    sparse: bool

    def _keep(self, num_embeddings: Any, embedding_dim: Any, **options: Any) -> None:
        """Take over what it was made with, if it will do."""
        name = type(self).__name__
        counts = {"num_embeddings": num_embeddings, "embedding_dim": embedding_dim}
        self.num_embeddings, self.embedding_dim = lengths(name, 0, **counts)
        for option, value in kept(name, self._check, **options).items():
            setattr(self, option, value)

    def _check(self, options: dict[str, Any]) -> None:
        """Bring the options into the form in which they are kept, or refuse them."""
        keep_flags(options, "scale_grad_by_freq", "sparse")
        keep_numbers(options, "norm_type", *([] if options["max_norm"] is None else ["max_norm"]))
        if options["max_norm"] is not None and not options["max_norm"] >= 0:
            raise ValueError(f"max_norm is a length, from 0, got {options['max_norm']}")
        if not options["norm_type"] > 0:
            raise ValueError(f"norm_type is the order of a norm, above 0, got {options['norm_type']}")
        if options["sparse"]:
            raise ValueError("sparse gradients are not available: NumPy arrays hold every row of weight")
        if options["padding_idx"] is not None:
            keep_integers(options, "padding_idx")
            n = self.num_embeddings
            if not -n <= options["padding_idx"] < n:
                raise ValueError(f"padding_idx is a row of weight, from {-n} to {n - 1}, got {options['padding_idx']}")
            options["padding_idx"] %= n

    def _start(self, dtype: DTypeLike | None, generator: np.random.Generator | None) -> None:
        self.weight = Parameter(zeros((self.num_embeddings, self.embedding_dim), dtype))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw the initial values anew: standard normal numbers, and zeros in the row of the padding."""
        normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0.0
            wrote(self.weight.data)

    @classmethod
    def _with_table(cls, embeddings: Any, freeze: bool, **options: Any) -> Self:
        """A layer that holds a copy of this table; nothing is drawn."""
        what = f"{cls.__name__}.from_pretrained"
        given = embeddings.data if isinstance(embeddings, Tensor) else embeddings
        array = as_array(given, copy=False, what=f"{what}: embeddings")
        if array.ndim != 2:
            expected = "embeddings has the shape (num_embeddings, embedding_dim)"
            raise ShapeError(describe(f"{what}: {expected}", f"got: {array.shape}"))
        is_frozen = kept(what, lambda attrs: keep_flags(attrs, "freeze"), freeze=freeze)["freeze"]
        layer = cls.__new__(cls)
        layer._keep(*array.shape, **options)
        layer.weight = Parameter(array)
        layer.weight.requires_grad = not is_frozen
        return layer

    def _shorten(self, input: Any) -> None:
        """Bring the vectors that are about to be looked up to their greatest length."""
        if self.max_norm is None:
            return
        table = self.weight.data
        rows = np.unique(np.asarray(input.data if isinstance(input, Tensor) else input))
        if not rows.size or rows.dtype.kind not in "iu" or rows[0] < 0 or rows[-1] >= len(table):
            return  # the operation tells what is wrong with it
        factors = shrinking(table[rows], self.norm_type, self.max_norm)
        long = factors < 1
        if long.any():
            with unlocked(table):
                table[rows[long]] *= factors[long, None].astype(table.dtype)
            wrote(table)

    def _line(self, **shown: Any) -> str:
        """The lengths, and those options that aren't these defaults."""
        line = f"{self.num_embeddings}, {self.embedding_dim}"
        for name, default in shown.items():
            if getattr(self, name) != default:
                line += f", {name}={getattr(self, name)}"
        return line


class Embedding(_Table):
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
        If `padding_idx` is no row, `max_norm` below 0, `norm_type` not above 0, or for another `sparse`; when it is
        called, if a number is no row.
    DTypeError
        If an option is of another kind.

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
        self._keep(
            num_embeddings,
            embedding_dim,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
        )
        self._start(dtype, generator)

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
    ) -> Self:
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
        return cls._with_table(
            embeddings,
            freeze,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
        )

    def forward(self, input: Any) -> Tensor:
        """Integers of any shape to that shape with another axis, embedding_dim."""
        self._shorten(input)
        return functional.embedding(  # type: ignore[no-any-return]
            input, self.weight, self.padding_idx, None, self.norm_type, self.scale_grad_by_freq
        )

    def extra_repr(self) -> str:
        return self._line(padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False)


class EmbeddingBag(_Table):
    """One vector for each bag of words: the sum, the mean or the maximum of their vectors (P19.10).

    The table starts with standard normal numbers, as PyTorch's, and zeros in the row of the padding.

    Parameters
    ----------
    num_embeddings, embedding_dim, max_norm, norm_type, scale_grad_by_freq, sparse, padding_idx
        As in `Embedding`; the padding counts in no bag, and `scale_grad_by_freq` isn't for ``"max"``.
    mode
        ``"sum"``, ``"mean"`` or ``"max"``.
    include_last_offset
        Whether the offsets have one more, where the last bag ends.
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
        As in `Embedding`, and for another `mode`.
    DTypeError
        If an option is of another kind.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.EmbeddingBag(10, 3, mode="sum")
    >>> layer
    EmbeddingBag(10, 3, mode='sum')
    >>> layer(gg.tensor([1, 2, 4, 5, 4]), gg.tensor([0, 2])).shape
    (2, 3)
    """

    mode: str
    include_last_offset: bool

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        *,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self._keep(
            num_embeddings,
            embedding_dim,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        self._start(dtype, generator)

    def _check(self, options: dict[str, Any]) -> None:
        super()._check(options)
        keep_flags(options, "include_last_offset")
        if options["mode"] not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}, got {options['mode']!r}")
        if options["mode"] == "max" and options["scale_grad_by_freq"]:
            raise ValueError("scale_grad_by_freq is for sums and means, not for 'max'")

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """Bags of vectors that were learned before.

        Parameters
        ----------
        embeddings
            The table, of shape (num_embeddings, embedding_dim), which is copied; the row of the padding as it is.
        freeze
            Whether they stay as they are: the weight then asks for no gradient.
        max_norm, norm_type, scale_grad_by_freq, mode, sparse, include_last_offset, padding_idx
            As for a new one.

        Examples
        --------
        >>> import graphgrad as gg
        >>> gg.nn.EmbeddingBag.from_pretrained([[1.0, 2.0], [3.0, 4.0]])([[0, 1]])
        tensor([[2., 3.]])
        """
        return cls._with_table(
            embeddings,
            freeze,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )

    def forward(self, input: Any, offsets: Any = None, per_sample_weights: Any = None) -> Tensor:
        """
        Bags (B, N), or (L,) with the offsets (B,) at which they begin, to (B, embedding_dim).

        Parameters
        ----------
        input
            Integers.
        offsets
            For bags in a row.
        per_sample_weights
            A factor for each word, for ``"sum"``.
        """
        self._shorten(input)
        return functional.embedding_bag(
            input,
            self.weight,
            offsets,
            scale_grad_by_freq=self.scale_grad_by_freq,
            mode=self.mode,
            per_sample_weights=per_sample_weights,
            include_last_offset=self.include_last_offset,
            padding_idx=self.padding_idx,
        )

    def extra_repr(self) -> str:
        line = f"{self._line(max_norm=None, norm_type=2.0, scale_grad_by_freq=False)}, mode={self.mode!r}"
        return line if self.padding_idx is None else f"{line}, padding_idx={self.padding_idx}"
