"""`compile_scalars`: batches, who is around when a function is recorded, threads, and large tapes."""

from __future__ import annotations

import gc
import math
import random
import struct
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff import recordings
from graphgrad.graph.tape import Chunk
from graphgrad.nn.scalar import MLP


def bits(values: Sequence[float]) -> list[bytes]:
    """Equal for the same numbers: any nan is nan, and the two zeros are two."""
    return [b"nan" if math.isnan(one) else struct.pack("d", one) for one in values]


def in_python(function: Callable[..., Any], *numbers: float) -> tuple[float, list[float]]:
    """Value and gradient of a function of numbers, by a pass over the graph."""
    leaves = [gg.scalar(number) for number in numbers]
    result = function(*leaves)
    result.backward()
    return result.data, [leaf.grad or 0.0 for leaf in leaves]


# ---- batches


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 15, 16, 17, 100, 511, 512, 513, 1025, 3001])
def test_batches_of_any_size_have_the_bits_of_single_calls(count: int) -> None:
    def f(x: Any, y: Any, w: Any) -> Any:
        h = gg.relu(w[0] * x + w[1] * y) if x < 0.5 else gg.sin(w[0] * y)
        return gg.tanh(h) * w[1] + gg.exp(-x * x)

    generator = np.random.default_rng(count)
    xs, ys = generator.normal(size=count), generator.normal(size=count)
    w = [0.75, -1.25]
    compiled = gg.compile_scalars(f)
    values, (of_x, of_y, of_w) = compiled.batch_value_and_grad(xs, ys, w, in_axes=(0, 0, None))
    assert bits(compiled.batch(xs, ys, w, in_axes=(0, 0, None))) == bits(values)
    alone = gg.compile_scalars(f)
    singles = [alone.value_and_grad(x, y, w) for x, y in zip(xs, ys, strict=True)]
    assert bits(values) == bits([value for value, _ in singles])
    assert bits(of_x) == bits([gradient[0] for _, gradient in singles])
    assert bits(of_y) == bits([gradient[1] for _, gradient in singles])
    sums = np.sum([gradient[2] for _, gradient in singles], axis=0)
    assert of_w == pytest.approx(sums.tolist(), rel=1e-12)
    assert compiled.recordings == alone.recordings <= 2


def test_blocks_go_to_all_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "processors", lambda: 3)
    monkeypatch.setattr(recordings, "shares", lambda count: [range(k, count, 3) for k in range(min(count, 3))])
    xs = np.linspace(-2.0, 2.0, 100)
    compiled = gg.compile_scalars(lambda x, w: gg.tanh(x * w))
    values, (_, of_w) = compiled.batch_value_and_grad(xs, 0.5, in_axes=(0, None))
    assert bits(values) == bits([compiled(x, 0.5) for x in xs])
    assert of_w == pytest.approx(np.sum(xs * (1 - np.tanh(xs * 0.5) ** 2)), rel=1e-12)


def test_nests_of_arrays_and_what_is_the_same_for_all() -> None:
    compiled = gg.compile_scalars(lambda p, m, c: (p["a"][0] * m[0, 1] + p["b"] * c, m[1, 1]))
    p = {"a": (np.array([1.0, 2.0, 3.0]),), "b": np.array([10, 20, 30])}
    m = np.arange(12.0).reshape(3, 2, 2)
    (first, second), (of_p, of_m, of_c) = compiled.batch_value_and_grad(
        p, m, 0.5, in_axes=[0, 0, None], weights=[1.0, 2.0]
    )
    assert first.tolist() == [1 * 1 + 5.0, 2 * 5 + 10.0, 3 * 9 + 15.0]
    assert second.tolist() == [3.0, 7.0, 11.0]
    assert of_p["a"][0].tolist() == [1.0, 5.0, 9.0]
    assert of_p["b"].tolist() == [0.5] * 3
    assert of_m.shape == (3, 2, 2)
    assert of_m.tolist() == [[[0.0, k], [0.0, 2.0]] for k in (1.0, 2.0, 3.0)]
    assert of_c == 60.0


def test_an_empty_batch() -> None:
    compiled = gg.compile_scalars(lambda x, m, w: (x * w + m[0, 1], x))
    empty = np.zeros(0), np.zeros((0, 2, 2)), 2.0
    axes = (0, 0, None)
    with pytest.raises(gg.ShapeError, match="an empty batch, and nothing is recorded yet"):
        compiled.batch(*empty, in_axes=axes)
    compiled(1.0, np.zeros((2, 2)), 2.0)
    first, second = compiled.batch(*empty, in_axes=axes)
    assert first.shape == second.shape == (0,)
    _, (of_x, of_m, of_w) = compiled.batch_value_and_grad(*empty, in_axes=axes, weights=[1.0, 1.0])
    assert (of_x.shape, of_m.shape, of_w) == ((0,), (0, 2, 2), 0.0)


def test_several_ways_in_one_batch() -> None:
    def f(x: Any, w: Any) -> Any:
        return x * w if x < -1 else w * w * x if x < 0 else x if x < 1 else gg.exp(x) * w

    xs = np.linspace(-3.0, 3.0, 101)
    compiled = gg.compile_scalars(f)
    values, (of_x, of_w) = compiled.batch_value_and_grad(xs, 0.7, in_axes=(0, None))
    assert compiled.recordings == 4
    singles = [in_python(f, x, 0.7) if not 0 <= x < 1 else (x, [1.0, 0.0]) for x in xs.tolist()]
    assert bits(values) == bits([value for value, _ in singles])
    assert bits(of_x) == bits([slopes[0] for _, slopes in singles])
    assert of_w == pytest.approx(sum(slopes[1] for _, slopes in singles), rel=1e-12)


def test_what_guards_shut_out_is_no_part_of_sums() -> None:
    compiled = gg.compile_scalars(lambda x, w: w / x if x != 0 else w)
    compiled(1.0, 2.0)
    values, (_, of_w) = compiled.batch_value_and_grad(np.array([0.0, 2.0, 0.0]), 6.0, in_axes=(0, None))
    assert values.tolist() == [6.0, 3.0, 6.0]
    assert of_w == 2.5


@pytest.mark.parametrize("in_axes", [1, -1, True, (0,), (0, 0, 0), (0, 1), "0", (0, "a")])
def test_in_axes_that_do_not_fit(in_axes: Any) -> None:
    compiled = gg.compile_scalars(lambda x, y: x * y)
    with pytest.raises(gg.ArgumentError, match=r"in_axes says for each argument(.|\n)*expected: 2 of these"):
        compiled.batch(np.ones(3), np.ones(3), in_axes=in_axes)


def test_arguments_of_a_batch_that_do_not_fit() -> None:
    compiled = gg.compile_scalars(lambda x, y: x * y)
    with pytest.raises(gg.ShapeError, match=r"need one length(.|\n)*2, 3"):
        compiled.batch(np.ones(3), np.ones(2))
    with pytest.raises(gg.ShapeError, match="no such argument"):
        compiled.batch(1.0, 2.0, in_axes=None)
    with pytest.raises(gg.ShapeError, match=r"argument 1: one number can't be taken apart"):
        compiled.batch(np.ones(3), np.array(2.0))
    with pytest.raises(gg.DTypeError, match=r"argument 1: what is taken apart needs to be an array, got float 2\.0"):
        compiled.batch(np.ones(3), 2.0)
    with pytest.raises(gg.DTypeError, match="an array of numbers is needed"):
        compiled.batch(np.ones(3), np.array(["a", "b", "c"]))
    with pytest.raises(gg.ShapeError, match="holds no numbers"):
        compiled.batch(np.ones(3), np.ones((3, 0)))


def test_another_number_of_results_for_some_inputs() -> None:
    compiled = gg.compile_scalars(lambda x: (x, x) if x > 0 else (x,))
    assert (compiled(1.0), compiled(-1.0)) == ((1.0, 1.0), (-1.0,))
    with pytest.raises(gg.ShapeError, match="another form for some of the inputs"):
        compiled.batch(np.array([1.0, -1.0]))


# ---- who is around


def test_recorders_scopes_hooks_and_no_grad_around_it_change_nothing() -> None:
    def f(x: Any) -> Any:
        with gg.scope("inner"):
            return gg.tanh(x) * x

    expected = gg.compile_scalars(f).value_and_grad(0.5)
    called: list[Any] = []
    compiled = gg.compile_scalars(f)
    with gg.record() as recording, gg.scope("outer"), gg.forward_hook(lambda *args: called.append(args)):
        for _ in range(2):
            assert compiled.value_and_grad(0.5) == expected
    with gg.no_grad():
        assert gg.compile_scalars(f).value_and_grad(0.5) == expected
    assert (recording.nodes, recording.failed, called) == ([], None, [])
    assert compiled.recordings == 1


def test_under_anomaly_detection_every_number_is_looked_at() -> None:
    def f(x: Any, y: Any) -> Any:
        return gg.sqrt(x) / y

    compiled, outside = gg.compile_scalars(f), gg.scalar(1.0)
    assert compiled(4.0, 2.0) == 1.0
    with gg.detect_anomaly():
        assert compiled.value_and_grad(4.0, 2.0) == (1.0, (0.125, -0.5))
        assert compiled(4.0, 2.0) == 1.0
        with pytest.raises(gg.AnomalyError, match=r"divide"):
            compiled(4.0, 0.0)
        with pytest.raises(gg.AnomalyError, match=r"backward of sqrt"):
            compiled.value_and_grad(0.0, 1.0)
        with pytest.raises(gg.AnomalyError, match=r"sqrt"):
            compiled.batch(np.array([1.0, -1.0]), 2.0, in_axes=(0, None))
        with pytest.raises(gg.GraphError, match="from around it"):
            gg.compile_scalars(lambda x: x * outside)(2.0)
        values, (of_x, of_y) = compiled.batch_value_and_grad(np.array([4.0, 16.0]), 2.0, in_axes=(0, None))
    assert (values.tolist(), of_x.tolist(), of_y) == ([1.0, 2.0], [0.125, 0.0625], -1.5)
    assert math.isnan(compiled(-1.0, 2.0))


def test_under_anomaly_detection_the_bits_are_the_same() -> None:
    def f(x: Any, y: Any) -> Any:
        z = gg.tanh(x * y) + x
        return z * z, gg.exp(z) / y, x

    compiled, weights = gg.compile_scalars(f), [1.0, -0.3, 2.0]
    expected, slopes = compiled.value_and_grad(0.3, -1.7, weights=weights)
    with gg.detect_anomaly():
        watched, watched_slopes = compiled.value_and_grad(0.3, -1.7, weights=weights)
        alone = compiled.batch(np.array([0.3]), np.array([-1.7]))
    assert bits(watched) == bits(expected) == bits([column[0] for column in alone])
    assert bits(watched_slopes) == bits(slopes)


def test_ieee_values() -> None:
    divide = gg.compile_scalars(lambda x, y: x / y)
    assert divide(1.0, 0.0) == math.inf
    assert divide(-1.0, 0.0) == -math.inf
    assert math.isnan(divide(0.0, 0.0))
    assert divide.value_and_grad(1.0, 0.0) == (math.inf, (math.inf, -math.inf))
    assert math.isnan(gg.compile_scalars(gg.log)(-1.0))
    assert gg.compile_scalars(gg.exp).value_and_grad(1000.0) == (math.inf, (math.inf,))
    assert gg.compile_scalars(lambda x: x**0.5).batch(np.array([4.0, -4.0]))[0] == 2.0


def test_one_compiled_function_inside_of_another_gives_numbers() -> None:
    """As it does outside: a float, which carries no gradient. Its value is looked at, so it follows the argument."""
    inner = gg.compile_scalars(lambda x: x * x)
    outer = gg.compile_scalars(lambda x: x * inner(x))
    for x in (2.0, 3.0):
        assert outer.value_and_grad(x) == (x**3, (x * x,))
    assert (inner.recordings, outer.recordings) == (1, 2)


def test_a_function_that_calls_its_own_compiled_form() -> None:
    def factorial(n: Any) -> Any:
        return n * compiled(float(n) - 1.0) if n > 1 else n * 0.0 + 1.0

    compiled = gg.compile_scalars(factorial)
    assert compiled(5.0) == 120.0


def test_micrograds_network_inside() -> None:
    random.seed(1)
    model = MLP(2, [4, 1])
    p = [parameter.data for parameter in model.parameters()]

    def loss(p: Any, x: Any) -> Any:
        for neuron in (neuron for layer in network.layers for neuron in layer.neurons):
            count = len(neuron.w)
            neuron.w, neuron.b, p = p[:count], p[count], p[count + 1 :]
        return network(x)

    network = MLP(2, [4, 1])
    compiled = gg.compile_scalars(loss)
    value, (of_p, _) = compiled.value_and_grad(p, [0.5, -1.0])
    out = model([0.5, -1.0])
    out.backward()
    assert bits([value]) == bits([out.data])
    assert bits(of_p) == bits([parameter.grad for parameter in model.parameters()])


def test_an_operation_of_ones_own_runs_in_python() -> None:
    halve = gg.custom_op(lambda x: x * 0.5, name="halved", x=lambda g: g * 0.5, scalar=lambda x: x * 0.5)
    compiled = gg.compile_scalars(lambda x: halve(x * x) if x > 0 else halve(x))
    assert compiled.value_and_grad(4.0) == (8.0, (4.0,))
    values, (gradient,) = compiled.batch_value_and_grad(np.array([1.0, 2.0, -3.0]))
    assert (values.tolist(), gradient.tolist()) == ([0.5, 2.0, -1.5], [1.0, 2.0, 0.5])


def test_an_operation_that_comes_out_otherwise_each_time_is_refused() -> None:
    draws = iter(range(100))
    odd = gg.custom_op(lambda x: x, name="drawn", x=lambda g: g, scalar=lambda x: x + float(next(draws)))
    with pytest.raises(gg.GraphError, match="came out otherwise when it was computed again"):
        gg.compile_scalars(lambda x: x * float(odd(x)))(1.0)
    with pytest.raises(gg.GraphError, match="came out otherwise when it was computed again"):
        gg.compile_scalars(lambda x: x * float(odd(x))).batch(np.ones(3))


# ---- threads


def test_threads_call_at_the_same_time() -> None:
    def f(x: Any, y: Any) -> Any:
        return gg.tanh(x * y) if x < y else gg.exp(x - y) * x

    compiled = gg.compile_scalars(f)
    xs = np.linspace(-1.0, 1.0, 40)
    expected = [gg.compile_scalars(f).value_and_grad(x, 0.1) for x in xs.tolist()]
    wrong: list[Any] = []
    barrier = threading.Barrier(6, timeout=60)

    def work(start: int) -> None:
        barrier.wait()
        for k in range(start, start + 200):
            if compiled.value_and_grad(xs[k % 40], 0.1) != expected[k % 40]:
                wrong.append(k)
            if k % 20 == 0 and compiled.batch(xs, 0.1, in_axes=(0, None)).tolist() != [value for value, _ in expected]:
                wrong.append("batch")

    workers = [threading.Thread(target=work, args=(7 * k,)) for k in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
    assert compiled.recordings >= 2


def test_what_another_thread_records_meanwhile_is_none_of_it() -> None:
    x = gg.scalar(3.0)
    results: list[Any] = []

    def f(a: Any) -> Any:
        b = a * a
        thread = threading.Thread(target=lambda: results.append(x * x if x > 0 else x))
        thread.start()
        thread.join()
        return b + a

    compiled = gg.compile_scalars(f)
    assert compiled.value_and_grad(2.0) == (6.0, (5.0,))
    results[0].backward()
    assert x.grad == 6.0


# ---- size, depth, memory


def test_a_million_operations_in_a_row() -> None:
    n = 1_000_000

    def f(x: Any, b: Any) -> Any:
        y = x
        for _ in range(n):
            y = y * b
        return y

    compiled = gg.compile_scalars(f)
    assert compiled.value_and_grad(2.0, 1.0) == (2.0, (1.0, 2.0 * n))
    assert compiled.value_and_grad(3.0, 1.0) == (3.0, (1.0, 3.0 * n))
    values, (of_x, _) = compiled.batch_value_and_grad(np.array([1.0, 5.0]), 1.0, in_axes=(0, None))
    assert (values.tolist(), of_x.tolist()) == ([1.0, 5.0], [1.0, 1.0])
    assert compiled.recordings == 1


@pytest.fixture
def no_cyclic_gc() -> Any:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_cyclic_gc")
def test_a_recording_keeps_no_graph_and_no_function_is_kept() -> None:
    kept: list[weakref.ref[Chunk]] = []

    def f(x: Any, y: Any) -> Any:
        z = x * y if x > 0 and float(y) else x
        kept.append(weakref.ref(z.chunk))
        kept.append(weakref.ref(x.chunk))
        return z

    compiled = gg.compile_scalars(f)
    compiled.value_and_grad(1.0, 2.0)
    with gg.detect_anomaly():
        compiled.value_and_grad(1.0, 2.0)

    def fail(x: Any) -> Any:
        f(x, x)
        raise ValueError("at its end")

    with pytest.raises(ValueError, match="at its end"):
        gg.compile_scalars(fail)(1.0)
    assert len(kept) == 6
    gone = weakref.ref(compiled)
    del compiled
    assert gone() is None
    assert [ref() for ref in kept[:4]] == [None] * 4


@pytest.mark.usefixtures("no_cyclic_gc")
def test_calls_leave_nothing_behind() -> None:
    compiled = gg.compile_scalars(lambda x: x * x if x > 0 else -x)
    compiled(1.0)
    compiled(-1.0)

    def alive() -> int:
        return sum(type(thing) is Chunk for thing in gc.get_objects())

    before = alive()
    for k in range(300):
        compiled.value_and_grad(float(k - 150))
        compiled.batch(np.arange(-3.0, 3.0))
    assert alive() == before


# ---- where nothing compiles, and where nothing can be kept

EVERYWHERE = """
import math
import numpy as np
import graphgrad as gg
from graphgrad.autodiff import scalar_sweep

def f(x, w):
    h = gg.relu(w[0] * x + w[1]) if x < 1 else gg.sin(x) * w[0]
    return gg.tanh(h) / w[1]

compiled = gg.compile_scalars(f)
print(compiled.value_and_grad(0.5, [1.0, 2.0]))
xs = np.array([0.5, 2.0, -3.0, math.nan])
values, (of_x, of_w) = compiled.batch_value_and_grad(xs, [1.0, 2.0], in_axes=(0, None))
print(values.tolist(), of_x.tolist(), of_w)
scalar_sweep._WORTH_LOADING = 100
x = gg.scalar(1.5)
y = x
for _ in range(500):
    y = y * 1.01 + gg.tanh(x)
y.backward()
y.backward()
print(y.data, x.grad)
"""


def test_without_a_compiler_and_without_a_cache_the_results_are_the_same(
    run_python: Any, environment: dict[str, str], tmp_path: Any
) -> None:
    expected = run_python("-c", EVERYWHERE).stdout
    assert len(expected.splitlines()) == 3
    environment["NUMBA_DISABLE_JIT"] = "1"
    assert run_python("-c", EVERYWHERE).stdout == expected
    del environment["NUMBA_DISABLE_JIT"]
    nowhere = tmp_path / "a file, and no directory"
    nowhere.write_text("")
    environment |= {"NUMBA_CACHE_DIR": str(nowhere / "cache"), "HOME": str(nowhere), "XDG_CACHE_HOME": str(nowhere)}
    done = run_python("-c", "import numba.core.caching as c\nc.CacheImpl._locator_classes = []\n" + EVERYWHERE)
    assert (done.stdout, done.stderr) == (expected, "")
