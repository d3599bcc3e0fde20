"""Writing in place: which gradient comes of it, and which writes are refused."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.ops import inplace

HERE = Path(__file__).name

WRITES = [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow, operator.imod]
PLAIN = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod]


def leaf(*values: float) -> gg.Tensor:
    return gg.tensor(list(values), dtype="float64", requires_grad=True)


def grad_of(tensor: gg.Tensor) -> list[float]:
    assert tensor.grad is not None
    return tensor.grad.data.tolist()


# ---- leaves


@pytest.mark.parametrize("write", WRITES)
def test_a_leaf_that_needs_a_gradient_is_refused(write: Callable[[Any, Any], Any]) -> None:
    w = gg.tensor([2.0, 3.0], requires_grad=True, name="w")
    with pytest.raises(
        gg.WriteError, match=r"in place: tensor 'w' of shape .* is a leaf that needs a gradient"
    ) as caught:
        write(w, 2.0)  # refused here
    assert HERE in str(caught.value)
    assert "# refused here" in str(caught.value)
    assert "hint: update parameters inside gg.no_grad()" in str(caught.value)
    assert w.tolist() == [2.0, 3.0]
    assert w.is_leaf


def test_an_element_of_a_leaf_that_needs_a_gradient_is_refused() -> None:
    w = leaf(2.0, 3.0)
    with pytest.raises(gg.WriteError, match="setitem in place"):
        w[0] = 1.0
    with pytest.raises(gg.WriteError):
        w[0] += 1.0
    assert w.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(("write", "plain"), list(zip(WRITES, PLAIN, strict=True)))
def test_under_no_grad_a_leaf_is_written(write: Callable[[Any, Any], Any], plain: Callable[[Any, Any], Any]) -> None:
    w = leaf(2.0, 3.0)
    array, same = w.data, w
    with gg.no_grad():
        w = write(w, 2.0)
    assert w is same
    assert w.data is array
    assert w.tolist() == plain(np.array([2.0, 3.0]), 2.0).tolist()
    assert w.is_leaf
    assert w.requires_grad
    gg.sum(w * w).backward()
    assert grad_of(w) == (2 * w.data).tolist()


def test_a_constant_is_written_and_stays_one() -> None:
    t = gg.tensor([1.0, 2.0])
    array = t.data
    t += 1
    t[0] = 9.0
    assert t.data is array
    assert t.tolist() == [9.0, 3.0]
    assert t.is_leaf
    assert not t.requires_grad


# ---- computed tensors


@pytest.mark.parametrize(("write", "plain"), list(zip(WRITES, PLAIN, strict=True)))
def test_a_computed_tensor_gets_a_new_node(write: Callable[[Any, Any], Any], plain: Callable[[Any, Any], Any]) -> None:
    x, v = leaf(1.5, 2.5), leaf(2.0, 0.5)
    h = same = x * 2
    number, array = h.number, h.data
    h = write(h, v)
    assert h is same
    assert h.data is array
    assert h.number > number
    gg.sum(h * h).backward()

    x2, v2 = leaf(1.5, 2.5), leaf(2.0, 0.5)
    k = plain(x2 * 2, v2)
    gg.sum(k * k).backward()
    assert h.tolist() == k.tolist()
    assert grad_of(x) == grad_of(x2)
    assert grad_of(v) == grad_of(v2)


KEYS = [0, -1, slice(1, None), slice(None, None, -1), [0, 2], np.array([True, False, True]), Ellipsis, (slice(0, 2),)]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_elements_of_a_computed_tensor(key: Any) -> None:
    x, v = leaf(1.0, 2.0, 3.0), gg.tensor(10.0, dtype="float64", requires_grad=True)
    h = x * x
    h[key] = v * v
    weights = np.array([1.0, 10.0, 100.0])
    gg.sum(h * weights).backward()
    untouched = np.ones(3)
    untouched[key] = 0.0
    assert grad_of(x) == (2 * x.data * weights * untouched).tolist()
    assert v.grad is not None
    assert v.grad.item() == 20.0 * weights[untouched == 0].sum()


def test_a_value_written_to_a_constant_carries_its_gradient() -> None:
    w = leaf(1.0, 2.0)
    buffer = gg.zeros(4, dtype="float64")
    buffer[1:3] = w * 3
    assert not buffer.is_leaf
    assert buffer.requires_grad
    gg.sum(buffer * np.arange(4.0)).backward()
    assert grad_of(w) == [3.0, 6.0]


def test_a_buffer_filled_in_a_loop() -> None:
    w = leaf(2.0)
    out = gg.zeros(4, dtype="float64")
    h = gg.ones(1, dtype="float64")
    for i in range(4):
        h = h * w
        out[i] = h[0]
    assert out.tolist() == [2.0, 4.0, 8.0, 16.0]
    gg.sum(out).backward()
    assert grad_of(w) == [1 + 4 + 12 + 32.0]


def test_augmented_element_of_a_constant() -> None:
    w = leaf(1.0, 2.0)
    t = gg.ones(3, dtype="float64")
    t[0:2] += w
    t[2] += w[0]
    gg.sum(t * np.array([1.0, 10.0, 100.0])).backward()
    assert t.tolist() == [2.0, 3.0, 2.0]
    assert grad_of(w) == [101.0, 10.0]


def test_augmented_elements_of_a_computed_tensor() -> None:
    x, w = leaf(1.0, 2.0, 3.0), leaf(5.0, 7.0)
    h = x * 2
    h[0:2] += w
    h[1:] *= h[:-1]
    h[0] -= 1
    # h = (2a + 5 - 1, (2b + 7)(2a + 5), 2c (2b + 7))
    assert h.tolist() == [6.0, 77.0, 66.0]
    gg.sum(h).backward()
    assert grad_of(x) == [2 + 22.0, 14 + 12.0, 22.0]
    assert grad_of(w) == [1 + 11.0, 7 + 6.0]


def test_an_augmented_member_of_a_list_is_no_element_of_a_tensor() -> None:
    """Python assigns the result to the list, and nobody would write it to the memory that the view looks at."""
    w = leaf(1.0, 2.0)
    t, h = gg.zeros(3, dtype="float64"), leaf(0.0, 0.0, 0.0) * 1
    for views in ([t[0:2]], [h[0:2]]):
        with pytest.raises(gg.WriteError, match="is a view, whose memory another tensor looks at too"):
            views[0] += w
    assert t.tolist() == h.tolist() == [0.0, 0.0, 0.0]


def test_an_augmented_element_of_an_attribute() -> None:
    class Holder:
        state = gg.ones((2, 2), dtype="float64")

    w = leaf(3.0, 4.0)
    for i in range(2):
        Holder.state[i] *= w * (i + 1)
    gg.sum(Holder.state).backward()
    assert Holder.state.tolist() == [[3.0, 4.0], [6.0, 8.0]]
    assert grad_of(w) == [3.0, 3.0]


def test_an_alias_of_a_constant_takes_no_gradient() -> None:
    w = leaf(1.0, 2.0)
    t = gg.zeros(3, dtype="float64")
    v = t[0:2]
    with pytest.raises(gg.WriteError, match="is a view, whose memory another tensor looks at too"):
        v += w
    assert t.tolist() == [0.0, 0.0, 0.0]


def test_writing_a_value_that_shares_the_memory() -> None:
    x = leaf(1.0, 2.0, 3.0)
    h = x * 2
    h *= h[::-1]
    gg.sum(h).backward()
    assert grad_of(x) == [24.0, 16.0, 8.0]
    y = leaf(3.0)
    k = y * 2
    k *= k
    k.backward(np.ones(k.shape))
    assert grad_of(y) == [24.0]


def test_a_copy_of_numpys_own_making_is_no_view() -> None:
    x = leaf(1.0, 2.0, 3.0)
    k = (x * 2)[[0, 1]]
    k += 1
    gg.sum(k * k).backward()
    assert grad_of(x) == [12.0, 20.0, 0.0]


def test_a_read_only_tensor_is_refused() -> None:
    with pytest.raises(gg.WriteError, match=r"read-only(.|\n)*test_inplace"):
        gg.broadcast_to(gg.ones(1), (3,))[0] = 2.0


def test_giving_a_leaf_another_array_writes_to_neither() -> None:
    p, q = leaf(1.0), leaf(2.0)
    y = gg.sum(q * q)
    p.data = q.data
    y.backward()
    assert grad_of(q) == [4.0]


def test_a_chain_of_writes() -> None:
    x = leaf(2.0)
    h = x * 1
    h += x
    h *= x
    h -= 1
    h /= x
    h **= 2
    h[0] = h[0] * 2
    h.backward()
    # h = 2 (2x - 1/x)²
    assert h.item() == 2 * (4 - 0.5) ** 2
    assert np.allclose(grad_of(x), [4 * (4 - 0.5) * (2 + 0.25)])


def test_the_value_may_be_the_tensor_itself() -> None:
    x = leaf(3.0)
    h = x * 1
    h += h
    h -= 3 * h
    h.backward()
    assert h.item() == -12.0
    assert grad_of(x) == [-4.0]


def test_overlapping_views_of_one_array() -> None:
    x = leaf(1.0, 2.0, 3.0, 4.0)
    h = x * 1
    h[1:] = h[:-1]
    assert h.tolist() == [1.0, 1.0, 2.0, 3.0]
    gg.sum(h * np.array([1.0, 10.0, 100.0, 1000.0])).backward()
    assert grad_of(x) == [11.0, 100.0, 1000.0, 0.0]


def test_what_was_computed_before_a_write_keeps_its_own_gradient() -> None:
    x = leaf(2.0)
    h = x * 3
    before = h + 1
    h += 10
    after = h * 2
    gg.sum(before * 100 + after).backward()
    assert grad_of(x) == [306.0]


def test_a_write_spoils_what_the_graph_before_it_saved() -> None:
    x = leaf(2.0)
    h = x * 3
    before = h * h
    h += 10
    with pytest.raises(gg.WriteError, match=r"multiply needs operand a(.|\n)*written at: .*h \+= 10"):
        before.backward()


def test_writes_under_record_have_the_same_gradient() -> None:
    x = leaf(1.0, 2.0)
    with gg.record() as recording:
        h = x * 2
        h[0] = 7.0
        h *= 3
    gg.sum(h).backward()
    assert grad_of(x) == [0.0, 6.0]
    assert [node.op.name for node in recording.nodes] == ["multiply", "setitem", "multiply"]


def test_a_written_computed_tensor_runs_again_from_its_graph() -> None:
    x = gg.tensor([1.0, 2.0], dtype="float64", requires_grad=True, name="x")
    h = x * 2
    h[0] = 7.0
    h *= x
    graph = h.graph()
    assert graph.run().tolist() == h.tolist() == [7.0, 8.0]
    assert graph.run({"x": [2.0, 3.0]}).tolist() == [14.0, 18.0]


# ---- views


VIEWS: list[Callable[[gg.Tensor], gg.Tensor]] = [
    lambda h: h[1:],
    lambda h: h.reshape(2, 2),
    lambda h: gg.split(h, 2)[1],
    lambda h: gg.expand_dims(h, 0),
    lambda h: gg.unbind(h.reshape(2, 2))[0],
    lambda h: gg.identity(h[:2]),
    lambda h: h.reshape(2, 2).T,
]


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_that_needs_a_gradient_is_refused(view: Callable[[gg.Tensor], gg.Tensor]) -> None:
    x = leaf(1.0, 2.0, 3.0, 4.0)
    h = x * 1
    v = view(h)
    with pytest.raises(
        gg.WriteError, match=r"is a view, whose memory(.|\n)*hint: write to the tensor that it is a view of"
    ):
        v += 1
    with pytest.raises(gg.WriteError, match="is a view"):
        v[0] = 1.0
    assert h.tolist() == [1.0, 2.0, 3.0, 4.0]
    gg.sum(h * h).backward()
    assert grad_of(x) == [2.0, 4.0, 6.0, 8.0]


def test_a_copy_of_a_view_is_written() -> None:
    x = leaf(1.0, 2.0, 3.0)
    h = x * 1
    v = h[1:] * 1
    v += 1
    assert h.tolist() == [1.0, 2.0, 3.0]
    element = h[0]  # one number is copied out, as in NumPy
    element += 1
    assert h.tolist() == [1.0, 2.0, 3.0]
    gg.sum(v * v).backward()
    assert grad_of(x) == [0.0, 6.0, 8.0]


@pytest.mark.parametrize("view", [gg.identity, gg.atleast_1d, gg.real], ids=lambda view: view.op.name)
def test_a_view_of_a_whole_leaf_is_one_too(view: Callable[[gg.Tensor], gg.Tensor]) -> None:
    x = leaf(1.0, 2.0)
    y = view(x)
    with pytest.raises(gg.WriteError, match="is a view"):
        y += 1
    assert x.tolist() == [1.0, 2.0]


def test_a_view_of_constants_is_written_through() -> None:
    t = gg.zeros((2, 2))
    row = t[0]
    row += 1
    assert t.tolist() == [[1.0, 1.0], [0.0, 0.0]]


# ---- where nothing is recorded


VALUES: list[Any] = [7.0, 7, True, np.float32(7.0), np.full(3, 7.0), gg.tensor([1, 2, 3]), gg.tensor([[1.0, 2.0, 3.0]])]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("key", [(), slice(None), slice(None, None, -1), [2, 0, 1], np.array([True] * 3)], ids=str)
def test_a_constant_holds_what_numpy_would_write(key: Any, value: Any) -> None:
    t, expected = gg.zeros(3), np.zeros(3, np.float32)
    t[key] = value
    if np.ndim(value) == 2:
        value = value.data[0]
    expected[key] = value.data if isinstance(value, gg.Tensor) else value
    assert t.tolist() == expected.tolist()
    assert t.is_leaf
    assert t.dtype == np.float32


def test_a_constant_may_be_written_with_its_own_elements() -> None:
    for key in (slice(1, None), [1, 2, 3]):
        t = gg.arange(4)
        t[key] = t[:-1]
        assert t.tolist() == [0, 0, 1, 2]


def test_an_element_of_a_constant_is_written_without_a_copy_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    t = gg.zeros(1000)
    monkeypatch.setattr(inplace, "setitem", gg.setitem)
    monkeypatch.setattr(gg.setitem.op, "forward", None)  # which makes a copy
    t[3] = 1.0
    t[[4, 5]] = gg.ones(2)
    assert t.data.sum() == 3.0


def test_what_a_graph_saved_is_spoilt_by_a_write_to_a_constant() -> None:
    w, t = leaf(1.0, 2.0), gg.ones(2, dtype="float64")
    y = w * t
    t[0] = 5.0
    with pytest.raises(gg.WriteError, match=r"multiply needs operand b(.|\n)*written at: .*t\[0\] = 5\.0"):
        gg.sum(y).backward()


def test_integers_are_written_by_their_own_operators() -> None:
    t = same = gg.tensor([12, 7])
    array = t.data
    t //= 2
    t %= 4
    t |= 8
    t &= 11
    t ^= 1
    t <<= 2
    t >>= 1
    assert t is same
    assert t.data is array
    assert t.tolist() == [((((12 // 2 % 4) | 8) & 11) ^ 1) * 2, ((((7 // 2 % 4) | 8) & 11) ^ 1) * 2]
    m = same = gg.tensor([[1.0, 2.0], [3.0, 4.0]])
    m @= [[0.0, 1.0], [1.0, 0.0]]
    assert m is same
    assert m.tolist() == [[2.0, 1.0], [4.0, 3.0]]


def test_no_gradient_passes_a_write_that_has_none() -> None:
    x = leaf(5.0)
    h = x * 1
    h //= 2
    assert h.is_leaf
    assert not h.requires_grad
    (h * x).backward(np.ones(1))
    assert grad_of(x) == [2.0]


# ---- refusals that change nothing


def test_a_result_of_another_shape_is_refused() -> None:
    for t in (gg.ones(3), gg.ones(3, requires_grad=True) * 1):
        with pytest.raises(gg.ShapeError, match=r"in place: the result has shape \(2, 3\)\n  expected: \(3,\)"):
            t += np.ones((2, 3), np.float32)
        assert t.tolist() == [1.0, 1.0, 1.0]
        with pytest.raises(gg.ShapeError, match="don't broadcast"):
            t += np.ones(4, np.float32)
        with pytest.raises(gg.ShapeError, match="out of bounds"):
            t[5] = 1.0
        assert t.tolist() == [1.0, 1.0, 1.0]


def test_a_result_of_another_dtype_is_refused() -> None:
    t = gg.tensor([1, 2])
    with pytest.raises(gg.DTypeError, match="float64 can't be written to int64"):
        t += 0.5
    with pytest.raises(gg.DTypeError):
        t /= 2
    with pytest.raises(gg.DTypeError):
        t[0] = 1.5
    assert t.tolist() == [1, 2]


def test_a_wider_value_is_rounded_to_the_tensor() -> None:
    x = gg.ones(2, requires_grad=True)
    v = leaf(0.5, 0.25)
    h = x * 1
    h += v
    assert h.dtype == np.float32
    gg.sum(h).backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32
    assert grad_of(v) == [1.0, 1.0]


def test_a_scalar_is_refused_as_a_value() -> None:
    t = gg.ones(2)
    with pytest.raises(gg.DTypeError):
        t += gg.scalar(1.0)  # type: ignore[arg-type]
    with pytest.raises(gg.DTypeError):
        t[0] = gg.scalar(1.0)  # type: ignore[assignment]
    assert t.tolist() == [1.0, 1.0]


# ---- against the same without writing


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 2)), min_size=1, max_size=8))
def test_any_chain_of_writes_equals_the_chain_without(steps: list[tuple[int, bool, int]]) -> None:
    start, other = [0.7, 1.1, 1.6], [0.9, 1.3, 0.6]
    x, w = leaf(*start), leaf(*other)
    y, u = leaf(*start), leaf(*other)
    h, k = x * 1, y * 1
    for which, whole, i in steps:
        exponent = which == 4
        if whole:
            h = WRITES[which](h, 1.5 if exponent else w + 0.5)
            k = PLAIN[which](k, 1.5 if exponent else u + 0.5)
        else:
            h[i] = PLAIN[which](h[i], 1.5 if exponent else w[i])
            k = gg.setitem(k, PLAIN[which](k[i], 1.5 if exponent else u[i]), i)
        h, k = gg.abs(h) * 0.5 + 0.5, gg.abs(k) * 0.5 + 0.5
    gg.sum(h * h).backward()
    gg.sum(k * k).backward()
    assert np.array_equal(h.data, k.data)
    assert np.allclose(grad_of(x), grad_of(y), rtol=1e-12)
    if w.grad is not None or u.grad is not None:
        assert np.allclose(grad_of(w), grad_of(u), rtol=1e-12)
