"""What the tests know of recurrent layers and cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special


def _by_gates(gates: int, weights: Any) -> list[Any]:
    """The part of each gate; 0, for a bias that isn't there, for all."""
    return np.split(weights, gates) if np.ndim(weights) else [weights] * gates


def _pre(gates: int, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> list[Any]:
    """What each gate's activation is taken of."""
    parts = zip(*(_by_gates(gates, one) for one in (w_ih, w_hh, b_ih, b_hh)), strict=True)
    return [np.einsum("bi,oi->bo", x, w) + bw + np.einsum("bi,oi->bo", h, u) + bu for w, u, bw, bu in parts]


def _lstm_next(
    x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_ch: Any = 0, w_hr: Any = 1
) -> tuple[Any, Any]:
    i, f, g, o = _pre(4, x, h, w_ih, w_hh, b_ih, b_hh)
    to_i, to_f, to_o = _by_gates(3, w_ch)
    i, f = special.expit(i + to_i * c), special.expit(f + to_f * c)
    c = f * c + i * np.tanh(g)
    h = special.expit(o + to_o * c) * np.tanh(c)
    return (h @ w_hr.T if np.ndim(w_hr) else h), c


def _gru_next(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, reset_after: bool) -> Any:
    rows = zip(*(_by_gates(3, one) for one in (w_ih, w_hh, b_ih, b_hh)), strict=True)
    (wr, ur, br, cr), (wz, uz, bz, cz), (wn, un, bn, cn) = rows
    r = special.expit(x @ wr.T + br + h @ ur.T + cr)
    z = special.expit(x @ wz.T + bz + h @ uz.T + cz)
    inner = r * (h @ un.T + cn) if reset_after else (r * h) @ un.T + cn
    return (1 - z) * np.tanh(x @ wn.T + bn + inner) + z * h


def _over(step: Callable[..., Any], x: Any, states: Any, lengths: Any, reverse: bool) -> tuple[Any, ...]:
    """Each sequence for itself, as far as it goes."""
    steps, batch, _ = x.shape
    out = np.zeros((steps, *states[0].shape), x.dtype)
    states = [one.copy() for one in states]
    for b in range(batch):
        mine = [one[b : b + 1] for one in states]
        times = range(steps if lengths is None else lengths[b])
        for t in reversed(times) if reverse else times:
            mine = step(x[t, b : b + 1], *mine)
            out[t, b] = mine[0][0]
        for one, value in zip(states, mine, strict=True):
            one[b] = value[0]
    return out, *states


def _rnn_states(activation: Callable[[Any], Any]) -> Callable[..., Any]:
    def run(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, lengths: Any, reverse: bool) -> Any:
        step = lambda x, h: (activation(_pre(1, x, h, w_ih, w_hh, b_ih, b_hh)[0]),)
        return _over(step, x, (h,), lengths, reverse)

    return run


def _lstm_states(
    x: Any,
    h: Any,
    c: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    w_ch: Any,
    lengths: Any,
    reverse: bool,
) -> Any:
    step = lambda x, h, c: _lstm_next(x, h, c, w_ih, w_hh, b_ih, b_hh, w_ch, w_hr)
    return _over(step, x, (h, c), lengths, reverse)


def _gru_states(
    x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, reset_after: bool, lengths: Any, reverse: bool
) -> Any:
    step = lambda x, h: (_gru_next(x, h, w_ih, w_hh, b_ih, b_hh, reset_after),)
    return _over(step, x, (h,), lengths, reverse)


FUNCTIONS: dict[str, Any] = {
    "gru_next": _gru_next,
    "gru_states": _gru_states,
    "lstm_next": _lstm_next,
    "lstm_states": _lstm_states,
    "relu_states": _rnn_states(lambda x: np.maximum(x, 0)),
    "tanh_states": _rnn_states(np.tanh),
}

# Integers are refused: a state between -1 and 1 isn't one.
NO_INTEGERS = {
    *("gru", "lstm", "rnn_relu", "rnn_tanh"),
    *("gru_cell", "lstm_cell", "rnn_relu_cell", "rnn_tanh_cell"),
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def over(step: Callable[..., Any], x: Any, states: Any, lengths: Any, reverse: bool) -> Any:
        """One step after another, for what PyTorch's layers don't have; None stays where a sequence is over."""
        outs: list[Any] = [torch.zeros_like(states[0])] * len(x)
        for t in reversed(range(len(x))) if reverse else range(len(x)):
            new = step(x[t], *states)
            running = torch.tensor([lengths is None or t < n for n in (lengths or [1] * x.shape[1])], dtype=torch.bool)[
                :, None
            ]
            states = [torch.where(running, a, b) for a, b in zip(new, states, strict=True)]
            outs[t] = torch.where(running, states[0], torch.zeros_like(states[0]))
        return torch.stack(outs), *states

    def rnn(cell: Any) -> Callable[..., Any]:
        return lambda x, h, *w, lengths=None, reverse=False: over(
            lambda x, h: (cell(x, h, *w),), x, (h,), lengths, reverse
        )

    def gru_cell(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, reset_after: bool = True) -> Any:
        if reset_after:
            return torch.gru_cell(x, h, w_ih, w_hh, b_ih, b_hh)
        zero = torch.zeros(len(w_ih), dtype=x.dtype)
        of_x = (x @ w_ih.T + (zero if b_ih is None else b_ih)).chunk(3, 1)
        (ur, uz, un), (br, bz, bn) = w_hh.chunk(3), (zero if b_hh is None else b_hh).chunk(3)
        r, z = torch.sigmoid(of_x[0] + h @ ur.T + br), torch.sigmoid(of_x[1] + h @ uz.T + bz)
        return (1 - z) * torch.tanh(of_x[2] + (r * h) @ un.T + bn) + z * h

    def gru(x: Any, h: Any, *w: Any, reset_after: bool = True, lengths: Any = None, reverse: bool = False) -> Any:
        return over(lambda x, h: (gru_cell(x, h, *w, reset_after=reset_after),), x, (h,), lengths, reverse)

    def lstm_cell(
        x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, w_ch: Any = None, w_hr: Any = None
    ) -> Any:
        if w_ch is None and w_hr is None:
            return torch.lstm_cell(x, (h, c), w_ih, w_hh, b_ih, b_hh)
        biases = [one for one in (b_ih, b_hh) if one is not None]
        i, f, g, o = (x @ w_ih.T + h @ w_hh.T + sum(biases)).chunk(4, 1)
        to_i, to_f, to_o = torch.zeros(3, dtype=x.dtype) if w_ch is None else w_ch.chunk(3)
        c_new = torch.sigmoid(f + to_f * c) * c + torch.sigmoid(i + to_i * c) * torch.tanh(g)
        h = torch.sigmoid(o + to_o * c_new) * torch.tanh(c_new)
        return (h if w_hr is None else h @ w_hr.T), c_new

    def lstm(x: Any, h: Any, c: Any, *weights: Any, lengths: Any = None, reverse: bool = False) -> Any:
        *w, w_hr, w_ch = weights
        return over(lambda x, h, c: lstm_cell(x, h, c, *w, w_ch=w_ch, w_hr=w_hr), x, (h, c), lengths, reverse)

    return {
        "gru": gru,
        "gru_cell": gru_cell,
        "lstm": lstm,
        "lstm_cell": lambda *operands: lstm_cell(*operands[:-1], w_ch=operands[-1]),
        "rnn_relu": rnn(torch.rnn_relu_cell),
        "rnn_relu_cell": torch.rnn_relu_cell,
        "rnn_tanh": rnn(torch.rnn_tanh_cell),
        "rnn_tanh_cell": torch.rnn_tanh_cell,
    }
