"""Fourier transforms, with NumPy's names and arguments; SciPy computes them, in the precision of their operand.

Each is a matrix times its operand, and passes back with the conjugate transpose of that matrix, which is a transform
again: the other way, and with the scale that it had itself. Transforms of real numbers leave out the half of the result
that is the conjugate of the other half; on the way back, what was left out counts twice, or half, but for the
frequencies that have no partner: zero, and the highest one of an even length.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.indexing import index_add
from graphgrad.ops.declare import Array, OpFunction, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import one_axis

NAMESPACE = "fft"
__all__ = [
    "fft",
    "fft2",
    "fftn",
    "ifft",
    "ifft2",
    "ifftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftn",
]

Shape = tuple[int, ...]
Some = Sequence[int] | None
"""Lengths or axes, or all of them."""

# Who divides by the number of elements: the transform back, both by its root, or the one forward.
OTHER_NORM = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def other_norm(norm: str | None) -> str:
    """What gives the transform the other way the scale that one has with `norm`; None stands for ``"backward"``."""
    return OTHER_NORM[norm or "backward"]


# ---- lengths and axes ------------------------------------------------------------------------------------------------


def _integers(value: Any) -> Any:
    return value if value is None else tuple(map(operator.index, np.atleast_1d(value)))


def prepare(attrs: dict[str, Any]) -> None:
    if attrs.get("n") is not None:
        attrs["n"] = operator.index(attrs["n"])
    if "axis" in attrs:
        if attrs["axis"] is None:
            raise TypeError("axis is an integer, got None; several axes, or all, are for fftn and its like")
        attrs["axis"] = operator.index(attrs["axis"])
    for name in ("s", "axes"):
        if name in attrs:
            attrs[name] = _integers(attrs[name])
    if attrs["norm"] not in (None, *OTHER_NORM):
        raise ValueError(f"norm is one of {', '.join(OTHER_NORM)}, got {attrs['norm']!r}")


def _where(rank: int, s: Some, axes: Some) -> Shape:
    """The axes that are transformed, counted from the front."""
    if axes is None:
        axes = tuple(range(rank)) if s is None else tuple(range(-len(s), 0))
    found = tuple(one_axis(axis, rank) for axis in axes)
    if len(set(found)) < len(found):
        raise ValueError(f"axes {axes} name an axis twice")
    if s is not None and len(s) != len(found):
        raise ValueError(f"s gives {len(s)} lengths for {len(found)} axes")
    return found


def _lengths(x: Shape, s: Some, axes: Shape, halved: bool) -> Shape:
    """How many points are transformed along each of the axes; of the result, if the last one is halved in `x`."""
    lengths = [x[axis] for axis in axes]
    if halved and axes:
        lengths[-1] = 2 * (lengths[-1] - 1)
    if s is not None:
        lengths = [have if want == -1 else want for have, want in zip(lengths, s, strict=True)]
    for axis, length in zip(axes, lengths, strict=True):
        if length < 1:
            raise ValueError(f"along axis {axis} of shape {x} {length} points would be transformed; one is needed")
    return tuple(lengths)


def _resized(values: Any, shape: Shape) -> Any:
    """Cut where it is too long, followed by zeros where it is too short: the adjoint of doing so with `n` and `s`."""
    if values.shape == shape:
        return values
    key = tuple(slice(0, min(have, want)) for have, want in zip(values.shape, shape, strict=True))
    return _index_add(values[key], shape=shape, key=key)


_index_add: Callable[..., Any] = polymorphic(index_add)


def _partners(g: Any, axis: int, n: int, paired: float) -> Any:
    """`g` times `paired` at the frequencies that stand for two, along the axis of which half is kept."""
    count = n // 2 + 1
    weights = np.full(count, paired, np.finfo(g.dtype).dtype)  # real ones, in the precision of g
    weights[0] = 1.0
    if n % 2 == 0:
        weights[-1] = 1.0
    return g * weights.reshape((count,) + (1,) * (g.ndim - 1 - axis))


# ---- running them ----------------------------------------------------------------------------------------------------


def several_of_one(n: int | None, axis: int) -> tuple[Shape | None, Shape]:
    return None if n is None else (n,), (axis,)


_BACK = {
    "fftn": "{g}, by the inverse transform, with the scale of this one",
    "ifftn": "{g}, by the transform forward, with the scale of this one",
    "rfftn": "{g}, by the inverse, with the scale of this one; what stands for two frequencies counts half",
    "irfftn": "{g}, by the transform forward, with the scale of this one; what stands for two frequencies counts twice",
}


class _Kind:
    """What the transforms of one kind have in common, over one axis, two, or any number of them."""

    def __init__(self, name: str, inverse: str, from_half: bool = False, to_half: bool = False) -> None:
        self.name = name
        self.inverse = inverse
        self.from_half = from_half
        self.to_half = to_half
        self.several: OpFunction

    def points(self, x: Shape, s: Some, axes: Some) -> tuple[Shape, Shape]:
        """The axes that are transformed, counted from the front, and how many points there are along each.

        Resolved here, not by SciPy: NumPy and it differ in what they take for a length of -1 and for no axes.
        """
        where = _where(len(x), s, axes)
        if (self.from_half or self.to_half) and not where:
            raise ValueError("one axis at least is transformed")
        return where, _lengths(x, s, where, self.from_half)

    def shape(self, x: Shape, s: Some, axes: Some) -> Shape:
        out = list(x)
        where, lengths = self.points(x, s, axes)
        for axis, length in zip(where, lengths, strict=True):
            out[axis] = length
        if self.to_half:
            out[where[-1]] = lengths[-1] // 2 + 1
        return tuple(out)

    def forward(self, x: Any, s: Some, axes: Some, norm: str | None) -> Any:
        import scipy.fft

        where, lengths = self.points(x.shape, s, axes)
        if not where:
            return x.astype(np.result_type(x, np.complex64))
        return getattr(scipy.fft, self.name)(x, lengths, where, norm=norm)

    def back(self, g: Any, x_shape: Shape, s: Some, axes: Some, norm: str | None) -> Any:
        where, lengths = self.points(x_shape, s, axes)
        if not where:
            return g
        if self.to_half:
            g = _partners(g, where[-1], lengths[-1], 0.5)
        found = _KINDS[self.inverse].run(g, lengths, where, other_norm(norm))
        if self.from_half:
            found = _partners(found, where[-1], lengths[-1], 2.0)
        return _resized(found, x_shape)

    def run(self, x: Any, s: Shape, axes: Shape, norm: str) -> Any:
        """The transform of an array or a tensor."""
        return polymorphic(self.several)(x, s=s, axes=axes, norm=norm)

    def cost(self, x: Shape, s: Some, axes: Some) -> int:
        where, lengths = self.points(x, s, axes)
        points = math.prod(lengths)
        lines = math.prod(length for axis, length in enumerate(x) if axis not in where)
        full = 5 * points * max(1, math.ceil(math.log2(points))) * lines  # the usual count of the radix-2 algorithm
        return full // 2 if self.from_half or self.to_half else full

    def declaration(self, name: str) -> dict[str, Any]:
        """What `op` needs for the transform over one axis, or over several."""
        common: dict[str, Any] = {
            "linear": "together",
            "numpy": getattr(np.fft, name),
            "prepare": prepare,
            "complex": "" if self.to_half else "own",
            "back": {"x": _BACK[self.name]},
            "covers": ("P23.01",),
        }
        if name in ("fft", "ifft", "rfft", "irfft"):
            return {
                **common,
                "x": lambda g, x_shape, n, axis, norm: self.back(g, x_shape, *several_of_one(n, axis), norm),
                "formula": f"{name}({{x}}, n={{n}}, axis={{axis}}, norm={{norm}})",
                "shape": lambda x, /, n, axis, norm: self.shape(x, *several_of_one(n, axis)),
                "cost": lambda x, /, n, axis, norm: self.cost(x, *several_of_one(n, axis)),
                "samples": samples_1d,
                "errors": ERRORS_1D,
            }
        return {
            **common,
            "x": lambda g, x_shape, s, axes, norm: self.back(g, x_shape, s, axes, norm),
            "formula": f"{name}({{x}}, s={{s}}, axes={{axes}}, norm={{norm}})",
            "shape": lambda x, /, s, axes, norm: self.shape(x, s, axes),
            "cost": lambda x, /, s, axes, norm: self.cost(x, s, axes),
            "samples": _samples_2d if name.endswith("2") else _samples_nd,
            "errors": _ERRORS_2D if name.endswith("2") else _ERRORS_ND,
        }


def samples_1d(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=5))
    yield sample(rng.normal(size=(4, 3)), axis=0, norm="ortho")
    yield sample(rng.normal(size=6), n=4, norm="forward")
    yield sample(rng.normal(size=(3, 2)), n=5)
    yield sample(rng.normal(size=(0, 4)))


def _samples_2d(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(3, 4)))
    yield sample(rng.normal(size=(2, 3, 3)), s=(4, 2), norm="ortho")
    yield sample(rng.normal(size=(3, 2, 4)), axes=(2, 0), norm="forward")


def _samples_nd(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(2, 3)))
    yield sample(rng.normal(size=(2, 3, 4)), s=(3, 3), axes=(2, 1), norm="ortho")
    yield sample(rng.normal(size=7), norm="forward")
    yield sample(rng.normal(size=(2, 0, 3)), axes=(-1,))


_TOO_SHORT = "one is needed"
_NORM = {"norm": "half"}
ERRORS_1D = (
    ErrorSample((np.zeros((2, 3)),), {"axis": 2}, ShapeError, "axis 2 is out of range"),
    ErrorSample((np.zeros((2, 0)),), {}, ShapeError, _TOO_SHORT),
    ErrorSample((np.zeros((2, 3)),), {"n": 0}, ShapeError, _TOO_SHORT),
    ErrorSample((np.zeros(3),), {"axis": None}, DTypeError, "axis is an integer, got None"),
    ErrorSample((np.zeros(3),), _NORM, ArgumentError, "norm is one of backward, ortho, forward"),
)
_ERRORS_2D = (
    ErrorSample((np.zeros(3),), {}, ShapeError, "axis -2 is out of range"),
    ErrorSample((np.zeros((2, 3)),), {"s": (2,)}, ShapeError, "1 lengths for 2 axes"),
    ErrorSample((np.zeros((2, 3)),), _NORM, ArgumentError, "norm is one of backward, ortho, forward"),
)
_ERRORS_ND = (
    ErrorSample((np.zeros((2, 3)),), {"axes": (1, -1)}, ShapeError, "name an axis twice"),
    ErrorSample((np.zeros((2, 3)),), {"s": (2,), "axes": (0, 1)}, ShapeError, "1 lengths for 2 axes"),
    ErrorSample((np.zeros((2, 0)),), {}, ShapeError, _TOO_SHORT),
    ErrorSample((np.zeros((2, 3)),), _NORM, ArgumentError, "norm is one of backward, ortho, forward"),
)

_KINDS = {
    "fftn": _Kind("fftn", "ifftn"),
    "ifftn": _Kind("ifftn", "fftn"),
    "rfftn": _Kind("rfftn", "irfftn", to_half=True),
    "irfftn": _Kind("irfftn", "rfftn", from_half=True),
}
_FFT, _IFFT, RFFT, IRFFT = _KINDS.values()


# ---- along one axis --------------------------------------------------------------------------------------------------


@op(**_FFT.declaration("fft"))
def fft(x: Array, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """
    The discrete Fourier transform along one axis: element k is the sum over j of x[j] · exp(-2πi·jk/n).

    It tells how much of each frequency there is.

    Parameters
    ----------
    x
        Real or complex numbers.
    n
        How many points are transformed: the operand is cut, or zeros follow it. By default all.
    axis
        The axis.
    norm
        Which direction divides by n: ``"backward"`` (the default), ``"forward"``, or ``"ortho"``, both by √n.

    Returns
    -------
    Tensor
        Complex, of length n along the axis.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.abs(gg.fft.fft([1.0, -1.0, 1.0, -1.0]))
    tensor([0., 0., 4., 0.])
    """
    return _FFT.forward(x, *several_of_one(n, axis), norm)


@op(**_IFFT.declaration("ifft"))
def ifft(x: Array, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """
    The inverse of `fft`: element j is the sum over k of x[k] · exp(2πi·jk/n), divided by n.

    It makes a signal of its frequencies. The parameters are those of `fft`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.real(gg.fft.ifft([0.0, 0.0, 4.0, 0.0]))
    tensor([ 1., -1.,  1., -1.])
    """
    return _IFFT.forward(x, *several_of_one(n, axis), norm)


@op(**RFFT.declaration("rfft"))
def rfft(x: Array, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """
    The discrete Fourier transform of real numbers: the first n // 2 + 1 elements of `fft`; the others are conjugates.

    The parameters are those of `fft`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.abs(gg.fft.rfft([1.0, -1.0, 1.0, -1.0]))
    tensor([0., 0., 4.])
    """
    return RFFT.forward(x, *several_of_one(n, axis), norm)


@op(**IRFFT.declaration("irfft"))
def irfft(x: Array, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """
    The inverse of `rfft`: real numbers of the frequencies from 0 up.

    The imaginary part of frequency 0 is not read, nor that of the highest one of an even length.

    Parameters
    ----------
    n
        The length of the result, 2 · (m - 1) of m frequencies if left out: give it where the length was odd.
    axis, norm
        As in `fft`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fft.irfft([0.0, 0.0, 4.0])
    tensor([ 1., -1.,  1., -1.])
    """
    return IRFFT.forward(x, *several_of_one(n, axis), norm)


# ---- along several axes ----------------------------------------------------------------------------------------------


@op(**_FFT.declaration("fft2"))
def fft2(x: Array, s: Some = None, axes: Sequence[int] = (-2, -1), norm: str | None = None) -> Any:
    """
    The Fourier transform along two axes, such as that of a picture; see `fftn`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.real(gg.fft.fft2([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[10., -2.],
            [-4.,  0.]])
    """
    return _FFT.forward(x, s, axes, norm)


@op(**_IFFT.declaration("ifft2"))
def ifft2(x: Array, s: Some = None, axes: Sequence[int] = (-2, -1), norm: str | None = None) -> Any:
    """
    The inverse of `fft2`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.real(gg.fft.ifft2([[10.0, -2.0], [-4.0, 0.0]]))
    tensor([[1., 2.],
            [3., 4.]])
    """
    return _IFFT.forward(x, s, axes, norm)


@op(**RFFT.declaration("rfft2"))
def rfft2(x: Array, s: Some = None, axes: Sequence[int] = (-2, -1), norm: str | None = None) -> Any:
    """
    The Fourier transform of real numbers along two axes; of the last one the half that says it all is kept.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fft.rfft2(gg.ones((4, 6))).shape
    (4, 4)
    """
    return RFFT.forward(x, s, axes, norm)


@op(**IRFFT.declaration("irfft2"))
def irfft2(x: Array, s: Some = None, axes: Sequence[int] = (-2, -1), norm: str | None = None) -> Any:
    """
    The inverse of `rfft2`: real numbers. `s` gives the lengths of the result.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fft.irfft2(gg.ones((4, 4))).shape
    (4, 6)
    """
    return IRFFT.forward(x, s, axes, norm)


@op(**_FFT.declaration("fftn"))
def fftn(x: Array, s: Some = None, axes: Some = None, norm: str | None = None) -> Any:
    """
    The discrete Fourier transform along several axes, one after the other.

    Parameters
    ----------
    x
        Real or complex numbers.
    s
        How many points are transformed along each of the axes, -1 for all; see `fft`.
    axes
        The axes: by default all, or as many of the last as `s` gives lengths.
    norm
        As in `fft`, with the number of all points that are transformed.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.real(gg.fft.fftn(gg.ones((2, 2, 2)))).tolist()[0]
    [[8.0, 0.0], [0.0, 0.0]]
    """
    return _FFT.forward(x, s, axes, norm)


@op(**_IFFT.declaration("ifftn"))
def ifftn(x: Array, s: Some = None, axes: Some = None, norm: str | None = None) -> Any:
    """
    The inverse of `fftn`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.real(gg.fft.ifftn(gg.ones((2, 2)))).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    return _IFFT.forward(x, s, axes, norm)


@op(**RFFT.declaration("rfftn"))
def rfftn(x: Array, s: Some = None, axes: Some = None, norm: str | None = None) -> Any:
    """
    The Fourier transform of real numbers along several axes; of the last one the half that says it all is kept.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fft.rfftn(gg.ones((2, 4, 5))).shape
    (2, 4, 3)
    """
    return RFFT.forward(x, s, axes, norm)


@op(**IRFFT.declaration("irfftn"))
def irfftn(x: Array, s: Some = None, axes: Some = None, norm: str | None = None) -> Any:
    """
    The inverse of `rfftn`: real numbers. `s` gives the lengths of the result.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fft.irfftn(gg.ones((2, 4, 3)), s=(2, 4, 5)).shape
    (2, 4, 5)
    """
    return IRFFT.forward(x, s, axes, norm)


for _kind, _function in zip(_KINDS.values(), (fftn, ifftn, rfftn, irfftn), strict=True):
    _kind.several = _function
