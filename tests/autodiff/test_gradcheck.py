"""The gradient check: right rules pass, wrong ones are named to the element."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg

HERE = Path(__file__).name


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


RIGHT: list[tuple[Callable[..., Any], list[Any]]] = [
    (gg.tanh, [[0.5, -1.0]]),
    (lambda x: x**3, [2.0]),
    (lambda a, b: a @ b, [np.ones((2, 3)), np.arange(6.0).reshape(3, 2)]),
    (lambda a, b: (a * b, a + b, gg.sum(a)), [[1.0, 2.0], [3.0, 4.0]]),
    (lambda x: list(gg.split(gg.exp(x), 2)), [[0.1, 0.2, 0.3]]),
    (lambda x: x, [[1.0, 2.0]]),
    (lambda x: gg.sum(x) * 0, [[1.0, 2.0]]),
    (lambda x: gg.tensor([1.0], dtype="float64"), [[1.0, 2.0]]),
    (lambda x: gg.grad(lambda v: gg.sum(v**3))(x), [[1.0, -2.0]]),
    (lambda x: x[[0, 0, 1]], [[1.0, 2.0]]),
    (lambda x: (x, x > 1.5), [[1.0, 2.0]]),
    (gg.exp, [np.zeros((0, 3))]),
    (lambda x: gg.sum(x), [np.zeros((0, 3))]),
    (lambda x: x[:0], [[1.0, 2.0]]),
]


@pytest.mark.parametrize(("f", "inputs"), RIGHT)
def test_right_gradients_pass(f: Callable[..., Any], inputs: list[Any]) -> None:
    assert gg.gradcheck(f, [leaf(values) for values in inputs]) is True


def test_the_inputs_and_their_gradients_are_left_alone() -> None:
    x = leaf([1.0, 2.0])
    assert gg.gradcheck(lambda v: v * v, x)
    assert x.tolist() == [1.0, 2.0]
    assert x.grad is None
    assert gg.is_grad_enabled()
    y = gg.sum(x * x)
    assert gg.gradcheck(lambda v: v * 2, x)
    y.backward()


def test_computed_inputs() -> None:
    x = leaf([1.0, 2.0, 3.0])
    assert gg.gradcheck(lambda v: v * v, x * 2.0)
    a, b = gg.split(x, (1, 2))
    assert gg.gradcheck(lambda a, b: a * gg.sum(b * b), [a, b])


def test_only_inputs_that_need_a_gradient_are_checked() -> None:
    constant = gg.tensor([1.0, 2.0], dtype="float64")

    def wrong_for_b(a: Any, b: Any) -> Any:
        return a * b.detach()

    assert gg.gradcheck(wrong_for_b, [leaf([1.0, 2.0]), constant])
    assert gg.gradcheck(lambda a, k: a * k, [leaf([1.0]), 3.0])
    with pytest.raises(gg.GradcheckError, match="for: input 1"):
        gg.gradcheck(wrong_for_b, [leaf([1.0, 2.0]), leaf([1.0, 2.0])])


def test_it_works_under_no_grad() -> None:
    with gg.no_grad():
        assert gg.gradcheck(gg.tanh, leaf([0.5]))


def wrong(x: Any) -> Any:
    """Only element (1, 2) is wrong: half of its slope is lost."""
    mask = np.zeros((2, 3))
    mask[1, 2] = 0.5
    return x * 2.0 * (1 - mask) + x.detach() * 2.0 * mask


def test_the_worst_element_is_named() -> None:
    with pytest.raises(gg.GradcheckError) as caught:
        gg.gradcheck(wrong, leaf(np.ones((2, 3))))  # the check
    message = str(caught.value)
    assert "of: output 0, element (1, 2) of shape (2, 3)" in message
    assert "for: input 0, element (1, 2) of shape (2, 3)" in message
    assert "analytic:  1.0" in message
    numerical = re.search(r"numerical: (\S+)", message)
    assert numerical is not None
    assert float(numerical[1]) == pytest.approx(2.0)
    assert "they differ by 1, relative 0.5; tolerated: 1e-05 + 0.001 * |numerical|" in message
    assert HERE in message
    assert "# the check" in message
    assert "hint: the rule of an operation is wrong" in message
    assert "float64" not in message


def test_the_worst_of_several_outputs_and_inputs() -> None:
    def f(a: Any, b: Any) -> Any:
        return a * b, a + 0.9 * b + 0.1 * b.detach(), gg.sum(b) + 5.0 * gg.sum(b.detach())

    with pytest.raises(gg.GradcheckError, match=r"output 2, element \(\) of shape \(\)(.|\n)*input 1, element \(0,\)"):
        gg.gradcheck(f, [leaf([1.0, 2.0]), leaf([3.0, 4.0])])


def test_false_instead_of_an_error() -> None:
    assert gg.gradcheck(wrong, leaf(np.ones((2, 3))), raise_exception=False) is False
    assert gg.gradcheck(gg.tanh, leaf([1.0]), raise_exception=False) is True


def test_float32_gets_a_hint() -> None:
    x = gg.tensor([0.5, 1.5], requires_grad=True)
    with pytest.raises(
        gg.GradcheckError, match="hint: use float64: float32 values are rounded too coarsely for eps=1e-06"
    ):
        gg.gradcheck(lambda v: gg.exp(v * 5.0), x)
    assert gg.gradcheck(gg.tanh, x, eps=1e-2, atol=1e-3, rtol=1e-2)


def test_a_kink_is_noticed() -> None:
    with pytest.raises(gg.GradcheckError, match="not smooth"):
        gg.gradcheck(gg.relu, leaf([0.0]))
    assert gg.gradcheck(gg.relu, leaf([-1.0, 1.0]))


def test_a_function_that_changes_from_call_to_call() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(gg.GradcheckError, match="not the same at each call"):
        gg.gradcheck(lambda x: x * rng.normal(), leaf([1.0]))


def test_infinities_and_nans() -> None:
    def nan_gradient(x: Any) -> Any:
        return gg.sqrt(x * 0.0) + x

    with pytest.raises(gg.GradcheckError, match=r"analytic:  (nan|inf)"):
        gg.gradcheck(nan_gradient, leaf([1.0]))


def test_tolerances_decide() -> None:
    def slightly_wrong(x: Any) -> Any:
        return x + 0.01 * x.detach()

    x = leaf([1.0])
    assert not gg.gradcheck(slightly_wrong, x, raise_exception=False)
    assert gg.gradcheck(slightly_wrong, x, atol=0.02)
    assert gg.gradcheck(slightly_wrong, x, rtol=0.02)


def test_refusals() -> None:
    with pytest.raises(
        gg.DTypeError, match=r"no input is a tensor that needs a gradient(.|\n)*hint: requires_grad=True"
    ):
        gg.gradcheck(gg.tanh, gg.tensor([1.0]))
    with pytest.raises(gg.DTypeError, match="no input is a tensor"):
        gg.gradcheck(gg.tanh, [np.ones(2)])
    with pytest.raises(gg.DTypeError, match="must return tensors, got float"):
        gg.gradcheck(lambda x: [float(x)], leaf(1.0))
