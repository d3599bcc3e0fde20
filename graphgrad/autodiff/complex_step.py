"""The complex step: a slope from one run of a function, without a difference and so without its loss of digits.

A function that is analytic, made of operations with a complex derivative, has f(x + ih) = f(x) + ih f'(x) + O(h²). The
imaginary part alone holds the slope. Nothing is subtracted, so the step may be so small that what is left out is far
below the last digit: f'(x) = Im f(x + ih) / h to the precision of the number itself (W. Squire and G. Trapp, "Using
complex variables to estimate derivatives of real functions", 1998).

Most operations refuse complex numbers. Within `complex_step` they take them, and each one that does is looked at: it
must have a complex derivative, as its declaration says. What has none, such as `abs`, `conj` or a comparison, ends the
attempt.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphgrad.autodiff.hooks import forward_hook
from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node
from graphgrad.graph.operation import Op
from graphgrad.graph.tensor import Tensor

__all__ = ["STEP", "complex_step", "is_analytic"]

STEP = 1e-20
"""So small that its square vanishes beside any slope, and so large that a product with a slope doesn't underflow."""

# Functions of NumPy that have a complex derivative wherever they are defined for real numbers. Others have loops for
# complex numbers too: `maximum` orders them, `sign` and `conjugate` are not analytic, `vecmat` conjugates.
_ANALYTIC = frozenset(
    (
        *("add", "subtract", "negative", "positive", "multiply", "divide", "matmul", "matvec"),
        *("square", "sqrt", "power", "float_power", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p"),
        *("sin", "cos", "tan", "arcsin", "arccos", "arctan"),
        *("sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"),
    )
)


def is_analytic(op: Op) -> bool:
    """Whether an operation has a complex derivative, as far as its declaration tells.

    It has if it runs a function of NumPy that has one; or if its rule holds for complex numbers as it does for real
    ones. A result that is real although an operand is complex shows the rest: the parts of a number, and its absolute.
    """
    if isinstance(op.forward, np.ufunc):
        return op.forward.__name__ in _ANALYTIC
    return bool(op.complex) and not op.complex_rules


@contextmanager
def complex_step() -> Iterator[None]:
    """Let operations take complex numbers as real ones with a step beside, if they are analytic.

    Raises
    ------
    DTypeError
        From an operation that isn't.
    """
    # Nobody hears of it: it is no part of what the user computes.
    token = MODE.set(MODE.get().but(grad=False, recorder=None, hooks=(), anomaly=None, complex_step=True))
    try:
        with forward_hook(_refuse_others), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)  # what loses a step is refused right after
            yield
    finally:
        MODE.reset(token)


def _refuse_others(node: Node, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
    if not any(map(_is_complex, inputs)):
        return
    op = node.op.declared
    if not is_analytic(op) or not all(map(_is_complex, outputs)):
        raise DTypeError(describe(f"{op.name} isn't known to be analytic"))


def _is_complex(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype.kind == "c"
