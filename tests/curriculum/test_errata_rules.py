"""Errata of P01 and P02: what is printed fails the check of gradients; what is right passes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import special

import graphgrad as gg
from graphgrad.lessons import curriculum
from graphgrad.ops.custom import custom_op, remove_custom_op
from tests.curriculum.values import leaf


@dataclass(frozen=True)
class Misprint:
    """A backward rule as printed, of an operation whose value is right.

    Attributes
    ----------
    value
        On arrays.
    rule
        From the upstream gradient g and the operand x.
    ours
        On tensors.
    """

    value: Callable[[Any], Any]
    rule: Callable[[Any, Any], Any]
    ours: Callable[[Any], Any]


MISPRINTS = {
    # The gradient of log softmax takes the sum over all upstream gradients; the slide has one of them.
    "E029": Misprint(
        lambda x: x - special.logsumexp(x),
        lambda g, x: g - np.exp(x) / np.sum(np.exp(x)) * g,
        lambda x: gg.log_softmax(x, 0),
    ),
    # A sum passes the gradient of its output on to each input; the slide passes on the output itself.
    "E030": Misprint(lambda x: x + 1.0, lambda g, x: x + 1.0, lambda x: x + 1.0),
    # δ_ij, which is 1 on the diagonal alone; δ_jj would be 1 everywhere.
    "E084": Misprint(
        special.softmax,
        lambda g, x: np.exp(x) / np.sum(np.exp(x)) * np.sum(g * (1.0 - np.exp(x) / np.sum(np.exp(x)))),
        lambda x: gg.softmax(x, 0),
    ),
}


@pytest.fixture
def printed(request: pytest.FixtureRequest) -> Iterator[Any]:
    misprint = MISPRINTS[request.param]
    declared = custom_op(misprint.value, name="printed", x=misprint.rule)
    yield declared, misprint.ours
    remove_custom_op("printed")


@pytest.mark.parametrize("printed", MISPRINTS, indirect=True)
def test_the_printed_rule_fails_the_check_and_ours_passes(printed: Any) -> None:
    declared, ours = printed
    x = leaf([0.3, -0.4, 1.2])
    np.testing.assert_allclose(declared(x).data, ours(x).data, rtol=1e-12)
    with pytest.raises(gg.GradcheckError):
        gg.gradcheck(declared, x)
    assert gg.gradcheck(ours, x)


def test_the_errata_are_those_of_the_curriculum() -> None:
    parts = {id: {item.partition(".")[0] for item in curriculum.erratum(id).items} for id in MISPRINTS}
    assert all(found & {"P01", "P02"} for found in parts.values())


def test_gradients_add_up_and_are_not_averaged() -> None:
    """E056."""
    w = leaf([1.0, 2.0])
    for x in ([1.0, 0.0], [0.0, 3.0]):
        gg.sum(w * np.array(x)).backward()
    assert w.grad is not None
    np.testing.assert_array_equal(w.grad.data, [1.0, 3.0])


def test_without_gradients_weight_decay_still_shrinks() -> None:
    """E057."""
    w = leaf([1.0, -2.0])
    optimizer = gg.optim.SGD([w], lr=0.1, weight_decay=0.5)
    gg.sum(w * 3.0).backward()
    optimizer.zero_grad(set_to_none=False)
    optimizer.step()
    np.testing.assert_allclose(w.data, [0.95, -1.9])
