"""What a tensor is: a leaf or computed, its values, its gradient, and how it leaves the graph."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import graphgrad as gg


def grad_of(tensor: gg.Tensor) -> np.ndarray:
    assert tensor.grad is not None
    return tensor.grad.data


# ---- leaves and requires_grad


def test_a_made_tensor_is_a_leaf_that_needs_no_gradient() -> None:
    t = gg.tensor([1.0, 2.0])
    assert t.is_leaf
    assert not t.requires_grad
    assert t.node is None
    assert t.scope == ""
    assert t.grad is None
    assert t.name is None


def test_a_computed_tensor_is_a_leaf_only_without_gradients() -> None:
    x, w = gg.tensor([1.0]), gg.tensor([1.0], requires_grad=True)
    assert (x * 2).is_leaf
    y = w * 2
    assert not y.is_leaf
    assert y.requires_grad
    assert y.node is not None
    assert y.node.op.name == "multiply"


def test_requires_grad_can_be_switched_on_a_leaf() -> None:
    x = gg.tensor([1.0, 2.0])
    before = x * 3
    x.requires_grad = True
    after = x * 3
    assert not before.requires_grad
    assert after.requires_grad
    gg.sum(after).backward()
    assert grad_of(x).tolist() == [3.0, 3.0]
    x.requires_grad = False
    assert not (x * 3).requires_grad
    assert grad_of(x).tolist() == [3.0, 3.0]


@pytest.mark.parametrize("value", [True, False])
def test_requires_grad_of_a_computed_tensor_cannot_be_switched(value: bool) -> None:
    y = gg.tensor([1.0], requires_grad=True) * 2
    with pytest.raises(gg.GraphError, match=r"leaves only(.|\n)*hint: t\.detach\(\)"):
        y.requires_grad = value
    assert y.requires_grad


@pytest.mark.parametrize("data", [[1, 2], [True, False]])
def test_only_floats_can_need_a_gradient(data: list[int]) -> None:
    with pytest.raises(gg.DTypeError, match="only floating tensors have gradients"):
        gg.tensor(data, requires_grad=True)
    t = gg.tensor(data)
    with pytest.raises(gg.DTypeError, match="only floating tensors have gradients"):
        t.requires_grad = True
    assert not t.requires_grad


# ---- data


@pytest.mark.parametrize("data", [3.0, 3, True, np.float64(3.0), np.array(3.0), [], [[1.0]], np.zeros((2, 0))])
def test_data_is_always_an_ndarray(data: Any) -> None:
    t = gg.tensor(data)
    assert type(t.data) is np.ndarray
    assert t.shape == np.shape(data)
    assert (t.ndim, t.size) == (np.ndim(data), np.size(data))


def test_results_of_one_number_are_ndarrays_too() -> None:
    x = gg.tensor(3.0, requires_grad=True)
    v = gg.tensor([1.0, 2.0], requires_grad=True)
    for y in (x * x, x + 1, 2.0**x, gg.sum(v), v[0], gg.tanh(x), v @ v, gg.max(v), next(iter(v)), x.detach(), -x):
        assert type(y.data) is np.ndarray
        assert y.shape == ()
    with gg.no_grad():
        assert type((x * x).data) is np.ndarray
    (x * x).backward()
    assert type(grad_of(x)) is np.ndarray
    (x * x).backward()
    assert type(grad_of(x)) is np.ndarray


def test_the_data_setter_writes_a_leaf_without_recording() -> None:
    p = gg.tensor([1.0, 2.0], requires_grad=True)
    for value in (np.array([3.0, 4.0]), [5.0, 6.0], gg.tensor([7.0, 8.0]), (9, 10)):
        p.data = value
        assert p.tolist() == np.asarray(gg.asarray(value).data).tolist()
        assert p.dtype == np.float32
    assert p.is_leaf
    assert p.requires_grad


def test_the_data_setter_takes_one_number() -> None:
    p = gg.tensor(1.0, requires_grad=True)
    p.data = np.float64(2.5)
    assert type(p.data) is np.ndarray
    assert p.dtype == np.float32
    p.data -= 0.5
    assert p.item() == 2.0


@pytest.mark.parametrize("value", [[1.0], [[1.0, 2.0]], 1.0, [1.0, 2.0, 3.0], []])
def test_the_data_setter_keeps_the_shape(value: object) -> None:
    p = gg.tensor([1.0, 2.0])
    with pytest.raises(gg.ShapeError, match=r"expected: \(2,\)\n  got: "):
        p.data = value
    assert p.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [[1j, 2.0], ["a", "b"], [None, 1.0]])
def test_the_data_setter_keeps_the_dtype(value: list[object]) -> None:
    p = gg.tensor([1.0, 2.0])
    with pytest.raises(gg.DTypeError, match="keeps its dtype"):
        p.data = value
    assert p.tolist() == [1.0, 2.0]


def test_the_data_setter_does_not_round_floats_to_integers() -> None:
    p = gg.tensor([1, 2])
    with pytest.raises(gg.DTypeError, match=r"expected: int64\n  got: float64"):
        p.data = np.array([1.5, 2.5])
    assert p.tolist() == [1, 2]


def test_the_values_of_a_computed_tensor_cannot_be_set() -> None:
    y = gg.tensor([1.0], requires_grad=True) * 2
    with pytest.raises(gg.WriteError, match="was computed by multiply"):
        y.data = np.array([1.0], np.float32)
    assert y.tolist() == [2.0]


# ---- grad


def test_grad_can_be_set_to_a_tensor_of_the_shape_or_none() -> None:
    p = gg.tensor([1.0, 2.0], requires_grad=True)
    p.grad = gg.tensor([3.0, 4.0])
    assert grad_of(p).tolist() == [3.0, 4.0]
    gg.sum(p).backward()
    assert grad_of(p).tolist() == [4.0, 5.0]
    p.grad = None
    assert p.grad is None


def test_grad_refuses_other_things() -> None:
    p = gg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(gg.DTypeError, match="a Tensor or None is needed, got ndarray"):
        p.grad = np.zeros(2)  # type: ignore[assignment]
    with pytest.raises(gg.ShapeError, match="shape of its tensor"):
        p.grad = gg.tensor([1.0])
    assert p.grad is None


# ---- detaching


def test_detach_shares_values_and_passes_no_gradient() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True, name="x")
    y = x * x
    d = y.detach()
    assert d.is_leaf
    assert not d.requires_grad
    assert np.shares_memory(d.data, y.data)
    assert x.detach().name == "x"
    gg.sum(d * x).backward()
    assert grad_of(x).tolist() == [1.0, 4.0]


def test_numpy_shares_memory() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    assert x.numpy() is x.data


# ---- numbers, truth, length, iteration


def test_one_element_becomes_a_python_number() -> None:
    for data in (2.5, [2.5], [[2.5]]):
        t = gg.tensor(data)
        assert t.item() == 2.5
        assert type(t.item()) is float
        assert float(t) == 2.5
        assert int(t) == 2
        assert bool(t)
        assert f"{t:.3f}" == "2.500"
        assert math.floor(float(t)) == 2
    assert type(gg.tensor(3).item()) is int
    assert type(gg.tensor(True).item()) is bool
    assert not bool(gg.tensor(0.0))
    assert bool(gg.tensor(float("nan")))


@pytest.mark.parametrize("data", [[1.0, 2.0], []])
def test_several_elements_are_no_number(data: list[float]) -> None:
    t = gg.tensor(data, name="scores")
    for convert in (float, int, lambda t: t.item()):
        with pytest.raises(gg.ShapeError, match="one element is needed, tensor 'scores'"):
            convert(t)
    with pytest.raises(ValueError, match=r"truth value(.|\n)*\.all\(\) or \.any\(\)"):
        bool(t)


def test_an_integer_tensor_is_an_index() -> None:
    items = ["a", "b", "c"]
    assert items[gg.tensor(1)] == "b"
    assert list(range(gg.tensor([3]))) == [0, 1, 2]
    with pytest.raises(TypeError, match="an integer tensor is needed, got float32"):
        items[gg.tensor(1.0)]
    with pytest.raises(TypeError, match="an integer tensor is needed, got bool"):
        items[gg.tensor(True)]


def test_length_and_iteration() -> None:
    t = gg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    assert len(t) == 3
    rows = list(t)
    assert [row.tolist() for row in rows] == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    a, b, c = t
    gg.sum(a * b + c).backward()
    assert grad_of(t).tolist() == [[3.0, 4.0], [1.0, 2.0], [1.0, 1.0]]


def test_one_number_has_no_length() -> None:
    t = gg.tensor(1.0)
    with pytest.raises(TypeError, match="no length"):
        len(t)
    with pytest.raises(TypeError, match="no elements to go through"):
        iter(t)


def test_an_empty_tensor_is_empty() -> None:
    t = gg.tensor([])
    assert (len(t), list(t), t.tolist(), t.shape) == (0, [], [], (0,))


def test_identity_is_what_a_dict_key_means() -> None:
    a, b = gg.tensor([1.0]), gg.tensor([1.0])
    assert len({a: 1, b: 2}) == 2
    assert isinstance(a == b, gg.Tensor)
    assert isinstance(a != b, gg.Tensor)
    assert (a == b).dtype == bool


# ---- repr


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda: gg.tensor([1.0, 2.5]), "tensor([1. , 2.5])"),
        (lambda: gg.tensor(1.0, requires_grad=True), "tensor(1., requires_grad=True)"),
        (lambda: gg.tensor([1.0], dtype="float64"), "tensor([1.], dtype=float64)"),
        (lambda: gg.tensor([1, 2]), "tensor([1, 2])"),
        (lambda: gg.tensor([1.0], name="w"), "tensor([1.], name='w')"),
        (lambda: gg.tensor(2.0, requires_grad=True) * 3, "tensor(6., op=multiply)"),
        (lambda: gg.tensor([float("nan"), float("inf")]), "tensor([nan, inf])"),
    ],
)
def test_repr(made: object, text: str) -> None:
    assert repr(made()) == text  # type: ignore[operator]


def test_format_without_a_spec_is_the_text() -> None:
    t = gg.tensor([1.0, 2.0])
    assert f"{t}" == str(t) == repr(t)
    assert f"{t:.2f}" == str(t)


# ---- copies


def test_copies_of_leaves_are_independent() -> None:
    p = gg.tensor([1.0, 2.0], requires_grad=True, name="p")
    for q in (copy.copy(p), copy.deepcopy(p)):
        assert q.tolist() == [1.0, 2.0]
        assert (q.requires_grad, q.name) == (True, "p")
        assert not np.shares_memory(p.data, q.data)
    shared = copy.deepcopy([p, p])
    assert shared[0] is shared[1]


def test_a_leaf_that_went_to_another_process_is_no_other_leaf() -> None:
    """Numbers are those of one process: with the old one, the graph would take two leaves for one."""
    p = gg.tensor([1.0, 2.0], requires_grad=True, name="p")
    q = pickle.loads(pickle.dumps(p))
    assert (q.tolist(), q.requires_grad, q.name) == ([1.0, 2.0], True, "p")
    assert len((p * q).graph().leaves) == 2


def test_a_computed_tensor_is_not_copied() -> None:
    y = gg.tensor([1.0], requires_grad=True) * 2
    for how in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(gg.GraphError, match="only leaves can be copied"):
            how(y)


@pytest.mark.parametrize("name", [5, ["a"], b"a"])
def test_a_name_is_a_text(name: Any) -> None:
    t = gg.tensor(1.0, name="t")
    for call in (lambda: gg.tensor(1.0, name=name), lambda: gg.ones(2, name=name), lambda: setattr(t, "name", name)):
        with pytest.raises(gg.DTypeError, match="name: a text or None is needed, got"):
            call()
    assert t.name == "t"


@pytest.mark.parametrize("axes", [(1, 0), ((1, 0),), ([1, 0],), (), (None,), (np.int64(1), np.int64(0))])
def test_transpose_takes_axes_as_numpy_does(axes: Any) -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert gg.tensor(array).transpose(*axes).tolist() == array.transpose(*axes).tolist()
    assert gg.tensor(array[0]).transpose(0).shape == (3,)


# ---- NumPy


def test_conversion_to_an_array() -> None:
    t = gg.tensor([1.0, 2.0], requires_grad=True)
    assert np.asarray(t).tolist() == [1.0, 2.0]
    assert np.array(t, dtype="float64").dtype == np.float64
    assert not np.shares_memory(np.array(t), t.data)


def test_an_array_and_a_tensor_make_a_tensor_either_way_round() -> None:
    t = gg.tensor([1.0, 2.0], requires_grad=True)
    a = np.array([3.0, 4.0], np.float32)
    for y in (a * t, t * a, np.multiply(a, t), np.float32(2) * t, t * np.float64(2)):
        assert isinstance(y, gg.Tensor)
        assert y.requires_grad
        assert y.dtype == np.float32


def test_numbers_count_up_and_are_never_shared() -> None:
    a = gg.tensor(1.0, requires_grad=True)
    b = a * 2
    c = gg.tensor(1.0)
    d = b * c
    numbers = [t.number for t in (a, b, c, d)]
    assert numbers == sorted(set(numbers))
