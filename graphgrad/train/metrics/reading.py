"""What all metrics share: how outputs and targets are read, and how a metric gathers over batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, GraphgradError, ShapeError, describe
from graphgrad.graph.tensor import Tensor

__all__ = [
    "Array",
    "Metric",
    "UndefinedMetricWarning",
    "array_of",
    "check_classes",
    "check_not_nan",
    "class_scores",
    "integers",
    "labels_of",
    "numbers_of",
    "weights_of",
    "yes_or_no",
]

Array = np.ndarray[Any, Any]


class UndefinedMetricWarning(UserWarning):
    """A score divides by nothing: nothing was predicted as a class, or a class has no samples."""


class Metric:
    """A metric that gathers batch by batch, in little memory, and is exact over all of them.

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
    if array.dtype.kind == "f" and (odd := ~(np.isfinite(array) & (array == np.trunc(array)))).any():
        hint = "one-hot rows become labels by targets.argmax(1)" if array.ndim > 1 else "outputs first, then targets"
        wrong = array[odd].flat[0]
        raise ArgumentError(describe(f"{what}: {name} are labels, whole numbers, got {wrong}", hint=hint))
    return array.astype(np.int64, copy=False)


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
    if outputs.ndim == targets.ndim + 1 > 2 and outputs.shape[:-1] == targets.shape:
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


def class_scores(what: str, outputs: Array, targets: Array) -> tuple[Array, Array] | None:
    """Scores of shape (N, C, ...) and checked targets (N, ...), if the outputs have an axis of classes."""
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
                hint="ignore_index leaves out targets that count for nothing",
            )
        )


def check_not_nan(what: str, scores: Array) -> None:
    """Refuse NaN: it would be compared with the others, and lose or win by chance."""
    if np.isnan(scores).any():
        raise ArgumentError(
            describe(f"{what}: there is NaN among the outputs", hint="gg.train.AnomalyStop() ends a training at it")
        )


def yes_or_no(what: str, outputs: Any, targets: Any) -> tuple[Array, Array]:
    """Scores for yes, floats, and labels of the same shape; of two classes the score is the difference."""
    given, wanted = array_of(what, "outputs", outputs), array_of(what, "targets", targets)
    two = class_scores(what, given, wanted)
    if two is not None:
        scores, labels = two
        if scores.shape[1] > 2:
            raise ShapeError(
                describe(f"{what}: a score of yes or no is needed, got scores of {scores.shape[1]} classes")
            )
        given = scores[:, 1].astype(np.float64) - scores[:, 0]
    else:
        given, wanted = _of_one_shape(what, given, wanted, "each a yes or no: outputs.ravel(), targets.ravel()")
        labels = integers(what, "targets", wanted)
    check_not_nan(what, given)
    return given if given.dtype.kind == "f" else given.astype(np.float64), labels


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
    given, wanted = array_of(what, "outputs", outputs), array_of(what, "targets", targets)
    classes: int | None = None
    scores = class_scores(what, given, wanted)
    if (scores is not None or given.dtype.kind != "f") and threshold is not None:
        raise ArgumentError(describe(f"{what}: threshold is for outputs of one score, for yes or no"))
    if scores is not None:
        given, actual = scores
        classes = given.shape[1]
        best = given.argmax(axis=1)
        check_not_nan(what, np.take_along_axis(given, best[:, None], axis=1))
        predicted = best
    else:
        clear = given.dtype.kind != "f" or threshold is not None
        given, wanted = _of_one_shape(
            what, given, wanted, "" if clear else "each a yes or no: threshold=0.0 for logits"
        )
        actual = integers(what, "targets", wanted)
        if given.dtype.kind == "f":
            check_not_nan(what, given)
            predicted = given > (0.0 if threshold is None else threshold)
            classes = 2
        else:
            predicted = given
    predicted = predicted.astype(np.int64, copy=False)
    weights = weights_of(what, sample_weight, actual.shape)
    predicted, actual = predicted.ravel(), actual.ravel()
    weights = None if weights is None else weights.ravel()
    if ignore_index is not None:
        kept = actual != ignore_index
        predicted, actual = predicted[kept], actual[kept]
        weights = None if weights is None else weights[kept]
    if classes is not None:
        check_classes(what, actual, classes)
    return predicted, actual, weights, classes


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
