"""Products of arrays: their shapes, numbers among their operands, einsum and its many forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.ops import TABLE
from graphgrad.ops.matrix.einsum import einsum
from graphgrad.ops.matrix.products import dot, inner, kron, outer, tensordot
from graphgrad.ops.matrix.vectors import cross, matvec, vecdot, vecmat
from graphgrad.walk.file import from_json, to_json
from tests.ops.test_shapes import agree, lengths, shapes, zeros

axes = st.integers(-3, 2)


# ---- shapes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dot", "inner"])
@given(a=shapes, b=shapes, alike=st.booleans())
def test_sums_over_one_axis(name: str, a: Any, b: Any, alike: bool) -> None:
    if alike and a and b:  # random shapes seldom fit
        at = -1 if name == "inner" or len(b) == 1 else -2
        b = (*b[:at], a[-1], *b[len(b) + at + 1 :])
    agree(name, [zeros(a), zeros(b)])


@given(
    a=shapes, b=shapes, count=st.integers(0, 3), pair=st.tuples(st.lists(axes, max_size=2), st.lists(axes, max_size=2))
)
def test_tensordot(a: Any, b: Any, count: int, pair: Any) -> None:
    agree("tensordot", [zeros(a), zeros(b)], axes=count)
    agree("tensordot", [zeros(a), zeros((*a[len(a) - count :], *b))], axes=count)
    agree("tensordot", [zeros(a), zeros(b)], axes=tuple(map(tuple, pair)))


@pytest.mark.parametrize("name", ["kron", "outer"])
@given(a=shapes, b=shapes)
def test_all_with_all(name: str, a: Any, b: Any) -> None:
    agree(name, [zeros(a), zeros(b)])


@pytest.mark.parametrize("name", ["vecdot", "cross"])
@given(a=shapes, b=shapes, axis=axes, length=st.just(3) | lengths)
def test_vectors_along_an_axis(name: str, a: Any, b: Any, axis: int, length: int) -> None:
    agree(name, [zeros(a), zeros(b)], axis=axis)
    agree(name, [zeros((*a, length)), zeros((*b, length))], axis=-1)


@given(a=shapes, b=shapes, rows=lengths, columns=lengths)
def test_matrices_with_vectors(a: Any, b: Any, rows: int, columns: int) -> None:
    agree("matvec", [zeros(a), zeros(b)])
    agree("matvec", [zeros((*a, rows, columns)), zeros((*b, columns))])
    agree("vecmat", [zeros(a), zeros(b)])
    agree("vecmat", [zeros((*a, rows)), zeros((*b, rows, columns))])


# ---- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [dot, inner, kron, outer, lambda a, b: tensordot(a, b, 0)])
def test_a_number_promotes_nothing_and_gets_no_gradient(function: Any) -> None:
    x = gg.tensor([[1.0, 2.0]], requires_grad=True)
    for result in (function(x, 3.0), function(3.0, x)):
        assert result.dtype == np.float32
        assert result.data.ravel().tolist() == [3.0, 6.0]
        x.grad = None
        gg.sum(result).backward()
        assert x.grad is not None
        assert x.grad.dtype == np.float32
        assert x.grad.tolist() == [[3.0, 3.0]]


@pytest.mark.parametrize("name", ["vecdot", "cross", "matvec", "matmul", "einsum"])
def test_a_number_is_no_vector(name: str) -> None:
    x = gg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    function = {"einsum": lambda a, b: einsum("i,i", a, b)}.get(name, TABLE[name].call)
    for operands in ((x, 2.0), (2.0, x)):
        with pytest.raises(gg.ShapeError, match=name):
            function(*operands)


def test_numpys_vecdot_along_another_axis_is_the_operation() -> None:
    x = gg.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    result: Any = np.vecdot(x, x, axis=0)  # type: ignore[call-overload]
    assert result.node.op.name == "vecdot"
    assert result.tolist() == [20.0, 35.0]
    with pytest.raises(gg.DTypeError, match=r"np\.vecdot: this call[\s\S]*arguments: axes"):
        np.vecdot(x, x, axes=[(0,), (0,), ()])  # type: ignore[list-item]


def test_vectors_of_one_matrix_each() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 3))
    np.testing.assert_allclose(matvec(a, b).data, np.stack([m @ v for m, v in zip(a, b, strict=True)]), rtol=1e-14)
    np.testing.assert_allclose(vecmat(b, a.swapaxes(1, 2)).data, matvec(a, b).data, rtol=1e-14)
    np.testing.assert_allclose(cross(b, b).data, np.zeros((4, 3)), atol=1e-15)
    np.testing.assert_allclose(vecdot(b, b).data, (b**2).sum(-1), rtol=1e-14)


# ---- einsum ----------------------------------------------------------------------------------------------------------


@st.composite
def sums_of_products(draw: st.DrawFn) -> tuple[str, list[Any]]:
    """Subscripts with repeated letters, axes of length 1 and dots, and arrays that fit."""
    letters = "abc"
    of = {letter: draw(st.integers(0, 3)) for letter in letters}
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    dotted, batch = draw(st.booleans()), (2, 3)
    terms, arrays = [], []
    for _ in range(draw(st.integers(1, 3))):
        names = draw(st.lists(st.sampled_from(letters), max_size=3))
        # A letter has one length within an operand, which may be 1 where other operands have more.
        own = {letter: 1 if draw(st.integers(0, 5)) == 0 else of[letter] for letter in letters}
        shape = [own[letter] for letter in names]
        at, more = draw(st.integers(0, len(names))), batch[draw(st.integers(0, 2)) :]
        if dotted:
            names, shape = [*names[:at], "...", *names[at:]], [*shape[:at], *more, *shape[at:]]
        terms.append("".join(names))
        arrays.append(rng.normal(size=shape))
    used = sorted({letter for term in terms for letter in term if letter in letters})
    output = draw(st.none() | st.lists(st.sampled_from(used), unique=True) if used else st.none() | st.just([]))
    text = ",".join(terms)
    return text if output is None else f"{text}->{'...' if dotted else ''}{''.join(output)}", arrays


@given(sums_of_products(), st.sampled_from([True, False, "greedy", "optimal"]))
def test_einsum_is_numpys(drawn: tuple[str, list[Any]], optimize: Any) -> None:
    subscripts, arrays = drawn
    expected = np.einsum(subscripts, *arrays)
    leaves = [gg.tensor(one, requires_grad=True) for one in arrays]
    result = einsum(subscripts, *leaves, optimize=optimize)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result.data, expected, rtol=1e-11, atol=1e-12)
    weights = np.random.default_rng(1).normal(size=expected.shape)
    gg.sum(result * weights).backward()
    for k, leaf in enumerate(leaves):
        assert leaf.grad is not None
        # It is linear in each operand: the result for a basis matrix is the derivative.
        for place in np.ndindex(leaf.shape):
            basis = np.zeros(leaf.shape)
            basis[place] = 1.0
            slope = np.sum(np.einsum(subscripts, *arrays[:k], basis, *arrays[k + 1 :]) * weights)
            assert leaf.grad.data[place] == pytest.approx(slope, rel=1e-9, abs=1e-10)
    with gg.record() as recording:
        einsum(subscripts, *arrays, optimize=optimize)
    (node,) = recording.nodes
    assert node.op.expand is not None
    np.testing.assert_allclose(node.op.expand(leaves, **node.attrs).data, expected, rtol=1e-11, atol=1e-12)


@given(
    text=st.text("ab.,->1 ", max_size=8),
    of=st.lists(st.lists(st.integers(1, 2), max_size=2).map(tuple), min_size=1, max_size=2),
)
def test_einsum_refuses_what_numpy_refuses(text: str, of: Any) -> None:
    arrays = [np.ones(shape) for shape in of]
    try:
        expected = np.einsum(text, *arrays)
    except ValueError:
        with pytest.raises(gg.ShapeError, match="einsum: "):
            einsum(text, *arrays)
        return
    np.testing.assert_allclose(einsum(text, *arrays).data, expected)


@pytest.mark.parametrize("optimize", [True, False])
def test_large_products_are_those_of_matrices(optimize: bool) -> None:
    rng = np.random.default_rng(2)
    a, b = gg.tensor(rng.normal(size=(40, 30)), requires_grad=True), gg.tensor(rng.normal(size=(35, 40)))
    result = einsum("ji,kj->ik", a, b, optimize=optimize)
    np.testing.assert_allclose(result.data, a.data.T @ b.data.T, rtol=1e-10, atol=1e-12)
    gg.sum(result).backward()
    assert a.grad is not None
    np.testing.assert_allclose(a.grad.data, np.outer(b.data.sum(0), np.ones(30)), rtol=1e-10, atol=1e-12)


def test_a_chain_is_multiplied_in_the_cheap_order() -> None:
    shapes = [(50, 50), (50, 50), (50, 2)]
    attrs: dict[str, Any] = {"subscripts": "ij,jk,kl->il", "optimize": True}
    assert einsum.op.cost(shapes, **attrs) == 2 * (2 * 50 * 50 * 2)
    assert einsum.op.cost(shapes, **{**attrs, "optimize": False}) == 3 * 50 * 50 * 50 * 2


def test_einsum_without_operands_or_with_numpys_other_form_is_refused() -> None:
    with pytest.raises(
        TypeError, match=r"einsum: needs operands\n  signature: einsum\(subscripts, \*operands, optimize"
    ):
        einsum("ij")
    with pytest.raises(gg.DTypeError, match="einsum: subscripts is a text such as 'ij,jk->ik'"):
        einsum(np.eye(2), [0, 1])
    x: Any = gg.tensor([1.0])
    with pytest.raises(TypeError, match="einsum: has no argument 'out'"):
        np.einsum("i", x, out=np.zeros(1))
    with pytest.raises(gg.ShapeError, match="there are more axes than the 52 letters"):
        einsum("...", np.zeros((1,) * 53))


def test_a_graph_with_einsum_runs_again_and_is_kept_in_a_file() -> None:
    x = gg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="x")
    graph = einsum("ij,kj->ik", x, x).graph()
    assert graph.run({"x": np.eye(2)}).tolist() == np.eye(2).tolist()
    again: Any = from_json(to_json(graph))
    assert again.run().tolist() == graph.run().tolist()
