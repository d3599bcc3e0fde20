"""Recurrent layers in plain NumPy: the twins of `graphgrad.kernels.recurrent`, which says what they are given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = [
    "gru_backward",
    "gru_forward",
    "lstm_backward",
    "lstm_forward",
    "rnn_backward",
    "rnn_forward",
]

Array = np.ndarray[Any, Any]


# Compiled code doesn't warn.
_quiet = np.errstate(over="ignore", invalid="ignore")


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def _rows(x: Array, width: int) -> Array:
    """The last axis, (B·H), as two."""
    return x.reshape(*x.shape[:-1], x.shape[-1] // max(width, 1), width)


def _steps(sequence: Any, x: Array, width: int) -> Iterator[tuple[int, int, Array]]:
    """For each step its number, its place in the sequence, and which examples are over by then, as a column."""
    lengths, reverse, _ = sequence
    steps, rows = x.shape[1], x.shape[2] // max(width, 1)
    for step in range(steps):
        time = steps - 1 - step if reverse else step
        over = time >= lengths if lengths.size else np.zeros(rows, np.bool)
        yield step, time, over[:, None]


def _project(x: Array, w_ih: Array, gates: Array) -> None:
    for k, weight in enumerate(w_ih):
        gates[k] = (x @ weight).reshape(gates.shape[1:])


def _input_gradients(gates: Array, x: Array, w_ih: Array, d_x: Array, d_w_ih: Array) -> None:
    by_row = gates.reshape(len(gates), len(x), w_ih.shape[1])
    if d_w_ih.size:
        d_w_ih[...] = by_row.mT @ x
    if d_x.size:
        d_x[...] = np.add.reduce(by_row @ w_ih).ravel()


@_quiet
def rnn_forward(relu: bool, x: Array, weights: Any, sequence: Any, kept: Any, out: Array) -> None:
    """The state f(W x + b + U h), with the hyperbolic tangent or the ramp for f."""
    (w_ih, w_hh), (states, gates), first = weights, kept, sequence[2]
    width = w_hh.shape[2]
    _project(x, w_ih, gates)
    for step, time, over in _steps(sequence, gates, width):
        before, gate = _rows(states[step], width), _rows(gates[0, step], width)
        gate += before @ w_hh[0]
        state = _rows(states[step + 1], width)
        state[...] = np.where(over, before, np.maximum(gate, 0) if relu else np.tanh(gate))
        out[time, first : first + len(state)] = np.where(over, 0, state)


@_quiet
def rnn_backward(
    relu: bool, g: Array, d_state: Array, x: Array, weights: Any, sequence: Any, kept: Any, found: Any
) -> None:
    """The gradients."""
    (w_ih, w_hh), (states, gates), (d_x, d_w_ih, d_w_hh), first = weights, kept, found, sequence[2]
    width = w_hh.shape[1]
    d = _rows(d_state, width)
    for step, time, over in reversed(list(_steps(sequence, gates, width))):
        gate, state = _rows(gates[0, step], width), _rows(states[step + 1], width)
        d += np.where(over, 0, g[time, first : first + len(d)])
        gate[...] = np.where(over, 0, np.where(state <= 0, 0, d) if relu else d * (1 - state * state))
        d[...] = np.where(over, d, 0) + gate @ w_hh[0]
    _input_gradients(gates, x, w_ih, d_x, d_w_ih)
    if d_w_hh.size:
        d_w_hh[0] = gates[0].reshape(-1, width).T @ states[:-1].reshape(-1, width)


@_quiet
def lstm_forward(x: Array, weights: Any, sequence: Any, kept: Any, out: Array) -> None:
    """i, f, g, o from x and h; c = f c + i g; h = o tanh(c), projected if `w_hr` (H, P) isn't empty."""
    (w_ih, w_hh, w_ch, w_hr), (states, cells, gates, hidden), first = weights, kept, sequence[2]
    narrow, width = w_hh.shape[1:]
    _project(x, w_ih, gates)
    for step, time, over in _steps(sequence, gates, width):
        before = _rows(states[step], narrow)
        i, f, z, o = _rows(gates[:, step], width)
        for k, gate in enumerate((i, f, z, o)):
            gate += before @ w_hh[k]
        old, cell = _rows(cells[step], width), _rows(cells[step + 1], width)
        peepholes = _rows(w_ch, width) if w_ch.size else np.zeros((3, 1, 1), x.dtype)
        i[...] = _sigmoid(i + peepholes[0] * old)
        f[...] = np.where(over, 1, _sigmoid(f + peepholes[1] * old))
        z[...] = np.tanh(z)
        cell[...] = np.where(over, old, f * old + i * z)
        o[...] = _sigmoid(o + peepholes[2] * cell)
        whole = o * np.tanh(cell)
        if w_hr.size:
            hidden[step] = whole.ravel()
            whole = whole @ w_hr
        state = _rows(states[step + 1], narrow)
        state[...] = np.where(over, before, whole)
        out[time, first : first + len(state)] = np.where(over, 0, state)


@_quiet
def lstm_backward(
    g: Array, d_last: Any, x: Array, weights: Any, sequence: Any, kept: Any, room: Any, found: Any
) -> None:
    """The gradients; `w_hr` is (P, H) here."""
    (w_ih, w_hh, w_ch, w_hr), (states, cells, gates, hidden), first = weights, kept, sequence[2]
    (_, _, d_states), (d_x, d_w_ih, d_w_hh, d_w_ch, d_w_hr) = room, found
    width, narrow = w_hh.shape[1:]
    d_state, d_cell = _rows(d_last[0], narrow), _rows(d_last[1], width)
    for step, time, over in reversed(list(_steps(sequence, gates, width))):
        i, f, z, o = _rows(gates[:, step], width)
        old, cell = _rows(cells[step], width), _rows(cells[step + 1], width)
        tanh = np.tanh(cell)
        d_state += np.where(over, 0, g[time, first : first + len(d_state)])
        d_whole = np.where(over, 0, d_state)
        if w_hr.size:
            d_states[step] = d_whole.ravel()
            d_whole = np.where(over, 0, d_whole @ w_hr)
        d_cell += d_whole * o * (1 - tanh * tanh)
        o[...] = d_whole * tanh * o * (1 - o)
        if w_ch.size:
            peepholes, d_peepholes = _rows(w_ch, width), _rows(d_w_ch, width)
            d_cell += o * peepholes[2]
            d_peepholes[2] += o * cell
        at_i = i.copy()
        i[...] = np.where(over, 0, d_cell * z * i * (1 - i))
        z[...] = np.where(over, 0, d_cell * at_i * (1 - z * z))
        at_f = f.copy()
        f[...] = np.where(over, 0, d_cell * old * f * (1 - f))
        d_cell *= at_f
        if w_ch.size:
            d_cell += i * peepholes[0] + f * peepholes[1]
            d_peepholes[0] += i * old
            d_peepholes[1] += f * old
        d_state[...] = np.where(over, d_state, 0)
        for gate, weight in zip((i, f, z, o), w_hh, strict=True):
            d_state += gate @ weight
    _input_gradients(gates, x, w_ih, d_x, d_w_ih)
    if d_w_hh.size:
        d_w_hh[...] = gates.reshape(4, -1, width).mT @ states[:-1].reshape(-1, narrow)
    if d_w_hr.size:
        d_w_hr[...] = d_states.reshape(-1, narrow).T @ hidden.reshape(-1, width)


@_quiet
def gru_forward(reset_after: bool, x: Array, weights: Any, sequence: Any, kept: Any, out: Array) -> None:
    """r, z from x and h; n from x and what r lets through of h; h = (1 - z) n + z h."""
    (w_ih, w_hh, b_hn), (states, gates, inner), first = weights, kept, sequence[2]
    width = w_hh.shape[2]
    _project(x, w_ih, gates)
    for step, time, over in _steps(sequence, gates, width):
        before, state = _rows(states[step], width), _rows(states[step + 1], width)
        r, z, n = _rows(gates[:, step], width)
        r[...] = _sigmoid(r + before @ w_hh[0])
        z[...] = np.where(over, 1, _sigmoid(z + before @ w_hh[1]))
        inside = _rows(inner[step], width)
        if reset_after:
            inside[...] = before @ w_hh[2] + _rows(b_hn, width)
            n += r * inside
        else:
            inside[...] = r * before
            n += inside @ w_hh[2]
        n[...] = np.tanh(n)
        state[...] = np.where(over, before, (1 - z) * n + z * before)
        out[time, first : first + len(state)] = np.where(over, 0, state)


@_quiet
def gru_backward(
    reset_after: bool,
    g: Array,
    d_state: Array,
    x: Array,
    weights: Any,
    sequence: Any,
    kept: Any,
    room: Array,
    found: Any,
) -> None:
    """The gradients."""
    (w_ih, w_hh), (states, gates, inner), first = weights, kept, sequence[2]
    d_x, d_w_ih, d_w_hh, d_b_hn = found
    width = w_hh.shape[1]
    d = _rows(d_state, width)
    for step, time, over in reversed(list(_steps(sequence, gates, width))):
        r, z, n = _rows(gates[:, step], width)
        before, inside = _rows(states[step], width), _rows(inner[step], width)
        d += np.where(over, 0, g[time, first : first + len(d)])
        at_z = z.copy()
        z[...] = np.where(over, 0, d * (before - n) * z * (1 - z))
        n[...] = np.where(over, 0, d * (1 - at_z) * (1 - n * n))
        d *= at_z
        at_r = r.copy()
        if reset_after:
            r[...] = n * inside * r * (1 - r)
            inside[...] = n * at_r
            d_b_hn += inside.ravel()
            d += inside @ w_hh[2]
        else:
            d_inside = n @ w_hh[2]
            r[...] = d_inside * before * r * (1 - r)
            d += d_inside * at_r
        d += r @ w_hh[0] + z @ w_hh[1]
    _input_gradients(gates, x, w_ih, d_x, d_w_ih)
    if d_w_hh.size:
        by_row = gates.reshape(3, -1, width)
        befores, insides = states[:-1].reshape(-1, width), inner.reshape(-1, width)
        d_w_hh[:2] = by_row[:2].mT @ befores
        d_w_hh[2] = insides.T @ befores if reset_after else by_row[2].T @ insides
