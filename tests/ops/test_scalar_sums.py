"""Weighted sums recorded as a whole are the expressions, recorded one operation at a time."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.graph.tape import CAPACITY
from graphgrad.kernels.opcodes import CODES
from graphgrad.nn.scalar import Value
from graphgrad.ops import scalar_sums
from graphgrad.ops.scalar_sums import weighted_sums


def expressions(rows: Sequence[Sequence[Any]], inputs: Sequence[Any], starts: Sequence[Any]) -> list[Any]:
    """What is meant."""
    results = []
    for row, total in zip(rows, starts, strict=True):
        for weight, one in zip(row, inputs, strict=True):
            total = total + weight * one
        results.append(total)
    return results


def structure(results: Sequence[Any]) -> list[Any]:
    """The graph that leads to some results, without its numbers: operations in order, leaves by their first use.

    The order among leaves of several kinds tells when their chunks were begun, which is nobody's business here.
    """
    graph = gg.Graph.of(*results)
    order: dict[int, int] = {}
    found: list[Any] = []
    for node in graph.nodes:
        for one in (*(graph.vertices[operand.vertex] for operand in node.operands), node):
            if one.id not in order:
                order[one.id] = len(order)
                value = repr(getattr(one.leaf, "data", one.leaf))
                found.append((one.op, one.requires_grad, value, one.name, one.scope))
        found.append([order[operand.vertex] for operand in node.operands])
    return [*found, [order[output.vertex] for output in graph.outputs]]


def taken_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sums each call that records as a whole makes."""
    calls: list[int] = []
    whole = scalar_sums._as_a_whole

    def counted(*operands: Any) -> list[Any]:
        results = whole(*operands)
        calls.append(len(results))
        return results

    monkeypatch.setattr(scalar_sums, "_as_a_whole", counted)
    return calls


def run(sums: Any, make: Any, layer: Any, shared: bool, deep: bool) -> tuple[Any, ...]:
    """Results, gradients and the graph of a layer with its leaves made in one go."""
    weights, inputs, starts = layer
    rows = [[make(w) for w in row] for row in weights]
    xs = [make(x) for x in inputs]
    begins = [make(b) for b in starts]
    if shared:  # the same scalar as weight, input and start, and a row twice
        xs[0] = begins[0] = rows[0][0]
        rows[-1] = rows[0]
    leaves = [*xs, *begins, *(w for row in rows for w in row)]
    if deep:  # computed operands, in a chunk of results
        xs = [x * 2.0 for x in xs]
        begins = [gg.tanh(b) for b in begins]
    results = sums(rows, xs, begins)
    total = results[0] * 1.0
    for one in results[1:]:
        total = total * 0.5 + one
    total.backward()
    return (
        [repr(one.data) for one in results],
        [repr(leaf.grad) for leaf in leaves],
        [repr(one.grad) for one in results],
        structure([*results, total]),
        [type(one) for one in results],
    )


numbers = st.floats(-1e3, 1e3) | st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.7e308])


@st.composite
def layers(draw: st.DrawFn) -> tuple[list[list[float]], list[float], list[float]]:
    count, rows = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    line = st.lists(numbers, min_size=count, max_size=count)
    return (
        draw(st.lists(line, min_size=rows, max_size=rows)),
        draw(line),
        draw(st.lists(numbers, min_size=rows, max_size=rows)),
    )


@given(layer=layers(), make=st.sampled_from([gg.scalar, Value]), shared=st.booleans(), deep=st.booleans())
def test_a_whole_is_the_expression_bit_for_bit(layer: Any, make: Any, shared: bool, deep: bool) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        calls = taken_as_a_whole(monkeypatch)
        found = run(weighted_sums, make, layer, shared, deep)
        assert calls == [len(layer[2])]
    assert found == run(expressions, make, layer, shared, deep)


OPERANDS = {
    "a scalar": lambda: gg.scalar(1.5),
    "a value": lambda: Value(-0.5),
    "a constant": lambda: gg.scalar(2.0, requires_grad=False),
    "a number": lambda: 0.25,
    "an integer": lambda: 3,
    "a result": lambda: gg.scalar(0.5) * 3.0,
}


@given(
    kinds=st.lists(st.sampled_from(sorted(OPERANDS)), min_size=8, max_size=8),
    rows=st.integers(1, 2),
)
def test_operands_of_all_kinds(kinds: list[str], rows: int) -> None:
    def once(sums: Any) -> Any:
        a, b, c, d, x, y, s, t = operands = [OPERANDS[kind]() for kind in kinds]
        results = sums([[a, b], [c, d]][:rows], [x, y], [s, t][:rows])
        for one in results:
            if isinstance(one, gg.Scalar) and not one.is_leaf:
                one.backward()
        return (
            [(type(one), repr(getattr(one, "data", one)), getattr(one, "requires_grad", None)) for one in results],
            [repr(getattr(one, "grad", None)) for one in operands],
            [structure([one]) for one in results if isinstance(one, gg.Scalar) and one.requires_grad],
        )

    assert once(weighted_sums) == once(expressions)


@pytest.mark.parametrize("count", [1, 2, 3, 16, 511, 512, 513, 1500])
@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("used", [0, 1, CAPACITY - 1])
def test_chunks_end_anywhere(count: int, rows: int, used: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def once(sums: Any) -> tuple[list[float], list[float | None]]:
        weights = [[gg.scalar(0.01 * (i - 3 * r)) for i in range(count)] for r in range(rows)]
        x = gg.scalar(0.3)
        inputs = [x + float(i) for i in range(count)]
        starts = [gg.scalar(float(r)) for r in range(rows)]
        while used and inputs[-1].chunk.used % CAPACITY != used:  # as far into a chunk as wanted
            inputs[-1] = inputs[-1] * 1.0
        results = sums(weights, inputs, starts)
        total = sum(results)
        total.backward()
        return [one.data for one in results], [x.grad, *(w.grad for row in weights for w in row)]

    calls = taken_as_a_whole(monkeypatch)
    found = once(weighted_sums)
    most = CAPACITY // (2 * count)
    assert sum(calls) == (rows if most else 0)
    assert all(made <= most for made in calls)
    assert found == once(expressions)


def test_no_inputs_give_the_starts_and_no_rows_nothing() -> None:
    starts = [gg.scalar(1.0), 2.0]
    assert weighted_sums([[], []], [], starts) == starts
    assert weighted_sums([], [gg.scalar(1.0)], []) == []


def test_what_does_not_fit_is_refused_before_anything_is_recorded() -> None:
    a = gg.scalar(1.0)
    used = (a * a).chunk.used
    for rows, inputs, starts, says in (
        ([[a], [a, a]], [a], [a, a], "expected: 2, got: 1"),
        ([[a, a]], [], [a], "expected: 2, got: 0"),
        ([[a]], [a], [a, a], "for each of 1 rows, got 2"),
        ([[a]], [a], [], "for each of 1 rows, got 0"),
    ):
        with pytest.raises(gg.ShapeError, match=says):
            weighted_sums(rows, inputs, starts)
    b = a * a
    assert b.chunk.used <= used + 1 or b.chunk.used == 1


@pytest.mark.parametrize("wrong", ["text", None, 1j])
def test_what_is_no_number_is_refused_as_by_the_operation(wrong: Any) -> None:
    a = gg.scalar(1.0)
    with pytest.raises(gg.DTypeError, match="multiply: a Scalar takes part with scalars and numbers"):
        weighted_sums([[a, a]], [a, wrong], [a])
    with pytest.raises(gg.DTypeError, match="add: a Scalar takes part with scalars and numbers"):
        weighted_sums([[a, a]], [a, a], [wrong])


def test_under_a_record_each_operation_has_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = taken_as_a_whole(monkeypatch)
    w, x, b = gg.scalar(2.0, name="w"), gg.scalar(3.0, name="x"), gg.scalar(1.0, name="b")
    with gg.record(), gg.scope("neuron"):
        (y,) = weighted_sums([[w]], [x], [b])
    assert not calls
    nodes = y.graph().nodes
    assert [(node.op, node.scope) for node in nodes] == [("multiply", "neuron"), ("add", "neuron")]
    assert [node.site is not None and node.site.text for node in nodes] == ["weighted_sums([[w]], [x], [b])"] * 2


def test_scopes_hooks_and_modes_see_each_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = taken_as_a_whole(monkeypatch)
    w, x, b = gg.scalar(2.0), gg.scalar(3.0), gg.scalar(1.0)
    with gg.scope("here"):
        (y,) = weighted_sums([[w]], [x], [b])
    assert {node.scope for node in y.graph().nodes} == {"here"}
    with gg.no_grad():
        (y,) = weighted_sums([[w]], [x], [b])
    assert (y.data, y.requires_grad) == (7.0, False)
    seen: list[str] = []
    with gg.forward_hook(lambda node, operands, results: seen.append(node.op.name)):
        weighted_sums([[w, w]], [x, x], [b])
    assert seen == ["multiply", "add"] * 2
    w.data = math.inf
    with gg.detect_anomaly(), pytest.raises(gg.AnomalyError, match="multiply"):
        weighted_sums([[w]], [x], [b])
    assert not calls


def test_a_write_between_two_layers_starts_a_new_chunk() -> None:
    w, x, b = gg.scalar(2.0), gg.scalar(3.0), gg.scalar(1.0)
    h = x * 1.0
    (before,) = weighted_sums([[w]], [h], [b])
    w.data = 5.0
    (after,) = weighted_sums([[w]], [h], [b])
    assert before.chunk is not after.chunk
    assert (before.data, after.data) == (7.0, 16.0)
    after.backward()
    assert (w.grad, x.grad) == (3.0, 5.0)
    with pytest.raises(gg.WriteError, match="was written after it was used"):
        before.backward()


def test_threads_keep_out_of_each_others_chunks() -> None:
    shared = [gg.scalar(0.1 * i) for i in range(8)]
    seed = weighted_sums([shared], shared, [shared[0]])[0]
    results: dict[int, tuple[float, set[int]]] = {}
    barrier = threading.Barrier(4)

    def work(k: int) -> None:
        barrier.wait()
        total, chunks = seed, set()
        for _ in range(200):
            outs = weighted_sums([shared, shared], [*shared[1:], total * 0.01], [shared[k], total])
            total = outs[0] + outs[1] * 0.125
            chunks.add(id(total.chunk))
            kept.append(total)
        results[k] = total.data, chunks

    kept: list[Any] = []
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not set.intersection(*(chunks for _, chunks in results.values()))

    for k in range(4):
        total = seed
        for _ in range(200):
            outs = expressions([shared, shared], [*shared[1:], total * 0.01], [shared[k], total])
            total = outs[0] + outs[1] * 0.125
        assert results[k][0] == total.data


def test_the_tape_holds_product_and_sum_in_turn() -> None:
    w, x, b = gg.scalar(2.0), gg.scalar(3.0), gg.scalar(1.0)
    (y,) = weighted_sums([[w, w]], [x, x], [b])
    pair = [CODES["multiply"], CODES["add"]]
    assert list(y.chunk.ops[y.index - 3 : y.index + 1]) == pair * 2
