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

OTHER_OPTIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "Adagrad": {
        "plain": {"lr": 0.1},
        "decays": {"lr": 0.2, "lr_decay": 0.03, "weight_decay": 0.05},
        "begun": {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3},
        "maximize": {"lr": 0.01, "weight_decay": 0.1, "maximize": True},
    },
    "Adadelta": {
        "plain": {},
        "decay": {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.05},
        "maximize": {"lr": 0.1, "rho": 0.0, "maximize": True},
    },
    "RMSprop": {
        "plain": {"lr": 0.01},
        "decay": {"lr": 0.02, "alpha": 0.8, "eps": 1e-3, "weight_decay": 0.05},
        "momentum": {"lr": 0.01, "alpha": 0.9, "momentum": 0.7},
        "centered": {"lr": 0.01, "alpha": 0.9, "eps": 1e-2, "centered": True},
        "all": {
            "lr": 0.005,
            "alpha": 0.4,
            "eps": 0.1,
            "weight_decay": 0.1,
            "momentum": 0.5,
            "centered": True,
            "maximize": True,
        },
    },
    "AdamW": {
        "plain": {"lr": 0.02},
        "decay": {"lr": 0.02, "betas": (0.8, 0.95), "weight_decay": 0.5},
        "amsgrad": {"lr": 0.02, "amsgrad": True, "maximize": True},
    },
    "NAdam": {
        "plain": {"lr": 0.02},
        "decay": {"lr": 0.02, "betas": (0.7, 0.95), "eps": 1e-3, "weight_decay": 0.05, "momentum_decay": 0.1},
        "decoupled": {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
        "no_betas": {"lr": 0.01, "betas": (0.0, 0.0), "eps": 1e-2},
    },
    "RAdam": {
        "plain": {"lr": 0.02},
        "decay": {"lr": 0.02, "betas": (0.7, 0.95), "eps": 1e-3, "weight_decay": 0.05},
        "decoupled": {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
        "never": {"lr": 0.02, "betas": (0.9, 0.5)},
    },
    "Adamax": {
        "plain": {"lr": 0.02},
        "decay": {"lr": 0.02, "betas": (0.4, 0.95), "eps": 1e-3, "weight_decay": 0.05},
        "maximize": {"lr": 0.01, "maximize": True},
    },
    "ASGD": {
        "plain": {"lr": 0.1},
        "averages": {"lr": 0.02, "lambd": 0.01, "alpha": 0.6, "t0": 20, "weight_decay": 0.05},
        "maximize": {"lr": 0.01, "t0": 0, "maximize": True},
    },
    "Rprop": {
        "plain": {"lr": 0.01},
        "limits": {"lr": 0.05, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.1)},
        "maximize": {"lr": 0.001, "step_sizes": (1e-6, 0.01), "maximize": True},
    },
}
LBFGS_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"lr": 0.1, "max_iter": 4},
    "search": {"line_search_fn": "strong_wolfe", "max_iter": 3},
    "short": {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 5},
    "far": {"lr": 30.0, "line_search_fn": "strong_wolfe", "max_iter": 4},
    "near": {"lr": 1e-3, "line_search_fn": "strong_wolfe", "max_iter": 4},
    "few": {"line_search_fn": "strong_wolfe", "max_iter": 10, "max_eval": 7},
}
LBFGS_STEPS = 8
KEPT = (1, 2, 3, 10, 50, 100)
"""After which of the steps the answers of the others are kept."""


def gradients(seed: int) -> tuple[Array, Array]:
    """Where numbers start, and the gradients along which they move, of many sizes; exact in binary, in float32 too."""
    state = np.random.RandomState(seed)
    start = state.randint(-512, 513, 12) / 256.0
    sizes = 2.0 ** state.randint(-6, 4, 12)
    return start, state.randint(-64, 65, (STEPS, 12)) / 16.0 * sizes


def problem(seed: int) -> tuple[Array, Array, tuple[Array, Array]]:
    """Inputs, targets, and where weight and bias start; exact in binary, so that every machine has the same."""
    state = np.random.RandomState(seed)  # the numbers of this old generator are promised never to change
    x, y, weight, bias = (state.randint(-64, 65, shape) / 64.0 for shape in ((12, 4), (12, 3), (4, 3), (3,)))
    return x, y, (weight, bias)
