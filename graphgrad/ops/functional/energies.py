"""Losses of energy-based models that know the energies of all answers, and which of them is right.

The right answer should have a low energy, the others a high one. LeCun et al., "A Tutorial on Energy-Based Learning"
(2006), table 1, whose names they have. `graphgrad.nn.functional` offers them; `energy_margins` has those that compare
the right answer with one wrong one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.arithmetic import divide, multiply, negative, subtract
from graphgrad.ops.array.reductions import min as min_of
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.softmaxes import log_softmax, softmax
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array
from graphgrad.ops.functional.classes import Classes, classes_shape
from graphgrad.ops.functional.loss_parts import ABOVE_ZERO, cost, in_floats, prepare, prepare_with, reduced, shapes_of
from graphgrad.ops.samples import sample

NAMESPACE = "nn.functional"
__all__ = ["energy_loss", "energy_nll_loss", "mee_loss", "perceptron_loss"]

Shape = tuple[int, ...]


def _all_shape(energies: Shape, target: Shape, /, *, reduction: str, **_: Any) -> Shape:
    if len(energies) not in (1, 2):
        raise ValueError(f"energies has the shape (N, answers) or (answers,), got {energies}")
    return classes_shape(energies, target, reduction=reduction)


def _of_all(name: str, energies: Any, target: Any, reduction: str) -> tuple[Any, Classes]:
    """All energies, and which answers are right."""
    _all_shape(*shapes_of(energies, target), reduction=reduction)
    classes = Classes(target, energies.shape)
    classes.check(name)
    (energies,) = in_floats(energies)
    return energies, classes


def _all_samples(rng: np.random.Generator, **attrs: Any) -> Iterator[Sample]:
    yield sample(rng.normal(size=(4, 3)), rng.integers(0, 3, 4), **attrs)
    yield sample(rng.normal(size=(2, 3)), np.array([2, 0]), reduction="none", **attrs)
    yield sample(rng.normal(size=(3,)), np.array(1), reduction="sum", **attrs)
    yield sample(np.zeros((0, 3)), np.zeros(0, int), reduction="sum", **attrs)


_ALL_REFUSED = (
    ErrorSample((np.zeros((2, 3)), np.array([0, 3])), {}, ArgumentError, "class indices go from 0 to 2"),
    ErrorSample((np.zeros((2, 3)), np.array([0.0, 1.0])), {}, DTypeError, "must be integers"),
    ErrorSample((np.zeros((2, 3)), np.array([0])), {}, ShapeError, "class indices of shape (2,)"),
    ErrorSample((np.zeros((2, 3, 2)), np.zeros((2, 2), int)), {}, ShapeError, "(N, answers) or (answers,)"),
)
_BETA_REFUSED = ErrorSample((np.zeros(3), np.array(0)), {"beta": 0.0}, ArgumentError, "beta is above 0, got 0.0")


@composite(
    symbol="E",
    formula="{energies}[{target}]",
    shape=_all_shape,
    cost=lambda energies, *_, **__: math.prod(energies[:-1]),
    samples=_all_samples,
    errors=_ALL_REFUSED,
    prepare=prepare,
    covers=("P21.06", "P21.08"),
)
def energy_loss(energies: Array, target: Array, *, reduction: str = "mean") -> Any:
    """
    The energy of the right answer, and nothing else.

    Nothing pushes wrong answers up: unless the model keeps them from it, all energies collapse to the same.

    Parameters
    ----------
    energies
        Of all answers: shape (N, answers) or (answers,).
    target
        Which answer is right, of shape (N,) or ().
    reduction
        ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for one loss per example.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.energy_loss([1.0, 2.0, 3.0], 1)
    tensor(2.)
    """
    energies, classes = _of_all("energy_loss", energies, target, reduction)
    return reduced(classes.picked(energies), reduction)


@composite(
    symbol="perceptron",
    formula="{energies}[{target}] - min({energies})",
    shape=_all_shape,
    cost=cost(2),
    samples=_all_samples,
    errors=_ALL_REFUSED,
    prepare=prepare,
    covers=("P21.09",),
)
def perceptron_loss(energies: Array, target: Array, *, reduction: str = "mean") -> Any:
    """
    The perceptron loss of energies: that of the right answer minus the lowest one.

    It is 0 as soon as the right answer is the lowest, without a margin; `energy_nll_loss` comes near to it as beta
    grows.

    Parameters
    ----------
    energies, target, reduction
        As in `energy_loss`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.perceptron_loss([1.0, 2.0, 3.0], 1)
    tensor(1.)
    """
    energies, classes = _of_all("perceptron_loss", energies, target, reduction)
    return reduced(subtract(classes.picked(energies), min_of(energies, -1)), reduction)


@composite(
    symbol="NLL",
    formula="{energies}[{target}] + logsumexp(-{beta} * {energies}) / {beta}",
    shape=_all_shape,
    cost=cost(6),
    samples=lambda rng: [*_all_samples(rng), *_all_samples(rng, beta=2.5)][:6],
    errors=(*_ALL_REFUSED, _BETA_REFUSED),
    prepare=prepare_with(beta=ABOVE_ZERO),
    covers=("P21.04", "P21.07"),
)
def energy_nll_loss(energies: Array, target: Array, beta: float = 1.0, *, reduction: str = "mean") -> Any:
    """
    The negative log-likelihood of the right answer under the Gibbs distribution of the energies, divided by `beta`.

    Also called the loss of maximum mutual information. It is E(right) + log(sum(exp(-beta · E))) / beta: the right
    answer is pulled down with a force of 1, every answer is pushed up with its probability.

    Parameters
    ----------
    energies, target, reduction
        As in `energy_loss`.
    beta
        The inverse temperature, above 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.energy_nll_loss([1.0, 2.0, 3.0], 1)
    tensor(1.4076)
    """
    energies, classes = _of_all("energy_nll_loss", energies, target, reduction)
    log_p = log_softmax(multiply(-beta, energies), -1)
    return reduced(divide(negative(classes.picked(log_p)), beta), reduction)


@composite(
    symbol="MEE",
    formula="1 - exp(-{beta} * {energies}[{target}] - logsumexp(-{beta} * {energies}))",
    shape=_all_shape,
    cost=cost(6),
    samples=lambda rng: [*_all_samples(rng), *_all_samples(rng, beta=2.5)][:6],
    errors=(*_ALL_REFUSED, _BETA_REFUSED),
    prepare=prepare_with(beta=ABOVE_ZERO),
    covers=("P21.16",),
)
def mee_loss(energies: Array, target: Array, beta: float = 1.0, *, reduction: str = "mean") -> Any:
    """
    The minimum empirical error loss: 1 minus the probability of the right answer under the Gibbs distribution.

    Parameters
    ----------
    energies, target, reduction
        As in `energy_loss`.
    beta
        The inverse temperature, above 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.mee_loss([1.0, 2.0, 3.0], 1)
    tensor(0.7553)
    """
    energies, classes = _of_all("mee_loss", energies, target, reduction)
    p = softmax(multiply(-beta, energies), -1)
    # The probability of the others, not 1 minus that of the right answer, keeps its digits where it is small.
    return reduced(sum_of(multiply(p, 1.0 - classes.hot(energies.dtype)), -1), reduction)
