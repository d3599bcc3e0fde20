"""Recording: every node with its place and name, and nothing else different."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.source import Site

HERE = Path(__file__).name


def site_of(tensor: gg.Tensor) -> Site:
    assert tensor.node is not None
    assert tensor.node.site is not None
    return tensor.node.site


def test_nodes_carry_line_text_and_name() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    with gg.record() as recording:
        hidden = gg.tanh(x * 2.0)
        loss = gg.sum(hidden)
    assert [node.op.name for node in recording.nodes] == ["multiply", "tanh", "sum"]
    sites = [node.site for node in recording.nodes]
    assert all(site is not None and Path(site.file).name == HERE for site in sites)
    assert [site.text for site in sites if site] == ["x * 2.0", "gg.tanh(x * 2.0)", "gg.sum(hidden)"]
    assert [site.target for site in sites if site] == [None, "hidden", "loss"]
    assert (hidden.name, loss.name) == ("hidden", "loss")
    assert site_of(loss).source_line.strip() == "loss = gg.sum(hidden)"
    assert site_of(loss).function.endswith("test_nodes_carry_line_text_and_name")


def test_nothing_is_noted_without_recording() -> None:
    x = gg.tensor([1.0], requires_grad=True)
    y = x * 2
    assert y.node is not None
    assert y.node.site is None
    assert y.name is None
    assert x.name is None


def test_leaves_get_the_names_of_their_variables() -> None:
    with gg.record():
        weights = gg.tensor([1.0])
        zeros = gg.zeros(3)
        named = gg.tensor(1.0, name="given")
        shared = gg.asarray(np.ones(2))
        number = gg.scalar(2.0)
        listed = [gg.tensor(1.0)]
    assert (weights.name, zeros.name, named.name, shared.name) == ("weights", "zeros", "given", "shared")
    assert number.name == "number"
    assert listed[0].name is None


def test_several_outputs_get_their_own_names() -> None:
    x = gg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    with gg.record():
        first, second = gg.unbind(x)
        pieces = gg.split(x, 1)
        (a, b) = gg.split(x, 1, axis=1)
    assert (first.name, second.name, a.name, b.name) == ("first", "second", "a", "b")
    assert [piece.name for piece in pieces] == [None, None]


def test_scalars_get_place_and_name_too() -> None:
    with gg.record():
        a = gg.scalar(2.0)
        y = gg.tanh(a * a)
    vertices = y.graph().nodes
    assert [vertex.name for vertex in vertices] == [None, "y"]
    assert [vertex.site.text for vertex in vertices if vertex.site] == ["a * a", "gg.tanh(a * a)"]
    assert y.graph().leaves[0].name == "a"


def test_nodes_without_gradients_are_recorded_too() -> None:
    c, w = gg.tensor([1.0, 2.0]), gg.tensor([1.0, 1.0], requires_grad=True)
    with gg.record() as recording:
        d = c * 2
        mask = d > 2.0
        with gg.no_grad():
            e = w * 3
        y = gg.sum(d * w + e)
        graph = y.graph()
    assert [node.op.name for node in recording.nodes] == [
        *["multiply", "greater", "multiply", "multiply", "add", "sum"],
    ]
    for constant in (d, mask, e):
        assert constant.is_leaf
        assert not constant.requires_grad
        assert constant.node is None
    # The graph leads on to what the constants were computed from.
    assert sorted(vertex.name or "" for vertex in graph.nodes) == ["", "", "d", "e", "y"]
    y.backward()
    assert w.grad is not None
    assert w.grad.tolist() == [2.0, 4.0]


def test_a_constant_that_was_written_is_no_longer_what_its_node_computed() -> None:
    w = gg.tensor([1.0, 1.0], requires_grad=True)
    with gg.record():
        h = gg.tensor([1.0, 2.0]) * 1.0
        h += 5.0
        k = gg.tensor([1.0, 2.0]) * 1.0
        k.data = np.array([10.0, 20.0], np.float32)
        y = gg.sum((h + k) * w)
        assert y.graph().run().item() == y.item() == 43.0


def script(rng: np.random.Generator) -> dict[str, Any]:
    """A script with everything in it that a recording might disturb."""
    w = gg.tensor(rng.normal(size=(3, 2)), requires_grad=True)
    b = gg.tensor(rng.normal(size=2), requires_grad=True)
    x = rng.normal(size=(4, 3))
    seen: dict[str, Any] = {}
    with gg.scope("net"):
        h = gg.tanh(x @ w + b)
    c = gg.tensor([1.0, 2.0], dtype="float64") * 3
    with gg.no_grad():
        frozen = h * 2
    buffer = gg.zeros((4, 2), dtype="float64")
    buffer[1:] = h[:3]
    p, q = gg.split(buffer, 2)
    mask = gg.sum(p, axis=0) > 0.0
    loss = gg.mean(gg.where(mask, p, q) * c) + gg.sum(frozen.detach()) * 0.25
    loss.backward()
    gg.sum(w * w).backward()
    u = gg.tensor(2.0, dtype="float64", requires_grad=True)
    (u**3).backward(create_graph=True)
    s = gg.scalar(0.7)
    t = gg.tanh(s * s + 1.0)
    t.backward()
    try:
        loss.backward()
    except gg.GraphError as error:
        seen["error"] = type(error)
    everything = {"w": w, "b": b, "h": h, "c": c, "frozen": frozen, "buffer": buffer, "p": p, "q": q, "mask": mask}
    for name, tensor in {**everything, "loss": loss, "u": u}.items():
        grad = None if tensor.grad is None else (tensor.grad.tolist(), tensor.grad.requires_grad, tensor.grad.is_leaf)
        flags = (tensor.is_leaf, tensor.requires_grad, tensor.scope, tensor.shape, tensor.dtype.name)
        seen[name] = (tensor.tolist(), flags, grad, tensor.node is None)
    seen["scalars"] = (s.data, s.grad, t.data, t.grad, t.is_leaf)
    seen["second"] = gg.grad(gg.grad(lambda v: v**4))(2.0).item()
    seen["enabled"] = gg.is_grad_enabled()
    return seen


def test_a_recorded_run_equals_an_unrecorded_one() -> None:
    plain = script(np.random.default_rng(0))
    with gg.record() as recording:
        recorded = script(np.random.default_rng(0))
    assert recorded == plain
    assert "error" in plain
    assert len(recording.nodes) > 20


def test_recordings_nest_and_the_inner_one_takes_what_is_inside() -> None:
    x = gg.tensor(1.0, requires_grad=True)
    with gg.record() as outer:
        gg.exp(x)
        with gg.record() as inner:
            gg.tanh(x)
        gg.sqrt(x)
    gg.abs(x)
    assert [node.op.name for node in outer.nodes] == ["exp", "sqrt"]
    assert [node.op.name for node in inner.nodes] == ["tanh"]


def test_a_pass_is_recorded_only_if_its_graph_is_wanted() -> None:
    x = gg.tensor(2.0, requires_grad=True)
    with gg.record() as recording:
        y = x**3
        y.backward(retain_graph=True)
        assert [node.op.name for node in recording.nodes] == ["power"]
        y.backward(create_graph=True)
    assert len(recording.nodes) > 1


def test_an_error_records_no_node() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    with gg.record() as recording, pytest.raises(gg.ShapeError):
        x + np.ones(3, np.float32)
    assert recording.nodes == []


def test_ids_used_again_are_not_mistaken_for_recorded_constants() -> None:
    with gg.record() as recording:
        for _ in range(200):
            gg.tensor([1.0]) * 2  # computed and dropped, its id is free again
            fresh = gg.tensor([5.0])
            assert recording.origin(fresh) is None
            y = fresh + 1.0
            assert [vertex.op for vertex in y.graph()] == [None, None, "add"]


def test_a_recording_is_freed_with_its_last_reference() -> None:
    gc.collect()
    gc.disable()
    try:
        with gg.record() as recording:
            y = gg.tensor([1.0], requires_grad=True) * 2
            c = gg.tensor([1.0]) * 2
        died = weakref.ref(recording)
        del recording
        assert died() is None
        assert y.requires_grad
        assert c.is_leaf
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: x + 1, "x + 1"),
        (lambda x: 1 + x, "1 + x"),
        (lambda x: -x, "-x"),
        (lambda x: x[0], "x[0]"),
        (lambda x: x.sum(axis=0), "x.sum(axis=0)"),
        (lambda x: x.T, "x.T"),
        (lambda x: np.tanh(x), "np.tanh(x)"),
        (lambda x: np.ones(2) @ x, "np.ones(2) @ x"),
        (lambda x: x > 1.0, "x > 1.0"),
    ],
)
def test_every_spelling_has_its_text(call: Callable[[gg.Tensor], gg.Tensor], text: str) -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    with gg.record() as recording:
        call(x)
    (node,) = recording.nodes
    assert node.site is not None
    assert node.site.text == text
