"""Recurrent layers over sequences: simple, LSTM and GRU, with PyTorch's parameters and order of gates."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.create import zeros
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.arguments import as_tensor
from graphgrad.nn.module import Parameter
from graphgrad.nn.recurrent_cells import Weighted, check_counts, check_nonlinearity, check_pair
from graphgrad.ops.array.axes import expand_dims, squeeze, swapaxes
from graphgrad.ops.array.joining import concat, stack
from graphgrad.ops.functional.dropout import dropout
from graphgrad.ops.functional.recurrent import gru, lstm, rnn_relu, rnn_tanh

__all__ = ["GRU", "LSTM", "RNN"]

Lengths = Sequence[int] | None


class _Recurrent(Weighted):
    """Layers over sequences, each in one direction or both, one upon the other."""

    _gates: int
    # The weights of one layer in one direction, in the order in which its operation takes them.
    _kinds: tuple[str, ...] = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    proj_size = 0

    input_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool
    # The ends of the parameters' names, for each layer and direction.
    _suffixes: list[str]

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor | None
    bias_hh_l0: Tensor | None

    def _build(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        peepholes: bool = False,
        *,
        dtype: DTypeLike | None,
        generator: np.random.Generator | None,
    ) -> None:
        what = type(self).__name__
        check_counts(what, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        if not isinstance(dropout, Real) or not 0 <= dropout <= 1:
            raise ValueError(describe(f"{what}: dropout is a probability from 0 to 1, got {dropout!r}"))
        if dropout and num_layers == 1:
            warnings.warn(f"{what}: dropout is between layers, and there is one layer only", stacklevel=3)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional = bidirectional
        rows, narrow = self._gates * hidden_size, self.proj_size or hidden_size
        self._suffixes = [
            f"l{layer}{way}" for layer in range(num_layers) for way in ("", "_reverse")[: 1 + bidirectional]
        ]
        for k, suffix in enumerate(self._suffixes):
            features = input_size if k <= bidirectional else narrow * (1 + bidirectional)
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, features), "weight_hh": (rows, narrow)}
            if bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            if self.proj_size:
                shapes["weight_hr"] = (narrow, hidden_size)
            if peepholes:
                shapes["weight_ch"] = (3 * hidden_size,)
            for kind in self._kinds:
                shape = shapes.get(kind)
                setattr(self, f"{kind}_{suffix}", None if shape is None else Parameter(zeros(shape, dtype)))
        self.reset_parameters(generator)

    def _layer(self, input: Any, states: Sequence[Any], weights: Sequence[Any], **sequence: Any) -> Any:
        """One layer in one direction: its outputs and last states."""
        raise NotImplementedError(
            describe(f"{type(self).__name__}: has no _layer", hint="define _layer to say what one layer computes")
        )

    def _run(
        self, input: Any, starts: dict[str, Any], widths: Sequence[int], lengths: Lengths
    ) -> tuple[Any, list[Any]]:
        """The outputs of the last layer and the last states of all, from what `starts` has at the first, or zeros."""
        what, x = type(self).__name__, as_tensor(input)
        if x.ndim not in (2, 3):
            axes = "(B, T, features)" if self.batch_first else "(T, B, features)"
            raise ShapeError(describe(f"{what}: input has the shape {axes}, or (T, features), got {x.shape}"))
        if x.shape[-1] != self.input_size:
            expected = f"{what}: the last axis of input must have length {self.input_size}, got {x.shape}"
            raise ShapeError(describe(expected))
        batched = x.ndim == 3
        if not batched:
            x = expand_dims(x, 1)
        elif self.batch_first:
            x = swapaxes(x, 0, 1)
        states = [
            self._start(name, given, width, x.shape[1], batched)
            for (name, given), width in zip(starts.items(), widths, strict=True)
        ]
        outs: list[Any] = []
        ends = []
        for k, suffix in enumerate(self._suffixes):
            weights = [getattr(self, f"{kind}_{suffix}") for kind in self._kinds]
            reverse = bool(self.bidirectional and k % 2)
            out, *last = self._layer(x, [one[k] for one in states], weights, lengths=lengths, reverse=reverse)
            outs.append(out)
            ends.append(last)
            if len(outs) == 1 + self.bidirectional:
                x, outs = concat(outs, -1) if self.bidirectional else out, []
                if self.dropout and self.training and k < len(self._suffixes) - 1:
                    x = dropout(x, self.dropout)
        if not batched:
            x = squeeze(x, 1)
        elif self.batch_first:
            x = swapaxes(x, 0, 1)
        join = stack if batched else concat
        return x, [join(each) for each in zip(*ends, strict=True)]

    def _start(self, name: str, given: Any, width: int, batch: int, batched: bool) -> list[Any]:
        """The states that the layers begin with, each of shape (B, width)."""
        count = len(self._suffixes)
        if given is None:
            nothing = zeros((batch, width), getattr(self, f"weight_hh_{self._suffixes[0]}").dtype, name=name)
            return [nothing] * count
        given = as_tensor(given)
        expected = (count, batch, width) if batched else (count, width)
        if given.shape != expected:
            axes = "(layers · directions, B, features)" if batched else "(layers · directions, features)"
            what = type(self).__name__
            raise ShapeError(describe(f"{what}: {name} must have the shape {axes} = {expected}, got {given.shape}"))
        return [given[k] if batched else given[k : k + 1] for k in range(count)]

    def extra_repr(self) -> str:
        usual = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
        }
        more = [f"{name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value]
        return ", ".join([str(self.input_size), str(self.hidden_size), *more])


class RNN(_Recurrent):
    """Simple recurrent layers over sequences (Elman, 1990): h[t] = tanh(W x[t] + b + U h[t-1] + b') (P18.03, P18.15).

    Parameters
    ----------
    input_size, hidden_size
        How many features the inputs and the states have.
    num_layers
        How many layers there are, each over the outputs of the one before.
    nonlinearity
        ``"tanh"`` or ``"relu"``.
    bias
        Whether there are b and b'.
    batch_first
        Whether inputs and outputs have the shape (B, T, features), and not (T, B, features); states don't change.
    dropout
        The probability with which each output is dropped on its way to the next layer, in training.
    bidirectional
        Whether each layer works through the sequences backwards too, with weights of its own (P18.16).
    dtype
        Of the parameters; the default dtype if left out.
    generator
        Where the initial values come from; by default what `graphgrad.manual_seed` starts.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0
        W, U, b and b' of the first layer, of shapes (H, I), (H, H), (H,) and (H,); ``_l1`` and so on for the layers
        above, over the H or 2 · H outputs of the one before; with ``_reverse`` behind it for the other direction. They
        start uniformly within ±1/√H.

    Raises
    ------
    ShapeError
        If a size isn't a whole number from 1, or when it is called with an input or states of another shape.
    ValueError
        If `nonlinearity` is another one or `dropout` no probability.

    Notes
    -----
    There are no packed sequences here: sequences of several lengths are padded, and `lengths` says where they end.
    Outputs behind the end are zero, as ``pad_packed_sequence`` gives them, and the last states are those at the ends.

    Memory: for the backward pass each layer keeps, in each direction, a copy of its inputs and 2 times its states (a
    GRU 5 times; an LSTM 6 times, with a projection 7 times its cells), until the pass has used them.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.RNN(3, 4, num_layers=2)
    >>> layer
    RNN(3, 4, num_layers=2)
    >>> output, h_n = layer(gg.ones((5, 2, 3)))
    >>> output.shape, h_n.shape
    ((5, 2, 4), (2, 2, 4))

    Truncated backpropagation through time (P18.08): the state is carried from one piece of a long sequence to the next,
    and `detach` cuts off the way back.

    >>> h, x = None, gg.ones((10, 2, 3))
    >>> for piece in (x[:5], x[5:]):
    ...     output, h = layer(piece, h)
    ...     gg.sum(output**2).backward()
    ...     h = h.detach()
    """

    _gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        check_nonlinearity("RNN", nonlinearity)
        self.nonlinearity = nonlinearity
        sizes = input_size, hidden_size, num_layers
        self._build(*sizes, bias, batch_first, dropout, bidirectional, dtype=dtype, generator=generator)

    def _layer(self, input: Any, states: Sequence[Any], weights: Sequence[Any], **sequence: Any) -> Any:
        function = rnn_tanh if self.nonlinearity == "tanh" else rnn_relu
        return function(input, *states, *weights, **sequence)

    def forward(self, input: Any, hx: Any = None, *, lengths: Lengths = None) -> tuple[Tensor, Tensor]:
        """The outputs of the last layer, and the last state of every layer and direction.

        Parameters
        ----------
        input
            Shape (T, B, I), or (B, T, I) with `batch_first`; (T, I) for a single sequence.
        hx
            The states before the first step, of shape (layers · directions, B, H), or (layers · directions, H) for a
            single sequence; zeros if left out.
        lengths
            How long each sequence is, from 0 to T, in any order. None for all of length T.

        Returns
        -------
        output : Tensor
            Shaped as the input, with H features; with 2 · H in both directions, those of the way forward first.
        h_n : Tensor
            Shaped as `hx`.
        """
        output, (h_n,) = self._run(input, {"h_0": hx}, (self.hidden_size,), lengths)
        return output, h_n


class LSTM(_Recurrent):
    """Long short-term memories over sequences: c[t] = f c[t-1] + i g, h[t] = o tanh(c[t]) (P18.09, P18.10).

    (Hochreiter and Schmidhuber, 1997; the forget gate: Gers, Schmidhuber and Cummins, 2000.) The gates i, f and o are
    sigmoids, g the hyperbolic tangent, of W x[t] + b + U h[t-1] + b'.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype, generator
        As in `RNN`.
    proj_size
        How many features a projection leaves of the state, P, less than H; 0 for none (Sak, Senior and Beaufays, 2014).
    peepholes
        Whether i and f see the old cell and o the new one, each unit its own (Gers, Schraudolph and Schmidhuber, 2002).
        PyTorch has none.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0
        As in `RNN`, with 4 · H rows: those of the input gate i, the forget gate f, the candidate g and the output gate
        o, in this order.
    weight_hr_l0, weight_ch_l0
        The projection, of shape (P, H), and the peepholes of i, f and o, of shape (3 · H,); or None.

    Raises
    ------
    ShapeError
        As in `RNN`, and if `proj_size` isn't from 0 to below H.
    ValueError
        If `dropout` is no probability.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    >>> output, (h_n, c_n) = layer(gg.ones((2, 5, 3)), lengths=[5, 1])
    >>> output.shape, h_n.shape, c_n.shape
    ((2, 5, 8), (2, 2, 4), (2, 2, 4))
    >>> bool((output[1, 1:] == 0.0).all())
    True
    """

    _gates = 4
    _kinds = (*_Recurrent._kinds, "weight_hr", "weight_ch")

    weight_hr_l0: Tensor | None
    weight_ch_l0: Tensor | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        peepholes: bool = False,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        check_counts("LSTM", hidden_size=hidden_size)
        if not isinstance(proj_size, (int, np.integer)) or not 0 <= proj_size < hidden_size:
            raise ShapeError(
                describe(f"LSTM: proj_size is a whole number from 0 to below {hidden_size}, got {proj_size!r}")
            )
        self.proj_size, self.peepholes = proj_size, peepholes
        sizes = input_size, hidden_size, num_layers
        self._build(*sizes, bias, batch_first, dropout, bidirectional, peepholes, dtype=dtype, generator=generator)

    def _layer(self, input: Any, states: Sequence[Any], weights: Sequence[Any], **sequence: Any) -> Any:
        return lstm(input, *states, *weights, **sequence)

    def forward(
        self, input: Any, hx: tuple[Any, Any] | None = None, *, lengths: Lengths = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The outputs of the last layer, and the last state and the last cell of every layer and direction.

        Parameters
        ----------
        input, lengths
            As in `RNN.forward`.
        hx
            The states and the cells before the first step: a pair, each as in `RNN.forward`; with a projection the
            states have P features.

        Returns
        -------
        output : Tensor
            As in `RNN.forward`.
        (h_n, c_n) : tuple of Tensor
            Shaped as `hx`.
        """
        h_0, c_0 = check_pair("LSTM", hx)
        widths = self.proj_size or self.hidden_size, self.hidden_size
        output, (h_n, c_n) = self._run(input, {"h_0": h_0, "c_0": c_0}, widths, lengths)
        return output, (h_n, c_n)

    def extra_repr(self) -> str:
        return super().extra_repr() + ", peepholes=True" * self.peepholes


class GRU(_Recurrent):
    """Gated recurrent units over sequences (Cho et al., 2014): h[t] = (1 - z) n + z h[t-1] (P18.12, P18.13).

    The update gate z keeps what was; many texts give it the other way round, which is z with the signs of its weights
    turned.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype, generator
        As in `RNN`.
    reset_after
        Whether the reset gate r multiplies what comes of the state, n = tanh(W x + b + r (U h + b')), as PyTorch has
        it; if not, the state itself as in the paper: n = tanh(W x + b + U (r h) + b'). Then b' adds nothing to b.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0
        As in `RNN`, with 3 · H rows: those of the reset gate r, the update gate z and the candidate n, in this order.

    Raises
    ------
    ShapeError, ValueError
        As in `RNN`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> output, h_n = gg.nn.GRU(3, 4)(gg.ones((5, 2, 3)))
    >>> output.shape, h_n.shape
    ((5, 2, 4), (1, 2, 4))
    """

    _gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        reset_after: bool = True,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.reset_after = reset_after
        sizes = input_size, hidden_size, num_layers
        self._build(*sizes, bias, batch_first, dropout, bidirectional, dtype=dtype, generator=generator)

    def _layer(self, input: Any, states: Sequence[Any], weights: Sequence[Any], **sequence: Any) -> Any:
        return gru(input, *states, *weights, reset_after=self.reset_after, **sequence)

    def forward(self, input: Any, hx: Any = None, *, lengths: Lengths = None) -> tuple[Tensor, Tensor]:
        """The outputs of the last layer, and the last state of every layer and direction: as `RNN.forward`."""
        output, (h_n,) = self._run(input, {"h_0": hx}, (self.hidden_size,), lengths)
        return output, h_n

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.reset_after else ", reset_after=False")
