"""What recurrent layers and their cells share: one step in simpler operations, checks, costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.arithmetic import add, multiply, subtract
from graphgrad.ops.array.elementwise import relu, sigmoid, tanh
from graphgrad.ops.array.shaping import astype
from graphgrad.ops.array.splitting import split
from graphgrad.ops.composite import named
from graphgrad.ops.functional.layers import linear

__all__ = [
    "check_floats",
    "check_weights",
    "gru_step",
    "lstm_step",
    "rnn_step",
    "step_cost",
    "together",
]

Shape = tuple[int, ...]


# ---- steps -----------------------------------------------------------------------------------------------------------


def rnn_step(activation: str, x: Any, h: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any) -> Any:
    """The next state of a simple recurrent layer, on tensors; `activation` is ``"tanh"`` or ``"relu"``."""
    total = add(linear(x, weight_ih, bias_ih), linear(h, weight_hh, bias_hh))
    return named((tanh if activation == "tanh" else relu)(named(total, "before activation")), "state")


def lstm_step(
    x: Any,
    h: Any,
    c: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any,
    bias_hh: Any,
    *,
    weight_hr: Any = None,
    weight_ch: Any = None,
) -> tuple[Any, Any]:
    """The next state and the next cell of a long short-term memory, on tensors."""
    width = weight_hh.shape[0] // 4
    total = named(add(linear(x, weight_ih, bias_ih), linear(h, weight_hh, bias_hh)), "before activation")
    i, f, z, o = split(total, width, -1)
    if weight_ch is not None:
        to_i, to_f, to_o = split(weight_ch, width)
        i, f = add(i, multiply(to_i, c)), add(f, multiply(to_f, c))
    i, f, z = named(sigmoid(i), "input gate"), named(sigmoid(f), "forget gate"), named(tanh(z), "candidate")
    c = named(add(multiply(f, c), multiply(i, z)), "cell")
    if weight_ch is not None:
        o = add(o, multiply(to_o, c))
    o = named(sigmoid(o), "output gate")
    h = multiply(o, tanh(c))
    return named(h if weight_hr is None else linear(h, weight_hr), "state"), c


def gru_step(
    x: Any, h: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any, *, reset_after: bool = True
) -> Any:
    """The next state of a gated recurrent unit, on tensors."""
    width = weight_hh.shape[1]
    from_x = named(linear(x, weight_ih, bias_ih), "from the input")
    if reset_after:
        from_h = named(linear(h, weight_hh, bias_hh), "from the state")
        (r, z, n), (h_r, h_z, h_n) = split(from_x, width, -1), split(from_h, width, -1)
        r, z = named(sigmoid(add(r, h_r)), "reset gate"), named(sigmoid(add(z, h_z)), "update gate")
        n = add(n, multiply(r, h_n))
    else:
        two = (2 * width, width)
        w_rz, w_n = split(weight_hh, two)
        b_rz, b_n = (None, None) if bias_hh is None else split(bias_hh, two)
        rz, n = split(from_x, two, -1)
        r, z = split(sigmoid(add(rz, linear(h, w_rz, b_rz))), width, -1)
        r, z = named(r, "reset gate"), named(z, "update gate")
        n = add(n, linear(named(multiply(r, h), "what is let through"), w_n, b_n))
    n = named(tanh(n), "candidate")
    return named(add(multiply(subtract(1.0, z), n), multiply(z, h)), "state")


# ---- operands --------------------------------------------------------------------------------------------------------


def check_floats(operands: Mapping[str, Any]) -> None:
    """Refuse whatever isn't made of floats."""
    for name, one in operands.items():
        if one is not None and np.dtype(getattr(one, "dtype", type(one))).kind != "f":
            raise TypeError(f"{name} holds floats, got {getattr(one, 'dtype', type(one).__name__)}")


def together(operands: Mapping[str, Any]) -> list[Any]:
    """Tensors, in the dtype that they have together; None stays."""
    check_floats(operands)
    dtype = np.result_type(*(one.dtype for one in operands.values() if one is not None))
    return [one if one is None or one.dtype == dtype else _cast(one, dtype) for one in operands.values()]


def _cast(operand: Any, dtype: np.dtype[Any]) -> Any:
    return astype(operand, dtype) if isinstance(operand, Tensor) else operand.astype(dtype)


_GATES = {1: "", 3: "3 · ", 4: "4 · "}


def check_weights(
    gates: int,
    features: int,
    state: int,
    weight_ih: Shape,
    weight_hh: Shape,
    bias_ih: Shape | None,
    bias_hh: Shape | None,
) -> int:
    """The number of hidden units, from the shapes of the weights, which have to fit."""
    of = _GATES[gates]
    if len(weight_hh) != 2 or not weight_hh[0] or weight_hh[0] % gates:
        raise ValueError(f"weight_hh {weight_hh} must have the shape ({of}hidden, features of the state)")
    rows = weight_hh[0]
    if weight_hh[1] != state:
        raise ValueError(f"hx has {state} features, weight_hh {weight_hh} takes {weight_hh[1]}")
    if weight_ih != (rows, features):
        raise ValueError(
            f"weight_ih {weight_ih} must have the shape ({of}hidden, features of the input) = ({rows}, {features})"
        )
    for name, bias in (("bias_ih", bias_ih), ("bias_hh", bias_hh)):
        if bias is not None and bias != (rows,):
            raise ValueError(f"{name} {bias} must have the shape ({of}hidden,) = ({rows},)")
    return rows // gates


def step_cost(rows: int, weight_ih: Shape, weight_hh: Shape, elementwise: int) -> int:
    """Floating-point operations of so many steps of one example each, with so many beside the products a unit."""
    (gates_hidden, features), (_, state) = weight_ih, weight_hh
    return rows * (2 * gates_hidden * (features + state) + elementwise * gates_hidden)
