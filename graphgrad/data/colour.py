"""Augmentations that change values: colour, noise, and what is cut out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.data.augmentation import Augmentation, check_range, check_share
from graphgrad.data.sampler import check_count
from graphgrad.graph.errors import ArgumentError, ShapeError, describe

__all__ = ["ColorJitter", "Cutout", "GaussianNoise", "Normalize", "RandomErasing", "RandomGrayscale"]

Array = np.ndarray[Any, Any]

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R 601


class ColorJitter(Augmentation):
    """Change brightness, contrast, saturation and hue, in this order, by random amounts (P12.12).

    Brightness multiplies; contrast blends with the mean grey of the image, saturation with the grey of each pixel;
    hue turns the colour circle. Saturation and hue need three channels: red, green, blue. Results are held to 0 to 1.

    Parameters
    ----------
    brightness, contrast, saturation
        The range of the factor; a number reaches to both sides of 1, but not below 0.
    hue
        The range of the turn, from -0.5 to 0.5 of the circle; a number reaches to both sides of 0.

    Raises
    ------
    ArgumentError
        If a range is none.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> gg.data.ColorJitter(brightness=(0.5, 0.5))(np.ones((3, 1, 1))).ravel().tolist()
    [0.5, 0.5, 0.5]
    """

    floats_only = True

    def __init__(
        self,
        brightness: float | Sequence[float] = 0.0,
        contrast: float | Sequence[float] = 0.0,
        saturation: float | Sequence[float] = 0.0,
        hue: float | Sequence[float] = 0.0,
    ) -> None:
        self.brightness = check_range(self, "brightness", brightness, 1.0, 0.0)
        self.contrast = check_range(self, "contrast", contrast, 1.0, 0.0)
        self.saturation = check_range(self, "saturation", saturation, 1.0, 0.0)
        self.hue = check_range(self, "hue", hue)
        if not -0.5 <= self.hue[0] <= self.hue[1] <= 0.5:
            raise ArgumentError(describe(f"ColorJitter: hue lies between -0.5 and 0.5, got {hue!r}"))

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        colours = self.saturation != (1.0, 1.0) or self.hue != (0.0, 0.0)
        if colours and images.shape[1] != 3:
            raise ShapeError(describe(f"ColorJitter: saturation and hue need 3 channels, got {images.shape[1]}"))
        n = len(images)
        brightness, contrast, saturation, hue = (
            generator.uniform(*limits, n).astype(images.dtype)[:, None, None, None]
            for limits in (self.brightness, self.contrast, self.saturation, self.hue)
        )
        result = images
        if self.brightness != (1.0, 1.0):
            result = (result * brightness).clip(0, 1)
        if self.contrast != (1.0, 1.0):
            mean = grey(result).mean(axis=(1, 2, 3), keepdims=True)
            result = (mean + (result - mean) * contrast).clip(0, 1)
        if self.saturation != (1.0, 1.0):
            plain = grey(result)
            result = (plain + (result - plain) * saturation).clip(0, 1)
        if self.hue != (0.0, 0.0):
            result = turned(result, hue[:, 0])
        changed: Array = result.astype(images.dtype, copy=result is images)
        return changed


def grey(images: Array) -> Array:
    """The brightness of each pixel, (n, 1, height, width); channels other than red, green, blue are averaged."""
    weights = _LUMA if images.shape[1] == 3 else np.full(images.shape[1], 1.0 / images.shape[1])
    result: Array = (images * weights.astype(images.dtype)[:, None, None]).sum(axis=1, keepdims=True)
    return result


def turned(images: Array, turn: Array) -> Array:
    """Images in red, green and blue with the hue turned by a part of the circle."""
    value, least = images.max(axis=1), images.min(axis=1)
    chroma = value - least
    red, green, blue = (images[:, i] for i in range(3))
    safe = np.where(chroma == 0, 1, chroma)
    hue = np.where(
        value == red,
        (green - blue) / safe,
        np.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue = (hue + 6 * turn) % 6
    # Each channel is a trapezoid over the circle.
    k = (np.array([5, 3, 1], dtype=images.dtype)[:, None, None] + hue[:, None]) % 6
    down = np.minimum(np.minimum(k, 4 - k), 1).clip(0)
    result: Array = value[:, None] - chroma[:, None] * down
    return result


class RandomGrayscale(Augmentation):
    """Take the colour out of an image with probability `p`; it keeps three channels (P12.12).

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> grey = gg.data.RandomGrayscale(p=1.0)(np.array([1.0, 0.0, 0.0]).reshape(3, 1, 1))
    >>> grey.ravel().tolist()
    [0.299, 0.299, 0.299]
    """

    floats_only = True

    def __init__(self, p: float = 0.1) -> None:
        self.p = check_share(self, "p", p)

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        chosen = generator.random(len(images)) < self.p
        return np.where(chosen[:, None, None, None], grey(images), images)


class GaussianNoise(Augmentation):
    """Add normal noise to every value.

    Parameters
    ----------
    mean, sigma
        Of the noise.
    clip
        Whether results are held to 0 to 1.

    Raises
    ------
    ArgumentError
        If `sigma` is negative, or one isn't finite.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> noisy = gg.data.GaussianNoise(sigma=0.1)(np.full((1, 100, 100), 0.5), np.random.default_rng(0))
    >>> round(float(noisy.std()), 1)
    0.1
    """

    floats_only = True

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        if not 0 <= sigma < math.inf or not math.isfinite(mean):
            raise ArgumentError(
                describe(f"GaussianNoise: mean and sigma are finite, sigma is a number from 0, got {mean!r}, {sigma!r}")
            )
        self.mean, self.sigma, self.clip = float(mean), float(sigma), bool(clip)

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        noise = generator.standard_normal(images.shape, dtype=np.float32 if images.dtype != np.float64 else np.float64)
        result = (images + self.mean + self.sigma * noise).astype(images.dtype)
        return result.clip(0, 1) if self.clip else result


class RandomErasing(Augmentation):
    """Fill a random rectangle of an image with a value, with probability `p`.

    Parameters
    ----------
    p
        The probability.
    scale
        The range of the rectangle's area, as a share of the image's.
    ratio
        The range of its height by its width.
    value
        What fills it; ``"random"`` for normal noise.

    Raises
    ------
    ArgumentError
        If an option is out of range.

    Notes
    -----
    Zhong et al., "Random Erasing Data Augmentation", 2017. A rectangle that would be higher or wider than the image is
    cut to it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> erased = gg.data.RandomErasing(p=1.0)(np.ones((1, 1, 20, 20)), np.random.default_rng(0))
    >>> 0.02 < 1 - erased.mean() < 0.4
    np.True_
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: float | str = 0.0,
    ) -> None:
        self.p = check_share(self, "p", p)
        self.scale = check_range(self, "scale", scale, least=0.0)
        self.ratio = check_range(self, "ratio", ratio, least=1e-6)
        if isinstance(value, str) and value != "random":
            raise ArgumentError(describe(f"RandomErasing: value is a number or 'random', got {value!r}"))
        self.value = value

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        n, _, height, width = images.shape
        chosen = generator.random(n) < self.p
        area = generator.uniform(*self.scale, n) * height * width
        ratio = np.exp(generator.uniform(math.log(self.ratio[0]), math.log(self.ratio[1]), n))
        tall = np.rint(np.sqrt(area * ratio)).astype(np.int64).clip(1, height) * chosen
        wide = np.rint(np.sqrt(area / ratio)).astype(np.int64).clip(1, width) * chosen
        tops, lefts = generator.integers(height - tall + 1), generator.integers(width - wide + 1)
        fill: Any = generator.standard_normal(images.shape) if self.value == "random" else self.value
        return filled(images, tops, lefts, tall, wide, fill)


class Cutout(Augmentation):
    """Fill a square at a random place with a value; it may reach beyond the edge.

    Parameters
    ----------
    size
        Of the square, in pixels.
    n_holes
        How many squares.
    value
        What fills them.

    Notes
    -----
    DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> cut = gg.data.Cutout(3)(np.ones((1, 8, 8)), np.random.default_rng(0))
    >>> int((cut == 0).sum())
    9
    """

    def __init__(self, size: int, n_holes: int = 1, value: float = 0.0) -> None:
        self.size, self.n_holes = check_count("Cutout", "size", size), check_count("Cutout", "n_holes", n_holes)
        self.value = value

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        n, _, height, width = images.shape
        for _ in range(self.n_holes):
            tops = generator.integers(height, size=n) - self.size // 2
            lefts = generator.integers(width, size=n) - self.size // 2
            images = filled(images, tops, lefts, self.size, self.size, self.value)
        return images


def filled(images: Array, tops: Array, lefts: Array, tall: Array | int, wide: Array | int, value: Any) -> Array:
    """Images in each of which a rectangle is filled."""
    rows, columns = np.arange(images.shape[2]), np.arange(images.shape[3])
    in_rows = (rows >= tops[:, None]) & (rows < (tops + tall)[:, None])
    in_columns = (columns >= lefts[:, None]) & (columns < (lefts + wide)[:, None])
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    return np.where(inside, np.asarray(value).astype(images.dtype), images)


class Normalize(Augmentation):
    """Subtract a mean from each channel and divide by a standard deviation: (x − mean) / std (P05.21).

    Parameters
    ----------
    mean, std
        One for each channel, or one for all; `StandardScaler` finds them.

    Raises
    ------
    ArgumentError
        If a standard deviation isn't above 0, or a number isn't finite.
    ShapeError
        If images have another number of channels.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> gg.data.Normalize(0.1307, 0.3081)(np.array([[[0.0, 1.0]]])).round(4).tolist()
    [[[-0.4242, 2.8215]]]
    """

    floats_only = True

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean, self.std = np.atleast_1d(mean).tolist(), np.atleast_1d(std).tolist()
        if not all(0 < value < math.inf for value in self.std):
            raise ArgumentError(describe(f"Normalize: std is above 0, got {std!r}"))
        if not all(map(math.isfinite, self.mean)):
            raise ArgumentError(describe(f"Normalize: mean is finite, got {mean!r}"))

    def apply(self, images: Array, generator: np.random.Generator) -> Array:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, images.shape[1]):
                raise ShapeError(
                    describe(f"Normalize: {name} has {len(values)} values, the images {images.shape[1]} channels")
                )
        mean, std = (np.array(values, dtype=np.float64)[:, None, None] for values in (self.mean, self.std))
        return ((images - mean) / std).astype(images.dtype)
