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

Sequences that are worked through backwards differ in `time_of` alone.
"""

from __future__ import annotations

from typing import Any

from graphgrad.kernels.gemm import multiply
from graphgrad.kernels.jit import jit
from graphgrad.kernels.recurrent_steps import (
    carry,
    due,
    give,
    input_gradients,
    leave_over,
    project,
    receive,
    relu_of,
    state_gradients,
    tanh_of,
    time_of,
    to_sigmoid,
    to_tanh,
    where_over,
)

__all__ = ["gru_backward", "gru_forward", "lstm_backward", "lstm_forward", "rnn_backward", "rnn_forward"]

# ---- the simple layer ------------------------------------------------------------------------------------------------


@jit
def rnn_forward(relu: bool, x: Any, weights: Any, sequence: Any, kept: Any, out: Any) -> None:
    """The state f(W x + b + U h), with the hyperbolic tangent or the ramp for f."""
    (w_ih, w_hh), (lengths, reverse, first), (states, gates) = weights, sequence, kept
    steps, width = gates.shape[1], w_hh.shape[2]

    rows = gates.shape[2] // max(width, 1)
    w_hh = w_hh.reshape(-1)
    for step in range(steps):
        end = due(step, steps, rows, width)
        if end:
            project(step, end, x, w_ih, gates)
        time = time_of(step, steps, reverse)
        gate, state = gates[0, step], states[step + 1]
        multiply(states[step], w_hh, gate, rows, width, width, True)
        if relu:
            relu_of(gate, state)
        else:
            tanh_of(gate, state)
        carry(lengths, time, width, states[step], state)
        give(state, lengths, time, first, out)


@jit
def rnn_backward(relu: bool, g: Any, d_state: Any, x: Any, weights: Any, sequence: Any, kept: Any, found: Any) -> None:
    """The gradients, of the weights as `input_gradients` has them."""
    (w_ih, w_hh), (lengths, reverse, first), (states, gates), (d_x, d_w_ih, d_w_hh) = weights, sequence, kept, found
    steps, width = gates.shape[1], w_hh.shape[1]
    rows = gates.shape[2] // max(width, 1)
    one, zero = g.dtype.type(1), g.dtype.type(0)
    for step in range(steps - 1, -1, -1):
        time = time_of(step, steps, reverse)
        gate, state = gates[0, step], states[step + 1]
        receive(g, lengths, time, first, d_state)
        if relu:
            for j in range(gate.size):
                gate[j] = zero if state[j] <= zero else d_state[j]  # a nan lets it through
        else:
            for j in range(gate.size):
                gate[j] = d_state[j] * (one - state[j] * state[j])
        where_over(lengths, time, width, gate, 0.0)
        leave_over(lengths, time, width, d_state)
        multiply(gate, w_hh.reshape(-1), d_state, rows, width, width, lengths.size > 0)
        end = due(step, steps, rows, width)
        if end:
            input_gradients(step, end, gates, x, w_ih, d_x, d_w_ih)
            for k in range(d_w_hh.shape[0]):
                state_gradients(step, end, gates[k], states, d_w_hh[k])


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
        end = due(step, steps, rows, width)
        if end:
            project(step, end, x, w_ih, gates)
        time = time_of(step, steps, reverse)
        for k in range(4):
            multiply(states[step], w_hh[k].reshape(-1), gates[k, step], rows, width, narrow, True)
        i, f, z, o = gates[0, step], gates[1, step], gates[2, step], gates[3, step]
        before, cell, state = cells[step], cells[step + 1], states[step + 1]
        if w_ch.size:
            for j in range(cell.size):
                i[j] += w_ch[0, j] * before[j]
                f[j] += w_ch[1, j] * before[j]
        to_sigmoid(i)
        to_sigmoid(f)
        to_tanh(z)
        where_over(lengths, time, width, f, 1.0)  # on the way back, all goes by it
        for j in range(cell.size):
            cell[j] = f[j] * before[j] + i[j] * z[j]
        carry(lengths, time, width, before, cell)
        if w_ch.size:
            for j in range(cell.size):
                o[j] += w_ch[2, j] * cell[j]
        to_sigmoid(o)
        whole = hidden[step] if w_hr.size else state
        tanh_of(cell, whole)
        for j in range(o.size):
            whole[j] *= o[j]
        if w_hr.size:
            multiply(whole, w_hr.reshape(-1), state, rows, narrow, width, False)
        carry(lengths, time, narrow, states[step], state)
        give(state, lengths, time, first, out)


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
        time = time_of(step, steps, reverse)
        i, f, z, o = gates[0, step], gates[1, step], gates[2, step], gates[3, step]
        before, cell = cells[step], cells[step + 1]
        tanh_of(cell, tanh)
        receive(g, lengths, time, first, d_state)
        d_whole = d_hidden if w_hr.size or lengths.size else d_state
        if w_hr.size:
            d_states[step] = d_state
            where_over(lengths, time, narrow, d_states[step], 0.0)
            multiply(d_states[step], w_hr.reshape(-1), d_hidden, rows, width, narrow, False)
        elif lengths.size:
            d_hidden[:] = d_state
        where_over(lengths, time, width, d_whole, 0.0)
        _through_output(d_whole, o, tanh, d_cell)
        if w_ch.size:
            for j in range(o.size):
                d_cell[j] += o[j] * w_ch[2, j]
                d_w_ch[2, j] += o[j] * cell[j]
        _through_cell(i, f, z, before, d_cell)
        for k in range(3):
            where_over(lengths, time, width, gates[k, step], 0.0)
        if w_ch.size:
            for j in range(i.size):
                d_cell[j] += i[j] * w_ch[0, j] + f[j] * w_ch[1, j]
                d_w_ch[0, j] += i[j] * before[j]
                d_w_ch[1, j] += f[j] * before[j]
        leave_over(lengths, time, narrow, d_state)
        for k in range(4):
            add = k > 0 or lengths.size > 0
            multiply(gates[k, step], w_hh[k].reshape(-1), d_state, rows, narrow, width, add)
        end = due(step, steps, rows, width)
        if end:
            input_gradients(step, end, gates, x, w_ih, d_x, d_w_ih)
            for k in range(d_w_hh.shape[0]):
                state_gradients(step, end, gates[k], states, d_w_hh[k])
            state_gradients(step, end, d_states, hidden, d_w_hr)


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
        end = due(step, steps, rows, width)
        if end:
            project(step, end, x, w_ih, gates)
        time = time_of(step, steps, reverse)
        r, z, n = gates[0, step], gates[1, step], gates[2, step]
        before, state, inside = states[step], states[step + 1], inner[step]
        for k in range(2):
            multiply(before, w_hh[k].reshape(-1), gates[k, step], rows, width, width, True)
            to_sigmoid(gates[k, step])
        if reset_after:
            multiply(before, u_n, inside, rows, width, width, False)
            for j in range(n.size):
                inside[j] += b_hn[j]
            for j in range(n.size):
                n[j] += r[j] * inside[j]
        else:
            for j in range(n.size):
                inside[j] = r[j] * before[j]
            multiply(inside, u_n, n, rows, width, width, True)
        to_tanh(n)
        where_over(lengths, time, width, z, 1.0)  # on the way back, all goes by it
        for j in range(n.size):
            state[j] = (one - z[j]) * n[j] + z[j] * before[j]
        carry(lengths, time, width, before, state)
        give(state, lengths, time, first, out)


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
        time = time_of(step, steps, reverse)
        r, z, n = gates[0, step], gates[1, step], gates[2, step]
        before, inside = states[step], inner[step]
        receive(g, lengths, time, first, d_state)
        for j in range(z.size):
            at_z, at_n, d = z[j], n[j], d_state[j]
            z[j] = d * (before[j] - at_n) * at_z * (one - at_z)
            n[j] = d * (one - at_z) * (one - at_n * at_n)
            d_state[j] = d * at_z
        for k in range(1, 3):
            where_over(lengths, time, width, gates[k, step], 0.0)
        if reset_after:
            for j in range(r.size):
                at_r, d = r[j], n[j]
                r[j] = d * inside[j] * at_r * (one - at_r)
                inside[j] = d * at_r
            for j in range(r.size):
                d_b_hn[j] += inside[j]
            multiply(inside, u_n, d_state, rows, width, width, True)
        else:
            multiply(n, u_n, room, rows, width, width, False)
            for j in range(r.size):
                at_r, d = r[j], room[j]
                r[j] = d * before[j] * at_r * (one - at_r)
                d_state[j] += d * at_r
        for k in range(2):
            multiply(gates[k, step], w_hh[k].reshape(-1), d_state, rows, width, width, True)
        end = due(step, steps, rows, width)
        if end:
            input_gradients(step, end, gates, x, w_ih, d_x, d_w_ih)
            if d_w_hh.size:
                for k in range(2):
                    state_gradients(step, end, gates[k], states, d_w_hh[k])
                if reset_after:
                    state_gradients(step, end, inner, states, d_w_hh[2])
                else:
                    state_gradients(step, end, gates[2], inner, d_w_hh[2])
