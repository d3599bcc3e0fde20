"""Pooling layers: windows that slide over the last axes, each made one number.

They have nothing to learn, and channels stay apart. Their functions in `graphgrad.nn.functional` tell the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from graphgrad.graph.tensor import Tensor
from graphgrad.nn import functional
from graphgrad.nn.arguments import kept
from graphgrad.nn.module import Module
from graphgrad.ops.attributes import keep_flags
from graphgrad.ops.functional import mean_pooling, pooling, unpooling
from graphgrad.ops.functional.pool_windows import Sizes, whole_numbers

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class Pooling(Module):
    """What all of them have: arguments, and nothing to learn."""

    n: ClassVar[int]
    """In how many dimensions."""
    shown: ClassVar[tuple[str, ...]]
    """Which arguments its line tells."""

    def _keep(self, prepare: Callable[[dict[str, Any], int], None], **given: Any) -> None:
        """Take over the arguments of the operation as they are, if they will do."""
        kept(type(self).__name__, lambda attrs: prepare(attrs, self.n), **given)
        for name, value in given.items():
            setattr(self, name, tuple(value) if isinstance(value, list) else value)

    def _keep_choice(self, return_indices: bool) -> None:
        flag = kept(type(self).__name__, lambda attrs: keep_flags(attrs, *attrs), return_indices=return_indices)
        self.return_indices: bool = flag["return_indices"]

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)}" for name in self.shown)


# ---- maxima ----------------------------------------------------------------------------------------------------------


class _MaxPool(Pooling):
    shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    ceil_mode: bool

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        sizes = {"kernel_size": kernel_size, "stride": kernel_size if stride is None else stride, "padding": padding}
        self._keep(pooling.prepare_max, **sizes, dilation=dilation, ceil_mode=ceil_mode)
        self._keep_choice(return_indices)

    def forward(self, input: Any) -> Any:
        """Shape (N, C, ...) or (C, ...) to the maxima; with ``return_indices=True`` to these and their indices."""
        places = self.kernel_size, self.stride, self.padding, self.dilation
        function: Any = getattr(functional, f"max_pool{self.n}d")
        return function(input, *places, self.ceil_mode, return_indices=self.return_indices)


class MaxPool1d(_MaxPool):
    """The maximum of each window that slides over a sequence (P14.14).

    Parameters
    ----------
    kernel_size
        How many elements a window has.
    stride
        How far it moves from one place to the next; its size unless told otherwise, so that windows don't overlap.
    padding
        How many elements, which are never the maximum, are put at each end.
    dilation
        How far apart the elements of a window are.
    return_indices
        Whether the indices of the maxima are returned too, for `MaxUnpool1d`.
    ceil_mode
        Whether a last window that is not full counts too.

    Raises
    ------
    ArgumentError, DTypeError
        If an argument is none.
    ShapeError
        If it is called with an input that no window fits into: with the formula and the numbers in it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.MaxPool1d(2)([[1.0, 3.0, 2.0, 4.0]])
    tensor([[3., 4.]])
    """

    n = 1


class MaxPool2d(_MaxPool):
    """The maximum of each window that slides over an image (P14.14, P14.17).

    Parameters
    ----------
    kernel_size, stride, padding, dilation
        As in `MaxPool1d`; one number for both axes, or a height and a width.
    return_indices, ceil_mode
        As in `MaxPool1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.MaxPool2d(2)([[[1.0, 3.0, 2.0, 1.0], [2.0, 9.0, 1.0, 1.0]]])
    tensor([[[9., 2.]]])
    """

    n = 2


class MaxPool3d(_MaxPool):
    """The maximum of each window that slides over a volume (P14.14).

    Parameters
    ----------
    kernel_size, stride, padding, dilation
        As in `MaxPool1d`; one number for all axes, or a depth, a height and a width.
    return_indices, ceil_mode
        As in `MaxPool1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.MaxPool3d(2)([[[[1.0, 3.0], [2.0, 4.0]], [[5.0, 0.0], [6.0, 7.0]]]])
    tensor([[[[7.]]]])
    """

    n = 3


class _MaxUnpool(Pooling):
    shown = ("kernel_size", "stride", "padding")

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        sizes = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "output_size": None}
        found = kept(type(self).__name__, lambda attrs: unpooling.prepare(attrs, self.n), **sizes)
        self.kernel_size, self.stride, self.padding = found["kernel_size"], found["stride"], found["padding"]

    def forward(self, input: Any, indices: Any, output_size: Sequence[int] | None = None) -> Tensor:
        """The maxima and their indices to a larger result of zeros, with the maxima in their places.

        Parameters
        ----------
        output_size
            The size that was pooled, where it is another than the smallest that could have been: its lengths, or its
            whole shape.
        """
        function: Any = getattr(functional, f"max_unpool{self.n}d")
        return function(input, indices, self.kernel_size, self.stride, self.padding, output_size)  # type: ignore[no-any-return]


class MaxUnpool1d(_MaxUnpool):
    """The maxima of a sequence back in their places, among zeros (P14.25).

    Parameters
    ----------
    kernel_size, stride, padding
        What the pooling was told.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = [[1.0, 3.0, 2.0, 4.0]]
    >>> maxima, indices = gg.nn.MaxPool1d(2, return_indices=True)(x)
    >>> gg.nn.MaxUnpool1d(2)(maxima, indices)
    tensor([[0., 3., 0., 4.]])
    """

    n = 1


class MaxUnpool2d(_MaxUnpool):
    """The maxima of an image back in their places, among zeros (P14.25).

    Parameters
    ----------
    kernel_size, stride, padding
        What the pooling was told.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = [[[1.0, 3.0, 2.0, 1.0], [2.0, 9.0, 1.0, 1.0]]]
    >>> maxima, indices = gg.nn.MaxPool2d(2, return_indices=True)(x)
    >>> gg.nn.MaxUnpool2d(2)(maxima, indices)
    tensor([[[0., 0., 2., 0.],
             [0., 9., 0., 0.]]])
    """

    n = 2


class MaxUnpool3d(_MaxUnpool):
    """The maxima of a volume back in their places, among zeros (P14.25).

    Parameters
    ----------
    kernel_size, stride, padding
        What the pooling was told.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = [[[[1.0, 3.0], [2.0, 4.0]], [[5.0, 0.0], [6.0, 7.0]]]]
    >>> maxima, indices = gg.nn.MaxPool3d(2, return_indices=True)(x)
    >>> gg.nn.MaxUnpool3d(2)(maxima, indices)
    tensor([[[[0., 0.],
              [0., 0.]],
    <BLANKLINE>
             [[0., 0.],
              [0., 7.]]]])
    """

    n = 3


# ---- means and norms -------------------------------------------------------------------------------------------------


class _AvgPool(Pooling):
    shown = ("kernel_size", "stride", "padding")

    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        sizes = {"kernel_size": kernel_size, "stride": kernel_size if stride is None else stride, "padding": padding}
        flags = {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad}
        self._keep(mean_pooling.prepare_mean, **sizes, **flags, divisor_override=divisor_override)

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, ...) or (C, ...) to the means."""
        more = {} if self.n == 1 else {"divisor_override": self.divisor_override}
        places = self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        return getattr(functional, f"avg_pool{self.n}d")(input, *places, **more)  # type: ignore[no-any-return]


class AvgPool1d(_AvgPool):
    """The mean of each window that slides over a sequence (P14.15).

    Parameters
    ----------
    kernel_size, stride, ceil_mode
        As in `MaxPool1d`.
    padding
        How many zeros are put at each end.
    count_include_pad
        Whether they count among the elements that a sum is divided by.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.AvgPool1d(2)([[1.0, 3.0, 2.0, 4.0]])
    tensor([[2., 3.]])
    """

    n = 1

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        # Its line shows them for each axis, of which there is one.
        self.kernel_size = whole_numbers(self.kernel_size, 1, "kernel_size", 1)
        self.stride = whole_numbers(self.stride, 1, "stride", 1)
        self.padding = whole_numbers(self.padding, 1, "padding", 0)


class AvgPool2d(_AvgPool):
    """The mean of each window that slides over an image (P14.15).

    Parameters
    ----------
    kernel_size, stride, padding
        As in `AvgPool1d`; one number for both axes, or a height and a width.
    ceil_mode, count_include_pad
        As in `AvgPool1d`.
    divisor_override
        What the sums are divided by instead.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.AvgPool2d(2)([[[1.0, 3.0, 2.0, 1.0], [2.0, 9.0, 1.0, 1.0]]])
    tensor([[[3.75, 1.25]]])
    """

    n = 2


class AvgPool3d(_AvgPool):
    """The mean of each window that slides over a volume (P14.15).

    Parameters
    ----------
    kernel_size, stride, padding
        As in `AvgPool1d`; one number for all axes, or a depth, a height and a width.
    ceil_mode, count_include_pad
        As in `AvgPool1d`.
    divisor_override
        What the sums are divided by instead.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.AvgPool3d(2)([[[[1.0, 3.0], [2.0, 4.0]], [[5.0, 0.0], [6.0, 7.0]]]])
    tensor([[[[3.5]]]])
    """

    n = 3


class _LPPool(Pooling):
    shown = ("norm_type", "kernel_size", "stride", "ceil_mode")

    norm_type: float
    kernel_size: Sizes
    stride: Sizes | None
    ceil_mode: bool

    def __init__(
        self, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        sizes = {"kernel_size": kernel_size, "stride": stride, "ceil_mode": ceil_mode}
        self._keep(mean_pooling.prepare_norm, norm_type=norm_type, **sizes)

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, ...) or (C, ...) to the norms."""
        function: Any = getattr(functional, f"lp_pool{self.n}d")
        return function(input, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)  # type: ignore[no-any-return]


class LPPool1d(_LPPool):
    """The p-norm of each window that slides over a sequence (P14.16).

    Parameters
    ----------
    norm_type
        The exponent p in (Σ xᵖ)^(1/p): 1 for the sum, infinity for the maximum.
    kernel_size, stride, ceil_mode
        As in `MaxPool1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.LPPool1d(2, 2)([[3.0, 4.0]])
    tensor([[5.]])
    """

    n = 1


class LPPool2d(_LPPool):
    """The p-norm of each window that slides over an image (P14.16).

    Parameters
    ----------
    norm_type, ceil_mode
        As in `LPPool1d`.
    kernel_size, stride
        As in `LPPool1d`; one number for both axes, or a height and a width.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.LPPool2d(2, 2)([[[1.0, 2.0], [3.0, 4.0]]])
    tensor([[[5.4772]]])
    """

    n = 2


class LPPool3d(_LPPool):
    """The p-norm of each window that slides over a volume (P14.16).

    Parameters
    ----------
    norm_type, ceil_mode
        As in `LPPool1d`.
    kernel_size, stride
        As in `LPPool1d`; one number for all axes, or a depth, a height and a width.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.LPPool3d(2, (1, 2, 2))([[[[1.0, 2.0], [3.0, 4.0]]]])
    tensor([[[[5.4772]]]])
    """

    n = 3
