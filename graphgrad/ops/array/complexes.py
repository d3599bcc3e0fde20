"""Complex numbers: their parts, and going between one complex number and two real ones.

Gradients follow PyTorch's convention: for a real loss L, the gradient of z is ∂L/∂Re z + i ∂L/∂Im z, the direction in
which L grows fastest. (JAX has its conjugate.) A function with a complex derivative f' passes on g · conj(f'); most
operations here have none, and their rules are written out. What is real receives the real part of what arrives.

Operations that aren't made for complex numbers refuse them; which are, their declarations say (`Op.complex`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.joining import stack
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import UNEVEN, elementwise_samples, sample
from graphgrad.ops.shapes import broadcast, free

__all__ = ["angle", "complex", "conj", "conjugate", "imag", "real", "view_as_complex", "view_as_real"]

Shape = tuple[int, ...]


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield from elementwise_samples(1, apart=0.2)(rng)
    yield sample(np.array([1.0 + 2.0j, -0.5j, -3.0 + 1.0j]))


@op(
    x=lambda g: g,
    linear="together",
    complex="own",
    numpy=np.real,
    formula="real({x})",
    back={"x": "{g}, for the real part"},
    cost=free,
    samples=_samples,
    view=True,
)
def real(x: Array) -> Any:
    """
    The real part of each element. Its gradient is the real part of that of the complex number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.real([1 + 2j, 3 - 4j])
    tensor([1., 3.])
    """
    return x.real[...]  # a view, not the array itself, of real numbers too


@op(
    x=lambda g: _complex(0.0, g),
    linear="together",
    complex="own",
    numpy=np.imag,
    formula="imag({x})",
    back={"x": "{g}, for the imaginary part"},
    cost=free,
    samples=_samples,
    view=True,
)
def imag(x: Array) -> Any:
    """
    The imaginary part of each element, 0 of real numbers. Its gradient is the imaginary part of that of the number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.imag([1 + 2j, 3 - 4j])
    tensor([ 2., -4.])
    """
    return x.imag if x.dtype.kind == "c" else np.zeros_like(x)


conj = op(
    np.conjugate,
    name="conj",
    symbol="‾",
    x=lambda g: np.conjugate(g),
    linear="together",
    complex="own",
    formula="conj({x})",
    back={"x": "{g}, conjugated"},
    samples=_samples,
    doc="""
    The complex conjugate of each element: the imaginary part changes its sign. Real numbers stay as they are.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.conj([1 + 2j, 3.0])
    tensor([1.-2.j, 3.-0.j], dtype=complex64)
    """,
)


def _angle_back(g: Any, x: Any) -> Any:
    # Each part by the distance from zero first: its square may overflow.
    width, height = _real(x), _imag(x)
    distance = np.hypot(width, height)
    distance = np.where(distance == 0, 1.0, distance)
    per = g / distance
    return _complex(-(height / distance) * per, width / distance * per)


@op(
    x=lambda g: g * 0.0,
    complex={"x": _angle_back},
    numpy=np.angle,
    symbol="∠",
    formula="angle({x})",
    back={"x": "{g} · i · {x} / |{x}|², the direction in which it turns"},
    samples=_samples,
)
def angle(x: Array) -> Any:
    """
    The angle of each complex number with the positive real axis, in radians from -π to π.

    That of a real number is 0 or π, and passes a gradient of 0. At 0 the derivative is taken as 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.angle([1 + 1j, -1.0])
    tensor([0.7854, 3.1416])
    """
    return np.arctan2(x.imag, x.real)


@op(
    real=lambda g: _real(g),
    imag=lambda g: _imag(g),
    linear="together",
    formula="complex({real}, {imag})",
    back={"real": "the real part of {g}", "imag": "the imaginary part of {g}"},
    cost=free,
    errors=UNEVEN,
    # Not the rule itself, which stands for an elementwise operation: here g is complex and what receives it real.
    shape=lambda *shapes: broadcast(*shapes),
)
def complex(real: Array, imag: Array) -> Any:
    """
    Complex numbers of their real and imaginary parts; PyTorch's function.

    Parameters
    ----------
    real, imag
        Real numbers of shapes that broadcast.

    Returns
    -------
    Tensor
        complex64 of float32 parts, complex128 of float64 ones.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.complex([1.0, 3.0], [2.0, -4.0])
    tensor([1.+2.j, 3.-4.j], dtype=complex64)
    """
    out = np.empty(np.broadcast_shapes(np.shape(real), np.shape(imag)), np.result_type(real, imag, np.complex64))
    # Not real + 1j * imag, which makes nan of an infinite part.
    out.real, out.imag = real, imag
    return out


_real: Callable[..., Any] = polymorphic(real)
_imag: Callable[..., Any] = polymorphic(imag)
_complex: Callable[..., Any] = polymorphic(complex)


def _of_pairs(x: Shape, /) -> Shape:
    if not x or x[-1] != 2:
        raise ValueError(f"the last axis holds real and imaginary part, so it has length 2; got shape {x}")
    return x[:-1]


@op(
    x=lambda g: _complex(g[..., 0], g[..., 1]),
    linear="together",
    complex="own",
    formula="view_as_real({x})",
    back={"x": "the pairs of {g} as complex numbers"},
    shape=lambda x, /: (*x, 2),
    cost=free,
    samples=_samples,
    expand=lambda x: stack([real(x), imag(x)], -1),
)
def view_as_real(x: Array) -> Any:
    """
    Each complex number as a pair of real ones, along a new last axis; PyTorch's function, but the result is a copy.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.view_as_real([1 + 2j, 3 - 4j])
    tensor([[ 1.,  2.],
            [ 3., -4.]])
    """
    return np.stack([x.real, x.imag], -1)


@op(
    x=lambda g: _view_as_real(g),
    linear="together",
    formula="view_as_complex({x})",
    back={"x": "the real and imaginary parts of {g}"},
    shape=_of_pairs,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(3, 2))),
        sample(rng.normal(size=(2, 3, 2))),
        sample(rng.normal(size=2)),
        sample(rng.normal(size=(0, 2))),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)),), {}, ShapeError, "has length 2"),
        ErrorSample((np.zeros(()),), {}, ShapeError, "has length 2"),
    ),
    expand=lambda x: complex(x[..., 0], x[..., 1]),
)
def view_as_complex(x: Array) -> Any:
    """
    Pairs of real numbers, along the last axis, as complex ones; PyTorch's function, but the result is a copy.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.view_as_complex([[1.0, 2.0], [3.0, -4.0]])
    tensor([1.+2.j, 3.-4.j], dtype=complex64)
    """
    _of_pairs(x.shape)
    return complex.op.forward(x[..., 0], x[..., 1])


_view_as_real: Callable[..., Any] = polymorphic(view_as_real)

# NumPy's other name.
conjugate = conj
