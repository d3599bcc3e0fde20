"""What is done to all of a module at once: dtypes, freezing, finding by path, applying a function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Sequential(nn.Tanh(), nn.Linear(4, 2)))


def dtypes(module: nn.Module) -> set[str]:
    return {one.dtype.name for one in (*module.parameters(), *module.buffers())}


# ---- dtypes ----------------------------------------------------------------------------------------------------------


def test_to_changes_floats_and_keeps_the_tensors() -> None:
    model = net()
    before = {path: (id(p), p.data.copy()) for path, p in model.named_parameters()}
    assert model.to("float64") is model
    assert dtypes(model) == {"float64", "int64"}
    for path, p in model.named_parameters():
        assert (id(p), p.requires_grad, p.is_leaf) == (before[path][0], True, True)
        np.testing.assert_array_equal(p.data, before[path][1])
    y = model(gg.ones((5, 3), "float64"))
    assert y.dtype == np.float64
    assert dtypes(model.half()) == {"float16", "int64"}
    assert dtypes(model.float()) == {"float32", "int64"}
    assert dtypes(model.double()) == {"float64", "int64"}
    assert dtypes(model.to(np.float32)) == {"float32", "int64"}


def test_gradients_come_along_and_the_optimiser_goes_on() -> None:
    model = nn.Linear(2, 1)
    optimizer = gg.optim.SGD(model.parameters(), lr=0.1)
    gg.sum(model(gg.ones((1, 2)))).backward()
    model.double()
    assert model.weight.grad is not None
    assert model.weight.grad.dtype == np.float64
    before = model.weight.data.copy()
    optimizer.step()
    np.testing.assert_allclose(model.weight.data, before - 0.1, rtol=1e-7)


def test_a_graph_from_before_keeps_its_numbers() -> None:
    gradients = []
    for change in (lambda model: model, lambda model: model.double()):
        gg.manual_seed(0)
        model, x = nn.Linear(2, 2, bias=False), gg.ones((1, 2), requires_grad=True)
        y = gg.sum(gg.tanh(model(x)))
        change(model)
        y.backward()
        assert x.grad is not None
        assert model.weight.grad is not None
        assert model.weight.grad.dtype == model.weight.dtype
        gradients.append(x.grad.tolist())
    assert gradients[0] == gradients[1]


def test_shared_parameters_are_changed_once() -> None:
    model: Any = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    model.double()
    assert model[1].weight is model[0].weight
    assert dtypes(model) == {"float64"}


@pytest.mark.parametrize(
    ("dtype", "says"),
    [
        ("int32", "int32 is not a floating dtype"),
        ("complex64", "complex64 is not a floating dtype"),
        ("cpu", r"'cpu' is a device[\s\S]*leave the call out"),
        ("cuda:0", "is a device"),
        ("nothing", "is no dtype"),
        (None, "is no dtype"),
    ],
)
def test_what_is_no_dtype(dtype: Any, says: str) -> None:
    model = net()
    with pytest.raises(gg.DTypeError, match=says):
        model.to(dtype)
    assert dtypes(model) == {"float32", "int64"}


# ---- freezing --------------------------------------------------------------------------------------------------------


@pytest.mark.curriculum("P25.03")
def test_frozen_layers_are_not_trained() -> None:
    model = net()
    assert model[0].requires_grad_(False) is model[0]
    gg.sum(model(gg.tensor(np.random.default_rng(0).normal(size=(4, 3)), "float32"))).backward()
    assert [p.grad is None for p in model.parameters()] == [True, True, False, False, False, False]
    assert len(model.state_dict()) == 9
    model.requires_grad_()
    assert all(p.requires_grad for p in model.parameters())
    with pytest.raises(gg.DTypeError, match="requires_grad_: True or False is needed, got 'no'"):
        model.requires_grad_("no")  # type: ignore[arg-type]


def test_a_module_that_keeps_a_part_frozen_is_asked() -> None:
    class Frozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.dropout = nn.BatchNorm1d(2), nn.Dropout()

        def train(self, mode: bool = True) -> Frozen:
            super().train(mode)
            self.norm.eval()
            return self

    model: Any = nn.Sequential(Frozen(), nn.Tanh()).train()
    assert [one.training for one in (model, model[0], model[0].norm, model[0].dropout)] == [True, True, False, True]
    assert not any(one.training for one in model.eval().modules())


# ---- by path ---------------------------------------------------------------------------------------------------------


def test_modules_parameters_and_buffers_are_found_by_path() -> None:
    model = net()
    assert model.get_submodule("") is model
    assert model.get_submodule("2.1") is model[2][1]  # type: ignore[index]
    assert model.get_parameter("2.1.bias").shape == (2,)
    assert model.get_buffer("1.running_var").tolist() == [1.0] * 4
    for find, path, says in (
        (model.get_submodule, "2.7", r"Sequential has no module '7'[\s\S]*modules: 0, 1"),
        (model.get_submodule, "0.weight", r"Linear has no module 'weight'[\s\S]*modules: none"),
        (model.get_parameter, "1.running_var", r"no parameter 'running_var'[\s\S]*parameters: weight, bias"),
        (model.get_buffer, "0.weight", r"no buffer 'weight'[\s\S]*buffers: none"),
    ):
        with pytest.raises(AttributeError, match=says):
            find(path)


def test_apply_goes_from_the_inner_to_the_outer() -> None:
    seen: list[str] = []
    model = net()
    assert model.apply(lambda module: seen.append(type(module).__name__)) is model
    assert seen == ["Linear", "BatchNorm1d", "Tanh", "Linear", "Sequential", "Sequential"]


# ---- registering under a name that is computed -----------------------------------------------------------------------


def test_registering_by_name() -> None:
    module: Any = nn.Module()
    module.register_parameter("w", nn.Parameter([1.0]))
    frozen = nn.Parameter([2.0])
    frozen.requires_grad = False
    module.register_parameter("frozen", frozen)
    module.register_parameter("later", None)
    module.add_module("inner", nn.Linear(1, 1))
    module.register_module("nothing", None)
    assert [path for path, _ in module.named_parameters()] == ["w", "frozen", "inner.weight", "inner.bias"]
    assert (module.later, module.nothing, module.frozen.requires_grad) == (None, None, False)
    module.later = nn.Parameter([3.0])
    assert "later" in dict(module.named_parameters())


@pytest.mark.parametrize(
    ("method", "args", "error", "says"),
    [
        ("register_parameter", ("a.b", None), ValueError, "has no dot"),
        ("register_parameter", ("forward", None), ValueError, "is an attribute already"),
        ("register_parameter", ("w", 3.0), TypeError, r"w is float[\s\S]*a leaf tensor"),
        ("register_parameter", ("w", nn.Parameter([1.0]) * 2), TypeError, "w is a tensor computed by multiply"),
        ("add_module", ("", nn.ReLU()), ValueError, "isn't empty"),
        ("add_module", ("m", gg.relu), TypeError, "and no Module"),
        ("add_module", (3, nn.ReLU()), ValueError, "a module's name"),
    ],
)
def test_what_is_not_registered(method: str, args: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        getattr(nn.Module(), method)(*args)
