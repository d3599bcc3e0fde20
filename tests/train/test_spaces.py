"""Ranges that hyper-parameters come from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.train import choice, integers, loguniform, uniform
from graphgrad.train.spaces import check_space, draw, grid

RANGES: list[Any] = [
    uniform(-2.0, 3.0),
    loguniform(1e-5, 10.0),
    loguniform(0.9, 0.999, complement=True),
    loguniform(-9.0, 0.9, complement=True),
    integers(-3, 4),
    integers(1, 1000, log=True),
    integers(8, 128, endpoint=True, log=True),
]


@pytest.mark.parametrize("space", RANGES, ids=repr)
@settings(max_examples=25)
@given(q=st.floats(0.0, 1.0), r=st.floats(0.0, 1.0))
def test_fractions_of_a_range_are_in_it_and_in_order(space: Any, q: float, r: float) -> None:
    low, high = sorted((q, r))
    last = space._end - 1 if isinstance(space, integers) else space.high
    assert space.low <= space.ppf(low) <= space.ppf(high) <= last
    assert space.ppf(0.0) == space.low
    assert space.ppf(1.0) == pytest.approx(last)


@pytest.mark.parametrize("space", RANGES, ids=repr)
@settings(max_examples=25)
@given(q=st.floats(0.0, 1.0), fraction=st.floats(0.01, 0.99))
def test_a_part_around_a_value_lies_in_the_range(space: Any, q: float, fraction: float) -> None:
    value = space.ppf(q)
    part = space.zoom(value, fraction)
    assert type(part) is type(space)
    assert space.low <= part.low
    if isinstance(space, integers):
        assert part.low <= value < part.high <= space._end
    else:
        assert part.low - 1e-9 <= value <= part.high + 1e-9
        assert part.high <= space.high

        def place(v: float) -> float:
            if not isinstance(space, loguniform):
                return v
            return -math.log(1 - v) if space.complement else math.log(v)

        whole, rest = (place(one.high) - place(one.low) for one in (space, part))
        assert rest == pytest.approx(fraction * whole, rel=1e-6)


@pytest.mark.parametrize("space", [*RANGES, choice(list("abc"))], ids=repr)
def test_draws_repeat_and_fill_the_range_evenly(space: Any) -> None:
    drawn = space.rvs(400, random_state=0)
    assert drawn == space.rvs(400, random_state=np.random.default_rng(0))
    gg.manual_seed(0)
    assert drawn == space.rvs(400)
    expected = [space.ppf(q) for q in np.random.default_rng(0).uniform(size=400).tolist()]
    assert drawn == expected
    assert space.rvs(random_state=0) == drawn[0]
    assert space.rvs(random_state=np.random.RandomState(0)) == space.ppf(np.random.RandomState(0).uniform())


def test_logarithms_are_even() -> None:
    drawn = np.log10(loguniform(1e-4, 1.0).rvs(2000, random_state=0))
    assert np.histogram(drawn, bins=4, range=(-4, 0))[0] == pytest.approx([500] * 4, rel=0.15)
    powers = np.bincount(np.log2(integers(1, 16, log=True).rvs(2000, random_state=0)).astype(int), minlength=4)
    assert powers == pytest.approx([500] * 4, rel=0.15)


def test_whole_numbers_beyond_those_of_floats_are_all_drawn() -> None:
    low = 2**60 + 1
    assert set(integers(low, low + 3).rvs(100, random_state=0)) == {low, low + 1, low + 2}
    part = integers(low, low + 3).zoom(low + 1, 0.1)
    assert (part.low, part.high) == (low + 1, low + 2)


@pytest.mark.parametrize("space", RANGES, ids=repr)
@pytest.mark.parametrize("q", [0.0, 0.3, 1.0])
def test_the_smallest_part_is_a_range_still(space: Any, q: float) -> None:
    value = space.ppf(q)
    part = space.zoom(value, 0.0)
    assert space.low <= part.low < part.high <= getattr(space, "_end", space.high)
    assert part.ppf(0.5) == pytest.approx(value, rel=1e-12)


def test_ends_of_numpy_become_numbers_of_python() -> None:
    makes: list[Any] = [uniform, integers]
    for space in (makes[0](np.float32(0), np.float32(1)), makes[1](np.int64(1), np.int64(4))):
        assert {type(space.low), type(space.high)} == {type(space.ppf(0.5))} <= {int, float}


def test_lists_become_choices_of_python_numbers() -> None:
    space = check_space("search", {"a": np.geomspace(0.1, 10.0, 3), "b": ["x", None], "c": range(2)})
    assert [type(value) for value in space["a"].values] == [float] * 3
    assert draw(space, np.random.default_rng(0)).keys() == {"a", "b", "c"}
    assert list(grid({"b": ["x", None], "c": range(2)})) == [
        {"b": "x", "c": 0},
        {"b": "x", "c": 1},
        {"b": None, "c": 0},
        {"b": None, "c": 1},
    ]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: uniform(1.0, 1.0), ValueError, "from a number up to a larger one"),
        (lambda: uniform(0.0, math.inf), ValueError, "high is a finite number"),
        (lambda: uniform("0", 1.0), ValueError, "low is a finite number"),  # type: ignore[arg-type]
        (lambda: loguniform(0.0, 1.0), ValueError, "the ends are above 0"),
        (lambda: loguniform(0.9, 1.0, complement=True), ValueError, "ends below 1"),
        (lambda: integers(1.5, 4), gg.DTypeError, "low is a whole number"),  # type: ignore[arg-type]
        (lambda: integers(4, 4), ValueError, "no numbers"),
        (lambda: integers(0, 4, log=True), ValueError, "low is at least 1"),
        (lambda: uniform(0.0, 10**400), ValueError, "high is a finite number"),
        (lambda: uniform(-1.7e308, 1.7e308), ValueError, "from a number up to a larger one"),
        (lambda: uniform(0.0, 1.0).ppf(1.5), ValueError, "q is a finite number from 0 to 1"),
        (lambda: choice([1]).ppf(math.nan), ValueError, "q is a finite number from 0 to 1"),
        (lambda: loguniform(0.1, 1.0).zoom(-1.0, 0.3), ValueError, "value is a finite number from 0.1 to 1"),
        (lambda: uniform(0.0, 1.0).zoom(0.5, 3.0), ValueError, "fraction is a finite number from 0 to 1"),
        (lambda: integers(0, 4).zoom(4, 0.5), ValueError, "value is a number below 4"),
        (lambda: uniform(0.0, 1.0).rvs((2, 3)), ValueError, "size is a whole number from 0"),  # type: ignore[arg-type]
        (lambda: uniform(0.0, 1.0).rvs(random_state=-1), ValueError, "random_state is a whole number from 0"),
        (lambda: uniform(0.0, 1.0).rvs(random_state="0"), gg.DTypeError, "a numpy.random.Generator or None"),
        (lambda: check_space("s", {"a": uniform}), gg.DTypeError, "list of values or a distribution"),
        (lambda: choice([]), ValueError, "no values"),
        (lambda: choice({"relu": 1}), gg.DTypeError, "a list of values"),
        (lambda: check_space("s", {"a": 1.0}), gg.DTypeError, r"\[1.0\] is a list of one value"),
        (lambda: check_space("s", {"a": "relu"}), gg.DTypeError, "list of values or a distribution"),
        (lambda: check_space("s", {"a": {1, 2}}), gg.DTypeError, "no order"),
        (lambda: check_space("s", {"a b": [1]}), gg.DTypeError, "names that a function's can have"),
        (lambda: check_space("s", {}), gg.DTypeError, "a mapping from names"),
        (lambda: list(grid({"a": uniform(0.0, 1.0)})), gg.DTypeError, "a grid has values"),
    ],
)
def test_what_is_no_space_is_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


class FromSciPy:
    """What a frozen distribution of SciPy has: `rvs`, which gives NumPy's numbers."""

    def rvs(self, size: Any = None, random_state: Any = None) -> Any:
        return np.int64(random_state.integers(1, 5))


def test_distributions_of_scipy_are_taken() -> None:
    trials = gg.train.random_search(lambda n: n, {"n": FromSciPy()}, 5, seed=0)
    assert all(type(trial.parameters["n"]) is int for trial in trials)
    with pytest.raises(gg.DTypeError, match="can't be zoomed into"):
        gg.train.coarse_to_fine_search(lambda n: n, {"n": FromSciPy()}, 5)
