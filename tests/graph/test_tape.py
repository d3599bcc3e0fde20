"""The tape: chunks, their boundaries, and who keeps whom."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator

import pytest

import graphgrad as gg
from graphgrad.graph.node import take_numbers
from graphgrad.graph.tape import CAPACITY, Chunk


@pytest.fixture
def no_cyclic_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> int:
    return sum(type(thing) is Chunk for thing in gc.get_objects())


def test_numbers_are_taken_in_blocks() -> None:
    first = take_numbers(10)
    assert take_numbers(1) == first + 10
    assert take_numbers(1000) == first + 11
    assert take_numbers(1) == first + 1011


def test_operands_within_and_across_chunks() -> None:
    here, there, third = Chunk(), Chunk(), Chunk(needs=False)
    a, b, c = there.put(1.0), there.put(2.0), third.put(3.0)
    assert here.locate(here.slots[there] | b) == (there, b)
    assert here.locate(here.slots[third] | c) == (third, c)
    assert here.locate(here.slots[there] | a) == (there, a)
    assert here.reads == [there, third]
    assert here.locate(5) == (here, 5)
    assert there.operands(a) == ()


def in_a_thread(do: Callable[[], gg.Scalar]) -> gg.Scalar:
    """What `do` gives in a thread that has come to its end."""
    results: list[gg.Scalar] = []
    thread = threading.Thread(target=lambda: results.append(do()))
    thread.start()
    thread.join()
    return results[0]


def test_a_thread_adds_to_chunks_of_its_own() -> None:
    x = gg.scalar(3.0)
    y = x * x
    used = y.chunk.used
    z = in_a_thread(lambda: y * x)
    assert z.chunk is not y.chunk
    assert y.chunk.used == used
    w = z * y  # read here again, and so begins a chunk that is later than both
    assert w.chunk.first > z.chunk.first > y.chunk.first
    w.backward()
    assert (x.grad, y.grad, z.grad) == (5 * 3.0**4, 2 * 27.0, 9.0)


def test_numbers_count_up_in_the_order_of_the_operations() -> None:
    """Also when a chunk had to be begun before the one at hand was full."""
    x = gg.scalar(2.0)
    y = x * x
    begun = in_a_thread(lambda: gg.scalar(1.0) * 1.0) * x
    assert begun.chunk is not y.chunk
    results = [y, begun, y * x, begun * y, x + x]
    numbers = [result.number for result in results]
    assert numbers == sorted(numbers)
    assert len({result.chunk for result in results[1:]}) == 1


def test_after_a_write_a_chunk_gets_no_more_results() -> None:
    x, other = gg.scalar(2.0), gg.scalar(1.0)
    y = x * x
    other.data = 5.0
    z = y * other
    assert z.chunk is not y.chunk
    z.backward()
    assert (x.grad, other.grad) == (20.0, 4.0)


def test_leaves_and_constants_get_no_results() -> None:
    x, c = gg.scalar(2.0), gg.scalar(2.0, requires_grad=False)
    for result in (x * x, x * c, gg.exp(x), -x):
        assert result.chunk not in (x.chunk, c.chunk)
    assert x.chunk.reads == c.chunk.reads == []


def test_numbers_of_scalars_are_unique() -> None:
    scalars = [gg.scalar(1.0) for _ in range(CAPACITY + 10)]
    results = [x * x for x in scalars]
    tensor = gg.tensor(1.0)
    numbers = [x.number for x in (*scalars, *results)] + [tensor.number]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("n", [CAPACITY - 2, CAPACITY - 1, CAPACITY, CAPACITY + 1, 3 * CAPACITY + 7])
def test_chains_across_the_boundary(n: int) -> None:
    x = gg.scalar(1.5)
    y = x * 1.0
    for _ in range(n):
        y = y + x
    y.backward()
    assert y.data == 1.5 * (n + 1)
    assert x.grad == n + 1


def test_fan_in_from_many_chunks() -> None:
    """Leaves, constants and results that lie in chunks of their own all meet in one sum."""
    n = 3 * CAPACITY
    leaves = [gg.scalar(float(i)) for i in range(n)]
    squares = [x * x for x in leaves]
    total = squares[0]
    for square in squares[1:]:
        total = total + square
    total.backward()
    assert total.data == sum(float(i) ** 2 for i in range(n))
    assert all(x.grad == 2.0 * i for i, x in enumerate(leaves))
    assert all(square.grad == 1.0 for square in squares)


def test_operands_far_apart() -> None:
    """A result is used again thousands of scalars later, from another chunk, and by both operands."""
    x = gg.scalar(0.5)
    early = x * x
    middle = early
    for _ in range(2 * CAPACITY):
        middle = middle + 0.001
    late = middle * early + early * early
    late.backward()
    m, e = middle.data, 0.25
    assert early.grad == pytest.approx(e + m + 2 * e, rel=1e-14)
    assert x.grad == pytest.approx((e + m + 2 * e) * 2 * 0.5, rel=1e-14)


def test_more_constants_than_a_chunk_holds() -> None:
    x = gg.scalar(1.0)
    y = x
    for i in range(2 * CAPACITY):
        y = y + float(i)
    assert y.data == 1.0 + sum(range(2 * CAPACITY))
    y.backward()
    assert x.grad == 1.0


@pytest.mark.usefixtures("no_cyclic_gc")
def test_chunks_die_with_their_last_scalar() -> None:
    before = alive()
    x = gg.scalar(1.0)
    y = x
    for _ in range(10 * CAPACITY):
        y = y * 1.0001
    assert alive() >= before + 10
    y.backward()
    died = weakref.ref(y.chunk)
    del y
    assert died() is None
    assert alive() <= before + 1
    del x
    assert alive() == before


@pytest.mark.usefixtures("no_cyclic_gc")
def test_a_leaf_keeps_no_graph_alive() -> None:
    x = gg.scalar(1.0)
    y = gg.exp(x) * x
    chunk = weakref.ref(y.chunk)
    y.backward()
    del y
    assert chunk() is None
    assert x.grad is not None


@pytest.mark.usefixtures("no_cyclic_gc")
def test_parameters_made_anew_in_each_step_keep_nothing_alive() -> None:
    p = gg.scalar(5.0)
    counts = []
    for step in range(3 * CAPACITY):
        loss = (p - 2.0) ** 2
        loss.backward()
        assert p.grad is not None
        p = gg.scalar(p.data - 0.1 * p.grad)
        if step % 256 == 0:
            counts.append(alive())
    assert p.data == pytest.approx(2.0)
    assert max(counts) <= counts[0] + 3


@pytest.mark.usefixtures("no_cyclic_gc")
def test_a_graph_keeps_its_leaves_only() -> None:
    x = gg.scalar(2.0, name="x")
    y = x * x
    graph = y.graph()
    chunk = weakref.ref(y.chunk)
    del y
    assert chunk() is None
    assert graph.run({"x": 3.0}).data == 9.0


def test_a_result_alone_keeps_its_whole_graph() -> None:
    def build() -> tuple[gg.Scalar, gg.Scalar]:
        x = gg.scalar(1.01)
        y = x
        for _ in range(2 * CAPACITY):
            y = y * x
        return x, y

    x, y = build()
    gc.collect()
    y.backward()
    assert x.grad == pytest.approx((2 * CAPACITY + 1) * 1.01 ** (2 * CAPACITY), rel=1e-10)
