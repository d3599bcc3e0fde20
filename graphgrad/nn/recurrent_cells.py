"""Single steps of recurrent layers: simple, LSTM and GRU, with PyTorch's parameters and order of gates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.create import zeros
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.arguments import as_tensor
from graphgrad.nn.init import uniform_
from graphgrad.nn.module import Module, Parameter
from graphgrad.ops.array.axes import expand_dims, squeeze
from graphgrad.ops.functional.recurrent_cells import gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell

__all__ = [
    "GRUCell",
    "LSTMCell",
    "RNNCell",
    "Weighted",
    "check_counts",
    "check_nonlinearity",
    "check_pair",
]


# ---- what layers have too --------------------------------------------------------------------------------------------


def check_counts(what: str, **counts: Any) -> None:
    """Refuse what isn't a whole number from 1."""
    for name, count in counts.items():
        if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < 1:
            raise ShapeError(describe(f"{what}: {name} is a whole number from 1, got {count!r}"))


def check_nonlinearity(what: str, name: str) -> None:
    """Refuse the name of another activation."""
    if name not in ("tanh", "relu"):
        raise ValueError(describe(f"{what}: nonlinearity is tanh or relu, got {name!r}"))


def check_pair(what: str, hx: Any) -> tuple[Any, Any]:
    """The state and the cell, None for none."""
    if hx is None:
        return None, None
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        raise ShapeError(describe(f"{what}: hx is a pair, the state and the cell, got {type(hx).__name__}"))
    return hx[0], hx[1]


class Weighted(Module):
    """What starts uniformly within ±1/√hidden_size, as PyTorch's."""

    hidden_size: int

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw the initial values anew."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            uniform_(parameter, -bound, bound, generator)


# ---- cells -----------------------------------------------------------------------------------------------------------


class _Cell(Weighted):
    """One step of one layer."""

    _gates: int
    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None
    weight_ch: Tensor | None = None

    def _build(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        peepholes: bool = False,
        *,
        dtype: DTypeLike | None,
        generator: np.random.Generator | None,
    ) -> None:
        check_counts(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = self._gates * hidden_size
        self.weight_ih = Parameter(zeros((rows, input_size), dtype))
        self.weight_hh = Parameter(zeros((rows, hidden_size), dtype))
        self.bias_ih = Parameter(zeros(rows, dtype)) if bias else None
        self.bias_hh = Parameter(zeros(rows, dtype)) if bias else None
        if peepholes:
            self.weight_ch = Parameter(zeros(3 * hidden_size, dtype))
        self.reset_parameters(generator)

    def _prepared(self, input: Any, **states: Any) -> list[Any]:
        """The input and the states, zeros for one that is None, with a batch of one for single ones."""
        what, x = type(self).__name__, as_tensor(input)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            shapes = f"(B, {self.input_size}) or ({self.input_size},)"
            raise ShapeError(describe(f"{what}: input has the shape {shapes}, got {x.shape}"))
        expected = (*x.shape[:-1], self.hidden_size)
        found = [x]
        for name, one in states.items():
            state = zeros(expected, self.weight_hh.dtype, name=name) if one is None else as_tensor(one)
            if state.shape != expected:
                raise ShapeError(describe(f"{what}: {name} must have the shape {expected}, got {state.shape}"))
            found.append(state)
        return [one if x.ndim == 2 else expand_dims(one, 0) for one in found]

    @property
    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else f", bias={self.bias}")


def _as_given(input: Any, state: Any) -> Tensor:
    """A single state for a single input."""
    return state if as_tensor(input).ndim == 2 else squeeze(state, 0)  # type: ignore[no-any-return]


class RNNCell(_Cell):
    """One step of a simple recurrent layer: the next state (P18.02, P18.03).

    Parameters
    ----------
    input_size, hidden_size, bias, nonlinearity, dtype, generator
        As in `RNN`.

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh
        As `RNN` has them for a layer.

    Raises
    ------
    ShapeError, ValueError
        As in `RNN`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> cell = gg.nn.RNNCell(3, 4)
    >>> h = None
    >>> for x in gg.ones((5, 2, 3)):
    ...     h = cell(x, h)
    >>> h.shape
    (2, 4)
    """

    _gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        check_nonlinearity("RNNCell", nonlinearity)
        self.nonlinearity = nonlinearity
        self._build(input_size, hidden_size, bias, dtype=dtype, generator=generator)

    def forward(self, input: Any, hx: Any = None) -> Tensor:
        """Shapes (B, I) and (B, H) to (B, H), or (I,) and (H,) to (H,); the state is zeros if left out."""
        function = rnn_tanh_cell if self.nonlinearity == "tanh" else rnn_relu_cell
        return _as_given(input, function(*self._prepared(input, hx=hx), *self._weights))

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(_Cell):
    """One step of a long short-term memory: the next state and the next cell (P18.09).

    Parameters
    ----------
    input_size, hidden_size, bias, peepholes, dtype, generator
        As in `LSTM`.

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh, weight_ch
        As `LSTM` has them for a layer.

    Raises
    ------
    ShapeError
        As in `LSTM`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> h, c = gg.nn.LSTMCell(3, 4)(gg.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    _gates = 4

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        peepholes: bool = False,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self._build(input_size, hidden_size, bias, peepholes, dtype=dtype, generator=generator)

    def forward(self, input: Any, hx: tuple[Any, Any] | None = None) -> tuple[Tensor, Tensor]:
        """As `RNNCell.forward`, with a pair of state and cell, both ways."""
        h, c = check_pair("LSTMCell", hx)
        h, c = lstm_cell(*self._prepared(input, hx=h, cx=c), *self._weights, self.weight_ch)
        return _as_given(input, h), _as_given(input, c)

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.weight_ch is None else ", peepholes=True")


class GRUCell(_Cell):
    """One step of a gated recurrent unit: the next state (P18.12, P18.13).

    Parameters
    ----------
    input_size, hidden_size, bias, reset_after, dtype, generator
        As in `GRU`.

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh
        As `GRU` has them for a layer.

    Raises
    ------
    ShapeError
        As in `GRU`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.GRUCell(3, 4)(gg.ones((2, 3))).shape
    (2, 4)
    """

    _gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        reset_after: bool = True,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.reset_after = reset_after
        self._build(input_size, hidden_size, bias, dtype=dtype, generator=generator)

    def forward(self, input: Any, hx: Any = None) -> Tensor:
        """As `RNNCell.forward`."""
        return _as_given(input, gru_cell(*self._prepared(input, hx=hx), *self._weights, self.reset_after))

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.reset_after else ", reset_after=False")
