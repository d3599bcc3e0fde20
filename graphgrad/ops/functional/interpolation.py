"""Images and signals in another size. `graphgrad.nn.functional` offers this.

Every mode is a weighted sum of a few neighbours along each axis, one axis after the other. Which neighbours and which
weights depends on lengths alone: the result is linear in the input, and the rule puts the gradient back with the same
weights.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.gathering import take
from graphgrad.ops.array.indexing import index_add
from graphgrad.ops.attributes import keep_flags, keep_integers, keep_numbers
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.functional.loss_parts import in_floats
from graphgrad.ops.samples import sample

NAMESPACE = "nn.functional"
__all__ = ["interpolate"]

Shape = tuple[int, ...]
Factor = float | Sequence[float] | None

_index_add: Callable[..., Any] = polymorphic(index_add)

_SPATIAL = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "trilinear": (3,),
    "bicubic": (2,),
}
"""How many axes each mode is for, besides those of the batch and the channels."""

_ALIGNED = ("linear", "bilinear", "trilinear", "bicubic")
_SHARPNESS = -0.75
"""The parameter of the cubic convolution (Keys, 1981) that PyTorch and OpenCV use."""


class _Taps(NamedTuple):
    """For each new place along an axis, the old places that it is made of, and their weights: (new length, taps)."""

    places: Any
    weights: Any


def _prepare(attrs: dict[str, Any]) -> None:
    size, factor, mode = attrs["size"], attrs["scale_factor"], attrs["mode"]
    keep_flags(attrs, *(name for name in ("align_corners", "recompute_scale_factor") if attrs[name] is not None))
    if (size is None) == (factor is None):
        given = "neither" if size is None else "both"
        raise ValueError(f"one of size and scale_factor says how large the result is, got {given}")
    if mode not in _SPATIAL:
        raise ValueError(f"mode is one of {', '.join(_SPATIAL)}, got {mode!r}")
    if attrs["align_corners"] is not None and mode not in _ALIGNED:
        raise ValueError(f"align_corners is for {', '.join(_ALIGNED)}; mode {mode!r} has no corners to align")
    if attrs["antialias"]:
        raise ValueError("antialias is not available: its filters grow with the factor; mode 'area' averages likewise")
    if attrs["recompute_scale_factor"] and size is not None:
        raise ValueError("recompute_scale_factor is for scale_factor, and size is given")
    if size is not None:
        if np.ndim(size) == 0:
            keep_integers(attrs, "size")
        else:
            attrs["size"] = tuple(map(operator.index, size))
        if np.min(attrs["size"], initial=1) < 1:
            raise ValueError(f"size is at least 1, got {size}")
    else:
        if np.ndim(factor) == 0:
            keep_numbers(attrs, "scale_factor")
        else:
            attrs["scale_factor"] = tuple(map(float, factor))
        if not all(0.0 < one < math.inf for one in np.ravel(attrs["scale_factor"])):
            raise ValueError(f"scale_factor is above 0 and finite, got {factor}")


def _for_each(value: Any, rank: int, name: str) -> tuple[Any, ...]:
    if np.ndim(value) == 0:
        return (value,) * rank
    if len(value) != rank:
        raise ValueError(f"{name} {value} must be one number or one for each of {rank} axes")
    return tuple(value)


def _resized(input: Shape, /, *, size: Any, scale_factor: Any, mode: str, **_: Any) -> Shape:
    rank = len(input) - 2
    if rank not in _SPATIAL.get(mode, (rank,)) or rank < 1:
        axes = {1: "L", 2: "H, W", 3: "D, H, W"}
        wanted = " or ".join(f"(N, C, {axes[n]})" for n in _SPATIAL[mode])
        raise ValueError(f"mode {mode!r} is for an input of the shape {wanted}, got {input}")
    if not all(input[2:]):
        raise ValueError(f"input {input} has an empty axis, of which nothing larger can be made")
    if size is not None:
        return (*input[:2], *_for_each(size, rank, "size"))
    if scale_factor is None:
        return input
    factors = _for_each(scale_factor, rank, "scale_factor")
    lengths = tuple(math.floor(length * factor) for length, factor in zip(input[2:], factors, strict=True))
    if min(lengths) < 1:
        raise ValueError(f"scale_factor {scale_factor} leaves nothing of input {input}")
    return (*input[:2], *lengths)


def _cubic_weights(t: Any) -> Any:
    """The weights of the four neighbours of a place at the distance t from the second one."""
    a = _SHARPNESS

    def near(d: Any) -> Any:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Any) -> Any:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return np.stack([far(t + 1), near(t), near(1 - t), far(2 - t)], axis=-1)


def _taps(length: int, new: int, factor: float | None, mode: str, aligned: bool) -> _Taps:
    step = length / new if factor is None else 1.0 / factor
    at = np.arange(new)
    if mode in ("nearest", "nearest-exact"):
        places = np.floor((at + (0.5 if mode == "nearest-exact" else 0.0)) * step).astype(np.intp)
        return _Taps(np.minimum(places, length - 1)[:, None], None)
    if mode == "area":
        starts, ends = at * length // new, -((at + 1) * length // -new)
        offsets = np.arange(int(np.max(ends - starts)))
        inside = offsets < (ends - starts)[:, None]
        places = np.minimum(starts[:, None] + offsets, ends[:, None] - 1)
        return _Taps(places, inside / (ends - starts)[:, None])
    if aligned:
        source = at * ((length - 1) / (new - 1) if new > 1 else 0.0)
    else:
        source = (at + 0.5) * step - 0.5
    if mode == "bicubic":
        first = np.floor(source)
        places = first[:, None].astype(np.intp) + np.arange(-1, 3)
        return _Taps(np.clip(places, 0, length - 1), _cubic_weights(source - first))
    first = np.minimum(source.astype(np.intp), length - 1)
    share = np.clip(source - first, 0.0, 1.0)  # beyond the middles of the outermost elements only those count
    return _Taps(np.stack([first, np.minimum(first + 1, length - 1)], -1), np.stack([1.0 - share, share], -1))


def _all_taps(
    input: Shape,
    *,
    size: Any,
    scale_factor: Any,
    mode: str,
    align_corners: bool | None,
    recompute_scale_factor: bool | None,
    **_: Any,
) -> list[tuple[int, _Taps]]:
    """The axes that are resized, and how."""
    out = _resized(input, size=size, scale_factor=scale_factor, mode=mode)
    own = scale_factor is not None and not recompute_scale_factor
    factors = _for_each(scale_factor if own else None, len(input) - 2, "scale_factor")
    return [
        (axis, _taps(input[axis], out[axis], factor, mode, bool(align_corners)))
        for axis, factor in enumerate(factors, start=2)
    ]


def _weighed(part: Any, taps: _Taps, tap: int, axis: int) -> Any:
    """A neighbour of every place, times its weight."""
    if taps.weights is None:
        return part
    weights = taps.weights[:, tap].astype(part.dtype)
    return part * weights.reshape(-1, *[1] * (part.ndim - axis - 1))


def _interpolated(x: Any, attrs: dict[str, Any], taken: Callable[..., Any]) -> Any:
    for axis, taps in _all_taps(x.shape, **attrs):
        parts = [_weighed(taken(x, taps.places[:, k], axis), taps, k, axis) for k in range(taps.places.shape[1])]
        x = parts[0]
        for part in parts[1:]:
            x = x + part
    return x


def _back(g: Any, input_shape: Shape, attrs: dict[str, Any]) -> Any:
    for axis, taps in reversed(_all_taps(input_shape, **attrs)):
        shape = (*g.shape[:axis], input_shape[axis], *g.shape[axis + 1 :])
        parts = [
            _index_add(_weighed(g, taps, k, axis), shape=shape, key=(*[slice(None)] * axis, taps.places[:, k]))
            for k in range(taps.places.shape[1])
        ]
        g = parts[0]
        for part in parts[1:]:
            g = g + part
    return g


def _cost(input: Shape, /, **attrs: Any) -> int:
    total, lengths = 0, list(input)
    for axis, taps in _all_taps(input, **attrs):
        lengths[axis], each = taps.places.shape
        total += 0 if taps.weights is None else (2 * each - 1) * math.prod(lengths)
    return total


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(1, 2, 2, 3)), size=(3, 4), mode="bilinear")
    yield sample(rng.normal(size=(1, 1, 3, 2)), size=(2, 5), mode="bilinear", align_corners=True)
    yield sample(rng.normal(size=(2, 1, 3)), scale_factor=2.0)
    yield sample(rng.normal(size=(1, 1, 4)), scale_factor=0.7, mode="nearest-exact")
    yield sample(rng.normal(size=(1, 2, 4)), scale_factor=1.6, mode="linear")
    yield sample(rng.normal(size=(1, 1, 5)), scale_factor=1.5, mode="linear", recompute_scale_factor=True)
    yield sample(rng.normal(size=(1, 1, 2, 2, 3)), size=(3, 1, 2), mode="trilinear")
    yield sample(rng.normal(size=(1, 1, 4, 3)), size=(5, 2), mode="bicubic")
    yield sample(rng.normal(size=(1, 1, 3, 4)), scale_factor=(2.0, 0.5), mode="bicubic", align_corners=True)
    yield sample(rng.normal(size=(1, 1, 5, 4)), size=(3, 2), mode="area")
    yield sample(rng.normal(size=(0, 1, 3)), size=2, mode="area")


def _expanded(input: Any, **attrs: Any) -> Any:
    return _interpolated(_floating(input, attrs["mode"]), attrs, take)


def _floating(input: Any, mode: str) -> Any:
    return input if mode.startswith("nearest") else in_floats(input)[0]


_IMAGE = np.zeros((1, 1, 2, 3))


@op(
    input=_back,
    linear="together",
    formula="interpolate({input}, {size}, {scale_factor}, {mode}, {align_corners}, {recompute_scale_factor})",
    back={"input": "the sum of {g} over the places that an element takes part in, times its weight there"},
    shape=_resized,
    cost=_cost,
    samples=_samples,
    errors=(
        ErrorSample((_IMAGE,), {}, ArgumentError, "got neither"),
        ErrorSample((_IMAGE,), {"size": 4, "scale_factor": 2.0}, ArgumentError, "got both"),
        ErrorSample((_IMAGE,), {"size": 4, "mode": "cubic"}, ArgumentError, "mode is one of nearest"),
        ErrorSample((_IMAGE,), {"size": 4, "mode": "linear"}, ShapeError, "is for an input of the shape (N, C, L)"),
        ErrorSample((_IMAGE,), {"size": (4, 4, 4)}, ShapeError, "one for each of 2 axes"),
        ErrorSample((_IMAGE,), {"size": 4, "align_corners": True}, ArgumentError, "has no corners to align"),
        ErrorSample((_IMAGE,), {"scale_factor": 0.1}, ShapeError, "leaves nothing"),
        ErrorSample((_IMAGE,), {"scale_factor": math.inf}, ArgumentError, "scale_factor is above 0 and finite"),
        ErrorSample((_IMAGE,), {"size": 0}, ArgumentError, "size is at least 1"),
        ErrorSample((_IMAGE,), {"size": 2, "antialias": True}, ArgumentError, "antialias is not available"),
        ErrorSample((np.zeros((1, 1, 0)),), {"size": 2}, ShapeError, "has an empty axis"),
    ),
    prepare=_prepare,
    expand=_expanded,
    covers=("P14.25",),
)
def interpolate(
    input: Array,
    size: int | Sequence[int] | None = None,
    scale_factor: Factor = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """
    Images or signals in another size, by repeating, interpolating or averaging.

    Parameters
    ----------
    input
        Shape (N, C, L), (N, C, H, W) or (N, C, D, H, W).
    size
        The new lengths of the axes after the second; one number stands for all.
    scale_factor
        In place of `size`: what the lengths are multiplied by, one number or one for each axis. The result is rounded
        down.
    mode
        ``"nearest"`` repeats or drops elements, by the corner of a place, ``"nearest-exact"`` by its middle;
        ``"linear"``, ``"bilinear"`` and ``"trilinear"`` (for one, two and three axes) interpolate between neighbours;
        ``"bicubic"`` does so smoothly; ``"area"`` takes the mean of what a place covers.
    align_corners
        Whether the middles of the outermost elements stay where they are, and the others are spread between them; else
        the outer edges do. None means False.
    recompute_scale_factor
        Whether places are found by the ratio of the lengths, rather than by `scale_factor` itself. None means False.
    antialias
        Only False.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.interpolate([[[1.0, 3.0]]], scale_factor=2.0)
    tensor([[[1., 1., 3., 3.]]])
    >>> gg.nn.functional.interpolate([[[1.0, 3.0]]], size=3, mode="linear", align_corners=True)
    tensor([[[1., 2., 3.]]])
    """
    attrs: dict[str, Any] = {
        "size": size,
        "scale_factor": scale_factor,
        "mode": mode,
        "align_corners": align_corners,
        "recompute_scale_factor": recompute_scale_factor,
    }
    return _interpolated(_floating(input, mode), attrs, np.take)
