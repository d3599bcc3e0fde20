"""What changes shapes and sizes as modules: flatten, patches and images, pixels and channels, upsampling."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn import functional
from graphgrad.nn.arguments import check
from graphgrad.nn.module import Module
from graphgrad.ops.array.shaping import reshape

__all__ = [
    "ChannelShuffle",
    "Flatten",
    "Fold",
    "Identity",
    "PixelShuffle",
    "PixelUnshuffle",
    "Unflatten",
    "Unfold",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
]

Sizes = int | Sequence[int]


def _axis(layer: str, name: str, dim: Any, rank: int) -> int:
    """An axis of an input, counted from the front."""
    if not -rank <= dim < rank:
        raise ShapeError(describe(f"{layer}: {name} {dim} is no axis of an input with {rank} axes"))
    return int(dim) % rank


def _whole(layer: str, name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise DTypeError(describe(f"{layer}: {name} is a whole number, got {value!r:.60}")) from None


class Identity(Module):
    """What goes in comes out: a place that another module can take.

    Parameters
    ----------
    args, kwargs
        Anything, which is let go, so that it can stand where another module stood.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Identity(54, unused=True)(gg.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """Anything to itself."""
        return input


class Flatten(Module):
    """Make one axis of several neighbouring ones; by default of all but the first, which counts examples.

    Parameters
    ----------
    start_dim, end_dim
        The first and the last of them.

    Raises
    ------
    DTypeError
        If one of them isn't a whole number.
    ShapeError
        When an input hasn't these axes, or the last comes before the first.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Flatten()(gg.ones((8, 3, 4, 5))).shape
    (8, 60)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = (
            _whole("Flatten", name, dim) for name, dim in (("start_dim", start_dim), ("end_dim", end_dim))
        )

    def forward(self, input: Any) -> Tensor:
        """Shape (..., a, ..., b, ...) to (..., a · ... · b, ...)."""
        shape = np.shape(input)
        first = _axis("Flatten", "start_dim", self.start_dim, len(shape))
        last = _axis("Flatten", "end_dim", self.end_dim, len(shape))
        if first > last:
            raise ShapeError(describe(f"Flatten: axis {last} comes before axis {first} in input {shape}"))
        joined = (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
        return reshape(input, joined)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Make several axes of one: what `Flatten` did, undone.

    Parameters
    ----------
    dim
        The axis.
    unflattened_size
        The lengths of the new ones; one of them may be -1, for what is left.

    Raises
    ------
    DTypeError
        If they aren't whole numbers.
    ShapeError
        When an input hasn't this axis, or it has another length.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Unflatten(1, (3, 4, 5))(gg.ones((8, 60))).shape
    (8, 3, 4, 5)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = _whole("Unflatten", "dim", dim)
        if not isinstance(unflattened_size, Sequence) or isinstance(unflattened_size, str):
            raise DTypeError(
                describe(f"Unflatten: unflattened_size is a sequence of whole numbers, got {unflattened_size!r:.60}")
            )
        self.unflattened_size = tuple(_whole("Unflatten", "unflattened_size", one) for one in unflattened_size)

    def forward(self, input: Any) -> Tensor:
        """Shape (..., n, ...) to (..., *unflattened_size, ...)."""
        shape = np.shape(input)
        at = _axis("Unflatten", "dim", self.dim, len(shape))
        sizes = self.unflattened_size
        known = math.prod(size for size in sizes if size != -1)
        fits = shape[at] % known == 0 if known and sizes.count(-1) == 1 else known == shape[at]
        if sizes.count(-1) > 1 or min(sizes, default=0) < -1 or not fits:
            raise ShapeError(describe(f"Unflatten: axis {at} of input {shape} can't become axes of lengths {sizes}"))
        return reshape(input, (*shape[:at], *sizes, *shape[at + 1 :]))  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Unfold(Module):
    """All patches of images as columns, so that a convolution is a matrix product: im2col (P14.05).

    Parameters
    ----------
    kernel_size, dilation, padding, stride
        Of the patches, each one number or two; see `graphgrad.nn.functional.unfold`.

    Raises
    ------
    ArgumentError, DTypeError
        If they aren't whole numbers, from 1, or from 0 for `padding`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Unfold(2)(gg.ones((1, 3, 4, 4))).shape
    (1, 12, 9)
    """

    def __init__(self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> None:
        super().__init__()
        check(self, functional.unfold, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, H, W), or (C, H, W), to (N, C · kernel height · kernel width, places)."""
        columns: Tensor = functional.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)
        return columns

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Images from the columns that `Unfold` gives; where patches overlap their elements are added up: col2im.

    Parameters
    ----------
    output_size
        Height and width of the images.
    kernel_size, dilation, padding, stride
        As in `Unfold`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Fold((4, 4), 2)(gg.ones((1, 12, 9))).shape
    (1, 3, 4, 4)
    """

    def __init__(
        self, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
    ) -> None:
        super().__init__()
        places = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride}
        check(self, functional.fold, output_size=output_size, **places)
        self.output_size = output_size
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C · kernel height · kernel width, places), or without N, to (N, C, H, W)."""
        images: Tensor = functional.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )
        return images

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class PixelShuffle(Module):
    """Larger images from more channels: of each place r² channels become a square of r x r pixels.

    Parameters
    ----------
    upscale_factor
        The length r of the square.

    Raises
    ------
    ArgumentError, DTypeError
        If it isn't a whole number from 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.PixelShuffle(2)(gg.ones((1, 8, 3, 3))).shape
    (1, 2, 6, 6)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        check(self, functional.pixel_shuffle, upscale_factor=upscale_factor)
        self.upscale_factor = upscale_factor

    def forward(self, input: Any) -> Tensor:
        """Shape (..., C · r², H, W) to (..., C, H · r, W · r)."""
        return functional.pixel_shuffle(input, self.upscale_factor)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """More channels from larger images: each square of r x r pixels becomes r² channels of one place.

    Parameters
    ----------
    downscale_factor
        The length r of the square.

    Raises
    ------
    ArgumentError, DTypeError
        If it isn't a whole number from 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.PixelUnshuffle(2)(gg.ones((1, 2, 6, 6))).shape
    (1, 8, 3, 3)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        check(self, functional.pixel_unshuffle, downscale_factor=downscale_factor)
        self.downscale_factor = downscale_factor

    def forward(self, input: Any) -> Tensor:
        """Shape (..., C, H · r, W · r) to (..., C · r², H, W)."""
        return functional.pixel_unshuffle(input, self.downscale_factor)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels dealt out anew: first the first one of each group, then the second ones, and so on.

    Parameters
    ----------
    groups
        How many groups there are.

    Raises
    ------
    ArgumentError, DTypeError
        If it isn't a whole number from 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ChannelShuffle(2)(gg.reshape(gg.arange(4.0), (1, 4, 1))).tolist()
    [[[0.0], [2.0], [1.0], [3.0]]]
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        check(self, functional.channel_shuffle, groups=groups)
        self.groups = groups

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, ...) to the same."""
        return functional.channel_shuffle(input, self.groups)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


class Upsample(Module):
    """Signals, images or volumes in another size, by repeating or interpolating (P14.25).

    Parameters
    ----------
    size
        The new lengths of the last axes, or one number for all; either this or `scale_factor`.
    scale_factor
        By how much each of the last axes grows, or one number for all.
    mode
        ``"nearest"``, ``"linear"`` (N, C, L), ``"bilinear"`` and ``"bicubic"`` (N, C, H, W), ``"trilinear"``
        (N, C, D, H, W).
    align_corners
        Whether the outermost elements stay where they are, and not the outermost edges. Not for ``"nearest"``.
    recompute_scale_factor
        Whether the factor is taken anew from the new size.

    Raises
    ------
    ArgumentError, DTypeError
        If both or neither of `size` and `scale_factor` are given, or an option isn't one of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Upsample(scale_factor=2)([[[1.0, 2.0]]])
    tensor([[[1., 1., 2., 2.]]])
    >>> gg.nn.Upsample(4, mode="linear", align_corners=True)([[[1.0, 4.0]]])
    tensor([[[1., 2., 3., 4.]]])
    """

    def __init__(
        self,
        size: Sizes | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        options = {"mode": mode, "align_corners": align_corners, "recompute_scale_factor": recompute_scale_factor}
        check(self, functional.interpolate, size=size, scale_factor=scale_factor, **options)
        self.size = size
        self.scale_factor: float | tuple[float, ...] | None
        if isinstance(scale_factor, Sequence):
            self.scale_factor = tuple(map(float, scale_factor))
        else:
            self.scale_factor = None if scale_factor is None else float(scale_factor)
        self.mode, self.align_corners, self.recompute_scale_factor = mode, align_corners, recompute_scale_factor

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, ...) to the same with other last axes."""
        larger: Tensor = functional.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )
        return larger

    def extra_repr(self) -> str:
        how = f"scale_factor={self.scale_factor!r}" if self.scale_factor is not None else f"size={self.size!r}"
        return f"{how}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Images in another size, by repeating pixels: `Upsample` with mode ``"nearest"``.

    Parameters
    ----------
    size, scale_factor
        As in `Upsample`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.UpsamplingNearest2d(scale_factor=2)(gg.ones((1, 1, 2, 3))).shape
    (1, 1, 4, 6)
    """

    def __init__(self, size: Sizes | None = None, scale_factor: float | Sequence[float] | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Images in another size, interpolated between pixels; the outermost ones stay where they are.

    Parameters
    ----------
    size, scale_factor
        As in `Upsample`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.UpsamplingBilinear2d(size=3)([[[[1.0, 2.0], [3.0, 4.0]]]]).tolist()
    [[[[1.0, 1.5, 2.0], [2.0, 2.5, 3.0], [3.0, 3.5, 4.0]]]]
    """

    def __init__(self, size: Sizes | None = None, scale_factor: float | Sequence[float] | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
