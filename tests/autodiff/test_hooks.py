"""Hooks: when they are called and with what, in every way to differentiate; and that other graphs pay nothing."""

from __future__ import annotations

import gc
import importlib.util
import json
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff.backward import differentiate
from graphgrad.autodiff.hooks import RemovableHandle, forward_hook
from graphgrad.graph.hooks import ALIVE
from graphgrad.graph.node import Node
from tests.autodiff.hook_programs import PROGRAMS, Library, Log

ANSWERS: dict[str, Log] = json.loads((Path(__file__).parent.parent / "oracle" / "hooks.json").read_text("utf-8"))


def leaf(values: Any, name: str | None = None) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True, name=name)


def node_of(tensor: gg.Tensor) -> Node:
    assert tensor.node is not None
    return tensor.node


def values(tensor: gg.Tensor | None) -> Any:
    assert tensor is not None
    return tensor.tolist()


class Graphgrad:
    """graphgrad as the programs need it."""

    def leaf(self, *values: float) -> Any:
        return leaf(values)

    def tanh(self, t: Any) -> Any:
        return gg.tanh(t)

    def sum(self, t: Any) -> Any:
        return gg.sum(t)

    def node(self, t: Any) -> Any:
        return t.node

    def grad(self, y: Any, targets: Sequence[Any]) -> Sequence[Any]:
        sources = [t if t.is_leaf else t.node for t in targets]
        found = differentiate([(y.node, np.ones(()))], sources, retain_graph=True)
        return [found[source] for source in sources]

    def step(self, leaf: Any, rate: float) -> None:
        with gg.no_grad():
            leaf -= rate * leaf.grad


# ---- PyTorch's order and values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_everything_happens_as_in_pytorch(program: Callable[[Library, Log], None]) -> None:
    log: Log = []
    program(Graphgrad(), log)
    assert log
    assert log == ANSWERS[program.__name__]


def test_every_answer_is_of_a_program() -> None:
    assert list(ANSWERS) == [program.__name__ for program in PROGRAMS]


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch isn't installed")
def test_the_answers_are_still_those_of_pytorch(run_python: Any) -> None:
    done = run_python("-c", "import json; from tests.oracle.make_hooks import answers; print(json.dumps(answers()))")
    assert json.loads(done.stdout) == ANSWERS


# ---- what hooks get --------------------------------------------------------------------------------------------------


def test_a_hook_gets_a_tensor_that_it_cannot_write() -> None:
    """Both operands of a sum get the same array: a write to one gradient would be a write to the other."""
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    seen = []

    def hook(g: gg.Tensor) -> None:
        assert isinstance(g, gg.Tensor)
        assert not g.requires_grad
        assert not gg.is_grad_enabled()
        with pytest.raises(ValueError, match="read-only"):
            g.data[0] = 5.0
        with pytest.raises(gg.WriteError, match="read-only"):
            g *= 2
        seen.append(g.tolist())

    (h := a + b).register_hook(hook)
    a.register_hook(hook)
    gg.sum(h * 3).backward()
    assert seen == [[3.0, 3.0], [3.0, 3.0]]
    assert a.grad is not None
    assert a.grad.data.flags.writeable


def test_a_returned_array_stays_the_users() -> None:
    a = leaf([1.0, 2.0])
    mine = np.array([7.0, 8.0])
    (h := a * 1).register_hook(lambda g: mine)
    gg.sum(h).backward()
    gg.sum(a).backward()
    assert mine.tolist() == [7.0, 8.0]
    assert values(a.grad) == [8.0, 9.0]
    assert a.grad is not None
    assert not np.shares_memory(a.grad.data, mine)


def test_a_hook_runs_without_recording_but_in_a_recorded_pass() -> None:
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    seen = []
    for create_graph in (False, True):
        h = x * x
        h.register_hook(lambda g: seen.append((g.requires_grad, (g * w).requires_grad)))
        h.register_hook(lambda g: g * w)
        gg.sum(h * h).backward(create_graph=create_graph)
    assert seen == [(False, False), (True, True)]


def test_a_derivative_goes_through_what_a_hook_did() -> None:
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    h = x * x
    h.register_hook(lambda g: g * w)
    gg.sum(h).backward(create_graph=True)  # 2 x w
    g = x.grad
    assert g is not None
    w.grad = None
    gg.sum(g * g).backward()
    assert values(w.grad) == (2 * 4 * np.array([1.0, 4.0]) * np.array([3.0, 4.0])).tolist()


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (np.ones(3), gg.ShapeError, r"register_hook: hook 'scale' returned shape \(3,\)\n  expected: \(2,\)"),
        (np.ones(2, np.float32), gg.DTypeError, r"returned float32\n  expected: float64.*\n.*\n  hint: answer.astype"),
        (2.0, gg.DTypeError, "returned float\n  expected: a tensor, or None to leave"),
    ],
)
def test_a_wrong_answer_is_refused(create_graph: bool, answer: Any, error: type[Exception], says: str) -> None:
    def scale(g: gg.Tensor) -> Any:
        return answer

    x = leaf([1.0, 2.0])
    (h := x * 2).register_hook(scale)
    y = gg.sum(h)
    with pytest.raises(error, match=says):
        y.backward(create_graph=create_graph)
    assert x.grad is None


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (np.ones(2), "returned ndarray\n  expected: None, or a tuple of 2 gradients"),
        ((np.ones(2),), "returned 1 values\n  expected: None, or a tuple of 2"),
        ((np.ones(2), np.ones(2)), "returned ndarray\n  expected: None, where no gradient is"),
    ],
)
def test_a_wrong_tuple_is_refused(answer: Any, says: str) -> None:
    x = leaf([1.0, 2.0])
    y = x * gg.tensor([1.0, 2.0], dtype="float64")
    node_of(y).register_hook(lambda ins, outs: answer)
    with pytest.raises(gg.DTypeError, match=says):
        gg.sum(y).backward()


def test_node_hooks_get_what_operands_receive_in_their_shapes() -> None:
    """Broadcasting is undone by then; numbers and constants have None."""
    x, b = leaf(np.ones((2, 3))), leaf([1.0, 2.0, 3.0])
    y, z = x + b, x * 2.0
    seen: list[Any] = []
    node_of(y).register_hook(lambda ins, outs: seen.append(([one.tolist() for one in ins], len(outs))))
    node_of(z).register_hook(lambda ins, outs: seen.append([one is None for one in ins]))
    (gg.sum(y) + gg.sum(z)).backward()
    assert seen == [[False, True], ([np.ones((2, 3)).tolist(), [2.0, 2.0, 2.0]], 1)]


def test_several_outputs() -> None:
    """Hooks on the outputs that a gradient arrived at; the node's own hooks get zeros for the others."""
    x = leaf([1.0, 2.0])
    a, b = gg.unbind(x)
    seen: list[Any] = []
    a.register_hook(lambda g: seen.append(("a", g.tolist())))
    b.register_hook(lambda g: seen.append(("b", g.tolist())))
    a.register_hook(lambda g: g * 10)
    b.retain_grad()
    node_of(a).register_prehook(lambda outs: seen.append([one.tolist() for one in outs]))
    node_of(a).register_prehook(lambda outs: (outs[0], outs[1] + 1))
    (a * 2).backward(retain_graph=True)
    assert seen == [("a", 2.0), [20.0, 0.0]]
    assert b.grad is None
    assert values(x.grad) == [20.0, 1.0]
    (a + b * 3).backward()
    assert values(b.grad) == 3.0


def test_the_same_function_may_hang_twice() -> None:
    x = leaf(2.0)
    h = x * 1

    def double(g: gg.Tensor) -> gg.Tensor:
        return g * 2

    first = h.register_hook(double)
    h.register_hook(double)
    h.backward(retain_graph=True)
    assert values(x.grad) == 4.0
    first.remove()
    x.grad = None
    h.backward()
    assert values(x.grad) == 2.0


# ---- every way to differentiate --------------------------------------------------------------------------------------


def test_hooks_inside_a_differentiated_function() -> None:
    seen = []

    def f(x: gg.Tensor) -> gg.Tensor:
        x.register_hook(lambda g: seen.append(g.tolist()))
        h = x * x
        h.register_hook(lambda g: g * 10)
        return gg.sum(h)

    assert gg.grad(f)([1.0, 3.0]).tolist() == [20.0, 60.0]
    assert seen == [[20.0, 60.0]]


def test_hooks_at_higher_order() -> None:
    """Called in the inner pass, in the outer one, and again in that for the way back through the inner one."""
    seen = []

    def f(x: gg.Tensor) -> gg.Tensor:
        h = x * x
        h.register_hook(lambda g: seen.append(round(g.item(), 9)))
        return h * x

    assert gg.grad(gg.grad(f))(2.0).item() == pytest.approx(12.0)
    assert seen[0] == 2.0
    assert len(seen) == 2


def test_post_accumulate_hooks_are_for_backward_alone() -> None:
    x = leaf([1.0, 2.0])
    seen: list[str] = []
    x.register_post_accumulate_grad_hook(lambda p: seen.append("accumulated"))
    x.register_hook(lambda g: seen.append("value"))
    y = gg.sum(x * x)
    differentiate([(node_of(y), np.ones(()))], [x], retain_graph=True)
    assert seen == ["value"]
    y.backward()
    assert seen == ["value", "value", "accumulated"]


def test_a_pass_that_fails_changes_no_other_leaf() -> None:
    """Only leaves with a hook for that have their gradient before the pass is over."""
    early, plain = leaf(2.0), leaf(3.0)
    early.register_post_accumulate_grad_hook(lambda p: None)

    def fail(g: gg.Tensor) -> None:
        raise KeyError("stop")

    h = plain * 1
    h.register_hook(fail)
    with pytest.raises(KeyError, match="stop"):
        (early * h * 2).backward()
    assert plain.grad is None
    assert values(early.grad) == 6.0


def test_a_hook_that_writes_what_the_pass_still_needs_is_told() -> None:
    x = leaf([1.0, 2.0])
    buffer = gg.tensor([1.0, 2.0], dtype="float64")
    h = x * buffer
    z = gg.tanh(h)

    def hook(g: gg.Tensor) -> None:
        with gg.no_grad():
            buffer.__imul__(2)

    z.register_hook(hook)
    with pytest.raises(gg.WriteError, match=r"multiply needs operand b \(shape \(2,\)\) as it was"):
        gg.sum(z).backward()


def test_an_announced_pass_has_the_leaves_as_they_were() -> None:
    """Whoever keeps passes, as `graphgrad walk` does, hears of one before an update that a hook makes in it."""
    seen: list[Any] = []
    x = leaf([1.0, 2.0])

    def step(p: gg.Tensor) -> None:
        assert p.grad is not None
        p.data -= 0.1 * p.grad.data
        seen.append("step")

    x.register_post_accumulate_grad_hook(step)
    with gg.record() as recording:
        recording.on_pass = lambda result, gradient: seen.append(x.tolist())
        gg.sum(x * x).backward()
    assert seen == [[1.0, 2.0], "step"]
    assert x.tolist() == [0.8, 1.6]


def test_a_walk_calls_no_hooks() -> None:
    x = leaf([1.0, 2.0], "x")
    h = x * x
    seen: list[int] = []
    x.register_hook(lambda g: seen.append(0))
    h.register_hook(lambda g: g * 1000)
    walk = gg.walk(gg.sum(h))
    assert walk.end().gradient(x.number) is not None
    assert walk.end().gradient(x.number).tolist() == [2.0, 4.0]  # type: ignore[union-attr]
    assert seen == []


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_what_has_no_gradient_has_no_hooks() -> None:
    constant, x = gg.tensor([1.0]), leaf([1.0])
    for what in ("register_hook", "register_post_accumulate_grad_hook"):
        with pytest.raises(gg.GraphError, match=rf"{what}: .*needs no gradient"):
            getattr(constant, what)(print)
    with pytest.raises(gg.GraphError, match=r"retain_grad: .*needs no gradient"):
        constant.retain_grad()
    with pytest.raises(gg.GraphError, match="was computed, and only leaves accumulate"):
        (x * 1).register_post_accumulate_grad_hook(print)
    with pytest.raises(gg.DTypeError, match="register_hook: a function is needed, got float"):
        x.register_hook(2.0)  # type: ignore[arg-type]
    with gg.record() as recording:
        constant * 2
    with pytest.raises(gg.GraphError, match="no gradient comes by at this multiply"):
        recording.nodes[0].register_hook(print)
    x.retain_grad()  # a leaf has its gradient anyway
    assert not x.retains_grad


# ---- forward hooks ---------------------------------------------------------------------------------------------------


def seen_in(function: Callable[[], Any]) -> list[Any]:
    seen: list[Any] = []
    with forward_hook(lambda node, inputs, outputs: seen.append((node.op.name, inputs, outputs))):
        function()
    return seen


def test_a_forward_hook_sees_every_operation() -> None:
    x, c = leaf([1.0, 2.0]), gg.tensor([3.0, 4.0])
    h: list[gg.Tensor] = []
    seen = seen_in(lambda: h.extend([x * 2.0, c + 1, gg.sum(gg.exp(x))]))
    assert [name for name, *_ in seen] == ["multiply", "add", "exp", "sum"]
    assert seen[0][1] == (x, 2.0)
    assert seen[0][2][0] is h[0]
    assert seen_in(lambda: None) == []


def test_its_node_is_the_graphs() -> None:
    x = leaf([1.0, 2.0])
    nodes: list[Node] = []

    def hook(node: Node, inputs: Any, outputs: Any) -> None:
        nodes.append(node)
        if node.needs:
            node.register_hook(lambda ins, outs: order.append(node.op.name))

    order: list[str] = []
    with forward_hook(hook), gg.scope("net"):
        y = gg.sum(gg.sum(x * x, axis=0, keepdims=True))
    assert node_of(y) is nodes[-1]
    assert [node.scope for node in nodes] == ["net"] * 3
    assert [node.attrs.get("keepdims") for node in nodes] == [None, True, False]
    y.backward()
    assert order == ["sum", "sum", "multiply"]


def test_a_forward_hook_keeps_no_node_alive() -> None:
    x = leaf([1.0, 2.0])
    with forward_hook(lambda node, inputs, outputs: None):
        c = gg.tensor([1.0]) * 2
        with gg.no_grad():
            d = x * 2
    assert c.node is None
    assert d.node is None


@pytest.mark.parametrize("context", [gg.no_grad, gg.enable_grad, lambda: gg.scope("a"), gg.record])
def test_other_contexts_keep_it(context: Callable[[], Any]) -> None:
    def inside() -> None:
        with context():
            gg.tensor([1.0]) * 2

    assert [name for name, *_ in seen_in(inside)] == ["multiply"]


def test_it_sees_scalars() -> None:
    x = gg.scalar(2.0)
    seen = seen_in(lambda: [x * 3, gg.exp(gg.scalar(0.0, requires_grad=False)), 1 - x])
    assert [name for name, *_ in seen] == ["multiply", "exp", "subtract"]
    assert [outputs[0].data for *_, outputs in seen] == [6.0, 1.0, -1.0]
    nodes: list[Node] = []
    with forward_hook(lambda node, inputs, outputs: nodes.append(node)):
        y = x * 3
    assert (nodes[0].number, nodes[0].operands, nodes[0].shape) == (y.number, (2.0, 3), ())
    with pytest.raises(gg.GraphError, match="no gradient comes by"):
        nodes[0].register_hook(print)


def test_what_it_computes_calls_no_hooks() -> None:
    norms: list[float] = []
    with forward_hook(lambda node, inputs, outputs: norms.append(gg.sum(outputs[0] * outputs[0]).item())):
        leaf([3.0, 4.0]) * 1
    assert norms == [25.0]


def test_it_ends_with_the_block_or_before() -> None:
    x = leaf(1.0)
    seen: list[str] = []
    with forward_hook(lambda node, inputs, outputs: seen.append(node.op.name)) as handle:
        assert isinstance(handle, RemovableHandle)
        x * 1
        handle.remove()
        x + 1
    x - 1
    assert seen == ["multiply"]


def test_several_are_called_from_the_outermost_on() -> None:
    seen: list[str] = []
    with (
        forward_hook(lambda node, inputs, outputs: seen.append("outer")),
        forward_hook(lambda node, inputs, outputs: seen.append("inner")),
    ):
        leaf(1.0) * 1
    assert seen == ["outer", "inner"]


def test_it_sees_a_recorded_pass_and_no_other() -> None:
    x = leaf(2.0)
    y = x * x
    assert seen_in(lambda: y.backward(retain_graph=True)) == []
    assert {name for name, *_ in seen_in(lambda: y.backward(create_graph=True))} >= {"multiply", "add"}


def test_it_may_not_change_results() -> None:
    with (
        pytest.raises(gg.DTypeError, match=r"hook 'twice' returned Tensor after multiply\n  expected: None"),
        forward_hook(twice),
    ):
        leaf(1.0) * 1


def twice(node: Node, inputs: Any, outputs: Any) -> Any:
    return outputs[0] * 2


def test_it_is_local_to_its_thread() -> None:
    seen: list[str] = []
    with forward_hook(lambda node, inputs, outputs: seen.append(node.op.name)):
        thread = threading.Thread(target=lambda: leaf(1.0) * 1)
        thread.start()
        thread.join()
    assert seen == []


# ---- nothing for nothing ---------------------------------------------------------------------------------------------


def test_a_graph_without_hooks_is_as_it_was() -> None:
    """Not even an empty container hangs on nodes and leaves, and the same numbers come out with one elsewhere."""
    x = leaf([1.0, 2.0])
    y = gg.sum(gg.tanh(x) * x)
    assert not hasattr(node_of(y), "hooks")
    assert not hasattr(x, "_hooks")
    y.backward()
    plain = values(x.grad)
    other = leaf(1.0)
    other.register_hook(print)
    x.grad = None
    gg.sum(gg.tanh(x) * x).backward()
    assert values(x.grad) == plain


@pytest.mark.parametrize("on", ["leaf", "value", "node", "retained", "accumulated"])
def test_what_is_on_is_known(on: str) -> None:
    """A pass asks this, and takes the quick way once all hooks are off again."""
    x = leaf([1.0])
    h = x * 1
    handle = None
    if on == "retained":
        h.retain_grad()
    elif on == "node":
        handle = node_of(h).register_hook(print)
    elif on == "accumulated":
        handle = x.register_post_accumulate_grad_hook(print)
    else:
        handle = (x if on == "leaf" else h).register_hook(print)
    found = x._hooks if on in ("leaf", "accumulated") else node_of(h).hooks
    assert found
    if handle is not None:
        handle.remove()
        assert not found


def test_hooks_change_no_bits() -> None:
    rng = np.random.default_rng(0)
    w, b = leaf(rng.normal(size=(8, 4))), leaf(rng.normal(size=4))
    x = rng.normal(size=(16, 8))
    found = []
    for hooked in (False, True):
        h = gg.tanh(x @ w + b)
        parts = gg.split(h, 2, axis=1)
        if hooked:
            for t in (w, b, h, *parts):
                t.register_hook(lambda g: None)
            node_of(h).register_prehook(lambda outs: None)
            node_of(h).register_hook(lambda ins, outs: None)
        w.grad = b.grad = None
        gg.mean(parts[0] * parts[1] + h[:, :2]).backward()
        found.append((values(w.grad), values(b.grad)))
    assert found[0] == found[1]


def test_a_freed_graph_lets_its_hooks_go() -> None:
    """A hook may refer to the tensor that it hangs on: the circle is opened when the graph is freed."""

    def run() -> weakref.ref[gg.Tensor]:
        h = leaf([1.0, 2.0]) * 2
        h.register_hook(lambda g: seen.append(h.shape))
        h.retain_grad()
        gg.sum(h).backward()
        assert h.retains_grad
        return weakref.ref(h)

    seen: list[Any] = []
    gc.collect()
    gc.disable()
    try:
        assert run()() is None
        assert seen == [(2,)]
    finally:
        gc.enable()


def test_hooks_live_as_long_as_what_they_hang_on() -> None:
    gc.collect()
    before = len(ALIVE)
    x = leaf([1.0, 2.0])
    y = gg.sum((h := x * x) * 2)
    seen: list[Any] = []
    handle = h.register_hook(lambda g: seen.append(g.tolist()))
    del h  # the tensor is gone, its node isn't
    y.backward(retain_graph=True)
    assert seen == [[2.0, 2.0]]
    assert len(ALIVE) == before + 1
    del y
    assert len(ALIVE) == before
    handle.remove()
