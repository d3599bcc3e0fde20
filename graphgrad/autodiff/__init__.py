"""Derivatives: backward passes and forward mode, functions of functions, and what helps to look at them."""

from __future__ import annotations

from graphgrad.autodiff.anomaly import AnomalyError, detect_anomaly
from graphgrad.autodiff.backward import backward, differentiate
from graphgrad.autodiff.checkpoint import checkpoint, saved_bytes
from graphgrad.autodiff.differences import numerical_grad, relative_error, verdict
from graphgrad.autodiff.forward import jvp, linearize
from graphgrad.autodiff.gradcheck import GradcheckError, gradcheck, gradgradcheck
from graphgrad.autodiff.hooks import RemovableHandle, forward_hook
from graphgrad.autodiff.jacobians import hessian, hvp, jacfwd, jacobian, jacrev
from graphgrad.autodiff.replay import compile_scalars
from graphgrad.autodiff.scalar_backward import scalar_backward
from graphgrad.autodiff.transforms import elementwise_grad, grad, value_and_grad, vjp
from graphgrad.autodiff.vmap import vmap

__all__ = [
    "AnomalyError",
    "GradcheckError",
    "RemovableHandle",
    "backward",
    "checkpoint",
    "compile_scalars",
    "detect_anomaly",
    "differentiate",
    "elementwise_grad",
    "forward_hook",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "numerical_grad",
    "relative_error",
    "saved_bytes",
    "scalar_backward",
    "value_and_grad",
    "verdict",
    "vjp",
    "vmap",
]
