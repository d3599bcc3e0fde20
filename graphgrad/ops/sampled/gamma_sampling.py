"""Random numbers from gamma distributions and those that are made of them: `graphgrad.random` offers them.

A number is drawn by the inverse distribution function: z = F⁻¹(u; a), u being drawn evenly from [0, 1). So it moves
smoothly with the parameter, and its gradient is the implicit one (Figurnov, Mohamed, Mnih 2018): as the number F(z; a)
stays what it is, ∂z/∂a = -(∂F/∂a) / p, where p = ∂F/∂z is the density. NumPy finds a gamma draw by trial and error,
which is quicker but jumps; so the numbers are others than those of its generators.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.arithmetic import add, divide, multiply, sqrt, subtract
from graphgrad.ops.array.elementwise import log, sigmoid
from graphgrad.ops.array.shaping import astype
from graphgrad.ops.array.softmaxes import softmax
from graphgrad.ops.attributes import keep_integers
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.floats import as_floats, special
from graphgrad.ops.sampled.sampling import (
    Seed,
    Size,
    draw_samples,
    drawn_shape,
    floating_dtype,
    prepare_draw,
    refuse,
    standard,
)
from graphgrad.ops.samples import array, sample
from graphgrad.ops.special.gamma import digamma, polygamma

NAMESPACE = "random"
__all__ = ["beta", "chisquare", "dirichlet", "gamma", "random_gamma_grad", "standard_gamma", "standard_t"]

Shape = tuple[int, ...]

_digamma: Callable[..., Any] = polymorphic(digamma)


def _polygamma(n: int, x: Any) -> Any:
    return polygamma(n, x) if isinstance(x, Tensor) else polygamma.op.forward(x, n=n)


# ---- the derivative of a gamma draw ----------------------------------------------------------------------------------


def _bell(n: int, slopes: Sequence[Any]) -> Any:
    """The n-th derivative of a function over the function itself, from the derivatives of its logarithm."""
    found: list[Any] = [1.0]
    for m in range(n):
        total: Any = 0.0
        for i in range(m + 1):
            total = total + math.comb(m, i) * found[m - i] * slopes[i]
        found.append(total)
    return found[n]


def _slopes(n: int, a: Any, x: Any) -> list[Any]:
    """The derivatives by a of log(x ** (a - 1) * exp(-x) / Γ(a)), the logarithm of the density."""
    return [np.log(x) - _digamma(a), *(-_polygamma(k, a) for k in range(1, n))][:n]


def _gamma_ratio(a: Any, x: Any, n: int) -> Any:
    """-(∂ⁿF/∂aⁿ) / p for a and x above 0.

    The standard deviation is √a. From three of them above the mean on, F is so near to 1 that its derivatives have lost
    digits; those of 1 - F have not.
    """
    far = x > a + 3.0 * (np.sqrt(a) + 1.0)
    result = np.empty_like(x)
    result[~far] = _by_series(a[~far], x[~far], n)
    result[far] = _by_quadrature(a[far], x[far], n)
    return result


def _by_quadrature(a: Any, x: Any, n: int) -> Any:
    """(∂ⁿ(1 - F)/∂aⁿ) / p, for x far above a, by the rule of Gauss and Laguerre.

    1 - F is the integral of the density from x on; with t = x + s, the density at t over that at x is
    (1 + s/x) ** (a - 1) * exp(-s). It falls about as exp(-rate · s), which the rule integrates well.
    """
    nodes, weights = _laguerre()
    a, x = a[:, None], x[:, None]
    rate = 1.0 - np.maximum(a - 1.0, 0.0) / x
    s = nodes / rate
    ratio = np.exp((a - 1.0) * np.log1p(s / x) - s + nodes)
    return np.sum(weights * ratio * _bell(n, _slopes(n, a, x + s)) / rate, -1)


@functools.cache
def _laguerre() -> tuple[Any, Any]:
    return np.polynomial.laguerre.laggauss(32)  # enough for all but the last digits, from where it is used on


def _by_series(a: Any, x: Any, n: int) -> Any:
    """-(∂ⁿF/∂aⁿ) / p, by the series of F whose terms are all positive.

    F is the sum of x ** b * exp(-x) / Γ(b + 1) over b = a, a + 1, ...; the first term is p times x / a.
    """
    from scipy.special import digamma, polygamma

    b = a + 1.0
    logarithm = np.log(x)
    gammas = [digamma(b), *(polygamma(k, b) for k in range(1, n))]
    term, total, size = np.ones_like(x), np.zeros_like(x), np.zeros_like(x)
    while True:
        part = term * _bell(n, [logarithm - gammas[0], *(-one for one in gammas[1:])])
        total += part
        size += np.abs(part)
        if not np.any((b <= x) | (term * (1.0 + np.abs(logarithm - gammas[0])) ** n > 1e-17 * size)):
            return -x / a * total
        term = term * (x / b)
        for k in range(n):
            gammas[k] = gammas[k] + (-1.0) ** k * math.factorial(k) * b ** (-k - 1.0)
        b = b + 1.0


@op(
    a=lambda g, a, x, out, n: g * (_random_gamma_grad(a, x, n=n + 1) - out * _slopes(1, a, x)[0]),
    x=lambda g, a, x, out, n: g * (-_bell(n, _slopes(n, a, x)) - out * ((a - 1.0) / x - 1.0)),
    formula="random_gamma_grad({a}, {x}, {n})",
    back={
        "a": "{g} · (the next derivative - {out} · (log({x}) - digamma({a})))",
        "x": "{g} · (what the density changes - {out} · (({a} - 1) / {x} - 1))",
    },
    samples=lambda rng: [
        sample(array(rng, 2, 3, low=0.3, high=4.0), array(rng, 2, 3, low=0.1, high=5.0)),
        sample(array(rng, 3, low=0.3, high=4.0), array(rng, 2, 1, low=0.1, high=5.0)),
        sample(array(rng, low=0.3, high=4.0), array(rng, 2, low=0.1, high=5.0), n=2),
        sample(np.ones((0, 2)), np.array(2.0)),
    ],
    errors=(
        ErrorSample((np.ones(3), np.ones(2)), {}, ShapeError, "don't broadcast"),
        ErrorSample((np.ones(2), np.ones(2)), {"n": 0}, ArgumentError, "n is an integer from 1, got 0"),
    ),
    prepare=lambda attrs: keep_integers(attrs, "n", least=1),
)
def random_gamma_grad(a: Array, x: Array, n: int = 1) -> Any:
    """
    How a draw from a gamma distribution moves with its shape parameter: -(∂F/∂a) / p; JAX's function.

    F is the distribution function and p the density. It is what `standard_gamma` passes back, and nan for parameters
    or draws below 0.

    Parameters
    ----------
    a
        The shape parameter.
    x
        What was drawn.
    n
        For the n-th derivative of F in place of the first one, which higher derivatives need.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.random_gamma_grad([1.0, 10.0], [1.0, 10.0])
    tensor([1.1736, 1.0168])
    """
    given, drawn = np.broadcast_arrays(*as_floats(a, x))
    result = np.full(given.shape, np.nan)
    result[(given >= 0.0) & (drawn == 0.0)] = 0.0
    inside = (given > 0.0) & (drawn > 0.0) & np.isfinite(given) & np.isfinite(drawn)
    if inside.any():
        result[inside] = _gamma_ratio(given[inside].astype(np.float64), drawn[inside].astype(np.float64), n)
    return result.astype(given.dtype)


_random_gamma_grad: Callable[..., Any] = polymorphic(random_gamma_grad)


# ---- gamma draws -----------------------------------------------------------------------------------------------------


def _cost(*parameters: Shape, size: Shape | None, **_: Any) -> int:
    return math.prod(drawn_shape(*parameters, size=size))


_COMMON: dict[str, Any] = {"shape": drawn_shape, "cost": _cost, "prepare": prepare_draw}
_BAD_SIZE = (
    ErrorSample((np.ones(2),), {"size": (3,)}, ShapeError, "don't broadcast to size (3,)"),
    ErrorSample((np.ones(2),), {"size": -2}, ShapeError, "size must not be negative"),
)
_BAD_SHAPES = (
    ErrorSample((np.ones(2), np.ones(3)), {}, ShapeError, "don't broadcast"),
    ErrorSample((np.ones(2), np.ones(2)), {"size": (2, 3)}, ShapeError, "don't broadcast to size (2, 3)"),
)


@op(
    **_COMMON,
    a=lambda g, a, out: g * _random_gamma_grad(a, out),
    formula="standard_gamma({a}, {size}, {seed})",
    local={"a": "random_gamma_grad({a}, {out}, 1)"},
    samples=draw_samples((0.6, 4.0)),
    errors=(*_BAD_SIZE, ErrorSample((np.array([1.0, -1.0]),), {}, ArgumentError, "a must be positive, got -1.0")),
)
def standard_gamma(a: Array, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from gamma distributions of scale 1, with a gradient for the shape parameter: see `random_gamma_grad`.

    Parameters
    ----------
    a
        The shape parameter, positive, which is the mean too; NumPy calls it shape.
    size
        As in `normal`.
    seed
        As in `normal`; the numbers are not those of NumPy's method.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.standard_gamma([1.0, 10.0], seed=0)
    tensor([1.0132, 7.8897])
    """
    refuse("a", a, np.less_equal(a, 0), "be positive")
    (shape_parameter,) = as_floats(a)
    even = standard("random", seed, drawn_shape(np.shape(a), size=size), np.dtype(np.float64))
    return special("gammaincinv", shape_parameter.astype(np.float64), even).astype(floating_dtype(a))


@composite(
    **_COMMON,
    formula="{scale} * standard_gamma({a}, {size}, {seed})",
    samples=lambda rng: [one for one in draw_samples((0.6, 4.0), (0.5, 2.0))(rng) if one.attrs["seed"] != 2],
    errors=(*_BAD_SHAPES, ErrorSample((np.ones(2), -np.ones(2)), {}, ArgumentError, "scale must not be negative")),
)
def gamma(a: Array, scale: Array = 1.0, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from gamma distributions, with gradients for shape and scale: ``scale * standard_gamma(a)``.

    Parameters
    ----------
    a, scale
        The shape parameter (NumPy calls it shape), and the scale; the mean is their product.
    size, seed
        As in `standard_gamma`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.gamma([1.0, 10.0], 0.1, seed=0)
    tensor([0.1013, 0.789 ])
    """
    refuse("scale", _values(scale), np.less(_values(scale), 0), "not be negative")
    a, scale = _of_one_dtype(a, scale)
    shape = drawn_shape(np.shape(a), np.shape(scale), size=size)
    return multiply(scale, standard_gamma(a, shape, seed=seed))


@composite(
    **_COMMON,
    formula="2 * standard_gamma({df} / 2, {size}, {seed})",
    samples=draw_samples((1.0, 5.0)),
    errors=(*_BAD_SIZE, ErrorSample((np.array([0.0]),), {}, ArgumentError, "df must be positive")),
)
def chisquare(df: Array, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from chi-square distributions, with a gradient for the degrees of freedom: a sum of that many squared normals.

    Parameters
    ----------
    df
        The degrees of freedom, which are the mean.
    size, seed
        As in `standard_gamma`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.chisquare([2.0, 20.0], seed=0)
    tensor([ 2.0265, 15.7794])
    """
    refuse("df", df, np.less_equal(_values(df), 0), "be positive")
    return multiply(2.0, standard_gamma(divide(df, 2.0), drawn_shape(np.shape(df), size=size), seed=seed))


@composite(
    **_COMMON,
    formula="standard_t({df}, {size}, {seed})",
    samples=draw_samples((1.5, 5.0)),
    errors=(*_BAD_SIZE, ErrorSample((np.array([0.0]),), {}, ArgumentError, "df must be positive")),
)
def standard_t(df: Array, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from Student's t distributions, with a gradient for the degrees of freedom: a normal draw over a spread.

    The spread is the root of a chi-square draw over its mean; the fewer degrees of freedom, the longer the tails.

    Parameters
    ----------
    df
        The degrees of freedom.
    size, seed
        As in `standard_gamma`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.standard_t([1.0, 100.0], seed=0).shape
    (2,)
    """
    refuse("df", df, np.less_equal(_values(df), 0), "be positive")
    shape = drawn_shape(np.shape(df), size=size)
    first, second = _two_seeds(seed)
    half = divide(df, 2.0)
    z = standard("standard_normal", first, shape, floating_dtype(df))
    return multiply(z, sqrt(divide(half, standard_gamma(half, shape, seed=second))))


def _values(parameter: Any) -> Any:
    return parameter.data if isinstance(parameter, Tensor) else parameter


def _of_one_dtype(*parameters: Any) -> Iterator[Any]:
    """Parameters as tensors of the dtype that is drawn, so that a number beside a tensor is not rounded first."""
    dtype = floating_dtype(*map(_values, parameters))
    for one in parameters:
        if isinstance(one, Tensor):
            yield one if one.dtype.kind == "f" else astype(one, dtype)
        else:
            yield Tensor(np.asarray(one, dtype))


def _two_seeds(seed: int) -> tuple[int, int]:
    """Two seeds of one, for draws that must not depend on each other."""
    first, second = np.random.SeedSequence(seed).generate_state(2)
    return int(first), int(second)


# ---- shares ----------------------------------------------------------------------------------------------------------


def _log_gamma_draw(a: Any, shape: Shape, seed: int) -> Any:
    """The logarithm of a gamma draw, by way of one with a + 1: of small a the draw itself would often be 0."""
    first, second = _two_seeds(seed)
    waited = standard("standard_exponential", second, shape, floating_dtype(a))
    return subtract(log(standard_gamma(add(a, 1.0), shape, seed=first)), divide(waited, a))


@composite(
    **_COMMON,
    formula="beta({a}, {b}, {size}, {seed})",
    samples=draw_samples((0.6, 4.0), (0.6, 4.0)),
    errors=(*_BAD_SHAPES, ErrorSample((np.ones(2), np.zeros(2)), {}, ArgumentError, "b must be positive")),
)
def beta(a: Array, b: Array, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from beta distributions, probabilities, with gradients for both parameters.

    It is the share x / (x + y) of two gamma draws x and y with shapes `a` and `b`, computed from their logarithms.

    Parameters
    ----------
    a, b
        Positive; the mean is a / (a + b).
    size, seed
        As in `standard_gamma`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.beta([1.0, 100.0], [1.0, 100.0], seed=0).shape
    (2,)
    """
    for name, parameter in (("a", a), ("b", b)):
        refuse(name, _values(parameter), np.less_equal(_values(parameter), 0), "be positive")
    a, b = _of_one_dtype(a, b)
    shape = drawn_shape(np.shape(a), np.shape(b), size=size)
    first, second = _two_seeds(seed)
    return sigmoid(subtract(_log_gamma_draw(a, shape, first), _log_gamma_draw(b, shape, second)))


def _shares(alpha: Shape, /, size: Shape | None, seed: int) -> Shape:
    if not alpha:
        raise ValueError("alpha needs an axis, a parameter for each share")
    return (*(size or ()), *alpha)


@composite(
    formula="dirichlet({alpha}, {size}, {seed})",
    shape=_shares,
    cost=lambda alpha, /, size, seed: math.prod(_shares(alpha, size, seed)),
    samples=lambda rng: [
        sample(array(rng, 3, low=0.6, high=4.0), seed=1),
        sample(array(rng, 2, 3, low=0.6, high=4.0), seed=2),
        sample(array(rng, 2, low=0.6, high=4.0), size=(2, 2), seed=3),
        sample(np.ones((0, 2)), seed=4),
    ],
    errors=(
        ErrorSample((np.ones(()),), {}, ShapeError, "alpha needs an axis"),
        ErrorSample((np.array([1.0, 0.0]),), {}, ArgumentError, "alpha must be positive, got 0.0"),
    ),
    prepare=prepare_draw,
)
def dirichlet(alpha: Array, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw shares that add up to 1 from Dirichlet distributions, with gradients for all parameters.

    Each share is a gamma draw over the sum of all, computed from their logarithms by a softmax.

    Parameters
    ----------
    alpha
        Positive, a parameter for each share along the last axis. The larger they are, the less the shares vary.
    size
        How many draws, as axes before those of `alpha`.
    seed
        As in `standard_gamma`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.dirichlet([1.0, 1.0, 1.0], size=5, seed=0).shape
    (5, 3)
    """
    refuse("alpha", _values(alpha), np.less_equal(_values(alpha), 0), "be positive")
    return softmax(_log_gamma_draw(alpha, _shares(np.shape(alpha), size, seed), seed))
