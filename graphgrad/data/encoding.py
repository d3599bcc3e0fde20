"""Classes as numbers and as vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.data.sampler import check_count
from graphgrad.graph.dtypes import get_default_dtype
from graphgrad.graph.errors import ArgumentError, GraphError, ShapeError, describe
from graphgrad.graph.tensor import Tensor

__all__ = ["LabelEncoder", "class_weights", "multi_hot", "one_hot"]

Array = np.ndarray[Any, Any]


def one_hot(labels: Any, num_classes: int | None = None, *, dtype: DTypeLike | None = None) -> Array:
    """Classes as rows of the identity (P05.19): whole numbers would claim that class 2 lies between 1 and 3.

    Parameters
    ----------
    labels
        Whole numbers from 0, of any shape.
    num_classes
        Of how many classes; by default one more than the largest.
    dtype
        Of the result; the default dtype if left out.

    Returns
    -------
    ndarray
        Shape (*labels.shape, num_classes).

    Raises
    ------
    ArgumentError
        If labels aren't whole numbers, or one is no class.
    ValueError
        If `num_classes` is no number from 1.

    See Also
    --------
    LabelEncoder : texts to numbers.
    graphgrad.nn.functional.one_hot : PyTorch's, from a tensor to a tensor.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.one_hot([2, 0])
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    array = whole("one_hot", labels)
    if num_classes is None:
        count = int(array.max()) + 1 if array.size else 0
    else:
        count = check_count("one_hot", "num_classes", num_classes)
    if array.size and not 0 <= array.min() <= array.max() < count:
        worst = array.max() if array.max() >= count else array.min()
        raise ArgumentError(describe(f"one_hot: {worst} is none of the classes 0 to {count - 1}"))
    hot: Array = array[..., None] == np.arange(count)
    return hot.astype(get_default_dtype() if dtype is None else dtype)


def multi_hot(labels: Iterable[Iterable[int]], num_classes: int, *, dtype: DTypeLike | None = None) -> Array:
    """Several classes for each sample: a 1 for each that it has (P05.19).

    Parameters
    ----------
    labels
        The classes of each sample.
    num_classes
        Of how many classes.
    dtype
        Of the result; the default dtype if left out.

    Returns
    -------
    ndarray
        Shape (n, num_classes).

    Raises
    ------
    ArgumentError
        If labels aren't whole numbers, or one is no class.
    ValueError
        If `num_classes` is no number from 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.multi_hot([[0, 2], []], 3).tolist()
    [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    check_count("multi_hot", "num_classes", num_classes)
    rows = [whole("multi_hot", row if isinstance(row, Tensor) else list(row)) for row in labels]
    result = np.zeros((len(rows), num_classes), get_default_dtype() if dtype is None else dtype)
    for target, row in zip(result, rows, strict=True):
        if row.size and not 0 <= row.min() <= row.max() < num_classes:
            raise ArgumentError(
                describe(f"multi_hot: {row.tolist()} are not all of the classes 0 to {num_classes - 1}")
            )
        target[row] = 1
    return result


def whole(who: str, labels: Any) -> Array:
    """Labels, or other numbers, as an array of whole ones."""
    array = labels.data if isinstance(labels, Tensor) else np.asarray(labels)
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise ArgumentError(
            describe(f"{who}: whole numbers from 0 are needed, got {array.dtype}", hint="LabelEncoder numbers texts")
        )
    return array


class LabelEncoder:
    """Number classes: texts, or anything that can be sorted, to 0, 1, 2, ... and back (P05.19).

    Parameters
    ----------
    classes
        The classes in their order; by default those of `fit`, sorted.

    Attributes
    ----------
    classes_
        The class of each number.

    Raises
    ------
    ArgumentError
        If a label is none of the classes, a class is there twice, or there is none.
    GraphError
        If it is used before there are classes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> encoder = gg.data.LabelEncoder()
    >>> encoder.fit_transform(["cat", "dog", "cat"])
    array([0, 1, 0])
    >>> encoder.inverse_transform([1, 0]).tolist()
    ['dog', 'cat']
    """

    classes_: Array

    def __init__(self, classes: Sequence[Any] | None = None) -> None:
        if classes is not None:
            if len(set(classes)) < len(classes):
                raise ArgumentError(describe("LabelEncoder: a class is there twice"))
            self.classes_ = self._some(np.asarray(classes))

    def fit(self, y: Any) -> Self:
        """Take the classes of some labels, sorted."""
        self.classes_ = self._some(np.unique(np.asarray(y)))
        return self

    def transform(self, y: Any) -> Array:
        """The number of each label, int64."""
        self._check()
        labels = np.asarray(y)
        order = np.argsort(self.classes_)
        places = np.searchsorted(self.classes_, labels, sorter=order).clip(max=len(order) - 1)
        numbers: Array = order[places]
        wrong = labels[self.classes_[numbers] != labels]
        if wrong.size:
            raise ArgumentError(describe(f"LabelEncoder: {wrong.tolist()[0]!r} is none of the classes"))
        return numbers.astype(np.int64)

    def fit_transform(self, y: Any) -> Array:
        """Take the classes of some labels, and number these."""
        return self.fit(y).transform(y)

    def inverse_transform(self, y: Any) -> Array:
        """The class of each number."""
        self._check()
        numbers = whole("LabelEncoder", y)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(self.classes_):
            raise ArgumentError(describe(f"LabelEncoder: there are the classes 0 to {len(self.classes_) - 1}"))
        classes: Array = self.classes_[numbers]
        return classes

    @staticmethod
    def _some(classes: Array) -> Array:
        if len(classes) == 0:
            raise ArgumentError(describe("LabelEncoder: there are no classes, and no labels to take them from"))
        return classes

    def _check(self) -> None:
        if not hasattr(self, "classes_"):
            raise GraphError(describe("LabelEncoder: there are no classes yet", hint="fit, or LabelEncoder(classes)"))


def class_weights(labels: Any, *, per_sample: bool = True) -> Array:
    """Weights with which every class counts the same: n / (classes · size of the class) (P05.12).

    Parameters
    ----------
    labels
        The class of each sample: whole numbers from 0, each of which has samples.
    per_sample
        Whether each sample gets the weight of its class, for `WeightedRandomSampler`; or each class has one, for a
        loss.

    Returns
    -------
    ndarray
        float64 for samples; the default dtype for classes, shape (classes,).

    Raises
    ------
    ShapeError
        If there are no labels.
    ArgumentError
        If they aren't whole numbers from 0, or a class between has no sample.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.class_weights([0, 0, 0, 1], per_sample=False).round(3).tolist()
    [0.6669999957084656, 2.0]
    """
    array = whole("class_weights", labels)
    if array.ndim != 1 or array.size == 0:
        raise ShapeError(describe(f"class_weights: labels are one for each sample, got shape {array.shape}"))
    if array.min() < 0:
        raise ArgumentError(describe(f"class_weights: labels are whole numbers from 0, got {array.min()}"))
    counts = np.bincount(array)
    if not counts.all():
        raise ArgumentError(describe(f"class_weights: class {int(counts.argmin())} has no samples"))
    weights: Array = len(array) / (len(counts) * counts)
    return weights[array] if per_sample else weights.astype(get_default_dtype())
