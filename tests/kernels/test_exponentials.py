"""The exponential, the sigmoid and the hyperbolic tangent of compiled code: exact, and nan stays nan."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from graphgrad.kernels.exponentials import exp_nonpositive, sigmoid, tanh
from graphgrad.kernels.jit import compiles, jit

if not compiles():
    pytest.skip("these are for compiled code", allow_module_level=True)

Array = np.ndarray[Any, Any]

_ERROR = 5e-7  # more than they say: there are processors that round a product before a sum


@jit
def _all(x: Any, out: Any) -> None:
    for j in range(x.size):
        out[0, j], out[1, j], out[2, j] = exp_nonpositive(-abs(x[j])), sigmoid(x[j]), tanh(x[j])


def all_of(x: Array) -> tuple[Array, Array, Array]:
    out = np.empty((3, x.size), x.dtype)
    _all(x, out)
    return out[0], out[1], out[2]


@pytest.mark.parametrize(("dtype", "far", "error"), [("float32", 80.0, _ERROR), ("float64", 700.0, 3e-15)])
def test_they_are_exact(dtype: str, far: float, error: float) -> None:
    near = np.random.default_rng(0).normal(size=20_000)
    x = np.concatenate([near, 9 * near, np.linspace(-far, far, 4001), np.logspace(-30, 1, 1000)]).astype(dtype)
    wide = x.astype(np.float64)
    with np.errstate(over="ignore"):
        expected = np.exp(-abs(wide)), 1 / (1 + np.exp(-wide)), np.tanh(wide)
    for found, wanted in zip(all_of(x), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=error, atol=1e-300)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_out_they_are_their_limits_and_nan_stays(dtype: str) -> None:
    x = np.array([-math.inf, -1e30, 1e30, math.inf, math.nan, 0.0], dtype)
    exp, logistic, tangent = all_of(x)
    np.testing.assert_array_equal(exp, np.array([0.0, 0.0, 0.0, 0.0, math.nan, 1.0], dtype))
    np.testing.assert_allclose(logistic, np.array([0.0, 0.0, 1.0, 1.0, math.nan, 0.5], dtype), atol=1e-37)
    np.testing.assert_allclose(tangent, np.array([-1.0, -1.0, 1.0, 1.0, math.nan, 0.0], dtype), rtol=_ERROR)


def test_they_are_for_compiled_code_only() -> None:
    for function in (exp_nonpositive, sigmoid, tanh):
        with pytest.raises(NotImplementedError, match="compiled code has it"):
            function(0.5)
