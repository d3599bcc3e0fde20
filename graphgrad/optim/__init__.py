"""Optimisers, with PyTorch's names, defaults and formulas."""

from __future__ import annotations

from graphgrad.optim import lr_scheduler, swa_utils
from graphgrad.optim.adadelta import Adadelta
from graphgrad.optim.adagrad import Adagrad
from graphgrad.optim.adam import Adam
from graphgrad.optim.adamax import Adamax
from graphgrad.optim.adamw import AdamW
from graphgrad.optim.asgd import ASGD
from graphgrad.optim.lbfgs import LBFGS
from graphgrad.optim.nadam import NAdam
from graphgrad.optim.newton import Newton
from graphgrad.optim.optimizer import Optimizer
from graphgrad.optim.perceptron import Perceptron
from graphgrad.optim.radam import RAdam
from graphgrad.optim.rmsprop import RMSprop
from graphgrad.optim.rprop import Rprop
from graphgrad.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Newton",
    "Optimizer",
    "Perceptron",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]
