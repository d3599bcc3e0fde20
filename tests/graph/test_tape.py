"""The tape: chunks, their boundaries, and who keeps whom."""

from __future__ import annotations

import gc
import math
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.node import take_numbers
from graphgrad.graph.tape import CAPACITY, Chunk, check_untraced, flatten, traced


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
    here, there, third = Chunk(gg.Scalar), Chunk(gg.Scalar), Chunk(gg.Scalar, needs=False)
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


# ---- graphs one after the other


def graph_of(n: int, x: gg.Scalar, ws: list[gg.Scalar]) -> gg.Scalar:
    y = x * 1.0
    for k in range(n):
        y = y + ws[k % len(ws)] * x
    return y


@pytest.mark.usefixtures("no_cyclic_gc")
@pytest.mark.parametrize("n", [3, 100, 341, 512, 1500])
def test_graphs_that_are_differentiated_one_after_the_other_do_not_keep_each_other(n: int) -> None:
    """A graph that begins in the chunk in which another one ended would keep that, and so on, without an end."""
    before = alive()
    x, ws = gg.scalar(1.0), [gg.scalar(0.1 * k) for k in range(5)]
    y = x
    for _ in range(60):
        y = graph_of(n, x, ws)
        y.backward()
    assert alive() - before <= 4 + 2 * (2 * n // CAPACITY + 1)
    for _ in range(60):
        y = graph_of(n, x, ws)
        gg.grad(lambda z, k=n: graph_of(k, z, ws), create_graph=False)(x)
    assert alive() - before <= 4 + 4 * (2 * n // CAPACITY + 1)


@pytest.mark.usefixtures("no_cyclic_gc")
@pytest.mark.parametrize("n", [3, 100, 341, 512, 1500, 2048])
def test_nor_do_graphs_of_which_only_the_value_is_asked_for(n: int) -> None:
    before = alive()
    x = gg.scalar(1.0)
    for _ in range(60):
        y = x * 1.0
        for _step in range(n):
            y = y * 0.5 + x
    assert alive() - before <= 8 + 2 * (3 * n // CAPACITY + 1)


def test_a_sum_over_many_small_examples_does_not_begin_a_chunk_for_each() -> None:
    """Each example begins at the leaves again, as a graph of its own would."""
    w, xs = gg.scalar(0.5), [gg.scalar(0.01 * k, requires_grad=False) for k in range(3000)]
    total = w * 0.0
    for x in xs:
        total = total + (w * x - 1.0) ** 2
    read = {total.chunk}
    stack = [total.chunk]
    while stack:
        for chunk in stack.pop().reads:
            if chunk not in read:
                read.add(chunk)
                stack.append(chunk)
    with_results = [chunk for chunk in read if chunk.reads]
    assert sum(chunk.used for chunk in with_results) == 1 + 4 * 3000
    full, numbers = 4 * 3000 / CAPACITY, 2 * 3000 / CAPACITY  # chunks of numbers in the code end others, too
    assert len(with_results) <= 2 * full + numbers + 2
    total.backward()
    assert w.grad == pytest.approx(sum(2 * (0.5 * x.data - 1) * x.data for x in xs))


@pytest.mark.usefixtures("no_cyclic_gc")
def test_ten_thousand_steps_of_training_stay_flat() -> None:
    w, b = gg.scalar(0.0), gg.scalar(0.0)
    counts = []
    for step in range(10_000):
        loss = (w * 0.5 + b - 1.0) ** 2
        w.grad = b.grad = None
        loss.backward()
        for p in (w, b):
            assert p.grad is not None
            p.data -= 0.1 * p.grad
        if step % 1000 == 999:
            counts.append((alive(), len(w.chunk.written), len(gc.get_objects())))
    assert max(count for count, _, _ in counts) == min(count for count, _, _ in counts)
    assert max(written for _, written, _ in counts) <= 2
    objects = [count for _, _, count in counts]
    assert max(objects) - min(objects) < 200
    assert w.data * 0.5 + b.data == pytest.approx(1.0)


# ---- numbers in the code


@pytest.mark.parametrize("number", [3, 3.0, True, np.float32(3), np.int8(3), 2**53 - 1, -(2**60), 1e300, -0.0])
def test_numbers_on_either_side_are_floats_on_the_tape(number: Any) -> None:
    x = gg.scalar(2.0)
    right, left = x + number, number - x
    assert right.data == 2.0 + float(number)
    assert left.data == float(number) - 2.0
    for result, place in ((right, 1), (left, 0)):
        chunk, index = result.chunk.operands(result.index)[place]
        assert (chunk.values[index], chunk.needs, index in chunk.notes) == (float(number), False, False)


def test_numbers_of_threads_do_not_meet() -> None:
    """Two threads that compute with one scalar put their numbers into chunks of their own."""
    x = gg.scalar(1.0)
    start = x * 1.0

    def beside(result: gg.Scalar) -> Chunk:
        return result.chunk.operands(result.index)[1][0]

    mine = beside(start + 2.0)
    others = in_a_thread(lambda: start + 3.0)
    of_a_leaf = in_a_thread(lambda: x + 3.0)
    assert mine is beside(start + 4.0) is beside(x + 4.0)
    assert len({mine, beside(others), beside(of_a_leaf)}) == 3
    assert [chunk.values[0] for chunk in (beside(others), beside(of_a_leaf))] == [3.0, 3.0]


# ---- taking notes


def test_looks_are_noted_while_a_function_runs() -> None:
    outside = gg.scalar(5.0)
    with traced() as trace:
        x = gg.scalar(2.0)
        y = x * outside
        assert x < 3.0
        assert y.data == 10.0
        assert outside.data == 5.0
        looks = list(trace.looks)
    assert [(look.question, look.answer) for look in looks] == [("less", True), ("same", True)]
    (chunk, index), (beside, k) = looks[0].left, looks[0].right
    assert (chunk.values[index], beside.values[k]) == (2.0, 3.0)
    assert looks[1].left == (y.chunk, y.index)
    assert float(x) == 2.0
    assert trace.looks == []
    z = y * 2.0
    assert z.chunk is not y.chunk
    assert z.chunk.trace is None
    check_untraced(y.chunk, "this", "that")


def test_what_a_replay_cannot_repeat_is_refused_while_a_function_runs() -> None:
    with traced():
        x = gg.scalar(2.0)
        with pytest.raises(gg.GraphError, match=r"this: compile_scalars is recording(.|\n)*hint: do that"):
            check_untraced(x.chunk, "this", "do that")


# ---- laid out flat


def test_flat() -> None:
    x, c = gg.scalar(2.0), gg.scalar(3.0, requires_grad=False)
    far = in_a_thread(lambda: x * c)
    near = gg.exp(far) + x
    flat = flatten([near.chunk])
    assert list(flat.parts) == sorted(flat.parts, key=lambda chunk: chunk.first)
    place = {name: flat.place(one.chunk, one.index) for name, one in {"x": x, "c": c, "far": far, "near": near}.items()}
    assert place["x"] < place["far"] < place["near"]
    exp = flat.left[place["near"]]
    assert (flat.left[exp], flat.right[exp]) == (place["far"], -1)
    assert flat.right[place["near"]] == place["x"]
    assert (flat.left[place["far"]], flat.right[place["far"]]) == (place["x"], place["c"])
    assert flat.values[[place["x"], place["c"], place["far"]]].tolist() == [2.0, 3.0, 6.0]
    assert flat.needs[[place["x"], place["c"], place["far"], place["near"]]].tolist() == [1, 0, 1, 1]
    assert flat.codes[[place["x"], place["c"]]].tolist() == [0, 0]
    assert all(flat.codes[k] for k in (place["far"], exp, place["near"]))
    assert flat.left.min() >= 0
    flat.values[:] = 0.0  # a copy
    assert near.data == pytest.approx(math.exp(6.0) + 2.0)


def test_a_million_scalars_are_recorded_and_freed() -> None:
    n = 1_000_000
    x = gg.scalar(1.0)
    y = x
    for _ in range(n):
        y = -y
    assert (y.data, flatten([y.chunk]).codes.size > n) == (1.0, True)
    chunk = weakref.ref(y.chunk.reads[0])
    del y
    assert chunk() is None
