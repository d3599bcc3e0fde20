"""Where random numbers come from."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.random import generator_or_default, seeded


def test_the_same_seed_gives_the_same_numbers() -> None:
    first = gg.manual_seed(3).random(5)
    np.testing.assert_array_equal(gg.manual_seed(np.int64(3)).random(5), first)  # type: ignore[arg-type]
    assert not np.array_equal(gg.manual_seed(4).random(5), first)


def test_the_returned_generator_is_the_one_that_everybody_draws_from() -> None:
    rng = gg.manual_seed(0)
    assert generator_or_default(None) is rng


def test_a_given_generator_is_taken() -> None:
    rng = np.random.default_rng(1)
    assert generator_or_default(rng) is rng
    with pytest.raises(gg.DTypeError, match=r"generator: a numpy\.random\.Generator or None is needed, got int"):
        generator_or_default(1)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 1.5, "1", None, True])
def test_what_is_no_seed_is_refused(seed: object) -> None:
    state = gg.manual_seed(0).bit_generator.state
    with pytest.raises(ValueError, match="manual_seed: an integer from 0"):
        gg.manual_seed(seed)  # type: ignore[arg-type]
    assert generator_or_default(None).bit_generator.state == state


def test_a_block_of_its_own_leaves_the_process_alone() -> None:
    expected = gg.manual_seed(3).random(4)
    outer = gg.manual_seed(3)
    with contextlib.suppress(KeyError), seeded(9) as inner:
        assert generator_or_default(None) is inner
        first = inner.random()
        assert gg.manual_seed(9).random() == first
        assert generator_or_default(None) is not inner
        with seeded(1):
            assert generator_or_default(None).random() == np.random.default_rng(1).random()
        assert generator_or_default(None).random() == np.random.default_rng(9).random(2)[1]
        raise KeyError
    assert generator_or_default(None) is outer
    np.testing.assert_array_equal(outer.random(4), expected)


@pytest.mark.parametrize("seed", [-1, 1.5, True, None, "7"])
def test_a_block_of_no_seed_is_refused(seed: object) -> None:
    with pytest.raises(ValueError, match="seeded: an integer from 0"), seeded(seed):  # type: ignore[arg-type]
        raise AssertionError


def test_threads_have_blocks_of_their_own() -> None:
    both_inside = threading.Barrier(2, timeout=10)

    def draw(seed: int) -> list[float]:
        with seeded(seed):
            both_inside.wait()
            return [float(generator_or_default(None).random()) for _ in range(3)]

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(draw, [1, 2]))
    assert found == [np.random.default_rng(seed).random(3).tolist() for seed in (1, 2)]
