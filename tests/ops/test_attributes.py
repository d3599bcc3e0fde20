"""Attributes are checked before they are kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.ops.attributes import keep_flags, keep_integers, keep_numbers

F = gg.nn.functional


@pytest.mark.parametrize(
    ("keep", "given", "kept"),
    [
        (keep_numbers, np.float32(0.5), 0.5),
        (keep_numbers, np.array(2), 2),
        (keep_numbers, math.inf, math.inf),
        (keep_numbers, True, True),
        (keep_integers, np.int8(3), 3),
        (keep_integers, -3, -3),
        (keep_flags, np.True_, True),
        (keep_flags, 0, False),
    ],
)
def test_numbers_of_numpy_are_kept_as_pythons(keep: Callable[..., None], given: Any, kept: Any) -> None:
    attrs = {"wanted": given, "other": "left alone"}
    keep(attrs, "wanted")
    assert attrs == {"wanted": kept, "other": "left alone"}
    assert type(attrs["wanted"]) is type(kept)


@pytest.mark.parametrize(
    ("keep", "given", "says"),
    [
        (keep_numbers, "0.5", "wanted is a number, got '0.5'"),
        (keep_numbers, None, "wanted is a number, got None"),
        (keep_numbers, 1j, "wanted is a number, got 1j"),
        (keep_numbers, [1.0], r"wanted is a number, got \[1.0\]"),
        (keep_numbers, np.ones(2), "wanted is a number, got array"),
        (keep_integers, 2.0, "wanted is an integer, got 2.0"),
        (keep_integers, "2", "wanted is an integer, got '2'"),
        (keep_flags, "no", "wanted is True or False, got 'no'"),
        (keep_flags, 2, "wanted is True or False, got 2"),
        (keep_flags, None, "wanted is True or False, got None"),
    ],
)
def test_others_are_refused(keep: Callable[..., None], given: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        keep({"wanted": given}, "wanted")


def test_an_integer_may_have_a_least_value() -> None:
    keep_integers({"wanted": 1}, "wanted", least=1)
    with pytest.raises(ValueError, match="wanted is an integer from 1, got 0"):
        keep_integers({"wanted": 0}, "wanted", least=1)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda x: F.gumbel_softmax(x, "1"), gg.DTypeError, "tau is a number, got '1'"),
        (lambda x: F.maxout(x, 1.5), gg.DTypeError, "num_pieces is an integer, got 1.5"),
        (lambda x: F.maxout(x, 0), gg.ArgumentError, "num_pieces is an integer from 1, got 0"),
        (lambda x: F.glu(x, 1.0), gg.DTypeError, "dim is the number of one axis, got 1.0"),
    ],
)
@pytest.mark.parametrize("operand", [[1.0, 2.0], np.ones(2), gg.ones(2)], ids=["list", "array", "tensor"])
def test_a_refused_attribute_is_not_laid_on_the_shapes(call: Any, error: Any, says: str, operand: Any) -> None:
    with pytest.raises(error, match=says):
        call(operand)


def test_a_tensor_as_an_attribute_is_refused_with_a_hint() -> None:
    for call in (
        lambda one: F.elu(one, one),
        lambda one: F.dropout(one, 0.5, one),
        lambda one: F.threshold(one, 0, one),
    ):
        with pytest.raises(gg.DTypeError, match=r"a constant of the operation[\s\S]*\.item\(\)"):
            call(gg.tensor(0.5))
