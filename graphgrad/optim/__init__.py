"""Optimisers, with PyTorch's names, defaults and formulas."""

from __future__ import annotations

from graphgrad.optim.adam import Adam
from graphgrad.optim.optimizer import Optimizer
from graphgrad.optim.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer"]
