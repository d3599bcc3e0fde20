"""Random choices among elements: lookups, so that the chosen ones receive the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.indexing import index_add
from graphgrad.ops.attributes import keep_flags
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.sampled.sampling import Seed, Size, prepare_draw
from graphgrad.ops.samples import sample
from graphgrad.ops.seeds import generator, keep_seed
from graphgrad.ops.shapes import free, one_axis, prepare_one_axis

NAMESPACE = "random"
__all__ = ["choice", "permutation"]

Shape = tuple[int, ...]

_index_add: Callable[..., Any] = polymorphic(index_add)


def _prepare_choice(attrs: dict[str, Any]) -> None:
    prepare_draw(attrs)
    prepare_one_axis(attrs)
    keep_flags(attrs, "replace")
    p = attrs["p"]
    if p is not None:
        p = np.array(p.data if isinstance(p, Tensor) else p)
        if p.dtype.kind not in "fiub":
            raise TypeError(f"p holds probabilities, got {attrs['p']!r:.60}")
        # float32 as it is: NumPy sees by the dtype how nearly they add up to 1.
        attrs["p"] = p if p.dtype.kind == "f" else p.astype(np.float64)


def _chosen(a: Shape, /, size: Shape | None, replace: bool, p: Any, axis: int, seed: int) -> Shape:
    if not a:
        return size or ()
    at = one_axis(axis, len(a))
    return (*a[:at], *(size or ()), *a[at + 1 :])


def _count(x: Any, name: str) -> int:
    """A number in place of elements."""
    if np.asarray(x).dtype.kind not in "iu":
        raise TypeError(f"{name} is a tensor, or a whole number to count to")
    if x < 0:
        raise ValueError(f"{name} is a number to count to, which must not be negative, got {x}")
    return int(x)


def _places(length: int, size: Shape | None, replace: bool, p: Any, seed: int) -> Any:
    if p is not None and p.shape != (length,):
        raise ValueError(f"p must hold a probability for each of {length} elements, has shape {p.shape}")
    return generator(seed).choice(length, size, replace, p)


def _from_chosen(g: Any, a_shape: Shape, size: Any, replace: bool, p: Any, axis: int, seed: int) -> Any:
    at = one_axis(axis, len(a_shape))
    places = _places(a_shape[at], size, replace, p, seed)
    return _index_add(g, shape=a_shape, key=(*[slice(None)] * at, places if np.ndim(places) else int(places)))


@op(
    a=_from_chosen,
    linear="together",
    complex="own",
    formula="choice({a}, {size}, {replace}, {p}, {axis}, {seed})",
    back={"a": "the sum of {g} over all places where an element went"},
    shape=_chosen,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=5), size=(2, 3), seed=1),
        sample(rng.normal(size=(3, 4)), size=2, replace=False, axis=1, seed=2),
        sample(rng.normal(size=3), p=(0.5, 0.5, 0.0), seed=3),
        sample(np.array(6), size=4, seed=4),
        sample(rng.normal(size=(2, 3)), size=(0,), axis=-1, seed=5),
    ],
    errors=(
        ErrorSample((np.zeros(3),), {"axis": 1}, ShapeError, "axis 1 is out of range"),
        ErrorSample((np.zeros(3),), {"size": 4, "replace": False}, ArgumentError, "larger sample"),
        ErrorSample((np.zeros(3),), {"p": (0.5, 0.5)}, ArgumentError, "for each of 3 elements"),
        ErrorSample((np.array(0.5),), {}, DTypeError, "a is a tensor, or a whole number to count to"),
        ErrorSample((np.array(-3),), {}, ArgumentError, "which must not be negative, got -3"),
        ErrorSample((np.zeros(2),), {"p": "ab"}, DTypeError, "p holds probabilities, got 'ab'"),
    ),
    prepare=_prepare_choice,
)
def choice(
    a: Array, size: Size = None, replace: bool = True, p: Any = None, axis: int = 0, *, seed: Seed = None
) -> Any:
    """
    Draw elements at random; those that were chosen receive the gradient.

    Parameters
    ----------
    a
        What to choose from, or a whole number n for the numbers from 0 to n - 1.
    size
        How many, in place of the axis; by default one.
    replace
        Whether an element can be chosen several times.
    p
        The probability of each, along the axis; by default all are alike. No gradient passes to them.
    axis
        The axis along which members are chosen.
    seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.choice([10.0, 20.0, 30.0], size=2, replace=False, seed=0)
    tensor([20., 30.])
    """
    if not np.ndim(a):
        return np.asarray(_places(_count(a, "a"), size, replace, p, seed))
    return np.take(a, _places(a.shape[one_axis(axis, a.ndim)], size, replace, p, seed), axis)


def _shuffled(x: Shape, /, axis: int, seed: int) -> Shape | None:
    if not x:
        return None  # as long as the number says
    one_axis(axis, len(x))
    return x


def _prepare_permutation(attrs: dict[str, Any]) -> None:
    prepare_one_axis(attrs)
    keep_seed(attrs)


def _in_old_order(g: Any, axis: int, seed: int) -> Any:
    return np.take(g, np.argsort(generator(seed).permutation(g.shape[axis])), axis)


@op(
    x=_in_old_order,
    linear="together",
    complex="own",
    formula="permutation({x}, {axis}, {seed})",
    back={"x": "{g} in the old order"},
    shape=_shuffled,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=5), seed=1),
        sample(rng.normal(size=(2, 4)), axis=1, seed=2),
        sample(rng.normal(size=(3, 2)), seed=3),
        sample(np.zeros((0, 2)), seed=4),
    ],
    errors=(
        ErrorSample((np.zeros(3),), {"axis": 1}, ShapeError, "axis 1 is out of range"),
        ErrorSample((np.array(0.5),), {}, DTypeError, "x is a tensor, or a whole number to count to"),
        ErrorSample((np.array(-3),), {}, ArgumentError, "which must not be negative, got -3"),
    ),
    prepare=_prepare_permutation,
    covers=("P05.11",),
)
def permutation(x: Array, axis: int = 0, *, seed: Seed = None) -> Any:
    """
    The members along an axis in random order. PyTorch's randperm is this of a number; nothing is shuffled in place.

    Parameters
    ----------
    x
        What to put in another order, or a whole number n for the numbers from 0 to n - 1.
    axis
        The axis along which members change places.
    seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.permutation([10.0, 20.0, 30.0], seed=0)
    tensor([30., 10., 20.])
    """
    if not np.ndim(x):
        return generator(seed).permutation(_count(x, "x"))
    return np.take(x, generator(seed).permutation(x.shape[one_axis(axis, x.ndim)]), axis)
