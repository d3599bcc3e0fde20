"""Functions of functions: arguments, orders, nesting, closures, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg

HERE = Path(__file__).name


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


def f64(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64")


# ---- arguments


def product(a: Any, b: Any, c: Any) -> Any:
    return gg.sum(a * b * b * c)


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [(0, 36.0), (1, 48.0), (2, 18.0), (-1, 18.0), (-3, 36.0)],
)
def test_one_argument(argnums: int, expected: float) -> None:
    g = gg.grad(product, argnums=argnums)(2.0, 3.0, 4.0)
    assert isinstance(g, gg.Tensor)
    assert g.item() == expected
    assert g.dtype == np.float32
    assert not g.requires_grad


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        ((0,), [36.0]),
        ((0, 1), [36.0, 48.0]),
        ((2, 0), [18.0, 36.0]),
        ([1, -1], [48.0, 18.0]),
        ((0, -3), [36.0, 36.0]),
        ((1, 1), [48.0] * 2),
        ((), []),
    ],
)
def test_several_arguments_give_a_tuple(argnums: Any, expected: list[float]) -> None:
    g = gg.grad(product, argnums=argnums)(2.0, 3.0, 4.0)
    assert type(g) is tuple
    assert [one.item() for one in g] == expected


@pytest.mark.parametrize("argnums", [3, -4, (0, 3)])
def test_an_argument_that_was_not_given(argnums: Any) -> None:
    with pytest.raises(TypeError, match=r"argnums names argument -?\d, but 3 were given") as caught:
        gg.grad(product, argnums=argnums)(2.0, 3.0, 4.0)
    assert HERE in str(caught.value)


def test_arguments_of_any_form() -> None:
    total = gg.grad(lambda v: gg.sum(v * v))
    for argument in ([1.0, 2.0], (1.0, 2.0), np.array([1.0, 2.0], np.float32), gg.tensor([1.0, 2.0]), leaf([1.0, 2.0])):
        assert total(argument).tolist() == [2.0, 4.0]
    assert total(np.array([1.0, 2.0])).dtype == np.float64
    assert total(3.0).item() == 6.0
    assert total(np.float64(3.0)).dtype == np.float64


def test_other_arguments_pass_as_they_are() -> None:
    seen: list[Any] = []

    def f(x: Any, word: str, *rest: Any, flag: bool = False) -> Any:
        seen.extend([word, rest, flag])
        return x * 2.0 if flag else x

    assert gg.grad(f)(1.0, "word", None, [1], flag=True).item() == 2.0
    assert seen == ["word", (None, [1]), True]


def test_has_aux() -> None:
    def f(x: Any) -> Any:
        return x * x, {"seen": float(x), "list": [1, 2]}

    g, aux = gg.grad(f, has_aux=True)(3.0)
    assert (g.item(), aux) == (6.0, {"seen": 3.0, "list": [1, 2]})
    (value, aux), g = gg.value_and_grad(f, has_aux=True)(3.0)
    assert (value.item(), aux["seen"], g.item()) == (9.0, 3.0, 6.0)
    (value, _), (g,) = gg.value_and_grad(f, argnums=(0,), has_aux=True)(3.0)
    assert (value.item(), g.item()) == (9.0, 6.0)


def test_a_value_that_does_not_depend_on_the_argument() -> None:
    c, w = f64(5.0), leaf(5.0)
    for f in (
        lambda x: c,
        lambda x: c * 2,
        lambda x: gg.sum(x).detach(),
        lambda x: w * 2.0,
        lambda x: gg.sum(x > 0) * c,
    ):
        g = gg.grad(f)(np.array([1.0, 2.0]))
        assert g.tolist() == [0.0, 0.0]
        assert g.dtype == np.float64
    a, b = gg.grad(lambda x, y: gg.sum(x), argnums=(0, 1))([1.0, 1.0], [[1.0]])
    assert (a.tolist(), b.tolist()) == ([1.0, 1.0], [[0.0]])


def test_the_identity_function() -> None:
    value, g = gg.value_and_grad(lambda x: x)(3.0)
    assert (value.item(), g.item()) == (3.0, 1.0)
    x = leaf(3.0)
    assert gg.grad(lambda x: x)(x).item() == 1.0
    assert gg.grad(gg.grad(lambda x: x))(3.0).item() == 0.0
    assert x.grad is None


def test_the_same_tensor_for_two_arguments() -> None:
    x = f64(3.0)
    a, b = gg.grad(lambda u, v: u * u * v, argnums=(0, 1))(x, x)
    assert (a.item(), b.item()) == (18.0, 9.0)


def test_the_answer_belongs_to_the_caller() -> None:
    x = np.array([1.0, 2.0])
    a, b = gg.grad(lambda u, v: gg.sum(u + v), argnums=(0, 1))(x, x)
    a.data[...] = 7.0
    assert b.tolist() == [1.0, 1.0]
    assert x.tolist() == [1.0, 2.0]


# ---- nothing else is touched


def test_no_grad_of_anything_is_touched() -> None:
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    s = gg.scalar(2.0)
    w.grad = f64([9.0, 9.0])
    value, g = gg.value_and_grad(lambda v: gg.sum(v * w))(x)
    assert (value.item(), g.tolist()) == (11.0, [3.0, 4.0])
    gg.value_and_grad(lambda v: v * v)(s)
    assert x.grad is None
    assert s.grad is None
    assert w.grad.tolist() == [9.0, 9.0]


def test_they_work_under_no_grad_and_leave_the_mode_alone() -> None:
    x, s = leaf(3.0), gg.scalar(3.0)
    with gg.no_grad():
        assert gg.grad(lambda v: v * v)(3.0).item() == 6.0
        assert gg.grad(lambda v: v * v)(x).item() == 6.0
        assert gg.grad(lambda v: v * v)(s).data == 6.0
        assert gg.grad(gg.grad(lambda v: v**3))(2.0).item() == 12.0
        assert not gg.is_grad_enabled()
    assert gg.is_grad_enabled()


def test_the_wrapper_keeps_name_and_doc() -> None:
    def loss(x: Any) -> Any:
        """Say how bad it is."""
        return x

    assert (gg.grad(loss).__name__, gg.value_and_grad(loss).__doc__) == ("loss", "Say how bad it is.")


# ---- orders


def order(f: Callable[..., Any], n: int) -> Callable[..., Any]:
    for _ in range(n):
        f = gg.grad(f)
    return f


CLOSED: list[tuple[str, Callable[[Any], Any], Callable[[float, int], float]]] = [
    ("x^5", lambda x: x**5, lambda x, n: math.perm(5, n) * x ** (5 - n)),
    ("exp 2x", lambda x: gg.exp(x * 2.0), lambda x, n: 2.0**n * math.exp(2 * x)),
    ("log", gg.log, lambda x, n: math.log(x) if n == 0 else (-1) ** (n - 1) * math.factorial(n - 1) / x**n),
    ("1/x", lambda x: 1.0 / x, lambda x, n: (-1) ** n * math.factorial(n) / x ** (n + 1)),
    ("sqrt", gg.sqrt, lambda x, n: math.prod(0.5 - k for k in range(n)) * x ** (0.5 - n)),
    ("x x", lambda x: x * x, lambda x, n: [x * x, 2 * x, 2.0, 0.0, 0.0, 0.0][n]),
    ("2^x", lambda x: 2.0**x, lambda x, n: math.log(2.0) ** n * 2.0**x),
]


@pytest.mark.parametrize("n", range(6))
@pytest.mark.parametrize(("f", "closed"), [case[1:] for case in CLOSED], ids=[case[0] for case in CLOSED])
def test_any_order_against_the_closed_form(
    f: Callable[[Any], Any], closed: Callable[[float, int], float], n: int
) -> None:
    x = 0.7
    assert float(order(f, n)(f64(x))) == pytest.approx(closed(x, n), rel=1e-10, abs=1e-12)
    assert float(order(f, n)(gg.scalar(x))) == pytest.approx(closed(x, n), rel=1e-10, abs=1e-12)


def test_orders_of_tanh() -> None:
    t = math.tanh(0.4)
    u = 1 - t * t
    expected = [t, u, -2 * t * u, u * (6 * t * t - 2), u * t * (16 - 24 * t * t)]
    for n, value in enumerate(expected):
        assert float(order(gg.tanh, n)(f64(0.4))) == pytest.approx(value, rel=1e-12)


def test_a_hessian_by_rows() -> None:
    def f(v: Any) -> Any:
        return v[0] ** 2 * v[1] + gg.exp(v[1])

    x = f64([2.0, 3.0])
    rows = [gg.grad(lambda v, i=i: gg.grad(f)(v)[i])(x).tolist() for i in range(2)]
    assert np.allclose(rows, [[6.0, 4.0], [4.0, math.exp(3.0)]])


# ---- nesting


def test_perturbation_confusion() -> None:
    """d/dx [x · d/dy (x + y)] is 1, and 2 for whoever takes the inner variable for the outer one."""
    for x in (3.0, f64(3.0), gg.scalar(3.0)):
        one = gg.scalar(1.0) if isinstance(x, gg.Scalar) else 1.0
        g = gg.grad(lambda x, one=one: x * gg.grad(lambda y: x + y)(one))(x)
        assert float(g) == 1.0


def test_an_inner_gradient_at_the_outer_variable() -> None:
    # d/dx [x · (d/dy (x y²) at y = x)] = d/dx [2x³] = 6x²
    g = gg.grad(lambda x: x * gg.grad(lambda y: x * y * y)(x))(f64(2.0))
    assert g.item() == 24.0
    s = gg.grad(lambda x: x * gg.grad(lambda y: x * y * y)(x))(gg.scalar(2.0))
    assert s.data == 24.0


def test_three_levels_in_three_variables() -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        return x**3 * y**2 * z

    mixed = gg.grad(gg.grad(gg.grad(f, argnums=0), argnums=1), argnums=2)
    assert mixed(f64(2.0), f64(3.0), f64(5.0)).item() == 3 * 4 * 2 * 3.0
    assert mixed(gg.scalar(2.0), gg.scalar(3.0), gg.scalar(5.0)).data == 72.0


def test_a_gradient_penalty() -> None:
    """The norm of an inner gradient is trained: its own gradient reaches the parameters."""
    w = leaf([[0.5, -0.3], [0.2, 0.8]])
    x = f64([1.0, -2.0])

    def net(v: Any) -> Any:
        return gg.sum(gg.tanh(w @ v))

    penalty = gg.sum(gg.grad(net)(x) ** 2)
    assert penalty.requires_grad
    penalty.backward()
    assert w.grad is not None
    analytic = w.grad.data

    def value(array: np.ndarray) -> float:
        return float(np.sum(((1 - np.tanh(array @ x.data) ** 2) @ array) ** 2))

    for i in range(2):
        for j in range(2):
            step = np.zeros((2, 2))
            step[i, j] = 1e-6
            numerical = (value(w.data + step) - value(w.data - step)) / 2e-6
            assert analytic[i, j] == pytest.approx(numerical, rel=1e-6)


def test_the_value_keeps_its_graph_for_parameters() -> None:
    w = leaf(3.0)
    value, g = gg.value_and_grad(lambda x: w * w * x)(f64(2.0))
    assert value.requires_grad
    assert g.requires_grad
    (value + g).backward()
    assert w.grad is not None
    assert w.grad.item() == 12.0 + 6.0


def test_create_graph_can_be_switched_off() -> None:
    w = leaf(3.0)
    value, g = gg.value_and_grad(lambda x: w * x, create_graph=False)(2.0)
    assert not value.requires_grad
    assert not g.requires_grad
    assert (value.item(), g.item()) == (6.0, 3.0)


def test_without_parameters_nothing_is_kept() -> None:
    value, g = gg.value_and_grad(lambda x: gg.sum(x * x))([1.0, 2.0])
    assert value.is_leaf
    assert not value.requires_grad
    assert not g.requires_grad


def test_backward_inside_a_transformed_function() -> None:
    def f(x: Any) -> Any:
        inner = leaf(2.0)
        (inner**3).backward()
        assert inner.grad is not None
        return x * inner.grad

    assert gg.grad(f)(f64(5.0)).item() == 12.0


def test_differentiating_with_respect_to_a_computed_argument() -> None:
    w = leaf(2.0)
    g = gg.grad(lambda x: x**2)(w * 3.0)
    assert g.item() == 12.0
    g.backward()
    assert w.grad is not None
    assert w.grad.item() == 6.0


# ---- scalars


def test_scalars_in_scalars_out() -> None:
    a, b = gg.scalar(2.0), gg.scalar(3.0)
    value, (ga, gb) = gg.value_and_grad(lambda a, b: a * b + a, argnums=(0, 1))(a, b)
    assert (value.data, ga.data, gb.data) == (8.0, 4.0, 2.0)
    assert all(isinstance(one, gg.Scalar) for one in (value, ga, gb))
    assert gg.grad(lambda a: gg.scalar(5.0))(a).data == 0.0
    assert gg.grad(lambda a: a)(a).data == 1.0
    assert gg.grad(lambda a: a * a)(gg.scalar(3.0, requires_grad=False)).data == 6.0


def test_closure_parameters_of_scalars() -> None:
    w = gg.scalar(3.0)
    g = gg.grad(lambda x: w * x * x)(gg.scalar(2.0))
    assert g.data == 12.0
    g.backward()
    assert w.grad == 4.0


# ---- refusals


@pytest.mark.parametrize("argument", [3, [1, 2], True, np.arange(3), gg.tensor([1, 2])])
def test_an_argument_without_a_gradient(argument: Any) -> None:
    with pytest.raises(
        gg.DTypeError, match=r"argument 0 holds (int64|bool)(.|\n)*hint: write floats \(1\.0 for 1\)"
    ) as caught:
        gg.grad(lambda x: x)(argument)  # here
    assert HERE in str(caught.value)
    assert "# here" in str(caught.value)


@pytest.mark.parametrize("argument", ["x", None, [1.0, None], {"a": 1.0}])
def test_an_argument_that_is_no_number(argument: Any) -> None:
    with pytest.raises(gg.DTypeError, match="grad: "):
        gg.grad(lambda x: x)(argument)


@pytest.mark.parametrize(
    "result", [lambda x: float(x), lambda x: x.data, lambda x: None, lambda x: (x, x), lambda x: [x]]
)
def test_a_result_that_is_no_tensor(result: Callable[[Any], Any]) -> None:
    with pytest.raises(
        gg.DTypeError, match=r"must return a tensor or a Scalar(.|\n)*hint: use graphgrad's operations"
    ) as caught:
        gg.grad(result)(1.0)
    assert HERE in str(caught.value)


def test_a_result_that_is_no_single_number() -> None:
    with pytest.raises(gg.ShapeError, match=r"must return one number, got shape \(2,\)(.|\n)*hint: reduce it"):
        gg.grad(lambda x: x * 2.0)([1.0, 2.0])
    with pytest.raises(gg.ShapeError, match=r"got shape \(0,\)"):
        gg.grad(lambda x: x)([])
    assert gg.grad(lambda x: x[:1])([1.0, 2.0]).tolist() == [1.0, 0.0]


def test_a_result_without_floats() -> None:
    with pytest.raises(gg.DTypeError, match="must return floats, got bool"):
        gg.grad(lambda x: x > 0.0)(1.0)


def test_a_result_of_the_other_kind_that_depends_on_nothing() -> None:
    assert gg.grad(lambda x: gg.scalar(1.0) * 2.0)(1.0).tolist() == 0.0
    slope = gg.grad(lambda x: gg.tensor(1.0))(gg.scalar(1.0))
    assert isinstance(slope, gg.Scalar)
    assert slope.data == 0.0


def test_an_error_inside_passes_through() -> None:
    def f(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        gg.grad(f)(1.0)
    assert gg.is_grad_enabled()


# ---- what is recorded for whom


INNER: list[Callable[[Any, Any], Any]] = [
    lambda w, x: gg.grad(lambda v: gg.sum(gg.tanh(v * w)))(x),
    lambda w, x: gg.vjp(lambda v: gg.tanh(v * w), x)[1](x)[0],
    lambda w, x: gg.jvp(lambda v: gg.tanh(v * w), (x,), (x,))[1],
    lambda w, x: gg.jacobian(lambda v: gg.tanh(v * w))(x),
    lambda w, x: gg.grad(lambda v, u: gg.sum(gg.tanh(v * u)), (0, 1))(x, w)[1],
]


@pytest.mark.parametrize("inner", INNER)
def test_an_inner_derivative_asks_for_no_gradient_of_its_own(inner: Callable[[Any, Any], Any]) -> None:
    """Its arguments are its own affair: an outer derivative has nothing to record for their sake."""
    x, w = gg.tensor([1.0, 2.0]), gg.tensor([0.5, -1.0])
    f = lambda w: gg.sum(inner(w, x) ** 2)
    assert not gg.grad(f)(w).requires_grad
    assert not gg.jvp(f, (w,), (w,))[1].requires_grad
    assert gg.grad(f)(gg.tensor(w.data, requires_grad=True)).requires_grad
    np.testing.assert_allclose(gg.grad(f)(w).data, gg.jacfwd(f)(w).data, rtol=1e-5)


def test_what_is_returned_beside_leaves_the_graph_too() -> None:
    x, w = gg.tensor([1.0, 2.0]), gg.tensor(3.0, requires_grad=True)
    f = lambda v: (gg.sum(v * v), {"twice": [v * 2, "text"], "same": v, "one": (gg.exp(v),)})
    for aux in (
        gg.grad(f, has_aux=True)(x)[1],
        gg.vjp(f, x, has_aux=True)[2],
        gg.jvp(f, (x,), (x,), has_aux=True)[2],
        gg.linearize(f, x, has_aux=True)[2],
        gg.jacobian(f, has_aux=True)(x)[1],
        gg.hessian(f, has_aux=True)(x)[1],
    ):
        assert aux["twice"][0].tolist() == [2.0, 4.0]
        assert aux["twice"][1] == "text"
        for one in (aux["twice"][0], aux["same"], aux["one"][0]):
            assert not one.requires_grad
    # A parameter gets its gradient through it, though the value doesn't depend on that.
    _, aux = gg.grad(lambda v: (gg.sum(v * v), gg.sum(gg.exp(v) * w)), has_aux=True)(x)
    aux.backward()
    assert w.grad is not None
    assert w.grad.item() == pytest.approx(np.exp([1.0, 2.0]).sum(), rel=1e-6)
    with gg.no_grad():
        _, aux = gg.grad(lambda v: (gg.sum(v * w), (v * w, w)), has_aux=True)(x)
    assert not aux[0].requires_grad
    assert aux[1] is w


@pytest.mark.parametrize("of", [gg.grad, gg.elementwise_grad, gg.jacobian, gg.numerical_grad])
def test_argnums_of_any_kind(of: Any) -> None:
    f = lambda a, b: gg.sum(a * b)
    a, b = gg.tensor([1.0, 2.0], dtype="float64"), gg.tensor([3.0, 4.0], dtype="float64")
    for one in (1, np.int64(1), -1):
        np.testing.assert_allclose(of(f, one)(a, b).data, [1.0, 2.0], rtol=1e-6)
    for several in ((0,), [np.int32(0)], range(1)):
        (only,) = of(f, several)(a, b)
        np.testing.assert_allclose(only.data, [3.0, 4.0], rtol=1e-6)
    assert of(f, ())(a, b) == ()
    for wrong in (1.0, "b", None, True, (0, 1.0)):
        with pytest.raises(TypeError, match="argnums is the number of an argument, or a tuple of such, got"):
            of(f, wrong)


def test_complex_results_need_a_direction() -> None:
    z = gg.tensor([1.0 + 2.0j, 3.0])
    for f, at in ((lambda v: v * v, z), (lambda v: v * 1j, gg.tensor([1.0, 2.0]))):
        with pytest.raises(gg.DTypeError, match="elementwise_grad: the function must return a real number"):
            gg.elementwise_grad(f)(at)
    np.testing.assert_allclose(gg.elementwise_grad(gg.abs)(z).data, z.data / np.abs(z.data), rtol=1e-6)
