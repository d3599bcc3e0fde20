"""Recurrent layers one step at a time, with PyTorch's names, weights and order of gates.

`graphgrad.nn.functional` offers this. An LSTM takes its state and its cell as two operands, where PyTorch has a pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array
from graphgrad.ops.functional.recurrent_steps import (
    check_weights,
    gru_step,
    lstm_step,
    rnn_step,
    step_cost,
    together,
)
from graphgrad.ops.samples import sample

NAMESPACE = "nn.functional"
__all__ = ["gru_cell", "lstm_cell", "rnn_relu_cell", "rnn_tanh_cell"]

Shape = tuple[int, ...]


def _check(gates: int, input: Shape, hx: Shape, *weights: Any) -> int:
    for name, shape in (("input", input), ("hx", hx)):
        if len(shape) != 2:
            raise ValueError(f"{name} {shape} must have the shape (batch, features)")
    if input[0] != hx[0]:
        raise ValueError(f"input {input} and hx {hx} must be of the same batch, their first axis")
    return check_weights(gates, input[1], hx[1], *weights)


def _next(gates: int) -> Callable[..., Shape]:
    """The shape rule of a cell with one state."""

    def rule(
        input: Shape, hx: Shape, w_ih: Shape, w_hh: Shape, b_ih: Shape | None, b_hh: Shape | None, /, **_: Any
    ) -> Shape:
        hidden = _check(gates, input, hx, w_ih, w_hh, b_ih, b_hh)
        if hidden != hx[1]:
            raise ValueError(f"hx {hx} must have as many features as there are hidden units, {hidden}")
        return hx

    return rule


def _next_pair(
    input: Shape,
    hx: Shape,
    cx: Shape,
    w_ih: Shape,
    w_hh: Shape,
    b_ih: Shape | None,
    b_hh: Shape | None,
    weight_ch: Shape | None = None,
    /,
) -> tuple[Shape, Shape]:
    _next(4)(input, hx, w_ih, w_hh, b_ih, b_hh)
    if cx != hx:
        raise ValueError(f"cx {cx} must have the shape of hx {hx}")
    if weight_ch is not None and weight_ch != (3 * hx[1],):
        raise ValueError(f"weight_ch {weight_ch} must have the shape (3 · hidden,) = ({3 * hx[1]},)")
    return hx, cx


def _samples(gates: int, states: int, extra: int = 0, **attrs: Any) -> Callable[..., Iterator[Sample]]:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for batch, features, hidden in ((2, 3, 2), (1, 1, 1), (0, 2, 3)):
            rows = gates * hidden
            carried = [rng.normal(size=(batch, hidden)) for _ in range(states)]
            weights = [rng.normal(size=(rows, features)), rng.normal(size=(rows, hidden))]
            biases = [rng.normal(size=rows), rng.normal(size=rows)]
            more = [rng.normal(size=extra * hidden) for _ in range(extra > 0)]
            yield sample(rng.normal(size=(batch, features)), *carried, *weights, *biases, *more, **attrs)
            nothing = [None] * (len(biases) + len(more))
            yield sample(rng.normal(size=(batch, features)), *carried, *weights, *nothing, **attrs)

    return samples


def _refused(gates: int, states: int, more: int = 0) -> tuple[ErrorSample, ...]:
    def given(
        input: Any = (2, 3), hx: Any = (2, 4), w_ih: Any = (4 * gates, 3), w_hh: Any = (4 * gates, 4), b: Any = None
    ) -> Any:
        shapes = (input, *[hx] * states, w_ih, w_hh)
        bias = None if b is None else np.zeros(b)
        return (*map(np.zeros, shapes), bias, *[None] * (1 + more))

    return (
        ErrorSample(given(input=3), {}, ShapeError, "input (3,) must have the shape (batch, features)"),
        ErrorSample(given(hx=(3, 4)), {}, ShapeError, "must be of the same batch"),
        ErrorSample(given(hx=(2, 5)), {}, ShapeError, "hx has 5 features"),
        ErrorSample(given(w_ih=(4 * gates, 2)), {}, ShapeError, f"= ({4 * gates}, 3)"),
        ErrorSample(given(b=3), {}, ShapeError, f"= ({4 * gates},)"),
        ErrorSample((np.zeros((2, 3), int), *given()[1:]), {}, DTypeError, "input holds floats, got int64"),
    )


_BIASES = {"bias_ih": "0", "bias_hh": "0"}
_FIRST = {
    "hx": "the gradient before activation @ {weight_hh}",
    "weight_hh": "the gradient before activation, transposed, @ {hx}",
    "bias_hh": "the gradient before activation, over the batch",
}
_BACK = {
    "input": "the gradient before activation @ {weight_ih}",
    "weight_ih": "the gradient before activation, transposed, @ {input}",
    "bias_ih": "the gradient before activation, over the batch",
    **_FIRST,
}


@composite(
    neutral=_BIASES,
    formula="tanh({input} @ {weight_ih}.T + {bias_ih} + {hx} @ {weight_hh}.T + {bias_hh})",
    back=_BACK,
    shape=_next(1),
    cost=lambda input, hx, w_ih, w_hh, *_: step_cost(input[0], w_ih, w_hh, 4),
    samples=_samples(1, 1),
    errors=_refused(1, 1),
    covers=("P18.02", "P18.03"),
)
def rnn_tanh_cell(
    input: Array, hx: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array = None, bias_hh: Array = None
) -> Any:
    """
    The next state of a simple recurrent layer: tanh(W x + b + U h + b').

    Parameters
    ----------
    input
        Shape (B, I).
    hx
        The state, of shape (B, H).
    weight_ih, weight_hh
        W and U, of shapes (H, I) and (H, H).
    bias_ih, bias_hh
        Both of shape (H,). None leaves them out.

    Returns
    -------
    Tensor
        Shape (B, H).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.rnn_tanh_cell([[1.0]], [[0.0]], [[1.0]], [[0.5]])
    tensor([[0.7616]])
    """
    operands = together({"input": input, "hx": hx, **_named(weight_ih, weight_hh, bias_ih, bias_hh)})
    _next(1)(*_shapes(operands))
    return rnn_step("tanh", *operands)


@composite(
    neutral=_BIASES,
    formula="maximum({input} @ {weight_ih}.T + {bias_ih} + {hx} @ {weight_hh}.T + {bias_hh}, 0)",
    back=_BACK,
    shape=_next(1),
    cost=lambda input, hx, w_ih, w_hh, *_: step_cost(input[0], w_ih, w_hh, 4),
    samples=_samples(1, 1),
    errors=_refused(1, 1),
    covers=("P18.03",),
)
def rnn_relu_cell(
    input: Array, hx: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array = None, bias_hh: Array = None
) -> Any:
    """
    The next state of a simple recurrent layer with the rectifier: relu(W x + b + U h + b').

    Parameters
    ----------
    input, hx, weight_ih, weight_hh, bias_ih, bias_hh
        As in `rnn_tanh_cell`.

    Returns
    -------
    Tensor
        Shape (B, H).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.rnn_relu_cell([[1.0]], [[2.0]], [[1.0]], [[0.5]])
    tensor([[2.]])
    """
    operands = together({"input": input, "hx": hx, **_named(weight_ih, weight_hh, bias_ih, bias_hh)})
    _next(1)(*_shapes(operands))
    return rnn_step("relu", *operands)


@composite(
    outputs=None,
    neutral={**_BIASES, "weight_ch": "0"},
    formula="lstm_next({input}, {hx}, {cx}, {weight_ih}, {weight_hh}, {bias_ih}, {bias_hh}, {weight_ch})",
    back={
        **_BACK,
        "cx": "the gradient of the new cell · the forget gate, and what comes by the peepholes to i and f",
        "weight_ch": "the gradients of i and f before activation · {cx}, and that of o · the new cell, over the batch",
    },
    shape=_next_pair,
    cost=lambda input, hx, cx, w_ih, w_hh, *_: step_cost(input[0], w_ih, w_hh, 6),
    samples=_samples(4, 2, 3),
    errors=(
        *_refused(4, 2, 1),
        ErrorSample(
            (
                np.zeros((2, 3)),
                np.zeros((2, 1)),
                np.zeros((2, 2)),
                np.zeros((4, 3)),
                np.zeros((4, 1)),
                None,
                None,
                None,
            ),
            {},
            ShapeError,
            "cx (2, 2) must have the shape of hx (2, 1)",
        ),
    ),
    covers=("P18.09",),
)
def lstm_cell(
    input: Array,
    hx: Array,
    cx: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array = None,
    bias_hh: Array = None,
    weight_ch: Array = None,
) -> Any:
    """
    The next state and the next cell of a long short-term memory: c = f c + i g, h = o tanh(c).

    (Hochreiter and Schmidhuber, 1997; the forget gate: Gers, Schmidhuber and Cummins, 2000.)

    Parameters
    ----------
    input
        Shape (B, I).
    hx, cx
        The state and the cell, both of shape (B, H).
    weight_ih, weight_hh
        Shapes (4 · H, I) and (4 · H, H): those of the input gate i, the forget gate f, the candidate g and the output
        gate o, in this order.
    bias_ih, bias_hh
        Both of shape (4 · H,). None leaves them out.
    weight_ch
        Peepholes, through which i and f see the old cell and o the new one, each unit its own: shape (3 · H,), in this
        order. None for gates that don't.

    Returns
    -------
    tuple of Tensor
        The state and the cell, of shape (B, H).

    Examples
    --------
    >>> import graphgrad as gg
    >>> h, c = gg.nn.functional.lstm_cell([[1.0]], [[0.0]], [[0.0]], gg.ones((4, 1)), gg.ones((4, 1)))
    >>> h, c
    (tensor([[0.3696]]), tensor([[0.5568]]))
    """
    operands = together(
        {"input": input, "hx": hx, "cx": cx, **_named(weight_ih, weight_hh, bias_ih, bias_hh), "weight_ch": weight_ch}
    )
    _next_pair(*_shapes(operands))
    *rest, weight_ch = operands
    return lstm_step(*rest, weight_ch=weight_ch)


@composite(
    neutral=_BIASES,
    formula="gru_next({input}, {hx}, {weight_ih}, {weight_hh}, {bias_ih}, {bias_hh}, {reset_after})",
    back={**_BACK, "hx": "{g} · the update gate, and the gradients before activation @ {weight_hh}"},
    shape=_next(3),
    cost=lambda input, hx, w_ih, w_hh, *_, **__: step_cost(input[0], w_ih, w_hh, 7),
    samples=lambda rng: [*_samples(3, 1)(rng), *_samples(3, 1, reset_after=False)(rng)],
    errors=_refused(3, 1),
    covers=("P18.12", "P18.13"),
)
def gru_cell(
    input: Array,
    hx: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array = None,
    bias_hh: Array = None,
    reset_after: bool = True,
) -> Any:
    """
    The next state of a gated recurrent unit: (1 - z) n + z h.

    (Cho et al., 2014.) The update gate z keeps what was; many texts give it the other way round, which is z with the
    signs of its weights turned.

    Parameters
    ----------
    input
        Shape (B, I).
    hx
        The state, of shape (B, H).
    weight_ih, weight_hh
        Shapes (3 · H, I) and (3 · H, H): those of the reset gate r, the update gate z and the candidate n, in this
        order.
    bias_ih, bias_hh
        Both of shape (3 · H,). None leaves them out.
    reset_after
        Whether r multiplies what comes of the state, n = tanh(W x + b + r (U h + b')), as PyTorch and Keras have it; if
        not, the state itself as in the paper: n = tanh(W x + b + U (r h) + b').

    Returns
    -------
    Tensor
        Shape (B, H).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.gru_cell([[1.0]], [[0.0]], gg.ones((3, 1)), gg.ones((3, 1)))
    tensor([[0.2048]])
    """
    operands = together({"input": input, "hx": hx, **_named(weight_ih, weight_hh, bias_ih, bias_hh)})
    _next(3)(*_shapes(operands))
    return gru_step(*operands, reset_after=reset_after)


def _named(*weights: Any) -> dict[str, Any]:
    return dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights, strict=True))


def _shapes(operands: Any) -> list[Any]:
    return [None if one is None else one.shape for one in operands]
