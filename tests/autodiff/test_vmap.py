"""Functions of one example on many: axes, derivatives, nesting, what needs a loop, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff import batching
from graphgrad.autodiff.levels import ACTIVE
from graphgrad.ops import find

HERE = Path(__file__).name
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))
W = RNG.normal(size=(3, 2))


def f64(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64")


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


def net(x: Any, w: Any) -> Any:
    return gg.sum(gg.tanh(x @ w) ** 2)


def loop(f: Callable[..., Any], *stacked: Any) -> np.ndarray:
    return np.stack([f(*(f64(one) for one in ones)).data for ones in zip(*stacked, strict=True)])


@pytest.fixture
def runs() -> list[int]:
    return []


@pytest.fixture(autouse=True)
def no_level_is_left() -> Iterator[None]:
    yield
    assert ACTIVE.get() == ()


def close(ours: Any, theirs: Any) -> None:
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours.data, theirs, rtol=1e-12, atol=1e-14)


# ---- one run for all


def test_the_function_runs_once(runs: list[int]) -> None:
    def f(x: Any) -> Any:
        runs.append(1)
        assert (x.shape, x.ndim, x.size, len(x), x.dtype) == ((3,), 1, 3, 3, np.float64)
        assert (np.shape(x), np.ndim(x)) == ((3,), 1)
        a, b, _ = x
        return gg.softmax(x)[1:] * a + np.exp(b) - x.sum() + x.T.mean()

    found = gg.vmap(f)(X)
    assert len(runs) == 1
    close(found, loop(f, X))


def test_how_an_example_looks() -> None:
    seen: list[str] = []

    def f(x: Any) -> Any:
        seen.append(repr(x))
        return x

    gg.vmap(f)(X)
    assert seen == ["<one of 4 examples: tensor of shape (3,), float64>"]


def test_axes_in() -> None:
    dot = lambda x, y: gg.sum(x * y)
    expected = np.sum(X * X, axis=1)
    close(gg.vmap(dot)(X, X), expected)
    close(gg.vmap(dot, in_axes=1)(X.T, X.T), expected)
    close(gg.vmap(dot, in_axes=(0, 1))(X, X.T), expected)
    close(gg.vmap(dot, in_axes=(-1, 0))(X.T, X), expected)
    close(gg.vmap(dot, in_axes=[0, None])(X, X[0]), X @ X[0])
    close(gg.vmap(dot, in_axes=(None, 0))(X[0], X), X @ X[0])
    assert gg.vmap(lambda x, word: x * 2.0, in_axes=(0, None))([1.0, 2.0], "word").tolist() == [2.0, 4.0]


def test_axes_out() -> None:
    f = lambda x: (x[:2], gg.sum(x), 7.0)
    a, b, c = gg.vmap(f)(X)
    assert (a.shape, b.shape, c.tolist()) == ((4, 2), (4,), [7.0] * 4)
    a, b, c = gg.vmap(f, out_axes=(1, 0, None))(X)
    assert (a.shape, b.shape, c.item()) == ((2, 4), (4,), 7.0)
    assert gg.vmap(lambda x: x[:, None] * x, out_axes=-1)(X).shape == (3, 3, 4)
    assert type(gg.vmap(lambda x: [x])(X)) is list
    assert gg.vmap(lambda x: np.ones(2))(X).shape == (4, 2)


def test_arguments_by_name() -> None:
    f = lambda x, scale=1.0, flag=False: x * scale if flag else x
    assert gg.vmap(f)([1.0, 2.0], scale=np.array([10.0, 100.0]), flag=True).tolist() == [10.0, 200.0]
    assert gg.vmap(f)([1.0, 2.0], scale=3.0, flag=True).tolist() == [3.0, 6.0]


def test_what_the_function_closes_over_is_shared() -> None:
    w = f64(W)
    close(gg.vmap(lambda x: gg.tanh(x @ w))(X), np.tanh(X @ W))
    close(gg.vmap(lambda x: x * 2 + np.arange(3.0))(X), X * 2 + np.arange(3.0))


def test_integers_and_bools() -> None:
    found = gg.vmap(lambda i, x: gg.where(i > 1, x, -x))(np.array([0, 1, 2, 3]), X[:, 0])
    close(found, np.array([-1, -1, 1, 1]) * X[:, 0])


def test_no_examples() -> None:
    assert gg.vmap(lambda x: gg.sum(gg.tanh(x)))(np.zeros((0, 3))).shape == (0,)
    assert gg.vmap(gg.diag)(np.zeros((0, 3))).shape == (0, 3, 3)  # which has no rule


def test_dtypes_stay() -> None:
    assert gg.vmap(lambda x: x * 2.0 + 1)([1.0, 2.0]).dtype == np.float32
    assert gg.vmap(lambda x: x * np.float32(2))(X).dtype == np.float64


def test_the_mode_stays() -> None:
    x = leaf(X)
    with gg.no_grad():
        assert not gg.vmap(gg.tanh)(x).requires_grad
    assert gg.vmap(gg.tanh)(x).requires_grad


# ---- derivatives


def test_gradients_of_a_vmap() -> None:
    w, x = leaf(W), leaf(X)
    gg.sum(gg.vmap(net, in_axes=(0, None))(x, w) * f64([1.0, 2.0, 3.0, 4.0])).backward()
    plain_w, plain_x = leaf(W), leaf(X)
    gg.sum(gg.sum(gg.tanh(plain_x @ plain_w) ** 2, axis=1) * f64([1.0, 2.0, 3.0, 4.0])).backward()
    for ours, theirs in ((w, plain_w), (x, plain_x)):
        assert ours.grad is not None
        assert theirs.grad is not None
        close(ours.grad, theirs.grad.data)


def test_a_gradient_for_each_example() -> None:
    w = f64(W)
    close(gg.vmap(gg.grad(lambda x: net(x, w)))(X), loop(gg.grad(lambda x: net(x, w)), X))
    per_example = gg.vmap(gg.grad(net, argnums=1), in_axes=(0, None))(X, w)
    close(per_example, loop(lambda x: gg.grad(net, argnums=1)(x, w), X))
    value, (gx, gw) = gg.vmap(gg.value_and_grad(net, argnums=(0, 1)), in_axes=(0, None))(X, w)
    close(value, loop(lambda x: net(x, w), X))
    close(gx, loop(gg.grad(lambda x: net(x, w)), X))
    close(gw, per_example.data)


TRANSFORMS: list[tuple[str, Callable[[Any], Callable[..., Any]]]] = [
    ("hessian", gg.hessian),
    ("jacrev", lambda f: gg.jacrev(lambda x: gg.tanh(x) * f(x))),
    ("jacfwd", lambda f: gg.jacfwd(lambda x: gg.tanh(x) * f(x))),
    ("jvp", lambda f: lambda x: gg.jvp(f, (x,), (x * x,))[1]),
    ("vjp", lambda f: lambda x: gg.vjp(lambda v: gg.sin(v) * f(v), x)[1](x)[0]),
    ("hvp", lambda f: lambda x: gg.hvp(f, (x,), (f64([1.0, 2.0, 3.0]),))),
    ("grad of grad", lambda f: gg.grad(lambda x: gg.sum(gg.grad(f)(x) ** 2))),
    ("elementwise_grad", lambda f: gg.elementwise_grad(lambda x: gg.sin(x * x))),
    ("linearize", lambda f: lambda x: gg.linearize(f, x)[1](x)),
    ("softmax", lambda f: gg.jacobian(lambda x: gg.log_softmax(x * f(x)))),
    ("max", lambda f: gg.grad(lambda x: gg.max(x) * f(x))),
]


@pytest.mark.parametrize("transform", [case[1] for case in TRANSFORMS], ids=[case[0] for case in TRANSFORMS])
def test_transforms_of_each_example(transform: Any, runs: list[int]) -> None:
    w = f64(W)

    def f(x: Any) -> Any:
        runs.append(1)
        return net(x, w)

    found = gg.vmap(transform(f))(X)
    assert len(runs) <= 1
    close(found, loop(transform(f), X))


@pytest.mark.parametrize("outer", [gg.jacrev, gg.jacfwd], ids=["reverse", "forward"])
def test_jacobians_of_a_vmap(outer: Any) -> None:
    w = f64(W)
    found = outer(gg.vmap(lambda x: net(x, w)))(f64(X))
    expected = np.zeros((4, 4, 3))
    for k, row in enumerate(loop(gg.grad(lambda x: net(x, w)), X)):
        expected[k, k] = row
    close(found, expected)


def test_a_gradient_penalty_for_each_example() -> None:
    """The gradient of norms of gradients reaches the parameters through both."""
    w, plain = leaf(W), leaf(W)
    gg.sum(gg.vmap(lambda x: gg.sum(gg.grad(lambda v: net(v, w))(x) ** 2))(X)).backward()
    total: Any = 0.0
    for row in X:
        total = total + gg.sum(gg.grad(lambda v: net(v, plain))(f64(row)) ** 2)
    total.backward()
    assert w.grad is not None
    assert plain.grad is not None
    close(w.grad, plain.grad.data)


# ---- nesting


def test_every_pair() -> None:
    pairs = gg.vmap(lambda x: gg.vmap(lambda y: gg.sum(x * y))(X))(X)
    close(pairs, X @ X.T)
    close(gg.vmap(gg.vmap(lambda x: gg.tanh(x) * 2))(X), np.tanh(X) * 2)
    close(
        gg.vmap(gg.vmap(lambda x, y: x * y, in_axes=(None, 0)), in_axes=(0, None))(X[:, 0], X[:, 1]), X[:, :1] * X[:, 1]
    )


def test_derivatives_between_the_levels() -> None:
    inner = lambda x: gg.sum(gg.vmap(lambda y: gg.sum(gg.sin(x * y)))(f64(X)))
    expected = np.stack([np.sum(np.cos(x * X) * X, axis=0) for x in X])
    close(gg.vmap(gg.grad(inner))(X), expected)
    second = np.stack([np.diag(np.sum(-np.sin(x * X) * X * X, axis=0)) for x in X])
    close(gg.vmap(gg.jacrev(gg.grad(inner)))(X), second)
    close(gg.vmap(gg.jacfwd(gg.grad(inner)))(X), second)
    by_pair = gg.vmap(lambda x: gg.vmap(gg.grad(lambda y: gg.sum(gg.sin(x * y))))(f64(X)))(X)
    close(by_pair, np.cos(X[:, None] * X) * X[:, None])


def test_a_pullback_from_outside() -> None:
    _, pullback = gg.vjp(lambda x: gg.tanh(x), f64(X[0]))
    (rows,) = gg.vmap(pullback)(np.eye(3))
    close(rows, np.diag(1 - np.tanh(X[0]) ** 2))

    def jacobian(x: Any) -> Any:
        _, pullback = gg.vjp(lambda v: gg.tanh(v) * gg.sum(v), x)
        return gg.vmap(pullback)(np.eye(3))[0]

    close(gg.vmap(jacobian)(X), loop(gg.jacrev(lambda v: gg.tanh(v) * gg.sum(v)), X))


# ---- when a loop is needed


def test_an_operation_without_a_rule_runs_for_each_example(monkeypatch: pytest.MonkeyPatch, runs: list[int]) -> None:
    names: list[str] = []
    real = batching._one_by_one

    def noting(batch: Any) -> Any:
        names.append(batch.op.name)
        return real(batch)

    monkeypatch.setattr(batching, "_one_by_one", noting)

    def f(x: Any) -> Any:
        runs.append(1)
        return gg.diag(gg.tanh(x)) * 2.0

    close(gg.vmap(f)(X), np.stack([np.diag(np.tanh(x)) * 2 for x in X]))
    assert (names, runs) == (["diag"], [1])
    x = leaf(X)
    gg.sum(gg.vmap(f)(x)).backward()
    assert x.grad is not None
    close(x.grad, 2 * (1 - np.tanh(X) ** 2))


ASKING: list[tuple[str, Callable[[Any], Any]]] = [
    ("if", lambda x: gg.sum(x) if gg.sum(x) > 0 else gg.sum(x * x)),
    ("while", lambda x: halved(x)),
    ("float", lambda x: x * float(x[0])),
    ("item", lambda x: x * x[0].item()),
    ("data", lambda x: x * x.data[0]),
    ("NumPy", lambda x: x * np.asarray(x).max()),
    ("format", lambda x: x * len(f"{x[0]:.3f}")),
    ("index", lambda x: x[gg.tensor(np.argsort(x.numpy()))]),
    ("in place", lambda x: filled(x)),
    ("backward", lambda x: own_gradient(x)),
    ("place in the graph", lambda x: x * (2.0 if x.is_leaf or x.node else 3.0)),
]


def halved(x: Any) -> Any:
    while gg.sum(x * x) > 0.5:
        x = x / 2.0
    return x


def filled(x: Any) -> Any:
    out = gg.zeros(3, dtype="float64")
    out[1] = x[2]
    out[0] = 5.0
    return out


def own_gradient(x: Any) -> Any:
    w = leaf(2.0)
    gg.sum(x * w * w).backward()
    assert w.grad is not None
    return x * w.grad.item()


@pytest.mark.parametrize("f", [case[1] for case in ASKING], ids=[case[0] for case in ASKING])
def test_a_function_that_asks_for_values_runs_for_each_example(f: Any) -> None:
    close(gg.vmap(f)(X), loop(f, X))
    first, (second,) = gg.vmap(lambda x: (f(x), [f(x * 2.0)]))(X)
    close(first, loop(f, X))
    close(second, loop(f, X * 2.0))


def test_derivatives_of_and_under_such_a_function() -> None:
    f = lambda x: gg.sum(x) if gg.sum(x) > 0 else gg.sum(x * x)
    expected = np.stack([np.ones(3) if x.sum() > 0 else 2 * x for x in X])
    close(gg.vmap(gg.grad(f))(X), expected)
    close(gg.grad(lambda xs: gg.sum(gg.vmap(f)(xs)))(f64(X)), expected)
    close(
        gg.vmap(lambda x: gg.vmap(lambda y: f(x * y))(f64(X)))(X),
        loop(lambda x: gg.vmap(lambda y: f(x * y))(f64(X)), X),
    )


def test_only_the_level_that_is_asked_runs_in_a_loop(runs: list[int]) -> None:
    def f(x: Any) -> Any:
        runs.append(1)
        return gg.vmap(lambda y: gg.sum(x) * y if float(y) > 0 else y)(f64([1.0, -1.0]))

    found = gg.vmap(f)(X)
    assert len(runs) == 1
    close(found, np.stack([[x.sum(), -1.0] for x in X]))


def test_the_callers_data_are_left_alone_by_what_writes_elsewhere() -> None:
    before = X.copy()
    gg.vmap(filled)(X)
    np.testing.assert_array_equal(before, X)


def test_a_seed_is_a_part_of_the_function() -> None:
    """The same draw for every example, as a loop with the same seed would make it."""
    dropout = lambda x: find("dropout").call(x, 0.5, seed=7)
    close(gg.vmap(dropout)(X), loop(dropout, X))


def test_a_result_of_another_shape_for_each_example() -> None:
    with pytest.raises(gg.ShapeError, match=r"getitem|nonzero|different shapes|must be alike"):
        gg.vmap(lambda x: x[x.data > 0])(np.array([[1.0, -1.0], [1.0, 1.0]]))


# ---- refusals


def test_wrong_axes() -> None:
    f = lambda x, y: x
    with pytest.raises(TypeError, match="in_axes names 3 axes for 2 arguments"):
        gg.vmap(f, in_axes=(0, 0, 0))(X, X)
    wrong: list[Any] = ["0", (0, "x"), (0, 1.0), True]
    for axes in wrong:
        with pytest.raises(TypeError, match="in_axes is an axis, None, or a tuple of these"):
            gg.vmap(f, in_axes=axes)(X, X)
    with pytest.raises(TypeError, match="no argument has examples"):
        gg.vmap(f, in_axes=None)(X, X)
    with pytest.raises(gg.ShapeError, match=r"argument 1 of shape \(4, 3\) has no axis 2"):
        gg.vmap(f, in_axes=(0, 2))(X, X)
    with pytest.raises(TypeError, match="out_axes names 2 axes for 3 results"):
        gg.vmap(lambda x: (x, x, x), out_axes=(0, 0))(X)
    with pytest.raises(gg.ShapeError, match="out_axes names axis 2, the result has 2 axes"):
        gg.vmap(lambda x: x, out_axes=2)(X)
    with pytest.raises(TypeError, match="out_axes is None for a result that isn't the same for all"):
        gg.vmap(lambda x: x, out_axes=None)(X)
    with pytest.raises(TypeError, match="out_axes is None for a result that isn't the same for all"):
        gg.vmap(lambda x: x * float(x[0]), out_axes=None)(X)


def test_unequal_numbers_of_examples() -> None:
    with pytest.raises(
        gg.ShapeError, match=r"same number of examples(.|\n)*argument 0: 4(.|\n)*argument 1: 3"
    ) as caught:
        gg.vmap(lambda x, y: x)(X, X[:3])  # here
    assert HERE in str(caught.value)
    assert "# here" in str(caught.value)


@pytest.mark.parametrize("argument", [1.0, "x", None, gg.scalar(1.0)])
def test_arguments_without_examples(argument: Any) -> None:
    with pytest.raises(gg.DTypeError, match=r"argument 0 has no examples(.|\n)*give it the axis None"):
        gg.vmap(lambda x: x)(argument)


def test_results_that_are_no_tensors() -> None:
    with pytest.raises(gg.DTypeError, match="must return tensors or numbers, or a tuple of them, got str"):
        gg.vmap(lambda x: "x")(X)
    with pytest.raises(gg.DTypeError, match="got dict"):
        gg.vmap(lambda x: {"x": x})(X)


def test_no_examples_and_a_function_that_asks_for_one() -> None:
    with pytest.raises(gg.ShapeError, match="there are no examples, and the function asks for the values of one"):
        gg.vmap(lambda x: x if x[0] > 0 else -x)(np.zeros((0, 3)))


def test_an_operation_that_refuses_speaks_of_one_example() -> None:
    with pytest.raises(
        gg.ShapeError, match=r"add: shapes \(3,\) and \(2,\) don't broadcast(.|\n)*a: shape \(3,\), float64"
    ):
        gg.vmap(lambda x: x + np.ones(2))(X)
    with pytest.raises(gg.ShapeError, match=r"axis 1 is out of range for 1 axes"):
        gg.vmap(lambda x: gg.sum(x, axis=1))(X)
    with pytest.raises(gg.ShapeError, match="grad: the function must return one number, got shape"):
        gg.vmap(gg.grad(lambda x: x))(X)


def test_an_example_that_was_kept() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x)
        return x

    gg.vmap(f)(X)
    with pytest.raises(gg.GraphError, match=r"vmap: a tensor of shape \(3,\), one of 4 examples, was kept until after"):
        kept[0].tolist()


def test_an_error_inside_passes_through() -> None:
    def f(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        gg.vmap(f)(X)


def test_the_wrapper_keeps_name_and_doc() -> None:
    def f(x: Any) -> Any:
        """Say what it is."""
        return x

    assert (gg.vmap(f).__name__, gg.vmap(f).__doc__) == ("f", "Say what it is.")


# ---- who watches


def test_a_recording_shows_the_operations_on_all_examples() -> None:
    with gg.record() as recording:
        y = gg.vmap(lambda x: gg.tanh(x) * 2.0)(leaf(X))
    assert [(node.op.name, node.shape) for node in recording.nodes] == [("tanh", (4, 3)), ("multiply", (4, 3))]
    assert y.graph().nodes[0].site is not None


def test_a_failing_operation_is_recorded_as_one_of_an_example() -> None:
    with gg.record() as recording, pytest.raises(gg.ShapeError):
        gg.vmap(lambda x: gg.tanh(x) + np.ones(2))(X)
    assert recording.failed is not None
    assert "don't broadcast" in str(recording.failed.error)
