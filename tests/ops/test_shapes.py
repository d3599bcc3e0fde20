"""Shape rules against what really happens, over random shapes: the same shape, and the same refusals."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import graphgrad as gg
from graphgrad.graph.operation import Op
from graphgrad.ops import TABLE
from graphgrad.ops.shapes import broadcast, normalize_axes
from tests.ops.declared import ELEMENTWISE, arguments, each_op
from tests.ops.families import ONLY_INTEGERS

Shape = tuple[int, ...]

lengths = st.integers(0, 3)
shapes = st.lists(lengths, max_size=3).map(tuple)
axes = st.integers(-4, 3)


def called(op: Op, operands: Any, attrs: Any) -> tuple[Any, ...]:
    left_out = [None] * (len(op.operands) - len(operands))  # optional ones
    given, by_name = arguments(op, [list(operands)] if op.variadic else [*operands, *left_out], attrs)
    result = op.call(*given, **by_name)
    return result if isinstance(result, tuple) else (result,)


def agree(name: str, operands: Any, **attrs: Any) -> None:
    """The rule gives the shapes of what the operation returns, and refuses exactly what the operation refuses."""
    op = TABLE[name]
    of = [np.shape(one) for one in operands]
    attrs = {**op.attributes, **attrs}
    expected: Any = None
    reason: str | None = None
    try:
        expected = op.shape(of, **attrs) if op.variadic else op.shape(*of, **attrs)
    except ValueError as error:
        reason = str(error)
    if reason is not None:
        with pytest.raises(gg.ShapeError) as caught:
            called(op, operands, attrs)
        assert reason in str(caught.value)
        return
    with np.errstate(all="ignore"):
        results = called(op, operands, attrs)
    if op.outputs is not None:
        expected = (expected,)
    assert expected == tuple(one.shape for one in results)
    assert all(type(length) is int for shape in expected for length in shape)


def zeros(shape: Shape) -> Any:
    return np.zeros(shape)


@each_op(op for op in ELEMENTWISE if op.shape is broadcast and not op.attributes)
@given(data=st.data())
def test_elementwise(op: Op, data: st.DataObject) -> None:
    of = [data.draw(shapes) for _ in op.operands]
    agree(op.name, [np.ones(shape, int if op.name in ONLY_INTEGERS else float) for shape in of])


@given(arrays.mutually_broadcastable_shapes(num_shapes=3))
def test_broadcasting_gives_numpys_shape(drawn: Any) -> None:
    assert broadcast(*drawn.input_shapes) == drawn.result_shape


@given(a=st.lists(lengths, max_size=4).map(tuple), b=st.lists(lengths, max_size=4).map(tuple), same=st.booleans())
def test_matmul(a: Shape, b: Shape, same: bool) -> None:
    if same and a and b:  # random shapes seldom fit
        b = (*b[:-2], a[-1], b[-1]) if len(b) > 1 else (a[-1],)
    agree("matmul", [zeros(a), zeros(b)])


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "logsumexp"])
@given(shape=shapes, axis=st.none() | axes | st.lists(axes, max_size=3).map(tuple), keepdims=st.booleans())
def test_reductions(name: str, shape: Shape, axis: Any, keepdims: bool) -> None:
    try:
        reduced = normalize_axes(axis, len(shape))
    except ValueError:
        reduced = ()
    if name in ("max", "min") and any(shape[i] == 0 for i in reduced):
        with pytest.raises(gg.ShapeError, match="has length 0: among no elements there is none to choose"):
            TABLE[name].call(zeros(shape), axis=axis, keepdims=keepdims)
        return
    agree(name, [zeros(shape)], axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@given(shape=shapes, axis=axes)
def test_softmax(name: str, shape: Shape, axis: int) -> None:
    agree(name, [zeros(shape)], axis=axis)


@given(shape=shapes, new=st.lists(st.integers(-1, 6), max_size=3).map(tuple), permuted=st.randoms())
def test_reshape(shape: Shape, new: Shape, permuted: Any) -> None:
    agree("reshape", [zeros(shape)], shape=new)
    mixed = [*shape, 1]
    permuted.shuffle(mixed)
    agree("reshape", [zeros(shape)], shape=tuple(mixed))


@given(shape=shapes, order=st.none() | st.lists(axes, max_size=3).map(tuple), permuted=st.randoms())
def test_permute_dims(shape: Shape, order: Any, permuted: Any) -> None:
    agree("permute_dims", [zeros(shape)], axes=order)
    mixed = [i - len(shape) * permuted.randint(0, 1) for i in range(len(shape))]
    permuted.shuffle(mixed)
    agree("permute_dims", [zeros(shape)], axes=tuple(mixed))


@given(shape=shapes, new=shapes)
def test_broadcast_to(shape: Shape, new: Shape) -> None:
    agree("broadcast_to", [zeros(shape)], shape=new)
    agree("broadcast_to", [zeros(shape)], shape=(*new, *shape))


@given(shape=shapes, axis=axes)
def test_expand_dims(shape: Shape, axis: int) -> None:
    agree("expand_dims", [zeros(shape)], axis=axis)


@given(
    shape=st.lists(st.integers(0, 2), max_size=4).map(tuple),
    axis=st.none() | axes | st.lists(axes, max_size=2).map(tuple),
)
def test_squeeze(shape: Shape, axis: Any) -> None:
    agree("squeeze", [zeros(shape)], axis=axis)


@given(shape=shapes, axis=axes, sizes=st.integers(-1, 4) | st.lists(st.integers(-1, 3), max_size=4).map(tuple))
def test_split(shape: Shape, axis: int, sizes: Any) -> None:
    agree("split", [zeros(shape)], sizes=sizes, axis=axis)


@given(shape=shapes, axis=axes)
def test_unbind(shape: Shape, axis: int) -> None:
    agree("unbind", [zeros(shape)], axis=axis)


@pytest.mark.parametrize("name", ["stack", "concat"])
@given(several=st.lists(shapes, min_size=1, max_size=3), axis=axes, other=lengths, alike=st.booleans())
def test_joining(name: str, several: list[Shape], axis: int, other: int, alike: bool) -> None:
    if alike:  # random shapes seldom fit
        first = several[0]
        several = [first for _ in several]
        if name == "concat" and -len(first) <= axis < len(first):
            at = axis % len(first)
            several.append((*first[:at], other, *first[at + 1 :]))
    agree(name, [zeros(shape) for shape in several], axis=axis)


# One of each shape rule.
LOSSES = (
    *("mse_loss", "kl_div", "binary_cross_entropy", "sigmoid_focal_loss", "multilabel_soft_margin_loss", "hinge_loss"),
    *("energy_hinge_loss", "soft_dice_loss"),
)


@pytest.mark.parametrize("name", LOSSES)
@given(input=shapes, target=shapes, alike=st.booleans(), reduction=st.sampled_from(["mean", "sum", "none"]))
def test_losses(name: str, input: Shape, target: Shape, alike: bool, reduction: str) -> None:
    agree(name, [np.full(input, 0.5), np.full(input if alike else target, 0.5)], reduction=reduction)


@pytest.mark.parametrize("name", ["cross_entropy", "focal_loss", "multi_margin_loss", "perceptron_loss"])
@given(
    shape=shapes,
    target=shapes,
    kind=st.sampled_from(["random", "classes", "probabilities"]),
    reduction=st.sampled_from(["mean", "sum", "none"]),
)
def test_losses_of_classes(name: str, shape: Shape, target: Shape, kind: str, reduction: str) -> None:
    if kind == "classes" and shape:
        target = (*shape[: min(len(shape) - 1, 1)], *shape[2:])
    elif kind == "probabilities":
        target = shape
    operand = np.zeros(target, float if target == shape and name == "cross_entropy" else int)
    classes = shape[min(len(shape) - 1, 1)] if shape else 0
    if not classes and operand.size and target != shape:
        with pytest.raises((gg.ShapeError, gg.ArgumentError)):
            TABLE[name].call(zeros(shape), operand, reduction=reduction)
        return
    if name == "perceptron_loss" and shape and not shape[-1]:
        return  # among no answers none is the lowest
    agree(name, [zeros(shape), operand], reduction=reduction)


@pytest.mark.parametrize("name", ["triplet_margin_loss", "margin_ranking_loss", "gaussian_nll_loss"])
@given(one=shapes, two=shapes, three=shapes, alike=st.booleans(), reduction=st.sampled_from(["mean", "sum", "none"]))
def test_losses_of_three(name: str, one: Shape, two: Shape, three: Shape, alike: bool, reduction: str) -> None:
    agree(name, [np.ones(one), np.ones(one if alike else two), np.ones(three)], reduction=reduction)
    agree(name, [np.ones(one)] * 3, reduction=reduction)


@pytest.mark.parametrize("name", ["cosine_embedding_loss", "contrastive_loss"])
@given(one=shapes, two=shapes, target=shapes, reduction=st.sampled_from(["mean", "sum", "none"]))
def test_losses_of_pairs(name: str, one: Shape, two: Shape, target: Shape, reduction: str) -> None:
    agree(name, [np.ones(one), np.ones(two), np.ones(target, int)], reduction=reduction)
    agree(name, [np.ones(one), np.ones(one), np.ones(one[:-1], int)], reduction=reduction)


@pytest.mark.parametrize("name", ["mse_loss", "binary_cross_entropy"])
@given(one=shapes, weight=shapes)
def test_weights_of_losses(name: str, one: Shape, weight: Shape) -> None:
    op = TABLE[name]
    operands = {"input": np.full(one, 0.5), "target": np.full(one, 0.5), "weight": np.ones(weight)}
    try:
        expected = op.shape(one, one, weight, reduction="none")
    except ValueError as reason:
        with pytest.raises(gg.ShapeError, match=re.escape(str(reason))):
            op.call(**operands, reduction="none")
        return
    assert op.call(**operands, reduction="none").shape == expected == one


# ---- indexing --------------------------------------------------------------------------------------------------------

integer_arrays = arrays.arrays(np.int64, shapes, elements=st.integers(-4, 3))
bool_arrays = arrays.arrays(np.bool, shapes)
any_key = st.lists(
    st.integers(-4, 3) | st.slices(4) | st.none() | st.just(Ellipsis) | integer_arrays | bool_arrays, max_size=3
).map(tuple)


@st.composite
def shape_and_key(draw: st.DrawFn) -> tuple[Shape, Any]:
    """Any key at all, or one that fits."""
    shape = draw(shapes)
    kind = draw(st.sampled_from(["any", "basic", "integers", "mask"]))
    if kind == "basic":
        return shape, draw(arrays.basic_indices(shape, allow_newaxis=True))
    if kind == "integers" and shape and all(shape):
        return shape, draw(arrays.integer_array_indices(shape))
    if kind == "mask":
        return shape, draw(arrays.arrays(np.bool, st.just(shape[: draw(st.integers(0, len(shape)))])))
    return shape, draw(any_key)


def table(shape: Shape) -> Any:
    return np.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(shape)


@given(shape_and_key())
def test_getitem_takes_what_numpy_takes(drawn: tuple[Shape, Any]) -> None:
    shape, key = drawn
    x = gg.tensor(table(shape), requires_grad=True)
    try:
        expected = table(shape)[key]
    except IndexError:
        with pytest.raises(gg.ShapeError, match="the index doesn't fit shape"):
            x[key]
        return
    result = x[key]
    np.testing.assert_array_equal(result.data, expected)
    assert result.node is not None
    kept = result.node.attrs["key"]
    assert TABLE["getitem"].shape(shape, key=kept) == result.shape
    weights = np.random.default_rng(0).normal(size=result.shape)
    gg.sum(result * weights).backward()
    scattered = np.zeros(shape)
    np.add.at(scattered, key, weights)
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, scattered, rtol=1e-13, atol=1e-13)
    placed = gg.index_add(weights, shape, key)
    np.testing.assert_allclose(placed.data, scattered, rtol=1e-13, atol=1e-13)


@given(shape_and_key(), shapes, st.booleans(), st.integers(0, 2))
def test_setitem_writes_what_numpy_writes(
    drawn: tuple[Shape, Any], value_shape: Shape, alike: bool, in_front: int
) -> None:
    shape, key = drawn
    expected = table(shape)
    try:
        if alike:
            value_shape = (*[1] * in_front, *expected[key].shape)
        value = -table(value_shape)
        # NumPy takes axes of length 1 in front for most keys, but not for a mask or a single number.
        expected[key] = np.squeeze(value, tuple(range(value.ndim - expected[key].ndim)))
    except (IndexError, ValueError):
        with pytest.raises(gg.ShapeError, match=r"doesn't fit shape|don't broadcast"):
            gg.setitem(table(shape), np.zeros(value_shape), key)
        return
    x, v = gg.tensor(table(shape), requires_grad=True), gg.tensor(value, requires_grad=True)
    written = gg.setitem(x, v, key)
    np.testing.assert_array_equal(written.data, expected)
    in_place = gg.tensor(table(shape))
    in_place[key] = value
    np.testing.assert_array_equal(in_place.data, expected)
    gg.sum(written).backward()
    assert v.grad is not None
    assert v.grad.shape == value.shape


def test_a_key_is_kept_as_it_was() -> None:
    x = gg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    rows = np.array([0, 2])
    y = x[rows]
    rows[:] = 1
    gg.sum(y).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    "key", [[0, 2], (np.int64(1),), gg.tensor([2, 0]), [True, False, True], [], True, np.bool(False), gg.tensor(1)]
)
def test_keys_of_all_kinds(key: Any) -> None:
    plain = key.data if isinstance(key, gg.Tensor) else key
    values = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(gg.tensor(values)[key].data, values[plain])


@pytest.mark.parametrize("key", [0.0, "a", [0.5], gg.tensor([1.0]), 1j, np.array(["a"])], ids=repr)
def test_keys_that_are_none_are_refused(key: Any) -> None:
    with pytest.raises(gg.DTypeError, match="can't index a tensor"):
        gg.zeros(3)[key]
