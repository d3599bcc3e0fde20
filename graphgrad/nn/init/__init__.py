"""Initial values, with PyTorch's names and definitions. Each function writes a leaf's memory and returns the leaf."""

from __future__ import annotations

from graphgrad.nn.init.distributions import normal_, trunc_normal_, uniform_
from graphgrad.nn.init.matrices import np_rnn_, orthogonal_, sparse_
from graphgrad.nn.init.patterns import constant_, dirac_, eye_, ones_, zeros_
from graphgrad.nn.init.variances import (
    calculate_gain,
    kaiming_normal_,
    kaiming_uniform_,
    lecun_normal_,
    lecun_uniform_,
    xavier_normal_,
    xavier_uniform_,
)

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "lecun_normal_",
    "lecun_uniform_",
    "normal_",
    "np_rnn_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]
