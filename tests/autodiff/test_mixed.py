"""Graphs of tensors and scalars: one pass through both gives what a pass through either kind alone would give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import graphgrad as gg

Function = Callable[..., Any]
N = 3


def f64(values: Any, name: str | None = None) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True, name=name)


def floats(tensor: gg.Tensor | None) -> Any:
    assert tensor is not None
    return tensor.tolist()


# ---- against the same computation in one kind: a program is a list of steps, each on scalars or on tensors

ON_SCALARS: list[Function] = [
    lambda a, b, c: [a * b, b + c * 0.5, c - a],
    lambda a, b, c: [gg.tanh(a), gg.sigmoid(b * c), c * 0.7],
    lambda a, b, c: [a / (b * b + 1.5), gg.sin(c), a * a * 0.3],
    lambda a, b, c: [gg.exp(a * 0.1) - 1.0, b, b],
    lambda a, b, c: [1.25, gg.sqrt(a * a + 0.5), gg.log(c * c + 1.0)],
]
ON_TENSORS: list[Function] = [
    lambda t, w: gg.tanh(t) * w,
    lambda t, w: t - gg.mean(t * w),
    lambda t, w: gg.sin(t + w)[::-1],
    lambda t, w: gg.softmax(t, axis=0) * t + 0.1,
    lambda t, w: gg.matmul(gg.outer(t, w), t) * 0.2,
]
Program = list[tuple[bool, int]]
programs = st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=6)


def run_mixed(x: gg.Tensor, w: gg.Tensor, program: Program) -> gg.Tensor:
    """Each step in its own kind, over the bridges; some results cross without need."""
    t = x
    for is_scalar, which in program:
        if is_scalar:
            t = gg.stack(ON_SCALARS[which](*t.scalars()))
        else:
            t = ON_TENSORS[which](t, w)
    return gg.sum(t * t)


def run_on_tensors(x: gg.Tensor, w: gg.Tensor, program: Program) -> gg.Tensor:
    t = x
    for is_scalar, which in program:
        if is_scalar:
            parts = ON_SCALARS[which](*(t[i] for i in range(N)))
            t = gg.stack([one if isinstance(one, gg.Tensor) else gg.tensor(one, dtype="float64") for one in parts])
        else:
            t = ON_TENSORS[which](t, w)
    return gg.sum(t * t)


points = st.lists(st.floats(-2, 2, width=32), min_size=N, max_size=N)


@settings(max_examples=60, deadline=None)
@given(program=programs, at=points, weights=points)
def test_gradients_are_those_of_tensors_alone(program: Program, at: list[float], weights: list[float]) -> None:
    x, w, x2, w2 = f64(at), f64(weights), f64(at), f64(weights)
    y, y2 = run_mixed(x, w, program), run_on_tensors(x2, w2, program)
    np.testing.assert_allclose(y.data, y2.data, 1e-12, 1e-12)
    y.backward()
    y2.backward()
    for one, other in ((x, x2), (w, w2)):
        if other.grad is None:
            assert one.grad is None
        else:
            np.testing.assert_allclose(floats(one.grad), floats(other.grad), 1e-9, 1e-9)


@settings(max_examples=25, deadline=None)
@given(program=programs, at=points)
def test_second_derivatives_are_those_of_tensors_alone(program: Program, at: list[float]) -> None:
    w = gg.tensor([0.3, -0.8, 1.1], dtype="float64")
    v = gg.tensor([1.0, -2.0, 0.5], dtype="float64")
    functions = [lambda t, run=run: run(t, w, program) for run in (run_mixed, run_on_tensors)]
    x = gg.tensor(at, dtype="float64")
    for transform in (
        lambda f: gg.hessian(f)(x),
        lambda f: gg.jvp(f, (x,), (v,))[1],
        lambda f: gg.hvp(f, (x,), (v,)),
        lambda f: gg.grad(lambda t: gg.sum(gg.grad(f)(t) * v))(x),
        lambda f: gg.jacfwd(f)(x),
    ):
        ours, theirs = (transform(f) for f in functions)
        np.testing.assert_allclose(ours.data, theirs.data, 1e-8, 1e-8)


@settings(max_examples=40, deadline=None)
@given(program=st.lists(st.integers(0, 4), min_size=1, max_size=5), at=points, cut=st.integers(0, 5))
def test_gradients_are_those_of_scalars_alone(program: list[int], at: list[float], cut: int) -> None:
    """The same bits: to cross over and back changes no number."""
    ours, theirs = [[gg.scalar(one) for one in at] for _ in range(2)]
    state, alone = list(ours), list(theirs)
    for k, which in enumerate(program):
        state, alone = (
            [one if isinstance(one, gg.Scalar) else gg.scalar(one, False) for one in ON_SCALARS[which](*row)]
            for row in (state, alone)
        )
        if k == cut:
            state = gg.stack(state).scalars()
    y, y2 = (one[0] * one[1] + one[2] * 1.0 for one in (state, alone))
    assert y.data == y2.data
    if not y2.requires_grad:
        assert not y.requires_grad
        return
    y.backward(2.0)
    y2.backward(2.0)
    np.testing.assert_allclose([one.grad or 0.0 for one in ours], [one.grad or 0.0 for one in theirs], 1e-13, 1e-13)


def test_the_gradient_of_a_scalar_between_tensors() -> None:
    x = f64([2.0, 3.0])
    a, b = x.scalars()
    c = a * b
    y = gg.sum(gg.stack([c, c * c]) ** 2)  # c² + c⁴
    y.backward()
    assert c.grad == 2 * 6 + 4 * 6**3
    assert (a.grad, b.grad) == (3 * 876.0, 2 * 876.0)
    assert floats(x.grad) == [3 * 876.0, 2 * 876.0]


def test_leaves_of_both_kinds_add_up_and_results_have_the_last() -> None:
    x, s = f64([1.0, 2.0]), gg.scalar(3.0)
    for passes in (1, 2):
        a, b = x.scalars()
        y = gg.stack([a * s, b * s])
        gg.sum(y).backward()
        assert floats(x.grad) == [3.0 * passes, 3.0 * passes]
        assert s.grad == 3.0 * passes
        assert a.grad == 3.0


def test_a_pass_from_an_element_itself() -> None:
    x = f64([[1.0, 2.0], [3.0, 4.0]])
    x.scalars()[1][0].backward(5.0)
    assert floats(x.grad) == [[0.0, 0.0], [5.0, 0.0]]


def test_one_scalar_stacked_twice_and_one_tensor_crossed_twice() -> None:
    x = f64([2.0, 5.0])
    a, _ = x.scalars()
    _, b = x.scalars()
    gg.sum(gg.stack([a, a, b, 1.0]) * [1.0, 10.0, 100.0, 1000.0]).backward()
    assert floats(x.grad) == [11.0, 100.0]


def test_float32_tensors_and_back() -> None:
    x = gg.tensor([0.1, 0.2], requires_grad=True)
    a, b = x.scalars()
    assert a.data == float(np.float32(0.1))
    t = gg.stack([a * b, b])
    assert t.dtype == np.float64
    y = gg.sum(gg.astype(t, "float32") * x)
    y.backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32
    np.testing.assert_allclose(x.grad.data, [2 * 0.1 * 0.2, 0.1**2 + 2 * 0.2], 1e-6)


def test_what_a_slice_of_a_matrix_receives() -> None:
    x = f64(np.arange(12.0).reshape(3, 4))
    rows = x.T[::2, 1:].scalars()  # neither contiguous nor in row-major order
    assert [[one.data for one in row] for row in rows] == [[4.0, 8.0], [6.0, 10.0]]
    gg.sum(gg.stack([[rows[0][0] * 2.0, rows[0][1]], [rows[1][0], rows[1][1] * 3.0]])).backward()
    assert floats(x.grad) == [[0, 0, 0, 0], [2, 0, 1, 0], [1, 0, 3, 0]]


# ---- functions of functions


def test_transforms_of_functions_of_both_kinds() -> None:
    def f(s: gg.Scalar, t: gg.Tensor) -> gg.Tensor:
        return gg.sum(gg.stack([s * s, s]) * t)

    s, t = gg.scalar(3.0), f64([1.0, 10.0])
    ds, dt = gg.grad(f, (0, 1))(s, t)
    assert isinstance(ds, gg.Scalar)
    assert ds.data == 2 * 3 + 10
    assert dt.tolist() == [9.0, 3.0]
    assert s.grad is None
    assert t.grad is None
    value, back = gg.vjp(lambda s, t: (gg.stack([s, s]) * t, s * t.scalars()[0]), s, t)
    assert (value[0].tolist(), value[1].data) == ([3.0, 30.0], 3.0)
    ds, dt = back(([1.0, 1.0], 100.0))
    assert (ds.data, dt.tolist()) == (11.0 + 100.0, [3.0 + 300.0, 3.0])
    value, moved = gg.jvp(f, (s, t), (1.0, [0.0, 1.0]))
    assert (value.item(), moved.item()) == (39.0, 16.0 + 3.0)
    assert gg.jvp(lambda t: t.scalars()[1] * 2.0, ([1.0, 4.0],), ([5.0, 7.0],))[1].data == 14.0


def test_a_gradient_that_depends_on_a_tensor_from_around() -> None:
    s, w = gg.scalar(3.0, requires_grad=False), f64([2.0, 5.0])  # nothing but w needs a gradient
    slope = gg.grad(lambda s: s * s * w.scalars()[1])(s)
    assert slope.data == 30.0
    slope.backward()
    assert floats(w.grad) == [0.0, 6.0]
    h = gg.exp(w)
    along = gg.jvp(lambda s: gg.stack([s * s * h.scalars()[1]]), (s,), (1.0,))[1]
    w.grad = None
    gg.sum(along).backward()
    np.testing.assert_allclose(floats(w.grad), [0.0, 6.0 * np.exp(5.0)], 1e-12)


def test_jacobians_of_functions_of_both_kinds() -> None:
    s, t = gg.scalar(3.0), f64([1.0, 10.0])
    for make in (gg.jacrev, gg.jacfwd):
        ds, dt = make(lambda s, t: gg.stack([s * s, s, 1.0]) * gg.sum(t), (0, 1))(s, t)
        assert ds.tolist() == [6.0 * 11, 11.0, 0.0]
        assert dt.tolist() == [[9.0, 9.0], [3.0, 3.0], [1.0, 1.0]]
        of_t = make(lambda t: t.scalars()[0] * t.scalars()[1])(t)
        assert of_t.tolist() == [10.0, 1.0]


def test_derivatives_of_derivatives_over_the_bridges() -> None:
    def cube(s: Any) -> Any:
        return (gg.stack([s]) ** 3).scalars()[0]

    s = gg.scalar(2.0)
    assert [gg.grad(cube)(s).data, gg.grad(gg.grad(cube))(s).data] == [12.0, 12.0]
    assert gg.grad(gg.grad(gg.grad(cube)))(s).data == 6.0
    assert gg.grad(gg.grad(gg.grad(gg.grad(cube))))(s).data == 0.0
    assert gg.jvp(gg.grad(cube), (s,), (1.0,))[1].data == 12.0


def test_a_recorded_pass_can_be_differentiated() -> None:
    x = f64([1.0, 2.0])
    a, b = x.scalars()
    y = gg.sum(gg.stack([a * a * b, b]) ** 2)  # a⁴b² + b²
    y.backward(create_graph=True)
    assert x.grad is not None
    first = x.grad
    assert first.tolist() == [16.0, 8.0]
    assert a.grad == 16.0  # a number, as ever
    x.grad = None
    gg.sum(first).backward()
    assert floats(x.grad) == [12 * 4 + 8 * 2, 8 * 2 + 2 + 2]


def test_gradcheck_through_bridges() -> None:
    def f(t: gg.Tensor, s: gg.Scalar) -> gg.Tensor:
        a, b = (gg.tanh(t) * 2.0).scalars()
        return gg.exp(gg.stack([a * s, b * b + s])) * t

    inputs = [f64([0.3, -0.7]), gg.scalar(0.4)]
    assert gg.gradcheck(f, inputs, check_forward_ad=True)
    assert gg.gradgradcheck(f, inputs, check_fwd_over_rev=True)


def test_vmap_runs_over_bridges_example_by_example() -> None:
    def f(t: gg.Tensor) -> gg.Tensor:
        a, b = t.scalars()
        return gg.sum(gg.stack([a * b, b]))

    batch = f64([[1.0, 2.0], [3.0, 4.0]])
    assert gg.vmap(f)(batch).tolist() == [4.0, 16.0]
    assert gg.vmap(gg.grad(f))(batch).tolist() == [[2.0, 2.0], [4.0, 4.0]]


def test_a_checkpoint_over_bridges() -> None:
    def f(t: gg.Tensor) -> gg.Tensor:
        a, b = gg.exp(t).scalars()
        return gg.sum(gg.tanh(gg.stack([a * b, b])) ** 2)

    x, x2 = f64([0.1, 0.2]), f64([0.1, 0.2])
    gg.checkpoint(f, x).backward()
    f(x2).backward()
    assert floats(x.grad) == floats(x2.grad)
