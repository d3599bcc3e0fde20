"""Modules: registration, names, scopes, state, and what they refuse."""

from __future__ import annotations

import copy
import threading
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(3, 4)
        self.linear2 = nn.Linear(4, 3, bias=False)

    def forward(self, x: Any) -> gg.Tensor:
        return self.linear2(gg.tanh(self.linear1(x)))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter([2.0])
        self.encoder = Block()
        self.head = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        self.steps = 3

    def forward(self, x: Any) -> gg.Tensor:
        return self.head(self.scale * self.encoder(x))


PATHS = ["scale", "encoder.linear1.weight", "encoder.linear1.bias", "encoder.linear2.weight"]
PATHS += ["head.0.weight", "head.0.bias"]


def scopes(result: gg.Tensor) -> dict[str, list[str]]:
    """The operations by the scope that they ran in."""
    found: dict[str, list[str]] = {}
    for vertex in result.graph().vertices.values():
        if vertex.op is not None:
            found.setdefault(vertex.scope, []).append(vertex.op)
    return found


# ---- registration


@pytest.mark.curriculum("P25.03")
def test_parameters_are_named_by_their_path_in_order_of_registration() -> None:
    net = Net()
    assert [path for path, _ in net.named_parameters()] == PATHS
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]
    assert [path for path, _ in net.named_parameters(prefix="net", recurse=False)] == ["net.scale"]
    assert all(type(p) is gg.Tensor and p.requires_grad and p.is_leaf for p in net.parameters())


def test_modules_come_outer_before_inner() -> None:
    net = Net()
    assert [path for path, _ in net.named_modules()] == [
        "",
        "encoder",
        "encoder.linear1",
        "encoder.linear2",
        "head",
        "head.0",
        "head.1",
    ]
    assert [name for name, _ in net.named_children()] == ["encoder", "head"]
    assert list(net.children()) == [net.encoder, net.head]
    assert next(iter(net.modules())) is net


def test_pictures_call_a_parameter_by_its_path_unless_it_has_a_name() -> None:
    net = Net()
    assert {path: p.name for path, p in net.named_parameters()} == {path: path for path in PATHS}
    mine: Any = nn.Module()
    mine.w = gg.tensor([1.0], requires_grad=True, name="my weight")
    nn.Sequential(mine)
    assert mine.w.name == "my weight"


def test_any_leaf_that_needs_a_gradient_is_registered_and_nothing_else() -> None:
    module: Any = nn.Module()
    module.yes = gg.tensor([1.0], requires_grad=True)
    module.constant = gg.tensor([1.0])
    module.computed = module.yes * 2
    module.number = 3
    assert [name for name, _ in module.named_parameters()] == ["yes"]
    assert (module.number, module.computed.item()) == (3, 2.0)


def test_super_init_may_be_forgotten() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(2, 1)

    assert [path for path, _ in Forgetful().named_parameters()] == ["inner.weight", "inner.bias"]
    assert Forgetful().training


def test_a_frozen_parameter_stays_one() -> None:
    layer = nn.Linear(2, 1)
    layer.weight.requires_grad = False
    assert len(list(layer.parameters())) == 2
    assert set(layer.state_dict()) == {"weight", "bias"}
    gg.sum(layer(gg.ones((1, 2)))).backward()
    assert layer.weight.grad is None
    assert layer.bias is not None
    assert layer.bias.grad is not None


def test_what_is_there_twice_comes_once_under_its_first_path() -> None:
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert [path for path, _ in model.named_parameters()] == ["0.weight", "0.bias"]
    assert [path for path, _ in model.named_modules()] == ["", "0", "1"]
    assert len(list(model.children())) == 2
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    tied: Any = nn.Module()
    tied.a, tied.b = nn.Linear(2, 2), nn.Linear(2, 2)
    tied.b.weight = tied.a.weight
    assert [path for path, _ in tied.named_parameters()] == ["a.weight", "a.bias", "b.bias"]


def test_attributes_can_be_replaced_emptied_and_deleted() -> None:
    net: Any = Net()
    net.scale = nn.Parameter([5.0])
    assert net.scale.item() == 5.0
    net.encoder = nn.Linear(3, 3)
    assert [name for name, _ in net.named_children()] == ["encoder", "head"]
    net.encoder = None
    assert [name for name, _ in net.named_children()] == ["head"]
    del net.head
    assert not hasattr(net, "head")
    net.scale = nn.Linear(1, 1)
    assert [path for path, _ in net.named_parameters()] == ["scale.weight", "scale.bias"]
    del net.scale
    net.scale = 7
    assert list(net.parameters()) == []


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("scale", 3.0, "Net.scale: a parameter can't be replaced by float"),
        ("scale", gg.tensor([1.0]), "by a tensor without requires_grad[\\s\\S]*write .scale.data = ..."),
        ("scale", gg.tensor([1.0], requires_grad=True) * 2, "by a tensor computed by multiply"),
        ("head", gg.relu, "Net.head: a module can't be replaced by function"),
    ],
)
def test_something_else_in_its_place_is_refused(name: str, value: Any, says: str) -> None:
    net = Net()
    before = getattr(net, name)
    with pytest.raises(TypeError, match=says):
        setattr(net, name, value)
    assert getattr(net, name) is before


def test_a_property_or_a_slot_hides_no_parameter() -> None:
    class Hiding(nn.Module):
        __slots__ = ("slot",)

        @property
        def weight(self) -> Any:
            return self._weight

        @weight.setter
        def weight(self, value: Any) -> None:
            self._weight = value

    hiding: Any = Hiding()
    for name in ("weight", "slot"):
        with pytest.raises(TypeError, match=f"Hiding.{name}: a parameter can't be kept in a property or a slot"):
            setattr(hiding, name, nn.Parameter([1.0]))
        with pytest.raises(TypeError, match=f"Hiding.{name}: a module can't be kept in a property or a slot"):
            setattr(hiding, name, nn.ReLU())
    hiding.weight = 3.0
    assert (hiding.weight, list(hiding.named_parameters())) == (3.0, [])


def test_a_subclass_may_use_any_ordinary_name() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self._path = ["a", "b"]
            self.layer = nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            return self.layer(x)

    model = nn.Sequential(Reader())
    assert model(gg.ones(2)).scope == "0.layer"
    assert model[0]._path == ["a", "b"]  # type: ignore[attr-defined]


def test_a_module_inside_itself_is_refused() -> None:
    net = Net()
    for module in (net, net.head, net.encoder.linear1):
        with pytest.raises(ValueError, match="can't be inside itself"):
            module.outer = net
    assert len(list(net.modules())) == 7


def test_parameter_copies_and_wants_floats() -> None:
    values = np.ones(2)
    parameter = nn.Parameter(values)
    values[0] = 5.0
    assert parameter.tolist() == [1.0, 1.0]
    assert parameter.dtype == np.float64
    assert nn.Parameter([1.0]).dtype == np.float32
    with pytest.raises(gg.DTypeError, match="only floating tensors have gradients"):
        nn.Parameter([1, 2])


def test_a_copy_is_independent() -> None:
    net = Net()
    other = copy.deepcopy(net)
    other.scale.data = np.array([9.0], np.float32)
    other.encoder.linear1.weight.data *= 0
    assert net.scale.item() == 2.0
    assert net.encoder.linear1.weight.data.any()
    assert [path for path, _ in other.named_parameters()] == PATHS


# ---- calling


def test_operations_are_in_the_scope_of_their_module() -> None:
    assert scopes(gg.sum(Net()(gg.ones((2, 3))))) == {
        "": ["multiply", "sum"],
        "encoder": ["tanh"],
        "encoder.linear1": ["linear"],
        "encoder.linear2": ["linear without bias"],
        "head.0": ["linear"],
        "head.1": ["relu"],
    }


def test_scopes_of_the_caller_stay_outside() -> None:
    net = Net()
    with gg.scope("left"):
        y = net(gg.ones((2, 3)))
    assert y.scope == "left.head.1"

    class Inside(nn.Module):
        def __init__(self) -> None:
            self.proj = nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            with gg.scope("attention"):
                return self.proj(x)

    assert nn.Sequential(Inside())(gg.ones(3)).scope == "0.attention.proj"


def test_a_module_that_is_reached_over_another_has_its_whole_path() -> None:
    class Over(nn.Module):
        def __init__(self) -> None:
            self.encoder = Block()

        def forward(self, x: Any) -> Any:
            return self.encoder.linear1(x)

    over = Over()
    assert over(gg.ones(3)).scope == "encoder.linear1"
    assert over(gg.ones(3)).scope == "encoder.linear1"
    assert over.encoder(gg.ones(3)).scope == "linear2"


def test_a_module_in_two_others_has_the_name_that_it_has_in_the_caller() -> None:
    class Other(nn.Module):
        def __init__(self, layer: nn.Module) -> None:
            self.fc = layer

        def forward(self, x: Any) -> Any:
            return self.fc(x)

    layer = nn.Linear(2, 2)
    row, other = nn.Sequential(nn.ReLU(), layer), Other(layer)
    for _ in range(2):
        assert row(gg.ones(2)).scope == "1"
        assert other(gg.ones(2)).scope == "fc"
    assert layer(gg.ones(2)).scope == ""


def test_a_module_that_belongs_to_nobody_stays_in_the_callers_scope() -> None:
    stranger = nn.Linear(2, 2)

    class Borrower(nn.Module):
        def forward(self, x: Any) -> Any:
            return stranger(x)

    assert nn.Sequential(Borrower())(gg.ones(2)).scope == "0"


def test_an_error_in_forward_leaves_no_scope_behind() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(3, 1))
    with pytest.raises(gg.ShapeError, match="linear: the last axis of input"):
        model(gg.ones((1, 2)))
    assert model[0](gg.ones(2)).scope == ""


def test_threads_do_not_mix() -> None:
    found: list[str] = []
    lone = nn.Linear(2, 2)

    class Outer(nn.Module):
        def __init__(self) -> None:
            self.inner = lone

        def forward(self, x: Any) -> Any:
            thread = threading.Thread(target=lambda: found.append(lone(gg.ones(2)).scope))
            thread.start()
            thread.join()
            return self.inner(x)

    assert Outer()(gg.ones(2)).scope == "inner"
    assert found == [""]


def test_a_module_without_forward_says_so() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty: has no forward"):
        Empty()(1.0)


def test_train_and_eval_reach_everything() -> None:
    net = Net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    assert net.train() is net
    assert all(module.training for module in net.modules())
    with pytest.raises(gg.DTypeError, match="mode is True or False"):
        net.train(1)  # type: ignore[arg-type]


def test_zero_grad() -> None:
    net = Net()
    gg.sum(net(gg.ones((2, 3)))).backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    for p in net.parameters():
        assert p.grad is not None
        assert not p.grad.data.any()
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_repr_is_the_tree() -> None:
    assert repr(Net()) == (
        "Net(\n"
        "  (encoder): Block(\n"
        "    (linear1): Linear(in_features=3, out_features=4, bias=True)\n"
        "    (linear2): Linear(in_features=4, out_features=3, bias=False)\n"
        "  )\n"
        "  (head): Sequential(\n"
        "    (0): Linear(in_features=3, out_features=2, bias=True)\n"
        "    (1): ReLU()\n"
        "  )\n"
        ")"
    )


def test_repr_has_the_form_of_torch() -> None:
    torch = pytest.importorskip("torch")

    def tree(base: Any, extra: str, inside: bool) -> str:
        class Own(base.Module):
            def __init__(self) -> None:
                super().__init__()
                if inside:
                    self.act = base.Sequential(base.ReLU())
                    self.none = base.ReLU()
                    self.none = None

            def extra_repr(self) -> str:
                return extra

        return repr(base.Sequential(Own()))

    for extra in ("", "dim=3", "dim=3\nsize=4"):
        for inside in (False, True):
            assert tree(nn, extra, inside) == tree(torch.nn, extra, inside)


# ---- state


def test_a_state_goes_into_another_model() -> None:
    one, other = Net(), Net()
    state = one.state_dict()
    assert list(state) == PATHS
    assert other.load_state_dict(state) == ([], [])
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    np.testing.assert_array_equal(one(x).data, other(x).data)


def test_a_state_is_a_copy_both_ways() -> None:
    net = Net()
    state = net.state_dict()
    net.scale.data *= 0
    assert state["scale"].item() == 2.0
    net.load_state_dict(state)
    net.scale.data *= 0
    assert state["scale"].item() == 2.0


def test_loading_keeps_dtype_and_memory_and_is_noticed_by_a_graph() -> None:
    layer = nn.Linear(2, 1)
    memory = layer.weight.data
    loss = gg.sum(gg.square(layer(gg.tensor([1.0, 2.0], requires_grad=True))))
    layer.load_state_dict({"weight": np.array([[3.0, 4.0]]), "bias": [0]})
    assert layer.weight.data is memory
    assert layer.weight.dtype == np.float32
    assert layer.weight.tolist() == [[3.0, 4.0]]
    with pytest.raises(gg.WriteError, match="linear needs operand weight"):
        loss.backward()


def test_everything_wrong_is_said_at_once_and_nothing_is_changed() -> None:
    net = Net()
    before = {path: array.tolist() for path, array in net.state_dict().items()}
    state: dict[str, Any] = {**net.state_dict(), "extra": gg.ones(1), "head.0.bias": gg.ones(5)}
    state["encoder.linear1.weight"] = gg.zeros((4, 3))
    del state["scale"]
    with pytest.raises(nn.StateDictError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert "this is no state of Net" in text
    assert "missing: scale" in text
    assert "unexpected: extra" in text
    assert "head.0.bias: expected shape (2,), got (5,)" in text
    assert {path: array.tolist() for path, array in net.state_dict().items()} == before
    assert isinstance(caught.value, RuntimeError)


def test_not_strict_passes_over_paths_but_not_over_shapes() -> None:
    net = Net()
    missing, unexpected = net.load_state_dict({"scale": [7.0], "extra": [1.0]}, strict=False)
    assert (missing, unexpected) == (PATHS[1:], ["extra"])
    assert net.scale.item() == 7.0
    with pytest.raises(nn.StateDictError, match=r"scale: expected shape \(1,\), got \(2,\)") as caught:
        net.load_state_dict({"scale": [7.0, 8.0]}, strict=False)
    assert "hint" not in str(caught.value)  # strict is False already


@pytest.mark.parametrize("state", [None, "net.safetensors", [("scale", [1.0])]])
def test_a_state_is_a_mapping(state: Any) -> None:
    with pytest.raises(gg.DTypeError, match="load_state_dict: a mapping is needed, got"):
        Net().load_state_dict(state)


def test_a_value_that_is_no_number_changes_nothing() -> None:
    net = Net()
    with pytest.raises(gg.DTypeError, match=r"head\.0\.bias: elements of dtype"):
        net.load_state_dict({**net.state_dict(), "scale": [7.0], "head.0.bias": None})
    assert net.scale.item() == 2.0


def test_keys_and_layouts_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2, bias=False))
    ours = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2, bias=False))
    assert {k: tuple(v.shape) for k, v in theirs.state_dict().items()} == {
        k: v.shape for k, v in ours.state_dict().items()
    }
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert repr(ours) == repr(theirs)


# ---- buffers


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter([2.0])
        self.register_buffer("seen", gg.tensor([0.0]))
        self.register_buffer("hidden", gg.tensor([1.0]), persistent=False)
        self.register_buffer("later", None)


def test_buffers_are_state_that_is_not_trained() -> None:
    outer = nn.Sequential(Counting(), nn.Linear(1, 1))
    assert [path for path, _ in outer.named_parameters()] == ["0.scale", "1.weight", "1.bias"]
    assert [path for path, _ in outer.named_buffers()] == ["0.seen", "0.hidden"]
    assert list(outer.state_dict()) == ["0.scale", "0.seen", "1.weight", "1.bias"]
    counting: Any = outer[0]
    assert [one.name for one in counting.buffers()] == ["0.seen", "0.hidden"]
    seen = counting.seen
    outer.load_state_dict({**outer.state_dict(), "0.seen": [3.0]})
    assert seen.tolist() == [3.0]
    counting.later = gg.tensor([1.0])
    assert list(counting.state_dict()) == ["scale", "seen", "later"]
    counting.later = None
    del counting.seen
    assert list(counting.state_dict()) == ["scale"]


def test_what_is_no_buffer_is_refused() -> None:
    counting: Any = Counting()
    with pytest.raises(ValueError, match="a buffer's name is an attribute already: 'scale'"):
        counting.register_buffer("scale", gg.tensor([1.0]))
    with pytest.raises(ValueError, match=r"has no dot and isn't empty: 'a\.b'"):
        counting.register_buffer("a.b", gg.tensor([1.0]))
    with pytest.raises(TypeError, match="more is a tensor that needs a gradient"):
        counting.register_buffer("more", gg.tensor([1.0], requires_grad=True))
    with pytest.raises(TypeError, match="a buffer can't be replaced by float"):
        counting.seen = 2.0
    assert counting.seen.tolist() == [0.0]
    # A parameter in its place is one, as in PyTorch.
    counting.seen = nn.Parameter([1.0])
    assert [path for path, _ in counting.named_buffers()] == ["hidden"]
    assert [path for path, _ in counting.named_parameters()] == ["scale", "seen"]


def test_a_state_of_another_kind_changes_nothing() -> None:
    layer = nn.BatchNorm1d(1)
    state = {**layer.state_dict(), "weight": [5.0], "num_batches_tracked": 1.5}
    with pytest.raises(nn.StateDictError, match="num_batches_tracked: expected int64, got float"):
        layer.load_state_dict(state)
    assert layer.weight is not None
    assert layer.weight.tolist() == [1.0]
