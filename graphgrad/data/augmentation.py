"""More data from what there is: what augmentations share, chains of them, and copies made in advance."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphgrad.data.sampler import check_count
from graphgrad.graph.dtypes import get_default_dtype
from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, describe
from graphgrad.graph.random import generator_or_default
from graphgrad.graph.tensor import Tensor

__all__ = ["Augmentation", "Compose", "RandomApply", "augment"]

Array = np.ndarray[Any, Any]


class Augmentation:
    """A random change of images (P12.12): a subclass says in `apply` what happens to a batch.

    It is called with one image, shape (channels, height, width), or with a batch, (n, channels, height, width), in
    which each image is changed by amounts of its own; and with a generator, by default what `graphgrad.manual_seed`
    starts. The images that are given stay as they are. As a loader's ``transform`` it works online (P12.13).
    """

    floats_only = False
    """Whether values are taken to lie between 0 and 1, so that whole numbers make no sense."""

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        """The changed images, both of shape (n, channels, height, width)."""
        raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say what it changes"))

    def __call__(self, images: Any, generator: np.random.Generator | None = None) -> Any:
        array = images.data if isinstance(images, Tensor) else np.asarray(images)
        if array.ndim not in (3, 4):
            raise ShapeError(
                describe(
                    f"{type(self).__name__}: images of shape (n, channels, height, width) are needed, or a single one",
                    f"got: shape {array.shape}",
                    hint="X.reshape(-1, 1, 8, 8) for digits",
                )
            )
        if array.dtype.kind not in "biuf" or (self.floats_only and array.dtype.kind != "f"):
            raise DTypeError(
                describe(f"{type(self).__name__}: values from 0.0 to 1.0 are needed, got {array.dtype}", hint="X / 255")
            )
        changed = self.apply(array if array.ndim == 4 else array[None], generator_or_default(generator))
        result = changed if array.ndim == 4 else changed[0]
        return Tensor(result) if isinstance(images, Tensor) else result

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({options})"


class Compose:
    """Several transforms, one after the other.

    Parameters
    ----------
    transforms
        Each called with the images and a generator.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> change = gg.data.Compose([gg.data.RandomHorizontalFlip(), gg.data.GaussianNoise(sigma=0.1)])
    >>> change(np.zeros((10, 1, 8, 8), dtype="float32"), np.random.default_rng(0)).shape
    (10, 1, 8, 8)
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, images: Any, generator: np.random.Generator | None = None) -> Any:
        draw = generator_or_default(generator)
        for transform in self.transforms:
            images = transform(images, draw)
        return images

    def __repr__(self) -> str:
        return f"Compose({self.transforms!r})"


class RandomApply(Augmentation):
    """Apply a transform that keeps the shape to each image with a probability.

    Parameters
    ----------
    transform
        Called with images and a generator.
    p
        The probability.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> change = gg.data.RandomApply(gg.data.GaussianNoise(), p=0.0)
    >>> change(np.zeros((1, 1, 2, 2))).max()
    np.float64(0.0)
    """

    def __init__(self, transform: Callable[..., Any], p: float = 0.5) -> None:
        self.transform, self.p = transform, check_share(self, "p", p)

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        chosen = generator.random(len(images)) < self.p
        result = images.copy()
        if chosen.any():
            result[chosen] = self.transform(images[chosen], generator)
        return result


def augment(
    X: Any,
    t: Any,
    transform: Callable[..., Any],
    copies: int = 1,
    *,
    keep: bool = True,
    batch_size: int = 1024,
    generator: np.random.Generator | None = None,
) -> tuple[Array, Array]:
    """Make changed copies of a training set in advance (P12.13).

    Online augmentation, a loader's ``transform``, changes images anew in each epoch and stores none; copies cost
    memory, and nothing more while training.

    Parameters
    ----------
    X, t
        Images and labels.
    transform
        Called with images and a generator.
    copies
        How many of each image.
    keep
        Whether the images themselves come first.
    batch_size
        How many are changed at once.
    generator
        Where the changes come from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X, t : ndarray
        (keep + copies) · n images and labels.

    Raises
    ------
    ShapeError
        If there are no images, or not as many labels as images.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.digits("train")
    >>> X, t = gg.data.augment(X.reshape(-1, 1, 8, 8), t, gg.data.RandomAffine(10, translate=(0.1, 0.1)), copies=2)
    >>> X.shape, t.shape
    ((4311, 1, 8, 8), (4311,))
    """
    images = X.data if isinstance(X, Tensor) else np.asarray(X)
    labels = t.data if isinstance(t, Tensor) else np.asarray(t)
    if images.ndim == 0 or labels.ndim == 0 or len(images) == 0:
        raise ShapeError(describe(f"augment: images and labels in rows are needed, got {images.shape}, {labels.shape}"))
    if len(images) != len(labels):
        raise ShapeError(describe(f"augment: {len(images)} images and {len(labels)} labels"))
    check_count("augment", "copies", copies)
    check_count("augment", "batch_size", batch_size)
    draw = generator_or_default(generator)
    starts = list(range(0, len(images), batch_size)) * copies
    changed = [transform(images[start : start + batch_size], draw) for start in starts]
    parts = [images, *changed] if keep else changed
    return np.concatenate(parts), np.concatenate([labels] * (copies + bool(keep)))


# --- what the options share -------------------------------------------------------------------------------------------


def check_share(who: object, name: str, value: float) -> float:
    """A number from 0 to 1."""
    if not isinstance(value, numbers.Real) or not 0 <= value <= 1:
        raise ArgumentError(describe(f"{type(who).__name__}: {name} is a number from 0 to 1, got {value!r}"))
    return float(value)


def check_range(
    who: object, name: str, value: float | Sequence[float], centre: float = 0.0, least: float = -np.inf
) -> tuple[float, float]:
    """A range: as two numbers that go up, or as one, by which it reaches to both sides of a centre."""
    ends = np.asarray((value,) if isinstance(value, numbers.Real) else value)
    low, high = 1.0, 0.0
    if ends.dtype.kind in "iuf" and ends.shape == (1,):
        low, high = max(least, centre - float(ends[0])), centre + float(ends[0])
    elif ends.dtype.kind in "iuf" and ends.shape == (2,):
        low, high = ends.tolist()
    if not (least <= low <= high and np.isfinite((low, high)).all()):
        raise ArgumentError(
            describe(f"{type(who).__name__}: {name} is a number from 0, or two that go up, got {value!r}")
        )
    return float(low), float(high)


def as_floats(images: Array) -> Array:
    """To compute with: floats as they are, whole numbers as the default dtype."""
    return images if images.dtype.kind == "f" else images.astype(get_default_dtype())


def back_to(result: Array, dtype: np.dtype[Any]) -> Array:
    """To the dtype of the images; whole numbers are rounded and kept in range."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        result = np.clip(np.rint(result), limits.min, limits.max)
    elif dtype.kind == "b":
        result = result >= 0.5
    return result.astype(dtype, copy=False)
