"""Recurrent layers and cells."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn
from graphgrad.nn import functional as F
from graphgrad.nn import recurrent
from tests.nn.recurrent_cases import CASES, FEATURES, HIDDEN, OPTIONS, Array, answers, draw, flat, lengths

ORACLE = Path(__file__).resolve().parent.parent / "oracle" / "recurrent.npz"
with_torch = pytest.mark.skipif(
    find_spec("torch") is None, reason="PyTorch is not installed; the extra `oracle` has it"
)
LAYERS = ("RNN", "LSTM", "GRU")
CLOSE: dict[str, dict[str, Any]] = {
    "float64": {"rtol": 1e-10, "atol": 1e-11},
    "float32": {"rtol": 1e-4, "atol": 2e-5},
}


def run(name: str, call: str, *, dtype: str = "float64", **given: Array) -> tuple[dict[str, Array], dict[str, Array]]:
    """What the layer of a case gives, and the gradients."""
    layer, options = OPTIONS[name]
    module = getattr(nn, layer)(FEATURES, HIDDEN, **options, dtype=dtype)
    module.load_state_dict({path: draw(path, p.shape) for path, p in module.named_parameters()})
    leaves = {one: gg.tensor(array, dtype, requires_grad=True) for one, array in given.items()}
    input, *states = leaves.values()
    hx: Any = (tuple(states) if len(states) == 2 else states[0]) if states else None
    output, last = module(input, hx, lengths=lengths(call))
    names = ("output", "h_n", "c_n") if isinstance(last, tuple) else ("output", "h_n")
    results = dict(zip(names, (output, *(last if isinstance(last, tuple) else (last,))), strict=True))
    total = gg.stack([gg.sum(value * draw(one, value.shape).astype(dtype)) for one, value in results.items()])
    gg.sum(total).backward()
    leaves |= dict(module.named_parameters())
    gradients = {path: leaf.grad.data for path, leaf in leaves.items() if leaf.grad is not None}
    return {one: value.data for one, value in results.items()}, gradients


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "call"), CASES)
def test_a_layer_gives_what_pytorchs_does(name: str, call: str, dtype: str) -> None:
    found = answers(name, call, lambda *case, **given: run(*case, **given, dtype=dtype))
    assert {one.dtype.name for one in found.values()} == {dtype}
    with np.load(ORACLE, allow_pickle=False) as theirs:
        np.testing.assert_allclose(flat(found), theirs[f"{name}: {call}"], **CLOSE[dtype])


@with_torch
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_the_committed_answers_are_what_pytorch_says_to_each_name() -> None:
    from tests.oracle import make_recurrent

    with np.load(ORACLE, allow_pickle=False) as committed:
        assert set(committed) == {f"{name}: {call}" for name, call in CASES}
        for name, call in CASES:
            theirs = answers(name, call, make_recurrent.run)
            np.testing.assert_allclose(flat(theirs), committed[f"{name}: {call}"], rtol=1e-12, atol=1e-12)
            ours = answers(name, call, run)
            assert set(ours) == set(theirs)
            for one, array in ours.items():
                np.testing.assert_allclose(array, theirs[one], **CLOSE["float64"], err_msg=one)


@with_torch
@pytest.mark.parametrize(("layer", "options"), [*OPTIONS.values(), ("RNN", {"num_layers": 2, "dropout": 0.5})])
def test_keys_shapes_and_looks_are_pytorchs(layer: str, options: dict[str, Any]) -> None:
    import torch

    ours, theirs = (getattr(room, layer)(FEATURES, HIDDEN, **options) for room in (nn, torch.nn))
    shapes = [(path, p.shape) for path, p in ours.state_dict().items()]
    assert shapes == [(path, tuple(p.shape)) for path, p in theirs.state_dict().items()]
    assert repr(ours) == repr(theirs)


@with_torch
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("options", [{}, {"bias": False}])
@pytest.mark.parametrize("batch", [(), (3,)])
@pytest.mark.parametrize("with_states", [False, True])
def test_a_cell_gives_what_pytorchs_does(
    layer: str, options: dict[str, Any], batch: tuple[int, ...], with_states: bool
) -> None:
    import torch

    if layer == "RNN" and batch:
        options = {**options, "nonlinearity": "relu"}
    theirs = getattr(torch.nn, f"{layer}Cell")(FEATURES, HIDDEN, **options).double()
    ours = getattr(nn, f"{layer}Cell")(FEATURES, HIDDEN, **options, dtype="float64")
    ours.load_state_dict({path: p.numpy() for path, p in theirs.state_dict().items()})
    assert repr(ours) == repr(theirs)
    x, *states = draw("input", (*batch, FEATURES)), draw("h_0", (*batch, HIDDEN)), draw("c_0", (*batch, HIDDEN))
    hx: Any = None
    if with_states:
        hx = states if layer == "LSTM" else states[0]
    their_hx: Any = None if hx is None else tuple(map(torch.tensor, hx)) if layer == "LSTM" else torch.tensor(hx)
    for one, other in zip(
        *(
            found if isinstance(found, tuple) else (found,)
            for found in (ours(gg.tensor(x), hx), theirs(torch.tensor(x), their_hx))
        ),
        strict=True,
    ):
        assert one.shape == tuple(other.shape)
        np.testing.assert_allclose(one.data, other.detach().numpy(), rtol=1e-12)


# ---- options that PyTorch hasn't -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "options", "shown"),
    [("LSTM", {"peepholes": True}, "peepholes=True"), ("GRU", {"reset_after": False}, "reset_after=False")],
)
def test_other_kinds_are_those_of_the_functions_and_of_the_cells(
    layer: str, options: dict[str, Any], shown: str
) -> None:
    module = getattr(nn, layer)(FEATURES, HIDDEN, **options, dtype="float64")
    cell = getattr(nn, f"{layer}Cell")(FEATURES, HIDDEN, **options, dtype="float64")
    cell.load_state_dict({path.removesuffix("_l0"): p for path, p in module.state_dict().items()})
    assert repr(module) == f"{layer}(2, 3, {shown})"
    assert repr(cell) == f"{layer}Cell(2, 3, {shown})"
    x = gg.tensor(draw("input", (4, 3, FEATURES)))
    output, last = module(x)
    carried = None
    for t in range(4):
        carried = cell(x[t], carried)
        state = carried[0] if isinstance(carried, tuple) else carried
        np.testing.assert_allclose(output.data[t], state.data, rtol=1e-12)
    zero = gg.zeros((3, HIDDEN), "float64")
    more = {"reset_after": False} if layer == "GRU" else {"weight_ch": module.weight_ch_l0}
    states = [zero] if layer == "GRU" else [zero, zero]
    weights = [getattr(module, f"{kind}_l0") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    expected, *ends = getattr(F, layer.lower())(x, *states, *weights, **more)
    np.testing.assert_array_equal(output.data, expected.data)
    for one, end in zip(last if isinstance(last, tuple) else (last,), ends, strict=True):
        np.testing.assert_array_equal(one.data[0], end.data)
    usual, _ = getattr(nn, layer)(FEATURES, HIDDEN, dtype="float64")(x)
    assert not np.allclose(usual.data, output.data)


# ---- dropout ---------------------------------------------------------------------------------------------------------


def test_dropout_is_between_layers_and_in_training_only() -> None:
    module = nn.GRU(FEATURES, HIDDEN, num_layers=2, dropout=0.5, dtype="float64")
    x, zero = gg.tensor(draw("input", (4, 3, FEATURES))), gg.zeros((3, HIDDEN), "float64")
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    first, second = ([getattr(module, f"{kind}_l{k}") for kind in kinds] for k in range(2))
    gg.manual_seed(3)
    output, _ = module(x)
    gg.manual_seed(3)
    below, _ = F.gru(x, zero, *first)
    expected, _ = F.gru(F.dropout(below, 0.5), zero, *second)
    np.testing.assert_array_equal(output.data, expected.data)
    plain, _ = F.gru(below, zero, *second)
    assert not np.allclose(plain.data, expected.data)
    np.testing.assert_array_equal(module.eval()(x)[0].data, plain.data)


def test_dropout_with_one_layer_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="RNN: dropout is between layers"):
        module = nn.RNN(2, 3, dropout=0.5)
    x = gg.ones((4, 2, 2))
    np.testing.assert_array_equal(module(x)[0].data, module.eval()(x)[0].data)


# ---- beginnings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_the_start_is_uniform_within_one_over_the_root_of_the_states(make: Any) -> None:
    for seed in (0, 1):
        module = make(4, 25, generator=np.random.default_rng(seed))
        values = np.concatenate([p.data.ravel() for p in module.parameters()])
        assert 0.195 < np.abs(values).max() <= 0.2
        assert abs(values.mean()) < 0.02
        assert {p.dtype.name for p in module.parameters()} == {"float32"}
    again = make(4, 25, generator=np.random.default_rng(1))
    for one, other in zip(module.parameters(), again.parameters(), strict=True):
        np.testing.assert_array_equal(one.data, other.data)


def test_peepholes_start_as_the_other_weights_do() -> None:
    module = nn.LSTM(2, 50, peepholes=True)
    assert module.weight_ch_l0 is not None
    assert 0.1 < np.abs(module.weight_ch_l0.data).max() <= 1 / np.sqrt(50)
    assert list(module.state_dict())[-1] == "weight_ch_l0"


# ---- sequences -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0, 0)])
def test_no_steps_and_no_sequences(layer: str, shape: tuple[int, int]) -> None:
    module = getattr(nn, layer)(2, 3, num_layers=2, bidirectional=True)
    output, last = module(gg.zeros((*shape, 2)))
    assert output.shape == (*shape, 6)
    states = last if isinstance(last, tuple) else (last,)
    assert all(one.shape == (4, shape[1], 3) for one in states)
    assert not any(one.data.any() for one in states)
    (gg.sum(output) + gg.sum(states[0])).backward()
    assert all(p.grad is not None and not p.grad.data.any() for p in module.parameters())


@pytest.mark.parametrize("layer", LAYERS)
def test_what_stands_behind_the_end_of_a_sequence_takes_no_part(layer: str) -> None:
    module = getattr(nn, layer)(2, 3, num_layers=2, bidirectional=True, batch_first=True, dtype="float64")
    x = draw("input", (3, 4, 2))
    x[0, 2:] = x[2] = np.nan
    output, last = module(gg.tensor(x), lengths=[2, 4, 0])
    alone, ends = module(gg.tensor(x[:1, :2]))
    np.testing.assert_allclose(output.data[:1, :2], alone.data, rtol=1e-12)
    assert not output.data[0, 2:].any()
    assert not output.data[2].any()
    pairs = zip(*((found if isinstance(found, tuple) else (found,)) for found in (last, ends)), strict=True)
    for one, end in pairs:
        np.testing.assert_allclose(one.data[:, :1], end.data, rtol=1e-12)
    gg.sum(output).backward()
    assert all(p.grad is not None and np.isfinite(p.grad.data).all() for p in module.parameters())


def test_a_single_sequence_may_end_too() -> None:
    module = nn.GRU(2, 3)
    x = gg.tensor(draw("input", (4, 2)))
    output, last = module(x, lengths=[2])
    assert (output.shape, last.shape) == ((4, 3), (1, 3))
    np.testing.assert_array_equal(output.data[1], last.data[0])
    assert not output.data[2:].any()


def test_layers_and_directions_differentiate_twice() -> None:
    module = nn.LSTM(2, 3, num_layers=2, bidirectional=True, proj_size=2, dtype="float64")
    x = gg.tensor(draw("input", (3, 2, 2)), requires_grad=True)
    (slope,) = gg.grad(lambda v: gg.sum(gg.sin(module(v, lengths=[3, 2])[0])), argnums=(0,))(x)
    assert slope.shape == x.shape
    assert gg.gradcheck(lambda v: gg.sum(module(v, lengths=[3, 2])[0] ** 2), x)


def test_pictures_know_where_a_state_comes_from() -> None:
    output, _ = nn.Sequential({"memory": nn.LSTM(2, 3)})(gg.ones((2, 1, 2)))
    leaves = {value.name for value in gg.sum(output).graph().leaves}
    assert {"h_0", "c_0", "memory.weight_ih_l0", "memory.bias_hh_l0"} <= leaves
    assert output.scope == "memory"


# ---- truncated backpropagation through time --------------------------------------------------------------------------


@pytest.mark.curriculum("P18.08")
@pytest.mark.parametrize("layer", LAYERS)
def test_truncated_backpropagation_carries_states_that_are_cut_off(layer: str) -> None:
    module = getattr(nn, layer)(2, 3, num_layers=2, dtype="float64")
    x = gg.tensor(draw("input", (6, 2, 2)), requires_grad=True)
    whole, _ = module(x)
    carried: Any = None
    pieces = []
    for start in (0, 3):
        output, carried = module(x[start : start + 3], carried)
        carried = tuple(one.detach() for one in carried) if layer == "LSTM" else carried.detach()
        pieces.append(output)
    np.testing.assert_allclose(np.concatenate([one.data for one in pieces]), whole.data, rtol=1e-12)
    gg.sum(pieces[1]).backward()
    assert x.grad is not None
    assert not x.grad.data[:3].any()
    cut = x.grad.data[3:].copy()
    x.grad = None
    gg.sum(whole[3:]).backward()  # and without the cut the same reach, and further back
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data[3:], cut, rtol=1e-10)
    assert x.grad.data[:3].any()


# ---- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, -1, 2.5, "3", True])
@pytest.mark.parametrize("name", ["input_size", "hidden_size", "num_layers"])
def test_a_size_that_is_none_is_refused(name: str, count: object) -> None:
    sizes = {"input_size": 2, "hidden_size": 3, name: count}
    for make in (nn.RNN, nn.LSTM, nn.GRU):
        with pytest.raises(gg.ShapeError, match=f"{make.__name__}: {name} is a whole number from 1"):
            make(**sizes)  # type: ignore[arg-type]
    if name != "num_layers":
        with pytest.raises(gg.ShapeError, match=f"GRUCell: {name} is a whole number from 1"):
            nn.GRUCell(**sizes)  # type: ignore[arg-type]


def test_a_layer_that_does_not_say_what_it_computes() -> None:
    class Nothing(nn.RNN):
        _layer = recurrent._Recurrent._layer

    with pytest.raises(NotImplementedError, match=r"(?s)Nothing: has no _layer.*hint: define _layer"):
        Nothing(2, 3)(gg.ones((4, 1, 2)))


def test_other_options_are_checked() -> None:
    with pytest.raises(ValueError, match="RNN: nonlinearity is tanh or relu, got 'sin'"):
        nn.RNN(2, 3, nonlinearity="sin")
    with pytest.raises(ValueError, match="RNNCell: nonlinearity is tanh or relu"):
        nn.RNNCell(2, 3, nonlinearity="sin")
    for p in (-0.1, 1.5, "half", float("nan")):
        with pytest.raises(ValueError, match="GRU: dropout is a probability from 0 to 1"):
            nn.GRU(2, 3, num_layers=2, dropout=p)  # type: ignore[arg-type]
    for size in (3, -1, 1.5):
        with pytest.raises(gg.ShapeError, match="LSTM: proj_size is a whole number from 0 to below 3"):
            nn.LSTM(2, 3, proj_size=size)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: nn.RNN(2, 3)(gg.ones(2)),
            r"RNN: input has the shape \(T, B, features\), or \(T, features\), got \(2,\)",
        ),
        (lambda: nn.GRU(2, 3, batch_first=True)(gg.ones((1, 1, 1, 2))), r"GRU: input has the shape \(B, T, features\)"),
        (lambda: nn.GRU(2, 3)(gg.ones((4, 1, 3))), r"last axis of input must have length 2, got \(4, 1, 3\)"),
        (
            lambda: nn.GRU(2, 3, num_layers=2)(gg.ones((4, 5, 2)), gg.ones((1, 5, 3))),
            r"GRU: h_0 must have the shape \(layers · directions, B, features\) = \(2, 5, 3\), got \(1, 5, 3\)",
        ),
        (
            lambda: nn.LSTM(2, 3, proj_size=1)(gg.ones((4, 2)), (gg.ones((1, 1)), gg.ones((1, 1)))),
            r"LSTM: c_0 must have the shape \(layers · directions, features\) = \(1, 3\), got \(1, 1\)",
        ),
        (lambda: nn.LSTM(2, 3)(gg.ones((4, 5, 2)), gg.ones((1, 5, 3))), "LSTM: hx is a pair, the state and the cell"),
        (lambda: nn.RNN(2, 3)(gg.ones((4, 5, 2)), lengths=[4]), r"lengths has 1 numbers, input \(4, 5, 2\)"),
        (lambda: nn.RNN(2, 3)(gg.ones((4, 1, 2)), lengths=[5]), "must lie from 0 to 4"),
        (lambda: nn.RNNCell(2, 3)(gg.ones((5, 3))), r"RNNCell: input has the shape \(B, 2\) or \(2,\), got \(5, 3\)"),
        (lambda: nn.RNNCell(2, 3)(gg.ones((5, 2)), gg.ones((4, 3))), r"RNNCell: hx must have the shape \(5, 3\)"),
        (lambda: nn.LSTMCell(2, 3)(gg.ones(2), (gg.ones(3), gg.ones(2))), r"LSTMCell: cx must have the shape \(3,\)"),
        (lambda: nn.LSTMCell(2, 3)(gg.ones(2), gg.ones(3)), "LSTMCell: hx is a pair, the state and the cell"),
    ],
)
def test_what_does_not_fit_is_explained(call: Any, says: str) -> None:
    with pytest.raises(gg.ShapeError, match=says):
        call()
