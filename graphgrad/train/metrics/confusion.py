"""The confusion matrix, from which all scores of labels are computed; and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from graphgrad.graph.checks import check_count, check_number
from graphgrad.graph.errors import ArgumentError, ShapeError, describe
from graphgrad.train.metrics.reading import Array, Metric, array_of, check_label, integers, labels_of
from graphgrad.view.numbers import number

__all__ = [
    "ConfusionMatrix",
    "ConfusionScore",
    "Counts",
    "confusion_matrix",
    "confusion_table",
    "counted",
    "distinct",
    "multilabel_confusion_matrix",
    "top_confusions",
]


@dataclass(frozen=True)
class Counts:
    """How often each class was taken for each.

    Attributes
    ----------
    labels
        The classes, ascending: those that occur, and all that the outputs have scores for.
    matrix
        Rows actual, columns predicted: numbers of samples, or sums of their weights.
    seen
        Which classes occur, among targets or predictions.
    classes
        How many classes the outputs have scores for; None if they are labels.
    """

    labels: Array
    matrix: Array
    seen: Array
    classes: int | None

    @classmethod
    def of(
        cls,
        what: str,
        outputs: Any,
        targets: Any,
        sample_weight: Any = None,
        threshold: float | None = None,
        ignore_index: int | None = None,
    ) -> Self:
        """Count a batch."""
        predicted, actual, weights, classes = labels_of(what, outputs, targets, sample_weight, threshold, ignore_index)
        if classes is None:
            labels, codes = np.unique(np.concatenate([predicted, actual]), return_inverse=True)
            predicted, actual = codes[: len(predicted)], codes[len(predicted) :]
        else:
            labels = np.arange(classes, dtype=np.int64)
        k = len(labels)
        pairs = actual * k + predicted
        matrix = np.bincount(pairs, weights, minlength=k * k).reshape(k, k)
        occurs = matrix if weights is None else np.bincount(pairs, minlength=k * k).reshape(k, k)
        return cls(labels, matrix, (occurs.sum(axis=0) + occurs.sum(axis=1)) > 0, classes)

    def widened(self, labels: Array) -> Counts:
        """The same with more classes."""
        union = np.union1d(self.labels, labels)
        if len(union) == len(self.labels):
            return self
        places = np.searchsorted(union, self.labels)
        matrix = np.zeros((len(union), len(union)), dtype=self.matrix.dtype)
        matrix[np.ix_(places, places)] = self.matrix
        seen = np.zeros(len(union), dtype=bool)
        seen[places] = self.seen
        return Counts(union, matrix, seen, self.classes)

    def __add__(self, other: Counts) -> Counts:
        one, two = self.widened(other.labels), other.widened(self.labels)
        classes = self.classes if other.classes is None else max(other.classes, self.classes or 0)
        return Counts(one.labels, one.matrix + two.matrix, one.seen | two.seen, classes)

    def chosen(self, what: str, labels: Any) -> tuple[Counts, Array]:
        """The counts, and the places in them of the labels asked for: by default of those that occur."""
        if labels is None:
            return self, np.flatnonzero(self.seen)
        wanted = distinct(what, labels)
        wide = self.widened(wanted)
        return wide, np.searchsorted(wide.labels, wanted)

    @property
    def true_positives(self) -> Array:
        """For each class, those of it that were recognised (TP)."""
        return np.asarray(self.matrix.diagonal())

    @property
    def actual(self) -> Array:
        """For each class, those of it (TP + FN)."""
        return np.asarray(self.matrix.sum(axis=1))

    @property
    def predicted(self) -> Array:
        """For each class, those that were taken for it (TP + FP)."""
        return np.asarray(self.matrix.sum(axis=0))

    @property
    def false_positives(self) -> Array:
        """For each class, those of others that were taken for it (FP)."""
        return np.asarray(np.where(np.eye(len(self.labels), dtype=bool), 0, self.matrix).sum(axis=0))

    @property
    def others(self) -> Array:
        """For each class, those that aren't of it (FP + TN); a sum, for a difference of weights is never quite 0."""
        return np.asarray(np.where(np.eye(len(self.labels), dtype=bool), 0, self.actual).sum(axis=1))

    @property
    def total(self) -> Any:
        """All of them."""
        return self.matrix.sum()


def distinct(what: str, labels: Any) -> Array:
    """Labels that an argument asks for; refuse what is no list of them."""
    wanted = integers(what, "labels", array_of(what, "labels", labels))
    if wanted.ndim != 1 or len(np.unique(wanted)) != len(wanted) or not len(wanted):
        raise ArgumentError(describe(f"{what}: labels lists classes, each once, got {wanted.tolist()!r:.80}"))
    return wanted


class ConfusionScore(Metric):
    """A metric that is a function of the confusion matrix, which is all that it keeps.

    Parameters
    ----------
    threshold
        For outputs of one score: above it the answer is yes. By default 0, for logits; 0.5 is for probabilities.
    ignore_index
        Samples with this target count for nothing: padding.
    """

    name: ClassVar[str] = "confusion"

    def __init__(self, *, threshold: float | None = None, ignore_index: int | None = None) -> None:
        super().__init__()
        if threshold is not None:
            check_number(type(self).__name__, "threshold", threshold)
        check_label(type(self).__name__, "ignore_index", ignore_index)
        self.threshold, self.ignore_index = threshold, ignore_index

    def update(self, outputs: Any, targets: Any, *, sample_weight: Any = None) -> None:
        """Count a batch."""
        new = Counts.of(type(self).__name__, outputs, targets, sample_weight, self.threshold, self.ignore_index)
        if self._state:
            new = Counts(**self._state) + new
        if new.seen.any():
            self._state = dict(vars(new))

    def counts(self) -> Counts:
        """How often each class was taken for each, so far."""
        counts = Counts(**self._gathered())
        if not counts.total > 0:
            raise ArgumentError(describe(f"{type(self).__name__}: all weights are 0"))
        return counts


def counted(
    what: str, outputs: Any, targets: Any, sample_weight: Any, threshold: float | None, ignore_index: int | None
) -> Counts:
    """The counts of samples, of which there has to be one."""
    counts = Counts.of(what, outputs, targets, sample_weight, threshold, ignore_index)
    if not counts.seen.any():
        raise ShapeError(describe(f"{what}: there are no samples"))
    if not counts.total > 0:
        raise ArgumentError(describe(f"{what}: all weights are 0"))
    return counts


def _check_normalize(what: str, normalize: Any) -> None:
    if normalize is not None and (not isinstance(normalize, str) or normalize not in ("true", "pred", "all")):
        raise ArgumentError(describe(f"{what}: normalize is 'true', 'pred', 'all' or None, got {normalize!r:.80}"))


def _matrix_of(what: str, counts: Counts, labels: Any, normalize: str | None) -> Array:
    """The confusion matrix of counts."""
    wide = counts
    if labels is None:
        places = np.arange(len(counts.labels))
    else:
        wide, places = counts.chosen(what, labels)
        if not wide.actual[places].any():
            raise ArgumentError(describe(f"{what}: none of the labels occurs among the targets", f"labels: {labels}"))
    matrix: Array = wide.matrix[np.ix_(places, places)]
    if normalize is None:
        return matrix
    sums = matrix.sum(axis={"true": 1, "pred": 0, "all": None}[normalize], keepdims=True)
    shares: Array = np.divide(matrix, sums, out=np.zeros(matrix.shape), where=sums != 0)
    return shares


def confusion_matrix(
    outputs: Any,
    targets: Any,
    *,
    labels: Any = None,
    normalize: str | None = None,
    sample_weight: Any = None,
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> Array:
    """How often each class was taken for each (P13.02): rows actual, columns predicted.

    Parameters
    ----------
    outputs
        Labels; or scores (N, C, ...) of C classes, logits or probabilities, the largest of which wins; or one score
        for yes or no, (N,) or (N, 1), above the threshold or not.
    targets
        Labels, (N, ...).
    labels
        Which classes, in which order. By default, all that the outputs have scores for; without scores, all that occur.
    normalize
        ``"true"`` makes each row a share of its class, ``"pred"`` each column, ``"all"`` the whole.
    sample_weight
        How much each sample counts.
    threshold
        By default 0, for logits; 0.5 is for probabilities. Outputs and targets of one shape (N, M) are many answers
        of yes or no if it is given.
    ignore_index
        Samples with this target count for nothing: padding.

    Returns
    -------
    ndarray
        (K, K), int64; float64 with weights, or normalised.

    Raises
    ------
    ShapeError, DTypeError
        If outputs and targets don't fit.
    ArgumentError
        If targets are no classes, or there is NaN among the outputs.

    Notes
    -----
    All metrics take the outputs first, as losses do; scikit-learn takes the targets first.

    Examples
    --------
    >>> import graphgrad as gg
    >>> matrix = gg.train.metrics.confusion_matrix([0, 0, 1, 2, 0], [0, 0, 1, 1, 2])
    >>> matrix.tolist()
    [[2, 0, 0], [0, 1, 1], [1, 0, 0]]
    >>> gg.train.metrics.confusion_matrix([[1.2, 3.4], [0.3, -0.1]], [1, 1], normalize="true").tolist()
    [[0.0, 0.0], [0.5, 0.5]]
    """
    what = "confusion_matrix"
    _check_normalize(what, normalize)
    counts = counted(what, outputs, targets, sample_weight, threshold, ignore_index)
    return _matrix_of(what, counts, labels, normalize)


def multilabel_confusion_matrix(
    outputs: Any,
    targets: Any,
    *,
    labels: Any = None,
    sample_weight: Any = None,
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> Array:
    """For each class, a table of it against all others (P13.03): [[TN, FP], [FN, TP]].

    Parameters as those of `confusion_matrix`; by default, the classes are those that occur.

    Returns
    -------
    ndarray
        (K, 2, 2)

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.multilabel_confusion_matrix([0, 0, 1, 2, 0], [0, 0, 1, 1, 2]).tolist()
    [[[2, 1], [0, 2]], [[3, 0], [1, 1]], [[3, 1], [1, 0]]]
    """
    what = "multilabel_confusion_matrix"
    counts = counted(what, outputs, targets, sample_weight, threshold, ignore_index)
    counts, places = counts.chosen(what, labels)
    tp, actual, predicted = (part[places] for part in (counts.true_positives, counts.actual, counts.predicted))
    tables = [[counts.total - actual - predicted + tp, predicted - tp], [actual - tp, tp]]
    return np.moveaxis(np.array(tables), -1, 0)


# ---- tables


def confusion_table(matrix: Any, names: Sequence[Any] | None = None, *, sums: bool = True) -> str:
    """A confusion matrix as a text (P13.02, P13.03).

    Parameters
    ----------
    matrix
        From `confusion_matrix`, (K, K).
    names
        What the classes are called; by default their numbers, from 0.
    sums
        Whether the sums of rows and columns stand at its margins.

    Raises
    ------
    ShapeError
        If the matrix isn't square, or there are not as many names as classes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> print(gg.train.metrics.confusion_table([[50, 2], [3, 45]], ["ham", "spam"]))
    actual / predicted  ham  spam  sum
    ham                  50     2   52
    spam                  3    45   48
    sum                  53    47  100
    """
    square, titles = _named("confusion_table", matrix, names)
    if sums:
        square = np.vstack([np.column_stack([square, square.sum(axis=1)]), [*square.sum(axis=0), square.sum()]])
        titles = [*titles, "sum"]
    shown = str if square.dtype.kind in "iu" else number
    rows = [["actual / predicted", *titles]]
    rows += [[title, *map(shown, row)] for title, row in zip(titles, square.tolist(), strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)


def top_confusions(matrix: Any, k: int = 3, names: Sequence[Any] | None = None) -> list[tuple[str, str, Any]]:
    """What was most often taken for something else (P13.02).

    Parameters
    ----------
    matrix
        From `confusion_matrix`, (K, K).
    k
        How many at most; pairs that were never confused are left out.
    names
        What the classes are called; by default their numbers, from 0.

    Returns
    -------
    list
        (actual, predicted, count), the most frequent first.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.top_confusions([[50, 2, 0], [3, 45, 0], [9, 0, 1]], k=2)
    [('2', '0', 9), ('1', '0', 3)]
    """
    square, titles = _named("top_confusions", matrix, names)
    check_count("top_confusions", "k", k)
    wrong = np.where(np.eye(len(square), dtype=bool), 0, square)
    order = np.argsort(-wrong, axis=None, kind="stable")[:k]
    pairs = [divmod(int(place), len(square)) for place in order]
    return [(titles[i], titles[j], wrong[i, j].item()) for i, j in pairs if wrong[i, j] > 0]


def _named(what: str, matrix: Any, names: Sequence[Any] | None) -> tuple[Array, list[str]]:
    square = array_of(what, "matrix", matrix)
    if square.ndim != 2 or square.shape[0] != square.shape[1]:
        raise ShapeError(describe(f"{what}: a confusion matrix is square, got shape {square.shape}"))
    titles = [str(name) for name in (range(len(square)) if names is None else names)]
    if len(titles) != len(square):
        raise ShapeError(describe(f"{what}: there are {len(square)} classes and {len(titles)} names"))
    return square, titles


class ConfusionMatrix(ConfusionScore):
    """The confusion matrix over batches; see `confusion_matrix` (P13.02).

    Parameters
    ----------
    labels, normalize
        As of `confusion_matrix`.
    names
        What the classes are called in the table.
    threshold, ignore_index
        As of `confusion_matrix`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> confusion = gg.train.metrics.ConfusionMatrix()
    >>> for outputs, targets in [([0, 0, 1], [0, 0, 1]), ([2, 0], [1, 2])]:
    ...     confusion.update(outputs, targets)
    >>> print(confusion.table())
    actual / predicted  0  1  2  sum
    0                   2  0  0    2
    1                   0  1  1    2
    2                   1  0  0    1
    sum                 3  1  1    5
    """

    name = "confusion_matrix"

    def __init__(
        self,
        *,
        labels: Any = None,
        normalize: str | None = None,
        names: Sequence[Any] | None = None,
        threshold: float | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(threshold=threshold, ignore_index=ignore_index)
        _check_normalize("ConfusionMatrix", normalize)
        if labels is not None:
            distinct("ConfusionMatrix", labels)
        self.labels, self.normalize, self.names = labels, normalize, names

    def compute(self) -> Array:
        """The matrix, (K, K)."""
        return _matrix_of(type(self).__name__, self.counts(), self.labels, self.normalize)

    def table(self) -> str:
        """The matrix as a text."""
        classes = self.counts().labels if self.labels is None else distinct("ConfusionMatrix", self.labels)
        names = classes.tolist() if self.names is None else self.names
        return confusion_table(self.compute(), names, sums=self.normalize is None)
