"""Padding as PyTorch says it: how much on each side, the last axis first. `graphgrad.nn.functional` offers this.

The operation behind it is `graphgrad.pad`, which takes NumPy's arguments.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from graphgrad.graph.create import asarray
from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array import padding

NAMESPACE = "nn.functional"
__all__ = ["pad"]

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """
    More elements on the sides of some axes, or fewer (P14.06).

    In a graph that is the operation `graphgrad.pad`, and a slice where elements are taken away.

    Parameters
    ----------
    input
        Any shape.
    pad
        How many elements to put before and after: of the last axis first, then of the one before it, and so on. A
        negative number takes elements away.
    mode
        ``"constant"``; ``"reflect"`` mirrors at the outermost element, without repeating it; ``"replicate"`` repeats
        it; ``"circular"`` goes on at the other end. PyTorch has the last three for some numbers of axes only.
    value
        For mode ``"constant"``; None for 0.

    Raises
    ------
    DTypeError
        If `pad` is no sequence of integers.
    ArgumentError
        If `pad` has an odd length, or there is no such mode, or a value is given for a mode that has none.
    ShapeError
        If `pad` has more pairs than `input` has axes, or more elements are taken away than there are.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.pad([[1.0, 2.0], [3.0, 4.0]], (1, 0, 0, 1))
    tensor([[0., 1., 2.],
            [0., 3., 4.],
            [0., 0., 0.]])
    >>> gg.nn.functional.pad([1.0, 2.0, 3.0], (2, -1), mode="reflect")
    tensor([3., 2., 1., 2.])
    """
    x = input if isinstance(input, Tensor) else asarray(input)
    try:
        widths = [operator.index(width) for width in pad]
    except TypeError:
        raise DTypeError(describe(f"pad: the widths are a sequence of integers, got {pad!r:.60}")) from None
    if len(widths) % 2:
        raise ArgumentError(
            describe(
                f"pad: the widths come in pairs, before and after an axis, got {len(widths)} of them: {tuple(widths)}",
                hint="the last axis comes first: (left, right, top, bottom)",
            )
        )
    if mode not in _MODES:
        raise ArgumentError(describe(f"pad: mode is one of {', '.join(_MODES)}, got {mode!r}"))
    if value is not None and mode != "constant":
        raise ArgumentError(describe(f"pad: mode {mode!r} repeats elements, so it takes no value, got {value}"))
    if len(widths) > 2 * x.ndim:
        raise ShapeError(
            describe(f"pad: {tuple(widths)} is for {len(widths) // 2} axes, input has {x.ndim}: shape {x.shape}")
        )
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2)
    pairs += [(widths[i], widths[i + 1]) for i in range(len(widths) - 2, -1, -2)]
    for axis, (length, (before, after)) in enumerate(zip(x.shape, pairs, strict=True)):
        if length + before + after < 0 or length + min(before, 0) + min(after, 0) < 0:
            raise ShapeError(
                describe(f"pad: ({before}, {after}) takes more away than axis {axis} of shape {x.shape} has elements")
            )
    constant = 0.0 if value is None else value
    wider = tuple((max(before, 0), max(after, 0)) for before, after in pairs)
    # Widths of nothing but zeros are a padding too: the result is never the input itself.
    if any(map(any, wider)) or not any(map(any, pairs)):
        x = padding.pad(x, wider, _MODES[mode], constant)
    if min(widths, default=0) < 0:
        x = x[
            tuple(slice(max(-before, 0), n - max(-after, 0)) for n, (before, after) in zip(x.shape, pairs, strict=True))
        ]
    return x
