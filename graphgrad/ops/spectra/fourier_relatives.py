"""Relatives of the Fourier transforms: of signals with a symmetry, and moving frequency 0 to the middle."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.array.complexes import conj
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import normalize_axes
from graphgrad.ops.spectra.fourier import (
    ERRORS_1D,
    IRFFT,
    RFFT,
    irfft,
    other_norm,
    prepare,
    rfft,
    samples_1d,
    several_of_one,
)

NAMESPACE = "fft"
__all__ = ["fftshift", "hfft", "ifftshift", "ihfft"]

Shape = tuple[int, ...]
Axis = int | Sequence[int] | None

_ONLY_REAL = ErrorSample((np.zeros(3, "complex128"),), {}, DTypeError, "complex numbers are not supported here")


@op(
    x=lambda g, x_shape, n, axis, norm: np.conjugate(
        IRFFT.back(g, x_shape, *several_of_one(n, axis), other_norm(norm))
    ),
    linear="together",
    complex="own",
    numpy=np.fft.hfft,
    prepare=prepare,
    formula="hfft({x}, n={n}, axis={axis}, norm={norm})",
    back={"x": "the inverse ihfft of {g}, with the scale of this one; what stands for two elements counts twice"},
    shape=lambda x, /, n, axis, norm: IRFFT.shape(x, *several_of_one(n, axis)),
    cost=lambda x, /, n, axis, norm: IRFFT.cost(x, *several_of_one(n, axis)),
    samples=samples_1d,
    errors=ERRORS_1D,
    expand=lambda x, n, axis, norm: irfft(conj(x), n, axis, other_norm(norm)),
)
def hfft(x: Array, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """
    The Fourier transform of a signal whose second half is the conjugate of the first, which is real; see `irfft`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fft.hfft([1.0, 0.0, 0.0])
    tensor([1., 1., 1., 1.])
    """
    return IRFFT.forward(np.conjugate(x), *several_of_one(n, axis), other_norm(norm))


@op(
    x=lambda g, x_shape, n, axis, norm: RFFT.back(np.conjugate(g), x_shape, *several_of_one(n, axis), other_norm(norm)),
    linear="together",
    numpy=np.fft.ihfft,
    prepare=prepare,
    formula="ihfft({x}, n={n}, axis={axis}, norm={norm})",
    back={"x": "the inverse hfft of {g}, with the scale of this one; what stands for two elements counts half"},
    shape=lambda x, /, n, axis, norm: RFFT.shape(x, *several_of_one(n, axis)),
    cost=lambda x, /, n, axis, norm: RFFT.cost(x, *several_of_one(n, axis)),
    samples=samples_1d,
    errors=(*ERRORS_1D, _ONLY_REAL),
    expand=lambda x, n, axis, norm: conj(rfft(x, n, axis, other_norm(norm))),
)
def ihfft(x: Array, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """
    The inverse of `hfft`: the first half of a signal, of its real frequencies.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.real(gg.fft.ihfft([1.0, 1.0, 1.0, 1.0]))
    tensor([1., 0., 0.])
    """
    return np.conjugate(RFFT.forward(x, *several_of_one(n, axis), other_norm(norm)))


def _prepare_shift(attrs: dict[str, Any]) -> None:
    axes = attrs["axes"]
    if isinstance(axes, (list, tuple)):
        attrs["axes"] = tuple(map(operator.index, axes))
    elif axes is not None:
        attrs["axes"] = operator.index(axes)


def _on_axes(x: Shape, /, axes: Axis) -> Shape:
    normalize_axes(axes, len(x))
    if not x:
        raise ValueError("a single number has no frequencies to shift")
    return x


_SHIFT: dict[str, Any] = {
    "linear": "together",
    "complex": "own",
    "prepare": _prepare_shift,
    "back": {"x": "{g}, shifted back"},
    "shape": _on_axes,
    "cost": lambda x, /, axes: 0,
    "samples": lambda rng: [
        sample(rng.normal(size=5)),
        sample(rng.normal(size=(3, 4)), axes=1),
        sample(rng.normal(size=(3, 4)), axes=(0, 1)),
        sample(rng.normal(size=(0, 3))),
    ],
    "errors": (
        ErrorSample((np.zeros((2, 3)),), {"axes": 2}, ShapeError, "axis 2 is out of range"),
        ErrorSample((np.zeros(()),), {}, ShapeError, "a single number has no frequencies to shift"),
    ),
}


@op(**_SHIFT, x=lambda g, axes: _ifftshift(g, axes=axes), numpy=np.fft.fftshift, formula="fftshift({x}, axes={axes})")
def fftshift(x: Array, axes: Axis = None) -> Any:
    """
    Move frequency 0 from the front to the middle, along all axes or some.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fft.fftshift([0.0, 1.0, 2.0, -2.0, -1.0])
    tensor([-2., -1.,  0.,  1.,  2.])
    """
    return np.fft.fftshift(x, axes)


@op(**_SHIFT, x=lambda g, axes: _fftshift(g, axes=axes), numpy=np.fft.ifftshift, formula="ifftshift({x}, axes={axes})")
def ifftshift(x: Array, axes: Axis = None) -> Any:
    """
    The inverse of `fftshift`: move frequency 0 from the middle to the front.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fft.ifftshift([-2.0, -1.0, 0.0, 1.0, 2.0])
    tensor([ 0.,  1.,  2., -2., -1.])
    """
    return np.fft.ifftshift(x, axes)


_fftshift: Callable[..., Any] = polymorphic(fftshift)
_ifftshift: Callable[..., Any] = polymorphic(ifftshift)
