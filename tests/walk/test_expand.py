from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.operation import Op
from graphgrad.nn import functional as F
from graphgrad.ops import TABLE
from graphgrad.walk.expand import _compare, expand, scalars, ways
from graphgrad.walk.trace import walk
from graphgrad.walk.walk import Walk
from tests.ops.declared import OPS, draw

DIFFERENT = "not the same numbers"


def outer_walks(op: Op, dtype: str = "float64") -> Iterator[tuple[Walk, int]]:
    """A walk of each sample of an operation, and the operation's vertex; a random gradient arrives there."""
    rng = np.random.default_rng(zlib.crc32(op.name.encode()))
    for case in draw(op):
        tensors = case.tensors(dtype, needs=[i for i, one in enumerate(case.operands) if one.dtype.kind == "f"])
        result = case.run(tensors)[0]
        if isinstance(result, gg.Tensor) and result.node is not None:
            weights = rng.normal(size=result.shape).astype(result.dtype)
            yield walk(gg.sum(result * weights)), result.number


EXPANDED = [op for op in OPS if op.expand is not None]
# What is made of arithmetic on single numbers.
COUNTED = [
    *["add", "subtract", "multiply", "divide", "negative", "power", "square", "sqrt", "abs", "maximum", "minimum"],
    *["where", "exp", "log", "log1p", "tanh", "sigmoid", "relu", "leaky_relu", "softplus", "matmul", "sum", "mean"],
    *["max", "min", "logsumexp", "softmax", "log_softmax", "mse_loss", "binary_cross_entropy"],
    *["binary_cross_entropy_with_logits", "cross_entropy", "nll_loss", "huber_loss", "kl_div", "hinge_loss"],
    *["triplet_margin_loss", "soft_dice_loss", "energy_nll_loss"],
]


@pytest.mark.parametrize("op", EXPANDED, ids=lambda op: op.name)
def test_expansions_agree_with_the_operation(op: Op) -> None:
    seen = 0
    for w, vertex in outer_walks(op):
        inner = expand(w, vertex)
        assert not [note for note in inner.notes if DIFFERENT in note]
        check(w, vertex, inner)
        seen += 1
    assert seen


@pytest.mark.parametrize("name", COUNTED)
def test_single_numbers_agree_with_the_operation(name: str) -> None:
    seen = 0
    for w, vertex in outer_walks(TABLE[name]):
        if not w.values[vertex][0].size or not any(
            w.values[one.vertex][0].size for one in w.graph.vertices[vertex].operands
        ):
            assert "scalars" not in ways(w, vertex)
            continue
        assert "scalars" in ways(w, vertex)
        inner = scalars(w, vertex)
        assert not [note for note in inner.notes if DIFFERENT in note]
        assert all(one.shapes == ((),) for one in inner.graph)
        check(w, vertex, inner)
        seen += 1
    assert seen


def check(w: Walk, vertex: int, inner: Walk) -> None:
    """Compare a zoom with its outer walk, without what the zoom itself says about that."""
    results = np.concatenate([inner.values[one.vertex][one.port].reshape(-1) for one in inner.graph.outputs])
    expected = np.concatenate([one.reshape(-1) for one in w.values[vertex]])
    np.testing.assert_allclose(results, expected, rtol=1e-10, atol=1e-12)
    outer = w.graph.vertices[vertex]
    passed_on: dict[int, Any] = {}
    for one in w.contributions:
        if one.vertex == vertex:
            source = outer.operands[one.operand].vertex
            passed_on[source] = passed_on.get(source, 0.0) + one.value
    leaves = [one for one in inner.graph.leaves if one.requires_grad]
    gradients = [inner.end().gradient(leaf.id) for leaf in leaves]
    found = sum(float(np.sum(one)) for one in gradients if one is not None)
    assert found == pytest.approx(sum(float(np.sum(one)) for one in passed_on.values()), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("op", TABLE.values(), ids=lambda op: op.name)
def test_ways_tells_what_works(op: Op) -> None:
    for w, vertex in outer_walks(op, "float32"):
        found = ways(w, vertex)
        for name, zoom in (("expand", expand), ("scalars", scalars)):
            if name in found:
                assert len(zoom(w, vertex).graph) > 0
            else:
                with pytest.raises(gg.GraphError, match=f"{name}: {op.name}"):
                    zoom(w, vertex)


def softmax_walk() -> tuple[gg.Tensor, gg.Tensor, Walk]:
    logits = gg.tensor([1.0, 3.0, 2.0], dtype="float64", requires_grad=True, name="logits")
    p = gg.softmax(logits)
    return logits, p, walk(gg.sum(p * np.array([1.0, 2.0, 4.0])))


def test_leaves_have_the_operands_names_and_the_outer_values() -> None:
    logits, p, w = softmax_walk()
    inner = expand(w, p.number)
    (leaf,) = inner.graph.leaves
    assert leaf.name == "x"
    assert inner.values[leaf.id][0].tolist() == logits.tolist()
    assert [one.op for one in inner.graph.nodes] == ["max", "subtract", "exp", "sum", "divide"]
    np.testing.assert_allclose(inner.end().gradient(leaf.id), w.end().gradient(logits.number), rtol=1e-12)  # type: ignore[arg-type]
    assert next(iter(inner.seeds.values())).tolist() == [1.0, 2.0, 4.0]
    assert inner.title == "softmax, expanded"
    assert len(inner.notes) == 2
    assert all("comes out the same" in note for note in inner.notes)


def test_single_numbers_are_named_by_their_places() -> None:
    _, p, w = softmax_walk()
    inner = scalars(w, p.number)
    assert [one.name for one in inner.graph.leaves] == ["x[0]", "x[1]", "x[2]"]
    assert [inner.graph.vertices[one.vertex].name for one in inner.graph.outputs] == [f"softmax[{i}]" for i in range(3)]
    x = gg.tensor(2.0, requires_grad=True)
    y = x * 3.0
    assert [one.name for one in scalars(walk(y), y.number).graph.leaves] == ["a"]


def test_a_small_product_of_matrices() -> None:
    a = gg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    b = gg.tensor([[5.0], [6.0]])
    y = a @ b
    inner = scalars(walk(gg.sum(y)), y.number)
    assert [one.op for one in inner.graph.nodes] == ["multiply", "multiply", "add"] * 2
    assert [float(inner.values[one.vertex][0]) for one in inner.graph.outputs] == [17.0, 39.0]
    needs = {one.name: one.requires_grad for one in inner.graph.leaves}
    assert needs == {"a[0,0]": True, "a[0,1]": True, "a[1,0]": True, "a[1,1]": True, "b[0,0]": False, "b[1,0]": False}
    assert {one.name: inner.end().gradient(one.id) for one in inner.graph.leaves}["b[0,0]"] is None


def test_an_operand_that_comes_twice_is_one_leaf() -> None:
    x = gg.tensor([2.0], requires_grad=True)
    y = F.mse_loss(x, x)
    inner = expand(walk(y), y.number)
    assert len(inner.graph.leaves) == 1
    assert not [note for note in inner.notes if DIFFERENT in note]


def test_an_operation_that_no_gradient_reaches_has_a_forward_pass_only() -> None:
    x = gg.tensor([1.0, 2.0])
    with gg.record():
        y = gg.softmax(x)
        w = walk(gg.sum(y))
    for zoom in (expand, scalars):
        inner = zoom(w, y.number if y.number in w.graph.vertices else w.graph.nodes[0].id)
        assert inner.graph.nodes
        assert not inner.seeds
        assert {step.phase for step in inner.steps} == {"forward"}


def test_zooms_are_of_the_users_line() -> None:
    with gg.record():
        x = gg.tensor([1.0, 2.0], requires_grad=True)
        p = gg.softmax(x)
        w = walk(gg.sum(p * p))
        first = expand(w, p.number)
        second = scalars(w, p.number)
    outer = w.graph.vertices[p.number]
    assert outer.site is not None
    for inner in (first, second):
        assert {one.site for one in inner.graph.nodes} == {outer.site}
        names = {one.name for one in inner.graph.nodes}
        assert not names & {"first", "second", "w", "x"}
    assert first.graph.vertices[first.graph.outputs[0].vertex].name == "p"


def test_zooming_leaves_everything_as_it_was() -> None:
    logits, p, w = softmax_walk()
    expand(w, p.number)
    scalars(w, p.number)
    assert logits.grad is None
    assert gg.is_grad_enabled()


def test_the_same_under_no_grad() -> None:
    _, p, w = softmax_walk()
    with gg.no_grad():
        assert len(expand(w, p.number).seeds) == 1
        assert len(scalars(w, p.number).seeds) == 3


def test_a_stable_form_and_its_textbook_form_are_told_apart() -> None:
    logits = gg.tensor([[1000.0, 0.0]], requires_grad=True)
    loss = F.cross_entropy(logits, np.array([1]))
    inner = expand(walk(loss), loss.number)
    assert loss.item() == 1000.0
    assert any(DIFFERENT in note and "1000" in note for note in inner.notes)


def test_scalars_expand_too() -> None:
    x = gg.scalar(0.5, name="x")
    y = gg.sigmoid(x) * 2.0
    w = walk(y)
    sigmoid = w.graph.nodes[0].id
    assert ways(w, sigmoid) == ("expand",)
    inner = expand(w, sigmoid)
    assert [one.op for one in inner.graph.nodes] == ["negative", "exp", "add", "divide"]
    assert inner.end().gradient(inner.graph.leaves[0].id) == pytest.approx(w.end().gradient(x.number))
    with pytest.raises(gg.GraphError, match="a single number already"):
        scalars(w, sigmoid)


def test_a_number_in_the_code_takes_part() -> None:
    x = gg.tensor([0.1, 0.9], requires_grad=True)
    y = gg.minimum(x, 0.3)
    w = walk(gg.sum(y))
    for zoom in (expand, scalars):
        assert not [note for note in zoom(w, y.number).notes if DIFFERENT in note]


def test_the_cap_is_named() -> None:
    a = gg.tensor(np.ones((20, 30)), requires_grad=True)
    y = a @ np.ones((30, 10))
    w = walk(gg.sum(y))
    assert ways(w, y.number) == ()
    with pytest.raises(gg.GraphError, match=r"12,000 operations on single numbers, more than the cap of 2,000"):
        scalars(w, y.number)
    assert len(scalars(w, y.number, cap=20_000).graph.nodes) == 20 * 10 * 59


def test_what_cant_be_zoomed_says_why() -> None:
    x = gg.tensor([[1.0, 2.0]], requires_grad=True)
    y = gg.reshape(x, (2,))
    w = walk(gg.sum(y))
    assert ways(w, y.number) == ways(w, x.number) == ()
    with pytest.raises(gg.GraphError, match="reshape moves numbers and computes none"):
        scalars(w, y.number)
    with pytest.raises(gg.GraphError, match="reshape has no expansion"):
        expand(w, y.number)
    with pytest.raises(gg.GraphError, match="is a leaf"):
        scalars(w, x.number)
    with pytest.raises(gg.GraphError, match="no vertex 12345678"):
        expand(w, 12345678)


def test_an_infinity_excuses_no_difference_beside_it() -> None:
    infinite = np.array([np.inf, 1.0])
    assert "comes out the same." in _compare("It", [infinite], [infinite])
    assert "comes out as 5 where" in _compare("It", [np.array([np.inf, 5.0])], [infinite])
    assert "comes out as 2 where" in _compare("It", [np.array([2.0, 1.0])], [infinite])
    assert "comes out as 2 where" in _compare("It", [np.array([2.0])], [np.array([np.nan])])
