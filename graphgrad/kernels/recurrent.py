"""Recurrent layers over whole sequences: simple, LSTM and GRU, both passes, compiled.

A call computes all steps of one layer in one direction for a part of the batch, on one thread; `graphgrad.kernels.
sequences` prepares the arrays, shares out the batch and puts the results together. The twins are in
`graphgrad.kernels.plain.recurrent`.

All arrays are contiguous, and whatever isn't wanted or not there is an empty one. P is H, but for a projection.

- ``x`` (T·B, I + 1): the inputs in the order in which they are worked through, with a column of ones for the bias.
- ``weights``: ``w_ih`` (gates, I + 1, H), with the bias as its last row, and ``w_hh`` (gates, P, H), so transposed for
  the forward pass; for the backward pass as they are, (gates, H, I) and (gates, H, P). And what else there is.
- ``sequence``: ``lengths`` (B), or empty if all are T, ``reverse``, and ``first``, the row of the whole batch that this
  part begins with. From its length on, an example keeps its state, and its results are zero.
- ``kept``: ``states`` (T + 1, B·P), and for the LSTM ``cells`` (T + 1, B·H), what is carried on, the initial values
  first; and ``gates`` (gates, T, B·H), their activations, which the backward pass replaces by the gradients before the
  activation. Gates come first, so that what is done to one gate in one step is done to one stretch of memory, where the
  loops become vector instructions.
- ``out``, ``g`` (T, whole batch, P): the results and their gradients.
- ``d_state`` (B·P), ``d_cell`` (B·H) begin as what the last ones receive, and end as what the first ones do.
- ``found``: ``d_x`` (T·B·I), the weights' gradients as the backward pass has these, that of ``w_ih`` with a column for
  the bias.

Sequences that are worked through backwards differ in `_time` alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from graphgrad.kernels.blas import dgemm, sgemm
from graphgrad.kernels.jit import jit

__all__ = ["gru_backward", "gru_forward", "lstm_backward", "lstm_forward", "rnn_backward", "rnn_forward"]

# A division that may raise can't become a vector instruction; a product and a sum in one go is quicker and more exact.
_INLINE: Any = {"error_model": "numpy", "fastmath": {"contract"}}


# ---- activations -----------------------------------------------------------------------------------------------------
# In float32 by polynomials, which become vector instructions; libm's functions don't, and take forty times as long.


def _f(value: float) -> np.float32:
    return np.float32(value)


_LOG2_E, _LN2_HIGH, _LN2_LOW = _f(1.4426950408889634), _f(0.693359375), _f(-2.12194440e-4)
_ROUND = _f(12582912.0)  # 1.5 · 2²³: added and taken away, it leaves an integer
_BIG = _f(87.0)
_ONE = _f(1.0)
# exp(r) = 1 + r + r² p(r) for |r| ≤ ln(2) / 2, as in Cephes (Moshier).
_E0, _E1, _E2, _E3, _E4, _E5 = map(
    _f, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)
# tanh(x) = x p(x²) / q(x²) up to where it is 1, as in Eigen.
_FLAT = _f(7.99881172180175781)
_P0, _P1, _P2, _P3 = map(_f, (4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08))
_P4, _P5, _P6 = map(_f, (-8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16))
_Q0, _Q1, _Q2, _Q3 = map(_f, (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06))


def _sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), in float32 to 1.5e-7 of its value."""
    raise NotImplementedError("compiled code has it")


def _tanh(x: Any) -> Any:
    """The hyperbolic tangent, in float32 to 3.3e-7 of its value."""
    raise NotImplementedError("compiled code has it")


@overload(_sigmoid, jit_options=_INLINE)
def _compiled_sigmoid(x: Any) -> Any:
    def single(x: Any) -> Any:
        x = _BIG if x > _BIG else x  # noqa: FURB136 - min() and max() would lose a nan
        x = -_BIG if x < -_BIG else x  # noqa: FURB136
        n = (_ROUND - x * _LOG2_E) - _ROUND
        r = -x - n * _LN2_HIGH
        r = r - n * _LN2_LOW
        p = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
        power = np.int32((np.int32(n) + 127) << 23).view(np.float32)  # 2ⁿ, written as the exponent of a float
        return _ONE / (_ONE + (p * r * r + r + _ONE) * power)

    def double(x: Any) -> Any:
        return 1.0 / (1.0 + math.exp(-x))

    return single if x is types.float32 else double


@overload(_tanh, jit_options=_INLINE)
def _compiled_tanh(x: Any) -> Any:
    def single(x: Any) -> Any:
        x = _FLAT if x > _FLAT else x  # noqa: FURB136
        x = -_FLAT if x < -_FLAT else x  # noqa: FURB136
        s = x * x
        p = (((((_P6 * s + _P5) * s + _P4) * s + _P3) * s + _P2) * s + _P1) * s + _P0
        return x * p / (((_Q3 * s + _Q2) * s + _Q1) * s + _Q0)

    def double(x: Any) -> Any:
        return math.tanh(x)

    return single if x is types.float32 else double


# In place and from one array into another are two functions: a loop over arrays that might overlap is no vector loop.


@jit
def _to_sigmoid(x: Any) -> None:
    for j in range(x.size):
        x[j] = _sigmoid(x[j])


@jit
def _to_tanh(x: Any) -> None:
    for j in range(x.size):
        x[j] = _tanh(x[j])


@jit
def _tanh_of(x: Any, to: Any) -> None:
    for j in range(x.size):
        to[j] = _tanh(x[j])


@jit
def _relu_of(x: Any, to: Any) -> None:
    zero = x.dtype.type(0)
    for j in range(x.size):
        to[j] = zero if x[j] < zero else x[j]  # noqa: FURB136


# ---- products of matrices --------------------------------------------------------------------------------------------


def _gemm(*arguments: Any) -> None:
    raise NotImplementedError("compiled code has it")


@overload(_gemm, jit_options=_INLINE)
def _compiled_gemm(letters: Any, integers: Any, factors: Any, a: Any, b: Any, c: Any) -> Any:
    routine = sgemm if a.dtype is types.float32 else dgemm

    def call(letters: Any, integers: Any, factors: Any, a: Any, b: Any, c: Any) -> None:
        how, i, f, step = letters.ctypes.data, integers.ctypes.data, factors.ctypes.data, factors.itemsize
        x, y, z = a.ctypes.data, b.ctypes.data, c.ctypes.data
        routine(how, how + 1, i, i + 4, i + 8, f, x, i + 12, y, i + 16, f + step, z, i + 20)

    return call


@jit
def _at_once(rows: int, products: int) -> int:
    """How many rows to multiply in one call, with so many products each.

    OpenBLAS packs matrices before it multiplies them, but up to a million products it doesn't, which is quicker by up
    to a half. (Where it never does, some more calls cost little.)
    """
    few = 1000000 // max(products, 1)
    return max(rows, 1) if few < 8 else few // 8 * 8


@jit
def _multiply(a: Any, b: Any, c: Any, m: int, n: int, k: int, add: bool) -> None:
    """C = A B or C += A B, with A (m, k), B (k, n).

    Fortran counts columns first and sees all of them transposed: it computes Cᵀ = Bᵀ Aᵀ.
    """
    letters = np.full(2, 78, np.uint8)  # N
    factors = np.ones(2, a.dtype)
    if not add:
        factors[1] = 0
    rows = _at_once(m, n * k)
    integers = np.array([n, rows, k, n, k, n], np.int32)
    for at in range(0, m, rows):
        integers[1] = min(rows, m - at)
        _gemm(letters, integers, factors, b, a[at * k :], c[at * n :])


@jit
def _multiply_turned(a: Any, b: Any, c: Any, m: int, n: int, k: int, add: bool) -> None:
    """C = Aᵀ B or C += Aᵀ B, with A (k, m), B (k, n): the gradient of weights."""
    letters = np.full(2, 78, np.uint8)
    letters[1] = 84  # T
    factors = np.ones(2, a.dtype)
    if not add:
        factors[1] = 0
    rows = _at_once(k, m * n)
    integers = np.array([n, m, rows, n, m, n], np.int32)
    for at in range(0, k, rows):
        integers[2] = min(rows, k - at)
        _gemm(letters, integers, factors, b[at * n :], a[at * m :], c)
        factors[1] = 1


# ---- steps -----------------------------------------------------------------------------------------------------------


@jit
def _time(step: int, steps: int, reverse: bool) -> int:
    """The place in the sequence of what is worked through in a step."""
    return steps - 1 - step if reverse else step


@jit
def _carry(lengths: Any, time: int, width: int, before: Any, after: Any) -> None:
    """Where a sequence is over, keep what there was before."""
    for b in range(lengths.size):
        if time >= lengths[b]:
            for j in range(b * width, (b + 1) * width):
                after[j] = before[j]


@jit
def _where_over(lengths: Any, time: int, width: int, x: Any, value: float) -> None:
    """Where a sequence is over, this value."""
    for b in range(lengths.size):
        if time >= lengths[b]:
            for j in range(b * width, (b + 1) * width):
                x[j] = value


@jit
def _give(state: Any, lengths: Any, time: int, first: int, out: Any) -> None:
    """Write a state to the results."""
    width = out.shape[2]
    to = out.reshape(-1)[(time * out.shape[1] + first) * width :]
    for j in range(state.size):
        to[j] = state[j]
    _where_over(lengths, time, width, to, 0.0)


@jit
def _receive(g: Any, lengths: Any, time: int, first: int, d_state: Any) -> None:
    """Add what arrives at the results to what comes back from the next step; after its end, a sequence has none."""
    width = g.shape[2]
    start = g.reshape(-1)[(time * g.shape[1] + first) * width :]
    if lengths.size == 0:
        for j in range(d_state.size):
            d_state[j] += start[j]
    for b in range(lengths.size):
        if time < lengths[b]:
            for j in range(b * width, (b + 1) * width):
                d_state[j] += start[j]


@jit
def _leave_over(lengths: Any, time: int, width: int, d_state: Any) -> None:
    """Where a sequence is over, the gradient of its state goes on as it is; elsewhere it is made anew, from zero."""
    for b in range(lengths.size):
        if time < lengths[b]:
            for j in range(b * width, (b + 1) * width):
                d_state[j] = 0


@jit
def _due(step: int, steps: int, rows: int, width: int) -> int:
    """Where the steps end that are multiplied together with this one by other weights than the recurrent ones; or 0.

    That would be possible for all steps at once, but what a few of them read and write stays in the cache. There are as
    many as can be multiplied in one call. The first of them is met first on the way there, and last on the way back.
    """
    few = max(min(_at_once(128, width * width), 128) // max(rows, 1), 1)
    return min(step + few, steps) if step % few == 0 else 0


@jit
def _project(step: int, end: int, x: Any, w_ih: Any, gates: Any) -> None:
    """The part of all gates in some steps that the inputs give."""
    count, _, size = gates.shape
    features, hidden = x.shape[1], w_ih.shape[2]
    each = size // hidden
    for gate in range(count):
        part, into = x.reshape(-1)[step * each * features :], gates[gate].reshape(-1)[step * size :]
        _multiply(part, w_ih[gate].reshape(-1), into, (end - step) * each, hidden, features, False)


@jit
def _input_gradients(step: int, end: int, d_gates: Any, x: Any, w_ih: Any, d_x: Any, d_w_ih: Any) -> None:
    """The gradients of the inputs in some steps, and their share of the weights' ones, from those of the gates."""
    gates, steps, size = d_gates.shape
    features, hidden = x.shape[1], w_ih.shape[1]
    each = size // hidden
    rows, first = (end - step) * each, step * each
    for gate in range(gates):
        d_gate = d_gates[gate].reshape(-1)[step * size :]
        if d_w_ih.size:
            x_part, into = x.reshape(-1)[first * features :], d_w_ih[gate].reshape(-1)
            _multiply_turned(d_gate, x_part, into, hidden, features, rows, end < steps)
        if d_x.size:
            weights, into = w_ih[gate].reshape(-1), d_x[first * (features - 1) :]
            _multiply(d_gate, weights, into, rows, features - 1, hidden, gate > 0)


@jit
def _state_gradients(step: int, end: int, d_gate: Any, states: Any, d_w: Any) -> None:
    """The share of some steps in the gradient of one gate's weights for the states (T, B·P) or what is made of them."""
    if d_w.size:
        steps, (hidden, narrow) = d_gate.shape[0], d_w.shape
        rows = (end - step) * (d_gate.shape[1] // hidden)
        d_part, part = d_gate.reshape(-1)[step * d_gate.shape[1] :], states.reshape(-1)[step * states.shape[1] :]
        _multiply_turned(d_part, part, d_w.reshape(-1), hidden, narrow, rows, end < steps)


# ---- the simple layer ------------------------------------------------------------------------------------------------


@jit
def rnn_forward(relu: bool, x: Any, weights: Any, sequence: Any, kept: Any, out: Any) -> None:
    """The state f(W x + b + U h), with the hyperbolic tangent or the ramp for f."""
    (w_ih, w_hh), (lengths, reverse, first), (states, gates) = weights, sequence, kept
    steps, width = gates.shape[1], w_hh.shape[2]

    rows = gates.shape[2] // max(width, 1)
    w_hh = w_hh.reshape(-1)
    for step in range(steps):
        end = _due(step, steps, rows, width)
        if end:
            _project(step, end, x, w_ih, gates)
        time = _time(step, steps, reverse)
        gate, state = gates[0, step], states[step + 1]
        _multiply(states[step], w_hh, gate, rows, width, width, True)
        if relu:
            _relu_of(gate, state)
        else:
            _tanh_of(gate, state)
        _carry(lengths, time, width, states[step], state)
        _give(state, lengths, time, first, out)


@jit
def rnn_backward(relu: bool, g: Any, d_state: Any, x: Any, weights: Any, sequence: Any, kept: Any, found: Any) -> None:
    """The gradients, of the weights as `_input_gradients` has them."""
    (w_ih, w_hh), (lengths, reverse, first), (states, gates), (d_x, d_w_ih, d_w_hh) = weights, sequence, kept, found
    steps, width = gates.shape[1], w_hh.shape[1]
    rows = gates.shape[2] // max(width, 1)
    one, zero = g.dtype.type(1), g.dtype.type(0)
    for step in range(steps - 1, -1, -1):
        time = _time(step, steps, reverse)
        gate, state = gates[0, step], states[step + 1]
        _receive(g, lengths, time, first, d_state)
        if relu:
            for j in range(gate.size):
                gate[j] = zero if state[j] <= zero else d_state[j]  # a nan lets it through
        else:
            for j in range(gate.size):
                gate[j] = d_state[j] * (one - state[j] * state[j])
        _where_over(lengths, time, width, gate, 0.0)
        _leave_over(lengths, time, width, d_state)
        _multiply(gate, w_hh.reshape(-1), d_state, rows, width, width, lengths.size > 0)
        end = _due(step, steps, rows, width)
        if end:
            _input_gradients(step, end, gates, x, w_ih, d_x, d_w_ih)
            for k in range(d_w_hh.shape[0]):
                _state_gradients(step, end, gates[k], states, d_w_hh[k])


# ---- long short-term memory ------------------------------------------------------------------------------------------


@jit
def lstm_forward(x: Any, weights: Any, sequence: Any, kept: Any, out: Any) -> None:
    """i, f, g, o from x and h; c = f c + i g; h = o tanh(c), projected if `w_hr` (H, P) isn't empty.

    `hidden` (T, B·H) takes the states before a projection. `w_ch` (3, B·H) holds the peepholes to i, f and o, repeated
    for each example.
    """
    (w_ih, w_hh, w_ch, w_hr), (lengths, reverse, first) = weights, sequence
    states, cells, gates, hidden = kept
    steps, width = gates.shape[1], w_hh.shape[2]
    rows = gates.shape[2] // max(width, 1)
    narrow = w_hh.shape[1]
    for step in range(steps):
        end = _due(step, steps, rows, width)
        if end:
            _project(step, end, x, w_ih, gates)
        time = _time(step, steps, reverse)
        for k in range(4):
            _multiply(states[step], w_hh[k].reshape(-1), gates[k, step], rows, width, narrow, True)
        i, f, z, o = gates[0, step], gates[1, step], gates[2, step], gates[3, step]
        before, cell, state = cells[step], cells[step + 1], states[step + 1]
        if w_ch.size:
            for j in range(cell.size):
                i[j] += w_ch[0, j] * before[j]
                f[j] += w_ch[1, j] * before[j]
        _to_sigmoid(i)
        _to_sigmoid(f)
        _to_tanh(z)
        _where_over(lengths, time, width, f, 1.0)  # on the way back, all goes by it
        for j in range(cell.size):
            cell[j] = f[j] * before[j] + i[j] * z[j]
        _carry(lengths, time, width, before, cell)
        if w_ch.size:
            for j in range(cell.size):
                o[j] += w_ch[2, j] * cell[j]
        _to_sigmoid(o)
        whole = hidden[step] if w_hr.size else state
        _tanh_of(cell, whole)
        for j in range(o.size):
            whole[j] *= o[j]
        if w_hr.size:
            _multiply(whole, w_hr.reshape(-1), state, rows, narrow, width, False)
        _carry(lengths, time, narrow, states[step], state)
        _give(state, lengths, time, first, out)


@jit
def _through_output(d_whole: Any, o: Any, tanh: Any, d_cell: Any) -> None:
    """Back through h = o tanh(c), to the cell and to o before activation."""
    one = o.dtype.type(1)
    for j in range(o.size):
        d_cell[j] += d_whole[j] * o[j] * (one - tanh[j] * tanh[j])
    for j in range(o.size):
        o[j] = d_whole[j] * tanh[j] * o[j] * (one - o[j])


@jit
def _through_cell(i: Any, f: Any, z: Any, before: Any, d_cell: Any) -> None:
    """Back through c = f c + i g, to the cell before and to the gates before activation."""
    one = i.dtype.type(1)
    for j in range(i.size):
        at_i, at_z = i[j], z[j]
        i[j] = d_cell[j] * at_z * at_i * (one - at_i)
        z[j] = d_cell[j] * at_i * (one - at_z * at_z)
    for j in range(f.size):
        at_f, at_cell = f[j], d_cell[j]
        f[j] = at_cell * before[j] * at_f * (one - at_f)
        d_cell[j] = at_cell * at_f


@jit
def lstm_backward(g: Any, d_last: Any, x: Any, weights: Any, sequence: Any, kept: Any, room: Any, found: Any) -> None:
    """`d_state` and `d_cell` begin as what the last ones receive, and end as what the first ones do.

    `w_hr` is (P, H) here. `tanh` and `d_hidden` (B·H) are room to work in, and with a projection `d_states` (T, B·P)
    too. `d_w_ch` (3, B·H) has to hold zeros. Where a sequence is over, gates pass nothing back but through the forget
    gate, which is open.
    """
    (w_ih, w_hh, w_ch, w_hr), (lengths, reverse, first) = weights, sequence
    states, cells, gates, hidden = kept
    (d_state, d_cell), (tanh, d_hidden, d_states), (d_x, d_w_ih, d_w_hh, d_w_ch, d_w_hr) = d_last, room, found
    steps, width, narrow = gates.shape[1], w_hh.shape[1], w_hh.shape[2]
    rows = gates.shape[2] // max(width, 1)
    for step in range(steps - 1, -1, -1):
        time = _time(step, steps, reverse)
        i, f, z, o = gates[0, step], gates[1, step], gates[2, step], gates[3, step]
        before, cell = cells[step], cells[step + 1]
        _tanh_of(cell, tanh)
        _receive(g, lengths, time, first, d_state)
        d_whole = d_hidden if w_hr.size or lengths.size else d_state
        if w_hr.size:
            d_states[step] = d_state
            _where_over(lengths, time, narrow, d_states[step], 0.0)
            _multiply(d_states[step], w_hr.reshape(-1), d_hidden, rows, width, narrow, False)
        elif lengths.size:
            d_hidden[:] = d_state
        _where_over(lengths, time, width, d_whole, 0.0)
        _through_output(d_whole, o, tanh, d_cell)
        if w_ch.size:
            for j in range(o.size):
                d_cell[j] += o[j] * w_ch[2, j]
                d_w_ch[2, j] += o[j] * cell[j]
        _through_cell(i, f, z, before, d_cell)
        for k in range(3):
            _where_over(lengths, time, width, gates[k, step], 0.0)
        if w_ch.size:
            for j in range(i.size):
                d_cell[j] += i[j] * w_ch[0, j] + f[j] * w_ch[1, j]
                d_w_ch[0, j] += i[j] * before[j]
                d_w_ch[1, j] += f[j] * before[j]
        _leave_over(lengths, time, narrow, d_state)
        for k in range(4):
            add = k > 0 or lengths.size > 0
            _multiply(gates[k, step], w_hh[k].reshape(-1), d_state, rows, narrow, width, add)
        end = _due(step, steps, rows, width)
        if end:
            _input_gradients(step, end, gates, x, w_ih, d_x, d_w_ih)
            for k in range(d_w_hh.shape[0]):
                _state_gradients(step, end, gates[k], states, d_w_hh[k])
            _state_gradients(step, end, d_states, hidden, d_w_hr)


# ---- gated recurrent units -------------------------------------------------------------------------------------------


@jit
def gru_forward(reset_after: bool, x: Any, weights: Any, sequence: Any, kept: Any, out: Any) -> None:
    """r, z from x and h; n from x and what r lets through of h; h = (1 - z) n + z h.

    `inner` (T, B·H) takes what r is multiplied with or what comes of it: with `reset_after` U h + b, where `b_hn` (B·H)
    is the bias, repeated for each example; without it r h, and the bias is among those of the inputs.
    """
    (w_ih, w_hh, b_hn), (lengths, reverse, first), (states, gates, inner) = weights, sequence, kept
    steps, width = gates.shape[1], w_hh.shape[2]
    rows = gates.shape[2] // max(width, 1)
    one = x.dtype.type(1)
    u_n = w_hh[2].reshape(-1)
    for step in range(steps):
        end = _due(step, steps, rows, width)
        if end:
            _project(step, end, x, w_ih, gates)
        time = _time(step, steps, reverse)
        r, z, n = gates[0, step], gates[1, step], gates[2, step]
        before, state, inside = states[step], states[step + 1], inner[step]
        for k in range(2):
            _multiply(before, w_hh[k].reshape(-1), gates[k, step], rows, width, width, True)
            _to_sigmoid(gates[k, step])
        if reset_after:
            _multiply(before, u_n, inside, rows, width, width, False)
            for j in range(n.size):
                inside[j] += b_hn[j]
            for j in range(n.size):
                n[j] += r[j] * inside[j]
        else:
            for j in range(n.size):
                inside[j] = r[j] * before[j]
            _multiply(inside, u_n, n, rows, width, width, True)
        _to_tanh(n)
        _where_over(lengths, time, width, z, 1.0)  # on the way back, all goes by it
        for j in range(n.size):
            state[j] = (one - z[j]) * n[j] + z[j] * before[j]
        _carry(lengths, time, width, before, state)
        _give(state, lengths, time, first, out)


@jit
def gru_backward(
    reset_after: bool, g: Any, d_state: Any, x: Any, weights: Any, sequence: Any, kept: Any, room: Any, found: Any
) -> None:
    """`d_state` begins as what the last state receives, and ends as what the first one does.

    `inner` is replaced by its gradient with `reset_after`; without it, `room` (B·H) is room to work in. `d_b_hn`
    (B·H) has to hold zeros. Where a sequence is over, gates pass nothing back but through the update gate, which keeps
    all.
    """
    (w_ih, w_hh), (lengths, reverse, first), (states, gates, inner) = weights, sequence, kept
    d_x, d_w_ih, d_w_hh, d_b_hn = found
    steps, width = gates.shape[1], w_hh.shape[1]
    rows = gates.shape[2] // max(width, 1)
    one = g.dtype.type(1)
    u_n = w_hh[2].reshape(-1)
    for step in range(steps - 1, -1, -1):
        time = _time(step, steps, reverse)
        r, z, n = gates[0, step], gates[1, step], gates[2, step]
        before, inside = states[step], inner[step]
        _receive(g, lengths, time, first, d_state)
        for j in range(z.size):
            at_z, at_n, d = z[j], n[j], d_state[j]
            z[j] = d * (before[j] - at_n) * at_z * (one - at_z)
            n[j] = d * (one - at_z) * (one - at_n * at_n)
            d_state[j] = d * at_z
        for k in range(1, 3):
            _where_over(lengths, time, width, gates[k, step], 0.0)
        if reset_after:
            for j in range(r.size):
                at_r, d = r[j], n[j]
                r[j] = d * inside[j] * at_r * (one - at_r)
                inside[j] = d * at_r
            for j in range(r.size):
                d_b_hn[j] += inside[j]
            _multiply(inside, u_n, d_state, rows, width, width, True)
        else:
            _multiply(n, u_n, room, rows, width, width, False)
            for j in range(r.size):
                at_r, d = r[j], room[j]
                r[j] = d * before[j] * at_r * (one - at_r)
                d_state[j] += d * at_r
        for k in range(2):
            _multiply(gates[k, step], w_hh[k].reshape(-1), d_state, rows, width, width, True)
        end = _due(step, steps, rows, width)
        if end:
            _input_gradients(step, end, gates, x, w_ih, d_x, d_w_ih)
            if d_w_hh.size:
                for k in range(2):
                    _state_gradients(step, end, gates[k], states, d_w_hh[k])
                if reset_after:
                    _state_gradients(step, end, inner, states, d_w_hh[2])
                else:
                    _state_gradients(step, end, gates[2], inner, d_w_hh[2])
