"""What the tests know of random whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.families.sampled.sampling import drawn


def _bernoulli(p: Any, size: Any, seed: int) -> Any:
    return np.where(np.random.default_rng(seed).random(np.shape(p) if size is None else size) < p, 1.0, 0.0)


def _categorical(logits: Any, axis: int, size: Any, seed: int) -> Any:
    noise = np.random.default_rng(seed).gumbel(size=(*(size or ()), *logits.shape))
    return np.argmax(logits + noise, axis % logits.ndim + len(size or ()))


def _multinomial(n: int, pvals: Any, size: Any, seed: int) -> Any:
    shape = (*(size or ()), *pvals.shape[:-1])
    return np.random.default_rng(seed).multinomial(n, pvals, shape)


_NUMPYS = ("binomial", "geometric", "negative_binomial", "poisson")

FUNCTIONS: dict[str, Any] = {
    **{name: drawn(name) for name in _NUMPYS},
    "bernoulli": _bernoulli,
    "categorical": _categorical,
    "multinomial": _multinomial,
}

# Probabilities are no integers.
NO_INTEGERS = {"bernoulli", "binomial", "geometric", "multinomial", "negative_binomial"}
