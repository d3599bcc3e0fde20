"""Recurrent layers over whole sequences, with PyTorch's weights and order of gates: one layer, one direction.

Several layers, both directions and dropout between layers are made of these. `graphgrad.nn.functional` offers them. An
LSTM takes its state and its cell as two operands, where PyTorch has a pair; a weight stands by itself, and not in a
list.

All steps run in one kernel, in both passes; the expansion has the gates of each step. What the forward kernel leaves
for the backward one lives as long as the outputs do, and goes when a pass has used it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.kernels import sequences
from graphgrad.ops.declare import Array, op
from graphgrad.ops.functional.recurrent_parts import (
    BIASES,
    CELLS,
    STATES,
    Lengths,
    Run,
    forward_by_kernel,
    joint_by_kernel,
    lengths_of,
    lstm_samples,
    prepare,
    refused,
    samples_of,
    shapes_of,
    states_and_cells,
    states_and_last,
    unrolled,
)
from graphgrad.ops.functional.recurrent_steps import gru_step, lstm_step, rnn_step, step_cost, together

NAMESPACE = "nn.functional"
__all__ = ["gru", "lstm", "rnn_relu", "rnn_tanh"]

Shape = tuple[int, ...]


# ---- the simple layer ------------------------------------------------------------------------------------------------


def _rnn(activation: str) -> tuple[dict[str, Any], Run]:
    """The declaration, but for the docstring, and what runs the kernel."""
    relu = activation == "relu"

    def run(given: Mapping[str, Any], attrs: Mapping[str, Any]) -> Any:
        return sequences.rnn(relu, **given, lengths=lengths_of(attrs["lengths"]), reverse=attrs["reverse"])

    def gradients(g: Any, given: Any, attrs: Any, needs: set[str], left: Any) -> dict[str, Any]:
        weights = given["input"], given["weight_ih"], given["weight_hh"]
        return sequences.rnn_gradients(relu, g, *weights, lengths_of(attrs["lengths"]), attrs["reverse"], needs, left)

    def expand(
        input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, lengths: Lengths = None, reverse: bool = False
    ) -> tuple[Any, ...]:
        input, hx, *weights = together(dict(zip(STATES, (input, hx, w_ih, w_hh, b_ih, b_hh), strict=True)))
        return unrolled(lambda x, h: (rnn_step(activation, x, h, *weights),), input, (hx,), lengths, reverse)

    def cost(input: Shape, hx: Shape, w_ih: Shape, w_hh: Shape, *_: Any, **__: Any) -> int:
        return step_cost(input[0] * input[1], w_ih, w_hh, 4)

    return {
        "outputs": None,
        "neutral": BIASES,
        "formula": activation + "_states("
        "{input}, {hx}, {weight_ih}, {weight_hh}, {bias_ih}, {bias_hh}, {lengths}, {reverse})",
        "back": {
            "input": "in each step the gradient before activation @ {weight_ih}",
            "hx": "what has come back through all steps",
            "weight_ih": "the sum over steps of the gradient before activation, transposed, @ {input}",
            "weight_hh": "the sum over steps of the gradient before activation, transposed, @ the state before",
            "bias_ih": "the sum over steps and batch of the gradient before activation",
            "bias_hh": "the sum over steps and batch of the gradient before activation",
        },
        "shape": states_and_last(1),
        "cost": cost,
        "samples": samples_of(1),
        "errors": refused(1, 1),
        "prepare": prepare,
        "expand": expand,
        "joint": joint_by_kernel(
            f"rnn_{activation}",
            STATES,
            run,
            gradients,
            expand=expand,
            cost=cost,
            optional=BIASES,
            attributes=("lengths", "reverse"),
        ),
    }, run


_TANH, _run_tanh = _rnn("tanh")
_RELU, _run_relu = _rnn("relu")


@op(**_TANH, covers=("P18.02", "P18.03", "P18.05"))
def rnn_tanh(
    input: Array,
    hx: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array = None,
    bias_hh: Array = None,
    lengths: Lengths = None,
    reverse: bool = False,
) -> Any:
    """
    A simple recurrent layer over sequences (Elman, 1990): h[t] = tanh(W x[t] + b + U h[t-1] + b').

    Parameters
    ----------
    input
        Shape (T, B, I): T steps, B sequences.
    hx
        The state before the first step, of shape (B, H).
    weight_ih, weight_hh
        W and U, of shapes (H, I) and (H, H).
    bias_ih, bias_hh
        Both of shape (H,). None leaves them out.
    lengths
        How long each sequence is, from 0 to T; what stands behind its end takes no part, and its outputs there are
        zero. None for all of length T.
    reverse
        Whether a sequence is worked through from its end to its beginning. The outputs stay in their places.

    Returns
    -------
    output : Tensor
        The states, of shape (T, B, H).
    h_n : Tensor
        The last one, of shape (B, H).

    Notes
    -----
    For the backward pass a copy of the input and 2 times the outputs are kept, until it has used them.

    Examples
    --------
    >>> import graphgrad as gg
    >>> output, h_n = gg.nn.functional.rnn_tanh([[[1.0]], [[-1.0]]], [[0.0]], [[1.0]], [[0.5]])
    >>> output[:, 0, 0], h_n
    (tensor([ 0.7616, -0.5506]), tensor([[-0.5506]]))
    """
    operands = input, hx, weight_ih, weight_hh, bias_ih, bias_hh
    states_and_last(1)(*shapes_of(operands), lengths=lengths)
    return forward_by_kernel(STATES, _run_tanh, operands, {"lengths": lengths, "reverse": reverse})


@op(**_RELU, covers=("P18.03", "P18.07"))
def rnn_relu(
    input: Array,
    hx: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array = None,
    bias_hh: Array = None,
    lengths: Lengths = None,
    reverse: bool = False,
) -> Any:
    """
    A simple recurrent layer with the rectifier over sequences: h[t] = relu(W x[t] + b + U h[t-1] + b').

    Parameters
    ----------
    input, hx, weight_ih, weight_hh, bias_ih, bias_hh, lengths, reverse
        As in `rnn_tanh`.

    Returns
    -------
    output : Tensor
        The states, of shape (T, B, H).
    h_n : Tensor
        The last one, of shape (B, H).

    Notes
    -----
    For the backward pass a copy of the input and 2 times the outputs are kept, until it has used them.

    Examples
    --------
    >>> import graphgrad as gg
    >>> output, h_n = gg.nn.functional.rnn_relu([[[1.0]], [[-1.0]]], [[2.0]], [[1.0]], [[1.0]])
    >>> output[:, 0, 0], h_n
    (tensor([3., 2.]), tensor([[2.]]))
    """
    operands = input, hx, weight_ih, weight_hh, bias_ih, bias_hh
    states_and_last(1)(*shapes_of(operands), lengths=lengths)
    return forward_by_kernel(STATES, _run_relu, operands, {"lengths": lengths, "reverse": reverse})


# ---- long short-term memory ------------------------------------------------------------------------------------------


def _run_lstm(given: Mapping[str, Any], attrs: Mapping[str, Any]) -> Any:
    return sequences.lstm(**given, lengths=lengths_of(attrs["lengths"]), reverse=attrs["reverse"])


def _lstm_gradients(g: Any, given: Any, attrs: Any, needs: set[str], left: Any) -> dict[str, Any]:
    weights = [given[name] for name in ("input", "weight_ih", "weight_hh", "weight_hr", "weight_ch")]
    more = {"lengths": lengths_of(attrs["lengths"]), "reverse": attrs["reverse"], "needs": needs, "kept": left}
    return sequences.lstm_gradients(g, *weights, **more)


def _lstm_expanded(*operands: Any, lengths: Lengths = None, reverse: bool = False) -> tuple[Any, ...]:
    input, hx, cx, *weights, w_hr, w_ch = together(dict(zip(CELLS, operands, strict=True)))
    return unrolled(
        lambda x, h, c: lstm_step(x, h, c, *weights, weight_hr=w_hr, weight_ch=w_ch), input, (hx, cx), lengths, reverse
    )


def _lstm_cost(
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
    **_: Any,
) -> int:
    rows = input[0] * input[1]
    projection = 0 if weight_hr is None else 2 * weight_hr[0] * weight_hr[1]
    return step_cost(rows, w_ih, w_hh, 6) + rows * (projection + (0 if weight_ch is None else 2 * weight_ch[0]))


_MORE = {**BIASES, "weight_hr": "1", "weight_ch": "0"}
_BACK = {
    "input": "in each step the gradients of the gates before activation @ {weight_ih}",
    "hx": "what has come back through all steps",
    "weight_ih": "the sum over steps of the gradients of the gates before activation, transposed, @ {input}",
    "weight_hh": "the sum over steps of the gradients of the gates before activation, transposed, @ the state before",
    "bias_ih": "the sum over steps and batch of the gradients of the gates before activation",
    "bias_hh": "the sum over steps and batch of the gradients of the gates before activation",
}


@op(
    outputs=None,
    neutral=_MORE,
    formula="lstm_states({input}, {hx}, {cx}, {weight_ih}, {weight_hh}, {bias_ih}, {bias_hh}, {weight_hr}, {weight_ch},"
    " {lengths}, {reverse})",
    back={
        **_BACK,
        "cx": "what has come back through all cells: on the straight way the product of all forget gates",
        "weight_hr": "the sum over steps of the gradient of the state, transposed, @ the state before projection",
        "weight_ch": "the sum over steps and batch of the gradients of i, f and o before activation · their cells",
    },
    shape=states_and_cells,
    cost=_lstm_cost,
    samples=lstm_samples,
    errors=(
        *refused(4, 2, 2),
        ErrorSample(
            (*map(np.zeros, ((5, 2, 3), (2, 4), (2, 3), (16, 3), (16, 4))), *[None] * 4),
            {},
            ShapeError,
            "cx (2, 3) must have the shape (B, hidden) = (2, 4)",
        ),
        ErrorSample(
            (*map(np.zeros, ((5, 2, 3), (2, 1), (2, 4), (16, 3), (16, 1))), *[None] * 4),
            {},
            ShapeError,
            "without weight_hr",
        ),
    ),
    prepare=prepare,
    expand=_lstm_expanded,
    joint=joint_by_kernel(
        "lstm",
        CELLS,
        _run_lstm,
        _lstm_gradients,
        expand=_lstm_expanded,
        cost=_lstm_cost,
        optional=_MORE,
        attributes=("lengths", "reverse"),
    ),
    covers=("P18.09", "P18.10"),
)
def lstm(
    input: Array,
    hx: Array,
    cx: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array = None,
    bias_hh: Array = None,
    weight_hr: Array = None,
    weight_ch: Array = None,
    lengths: Lengths = None,
    reverse: bool = False,
) -> Any:
    """
    A long short-term memory over sequences: c[t] = f c[t-1] + i g, h[t] = o tanh(c[t]).

    (Hochreiter and Schmidhuber, 1997; the forget gate: Gers, Schmidhuber and Cummins, 2000.) The gates i, f and o are
    sigmoids, g the hyperbolic tangent, of W x[t] + b + U h[t-1] + b'.

    Parameters
    ----------
    input
        Shape (T, B, I): T steps, B sequences.
    hx, cx
        The state and the cell before the first step, of shapes (B, P) and (B, H). P is H but for a projection.
    weight_ih, weight_hh
        Shapes (4 · H, I) and (4 · H, P): those of the input gate i, the forget gate f, the candidate g and the output
        gate o, in this order.
    bias_ih, bias_hh
        Both of shape (4 · H,). None leaves them out.
    weight_hr
        A projection of the state, of shape (P, H): h[t] = V (o tanh(c[t])) (Sak, Senior and Beaufays, 2014).
    weight_ch
        Peepholes, through which i and f see the old cell and o the new one, each unit its own: shape (3 · H,), in this
        order (Gers, Schraudolph and Schmidhuber, 2002). None for gates that don't.
    lengths, reverse
        As in `rnn_tanh`.

    Returns
    -------
    output : Tensor
        The states, of shape (T, B, P).
    h_n, c_n : Tensor
        The last state and the last cell, of shapes (B, P) and (B, H).

    Notes
    -----
    For the backward pass a copy of the input and 6 times the cells are kept, 7 times with a projection, until it has
    used them.

    Examples
    --------
    >>> import graphgrad as gg
    >>> weights = gg.ones((4, 1)), gg.ones((4, 1))
    >>> output, h_n, c_n = gg.nn.functional.lstm([[[1.0]], [[0.0]]], [[0.0]], [[0.0]], *weights)
    >>> output[:, 0, 0], c_n
    (tensor([0.3696, 0.2908]), tensor([[0.5384]]))
    """
    operands = input, hx, cx, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, weight_ch
    states_and_cells(*shapes_of(operands), lengths=lengths)
    return forward_by_kernel(CELLS, _run_lstm, operands, {"lengths": lengths, "reverse": reverse})


# ---- gated recurrent units -------------------------------------------------------------------------------------------


def _run_gru(given: Mapping[str, Any], attrs: Mapping[str, Any]) -> Any:
    return sequences.gru(**given, **{**attrs, "lengths": lengths_of(attrs["lengths"])})


def _gru_gradients(g: Any, given: Any, attrs: Any, needs: set[str], left: Any) -> dict[str, Any]:
    weights = given["input"], given["weight_ih"], given["weight_hh"]
    named_attrs = {**attrs, "lengths": lengths_of(attrs["lengths"])}
    return sequences.gru_gradients(g, *weights, **named_attrs, needs=needs, kept=left)


def _gru_expanded(
    *operands: Any, reset_after: bool = True, lengths: Lengths = None, reverse: bool = False
) -> tuple[Any, ...]:
    input, hx, *weights = together(dict(zip(STATES, operands, strict=True)))
    return unrolled(lambda x, h: (gru_step(x, h, *weights, reset_after=reset_after),), input, (hx,), lengths, reverse)


def _gru_cost(input: Shape, hx: Shape, w_ih: Shape, w_hh: Shape, *_: Any, **__: Any) -> int:
    return step_cost(input[0] * input[1], w_ih, w_hh, 7)


@op(
    outputs=None,
    neutral=BIASES,
    formula="gru_states({input}, {hx}, {weight_ih}, {weight_hh}, {bias_ih}, {bias_hh}, {reset_after}, {lengths}, "
    "{reverse})",
    back=_BACK,
    shape=states_and_last(3),
    cost=_gru_cost,
    samples=lambda rng: [*samples_of(3)(rng), *samples_of(3, reset_after=False)(rng)],
    errors=refused(3, 1),
    prepare=prepare,
    expand=_gru_expanded,
    joint=joint_by_kernel(
        "gru",
        STATES,
        _run_gru,
        _gru_gradients,
        expand=_gru_expanded,
        cost=_gru_cost,
        optional=BIASES,
        attributes=("reset_after", "lengths", "reverse"),
    ),
    covers=("P18.12", "P18.13"),
)
def gru(
    input: Array,
    hx: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias_ih: Array = None,
    bias_hh: Array = None,
    reset_after: bool = True,
    lengths: Lengths = None,
    reverse: bool = False,
) -> Any:
    """
    Gated recurrent units over sequences (Cho et al., 2014): h[t] = (1 - z) n + z h[t-1].

    The update gate z keeps what was; many texts give it the other way round, which is z with the signs of its weights
    turned.

    Parameters
    ----------
    input
        Shape (T, B, I): T steps, B sequences.
    hx
        The state before the first step, of shape (B, H).
    weight_ih, weight_hh
        Shapes (3 · H, I) and (3 · H, H): those of the reset gate r, the update gate z and the candidate n, in this
        order.
    bias_ih, bias_hh
        Both of shape (3 · H,). None leaves them out.
    reset_after
        Whether r multiplies what comes of the state, n = tanh(W x + b + r (U h + b')), as PyTorch and Keras have it; if
        not, the state itself as in the paper: n = tanh(W x + b + U (r h) + b').
    lengths, reverse
        As in `rnn_tanh`.

    Returns
    -------
    output : Tensor
        The states, of shape (T, B, H).
    h_n : Tensor
        The last one, of shape (B, H).

    Notes
    -----
    For the backward pass a copy of the input and 5 times the outputs are kept, until it has used them.

    Examples
    --------
    >>> import graphgrad as gg
    >>> output, h_n = gg.nn.functional.gru([[[1.0]], [[0.0]]], [[0.0]], gg.ones((3, 1)), gg.ones((3, 1)))
    >>> output[:, 0, 0], h_n
    (tensor([0.2048, 0.1633]), tensor([[0.1633]]))
    """
    operands = input, hx, weight_ih, weight_hh, bias_ih, bias_hh
    states_and_last(3)(*shapes_of(operands), lengths=lengths)
    attrs = {"reset_after": reset_after, "lengths": lengths, "reverse": reverse}
    return forward_by_kernel(STATES, _run_gru, operands, attrs)
