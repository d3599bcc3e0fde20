"""The affine layer and the operation behind it."""

from __future__ import annotations

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn
from graphgrad.nn.functional import linear


@pytest.mark.curriculum("P02.01", "P02.02")
@pytest.mark.parametrize("leading", [(), (5,), (2, 5), (0,), (2, 0, 3)])
def test_it_is_x_wt_plus_b_over_any_leading_axes(leading: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    layer = nn.Linear(3, 4, dtype="float64", generator=rng)
    assert layer.bias is not None
    x = gg.tensor(rng.normal(size=(*leading, 3)), requires_grad=True)
    g = rng.normal(size=(*leading, 4))
    y = layer(x)
    np.testing.assert_allclose(y.data, np.einsum("...i,oi->...o", x.data, layer.weight.data) + layer.bias.data)
    y.backward(g)
    assert x.grad is not None
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    np.testing.assert_allclose(x.grad.data, np.einsum("...o,oi->...i", g, layer.weight.data))
    np.testing.assert_allclose(layer.weight.grad.data, g.reshape(-1, 4).T @ x.data.reshape(-1, 3), atol=1e-12)
    np.testing.assert_allclose(layer.bias.grad.data, g.reshape(-1, 4).sum(axis=0), atol=1e-12)


def test_without_a_bias_it_is_the_product_alone() -> None:
    layer = nn.Linear(3, 2, bias=False)
    assert layer.bias is None
    assert [path for path, _ in layer.named_parameters()] == ["weight"]
    y = layer(gg.ones((2, 3)))
    np.testing.assert_allclose(y.data, np.ones((2, 3)) @ layer.weight.data.T, rtol=1e-6)
    assert y.node is not None
    assert y.node.op.name == "linear without bias"


def test_the_function_takes_its_operands_by_name_too() -> None:
    x, w, b = gg.ones((2, 3)), gg.ones((4, 3)), gg.ones(4)
    assert linear(input=x, weight=w, bias=b).tolist() == linear(x, w, b).tolist() == [[4.0] * 4] * 2
    assert linear(x, w, bias=None).tolist() == [[3.0] * 4] * 2


def test_the_start_is_uniform_within_one_over_the_root_of_the_inputs() -> None:
    gg.manual_seed(0)
    layer = nn.Linear(100, 300)
    assert layer.bias is not None
    for values in (layer.weight.data, layer.bias.data):
        assert np.abs(values).max() <= 0.1
        assert np.abs(values).max() > 0.095
        assert abs(values.mean()) < 0.01
    assert layer.weight.data.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.02)


def test_dtype_and_default_dtype() -> None:
    assert {p.dtype.name for p in nn.Linear(2, 2).parameters()} == {"float32"}
    assert {p.dtype.name for p in nn.Linear(2, 2, dtype="float64").parameters()} == {"float64"}
    gg.set_default_dtype("float64")
    try:
        assert {p.dtype.name for p in nn.Linear(2, 2).parameters()} == {"float64"}
    finally:
        gg.set_default_dtype("float32")


def test_nothing_goes_in_or_out() -> None:
    assert nn.Linear(0, 2)(gg.ones((3, 0))).tolist() == [[0.0, 0.0]] * 3  # the bias starts at 0 then, as PyTorch's
    assert nn.Linear(2, 0)(gg.ones((3, 2))).shape == (3, 0)


@pytest.mark.parametrize("length", [-1, 2.5, "3", True])
def test_a_length_that_is_none_is_refused(length: object) -> None:
    with pytest.raises(gg.ShapeError, match="in_features is a whole number from 0"):
        nn.Linear(length, 2)  # type: ignore[arg-type]
    with pytest.raises(gg.ShapeError, match="out_features is a whole number from 0"):
        nn.Linear(2, length)  # type: ignore[arg-type]


def test_an_input_that_does_not_fit_is_explained() -> None:
    with pytest.raises(gg.ShapeError, match=r"last axis of input \(2, 4\) must have length 3") as caught:
        nn.Sequential(nn.Linear(3, 2))(gg.ones((2, 4)))
    assert "weight: '0.weight' shape (2, 3)" in str(caught.value)


def test_a_bias_that_numpy_would_broadcast_is_refused() -> None:
    with pytest.raises(gg.ShapeError, match=r"bias must have the shape \(4,\)"):
        linear(gg.ones((2, 3)), gg.ones((4, 3)), gg.ones((2, 1)))
    with pytest.raises(gg.ShapeError, match=r"bias must have the shape \(4,\)"):
        linear(gg.ones((2, 3)), gg.ones((4, 3)), 1.0)
