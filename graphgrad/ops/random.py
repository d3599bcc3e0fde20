"""Random numbers, as ``gg.random``: distributions as operations, and leaves that are filled at random.

An operation of this module keeps the seed that it drew with, so that its graph runs again to the same numbers, and
passes gradients to its parameters where there are any: see `normal` for how. ``gg.manual_seed`` makes a whole script
repeat; ``seed=`` makes one call repeat, or draws from a generator of the caller's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.dtypes import as_dtype, get_default_dtype
from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, describe
from graphgrad.graph.random import generator_or_default, manual_seed
from graphgrad.graph.tensor import Tensor, make
from graphgrad.ops.sampled.choosing import choice, permutation
from graphgrad.ops.sampled.discrete_sampling import (
    bernoulli,
    binomial,
    categorical,
    geometric,
    multinomial,
    negative_binomial,
    poisson,
)
from graphgrad.ops.sampled.gamma_sampling import (
    beta,
    chisquare,
    dirichlet,
    gamma,
    random_gamma_grad,
    standard_gamma,
    standard_t,
)
from graphgrad.ops.sampled.sampling import (
    cauchy,
    exponential,
    gumbel,
    laplace,
    logistic,
    lognormal,
    normal,
    pareto,
    rayleigh,
    uniform,
    weibull,
)
from graphgrad.ops.seeds import below_one

__all__ = [
    "bernoulli",
    "beta",
    "binomial",
    "categorical",
    "cauchy",
    "chisquare",
    "choice",
    "dirichlet",
    "exponential",
    "gamma",
    "geometric",
    "gumbel",
    "integers",
    "laplace",
    "logistic",
    "lognormal",
    "manual_seed",
    "multinomial",
    "negative_binomial",
    "normal",
    "pareto",
    "permutation",
    "poisson",
    "rand",
    "randint",
    "randn",
    "random",
    "random_gamma_grad",
    "randperm",
    "rayleigh",
    "standard_cauchy",
    "standard_exponential",
    "standard_gamma",
    "standard_normal",
    "standard_t",
    "uniform",
    "weibull",
]

Size = int | Sequence[int]
Generator = np.random.Generator


def random(
    size: Size = (),
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Make a leaf of numbers that are drawn evenly from [0, 1).

    Parameters
    ----------
    size
        Its shape.
    dtype
        A floating dtype; by default the default dtype.
    requires_grad, name
        As in `graphgrad.tensor`.
    generator
        What to draw from; by default the process's generator, see `manual_seed`.

    Raises
    ------
    ShapeError
        If `size` isn't made of integers from 0.
    DTypeError
        If `dtype` isn't floating.

    Examples
    --------
    >>> import graphgrad as gg
    >>> _ = gg.manual_seed(0)
    >>> gg.random.random(2)
    tensor([0.637 , 0.2698])
    """
    return _leaf("random", size, dtype, requires_grad, name, generator)


def standard_normal(
    size: Size = (),
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Make a leaf of numbers from the normal distribution with mean 0 and standard deviation 1; see `random`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> _ = gg.manual_seed(0)
    >>> gg.random.standard_normal(2)
    tensor([ 0.1257, -0.1321])
    """
    return _leaf("standard_normal", size, dtype, requires_grad, name, generator)


def standard_exponential(
    size: Size = (),
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Make a leaf of numbers from the exponential distribution with mean 1; see `random`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> _ = gg.manual_seed(0)
    >>> gg.random.standard_exponential(2)
    tensor([0.6799, 1.0196])
    """
    return _leaf("standard_exponential", size, dtype, requires_grad, name, generator)


def standard_cauchy(
    size: Size = (),
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Make a leaf of numbers from the Cauchy distribution with median 0 and quartiles -1 and 1; see `random`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> _ = gg.manual_seed(0)
    >>> gg.random.standard_cauchy((2, 2)).shape
    (2, 2)
    """
    return _leaf("standard_cauchy", size, dtype, requires_grad, name, generator)


def rand(*size: Any, generator: Generator | None = None, **options: Any) -> Tensor:
    """`random` as PyTorch calls it, which takes the lengths one by one too.

    Parameters
    ----------
    size
        The lengths, or one tuple of them.
    generator, options
        As in `random`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.rand(2, 3).shape
    (2, 3)
    """
    return random(_lengths(size), generator=generator, **options)


def randn(*size: Any, generator: Generator | None = None, **options: Any) -> Tensor:
    """`standard_normal` as PyTorch calls it, which takes the lengths one by one too.

    Parameters
    ----------
    size
        The lengths, or one tuple of them.
    generator, options
        As in `random`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.randn((2, 3), dtype="float64").dtype
    dtype('float64')
    """
    return standard_normal(_lengths(size), generator=generator, **options)


def integers(
    low: int,
    high: int | None = None,
    size: Size = (),
    dtype: DTypeLike = "int64",
    endpoint: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Make a leaf of whole numbers that are drawn evenly from `low` to `high` - 1.

    Parameters
    ----------
    low, high
        The least number, and the one after the largest; if only one is given, it is the latter, and the least is 0.
    size
        Its shape.
    dtype
        The element type.
    endpoint
        Whether `high` itself can be drawn.
    generator
        As in `random`.

    Raises
    ------
    ArgumentError
        If there is no number to draw, or if `dtype` can't hold all that might be drawn.
    DTypeError
        If `dtype` or an end of the range is no integer.
    ShapeError
        If `size` isn't made of integers from 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> _ = gg.manual_seed(0)
    >>> gg.random.integers(1, 6, size=5, endpoint=True)
    tensor([6, 4, 4, 2, 2])
    """
    least, end = (0, low) if high is None else (low, high)
    least, largest = _whole("integers: low", least), _whole("integers: high", end) - (not endpoint)
    kind = as_dtype(dtype, "integers")
    if kind.kind not in "iu":
        raise DTypeError(describe(f"integers: an integer dtype is needed, got {kind}"))
    if least > largest:
        raise ArgumentError(describe(f"integers: there is none from {least} to {largest}"))
    rng = generator_or_default(generator)
    limits = np.iinfo(kind).min, min(np.iinfo(kind).max, np.iinfo(np.int64).max)
    if least < limits[0] or largest > limits[1]:
        raise ArgumentError(
            describe(f"integers: {kind} goes from {limits[0]} to {limits[1]}, which {least} to {largest} doesn't fit")
        )
    # In int64 whatever the dtype, so that a seed means the same numbers in all.
    array = _drawn("integers", size, lambda: rng.integers(least, largest, size, np.int64, endpoint=True))
    return make(array.astype(kind), None, False, None, copy=False, what="integers")


def randint(low: int, high: Any, size: Size | None = None, *, generator: Generator | None = None) -> Tensor:
    """`integers` as PyTorch calls it: ``randint(low, high, size)``, or ``randint(high, size)`` for those from 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.randint(10, (2, 3)).shape
    (2, 3)
    """
    if size is None:
        low, high, size = 0, low, high
    return integers(low, high, size, generator=generator)


def randperm(n: int, *, generator: Generator | None = None) -> Tensor:
    """The numbers from 0 to n - 1 in random order, as PyTorch calls it; see `permutation`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> _ = gg.manual_seed(0)
    >>> gg.random.randperm(4)
    tensor([2, 0, 1, 3])
    """
    count = _whole("randperm: n", n)
    if count < 0:
        raise ArgumentError(describe(f"randperm: n must not be negative, got {n}"))
    array = generator_or_default(generator).permutation(count)
    return make(array, None, False, None, copy=False, what="randperm")


def _whole(what: str, number: Any) -> int:
    try:
        return operator.index(number)
    except TypeError:
        raise DTypeError(describe(f"{what} is a whole number, got {number!r:.60}")) from None


def _lengths(size: tuple[Any, ...]) -> Any:
    return size[0] if len(size) == 1 else size


def _leaf(
    what: str, size: Size, dtype: DTypeLike | None, requires_grad: bool, name: str | None, generator: Generator | None
) -> Tensor:
    kind = get_default_dtype() if dtype is None else as_dtype(dtype, what)
    if kind.kind != "f":
        raise DTypeError(describe(f"{what}: a floating dtype is needed, got {kind}"))
    rng = generator_or_default(generator)
    # In float64 whatever the dtype, so that a seed means the same numbers in all.
    array = _drawn(what, size, lambda: getattr(rng, what)(size))
    array = np.asarray(below_one(array, kind)) if what == "random" else array.astype(kind)
    return make(array, None, requires_grad, name, copy=False, what=what)


def _drawn(what: str, size: Any, draw: Callable[[], Any]) -> Any:
    try:
        return np.asarray(draw())
    except (TypeError, ValueError) as error:
        raise ShapeError(
            describe(f"{what}: {error}", f"size: {size!r:.60}", hint="give an integer, or a tuple of integers")
        ) from None
