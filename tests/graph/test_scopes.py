"""Scopes: the path that every node carries."""

from __future__ import annotations

import pytest

import graphgrad as gg


def test_scopes_nest_to_a_path() -> None:
    x = gg.tensor(1.0, requires_grad=True)
    with gg.scope("encoder"):
        a = x * 2
        with gg.scope("0"), gg.scope("linear"):
            b = a * 2
        c = b * 2
    d = c * 2
    assert [t.scope for t in (x, a, b, c, d)] == ["", "encoder", "encoder.0.linear", "encoder", ""]


def test_a_scope_may_be_several_levels() -> None:
    x = gg.tensor(1.0, requires_grad=True)
    with gg.scope("a.b"), gg.scope("c"):
        assert (x * 2).scope == "a.b.c"


@pytest.mark.parametrize("name", ["", None, 3, b"a", ["a"]])
def test_a_scope_needs_a_name(name: object) -> None:
    with pytest.raises(ValueError, match="scope: a name is needed"):
        gg.scope(name)  # type: ignore[arg-type]


def test_scope_as_a_decorator() -> None:
    x = gg.tensor(1.0, requires_grad=True)

    @gg.scope("block")
    def block(t: gg.Tensor, depth: int) -> gg.Tensor:
        return t * 2 if depth == 0 else block(t, depth - 1)

    assert block(x, 0).scope == "block"
    assert block(x, 2).scope == "block.block.block"
    assert (x * 2).scope == ""


def test_every_kind_of_node_has_its_scope() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    with gg.scope("s"):
        results = [gg.tanh(x), x + 1, x @ x, gg.sum(x), *gg.unbind(x), gg.stack([x, x]), x[0], x.reshape(2, 1)]
        h = x * 1
        h += 1
    assert [t.scope for t in (*results, h)] == ["s"] * (len(results) + 1)


def test_scopes_of_scalars() -> None:
    x = gg.scalar(2.0)
    with gg.scope("neuron"):
        y = x * x
        with gg.scope("deep"):
            z = gg.tanh(y)
    w = z + 1.0
    graph = w.graph()
    assert [vertex.scope for vertex in graph.nodes] == ["neuron", "neuron.deep", ""]


def test_a_scope_changes_no_number() -> None:
    def run() -> tuple[float, list[float]]:
        x = gg.tensor([0.5, -1.5], requires_grad=True)
        y = gg.sum(gg.sigmoid(x) * x)
        y.backward()
        assert x.grad is not None
        return y.item(), x.grad.tolist()

    plain = run()
    with gg.scope("any.where"):
        assert run() == plain
