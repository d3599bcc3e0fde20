"""Passes over graphs of tensors and scalars: what they free and refuse, how deep they go, and who watches them."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff import mixed, scalar_sweep
from graphgrad.graph.node import Node
from graphgrad.graph.tape import Chunk
from graphgrad.nn.scalar import MLP, Value


def f64(values: Any, name: str | None = None) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True, name=name)


def floats(tensor: gg.Tensor | None) -> Any:
    assert tensor is not None
    return tensor.tolist()


# ---- what is freed, and what stays


def test_a_second_pass_needs_the_tensors_retained() -> None:
    x, s = f64([1.0, 2.0]), gg.scalar(3.0)
    a, b = gg.exp(x).scalars()
    y = a * b * s
    y.backward(retain_graph=True)
    first = floats(x.grad)
    y.backward()
    np.testing.assert_allclose(floats(x.grad), [2 * one for one in first], 1e-15)
    before = floats(x.grad), s.grad
    with pytest.raises(gg.GraphError, match=r"an earlier pass freed what exp had saved(.|\n)*retain_graph"):
        y.backward()
    assert (floats(x.grad), s.grad) == before
    z = gg.stack([s * s, s])
    t = gg.sum(z)
    t.backward()
    with pytest.raises(gg.GraphError, match="freed what"):
        t.backward()
    (s * s).backward()


def test_a_graph_that_was_freed_is_nothing_to_others_in_its_chunk() -> None:
    x, s = f64([1.0, 2.0]), gg.scalar(3.0)
    a, b = gg.exp(x).scalars()
    y = a * b
    y.backward()
    z = s * s  # in the chunk of y
    assert z.chunk is y.chunk
    z.backward()
    assert s.grad == 6.0
    gg.sum(gg.stack([z, s])).backward()
    assert s.grad == 6.0 + 7.0
    assert gg.grad(lambda s: s * z)(s).data == 9.0
    assert gg.jvp(lambda s: s * z, (s,), (1.0,))[1].data == 9.0
    with pytest.raises(gg.GraphError, match="freed what exp had"):
        (z * y).backward()


def test_the_node_of_a_stack_is_freed_as_any() -> None:
    s = gg.scalar(3.0)
    t = gg.stack([s, s])
    t.backward([1.0, 2.0], retain_graph=True)
    t.backward([1.0, 2.0])
    with pytest.raises(gg.GraphError, match="freed what stack had saved"):
        t.backward([1.0, 2.0])
    assert s.grad == 6.0


def test_results_between_have_the_gradient_of_the_last_pass() -> None:
    x, s = f64([1.0, 2.0]), gg.scalar(3.0)
    a, b = x.scalars()
    c = a * s
    t = gg.sum(gg.stack([c, b]))
    for passes in (1, 2):
        t.backward(retain_graph=True)
        assert (a.grad, c.grad, s.grad) == (3.0, 1.0, 1.0 * passes)


def test_scalars_of_a_leaf_have_nothing_to_free() -> None:
    x = f64([1.0, 2.0])
    a, b = x.scalars()
    y = a * b
    y.backward()
    y.backward()
    assert floats(x.grad) == [4.0, 2.0]


def test_a_scalar_written_since_is_refused_across() -> None:
    s, x = gg.scalar(2.0, name="s"), f64([1.0])
    t = gg.sum(gg.stack([s * s]) * x)
    s.data = 5.0
    with pytest.raises(gg.WriteError, match="'s' was written after it was used"):
        t.backward()
    with pytest.raises(gg.WriteError, match="'s' was written"):
        (t.scalars() * 2.0).backward()
    assert s.grad is None
    assert x.grad is None


def test_a_tensor_written_since_is_refused_across() -> None:
    w = f64([1.0, 2.0])
    h = w * w
    a, b = gg.exp(h).scalars()
    with gg.no_grad():
        w += 1.0
    with pytest.raises(gg.WriteError, match="multiply needs operand"):
        (a * b).backward()


def test_other_leaves_may_be_written() -> None:
    near, far = gg.scalar(2.0), gg.scalar(3.0)  # in one chunk
    t = gg.sum(gg.stack([near * near]))
    far.data = 5.0
    t.backward()
    assert near.grad == 4.0


def test_a_training_loop_over_bridges_learns() -> None:
    w, s = f64([0.0, 0.0]), gg.scalar(0.0)
    losses: list[float] = []
    for _ in range(60):
        a, b = w.scalars()
        loss = gg.sum((gg.stack([a + s, b - s]) - [1.0, 3.0]) ** 2)
        w.grad = s.grad = None
        loss.backward()
        assert w.grad is not None
        assert s.grad is not None
        w.data -= 0.1 * w.grad.data
        s.data -= 0.1 * s.grad
        losses.append(loss.item())
    assert losses[-1] < 1e-4 < losses[0]


# ---- depth, size, memory


@pytest.fixture
def shallow() -> Any:
    before, depth, frame = sys.getrecursionlimit(), 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    sys.setrecursionlimit(depth + 60)
    yield
    sys.setrecursionlimit(before)


def test_ten_thousand_crossings(shallow: None) -> None:
    x = f64([0.5, 1.0])
    t = x
    for _ in range(10_000):
        a, b = t.scalars()
        t = gg.stack([a + 0.0, b]) * 1.0
    gg.sum(t * [2.0, 3.0]).backward()
    assert floats(x.grad) == [2.0, 3.0]
    del t, a, b


def test_a_hundred_thousand_elements_there_and_back() -> None:
    n = 100_000
    x = f64(np.arange(n) / n)
    scalars = x.scalars()
    t = gg.stack(scalars)
    assert np.array_equal(t.data, x.data)
    gg.sum(t * t).backward()
    assert np.array_equal(x.grad.data, 2 * x.data)  # type: ignore[union-attr]
    assert scalars[7].grad == 2 * 7 / n


def test_large_parts_are_compiled_to_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    start = rng.normal(size=40)

    def run() -> tuple[Any, Any, Any]:
        x, s = f64(start), gg.scalar(0.3)
        inner: list[gg.Scalar] = []
        t = x
        for _ in range(3):
            row = t.scalars()
            if inner:  # one from below the bridge, which gets its gradient both ways
                row[0] = row[0] * inner[-1]
            for _ in range(80):
                row = [gg.tanh(a * s + b) for a, b in zip(row, row[1:] + row[:1], strict=True)]
            inner.append(row[5])
            t = gg.stack(row) * x
        gg.sum(t).backward()
        return floats(x.grad), s.grad, [one.grad for one in inner]

    compiled: list[bool] = []
    monkeypatch.setattr(mixed, "pays", lambda size: False)
    plain = run()
    monkeypatch.setattr(mixed, "pays", lambda size: size > 200)
    real = scalar_sweep.compiled_segment

    def counted(sums: Any, chunks: Any) -> bool:
        compiled.append(real(sums, chunks))
        return compiled[-1]

    monkeypatch.setattr(mixed, "compiled_segment", counted)
    assert run() == plain
    assert compiled == [True, True, True]


def test_memory_goes_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        before = sum(type(one) in (Node, Chunk) for one in gc.get_objects())
        x, s = f64([1.0, 2.0]), gg.scalar(2.0)
        for way in range(4):
            a, b = (x * 2.0).scalars()
            y = gg.sum(gg.stack([a * s, b]) ** 2)
            gone = weakref.ref(y), weakref.ref(y.node.__class__ and a.chunk)
            if way == 0:
                y.backward()
            elif way == 1:
                y.backward(create_graph=True)
            elif way == 2:
                gg.grad(lambda t: gg.sum(gg.stack(t.scalars()) ** 2))(x)
            del a, b, y
            x.grad = None
            assert [one() for one in gone] == [None, None]
        assert sum(type(one) in (Node, Chunk) for one in gc.get_objects()) <= before + 2  # the leaf's
    finally:
        gc.enable()


# ---- who watches


def test_hooks_see_complete_gradients() -> None:
    x = f64([1.0, 2.0])
    h = x * 3.0
    seen: list[Any] = []
    h.register_hook(lambda g: seen.append(("h", g.tolist())))
    x.register_hook(lambda g: seen.append(("x", g.tolist())))
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append(("done", leaf.grad.tolist())))
    a, b = h.scalars()
    t = gg.stack([a * b, b])
    t.register_hook(lambda g: g * 10.0)
    (gg.sum(t) + gg.sum(h)).backward()
    assert seen == [("h", [61.0, 41.0]), ("x", [183.0, 123.0]), ("done", [183.0, 123.0])]


def test_hooks_of_a_leaf_that_only_scalars_read() -> None:
    x = f64([1.0, 2.0])
    seen: list[Any] = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    a, b = x.scalars()
    (a * b + x.scalars()[0]).backward()
    assert seen == [[3.0, 1.0]]


def test_hooks_on_the_node_of_a_stack() -> None:
    s = gg.scalar(2.0)
    t = gg.stack([s * s, 1.0, s])
    seen: list[Any] = []
    assert t.node is not None

    def five_times(ins: Any, outs: Any) -> Any:
        seen.append((ins, outs))
        return tuple(one and one * 5.0 for one in ins)

    t.node.register_prehook(lambda gs: (gs[0] * 2.0,))
    t.node.register_hook(five_times)
    gg.sum(t).backward()
    ((ins, outs),) = seen
    assert [one if one is None else one.item() for one in ins] == [2.0, None, 2.0]
    assert outs[0].tolist() == [2.0, 2.0, 2.0]
    assert s.grad == 10.0 * 4 + 10.0


def test_a_retained_gradient_between_scalars() -> None:
    s = gg.scalar(2.0)
    t = gg.stack([s, s * s])
    t.retain_grad()
    a, b = t.scalars()
    (a * b).backward()
    assert floats(t.grad) == [4.0, 2.0]


def test_forward_hooks_see_the_bridges() -> None:
    x = f64([1.0, 2.0])
    seen: list[Any] = []
    with gg.forward_hook(lambda node, inputs, outputs: seen.append((node.op.name, len(inputs), len(outputs)))):
        gg.stack(x.scalars())
    assert seen == [("scalars", 1, 2), ("stack", 2, 1)]


def test_anomalies_are_named_on_both_sides() -> None:
    x = f64([0.0, 1.0])
    with gg.detect_anomaly():
        a, b = gg.sqrt(x).scalars()
        y = gg.sum(gg.stack([a * b, b]))
        with pytest.raises(gg.AnomalyError, match="backward of sqrt: made inf of finite"):
            y.backward()
    assert x.grad is None
    with gg.detect_anomaly():
        a, b = x.scalars()
        y = gg.sum(gg.stack([gg.sqrt(a), b]))
        with pytest.raises(gg.AnomalyError, match=r"backward of sqrt: made inf(.|\n)*made at:.*test_mixed"):
            y.backward()
        with pytest.raises(gg.AnomalyError, match=r"log: made -inf"):
            gg.log(x.scalars()[0])
    assert x.grad is None
    assert a.grad is None


def test_an_infinity_that_was_meant_crosses() -> None:
    s = gg.scalar(float("inf"), requires_grad=False)
    a = gg.scalar(2.0)
    with gg.detect_anomaly():
        t = gg.stack([a, s])
        gg.sum(gg.exp(-t)).backward()
    assert a.grad == -np.exp(-2.0)


def test_an_infinite_upstream_gradient_crosses() -> None:
    x = f64([1.0, 2.0])
    with gg.detect_anomaly():
        a, _ = (x * 2.0).scalars()
        (a * 3.0).backward(float("inf"))
    assert floats(x.grad) == [float("inf"), 0.0]


def test_without_gradients() -> None:
    x = f64([1.0, 2.0], "x")
    with gg.no_grad():
        a, b = x.scalars()
        t = gg.stack([gg.scalar(1.0), b])
    assert (a.requires_grad, t.requires_grad, a.name) == (False, False, "x[0]")
    assert gg.tensor([1, 2]).scalars()[1].data == 2.0
    y = gg.stack([gg.scalar(3.0), a])
    assert y.requires_grad
    gg.sum(y).backward()
    assert x.grad is None


def test_threads_dont_mix() -> None:
    x, s = f64([1.0, 2.0]), gg.scalar(2.0)
    faults: list[Any] = []

    def work(factor: float) -> None:
        for _ in range(30):
            found = gg.grad(lambda t, s: gg.sum(gg.stack([a * s * factor for a in t.scalars()])), (0, 1))(x, s)
            if found[0].tolist() != [2.0 * factor] * 2 or found[1].data != 3.0 * factor:
                faults.append(found)

    threads = [threading.Thread(target=work, args=(one,)) for one in (1.0, 10.0, 100.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_compiled_functions_have_no_bridges() -> None:
    def stacks(a: gg.Scalar) -> Any:
        return gg.stack([a, a]).scalars()[0]

    def crosses(a: gg.Scalar) -> Any:
        return a * gg.tensor([2.0]).scalars()[0]

    with pytest.raises(gg.GraphError, match=r"stack: (.|\n)*hint"):
        gg.compile_scalars(stacks)(1.0)
    with pytest.raises(gg.GraphError, match=r"scalars: (.|\n)*hint"):
        gg.compile_scalars(crosses)(1.0)
    outer = f64([2.0]).scalars()[0]
    with pytest.raises(gg.GraphError, match="from around it"):
        gg.compile_scalars(lambda a: a * outer)(1.0)


def test_micrograds_face_passes_through() -> None:
    x = f64([0.5, -1.0])
    values = x.scalars(Value)
    assert all(type(one) is Value for one in values)
    assert (values[0]._op, values[0]._prev) == ("scalars", set())
    model = MLP(2, [3, 2])
    out = gg.stack(model(values))
    gg.sum(out * out).backward()
    assert x.grad is not None
    assert np.isfinite(x.grad.data).all()
    assert all(isinstance(one.grad, float) for one in model.parameters())
    w = Value(2.0)
    (gg.stack([w, w * w]).scalars(Value)[1] + w).backward()
    assert w.grad == 5.0
