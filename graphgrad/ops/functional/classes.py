"""Classes: what losses do with a target that holds one class for each example.

The classes stand on axis 1 of the input, (N, C) or (N, C, d1, ...), on axis 0 of a single example; the target has the
other axes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, describe
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.reductions import sum
from graphgrad.ops.attributes import keep_integers
from graphgrad.ops.declare import polymorphic
from graphgrad.ops.functional.loss_parts import (
    BAD_REDUCTION,
    per_loss,
    prepare,
    reduction_only,
    values_of,
)
from graphgrad.ops.samples import sample

__all__ = [
    "REFUSED",
    "Classes",
    "along_classes",
    "check_classes",
    "check_weight",
    "class_axis",
    "class_samples",
    "classes_shape",
    "for_rows",
    "prepare_classes",
    "to_weights",
    "without_classes",
]

Shape = tuple[int, ...]

_sum = polymorphic(sum)


def class_axis(rank: int) -> int:
    """Where the classes stand: (C,), (N, C) and (N, C, d1, ...) are PyTorch's shapes."""
    return 0 if rank == 1 else 1


def without_classes(input: Shape) -> Shape:
    """The shape of the examples; refuses an input without an axis of classes."""
    if not input:
        raise ValueError("input needs an axis of classes: shape (C,), (N, C) or (N, C, d1, ...)")
    axis = class_axis(len(input))
    return (*input[:axis], *input[axis + 1 :])


def check_weight(input: Shape, weight: Shape | None) -> None:
    """Refuse weights that aren't one for each class."""
    classes = input[class_axis(len(input))]
    if weight is not None and weight != (classes,):
        raise ValueError(f"weight has one number for each class, shape ({classes},), got {weight}")


def classes_shape(input: Shape, target: Shape, weight: Shape | None = None, /, *, reduction: str, **_: Any) -> Shape:
    """The shape rule of a loss whose target holds a class for each example."""
    examples = without_classes(input)
    if target != examples:
        raise ValueError(f"target must hold class indices of shape {examples}, got {target}")
    check_weight(input, weight)
    return reduction_only(examples, reduction)


def check_classes(name: str, indices: Any, classes: int) -> None:
    """Refuse what is no class."""
    if indices.dtype.kind not in "iu":
        raise DTypeError(
            describe(
                f"{name}: class indices must be integers",
                f"target: {indices.dtype}",
                hint="target.astype('int64')",
            )
        )
    # The functions themselves, not the methods: there is less around them.
    if indices.size and not (
        np.minimum.reduce(indices, axis=None) >= 0 and np.maximum.reduce(indices, axis=None) < classes
    ):
        raise ArgumentError(
            describe(
                f"{name}: class indices go from 0 to {classes - 1}",
                f"target: has {int(indices.min())} to {int(indices.max())}",
                hint=f"the class axis of input has length {classes}",
            )
        )


def prepare_classes(attrs: dict[str, Any]) -> None:
    """Refuse a reduction that is none, and what can't be a class."""
    prepare(attrs)
    keep_integers(attrs, "ignore_index")


class Classes:
    """Class indices, and what follows from them; ignored ones stand at class 0 and don't count.

    Parameters
    ----------
    target
        The class of each example: an array, a tensor or a number.
    input_shape
        That of what has a number for each class.
    ignore_index
        The class of those that don't count, if there may be such.
    """

    def __init__(self, target: Any, input_shape: Shape, ignore_index: int | None = None) -> None:
        indices = values_of(target)
        self.axis = class_axis(len(input_shape))
        self.shape = input_shape
        self.counted: Any = None  # all of them
        if ignore_index is not None and indices.size and np.minimum.reduce(indices, axis=None) <= ignore_index:
            counted = indices != ignore_index
            if not counted.all():
                self.counted = counted
        self.given = indices if self.counted is None else indices[self.counted]
        self.indices = indices if self.counted is None else np.where(self.counted, indices, 0)

    def check(self, name: str) -> None:
        """Refuse what is no class."""
        check_classes(name, self.given, self.shape[self.axis])

    def key(self) -> tuple[Any, ...]:
        """Where the classes are in the input, as an index."""
        if self.axis == 0:
            return (self.indices,)
        if self.indices.ndim == 1:
            return np.arange(self.indices.size), self.indices
        places = list(np.ogrid[tuple(slice(n) for n in self.indices.shape)])
        places.insert(self.axis, self.indices)
        return tuple(places)

    def numbers(self) -> Any:
        """The classes in a row, as kernels take them: integers of 64 bits, -1 for ignored ones."""
        marked = self.indices if self.counted is None else np.where(self.counted, self.indices, -1)
        return marked.reshape(-1).astype(np.int64, copy=False)

    def picked(self, table: Any) -> Any:
        """The entry of each example's class, of arrays and tensors; 0 for ignored ones."""
        return self.count(table[self.key()])

    def hot(self, dtype: Any) -> Any:
        """Rows of zeros with a one, the classes on their axis; of an ignored one nothing but zeros."""
        hot = np.zeros(self.shape, dtype)
        hot[self.key()] = 1.0 if self.counted is None else self.counted
        return hot

    def count(self, losses: Any) -> Any:
        """Losses, 0 for ignored examples."""
        return losses if self.counted is None else np.where(self.counted, losses, 0.0)

    def rows(self, table: Any) -> Any:
        """A table with zeros for ignored examples."""
        return table if self.counted is None else np.where(np.expand_dims(self.counted, self.axis), table, 0.0)

    def total(self, weight: Any) -> Any:
        """What a mean divides by: the weights of the examples' classes, or the number of examples that count."""
        return self.given.size if weight is None else _sum(weight[self.given])


def along_classes(weight: Any, shape: Shape) -> Any:
    """The weights of the classes so that they broadcast against the input."""
    return np.reshape(weight, (-1, *[1] * (len(shape) - 1 - class_axis(len(shape)))))


def for_rows(g: Any, shape: Shape, divisor: Any, reduction: str) -> Any:
    """The gradient of each example's loss, with the class axis back."""
    if reduction != "none":
        return per_loss(g, divisor, reduction)
    axis = class_axis(len(shape))
    return np.reshape(g, (*shape[:axis], 1, *shape[axis + 1 :]))


def to_weights(g: Any, losses: Any, hot: Any, classes: Classes, weight: Any, out: Any, reduction: str) -> Any:
    """From the unweighted losses of all classes of all examples to the gradient of the classes' weights."""
    if reduction == "mean":
        # In Σ w l / Σ w a weight stands above and below.
        losses = (losses - out * hot) / classes.total(weight)
        each = g
    else:
        each = for_rows(g, classes.shape, None, reduction)
    others = tuple(i for i in range(len(classes.shape)) if i != classes.axis)
    return _sum(each * losses, axis=others)


# ---- samples ---------------------------------------------------------------------------------------------------------


def class_samples(
    rng: np.random.Generator, scores: Callable[..., Any], *, probabilities: bool = False
) -> Iterator[Sample]:
    """Samples for a loss of classes, with and without weights; `scores` draws an input of a shape."""
    weight = rng.uniform(0.5, 2.0, 3)
    some = np.array([2, -100, 0, 1])
    yield sample(scores(4, 3), rng.integers(0, 3, 4), None)
    yield sample(scores(2, 3, 2), rng.integers(0, 3, (2, 2)), None, reduction="sum")
    yield sample(scores(4, 3), some, None)
    yield sample(scores(3), np.array(2), None)
    yield sample(np.zeros((0, 3)), np.zeros(0, np.int64), None, reduction="sum")
    yield sample(scores(4, 3), some, weight)
    yield sample(scores(2, 3, 2), rng.integers(0, 3, (2, 2)), weight, reduction="none", ignore_index=1)
    yield sample(scores(2, 3), np.array([1, 0]), weight, reduction="sum")
    if probabilities:
        yield sample(scores(2, 3), rng.dirichlet(np.ones(3), 2), None)
        yield sample(scores(2, 3, 2), rng.random((2, 3, 2)), None, reduction="none", label_smoothing=0.2)
        yield sample(scores(4, 3), some, None, label_smoothing=0.1)
        yield sample(scores(2, 3), rng.dirichlet(np.ones(3), 2), weight)
        yield sample(scores(4, 3), some, weight, label_smoothing=0.1)


REFUSED = (
    ErrorSample((np.zeros((2, 3)), np.array([0, 3]), None), {}, ArgumentError, "class indices go from 0 to 2"),
    ErrorSample((np.zeros((2, 3)), np.array([0, -1]), None), {}, ArgumentError, "class indices go from 0 to 2"),
    ErrorSample((np.zeros((2, 3)), np.array([0, 1, 2]), None), {}, ShapeError, "class indices of shape (2,)"),
    ErrorSample((np.zeros((2, 3)), np.array([0.0, 1.0]), None), {}, DTypeError, "must be integers"),
    ErrorSample((np.zeros(()), np.array(0), None), {}, ShapeError, "needs an axis of classes"),
    ErrorSample((np.zeros((2, 3)), np.array([0, 1]), np.ones(2)), {}, ShapeError, "one number for each class"),
    ErrorSample((np.zeros((2, 3)), np.array([0, 1]), None), BAD_REDUCTION, ArgumentError, "one of mean, sum, none"),
    ErrorSample((np.zeros((2, 3)), np.array([0, 1]), None), {"ignore_index": 0.5}, DTypeError, "ignore_index"),
)
"""What every loss of classes refuses."""
