"""What all metrics share: how outputs and targets are read, and how a metric gathers over batches."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from graphgrad.graph.checks import check_number
from graphgrad.graph.errors import ArgumentError, DTypeError, GraphgradError, ShapeError, describe
from graphgrad.graph.tensor import Tensor

__all__ = [
    "Array",
    "Metric",
    "UndefinedMetricWarning",
    "array_of",
    "check_classes",
    "check_label",
    "integers",
    "labels_of",
    "numbers_of",
    "scores_of",
    "weights_of",
]

Array = np.ndarray[Any, Any]


class UndefinedMetricWarning(UserWarning):
    """A score divides by nothing: nothing was predicted as a class, or a class has no samples."""


class Metric:
    """A metric that gathers batch by batch, and is exact over all of them.

    It keeps sums, or a confusion matrix of K² numbers for K classes; `AUROC` and `AveragePrecision` keep all scores.
    `graphgrad.train.fit` calls ``reset`` before an epoch, ``update`` with each batch and ``compute`` at the end; a loop
    of one's own does the same. Whatever was gathered goes into checkpoints.

    Attributes
    ----------
    name
        What it is called in a history.
    """

    name: ClassVar[str] = "metric"

    def __init__(self) -> None:
        self._state: dict[str, Any] = {}

    def update(self, outputs: Any, targets: Any, *, sample_weight: Any = None) -> None:
        """Take in a batch; an empty one changes nothing."""
        raise NotImplementedError

    def compute(self) -> Any:
        """The metric of all batches since the last `reset`."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget all batches."""
        self._state = {}

    def state_dict(self) -> dict[str, Any]:
        """What was gathered so far."""
        return dict(self._state)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where a `state_dict` was taken."""
        self._state = dict(state_dict)

    def _gathered(self) -> dict[str, Any]:
        if not self._state:
            raise GraphgradError(
                describe(
                    f"{type(self).__name__}.compute: there were no samples", hint="update(outputs, targets) comes first"
                )
            )
        return self._state

    def __repr__(self) -> str:
        options = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in options.items())})"


# ---- arrays


def array_of(what: str, name: str, value: Any) -> Array:
    """An array of numbers from an array, a tensor or a list; of at least one axis."""
    if isinstance(value, Tensor):
        array = value.data
    elif isinstance(value, (tuple, list)) and any(isinstance(part, Tensor) for part in value):
        raise DTypeError(
            describe(
                f"{what}: {name} is one array, got {len(value)} parts",
                hint="of several, a function chooses one: lambda outputs, targets: metric(outputs[0], targets)",
            )
        )
    else:
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ShapeError(describe(f"{what}: {name} is no array of numbers", str(error))) from None
    if array.dtype.kind not in "biuf":
        hint = "np.unique(labels, return_inverse=True) numbers labels" if array.dtype.kind in "UO" else ""
        raise DTypeError(describe(f"{what}: {name} is an array of numbers, got dtype {array.dtype}", hint=hint))
    return np.atleast_1d(array)


def integers(what: str, name: str, array: Array) -> Array:
    """Labels as int64; floats may be whole numbers."""
    odd = np.zeros((), dtype=bool)
    if array.dtype.kind == "f":
        odd = (array != np.trunc(array)) | ~(abs(array) < np.float64(2**63))
    elif array.dtype == np.uint64:
        odd = array >= 2**63
    if odd.any():
        hint = "one-hot rows become labels by targets.argmax(1)" if array.ndim > 1 else "outputs first, then targets"
        hint = hint if name == "targets" else ""
        wrong = array[odd].flat[0]
        raise ArgumentError(describe(f"{what}: {name} are labels, whole numbers, got {wrong}", hint=hint))
    return array.astype(np.int64, copy=False)


def check_label(what: str, name: str, value: int | None) -> None:
    """Refuse what is neither a label nor None."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, numbers.Integral)):
        raise ArgumentError(describe(f"{what}: {name} is a label, a whole number, got {value!r:.80}"))


def weights_of(what: str, sample_weight: Any, shape: tuple[int, ...]) -> Array | None:
    """Weights as float64, one for each element of `shape`; they may be given for each sample alone."""
    if sample_weight is None:
        return None
    weights = array_of(what, "sample_weight", sample_weight).astype(np.float64)
    if weights.shape == (*shape[:1], 1):
        weights = weights[:, 0]
    if weights.shape not in (shape, shape[:1]):
        raise ShapeError(
            describe(
                f"{what}: sample_weight has a number for each target, or for each sample",
                f"sample_weight: shape {weights.shape}",
                f"targets: shape {shape}",
            )
        )
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ArgumentError(describe(f"{what}: sample_weight has a number that is negative or not finite"))
    weights = weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
    return np.broadcast_to(weights, shape)


def _without_column(array: Array) -> Array:
    return array[:, 0] if array.ndim > 1 and array.shape[1] == 1 else array


def _do_not_fit(what: str, outputs: Array, targets: Array) -> ShapeError:
    hint = ""
    if outputs.dtype.kind != "f" and (*outputs.shape[:1], *outputs.shape[2:]) == targets.shape:
        hint = "scores of classes are floats, integers are labels: np.asarray(outputs, dtype=np.float32)"
    elif outputs.ndim == targets.ndim + 1 > 2 and outputs.shape[:-1] == targets.shape:
        hint = "the classes are axis 1, as in cross_entropy: np.moveaxis(outputs, -1, 1)"
    return ShapeError(
        describe(
            f"{what}: the shapes of outputs and targets don't fit",
            f"outputs: shape {outputs.shape}, {outputs.dtype}",
            f"targets: shape {targets.shape}, {targets.dtype}",
            "expected: labels of one shape, or outputs with an axis of classes, (N, C, ...) for targets (N, ...)",
            hint=hint,
        )
    )


def _of_one_shape(what: str, given: Array, wanted: Array, otherwise: str) -> tuple[Array, Array]:
    """One output for each target. Scores of a table could be meant in two ways; `otherwise` tells of the second."""
    alike = given.shape == wanted.shape
    if not alike:
        given, wanted = _without_column(given), _without_column(wanted)
    if given.shape != wanted.shape:
        raise _do_not_fit(what, given, wanted)
    if otherwise and alike and given.ndim > 1 and given.shape[1] > 1:
        raise ShapeError(
            describe(
                f"{what}: outputs and targets both have the shape {given.shape}, so it isn't clear what is meant",
                hint=f"one-hot targets: targets.argmax(1); {otherwise}",
            )
        )
    return given, wanted


def _class_scores(what: str, outputs: Array, targets: Array) -> tuple[Array, Array] | None:
    """Scores of shape (N, C, ...) and labels (N, ...), if the outputs have an axis of classes."""
    if outputs.dtype.kind != "f" or outputs.ndim < 2 or outputs.shape[1] < 2:
        return None
    if outputs.ndim == targets.ndim and targets.shape[1] == 1:
        targets = targets[:, 0]
    if outputs.ndim != targets.ndim + 1:
        return None
    if (*outputs.shape[:1], *outputs.shape[2:]) != targets.shape:
        raise _do_not_fit(what, outputs, targets)
    return outputs, integers(what, "targets", targets)


def check_classes(what: str, targets: Array, classes: int) -> None:
    """Refuse targets that name no class."""
    if targets.size and not (targets.min() >= 0 and targets.max() < classes):
        wrong = targets[(targets < 0) | (targets >= classes)].flat[0]
        raise ArgumentError(
            describe(
                f"{what}: outputs have {classes} classes, 0 to {classes - 1}, and there is a target {wrong}",
                hint="ignore_index leaves out targets that count for nothing; labels as outputs are integers",
            )
        )


def _check_not_nan(what: str, scores: Array) -> None:
    """Refuse NaN: it would be compared with the others, and lose or win by chance."""
    if np.isnan(scores).any():
        raise ArgumentError(
            describe(f"{what}: there is NaN among the outputs", hint="gg.train.AnomalyStop() ends a training at it")
        )


def _counting(
    what: str, labels: Array, sample_weight: Any, ignore_index: int | None, *rows: Array
) -> tuple[Array, Array | None, list[Array]]:
    """Labels and weights, flat, and rows that belong to them, without those that count for nothing."""
    check_label(what, "ignore_index", ignore_index)
    weights = weights_of(what, sample_weight, labels.shape)
    labels = labels.ravel()
    weights = None if weights is None else weights.ravel()
    if ignore_index is None:
        return labels, weights, list(rows)
    kept = labels != ignore_index
    return labels[kept], None if weights is None else weights[kept], [part[kept] for part in rows]


def scores_of(
    what: str, outputs: Any, targets: Any, sample_weight: Any = None, ignore_index: int | None = None
) -> tuple[Array, Array, Array | None]:
    """Scores (n, C) of C classes, or (n,) for yes, labels (n,) and weights: each place of a sequence is a sample."""
    given, wanted = array_of(what, "outputs", outputs), array_of(what, "targets", targets)
    several = _class_scores(what, given, wanted)
    if several is not None:
        given, actual = several
        rows: Array = np.moveaxis(given, 1, -1).reshape(-1, given.shape[1])
    else:
        given, wanted = _of_one_shape(what, given, wanted, "each a yes or no: outputs.ravel(), targets.ravel()")
        actual = integers(what, "targets", wanted)
        rows = given.ravel()
    labels, weights, (rows,) = _counting(what, actual, sample_weight, ignore_index, rows)
    _check_not_nan(what, rows)
    if several is not None:
        check_classes(what, labels, rows.shape[1])
    return rows if rows.dtype.kind == "f" else rows.astype(np.float64), labels, weights


def labels_of(
    what: str,
    outputs: Any,
    targets: Any,
    sample_weight: Any = None,
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> tuple[Array, Array, Array | None, int | None]:
    """Predicted and actual labels, weights, all flat; and the number of classes, if the outputs tell.

    Outputs are labels themselves, or scores (N, C, ...) of C classes, the largest of which wins (P13.01), or one score
    for yes or no, above the threshold or not.
    """
    if threshold is not None:
        check_number(what, "threshold", threshold)
    given, wanted = array_of(what, "outputs", outputs), array_of(what, "targets", targets)
    several = _class_scores(what, given, wanted)
    if (several is not None or given.dtype.kind != "f") and threshold is not None:
        raise ArgumentError(describe(f"{what}: threshold is for outputs of one score, for yes or no"))
    classes: int | None = None
    if several is not None:
        scores, actual = several
        classes = scores.shape[1]
        predicted = scores.argmax(axis=1)
        given = np.take_along_axis(scores, predicted[:, None], axis=1)
    else:
        clear = given.dtype.kind != "f" or threshold is not None
        given, wanted = _of_one_shape(
            what, given, wanted, "" if clear else "each a yes or no: threshold=0.0 for logits"
        )
        actual = integers(what, "targets", wanted)
        predicted = given
        if given.dtype.kind == "f":
            predicted = given > (0.0 if threshold is None else threshold)
            classes = 2
    predicted = integers(what, "outputs", predicted)
    labels, weights, (predicted, best) = _counting(
        what, actual, sample_weight, ignore_index, predicted.ravel(), given.ravel()
    )
    if classes is not None:
        _check_not_nan(what, best)  # of scores with NaN, argmax takes it for the largest
        check_classes(what, labels, classes)
    return predicted, labels, weights, classes


def numbers_of(what: str, outputs: Any, targets: Any, sample_weight: Any) -> tuple[Array, Array, Array | None]:
    """Outputs and targets as float64 matrices of (samples, numbers of each), and the weights of samples."""
    given, wanted = array_of(what, "outputs", outputs), array_of(what, "targets", targets)
    if given.shape != wanted.shape:
        given, wanted = _without_column(given), _without_column(wanted)
    if given.shape != wanted.shape:
        raise ShapeError(
            describe(
                f"{what}: outputs and targets have one shape",
                f"outputs: shape {given.shape}",
                f"targets: shape {wanted.shape}",
            )
        )
    flat = len(wanted), int(np.prod(wanted.shape[1:]))
    weights = weights_of(what, sample_weight, wanted.shape[:1])
    return given.astype(np.float64).reshape(flat), wanted.astype(np.float64).reshape(flat), weights
