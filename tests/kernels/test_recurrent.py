"""Recurrent kernels: against their twins in NumPy, and against PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from graphgrad.kernels import sequences
from graphgrad.kernels.jit import compiles
from graphgrad.kernels.plain import recurrent as plain
from graphgrad.kernels.threads import shares

Array = np.ndarray[Any, Any]

compiled = pytest.mark.skipif(not compiles(), reason="numba doesn't compile")
CLOSE: dict[str, dict[str, Any]] = {"float64": {"rtol": 1e-11, "atol": 1e-12}, "float32": {"rtol": 2e-5, "atol": 2e-5}}
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "gru_before": 3, "lstm": 4, "lstm_all": 4}
# Length, batch, features, hidden: of one, odd, empty, and more than is multiplied in one call.
SHAPES = [(1, 1, 1, 1), (3, 2, 2, 3), (7, 5, 3, 4), (4, 0, 2, 3), (0, 2, 2, 3), (2, 17, 9, 33), (3, 40, 2, 300)]


@pytest.fixture(autouse=True)
def kernels_for_little_work_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "_FEW_STEPS", -1)


def operands(layer: str, shape: Any, dtype: str, seed: int = 0) -> dict[str, Any]:
    """Everything that the layer takes; it is kept small, so that nothing saturates."""
    steps, batch, features, hidden = shape
    rng = np.random.default_rng(seed)
    rows, narrow = GATES[layer] * hidden, max(hidden // 2, 1) if layer == "lstm_all" else hidden

    def draw(*shape: int) -> Array:
        return (rng.normal(size=shape) / np.sqrt(shape[-1] or 1)).astype(dtype)

    found: dict[str, Any] = {"input": draw(steps, batch, features), "hx": draw(batch, narrow)}
    if layer.startswith("lstm"):
        found["cx"] = draw(batch, hidden)
    found |= {"weight_ih": draw(rows, features), "weight_hh": draw(rows, narrow)}
    found |= {"bias_ih": draw(rows), "bias_hh": draw(rows)}
    if layer.startswith("lstm"):
        everything = layer == "lstm_all"
        found["weight_hr"] = draw(narrow, hidden) if everything else None
        found["weight_ch"] = draw(3 * hidden) if everything else None
    return found


def lengths_of(shape: Any, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, shape[0] + 1, shape[1])


def run(
    layer: str,
    given: Mapping[str, Any],
    lengths: Array | None = None,
    reverse: bool = False,
    needs: set[str] | None = None,
    seeds: tuple[Array, ...] = (),
) -> tuple[list[Array], dict[str, Any]]:
    """Both passes: the results, and the gradients for `seeds`, by default random ones."""
    first: tuple[Any, ...] = ()
    more: dict[str, Any] = {"lengths": np.asarray(() if lengths is None else lengths, np.int64), "reverse": reverse}
    name = layer.partition("_")[0]
    if name == "rnn":
        first = (layer == "rnn_relu",)
    elif name == "gru":
        more["reset_after"] = layer == "gru"
    results, kept = getattr(sequences, name)(*first, **given, **more)
    weights = [one for one in given if one in ("input", "weight_ih", "weight_hh", "weight_hr", "weight_ch")]
    more |= {one: given[one] for one in weights}
    gradients = getattr(sequences, f"{name}_gradients")
    g = seeds or upstream(results)
    found = gradients(*first, g, **more, needs=set(given) if needs is None else needs, kept=kept)
    return list(results), found


def upstream(results: Any) -> tuple[Array, ...]:
    rng = np.random.default_rng(9)
    return tuple(rng.normal(size=one.shape).astype(one.dtype) for one in results)


def assert_same(ours: Any, theirs: Any, close: Mapping[str, Any]) -> None:
    for a, b in zip(ours[0], theirs[0], strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, **close)
    for name, b in theirs[1].items():
        if b is not None:
            scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
            np.testing.assert_allclose(ours[1][name] / scale, b / scale, **close, err_msg=name)


def by_twins(monkeypatch: pytest.MonkeyPatch, *args: Any, **kwargs: Any) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(sequences, "_FEW_STEPS", 100)
        patch.setattr(sequences, "_FEW", 1 << 30)
        return run(*args, **kwargs)


# ---- kernel and twin -------------------------------------------------------------------------------------------------


@compiled
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", GATES)
def test_a_kernel_computes_what_its_twin_does(
    layer: str, dtype: str, reverse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shape in SHAPES:
        given = operands(layer, shape, dtype)
        for lengths in (None, lengths_of(shape)):
            ours = run(layer, given, lengths, reverse)
            assert_same(ours, by_twins(monkeypatch, layer, given, lengths, reverse), CLOSE[dtype])


@pytest.mark.parametrize("layer", GATES)
def test_parts_of_the_batch_add_up(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (4, 7, 3, 5)
    given = operands(layer, shape, "float64")
    whole = run(layer, given, lengths_of(shape), True)
    kernels, in_parts, _ = sequences._way(given["input"], given["weight_ih"], given["weight_hh"])
    parts = [range(3), range(3, 4), range(4, 7)]
    monkeypatch.setattr(sequences, "_way", lambda *_: (kernels, in_parts, parts))
    assert_same(run(layer, given, lengths_of(shape), True), whole, CLOSE["float64"])


@pytest.mark.parametrize("layer", GATES)
def test_only_what_is_wanted_is_computed(layer: str) -> None:
    given = operands(layer, (3, 2, 2, 3), "float64")
    _, everything = run(layer, given)
    for name in given:
        if given[name] is not None:
            _, found = run(layer, given, needs={name})
            np.testing.assert_array_equal(found[name], everything[name])
    assert run(layer, given, needs={"hx"})[1]["input"] is None


@pytest.mark.parametrize("layer", GATES)
def test_layout_makes_no_difference(layer: str) -> None:
    given = operands(layer, (4, 3, 2, 3), "float32")
    strided: dict[str, Any] = {name: None if one is None else spread(one) for name, one in given.items()}
    assert not strided["input"].flags.c_contiguous
    ours, theirs = run(layer, strided), run(layer, given)
    assert_same(ours, theirs, {"rtol": 0, "atol": 0})


def spread(array: Array) -> Array:
    """The same values, every second element of a larger array in column-major order, read-only."""
    room = np.zeros([2 * n for n in array.shape], array.dtype, order="F")
    view = room[(slice(None, None, 2),) * array.ndim]
    view[...] = array
    view.flags.writeable = False
    return view


def test_memory_that_is_used_again_changes_nothing() -> None:
    given = operands("lstm_all", (5, 4, 3, 2), "float64")
    first = run("lstm_all", given)
    run("lstm_all", operands("lstm_all", (5, 4, 3, 2), "float64", seed=1))
    assert_same(run("lstm_all", given), first, {"rtol": 0, "atol": 0})


def test_little_work_is_done_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    weights = np.zeros((8, 3)), np.zeros((8, 2))
    for shape, little in (((8, 2, 3), True), ((9, 2, 3), False), ((8, 400, 3), False)):
        kernels, _, parts = sequences._way(np.zeros(shape), *weights)
        assert (kernels is plain) is (little or not compiles())
        assert parts == [range(shape[1])]


@compiled
def test_much_work_is_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "_SMALL", 1 << 21)
    _, _, parts = sequences._way(np.zeros((100, 5, 60)), np.zeros((100, 60)), np.zeros((100, 100)))
    assert parts == shares(5)
    _, _, parts = sequences._way(np.zeros((100, 0, 60)), np.zeros((100, 60)), np.zeros((100, 100)))
    assert parts == [range(0)]


# ---- nan -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", GATES)
def test_nan_stays_nan_in_its_sequence_and_out_of_the_others(layer: str, dtype: str) -> None:
    given = operands(layer, (4, 3, 2, 3), dtype)
    given["input"][1, 1, 0] = np.nan
    (out, *last), found = run(layer, given)
    assert np.isnan(out[1:, 1]).all()
    assert not np.isnan(out[:, [0, 2]]).any()
    assert not np.isnan(out[0, 1]).any()
    assert all(np.isnan(one[1]).all() for one in last)
    assert np.isnan(found["weight_ih"]).any()


@pytest.mark.parametrize("layer", GATES)
def test_what_stands_behind_the_end_of_a_sequence_takes_no_part(layer: str) -> None:
    given, lengths = operands(layer, (4, 3, 2, 3), "float32"), np.array([4, 2, 0])
    clean = run(layer, given, lengths)
    over = np.arange(4)[:, None] >= lengths
    given["input"][over] = np.nan
    results, found = run(layer, given, lengths)
    assert_same((results, found), clean, {"rtol": 0, "atol": 0})
    assert not results[0][over].any()
    assert not found["input"][over].any()
    np.testing.assert_array_equal(results[1][2], given["hx"][2])


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("layer", GATES)
def test_what_a_sequence_receives_that_never_began_goes_to_its_first_states_alone(layer: str, value: float) -> None:
    given, lengths = operands(layer, (4, 3, 2, 3), "float64"), np.array([4, 2, 0])
    results, clean = run(layer, given, lengths)
    seeds = upstream(results)
    for one in seeds[1:]:
        one[2] = value
    _, found = run(layer, given, lengths, seeds=seeds)
    for name, seed in zip(("hx", "cx"), seeds[1:], strict=False):
        np.testing.assert_array_equal(found[name][2], seed[2])
        found[name][2] = clean[name][2]
    assert_same((results, found), (results, clean), {"rtol": 0, "atol": 0})


@pytest.mark.parametrize("layer", GATES)
def test_a_sequence_that_never_began_keeps_its_states_whatever_the_weights_are(layer: str) -> None:
    given, lengths = operands(layer, (4, 3, 2, 3), "float64"), np.array([4, 2, 0])
    given["weight_hh"][0, 0] = np.nan
    (out, *last), _ = run(layer, given, lengths)
    assert np.isnan(out[:, 0]).any()
    assert not out[:, 2].any()
    for one, start in zip(last, ("hx", "cx"), strict=False):
        np.testing.assert_array_equal(one[2], given[start][2])


@compiled
@pytest.mark.parametrize("layer", GATES)
def test_nan_goes_the_same_ways_in_the_twin(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = operands(layer, (4, 3, 2, 3), "float64")
    given["hx"][1, 0] = np.nan
    for lengths in (None, np.array([4, 2, 0])):
        ours = run(layer, given, lengths)
        assert_same(ours, by_twins(monkeypatch, layer, given, lengths), CLOSE["float64"])


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


def by_torch(layer: str, given: Mapping[str, Any], lengths: Array | None) -> Any:
    """PyTorch's layer, which takes sequences of any length packed."""
    import torch

    hidden = given["weight_ih"].shape[0] // GATES[layer]
    features = given["input"].shape[2]
    more: dict[str, Any] = {"dtype": getattr(torch, str(given["input"].dtype))}
    if layer.startswith("rnn"):
        module: Any = torch.nn.RNN(features, hidden, nonlinearity=layer[4:], **more)
    elif layer == "gru":
        module = torch.nn.GRU(features, hidden, **more)
    else:
        narrow = given["hx"].shape[1]
        module = torch.nn.LSTM(features, hidden, proj_size=0 if narrow == hidden else narrow, **more)
    names = [
        name for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr") if given.get(name) is not None
    ]
    with torch.no_grad():
        for name in names:
            getattr(module, f"{name}_l0").copy_(torch.tensor(given[name]))
    carried = [torch.tensor(given[name], requires_grad=True) for name in ("hx", "cx") if name in given]
    x = torch.tensor(given["input"], requires_grad=True)
    start = tuple(one[None] for one in carried)
    packed = (
        x if lengths is None else torch.nn.utils.rnn.pack_padded_sequence(x, lengths.tolist(), enforce_sorted=False)
    )
    out, last = module(packed, start if len(start) == 2 else start[0])
    if lengths is not None:
        out, _ = torch.nn.utils.rnn.pad_packed_sequence(out, total_length=len(given["input"]))
    results = [out, *(one[0] for one in (last if isinstance(last, tuple) else (last,)))]
    weights = upstream([one.detach().numpy() for one in results])
    torch.autograd.backward(results, [torch.tensor(one) for one in weights])
    found: dict[str, Any] = {"input": x.grad, **dict(zip(("hx", "cx"), (one.grad for one in carried), strict=False))}
    found |= {name: getattr(module, f"{name}_l0").grad for name in names}
    return [one.detach().numpy() for one in results], {name: one.numpy() for name, one in found.items()}


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed; the extra `oracle` has it")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", ["rnn_tanh", "rnn_relu", "gru", "lstm", "lstm_all"])
def test_a_layer_computes_what_pytorchs_does(layer: str, dtype: str) -> None:
    for shape in ((1, 1, 1, 2), (7, 5, 3, 4), (9, 20, 8, 33)):
        given = operands(layer, shape, dtype)
        if layer == "lstm_all":  # PyTorch has no peepholes
            given["weight_ch"] = None
        for lengths in (None, np.maximum(lengths_of(shape), 1)):
            assert_same(run(layer, given, lengths), by_torch(layer, given, lengths), CLOSE[dtype])
