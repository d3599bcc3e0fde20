"""Random numbers from distributions that a simple draw can be brought to: `graphgrad.random` offers them.

The trick that lets a gradient through is to draw something that doesn't depend on the parameters, and to compute the
number from both (P20.08): what a normal distribution with mean μ and spread σ draws is μ + σ·z, z being drawn from the
standard one; then ∂/∂μ is 1 and ∂/∂σ is z. The draw itself is kept as a seed, so that the graph runs again to the
same numbers, and rules draw again instead of keeping it.

Names and arguments are those of NumPy's generators, and the same seed gives the numbers of ``np.random.default_rng``.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.dtypes import get_default_dtype
from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.arithmetic import add, divide, multiply, power, subtract
from graphgrad.ops.array.elementary import expm1
from graphgrad.ops.array.elementwise import exp
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import array, sample
from graphgrad.ops.seeds import below_one, generator, keep_seed
from graphgrad.ops.shapes import broadcast

NAMESPACE = "random"
__all__ = [
    "cauchy",
    "exponential",
    "gumbel",
    "laplace",
    "logistic",
    "lognormal",
    "normal",
    "pareto",
    "rayleigh",
    "uniform",
    "weibull",
]

Shape = tuple[int, ...]
Size = Any  # for callers an int, ints or None; a tuple or None from then on
Seed = Any  # for callers an int, a generator or None; an int from then on


# ---- what all have in common -----------------------------------------------------------------------------------------


def prepare_draw(attrs: dict[str, Any]) -> None:
    """Keep the size as a tuple, None for that of the parameters, and the seed as an integer."""
    size = attrs["size"]
    if size is not None:
        attrs["size"] = (operator.index(size),) if np.ndim(size) == 0 else tuple(map(operator.index, size))
    keep_seed(attrs)


def drawn_shape(*parameters: Shape, size: Shape | None, **_: Any) -> Shape:
    """The shape of what is drawn: `size`, to which the parameters broadcast, or what they broadcast to."""
    shape = broadcast(*parameters)
    if size is None:
        return shape
    if min(size, default=0) < 0:
        raise ValueError(f"size must not be negative, got {size}")
    lead = len(size) - len(shape)
    if lead < 0 or any(have not in (1, want) for have, want in zip(shape, size[lead:], strict=True)):
        raise ValueError(f"parameters of shape {shape} don't broadcast to size {size}")
    return size


def floating_dtype(*parameters: Any) -> np.dtype[Any]:
    """The dtype of what is drawn: the floating one of the parameters; numbers and integers leave it to the default."""
    dtypes = [one.dtype for one in parameters if hasattr(one, "dtype")]
    dtype = np.result_type(*dtypes) if dtypes else get_default_dtype()
    return dtype if dtype.kind == "f" else get_default_dtype()


def refuse(name: str, values: Any, wrong: Any, needed: str) -> None:
    """Refuse a parameter of which some values are wrong; nan is none of them."""
    if np.any(wrong):
        raise ValueError(f"{name} must {needed}, got {np.asarray(values)[np.asarray(wrong)].flat[0]}")


def standard(draw: str, seed: int, shape: Shape, dtype: np.dtype[Any]) -> Any:
    """A draw without parameters; in float64 whatever the dtype, so that a seed means the same numbers in all."""
    drawn = np.asarray(getattr(generator(seed), draw)(size=shape))
    return np.asarray(below_one(drawn, dtype)) if draw == "random" else drawn.astype(dtype)


def draw_samples(*intervals: tuple[float, float]) -> Callable[[np.random.Generator], Iterator[Sample]]:
    """Samples for a distribution whose parameters are from these intervals."""

    def of_shape(rng: np.random.Generator, *shapes: Shape) -> list[Any]:
        shapes = (*shapes, *[()] * (len(intervals) - len(shapes)))
        return [array(rng, *shape, low=low, high=high) for shape, (low, high) in zip(shapes, intervals, strict=False)]

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield sample(*of_shape(rng, (2, 3), (2, 3)), seed=1)
        yield sample(*of_shape(rng, (3,), (2, 1)), seed=2)
        yield sample(*of_shape(rng), size=(2, 2), seed=3)
        yield sample(*of_shape(rng, (2,)), size=(3, 2), seed=4)
        yield sample(*of_shape(rng, (0, 2)), seed=5)

    return samples


_BAD_SIZE = (
    ErrorSample((np.ones(2),), {"size": (3,)}, ShapeError, "don't broadcast to size (3,)"),
    ErrorSample((np.ones(2),), {"size": -2}, ShapeError, "size must not be negative"),
    ErrorSample((np.ones(2),), {"seed": -1}, ArgumentError, "seed is an integer from 0"),
)
_COMMON: dict[str, Any] = {
    "shape": drawn_shape,
    "cost": lambda *parameters, size, **_: math.prod(drawn_shape(*parameters, size=size)),
    "prepare": prepare_draw,
}


# ---- a location plus a scale times a draw ----------------------------------------------------------------------------


def _scaled(draw: str, loc: Any, scale: Any, size: Shape | None, seed: int) -> Any:
    refuse("scale", scale, np.less(scale, 0), "not be negative")
    dtype = floating_dtype(loc, scale)
    shape = drawn_shape(np.shape(loc), np.shape(scale), size=size)
    return np.asarray(loc + scale * standard(draw, seed, shape, dtype), dtype)


def _location_and_scale(name: str, draw: str) -> dict[str, Any]:
    """What such a distribution is declared with.

    Parameters
    ----------
    name
        Its own.
    draw
        The method of NumPy's generators that draws with location 0 and scale 1.
    """

    def expand(loc: Any, scale: Any, size: Shape | None, seed: int) -> Any:
        shape = drawn_shape(np.shape(loc), np.shape(scale), size=size)
        return add(loc, multiply(scale, standard(draw, seed, shape, floating_dtype(loc, scale))))

    return {
        **_COMMON,
        "loc": lambda g: g,
        "scale": lambda g, seed: g * standard(draw, seed, g.shape, g.dtype),
        "formula": f"{name}({{loc}}, {{scale}}, {{size}}, {{seed}})",
        "local": {"loc": "1", "scale": "({out} - {loc}) / {scale}"},
        "samples": draw_samples((0.5, 2.0), (0.5, 2.0)),
        "errors": (
            ErrorSample((np.ones(3), np.ones(2)), {}, ShapeError, "don't broadcast"),
            ErrorSample((np.zeros(2), np.array([1.0, -1.0])), {}, ArgumentError, "not be negative, got -1.0"),
        ),
        "expand": expand,
    }


@op(**_location_and_scale("normal", "standard_normal"), covers=("P20.08", "P04.41"))
def normal(loc: Array = 0.0, scale: Array = 1.0, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from normal distributions, with gradients for mean and spread: ``loc + scale * z``, z from the standard one.

    Parameters
    ----------
    loc, scale
        Mean and standard deviation.
    size
        The shape of the result, to which the parameters broadcast; by default what they broadcast to.
    seed
        An integer, or a NumPy generator to draw one from; by default the process's, see `manual_seed`. It is kept, so
        that the graph runs again to the same numbers, which are those of ``np.random.default_rng(seed)``.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.normal(2.0, [1.0, 10.0], seed=0)
    tensor([2.1257, 0.679 ])
    """
    return _scaled("standard_normal", loc, scale, size, seed)


@op(**_location_and_scale("laplace", "laplace"), covers=("P04.41",))
def laplace(loc: Array = 0.0, scale: Array = 1.0, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from Laplace distributions, with gradients for location and scale: a normal one with a peak and long tails.

    Parameters
    ----------
    loc, scale
        The peak, and how far from it on average.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.laplace(2.0, [1.0, 10.0], seed=0)
    tensor([ 2.3201, -4.1698])
    """
    return _scaled("laplace", loc, scale, size, seed)


@op(**_location_and_scale("logistic", "logistic"))
def logistic(loc: Array = 0.0, scale: Array = 1.0, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from logistic distributions, with gradients for location and scale; their distribution function is a sigmoid.

    Parameters
    ----------
    loc, scale
        The mean, and the scale of the sigmoid.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.logistic(2.0, [1.0, 10.0], seed=0)
    tensor([ 2.5622, -7.957 ])
    """
    return _scaled("logistic", loc, scale, size, seed)


@op(**_location_and_scale("gumbel", "gumbel"))
def gumbel(loc: Array = 0.0, scale: Array = 1.0, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from Gumbel distributions, with gradients for mode and scale.

    Added to logits, the place of the largest sum is a draw from softmax(logits), see `categorical`.

    Parameters
    ----------
    loc, scale
        The mode, and the scale.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.gumbel(2.0, [1.0, 10.0], seed=0)
    tensor([ 1.9868, 13.5703])
    """
    return _scaled("gumbel", loc, scale, size, seed)


@op(**_location_and_scale("cauchy", "standard_cauchy"))
def cauchy(loc: Array = 0.0, scale: Array = 1.0, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from Cauchy distributions, with gradients for median and scale. Their tails are so long that there is no mean.

    Parameters
    ----------
    loc, scale
        The median, and how far the quartiles are from it.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.cauchy(2.0, [1.0, 10.0], seed=0)
    tensor([ 1.0483, 63.0507])
    """
    return _scaled("standard_cauchy", loc, scale, size, seed)


def _between(low: Any, high: Any, size: Shape | None, seed: int) -> Any:
    shape = drawn_shape(np.shape(low), np.shape(high), size=size)
    return add(low, multiply(subtract(high, low), standard("random", seed, shape, floating_dtype(low, high))))


@op(
    **_COMMON,
    low=lambda g, seed: g * (1.0 - standard("random", seed, g.shape, g.dtype)),
    high=lambda g, seed: g * standard("random", seed, g.shape, g.dtype),
    formula="uniform({low}, {high}, {size}, {seed})",
    local={"low": "({high} - {out}) / ({high} - {low})", "high": "({out} - {low}) / ({high} - {low})"},
    samples=draw_samples((-2.0, -1.0), (1.0, 2.0)),
    errors=(
        ErrorSample((np.ones(3), np.ones(2)), {}, ShapeError, "don't broadcast"),
        ErrorSample((np.ones(2), np.zeros(2)), {}, ArgumentError, "high must not be below low"),
    ),
    expand=_between,
    covers=("P04.41",),
)
def uniform(low: Array = 0.0, high: Array = 1.0, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw evenly from intervals, with gradients for their ends: ``low + (high - low) * u``, u being from [0, 1).

    Parameters
    ----------
    low, high
        The ends.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.uniform(-1.0, [1.0, 10.0], seed=0)
    tensor([0.2739, 1.9677])
    """
    refuse("high", high, np.less(high, low), "not be below low")
    dtype = floating_dtype(low, high)
    shape = drawn_shape(np.shape(low), np.shape(high), size=size)
    return np.asarray(low + np.subtract(high, low) * standard("random", seed, shape, dtype), dtype)


# ---- a function of a draw --------------------------------------------------------------------------------------------


def _of_scale(draw: str, scale: Any, size: Shape | None, seed: int) -> Any:
    refuse("scale", scale, np.less(scale, 0), "not be negative")
    dtype = floating_dtype(scale)
    return np.asarray(scale * standard(draw, seed, drawn_shape(np.shape(scale), size=size), dtype), dtype)


_SCALE_ONLY: dict[str, Any] = {
    **_COMMON,
    "local": {"scale": "{out} / {scale}"},
    "samples": draw_samples((0.5, 2.0)),
    "errors": (
        *_BAD_SIZE,
        ErrorSample((np.array([1.0, -1.0]),), {}, ArgumentError, "scale must not be negative, got -1.0"),
    ),
}


@op(
    **_SCALE_ONLY,
    scale=lambda g, seed: g * standard("standard_exponential", seed, g.shape, g.dtype),
    formula="exponential({scale}, {size}, {seed})",
)
def exponential(scale: Array = 1.0, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from exponential distributions, with a gradient for the mean: how long to wait for what comes by chance.

    Parameters
    ----------
    scale
        The mean, 1 over the rate.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.exponential([1.0, 10.0], seed=0)
    tensor([ 0.6799, 10.196 ])
    """
    return _of_scale("standard_exponential", scale, size, seed)


@op(
    **_SCALE_ONLY,
    scale=lambda g, seed: g * standard("rayleigh", seed, g.shape, g.dtype),
    formula="rayleigh({scale}, {size}, {seed})",
)
def rayleigh(scale: Array = 1.0, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from Rayleigh distributions, with a gradient for the scale: how far a normal draw in the plane is from 0.

    Parameters
    ----------
    scale
        The standard deviation of both coordinates.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.rayleigh([1.0, 10.0], seed=0)
    tensor([ 1.1661, 14.28  ])
    """
    return _of_scale("rayleigh", scale, size, seed)


def _exp_of_normal(mean: Any, sigma: Any, size: Shape | None, seed: int) -> Any:
    shape = drawn_shape(np.shape(mean), np.shape(sigma), size=size)
    return exp(add(mean, multiply(sigma, standard("standard_normal", seed, shape, floating_dtype(mean, sigma)))))


@op(
    **_COMMON,
    mean=lambda g, out: g * out,
    sigma=lambda g, out, seed: g * (out * standard("standard_normal", seed, g.shape, g.dtype)),
    formula="lognormal({mean}, {sigma}, {size}, {seed})",
    local={"mean": "{out}", "sigma": "{out} * (log({out}) - {mean}) / {sigma}"},
    samples=draw_samples((0.2, 1.0), (0.5, 1.0)),
    errors=(
        ErrorSample((np.ones(3), np.ones(2)), {}, ShapeError, "don't broadcast"),
        ErrorSample((np.ones(1), np.array([-1.0])), {}, ArgumentError, "sigma must not be negative, got -1.0"),
    ),
    expand=_exp_of_normal,
)
def lognormal(mean: Array = 0.0, sigma: Array = 1.0, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw numbers whose logarithms are normal, with gradients for mean and spread: ``exp(mean + sigma * z)``.

    Parameters
    ----------
    mean, sigma
        Mean and standard deviation of the logarithms.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.lognormal(0.0, [1.0, 2.0], seed=0)
    tensor([1.134 , 0.7678])
    """
    refuse("sigma", sigma, np.less(sigma, 0), "not be negative")
    dtype = floating_dtype(mean, sigma)
    shape = drawn_shape(np.shape(mean), np.shape(sigma), size=size)
    return np.asarray(np.exp(mean + sigma * standard("standard_normal", seed, shape, dtype)), dtype)


def _exponential_draw(a: Any, size: Shape | None, seed: int) -> Any:
    refuse("a", a, np.less_equal(a, 0), "be positive")
    return standard("standard_exponential", seed, drawn_shape(np.shape(a), size=size), floating_dtype(a))


_SHAPE_ONLY: dict[str, Any] = {
    **_COMMON,
    "samples": draw_samples((0.6, 3.0)),
    "errors": (*_BAD_SIZE, ErrorSample((np.array([1.0, 0.0]),), {}, ArgumentError, "a must be positive, got 0.0")),
}


@op(
    **_SHAPE_ONLY,
    a=lambda g, a, out: g * (-(out * np.log(out)) / a),
    formula="weibull({a}, {size}, {seed})",
    local={"a": "-{out} * log({out}) / {a}"},
    expand=lambda a, size, seed: power(_exponential_draw(_value(a), size, seed), divide(1.0, a)),
)
def weibull(a: Array, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from Weibull distributions, with a gradient for the shape: ``e ** (1 / a)``, e from the exponential one.

    How long something lasts that fails more often when young (a below 1) or when old (a above 1).

    Parameters
    ----------
    a
        The shape parameter, positive.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.weibull([1.0, 2.0], seed=0)
    tensor([0.6799, 1.0098])
    """
    return np.asarray(_exponential_draw(a, size, seed) ** (1.0 / a), floating_dtype(a))


@op(
    **_SHAPE_ONLY,
    a=lambda g, a, out: g * (-((1.0 + out) * np.log1p(out)) / a),
    formula="pareto({a}, {size}, {seed})",
    local={"a": "-(1 + {out}) * log(1 + {out}) / {a}"},
    expand=lambda a, size, seed: expm1(divide(_exponential_draw(_value(a), size, seed), a)),
)
def pareto(a: Array, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw from Pareto distributions that begin at 0 (Lomax), with a gradient for the shape: ``exp(e / a) - 1``.

    Few are very large: sizes of cities, incomes. e is from the exponential distribution.

    Parameters
    ----------
    a
        The shape parameter, positive; the smaller, the longer the tail.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.pareto([1.0, 2.0], seed=0)
    tensor([0.9737, 0.665 ])
    """
    return np.asarray(np.expm1(_exponential_draw(a, size, seed) / a), floating_dtype(a))


def _value(a: Any) -> Any:
    return a.data if isinstance(a, Tensor) else a
