"""Recurrent layers beyond what is generated from their declarations: what is kept, and what they are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.kernels import sequences
from graphgrad.ops import TABLE, find
from graphgrad.ops.functional.recurrent_parts import _RESERVE
from graphgrad.walk.expand import expand
from graphgrad.walk.file import from_json, to_json
from graphgrad.walk.walk import Walk

F = gg.nn.functional


def leaves(gates: int, seed: int = 0, dtype: str = "float64") -> list[gg.Tensor]:
    """An input of 3 steps, 2 sequences and 2 features, a state of 3, weights and biases."""
    rng = np.random.default_rng(seed)
    shapes = ((3, 2, 2), (2, 3), (3 * gates, 2), (3 * gates, 3), (3 * gates,), (3 * gates,))
    return [gg.tensor(rng.normal(size=shape), dtype=dtype, requires_grad=True) for shape in shapes]


def loss(given: list[gg.Tensor]) -> gg.Tensor:
    output, h_n = F.gru(*given)
    return gg.sum(gg.sin(output)) + gg.sum(h_n * h_n)


def grads(given: list[gg.Tensor]) -> list[Any]:
    found = []
    for leaf in given:
        assert leaf.grad is not None
        found.append(leaf.grad.data)
        leaf.grad = None
    return found


# ---- what is kept ----------------------------------------------------------------------------------------------------


def test_what_the_kernel_left_goes_with_the_pass() -> None:
    before = len(_RESERVE)
    total = loss(leaves(3))
    assert len(_RESERVE) == before + 1
    total.backward()
    assert len(_RESERVE) == before


def test_what_the_kernel_left_goes_with_the_outputs() -> None:
    before = len(_RESERVE)
    total = loss(leaves(3))
    del total
    assert len(_RESERVE) == before


def test_nothing_is_left_where_no_pass_can_come_or_all_is_computed_again() -> None:
    before = len(_RESERVE)
    with gg.no_grad():
        kept = loss(leaves(3))
    again = gg.checkpoint(loss, leaves(3))
    assert len(_RESERVE) == before
    again.backward()
    assert len(_RESERVE) == before
    assert kept.item() == again.item()


def test_a_checkpoint_keeps_nothing_while_it_is_recorded() -> None:
    before, seen = len(_RESERVE), []

    def inside(given: list[gg.Tensor]) -> gg.Tensor:
        output, _ = F.gru(*given)
        seen.append(len(_RESERVE) - before)
        return gg.sum(output)

    gg.checkpoint(inside, leaves(3)).backward()
    assert seen == [0]  # the graph runs again, not the function


def test_a_pass_uses_what_the_kernel_left(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    forward = sequences.gru

    def counted(*args: Any, **kwargs: Any) -> Any:
        runs.append(1)
        return forward(*args, **kwargs)

    monkeypatch.setattr(sequences, "gru", counted)
    total = loss(leaves(3))
    total.backward(retain_graph=True)
    assert len(runs) == 1
    total.backward()  # it was used up
    assert len(runs) == 2


def test_memory_of_the_kernel_is_used_again() -> None:
    def free() -> int:
        return sequences._BUFFERS.bytes

    given = leaves(3)
    with gg.no_grad():
        loss(given)
        start = free()
        loss(given)
    assert free() == start
    total = loss(given)
    assert free() < start
    total.backward()
    assert free() >= start


def test_a_second_pass_gives_the_same_bits() -> None:
    given = leaves(3)
    total = loss(given)
    total.backward(retain_graph=True)
    first = grads(given)
    total.backward()
    for one, other in zip(first, grads(given), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_checkpoint_gives_the_same_bits() -> None:
    given = leaves(3)
    loss(given).backward()
    first = grads(given)
    gg.checkpoint(loss, given).backward()
    for one, other in zip(first, grads(given), strict=True):
        np.testing.assert_array_equal(one, other)


# ---- the gradient as an operation ------------------------------------------------------------------------------------


def test_the_gradient_is_found_by_its_name_and_not_offered() -> None:
    assert find("lstm backward").operands[:3] == ("d_output", "d_h_n", "d_c_n")
    assert find("gru backward without bias_ih, bias_hh").missing == ("bias_ih", "bias_hh")
    assert not any("backward" in name for name in TABLE)


def test_a_recorded_pass_can_be_saved_opened_and_run_again() -> None:
    given = leaves(3)
    loss(given).backward(create_graph=True)
    grad = given[2].grad
    assert grad is not None
    penalty = gg.sum(grad * grad)
    graph = penalty.graph()
    assert "gru backward" in {node.op for node in graph.nodes}
    opened = from_json(to_json(gg.walk(penalty)))
    assert isinstance(opened, Walk)
    assert opened.graph.run({}).item() == penalty.item()


def test_a_zoom_shows_the_gates_of_each_step() -> None:
    x, h, *weights = leaves(4)
    output, _, _ = F.lstm(x, h, h * 0.5, *weights)
    walk = gg.walk(gg.sum(output))
    (layer,) = (node.id for node in walk.graph.nodes if (node.op or "").startswith("lstm"))
    names = [node.name for node in expand(walk, layer).graph.nodes]
    for name in ("input gate", "forget gate", "candidate", "cell", "output gate", "state"):
        assert names.count(name) == 3
    assert [name for name in names if name and name.startswith("x")] == ["x[0]", "x[1]", "x[2]"]


# ---- what they are made of -------------------------------------------------------------------------------------------


def cells(name: str, given: list[gg.Tensor], states: list[gg.Tensor]) -> tuple[list[gg.Tensor], list[gg.Tensor]]:
    """The layer, step by step."""
    outs = []
    x, *weights = given
    for t in range(x.shape[0]):
        result = getattr(F, f"{name}_cell")(x[t], *states, *weights)
        states = list(result) if isinstance(result, tuple) else [result]
        outs.append(states[0])
    return outs, states


@pytest.mark.parametrize(("name", "gates"), [("rnn_tanh", 1), ("rnn_relu", 1), ("gru", 3), ("lstm", 4)])
def test_a_layer_is_its_cell_step_by_step(name: str, gates: int) -> None:
    x, h, *weights = leaves(gates)
    states = [h, h * 0.5] if name == "lstm" else [h]
    outs, last = cells(name, [x, *weights], states)
    output, *ends = getattr(F, name)(x, *states, *weights)
    np.testing.assert_allclose(output.data, [one.data for one in outs], rtol=1e-12)
    for one, other in zip(ends, last, strict=True):
        np.testing.assert_allclose(one.data, other.data, rtol=1e-12)


def test_a_nan_lets_gradients_through_as_the_rectifier_does() -> None:
    found = []
    for by_kernel in (True, False):
        x, h, *weights = leaves(1)
        h.data[0, 0] = np.nan
        outs, _ = cells("rnn_relu", [x, *weights], [h])
        output = F.rnn_relu(x, h, *weights)[0] if by_kernel else gg.stack(outs)
        gg.sum(output).backward()
        found.append(grads([x, h, *weights]))
    assert not np.isnan(found[0][1]).any()
    assert found[0][1][0].any()
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize(("name", "gates"), [("rnn_tanh", 1), ("gru", 3)])
def test_backwards_is_forwards_on_the_turned_sequence(name: str, gates: int) -> None:
    x, h, *weights = leaves(gates)
    output, last = getattr(F, name)(x, h, *weights, reverse=True)
    turned, end = getattr(F, name)(x[::-1], h, *weights)
    np.testing.assert_array_equal(output.data, turned.data[::-1])
    np.testing.assert_array_equal(last.data, end.data)


def test_without_steps_the_state_is_the_first_one() -> None:
    x, h, *weights = leaves(3)
    output, last = F.gru(x[:0], h, *weights)
    assert output.shape == (0, 2, 3)
    gg.sum(last * 2.0).backward()
    assert h.grad is not None
    np.testing.assert_array_equal(last.data, h.data)
    np.testing.assert_array_equal(h.grad.data, np.full((2, 3), 2.0))
    assert weights[0].grad is not None
    assert not weights[0].grad.data.any()


def test_half_precision_is_computed_in_single() -> None:
    given = leaves(3, dtype="float16")
    output, last = F.gru(*given)
    assert output.dtype == last.dtype == np.float16
    exact, _ = F.gru(*(gg.tensor(one.data, dtype="float64") for one in given))
    np.testing.assert_allclose(output.data, exact.data, atol=2e-3)


def test_lengths_are_taken_as_any_integers() -> None:
    given = leaves(1)
    for lengths in ([3, 1], (3, 1), np.array([3, 1], np.int8), gg.tensor([3, 1])):
        output, last = F.rnn_tanh(*given, lengths=lengths)
        assert not output.data[1:, 1].any()
        np.testing.assert_array_equal(last.data[1], output.data[0, 1])


def test_truncated_backpropagation_carries_a_state_that_is_cut_off() -> None:
    x, h, *weights = leaves(1)
    whole, _ = F.rnn_tanh(x, h, *weights)
    first, carried = F.rnn_tanh(x[:2], h, *weights)
    second, _ = F.rnn_tanh(x[2:], carried.detach(), *weights)
    np.testing.assert_allclose(np.concatenate([first.data, second.data]), whole.data, rtol=1e-13)
    gg.sum(second).backward()
    assert x.grad is not None
    assert not x.grad.data[:2].any()
    assert x.grad.data[2].any()
