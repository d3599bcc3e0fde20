"""Recurrent layers over whole sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .work import Arrays, Sizes, Work, drawn, of_module, of_numpy

__all__ = ["WORKS", "lstm_work"]

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
WEIGHTS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def arrays(kind: str, sizes: Sizes) -> Arrays:
    rows, hidden = GATES[kind] * sizes["hidden"], sizes["hidden"]
    weights = dict(zip(WEIGHTS, ((rows, sizes["features"]), (rows, hidden), (rows,), (rows,)), strict=True))
    return drawn({"input": (sizes["length"], sizes["batch"], sizes["features"]), **weights})


def _steps(kind: str, numpy: Any, weights: Any) -> Callable[[Any, Any], Any]:
    from jax.nn import sigmoid

    w_ih, w_hh, b_ih, b_hh = weights

    def step(state: Any, x: Any) -> Any:
        h = state[0]
        a, b = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh
        if kind == "RNN":
            h = numpy.tanh(a + b)
            return (h,), h
        if kind == "GRU":
            (r, z, n), (br, bz, bn) = numpy.split(a, 3, axis=1), numpy.split(b, 3, axis=1)
            z = sigmoid(z + bz)
            h = (1 - z) * numpy.tanh(n + sigmoid(r + br) * bn) + z * h
            return (h,), h
        i, f, g, o = numpy.split(a + b, 4, axis=1)
        c = sigmoid(f) * state[1] + sigmoid(i) * numpy.tanh(g)
        h = sigmoid(o) * numpy.tanh(c)
        return (h, c), h

    return step


def layer_of_jax(kind: str, numpy: Any, input: Any, **weights: Any) -> Any:
    from jax import lax

    zeros = numpy.zeros((input.shape[1], weights[WEIGHTS[1]].shape[1]), input.dtype)
    step = _steps(kind, numpy, [weights[name] for name in WEIGHTS])
    return lax.scan(step, (zeros, zeros) if kind == "LSTM" else (zeros,), input)[1]


def work(kind: str, **sizes: int) -> Work:
    return Work(
        f"{kind} T{sizes['length']} B{sizes['batch']} I{sizes['features']} H{sizes['hidden']}",
        sizes,
        lambda sizes: arrays(kind, sizes),
        of_module(
            lambda nn, arrays: getattr(nn, kind)(arrays["input"].shape[2], arrays[WEIGHTS[1]].shape[1]),
            lambda layer, input: layer(input)[0],
        ),
        of_numpy(lambda numpy, **given: layer_of_jax(kind, numpy, **given), ("input", *WEIGHTS), autograd=False),
        recurrent=True,
    )


WORKS = tuple(
    work(kind, length=length, batch=batch, features=features, hidden=hidden)
    for length, batch, features, hidden in ((128, 32, 9, 64), (64, 64, 128, 128))
    for kind in GATES
)
lstm_work = WORKS[1]
