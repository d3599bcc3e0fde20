"""The gradient check: right rules pass, wrong ones are named to the element."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff.complex_step import is_analytic
from graphgrad.autodiff.hooks import forward_hook
from graphgrad.ops import find
from tests.ops.declared import DIFFERENTIABLE, Case, each_case

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
    with pytest.raises(gg.DTypeError, match="must return tensors or Scalars, got float"):
        gg.gradcheck(lambda x: [float(x)], leaf(1.0))


# ---- why it failed


def test_a_kink_is_told_with_its_slopes() -> None:
    with pytest.raises(gg.GradcheckError) as caught:
        gg.gradcheck(gg.relu, leaf([-1.0, 0.0, 1.0]))
    message = str(caught.value)
    assert "element (1,)" in message
    assert "a kink, with slope 0 to the left and 1 to the right; 0 lies between" in message
    assert "a choice and no mistake; check beside it" in message
    assert "rule of an operation is wrong" not in message


def test_a_kink_with_a_wrong_slope() -> None:
    with pytest.raises(gg.GradcheckError, match=r"a kink, with slope -1 to the left and 1 to the right; 3 is neither"):
        gg.gradcheck(
            lambda x: gg.abs(x.detach()) + 3.0 * (x - x.detach()) + gg.abs(x) - gg.abs(x.detach()), leaf([0.0])
        )


def test_a_jump() -> None:
    with pytest.raises(gg.GradcheckError, match="not smooth here: it jumps, and has no slope"):
        gg.gradcheck(lambda x: gg.where(x >= 0.0, x + 1.0, x), leaf([0.0]))


def test_a_wrong_rule_is_no_kink() -> None:
    with pytest.raises(gg.GradcheckError, match="the rule of an operation is wrong"):
        gg.gradcheck(lambda x: gg.exp(x) + gg.sin(x.detach()), leaf([0.3]))


def test_digits_are_the_cause_only_if_more_of_them_help() -> None:
    x = gg.tensor([0.5, 1.5], requires_grad=True)
    with pytest.raises(gg.GradcheckError, match=r"use float64(.|\n)*with float64 values this element passes"):
        gg.gradcheck(lambda v: gg.exp(v * 5.0), x)
    with pytest.raises(gg.GradcheckError, match="float32 is not the cause, it fails in float64 too"):
        gg.gradcheck(lambda v: v * 2.0 * v.detach(), x)

    def single(v: Any) -> Any:
        if v.dtype == np.float64:
            raise gg.DTypeError("float32 only")
        return gg.exp(v * 5.0)

    with pytest.raises(
        gg.GradcheckError, match=r"hint: use float64: float32 values are rounded too coarsely for eps=1e-06$"
    ):
        gg.gradcheck(single, x)


@pytest.mark.curriculum("P01.26")
def test_the_relative_error_of_all_is_told_in_words() -> None:
    with pytest.raises(gg.GradcheckError, match=r"all elements together: relative error 0\.\d+, a bug"):
        gg.gradcheck(lambda x: x * 2.0 * x.detach(), leaf([1.0, 2.0]))
    with pytest.raises(gg.GradcheckError, match=r"relative error 5e-06, which wants a look at single elements"):
        gg.gradcheck(lambda x: x + 1e-5 * x.detach(), leaf([1.0, 1.0]), atol=1e-6, rtol=1e-6)
    with pytest.raises(gg.GradcheckError, match=r"relative error 5e-0[789], great: only single elements"):
        gg.gradcheck(lambda x: x + 1e-7 * x.detach(), leaf([1.0, 1.0]), atol=1e-9, rtol=1e-9)


# ---- the same at each call


def test_values_that_change_are_told_with_their_place() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(
        gg.GradcheckError, match=r"the values of output 1 are (.|\n)* at element \(0,\)(.|\n)*dropout off"
    ):
        gg.gradcheck(lambda x: (x, x + rng.normal()), leaf([1.0]))
    assert not gg.gradcheck(lambda x: x + rng.normal(), leaf([1.0]), raise_exception=False)
    counter = iter(range(100))
    assert gg.gradcheck(lambda x: x * (1.0 + 1e-15 * next(counter)), leaf([1.0]), nondet_tol=1e-12)
    sizes = iter([3, 3, 2])
    with pytest.raises(gg.GradcheckError, match=r"have shape \(\d,\) once, and \(\d,\) the next time"):
        gg.gradcheck(lambda x: x[: next(sizes)], leaf([1.0, 2.0, 3.0]))


def test_dropout_is_found_out() -> None:
    dropout = find("dropout").call
    with pytest.raises(gg.GradcheckError, match="the function is not the same at each call"):
        gg.gradcheck(lambda x: dropout(x, 0.5), leaf(np.ones(20)))
    assert gg.gradcheck(lambda x: dropout(x, 0.5, seed=3), leaf(np.ones(20)))
    assert gg.gradcheck(lambda x: dropout(x, 0.5, training=False), leaf(np.ones(20)))


# ---- a random direction


@pytest.mark.parametrize(("f", "inputs"), RIGHT)
@pytest.mark.parametrize("forward", [False, True])
def test_right_gradients_pass_along_a_direction(f: Callable[..., Any], inputs: list[Any], forward: bool) -> None:
    leaves = [leaf(values) for values in inputs]
    assert gg.gradcheck(f, leaves, fast_mode=True, check_forward_ad=forward, check_backward_ad=not forward) is True


def test_the_worst_element_is_named_in_fast_mode_too() -> None:
    with pytest.raises(gg.GradcheckError, match=r"element \(1, 2\) of shape \(2, 3\)"):
        gg.gradcheck(wrong, leaf(np.ones((2, 3))), fast_mode=True)
    assert not gg.gradcheck(wrong, leaf(np.ones((2, 3))), fast_mode=True, raise_exception=False)


def test_fast_mode_runs_the_function_a_few_times_only() -> None:
    runs = []

    def f(x: Any) -> Any:
        runs.append(1)
        return gg.tanh(x)

    x = leaf(np.linspace(-1, 1, 50))
    assert gg.gradcheck(f, x, fast_mode=True, method="central")
    assert len(runs) <= 5
    assert gg.gradcheck(f, x, fast_mode=True)
    assert len(runs) <= 5 + 8  # four more, to find out whether a complex step is possible
    runs.clear()
    assert gg.gradcheck(f, x, method="complex")
    assert 50 < len(runs) < 60
    assert gg.gradcheck(f, x, method="central")
    assert len(runs) > 150


def test_errors_that_add_up_along_a_direction_only() -> None:
    """Each element is off by less than is tolerated, which a direction tolerates as often as there are elements."""
    n = 40
    assert gg.gradcheck(lambda x: x + 0.9e-5 * x.detach(), leaf(np.ones(n)), rtol=0.0, fast_mode=True)
    assert gg.gradcheck(lambda x: x + 0.9e-5 * x.detach(), leaf(np.ones(n)), rtol=0.0)


# ---- forward mode


def test_forward_mode_is_checked_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    x = leaf([0.3, 0.7])
    assert gg.gradcheck(lambda v: (gg.softmax(v), gg.sum(v)), x, check_forward_ad=True)
    # A rule whose transpose isn't what forward mode takes it for.
    monkeypatch.setattr(find("log_softmax"), "elementwise", True)
    assert gg.gradcheck(gg.log_softmax, x)
    with pytest.raises(gg.GradcheckError, match="a derivative of forward mode differs"):
        gg.gradcheck(gg.log_softmax, x, check_forward_ad=True, check_backward_ad=False)


# ---- any inputs and outputs


def test_memory_in_any_order() -> None:
    whole = np.random.default_rng(0).normal(size=(4, 6))
    for view in (whole.T, whole[::2, ::-3], np.broadcast_to(whole[0], (2, 6)), np.asfortranarray(whole)):
        x = gg.asarray(view, requires_grad=True)
        before = view.copy()
        for fast in (False, True):
            assert gg.gradcheck(lambda v: gg.tanh(v @ v.T), x, fast_mode=fast, check_forward_ad=True)
        np.testing.assert_array_equal(view, before)


def test_scalars() -> None:
    a, b = gg.scalar(0.5), gg.scalar(2.0)
    f = lambda a, b: (a * gg.tanh(b), a + b)
    for fast in (False, True):
        assert gg.gradcheck(f, [a, b], check_forward_ad=True, fast_mode=fast)
        assert gg.gradgradcheck(f, [a, b], fast_mode=fast)
    with pytest.raises(gg.GradcheckError, match=r"of: output 0, element \(\) of shape \(\)(.|\n)*for: input 1"):
        gg.gradcheck(lambda a, b: a * b.detach(), [a, b])
    assert a.grad is None


# ---- the complex step

TIGHT: dict[str, Any] = {"atol": 1e-12, "rtol": 1e-12}
SMOOTH: list[tuple[Callable[..., Any], list[Any]]] = [
    (gg.tanh, [[0.5, -1.0]]),
    (lambda x: gg.sum(x**3 / (1.0 + x * x)), [[0.3, -1.2, 2.0]]),
    (lambda a, b: (gg.log(a @ b + 5.0), gg.sqrt(a)), [np.ones((2, 3)), np.arange(6.0).reshape(3, 2)]),
    (lambda x: gg.asin(x) + gg.acos(x) + gg.atan(x) + gg.atanh(x) + gg.asinh(x) + gg.acosh(x + 2.5), [[0.1, -0.7]]),
    (lambda x: gg.exp(x.reshape(2, 2).T)[[0, 1, 1], 0], [np.arange(4.0)]),
    (lambda x: gg.where(np.array([True, False]), gg.sin(x), x), [[0.1, 0.2]]),
    (lambda x: gg.jvp(lambda v: v**3, (x,), ([1.0, 2.0],))[1], [[0.5, -1.0]]),
    (lambda x: gg.vjp(lambda v: v**3, x)[1]([1.0, 2.0])[0], [[0.5, -1.0]]),
    (lambda x: gg.vmap(lambda v: gg.tanh(v) * x)(x), [[0.5, -1.0]]),
]


@pytest.mark.parametrize(("f", "inputs"), SMOOTH)
@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.filterwarnings("error")
def test_the_complex_step_has_all_digits(f: Callable[..., Any], inputs: list[Any], fast: bool) -> None:
    leaves = [leaf(values) for values in inputs]
    assert gg.gradcheck(f, leaves, check_forward_ad=True, fast_mode=fast, **TIGHT)
    assert gg.gradcheck(f, leaves, method="complex", fast_mode=fast, **TIGHT)
    assert not gg.gradcheck(f, leaves, method="central", raise_exception=False, **TIGHT)


def test_second_derivatives_by_complex_steps() -> None:
    f = lambda a, b: (gg.tanh(a @ b), gg.exp(a))
    leaves = [leaf([[0.3, -0.7]]), leaf([[0.5], [1.5]])]
    assert gg.gradgradcheck(f, leaves, method="complex", check_fwd_over_rev=True, **TIGHT)
    assert not gg.gradgradcheck(f, leaves, method="central", raise_exception=False, **TIGHT)
    with pytest.raises(gg.GradcheckError, match=r"complex step, h=1e-20"):
        gg.gradgradcheck(lambda x: x * x.detach() * 2.0 - x.detach() * x.detach(), leaf([1.0, 3.0]))


def test_a_slope_near_the_border_of_a_function() -> None:
    """Differences with a step of 1e-6 leave the domain, and would be far off if they didn't."""
    assert gg.gradcheck(gg.log, leaf([1e-9]))
    with np.errstate(invalid="ignore"):
        assert not gg.gradcheck(gg.log, leaf([1e-9]), method="central", raise_exception=False)


NOT_ANALYTIC: list[tuple[str, Callable[[Any], Any]]] = [
    ("abs isn't known to be analytic", gg.abs),
    ("conj isn't known to be analytic", lambda x: x * gg.conj(x)),
    ("real isn't known to be analytic", lambda x: gg.real(x) * x),
    ("angle isn't known to be analytic", lambda x: x + gg.angle(x)),
    ("relu isn't known to be analytic", gg.relu),
    ("maximum isn't known to be analytic", lambda x: gg.maximum(x, 0.0)),
    ("sign isn't known to be analytic", lambda x: x + gg.sign(x)),
    ("greater isn't known to be analytic", lambda x: gg.where(x > 0.0, x, 2.0 * x)),
    ("float", lambda x: x + float(x[0])),
]


@pytest.mark.parametrize(("obstacle", "f"), NOT_ANALYTIC)
def test_where_no_complex_step_is_possible(obstacle: str, f: Callable[[Any], Any]) -> None:
    x = leaf([0.5, -1.0])
    with pytest.raises(gg.DTypeError, match=f"no complex step is possible: .*{obstacle}(.|\n)*method=None"):
        gg.gradcheck(f, x, method="complex")
    if obstacle != "float":
        assert gg.gradcheck(f, x)
    with pytest.raises(gg.GradcheckError, match=rf"\(central difference, eps=1e-06; no complex step: .*{obstacle}.*\)"):
        gg.gradcheck(lambda v: f(v) + gg.sin(v.detach()), x)


def test_what_a_complex_step_is_for() -> None:
    with pytest.raises(gg.DTypeError, match="it is for float64"):
        gg.gradcheck(gg.tanh, gg.tensor([0.5], requires_grad=True), method="complex")
    for f, x in (
        (lambda a: a * a, gg.scalar(2.0)),
        (lambda z: z * z, gg.tensor([1.0 + 2.0j], dtype="complex128", requires_grad=True)),
        (lambda x: x * 1j, leaf([1.0])),
    ):
        with pytest.raises(gg.DTypeError, match="it is for tensors of real numbers"):
            gg.gradcheck(f, x, method="complex")
        assert gg.gradcheck(f, x)
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(gg.DTypeError, match="the function has other values on complex numbers"),
    ):
        gg.gradcheck(gg.log, leaf([-1.0]), method="complex")
    with pytest.raises(ValueError, match="method is 'complex', 'central' or None, got 'forward'"):
        gg.gradcheck(gg.tanh, leaf([0.5]), method="forward")  # type: ignore[arg-type]


def test_numbers_that_leave_the_graph_are_noticed() -> None:
    """What NumPy makes of them no operation sees; differences do."""
    f = lambda x: x * np.abs(x.data)
    with pytest.raises(gg.GradcheckError, match="eps=1e-06; no complex step: differences contradict it"):
        gg.gradcheck(f, leaf([0.5, -1.0]))


def test_the_way_is_told() -> None:
    with pytest.raises(gg.GradcheckError) as caught:
        gg.gradcheck(lambda x: gg.exp(x) + x.detach(), leaf([0.5]))
    message = str(caught.value)
    assert message.startswith("gradcheck: a derivative differs from the complex step\n")
    assert "  (complex step, h=1e-20)\n" in message
    assert "hint: the rule of an operation is wrong: what a complex step goes through is smooth" in message
    with pytest.raises(gg.GradcheckError, match=r"differs from the difference quotient(.|\n)*difference, eps=1e-06\)"):
        gg.gradcheck(lambda x: gg.exp(x) + x.detach(), leaf([0.5]), method="central")


def test_nobody_hears_of_a_complex_step() -> None:
    seen: list[Any] = []
    with (
        gg.record() as recording,
        gg.detect_anomaly(),
        forward_hook(lambda node, inputs, outputs: seen.extend(one.dtype.kind for one in outputs)),
    ):
        assert gg.gradcheck(gg.abs, leaf([0.5]))
        assert gg.gradcheck(gg.tanh, leaf([0.5]))
    assert set(seen) == {"f"}
    assert recording.failed is None
    with pytest.raises(gg.DTypeError, match="complex numbers are not supported"):
        gg.tanh(gg.tensor([1j]))


# Their result is real, or complex, whatever the operand is.
OF_PARTS = ("real", "imag", "view_as_real", "irfft", "irfft2", "irfftn", "hfft", "astype")


@each_case([case for case in DIFFERENTIABLE if is_analytic(case.op) and case.op.name not in OF_PARTS])
def test_rules_against_the_complex_step(case: Case) -> None:
    """To all digits, for every operation that one goes through."""
    leaves = case.tensors()
    real = [place for place, one in enumerate(case.run(leaves)) if one.dtype.kind == "f"]
    if real:  # those of a Fourier transform are complex
        function = lambda *operands: [case.run(operands)[place] for place in real]
        assert gg.gradcheck(function, leaves, fast_mode=True, method="complex", check_forward_ad=True, **TIGHT)


@pytest.mark.parametrize("name", OF_PARTS[:-1])
def test_an_operation_that_takes_parts_lets_no_complex_step_through(name: str) -> None:
    with pytest.raises(gg.DTypeError, match=f"no complex step is possible: {name} isn't known to be analytic"):
        gg.gradcheck(find(name).call, leaf([[0.5, 1.0, 2.0]]), method="complex")


# ---- second derivatives


def test_right_second_derivatives_pass() -> None:
    x, w = leaf([[0.3, -0.7]]), leaf([[0.5], [1.5]])
    f = lambda x, w: (gg.tanh(x @ w), gg.sum(x * x))
    for fast in (False, True):
        assert gg.gradgradcheck(f, [x, w], fast_mode=fast, check_fwd_over_rev=True)
    assert gg.gradgradcheck(f, [x, gg.tensor(w.data)])
    assert gg.gradgradcheck(gg.exp, x, [leaf([[1.0, -2.0]])])
    assert x.grad is None


def test_a_wrong_second_derivative_is_named() -> None:
    # x² with the right slope 2x, of which half is held fast.
    f = lambda x: x * x.detach() * 2.0 - x.detach() * x.detach()
    x = leaf([1.0, 3.0])
    assert gg.gradcheck(f, x)
    with pytest.raises(gg.GradcheckError, match=r"of: output 0, element \(\d,\)(.|\n)*for: input 0, element"):
        gg.gradgradcheck(f, x)
    assert not gg.gradgradcheck(f, x, raise_exception=False)


def test_upstream_gradients_must_fit() -> None:
    with pytest.raises(TypeError, match="1 results, and 2 upstream gradients"):
        gg.gradgradcheck(gg.exp, leaf([1.0]), [leaf([1.0]), leaf([1.0])])
