"""Dropout beyond what every operation is tested for: what is dropped, on average, at the ends, again and backward."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from tests import draws
from tests.worked import Check

F = gg.nn.functional

SHAPES: dict[str, tuple[int, ...]] = {
    "dropout": (40, 50),
    "dropout1d": (40, 50, 3),
    "dropout2d": (40, 50, 2, 2),
    "dropout3d": (40, 50, 1, 2, 2),
    "alpha_dropout": (40, 50),
    "feature_alpha_dropout": (40, 50, 3),
}
ZEROS = [name for name in SHAPES if "alpha" not in name]
CHANNELS = [name for name in SHAPES if name not in ("dropout", "alpha_dropout")]


def call(name: str, *args: Any, **kwargs: Any) -> gg.Tensor:
    result: gg.Tensor = getattr(F, name)(*args, **kwargs)
    return result


# ---- in training -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("name", ZEROS)
def test_a_share_p_is_dropped_and_the_rest_scaled(name: str, p: float) -> None:
    x = gg.ones(SHAPES[name], dtype="float64")
    y = call(name, x, p, seed=1).data
    assert set(np.unique(y)) == {0.0, 1.0 / (1.0 - p)}
    assert (y == 0.0).mean() == pytest.approx(p, abs=0.03)


@pytest.mark.parametrize("name", ZEROS)
def test_the_mean_over_draws_is_the_input(name: str) -> None:
    shape = tuple(min(length, 3) for length in SHAPES[name])
    x = np.random.default_rng(0).normal(size=shape)
    total = np.zeros(shape)
    for seed in range(3000):
        total += call(name, x, 0.3, seed=seed).data
    # The variance of one draw is x² p / (1 - p); five standard deviations of the mean.
    assert (np.abs(total / 3000 - x) <= 5.0 * np.abs(x) * math.sqrt(0.3 / 0.7 / 3000)).all()


@pytest.mark.parametrize("name", ["alpha_dropout", "feature_alpha_dropout"])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_alpha_dropout_keeps_mean_and_variance(name: str, p: float) -> None:
    x = np.random.default_rng(0).normal(size=(400, 500, 1)[: 2 + (name != "alpha_dropout")])
    y = call(name, x, p, training=True, seed=1).data
    assert y.mean() == pytest.approx(0.0, abs=0.02)
    assert y.var() == pytest.approx(1.0, abs=0.02)
    (dropped,) = (value for value, count in zip(*np.unique(y, return_counts=True), strict=True) if count > 1)
    assert (y == dropped).mean() == pytest.approx(p, abs=0.01)


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_are_dropped_whole(name: str) -> None:
    y = call(name, gg.ones(SHAPES[name]), 0.5, training=True, seed=2).data
    flat = y.reshape(40 * 50, -1)
    assert (flat == flat[:, :1]).all()
    assert len(np.unique(flat[:, 0])) == 2


@pytest.mark.parametrize(("name", "shape"), [("dropout1d", (200, 3)), ("dropout3d", (200, 1, 2, 2))])
def test_an_input_without_batch_axis_has_channels_too(name: str, shape: tuple[int, ...]) -> None:
    y = call(name, gg.ones(shape), 0.5, seed=2).data.reshape(200, -1)
    assert (y == y[:, :1]).all()
    assert 60 < (y[:, 0] == 0).sum() < 140


# ---- at the ends -----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", SHAPES)
def test_the_ends(name: str) -> None:
    values = np.random.default_rng(0).normal(size=SHAPES[name])
    values.flat[0] = math.inf
    x = gg.tensor(values, requires_grad=True)
    for options, kept in (({"p": 0.0}, 1.0), ({"p": 1.0}, 0.0), ({"p": 0.5, "training": False}, 1.0)):
        x.grad = None
        y = call(name, x, **{"training": True, **options})
        np.testing.assert_array_equal(y.data, values if kept else np.zeros_like(values))
        y.backward(np.full(y.shape, 2.0))
        assert x.grad is not None
        np.testing.assert_array_equal(x.grad.data, np.full(y.shape, 2.0 * kept))


@pytest.mark.parametrize("name", SHAPES)
def test_the_input_is_never_the_result(name: str) -> None:
    x = gg.ones(SHAPES[name])
    y = call(name, x, training=False)
    assert not np.may_share_memory(x.data, y.data)


def test_not_a_number_is_no_probability() -> None:
    with pytest.raises(gg.ArgumentError, match="p is a probability from 0 to 1, got nan"):
        F.dropout(gg.ones(3), math.nan)


# ---- again and backward ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
def test_a_draw_is_new_each_time_and_the_graph_keeps_it(name: str) -> None:
    x = gg.ones(SHAPES[name], requires_grad=True)
    gg.manual_seed(0)
    first, second = call(name, x, training=True), call(name, x, training=True)
    assert not np.array_equal(first.data, second.data)
    again = first.graph().run()
    np.testing.assert_array_equal(again.data, first.data)
    fed = first.graph().run({first.graph().leaves[0].id: 2.0 * x.data})
    np.testing.assert_array_equal(fed.data == fed.data.min(), first.data == first.data.min())
    gg.manual_seed(0)
    np.testing.assert_array_equal(call(name, x, training=True).data, first.data)


@pytest.mark.parametrize("name", SHAPES)
def test_what_was_dropped_gets_no_gradient(name: str) -> None:
    x = gg.ones(SHAPES[name], dtype="float64", requires_grad=True)
    y = call(name, x, 0.3, training=True)
    assert y.node is not None
    assert y.node.saved == (None, None)  # no mask, and nothing else, waits for the backward pass
    y.backward(np.ones(y.shape))
    assert x.grad is not None
    dropped = y.data == y.data.min()
    assert (x.grad.data[dropped] == 0.0).all()
    assert (x.grad.data[~dropped] > 0.8).all()


def test_the_choice_does_not_depend_on_the_dtype() -> None:
    narrow, wide = (F.dropout(gg.ones(1000, dtype=dtype), 0.4, seed=9).data for dtype in ("float32", "float64"))
    np.testing.assert_array_equal(narrow == 0.0, wide == 0.0)
    np.testing.assert_array_equal(wide == 0.0, draws.random((1000,), 9) < 0.4)


# ---- worked numbers --------------------------------------------------------------------------------------------------


@pytest.mark.worked("W177")
def test_inverted_dropout(example: WorkedNumber, check: Check) -> None:
    """Inverted dropout with a fixed mask: of a seed that draws it."""
    i = example.input
    mask = np.array(i["mask"], bool)
    p = 1.0 - i["keep"]
    seed = next(s for s in range(1000) if ((draws.random(mask.shape, s) >= p) == mask).all())
    a = gg.tensor(i["a"], dtype="float64", requires_grad=True)
    out = F.dropout(a, p, seed=seed)
    out.backward(np.array(i["g"], "float64"))
    check(example, {"out": out, "dx": a.grad})


@pytest.mark.worked("W179")
def test_plain_dropout_scales_by_the_probability_to_keep(example: WorkedNumber, check: Check) -> None:
    """Plain dropout: the mean of w x over masks is w x (1 - p), what the weight is multiplied by afterwards."""
    w, x, drop = (float(example.input[name]) for name in ("w", "x", "drop"))
    plain = lambda seed: (w * F.dropout(gg.tensor(x, dtype="float64"), drop, seed=seed) * (1.0 - drop)).item()
    seen = {plain(seed) for seed in range(50)}
    assert seen == {0.0, w * x}  # what training without the division sees, with probability 1 - drop the second
    check(
        example,
        {"scaled": w * (1.0 - drop) * x, "expected_train": (1.0 - drop) * max(seen), "printed_nyu": w * drop * x},
    )
