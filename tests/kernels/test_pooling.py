"""The kernels of pooling: what their twins in NumPy give, and what PyTorch does, over many shapes and windows."""

from __future__ import annotations

import inspect
import itertools
import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.kernels import planes as shared
from graphgrad.kernels import pooling
from graphgrad.kernels.plain import pooling as plain
from graphgrad.ops.functional.pool_windows import adaptive, sliding

F = gg.nn.functional
BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])
CLOSE: dict[str, Any] = {"float32": {"rtol": 1e-5, "atol": 1e-6}, "float64": {"rtol": 1e-12, "atol": 1e-13}}

# The lengths of a plane: one element, odd ones, more than the kernels do at once, one axis to three.
LENGTHS: list[tuple[int, ...]] = [(1,), (7,), (67,), (1, 1), (5, 6), (9, 37), (32, 32), (3, 1, 19), (3, 4, 5)]


def windows() -> list[Any]:
    """All sizes of windows that fit, on all of these planes."""
    found = []
    for lengths in LENGTHS:
        for kernel, stride, dilation, half, ceil_mode in itertools.product(
            (1, 2, 3), (1, 2, 3), (1, 2), (0, 1), (0, 1)
        ):
            sizes = [min(kernel, n) for n in lengths]
            padding = [half * ((dilation * (k - 1) + 1) // 2) for k in sizes]
            kernels, strides, dilations = tuple(sizes), (stride,) * len(sizes), (dilation,) * len(sizes)
            try:
                window = sliding((1, *lengths), kernels, strides, tuple(padding), dilations, bool(ceil_mode))
            except ValueError:
                continue
            found.append(window)
        found += [adaptive((1, *lengths), tuple(min(count, n + 2) for n in lengths)) for count in (1, 2, 4)]
    return found


WINDOWS = windows()


def length(window: Any) -> int:
    return math.prod(slide.length for slide in window)


def values(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    """Few different numbers, so that many are equal, some nan; in another order in memory, or read-only."""
    x = rng.integers(-2, 3, shape).astype(dtype)
    x[rng.random(shape) < 0.05] = np.nan
    x[rng.random(shape) < 0.05] = -np.inf
    way = int(rng.integers(4))
    if way == 1:
        return np.asfortranarray(x)
    if way == 2:
        return np.repeat(x, 2, axis=-1)[..., ::2]
    if way == 3:
        x.flags.writeable = False
    return x


def test_there_are_many_windows() -> None:
    assert len(WINDOWS) > 250


@BOTH
@pytest.mark.parametrize("planes", [0, 1, 5])
def test_each_kernel_is_its_twin(planes: int, dtype: str) -> None:
    rng = np.random.default_rng(planes)
    for window in WINDOWS:
        x = values(rng, (planes, length(window)), dtype)
        maxima, indices = plain.max_pool_with_indices(x, window)
        ours = pooling.max_pool_with_indices(x, window)
        for one, other in zip((*ours, pooling.max_pool(x, window)), (maxima, indices, maxima), strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            np.testing.assert_array_equal(one, other)
        g = values(rng, maxima.shape, dtype)
        np.testing.assert_array_equal(pooling.max_pool_back(g, x, window), plain.max_pool_back(g, x, window))
        divisors = rng.integers(1, 9, maxima.shape[1]).astype(dtype)
        with np.errstate(invalid="ignore"):  # infinities of both signs
            expected = plain.mean_pool(x, window, divisors)
            np.testing.assert_allclose(pooling.mean_pool(x, window, divisors), expected, **CLOSE[dtype])
            back = pooling.mean_pool_back(g, window, divisors)
            np.testing.assert_array_equal(back, plain.mean_pool_back(g, window, divisors))
        for name, arguments in (
            ("back_at_places", (g, indices, length(window))),
            ("put_at_places", (g, indices, length(window))),
            ("at_places", (x, indices)),
        ):
            one, other = (getattr(room, name)(*arguments) for room in (pooling, plain))
            assert one.dtype == other.dtype == dtype
            np.testing.assert_array_equal(one, other, err_msg=name)


@BOTH
def test_planes_are_shared_out(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More planes than one thread takes, and a number that the threads don't divide evenly."""
    monkeypatch.setattr(shared, "ENOUGH", 1 << 15)
    rng = np.random.default_rng(0)
    window = sliding((1, 33, 35), (3, 3), (2, 2), (1, 1), (1, 1), False)
    x = rng.normal(size=(97, 33 * 35)).astype(dtype)
    assert x.size > shared.ENOUGH
    maxima, indices = plain.max_pool_with_indices(x, window)
    np.testing.assert_array_equal(pooling.max_pool(x, window), maxima)
    np.testing.assert_array_equal(pooling.max_pool_with_indices(x, window)[1], indices)
    np.testing.assert_array_equal(pooling.max_pool_back(maxima, x, window), plain.max_pool_back(maxima, x, window))
    whole = adaptive((1, 33, 35), (1, 1))
    np.testing.assert_array_equal(pooling.max_pool(x, whole)[:, 0], x.max(axis=1))
    np.testing.assert_array_equal(pooling.max_pool_with_indices(x, whole)[1][:, 0], x.argmax(axis=1))


def test_a_plane_too_large_for_its_numbers_is_left_to_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "_MOST", 12)
    called = []
    for name in ("max_pool_with_indices", "max_pool_back"):
        monkeypatch.setattr(plain, name, lambda *arguments, name=name: called.append(name))
    window = sliding((1, 3, 4), (2, 2), (1, 1), (0, 0), (1, 1), False)
    pooling.max_pool_with_indices(np.zeros((1, 12)), window)
    pooling.max_pool_back(np.zeros((1, 6)), np.zeros((1, 12)), window)
    assert called == ["max_pool_with_indices", "max_pool_back"]


# ---- against PyTorch -------------------------------------------------------------------------------------------------

CALLS: list[tuple[str, dict[str, Any]]] = [
    (f"{kind}{n}d", attrs)
    for n in (1, 2, 3)
    for kind, attrs in (
        ("max_pool", {"kernel_size": 2}),
        ("max_pool", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("max_pool", {"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 2}),
        ("max_pool", {"kernel_size": 2, "stride": 3, "ceil_mode": True}),
        ("max_pool", {"kernel_size": 2, "padding": 1, "ceil_mode": True, "return_indices": True}),
        ("avg_pool", {"kernel_size": 2}),
        ("avg_pool", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("avg_pool", {"kernel_size": 3, "stride": 1, "padding": 1, "count_include_pad": False}),
        ("avg_pool", {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True}),
        ("avg_pool", {"kernel_size": 3, "stride": 2, "ceil_mode": True, "count_include_pad": False}),
        ("adaptive_avg_pool", {"output_size": 1}),
        ("adaptive_avg_pool", {"output_size": 4}),
        ("adaptive_avg_pool", {"output_size": 11}),
        ("adaptive_max_pool", {"output_size": 3}),
        ("adaptive_max_pool", {"output_size": 5, "return_indices": True}),
        ("lp_pool", {"norm_type": 2.0, "kernel_size": 2}),
        ("lp_pool", {"norm_type": 3, "kernel_size": 3, "stride": 2, "ceil_mode": True}),
        ("lp_pool", {"norm_type": -math.inf, "kernel_size": 2}),
    )
]
SHAPES = {1: (3, 2, 17), 2: (2, 3, 9, 11), 3: (2, 2, 7, 6, 5)}


@BOTH
@pytest.mark.parametrize(("name", "attrs"), CALLS, ids=[f"{name} {attrs}" for name, attrs in CALLS])
def test_as_pytorch(name: str, attrs: dict[str, Any], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    shape = SHAPES[int(name[-2])]
    for case in (shape, shape[1:]):
        x = rng.normal(size=case).astype(dtype)
        if "lp" in name:
            x = np.abs(x) + 0.1
        ours, theirs = gg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        mine, other = getattr(F, name)(ours, **attrs), getattr(torch.nn.functional, name)(theirs, **attrs)
        if attrs.get("return_indices"):
            np.testing.assert_array_equal(mine[1].data, other[1].numpy())
            mine, other = mine[0], other[0]
        assert mine.dtype == dtype
        np.testing.assert_allclose(mine.data, other.detach().numpy(), **CLOSE[dtype])
        g = rng.normal(size=mine.shape).astype(dtype)
        mine.backward(g)
        other.backward(torch.tensor(g))
        assert ours.grad is not None
        np.testing.assert_allclose(ours.grad.data, theirs.grad.numpy(), **CLOSE[dtype])


@pytest.mark.parametrize("name", ["max_pool2d", "adaptive_max_pool2d"])
def test_ties_and_nans_as_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.choice([0.0, -0.0, 1.0, np.nan, -np.inf, np.inf], (2, 6, 7), p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.1])
        given: Any = {"kernel_size": 3, "stride": 2, "padding": 1} if name == "max_pool2d" else {"output_size": 3}
        ours = getattr(F, name)(x, **given, return_indices=True)
        theirs = getattr(torch.nn.functional, name)(torch.tensor(x), **given, return_indices=True)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one.data, other.numpy())


# ---- behaviour -------------------------------------------------------------------------------------------------------


def test_ties_go_to_the_first_and_nan_wins() -> None:
    x = gg.tensor([[[2.0, 2.0], [2.0, 2.0]]], requires_grad=True)
    F.max_pool2d(x, 2).backward(np.ones((1, 1, 1)))
    assert x.grad is not None
    assert x.grad.tolist() == [[[1.0, 0.0], [0.0, 0.0]]]
    x = gg.tensor([[np.nan, 5.0, 1.0, np.inf]], requires_grad=True)
    y = F.max_pool1d(x, 2)
    np.testing.assert_array_equal(y.data, [[np.nan, np.inf]])
    y.backward(np.ones((1, 2)))
    assert x.grad is not None
    assert x.grad.tolist() == [[1.0, 0.0, 0.0, 1.0]]


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_the_number_of_windows(ceil_mode: bool) -> None:
    torch = pytest.importorskip("torch")
    refused = 0
    for n, kernel, stride, padding in itertools.product(range(1, 9), (1, 2, 3), (1, 2, 3), (0, 1)):
        x = np.arange(1.0, n + 1.0)[None]
        sizes: Any = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
        try:
            expected = torch.nn.functional.max_pool1d(torch.tensor(x), **sizes).numpy()
        except RuntimeError:
            refused += 1
            with pytest.raises((gg.ShapeError, gg.ArgumentError), match=r"no window fits|at most half"):
                F.max_pool1d(x, **sizes)
        else:
            np.testing.assert_array_equal(F.max_pool1d(x, **sizes).data, expected)
    assert refused


def test_sizes_that_do_not_fit_are_told_with_their_formula() -> None:
    formula = (
        r"max_pool2d: axis -1 of input \(1, 8, 4\): no window fits: "
        r"floor\(\(length \+ 2 \* padding - dilation \* \(kernel_size - 1\) - 1\) / stride\) \+ 1 = "
        r"floor\(\(4 \+ 2 \* 0 - 2 \* \(3 - 1\) - 1\) / 3\) \+ 1 = 0"
    )
    with pytest.raises(gg.ShapeError, match=formula):
        F.max_pool2d(np.zeros((1, 8, 4)), 3, dilation=2)


@pytest.mark.parametrize("with_indices", [F.max_pool2d, F.adaptive_max_pool2d])
def test_return_indices_is_the_last_argument(with_indices: Any) -> None:
    x = np.arange(16.0).reshape(1, 4, 4)
    rest: tuple[Any, ...] = (2, 2, 0, 1, False) if with_indices is F.max_pool2d else (2,)
    for found in (with_indices(x, *rest, True), with_indices(x, 2, return_indices=True), with_indices(x, *rest, 1)):
        assert found[1].tolist() == [[[5, 7], [13, 15]]]
    assert with_indices(x, *rest, False).tolist() == found[0].tolist() == [[[5.0, 7.0], [13.0, 15.0]]]
    with pytest.raises(gg.DTypeError, match="return_indices is True or False, got 'no'"):
        with_indices(x, 2, return_indices="no")


def test_unpooling_undoes_pooling() -> None:
    rng = np.random.default_rng(0)
    for n, shape in SHAPES.items():
        pool, unpool = getattr(F, f"max_pool{n}d"), getattr(F, f"max_unpool{n}d")
        x = rng.normal(size=shape) + 5.0
        values, indices = pool(x, 2, return_indices=True)
        back = unpool(values, indices, 2, output_size=shape)
        assert back.shape == shape
        assert np.count_nonzero(back.data) == values.size
        np.testing.assert_array_equal(back.data[back.data != 0.0], x[back.data != 0.0])
        np.testing.assert_array_equal(pool(back, 2).data, values.data)


def test_float16_is_pooled_in_float32() -> None:
    x = gg.tensor([[1.0, 2.0, 3.0, 5.0]], dtype="float16", requires_grad=True)
    for pool, expected, share in (
        (F.max_pool1d, [2.0, 5.0], [0, 1, 0, 1]),
        (F.avg_pool1d, [1.5, 4.0], [0.5, 0.5, 0.5, 0.5]),
    ):
        x.grad = None
        y = pool(x, 2)
        assert (y.dtype, y.tolist()) == (np.float16, [expected])
        y.backward(np.ones((1, 2), "float16"))
        assert x.grad is not None
        assert (x.grad.dtype, x.grad.tolist()) == (np.float16, [share])


def test_a_norm_passes_nothing_where_it_is_zero() -> None:
    x = gg.tensor([[0.0, 0.0, 3.0, 4.0]], requires_grad=True)
    F.lp_pool1d(x, 2, 2).backward(np.ones((1, 2)))
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, [[0.0, 0.0, 0.6, 0.8]], rtol=1e-6)


def test_global_pooling_of_many_values_is_exact() -> None:
    x = np.full((1, 1, 512, 512), 0.1, "float32")
    assert F.adaptive_avg_pool2d(x, 1).item() == pytest.approx(0.1, rel=1e-6)
    assert F.avg_pool2d(x, 512).item() == pytest.approx(0.1, rel=1e-6)


def test_without_compiling_the_twins_are_taken(run_python: Any, environment: dict[str, str]) -> None:
    code = """
import numpy as np
import graphgrad as gg
from graphgrad.kernels.choice import kernels_of
from graphgrad.kernels.plain import pooling
assert kernels_of("pooling") is pooling
x = gg.tensor(np.arange(16.0).reshape(1, 4, 4), requires_grad=True)
y = gg.nn.functional.max_pool2d(x, 2) + gg.nn.functional.avg_pool2d(x, 2)
gg.sum(y).backward()
assert y.tolist() == [[[7.5, 11.5], [23.5, 27.5]]]
assert x.grad.tolist()[0][1] == [0.25, 1.25, 0.25, 1.25]
"""
    environment["NUMBA_DISABLE_JIT"] = "1"
    run_python("-c", code)


def test_nothing_is_compiled_before_it_is_needed(run_python: Any) -> None:
    run_python("-c", "import graphgrad as gg, sys\ngg.nn.functional.max_pool2d\nassert 'numba' not in sys.modules")


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "adaptive_max_pool2d", "adaptive_avg_pool2d"])
def test_a_gradient_is_an_array_of_its_own(name: str) -> None:
    """Else it would be copied before it is kept, and take twice the memory."""
    x = np.zeros((2, 3, 4, 4), "float32")
    kept = {
        "input": x,
        "input_shape": x.shape,
        "attrs": getattr(F, name)(gg.tensor(x, requires_grad=True), 2).node.attrs,
    }
    rule = getattr(F, name).op.rules["input"].function
    names = [one for one in inspect.signature(rule).parameters if one != "g"]
    assert rule(np.ones((2, 3, 2, 2), "float32"), *(kept[one] for one in names)).base is None
