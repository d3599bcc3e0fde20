"""Derivatives: backward passes, functions of functions, and the check of every rule."""

from __future__ import annotations

from graphgrad.autodiff.backward import backward, differentiate
from graphgrad.autodiff.gradcheck import GradcheckError, gradcheck
from graphgrad.autodiff.scalar_backward import scalar_backward
from graphgrad.autodiff.transforms import grad, value_and_grad

__all__ = [
    "GradcheckError",
    "backward",
    "differentiate",
    "grad",
    "gradcheck",
    "scalar_backward",
    "value_and_grad",
]
