"""What the kernels of recurrent layers do in each step, whatever the layer: see `graphgrad.kernels.recurrent`."""

from __future__ import annotations

from typing import Any

from graphgrad.kernels.exponentials import sigmoid, tanh
from graphgrad.kernels.gemm import at_once, multiply, multiply_turned
from graphgrad.kernels.jit import jit

__all__ = [
    "carry",
    "due",
    "give",
    "input_gradients",
    "leave_over",
    "project",
    "receive",
    "relu_of",
    "state_gradients",
    "tanh_of",
    "time_of",
    "to_sigmoid",
    "to_tanh",
    "where_over",
]

# ---- activations -----------------------------------------------------------------------------------------------------
# In place and from one array into another are two functions: a loop over arrays that might overlap is no vector loop.


@jit
def to_sigmoid(x: Any) -> None:
    """The sigmoid, in place."""
    for j in range(x.size):
        x[j] = sigmoid(x[j])


@jit
def to_tanh(x: Any) -> None:
    """The hyperbolic tangent, in place."""
    for j in range(x.size):
        x[j] = tanh(x[j])


@jit
def tanh_of(x: Any, to: Any) -> None:
    """The hyperbolic tangent, into another array."""
    for j in range(x.size):
        to[j] = tanh(x[j])


@jit
def relu_of(x: Any, to: Any) -> None:
    """The ramp, into another array."""
    zero = x.dtype.type(0)
    for j in range(x.size):
        to[j] = zero if x[j] < zero else x[j]  # noqa: FURB136


# ---- sequences that end, and what many steps share -------------------------------------------------------------------


@jit
def time_of(step: int, steps: int, reverse: bool) -> int:
    """The place in the sequence of what is worked through in a step."""
    return steps - 1 - step if reverse else step


@jit
def carry(lengths: Any, time: int, width: int, before: Any, after: Any) -> None:
    """Where a sequence is over, keep what there was before."""
    for b in range(lengths.size):
        if time >= lengths[b]:
            for j in range(b * width, (b + 1) * width):
                after[j] = before[j]


@jit
def where_over(lengths: Any, time: int, width: int, x: Any, value: float) -> None:
    """Where a sequence is over, this value."""
    for b in range(lengths.size):
        if time >= lengths[b]:
            for j in range(b * width, (b + 1) * width):
                x[j] = value


@jit
def give(state: Any, lengths: Any, time: int, first: int, out: Any) -> None:
    """Write a state to the results."""
    width = out.shape[2]
    to = out.reshape(-1)[(time * out.shape[1] + first) * width :]
    for j in range(state.size):
        to[j] = state[j]
    where_over(lengths, time, width, to, 0.0)


@jit
def receive(g: Any, lengths: Any, time: int, first: int, d_state: Any) -> None:
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
def leave_over(lengths: Any, time: int, width: int, d_state: Any) -> None:
    """Where a sequence is over, the gradient of its state goes on as it is; elsewhere it is made anew, from zero."""
    for b in range(lengths.size):
        if time < lengths[b]:
            for j in range(b * width, (b + 1) * width):
                d_state[j] = 0


@jit
def due(step: int, steps: int, rows: int, width: int) -> int:
    """Where the steps end that are multiplied together with this one by other weights than the recurrent ones; or 0.

    That would be possible for all steps at once, but what a few of them read and write stays in the cache. There are as
    many as can be multiplied in one call. The first of them is met first on the way there, and last on the way back.
    """
    few = max(min(at_once(128, width * width), 128) // max(rows, 1), 1)
    return min(step + few, steps) if step % few == 0 else 0


@jit
def project(step: int, end: int, x: Any, w_ih: Any, gates: Any) -> None:
    """The part of all gates in some steps that the inputs give."""
    count, _, size = gates.shape
    features, hidden = x.shape[1], w_ih.shape[2]
    each = size // hidden
    for gate in range(count):
        part, into = x.reshape(-1)[step * each * features :], gates[gate].reshape(-1)[step * size :]
        multiply(part, w_ih[gate].reshape(-1), into, (end - step) * each, hidden, features, False)


@jit
def input_gradients(step: int, end: int, d_gates: Any, x: Any, w_ih: Any, d_x: Any, d_w_ih: Any) -> None:
    """The gradients of the inputs in some steps, and their share of the weights' ones, from those of the gates."""
    gates, steps, size = d_gates.shape
    features, hidden = x.shape[1], w_ih.shape[1]
    each = size // hidden
    rows, first = (end - step) * each, step * each
    for gate in range(gates):
        d_gate = d_gates[gate].reshape(-1)[step * size :]
        if d_w_ih.size:
            x_part, into = x.reshape(-1)[first * features :], d_w_ih[gate].reshape(-1)
            multiply_turned(d_gate, x_part, into, hidden, features, rows, end < steps)
        if d_x.size:
            weights, into = w_ih[gate].reshape(-1), d_x[first * (features - 1) :]
            multiply(d_gate, weights, into, rows, features - 1, hidden, gate > 0)


@jit
def state_gradients(step: int, end: int, d_gate: Any, states: Any, d_w: Any) -> None:
    """The share of some steps in the gradient of one gate's weights for the states (T, B·P) or what is made of them."""
    if d_w.size:
        steps, (hidden, narrow) = d_gate.shape[0], d_w.shape
        rows = (end - step) * (d_gate.shape[1] // hidden)
        d_part, part = d_gate.reshape(-1)[step * d_gate.shape[1] :], states.reshape(-1)[step * states.shape[1] :]
        multiply_turned(d_part, part, d_w.reshape(-1), hidden, narrow, rows, end < steps)
