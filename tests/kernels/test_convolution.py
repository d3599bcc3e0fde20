"""The kernels of convolutions against their twins in NumPy, and both against PyTorch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

from graphgrad.kernels import convolution_plan, threads
from graphgrad.kernels.jit import compiles
from graphgrad.kernels.plain import convolution as plain

if compiles():
    from graphgrad.kernels import convolution
else:
    convolution = plain  # type: ignore[misc]

Shape = tuple[int, ...]
CLOSE: dict[str, Any] = {
    "float32": {"rtol": 2e-4, "atol": 2e-4},
    "float64": {"rtol": 1e-11, "atol": 1e-11},
}


class Case(NamedTuple):
    input: Shape
    weight: Shape
    stride: Shape
    padding: Shape
    dilation: Shape
    groups: int

    @property
    def size(self) -> Shape:
        return tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(
                self.input[2:], self.weight[2:], self.stride, self.padding, self.dilation, strict=True
            )
        )

    @property
    def places(self) -> tuple[Any, ...]:
        return self.stride, self.padding, self.dilation, self.groups


def small() -> Iterator[Case]:
    """Every combination of the options, with sizes that fit nothing."""
    rng = np.random.default_rng(0)
    channels = ((1, 2, 1), (4, 6, 2), (3, 3, 3), (3, 6, 3), (2, 16, 2))  # those with as many groups are depthwise
    for n, stride, padding, dilation in itertools.product((1, 2, 3), (1, 2, 3), (0, 1, 4), (1, 2)):
        for n_in, n_out, groups in channels:
            lengths = tuple(map(int, rng.integers(5, 9, n)))
            kernel = tuple(map(int, rng.integers(1, 4, n)))
            case = Case((2, n_in, *lengths), (n_out, n_in // groups, *kernel), (stride,) * n, (padding,) * n,
                        (dilation,) * n, groups)  # fmt: skip
            if min(case.size) > 0:
                yield case


# What is shared out over threads, taken in blocks, or several examples at once.
LARGE = (
    Case((3, 8, 33, 31), (16, 8, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    Case((1, 8, 40, 37), (16, 8, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    Case((1, 7, 40, 37), (24, 7, 3, 5), (2, 3), (1, 2), (1, 1), 1),
    Case((9, 32, 7, 5), (40, 32, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    Case((9, 32, 5, 5), (64, 32, 5, 5), (1, 1), (0, 0), (1, 1), 1),
    Case((9, 32, 9, 5), (64, 16, 3, 3), (2, 2), (1, 1), (1, 1), 2),
    Case((5, 64, 16, 17), (48, 64, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    Case((5, 64, 16, 17), (48, 32, 1, 1), (2, 1), (0, 0), (1, 1), 2),
    Case((3, 48, 40, 47), (48, 1, 3, 3), (1, 1), (1, 1), (1, 1), 48),
    Case((3, 48, 41, 47), (96, 1, 5, 3), (2, 2), (2, 1), (1, 2), 48),
    Case((2, 6, 5003), (8, 6, 5), (1,), (2,), (3,), 1),
    Case((2, 64, 5003), (64, 1, 5), (1,), (2,), (1,), 64),
    Case((3, 68, 13, 15), (64, 68, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    Case((1, 64, 71, 20), (65, 64, 3, 3), (1, 1), (0, 2), (1, 1), 1),
    Case((9, 16, 3, 5, 4), (20, 16, 3, 3, 2), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
    Case((9, 16, 6, 9, 8), (20, 8, 3, 2, 3), (2, 2, 3), (1, 1, 1), (1, 3, 1), 2),
    Case((2, 24, 60, 57), (32, 24, 5, 3), (3, 2), (2, 1), (1, 2), 1),
    Case((2, 24, 60, 57), (32, 24, 3, 3), (1, 1), (9, 9), (9, 9), 1),
    Case((2, 2, 9, 2500), (40, 2, 7, 90), (2, 3), (3, 1), (1, 2), 1),
    Case((2, 4, 9, 17, 13), (8, 4, 3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
    Case((3, 11, 19, 23), (11, 1, 7, 7), (1, 1), (3, 3), (1, 1), 11),  # taps: five times nine, three, one
    Case((3, 6, 17, 13), (12, 1, 5, 5), (2, 1), (2, 2), (1, 1), 6),
    Case((3, 6, 17, 13), (24, 1, 2, 7), (1, 2), (1, 3), (1, 1), 6),
    Case((2, 200, 20, 28), (4, 200, 7, 7), (1, 1), (3, 3), (1, 1), 1),  # many rows of columns, so few lines at a time
    Case((3, 16, 40, 37), (8, 16, 1, 1), (1, 1), (0, 0), (1, 1), 1),
)
SMALL = tuple(small())


@pytest.fixture(autouse=True)
def sharing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Share out the large ones of these, which in earnest one thread does."""
    for room in (convolution, convolution_plan) if compiles() else ():
        monkeypatch.setattr(room, "SMALL", 1 << 20)
    convolution_plan.planned.cache_clear()
    yield
    convolution_plan.planned.cache_clear()


def arrays(case: Case, dtype: str) -> tuple[Any, ...]:
    """Input, weight, bias and a gradient."""
    rng = np.random.default_rng(1)
    shapes = case.input, case.weight, case.weight[:1], (case.input[0], case.weight[0], *case.size)
    return tuple(rng.normal(size=shape).astype(dtype) for shape in shapes)


def results(kernels: ModuleType, case: Case, x: Any, w: Any, b: Any, g: Any) -> list[Any]:
    """Forward with and without bias, and both gradients."""
    return [
        kernels.forward(x, w, b, case.size, *case.places),
        kernels.forward(x, w, None, case.size, *case.places),
        kernels.input_gradient(g, w, None, case.input[2:], *case.places),
        kernels.weight_gradient(x, g, case.weight[2:], *case.places),
    ]


def equal(ours: list[Any], theirs: list[Any], dtype: str, case: Any) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, **CLOSE[dtype], err_msg=str(case))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cases", [SMALL, LARGE], ids=["small", "large"])
def test_kernel_and_twin_are_equal(cases: tuple[Case, ...], dtype: str) -> None:
    for case in cases:
        given = arrays(case, dtype)
        equal(results(convolution, case, *given), results(plain, case, *given), dtype, case)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cases", [SMALL[::3], LARGE], ids=["small", "large"])
def test_kernel_and_pytorch_are_equal(cases: tuple[Case, ...], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    for case in cases:
        x, w, b, g = given = arrays(case, dtype)
        function = getattr(torch.nn.functional, f"conv{len(case.size)}d")
        leaves = [torch.tensor(one, requires_grad=True) for one in (x, w)]
        plainly = function(*leaves, None, *case.places)
        plainly.backward(torch.tensor(g))
        with_bias = function(*leaves, torch.tensor(b), *case.places)
        theirs = [with_bias.detach(), plainly.detach(), *(leaf.grad for leaf in leaves)]
        equal(results(convolution, case, *given), [one.numpy() for one in theirs], dtype, case)


def test_a_transposed_convolution_has_a_bias_and_any_size() -> None:
    """Elements that no window reaches are zero, or the bias."""
    for case in (*SMALL[::7], *LARGE):
        _, w, _, g = arrays(case, "float64")
        bias = np.random.default_rng(2).normal(size=case.input[1])
        longer = tuple(n + 2 for n in case.input[2:])
        for size, more in itertools.product((case.input[2:], longer), (bias, None)):
            ours, theirs = (one.input_gradient(g, w, more, size, *case.places) for one in (convolution, plain))
            np.testing.assert_allclose(ours, theirs, **CLOSE["float64"], err_msg=str(case))


def layouts(array: Any) -> Iterator[Any]:
    """The same numbers, otherwise in memory, and read-only."""
    wide = np.empty((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)[..., ::2]
    wide[...] = array
    yield wide
    yield np.asfortranarray(array)
    yield array[::-1].copy()[::-1]
    fixed = array.copy()
    fixed.flags.writeable = False
    yield fixed


@pytest.mark.parametrize("case", LARGE[::3])
def test_layout_makes_no_difference(case: Case) -> None:
    given = arrays(case, "float32")
    expected = results(convolution, case, *given)
    for one in zip(*map(layouts, given), strict=True):
        equal(results(convolution, case, *one), expected, "float32", case)


def test_nothing_is_compiled_anew_for_arrays_that_must_not_be_written() -> None:
    """As under `detect_anomaly`."""
    if not compiles():
        pytest.skip("nothing is compiled at all")
    from graphgrad.kernels import convolution_columns, depthwise

    functions: list[Any] = [convolution_columns.forward, convolution_columns.weight_gradient, depthwise.forward]
    for case in (LARGE[0], LARGE[8]):
        given = arrays(case, "float32")
        results(convolution, case, *given)
        before = [len(function.signatures) for function in functions]
        for array in given:
            array.flags.writeable = False
        results(convolution, case, *given)
        assert [len(function.signatures) for function in functions] == before


@pytest.mark.parametrize("groups", [1, 4])
def test_nothing_gives_nothing(groups: int) -> None:
    case = Case((0, 4, 6, 5), (4, 4 // groups, 3, 3), (1, 1), (1, 1), (1, 1), groups)
    given = arrays(case, "float32")
    for ours, theirs in zip(results(convolution, case, *given), results(plain, case, *given), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.shape == theirs.shape


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("case", [*LARGE[:1], *LARGE[3:6], *LARGE[8:10], LARGE[12], *SMALL[::40]])
def test_a_number_that_is_none_reaches_what_depends_on_it(case: Case, value: float) -> None:
    """And nothing else, also where zeros are multiplied on the way."""
    for place in range(3):
        x, w, b, g = arrays(case, "float64")
        spoilt = (x, w, g)[place]
        spoilt.flat[spoilt.size * 2 // 3] = value
        with np.errstate(invalid="ignore"):
            ours, theirs = (results(one, case, x, w, b, g) for one in (convolution, plain))
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
            np.testing.assert_array_equal(np.isinf(one), np.isinf(other))


def test_the_number_of_processors_makes_no_difference_but_in_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [results(convolution, case, *arrays(case, "float64")) for case in LARGE]
    for count in (1, 3):
        monkeypatch.setattr(threads, "_wanted", count)
        for case, one in zip(LARGE, expected, strict=True):
            equal(results(convolution, case, *arrays(case, "float64")), one, "float64", case)


def guarded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Have each piece of work memory stand between guards, with nothing in it that could be used by mistake."""
    whole: list[Any] = []

    def memory(dtype: Any, *counts: int) -> tuple[Any, ...]:
        given = [np.full(count + 128, np.nan, dtype) for count in counts]
        for one in given:
            one[:64] = one[-64:] = 7.0
        given[0][64:-64] = 0.0  # the room, of zeros
        whole.extend(given)
        return (*(one[64:-64] for one in given), (np.empty(2, np.uint8), np.empty(6, np.int32), np.empty(2, dtype)))

    monkeypatch.setattr(convolution, "_memory", memory)
    return whole


@pytest.mark.skipif(not compiles(), reason="the twins have no work memory")
@pytest.mark.parametrize("count", [1, 5])
def test_work_memory_is_written_before_it_is_read_and_nothing_beside_it(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_wanted", count)
    for room in (convolution, convolution_plan):
        monkeypatch.setattr(room, "SMALL", 0)  # so that small work is shared out too
    whole = guarded(monkeypatch)
    for case in (*SMALL[::4], *LARGE):
        given = arrays(case, "float64")
        equal(results(convolution, case, *given), results(plain, case, *given), "float64", case)
        assert all((one[:64] == 7.0).all() and (one[-64:] == 7.0).all() for one in whole), case
        whole.clear()


def test_a_plan_that_is_kept_is_made_of_integers() -> None:
    """It is found again by all that equals what it was made for."""
    shapes = (2, 3, 1, 6, 6), (1, 3, 3), (2, 4, 1, 4, 4)
    one: Any
    for one in (True, np.int64(1)):
        places = (1, 4, 4), (one, one, one), (0, 0, 0), (one, one, one)
        plan = convolution_plan.Plan(*shapes, places, one, 8, 1)
        assert {type(n) for lengths in (plan.shape, *plan.windows) for n in lengths} == {int}
    for step, groups in ((1.0, 1), (1, 1.0)):
        places = (1, 4, 4), (step, step, step), (0, 0, 0), (1, 1, 1)
        with pytest.raises(TypeError, match="float"):
            convolution_plan.Plan(*shapes, places, groups, 8, 1)  # type: ignore[arg-type]


def test_results_are_not_work_memory() -> None:
    case = LARGE[3]
    x, w, b, g = arrays(case, "float32")
    first = results(convolution, case, x, w, b, g)
    kept = [one.copy() for one in first]
    results(convolution, case, -2.0 * x, w, b, g)
    for one, other in zip(first, kept, strict=True):
        np.testing.assert_array_equal(one, other)
