"""One pass over nodes: what it computes and what it leaves alone, and what it keeps to itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff.backward import differentiate
from graphgrad.autodiff.hooks import forward_hook
from graphgrad.graph.node import Node, Source
from graphgrad.ops.custom import custom_op, remove_custom_op


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


def node_of(tensor: gg.Tensor) -> Node:
    assert tensor.node is not None
    return tensor.node


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """An operation, custom.product, that writes down which of its rules run."""
    found: list[str] = []

    @custom_op(
        name="product",
        a=lambda g, b: found.append("a") or g * b,  # type: ignore[func-returns-value]
        b=lambda g, a: found.append("b") or g * a,  # type: ignore[func-returns-value]
    )
    def product(a: Any, b: Any) -> Any:
        return a * b

    found.append(product)
    yield found
    remove_custom_op("product")


@pytest.mark.parametrize("create_graph", [False, True])
def test_only_wanted_contributions_are_computed(asked: list[Any], create_graph: bool) -> None:
    """A layer's own gradient isn't worked out for who asks for that of its input."""
    product = asked.pop()
    x, w, v = leaf([1.0, 2.0]), leaf([3.0, 4.0]), leaf([5.0, 6.0])
    h = product(x, w)
    y = product(h, v)
    ones = np.ones(2)
    root = [(node_of(y), gg.tensor(ones, dtype="float64") if create_graph else ones)]
    cases: list[tuple[Source, list[str], list[float]]] = [
        (x, ["a", "a"], [15.0, 24.0]),
        (v, ["b"], [3.0, 8.0]),
        (node_of(h), ["a"], [5.0, 6.0]),
    ]
    for target, rules, gradient in cases:
        asked.clear()
        found = differentiate(root, [target], retain_graph=True, create_graph=create_graph)
        assert (asked, found[target].tolist()) == (rules, gradient)
    asked.clear()
    y.backward(ones)
    assert asked == ["a", "b", "a", "b"]


def test_joint_rules_are_told_what_is_wanted() -> None:
    x, t = leaf([[1.0, 2.0]]), leaf([[3.0, 4.0]])
    loss = gg.nn.functional.mse_loss(x, t)
    found = differentiate([(node_of(loss), np.ones(()))], [x], retain_graph=True)
    assert list(found) == [x]


def test_a_target_that_leads_to_no_other_keeps_what_it_saved() -> None:
    """A pass to a value leaves what is below it alone, so that another one can go on from there."""
    x = leaf([1.0, 2.0])
    h = gg.tanh(x)
    y = gg.sum(gg.exp(h))
    found = differentiate([(node_of(y), np.ones(()))], [node_of(h)])
    h.backward(found[node_of(h)])
    assert x.grad is not None
    assert x.grad.tolist() == (np.exp(h.data) * (1 - h.data * h.data)).tolist()
    with pytest.raises(gg.GraphError, match="freed"):
        y.backward()


@pytest.mark.parametrize("way", ["plain", "recorded", "hooked", "scalars"])
def test_a_pass_gives_no_warnings(way: str) -> None:
    """An infinite derivative is for the caller to see. Warnings are switched off once, and on again."""
    before = np.geterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if way == "scalars":
            s = gg.scalar(0.0)
            gg.sqrt(s).backward()
            assert s.grad == np.inf
        else:
            x = leaf([0.0])
            y = gg.sqrt(x)
            if way == "hooked":
                y.register_hook(lambda g: g / 0.0)
            gg.sum(y * 0.0).backward(create_graph=way == "recorded")
            assert x.grad is not None
            assert not np.isfinite(x.grad.data).any()
    assert np.geterr() == before


def test_a_forward_pass_is_numpys() -> None:
    """Whether it warns is for `np.errstate` to say, as with arrays."""
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        gg.log(leaf([0.0]))
    with np.errstate(all="ignore"):
        gg.log(leaf([0.0]))
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        gg.log(leaf([0.0]))


@pytest.mark.parametrize("on_tensors", [False, True])
def test_rules_are_seen_by_nobody_unless_they_are_recorded(on_tensors: bool) -> None:
    """Even where they run on tensors, as for many examples at once."""
    x = leaf([1.0, 2.0])
    y = gg.sum(gg.softmax(gg.tanh(x) * x) ** 2)
    one = gg.tensor(1.0, dtype="float64") if on_tensors else np.ones(())
    seen: list[str] = []
    with gg.record() as recording, forward_hook(lambda node, inputs, outputs: seen.append(node.op.name)):
        found = differentiate([(node_of(y), one)], [x])
    assert isinstance(found[x], gg.Tensor) == on_tensors
    assert (seen, recording.nodes) == ([], [])
