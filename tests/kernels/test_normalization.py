"""The kernels of normalisation: what their twins in NumPy give, what PyTorch does, and how exact they are."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.kernels import normalization as kernels
from graphgrad.kernels import threads
from graphgrad.kernels.jit import compiles
from graphgrad.kernels.plain import normalization as plain
from graphgrad.kernels.plain.normalization import Rows
from graphgrad.ops.functional import norm_parts

F = gg.nn.functional
Array = np.ndarray[Any, Any]

BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])
CLOSE = {"float32": 2e-6, "float64": 1e-13}


def check_close(found: Array | None, expected: Array | None, tolerance: float) -> None:
    """Relative to the largest expected value: a gradient is a difference of large numbers that may well be 0."""
    if expected is None or found is None:
        assert found is expected is None
        return
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    largest = max(1.0, float(np.nanmax(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * largest)


def values(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    """Around 3; in another order in memory, or read-only."""
    x: Array = rng.normal(3.0, 2.0, shape).astype(dtype)
    way = int(rng.integers(4))
    if way == 1:
        return np.asfortranarray(x)
    if way == 2:
        return np.repeat(x, 2, axis=-1)[..., ::2]
    x.flags.writeable = way != 3
    return x


def received(leaf: gg.Tensor) -> Array:
    """The gradient of a leaf, which forgets it."""
    assert leaf.grad is not None
    grad = leaf.grad.data
    leaf.grad = None
    return grad


# ---- against the twin ------------------------------------------------------------------------------------------------

# The length of a row, and how rows lie: of one value, odd ones, more than a chunk, more rows than float32 adds up, rows
# that have a part of the weight each, few and many places for each of its numbers.
ROWS: list[tuple[int, Rows]] = [
    (1, Rows(1)),
    (1, Rows(3)),
    (5, Rows(3)),
    (4099, Rows(8)),
    (70, Rows(700)),
    (10, Rows(6, 2, 5)),
    (80, Rows(6, 3, 40)),
    (640, Rows(64, 2, 64)),
    (33, Rows(40, 4, 33)),
    (7, Rows(12, 4)),
    (9, Rows(5, centred=False)),
    (70, Rows(700, centred=False)),
]
# Examples, channels, places: of one value, odd ones, more than float32 adds up, more than a block or a chunk has.
CHANNELS = [(2, 1), (5, 3, 1), (3, 4, 5), (200, 70), (70, 300, 3), (4, 5, 2, 16), (3, 3, 4099), (2, 9, 4, 2, 5)]


def check_both(name: str, given: tuple[Any, ...], g: Array, more: tuple[Any, ...], terms: int) -> None:
    """Both passes of a kernel and of its twin; sums have so many terms."""
    x, weight = given[:2]
    close = CLOSE[str(x.dtype)]
    (found, *statistics), (expected, *known) = (getattr(room, name)(*given) for room in (kernels, plain))
    check_close(found, expected, close)
    for one, other in zip(statistics, known, strict=True):
        assert (one.dtype, one.shape) == (np.float64, other.shape)
        np.testing.assert_allclose(one, other, rtol=10 * close, atol=10 * close)
    for wants in ((True, True, True), (True, False, False), (False, False, True)):
        back = [getattr(room, f"{name}_back")(g, x, weight, *known, *more, wants) for room in (kernels, plain)]
        for one, other in zip(*back, strict=True):
            check_close(one, other, close * terms**0.5)


@BOTH
@pytest.mark.parametrize(("length", "layout"), ROWS, ids=str)
def test_rows_are_those_of_the_twin(length: int, layout: Rows, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for has_weight, has_bias in itertools.product((True, False), repeat=2):
        x, g = (values(rng, (layout.groups, length), dtype) for _ in range(2))
        numbers = layout.period * (length // layout.places)
        weight = values(rng, (numbers,), dtype) if has_weight else None
        bias = values(rng, (numbers,), dtype) if has_bias else None
        check_both("rows", (x, weight, bias, layout, 0.1), g, (layout, 0.1), layout.groups)


@BOTH
@pytest.mark.parametrize("shape", CHANNELS, ids=str)
def test_channels_are_those_of_the_twin(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(0)
    for has_weight, has_bias, fixed in itertools.product((True, False), repeat=3):
        x, g = (values(rng, shape, dtype) for _ in range(2))
        weight = values(rng, shape[1:2], dtype) if has_weight else None
        bias = values(rng, shape[1:2], dtype) if has_bias else None
        given = (rng.normal(size=shape[1]), rng.uniform(0.5, 2.0, shape[1])) if fixed else (None, None)
        check_both("channels", (x, weight, bias, *given, 0.1), g, (0.1, fixed), x.size // shape[1])


# ---- against PyTorch -------------------------------------------------------------------------------------------------

CASES: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ("layer_norm", (5, 3, 37), (37,), {"normalized_shape": (37,)}),
    ("layer_norm", (9, 6, 7), (6, 7), {"normalized_shape": (6, 7), "eps": 0.1}),
    ("rms_norm", (5, 3, 37), (37,), {"normalized_shape": (37,)}),
    ("group_norm", (3, 6, 5, 7), (6,), {"num_groups": 2}),
    ("group_norm", (3, 6, 8, 9), (6,), {"num_groups": 6}),
    ("group_norm", (30, 18), (18,), {"num_groups": 3}),
    ("instance_norm", (3, 4, 33), (4,), {}),
    ("batch_norm", (3, 4, 5, 7), (4,), {"training": True}),
    ("batch_norm", (33, 20), (20,), {"training": True}),
    ("batch_norm", (3, 4, 5, 7), (4,), {"training": False}),
]


def pytorch(name: str, x: Any, learned: Sequence[Any], running: Any, attrs: dict[str, Any]) -> Any:
    """The same in PyTorch."""
    import torch

    function = getattr(torch.nn.functional, name)
    return function(x, **running, **dict(zip(("weight", "bias"), learned, strict=False)), **attrs)


@BOTH
@pytest.mark.parametrize(("name", "shape", "learned", "attrs"), CASES, ids=lambda one: str(one))
def test_as_pytorch(
    name: str, shape: tuple[int, ...], learned: tuple[int, ...], attrs: dict[str, Any], dtype: str
) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, g = (rng.normal(1.0, 2.0, shape).astype(dtype) for _ in range(2))
    w, b = rng.uniform(0.5, 1.5, learned).astype(dtype), rng.normal(size=learned).astype(dtype)
    assert x.size > norm_parts.SMALL
    for with_learned in (True, False):
        given = [x, w, b] if with_learned and name != "rms_norm" else [x, w] if with_learned else [x]
        ours = [gg.tensor(one, requires_grad=True) for one in given]
        theirs = [torch.tensor(one, requires_grad=True) for one in given]
        running = {}
        if name in ("batch_norm", "instance_norm"):
            running = {"running_mean": rng.normal(size=shape[1]).astype(dtype)}
            running["running_var"] = rng.uniform(0.5, 2.0, shape[1]).astype(dtype)
        moved = {key: torch.tensor(one) for key, one in running.items()}
        arguments = dict(zip(("input", "weight", "bias"), ours, strict=False))
        mine = getattr(F, name)(**arguments, **running, **attrs)
        other = pytorch(name, theirs[0], theirs[1:], moved, attrs)
        assert mine.dtype == dtype
        check_close(mine.data, other.detach().numpy(), CLOSE[dtype])
        mine.backward(g)
        other.backward(torch.tensor(g))
        for leaf, its in zip(ours, theirs, strict=True):
            assert leaf.grad is not None
            check_close(leaf.grad.data, its.grad.numpy(), 10 * CLOSE[dtype])
        for key, one in running.items():
            check_close(one, moved[key].numpy(), CLOSE[dtype])


FAR: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("layer_norm", (64, 256), {"normalized_shape": (256,)}),
    ("group_norm", (8, 16, 64), {"num_groups": 4}),
    ("batch_norm", (64, 8, 64), {"training": True}),
    ("batch_norm", (256, 64), {"training": True}),
]


@pytest.mark.parametrize(("name", "shape", "attrs"), FAR, ids=str)
def test_numbers_far_from_zero_are_no_less_exact_than_in_pytorch(
    name: str, shape: tuple[int, ...], attrs: dict[str, Any]
) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = rng.normal(1e4, 1.0, shape).astype("float32")
    g = rng.normal(size=shape).astype("float32")
    running: dict[str, Any] = {"running_mean": None, "running_var": None} if name == "batch_norm" else {}
    exact, single = torch.tensor(x.astype("float64"), requires_grad=True), torch.tensor(x, requires_grad=True)
    for leaf in (exact, single):
        pytorch(name, leaf, (), running, attrs).backward(torch.tensor(g).to(leaf.dtype))
    with torch.no_grad():
        truth, theirs = (pytorch(name, leaf, (), running, attrs).numpy() for leaf in (exact, single))
    leaf = gg.tensor(x, requires_grad=True)
    ours = getattr(F, name)(leaf, **attrs)
    ours.backward(g)
    assert leaf.grad is not None
    for found, other, expected in ((ours, theirs, truth), (leaf.grad, single.grad.numpy(), exact.grad.numpy())):
        off = np.abs(found.data - expected).max()
        assert off <= np.abs(other - expected).max()
        assert off < 2e-6


NORMS: list[tuple[str, dict[str, Any]]] = [
    ("layer_norm", {"normalized_shape": (400,)}),
    ("rms_norm", {"normalized_shape": (400,), "eps": 1e-5}),
    ("group_norm", {"num_groups": 4}),
    ("batch_norm", {"training": True}),
]


@pytest.mark.parametrize("size", [1e19, 1e30, 1e36])
@pytest.mark.parametrize("length", [8, 400])  # by the twin, and by the kernels
@pytest.mark.parametrize(("name", "attrs"), NORMS, ids=[name for name, _ in NORMS])
@pytest.mark.filterwarnings("error")
def test_numbers_whose_squares_no_float32_holds(name: str, attrs: dict[str, Any], length: int, size: float) -> None:
    """The answers are those of float64: the variance is held by one, whatever the values are."""
    rng = np.random.default_rng(0)
    shape = (4, length)
    attrs = {key: (length,) if key == "normalized_shape" else value for key, value in attrs.items()}
    x, g = (rng.normal(size=shape) * size).astype("float32"), rng.normal(size=shape).astype("float32")
    found = []
    for dtype in ("float32", "float64"):
        leaf = gg.tensor(x, dtype=dtype, requires_grad=True)
        y = getattr(F, name)(leaf, **attrs)
        y.backward(g.astype(dtype))
        found.append((y.data, received(leaf) * size))
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "shape", "attrs"), FAR, ids=str)
def test_a_beginning_unlike_the_rest_costs_no_digits(name: str, shape: tuple[int, ...], attrs: dict[str, Any]) -> None:
    """What values are first measured from is the mean of some of them only."""
    x = np.random.default_rng(0).normal(0.0, 1.0, shape)
    x[:9, ..., :33] += 1e3
    x = x.astype("float32")
    if name != "batch_norm" or len(shape) > 2:
        x = np.concatenate([x, np.zeros((*shape[:-1], 30 * shape[-1]), "float32")], axis=-1)
    else:
        x = np.concatenate([x, np.zeros((30 * shape[0], shape[1]), "float32")])
    if name == "layer_norm":
        attrs = {"normalized_shape": x.shape[-1:]}
    ours, exact = (getattr(F, name)(x.astype(dtype), **attrs).data for dtype in ("float32", "float64"))
    np.testing.assert_allclose(ours, exact, rtol=0, atol=1e-5)  # of numbers up to 15


# ---- behaviour -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not compiles(), reason="numba doesn't compile")
def test_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    found = []
    shapes: list[tuple[Any, tuple[int, ...]]] = [
        (Rows(301), (301, 150)),
        (Rows(96, 3, 100), (96, 500)),
        (None, (33, 7, 200)),
        (None, (700, 61)),
    ]
    monkeypatch.setattr(kernels, "_ENOUGH", 1000)
    drawn = [[rng.normal(size=shape).astype("float32") for _ in range(2)] for _, shape in shapes]
    for count in (1, 2, 3, 5):
        monkeypatch.setattr(threads, "processors", lambda count=count: count)
        arrays: list[Array] = []
        for (layout, _), (x, g) in zip(shapes, drawn, strict=True):
            assert x.size > kernels._ENOUGH
            if layout is None:
                out, mean, variance = kernels.channels(x, None, None, None, None, 1e-5)
                back = kernels.channels_back(g, x, None, mean, variance, 1e-5, False, (True, True, True))
            else:
                out, mean, variance = kernels.rows(x, None, None, layout, 1e-5)
                back = kernels.rows_back(g, x, None, mean, variance, layout, 1e-5, (True, True, True))
            arrays += [out, mean, variance, *(one for one in back if one is not None)]
        found.append(arrays)
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize("room", [kernels, plain], ids=["compiled", "plain"])
def test_nan_stays_in_its_group(room: Any) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3, 40))
    x[1, 2, 7] = np.nan
    out = room.rows(x, None, None, Rows(12, 3, 40), 1e-5)[0]
    assert np.isnan(out).all(axis=2).tolist() == (np.isnan(out).any(axis=2)).tolist()
    assert np.argwhere(np.isnan(out).any(axis=2)).tolist() == [[1, 2]]
    for places in (slice(None), slice(7, 8)):  # many places, and one
        part = x[..., places]
        out, mean, variance = room.channels(part, None, None, None, None, 1e-5)
        assert np.isnan(out).any(axis=(0, 2)).tolist() == [False, False, True]
        assert np.isnan(out[:, 2]).all()
        back = room.channels_back(part * 0.0 + 1.0, part, None, mean, variance, 1e-5, False, (True, True, True))
        assert np.isnan(back.input[:, 2]).all()
        assert np.isfinite(back.input[:, :2]).all()


@pytest.mark.parametrize("room", [kernels, plain], ids=["compiled", "plain"])
def test_groups_without_variance(room: Any) -> None:
    """Of one value, or all alike: nothing is left and nothing passes back; without eps 0 / 0 is nan, as in PyTorch."""
    for x, layout in ((np.full((5, 1), 1e4), Rows(5)), (np.full((4, 50), 0.1, "float32"), Rows(4))):
        out, mean, variance = room.rows(x, None, None, layout, 1e-5)
        assert not out.any()
        np.testing.assert_allclose(mean, x[:, 0], rtol=1e-12)
        np.testing.assert_allclose(variance, 0.0, atol=1e-20)
        g = np.full(x.shape, 0.3, x.dtype)
        np.testing.assert_allclose(
            room.rows_back(g, x, None, mean, variance, layout, 1e-5, (True, False, False)).input, 0.0, atol=1e-5
        )
        with np.errstate(all="ignore"):
            assert np.isnan(room.rows(np.ones_like(x), None, None, layout, 0.0)[0]).all()


@pytest.fixture
def without_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels also for few values."""
    monkeypatch.setattr(norm_parts, "SMALL", 0)


OPTIONS: list[tuple[Callable[..., Any], tuple[int, ...], tuple[int, ...]]] = [
    (lambda x, w, b: F.layer_norm(x, 3, w, b), (2, 3), (3,)),
    (lambda x, w, b: F.layer_norm(x, (2, 2), w, b, eps=0.1), (2, 2, 2), (2, 2)),
    (lambda x, w, b: F.layer_norm(x, 4) * w + b, (2, 4), (4,)),
    (lambda x, w, b: F.rms_norm(x, 3, w, eps=0.1) + b, (2, 3), (3,)),
    (lambda x, w, b: F.group_norm(x, 2, w, b), (2, 4), (4,)),
    (lambda x, w, b: F.group_norm(x, 1, w, b, eps=0.1), (1, 2, 2), (2,)),
    (lambda x, w, b: F.group_norm(x, 2, w, b, eps=0.1), (1, 2, 33), (2,)),
    (lambda x, w, b: F.instance_norm(x, None, None, w, b), (2, 1, 3), (1,)),
    (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (4, 2), (2,)),
    (lambda x, w, b: F.batch_norm(x, None, None, w, b, True, eps=0.1), (1, 2, 33), (2,)),
    (lambda x, w, b: F.batch_norm(x, w, b * b + 0.5, b, w), (3, 2), (2,)),
]


@pytest.mark.usefixtures("without_threshold")
@pytest.mark.parametrize(("function", "shape", "learned"), OPTIONS, ids=range(len(OPTIONS)))
def test_gradients_of_the_kernels(
    function: Callable[..., Any], shape: tuple[int, ...], learned: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    leaves = [gg.tensor(rng.normal(size=one), requires_grad=True) for one in (shape, learned, learned)]
    assert gg.gradcheck(function, leaves)
    # A recorded pass gives the same bits, and can itself be differentiated.
    g = rng.normal(size=shape)
    function(*leaves).backward(g)
    plainly = [received(one) for one in leaves]
    function(*leaves).backward(g, create_graph=True)
    for one, before in zip(leaves, plainly, strict=True):
        np.testing.assert_array_equal(received(one), before)
    if np.prod(shape) < 20:
        assert gg.gradcheck(
            lambda *given: gg.grad(lambda *inner: gg.sum(gg.sin(function(*inner))), argnums=0)(*given), leaves
        )


@pytest.mark.usefixtures("without_threshold")
def test_nothing_goes_through() -> None:
    for function, shape, learned in (
        (lambda x, w, b: F.layer_norm(x, 3, w, b), (0, 3), 3),
        (lambda x, w, b: F.layer_norm(x, 0, w, b), (2, 0), 0),
        (lambda x, w, b: F.group_norm(x, 2, w, b), (0, 4, 2), 4),
        (lambda x, w, b: F.group_norm(x, 2, w, b), (2, 4, 0), 4),
        (lambda x, w, b: F.instance_norm(x, None, None, w, b), (0, 2, 3), 2),
        (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (0, 2, 3), 2),
        (lambda x, w, b: F.batch_norm(x, np.zeros(2), np.ones(2), w, b), (2, 2, 0), 2),
    ):
        x, w, b = (gg.tensor(np.ones(one), requires_grad=True) for one in (shape, learned, learned))
        y = function(x, w, b)
        y.backward(np.ones(shape))
        assert y.shape == x.grad.shape == shape  # type: ignore[union-attr]
        assert w.grad.tolist() == b.grad.tolist() == [0.0] * learned  # type: ignore[union-attr]


def test_statistics_are_found_once_and_go_with_their_input(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(name: str) -> Callable[..., Any]:
        real = getattr(plain, name)

        def run(*arguments: Any) -> Any:
            calls.append(name)
            return real(*arguments)

        return run

    for name in ("rows", "channels"):
        monkeypatch.setattr(plain, name, counted(name))
    gc.collect()
    before = len(norm_parts._RESERVE)
    x = gg.tensor(np.random.default_rng(0).normal(size=(4, 6)), requires_grad=True)
    y = F.layer_norm(x, 6)
    assert len(norm_parts._RESERVE) == before + 1
    y.backward(np.ones((4, 6)), retain_graph=True)
    y.backward(np.ones((4, 6)))
    F.batch_norm(x, np.zeros(6), np.ones(6), training=True).backward(np.ones((4, 6)))
    assert calls == ["rows", "channels"]
    # Those of another kind in their place are not mistaken for them.
    first, second = F.layer_norm(x, 6), F.group_norm(x, 2)
    x.grad = None
    first.backward(np.arange(24.0).reshape(4, 6))
    found = received(x)
    F.layer_norm(x, 6).backward(np.arange(24.0).reshape(4, 6))
    np.testing.assert_array_equal(received(x), found)
    del x, y, first, second, found
    gc.collect()
    assert len(norm_parts._RESERVE) == before


def test_the_result_may_be_written_to() -> None:
    """Nothing of it is needed for the way back: an activation may take its place."""
    x = gg.tensor(np.random.default_rng(0).normal(size=(4, 6)), requires_grad=True)
    y = F.layer_norm(x, 6)
    y *= 2.0
    y.backward(np.ones((4, 6)))
    assert y.node is not None
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, 0.0, atol=1e-12)


def test_a_gradient_is_an_array_of_its_own() -> None:
    """Else it would be copied before it is kept, and take twice the memory."""
    x = np.random.default_rng(0).normal(size=(8, 4, 5, 5)).astype("float32")
    for function, attrs in (
        (F.batch_norm, {"training": True}),
        (F.group_norm, {"num_groups": 2}),
        (F.layer_norm, {"normalized_shape": (5, 5)}),
    ):
        leaf = gg.tensor(x, requires_grad=True)
        node = function(leaf, **attrs).node
        rule = node.op.joint
        values = rule.arguments(node.saved, [leaf.shape], node.attrs, 1)
        received = rule.function(np.ones_like(x), *values)
        assert next(one for one in received if one is not None).base is None


def test_float16_is_normalised_in_float32() -> None:
    x = gg.tensor(np.random.default_rng(0).normal(300.0, 100.0, (3, 200)), dtype="float16", requires_grad=True)
    y = F.layer_norm(x, 200)
    assert y.dtype == np.float16
    wide = x.data.astype("float64")
    expected = (wide - wide.mean(1, keepdims=True)) / wide.std(1, keepdims=True)
    np.testing.assert_allclose(y.data, expected, atol=2e-3)
    y.backward(np.ones((3, 200), "float16"))
    assert x.grad is not None
    assert x.grad.dtype == np.float16


def test_integers_are_refused() -> None:
    with pytest.raises(gg.DTypeError, match="for floats, got input of int64"):
        F.layer_norm(np.ones((2, 3), int), 3)


def test_without_compiling_the_twins_are_taken(run_python: Any, environment: dict[str, str]) -> None:
    code = """
import numpy as np
import graphgrad as gg
x = gg.tensor(np.tile([[1.0], [3.0]], (1, 500)), requires_grad=True)
gg.nn.functional.batch_norm(x, training=True, eps=0.0).backward(np.tile([[0.0], [1.0]], (1, 500)))
assert gg.nn.functional.layer_norm(x, 500).shape == x.shape
assert not np.any(x.grad.data), x.grad
"""
    environment["NUMBA_DISABLE_JIT"] = "1"
    run_python("-c", code)


def test_a_few_numbers_compile_nothing(run_python: Any) -> None:
    code = "import graphgrad as gg, sys\nlayer = gg.nn.LayerNorm(8)\nlayer(gg.ones((4, 8))).backward(gg.ones((4, 8)))\n"
    run_python("-c", code + "assert 'numba' not in sys.modules")
