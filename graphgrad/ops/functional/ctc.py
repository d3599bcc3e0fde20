"""Connectionist temporal classification: the loss of a sequence of labels whose places in time aren't known.

At every step the network gives a probability to each label and to a blank. An alignment is a way to say the labels in
order, each for as long as one likes, with blanks between them if one likes; between equal labels there has to be one.
The probability of the labels is the sum over all alignments. With the blanks written out, a sequence of S labels has
2 S + 1 states, and two recursions over time, all examples side by side, add up the alignments: `_prefixes` those that
have come to a state, `_suffixes` those that lead on from it. Both work with logarithms, where nothing underflows, and
run on arrays and tensors alike.

Graves et al., "Connectionist Temporal Classification" (2006).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.indexing import index_add
from graphgrad.ops.attributes import keep_integers
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.functional.loss_parts import (
    BAD_REDUCTION,
    in_floats,
    prepare,
    reduce,
    reduced,
    reduction_only,
    values_of,
)
from graphgrad.ops.samples import sample

NAMESPACE = "nn.functional"
__all__ = ["ctc_loss"]

Shape = tuple[int, ...]

_index_add: Callable[..., Any] = polymorphic(index_add)


def _shape(
    log_probs: Shape, targets: Shape, input_lengths: Shape, target_lengths: Shape, /, *, reduction: str, **_: Any
) -> Shape:
    if len(log_probs) not in (2, 3):
        raise ValueError(f"log_probs has the shape (T, N, C), or (T, C) of a single example, got {log_probs}")
    if not log_probs[0]:
        raise ValueError(f"log_probs needs one step at least, got {log_probs}")
    examples = log_probs[1:-1]
    if targets != () and len(targets) != 1 and (len(targets) != 2 or targets[:1] != examples):
        wanted = f"{(*examples, 'S')} or (sum of target_lengths,)" if examples else "(S,)"
        raise ValueError(f"targets has the shape {wanted}, got {targets}".replace("'", ""))
    if targets == ():
        raise ValueError("targets has an axis of labels, got a single number")
    for name, lengths in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        if lengths != examples and (examples or lengths != (1,)):
            raise ValueError(f"{name} has one number for each example, shape {examples}, got {lengths}")
    return reduction_only(examples, reduction)


class _States:
    """The labels of all examples with the blanks written out, side by side, and how long each example is.

    The axes of its arrays are the examples and the states. States beyond an example's own do no harm: a path never goes
    back, so that it can't come from there to the end.
    """

    def __init__(self, shape: Shape, targets: Any, input_lengths: Any, target_lengths: Any, blank: int) -> None:
        targets, input_lengths, target_lengths = map(values_of, (targets, input_lengths, target_lengths))
        for name, one in (("targets", targets), ("input_lengths", input_lengths), ("target_lengths", target_lengths)):
            if one.size and one.dtype.kind not in "iu":
                raise TypeError(f"{name} holds integers, got {one.dtype}")
        self.is_single = len(shape) == 2
        steps, classes = shape[0], shape[-1]
        self.input_lengths = _checked("input_lengths", input_lengths.reshape(-1), steps)
        if not 0 <= blank < classes:
            raise ValueError(f"blank is one of the classes from 0 to {classes - 1}, got {blank}")
        labels = _padded(targets, target_lengths.reshape(-1), self.is_single, blank)
        self.target_lengths = target_lengths.reshape(-1).astype(np.int64)
        is_label = np.arange(labels.shape[1]) < self.target_lengths[:, None]
        meant = labels[is_label]
        if meant.size and not (meant.min() >= 0 and meant.max() < classes and np.all(meant != blank)):
            raise ValueError(
                f"targets holds classes from 0 to {classes - 1} without the blank, {blank}; "
                f"it has {sorted(set(meant.tolist()))[:6]}"
            )
        n, most = labels.shape
        self.labels = np.full((n, 2 * most + 1), blank)
        self.labels[:, 1::2] = labels
        self.states = np.arange(2 * most + 1)
        # Over the blank between two labels that differ.
        self.skips = np.zeros(self.labels.shape, bool)
        self.skips[:, 2:] = (self.states[2:] % 2 == 1) & (self.labels[:, 2:] != self.labels[:, :-2])
        last = 2 * self.target_lengths[:, None]
        self.starts = (self.states < 2) & (self.states <= last)
        self.ends = (self.states == last) | (self.states == last - 1)
        self.key = (slice(None), np.arange(n)[:, None], self.labels)

    def emissions(self, log_probs: Any) -> Any:
        """The logarithm of the probability of each state at each step: axes are steps, examples, states."""
        return (log_probs[:, None] if self.is_single else log_probs)[self.key]

    def is_on(self, t: int) -> Any:
        """Which examples have a step t, counted from 0."""
        return (t < self.input_lengths)[:, None]

    def from_before(self, a: Any) -> Any:
        """What comes into each state: from itself, from the one before it, from that before the blank."""
        return self._joined(a, -1, self.skips)

    def from_behind(self, a: Any) -> Any:
        """What leads on from each state, the other way round."""
        skips = np.zeros_like(self.skips)
        skips[:, :-2] = self.skips[:, 2:]
        return self._joined(a, 1, skips)

    def _joined(self, a: Any, step: int, skips: Any) -> Any:
        n = len(self.states)
        near, far = (np.clip(self.states + k * step, 0, n - 1) for k in (1, 2))
        joined = np.logaddexp(a, np.where(near == self.states + step, a[:, near], -np.inf))
        return np.logaddexp(joined, np.where(skips, a[:, far], -np.inf))


def _checked(name: str, lengths: Any, most: int) -> Any:
    if lengths.size and (lengths.min() < 0 or lengths.max() > most):
        raise ValueError(f"{name} are from 0 to {most}, got {int(lengths.min())} to {int(lengths.max())}")
    return lengths


def _padded(targets: Any, lengths: Any, is_single: bool, blank: int) -> Any:
    """The labels of each example in a row."""
    if targets.ndim == 2 or is_single:
        rows = targets.reshape(-1, targets.shape[-1]) if targets.ndim == 2 else targets[None]
        _checked("target_lengths", lengths, rows.shape[1])
        return rows
    _checked("target_lengths", lengths, targets.size)
    if lengths.sum() != targets.size:
        raise ValueError(f"targets holds {targets.size} labels in a row, target_lengths add up to {lengths.sum()}")
    rows = np.full((lengths.size, int(lengths.max(initial=0))), blank)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = targets
    return rows


def _prefixes(e: Any, states: _States) -> list[Any]:
    """For each step the logarithm of the probability of all paths that are in a state then, that step included."""
    prefixes = [np.where(states.starts, e[0], -np.inf)]
    for t in range(1, len(e)):
        before = prefixes[-1]
        prefixes.append(np.where(states.is_on(t), states.from_before(before) + e[t], before))
    return prefixes


def _suffixes(e: Any, states: _States) -> list[Any]:
    """For each step the same of all paths that lead from a state to the end, that step not included."""
    end = np.where(states.ends, 0.0, -np.inf).astype(e.dtype)
    suffixes = [end]
    for t in range(len(e) - 1, 0, -1):
        suffixes.append(np.where(states.is_on(t), states.from_behind(suffixes[-1] + e[t]), end))
    return suffixes[::-1]


def _log_likelihood(prefixes: list[Any], states: _States) -> Any:
    """The logarithm of the probability of the labels of each example."""
    rows, last = np.arange(len(states.labels)), 2 * states.target_lengths
    at_label = np.where(last > 0, prefixes[-1][rows, np.maximum(last - 1, 0)], -np.inf)
    found = np.logaddexp(prefixes[-1][rows, last], at_label)
    # Without any step there is one path if there are no labels, and none else.
    without = np.where(last > 0, -np.inf, 0.0).astype(found.dtype)
    return np.where(states.input_lengths > 0, found, without)


def _per_label(losses: Any, states: _States, reduction: str) -> Any:
    """The losses as they are reduced: a mean is that of the losses per label."""
    return losses / np.maximum(states.target_lengths, 1).astype(losses.dtype) if reduction == "mean" else losses


def _losses(log_probs: Any, states: _States, reduction: str, zero_infinity: bool) -> Any:
    losses = -_log_likelihood(_prefixes(states.emissions(log_probs), states), states)
    if zero_infinity:
        losses = np.where(np.isinf(values_of(losses)), 0.0, losses)
    losses = _per_label(losses, states, reduction)
    return losses[0] if states.is_single and reduction == "none" else losses


def _gradient(g: Any, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, attrs: Any) -> Any:
    states = _States(np.shape(log_probs), targets, input_lengths, target_lengths, attrs["blank"])
    e = states.emissions(log_probs)
    prefixes, suffixes = _prefixes(e, states), _suffixes(e, states)
    whole = _log_likelihood(prefixes, states)
    if attrs["zero_infinity"]:
        whole = np.where(np.isinf(values_of(whole)), 0.0, whole)
    whole = whole[:, None]
    # How probable it is, given the labels, that an example is in a state at a step.
    presence = np.stack(
        [
            np.where(states.is_on(t), np.exp(before + behind - whole), 0.0)
            for t, (before, behind) in enumerate(zip(prefixes, suffixes, strict=True))
        ]
    )
    n = len(states.labels)
    if attrs["reduction"] == "mean":
        g = g / (n * np.maximum(states.target_lengths, 1)).astype(log_probs.dtype)
    each = np.reshape(g, (-1, 1)) if np.size(g) == n else g
    shape = (log_probs.shape[0], n, log_probs.shape[-1])
    return np.reshape(_index_add(-presence * each, shape, states.key), log_probs.shape)


def _prepare(attrs: dict[str, Any]) -> None:
    prepare(attrs)
    keep_integers(attrs, "blank")


def _expanded(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int,
    reduction: str,
    zero_infinity: bool,
) -> Any:
    (log_probs,) = in_floats(log_probs)
    states = _States(log_probs.shape, targets, input_lengths, target_lengths, blank)
    return reduced(_losses(log_probs, states, reduction, zero_infinity), reduction)


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    def log_probs(*shape: int) -> Any:
        return np.log(rng.dirichlet(np.ones(shape[-1]) * 3.0, shape[:-1]))

    both = (np.array([4, 3]), np.array([2, 1]))
    yield sample(log_probs(4, 2, 3), np.array([[1, 2], [2, 0]]), *both)
    yield sample(log_probs(4, 2, 3), np.array([2, 2, 1]), *both, reduction="none")
    yield sample(log_probs(4, 2, 3), np.array([[0, 1], [1, 0]]), *both, blank=2, reduction="sum")
    yield sample(log_probs(3, 3), np.array([1, 2]), np.array(3), np.array(2), reduction="none")
    # No alignment: two equal labels take three steps.
    impossible = (np.array([[2, 0], [1, 1]]), np.array([1, 2]), np.array([1, 2]))
    yield sample(log_probs(2, 2, 3), *impossible, zero_infinity=True)
    yield sample(
        log_probs(2, 3, 2), np.array([[1], [0], [1]]), np.array([0, 2, 0]), np.array([0, 0, 1]), zero_infinity=True
    )


def _refused(words: str, error: type[Exception], *operands: Any, **attrs: Any) -> ErrorSample:
    given = [np.zeros((4, 2, 3)), np.array([[1, 2], [2, 1]]), np.array([4, 3]), np.array([2, 1])]
    return ErrorSample((*operands, *given[len(operands) :]), attrs, error, words)


_X, _Y = np.zeros((4, 2, 3)), np.array([[1, 2], [2, 1]])


@op(
    symbol="CTC",
    log_probs=_gradient,
    formula="reduced(-log(alignments({log_probs}, {targets}, {input_lengths}, {target_lengths}, {blank})), "
    "{target_lengths}, {reduction}, {zero_infinity})",
    back={"log_probs": "-{g} · how probable each label is at each step, given the labels of the whole{share}"},
    shape=_shape,
    cost=lambda log_probs, targets, *_, **__: 8 * math.prod(log_probs[:-1]) * (2 * targets[-1] + 1),
    samples=_samples,
    errors=(
        _refused("has the shape (T, N, C)", ShapeError, np.zeros(3)),
        _refused("needs one step at least", ShapeError, np.zeros((0, 2, 3))),
        _refused("targets has the shape (2, S)", ShapeError, _X, np.zeros((3, 2), int)),
        _refused("targets has an axis of labels", ShapeError, _X, np.array(1)),
        _refused("input_lengths has one number for each example", ShapeError, _X, _Y, np.array([4])),
        _refused("input_lengths are from 0 to 4, got 3 to 5", ArgumentError, _X, _Y, np.array([5, 3])),
        _refused("target_lengths are from 0 to 2", ArgumentError, _X, _Y, np.array([4, 3]), np.array([3, 1])),
        _refused("target_lengths add up to 3", ArgumentError, _X, np.array([1, 2, 1, 1])),
        _refused("without the blank, 0; it has [0, 2]", ArgumentError, _X, np.array([[0, 2], [2, 1]])),
        _refused("classes from 0 to 2", ArgumentError, _X, np.array([[1, 3], [2, 1]])),
        _refused("blank is one of the classes from 0 to 2, got 3", ArgumentError, blank=3),
        _refused("targets holds integers", DTypeError, _X, np.ones((2, 2))),
        _refused("one of mean, sum, none", ArgumentError, **BAD_REDUCTION),
    ),
    prepare=_prepare,
    expand=_expanded,
)
def ctc_loss(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """
    Minus the logarithm of the probability of a sequence of labels, over all ways to align it with the steps.

    The gradient for `log_probs` is minus how probable each class is at each step, given the labels. PyTorch hands out
    what arrives before a `log_softmax` instead, in which the probabilities are added already; behind a `log_softmax`
    both are the same.

    Parameters
    ----------
    log_probs
        Logarithms of probabilities, of shape (T, N, C): steps, examples, classes; or (T, C) of a single example.
    targets
        The labels, classes other than the blank: of shape (N, S), padded with anything; or all in a row, of shape
        (sum of target_lengths,); or (S,) of a single example.
    input_lengths, target_lengths
        How many steps and labels each example has, of shape (N,); or () of a single example.
    blank
        The class of the blank.
    reduction
        ``"mean"`` divides each loss by its number of labels, and takes the mean over the examples; ``"sum"``; or
        ``"none"`` for one loss per example.
    zero_infinity
        Make losses that are infinite, of labels that take more steps than there are, and their gradients 0. Else such a
        gradient is nan.

    Examples
    --------
    >>> import graphgrad as gg
    >>> log_probs = gg.log(
    ...     gg.full((3, 1, 2), 0.5)
    ... )  # three steps, a blank and one label: six of eight paths say it once
    >>> gg.nn.functional.ctc_loss(log_probs, [[1]], [3], [1])
    tensor(0.2877)
    """
    _shape(*map(np.shape, (log_probs, targets, input_lengths, target_lengths)), reduction=reduction)
    (log_probs,) = in_floats(log_probs)
    states = _States(log_probs.shape, targets, input_lengths, target_lengths, blank)
    return reduce(_losses(log_probs, states, reduction, zero_infinity), reduction)
