"""The gamma function and its relatives, element by element, through SciPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.attributes import keep_integers, keep_numbers
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.floats import as_floats, special
from graphgrad.ops.samples import UNEVEN, array, elementwise_samples, sample

__all__ = ["betaln", "digamma", "gammaln", "multigammaln", "polygamma", "zeta"]


@op(
    symbol="log Γ",
    x=lambda g, x: g * _digamma(x),
    formula="gammaln({x})",
    local={"x": "digamma({x})"},
    samples=elementwise_samples(1, (0.3, 4.0)),
)
def gammaln(x: Array) -> Any:
    """
    The logarithm of the absolute value of the gamma function, which for whole numbers is log((x - 1)!).

    It is inf at 0 and at negative whole numbers.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.gammaln([1.0, 5.0, 1000.0])
    tensor([0.0000e+00, 3.1781e+00, 5.9052e+03])
    """
    return special("gammaln", x)


@op(
    symbol="ψ",
    x=lambda g, x: g * _polygamma(1, x),
    formula="digamma({x})",
    local={"x": "polygamma(1, {x})"},
    samples=elementwise_samples(1, (0.3, 4.0)),
)
def digamma(x: Array) -> Any:
    """
    The derivative of the logarithm of the gamma function, of each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.digamma([1.0, 2.0])
    tensor([-0.5772,  0.4228])
    """
    return special("digamma", x)


_digamma: Callable[..., Any] = polymorphic(digamma)


@op(
    symbol="ψₙ",
    x=lambda g, x, n: g * _polygamma(n + 1, x),
    formula="polygamma({n}, {x})",
    local={"x": "polygamma({n} + 1, {x})"},
    samples=lambda rng: [
        sample(array(rng, 2, 3, low=0.3, high=4.0), n=1),
        sample(array(rng, 4, low=0.3, high=4.0), n=0),
        sample(array(rng, 3, low=0.3, high=4.0), n=3),
        sample(array(rng, low=0.5, high=4.0), n=2),
        sample(array(rng, 0, 2), n=1),
    ],
    errors=(ErrorSample((np.ones(2),), {"n": -1}, ArgumentError, "n is an integer from 0, got -1"),),
    prepare=lambda attrs: keep_integers(attrs, "n", least=0),
)
def polygamma(n: int, x: Array) -> Any:
    """
    The n-th derivative of digamma, of each element.

    Below zero it is computed too, by the reflection formula.

    Parameters
    ----------
    n
        0 for digamma itself, 1 for its derivative, and so on.

    Raises
    ------
    ArgumentError
        If n is negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.polygamma(1, [1.0, -0.5])
    tensor([1.6449, 8.9348])
    """
    (x,) = as_floats(x)
    if n == 0:
        return special("digamma", x)
    mirrored = x <= 0
    values = special("polygamma", n, np.where(mirrored, 1.0 - x, x))
    return np.where(mirrored, (-1.0) ** n * values - _cotangent_term(n, x), values) if np.any(mirrored) else values


def _cotangent_term(n: int, x: Any) -> Any:
    """The n-th derivative of π cot(πx), a polynomial in the cotangent; at whole numbers the limit, if there is one."""
    x = np.where(np.isfinite(x), x, np.nan)
    whole = x == np.floor(x)
    cotangent = 1.0 / np.tan(math.pi * np.where(whole, 0.5, x - np.round(x)))
    polynomial = np.array([0.0, 1.0])
    for _ in range(n):
        polynomial = -np.polynomial.polynomial.polymul([1.0, 0.0, 1.0], np.polynomial.polynomial.polyder(polynomial))
    value = math.pi ** (n + 1) * np.polynomial.polynomial.polyval(cotangent, polynomial)
    return np.where(whole, -np.inf if n % 2 else np.nan, value).astype(x.dtype)


def _polygamma(n: int, x: Any) -> Any:
    return polygamma(n, x) if isinstance(x, Tensor) else polygamma.op.forward(x, n=n)


@op(
    symbol="log B",
    a=lambda g, a, b: g * (_digamma(a) - _digamma(a + b)),
    b=lambda g, a, b: g * (_digamma(b) - _digamma(a + b)),
    formula="gammaln({a}) + gammaln({b}) - gammaln({a} + {b})",
    local={"a": "digamma({a}) - digamma({a} + {b})", "b": "digamma({b}) - digamma({a} + {b})"},
    samples=elementwise_samples(2, (0.3, 3.0), (0.3, 3.0)),
    errors=UNEVEN,
    expand=lambda a, b: gammaln(a) + gammaln(b) - gammaln(a + b),
)
def betaln(a: Array, b: Array) -> Any:
    """
    The logarithm of the absolute value of the beta function, element by element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.betaln([1.0, 2.0], [1.0, 3.0])
    tensor([ 0.    , -2.4849])
    """
    return special("betaln", a, b)


def _multigammaln_samples(rng: np.random.Generator) -> Iterator[Sample]:
    for shape, d in (((2, 3), 2), ((3,), 1), ((), 4), ((0, 2), 2)):
        yield sample(array(rng, *shape, low=0.5 * d, high=4.0), d=d)


def _multigammaln_expanded(a: Any, d: int) -> Any:
    total = gammaln(a) + 0.25 * d * (d - 1) * math.log(math.pi)
    for j in range(1, d):
        total = total + gammaln(a - 0.5 * j)
    return total


@op(
    symbol="log Γ",
    a=lambda g, a, d: g * sum((_digamma(a - 0.5 * j) for j in range(1, d)), _digamma(a)),
    formula="multigammaln({a}, {d})",
    back={"a": "{g} · Σ digamma({a} - j / 2) over j = 0, …, d - 1"},
    samples=_multigammaln_samples,
    errors=(ErrorSample((np.ones(2),), {"d": 0}, ArgumentError, "d is an integer from 1, got 0"),),
    prepare=lambda attrs: keep_integers(attrs, "d", least=1),
    expand=_multigammaln_expanded,
)
def multigammaln(a: Array, d: int) -> Any:
    """
    The logarithm of the multivariate gamma function of dimension d, of each element.

    That is d (d - 1) / 4 · log π and the sum of gammaln(a - j / 2) over j = 0, 1, ..., d - 1. It is defined for
    a > (d - 1) / 2, and nan elsewhere.

    Parameters
    ----------
    d
        The dimension, 1 for `gammaln`.

    Raises
    ------
    ArgumentError
        If d is less than 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.multigammaln([2.0, 0.5], 2)
    tensor([0.4516,    nan])
    """
    (a,) = as_floats(a)
    total = 0.25 * d * (d - 1) * math.log(math.pi) + sum(special("gammaln", a - 0.5 * j) for j in range(d))
    return np.where(a > 0.5 * (d - 1), total, np.nan)


@op(
    symbol="ζ",
    q=lambda g, q, x: g * (-x * _zeta(x + 1.0, q)),
    formula="zeta({x}, {q})",
    local={"q": "-{x} * zeta({x} + 1, {q})"},
    samples=lambda rng: [
        sample(array(rng, 2, 3, low=0.3, high=4.0), x=2.0),
        sample(array(rng, 3, low=0.3, high=4.0), x=1.5),
        sample(array(rng, low=0.5, high=4.0), x=4.0),
        sample(array(rng, 0, 2), x=2.0),
    ],
    prepare=lambda attrs: keep_numbers(attrs, "x"),
)
def zeta(x: float, q: Array) -> Any:
    """
    The zeta function of Hurwitz, the sum of 1 / (k + q)^x over k = 0, 1, 2, ..., of each element of q.

    Parameters
    ----------
    x
        The exponent, a number above 1. It is a constant: there is no closed form of the derivative for it.
    q
        Where the sum begins; with 1 it is Riemann's zeta function.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.zeta(2.0, [1.0, 2.0])
    tensor([1.6449, 0.6449])
    """
    return special("zeta", x, q)


def _zeta(x: float, q: Any) -> Any:
    return zeta(x, q) if isinstance(q, Tensor) else zeta.op.forward(q, x=x)
