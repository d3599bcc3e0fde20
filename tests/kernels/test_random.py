"""Random numbers by their place: the published ones, the same from kernel and twin, even, and independent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.kernels.jit import compiles
from graphgrad.kernels.plain import random as plain
from graphgrad.ops import seeds
from tests import draws

if compiles():
    from graphgrad.kernels import random as compiled
else:
    compiled = plain  # type: ignore[misc]


@pytest.fixture(autouse=True)
def sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share out what one thread does in earnest."""
    if compiles():
        monkeypatch.setattr(compiled, "_ENOUGH", 0)


BOTH = pytest.mark.parametrize("kernels", [compiled, plain], ids=["compiled", "plain"])

# What splitmix64.c gives from two states: the first is in the tests of Java and Julia, the second in Rosetta Code's.
KNOWN = {
    0: [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC, 0x1B39896A51A8749B],
    1234567: [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ],
}


@pytest.mark.parametrize("state", KNOWN)
def test_the_words_are_the_published_ones(state: int) -> None:
    assert plain.words(state, 5).tolist() == draws.splitmix64(state, 5) == KNOWN[state]


@BOTH
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**64 - 1, 2**64, 2**130 + 17])
def test_a_seed_starts_at_its_first_word(kernels: Any, seed: int) -> None:
    expected = draws.random((3, 4), seed) if seed < 2**64 else plain.uniform(seed, (3, 4))
    np.testing.assert_array_equal(kernels.uniform(seed, (3, 4)), expected)


def test_all_digits_of_a_seed_count() -> None:
    keys = {plain.key_of(seed) for seed in (0, 1, 2**64, 2**64 + 1, 2**65, 2**128, 2**128 + 1)}
    assert len(keys) == 7


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (2, 0, 3), (70001,), (3, 1 << 16)])
def test_kernel_and_twin_give_the_same_bits(shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(compiled.uniform(5, shape), plain.uniform(5, shape))
    for dtype in ("float32", "float64"):
        x = np.random.default_rng(0).normal(size=shape).astype(dtype)
        for p in (0.0, 0.1, 0.5, 1.0):
            one, other = compiled.dropped(x, 5, p), plain.dropped(x, 5, p)
            assert (one.dtype, one.shape) == (other.dtype, other.shape) == (x.dtype, shape)
            assert one.tobytes() == other.tobytes()
        np.testing.assert_array_equal(plain.dropped(x, 5, 0.3) == 0, plain.uniform(5, shape) < 0.3)


@BOTH
def test_other_layouts_and_what_is_no_number(kernels: Any) -> None:
    x = np.random.default_rng(0).normal(size=(6, 8)).astype("float32")
    x[0, :4] = math.nan, math.inf, -math.inf, -0.0
    expected = np.where(draws.random((6, 8), 3) < 0.4, 0, x / np.float32(0.6))
    frozen = x.copy()
    frozen.flags.writeable = False
    for one in (x, np.asfortranarray(x), np.repeat(x, 2, 1)[:, ::2], frozen):
        np.testing.assert_array_equal(kernels.dropped(one, 3, 0.4), expected)
    np.testing.assert_array_equal(kernels.dropped(x, 3, 1.0), np.zeros_like(x))


@pytest.mark.parametrize("p", [0.0, 1e-300, 2.0**-53, 0.1, 0.5, 1.0 - 2.0**-53, 1.0])
def test_what_is_kept_is_what_is_not_below_p(p: float) -> None:
    """The comparison of whole numbers is that of the floats they stand for, at the edges too."""
    least = plain.least_kept(p)
    for bits in {0, 1, 2, least - 1, least, least + 1, 2**53 - 1} - {-1}:
        assert (bits >= least) == (bits * 2.0**-53 >= p)


@BOTH
def test_what_is_exactly_p_is_kept(kernels: Any) -> None:
    u = plain.uniform(8, (20,))
    for place in range(20):
        kept = kernels.dropped(np.ones(20), 8, float(u[place])) != 0
        np.testing.assert_array_equal(kept, u >= u[place])


# ---- as good as random -----------------------------------------------------------------------------------------------
#
# Sums of many independent terms are nearly normal: each is compared with its own standard deviation, five of them away
# at most. The seeds are fixed, so that nothing here is left to chance.

N = 1 << 18


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_numbers_are_even(seed: int) -> None:
    u = compiled.uniform(seed, (N,))
    assert ((u >= 0) & (u < 1)).all()
    assert abs(u.mean() - 0.5) < 5 * math.sqrt(1 / 12 / N)
    counts = np.bincount((u * 256).astype(int), minlength=256)
    chi2 = ((counts - N / 256) ** 2 / (N / 256)).sum()
    assert abs(chi2 - 255) < 5 * math.sqrt(2 * 255)


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_each_bit_is_set_half_of_the_time(seed: int) -> None:
    bits = (plain.words(plain.key_of(seed), N)[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert np.abs(bits.mean(0) - 0.5).max() < 5 * 0.5 / math.sqrt(N)


@pytest.mark.parametrize("lag", [1, 2, 7, 64, 1000])
def test_numbers_do_not_depend_on_those_before(lag: int) -> None:
    u = compiled.uniform(3, (N,)) - 0.5
    assert abs((u[:-lag] * u[lag:]).mean()) < 5 / 12 / math.sqrt(N - lag)


def test_neighbouring_seeds_do_not_depend_on_each_other() -> None:
    rows = np.stack([compiled.uniform(seed, (1 << 14,)) for seed in range(8)]) - 0.5
    products = rows @ rows.T / rows.shape[1]
    assert np.abs(products - np.diag(np.diag(products))).max() < 5 / 12 / math.sqrt(rows.shape[1])
    firsts = np.array([plain.uniform(seed, (1,))[0] for seed in range(4096)])
    assert abs(firsts.mean() - 0.5) < 5 * math.sqrt(1 / 12 / firsts.size)


# ---- as operations use it --------------------------------------------------------------------------------------------


def test_few_numbers_and_many_are_the_same_numbers() -> None:
    """Which of the two ways is taken changes nothing."""
    n = seeds._ENOUGH
    np.testing.assert_array_equal(seeds.uniform(4, (n - 1,)), seeds.uniform(4, (n,))[:-1])
    x = np.ones(n)
    np.testing.assert_array_equal(seeds.dropped(x[:-1], 4, 0.5), seeds.dropped(x, 4, 0.5)[:-1])
    np.testing.assert_array_equal(seeds.dropped(x.astype("float16"), 4, 0.5), seeds.dropped(x, 4, 0.5))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_recorded_pass_draws_the_same(dtype: str) -> None:
    """There the mask is compared with numbers, and many of them; the quick pass compares bits."""
    x = gg.ones((seeds._ENOUGH + 1,), dtype=dtype, requires_grad=True)
    grads: list[Any] = []
    for create_graph in (False, True):
        x.grad = None
        y = gg.nn.functional.dropout(x, 0.3, seed=11)
        y.backward(np.arange(x.size, dtype=dtype), create_graph=create_graph)
        assert x.grad is not None
        grads.append(x.grad.data)
    np.testing.assert_array_equal(grads[0], grads[1])
    np.testing.assert_array_equal(grads[0] == 0, (draws.random((x.size,), 11) < 0.3) | (np.arange(x.size) == 0))
