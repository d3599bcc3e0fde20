"""What the tests know of gamma distributions and those that are made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special


def _reciprocal_gamma(a: float, n: int) -> float:
    """The n-th derivative of 1 / Γ(a), by the product rule for (1 / Γ)' = -ψ / Γ."""
    if n == 0:
        return float(special.rgamma(a))
    parts = (math.comb(n - 1, k) * special.polygamma(k, a) * _reciprocal_gamma(a, n - 1 - k) for k in range(n))
    return -float(sum(parts))


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(400)


def _integral(a: float, x: float, k: int) -> float:
    """∫ t^(a - 1) exp(-t) log(t)^k dt from 0 to x, with t = exp(s)."""
    end = math.log(x)
    start = end - 60.0 / a  # what lies before is below the last digit
    s = start + (end - start) * (_NODES + 1.0) / 2.0
    return float(np.sum(_WEIGHTS * s**k * np.exp(a * s - np.exp(s)))) * (end - start) / 2.0


def _random_gamma_grad(a: Any, x: Any, n: int) -> Any:
    def one(a: float, x: float) -> float:
        if math.isnan(a) or math.isnan(x):
            return math.nan
        slope = sum(math.comb(n, k) * _integral(a, x, k) * _reciprocal_gamma(a, n - k) for k in range(n + 1))
        return -slope / math.exp((a - 1.0) * math.log(x) - x - math.lgamma(a))

    return np.vectorize(one, otypes=[float])(a, x)


def _seeds(seed: int) -> list[int]:
    return [int(one) for one in np.random.SeedSequence(seed).generate_state(2)]


def _standard_gamma(a: Any, size: Any, seed: int) -> Any:
    shape = np.shape(a) if size is None else size
    return special.gammaincinv(a, np.random.default_rng(seed).random(shape))


def _standard_t(df: Any, size: Any, seed: int) -> Any:
    shape = np.shape(df) if size is None else size
    first, second = _seeds(seed)
    z = np.random.default_rng(first).standard_normal(shape)
    return z / np.sqrt(_standard_gamma(df / 2, shape, second) / (df / 2))


def _gamma_draw(a: Any, shape: Any, seed: int) -> Any:
    """A gamma draw as one of a larger shape parameter times a power of an even one."""
    first, second = _seeds(seed)
    waited = np.random.default_rng(second).standard_exponential(shape)
    return _standard_gamma(a + 1, shape, first) * np.exp(-waited) ** (1 / a)


def _beta(a: Any, b: Any, size: Any, seed: int) -> Any:
    shape = np.broadcast_shapes(np.shape(a), np.shape(b)) if size is None else size
    first, second = _seeds(seed)
    x, y = _gamma_draw(a, shape, first), _gamma_draw(b, shape, second)
    return x / (x + y)


def _dirichlet(alpha: Any, size: Any, seed: int) -> Any:
    draws = _gamma_draw(alpha, (*(size or ()), *alpha.shape), seed)
    return draws / draws.sum(-1, keepdims=True)


FUNCTIONS: dict[str, Any] = {
    "beta": _beta,
    "dirichlet": _dirichlet,
    "random_gamma_grad": _random_gamma_grad,
    "standard_gamma": _standard_gamma,
    "standard_t": _standard_t,
}

# Of whole numbers as parameters the draws are of the default dtype.
NO_INTEGERS = {"beta", "chisquare", "dirichlet", "gamma", "standard_gamma", "standard_t"}
