"""Convolutional layers in one, two and three dimensions, and transposed ones."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.create import zeros
from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn import functional
from graphgrad.nn.arguments import channels, kept
from graphgrad.nn.init import uniform_
from graphgrad.nn.module import Module, Parameter
from graphgrad.ops.attributes import keep_numbers
from graphgrad.ops.functional.convolution_sizes import Lengths, prepare, prepare_transposed, sides_of
from graphgrad.ops.functional.pool_windows import whole_numbers

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

Shape = tuple[int, ...]

_MODES = ("zeros", "reflect", "replicate", "circular", "constant")


class _Convolutional(Module):
    """What all of them have: a kernel, for each of some groups of channels, and a bias."""

    n: ClassVar[int]
    """In how many dimensions."""

    in_channels: int
    out_channels: int
    kernel_size: Shape
    stride: Shape
    padding: str | Shape
    output_padding: Shape = ()
    dilation: Shape
    groups: int
    padding_mode: str = "zeros"
    padding_value: float = 0.0
    weight: Tensor
    bias: Tensor | None

    def _keep(self, prepare: Callable[[dict[str, Any]], None], **attrs: Any) -> None:
        """Take over the arguments of the operation, and the lengths of the kernel."""

        def check(attrs: dict[str, Any]) -> None:
            attrs["kernel_size"] = whole_numbers(attrs["kernel_size"], self.n, "kernel_size", 1)
            prepare(attrs)

        self.__dict__.update(kept(type(self).__name__, check, **attrs))

    def _draw(self, first: int, second: int, bias: bool, dtype: Any, generator: np.random.Generator | None) -> None:
        """Make the parameters."""
        self.weight = Parameter(zeros((first, second, *self.kernel_size), dtype))
        self.bias = Parameter(zeros(self.out_channels, dtype)) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw the initial values anew."""
        bound = 1.0 / math.sqrt(math.prod(self.weight.shape[1:]))
        uniform_(self.weight, -bound, bound, generator)
        if self.bias is not None:
            uniform_(self.bias, -bound, bound, generator)

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        usual = {"padding": (0,) * self.n, "dilation": (1,) * self.n, "output_padding": (0,) * self.n, "groups": 1}
        for name, value in usual.items():
            own = getattr(self, name)
            if own not in (value, ()):
                parts.append(f"{name}={own}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        if self.padding_mode == "constant":
            parts.append(f"padding_value={self.padding_value:g}")
        return ", ".join(parts)


class _Convolution(_Convolutional):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Lengths,
        stride: Lengths = 1,
        padding: str | Lengths = 0,
        dilation: Lengths = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        padding_value: float | None = None,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if padding_mode not in _MODES:
            raise ArgumentError(describe(f"{name}: padding_mode is one of {', '.join(_MODES)}, got {padding_mode!r}"))
        if padding_value is not None and padding_mode != "constant":
            raise ArgumentError(
                describe(
                    f"{name}: padding_value {padding_value!r} is for padding_mode='constant', got {padding_mode!r}"
                )
            )
        value = {"padding_value": 0.0 if padding_value is None else padding_value}
        self.padding_mode = padding_mode
        self.padding_value = float(kept(name, lambda attrs: keep_numbers(attrs, *attrs), **value)["padding_value"])
        places = {"stride": stride, "padding": padding, "dilation": dilation}
        self._keep(prepare(self.n), kernel_size=kernel_size, groups=groups, **places)
        counts = channels(name, self.groups, in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels = counts
        self._draw(self.out_channels, self.in_channels // self.groups, bias, dtype, generator)

    def forward(self, input: Any) -> Tensor:
        """Shape (N, in_channels, ...) to (N, out_channels, ...), or both without N."""
        padding: str | Lengths = self.padding
        if self.padding_mode != "zeros":
            sides = sides_of(self.padding, self.kernel_size, self.dilation)
            widths = [side for pair in reversed(sides) for side in pair]  # the last axis comes first
            value = self.padding_value if self.padding_mode == "constant" else None
            input, padding = functional.pad(input, widths, self.padding_mode, value), 0
        function: Any = getattr(functional, f"conv{self.n}d")
        return function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)  # type: ignore[no-any-return]


class Conv1d(_Convolution):
    """Kernels that slide over sequences: at each place the weighted sum of what they see (P14.01, P14.22).

    See `graphgrad.nn.functional.conv1d` for the arithmetic. Weight and bias start uniformly within ±1/√k, where k is
    how many numbers an output sees, as PyTorch's.

    Parameters
    ----------
    in_channels, out_channels
        How many channels there are before and after.
    kernel_size
        How many elements a kernel sees.
    stride
        How far it moves from one place to the next.
    padding
        How many elements are put before and behind the sequence; ``"valid"`` for none, ``"same"`` for as many as keep
        the length.
    dilation
        How far apart the elements are that it sees.
    groups
        The channels are split into so many groups, each with kernels of its own.
    bias
        Whether to add a number to each output channel.
    padding_mode
        What is put there: ``"zeros"``; ``"reflect"`` mirrors at the outermost element, without repeating it;
        ``"replicate"`` repeats it; ``"circular"`` goes on at the other end; ``"constant"``, which PyTorch hasn't, a
        number.
    padding_value
        That number, such as the mean of all data, so that the border doesn't look like an edge.
    dtype
        Of the parameters; the default dtype if left out.
    generator
        Where the initial values come from; by default what `graphgrad.manual_seed` starts.

    Attributes
    ----------
    weight
        Shape (out_channels, in_channels / groups, kernel_size).
    bias
        Shape (out_channels,), or None.

    Raises
    ------
    ShapeError
        If channels can't be split into the groups; or when it is called with an input that doesn't fit, with the
        formula of the size and the numbers in it.
    ArgumentError, DTypeError
        If another argument is none.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.Conv1d(2, 4, 3, padding=1)
    >>> layer
    Conv1d(2, 4, kernel_size=(3,), stride=(1,), padding=(1,))
    >>> layer(gg.ones((8, 2, 10))).shape
    (8, 4, 10)
    """

    n = 1


class Conv2d(_Convolution):
    """Kernels that slide over images: at each place the weighted sum of what they see (P14.04, P14.09).

    See `graphgrad.nn.functional.conv2d` for the arithmetic. With ``groups=in_channels`` each channel has kernels of its
    own (depthwise); with ``kernel_size=1`` it is a linear layer at each pixel.

    Parameters
    ----------
    in_channels, out_channels, bias, padding_mode, padding_value, dtype, generator
        As in `Conv1d`.
    kernel_size, stride, padding, dilation, groups
        As in `Conv1d`; a length is one number for both axes, or a height and a width.

    Attributes
    ----------
    weight
        Shape (out_channels, in_channels / groups, kernel height, kernel width).
    bias
        Shape (out_channels,), or None.

    Raises
    ------
    ShapeError, ArgumentError, DTypeError
        As in `Conv1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.Conv2d(3, 6, 5)
    >>> layer(gg.ones((1, 3, 32, 32))).shape
    (1, 6, 28, 28)
    >>> sum(parameter.size for parameter in layer.parameters())
    456
    """

    n = 2


class Conv3d(_Convolution):
    """Kernels that slide through volumes, or films: at each place the weighted sum of what they see (P14.23).

    Parameters
    ----------
    in_channels, out_channels, bias, padding_mode, padding_value, dtype, generator
        As in `Conv1d`.
    kernel_size, stride, padding, dilation, groups
        As in `Conv1d`; a length is one number for all axes, or a depth, a height and a width.

    Attributes
    ----------
    weight
        Shape (out_channels, in_channels / groups, kernel depth, kernel height, kernel width).
    bias
        Shape (out_channels,), or None.

    Raises
    ------
    ShapeError, ArgumentError, DTypeError
        As in `Conv1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Conv3d(1, 16, 5)(gg.ones((1, 14, 14, 14))).shape
    (16, 10, 10, 10)
    """

    n = 3


class _Transposed(_Convolutional):
    padding: Shape

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Lengths,
        stride: Lengths = 1,
        padding: Lengths = 0,
        output_padding: Lengths = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Lengths = 1,
        padding_mode: str = "zeros",
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ArgumentError(
                describe(
                    f"{name}: the padding takes elements of the result away, so padding_mode can only be 'zeros', "
                    f"got {padding_mode!r}"
                )
            )
        places = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
        self._keep(prepare_transposed(self.n), kernel_size=kernel_size, groups=groups, **places)
        counts = channels(name, self.groups, in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels = counts
        self._draw(self.in_channels, self.out_channels // self.groups, bias, dtype, generator)

    def forward(self, input: Any, output_size: Sequence[int] | None = None) -> Tensor:
        """Shape (N, in_channels, ...) to (N, out_channels, ...), or both without N.

        Parameters
        ----------
        output_size
            Which of the sizes is meant that the stride makes alike: the lengths of the result, or its whole shape. It
            takes the place of `output_padding`.
        """
        more = self.output_padding if output_size is None else self._left(np.shape(input), output_size)
        function: Any = getattr(functional, f"conv_transpose{self.n}d")
        places = self.stride, self.padding, more, self.groups, self.dilation
        return function(input, self.weight, self.bias, *places)  # type: ignore[no-any-return]

    def _left(self, input: Shape, output_size: Sequence[int]) -> Shape:
        """The output padding that gives the size which is wanted."""
        name, n = type(self).__name__, self.n
        try:
            wanted = tuple(map(operator.index, output_size))
        except TypeError:
            raise DTypeError(describe(f"{name}: output_size is made of integers, got {output_size!r:.60}")) from None
        if len(wanted) not in (n, len(input)):
            raise ShapeError(
                describe(f"{name}: output_size has {n} lengths, or is the whole shape of the result, got {wanted}")
            )
        wanted, lengths = wanted[-n:], input[-n:]
        places = lengths, self.kernel_size, self.stride, self.padding, self.dilation
        least = tuple(
            step * (length - 1) + gap * (taps - 1) + 1 - 2 * side
            for length, taps, step, side, gap in zip(*places, strict=True)
        )
        most = tuple(
            size + max(step, gap) - 1 for size, step, gap in zip(least, self.stride, self.dilation, strict=True)
        )
        if not all(low <= size <= high for low, size, high in zip(least, wanted, most, strict=True)):
            raise ShapeError(
                describe(f"{name}: input {input} can be made of the sizes from {least} to {most}, not of {wanted}")
            )
        return tuple(size - low for low, size in zip(least, wanted, strict=True))


class ConvTranspose1d(_Transposed):
    """Each element of a sequence puts a kernel, times itself, into a longer one (P14.24, P14.26).

    It is what `Conv1d` passes back to its input, used to go forward; see `graphgrad.nn.functional.conv_transpose1d` for
    the arithmetic. Weight and bias start uniformly within ±1/√k, where k is how many numbers there are in
    ``weight[0]``, as PyTorch's.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, groups, bias, dilation, dtype, generator
        As in `Conv1d`.
    stride
        How far apart neighbours put their kernels.
    padding
        How many elements are taken away at each end of the result.
    output_padding
        How many elements more there are at its end, less than the stride or the dilation. Instead, the size can be said
        when the layer is called: ``layer(x, output_size=...)``.
    padding_mode
        ``"zeros"``.

    Attributes
    ----------
    weight
        Shape (in_channels, out_channels / groups, kernel_size).
    bias
        Shape (out_channels,), or None.

    Raises
    ------
    ShapeError, ArgumentError, DTypeError
        As in `Conv1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> down, up = gg.nn.Conv1d(1, 4, 3, stride=2, padding=1), gg.nn.ConvTranspose1d(4, 1, 3, stride=2, padding=1)
    >>> for n in (9, 10):
    ...     x = gg.ones((1, n))
    ...     print(down(x).shape, up(down(x)).shape, up(down(x), output_size=x.shape).shape)
    (4, 5) (1, 9) (1, 9)
    (4, 5) (1, 9) (1, 10)
    """

    n = 1


class ConvTranspose2d(_Transposed):
    """Each element of an image puts a kernel, times itself, into a larger one (P14.24, P14.26).

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation, padding_mode
        As in `ConvTranspose1d`; a length is one number for both axes, or a height and a width.
    dtype, generator
        As in `Conv1d`.

    Attributes
    ----------
    weight
        Shape (in_channels, out_channels / groups, kernel height, kernel width).
    bias
        Shape (out_channels,), or None.

    Raises
    ------
    ShapeError, ArgumentError, DTypeError
        As in `Conv1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ConvTranspose2d(8, 3, 2, stride=2)(gg.ones((1, 8, 14, 14))).shape
    (1, 3, 28, 28)
    """

    n = 2


class ConvTranspose3d(_Transposed):
    """Each element of a volume puts a kernel, times itself, into a larger one (P14.24).

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation, padding_mode
        As in `ConvTranspose1d`; a length is one number for all axes, or a depth, a height and a width.
    dtype, generator
        As in `Conv1d`.

    Attributes
    ----------
    weight
        Shape (in_channels, out_channels / groups, kernel depth, kernel height, kernel width).
    bias
        Shape (out_channels,), or None.

    Raises
    ------
    ShapeError, ArgumentError, DTypeError
        As in `Conv1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ConvTranspose3d(2, 1, 2, stride=2)(gg.ones((2, 3, 4, 5))).shape
    (1, 6, 8, 10)
    """

    n = 3
