"""Anomaly detection: the operation that made the first NaN or infinity is named, and nothing else is disturbed."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff.anomaly import AnomalyError, detect_anomaly
from graphgrad.autodiff.hooks import forward_hook
from graphgrad.graph.writes import is_locked

INF = float("inf")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """NumPy's own warnings in a forward pass are the user's to switch; what these tests compute gives many."""
    with np.errstate(all="ignore"):
        yield


def leaf(values: Any, name: str | None = None) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True, name=name)


def caught(function: Callable[[], Any], **checks: bool) -> str:
    with pytest.raises(AnomalyError) as error, detect_anomaly(**checks):
        function()
    return str(error.value)


# ---- forward ---------------------------------------------------------------------------------------------------------


def test_the_operation_its_operands_and_the_line_are_named() -> None:
    p = leaf([[1.0, 0.0], [2.0, 4.0]], "p")

    def run() -> None:
        with gg.scope("net"):
            h = gg.log(p) * 2  # here
        gg.sum(h).backward()

    first, *lines = caught(run).splitlines()
    assert first == "log: made inf of finite numbers"
    assert lines[0] == "  result: shape (2, 2), float64, between 0 and 1.386, 1 of 4 elements -inf, the first at (0, 1)"
    assert lines[1] == "  x: 'p', shape (2, 2), float64, between 0 and 4"
    assert lines[2] == "  in scope: net"
    assert re.fullmatch(r"  at: .*test_anomaly.py:\d+  h = gg.log\(p\) \* 2  # here", lines[3])
    assert lines[4].startswith("  hint: ")
    assert p.grad is None


MAKERS: list[tuple[Callable[[], Any], str]] = [
    (lambda: gg.log(gg.tensor([-1.0])), "log: made nan"),
    (lambda: gg.sqrt(leaf([-1.0])), "sqrt: made nan"),
    (lambda: gg.exp(gg.tensor([1000.0])), "exp: made inf of finite numbers"),
    (lambda: gg.tensor([0.0]) / 0.0, "divide: made nan"),
    (lambda: 1.0 / gg.tensor([0.0]), "divide: made inf of finite numbers"),
    (lambda: gg.tensor([INF]) - gg.tensor([INF]), "subtract: made nan"),
    (lambda: gg.concat([gg.tensor([1.0]), gg.tensor([np.nan])]), "concat: tensors[1] holds nan already"),
    (lambda: gg.tensor([np.nan]) * 2, "multiply: a holds nan already"),
    (lambda: gg.tensor([2.0]) * np.nan, "multiply: b holds nan already"),
    (lambda: leaf([INF]) * 2, "multiply: a holds inf already"),
    (lambda: gg.unbind(gg.tensor([np.nan, 1.0])), "unbind: x holds nan already"),
    (lambda: gg.scalar(1e300) ** 2, "power: made inf"),
    (lambda: gg.log(gg.scalar(0.0, requires_grad=False)), "log: made -inf"),
    (lambda: gg.scalar(np.nan) + 1, "add: a is nan already"),
    (lambda: gg.scalar(0.0) / 0.0, "divide: made nan"),
    (lambda: gg.scalar(INF) * 2, "multiply: a is inf already"),
]


@pytest.mark.parametrize(("make", "says"), MAKERS, ids=[says for _, says in MAKERS])
@pytest.mark.parametrize("context", [gg.enable_grad, gg.no_grad, gg.record])
def test_the_first_one_is_found(make: Callable[[], Any], says: str, context: Callable[[], Any]) -> None:
    def inside() -> None:
        with context():
            make()

    assert caught(inside).splitlines()[0] == says


MEANT: list[Callable[[], Any]] = [
    lambda: gg.where(np.array([True, False]), gg.tensor([1.0, 2.0]), -INF),
    lambda: gg.tensor([1.0, 2.0]) + gg.tensor([0.0, -INF]),
    lambda: gg.softmax(leaf([1.0, 2.0]) + np.array([0.0, -INF])),
    lambda: gg.logsumexp(gg.tensor([-INF, -INF])),
    lambda: gg.exp(gg.tensor([-INF])),
    lambda: gg.maximum(gg.tensor([np.nan]), 1.0) > 2,
    lambda: gg.where(np.array([False]), gg.tensor([np.nan]), 0.0),
    lambda: gg.scalar(-INF, requires_grad=False) + gg.scalar(1.0),
    lambda: gg.scalar(1.0) * INF,
]


@pytest.mark.parametrize("make", MEANT[:5] + MEANT[6:])
def test_what_somebody_put_there_is_no_anomaly(make: Callable[[], Any]) -> None:
    """Infinities of a mask pass; a NaN that an operation leaves behind isn't in its result."""
    with detect_anomaly():
        make()


def test_a_masked_softmax_passes_in_both_passes() -> None:
    scores = leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    mask = np.triu(np.full((2, 3), -INF), 1)
    with detect_anomaly():
        gg.sum(gg.softmax(scores + mask) ** 2).backward()
        gg.sum(gg.logsumexp(gg.where(mask == 0, scores, -INF), axis=1)).backward()
    assert scores.grad is not None
    assert np.isfinite(scores.grad.data).all()


def test_a_fully_masked_row_is_found() -> None:
    says = caught(lambda: gg.softmax(gg.tensor([[1.0, 2.0]]) + gg.tensor([-INF, -INF])))
    assert says.startswith("softmax: made nan\n")
    assert "2 of 2 elements -inf, the first at (0, 0)" in says


def test_what_is_looked_for_can_be_chosen() -> None:
    with detect_anomaly(check_inf=False):
        gg.exp(gg.tensor([1000.0]))
        gg.scalar(1e300) ** 2
    with detect_anomaly(check_nan=False):
        gg.log(gg.tensor([-1.0]))
    assert caught(lambda: gg.exp(gg.tensor([1000.0, np.nan])), check_nan=False).startswith("exp: made inf")
    assert caught(lambda: gg.log(gg.tensor([-1.0])), check_inf=False).startswith("log: made nan")


def test_outside_nothing_is_looked_at() -> None:
    with detect_anomaly():
        pass
    gg.log(gg.tensor([-1.0]))
    with pytest.raises(AnomalyError), detect_anomaly():
        gg.log(gg.tensor([-1.0]))
    gg.log(gg.tensor([-1.0]))


def test_it_is_local_to_its_thread() -> None:
    found: list[Any] = []

    def elsewhere() -> None:
        with np.errstate(all="ignore"):
            found.append(gg.log(gg.tensor([-1.0])))

    with detect_anomaly():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert len(found) == 1


def test_as_a_decorator() -> None:
    @detect_anomaly(check_inf=False)
    def f(x: gg.Tensor) -> gg.Tensor:
        return gg.log(x)

    f(gg.tensor([0.0]))
    with pytest.raises(AnomalyError):
        f(gg.tensor([-1.0]))


def test_it_is_a_floating_point_error_of_ours() -> None:
    assert issubclass(AnomalyError, FloatingPointError)
    assert issubclass(AnomalyError, gg.GraphgradError)


def test_a_recorded_script_shows_the_operation() -> None:
    with gg.record() as recording, pytest.raises(AnomalyError), detect_anomaly():
        gg.log(gg.tensor([-1.0]) * 1.0)
    assert recording.failed is not None
    failed = recording.failed.graph.failed
    assert failed is not None
    assert failed.op == "log"
    assert [node.op.name for node in recording.nodes] == ["multiply"]


# ---- backward --------------------------------------------------------------------------------------------------------


def test_the_forward_line_is_named() -> None:
    p = leaf([1.0, 0.0], "p")

    def run() -> None:
        with gg.scope("net"):
            root = gg.sqrt(p)  # forward
        loss = gg.sum(root * 3)
        loss.backward()  # backward

    lines = caught(run).splitlines()
    assert lines[0] == "backward of sqrt, result 'root': made inf of finite numbers"
    assert lines[1] == (
        "  what x receives: shape (2,), float64, between 1.5 and 1.5, 1 of 2 elements inf, the first at (1,)"
    )
    assert lines[2] == "  the gradient of its result: shape (2,), float64, between 3 and 3"
    assert lines[3] == "  x: 'p', shape (2,), float64"
    assert lines[4] == "  its result: shape (2,), float64, between 0 and 1"
    assert lines[5] == "  in scope: net"
    assert re.fullmatch(r"  made at: .*test_anomaly.py:\d+  root = gg.sqrt\(p\)  # forward", lines[6])
    assert re.fullmatch(r"  at: .*test_anomaly.py:\d+  loss.backward\(\)  # backward", lines[7])
    assert p.grad is None


def test_without_the_forward_pass_inside_it_says_how_to_get_the_line() -> None:
    p = leaf([1.0, 0.0])
    loss = gg.sum(gg.sqrt(p))
    says = caught(loss.backward)
    assert says.startswith("backward of sqrt: made inf")
    assert "made at" not in says
    assert "run the forward pass inside detect_anomaly() too" in says


def test_the_famous_where() -> None:
    """The branch that isn't chosen passes 0 · inf back."""
    x = leaf([0.0, 4.0])
    y = gg.sum(gg.where(x.data > 0, gg.sqrt(x), 0.0))
    assert caught(y.backward).startswith("backward of sqrt: made nan\n")


@pytest.mark.parametrize("create_graph", [False, True])
def test_sums_are_looked_at(create_graph: bool) -> None:
    x = leaf([1e308], "x")
    h = x * 1
    says = caught(lambda: (gg.sum(h * 1e308) + gg.sum(h * 1e308)).backward(create_graph=create_graph), check_nan=True)
    assert says.startswith("multiply: made inf")  # forward comes first
    y = gg.sum(h * 1e308) + gg.sum(h * 1e308)
    says = caught(lambda: y.backward(create_graph=create_graph))
    assert says.startswith("backward: the gradient of the result of multiply is inf once all of it has arrived")
    z = gg.sum(x * 1e308) + gg.sum(x * 1e308)
    says = caught(lambda: z.backward(create_graph=create_graph))
    assert says.startswith("backward: the gradient of leaf 'x' is inf once all of it has arrived")


def test_infinities_that_meet() -> None:
    x = leaf([0.0])
    h = x * 1
    y = gg.sum(gg.sqrt(h)) - gg.sum(gg.sqrt(h))
    assert caught(lambda: y.backward(retain_graph=True)).startswith("backward of sqrt: made inf")
    says = caught(y.backward, check_inf=False)
    assert says.startswith("backward: the gradient of the result of multiply is nan once all of it has arrived")


def test_a_seed_is_looked_at() -> None:
    y = leaf([1.0, 2.0]) * 2
    says = caught(lambda: y.backward(np.array([1.0, np.nan])))
    assert says.startswith("backward: the gradient of the result of multiply is nan")
    y = leaf([1.0, 2.0]) * 2
    with detect_anomaly():
        y.backward(np.array([1.0, INF]))  # this somebody means


def test_what_a_hook_returned_is_looked_at() -> None:
    h = leaf([1.0]) * 2
    h.register_hook(lambda g: g * np.nan)
    assert "what a hook returned" in caught(lambda: gg.sum(h).backward())


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_function_that_is_differentiated(create_graph: bool) -> None:
    def run() -> None:
        gg.grad(lambda x: gg.sum(gg.sqrt(x)), create_graph=create_graph)(leaf([0.0]))

    assert caught(run).startswith("backward of sqrt: made inf")


def test_a_fault_in_a_second_derivative_has_its_forward_line() -> None:
    """x ** 1.5 has a slope at 0 and no curvature: the operations of the first pass get the line of the power."""

    def run() -> None:
        x = leaf([0.0])
        y = x**1.5  # cusp
        gg.sum(y).backward(create_graph=True)
        assert x.grad is not None
        gg.sum(x.grad).backward()

    says = caught(run)
    assert says.startswith("backward of power")
    assert re.search(r"made at: .*  y = x\*\*1.5  # cusp", says)


def test_several_outputs_and_joint_rules() -> None:
    x = leaf([1.0, 0.0])
    parts = gg.unbind(x)
    y = gg.sqrt(parts[1]) + parts[0]
    assert caught(lambda: y.backward(retain_graph=True)).startswith("backward of sqrt")
    t = gg.tensor([0.0, 0.0], dtype="float64")
    loss = gg.nn.functional.mse_loss(gg.sqrt(x), t)
    assert caught(loss.backward).startswith("backward of sqrt")


@pytest.mark.parametrize("how", ["backward", "grad", "recorded"])
def test_scalars(how: str) -> None:
    def run() -> None:
        x = gg.scalar(0.0, name="x")
        with gg.scope("net"):
            root = gg.sqrt(x)  # forward
        if how == "backward":
            (root * 3).backward()
        elif how == "grad":
            gg.grad(lambda v: gg.sqrt(v) * 3)(x)
        else:
            gg.grad(gg.grad(lambda v: v**1.5))(x)

    says = caught(run)
    if how == "recorded":
        assert says.startswith("backward of power: made ")
        return
    assert says.startswith("backward of sqrt" + (", result 'root': made inf" if how == "backward" else ": made inf"))
    assert "\n  the gradient of its result: 3.0\n  x: 0.0\n" in says
    if how == "backward":
        assert "\n  in scope: net\n" in says
        assert re.search(r"made at: .*  root = gg.sqrt\(x\)  # forward", says)


def test_a_scalar_pass_that_failed_leaves_nothing_pending() -> None:
    x = gg.scalar(0.0)
    y = gg.sqrt(x) * 3 + x
    caught(y.backward)
    assert x.grad is None
    y.backward()
    assert x.grad == INF


def test_a_pass_that_failed_can_be_walked() -> None:
    """A walk shows a NaN as a state, so whoever keeps passes hears of this one too."""
    seen = []
    p = leaf([0.0], "p")
    with gg.record() as recording:
        recording.on_pass = lambda result, gradient: seen.append(gg.walk(result))
        caught(lambda: gg.sum(gg.sqrt(p)).backward())
    (walk,) = seen
    gradient = walk.end().gradient(p.number)
    assert gradient is not None
    assert gradient.tolist() == [INF]


# ---- the same numbers ------------------------------------------------------------------------------------------------


def network(x: Any, w: gg.Tensor, b: gg.Tensor) -> gg.Tensor:
    h = gg.tanh(x @ w + b) * 2
    h += 1
    first, second = gg.split(h, 2, axis=1)
    return gg.mean(gg.softmax(first * second) ** 2)


@pytest.mark.parametrize("create_graph", [False, True])
def test_no_bit_is_changed(create_graph: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 8))
    start = rng.normal(size=(8, 4)), rng.normal(size=4)
    found = []
    for watched in (False, True):
        w, b = map(leaf, start)
        if watched:
            with detect_anomaly():
                network(x, w, b).backward(create_graph=create_graph)
        else:
            network(x, w, b).backward(create_graph=create_graph)
        assert w.grad is not None
        assert b.grad is not None
        found.append((w.grad.tolist(), b.grad.tolist()))
    assert found[0] == found[1]


def test_hooks_are_called_in_it() -> None:
    seen: list[Any] = []
    x = leaf([1.0, 2.0])
    with detect_anomaly(), forward_hook(lambda node, inputs, outputs: seen.append(node.op.name)):
        h = x * x
        h.register_hook(lambda g: seen.append(g.tolist()))
        gg.sum(h).backward()
    assert seen == ["multiply", "sum", [1.0, 1.0]]


# ---- writes past the book --------------------------------------------------------------------------------------------


def test_saved_arrays_cannot_be_written() -> None:
    mine = np.array([1.0, 2.0])
    x, w = gg.asarray(mine), leaf([3.0, 4.0])
    with detect_anomaly():
        h = gg.exp(x * w)
        for write in (lambda: mine.__setitem__(0, 5.0), lambda: h.data.__imul__(2), lambda: x.data[:1].fill(0)):
            with pytest.raises(ValueError, match="read-only"):
                write()
        w.data[0] = 3.5  # no rule reads it: x needs no gradient
        gg.sum(h).backward()
        mine[0] = 5.0
        h.data[0] = 1.0
    assert mine.tolist() == [5.0, 2.0]


def test_a_training_loop_runs_as_ever() -> None:
    w = leaf([1.0, 2.0])
    with detect_anomaly():
        for _ in range(3):
            h = w * w
            h += 1
            gg.sum(h * w).backward()
            assert w.grad is not None
            w.data -= 0.1 * w.grad.data
            with gg.no_grad():
                w *= 0.99
            w.grad = None
        optimizer = gg.optim.SGD([w], lr=0.1)
        gg.sum(w * w).backward()
        optimizer.step()


def test_a_graph_that_dies_lets_go() -> None:
    """Such as that of a validation loss, which nobody passes back through."""
    w = leaf([1.0, 2.0])
    with detect_anomaly():
        loss = gg.sum(w * w)
        assert not w.data.flags.writeable
        del loss
        assert w.data.flags.writeable


def test_the_end_of_the_block_lets_go() -> None:
    w = leaf([1.0, 2.0])
    with detect_anomaly():
        loss = gg.sum(w * w)
        with pytest.raises(ValueError, match="read-only"):
            w.data[0] = 0.0
    w.data[0] = 3.0
    assert not is_locked(w.data)
    loss.backward()


def test_several_graphs_share_an_array() -> None:
    w = leaf([1.0, 2.0])
    with detect_anomaly():
        first, second = gg.sum(w * w), gg.sum(w**2)
        first.backward()
        assert not w.data.flags.writeable
        second.backward()
        assert w.data.flags.writeable


def test_views_and_their_owner() -> None:
    whole = np.arange(6.0)
    left, right = gg.asarray(whole[:3], requires_grad=True), gg.asarray(whole[3:], requires_grad=True)
    with detect_anomaly():
        first, second = gg.sum(left * left), gg.sum(right * right)
        assert not whole.flags.writeable
        first.backward()
        assert (left.data.flags.writeable, right.data.flags.writeable, whole.flags.writeable) == (True, False, False)
        second.backward()
    assert (left.data.flags.writeable, right.data.flags.writeable, whole.flags.writeable) == (True, True, True)


def test_what_was_read_only_stays_so() -> None:
    fixed = np.array([1.0, 2.0])
    fixed.flags.writeable = False
    w = leaf([1.0, 2.0])
    with detect_anomaly():
        gg.sum(w * gg.asarray(fixed)).backward()
    assert not fixed.flags.writeable


def test_writes_that_the_book_sees_are_as_ever() -> None:
    """In place, they are allowed; that the pass needed the old values is said by the pass."""
    w = leaf([1.0, 2.0])
    with detect_anomaly():
        h = gg.exp(w)
        y = gg.sum(h * 2)
        h += 1  # exp needs its result
        with pytest.raises(gg.WriteError, match="exp needs its result"):
            y.backward()
        v = h.reshape((2, 1)).detach()
        v += 1
    assert v.shape == (2, 1)


def test_a_raw_write_would_have_gone_unnoticed() -> None:
    """Which is why arrays are locked."""
    x, w = gg.tensor([1.0, 2.0], dtype="float64"), leaf([3.0, 4.0])
    loss = gg.sum(x * w)
    x.data[0] = 100.0
    loss.backward()
    assert w.grad is not None
    assert w.grad.tolist() == [100.0, 2.0]


# ---- forward mode ----------------------------------------------------------------------------------------------------


def test_the_operation_whose_tangent_is_infinite_is_named() -> None:
    x = gg.tensor([1.0, 0.0], dtype="float64", name="x")

    def f(v: gg.Tensor) -> gg.Tensor:
        with gg.scope("net"):
            root = gg.sqrt(v)  # forward
        return root * 3

    says = caught(lambda: gg.jvp(f, (x,), ([1.0, 2.0],)))
    lines = says.splitlines()
    assert lines[0] == "jvp of sqrt, result 'root': made inf of finite numbers"
    assert lines[1] == (
        "  the tangent of its result: shape (2,), float64, between 0.5 and 0.5, 1 of 2 elements inf, the first at (1,)"
    )
    assert lines[2] == "  the tangent of x: shape (2,), float64, between 1 and 2"
    assert "  its result: shape (2,), float64, between 0 and 1" in lines
    assert "  in scope: net" in lines
    assert re.search(r"made at: .*  root = gg.sqrt\(v\)  # forward", says)


def nested(v: gg.Tensor) -> gg.Tensor:
    result: gg.Tensor = gg.grad(lambda u: gg.sum(u**1.5))(v)
    return result


IN_FORWARD_MODE: list[tuple[Callable[[gg.Tensor], Any], str]] = [
    (lambda x: gg.jvp(gg.sqrt, (x,), ([0.0, 1.0],)), "jvp of sqrt: made nan"),
    (lambda x: gg.jvp(gg.sqrt, (leaf(x.data),), ([1.0, 1.0],)), "jvp of sqrt: made inf of finite numbers"),
    (lambda x: gg.jacfwd(lambda v: gg.sum(gg.sqrt(v)))(x), "jvp of sqrt: made inf of finite numbers"),
    (lambda x: gg.linearize(gg.sqrt, x)[1]([1.0, 1.0]), "jvp of sqrt: made inf of finite numbers"),
    (lambda x: gg.hessian(lambda v: gg.sum(v**1.5))(x), "jvp of power: made inf of finite numbers"),
    (lambda x: gg.jvp(nested, (x,), ([1.0, 1.0],)), "jvp of power: made inf of finite numbers"),
    (
        lambda x: gg.jvp(lambda v: gg.unbind(v * 2), (x,), ([np.nan, 1.0],)),
        "jvp of multiply: the tangent of a holds nan",
    ),
    (lambda x: gg.jvp(gg.unbind, (x,), ([np.nan, 1.0],)), "jvp of unbind: the tangent of x holds nan already"),
]


@pytest.mark.parametrize(("run", "says"), IN_FORWARD_MODE, ids=[says for _, says in IN_FORWARD_MODE])
def test_a_forward_sweep_is_looked_at(run: Callable[[gg.Tensor], Any], says: str) -> None:
    x = gg.tensor([0.0, 4.0], dtype="float64")
    assert caught(lambda: run(x)).startswith(says)
    run(x)  # outside of it nothing is looked at


@pytest.mark.parametrize("needs", [False, True])
def test_a_forward_sweep_over_scalars_is_looked_at(needs: bool) -> None:
    def run() -> None:
        x = gg.scalar(0.0, requires_grad=needs)

        def f(v: gg.Scalar) -> gg.Scalar:
            root = gg.sqrt(v)  # forward
            return root * 3

        gg.jvp(f, (x,), (2.0,))

    says = caught(run)
    assert says.startswith("jvp of sqrt, result 'root': made inf\n  the tangent of x: 2.0\n  x: 0.0\n")
    assert re.search(r"made at: .*  root = gg.sqrt\(v\)  # forward", says)
    says = caught(lambda: gg.jvp(lambda v: v * 3, (gg.scalar(1.0, requires_grad=needs),), (np.nan,)))
    assert says.startswith("jvp of multiply: the tangent of a is nan already")


def test_what_is_meant_is_no_anomaly_in_forward_mode() -> None:
    x = gg.tensor([1.0, 4.0], dtype="float64")
    with detect_anomaly():
        gg.jvp(lambda v: v * 3, (x,), ([INF, 1.0],))  # somebody gave it
        gg.jvp(lambda v: gg.softmax(v + np.array([0.0, -INF])), (x,), ([1.0, 1.0],))
        gg.jvp(lambda v: v * 3, (gg.scalar(1.0),), (INF,))
    with detect_anomaly(check_inf=False):
        gg.jvp(gg.sqrt, (gg.tensor([0.0]),), ([1.0],))
    assert caught(lambda: gg.jvp(gg.sqrt, (gg.tensor([0.0]),), ([1.0],)), check_nan=False).startswith("jvp of sqrt")


@pytest.mark.parametrize("outer", [False, True])
def test_no_bit_of_a_tangent_is_changed(outer: bool) -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(3, 8)), leaf(rng.normal(size=(8, 4))), leaf(rng.normal(size=4))
    w.requires_grad = b.requires_grad = outer
    run = lambda: gg.jvp(lambda w, b: network(x, w, b), (w, b), (w.data, b.data))[1]
    plain = run()
    with detect_anomaly():
        watched = run()
    assert plain.item() == watched.item()
    assert plain.requires_grad is watched.requires_grad is outer


def test_a_fault_in_the_derivative_of_a_tangent_has_its_forward_line() -> None:
    def run() -> None:
        x = leaf([0.0])
        f = lambda v: v**1.5  # cusp
        gg.sum(gg.jvp(f, (x,), ([1.0],))[1]).backward()

    says = caught(run)
    assert says.startswith("backward of power")
    assert re.search(r"made at: .*  f = lambda v: v\*\*1.5  # cusp", says)
