"""The backward pass over scalars in all its ways: in Python, compiled, replayed, in batch; all give the same bits."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.autodiff import plain_tape, scalar_sweep
from graphgrad.graph.tape import CAPACITY, flatten
from graphgrad.kernels import scalar_tape
from graphgrad.kernels.opcodes import CODES
from graphgrad.ops import TABLE

module: Any = importlib.import_module("graphgrad.autodiff.scalar_backward")  # the package has a function of that name


def bits(values: Sequence[float | None]) -> list[bytes | None]:
    """Equal for the same numbers: any nan is nan, and the two zeros are two."""
    return [None if one is None else b"nan" if math.isnan(one) else struct.pack("d", one) for one in values]


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Chooses whether passes are compiled, whatever their size."""
    return lambda compiled: monkeypatch.setattr(module, "compiled_pays", lambda root: compiled)


# ---- random graphs of all operations

numbers = st.one_of(
    st.floats(-3, 3),
    st.floats(),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, math.inf, -math.inf, math.nan, 1e300, -1e300, 5e-324, 1e-160]),
)


class Program(NamedTuple):
    """A computation: leaves, constants, operations on what was there before them, and what it returns."""

    leaves: list[float]
    constants: list[float]
    steps: list[tuple[str, int, int]]
    results: list[int]
    weights: list[float]

    def run(self, *leaves: Any) -> list[Any]:
        there = [*leaves, *self.constants]
        for name, i, j in self.steps:
            op = TABLE[name]
            operands = [there[i % len(there)], there[j % len(there)]][: len(op.operands)]
            if not any(isinstance(one, gg.Scalar) for one in operands):
                operands[0] = there[i % len(leaves)]
            there.append(op.call(*operands))
        return [there[-1 - k % len(there)] for k in self.results]


@st.composite
def programs(draw: Any, values: Any = numbers, names: Sequence[str] = tuple(CODES), most: int = 25) -> Program:
    places = st.integers(0, 1000)
    steps = draw(st.lists(st.tuples(st.sampled_from(names), places, places), min_size=1, max_size=most))
    results = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    return Program(
        draw(st.lists(values, min_size=1, max_size=4)),
        draw(st.lists(values, max_size=2)),
        steps,
        results,
        [draw(values) for _ in results],
    )


def in_a_graph(program: Program, compiled: bool, passes: int) -> tuple[list[Any], list[Any]]:
    """Values, and gradients after some passes from each result, of a graph of scalars."""
    leaves = [gg.scalar(value) for value in program.leaves]
    results = program.run(*leaves)
    everything = [*leaves, *(one for one in results if isinstance(one, gg.Scalar))]
    for _ in range(passes):
        for one, weight in zip(results, program.weights, strict=True):
            if isinstance(one, gg.Scalar) and not one.is_leaf:
                if compiled:
                    assert scalar_sweep.compiled_backward(one, weight)
                else:
                    one.backward(weight)
    return [float(one) for one in results], [one.grad for one in everything]


@pytest.mark.parametrize("passes", [1, 2])
@given(program=programs())
def test_python_and_compiled_passes_give_the_same_bits(passes: int, program: Program) -> None:
    module.compiled_pays, before = (lambda root: False), module.compiled_pays
    try:
        values, grads = in_a_graph(program, compiled=False, passes=passes)
    finally:
        module.compiled_pays = before
    again, compiled = in_a_graph(program, compiled=True, passes=passes)
    assert bits(again) == bits(values)
    assert bits(compiled) == bits(grads)


@given(programs(), st.lists(numbers, min_size=4, max_size=4), st.integers(1, 20))
def test_replay_alone_and_in_batch_give_the_bits_of_the_graph(
    program: Program, others: list[float], lanes: int
) -> None:
    compiled = gg.compile_scalars(program.run)
    batch = [program.leaves if k % 2 == 0 else others[: len(program.leaves)] for k in range(lanes)]
    columns = [np.array(column) for column in zip(*batch, strict=True)]
    all_values, all_grads = compiled.batch_value_and_grad(*columns, weights=program.weights)
    only_values = compiled.batch(*columns)
    for k, leaves in enumerate(batch[:2]):
        fresh = [gg.scalar(value) for value in leaves]
        results = program.run(*fresh)
        slopes = seeded(results, program.weights, fresh)
        values = [float(one) for one in results]
        replayed, gradient = compiled.value_and_grad(*leaves, weights=program.weights)
        assert bits(replayed) == bits(compiled(*leaves)) == bits(values)
        assert bits(gradient) == bits(slopes)
        for lane in range(k, lanes, 2):
            assert bits([column[lane] for column in all_values]) == bits(values)
            assert bits([column[lane] for column in only_values]) == bits(values)
            assert bits([column[lane] for column in all_grads]) == bits(slopes)


def seeded(results: Sequence[Any], weights: Sequence[float], leaves: Sequence[gg.Scalar]) -> list[float]:
    """The gradient of a weighted sum in one pass, in Python."""
    starts = [(one, weight) for one, weight in zip(results, weights, strict=True) if isinstance(one, gg.Scalar)]
    if not starts:
        return [0.0 for _ in leaves]
    (root, gradient), *others = starts
    return [one.data for one in module.differentiate_scalar(root, leaves, gradient=gradient, others=others)]


@given(programs())
def test_the_tape_in_python_gives_the_bits_of_the_compiled_one(program: Program) -> None:
    leaves = [gg.scalar(value) for value in program.leaves]
    root = next((one for one in program.run(*leaves) if isinstance(one, gg.Scalar)), leaves[0])
    flat = flatten([root.chunk])
    tape = flat.codes, flat.left, flat.right
    start = flat.place(root.chunk, root.index)
    found = []
    for passes in (scalar_tape, plain_tape):
        values = np.where(flat.codes, math.nan, flat.values)
        passes.forward(*tape, values)
        reached, grads = np.zeros_like(flat.codes), np.full(values.size, math.nan)
        reached[start] = 1
        to_left, to_right = np.empty_like(reached), np.empty_like(reached)
        scalar_tape.plan(*tape, flat.needs, reached, to_left, to_right)
        grads[start] = program.weights[0]
        passes.backward(*tape, values, to_left, to_right, grads)
        assert bits(values.tolist()) == bits(flat.values.tolist())
        found.append(bits(grads.tolist()))
    assert found[0] == found[1]


SMOOTH = ("add", "subtract", "multiply", "tanh", "sigmoid", "relu", "softplus", "sin", "atan", "maximum", "erf", "silu")


@given(programs(values=st.floats(-2, 2).filter(lambda value: abs(value) > 1e-3), names=SMOOTH, most=12))
def test_scalars_and_tensors_agree_to_tolerance(program: Program) -> None:
    leaves = [gg.scalar(value) for value in program.leaves]
    results = program.run(*leaves)
    slopes = seeded(results, program.weights, leaves)
    tensors = [gg.tensor(value, dtype="float64", requires_grad=True) for value in program.leaves]
    there: list[Any] = [*tensors, *program.constants]
    for name, i, j in program.steps:
        op = TABLE[name]
        operands = [there[i % len(there)], there[j % len(there)]][: len(op.operands)]
        if not any(isinstance(one, gg.Tensor) for one in operands):
            operands[0] = there[i % len(tensors)]
        there.append(op.call(*operands))
    on_tensors = [there[-1 - k % len(there)] for k in program.results]
    assert [float(one) for one in on_tensors] == pytest.approx([float(one) for one in results], rel=1e-9, abs=1e-12)
    total = sum((weight * one for weight, one in zip(program.weights, on_tensors, strict=True)), gg.tensor(0.0) * 0.0)
    if total.requires_grad:
        total.backward()
        grads = [0.0 if one.grad is None else float(one.grad) for one in tensors]
        assert grads == pytest.approx(slopes, rel=1e-9, abs=1e-9)


# ---- who gets what


def test_a_compiled_pass_writes_what_a_pass_in_python_writes() -> None:
    """To leaves, results and constants, in its own and in other chunks; nothing to what isn't reached."""

    def gradients(compiled: bool) -> list[float | None]:
        x, c, unused = gg.scalar(1.5), gg.scalar(2.0, requires_grad=False), gg.scalar(3.0)
        far = x * x
        aside = far * unused
        y = far
        for _ in range(CAPACITY + 5):
            y = y + 0.25
        z = y * far * c
        for seed in (2.0, -0.5):
            if compiled:
                assert scalar_sweep.compiled_backward(z, seed)
            else:
                z.backward(seed)
        assert y.chunk is not far.chunk
        return [one.grad for one in (x, c, unused, far, aside, y, z)]

    expected = gradients(compiled=False)
    assert bits(gradients(compiled=True)) == bits(expected)
    assert expected[1] is expected[2] is expected[4] is None


def test_more_than_is_known_is_left_to_the_pass_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "compiled_pays", lambda root: True)
    double = gg.custom_op(lambda x: 2.0 * x, name="doubled", x=lambda g: 2.0 * g, scalar=lambda x: 2.0 * x)
    x = gg.scalar(3.0)
    y = double(x) * 5.0
    assert not scalar_sweep.compiled_backward(y, 1.0)
    assert (x.grad, y.grad) == (None, None)
    y.backward()
    assert x.grad == 10.0


def test_an_anomaly_is_named_whatever_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "compiled_pays", lambda root: True)
    x = gg.scalar(0.0)
    with gg.detect_anomaly():
        y = gg.sqrt(x) * 2.0
        with pytest.raises(gg.AnomalyError, match="backward of sqrt"):
            y.backward()
    assert x.grad is None
    y.backward()
    assert x.grad == math.inf


# ---- which way is taken


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has passed through nothing, and has loaded no kernel."""
    monkeypatch.setattr(scalar_sweep._Work, "passed", 0)
    monkeypatch.delitem(sys.modules, "graphgrad.kernels.scalar_tape", raising=False)


def chain(n: int) -> gg.Scalar:
    """A graph of `n` operations, in chunks of its own."""
    return in_chunks_of_its_own(lambda: functools.reduce(lambda y, _: y + 1.0, range(n), gg.scalar(1.0)))


@pytest.mark.usefixtures("fresh")
def test_small_passes_never_load_a_compiler() -> None:
    small = chain(scalar_sweep._SMALL)
    for _ in range(scalar_sweep._WORTH_LOADING // scalar_sweep._SMALL - 5):
        assert not scalar_sweep.compiled_pays(small)
    assert "graphgrad.kernels.scalar_tape" not in sys.modules


@pytest.mark.usefixtures("fresh")
def test_after_enough_work_large_passes_are_compiled() -> None:
    large, small = chain(10_000), chain(10)
    answers = [scalar_sweep.compiled_pays(large) for _ in range(scalar_sweep._WORTH_LOADING // 10_000 + 2)]
    assert answers == sorted(answers)
    assert (answers[0], answers[-1]) == (False, True)
    assert not scalar_sweep.compiled_pays(small)


@pytest.mark.usefixtures("fresh")
def test_one_large_graph_is_work_enough() -> None:
    assert scalar_sweep.compiled_pays(chain(scalar_sweep._WORTH_LOADING + CAPACITY))


def test_once_it_is_loaded_the_size_decides() -> None:
    assert "graphgrad.kernels.scalar_tape" in sys.modules
    assert scalar_sweep.compiled_pays(chain(10 * scalar_sweep._SMALL))
    assert not scalar_sweep.compiled_pays(chain(scalar_sweep._SMALL))


def in_chunks_of_its_own(do: Callable[[], gg.Scalar]) -> gg.Scalar:
    """What a thread of its own gives: what it records begins a chunk."""
    results: list[gg.Scalar] = []
    thread = threading.Thread(target=lambda: results.append(do()))
    thread.start()
    thread.join()
    return results[0]


def test_learning_never_loads_numba(run_python: Any) -> None:
    code = """
import sys
import graphgrad as gg
x, w = gg.scalar(2.0), gg.scalar(-3.0)
for _ in range(100):
    y = gg.tanh(w * x + 1.0)
    y.backward()
compiled = gg.compile_scalars(lambda x: x * x)
print("numba" in sys.modules, w.grad)
print(compiled(3.0), "numba" in sys.modules)
"""
    first, second = run_python("-c", code).stdout.splitlines()
    assert first.startswith("False ")
    assert second == "9.0 True"


# ---- size and depth


def test_nothing_is_recursive(way: Callable[[bool], None]) -> None:
    n = 1_000_000
    x, b = gg.scalar(1.0), gg.scalar(1.0)
    y = x
    for _step in range(n):
        y = y * b
    for passes, compiled in enumerate((True, False), 1):
        way(compiled)
        y.backward()
        assert (x.grad, b.grad) == (passes, passes * n)


# ---- threads


@pytest.mark.parametrize("ways", [[True], [False], [True, False]])
def test_passes_in_threads_add_to_common_leaves(ways: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the contributions gets lost between reading a sum and writing it."""
    way = itertools.cycle(ways)
    monkeypatch.setattr(module, "compiled_pays", lambda root: next(way))
    leaves = [gg.scalar(1.0) for _ in range(300)]
    rounds, threads = 30, 4
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work() -> None:
        for _ in range(rounds):
            total = leaves[0] * 1.0
            for leaf in leaves[1:]:
                total = total + leaf
            total.backward()

    try:
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(interval)
    assert {leaf.grad for leaf in leaves} == {float(rounds * threads)}


def test_threads_that_differentiate_one_graph_at_the_same_time() -> None:
    x = gg.scalar(1.0)
    y = x
    for _ in range(3000):
        y = y * 1.0 + x
    workers = [threading.Thread(target=lambda: scalar_sweep.compiled_backward(y, 1.0)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert x.grad == 8 * 3001.0
