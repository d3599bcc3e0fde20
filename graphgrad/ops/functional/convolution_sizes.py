"""The arithmetic of convolutions: their attributes, and the sizes of what they make, in 1 to 3 dimensions.

Along each axis, output o sees through tap r of the kernel the input's element o · stride + r · dilation - padding.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.tensor import Tensor
from graphgrad.ops.attributes import keep_flags, keep_integers

__all__ = [
    "Lengths",
    "convolved",
    "prepare",
    "prepare_transposed",
    "prepare_weight",
    "sides_of",
    "transposed",
    "weighted",
]

Shape = tuple[int, ...]
Lengths = int | Sequence[int]
"""One number for all axes, or one for each."""

_AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
_LETTERS = {1: "L", 2: "H, W", 3: "D, H, W"}


# ---- attributes ------------------------------------------------------------------------------------------------------


def _keep_lengths(attrs: dict[str, Any], n: int, least: int, *names: str) -> None:
    """Keep attributes as a tuple of integers, one for each axis."""
    for name in names:
        given = attrs[name]
        if type(given) is int and given >= least:  # as nearly always
            attrs[name] = (given,) * n
            continue
        if isinstance(given, Tensor):  # which the entry refuses, with a hint
            continue
        try:
            kept = _integers([given] * n if np.ndim(given) == 0 else given)
        except TypeError:
            raise TypeError(f"{name} is an integer, or one for each axis, got {given!r:.60}") from None
        if len(kept) == 1:
            kept *= n
        if len(kept) != n or min(kept) < least:
            raise ValueError(f"{name} is an integer from {least}, or {n} of them ({_named(n)}), got {given}")
        attrs[name] = kept


def _integers(given: Iterable[Any]) -> Shape:
    """As Python's integers, which True isn't. Shapes that are kept are found again by arguments that are only equal."""
    return tuple(int(operator.index(one)) for one in given)


def _named(n: int) -> str:
    return ", ".join(_AXES[n])


def prepare(n: int) -> Callable[[dict[str, Any]], None]:
    """What brings the attributes of a convolution in `n` dimensions into the form in which they are kept."""

    def keep(attrs: dict[str, Any]) -> None:
        _keep_lengths(attrs, n, 1, "stride", "dilation")
        keep_integers(attrs, "groups", least=1)
        padding = attrs["padding"]
        if not isinstance(padding, str):
            _keep_lengths(attrs, n, 0, "padding")
        elif padding not in ("valid", "same"):
            raise ValueError(f"padding is 'valid', 'same' or numbers, got {padding!r:.60}")
        elif padding == "same" and any(step != 1 for step in attrs["stride"]):
            raise ValueError(
                f"padding 'same' gives a result as large as the input, which takes stride 1, got {attrs['stride']}"
            )
        if "strict" in attrs:
            keep_flags(attrs, "strict")

    return keep


def prepare_transposed(n: int) -> Callable[[dict[str, Any]], None]:
    """The same for a transposed convolution."""

    def keep(attrs: dict[str, Any]) -> None:
        _keep_lengths(attrs, n, 1, "stride", "dilation")
        _keep_lengths(attrs, n, 0, "padding", "output_padding")
        keep_integers(attrs, "groups", least=1)
        for more, step, gap in zip(attrs["output_padding"], attrs["stride"], attrs["dilation"], strict=True):
            if more >= max(step, gap):
                raise ValueError(
                    f"output_padding tells which of the sizes is meant that a stride or a dilation makes alike, so it "
                    f"is below one of them: got output_padding {attrs['output_padding']}, stride {attrs['stride']}, "
                    f"dilation {attrs['dilation']}"
                )

    return keep


def prepare_weight(n: int) -> Callable[[dict[str, Any]], None]:
    """The same for a weight's gradient."""
    others = prepare(n)

    def keep(attrs: dict[str, Any]) -> None:
        given = attrs["weight_size"]
        what = f"weight_size is {_weight_shape(n)}, {n + 2} integers from 1"
        try:
            size = attrs["weight_size"] = _integers(given)
        except TypeError:
            raise TypeError(f"{what}, got {given!r:.60}") from None
        if len(size) != n + 2 or min(size) < 1:
            raise ValueError(f"{what}, got {size}")
        others(attrs)

    return keep


# ---- sizes -----------------------------------------------------------------------------------------------------------


def _weight_shape(n: int) -> str:
    return f"(out_channels, in_channels / groups, {_named(n)} of the kernel)"


def sides_of(padding: str | Shape, kernel: Shape, dilation: Shape) -> list[tuple[int, int]]:
    """The padding before and behind each axis; of an odd number the larger half is behind, as PyTorch has it."""
    if not isinstance(padding, str):
        return [(one, one) for one in padding]
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    whole = [gap * (taps - 1) for gap, taps in zip(dilation, kernel, strict=True)]
    return [(one // 2, one - one // 2) for one in whole]


def _check_operands(n: int, input: Shape, weight: Shape, groups: int, names: tuple[str, str] = ("input", "C")) -> None:
    name, letter = names
    if len(weight) != n + 2 or not all(weight):
        raise ValueError(f"weight must have the shape {_weight_shape(n)}, got {weight}")
    if len(input) not in (n + 1, n + 2) or not all(input[-n:]):
        raise ValueError(
            f"{name} {input} must have the shape (N, {letter}, {_LETTERS[n]}) or ({letter}, {_LETTERS[n]}), "
            "and no length may be 0"
        )
    if weight[0] % groups:
        raise ValueError(f"weight {weight}: its {weight[0]} channels can't be split into {groups} groups")


def _check_bias(bias: Shape | None, channels: int) -> None:
    if bias is not None and bias != (channels,):
        raise ValueError(f"bias has one number for each of the {channels} output channels, got shape {bias}")


@functools.lru_cache(maxsize=1024)
def convolved(
    n: int,
    input: Shape,
    weight: Shape,
    bias: Shape | None,
    *,
    stride: Shape,
    padding: str | Shape,
    dilation: Shape,
    groups: int,
    strict: bool = False,
) -> Shape:
    """The shape of a convolution's result."""
    _check_operands(n, input, weight, groups)
    _check_bias(bias, weight[0])
    channels = input[-n - 1]
    if channels != weight[1] * groups:
        raise ValueError(
            f"input {input} has {channels} channels; weight {weight} sees {weight[1]} in each of {groups} groups: "
            f"{weight[1] * groups}"
        )
    sides = sides_of(padding, weight[2:], dilation)
    size = [
        _size(axis, length, taps, step, pair, gap, strict)
        for axis, length, taps, step, pair, gap in zip(
            _AXES[n], input[-n:], weight[2:], stride, sides, dilation, strict=True
        )
    ]
    return _integers((*input[: -n - 1], weight[0], *size))


def _size(axis: str, length: int, taps: int, step: int, sides: tuple[int, int], gap: int, strict: bool) -> int:
    room = length + sum(sides) - gap * (taps - 1) - 1
    if room >= 0 and not (strict and room % step):
        return room // step + 1
    holes, numbers = ("f", f"{taps}") if gap == 1 else ("d(f - 1) - 1", f"{gap}·({taps} - 1) - 1")
    before, behind = sides
    padded = f"{length} + 2·{before}" if before == behind else f"{length} + {before} + {behind}"
    said = f"output size (n + 2p - {holes})/s + 1 = ({padded} - {numbers})/{step} + 1 = {room / step + 1:.4g}"
    if room < 0:
        raise ValueError(f"{said}: the kernel doesn't fit into the padded input along its {axis}")
    raise ValueError(
        f"{said} is not a whole number: the stride leaves {room % step} of the padded input's {axis} over, "
        "which would not be seen (strict=True)"
    )


@functools.lru_cache(maxsize=1024)
def transposed(
    n: int,
    input: Shape,
    weight: Shape,
    bias: Shape | None,
    *,
    stride: Shape,
    padding: Shape,
    output_padding: Shape,
    groups: int,
    dilation: Shape,
) -> Shape:
    """The shape of a transposed convolution's result."""
    if len(weight) != n + 2 or not all(weight):
        raise ValueError(
            f"weight must have the shape (in_channels, out_channels / groups, {_named(n)} of the kernel), got {weight}"
        )
    _check_operands(n, input, weight, groups)
    _check_bias(bias, weight[1] * groups)
    if input[-n - 1] != weight[0]:
        raise ValueError(f"input {input} has {input[-n - 1]} channels, weight {weight} takes {weight[0]}")
    size = []
    for axis, length, taps, step, side, more, gap in zip(
        _AXES[n], input[-n:], weight[2:], stride, padding, output_padding, dilation, strict=True
    ):
        whole = step * (length - 1) + gap * (taps - 1) + 1 - 2 * side + more
        if whole < 1:
            raise ValueError(
                f"output size s(n - 1) + d(f - 1) + 1 - 2p + output_padding = {step}·({length} - 1) + {gap}·({taps} - "
                f"1) + 1 - 2·{side} + {more} = {whole}: nothing is left along the {axis}"
            )
        size.append(whole)
    return _integers((*input[: -n - 1], weight[1] * groups, *size))


@functools.lru_cache(maxsize=1024)
def weighted(
    n: int,
    input: Shape,
    grad_output: Shape,
    *,
    weight_size: Shape,
    stride: Shape,
    padding: str | Shape,
    dilation: Shape,
    groups: int,
) -> Shape:
    """The shape of a weight's gradient."""
    whole = convolved(
        n, input, weight_size, None, stride=stride, padding=padding, dilation=dilation, groups=groups, strict=False
    )
    _check_operands(n, grad_output, weight_size, groups, ("grad_output", "K"))
    sides = sides_of(padding, weight_size[2:], dilation)
    left = [
        length + sum(pair) - gap * (taps - 1) - 1 - (count - 1) * step
        for length, pair, gap, taps, count, step in zip(
            input[-n:], sides, dilation, weight_size[2:], grad_output[-n:], stride, strict=True
        )
    ]
    fits = all(0 <= rest < max(step, gap) for rest, step, gap in zip(left, stride, dilation, strict=True))
    if grad_output[:-n] != whole[:-n] or not fits:
        raise ValueError(
            f"grad_output {grad_output} must have the shape of what a weight of {weight_size} makes of input {input}, "
            f"which is {whole}"
        )
    return _integers(weight_size)
