"""Bessel functions, element by element, through SciPy.

The derivative of a Bessel function is made of those of the neighbouring orders, with nothing divided by x: so every
derivative, of any order, is exact near zero too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.arithmetic import abs as absolute
from graphgrad.ops.array.elementwise import exp
from graphgrad.ops.attributes import keep_integers, keep_numbers
from graphgrad.ops.declare import Array, OpFunction, op, polymorphic
from graphgrad.ops.floats import as_floats, special
from graphgrad.ops.samples import array, elementwise_samples, sample

__all__ = ["i0", "i0e", "i1", "i1e", "iv", "ive", "jv", "spherical_jn"]


def _of_order(function: OpFunction, name: str) -> Callable[[Any, Any], Any]:
    """An operation with an order, for the rules: on tensors and on arrays."""
    forward = function.op.forward

    def either(order: Any, x: Any) -> Any:
        return function(order, x) if isinstance(x, Tensor) else forward(x, **{name: order})

    return either


def _orders(name: str, *orders: float, apart: float = 0.0) -> Callable[[np.random.Generator], Iterator[Sample]]:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for shape, order in zip(((2, 3), (3,), (), (0, 2)), (*orders, orders[0]), strict=False):
            # Of a fractional order they exist for positive numbers only.
            low = -2.0 if order == int(order) else 0.3
            yield sample(array(rng, *shape, low=low, apart=apart), **{name: order})

    return samples


@op(
    symbol="I₀",
    x=lambda g, x: g * _i1(x),
    formula="i0({x})",
    local={"x": "i1({x})"},
    numpy=np.i0,
)
def i0(x: Array) -> Any:
    """
    The modified Bessel function of the first kind of order 0, of each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.i0([0.0, 1.0])
    tensor([1.    , 1.2661])
    """
    return special("i0", x)


@op(
    symbol="I₁",
    x=lambda g, x: g * (0.5 * (_i0(x) + _iv(2, x))),
    formula="i1({x})",
    local={"x": "(i0({x}) + iv(2, {x})) / 2"},
)
def i1(x: Array) -> Any:
    """
    The modified Bessel function of the first kind of order 1, of each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.i1([0.0, 1.0])
    tensor([0.    , 0.5652])
    """
    return special("i1", x)


@op(
    symbol="I₀ₑ",
    x=lambda g, x, out: g * (_i1e(x) - np.sign(x) * out),
    formula="exp(-abs({x})) * i0({x})",
    local={"x": "i1e({x}) - sign({x}) * {out}"},
    samples=elementwise_samples(1, apart=0.2),
    expand=lambda x: exp(-absolute(x)) * i0(x),
)
def i0e(x: Array) -> Any:
    """
    The modified Bessel function of order 0 times exp(-|x|), which doesn't overflow; its slope at 0 is taken as 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.i0e([0.0, 1000.0])
    tensor([1.    , 0.0126])
    """
    return special("i0e", x)


@op(
    symbol="I₁ₑ",
    x=lambda g, x, out: g * (0.5 * (_i0e(x) + _ive(2, x)) - np.sign(x) * out),
    formula="exp(-abs({x})) * i1({x})",
    local={"x": "(i0e({x}) + ive(2, {x})) / 2 - sign({x}) * {out}"},
    samples=elementwise_samples(1, apart=0.2),
    expand=lambda x: exp(-absolute(x)) * i1(x),
)
def i1e(x: Array) -> Any:
    """
    The modified Bessel function of order 1 times exp(-|x|), which doesn't overflow.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.i1e([0.0, 1000.0])
    tensor([0.    , 0.0126])
    """
    return special("i1e", x)


_i0: Callable[..., Any] = polymorphic(i0)
_i1: Callable[..., Any] = polymorphic(i1)
_i0e: Callable[..., Any] = polymorphic(i0e)
_i1e: Callable[..., Any] = polymorphic(i1e)


@op(
    symbol="Iᵥ",
    x=lambda g, x, v: g * (0.5 * (_iv(v - 1, x) + _iv(v + 1, x))),
    formula="iv({v}, {x})",
    local={"x": "(iv({v} - 1, {x}) + iv({v} + 1, {x})) / 2"},
    samples=_orders("v", 2, 0.5, 1),
    prepare=lambda attrs: keep_numbers(attrs, "v"),
)
def iv(v: float, x: Array) -> Any:
    """
    The modified Bessel function of the first kind of order v, of each element.

    Parameters
    ----------
    v
        The order, a number. Of a fractional one there are values from 0 on; nan below.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.iv(2, [0.0, 1.0])
    tensor([0.    , 0.1357])
    """
    return _with_order("iv", v, x)


@op(
    symbol="Iᵥₑ",
    x=lambda g, x, out, v: g * (0.5 * (_ive(v - 1, x) + _ive(v + 1, x)) - np.sign(x) * out),
    formula="exp(-abs({x})) * iv({v}, {x})",
    local={"x": "(ive({v} - 1, {x}) + ive({v} + 1, {x})) / 2 - sign({x}) * {out}"},
    samples=_orders("v", 2, 0.5, 1, apart=0.2),
    prepare=lambda attrs: keep_numbers(attrs, "v"),
    expand=lambda x, v: exp(-absolute(x)) * iv(v, x),
)
def ive(v: float, x: Array) -> Any:
    """
    The modified Bessel function of order v times exp(-|x|), which doesn't overflow.

    Parameters
    ----------
    v
        The order, a number. Of a fractional one there are values from 0 on; nan below.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.ive(2, [1.0, 1000.0])
    tensor([0.0499, 0.0126])
    """
    values = _with_order("ive", v, x)
    far = np.abs(x) > _SCIPY_ENDS
    return np.where(far, _far_out(v, x), values) if np.any(far) else values


@op(
    symbol="Jᵥ",
    x=lambda g, x, v: g * (0.5 * (_jv(v - 1, x) - _jv(v + 1, x))),
    formula="jv({v}, {x})",
    local={"x": "(jv({v} - 1, {x}) - jv({v} + 1, {x})) / 2"},
    samples=_orders("v", 0, 0.5, 1),
    prepare=lambda attrs: keep_numbers(attrs, "v"),
)
def jv(v: float, x: Array) -> Any:
    """
    The Bessel function of the first kind of order v, of each element.

    Parameters
    ----------
    v
        The order, a number. Of a fractional one there are values from 0 on; nan below.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.jv(0, [0.0, 1.0])
    tensor([1.    , 0.7652])
    """
    return _with_order("jv", v, x)


_SCIPY_ENDS = 1e9  # SciPy's ive is nan from 2³⁰ on


def _far_out(v: float, x: Any) -> Any:
    """The first terms of exp(-|x|) Iᵥ(x) for large |x|: what is left out is v⁴ / |x|³ / 24 of it, and less."""
    size = np.abs(np.where(np.equal(x, 0), 1.0, x))
    values = np.exp((0.25 - float(v) ** 2) / (2.0 * size)) / np.sqrt(2.0 * np.pi * size)
    below = np.where(float(v) % 2 == 0, values, -values) if float(v).is_integer() else np.nan
    return np.where(np.less(x, 0), below, values).astype(size.dtype)


_iv: Callable[..., Any] = _of_order(iv, "v")
_ive: Callable[..., Any] = _of_order(ive, "v")
_jv: Callable[..., Any] = _of_order(jv, "v")


@op(
    symbol="jₙ",
    # The order below 0 is not needed: it comes with the factor 0.
    x=lambda g, x, n: (
        g * ((n * _spherical_jn(n - 1 if n else 0, x) - (n + 1) * _spherical_jn(n + 1, x)) * (1.0 / (2 * n + 1)))
    ),
    formula="spherical_jn({n}, {x})",
    local={"x": "{n} * spherical_jn({n}, {x}) / {x} - spherical_jn({n} + 1, {x})"},
    samples=_orders("n", 0, 1, 3),
    errors=(ErrorSample((np.ones(2),), {"n": -1}, ArgumentError, "n is an integer from 0, got -1"),),
    prepare=lambda attrs: keep_integers(attrs, "n", least=0),
)
def spherical_jn(n: int, x: Array) -> Any:
    """
    The spherical Bessel function of the first kind of order n, of each element; that of order 0 is sin(x) / x.

    Parameters
    ----------
    n
        The order, 0, 1, 2, ...

    Raises
    ------
    ArgumentError
        If n is negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.spherical_jn(1, [0.0, 1.0])
    tensor([0.    , 0.3012])
    """
    values = _with_order("spherical_jn", n, np.abs(x))
    return np.where(np.less(x, 0), -values, values) if n % 2 else values


_SMALLEST = np.finfo(np.float64).tiny


def _with_order(name: str, order: float, x: Any) -> Any:
    import scipy.special

    (x,) = as_floats(x)
    # In float64 whatever x has: the steps to a small value may lie below the smallest float32. SciPy has nan for what
    # is smaller than the smallest normal float64.
    wide = x.astype(np.float64)
    wide = np.where(np.abs(wide) < _SMALLEST, 0.0, wide)
    # The order of a spherical one has to be an int.
    return np.asarray(getattr(scipy.special, name)(order, wide)).astype(x.dtype)


_spherical_jn: Callable[..., Any] = _of_order(spherical_jn, "n")
