"""Small random problems that both libraries solve, and the options that they are solved with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

STEPS = 100
SGD_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"lr": 0.1},
    "decay": {"lr": 0.1, "weight_decay": 0.05},
    "momentum": {"lr": 0.05, "momentum": 0.9},
    "dampened": {"lr": 0.1, "momentum": 0.8, "dampening": 0.3},
    "nesterov": {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    "all": {"lr": 0.05, "momentum": 0.7, "nesterov": True, "weight_decay": 0.01},
    "dampened_decay": {"lr": 0.2, "momentum": 0.5, "dampening": 0.5, "weight_decay": 0.1},
    "maximize": {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.1, "maximize": True},
}
ADAM_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"lr": 0.02},
    "betas": {"lr": 0.01, "betas": (0.6, 0.95), "eps": 1e-2},
    "no_betas": {"lr": 0.01, "betas": (0.0, 0.0), "eps": 1e-2},
    "decay": {"lr": 0.02, "weight_decay": 0.05},
    "decoupled": {"lr": 0.02, "weight_decay": 0.05, "decoupled_weight_decay": True},
    "amsgrad": {"lr": 0.05, "betas": (0.8, 0.9), "amsgrad": True},
    "amsgrad_decay": {"lr": 0.05, "betas": (0.8, 0.9), "amsgrad": True, "weight_decay": 0.1},
    "maximize": {"lr": 0.01, "weight_decay": 0.1, "maximize": True},
    "all": {
        "lr": 0.01,
        "betas": (0.7, 0.95),
        "eps": 1e-6,
        "weight_decay": 0.2,
        "amsgrad": True,
        "maximize": True,
        "decoupled_weight_decay": True,
    },
}


def problem(seed: int) -> tuple[Array, Array, tuple[Array, Array]]:
    """Inputs, targets, and where weight and bias start; exact in binary, so that every machine has the same."""
    state = np.random.RandomState(seed)  # the numbers of this old generator are promised never to change
    x, y, weight, bias = (state.randint(-64, 65, shape) / 64.0 for shape in ((12, 4), (12, 3), (4, 3), (3,)))
    return x, y, (weight, bias)
