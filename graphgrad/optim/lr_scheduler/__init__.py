"""Schedules of the learning rate, with PyTorch's names, defaults and formulas; and of the batch size."""

from __future__ import annotations

from graphgrad.optim.lr_scheduler.batch_size import MultiStepBS, StepBS
from graphgrad.optim.lr_scheduler.combined import ChainedScheduler, SequentialLR
from graphgrad.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from graphgrad.optim.lr_scheduler.cyclic import CyclicLR, OneCycleLR
from graphgrad.optim.lr_scheduler.factors import LambdaLR, MultiplicativeLR
from graphgrad.optim.lr_scheduler.plateau import ReduceLROnPlateau
from graphgrad.optim.lr_scheduler.power import InverseSqrtLR, InverseTimeLR, PowerLR
from graphgrad.optim.lr_scheduler.ramps import ConstantLR, LinearLR, PolynomialLR
from graphgrad.optim.lr_scheduler.scheduler import LRScheduler
from graphgrad.optim.lr_scheduler.stepwise import ExponentialLR, MultiStepLR, PiecewiseConstantLR, StepLR

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "InverseSqrtLR",
    "InverseTimeLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepBS",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PiecewiseConstantLR",
    "PolynomialLR",
    "PowerLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepBS",
    "StepLR",
]
