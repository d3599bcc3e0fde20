"""Normalisation beside what every operation is tested for: running statistics, extremes, and what a zoom shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.ops.functional.batch_normalizations import batch_norm, instance_norm
from graphgrad.ops.functional.normalizations import group_norm, layer_norm, rms_norm
from graphgrad.ops.functional.similarity import cosine_similarity, normalize


def test_training_moves_the_running_statistics_once() -> None:
    x = np.random.default_rng(0).normal(3.0, 2.0, (4, 2, 3))
    mean, var = gg.zeros(2, dtype="float64"), gg.ones(2, dtype="float64")
    result = batch_norm(gg.tensor(x, requires_grad=True), mean, var, training=True, momentum=0.1)
    expected = x.mean((0, 2)), x.var((0, 2), ddof=1)
    np.testing.assert_allclose(mean.data, 0.1 * expected[0], rtol=1e-12)
    np.testing.assert_allclose(var.data, 0.9 + 0.1 * expected[1], rtol=1e-12)
    kept = mean.data.copy(), var.data.copy()
    gg.sum(result * result).backward(create_graph=True)
    result.graph().run()
    np.testing.assert_array_equal(mean.data, kept[0])
    np.testing.assert_array_equal(var.data, kept[1])


def test_without_training_the_running_statistics_stay_and_are_used() -> None:
    mean, var = np.array([1.0, 2.0]), np.array([4.0, 9.0])
    x = np.array([[3.0, 5.0]])
    np.testing.assert_allclose(batch_norm(x, mean, var, eps=0.0).data, [[1.0, 1.0]])
    assert (mean.tolist(), var.tolist()) == ([1.0, 2.0], [4.0, 9.0])
    # Many batches later they are the statistics of the data.
    data = np.random.default_rng(1).normal(5.0, 3.0, (1000, 2))
    for _ in range(100):
        batch_norm(data, mean, var, training=True)
    np.testing.assert_allclose(mean, data.mean(0), rtol=1e-3)
    np.testing.assert_allclose(var, data.var(0, ddof=1), rtol=1e-3)


def test_instance_norm_moves_them_by_the_mean_over_the_examples() -> None:
    x = np.random.default_rng(2).normal(1.0, 2.0, (3, 2, 5))
    mean, var = np.zeros(2), np.ones(2)
    result = instance_norm(x, mean, var, momentum=0.5)
    np.testing.assert_allclose(mean, 0.5 * x.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(var, 0.5 + 0.5 * x.var(2, ddof=1).mean(0), rtol=1e-12)
    np.testing.assert_allclose(result.data.mean(2), 0.0, atol=1e-12)


def test_nothing_is_moved_by_a_call_that_is_refused() -> None:
    mean, var = np.zeros(3), np.ones(3)
    with pytest.raises(gg.ShapeError, match="it takes several to have a variance"):
        batch_norm(np.ones((1, 3)), mean, var, training=True)
    with pytest.raises(gg.ShapeError, match="weight has one number"):
        batch_norm(np.ones((2, 3)), mean, var, np.ones(2), training=True)
    with pytest.raises(gg.ShapeError, match="running_mean has one number"):
        batch_norm(np.ones((2, 2)), mean, var, training=True)
    assert (mean.tolist(), var.tolist()) == ([0.0] * 3, [1.0] * 3)


def test_a_batch_of_nothing_moves_nothing() -> None:
    for function, x in ((batch_norm, np.zeros((0, 2))), (instance_norm, np.zeros((0, 2, 3)))):
        mean, var = np.zeros(2), np.ones(2)
        on = {"training": True} if function is batch_norm else {"use_input_stats": True}
        assert function(x, mean, var, **on).shape == x.shape
        assert (mean.tolist(), var.tolist()) == ([0.0] * 2, [1.0] * 2)


@pytest.mark.parametrize(
    ("running", "error", "says"),
    [
        ([0.0, 0.0], gg.DTypeError, "running_mean is written to in training, so it must be a tensor"),
        (np.zeros(2, int), gg.DTypeError, "running_mean holds averages, so it needs floats"),
        (np.broadcast_to(0.0, 2), gg.WriteError, "read-only"),
    ],
)
def test_running_statistics_that_can_not_be_written_to_are_refused(running: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        batch_norm(np.ones((3, 2)), running, np.ones(2), training=True)


def test_running_statistics_are_no_parameters() -> None:
    mean = gg.zeros(2, dtype="float64")
    mean.requires_grad = True
    with pytest.raises(gg.WriteError, match="which no gradient can follow"):
        batch_norm(np.ones((3, 2)), mean, np.ones(2), training=True)


def test_a_bad_call_is_answered_like_that_of_any_operation() -> None:
    with pytest.raises(TypeError, match="batch_norm: has no argument 'wait'"):
        batch_norm(np.ones((2, 2)), wait=1)


def test_wrong_running_statistics_are_noticed_in_the_graph_that_used_them() -> None:
    x, mean, var = gg.ones((2, 2), requires_grad=True), gg.zeros(2), gg.ones(2)
    used = batch_norm(x, mean, var)  # not in training: they are operands
    batch_norm(x, mean, var, training=True)
    with pytest.raises(gg.WriteError):
        used.backward(np.ones((2, 2)))


def test_features_that_are_all_alike_give_zeros_and_finite_gradients() -> None:
    for function in (lambda x: layer_norm(x, 3), lambda x: rms_norm(x, 3), lambda x: group_norm(x, 1)):
        x = gg.zeros((2, 3), requires_grad=True)
        y = function(x)
        assert y.tolist() == [[0.0] * 3] * 2
        gg.sum(y * np.arange(3.0)).backward()
        assert x.grad is not None
        assert np.isfinite(x.grad.data).all()
    x = gg.zeros((2, 3), requires_grad=True)
    normalize(x).backward(np.ones((2, 3)))
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, 1e12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_eps_of_rms_norm_is_that_of_the_dtype(dtype: str) -> None:
    eps = np.finfo(dtype).eps
    x = gg.tensor([[np.sqrt(eps), 0.0]], dtype=dtype, requires_grad=True)
    y = rms_norm(x, 2)
    np.testing.assert_allclose(y.data, [[np.sqrt(1.0 / 1.5), 0.0]], rtol=1e-6)
    gg.sum(y).backward()
    assert x.grad is not None
    # (ĝ - x̂ · mean(ĝ · x̂)) / root with root = √(1.5 eps)
    np.testing.assert_allclose(x.grad.data * np.sqrt(1.5 * eps), [[2.0 / 3.0, 1.0]], rtol=1e-6)


def test_a_least_length_is_a_constant_to_the_derivative() -> None:
    rng = np.random.default_rng(3)
    x, y = (gg.tensor(rng.normal(size=(2, 3)), requires_grad=True) for _ in range(2))
    assert gg.gradcheck(lambda x, y: cosine_similarity(x, y, eps=9.0), [x, y])
    assert gg.gradcheck(lambda x: normalize(x, eps=9.0), [x])


def test_a_zoom_names_what_a_reader_looks_for() -> None:
    expand = layer_norm.op.expand
    assert expand is not None
    x, weight, bias = (gg.tensor(np.ones(shape), requires_grad=True) for shape in ((2, 3), (3,), (3,)))
    result = expand(x, weight, bias, normalized_shape=(3,), eps=1e-5)
    names = [node.name for node in result.graph().nodes if node.name]
    assert names == ["mean", "centred", "variance", "normalized", "scaled", "shifted"]


def test_batch_norm_undoes_itself_with_the_batchs_own_statistics() -> None:
    """P11.02: a scale of sqrt(variance + eps) and a shift of the mean give the input back."""
    x = np.random.default_rng(4).normal(2.0, 3.0, (5, 2))
    again = batch_norm(x, None, None, np.sqrt(x.var(0) + 1e-5), x.mean(0), training=True)
    np.testing.assert_allclose(again.data, x, rtol=1e-12)


def test_batch_norm_backward_is_the_closed_formula() -> None:
    """P11.04: dz = gamma / (m sqrt(v + eps)) (m g - sum g - zn sum(g zn))."""
    rng = np.random.default_rng(5)
    z, gamma, g = rng.normal(size=(6, 3)), rng.normal(size=3), rng.normal(size=(6, 3))
    m, root = len(z), np.sqrt(z.var(0) + 1e-5)
    zn = (z - z.mean(0)) / root
    leaf, weight, bias = (gg.tensor(one, requires_grad=True) for one in (z, gamma, np.zeros(3)))
    batch_norm(leaf, None, None, weight, bias, training=True).backward(g)
    assert leaf.grad is not None
    assert weight.grad is not None
    assert bias.grad is not None
    np.testing.assert_allclose(leaf.grad.data, gamma / (m * root) * (m * g - g.sum(0) - zn * (g * zn).sum(0)))
    np.testing.assert_allclose(weight.grad.data, (g * zn).sum(0))
    np.testing.assert_allclose(bias.grad.data, g.sum(0))
