"""Padding as modules: more elements on the sides of sequences, images and volumes, or fewer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.arguments import kept
from graphgrad.nn.module import Module
from graphgrad.ops.attributes import keep_integers, keep_numbers
from graphgrad.ops.functional.sides import pad

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

_PLACES = {1: "L", 2: "H, W", 3: "D, H, W"}


class _Pad(Module):
    n: ClassVar[int]
    """How many axes are padded."""
    mode: ClassVar[str]

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding: tuple[int, ...] = kept(type(self).__name__, self._keep, padding=padding)["padding"]

    def _keep(self, attrs: dict[str, Any]) -> None:
        """Bring the widths into a tuple with a pair for each axis."""
        given = attrs["padding"]
        widths = list(given) if isinstance(given, Sequence) else [given] * 2 * self.n
        if len(widths) != 2 * self.n:
            raise ValueError(f"padding is one number, or a pair for each of {self.n} axes, got {given!r}")
        names = [f"padding[{i}]" for i in range(len(widths))]
        numbers = dict(zip(names, widths, strict=True))
        keep_integers(numbers, *names)
        attrs["padding"] = tuple(numbers.values())

    def _padded(self, input: Any, value: float | None = None) -> Tensor:
        shape = np.shape(input)
        if self.mode != "constant" and len(shape) not in (self.n + 1, self.n + 2):
            places = _PLACES[self.n]
            expected = f"expected: (N, C, {places}) or (C, {places})"
            raise ShapeError(describe(f"{type(self).__name__}: input {shape} has {len(shape)} axes", expected))
        return pad(input, self.padding, self.mode, value)

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, ...) or (C, ...) to the same with longer last axes."""
        return self._padded(input)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value: float = kept(type(self).__name__, lambda attrs: keep_numbers(attrs, "value"), value=value)["value"]

    def forward(self, input: Any) -> Tensor:
        """Any shape with these axes last, to the same with longer ones."""
        return self._padded(input, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_Pad):
    mode = "constant"

    def forward(self, input: Any) -> Tensor:
        """Any shape with these axes last, to the same with longer ones."""
        return self._padded(input)


class _ReflectionPad(_Pad):
    mode = "reflect"


class _ReplicationPad(_Pad):
    mode = "replicate"


class _CircularPad(_Pad):
    mode = "circular"


class ConstantPad1d(_ConstantPad):
    """A fixed value on the sides of sequences (P14.06).

    Parameters
    ----------
    padding
        How many elements on each side: one number for both, or (left, right); a negative one takes elements away.
    value
        What is put there.

    Raises
    ------
    ArgumentError, DTypeError
        If `padding` isn't that, or `value` no number.
    ShapeError
        When an input has fewer elements than are taken away.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ConstantPad1d(2, 9.0)([[1.0, 2.0, 3.0]])
    tensor([[9., 9., 1., 2., 3., 9., 9.]])
    """

    n = 1


class ConstantPad2d(_ConstantPad):
    """A fixed value on the sides of images (P14.06).

    Parameters
    ----------
    padding
        One number for all sides, or (left, right, top, bottom); see `ConstantPad1d`.
    value
        What is put there.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ConstantPad2d((1, 0, 2, 0), 0.5)(gg.ones((1, 3, 4))).shape
    (1, 5, 5)
    """

    n = 2


class ConstantPad3d(_ConstantPad):
    """A fixed value on the sides of volumes (P14.06).

    Parameters
    ----------
    padding
        One number for all sides, or (left, right, top, bottom, front, back); see `ConstantPad1d`.
    value
        What is put there.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ConstantPad3d(1, 0.5)(gg.ones((1, 2, 2, 3))).shape
    (1, 4, 4, 5)
    """

    n = 3


class ZeroPad1d(_ZeroPad):
    """Zeros on the sides of sequences (P14.06).

    Parameters
    ----------
    padding
        How many elements on each side: one number for both, or (left, right); a negative one takes elements away.

    Raises
    ------
    ArgumentError, DTypeError
        If `padding` isn't that.
    ShapeError
        When an input has fewer elements than are taken away.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ZeroPad1d(2)([[1.0, 2.0, 3.0]])
    tensor([[0., 0., 1., 2., 3., 0., 0.]])
    """

    n = 1


class ZeroPad2d(_ZeroPad):
    """Zeros on the sides of images (P14.06).

    Parameters
    ----------
    padding
        One number for all sides, or (left, right, top, bottom); see `ZeroPad1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ZeroPad2d((1, 0, 2, 0))(gg.ones((1, 3, 4))).shape
    (1, 5, 5)
    """

    n = 2


class ZeroPad3d(_ZeroPad):
    """Zeros on the sides of volumes (P14.06).

    Parameters
    ----------
    padding
        One number for all sides, or (left, right, top, bottom, front, back); see `ZeroPad1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ZeroPad3d(1)(gg.ones((1, 2, 2, 3))).shape
    (1, 4, 4, 5)
    """

    n = 3


class ReflectionPad1d(_ReflectionPad):
    """More elements on the sides of sequences: a mirror at the outermost one, without repeating it.

    Parameters
    ----------
    padding
        How many elements on each side: one number for both, or (left, right); a negative one takes elements away.

    Raises
    ------
    ArgumentError, DTypeError
        If `padding` isn't that.
    ShapeError
        When an input has other axes, or fewer elements than are taken away.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ReflectionPad1d(2)([[1.0, 2.0, 3.0]])
    tensor([[3., 2., 1., 2., 3., 2., 1.]])
    """

    n = 1


class ReflectionPad2d(_ReflectionPad):
    """More elements on the sides of images: a mirror at the outermost one, without repeating it.

    Parameters
    ----------
    padding
        One number for all sides, or (left, right, top, bottom); see `ReflectionPad1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ReflectionPad2d((1, 0, 2, 0))(gg.ones((1, 3, 4))).shape
    (1, 5, 5)
    """

    n = 2


class ReflectionPad3d(_ReflectionPad):
    """More elements on the sides of volumes: a mirror at the outermost one, without repeating it.

    Parameters
    ----------
    padding
        One number for all sides, or (left, right, top, bottom, front, back); see `ReflectionPad1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ReflectionPad3d(1)(gg.ones((1, 2, 2, 3))).shape
    (1, 4, 4, 5)
    """

    n = 3


class ReplicationPad1d(_ReplicationPad):
    """More elements on the sides of sequences: the outermost one again and again.

    Parameters
    ----------
    padding
        How many elements on each side: one number for both, or (left, right); a negative one takes elements away.

    Raises
    ------
    ArgumentError, DTypeError
        If `padding` isn't that.
    ShapeError
        When an input has other axes, or fewer elements than are taken away.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ReplicationPad1d(2)([[1.0, 2.0, 3.0]])
    tensor([[1., 1., 1., 2., 3., 3., 3.]])
    """

    n = 1


class ReplicationPad2d(_ReplicationPad):
    """More elements on the sides of images: the outermost one again and again.

    Parameters
    ----------
    padding
        One number for all sides, or (left, right, top, bottom); see `ReplicationPad1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ReplicationPad2d((1, 0, 2, 0))(gg.ones((1, 3, 4))).shape
    (1, 5, 5)
    """

    n = 2


class ReplicationPad3d(_ReplicationPad):
    """More elements on the sides of volumes: the outermost one again and again.

    Parameters
    ----------
    padding
        One number for all sides, or (left, right, top, bottom, front, back); see `ReplicationPad1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ReplicationPad3d(1)(gg.ones((1, 2, 2, 3))).shape
    (1, 4, 4, 5)
    """

    n = 3


class CircularPad1d(_CircularPad):
    """More elements on the sides of sequences: those of the other end, as on a ring.

    Parameters
    ----------
    padding
        How many elements on each side: one number for both, or (left, right); a negative one takes elements away.

    Raises
    ------
    ArgumentError, DTypeError
        If `padding` isn't that.
    ShapeError
        When an input has other axes, or fewer elements than are taken away.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.CircularPad1d(2)([[1.0, 2.0, 3.0]])
    tensor([[2., 3., 1., 2., 3., 1., 2.]])
    """

    n = 1


class CircularPad2d(_CircularPad):
    """More elements on the sides of images: those of the other end, as on a ring.

    Parameters
    ----------
    padding
        One number for all sides, or (left, right, top, bottom); see `CircularPad1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.CircularPad2d((1, 0, 2, 0))(gg.ones((1, 3, 4))).shape
    (1, 5, 5)
    """

    n = 2


class CircularPad3d(_CircularPad):
    """More elements on the sides of volumes: those of the other end, as on a ring.

    Parameters
    ----------
    padding
        One number for all sides, or (left, right, top, bottom, front, back); see `CircularPad1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.CircularPad3d(1)(gg.ones((1, 2, 2, 3))).shape
    (1, 4, 4, 5)
    """

    n = 3
