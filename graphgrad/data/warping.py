"""Images moved by given amounts: flips, shifts, rotations, zooms and shears."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.data.augmentation import as_floats, back_to
from graphgrad.data.sampler import check_count
from graphgrad.graph.errors import ArgumentError, ShapeError, describe
from graphgrad.graph.tensor import Tensor

__all__ = ["affine", "five_crop", "hflip", "rotate", "translate", "vflip"]

Array = np.ndarray[Any, Any]

MODES = ("constant", "edge", "reflect")

FAR = 1e9
"""No image is so wide; whole numbers hold what lies there."""

FLAT = 1e-6
"""Two shears that leave less of an area lay it flat."""


def hflip(images: Any) -> Array:
    """Mirror left and right; shape (..., height, width).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.hflip([[1, 2, 3]]).tolist()
    [[3, 2, 1]]
    """
    return _images("hflip", images)[..., ::-1].copy()


def vflip(images: Any) -> Array:
    """Mirror top and bottom; shape (..., height, width).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.vflip([[1, 2], [3, 4]]).tolist()
    [[3, 4], [1, 2]]
    """
    return _images("vflip", images)[..., ::-1, :].copy()


def translate(images: Any, shift: tuple[float, float], *, fill: float = 0.0, mode: str = "constant") -> Array:
    """Shift images by (right, down) pixels; shape (..., height, width).

    Parameters
    ----------
    images
        Images.
    shift
        How far, parts of pixels too.
    fill
        What comes in.
    mode
        ``"constant"``: `fill`; ``"edge"``: the pixels at the edge; ``"reflect"``: the image mirrored.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.translate([[1, 2, 3], [4, 5, 6]], (1, 0)).tolist()
    [[0, 1, 2], [0, 4, 5]]
    """
    return affine(images, translate=shift, fill=fill, mode=mode)


def rotate(images: Any, angle: float, *, expand: bool = False, fill: float = 0.0, mode: str = "constant") -> Array:
    """Rotate images counter-clockwise by some degrees; shape (..., height, width).

    Parameters
    ----------
    images
        Images.
    angle
        In degrees.
    expand
        Whether the result is so large that nothing is cut off.
    fill, mode
        What comes in, see `translate`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.rotate([[1, 2, 3], [4, 5, 6]], 90, expand=True).tolist()
    [[3, 6], [2, 5], [1, 4]]
    """
    array = _images("rotate", images)
    _check_finite("rotate", angle=angle)
    height, width = array.shape[-2:]
    # Quarter turns are exact.
    if angle % 90 == 0 and (expand or height == width or angle % 180 == 0):
        return np.rot90(array, int(angle // 90), axes=(-2, -1)).copy()
    size = None
    if expand:
        c, s = abs(math.cos(math.radians(angle))), abs(math.sin(math.radians(angle)))
        size = math.ceil(height * c + width * s - 1e-6), math.ceil(width * c + height * s - 1e-6)
    return affine(array, angle, fill=fill, mode=mode, size=size)


def affine(
    images: Any,
    angle: float = 0.0,
    translate: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
    shear: float | tuple[float, float] = 0.0,
    *,
    fill: float = 0.0,
    mode: str = "constant",
    size: tuple[int, int] | None = None,
) -> Array:
    """Shear, scale and rotate images about their centre, then shift them; shape (..., height, width).

    Values between pixels are interpolated bilinearly.

    Parameters
    ----------
    images
        Images.
    angle
        In degrees, counter-clockwise.
    translate
        (right, down), in pixels.
    scale
        Above 1 to zoom in.
    shear
        Degrees by which vertical lines lean, and horizontal ones.
    fill, mode
        What comes in, see `translate`.
    size
        Height and width of the result, by default those of the images.

    Raises
    ------
    ArgumentError
        If a number isn't finite, the scale is 0, a shear lays a line flat, or there is no such mode.
    ShapeError
        If images have no height and width.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.affine([[1.0, 0.0], [0.0, 0.0]], translate=(1, 1)).tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """
    array = _images("affine", images)
    check_mode("affine", mode)
    _check_finite("affine", angle=angle, translate=translate, scale=scale, shear=shear)
    size = None if size is None else crop_size("affine", size)
    stack = array.reshape(1, math.prod(array.shape[:-2]), *array.shape[-2:])
    shears = (shear, 0.0) if isinstance(shear, (int, float)) else shear
    matrices = matrices_of(np.array([angle]), np.array([scale]), np.array([shears], dtype=np.float64))
    result = moved(stack, matrices, np.array([translate], dtype=np.float64), fill, mode, size)
    return result.reshape(*array.shape[:-2], *result.shape[-2:])


def five_crop(images: Any, size: int | tuple[int, int]) -> tuple[Array, Array, Array, Array, Array]:
    """The four corners and the centre of images: top left, top right, bottom left, bottom right, centre.

    Examples
    --------
    >>> import graphgrad as gg
    >>> [crop.item() for crop in gg.data.five_crop([[1, 2, 3], [4, 5, 6], [7, 8, 9]], 1)]
    [1, 3, 7, 9, 5]
    """
    array = _images("five_crop", images)
    height, width = cut_size("five_crop", size, array.shape)
    down, right = array.shape[-2] - height, array.shape[-1] - width
    places = ((0, 0), (0, right), (down, 0), (down, right), (round(down / 2), round(right / 2)))
    a, b, c, d, e = (array[..., y : y + height, x : x + width].copy() for y, x in places)
    return a, b, c, d, e


def _images(who: str, images: Any) -> Array:
    array = images.data if isinstance(images, Tensor) else np.asarray(images)
    if array.ndim < 2 or 0 in array.shape[-2:]:
        raise ShapeError(describe(f"{who}: images of shape (..., height, width) are needed, got {array.shape}"))
    return array


def _check_finite(who: str, **options: Any) -> None:
    for name, value in options.items():
        if not np.isfinite(value).all():
            raise ArgumentError(describe(f"{who}: {name} is finite, got {value!r}"))


def check_mode(who: str, mode: str) -> str:
    """A way to fill in what lies beyond the edge."""
    if mode not in MODES:
        raise ArgumentError(describe(f"{who}: mode is one of {', '.join(MODES)}, got {mode!r}"))
    return mode


def crop_size(who: str, size: Any) -> tuple[int, int]:
    """Height and width of a piece: two whole numbers, or one for both."""
    sizes = size if isinstance(size, (tuple, list)) else (size, size)
    if len(sizes) != 2:
        raise ArgumentError(describe(f"{who}: size is a height and a width, or one for both, got {size!r}"))
    return check_count(who, "size", sizes[0]), check_count(who, "size", sizes[1])


def cut_size(who: str, size: Any, shape: tuple[int, ...]) -> tuple[int, int]:
    """That of a piece that fits into images."""
    height, width = crop_size(who, size)
    if height > shape[-2] or width > shape[-1]:
        raise ShapeError(describe(f"{who}: {height} × {width} can't be cut out of {shape[-2]} × {shape[-1]}"))
    return height, width


def matrices_of(angles: Array, scales: Array, shears: Array) -> Array:
    """From a point of the result back to one of the image, both from the centre, as (x, y): shape (n, 2, 2)."""
    if not (scales > 0).all():
        raise ArgumentError(describe("affine: the scale has to be above 0"))
    radians = np.radians(angles)
    c, s = np.cos(radians), np.sin(radians)
    rotation = np.stack([np.stack([c, s], -1), np.stack([-s, c], -1)], -2)
    shearing = np.zeros_like(rotation)
    shearing[:, 0, 0] = shearing[:, 1, 1] = 1.0
    shearing[:, 0, 1], shearing[:, 1, 0] = np.tan(np.radians(shears)).T
    forward = rotation @ shearing * scales[:, None, None]
    # The scale has its own bound: what is left of the determinant is the shear's.
    if not (np.abs(np.linalg.det(rotation @ shearing)) > FLAT).all() or (np.abs(shears) >= 90).any():
        raise ArgumentError(describe("affine: the shear lays a line flat", "expected: less than 90 degrees"))
    inverse: Array = np.linalg.inv(forward)
    return inverse


def moved(
    images: Array, matrices: Array, shifts: Array, fill: float, mode: str, size: tuple[int, int] | None = None
) -> Array:
    """Images (n, channels, height, width), each under a matrix and a shift of its own."""
    height, width = images.shape[-2:]
    rows, columns = size or (height, width)
    y = np.arange(rows) - (rows - 1) / 2
    x = np.arange(columns) - (columns - 1) / 2
    ys, xs = np.meshgrid(y, x, indexing="ij")
    xs, ys = xs - shifts[:, 0, None, None], ys - shifts[:, 1, None, None]
    m = matrices[:, :, :, None, None]
    from_x = m[:, 0, 0] * xs + m[:, 0, 1] * ys + (width - 1) / 2
    from_y = m[:, 1, 0] * xs + m[:, 1, 1] * ys + (height - 1) / 2
    return warped(images, from_y, from_x, fill, mode)


def warped(images: Array, ys: Array, xs: Array, fill: float, mode: str) -> Array:
    """Images (n, channels, height, width) read at points (n, rows, columns), bilinearly."""
    n, channels, height, width = images.shape
    shape = (n, channels, *ys.shape[1:])
    values = as_floats(images).reshape(n, channels, height * width)
    ys, xs = ys.clip(-FAR, FAR), xs.clip(-FAR, FAR)
    # Points that are but a rounding error off a pixel stand for it.
    ys, xs = (np.where(np.abs(p - np.rint(p)) < 1e-6, np.rint(p), p).reshape(n, math.prod(shape[2:])) for p in (ys, xs))
    top, left = np.floor(ys).astype(np.int64), np.floor(xs).astype(np.int64)
    down, right = (ys - top).astype(values.dtype), (xs - left).astype(values.dtype)
    result = np.zeros((n, channels, ys.shape[1]), dtype=values.dtype)
    for row, by_row in ((top, 1 - down), (top + 1, down)):
        for column, by_column in ((left, 1 - right), (left + 1, right)):
            inside, places = _places(row, column, height, width, mode)
            read = np.take_along_axis(values, places[:, None, :], axis=2)
            if mode == "constant":
                read = np.where(inside[:, None, :], read, np.asarray(fill, dtype=values.dtype))
            result += (by_row * by_column)[:, None, :] * read
    return back_to(result.reshape(shape), images.dtype)


def _places(row: Array, column: Array, height: int, width: int, mode: str) -> tuple[Array, Array]:
    """Which pixels lie in the image, and where each is read."""
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    if mode == "reflect":
        row, column = _mirrored(row, height), _mirrored(column, width)
    else:
        row, column = row.clip(0, height - 1), column.clip(0, width - 1)
    return inside, row * width + column


def _mirrored(places: Array, length: int) -> Array:
    if length == 1:
        return np.zeros_like(places)
    period = 2 * (length - 1)
    places = np.abs(places) % period
    return np.where(places < length, places, period - places)
