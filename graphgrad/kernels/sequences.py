"""One recurrent layer in one direction over a batch of sequences, both passes: the batch shared out over processors.

The arithmetic is in `graphgrad.kernels.recurrent`, for a part of the batch; here its arrays are made and its results
are put together. Arrays come and go as the operations have them: sequences (T, B, features), states (B, features),
weights (gates · H, features), all of one dtype, float32 or float64.

A forward run keeps for its backward pass a copy of the input, and of the states' size: for the simple layer 2 arrays,
for the LSTM 6 (with a projection 7), for the GRU 5. Work that is too small to share isn't.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphgrad.kernels.buffers import Buffers
from graphgrad.kernels.choice import kernels_of
from graphgrad.kernels.threads import in_parallel, shares

__all__ = ["Kept", "gru", "gru_gradients", "lstm", "lstm_gradients", "rnn", "rnn_gradients"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

_SMALL = 1 << 23
"""Up to so many products one thread is done before others have begun."""

_FEW_STEPS, _FEW = 8, 1 << 16
"""Up to so many steps and products NumPy takes less than a millisecond, also for the LSTM: nobody waits for a compiler
then, nor for what was compiled to be loaded."""

_BUFFERS = Buffers(1 << 26)
"""What one pass leaves for the next one: 64 MiB, which is enough for all of layers such as in the benchmarks."""


class _Part(NamedTuple):
    """A part of the batch: which rows, its inputs, and what the kernel made of them."""

    rows: range
    x: Array
    values: tuple[Array, ...]


class Kept(NamedTuple):
    """What a forward run leaves for the backward pass, which uses it up."""

    parts: list[_Part]

    def release(self) -> None:
        """Give back the memory where no backward pass will come."""
        for part in self.parts:
            _BUFFERS.give(part.x, *part.values)


# ---- parts -----------------------------------------------------------------------------------------------------------


_InParts = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]


def _way(input: Array, weight_ih: Array, weight_hh: Array) -> tuple[Any, _InParts, list[range]]:
    """The module of the kernels, what calls a function with each part of the batch, and these parts.

    For little work, and where nothing can be compiled, they are the twins in NumPy, and there is one part.
    """
    steps, batch, _ = input.shape
    products = steps * batch * (weight_ih.size + weight_hh.size)
    kernels = kernels_of("recurrent", steps > _FEW_STEPS or products > _FEW)
    if kernels is kernels_of("recurrent", False):
        return kernels, _in_turn, [range(batch)]
    return kernels, _in_threads, shares(batch) if batch and products > _SMALL else [range(batch)]


def _in_turn(function: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
    return list(map(function, parts))


def _in_threads(function: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
    """Each part on a thread, with BLAS on the same."""
    from graphgrad.kernels.blas_threads import one_thread

    with one_thread():
        return in_parallel(function, parts)


def _columns(input: Array, rows: range, lengths: Array, reverse: bool) -> Array:
    """The inputs of a part in the order in which they are worked through, with a column of ones for the bias.

    After the end of a sequence there are zeros: whatever stands there takes no part in products either.
    """
    steps, _, features = input.shape
    x = _BUFFERS.take((steps, len(rows), features + 1), input.dtype)
    inputs = input[:, rows.start : rows.stop]
    x[..., :features] = inputs[::-1] if reverse else inputs
    x[..., features] = 1
    if lengths.size:
        times = np.arange(steps)[:, None]
        x[(times[::-1] if reverse else times) >= lengths[rows.start : rows.stop]] = 0
    return x.reshape(-1, features + 1)


def _with_bias(weight: Array, gates: int, bias: Array | None) -> Array:
    """The weights of the inputs as the forward pass takes them: (gates, I + 1, H), the bias last."""
    hidden, features = weight.shape[0] // gates, weight.shape[1]
    turned = np.empty((gates, features + 1, hidden), weight.dtype)
    turned[:, :features] = weight.reshape(gates, hidden, features).mT
    turned[:, features] = 0 if bias is None else bias.reshape(gates, hidden)
    return turned


def _turned(weight: Array, gates: int) -> Array:
    return np.ascontiguousarray(weight.reshape(gates, -1, weight.shape[1]).mT)


def _plain(array: Array) -> Array:
    """The same, contiguous and writeable: numba compiles a kernel anew for what is not."""
    return np.require(array, requirements=["C", "W", "A"])


def _by_gate(weight: Array, gates: int) -> Array:
    """The weights as the backward pass takes them."""
    return _plain(weight).reshape(gates, -1, weight.shape[1])


def _sum(*terms: Array | None) -> Array | None:
    given = [one for one in terms if one is not None]
    return given[0] + given[1] if len(given) == 2 else given[0] if given else None


def _carried(steps: int, start: Array) -> Array:
    """Room for a state in all steps, the first one filled in."""
    room = _BUFFERS.take((steps + 1, start.size), start.dtype)
    room[0] = start.ravel()
    return room


def _repeated(vectors: Array | None, rows: range, dtype: Any) -> Array:
    """Vectors (..., H), once for each example: (..., B·H); empty for none, whatever the number of axes."""
    if vectors is None:
        return np.empty((0, 0), dtype)
    return np.ascontiguousarray(np.tile(vectors, len(rows)))


def _last(parts: Sequence[_Part], place: int, start: Array) -> Array:
    """The last values of what is carried on, in the shape of the first ones."""
    return np.concatenate([part.values[place][-1] for part in parts]).reshape(start.shape)


def _of(lengths: Array, rows: range) -> Array:
    return lengths[rows.start : rows.stop]


def _start(g: Array, rows: range) -> Array:
    """What a last state receives, as a vector to work in."""
    return g[rows.start : rows.stop].flatten()


def _summed(shape: Shape, part: _Part) -> Array:
    """Room for the gradient of weights, which the first step begins: without any step it is zero."""
    return (np.empty if len(part.x) else np.zeros)(shape, part.x.dtype)


class _Found:
    """The gradients of a backward pass, put together from those of the parts."""

    def __init__(self, input: Array, weight_ih: Array, gates: int, reverse: bool, needs: set[str]) -> None:
        self.input = np.empty(input.shape, input.dtype) if "input" in needs else None
        self.weights = not needs.isdisjoint(("weight_ih", "bias_ih", "bias_hh"))
        self.shape = (gates, weight_ih.shape[0] // gates, weight_ih.shape[1])
        self.reverse = reverse
        self.dtype = input.dtype

    def room(self, part: _Part) -> tuple[Array, Array]:
        """For the gradients of a part's inputs and of their weights."""
        gates, hidden, features = self.shape
        d_x = _BUFFERS.take((0 if self.input is None else len(part.x) * features,), self.dtype)
        d_w_ih = _summed((gates, hidden, features + 1) if self.weights else (0, 0, 0), part)
        return d_x, d_w_ih

    def place(self, part: _Part, d_x: Array) -> None:
        """Put the gradients of a part's inputs in their place; then all that was kept for them has been used."""
        if self.input is not None:
            whole = self.input[::-1] if self.reverse else self.input
            whole[:, part.rows.start : part.rows.stop] = d_x.reshape(len(whole), len(part.rows), self.shape[2])
        _BUFFERS.give(d_x, part.x, *part.values)

    def weight_and_bias(self, found: Sequence[Array]) -> tuple[Array | None, Array | None]:
        """Those of ``weight_ih`` and of the bias, from all parts."""
        if not self.weights:
            return None, None
        total = _total(found)
        return total[..., :-1].reshape(-1, self.shape[2]), total[..., -1].ravel()


def _total(arrays: Sequence[Array]) -> Array:
    """The sum, in the first of them."""
    total = arrays[0]
    for one in arrays[1:]:
        total += one
    return total


# ---- the simple layer ------------------------------------------------------------------------------------------------


def rnn(
    relu: bool,
    input: Array,
    hx: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None,
    bias_hh: Array | None,
    lengths: Array,
    reverse: bool,
) -> tuple[tuple[Array, Array], Kept]:
    """The outputs and the last state."""
    steps, batch, hidden = len(input), len(hx), weight_hh.shape[1]
    weights = _with_bias(weight_ih, 1, _sum(bias_ih, bias_hh)), _turned(weight_hh, 1)
    out = np.empty((steps, batch, hidden), input.dtype)
    kernels, in_parts, batches = _way(input, weight_ih, weight_hh)
    kernel = kernels.rnn_forward

    def run(rows: range) -> _Part:
        x = _columns(input, rows, lengths, reverse)
        states = _carried(steps, hx[rows.start : rows.stop])
        gates = _BUFFERS.take((1, steps, states.shape[1]), input.dtype)
        kernel(relu, x, weights, (_of(lengths, rows), reverse, rows.start), (states, gates), out)
        return _Part(rows, x, (states, gates))

    parts = in_parts(run, batches)
    return (out, _last(parts, 0, hx)), Kept(parts)


def rnn_gradients(
    relu: bool,
    g: tuple[Array, Array],
    input: Array,
    weight_ih: Array,
    weight_hh: Array,
    lengths: Array,
    reverse: bool,
    needs: set[str],
    kept: Kept,
) -> dict[str, Array | None]:
    """The gradients by the names of the operands, at least those in `needs`."""
    upstream = _plain(g[0])
    weights = _by_gate(weight_ih, 1), _by_gate(weight_hh, 1)
    found = _Found(input, weight_ih, 1, reverse, needs)
    shape = weights[1].shape if "weight_hh" in needs else (0, 0, 0)
    kernels, in_parts, _ = _way(input, weight_ih, weight_hh)
    kernel = kernels.rnn_backward

    def run(part: _Part) -> tuple[Array, Array, Array]:
        d_state = _start(g[1], part.rows)
        room = (*found.room(part), _summed(shape, part))
        sequence = (_of(lengths, part.rows), reverse, part.rows.start)
        kernel(relu, upstream, d_state, part.x, weights, sequence, part.values, room)
        found.place(part, room[0])
        return d_state, room[1], room[2]

    states, ih, hh = zip(*in_parts(run, kept.parts), strict=True)
    d_weight_ih, d_bias = found.weight_and_bias(ih)
    return {
        "input": found.input,
        "hx": np.concatenate(states).reshape(g[1].shape),
        "weight_ih": d_weight_ih,
        "weight_hh": _total(hh).reshape(-1, weight_hh.shape[1]),
        "bias_ih": d_bias,
        "bias_hh": d_bias,
    }


# ---- long short-term memory ------------------------------------------------------------------------------------------


def lstm(
    input: Array,
    hx: Array,
    cx: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None,
    bias_hh: Array | None,
    weight_hr: Array | None,
    weight_ch: Array | None,
    lengths: Array,
    reverse: bool,
) -> tuple[tuple[Array, Array, Array], Kept]:
    """The outputs, the last state and the last cell."""
    steps, batch, dtype = len(input), len(hx), input.dtype
    turned = _with_bias(weight_ih, 4, _sum(bias_ih, bias_hh)), _turned(weight_hh, 4)
    w_hr = np.empty((0, 0), dtype) if weight_hr is None else np.ascontiguousarray(weight_hr.T)
    out = np.empty((steps, batch, weight_hh.shape[1]), dtype)
    kernels, in_parts, batches = _way(input, weight_ih, weight_hh)
    kernel = kernels.lstm_forward

    def run(rows: range) -> _Part:
        x = _columns(input, rows, lengths, reverse)
        states = _carried(steps, hx[rows.start : rows.stop])
        cells = _carried(steps, cx[rows.start : rows.stop])
        width = cells.shape[1]
        gates = _BUFFERS.take((4, steps, width), dtype)
        hidden = _BUFFERS.take((0, 0) if weight_hr is None else (steps, width), dtype)
        weights = (*turned, _peepholes(weight_ch, rows, dtype), w_hr)
        values = states, cells, gates, hidden
        kernel(x, weights, (_of(lengths, rows), reverse, rows.start), values, out)
        return _Part(rows, x, values)

    parts = in_parts(run, batches)
    return (out, _last(parts, 0, hx), _last(parts, 1, cx)), Kept(parts)


def _peepholes(weight_ch: Array | None, rows: range, dtype: Any) -> Array:
    return _repeated(None if weight_ch is None else weight_ch.reshape(3, -1), rows, dtype)


def lstm_gradients(
    g: tuple[Array, Array, Array],
    input: Array,
    weight_ih: Array,
    weight_hh: Array,
    weight_hr: Array | None,
    weight_ch: Array | None,
    lengths: Array,
    reverse: bool,
    needs: set[str],
    kept: Kept,
) -> dict[str, Array | None]:
    """The gradients by the names of the operands, at least those in `needs`."""
    dtype, hidden, narrow = input.dtype, weight_hh.shape[0] // 4, weight_hh.shape[1]
    upstream = _plain(g[0])
    by_gate = _by_gate(weight_ih, 4), _by_gate(weight_hh, 4)
    w_hr = np.empty((0, 0), dtype) if weight_hr is None else _plain(weight_hr)
    found = _Found(input, weight_ih, 4, reverse, needs)
    shape = by_gate[1].shape if "weight_hh" in needs else (0, 0, 0)
    kernels, in_parts, _ = _way(input, weight_ih, weight_hh)
    kernel = kernels.lstm_backward

    def run(part: _Part) -> tuple[Array, ...]:
        d_last = _start(g[1], part.rows), _start(g[2], part.rows)
        w_ch = _peepholes(weight_ch, part.rows, dtype)
        states_shape = (0, 0) if weight_hr is None else (len(input), len(part.rows) * narrow)
        room = *np.empty((2, d_last[1].size), dtype), np.empty(states_shape, dtype)
        weighed = (_summed(shape, part), np.zeros(w_ch.shape, dtype), _summed(w_hr.shape, part))
        into = (*found.room(part), *weighed)
        sequence = (_of(lengths, part.rows), reverse, part.rows.start)
        kernel(upstream, d_last, part.x, (*by_gate, w_ch, w_hr), sequence, part.values, room, into)
        found.place(part, into[0])
        return *d_last, *into[1:]

    states, cells, ih, hh, ch, hr = zip(*in_parts(run, kept.parts), strict=True)
    d_weight_ih, d_bias = found.weight_and_bias(ih)
    return {
        "input": found.input,
        "hx": np.concatenate(states).reshape(g[1].shape),
        "cx": np.concatenate(cells).reshape(g[2].shape),
        "weight_ih": d_weight_ih,
        "weight_hh": _total(hh).reshape(-1, narrow),
        "bias_ih": d_bias,
        "bias_hh": d_bias,
        "weight_hr": None if weight_hr is None else _total(hr),
        "weight_ch": None if weight_ch is None else _total([_over_batch(one, hidden) for one in ch]),
    }


def _over_batch(d_repeated: Array, hidden: int) -> Array:
    """What vectors receive that were repeated for each example."""
    by_row = d_repeated.reshape(*d_repeated.shape[:-1], d_repeated.shape[-1] // hidden, hidden)
    return np.asarray(np.add.reduce(by_row, axis=-2)).ravel()


# ---- gated recurrent units -------------------------------------------------------------------------------------------


def gru(
    input: Array,
    hx: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array | None,
    bias_hh: Array | None,
    reset_after: bool,
    lengths: Array,
    reverse: bool,
) -> tuple[tuple[Array, Array], Kept]:
    """The outputs and the last state."""
    steps, batch, hidden, dtype = len(input), len(hx), weight_hh.shape[1], input.dtype
    inside = bias_hh if reset_after else None
    b_hn = np.zeros(hidden, dtype) if inside is None else inside[2 * hidden :]
    if inside is not None:  # that of n is added behind the reset gate
        bias_hh = np.concatenate([inside[: 2 * hidden], np.zeros(hidden, dtype)])
    turned = _with_bias(weight_ih, 3, _sum(bias_ih, bias_hh)), _turned(weight_hh, 3)
    out = np.empty((steps, batch, hidden), dtype)
    kernels, in_parts, batches = _way(input, weight_ih, weight_hh)
    kernel = kernels.gru_forward

    def run(rows: range) -> _Part:
        x = _columns(input, rows, lengths, reverse)
        states = _carried(steps, hx[rows.start : rows.stop])
        gates = _BUFFERS.take((3, steps, states.shape[1]), dtype)
        values = states, gates, _BUFFERS.take(gates.shape[1:], dtype)
        weights = (*turned, _repeated(b_hn, rows, dtype))
        kernel(reset_after, x, weights, (_of(lengths, rows), reverse, rows.start), values, out)
        return _Part(rows, x, values)

    parts = in_parts(run, batches)
    return (out, _last(parts, 0, hx)), Kept(parts)


def gru_gradients(
    g: tuple[Array, Array],
    input: Array,
    weight_ih: Array,
    weight_hh: Array,
    reset_after: bool,
    lengths: Array,
    reverse: bool,
    needs: set[str],
    kept: Kept,
) -> dict[str, Array | None]:
    """The gradients by the names of the operands, at least those in `needs`."""
    dtype, hidden = input.dtype, weight_hh.shape[1]
    upstream = _plain(g[0])
    weights = _by_gate(weight_ih, 3), _by_gate(weight_hh, 3)
    found = _Found(input, weight_ih, 3, reverse, needs)
    shape = weights[1].shape if "weight_hh" in needs else (0, 0, 0)
    kernels, in_parts, _ = _way(input, weight_ih, weight_hh)
    kernel = kernels.gru_backward

    def run(part: _Part) -> tuple[Array, ...]:
        d_state = _start(g[1], part.rows)
        into = (*found.room(part), _summed(shape, part), np.zeros(d_state.size, dtype))
        sequence = (_of(lengths, part.rows), reverse, part.rows.start)
        room = np.empty(d_state.size, dtype)
        kernel(reset_after, upstream, d_state, part.x, weights, sequence, part.values, room, into)
        found.place(part, into[0])
        return d_state, *into[1:]

    states, ih, hh, insides = zip(*in_parts(run, kept.parts), strict=True)
    d_weight_ih, d_bias_ih = found.weight_and_bias(ih)
    d_bias_hh = d_bias_ih
    if reset_after and d_bias_ih is not None:
        d_b_hn = _total([_over_batch(one, hidden) for one in insides])
        d_bias_hh = np.concatenate([d_bias_ih[: 2 * hidden], d_b_hn])
    return {
        "input": found.input,
        "hx": np.concatenate(states).reshape(g[1].shape),
        "weight_ih": d_weight_ih,
        "weight_hh": _total(hh).reshape(-1, hidden),
        "bias_ih": d_bias_ih,
        "bias_hh": d_bias_hh,
    }
