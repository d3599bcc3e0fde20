"""Layers beside what every operation is tested for: embeddings, attention, padding, pixels."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.ops.functional.attention import scaled_dot_product_attention
from graphgrad.ops.functional.embedding import embedding
from graphgrad.ops.functional.interpolation import interpolate
from graphgrad.ops.functional.patches import fold, unfold
from graphgrad.ops.functional.sides import pad

# ---- embeddings ------------------------------------------------------------------------------------------------------


def test_the_padding_row_is_given_but_learns_nothing() -> None:
    for padding in (1, -2):
        table = gg.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
        rows = embedding([1, 2, 1, 2], table, padding_idx=padding)
        assert rows.tolist() == [[2.0], [3.0], [2.0], [3.0]]
        gg.sum(rows).backward()
        assert table.grad is not None
        assert table.grad.tolist() == [[0.0], [0.0], [2.0]]


def test_gradients_can_be_means_over_the_places() -> None:
    table = gg.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    embedding([1, 2, 1], table, scale_grad_by_freq=True).backward([[4.0], [5.0], [8.0]])
    assert table.grad is not None
    assert table.grad.tolist() == [[0.0], [6.0], [5.0]]


@pytest.mark.parametrize("attrs", [{"padding_idx": 1}, {"scale_grad_by_freq": True}])
def test_a_zoom_shows_the_same_gradients(attrs: Any) -> None:
    expand = embedding.op.expand
    assert expand is not None
    found = []
    for function in (embedding, lambda rows, table, **_: expand(rows, table, **{**embedding.op.attributes, **attrs})):
        table = gg.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
        result = function(gg.tensor([1, 2, 1]), table, **attrs)
        result.backward([[4.0], [5.0], [8.0]])
        assert table.grad is not None
        found.append((result.tolist(), table.grad.tolist()))
    assert found[0] == found[1]


def test_an_embedding_is_a_one_hot_vector_times_the_table() -> None:
    table = np.random.default_rng(0).normal(size=(4, 3))
    one_hot = np.eye(4)[[2, 0, 2]]
    np.testing.assert_array_equal(embedding([2, 0, 2], table).data, one_hot @ table)


# ---- attention -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_a_query_that_sees_nothing_gets_zeros_and_gives_no_gradient(kind: str) -> None:
    rng = np.random.default_rng(1)
    leaves = [gg.tensor(rng.normal(size=(3, 2)), requires_grad=True) for _ in range(3)]
    seen = np.array([[True, True, False], [False, False, False], [False, True, True]])
    mask: Any = seen if kind == "bool" else np.where(seen, 0.0, -np.inf)
    result = scaled_dot_product_attention(*leaves, mask)
    assert result.data[1].tolist() == [0.0, 0.0]
    assert np.isfinite(result.data).all()
    gg.sum(result * result).backward()
    query, key, value = (leaf.grad.data for leaf in leaves if leaf.grad is not None)
    assert query[1].tolist() == [0.0, 0.0]
    assert all(np.isfinite(one).all() for one in (query, key, value))


def test_a_number_is_a_mask_too() -> None:
    query, key, value = np.random.default_rng(5).normal(size=(3, 2, 2))
    plain = scaled_dot_product_attention(query, key, value).data
    for mask in (True, 0.0, 1.5):  # a constant changes no softmax
        np.testing.assert_allclose(scaled_dot_product_attention(query, key, value, mask).data, plain, rtol=1e-14)
    assert not scaled_dot_product_attention(query, key, value, False).data.any()
    with pytest.raises(gg.DTypeError, match="attn_mask holds bools or floats, got int64"):
        scaled_dot_product_attention(query, key, value, 1)


@pytest.mark.parametrize("mask", [None, np.ones((2, 0), bool), np.ones((2, 0))])
def test_without_any_keys_there_are_only_zeros(mask: Any) -> None:
    query = gg.tensor(np.ones((2, 3)), requires_grad=True)
    result = scaled_dot_product_attention(query, np.ones((0, 3)), np.ones((0, 4)), mask)
    assert result.tolist() == [[0.0] * 4] * 2
    gg.sum(result).backward()
    assert query.grad is not None
    assert not query.grad.data.any()


def test_huge_scores_do_not_overflow() -> None:
    x = np.array([[1e3, 0.0], [0.0, 1e3]], "float32")
    result = scaled_dot_product_attention(x, x, np.array([[1.0], [2.0]], "float32"))
    assert result.tolist() == [[1.0], [2.0]]


def test_causal_attention_does_not_look_ahead() -> None:
    rng = np.random.default_rng(2)
    query, key, value = (gg.tensor(rng.normal(size=(4, 2)), requires_grad=True) for _ in range(3))
    result = scaled_dot_product_attention(query, key, value, is_causal=True)
    gg.sum(result[1]).backward()
    for leaf in (key, value):
        assert leaf.grad is not None
        assert not leaf.grad.data[2:].any()
        assert leaf.grad.data[:2].any()
    np.testing.assert_allclose(result.data[0], value.data[0])


def test_the_same_seed_drops_the_same_weights() -> None:
    x = np.random.default_rng(3).normal(size=(5, 4))
    first = scaled_dot_product_attention(x, x, x, dropout_p=0.5, seed=7)
    np.testing.assert_array_equal(first.data, scaled_dot_product_attention(x, x, x, dropout_p=0.5, seed=7).data)
    drawn = scaled_dot_product_attention(gg.tensor(x, requires_grad=True), x, x, dropout_p=0.5)
    assert drawn.node is not None
    assert type(drawn.node.attrs["seed"]) is int
    assert scaled_dot_product_attention(gg.tensor(x, requires_grad=True), x, x).node.attrs["seed"] is None


def test_a_zoom_into_attention_names_its_steps() -> None:
    expand = scaled_dot_product_attention.op.expand
    assert expand is not None
    x = gg.tensor(np.eye(2), requires_grad=True)
    attrs = {**scaled_dot_product_attention.op.attributes, "is_causal": True}
    names = [node.name for node in expand(x, x, x, None, **attrs).graph().nodes if node.name]
    assert names == ["scores", "masked", "weights"]


# ---- distances -------------------------------------------------------------------------------------------------------


def test_differences_of_bytes_do_not_wrap_around() -> None:
    x, y = np.array([[0, 0], [5, 7]], np.uint8), np.array([[3, 4]], np.uint8)
    assert gg.nn.functional.cdist(x, y).tolist() == [[5.0], [pytest.approx(13.0**0.5)]]
    assert gg.nn.functional.pdist(np.array([[True, False], [False, False]])).tolist() == [1.0]
    assert gg.nn.functional.pairwise_distance(x[:1], y, eps=0.0).tolist() == [5.0]


# ---- padding ---------------------------------------------------------------------------------------------------------

PADS: list[tuple[tuple[int, ...], str, float | None]] = [
    ((1, 2), "constant", None),
    ((1, 0, 0, 2, 3, 1), "constant", 1.5),
    ((-1, 2, 1, -2), "constant", 0.5),
    ((-1, -1), "constant", None),
    ((), "constant", None),
    ((1, 2, 0, 1), "reflect", None),
    ((2, -1, -1, 1), "reflect", None),
    ((2, 1, 0, 3), "replicate", None),
    ((2, -1, -1, 3), "replicate", None),
    ((1, 2, 2, 1), "circular", None),
]


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed; the extra `oracle` has it")
@pytest.mark.parametrize(("widths", "mode", "value"), PADS)
def test_padding_is_pytorchs(widths: tuple[int, ...], mode: str, value: float | None) -> None:
    import torch

    values = np.random.default_rng(4).normal(size=(2, 3, 4, 5))
    x, y = gg.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    ours, theirs = pad(x, widths, mode, value), torch.nn.functional.pad(y, widths, mode, value)
    np.testing.assert_array_equal(ours.data, theirs.detach().numpy())
    weights = np.random.default_rng(5).normal(size=ours.shape)
    (ours * weights).sum().backward()
    (theirs * torch.tensor(weights)).sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    np.testing.assert_allclose(x.grad.data, y.grad.numpy(), rtol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (((1,),), gg.ArgumentError, "the widths come in pairs"),
        ((1,), gg.DTypeError, "the widths are a sequence of integers, got 1"),
        (((1.5, 1),), gg.DTypeError, r"the widths are a sequence of integers, got \(1.5, 1\)"),
        (((1, 1), "mirror"), gg.ArgumentError, "mode is one of constant, reflect, replicate, circular"),
        (((1, 1), "reflect", 1.0), gg.ArgumentError, "takes no value"),
        (((1, 1, 1, 1),), gg.ShapeError, r"is for 2 axes, input has 1: shape \(3,\)"),
        (((-2, -2),), gg.ShapeError, "takes more away than axis 0"),
    ],
)
def test_wrong_padding_is_refused(arguments: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        pad(np.zeros(3), *arguments)


def test_padding_is_one_operation_in_a_graph() -> None:
    result = pad(gg.ones((2, 2), requires_grad=True), (1, 1))
    assert [node.op.name for node in (result.node,) if node is not None] == ["pad"]


def test_padding_by_nothing_is_a_copy() -> None:
    x = gg.ones((2, 2))
    for widths in ((), (0, 0), (0, 0, 0, 0)):
        assert not np.may_share_memory(pad(x, widths).data, x.data)


# ---- patches and sizes -----------------------------------------------------------------------------------------------


def test_a_convolution_is_a_product_with_the_patches() -> None:
    rng = np.random.default_rng(6)
    image, kernel = rng.normal(size=(1, 2, 4, 4)), rng.normal(size=(3, 2, 2, 2))
    out = gg.matmul(kernel.reshape(3, 8), unfold(image, 2)).data.reshape(3, 3, 3)
    for o, i, j in np.ndindex(out.shape):
        assert out[o, i, j] == pytest.approx(np.sum(kernel[o] * image[0, :, i : i + 2, j : j + 2]))


def test_folding_counts_how_many_patches_each_element_is_in() -> None:
    counted = fold(unfold(np.ones((1, 3, 3)), 2), 3, 2)
    assert counted.tolist() == [[[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]]


def test_no_channels_can_be_shuffled_too() -> None:
    x = gg.tensor(np.zeros((1, 0, 2)), requires_grad=True)
    gg.nn.functional.channel_shuffle(x, 2).backward(np.zeros((1, 0, 2)))
    assert x.grad is not None
    assert x.grad.shape == (1, 0, 2)


def test_upsampling_of_the_maxima_is_that_of_the_worked_example() -> None:
    """W225, but for the unpooling."""
    image = np.array([[[[9.0, 2.0], [6.0, 3.0]]]])
    nearest = interpolate(image, scale_factor=2)
    assert nearest.tolist() == [[[[9, 9, 2, 2], [9, 9, 2, 2], [6, 6, 3, 3], [6, 6, 3, 3]]]]
    smooth = [[9.0, 7.25, 3.75, 2.0], [8.25, 6.75, 3.75, 2.25], [6.75, 5.75, 3.75, 2.75], [6.0, 5.25, 3.75, 3.0]]
    assert interpolate(image, scale_factor=2, mode="bilinear").tolist() == [[smooth]]


def test_every_mode_keeps_what_is_the_same_everywhere() -> None:
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "area"):
        result = interpolate(np.full((1, 1, 3, 4), 2.5), size=(5, 3), mode=mode)
        np.testing.assert_allclose(result.data, 2.5, rtol=1e-14)
