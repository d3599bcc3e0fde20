"""Activations, losses and containers: each module is its function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn
from graphgrad.nn import functional

X = np.random.default_rng(0).normal(size=(3, 4))


@pytest.mark.parametrize(
    ("module", "function", "shown"),
    [
        (nn.ReLU(), functional.relu, "ReLU()"),
        (nn.Tanh(), functional.tanh, "Tanh()"),
        (nn.Sigmoid(), functional.sigmoid, "Sigmoid()"),
        (nn.Softplus(), functional.softplus, "Softplus(beta=1.0, threshold=20.0)"),
        (nn.LeakyReLU(), functional.leaky_relu, "LeakyReLU(negative_slope=0.01)"),
        (nn.LeakyReLU(0.2), lambda x: functional.leaky_relu(x, 0.2), "LeakyReLU(negative_slope=0.2)"),
        (nn.Softmax(dim=0), lambda x: functional.softmax(x, 0), "Softmax(dim=0)"),
        (nn.Softmax(), functional.softmax, "Softmax(dim=-1)"),
        (nn.LogSoftmax(dim=1), lambda x: functional.log_softmax(x, 1), "LogSoftmax(dim=1)"),
    ],
    ids=lambda value: repr(value) if isinstance(value, nn.Module) else "",
)
def test_an_activation_is_its_function(module: nn.Module, function: Any, shown: str) -> None:
    np.testing.assert_array_equal(module(gg.tensor(X)).data, function(gg.tensor(X)).data)
    assert list(module.parameters()) == []
    assert repr(module) == shown


def test_functions_take_the_names_of_torch() -> None:
    x = gg.tensor(X)
    np.testing.assert_array_equal(functional.softmax(input=x, dim=0).data, gg.softmax(x, axis=0).data)
    np.testing.assert_array_equal(functional.log_softmax(x, dim=0).data, gg.log_softmax(x, axis=0).data)
    np.testing.assert_array_equal(functional.relu(input=x).data, gg.relu(x).data)
    assert functional.leaky_relu(input=gg.tensor([-1.0]), negative_slope=0.5).item() == -0.5


@pytest.mark.parametrize("function", [functional.softmax, functional.log_softmax])
@pytest.mark.parametrize("dim", [None, (0, 1), "0"])
def test_softmax_goes_along_one_axis(function: Any, dim: Any) -> None:
    with pytest.raises(gg.DTypeError, match=f"{function.__name__}: dim is the number of one axis"):
        function(gg.tensor(X), dim)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("make", "function", "input", "target"),
    [
        (nn.MSELoss, functional.mse_loss, X, X[::-1]),
        (nn.CrossEntropyLoss, functional.cross_entropy, X, np.array([0, 3, 1])),
        (nn.BCELoss, functional.binary_cross_entropy, np.abs(X) / 3, X > 0),
        (nn.BCEWithLogitsLoss, functional.binary_cross_entropy_with_logits, X, X > 0),
    ],
)
def test_a_loss_is_its_function(make: Any, function: Any, input: Any, target: Any, reduction: str) -> None:
    target = target.astype(np.float64) if target.dtype == bool else target
    result = make(reduction=reduction)(gg.tensor(input), gg.tensor(target))
    np.testing.assert_array_equal(result.data, function(gg.tensor(input), gg.tensor(target), reduction=reduction).data)


def test_the_mean_is_the_default_and_other_reductions_are_refused() -> None:
    assert repr(nn.MSELoss()) == "MSELoss()"
    assert repr(nn.MSELoss(reduction="sum")) == "MSELoss(reduction='sum')"
    assert nn.MSELoss()(gg.ones(4), gg.zeros(4)).item() == 1.0
    with pytest.raises(ValueError, match="MSELoss: reduction is one of mean, sum, none, got 'average'"):
        nn.MSELoss(reduction="average")


def test_a_row_applies_one_after_the_other() -> None:
    first, last = nn.Linear(4, 3, dtype="float64"), nn.Linear(3, 2, dtype="float64")
    model = nn.Sequential(first, nn.Tanh(), last)
    np.testing.assert_array_equal(model(gg.tensor(X)).data, last(gg.tanh(first(gg.tensor(X)))).data)
    np.testing.assert_array_equal(nn.Sequential()(gg.tensor(X)).data, X)


def test_a_row_is_a_sequence() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    assert len(model) == 3
    assert [type(module).__name__ for module in model] == ["Linear", "Tanh", "Linear"]
    assert model[-1] is model[2]
    assert list(model[1:].state_dict()) == ["2.weight", "2.bias"]
    assert model[2].weight.name == "2.weight"  # type: ignore[attr-defined]
    with pytest.raises(IndexError, match="has 3 modules, there is none at 3"):
        model[3]
    assert model.append(nn.ReLU()) is model
    assert [name for name, _ in model.named_children()] == ["0", "1", "2", "3"]
    part = model[1:3].append(nn.ReLU())
    assert [name for name, _ in part.named_children()] == ["1", "2", "3"]


def test_a_module_that_stands_twice_runs_twice() -> None:
    double = nn.Linear(1, 1)
    double.load_state_dict({"weight": [[2.0]], "bias": [0.0]})
    assert nn.Sequential(double, double)(gg.ones(1)).item() == 4.0


def test_modules_can_have_names() -> None:
    model = nn.Sequential({"first": nn.Linear(2, 2), "act": nn.ReLU()})
    assert [path for path, _ in model.named_parameters()] == ["first.weight", "first.bias"]
    assert model(gg.ones(2)).scope == "act"


@pytest.mark.parametrize(
    ("modules", "error", "says"),
    [
        ((nn.Tanh(), gg.relu), gg.DTypeError, r"element 1 is no Module but function[\s\S]*nn.ReLU"),
        (([nn.Tanh()],), gg.DTypeError, r"element 0 is no Module but list[\s\S]*hint: unpack"),
        (({"a.b": nn.Tanh()},), ValueError, "has no dot"),
        (({"": nn.Tanh()},), ValueError, "isn't empty"),
        (({"forward": nn.Tanh()},), ValueError, "'forward' is an attribute already"),
    ],
)
def test_what_a_row_refuses(modules: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        nn.Sequential(*modules)
