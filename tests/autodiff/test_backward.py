"""The backward pass over tensors: accumulation, freed graphs, refusals, several outputs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff import differentiate

HERE = Path(__file__).name


def leaf(values: Any, name: str | None = None) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True, name=name)


def grad_of(tensor: gg.Tensor) -> Any:
    assert tensor.grad is not None
    assert tensor.grad.shape == tensor.shape
    assert tensor.grad.dtype == tensor.dtype
    return tensor.grad.tolist()


# ---- accumulation and freed graphs


def test_the_first_gradient_of_all() -> None:
    x = leaf(3.0)
    assert x.grad is None
    (x * x).backward()
    assert grad_of(x) == 6.0
    gradient: Any = x.grad
    assert not gradient.requires_grad
    assert gradient.is_leaf


def test_passes_accumulate() -> None:
    x = leaf(3.0)
    y = x**3
    y.backward(retain_graph=True)
    assert grad_of(x) == 27.0
    y.backward()
    assert grad_of(x) == 54.0
    with pytest.raises(gg.GraphError, match="an earlier pass freed what power had saved"):
        y.backward()
    assert grad_of(x) == 54.0


def test_accumulation_makes_a_new_gradient() -> None:
    x = leaf([1.0, 2.0])
    gg.sum(x * x).backward()
    first = x.grad
    gg.sum(x).backward()
    assert first is not None
    assert first.tolist() == [2.0, 4.0]
    assert grad_of(x) == [3.0, 5.0]


@pytest.mark.parametrize(
    "build",
    [
        lambda x: x + 1,
        lambda x: -x,
        lambda x: x.reshape(1, 2),
        lambda x: gg.identity(x),
        lambda x: x[0],
        lambda x: gg.sum(x),
        lambda x: gg.exp(x),
        lambda x: x * x,
        lambda x: gg.stack([x, x]),
        lambda x: gg.split(x, 1)[0],
    ],
)
def test_a_second_pass_is_refused_whatever_was_saved(build: Callable[[gg.Tensor], gg.Tensor]) -> None:
    x = leaf([1.0, 2.0])
    y = build(x)
    seed = np.ones(y.shape)
    y.backward(seed)
    first = grad_of(x)
    with pytest.raises(gg.GraphError, match=r"freed(.|\n)*hint: give retain_graph=True to the earlier") as caught:
        y.backward(seed)  # once too often
    assert HERE in str(caught.value)
    assert "# once too often" in str(caught.value)
    assert grad_of(x) == first
    z = build(x)
    z.backward(seed, retain_graph=True)
    z.backward(seed)
    assert grad_of(x) == (3 * np.array(first)).tolist()


def test_a_graph_built_on_a_freed_one_is_refused() -> None:
    x = leaf([1.0, 2.0])
    h = x * 2
    gg.sum(h).backward()
    with pytest.raises(gg.GraphError, match="multiply"):
        gg.sum(h * 3).backward()
    assert grad_of(x) == [2.0, 2.0]


def test_two_losses_of_one_graph() -> None:
    x = leaf([1.0, 2.0])
    h = x * x
    a, b = gg.sum(h), gg.sum(h * h)
    a.backward(retain_graph=True)
    b.backward()
    assert grad_of(x) == [2 + 4.0, 4 + 32.0]


def test_retain_graph_can_be_refused_with_create_graph() -> None:
    x = leaf(2.0)
    y = x**3
    y.backward(create_graph=True, retain_graph=False)
    assert grad_of(x) == 12.0
    with pytest.raises(gg.GraphError):
        y.backward()


# ---- the shape of a graph


def test_a_square_has_two_edges() -> None:
    x = leaf([3.0, 4.0])
    (x * x)[0].backward()
    assert grad_of(x) == [6.0, 0.0]


def test_fan_out() -> None:
    a = leaf(1.5)
    b = a + a
    c = b + b
    c.backward()
    assert grad_of(a) == 4.0


def test_a_value_used_often() -> None:
    a = leaf([1.0, 2.0])
    total = a * 0
    for i in range(50):
        total = total + a * i
    gg.sum(total).backward()
    assert grad_of(a) == [1225.0] * 2


def test_a_ladder_of_diamonds() -> None:
    """2^60 paths: only a pass that sums before it goes on ever ends."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y * 0.5 + y * 0.5
    y.backward()
    assert y.item() == 1.0
    assert grad_of(x) == 1.0


def test_leaves_that_nothing_depends_on_get_none() -> None:
    x, y, c = leaf([1.0]), leaf([1.0]), gg.tensor([1.0])
    (x * c).backward()
    assert y.grad is None
    assert c.grad is None
    (x * y.detach()).backward()
    assert y.grad is None


def test_gradients_stop_at_integers_and_bools() -> None:
    x = leaf([1.5, 2.5])
    n = gg.astype(x, "int64")
    assert not n.requires_grad
    assert not (x > 2.0).requires_grad
    gg.sum(gg.where(x > 2.0, x * n, 0.0)).backward()
    assert grad_of(x) == [0.0, 2.0]


def test_broadcasting_is_undone() -> None:
    shapes: list[tuple[int, ...]] = [(), (1,), (3,), (2, 1), (1, 3), (2, 3), (1, 1, 1), (4, 1, 3), (0, 2, 3)]
    for first, second in itertools.product(shapes, shapes):
        try:
            out = np.broadcast_shapes(first, second)
        except ValueError:
            continue
        a, b = leaf(np.full(first, 2.0)), leaf(np.full(second, 3.0))
        (a * b).backward(np.ones(out))
        n = float(np.prod(out))
        assert np.allclose(a.grad.data, 3.0 * n / max(a.size, 1))  # type: ignore[union-attr]
        assert np.allclose(b.grad.data, 2.0 * n / max(b.size, 1))  # type: ignore[union-attr]
        assert a.grad.shape == first  # type: ignore[union-attr]


def test_mixed_dtypes_give_each_leaf_its_own() -> None:
    a = gg.tensor([1.0, 2.0], requires_grad=True)
    b = leaf([3.0, 4.0])
    h = gg.tensor([1.0, 2.0], dtype="float16", requires_grad=True)
    gg.sum(a * b * h).backward()
    assert grad_of(a) == [3.0, 8.0]
    assert grad_of(b) == [1.0, 4.0]
    assert grad_of(h) == [3.0, 8.0]


# ---- the upstream gradient


@pytest.mark.parametrize(
    "form", [list, tuple, np.array, gg.tensor, lambda v: np.array(v, np.float32), lambda v: gg.tensor(v, dtype="int64")]
)
def test_an_upstream_gradient_in_any_form(form: Callable[[list[float]], Any]) -> None:
    x = leaf([1.0, 2.0])
    (x * x).backward(form([10.0, 100.0]))
    assert grad_of(x) == [20.0, 400.0]


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (1, 2), (2, 2), (0,)])
def test_an_upstream_gradient_of_another_shape(shape: tuple[int, ...]) -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(gg.ShapeError, match=r"expected: \(2,\)\n  got: \(") as caught:
        (x * x).backward(np.ones(shape))
    assert repr(shape) in str(caught.value)
    assert x.grad is None


def test_an_upstream_gradient_loses_no_digits_on_its_way() -> None:
    x = leaf([1.0])
    (x * 1.0).backward([0.1])  # not by way of float32, the default for Python floats
    assert x.grad is not None
    assert x.grad.tolist() == [0.1]


@pytest.mark.parametrize("gradient", ["x", [1j, 1.0], [None, 1.0], object()])
def test_an_upstream_gradient_that_is_no_number(gradient: object) -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises(gg.DTypeError):
        (x * x).backward(gradient)
    assert x.grad is None


def test_a_result_of_one_element_needs_no_gradient() -> None:
    for shape in ((), (1,), (1, 1, 1)):
        x = leaf(np.full(shape, 3.0))
        (x * x).backward()
        assert np.array_equal(grad_of(x), np.full(shape, 6.0))


def test_an_empty_result_is_no_number() -> None:
    x = leaf(np.zeros((0, 2)))
    with pytest.raises(gg.ShapeError, match="has 0 elements"):
        (x * x).backward()
    gg.sum(x * x).backward()
    assert grad_of(x) == []


def test_infinite_and_undefined_derivatives_are_values() -> None:
    x = leaf([0.0, 1.0])
    gg.sum(gg.sqrt(x)).backward()
    assert grad_of(x) == [float("inf"), 0.5]


# ---- refusals


def test_create_graph_under_no_grad_is_refused() -> None:
    x = leaf(2.0)
    y = x * x
    with gg.no_grad(), pytest.raises(gg.GraphError, match=r"create_graph=True records the pass"):
        y.backward(create_graph=True)
    assert x.grad is None
    y.backward()
    assert grad_of(x) == 4.0


def test_a_detached_result_is_refused() -> None:
    x = leaf(2.0)
    with pytest.raises(gg.GraphError, match="has no graph"):
        (x * x).detach().backward()


def test_a_failing_pass_changes_no_gradient() -> None:
    """The graph has a sound branch whose leaf would be reached before the broken one is."""
    sound, broken = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    sound.grad = gg.tensor([7.0, 7.0], dtype="float64")
    early = broken * broken
    y = gg.sum(sound * 2 + early)
    broken.data += 1
    with pytest.raises(gg.WriteError):
        y.backward()
    assert grad_of(sound) == [7.0, 7.0]
    assert broken.grad is None


def test_a_rule_that_fails_changes_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    y = gg.sum(gg.tanh(x) + w * 2)

    def fail(*_: Any) -> None:
        raise ArithmeticError("in a rule")

    steps = gg.tanh.op.steps
    monkeypatch.setitem(steps, 1, (steps[1][0]._replace(function=fail),))
    with pytest.raises(ArithmeticError, match="in a rule"):
        y.backward()
    assert x.grad is None
    assert w.grad is None


# ---- several outputs


def test_one_of_several_outputs() -> None:
    x = leaf([1.0, 2.0, 3.0, 4.0, 5.0])
    _, b, _ = gg.split(x, 2)
    gg.sum(b * b).backward()
    assert grad_of(x) == [0.0, 0.0, 6.0, 8.0, 0.0]


def test_backward_from_an_output_itself() -> None:
    x = leaf([1.0, 2.0, 3.0])
    first, rest = gg.split(x * 2, (1, 2))
    rest.backward([10.0, 100.0], retain_graph=True)
    assert grad_of(x) == [0.0, 20.0, 200.0]
    first.backward()
    assert grad_of(x) == [2.0, 20.0, 200.0]
    with pytest.raises(gg.GraphError, match="freed what split"):
        first.backward()


def test_an_output_used_twice_and_one_with_itself() -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    a, b = gg.unbind(x)
    gg.sum(a * b + a * a + b).backward()
    assert grad_of(x) == [[3 + 2.0, 4 + 4.0], [2.0, 3.0]]


def test_outputs_in_passes_of_their_own() -> None:
    x = leaf([1.0, 2.0, 3.0, 4.0])
    a, b = gg.split(gg.exp(x), 2)
    gg.sum(a).backward(retain_graph=True)
    gg.sum(b).backward()
    assert np.allclose(grad_of(x), np.exp(x.data))


def test_pieces_of_pieces() -> None:
    x = leaf(np.arange(8.0))
    halves = gg.split(x, 4)
    quarters = [piece for half in halves for piece in gg.split(half, 2)]
    gg.sum(quarters[1] * quarters[2] * 3 + halves[0][:2]).backward()
    assert grad_of(x) == [1.0, 1.0, 12.0, 15.0, 6.0, 9.0, 0.0, 0.0]


def test_higher_derivatives_through_several_outputs() -> None:
    x = leaf([1.0, 2.0, 3.0])
    a, b, _ = gg.unbind(x)
    (a**2 * b**3).backward(create_graph=True)
    g = x.grad
    assert g is not None
    x.grad = None
    gg.sum(g).backward()
    # f = a²b³: (2ab³, 3a²b², 0), summed and differentiated again
    assert grad_of(x) == [2 * 8 + 6 * 1 * 4.0, 6 * 1 * 4 + 6 * 1 * 2.0, 0.0]


# ---- create_graph


def test_create_graph_makes_gradients_differentiable() -> None:
    x = leaf(2.0)
    y = x**4
    y.backward(create_graph=True)
    first = x.grad
    assert first is not None
    assert first.requires_grad
    x.grad = None
    first.backward(create_graph=True)
    second = x.grad
    assert second is not None
    x.grad = None
    second.backward()
    assert (first.item(), second.item(), grad_of(x)) == (32.0, 48.0, 48.0)


def test_create_graph_gives_the_same_bits() -> None:
    rng = np.random.default_rng(1)

    def run(create_graph: bool) -> list[Any]:
        w = [leaf(values) for values in start]
        h = gg.tanh(x @ w[0] + w[1])
        loss = gg.mean(gg.logsumexp(h @ w[2], axis=1)) + gg.sum(gg.softmax(h, axis=0)[1])
        loss.backward(create_graph=create_graph)
        return [grad_of(p) for p in w]

    x = rng.normal(size=(5, 3))
    start = [rng.normal(size=shape) for shape in ((3, 4), (4,), (4, 2))]
    assert run(True) == run(False)


def test_create_graph_accumulates_differentiably() -> None:
    x = leaf(3.0)
    (x**2).backward(create_graph=True)
    (x**3).backward(create_graph=True)
    g = x.grad
    assert g is not None
    assert g.item() == 6 + 27.0
    x.grad = None
    g.backward()
    assert grad_of(x) == 2 + 18.0


def test_a_seed_that_needs_a_gradient() -> None:
    x, v = leaf([1.0, 2.0]), leaf([1.0, 1.0])
    (x * x).backward(v, create_graph=True)
    g = x.grad
    assert g is not None
    gg.sum(g * g).backward()
    assert grad_of(v) == (8 * x.data**2).tolist()


def test_create_graph_after_a_leaf_got_new_values_is_refused() -> None:
    x = leaf([1.0, 2.0])
    y = gg.sum(x * x)
    x.data = np.array([3.0, 4.0])
    with pytest.raises(gg.WriteError, match="got new values since the graph was recorded"):
        y.backward(create_graph=True)
    assert x.grad is None


# ---- differentiate


def test_targets_may_be_leaves_values_and_single_outputs() -> None:
    x = leaf([1.0, 2.0, 3.0])
    h = x * 2
    a, b = gg.split(h, (1, 2))
    y = gg.sum(a) * gg.sum(b * b)
    assert y._source is not None
    targets = [x, h._source, a._source, b._source]
    found = differentiate([(y._source, np.ones(()))], [t for t in targets if t is not None])
    assert set(found) == set(targets)
    assert [np.asarray(found[t]).tolist() for t in targets if t is not None] == [
        *[[104.0, 32.0, 48.0], [52.0, 16.0, 24.0], [52.0], [16.0, 24.0]],
    ]
    assert x.grad is None


def test_what_leads_to_no_target_is_left_alone() -> None:
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    side = gg.exp(w)
    y = gg.sum(x * 2 + side)
    assert y._source is not None
    assert list(differentiate([(y._source, np.ones(()))], [x])) == [x]
    gg.sum(side).backward()  # not freed by the pass that didn't need it
    assert np.allclose(grad_of(w), np.exp(w.data))
