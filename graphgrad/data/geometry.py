"""Augmentations that move pixels: flips, shifts, rotations, zooms, shears, crops and local warps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.data.augmentation import Augmentation, check_range, check_share
from graphgrad.data.warping import check_mode, crop_size, cut_size, five_crop, matrices_of, moved, warped
from graphgrad.graph.errors import ArgumentError, describe

__all__ = [
    "CenterCrop",
    "ElasticTransform",
    "RandomAffine",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomVerticalFlip",
    "RandomZoom",
]

Array = np.ndarray[Any, Any]

SMALLEST_ZOOM = 1e-3
"""Below it a whole image would lie within a pixel."""


class RandomHorizontalFlip(Augmentation):
    """Mirror an image left and right with probability `p`; not for letters and digits (P12.12).

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> gg.data.RandomHorizontalFlip(p=1.0)(np.array([[[1, 2, 3]]])).tolist()
    [[[3, 2, 1]]]
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = check_share(self, "p", p)

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        chosen = generator.random(len(images)) < self.p
        return np.where(chosen[:, None, None, None], images[..., ::-1], images)


class RandomVerticalFlip(Augmentation):
    """Mirror an image top and bottom with probability `p` (P12.12).

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> gg.data.RandomVerticalFlip(p=1.0)(np.array([[[1], [2]]])).tolist()
    [[[2], [1]]]
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = check_share(self, "p", p)

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        chosen = generator.random(len(images)) < self.p
        return np.where(chosen[:, None, None, None], images[..., ::-1, :], images)


class RandomAffine(Augmentation):
    """Rotate, shift, zoom and shear by random amounts (P12.12).

    Parameters
    ----------
    degrees
        The range of the rotation; a number reaches to both sides of 0.
    translate
        The largest shifts (horizontal, vertical), as shares of width and height; a number for both.
    scale
        The range of the zoom: above 1 zooms in; a number reaches to both sides of 1.
    shear
        The range of degrees by which vertical lines lean.
    fill, mode
        What comes in from beyond the edge: ``"constant"`` the value `fill`, ``"edge"`` the pixels at the edge,
        ``"reflect"`` the image mirrored.

    Raises
    ------
    ArgumentError
        If a range is none.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, _ = gg.datasets.digits()
    >>> change = gg.data.RandomAffine(degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=5)
    >>> change(X[:100].reshape(-1, 1, 8, 8)).shape
    (100, 1, 8, 8)
    """

    def __init__(
        self,
        degrees: float | Sequence[float] = 0.0,
        translate: float | Sequence[float] | None = None,
        scale: float | Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        *,
        fill: float = 0.0,
        mode: str = "constant",
    ) -> None:
        self.degrees = check_range(self, "degrees", degrees)
        shares = np.broadcast_to(0.0 if translate is None else translate, 2).tolist()
        self.translate = check_share(self, "translate", shares[0]), check_share(self, "translate", shares[1])
        self.scale = check_range(self, "scale", 0.0 if scale is None else scale, centre=1.0, least=SMALLEST_ZOOM)
        self.shear = check_range(self, "shear", 0.0 if shear is None else shear)
        if max(map(abs, self.shear)) >= 90:
            raise ArgumentError(describe(f"{type(self).__name__}: shear is below 90 degrees, got {shear!r}"))
        self.fill, self.mode = float(fill), check_mode(type(self).__name__, mode)

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        n, _, height, width = images.shape
        angles, scales = generator.uniform(*self.degrees, n), generator.uniform(*self.scale, n)
        shears = np.stack([generator.uniform(*self.shear, n), np.zeros(n)], axis=1)
        reach = np.array(self.translate) * (width, height)
        shifts = generator.uniform(-1.0, 1.0, (n, 2)) * reach
        return moved(images, matrices_of(angles, scales, shears), shifts, self.fill, self.mode)


class RandomRotation(RandomAffine):
    """Rotate by a random number of degrees (P12.12); a number reaches to both sides of 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> gg.data.RandomRotation((180, 180))(np.array([[[1.0, 2.0]]])).tolist()
    [[[2.0, 1.0]]]
    """

    def __init__(self, degrees: float | Sequence[float], *, fill: float = 0.0, mode: str = "constant") -> None:
        super().__init__(degrees, fill=fill, mode=mode)


class RandomTranslation(RandomAffine):
    """Shift by random shares of height and width, at most the given ones to either side (P12.12).

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> gg.data.RandomTranslation(0.2, 0.1)(np.zeros((3, 1, 8, 8))).shape
    (3, 1, 8, 8)
    """

    def __init__(self, height_factor: float, width_factor: float, *, fill: float = 0.0, mode: str = "constant") -> None:
        super().__init__(translate=(width_factor, height_factor), fill=fill, mode=mode)


class RandomZoom(RandomAffine):
    """Zoom by a random factor of a range, above 1 to zoom in; a number reaches to both sides of 1 (P12.12).

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> gg.data.RandomZoom((0.8, 1.2))(np.zeros((3, 1, 8, 8))).shape
    (3, 1, 8, 8)
    """

    def __init__(self, scale: float | Sequence[float], *, fill: float = 0.0, mode: str = "constant") -> None:
        super().__init__(scale=scale, fill=fill, mode=mode)


class RandomShear(RandomAffine):
    """Lean vertical lines by a random number of degrees; a number reaches to both sides of 0 (P12.12).

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> gg.data.RandomShear(15)(np.zeros((3, 1, 8, 8))).shape
    (3, 1, 8, 8)
    """

    def __init__(self, degrees: float | Sequence[float], *, fill: float = 0.0, mode: str = "constant") -> None:
        super().__init__(shear=degrees, fill=fill, mode=mode)


class RandomCrop(Augmentation):
    """Cut a random piece out of each image, or out of the image with a border around it (P12.12).

    Parameters
    ----------
    size
        Height and width of the piece; a number for both.
    padding
        How wide the border is.
    fill
        Its value.

    Raises
    ------
    ValueError
        If the size or the border is no whole number.
    ShapeError
        If the piece is larger than the image with its border.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> gg.data.RandomCrop(8, padding=1)(np.zeros((3, 1, 8, 8))).shape
    (3, 1, 8, 8)
    """

    def __init__(self, size: int | tuple[int, int], padding: int = 0, fill: float = 0.0) -> None:
        crop_size("RandomCrop", size)
        if not isinstance(padding, (int, np.integer)) or isinstance(padding, bool) or padding < 0:
            raise ArgumentError(describe(f"RandomCrop: padding is a whole number from 0, got {padding!r}"))
        self.size, self.padding, self.fill = size, int(padding), fill

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        border = ((0, 0), (0, 0), (self.padding, self.padding), (self.padding, self.padding))
        padded = np.pad(images, border, constant_values=self.fill) if self.padding else images
        height, width = cut_size("RandomCrop", self.size, padded.shape)
        tops = generator.integers(padded.shape[2] - height + 1, size=len(images))
        lefts = generator.integers(padded.shape[3] - width + 1, size=len(images))
        pieces = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
        return pieces[np.arange(len(images)), :, tops, lefts]


class CenterCrop(Augmentation):
    """Cut out the centre of each image.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> gg.data.CenterCrop(1)(np.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]])).item()
    5
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        crop_size("CenterCrop", size)
        self.size = size

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        return five_crop(images, self.size)[4]


class ElasticTransform(Augmentation):
    """Warp images locally: each pixel is read from a place that is off by a smooth random field (P12.12).

    Parameters
    ----------
    alpha
        How far, in pixels: the standard deviation of the offsets.
    sigma
        How smooth, in pixels: the width of the Gaussian that the field is blurred with.
    fill, mode
        See `RandomAffine`.

    Raises
    ------
    ArgumentError
        If one is negative, or `sigma` 0, or there is no such mode.

    Notes
    -----
    Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks", 2003.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> gg.data.ElasticTransform(alpha=0.5, sigma=2.0)(np.zeros((3, 1, 8, 8))).shape
    (3, 1, 8, 8)
    """

    def __init__(self, alpha: float = 1.0, sigma: float = 4.0, *, fill: float = 0.0, mode: str = "constant") -> None:
        if not (0 <= alpha < np.inf and 0 < sigma < np.inf):
            raise ArgumentError(describe(f"ElasticTransform: alpha is from 0, sigma above 0, got {alpha!r}, {sigma!r}"))
        self.alpha, self.sigma = float(alpha), float(sigma)
        self.fill, self.mode = float(fill), check_mode("ElasticTransform", mode)

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        n, _, height, width = images.shape
        field = generator.normal(size=(2, n, height, width))
        field = _blurred(_blurred(field, height, self.sigma, -2), width, self.sigma, -1)
        ys, xs = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
        return warped(images, ys + self.alpha * field[0], xs + self.alpha * field[1], self.fill, self.mode)


def _blurred(field: Array, length: int, sigma: float, axis: int) -> Array:
    """A field of independent normal numbers blurred along an axis by a Gaussian, with its variance of 1."""
    places = np.arange(length)
    weights = np.exp(-0.5 * ((places[:, None] - places) / sigma) ** 2)
    weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
    return np.moveaxis(np.moveaxis(field, axis, -1) @ weights.T, -1, axis)
