"""Hooks of modules, in step with PyTorch's; and what they refuse."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn

W = [[1.0, 2.0], [3.0, 4.0]]


class Two(nn.Module):
    """Two arguments, two results."""

    def forward(self, a: Any, b: Any, *, scale: float = 1.0) -> Any:
        return a * b * scale, a + b


class Bench:
    """One library, as the programs below need it."""

    def __init__(self, room: Any, make: Any) -> None:
        self.room, self.make = room, make

    def leaf(self, *values: float) -> Any:
        return self.make(list(values), requires_grad=True)

    def linear(self) -> Any:
        layer = self.room.Linear(2, 2, bias=False)
        layer.load_state_dict({"weight": self.make(W)})
        return layer

    def two(self) -> Any:
        return type("Two", (self.room.Module,), {"forward": Two.forward})()


def numbers(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [numbers(one) for one in value]
    if value is None or isinstance(value, (str, float, dict)):
        return value
    return [round(one, 4) for one in value.tolist()]


def noting(log: list[Any], what: str, answer: Any = None) -> Any:
    """A hook that writes down what it gets, and returns the answer of a function."""

    def hook(module: Any, *given: Any) -> Any:
        log.append((what, numbers(list(given))))
        return None if answer is None else answer(*given)

    return hook


# ---- programs that both libraries run --------------------------------------------------------------------------------


def order(b: Bench, log: list[Any]) -> None:
    layer, x = b.linear(), b.leaf(1.0, -1.0)
    layer.register_forward_pre_hook(noting(log, "before"))
    layer.register_forward_pre_hook(noting(log, "first", lambda args: args[0] * 2), prepend=True)
    layer.register_forward_hook(noting(log, "after", lambda args, out: out * 10))
    layer.register_forward_hook(noting(log, "after all"))
    layer.register_full_backward_pre_hook(noting(log, "backward before", lambda g: (g[0] * 2,)))
    layer.register_full_backward_hook(noting(log, "backward"))
    layer.register_full_backward_hook(noting(log, "backward first", lambda gi, go: (gi[0] + 1,)), prepend=True)
    y = layer(x)
    y.sum().backward()
    log.append(("end", numbers([y, x.grad, *layer.weight.grad])))


def with_kwargs(b: Bench, log: list[Any]) -> None:
    layer, x, z = b.two(), b.leaf(1.0, 2.0), b.leaf(3.0, 4.0)
    layer.register_forward_pre_hook(
        noting(log, "before", lambda args, kwargs: (args[::-1], {"scale": 3.0})), with_kwargs=True
    )
    layer.register_forward_hook(noting(log, "after"), with_kwargs=True)
    layer.register_full_backward_hook(noting(log, "backward"))
    product, total = layer(x, z, scale=2.0)
    (product.sum() + total.sum()).backward()
    log.append(("end", numbers([x.grad, z.grad])))


def one_of_two(b: Bench, log: list[Any]) -> None:
    layer, x = b.two(), b.leaf(1.0, 2.0)
    layer.register_full_backward_hook(noting(log, "backward", lambda gi, go: (gi[0] * 2, None)))
    layer(x, b.make([5.0, 5.0]))[0].sum().backward()
    log.append(("end", numbers(x.grad)))


def no_input_needs_one(b: Bench, log: list[Any]) -> None:
    layer = b.linear()
    layer.register_full_backward_hook(noting(log, "backward"))
    layer(b.make([1.0, 2.0])).sum().backward()


def removed(b: Bench, log: list[Any]) -> None:
    layer, x = b.linear(), b.leaf(1.0, 1.0)
    handles = [layer.register_forward_hook(noting(log, str(i))) for i in range(3)]
    layer(x)
    handles[1].remove()
    handles[1].remove()
    layer(x)
    with layer.register_forward_pre_hook(noting(log, "inside")):
        layer(x)
    layer(x)


def shared(b: Bench, log: list[Any]) -> None:
    layer, x = b.linear(), b.leaf(1.0, 1.0)
    layer.register_full_backward_hook(noting(log, "backward"))
    layer(layer(x) + x).sum().backward()
    log.append(("end", numbers(x.grad)))


def always(b: Bench, log: list[Any]) -> None:
    layer = b.linear()
    layer.register_forward_hook(noting(log, "sometimes"))
    layer.register_forward_hook(noting(log, "always"), always_call=True)
    layer(b.leaf(1.0, 1.0))
    with pytest.raises((RuntimeError, ValueError)):
        layer(b.leaf(1.0, 1.0, 1.0))


def always_after_another(b: Bench, log: list[Any]) -> None:
    layer = b.linear()
    layer.register_forward_pre_hook(lambda module, args: args[0] * 3)
    layer.register_forward_hook(lambda module, args, out: 1 / 0)
    layer.register_forward_hook(noting(log, "always"), always_call=True)
    with pytest.raises(ZeroDivisionError):
        layer(b.leaf(1.0, 1.0))


def twice(b: Bench, log: list[Any]) -> None:
    layer, x = b.two(), b.leaf(1.0, 2.0)
    layer.register_full_backward_hook(noting(log, "backward"))
    product, total = layer(x, x)
    y = (product * total).sum()
    y.backward(retain_graph=True)
    y.backward()
    log.append(("end", numbers(x.grad)))


PROGRAMS = [order, with_kwargs, no_input_needs_one, removed, shared, always, always_after_another, twice]


@pytest.mark.filterwarnings("ignore:Full backward hook is firing:UserWarning")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.__name__)
def test_hooks_are_called_as_pytorch_calls_them(program: Any) -> None:
    torch = pytest.importorskip("torch")
    ours: list[Any] = []
    theirs: list[Any] = []
    program(Bench(nn, gg.tensor), ours)
    program(Bench(torch.nn, torch.tensor), theirs)
    assert ours == theirs
    assert ours


# ---- without PyTorch -------------------------------------------------------------------------------------------------


def test_what_hooks_see_and_change() -> None:
    log: list[Any] = []
    order(Bench(nn, gg.tensor), log)
    assert [what for what, _ in log] == [
        *("first", "before", "after", "after all"),
        *("backward before", "backward first", "backward", "end"),
    ]
    assert log[1][1] == [[[2.0, -2.0]]]
    assert log[-1][1][:2] == [[-20.0, -20.0], [162.0, 242.0]]


def test_what_needs_no_gradient_has_none() -> None:
    """PyTorch hands out zeros for a tensor that needs none."""
    log: list[Any] = []
    one_of_two(Bench(nn, gg.tensor), log)
    assert log == [("backward", [[[5.0, 5.0], None], [[1.0, 1.0], None]]), ("end", [10.0, 10.0])]


def test_without_gradients_backward_hooks_wait_for_none() -> None:
    layer, log = nn.Linear(2, 2), []  # type: ignore[var-annotated]
    layer.register_full_backward_hook(noting(log, "backward"))
    with gg.no_grad():
        y = layer(gg.ones(2, requires_grad=True))
    assert (y.requires_grad, log) == (False, [])


def test_a_hook_that_is_always_called_raises_over_the_other_error() -> None:
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(lambda module, args, out: 1 / 0, always_call=True)
    with pytest.raises(ZeroDivisionError) as caught:
        layer(gg.ones(3))
    assert isinstance(caught.value.__context__, gg.ShapeError)


def test_hooks_run_in_the_scope_of_their_module() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model[0].register_forward_hook(lambda module, args, out: out * 2)
    seen = {v.op: v.scope for v in model(gg.ones((1, 2))).graph().vertices.values() if v.op}
    assert seen["multiply"] == "0"


def test_a_named_tuple_stays_one() -> None:
    class Pair(NamedTuple):
        left: Any
        right: Any

    class Made(nn.Module):
        def forward(self, x: Any) -> Any:
            return Pair(x * 2, x * 3)

    layer = Made()
    layer.register_full_backward_hook(lambda module, gi, go: None)
    found = layer(gg.ones(2, requires_grad=True))
    assert type(found) is Pair
    assert found.right.tolist() == [3.0, 3.0]


def test_what_a_backward_hook_needs() -> None:
    class Word(nn.Module):
        def forward(self, x: Any) -> Any:
            return {"x": x}

    layer = Word()
    layer.register_full_backward_hook(lambda module, gi, go: None)
    with pytest.raises(gg.DTypeError, match="Word: it has a backward hook, and gave dict"):
        layer(gg.ones(1))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda gi, go: (gi[0], gi[0]), "returned 2 gradients"),
        (lambda gi, go: (None,), "returned NoneType in the place of Tensor"),
        (lambda gi, go: (gg.ones(3),), r"expected: \(2,\)"),
    ],
)
def test_what_a_backward_hook_may_not_return(answer: Any, says: str) -> None:
    layer = nn.Linear(2, 2)
    layer.register_full_backward_hook(noting([], "", answer))
    with pytest.raises((gg.DTypeError, gg.ShapeError), match=says):
        gg.sum(layer(gg.ones(2, requires_grad=True))).backward()


def test_what_is_no_hook() -> None:
    layer = nn.ReLU()
    for register in (
        layer.register_forward_hook,
        layer.register_forward_pre_hook,
        layer.register_full_backward_hook,
        layer.register_full_backward_pre_hook,
    ):
        with pytest.raises(gg.DTypeError, match=f"{register.__name__}: a function is needed, got int"):
            register(3)  # type: ignore[arg-type]
    layer.register_forward_pre_hook(lambda module, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(gg.DTypeError, match=r"returned int[\s\S]*a pair of a tuple and a dict"):
        layer(gg.ones(1))


def test_hooks_are_copied_with_their_module_and_the_handle_is_the_first_ones() -> None:
    log: list[str] = []
    layer = nn.ReLU()
    handle = layer.register_forward_hook(lambda module, args, out: log.append("x"))
    twin = copy.deepcopy(layer)
    handle.remove()
    layer(gg.ones(1))
    twin(gg.ones(1))
    assert log == ["x"]


def test_without_hooks_nothing_is_added_to_a_graph() -> None:
    layer, x = nn.Linear(2, 2), gg.ones(2, requires_grad=True)
    with layer.register_full_backward_hook(lambda module, gi, go: None):
        watched = layer(x).graph()
    plain = layer(x).graph()
    assert [len([v for v in g.vertices.values() if v.op == "reshape"]) for g in (watched, plain)] == [4, 0]
    np.testing.assert_array_equal(layer(x).data, layer.forward(x).data)
