"""Misprints of the lecture notes as operations, for the tests of errata.

What is printed is declared as an operation of one operand x. If a gradient is wrong, it stands beside the value that is
right; if a value is wrong, beside the gradient that is right, as the notes give it themselves or as it follows from the
definition. Either way the two don't belong together, and the check of gradients finds that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons import curriculum
from graphgrad.ops.custom import custom_op, remove_custom_op
from tests.curriculum.values import leaf


@dataclass(frozen=True)
class Misprint:
    """A formula as printed, and what stands for it here.

    Attributes
    ----------
    value
        On arrays.
    rule
        What x receives, from the upstream gradient g and x; this or the value is as printed, the other one right.
    ours
        On tensors.
    at
        Where both are checked.
    """

    value: Callable[[Any], Any]
    rule: Callable[[Any, Any], Any]
    ours: Callable[[Any], Any]
    at: Any = (0.3, -0.4, 1.2)


def of_loss(
    value: Callable[[Any], Any], gradient: Callable[[Any], Any], ours: Callable[[Any], Any], at: Any
) -> Misprint:
    """One of a single number, from the gradient of that."""
    return Misprint(value, lambda g, x: g * gradient(x), ours, at)


def check_misprint(id: str, misprint: Misprint) -> None:
    """What is printed fails the check of gradients and ours passes; and they differ in one thing, value or gradient."""
    assert curriculum.erratum(id).correct
    printed = custom_op(
        lambda x: np.asarray(misprint.value(x)), name=f"printed_{id}", x=lambda g, x: misprint.rule(g, x)
    )
    try:
        with pytest.raises(gg.GradcheckError):
            gg.gradcheck(printed, leaf(misprint.at))
        assert gg.gradcheck(misprint.ours, leaf(misprint.at))
        found = [_value_and_gradient(function, misprint.at) for function in (printed, misprint.ours)]
    finally:
        remove_custom_op(printed.op.name)
    same = [np.allclose(theirs, ours, rtol=1e-9, atol=1e-12) for theirs, ours in zip(*found, strict=True)]
    assert same.count(True) == 1, f"{id}: value and gradient as printed, and ours: {found}"


def _value_and_gradient(function: Callable[[Any], Any], at: Any) -> tuple[Any, Any]:
    x = leaf(at)
    y = function(x)
    y.backward(np.random.default_rng(0).normal(size=y.shape))
    assert x.grad is not None
    return y.data, x.grad.data
