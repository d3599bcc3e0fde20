"""Random whole numbers: `graphgrad.random` offers them.

A whole number jumps, so that no gradient passes to the parameters of what draws it. To learn them all the same, use
what is near it and moves smoothly (`gumbel_softmax`), or the gradient of the logarithm of the probability times what
the draw has led to.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.attributes import keep_integers
from graphgrad.ops.declare import Array, op
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
from graphgrad.ops.seeds import generator
from graphgrad.ops.shapes import one_axis, prepare_one_axis

NAMESPACE = "random"
__all__ = [
    "bernoulli",
    "binomial",
    "categorical",
    "geometric",
    "multinomial",
    "negative_binomial",
    "poisson",
]

Shape = tuple[int, ...]


def _no_probability(p: Any) -> Any:
    return np.less(p, 0) | np.greater(p, 1)


def _cost(*parameters: Shape, size: Shape | None, **_: Any) -> int:
    return math.prod(drawn_shape(*parameters, size=size))


_COMMON: dict[str, Any] = {"shape": drawn_shape, "cost": _cost, "prepare": prepare_draw}
_BAD_SIZE = (
    ErrorSample((np.ones(2),), {"size": (3,)}, ShapeError, "don't broadcast to size (3,)"),
    ErrorSample((np.ones(2),), {"size": -2}, ShapeError, "size must not be negative"),
)
_BAD_P = (
    *_BAD_SIZE,
    ErrorSample((np.array([0.5, 1.5]),), {}, ArgumentError, "p must be a probability, from 0 to 1, got 1.5"),
)
_PROBABILITY = "be a probability, from 0 to 1"


def _drawn(method: str, seed: int, size: Shape | None, *parameters: Any) -> Any:
    shape = drawn_shape(*map(np.shape, parameters), size=size)
    return np.asarray(getattr(generator(seed), method)(*parameters, shape), np.int64)


@op(
    **_COMMON,
    formula="bernoulli({p}, {size}, {seed})",
    samples=draw_samples((0.1, 0.9)),
    errors=_BAD_P,
    covers=("P04.41",),
)
def bernoulli(p: Array, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw ones with probability `p` and zeros otherwise. No gradient passes: a draw jumps from 0 to 1.

    Parameters
    ----------
    p
        Probabilities.
    size, seed
        As in `normal`.

    Returns
    -------
    Tensor
        Zeros and ones in the dtype of `p`, as from PyTorch.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.bernoulli([0.0, 0.5, 1.0], seed=0)
    tensor([0., 1., 1.])
    """
    refuse("p", p, _no_probability(p), _PROBABILITY)
    shape = drawn_shape(np.shape(p), size=size)
    return np.asarray(standard("random", seed, shape, np.dtype(np.float64)) < p).astype(floating_dtype(p))


@op(**_COMMON, formula="geometric({p}, {size}, {seed})", samples=draw_samples((0.1, 0.9)), errors=_BAD_P)
def geometric(p: Array, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw how many trials the first success takes. No gradient passes: a draw is a whole number and jumps.

    Parameters
    ----------
    p
        The probability of success, above 0.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.geometric([1.0, 0.01], seed=0)
    tensor([  1, 102])
    """
    refuse("p", p, _no_probability(p) | np.equal(p, 0), _PROBABILITY)
    return _drawn("geometric", seed, size, p)


@op(
    **_COMMON,
    formula="poisson({lam}, {size}, {seed})",
    samples=draw_samples((0.5, 9.0)),
    errors=(*_BAD_SIZE, ErrorSample((np.array([-1.0]),), {}, ArgumentError, "lam must not be negative, got -1.0")),
    covers=("P04.41",),
)
def poisson(lam: Array = 1.0, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw how often something happens that happens by chance. No gradient passes: a draw is a whole number and jumps.

    Parameters
    ----------
    lam
        How often on average.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.poisson([1.0, 100.0], seed=0)
    tensor([ 1, 75])
    """
    refuse("lam", lam, np.less(lam, 0), "not be negative")
    return _drawn("poisson", seed, size, lam)


def _trial_samples(low: float, high: float) -> Any:
    def samples(rng: np.random.Generator) -> Any:
        for one in draw_samples((low, high), (0.1, 0.9))(rng):
            n, p = one.operands
            yield one._replace(operands=(np.asarray(np.floor(n)).astype(np.int64), p))

    return samples


_BAD_TRIALS = (
    ErrorSample((np.array([1, 2]), np.ones(3)), {}, ShapeError, "don't broadcast"),
    ErrorSample((np.array([-1]), np.array([0.5])), {}, ArgumentError, "n must be a whole number"),
    ErrorSample((np.array([1]), np.array([-0.5])), {}, ArgumentError, "p must be a probability"),
)


def _no_count(n: Any) -> Any:
    return np.less(n, 0) | np.not_equal(n, np.floor(n))


@op(**_COMMON, formula="binomial({n}, {p}, {size}, {seed})", samples=_trial_samples(1.0, 9.0), errors=_BAD_TRIALS)
def binomial(n: Array, p: Array, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw how many of `n` trials succeed. No gradient passes: a draw is a whole number and jumps.

    Parameters
    ----------
    n
        How many trials.
    p
        The probability of success.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.binomial(10, [0.0, 0.5, 1.0], seed=0)
    tensor([ 0,  6, 10])
    """
    refuse("n", n, _no_count(n), "be a whole number, not negative")
    refuse("p", p, _no_probability(p), _PROBABILITY)
    return _drawn("binomial", seed, size, np.asarray(n).astype(np.int64), p)


@op(
    **_COMMON,
    formula="negative_binomial({n}, {p}, {size}, {seed})",
    samples=draw_samples((0.5, 9.0), (0.2, 0.9)),
    errors=(
        ErrorSample((np.array([1, 2]), np.ones(3)), {}, ShapeError, "don't broadcast"),
        ErrorSample((np.array([0]), np.array([0.5])), {}, ArgumentError, "n must be positive"),
        ErrorSample((np.array([1]), np.array([0.0])), {}, ArgumentError, "p must be a probability"),
    ),
)
def negative_binomial(n: Array, p: Array, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw how many failures come before `n` successes. No gradient passes: a draw is a whole number and jumps.

    Parameters
    ----------
    n
        How many successes; need not be a whole number.
    p
        The probability of success, above 0.
    size, seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.negative_binomial(5, [1.0, 0.1], seed=0)
    tensor([ 0, 58])
    """
    refuse("n", n, np.less_equal(n, 0), "be positive")
    refuse("p", p, _no_probability(p) | np.equal(p, 0), _PROBABILITY)
    return _drawn("negative_binomial", seed, size, n, p)


def _counts(pvals: Shape, /, n: int, size: Shape | None, seed: int) -> Shape:
    if not pvals:
        raise ValueError("pvals needs an axis, a probability for each outcome")
    return (*(size or ()), *pvals)


def _prepare_multinomial(attrs: dict[str, Any]) -> None:
    keep_integers(attrs, "n", least=0)
    prepare_draw(attrs)


@op(
    formula="multinomial({n}, {pvals}, {size}, {seed})",
    shape=_counts,
    cost=lambda pvals, /, n, size, seed: math.prod(_counts(pvals, n, size, seed)),
    samples=lambda rng: [
        sample(np.array([0.5, 0.25, 0.25]), n=10, seed=1),
        sample(np.array([[0.5, 0.5], [0.125, 0.875]]), n=4, seed=2),
        sample(np.array([0.25, 0.75]), n=5, size=(2, 2), seed=3),
        sample(np.array([1.0]), n=0, seed=4),
    ],
    errors=(
        ErrorSample((np.ones(()),), {"n": 3}, ShapeError, "pvals needs an axis"),
        ErrorSample((np.array([0.5, 0.25]),), {"n": 3}, ArgumentError, "pvals must add up to 1"),
        ErrorSample((np.array([1.5, -0.5]),), {"n": 3}, ArgumentError, "pvals must be a probability"),
        ErrorSample((np.array([1.0]),), {"n": -1}, ArgumentError, "n is an integer from 0, got -1"),
    ),
    prepare=_prepare_multinomial,
)
def multinomial(n: int, pvals: Array, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw how often each outcome comes in `n` trials. No gradient passes: counts jump.

    This is NumPy's function. PyTorch's draws the outcomes themselves: that is `categorical` here, or `choice`.

    Parameters
    ----------
    n
        How many trials.
    pvals
        The probability of each outcome, along the last axis; they add up to 1.
    size
        How many draws, as axes before those of `pvals`.
    seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.multinomial(10, [0.5, 0.5], size=3, seed=0)
    tensor([[6, 4],
            [4, 6],
            [2, 8]])
    """
    refuse("pvals", pvals, _no_probability(pvals), _PROBABILITY)
    shape = _counts(pvals.shape, n, size, seed)
    p = pvals.astype(np.float64)
    total = p.sum(-1, keepdims=True)
    refuse("pvals", total, np.abs(total - 1.0) > 1e-5, "add up to 1")
    # NumPy leaves what the others lack to the last outcome.
    return generator(seed).multinomial(n, p / np.maximum(total, 1.0), shape[:-1])


def _without_classes(logits: Shape, /, axis: int, size: Shape | None, seed: int) -> Shape:
    at = one_axis(axis, len(logits))
    if not logits[at]:
        raise ValueError(f"there is no class along axis {axis} of logits {logits}")
    return (*(size or ()), *logits[:at], *logits[at + 1 :])


def _prepare_categorical(attrs: dict[str, Any]) -> None:
    prepare_one_axis(attrs)
    prepare_draw(attrs)


@op(
    formula="categorical({logits}, {axis}, {size}, {seed})",
    shape=_without_classes,
    cost=lambda logits, /, axis, size, seed: 3 * math.prod(logits) * math.prod(size or ()),
    samples=lambda rng: [
        sample(array(rng, 2, 3), seed=1),
        sample(array(rng, 3, 2), axis=0, size=(4,), seed=2),
        sample(array(rng, 4), seed=3),
        sample(np.zeros((0, 2)), seed=4),
    ],
    errors=(
        ErrorSample((np.zeros((2, 0)),), {}, ShapeError, "there is no class along axis -1"),
        ErrorSample((np.zeros(()),), {}, ShapeError, "axis -1 is out of range"),
    ),
    prepare=_prepare_categorical,
    covers=("P04.41",),
)
def categorical(logits: Array, axis: int = -1, size: Size = None, *, seed: Seed = None) -> Any:
    """
    Draw class numbers with the probabilities softmax(logits). No gradient passes: a class number jumps.

    It is the place of the largest logit after a Gumbel draw was added to each, so that no probability is computed.
    `gumbel_softmax` is near to it and passes a gradient.

    Parameters
    ----------
    logits
        Logarithms of probabilities, up to a constant.
    axis
        The axis of the classes.
    size
        How many draws, as axes before those of `logits`.
    seed
        As in `normal`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.random.categorical([0.0, 0.0, 100.0], size=4, seed=0)
    tensor([2, 2, 2, 2])
    """
    _without_classes(np.shape(logits), axis, size, seed)
    at = one_axis(axis, logits.ndim) - logits.ndim
    noise = generator(seed).gumbel(size=(*(size or ()), *logits.shape))
    return np.argmax(logits + noise, at)
