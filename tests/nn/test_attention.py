"""Attention with several heads."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn
from tests.nn.attention_cases import (
    CLOSE,
    FEATURES,
    HEADS,
    LAYERS,
    Array,
    arguments,
    cases_of,
    compare_with_committed,
    compare_with_torch,
    masks,
    operands,
    run,
)
from tests.nn.recurrent_cases import draw

with_torch = pytest.mark.skipif(
    find_spec("torch") is None, reason="PyTorch is not installed; the extra `oracle` has it"
)
# How operands may be one and the same.
SAME = ((0, 1, 2), (0, 1, 1), (0, 0, 0), (0, 1, 0))


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


NAMES = [name for name in LAYERS if name.startswith("attention")]
CASES = cases_of("attention")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "call"), CASES)
def test_it_gives_what_pytorchs_does(name: str, call: str, dtype: str) -> None:
    compare_with_committed(name, call, dtype)


@with_torch
@pytest.mark.filterwarnings("ignore:Support for mismatched:UserWarning")
@pytest.mark.parametrize("name", NAMES)
def test_the_committed_answers_are_what_pytorch_says_to_each_name(name: str) -> None:
    compare_with_torch(name)


@with_torch
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("same", SAME)
def test_operands_may_be_one_and_the_same(same: tuple[int, ...], need_weights: bool) -> None:
    from tests.oracle import make_attention

    given = {name: draw(name, (3, 2, FEATURES)) for name in ("query", "key", "value")}
    for name in ("attention", "attention no bias"):
        layer, positional, options = arguments(name)
        more = {"need_weights": need_weights}
        ours, theirs = (one(layer, positional, options, given, more, same) for one in (run, make_attention.run))
        assert set(ours) == set(theirs)
        for one, array in ours.items():
            np.testing.assert_allclose(array, theirs[one], **CLOSE["float64"], err_msg=one)


# ---- with and without weights ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "call"), CASES)
def test_without_weights_the_rest_is_the_same(name: str, call: str) -> None:
    """PyTorch too, but that it hides keys which were added from some queries, told that the mask is causal."""
    layer, positional, options = arguments(name)
    given, more = operands(name, call), masks(name, call)

    def outs(**how: Any) -> Array:
        return run(layer, positional, options, given, {**more, **how})["out"]

    np.testing.assert_allclose(outs(need_weights=False), outs(), rtol=1e-12, atol=1e-13)


def test_a_causal_mask_with_keys_that_are_added_hides_none_of_these() -> None:
    layer, positional, options = arguments("attention more keys")
    given, more = operands("attention more keys", "alone"), masks("attention more keys", "causal")
    several = [
        run(layer, positional, options, given, {**more, "need_weights": need, "is_causal": causal})["out"]
        for need in (True, False)
        for causal in (True, False)
    ]
    for one in several[1:]:
        np.testing.assert_allclose(one, several[0], rtol=1e-12)


def test_weights_add_up_to_one_and_are_the_heads_mean() -> None:
    attention = nn.MultiheadAttention(FEATURES, HEADS, batch_first=True)
    x = gg.tensor(draw("x", (2, 5, FEATURES)), "float32")
    _, mean = attention(x, x, x)
    _, each = attention(x, x, x, average_attn_weights=False)
    _, none = attention(x, x, x, need_weights=False)
    assert (mean.shape, each.shape, none) == ((2, 5, 5), (2, HEADS, 5, 5), None)
    np.testing.assert_allclose(mean.data, each.data.mean(1), rtol=1e-6)
    np.testing.assert_allclose(each.data.sum(-1), 1.0, rtol=1e-6)


@pytest.mark.parametrize("need_weights", [True, False])
def test_a_query_that_sees_nothing_finds_zeros(need_weights: bool) -> None:
    """PyTorch gives nan where weights are wanted, and zeros where they aren't."""
    attention = nn.MultiheadAttention(FEATURES, HEADS, batch_first=True, dtype="float64")
    x = gg.tensor(draw("x", (2, 3, FEATURES)), requires_grad=True)
    hidden = np.zeros((3, 3), np.bool)
    hidden[1] = True
    for mask in (hidden, np.where(hidden, -np.inf, 0.0)):
        out, _ = attention(x, x, x, attn_mask=mask, need_weights=need_weights)
        np.testing.assert_allclose(out.data[:, 1], 0.0, atol=1e-15)
        assert np.abs(out.data[:, [0, 2]]).min() > 1e-4
        gg.sum(out * out).backward()
        assert x.grad is not None
        assert np.isfinite(x.grad.data).all()


# ---- training --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("need_weights", [True, False])
def test_weights_are_dropped_in_training_only(need_weights: bool) -> None:
    gg.manual_seed(0)
    attention = nn.MultiheadAttention(FEATURES, HEADS, dropout=0.5)
    x = gg.tensor(draw("x", (8, 2, FEATURES)), "float32")
    first, second = (attention(x, x, x, need_weights=need_weights) for _ in range(2))
    assert np.any(first[0].data != second[0].data)
    if need_weights:
        weights = attention(x, x, x, average_attn_weights=False)[1].data
        assert 0.3 < np.mean(weights == 0) < 0.7
    attention.eval()
    whole = nn.MultiheadAttention(FEATURES, HEADS)
    whole.load_state_dict(attention.state_dict())
    quiet = attention(x, x, x, need_weights=need_weights)[0]
    np.testing.assert_array_equal(quiet.data, whole(x, x, x, need_weights=need_weights)[0].data)


def test_the_start_is_xaviers() -> None:
    attention = nn.MultiheadAttention(64, 4, add_bias_kv=True, generator=np.random.default_rng(0))
    assert attention.in_proj_weight is not None
    bound = np.sqrt(6 / (64 + 3 * 64))
    weight = attention.in_proj_weight.data
    assert 0.99 * bound < np.abs(weight).max() <= bound
    assert attention.in_proj_bias is not None
    assert not attention.in_proj_bias.data.any()
    assert attention.out_proj.bias is not None
    assert not attention.out_proj.bias.data.any()
    for more in (attention.bias_k, attention.bias_v):
        assert more is not None
        assert 0.09 < more.data.std() < 0.16  # 1 / √64
    again = nn.MultiheadAttention(64, 4, add_bias_kv=True, generator=np.random.default_rng(0))
    for one, other in zip(attention.parameters(), again.parameters(), strict=True):
        np.testing.assert_array_equal(one.data, other.data)


def test_masks_may_need_gradients() -> None:
    attention = nn.MultiheadAttention(FEATURES, HEADS, dtype="float64")
    x = gg.tensor(draw("x", (3, 2, FEATURES)))
    mask = gg.tensor(draw("mask", (3, 3)), requires_grad=True)
    found = []
    for need_weights in (True, False):
        out, _ = attention(x, x, x, attn_mask=mask, need_weights=need_weights)
        gg.sum(out * out).backward()
        assert mask.grad is not None
        found.append(mask.grad.data)
        mask.grad = None
    assert np.abs(found[0]).max() > 1e-6
    np.testing.assert_allclose(found[0], found[1], rtol=1e-10, atol=1e-14)


def test_it_says_where_its_operations_belong() -> None:
    attention = nn.MultiheadAttention(FEATURES, HEADS)
    x = gg.ones((3, 2, FEATURES))
    with gg.record() as recording:
        attention(x, x, x, need_weights=False)
    names = [(node.op.base, node.scope) for node in recording.nodes]
    assert ("scaled_dot_product_attention", "") in names
    assert ("linear", "out_proj") in names


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"embed_dim": 0}, gg.ShapeError, "embed_dim is a whole number from 1, got 0"),
        ({"num_heads": 1.5}, gg.ShapeError, "num_heads is a whole number from 1"),
        ({"num_heads": 3}, gg.ShapeError, "embed_dim 4 can't be split into 3 heads"),
        ({"kdim": -1}, gg.ShapeError, "kdim is a whole number from 1"),
        ({"dropout": 1.5}, gg.ArgumentError, "dropout is a probability from 0 to 1"),
        ({"dropout": float("nan")}, gg.ArgumentError, "dropout is a probability from 0 to 1"),
        ({"dropout": "0.5"}, gg.DTypeError, "MultiheadAttention: dropout is a number"),
        ({"bias": "no"}, gg.DTypeError, "bias is True or False"),
        ({"add_bias_kv": "no"}, gg.DTypeError, "add_bias_kv is True or False"),
        ({"add_zero_attn": None}, gg.DTypeError, "add_zero_attn is True or False"),
        ({"batch_first": 2}, gg.DTypeError, "batch_first is True or False"),
    ],
)
def test_what_makes_no_layer_is_refused(given: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        nn.MultiheadAttention(**{"embed_dim": 4, "num_heads": 2, **given})


@pytest.mark.parametrize(
    ("shapes", "more", "error", "words"),
    [
        (((4,), (4,), (4,)), {}, gg.ShapeError, r"query has the shape \(length, B, features\), or"),
        (((3, 2, 4), (3, 4), (3, 4)), {}, gg.ShapeError, r"key must have the shape \(length, B, features\) with 4"),
        (((3, 2, 5), (3, 2, 4), (3, 2, 4)), {}, gg.ShapeError, r"query must have .* with 4 features, got \(3, 2, 5\)"),
        (((3, 2, 4), (5, 2, 4), (4, 2, 4)), {}, gg.ShapeError, "as many values as keys"),
        (((3, 2, 4), (5, 1, 4), (5, 1, 4)), {}, gg.ShapeError, "as many examples of each as of queries"),
        (((3, 4),) * 3, {"attn_mask": np.ones((2, 3), np.bool)}, gg.ShapeError, r"shape \(3, 3\) or \(2, 3, 3\), got"),
        (((3, 4),) * 3, {"key_padding_mask": np.ones((1, 3), np.bool)}, gg.ShapeError, r"must have the shape \(3,\)"),
        (((3, 4),) * 3, {"attn_mask": np.ones((3, 3), int)}, gg.DTypeError, "attn_mask holds bools or floats"),
        (((3, 4),) * 3, {"is_causal": True}, gg.ArgumentError, "causal, and there is none"),
    ],
)
def test_a_call_that_does_not_fit_is_explained(shapes: Any, more: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        nn.MultiheadAttention(4, 2)(*map(gg.ones, shapes), **more)
