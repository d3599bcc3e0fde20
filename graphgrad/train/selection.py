"""Judging by data that wasn't trained on: cross-validation, and curves of what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from graphgrad.data import KFold, StratifiedKFold
from graphgrad.data.splits import taken
from graphgrad.graph import checks
from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.train.history import is_number, sign_of
from graphgrad.train.spaces import python_value
from graphgrad.train.sweep import Sweeper, SweepOptions, name_of
from graphgrad.train.trials import Trial, TrialError
from graphgrad.view.numbers import number

__all__ = ["Curve", "FoldScores", "cross_validate", "learning_curve", "validation_curve"]

Array = np.ndarray[Any, Any]
Split = tuple[Array, Array]


def cross_validate(
    function: Callable[..., Any],
    x: Any,
    y: Any = None,
    *,
    cv: Any = 5,
    stratify: bool = False,
    **options: Unpack[SweepOptions],
) -> FoldScores:
    """Train k times, and measure each time on the fold that was held out (P13.19).

    Hold out a test set before that, and choose by these scores alone; then train once more on all that isn't the test
    set, and measure that model on the test set, once.

    Parameters
    ----------
    function
        Called as ``function(train, test)``, both of them ``(x, y)``, or x alone if there is no y. It makes a model,
        trains it, and returns a score, or a mapping from names to numbers, such as what `evaluate` returns. What it
        fits to data, a scaler too, it fits to `train`.
    x, y
        Arrays whose first axis counts the samples; a tuple of arrays for several inputs.
    cv
        The number of folds, which are shuffled; or an object with ``split(x, y)``, such as `graphgrad.data.KFold`.
    stratify
        Whether each fold has the classes of y in the proportions of the whole.
    **options
        As in `sweep`: ``seed``, ``n_jobs``, ``cluster``, ``journal``, ... Folds are drawn with the seed, and each one's
        random numbers begin with a seed of its own. A journal is of these folds; it doesn't know what the samples are.

    Returns
    -------
    FoldScores
        The scores of all folds, by name: the numbers that all folds have.

    Raises
    ------
    ShapeError
        If arrays differ in length, or have none.
    TrialError
        If a fold failed; the others have run by then, and with a journal they are kept.

    Examples
    --------
    >>> import graphgrad as gg
    >>> def nearest_mean(train, test):
    ...     (x, t), (x_test, t_test) = train, test
    ...     means = gg.stack([gg.tensor(x[t == c].mean(0)) for c in range(3)]).data
    ...     found = ((x_test[:, None] - means) ** 2).sum(2).argmin(1)
    ...     return {"accuracy": (found == t_test).mean()}
    >>> scores = gg.train.cross_validate(nearest_mean, *gg.datasets.iris(), cv=5, stratify=True, seed=0)
    >>> len(scores["accuracy"]), scores.mean("accuracy") > 0.9
    (5, True)
    """
    with Sweeper("cross_validate", function, None, "auto", options) as sweeper:
        splits = _splits("cross_validate", x, y, cv, stratify, sweeper.seed)
        sweeper.function = _Fold(function, x, y, [splits])
        trials = _succeeded(sweeper.run([{"fold": fold} for fold in range(len(splits))]))
    return FoldScores([trial.values for trial in trials])


def learning_curve(
    function: Callable[..., Any],
    x: Any,
    y: Any = None,
    *,
    train_sizes: Iterable[float] = (0.1, 0.325, 0.55, 0.775, 1.0),
    cv: Any = 5,
    stratify: bool = False,
    **options: Unpack[SweepOptions],
) -> Curve:
    """Cross-validate with more and more samples to train on (P13.20).

    Where training and validation error meet, more data don't help, and a larger model may; where they stay apart, more
    data do (P13.13). A fold's smaller sets are parts of its larger ones, and all are judged by the same samples.

    Parameters
    ----------
    function, x, y, cv, stratify, **options
        As in `cross_validate`. For two curves the function returns two numbers, such as ``train_loss`` and
        ``val_loss``.
    train_sizes
        With how many samples to train: fractions, above 0 and up to 1, of what all folds have to train on, or whole
        numbers.

    Returns
    -------
    Curve
        Over the numbers of samples: increasing, each once.

    Raises
    ------
    ValueError
        If a size is out of range. Others as in `cross_validate`.

    Examples
    --------
    >>> import numpy as np
    >>> import graphgrad as gg
    >>> def mean_of(train, test):
    ...     return {"error": abs(train[0].mean() - test[0].mean())}
    >>> x = np.arange(60.0)
    >>> gg.train.learning_curve(mean_of, x, train_sizes=[0.25, 0.5, 1.0], cv=3, seed=0).points.tolist()
    [10, 20, 40]
    """
    with Sweeper("learning_curve", function, None, "auto", options) as sweeper:
        splits = _splits("learning_curve", x, y, cv, stratify, sweeper.seed)
        sizes = _sizes(train_sizes, min(len(train) for train, _ in splits))
        # Samples come in whatever order they have, often class by class: the first ones would be a poor sample.
        draw = np.random.default_rng([sweeper.seed, 4])
        orders = [draw.permutation(train) for train, _ in splits]
        # Whole sets of a fold keep the order that cross_validate gives them.
        parts = [
            [(np.sort(order[:size]), test) for order, (_, test) in zip(orders, splits, strict=True)] for size in sizes
        ]
        sweeper.function = _Fold(function, x, y, parts)
        given = [{"part": i, "fold": fold} for i in range(len(sizes)) for fold in range(len(splits))]
        trials = _succeeded(sweeper.run(given))
    return Curve("train_size", sizes, _rows(trials, len(splits)))


def validation_curve(
    function: Callable[..., Any],
    x: Any,
    y: Any = None,
    *,
    param_name: str,
    param_range: Iterable[Any],
    cv: Any = 5,
    stratify: bool = False,
    **options: Unpack[SweepOptions],
) -> Curve:
    """Cross-validate with each of some values of a hyper-parameter (P13.18, P13.19).

    The spread over the folds says how far a score may be trusted. All values are judged by the same folds, and a fold's
    random numbers are the same for all of them.

    Parameters
    ----------
    function, x, y, cv, stratify, **options
        As in `cross_validate`, but called as ``function(train, test, name=value)``.
    param_name
        The parameter's name.
    param_range
        Its values.

    Returns
    -------
    Curve
        Over the values.

    Examples
    --------
    >>> import numpy as np
    >>> import graphgrad as gg
    >>> def polynomial(train, test, degree):
    ...     p = np.polynomial.Polynomial.fit(*train, degree)
    ...     return {"error": ((p(test[0]) - test[1]) ** 2).mean()}
    >>> x = np.linspace(-3.0, 3.0, 40)
    >>> curve = gg.train.validation_curve(
    ...     polynomial, x, np.sin(x), param_name="degree", param_range=[1, 3, 5], cv=4, seed=0
    ... )
    >>> curve.best("error")
    5
    """
    values = list(param_range)
    if not isinstance(param_name, str) or not param_name.isidentifier():
        raise DTypeError(describe(f"validation_curve: param_name is the name of a parameter, got {param_name!r:.60}"))
    if param_name in ("fold", "part"):
        raise ValueError(describe(f"validation_curve: {param_name!r} is what the trials call their share of the data"))
    if not values:
        raise ValueError(describe("validation_curve: param_range has no values"))
    values = [python_value(value) for value in values]
    with Sweeper("validation_curve", function, None, "auto", options) as sweeper:
        splits = _splits("validation_curve", x, y, cv, stratify, sweeper.seed)
        sweeper.function = _Fold(function, x, y, [splits])
        given = [{param_name: value, "fold": fold} for value in values for fold in range(len(splits))]
        trials = _succeeded(sweeper.run(given, seeds=[i % len(splits) for i in range(len(given))]))
    return Curve(param_name, values, _rows(trials, len(splits)))


# ---- results


class _Scores(Mapping[str, Array]):
    """Arrays of scores by name."""

    _scores: dict[str, Array]

    def __getitem__(self, name: str) -> Array:
        if name not in self._scores:
            raise KeyError(describe(f"there is no score {name!r}", f"there are: {', '.join(self._scores)}"))
        return self._scores[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scores)

    def __len__(self) -> int:
        return len(self._scores)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, _Scores):
            return NotImplemented
        return list(self) == list(other) and all(np.array_equal(self[k], other[k], equal_nan=True) for k in self)

    __hash__ = None  # type: ignore[assignment]  # as a dict

    def _only(self, name: str | None) -> str:
        """A name, which may be left out if there is one score only."""
        if name is None:
            if len(self) > 1:
                raise ValueError(describe(f"which score? there are: {', '.join(self)}"))
            return next(iter(self))
        return name


class FoldScores(_Scores):
    """The scores of all folds, by name.

    ``scores["accuracy"]`` is an array with an entry for each fold.

    Examples
    --------
    >>> from graphgrad.train import FoldScores
    >>> scores = FoldScores([{"accuracy": 0.9}, {"accuracy": 0.8}, {"accuracy": 1.0}])
    >>> scores
    fold  accuracy
       0       0.9
       1       0.8
       2         1
    mean       0.9
     std    0.0816
    >>> round(scores.mean("accuracy"), 3)
    0.9
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._scores = _arrays(rows)

    def mean(self, name: str | None = None) -> float:
        """The mean over folds; the name may be left out if there is one score only."""
        return float(np.mean(self[self._only(name)]))

    def std(self, name: str | None = None, ddof: int = 0) -> float:
        """The standard deviation over folds, the root of the mean square; with ``ddof=1``, divided by k - 1."""
        return float(np.std(self[self._only(name)], ddof=ddof))

    def __repr__(self) -> str:
        count = len(next(iter(self._scores.values())))
        rows = [["fold", *self]]
        rows += [[str(fold), *(number(self[name][fold]) for name in self)] for fold in range(count)]
        rows += [["mean", *(number(self.mean(name)) for name in self)]]
        rows += [["std", *(_spread(self.std(name)) for name in self)]]
        return _table(rows)


class Curve(_Scores):
    """Scores over the values of something, fold by fold, by name.

    ``curve["val_loss"]`` is an array of shape (values, folds).

    Attributes
    ----------
    name
        What the values are of.
    points
        The values: an array of the numbers of samples in a learning curve, a list in a validation curve.

    Examples
    --------
    >>> from graphgrad.train import Curve
    >>> curve = Curve("units", [8, 16], [[{"loss": 0.5}, {"loss": 0.7}], [{"loss": 0.25}, {"loss": 0.35}]])
    >>> curve
    units        loss
        8   0.6 ± 0.1
       16  0.3 ± 0.05
    >>> curve["loss"].shape, curve.best("loss")
    ((2, 2), 16)
    """

    def __init__(self, name: str, points: Any, rows: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        self.name, self.points = name, points
        flat = _arrays([row for some in rows for row in some])
        self._scores = {key: scores.reshape(len(rows), -1) for key, scores in flat.items()}

    def mean(self, name: str | None = None) -> Array:
        """For each value the mean over folds; the name may be left out if there is one score only."""
        means: Array = self[self._only(name)].mean(axis=1)
        return means

    def std(self, name: str | None = None, ddof: int = 0) -> Array:
        """For each value the standard deviation over folds; with ``ddof=1``, divided by k - 1."""
        spreads: Array = self[self._only(name)].std(axis=1, ddof=ddof)
        return spreads

    def best(self, name: str | None = None, mode: str = "auto") -> Any:
        """The value with the best mean; of several, the first.

        Parameters
        ----------
        name
            Of the score.
        mode
            ``"min"`` if less is better, ``"max"`` if more is; ``"auto"`` knows the common names.

        Raises
        ------
        ValueError
            If all means are NaN, or the name doesn't tell which is better.
        """
        name = self._only(name)
        means = sign_of(name, mode) * self.mean(name)
        if np.isnan(means).all():
            raise ValueError(describe(f"Curve.best: {name} is NaN everywhere"))
        return self.points[int(np.nanargmin(means))]

    def __repr__(self) -> str:
        rows = [[self.name, *self]]
        columns = [zip(self.mean(name).tolist(), self.std(name).tolist(), strict=True) for name in self]
        for value, *scores in zip(self.points, *columns, strict=True):
            shown = number(value) if is_number(value) else str(getattr(value, "__name__", value))
            rows.append([shown, *(f"{number(mean)} ± {_spread(std)}" for mean, std in scores)])
        return _table(rows)


def _arrays(rows: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    """The numbers that all rows have, by name."""
    names = [name for name in (rows[0] if rows else ()) if all(is_number(row.get(name)) for row in rows)]
    if not names:
        raise ValueError(describe("there is no number that all folds have", f"got: {list(rows)[:2]!r:.200}"))
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in names}


def _spread(value: float) -> str:
    """A standard deviation, of which three digits say enough."""
    return number(value, 3)


def _table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


# ---- folds


class _Fold:
    """The function of a trial: gives the user's function its part of the data."""

    def __init__(self, function: Callable[..., Any], x: Any, y: Any, parts: list[list[Split]]) -> None:
        self.function, self.x, self.y, self.parts = function, x, y, parts
        # A journal knows a sweep by this name: other folds are another sweep.
        self.__qualname__ = f"{name_of(function)} on folds {_digest(parts)}"

    def __call__(self, *, fold: int, part: int = 0, **parameters: Any) -> Any:
        return self.function(*(self.samples(indices) for indices in self.parts[part][fold]), **parameters)

    def samples(self, indices: Array) -> Any:
        """Some samples: (x, y), or x alone."""
        x = tuple(taken(one, indices) for one in self.x) if isinstance(self.x, tuple) else taken(self.x, indices)
        return x if self.y is None else (x, taken(self.y, indices))


def _splits(what: str, x: Any, y: Any, cv: Any, stratify: bool, seed: int) -> list[Split]:
    arrays = [*(x if isinstance(x, tuple) else (x,)), *([] if y is None else [y])]
    if any(not hasattr(array, "__len__") or getattr(array, "ndim", 1) == 0 for array in arrays) or not arrays:
        raise ShapeError(describe(f"{what}: x is an array of samples, or a tuple of such, got {x!r:.60}"))
    if len({len(array) for array in arrays}) != 1:
        raise ShapeError(
            describe(
                f"{what}: arrays differ in length: {', '.join(str(len(array)) for array in arrays)}",
                hint="a tuple is several inputs" if isinstance(x, tuple) else "",
            )
        )
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        kind = StratifiedKFold if stratify else KFold
        cv = kind(int(cv), shuffle=True, generator=np.random.default_rng([seed, 3]))
    elif stratify:
        raise ValueError(describe(f"{what}: stratify goes with a number of folds; give cv=StratifiedKFold(...)"))
    if isinstance(cv, str) or not callable(getattr(cv, "split", None)):
        raise DTypeError(describe(f"{what}: cv is a number of folds, or has a method split(x, y), got {cv!r:.60}"))
    splits = [(np.asarray(train), np.asarray(test)) for train, test in cv.split(arrays[0], y)]
    if not splits:
        raise ValueError(describe(f"{what}: cv gives no folds"))
    return splits


def _digest(parts: list[list[Split]]) -> str:
    """A few letters that tell lists of folds apart."""
    found = hashlib.sha256()
    for splits in parts:
        for indices in (indices for split in splits for indices in split):
            found.update(f"{indices.dtype.str} {indices.size} ".encode() + indices.tobytes())
    return found.hexdigest()[:8]


def _sizes(train_sizes: Iterable[float], most: int) -> Array:
    """How many samples to train on, as whole numbers, each once."""
    if not isinstance(train_sizes, Iterable):
        raise DTypeError(describe(f"learning_curve: train_sizes is a list of sizes, got {train_sizes!r:.60}"))
    sizes = set()
    for size in train_sizes:
        if not checks.is_number(size) or not size > 0:
            raise ValueError(describe(f"learning_curve: a size is a fraction or a number of samples, got {size!r}"))
        count = int(size) if isinstance(size, (int, np.integer)) else int(size * most)
        if not 0 < count <= most:
            raise ValueError(describe(f"learning_curve: a size of {size!r}, where folds have {most} samples to train"))
        sizes.add(count)
    if not sizes:
        raise ValueError(describe("learning_curve: there are no sizes"))
    return np.array(sorted(sizes))


def _succeeded(trials: Sequence[Trial]) -> Sequence[Trial]:
    for trial in trials:
        if trial.error is not None:
            where = ", ".join(f"{name} {value}" for name, value in trial.parameters.items())
            raise TrialError(describe(f"{where}: {trial.error}", *(trial.traceback or "").rstrip().splitlines()))
    return trials


def _rows(trials: Sequence[Trial], folds: int) -> list[list[dict[str, Any]]]:
    return [[trial.values for trial in trials[i : i + folds]] for i in range(0, len(trials), folds)]
