"""What to do next with a model: one number to choose by, where its errors come from, and what mending them can give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphgrad.graph.checks import check_choice, check_number
from graphgrad.graph.errors import ArgumentError, ShapeError, describe
from graphgrad.train.metrics.reading import Array, array_of
from graphgrad.view.numbers import number

__all__ = ["Diagnosis", "ErrorAnalysis", "combined_score", "diagnose", "error_analysis", "select_model"]

# What helps against which gap, in the order in which to try it (P13.13 to P13.16).
REMEDIES = {
    "bias": ("a bigger network", "train longer, or another optimiser", "another architecture"),
    "variance": ("more data", "regularise", "another architecture"),
    "mismatch": ("look at errors on the dev set", "make the training data more similar to it"),
    "overfitting the dev set": ("a bigger dev set",),
}


# ---- one number


def combined_score(scores: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Several metrics as one number, Σ weight · metric (P13.10): accuracy - 0.5 · time, for instance.

    Parameters
    ----------
    scores
        A model's metrics by name.
    weights
        What each counts; negative where less is better. Metrics without a weight don't count.

    Raises
    ------
    ArgumentError
        If a metric with a weight isn't there.
    ValueError
        If a weight is no finite number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.combined_score({"accuracy": 92.0, "time": 95.0}, {"accuracy": 1.0, "time": -0.5})
    44.5
    """
    what = "combined_score"
    return float(
        sum(check_number(what, f"the weight of {name}", w) * _of(what, scores, name) for name, w in weights.items())
    )


def select_model(
    candidates: Sequence[Mapping[str, float]],
    optimizing: str,
    *,
    mode: str = "max",
    at_most: Mapping[str, float] | None = None,
    at_least: Mapping[str, float] | None = None,
) -> int:
    """The candidate with the best optimising metric of those that meet all satisficing ones (P13.10).

    Parameters
    ----------
    candidates
        The metrics of each by name.
    optimizing
        The metric that decides.
    mode
        Whether it should be large, ``"max"``, or small, ``"min"``.
    at_most, at_least
        The satisficing metrics and their limits: a running time, a rate of false positives.

    Returns
    -------
    int
        The place of the best; of equal ones, the first.

    Raises
    ------
    ArgumentError
        If a metric isn't there, or no candidate is within the limits. A metric that is NaN is within none, and is
        never the best.

    Examples
    --------
    >>> import graphgrad as gg
    >>> models = [
    ...     {"accuracy": 90.0, "time": 80.0},
    ...     {"accuracy": 92.0, "time": 95.0},
    ...     {"accuracy": 95.0, "time": 1500.0},
    ... ]
    >>> gg.train.metrics.select_model(models, "accuracy", at_most={"time": 100.0})
    1
    """
    what = "select_model"
    check_choice(what, "mode", mode, ("max", "min"))
    upper, lower = dict(at_most or {}), dict(at_least or {})

    def satisfies(scores: Mapping[str, float]) -> bool:
        value = _of(what, scores, optimizing)
        within = [_of(what, scores, name) <= limit for name, limit in upper.items()]
        within += [_of(what, scores, name) >= limit for name, limit in lower.items()]
        return all(within) and value == value

    within = [place for place, scores in enumerate(candidates) if satisfies(scores)]
    if not within:
        limits = [f"{name} <= {limit}" for name, limit in upper.items()]
        limits += [f"{name} >= {limit}" for name, limit in lower.items()]
        raise ArgumentError(
            describe(
                f"{what}: none of {len(candidates)} candidates has a number for {optimizing!r} and meets the limits",
                *(f"limit: {limit}" for limit in limits),
            )
        )
    sign = 1 if mode == "max" else -1
    return max(within, key=lambda place: sign * candidates[place][optimizing])


def _of(what: str, scores: Mapping[str, float], name: str) -> float:
    if name not in scores:
        raise ArgumentError(
            describe(f"{what}: there is no metric {name!r}", f"there are: {', '.join(map(repr, scores))}")
        )
    return scores[name]


# ---- where errors come from


@dataclass(frozen=True)
class Diagnosis:
    """The gaps between the errors of a model, each of which has a cause of its own; see `diagnose`.

    Attributes
    ----------
    bias
        Training error less human error: avoidable bias.
    variance
        What the model does worse on data of the same kind that it didn't learn from.
    mismatch
        What it does worse on data of another kind; negative if these are easier. None if no error on a training-dev
        set tells it from the variance.
    dev_overfitting
        Test error less dev error; None without a test error.
    """

    bias: float
    variance: float
    mismatch: float | None = None
    dev_overfitting: float | None = None

    @property
    def gaps(self) -> dict[str, float]:
        """The gaps that are known, by name."""
        gaps = {
            "bias": self.bias,
            "variance": self.variance,
            "mismatch": self.mismatch,
            "overfitting the dev set": self.dev_overfitting,
        }
        return {name: gap for name, gap in gaps.items() if gap is not None}

    @property
    def focus(self) -> str | None:
        """The largest gap, of equal ones the first; None if there is none above 0."""
        name = max(self.gaps, key=self.gaps.__getitem__)
        return name if self.gaps[name] > 0 else None

    @property
    def remedies(self) -> tuple[str, ...]:
        """What helps against it, in the order in which to try it."""
        return REMEDIES[self.focus] if self.focus is not None else ()

    def __str__(self) -> str:
        width = max(map(len, self.gaps))
        lines = [f"{name.ljust(width)}  {number(gap):>8}" for name, gap in self.gaps.items()]
        advice = f"{self.focus}: {'; '.join(self.remedies)}" if self.focus else "nothing to mend"
        return "\n".join([*lines, advice])


def diagnose(
    train: float, dev: float, *, human: float = 0.0, train_dev: float | None = None, test: float | None = None
) -> Diagnosis:
    """Tell bias, variance and mismatch of data apart (P13.13, P13.15, P13.16).

    Errors are shares or percentages, or any losses, as long as all are of the same kind. The gaps, in the order in
    which knobs are turned (P13.14): training error over human error, avoidable bias; training-dev error, on a part of
    the training data that wasn't learned from, over training error, variance; dev error over that, mismatch; test error
    over dev error, a dev set that was chosen by too often.

    Parameters
    ----------
    train, dev
        The errors on the training set and on the dev set, that is the validation set.
    human
        The lowest error that people reach, in the place of the smallest that is possible at all (Bayes). With 0, the
        bias is the training error itself.
    train_dev
        The error on samples like those of the training set; needed if the dev set isn't like it. Without, all of
        ``dev - train`` is variance.
    test
        The error on the test set.

    Raises
    ------
    ValueError
        If an error is negative or not finite.

    Examples
    --------
    >>> import graphgrad as gg
    >>> print(gg.train.metrics.diagnose(train=8.0, dev=10.0, human=7.5))
    bias           0.5
    variance         2
    variance: more data; regularise; another architecture
    """
    errors = {"train": train, "dev": dev, "human": human, "train_dev": train_dev, "test": test}
    for name, error in errors.items():
        if error is not None:
            check_number("diagnose", name, error, least=0.0)
    return Diagnosis(
        bias=train - human,
        variance=(dev if train_dev is None else train_dev) - train,
        mismatch=None if train_dev is None else dev - train_dev,
        dev_overfitting=None if test is None else test - dev,
    )


# ---- what mending them can give


@dataclass(frozen=True)
class ErrorAnalysis:
    """Why wrong samples are wrong, and what it can give to mend a cause; see `error_analysis`.

    Attributes
    ----------
    names
        The causes.
    counts
        How many of the samples looked at have each.
    samples
        How many were looked at.
    error
        The error of the dev set.
    """

    names: tuple[str, ...]
    counts: Array
    samples: int
    error: float

    @property
    def shares(self) -> Array:
        """The share of each cause; they may add up to more than 1."""
        return np.asarray(self.counts / self.samples)

    @property
    def errors(self) -> Array:
        """What of the error is due to each cause."""
        return self.shares * self.error

    @property
    def ceilings(self) -> Array:
        """The error that is left if a cause is mended: as far as this work can lead."""
        return self.error - self.errors

    def __str__(self) -> str:
        rows = [["cause", "samples", "share", "error", "left if mended"]]
        for place in np.argsort(-self.counts, kind="stable"):
            numbers = [number(float(part[place])) for part in (self.errors, self.ceilings)]
            rows.append([self.names[place], str(self.counts[place]), f"{100 * self.shares[place]:.3g}%", *numbers])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)


def error_analysis(marks: Any, error: float, names: Sequence[Any] | None = None) -> ErrorAnalysis:
    """Count why samples of the dev set were wrong, and how far mending each cause can lead (P13.17).

    Look at about a hundred wrong samples and mark what is special about each: a dog taken for a cat, blurred, labelled
    wrongly; a sample may have several marks or none. Of an error of 10 % with dogs in 8 of 100, 9.2 % is left without.

    Parameters
    ----------
    marks
        A table of 0 and 1: a row for each wrong sample, a column for each cause.
    error
        The error of the dev set.
    names
        What the causes are called; by default their numbers.

    Raises
    ------
    ShapeError, ArgumentError, ValueError
        If it's no table of 0 and 1, there are not as many names as columns, or the error is no number from 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> marks = [[1, 0], [0, 1], [1, 1], [0, 1], [0, 0]]
    >>> print(gg.train.metrics.error_analysis(marks, 10.0, ["dog", "blurred"]))
    cause    samples  share  error  left if mended
    blurred        3    60%      6               4
    dog            2    40%      4               6
    """
    table = array_of("error_analysis", "marks", marks)
    if table.ndim != 2 or not table.size:
        raise ShapeError(describe(f"error_analysis: marks is a table, samples by causes, got shape {table.shape}"))
    if not np.isin(table, (0, 1)).all():
        raise ArgumentError(describe("error_analysis: a mark is 0 or 1"))
    titles = tuple(map(str, range(table.shape[1]) if names is None else names))
    if len(titles) != table.shape[1]:
        raise ShapeError(describe(f"error_analysis: there are {table.shape[1]} causes and {len(titles)} names"))
    check_number("error_analysis", "error", error, least=0.0)
    return ErrorAnalysis(titles, table.sum(axis=0).astype(np.int64), len(table), error)
