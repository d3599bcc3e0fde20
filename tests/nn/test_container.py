"""Rows, lists and dictionaries of modules and of parameters."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn


def kinds(row: Any) -> str:
    """The kinds of the modules and their names."""
    return " ".join(f"{name}:{type(module).__name__}" for name, module in row.named_children())


def row() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))


# ---- a row, as PyTorch's --------------------------------------------------------------------------------------------


def edits() -> dict[str, Any]:
    """What can be done to a row or a list, with either library's modules."""

    def insert(room: Any, it: Any) -> Any:
        it.insert(1, room.Tanh())
        return it

    def insert_first(room: Any, it: Any) -> Any:
        it.insert(0, room.Tanh())
        return it

    def insert_last(room: Any, it: Any) -> Any:
        it.insert(3, room.Tanh())
        return it

    def set_item(room: Any, it: Any) -> Any:
        it[-1] = room.Tanh()
        return it

    def delete(room: Any, it: Any) -> Any:
        del it[0]
        return it

    def delete_slice(room: Any, it: Any) -> Any:
        del it[::2]
        return it

    def pop(room: Any, it: Any) -> Any:
        assert type(it.pop(1)).__name__ == "ReLU"
        return it

    return {
        "append": lambda room, it: it.append(room.Tanh()),
        "extend": lambda room, it: it.extend([room.Tanh(), room.Tanh()]),
        "insert": insert,
        "insert first": insert_first,
        "insert last": insert_last,
        "set": set_item,
        "delete": delete,
        "delete slice": delete_slice,
        "pop": pop,
        "slice": lambda room, it: it[1:],
        "slice backwards": lambda room, it: it[::-1],
        "add": lambda room, it: it + type(it)(*([room.Tanh()] if "Seq" in type(it).__name__ else [[room.Tanh()]])),
    }


@pytest.mark.parametrize("name", ["Sequential", "ModuleList"])
@pytest.mark.parametrize("edit", edits())
def test_an_edited_row_is_as_pytorchs(name: str, edit: str) -> None:
    torch = pytest.importorskip("torch")
    shown = []
    for room in (nn, torch.nn):
        modules = [room.Linear(2, 3), room.ReLU(), room.Linear(3, 1)]
        it = getattr(room, name)(*(modules if name == "Sequential" else [modules]))
        it = edits()[edit](room, it)
        shown.append((repr(it), len(it), [path for path, _ in it.named_parameters()], list(it.state_dict())))
    assert shown[0] == shown[1]


@pytest.mark.parametrize("make", [nn.Sequential, lambda *modules: nn.ModuleList(modules)])
def test_what_pytorch_stumbles_over(make: Any) -> None:
    it = make(nn.Linear(2, 2), nn.ReLU())
    assert kinds(it.insert(-1, nn.Tanh())) == "0:Linear 1:Tanh 2:ReLU"
    assert len(it.extend(it)) == 6
    assert it[3] is it[0]


def test_a_row_can_be_repeated() -> None:
    model = nn.Sequential(nn.Linear(2, 2)) * 3
    assert (len(model), len(list(model.parameters()))) == (3, 2)  # the same one
    assert len(2 * model) == 6
    model *= 2
    assert len(model) == 6
    with pytest.raises(gg.ArgumentError, match="from 1 time on, got 0"):
        model * 0


def test_names_stay_and_numbers_are_given_anew() -> None:
    model = nn.Sequential({"first": nn.Linear(2, 2), "1": nn.ReLU(), "last": nn.Linear(2, 2)})
    model.insert(1, nn.Tanh())
    assert kinds(model) == "first:Linear 1:Tanh 2:ReLU last:Linear"
    del model[0]
    assert kinds(model) == "0:Tanh 1:ReLU last:Linear"


def test_pictures_call_a_moved_parameter_by_its_new_path() -> None:
    model = row()
    model.insert(0, nn.Tanh())
    assert model[1].weight.name == "1.weight"  # type: ignore[attr-defined]
    taken: Any = model.pop(1)
    assert (taken.weight.name, model[2].weight.name) == ("weight", "2.weight")  # type: ignore[attr-defined]


def test_nothing_is_changed_by_what_is_refused() -> None:
    model, words = row(), nn.ModuleDict({"a": nn.ReLU()})
    before = repr(model)
    for change in (
        lambda: model.insert(0, gg.relu),  # type: ignore[arg-type]
        lambda: model.extend([nn.Tanh(), gg.relu]),  # type: ignore[list-item]
        lambda: model.extend(nn.Tanh()),  # type: ignore[arg-type]
        lambda: model.extend("x"),  # type: ignore[arg-type]
        lambda: model.pop(7),
        lambda: model.__delitem__(-4),
        lambda: words.update({"b": nn.Tanh(), "c": 3}),  # type: ignore[arg-type]
        lambda: words.update([("b", nn.Tanh()), ("items", nn.Tanh())]),
        lambda: words.update(3),  # type: ignore[arg-type]
        lambda: words.__setitem__(0, nn.Tanh()),  # type: ignore[index]
    ):
        with pytest.raises((gg.DTypeError, IndexError, ValueError)):
            change()
    assert (repr(model), list(words)) == (before, ["a"])


# ---- a list ----------------------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
        self.heads = nn.ModuleDict({"left": nn.Linear(2, 1), "right": nn.Linear(2, 4)})

    def forward(self, x: Any, head: str) -> gg.Tensor:
        for layer in self.layers:
            x = gg.tanh(layer(x))
        found: gg.Tensor = self.heads[head](x)
        return found


@pytest.mark.curriculum("P25.03")
def test_what_a_list_and_a_dictionary_hold_belongs_to_the_module() -> None:
    net = Net()
    assert len(list(net.parameters())) == 10
    assert "layers.2.bias" in net.state_dict()
    assert "heads.left.weight" in net.state_dict()
    y = net(gg.ones((3, 2)), "right")
    assert (y.shape, y.scope) == ((3, 4), "heads.right")
    assert net.layers[1](gg.ones(2)).shape == (2,)
    twin = copy.deepcopy(net)
    assert twin.layers[0] is not net.layers[0]
    np.testing.assert_array_equal(twin(gg.ones(2), "left").data, net(gg.ones(2), "left").data)


def test_a_list_itself_cannot_be_called() -> None:
    with pytest.raises(NotImplementedError, match="ModuleList: has no forward"):
        nn.ModuleList()(1)
    assert repr(nn.ModuleList()) == "ModuleList()"


# ---- a dictionary ----------------------------------------------------------------------------------------------------


def test_a_dictionary_is_one() -> None:
    words = nn.ModuleDict([("a", nn.ReLU()), ("b", nn.Linear(2, 2))])
    words["c"] = nn.Tanh()
    assert list(words) == list(words.keys()) == ["a", "b", "c"]
    assert [type(one).__name__ for one in words.values()] == ["ReLU", "Linear", "Tanh"]
    assert dict(words.items())["c"] is words["c"]
    assert ("a" in words, "z" in words, len(words)) == (True, False, 3)
    words["a"] = nn.Sigmoid()
    assert repr(words["a"]) == "Sigmoid()"
    assert type(words.pop("b")).__name__ == "Linear"
    del words["c"]
    assert list(words) == ["a"]
    other = nn.ModuleDict()
    other.update(words)
    assert other["a"] is words["a"]
    words.clear()
    assert (len(words), list(words.parameters())) == (0, [])
    with pytest.raises(KeyError, match="no module called q; there are none"):
        words["q"]


# ---- parameters ------------------------------------------------------------------------------------------------------


def test_a_list_of_parameters() -> None:
    mine = nn.Parameter([1.0, 2.0])
    weights = nn.ParameterList([mine, np.zeros((2, 3), np.float32)])
    assert weights[0] is mine
    assert [one.requires_grad for one in weights] == [True, True]
    weights.append(gg.ones(2)).extend([mine])
    assert list(weights.state_dict()) == ["0", "1", "2", "3"]
    assert len(list(weights.parameters())) == 3  # mine is there twice
    weights[1].requires_grad = False
    assert [one.requires_grad for one in weights[1:3]] == [False, True]
    weights[-1] = gg.zeros(1)
    assert weights[3].tolist() == [0.0]
    weights += [gg.zeros(2)]
    assert len(weights) == 5
    for wrong in ([3.0, "x"], gg.ones(2), 3):
        with pytest.raises(gg.DTypeError):
            weights.extend(wrong)  # type: ignore[arg-type]
    assert len(weights) == 5
    with pytest.raises(IndexError, match="has 5 parameters, there is none at 5"):
        weights[5]


def test_a_dictionary_of_parameters() -> None:
    gates = nn.ParameterDict({"a": gg.zeros(2)})
    gates["b"] = nn.Parameter([1.0])
    gates.update([("c", gg.ones(1))])
    assert list(gates) == list(gates.keys()) == list(gates.state_dict()) == ["a", "b", "c"]
    assert (len(gates), "a" in gates, gates.get("z"), gates.get("b") is gates["b"]) == (3, True, None, True)
    assert [one.requires_grad for one in gates.values()] == [True] * 3
    assert dict(gates.items())["c"] is gates["c"]
    gates["a"] = nn.Parameter([5.0])
    assert gates.pop("a").tolist() == [5.0]
    del gates["b"]
    assert repr(gates) == "ParameterDict((c): Parameter containing: [float32 of size 1])"
    twin = nn.ParameterDict(gates)
    assert twin["c"] is gates["c"]
    twin = gates.copy()
    assert twin.setdefault("c") is gates["c"]
    assert twin.setdefault("d", gg.ones(1)).tolist() == [1.0]
    assert (twin.popitem()[0], list(twin)) == ("d", ["c"])
    for wrong in ([("e", gg.ones(1)), ("a.b", gg.ones(1))], {"e": gg.ones(1), 3: gg.ones(1)}, 3, {"e": "x"}):
        with pytest.raises((ValueError, gg.DTypeError)):
            twin.update(wrong)  # type: ignore[arg-type]
    assert list(twin) == ["c"]
    gates.clear()
    assert list(gates.parameters()) == []
    with pytest.raises(KeyError, match="no parameter left"):
        gates.popitem()
    with pytest.raises(KeyError, match="no parameter called a; there are none"):
        gates["a"]
    with pytest.raises(ValueError, match="is an attribute already: 'keys'"):
        gates["keys"] = gg.ones(1)


def test_a_frozen_parameter_stays_frozen_in_another_list_of_parameters() -> None:
    weights, gates = nn.ParameterList([gg.ones(2)]), nn.ParameterDict({"a": gg.ones(2)})
    weights.requires_grad_(False)
    gates.requires_grad_(False)
    more = nn.ParameterList([gg.zeros(1)])
    more += weights
    assert (more[1] is weights[0], nn.ParameterDict(gates)["a"] is gates["a"]) == (True, True)
    assert (more[1].requires_grad, gates["a"].requires_grad) == (False, False)
    more.extend(more)
    assert (len(more), more[3] is weights[0]) == (4, True)


def test_they_are_trained() -> None:
    net: Any = nn.Module()
    net.weights = nn.ParameterList([gg.ones(2), gg.ones(2)])
    optimizer = gg.optim.SGD(net.parameters(), lr=0.5)
    gg.sum(net.weights[0] * net.weights[1]).backward()
    optimizer.step()
    assert [one.tolist() for one in net.weights] == [[0.5, 0.5], [0.5, 0.5]]
    assert net.weights[0].name == "weights.0"
