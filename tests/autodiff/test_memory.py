"""Memory: dead graphs go by reference counting alone, no depth is too deep, and gradients share with nothing."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import networkx as nx
import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff.anomaly import detect_anomaly
from graphgrad.autodiff.checkpoint import checkpoint
from graphgrad.autodiff.hooks import forward_hook
from graphgrad.graph.hooks import Hooks
from graphgrad.graph.node import Node, Output
from graphgrad.graph.tape import Chunk
from graphgrad.kernels.choice import kernels_of

convolution = kernels_of("convolution")
OURS = (gg.Tensor, gg.Scalar, Node, Output, Hooks, Chunk, gg.Graph, gg.Recording, np.ndarray)


@pytest.fixture(autouse=True)
def no_cyclic_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def shallow() -> Iterator[None]:
    """Leave room for some frames only, so that anything recursive fails at once."""
    import_module("graphgrad.kernels.scalar_tape")
    x = gg.scalar(1.0)
    sum((x for _ in range(2_000)), x).backward()  # compiles kernels, which is recursive
    before = sys.getrecursionlimit()
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    sys.setrecursionlimit(depth + 60)
    yield
    sys.setrecursionlimit(before)


def alive() -> Counter[str]:
    # By type: isinstance asks strangers for their class, and some of other libraries answer with a warning.
    return Counter(type(thing).__name__ for thing in gc.get_objects() if issubclass(type(thing), OURS))


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


def grads(tensor: gg.Tensor) -> Any:
    assert tensor.grad is not None
    return tensor.grad.tolist()


# ---- training loops


def tensors() -> Callable[[], None]:
    rng = np.random.default_rng(0)
    w, b = leaf(rng.normal(size=(8, 4))), leaf(np.zeros(4))
    x, t = rng.normal(size=(16, 8)), rng.normal(size=(16, 4))

    def step() -> None:
        with gg.scope("net"):
            h = gg.tanh(x @ w + b)
        first, second = gg.split(h, 8)
        loss = gg.mean((gg.concat([first, second]) - t) ** 2)
        w.grad = b.grad = None
        loss.backward()
        for p in (w, b):
            p.data -= 0.1 * p.grad  # type: ignore[operator]

    return step


def scalars() -> Callable[[], None]:
    ws = [gg.scalar(0.1 * i) for i in range(5)]

    def step() -> None:
        total = gg.scalar(0.0, requires_grad=False)
        for i, w in enumerate(ws):
            total = total + gg.tanh(w * float(i) + 0.5) ** 2
        for w in ws:
            w.grad = None
        total.backward()
        for w in ws:
            assert w.grad is not None
            w.data -= 0.01 * w.grad

    return step


def scalars_made_anew() -> Callable[[], None]:
    ws = [gg.scalar(0.1 * i) for i in range(5)]

    def step() -> None:
        total = ws[0] * 0.0
        for w in ws:
            total = total + (w - 1.0) ** 2
        total.backward()
        ws[:] = [gg.scalar(w.data - 0.1 * (w.grad or 0.0)) for w in ws]

    return step


def written_in_place() -> Callable[[], None]:
    w = leaf(np.ones(8))

    def step() -> None:
        buffer = gg.zeros(8, dtype="float64")
        buffer[2:] = w[2:] * 2
        h = w * 1
        h += buffer
        w.grad = None
        gg.sum(h * h).backward()
        with gg.no_grad():
            w.__isub__(0.01 * w.grad)  # type: ignore[operator]

    return step


def recorded() -> Callable[[], None]:
    w = leaf(np.ones(8))

    def step() -> None:
        with gg.record():
            y = gg.sum(gg.exp(w) * w)
            y.graph().run()
        y.backward()

    return step


def higher_order() -> Callable[[], None]:
    w = leaf(np.ones(4))

    def step() -> None:
        penalty = gg.sum(gg.grad(lambda x: gg.sum(gg.tanh(x * w)))(np.ones(4)) ** 2)
        w.grad = None
        penalty.backward()

    return step


def hooked() -> Callable[[], None]:
    w = leaf(np.ones(8))
    w.register_hook(lambda g: g * 2)
    w.register_post_accumulate_grad_hook(lambda p: None)

    def step() -> None:
        h = gg.tanh(w)
        h.register_hook(lambda g: g + h.data)  # a circle, until the graph is freed
        h.retain_grad()
        assert h.node is not None
        h.node.register_prehook(lambda outs: None)
        with forward_hook(lambda node, inputs, outputs: None):
            y = gg.sum(h * w)
        w.grad = None
        y.backward()

    return step


def watched() -> Callable[[], None]:
    w, s = leaf(np.ones(8)), gg.scalar(0.5)

    def step() -> None:
        with detect_anomaly():
            gg.sum(gg.tanh(w) * w)  # which nobody passes back through
            w.grad = s.grad = None
            gg.sum(gg.tanh(w) * w).backward()
            (gg.tanh(s) * s).backward()
            w.data -= 0.01 * w.grad  # type: ignore[operator]

    return step


def checkpointed() -> Callable[[], None]:
    w = leaf(np.ones(8))

    def step() -> None:
        y = checkpoint(lambda t: checkpoint(gg.tanh, t * 2) * gg.exp(t), w * 1)
        checkpoint(gg.exp, y)  # which nobody passes back through
        w.grad = None
        gg.sum(y).backward()

    return step


def failing() -> Callable[[], None]:
    w, s = leaf(np.ones(4)), gg.scalar(1.0)

    def step() -> None:
        y, z = gg.sum(w * w), s * s
        w.data += 1
        s.data += 1.0
        for result in (y, z):
            try:
                result.backward()
            except gg.WriteError:
                continue
            raise AssertionError("the write went unnoticed")

    return step


LOOPS = [
    tensors,
    scalars,
    scalars_made_anew,
    written_in_place,
    recorded,
    higher_order,
    hooked,
    watched,
    checkpointed,
]


@pytest.mark.parametrize("make", LOOPS)
def test_memory_stays_flat(make: Callable[[], Callable[[], None]]) -> None:
    """Objects and bytes are counted; and a collection at the end, which empties free lists too, finds no circles."""
    step = make()
    for _ in range(20):
        step()
    gc.collect()
    before = alive()
    tracemalloc.start()
    try:
        step()
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            step()
        after = alive()
        unreachable = gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - held
    finally:
        tracemalloc.stop()
    assert all(after[kind] <= before[kind] + 2 for kind in after), (before, after)
    assert unreachable == 0
    assert grown < 100_000  # one chunk of scalars more or less, but nothing that each step keeps


def test_failing_passes_keep_nothing() -> None:
    """Exceptions refer to frames, and those to tensors; what is left after each has to go all the same."""
    step = failing()
    for _ in range(5):
        step()
    before = alive()
    for _ in range(200):
        step()
    after = alive()
    assert all(after[kind] <= before[kind] + 2 for kind in after), (before, after)


# ---- dead graphs


def test_a_dead_graph_goes_at_once() -> None:
    x = leaf([1.0, 2.0])
    before = alive()
    y = gg.sum(gg.stack(gg.unbind(gg.exp(x) * x)))
    h = y.node
    assert h is not None
    assert alive()["Node"] == before["Node"] + 5
    del y, h
    assert alive() == before


def test_backward_frees_what_was_saved() -> None:
    x = leaf(np.ones(1000))
    h = gg.exp(x)
    saved = weakref.ref(h.data)
    y = gg.sum(h * 2)
    del h
    assert saved() is not None
    y.backward()
    assert saved() is None
    assert y.node is not None


def test_a_retained_graph_keeps_it() -> None:
    x = leaf(np.ones(1000))
    h = gg.exp(x)
    saved = weakref.ref(h.data)
    y = gg.sum(h * 2)
    del h
    y.backward(retain_graph=True)
    assert saved() is not None
    del y
    assert saved() is None


def test_what_needs_no_gradient_keeps_nothing() -> None:
    x = gg.tensor(np.ones(10))
    h = gg.exp(x)
    first = weakref.ref(h)
    y = h * 2
    del h
    assert first() is None
    with gg.no_grad():
        w = leaf(np.ones(10))
        h = gg.exp(w)
        first = weakref.ref(h)
        y = h * 2
        del h
    assert first() is None
    assert y.shape == (10,)


def test_a_result_keeps_its_operands_values_only() -> None:
    x = leaf(np.ones(10))
    h = x + 1  # nobody needs its values
    values, tensor = weakref.ref(h.data), weakref.ref(h)
    y = h + 1
    del h
    assert values() is None
    assert tensor() is None
    gg.sum(y).backward()
    assert x.grad is not None


def test_create_graph_makes_no_circle_but_through_the_leafs_own_gradient() -> None:
    x = leaf(2.0)
    before = alive()
    y = x**3
    y.backward(create_graph=True)
    x.grad = None
    del y
    assert alive() == before


# ---- depth


@pytest.mark.usefixtures("shallow")
def test_a_long_chain_of_tensors() -> None:
    n = 100_000
    x = gg.tensor(1.0, dtype="float64", requires_grad=True)
    before = alive()["Node"]
    y = x
    for _ in range(n):
        y = y + x
    first = y.node
    assert first is not None
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == n + 1
    del first
    assert alive()["Node"] == before + n
    del y
    assert alive()["Node"] == before


@pytest.mark.usefixtures("shallow")
def test_the_graph_of_a_long_chain() -> None:
    n = 20_000
    x = gg.tensor(1.0, dtype="float64", requires_grad=True, name="x")
    y = x
    for _ in range(n):
        y = y * 1.0
    graph = y.graph()
    assert len(graph) == 2 * n + 1
    again = graph.run({"x": 2.0})
    assert again.item() == 2.0
    again.backward()
    assert nx.number_of_edges(graph.to_networkx()) == 2 * n


@pytest.mark.usefixtures("shallow")
def test_a_long_recorded_pass() -> None:
    x = gg.tensor(1.0, dtype="float64", requires_grad=True)
    y = x
    for _ in range(5_000):
        y = y * 1.0
    y = y * y
    y.backward(create_graph=True)
    g = x.grad
    assert g is not None
    x.grad = None
    g.backward()
    assert x.grad is not None
    assert x.grad.item() == 2.0


@pytest.mark.usefixtures("shallow")
def test_a_long_chain_of_several_outputs() -> None:
    x = leaf([1.0, 2.0])
    y = x
    for _ in range(5_000):
        a, b = gg.unbind(y)
        y = gg.stack([b, a])
    gg.sum(y * np.array([1.0, 10.0])).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 10.0]
    del a, b, y
    assert alive()["Output"] == 0


@pytest.mark.usefixtures("shallow")
def test_a_million_scalars() -> None:
    n = 1_000_000
    x = gg.scalar(1.0)
    before = alive()["Chunk"]
    y = x
    for _ in range(n):
        y = y + x
    assert y.data == n + 1
    y.backward()
    assert x.grad == n + 1
    assert alive()["Chunk"] > before + n // 1025
    del y
    assert alive()["Chunk"] <= before + 1


@pytest.mark.usefixtures("shallow")
def test_a_long_chain_of_scalars_as_a_function() -> None:
    def f(x: Any) -> Any:
        y = x
        for _ in range(20_000):
            y = y + x
        return y * y

    n = 20_001
    assert gg.grad(f)(gg.scalar(0.5)).data == n * n
    graph = f(gg.scalar(0.5, name="x")).graph()
    assert graph.run({"x": 1.0}).data == float(n * n)


# ---- whose memory


SHARERS: list[Callable[[gg.Tensor, gg.Tensor], gg.Tensor]] = [
    lambda a, b: a + b,
    lambda a, b: a + b + a,
    lambda a, b: gg.identity(a) + gg.identity(b),
    lambda a, b: (a.reshape(2, 1) + b.reshape(2, 1)).reshape(2),
    lambda a, b: gg.broadcast_to(a, (2,)) + gg.astype(b, "float64"),
    lambda a, b: gg.concat([a, b])[:2] + gg.concat([b, a])[:2],
    lambda a, b: gg.split(gg.concat([a, b]), 2)[0] + gg.split(gg.concat([a, b]), 2)[1],
    lambda a, b: gg.stack([a, b])[0] + b,
    lambda a, b: a * b,
    lambda a, b: gg.tanh(a) * gg.exp(b),
    lambda a, b: a.T + b[::-1],
    lambda a, b: a - b,
]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("build", SHARERS)
def test_gradients_share_memory_with_nothing(build: Callable[[Any, Any], gg.Tensor], create_graph: bool) -> None:
    arrays = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    a, b = (gg.asarray(array, requires_grad=True) for array in arrays)
    seed = np.array([1.0, 10.0])
    y = build(a, b)
    y.backward(gg.asarray(seed) if create_graph else seed, retain_graph=True, create_graph=create_graph)
    assert a.grad is not None
    assert b.grad is not None
    assert a.grad is not b.grad
    others = [*arrays, seed, y.data]
    for g, other in ((a.grad, b.grad), (b.grad, a.grad)):
        for array in (*others, other.data):
            assert not np.shares_memory(g.data, array)
        assert g.data.flags.writeable
    first_b = b.grad.tolist()
    a.grad.data[...] = 99.0
    assert b.grad.tolist() == first_b
    a.grad = b.grad = None
    y.backward(seed)
    assert grads(b) == first_b


def test_gradients_of_a_sum_are_writeable_arrays_of_their_own() -> None:
    a, b = leaf(np.ones((2, 2))), leaf(np.ones((2, 2)))
    (gg.sum(a) + gg.sum(b) + gg.mean(a)).backward()
    for p in (a, b):
        assert p.grad is not None
        p.grad.data[0, 0] = 5.0
    assert grads(a) == [[5.0, 1.25], [1.25, 1.25]]
    assert grads(b) == [[5.0, 1.0], [1.0, 1.0]]


def test_gradients_that_kernels_brought_into_shape_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    found = convolution.input_gradient

    def told(*given: Any) -> Any:
        out = found(*given)
        made.append(out.ctypes.data)
        return out

    monkeypatch.setattr(convolution, "input_gradient", told)
    x, weight = leaf(np.ones((2, 3, 9, 9))), gg.tensor(np.ones((4, 3, 3, 3)))
    gg.nn.functional.conv2d(x, weight, padding=1).backward(np.ones((2, 4, 9, 9)))
    assert x.grad is not None
    assert [x.grad.data.ctypes.data] == made
    x.grad.data[:] = 0.0


@pytest.mark.parametrize(
    "see", [lambda g: g.data, lambda g: g.data[0], lambda g: memoryview(g.data), lambda g: g.data.base]
)
def test_gradients_that_a_hook_kept_a_view_of_are_copied(see: Callable[[gg.Tensor], Any]) -> None:
    kept: list[Any] = []
    x, weight = leaf(np.ones((2, 3, 9, 9))), gg.tensor(np.ones((4, 3, 3, 3)))
    x.register_hook(lambda g: kept.append(see(g)))
    gg.nn.functional.conv2d(x, weight, padding=1).backward(np.ones((2, 4, 9, 9)))
    assert x.grad is not None
    assert kept[0] is not None
    assert not np.shares_memory(x.grad.data, np.asarray(kept[0]))


def test_accumulated_gradients_share_nothing_either() -> None:
    a, b = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    seed = np.array([1.0, 1.0])
    for _ in range(3):
        (a + b).backward(seed)
    assert a.grad is not None
    assert b.grad is not None
    assert not np.shares_memory(a.grad.data, b.grad.data)
    a.grad.data *= 0
    assert grads(b) == [3.0, 3.0]
    assert seed.tolist() == [1.0, 1.0]


def test_a_gradient_that_is_put_by_hand_is_not_written() -> None:
    a = leaf([1.0, 2.0])
    mine = gg.tensor([10.0, 10.0], dtype="float64")
    a.grad = mine
    gg.sum(a).backward()
    assert mine.tolist() == [10.0, 10.0]
    assert grads(a) == [11.0, 11.0]
