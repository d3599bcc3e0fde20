"""What recurrent layers over whole sequences share: shapes, samples, and both ways to compute them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError
from graphgrad.graph.mode import MODE
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.kernels import sequences
from graphgrad.kernels.reserve import Reserve
from graphgrad.ops.array.indexing import getitem
from graphgrad.ops.array.joining import stack
from graphgrad.ops.array.selection import where
from graphgrad.ops.array.shaping import identity
from graphgrad.ops.composite import named
from graphgrad.ops.functional.recurrent_steps import check_weights, together
from graphgrad.ops.kernel_rules import by_kernel
from graphgrad.ops.samples import sample

__all__ = [
    "BIASES",
    "CELLS",
    "STATES",
    "Lengths",
    "Run",
    "forward_by_kernel",
    "joint_by_kernel",
    "lengths_of",
    "lstm_samples",
    "prepare",
    "refused",
    "samples_of",
    "shapes_of",
    "states_and_cells",
    "states_and_last",
    "unrolled",
]

Shape = tuple[int, ...]
Lengths = Sequence[int] | None

_RESERVE = Reserve()
BIASES = {"bias_ih": "0", "bias_hh": "0"}


# ---- shapes and samples ----------------------------------------------------------------------------------------------


def prepare(attrs: dict[str, Any]) -> None:
    """Keep the lengths as a tuple of integers."""
    if attrs["lengths"] is not None:
        try:
            attrs["lengths"] = tuple(map(operator.index, np.asarray(attrs["lengths"]).tolist()))
        except TypeError:
            raise TypeError(f"lengths holds an integer for each sequence, got {attrs['lengths']!r:.60}") from None


def _check(gates: int, input: Shape, hx: Shape, *weights: Any, lengths: Lengths) -> int:
    if len(input) != 3:
        raise ValueError(f"input {input} must have the shape (T, B, features): length, batch, features")
    if len(hx) != 2 or hx[0] != input[1]:
        raise ValueError(f"hx {hx} must have the shape (B, features) = ({input[1]}, features), for input {input}")
    if lengths is not None and len(lengths) != input[1]:
        raise ValueError(f"lengths has {len(lengths)} numbers, input {input} has {input[1]} sequences")
    if lengths and not 0 <= min(lengths) <= max(lengths) <= input[0]:
        raise ValueError(f"lengths {tuple(lengths)} must lie from 0 to {input[0]}, the first axis of input {input}")
    return check_weights(gates, input[2], hx[1], *weights)


def states_and_last(gates: int) -> Callable[..., tuple[Shape, Shape]]:
    """The shape rule of a layer with one state."""

    def rule(
        input: Shape,
        hx: Shape,
        w_ih: Shape,
        w_hh: Shape,
        b_ih: Shape | None = None,
        b_hh: Shape | None = None,
        /,
        *,
        lengths: Lengths = None,
        **_: Any,
    ) -> tuple[Shape, Shape]:
        hidden = _check(gates, input, hx, w_ih, w_hh, b_ih, b_hh, lengths=lengths)
        if hidden != hx[1]:
            raise ValueError(f"hx {hx} must have as many features as there are hidden units, {hidden}")
        return (*input[:2], hidden), hx

    return rule


def states_and_cells(
    input: Shape,
    hx: Shape,
    cx: Shape,
    w_ih: Shape,
    w_hh: Shape,
    b_ih: Shape | None = None,
    b_hh: Shape | None = None,
    weight_hr: Shape | None = None,
    weight_ch: Shape | None = None,
    /,
    *,
    lengths: Lengths = None,
    **_: Any,
) -> tuple[Shape, Shape, Shape]:
    """The shape rule of a layer with states and cells."""
    hidden = _check(4, input, hx, w_ih, w_hh, b_ih, b_hh, lengths=lengths)
    if cx != (input[1], hidden):
        raise ValueError(f"cx {cx} must have the shape (B, hidden) = ({input[1]}, {hidden})")
    if weight_hr is None and hx[1] != hidden:
        raise ValueError(f"hx {hx} must have as many features as there are hidden units, {hidden}, without weight_hr")
    if weight_hr is not None and weight_hr != (hx[1], hidden):
        raise ValueError(
            f"weight_hr {weight_hr} must have the shape (features of the state, hidden) = ({hx[1]}, {hidden})"
        )
    if weight_ch is not None and weight_ch != (3 * hidden,):
        raise ValueError(f"weight_ch {weight_ch} must have the shape (3 · hidden,) = ({3 * hidden},)")
    return (*input[:2], hx[1]), hx, cx


# Length, batch, features, hidden; and which way, and how much of it.
_SIZES: tuple[tuple[Shape, dict[str, Any]], ...] = (
    ((3, 2, 2, 2), {}),
    ((3, 3, 1, 2), {"lengths": (3, 1, 0), "reverse": True}),
    ((1, 1, 1, 1), {}),
    ((2, 0, 2, 1), {}),
)


def samples_of(gates: int, **attrs: Any) -> Callable[..., Iterator[Sample]]:
    """The samples of a layer with one state, with and without biases."""

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for (length, batch, features, hidden), more in _SIZES:
            for with_biases in (True, False):
                rows = gates * hidden
                yield sample(
                    rng.normal(size=(length, batch, features)),
                    rng.normal(size=(batch, hidden)),
                    rng.normal(size=(rows, features)),
                    rng.normal(size=(rows, hidden)),
                    *(rng.normal(size=rows) if with_biases else None for _ in range(2)),
                    **more,
                    **attrs,
                )

    return samples


def lstm_samples(rng: np.random.Generator) -> Iterator[Sample]:
    """With everything; as it is mostly used; and with nothing that can be left out."""
    for with_biases, with_more in ((True, True), (True, False), (False, False)):
        for (length, batch, features, hidden), attrs in _SIZES[: 3 if with_more else 4]:
            narrow = max(hidden - 1, 1) if with_more else hidden
            yield sample(
                rng.normal(size=(length, batch, features)),
                rng.normal(size=(batch, narrow)),
                rng.normal(size=(batch, hidden)),
                rng.normal(size=(4 * hidden, features)),
                rng.normal(size=(4 * hidden, narrow)),
                *(rng.normal(size=4 * hidden) if with_biases else None for _ in range(2)),
                rng.normal(size=(narrow, hidden)) if with_more else None,
                rng.normal(size=3 * hidden) if with_more else None,
                **attrs,
            )


def refused(gates: int, states: int, more: int = 0) -> tuple[ErrorSample, ...]:
    """What a layer must refuse that has so many states, and so many optional operands beside the biases."""

    def given(input: Any = (5, 2, 3), hx: Any = (2, 4), w_ih: Any = (4 * gates, 3), w_hh: Any = (4 * gates, 4)) -> Any:
        return (*map(np.zeros, (input, hx, *[(2, 4)] * (states - 1), w_ih, w_hh)), *[None] * (2 + more))

    return (
        ErrorSample(given(input=(5, 3)), {}, ShapeError, "input (5, 3) must have the shape (T, B, features)"),
        ErrorSample(given(hx=(3, 4)), {}, ShapeError, "hx (3, 4) must have the shape (B, features) = (2, features)"),
        ErrorSample(given(w_ih=(4 * gates, 2)), {}, ShapeError, f"= ({4 * gates}, 3)"),
        ErrorSample(given(w_hh=(4 * gates, 5)), {}, ShapeError, "hx has 4 features, weight_hh"),
        ErrorSample(given(), {"lengths": (5,)}, ShapeError, "lengths has 1 numbers"),
        ErrorSample(given(), {"lengths": (5, 6)}, ShapeError, "must lie from 0 to 5"),
        ErrorSample(given(), {"lengths": (5, 2.5)}, DTypeError, "lengths holds an integer"),
        ErrorSample((np.zeros((5, 2, 3), int), *given()[1:]), {}, DTypeError, "input holds floats, got int64"),
    )


# ---- both ways to compute --------------------------------------------------------------------------------------------

STATES = ("input", "hx", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
CELLS = ("input", "hx", "cx", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", "weight_ch")


def unrolled(
    step: Callable[..., tuple[Any, ...]], input: Any, states: Sequence[Any], lengths: Lengths, reverse: bool
) -> tuple[Any, ...]:
    """One step after another, on tensors; from its length on, a sequence keeps its states and gives zeros."""
    times = range(input.shape[0])
    if not times:
        return Tensor(np.zeros((0, *states[0].shape), states[0].dtype)), *map(identity, states)
    outs: list[Any] = [None] * len(times)
    for t in reversed(times) if reverse else times:
        x = named(getitem(input, t), f"x[{t}]")
        if lengths is None or t < min(lengths, default=t + 1):
            states = step(x, *states)
            outs[t] = states[0]
        else:
            running = np.asarray(lengths)[:, None] > t
            moved = step(where(running, x, 0.0), *states)
            states = tuple(where(running, new, old) for new, old in zip(moved, states, strict=True))
            outs[t] = where(running, states[0], 0.0)
    return stack(outs), *states


def _arrays(names: Sequence[str], operands: Sequence[Any]) -> tuple[dict[str, Any], Any]:
    """The operands in the dtype that a kernel computes in, and the dtype that they have together."""
    given = together(dict(zip(names, operands, strict=True)))
    dtype = given[0].dtype
    inside = np.float64 if dtype.itemsize > 4 else np.float32
    return {
        name: None if one is None else one.astype(inside, copy=False) for name, one in zip(names, given, strict=True)
    }, dtype


def lengths_of(lengths: Lengths) -> Any:
    """The lengths as a kernel takes them."""
    return np.asarray(() if lengths is None else lengths, np.int64)


Run = Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[tuple[Any, ...], sequences.Kept]]
Gradients = Callable[[Sequence[Any], Mapping[str, Any], Mapping[str, Any], set[str], sequences.Kept], dict[str, Any]]


def forward_by_kernel(
    names: Sequence[str], run: Run, operands: Sequence[Any], attrs: Mapping[str, Any]
) -> tuple[Any, ...]:
    """Run a kernel; what it leaves is kept if a backward pass may come, and won't compute it again anyway."""
    given, dtype = _arrays(names, operands)
    results, left = run(given, attrs)
    results = tuple(one.astype(dtype, copy=False) for one in results)
    mode = MODE.get()
    if mode.grad and mode.segment is None:
        _RESERVE.keep(results[0], left)
    else:
        left.release()
    return results


def _backward(names: Sequence[str], run: Run, gradients: Gradients) -> Callable[..., dict[str, Any]]:
    def backward(g: Any, operands: Any, out: Any, attrs: Any, wanted: Sequence[str]) -> dict[str, Any]:
        given, _ = _arrays(names, operands)
        left = None if out is None else _RESERVE.take(out[0])
        if left is None:
            _, left = run(given, attrs)
        upstream = [one.astype(given["input"].dtype, copy=False) for one in g]
        return gradients(upstream, given, attrs, set(wanted), left)

    return backward


def joint_by_kernel(name: str, names: Sequence[str], run: Run, gradients: Gradients, **more: Any) -> Callable[..., Any]:
    """The rule of a layer, from both kernels; `more` is what `by_kernel` takes besides."""
    outputs = ("output", "h_n", "c_n") if "cx" in names else ("output", "h_n")
    return by_kernel(name, names, outputs, backward=_backward(names, run, gradients), **more)


def shapes_of(operands: Sequence[Any]) -> list[Any]:
    """The shapes of operands; None stays."""
    return [None if one is None else np.shape(one) for one in operands]
