"""Losses of energy-based models: the energy of the right answer against that of the most offending wrong one.

The right one should be low; of the wrong ones the lowest counts, which offends most. LeCun et al., "A Tutorial on
Energy-Based Learning" (2006), table 1, whose names they have. `graphgrad.nn.functional` offers them; `energies` has
those that know the energies of all answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.array.arithmetic import multiply, negative, square, subtract
from graphgrad.ops.array.elementwise import exp, relu, sigmoid, softplus
from graphgrad.ops.array.selection import minimum
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.functional.loss_parts import (
    ABOVE_ZERO,
    ANY_NUMBER,
    BAD_REDUCTION,
    alike,
    cost,
    in_floats,
    pairs,
    per_loss,
    prepare,
    prepare_with,
    reduce,
    reduced,
    shapes_of,
)

NAMESPACE = "nn.functional"
__all__ = [
    "energy_hinge_loss",
    "energy_log_loss",
    "lvq2_loss",
    "mce_loss",
    "square_exponential_loss",
    "square_square_loss",
]

Shape = tuple[int, ...]
_sigmoid: Callable[..., Any] = polymorphic(sigmoid)
_softplus: Callable[..., Any] = polymorphic(softplus)

_PAIR_REFUSED = (
    ErrorSample((np.zeros((3, 1)), np.zeros(3)), {}, ShapeError, "must have the same shape"),
    ErrorSample((np.zeros(3), np.zeros(3)), BAD_REDUCTION, ArgumentError, "one of mean, sum, none"),
)


def _pair_shape(correct: Shape, incorrect: Shape, /, *, reduction: str, **_: Any) -> Shape:
    return alike(correct, incorrect, reduction=reduction, names=("correct", "incorrect"))


def _values(loss: Callable[[Any, Any], Any], correct: Any, incorrect: Any, reduction: str) -> Any:
    _pair_shape(*shapes_of(correct, incorrect), reduction=reduction)
    return reduce(loss(*in_floats(correct, incorrect)), reduction)


def _expand(loss: Callable[[Any, Any], Any], correct: Any, incorrect: Any, reduction: str) -> Any:
    return reduced(loss(*in_floats(correct, incorrect)), reduction)


def _hinge_slope(g: Any, correct: Any, incorrect: Any, margin: float, reduction: str) -> Any:
    """For the right answer; the wrong one has the opposite."""
    return np.where(margin + (correct - incorrect) > 0, per_loss(g, np.size(correct), reduction), 0.0)


@op(
    symbol="hinge",
    correct=_hinge_slope,
    incorrect=lambda g, correct, incorrect, margin, reduction: -_hinge_slope(g, correct, incorrect, margin, reduction),
    formula="maximum(0, {margin} + {correct} - {incorrect})",
    back={
        "correct": "{g} where the margin is missed{share}",
        "incorrect": "-{g} where the margin is missed{share}",
    },
    shape=_pair_shape,
    cost=cost(3),
    samples=lambda rng: [*pairs(rng), *pairs(rng, margin=0.5)][:6],
    errors=_PAIR_REFUSED,
    prepare=prepare_with(margin=ANY_NUMBER),
    expand=lambda correct, incorrect, margin, reduction: _expand(
        lambda e, other: relu(margin + (e - other)), correct, incorrect, reduction
    ),
    covers=("P21.10", "P21.17"),
)
def energy_hinge_loss(correct: Array, incorrect: Array, margin: float = 1.0, *, reduction: str = "mean") -> Any:
    """
    The max-margin loss of energies: max(0, margin + correct - incorrect).

    It is 0 once the right answer lies below the wrong one by the margin. The derivative at the kink is 0.

    Parameters
    ----------
    correct
        The energy of the right answer.
    incorrect
        The energy of the most offending wrong one, of the same shape.
    margin
        By how much the wrong one should lie above.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.energy_hinge_loss(1.5, 0.5)
    tensor(2.)
    """
    return _values(lambda e, other: np.maximum(margin + (e - other), 0.0), correct, incorrect, reduction)


@op(
    symbol="log hinge",
    correct=lambda g, correct, incorrect, reduction: (
        per_loss(g, np.size(correct), reduction) * _sigmoid(correct - incorrect)
    ),
    incorrect=lambda g, correct, incorrect, reduction: (
        per_loss(g, np.size(correct), reduction) * -_sigmoid(correct - incorrect)
    ),
    formula="log(1 + exp({correct} - {incorrect}))",
    back={
        "correct": "{g} · sigmoid({correct} - {incorrect}){share}",
        "incorrect": "{g} · (-sigmoid({correct} - {incorrect})){share}",
    },
    shape=_pair_shape,
    cost=cost(4),
    samples=pairs,
    errors=_PAIR_REFUSED,
    prepare=prepare,
    expand=lambda correct, incorrect, reduction: _expand(
        lambda e, other: softplus(subtract(e, other)), correct, incorrect, reduction
    ),
    covers=("P21.11",),
)
def energy_log_loss(correct: Array, incorrect: Array, *, reduction: str = "mean") -> Any:
    """
    The soft hinge of energies, log(1 + exp(correct - incorrect)): the margin is infinite, the force fades.

    Parameters
    ----------
    correct, incorrect, reduction
        As in `energy_hinge_loss`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.energy_log_loss(1.5, 0.5)
    tensor(1.3133)
    """
    return _values(lambda e, other: _softplus(e - other), correct, incorrect, reduction)


def _lvq2_slope(g: Any, correct: Any, incorrect: Any, cap: float, reduction: str) -> Any:
    ahead = correct - incorrect
    return np.where(ahead > 0, np.where(ahead < cap, per_loss(g, np.size(correct), reduction), 0.0), 0.0)


@op(
    symbol="LVQ2",
    correct=_lvq2_slope,
    incorrect=lambda g, correct, incorrect, cap, reduction: -_lvq2_slope(g, correct, incorrect, cap, reduction),
    formula="minimum({cap}, maximum(0, {correct} - {incorrect}))",
    back={
        "correct": "{g} where the loss is between 0 and cap{share}",
        "incorrect": "-{g} where the loss is between 0 and cap{share}",
    },
    shape=_pair_shape,
    cost=cost(3),
    samples=lambda rng: [*pairs(rng), *pairs(rng, cap=2.0)][:6],
    errors=(
        *_PAIR_REFUSED,
        ErrorSample((np.zeros(3), np.zeros(3)), {"cap": 0.0}, ArgumentError, "cap is above 0, got 0.0"),
    ),
    prepare=prepare_with(cap=ABOVE_ZERO),
    expand=lambda correct, incorrect, cap, reduction: _expand(
        lambda e, other: minimum(relu(subtract(e, other)), cap), correct, incorrect, reduction
    ),
    covers=("P21.12",),
)
def lvq2_loss(correct: Array, incorrect: Array, cap: float = 1.0, *, reduction: str = "mean") -> Any:
    """
    The loss of learning vector quantisation, min(cap, max(0, correct - incorrect)): hopeless answers are let go.

    Its margin is 0. The derivative at both kinks is 0.

    Parameters
    ----------
    correct, incorrect, reduction
        As in `energy_hinge_loss`.
    cap
        What a loss is at most, above 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.lvq2_loss(1.5, 0.5, cap=2.0)
    tensor(1.)
    """
    return _values(lambda e, other: np.minimum(np.maximum(e - other, 0.0), cap), correct, incorrect, reduction)


def _mce_slope(g: Any, correct: Any, incorrect: Any, reduction: str) -> Any:
    ahead = correct - incorrect
    return per_loss(g, np.size(correct), reduction) * (_sigmoid(ahead) * _sigmoid(-ahead))


@op(
    symbol="MCE",
    correct=_mce_slope,
    incorrect=lambda g, correct, incorrect, reduction: -_mce_slope(g, correct, incorrect, reduction),
    formula="1 / (1 + exp({incorrect} - {correct}))",
    back={
        "correct": "{g} · the loss · (1 - the loss){share}",
        "incorrect": "-{g} · the loss · (1 - the loss){share}",
    },
    shape=_pair_shape,
    cost=cost(4),
    samples=pairs,
    errors=_PAIR_REFUSED,
    prepare=prepare,
    expand=lambda correct, incorrect, reduction: _expand(
        lambda e, other: sigmoid(subtract(e, other)), correct, incorrect, reduction
    ),
    covers=("P21.13",),
)
def mce_loss(correct: Array, incorrect: Array, *, reduction: str = "mean") -> Any:
    """
    The minimum classification error loss, sigmoid(correct - incorrect): a count of errors, made smooth.

    Parameters
    ----------
    correct, incorrect, reduction
        As in `energy_hinge_loss`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.mce_loss(1.5, 0.5)
    tensor(0.7311)
    """
    return _values(lambda e, other: _sigmoid(e - other), correct, incorrect, reduction)


@op(
    symbol="square-square",
    correct=lambda g, correct, reduction: per_loss(g, np.size(correct), reduction) * (2.0 * correct),
    incorrect=lambda g, incorrect, margin, reduction: (
        per_loss(g, np.size(incorrect), reduction) * (-2.0 * np.maximum(margin - incorrect, 0.0))
    ),
    formula="{correct} ** 2 + maximum(0, {margin} - {incorrect}) ** 2",
    back={
        "correct": "{g} · 2 · {correct}{share}",
        "incorrect": "{g} · (-2) · what {incorrect} lacks to the margin{share}",
    },
    shape=_pair_shape,
    cost=cost(5),
    samples=lambda rng: [*pairs(rng), *pairs(rng, margin=0.5)][:6],
    errors=_PAIR_REFUSED,
    prepare=prepare_with(margin=ANY_NUMBER),
    expand=lambda correct, incorrect, margin, reduction: _expand(
        lambda e, other: square(e) + square(relu(subtract(margin, other))), correct, incorrect, reduction
    ),
    covers=("P21.14",),
)
def square_square_loss(correct: Array, incorrect: Array, margin: float = 1.0, *, reduction: str = "mean") -> Any:
    """
    The square-square loss of energies that are 0 at best: correct² + max(0, margin - incorrect)².

    Parameters
    ----------
    correct, incorrect, reduction
        As in `energy_hinge_loss`.
    margin
        What the energy of a wrong answer should be.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.square_square_loss(1.5, 0.5)
    tensor(2.5)
    """
    return _values(
        lambda e, other: np.square(e) + np.square(np.maximum(margin - other, 0.0)), correct, incorrect, reduction
    )


@op(
    symbol="square-exp",
    correct=lambda g, correct, reduction: per_loss(g, np.size(correct), reduction) * (2.0 * correct),
    incorrect=lambda g, incorrect, beta, reduction: (
        per_loss(g, np.size(incorrect), reduction) * (-beta * np.exp(-incorrect))
    ),
    formula="{correct} ** 2 + {beta} * exp(-{incorrect})",
    back={
        "correct": "{g} · 2 · {correct}{share}",
        "incorrect": "{g} · (-beta · exp(-{incorrect})){share}",
    },
    shape=_pair_shape,
    cost=cost(4),
    samples=lambda rng: [*pairs(rng), *pairs(rng, beta=0.5)][:6],
    errors=_PAIR_REFUSED,
    prepare=prepare_with(beta=ANY_NUMBER),
    expand=lambda correct, incorrect, beta, reduction: _expand(
        lambda e, other: square(e) + multiply(beta, exp(negative(other))), correct, incorrect, reduction
    ),
    covers=("P21.15",),
)
def square_exponential_loss(correct: Array, incorrect: Array, beta: float = 1.0, *, reduction: str = "mean") -> Any:
    """
    The square-exponential loss of energies that are 0 at best: correct² + beta · exp(-incorrect).

    Parameters
    ----------
    correct, incorrect, reduction
        As in `energy_hinge_loss`.
    beta
        How strongly a wrong answer is pushed up.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.square_exponential_loss(1.5, 0.5)
    tensor(2.8565)
    """
    return _values(lambda e, other: np.square(e) + beta * np.exp(-other), correct, incorrect, reduction)
