"""Checkpointing: the same bits from less memory, in every kind of pass, and the same graph to everybody else."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff.anomaly import detect_anomaly
from graphgrad.autodiff.backward import differentiate
from graphgrad.autodiff.checkpoint import checkpoint, saved_bytes
from graphgrad.autodiff.hooks import forward_hook
from graphgrad.ops.custom import custom_op, remove_custom_op
from graphgrad.ops.seeds import generator, keep_seed

Function = Callable[..., gg.Tensor]


def leaf(values: Any, name: str | None = None) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True, name=name)


RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(6, 8)), RNG.normal(size=(8, 4)), RNG.normal(size=4)


def leaves() -> tuple[gg.Tensor, gg.Tensor, gg.Tensor]:
    return leaf(X, "x"), leaf(W, "w"), leaf(B, "b")


def gradients(function: Function, create_graph: bool = False) -> list[Any]:
    """The loss and the gradients, with the penalty of a gradient in a recorded pass."""
    inputs = leaves()
    loss = function(*inputs)
    loss.backward(create_graph=create_graph)
    if create_graph:
        first = [one.grad for one in inputs]
        for one in inputs:
            one.grad = None
        gg.sum(sum(gg.sum(g * g) for g in first if g is not None)).backward()
    return [loss.tolist(), *(None if one.grad is None else one.grad.tolist() for one in inputs)]


# ---- functions in two forms: one that keeps everything, and one that doesn't -----------------------------------------


Call = Callable[..., Any]


def plain(function: Call, *args: Any, **kwargs: Any) -> Any:
    """What `checkpoint` is compared with."""
    return function(*args, **kwargs)


def layer(x: gg.Tensor, w: gg.Tensor, b: gg.Tensor) -> gg.Tensor:
    return gg.tanh(x @ w + b) * gg.exp(b)


def one(c: Call) -> Function:
    return lambda x, w, b: gg.mean(c(layer, x, w, b) ** 2)


def closure(c: Call) -> Function:
    """Parameters needn't be arguments."""
    return lambda x, w, b: gg.mean(c(lambda t: gg.tanh(t @ w) * gg.sigmoid(t @ w + b), x) ** 2)


def keywords(c: Call) -> Function:
    return lambda x, w, b: gg.sum(c(layer, x, b=b, w=w))


def several_outputs(c: Call) -> Function:
    def f(x: gg.Tensor, w: gg.Tensor) -> tuple[gg.Tensor, ...]:
        h = gg.exp(x @ w * 0.1)
        return gg.split(h, 2, axis=1)[0], gg.unbind(h, axis=1)[3] * h[:, 0]

    def function(x: gg.Tensor, w: gg.Tensor, b: gg.Tensor) -> gg.Tensor:
        first, second = c(f, x, w)
        return gg.sum(first * b[:2]) + gg.sum(second * second)

    return function


def in_a_row(c: Call) -> Function:
    def function(x: gg.Tensor, w: gg.Tensor, b: gg.Tensor) -> gg.Tensor:
        for _ in range(3):
            x = c(lambda t: gg.tanh(t @ w) @ w.T, x)
        return gg.mean(x * x)

    return function


def nested(c: Call) -> Function:
    def inner(t: gg.Tensor, b: gg.Tensor) -> gg.Tensor:
        return gg.tanh(t * 2) * gg.exp(b) + t

    def middle(t: gg.Tensor, b: gg.Tensor) -> gg.Tensor:
        u = gg.exp(t)
        v = c(inner, u, b)
        return c(inner, v * u, b) * t + c(lambda: gg.tanh(v) * u)

    def outer(x: gg.Tensor, w: gg.Tensor, b: gg.Tensor) -> gg.Tensor:
        h = gg.tanh(x @ w)
        return c(middle, h, b) * h + c(inner, gg.tanh(h), b)

    return lambda x, w, b: gg.mean(c(outer, x, w, b))


def nothing_inside(c: Call) -> Function:
    return lambda x, w, b: gg.sum(c(lambda t: t, x) * x) + gg.sum(c(c, c, lambda t: t * t, b))


def in_place(c: Call) -> Function:
    def f(x: gg.Tensor, w: gg.Tensor) -> gg.Tensor:
        h = x @ w
        h += 1
        h *= h
        buffer = gg.zeros(h.shape, dtype="float64")
        buffer[1:] = h[1:] * 2
        return buffer * h

    return lambda x, w, b: gg.sum(c(f, x, w) * b)


def constants(c: Call) -> Function:
    """Detached values, results of comparisons, numbers and arrays of the function's own."""

    def f(x: gg.Tensor, w: gg.Tensor) -> gg.Tensor:
        h = x @ w
        mask = h > 0
        return gg.where(mask, h * h.detach(), 0.1 * h) * np.arange(4.0) + gg.sign(h) * h

    return lambda x, w, b: gg.sum(c(f, x, w) * b)


def composed(c: Call) -> Function:
    """Operations that are composed of others, with joint rules, and with attributes."""

    def f(x: gg.Tensor, w: gg.Tensor) -> gg.Tensor:
        h = gg.log_softmax(x @ w, axis=1)
        return gg.concat([h, gg.stack([h[0], h[1]])]) * gg.max(h, axis=0, keepdims=True)

    return lambda x, w, b: gg.mean(c(f, x, w) * b)


def differentiates_inside(c: Call) -> Function:
    def f(x: gg.Tensor, b: gg.Tensor) -> gg.Tensor:
        slope = gg.grad(lambda t: gg.sum(gg.tanh(t * b) ** 2))(x)
        return slope * gg.grad(lambda t: gg.sum(c(gg.exp, t)))(b)

    return lambda x, w, b: gg.sum(c(f, x @ w, b))


FORMS = [
    one,
    closure,
    keywords,
    several_outputs,
    in_a_row,
    nested,
    nothing_inside,
    in_place,
    constants,
    composed,
    differentiates_inside,
]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_bit_is_the_same(form: Callable[[Call], Function], create_graph: bool) -> None:
    assert gradients(form(checkpoint), create_graph) == gradients(form(plain), create_graph)


@pytest.mark.parametrize("form", FORMS)
def test_the_graph_is_the_same(form: Callable[[Call], Function]) -> None:
    """Nothing stands in it for the checkpoint: pictures and walks see the operations."""

    def edges(call: Call) -> list[Any]:
        graph = form(call)(*leaves()).graph()
        places = {vertex.id: i for i, vertex in enumerate(graph)}
        return [(v.op, v.name, v.scope, [(places[o.vertex], o.port) for o in v.operands]) for v in graph]

    assert edges(checkpoint) == edges(plain)


@pytest.mark.parametrize("form", FORMS)
def test_a_retained_graph_is_passed_through_again(form: Callable[[Call], Function]) -> None:
    inputs = leaves()
    loss = form(checkpoint)(*inputs)
    before = saved_bytes(loss)
    found = []
    for _ in range(3):
        loss.backward(retain_graph=True)
        found.append([None if one.grad is None else one.grad.tolist() for one in inputs])
        for one in inputs:
            one.grad = None
    assert found[0] == found[1] == found[2]
    assert saved_bytes(loss) == before


# ---- memory ----------------------------------------------------------------------------------------------------------


def test_only_what_comes_from_outside_is_kept() -> None:
    x, w, b = leaves()
    h = x * 2
    inside = gg.mean(layer(h, w, b) ** 2)
    assert saved_bytes(inside) >= 3 * 6 * 4 * 8
    y = gg.mean(checkpoint(lambda t: layer(t, w, b) ** 2, h))
    assert saved_bytes(y) == h.data.nbytes  # what the function read; mean keeps nothing, leaves are there anyway


def test_what_nothing_needs_is_not_kept() -> None:
    """A sum's operands aren't needed to compute it again if nobody needs the sum."""
    x = leaf(X)
    h, k = x * 2, x * 3
    assert saved_bytes(checkpoint(lambda: (h + k) * 2.0)) == 0
    assert saved_bytes(checkpoint(lambda: gg.exp(h) + k)) == h.data.nbytes


def test_a_chain_in_pieces() -> None:
    """n layers in √n pieces keep √n values, and a pass has those of one piece at a time beside them."""
    n, size = 16, 1000
    x = leaf(np.linspace(-1, 1, size))

    def run(call: Call) -> gg.Tensor:
        def piece(t: gg.Tensor) -> gg.Tensor:
            for _ in range(n):
                t = gg.tanh(t)
            return t

        t = x
        for _ in range(n):
            t = call(piece, t)
        return gg.sum(t)

    assert saved_bytes(run(plain)) == n * n * size * 8
    y = run(checkpoint)
    assert saved_bytes(y) == (n - 1) * size * 8  # the first piece starts from a leaf
    y.backward()
    assert saved_bytes(y) == 0


def test_a_pass_gives_back_what_it_has_computed() -> None:
    """Each value that was computed again goes when the pass is done with its node."""
    values: list[weakref.ref[Any]] = []

    @custom_op(name="probe", x=lambda g, out: values.append(weakref.ref(out)) or g * out)  # type: ignore[func-returns-value]
    def probe(x: Any) -> Any:
        return np.exp(x)

    try:
        x = leaf(np.linspace(-1, 0, 100))
        living: list[int] = []
        h = checkpoint(lambda t: probe(probe(probe(t))), x)
        x.register_hook(lambda g: living.append(sum(ref() is not None for ref in values)))
        gc.collect()
        gg.sum(h).backward()
        assert len(values) == 3
        assert living == [0]
    finally:
        remove_custom_op("probe")


def test_a_nested_checkpoint_keeps_less_while_the_outer_one_runs_again() -> None:
    """The outer one gives the inner one its operand, and no more."""
    again: list[str] = []

    @custom_op(name="counted", operands=["x"], x=lambda g, out: g * out)
    def counted(x: Any, what: str) -> Any:
        again.append(what)
        return np.exp(x)

    try:
        x = leaf([0.1])

        def outer(t: gg.Tensor) -> gg.Tensor:
            t = counted(t, "before")
            t = checkpoint(lambda u: counted(u, "inner"), t)
            return counted(t, "after")

        y = checkpoint(outer, x)
        assert again == ["before", "inner", "after"]
        again.clear()
        y.backward()
        assert again == ["before", "inner", "after", "inner"]
    finally:
        remove_custom_op("counted")


def test_what_is_not_needed_is_not_computed_again() -> None:
    again: list[int] = []

    @custom_op(name="counted", x=lambda g, x: g * x)
    def counted(x: Any) -> Any:
        again.append(1)
        return x * x / 2

    try:
        x = leaf([2.0])
        y = checkpoint(lambda t: counted(counted(t)) + 1, x)
        y.backward()
        assert len(again) == 3  # the last result is needed by no rule
        assert x.grad is not None
        assert x.grad.tolist() == [4.0]
    finally:
        remove_custom_op("counted")


def test_a_dead_graph_goes_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        x, w, b = leaves()
        kept = x * 2
        gone = weakref.ref(kept.data)
        y = gg.sum(checkpoint(layer, kept, w, b))
        del kept
        assert gone() is not None
        del y
        assert gone() is None

        kept = x * 2
        gone = weakref.ref(kept.data)
        y = gg.sum(checkpoint(layer, kept, w, b))
        del kept
        y.backward()
        assert gone() is None
        with pytest.raises(gg.GraphError, match="an earlier pass freed"):
            y.backward()

        def fail(t: gg.Tensor) -> None:
            gg.exp(t)
            raise KeyError

        kept = x * 2
        gone = weakref.ref(kept.data)
        with pytest.raises(KeyError):
            checkpoint(fail, kept)
        del kept
        assert gone() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


# ---- random numbers --------------------------------------------------------------------------------------------------


def test_random_operations_draw_the_same_numbers() -> None:
    @custom_op(
        name="dropped",
        operands=["x"],
        x=lambda g, x_shape, seed: g * (generator(seed).random(x_shape) < 0.5),
        prepare=keep_seed,
    )
    def dropped(x: Any, seed: int | None = None) -> Any:
        return x * (generator(seed).random(x.shape) < 0.5)

    try:
        found = []
        for call in (plain, checkpoint):
            gg.manual_seed(3)
            x = leaf(X)
            y = call(lambda t: dropped(gg.exp(dropped(t))) * t, x)
            gg.manual_seed(4)  # nothing is drawn again
            gg.sum(y).backward()
            assert x.grad is not None
            found.append((y.tolist(), x.grad.tolist()))
        assert found[0] == found[1]
        state = gg.manual_seed(5).bit_generator.state
        gg.sum(call(lambda t: dropped(t, 7), leaf(X))).backward()
        assert gg.manual_seed(5).bit_generator.state == state
    finally:
        remove_custom_op("dropped")


# ---- with everything else --------------------------------------------------------------------------------------------


def test_python_runs_once() -> None:
    calls: list[int] = []

    def f(t: gg.Tensor) -> gg.Tensor:
        calls.append(1)
        return gg.tanh(t) * t

    x = leaf(X)
    seen: list[str] = []
    with forward_hook(lambda node, inputs, outputs: seen.append(node.op.name)):
        y = gg.sum(checkpoint(f, x))
        y.backward()
    assert calls == [1]
    assert seen == ["tanh", "multiply", "sum"]


def test_hooks_inside() -> None:
    seen: list[Any] = []

    def f(t: gg.Tensor) -> gg.Tensor:
        h = gg.tanh(t)
        h.register_hook(lambda g: seen.append("h"))
        h.register_hook(lambda g: g * 2)
        h.retain_grad()
        keep.append(h)
        return h * h

    keep: list[gg.Tensor] = []
    x = leaf([0.5])
    checkpoint(f, x).backward()
    assert seen == ["h"]
    h = np.tanh(0.5)
    assert keep[0].grad is not None
    assert keep[0].grad.item() == 4 * h
    assert x.grad is not None
    assert x.grad.item() == pytest.approx(4 * h * (1 - h * h))


def test_a_walk_through_it() -> None:
    x = leaf([0.5], "x")
    walk = gg.walk(gg.sum(checkpoint(lambda t: gg.exp(gg.tanh(t)), x)))
    assert [vertex.op for vertex in walk.graph.nodes] == ["tanh", "exp", "sum"]
    assert walk.graph.run({"x": [0.0]}).item() == 1.0


def test_under_anomaly_detection() -> None:
    x, w, b = leaves()
    h = x * 2
    with detect_anomaly():
        y = gg.mean(checkpoint(layer, h, w, b))
        with pytest.raises(ValueError, match="read-only"):
            h.data[0] = 0.0  # it would be computed again from other values
        y.backward()
        h.data[0] = 0.0
    assert x.grad is not None


def test_gradcheck() -> None:
    inputs = [leaf(X[:2]), leaf(W), leaf(B)]
    assert gg.gradcheck(lambda x, w, b: checkpoint(layer, x, w, b), inputs)


def test_targets_and_parts_of_it() -> None:
    """A pass to a value inside computes again what it needs, as does one for each output."""
    inner: list[gg.Tensor] = []

    def f(t: gg.Tensor) -> gg.Tensor:
        inner.append(gg.tanh(t))
        return gg.exp(inner[-1]) * t

    found = []
    for call in (plain, checkpoint):
        x = leaf(X[0, :2])
        y = call(f, x)
        node, target = y.node, inner[-1].node
        assert node is not None
        assert target is not None
        rows = [
            differentiate([(node, seed)], [target, x], retain_graph=True)
            for seed in (np.array([1.0, 0.0]), np.array([0.0, 1.0]))
        ]
        found.append([(row[target].tolist(), row[x].tolist()) for row in rows])
    assert found[0] == found[1]


def test_without_gradients_it_is_a_call() -> None:
    x = leaf(X)
    with gg.no_grad():
        y = checkpoint(lambda t: t * 2, x)
    assert y.node is None
    z = checkpoint(lambda t: gg.exp(t) * 2, gg.tensor(X))
    assert z.node is None
    assert checkpoint(lambda: "text") == "text"


def test_scalars_pass_through_it() -> None:
    x = gg.scalar(3.0)
    checkpoint(lambda v: v * v, x).backward()
    assert x.grad == 6.0


def test_contexts_inside() -> None:
    def f(t: gg.Tensor) -> gg.Tensor:
        with gg.no_grad():
            scale = gg.exp(t)
        with gg.scope("inner"), gg.record() as recording:
            h = gg.tanh(t) * scale
        assert len(recording.nodes) == 2
        return h

    x = leaf([0.5])
    y = checkpoint(f, x)
    assert y.scope == "inner"
    assert y.node is not None
    assert y.node.site is not None
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == (1 - np.tanh(0.5) ** 2) * np.exp(0.5)


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_writes_to_what_it_reads_are_noticed() -> None:
    x = leaf(X)
    h = x * 1
    y = gg.sum(checkpoint(lambda t: gg.exp(t * 2), h))
    h += 1  # nobody saved it, but it is needed
    says = r"backward: a checkpoint computes exp again from values \(shape \(6, 8\)\) that were written in place since"
    with pytest.raises(gg.WriteError, match=says + r"\n  written at: .*h \+= 1"):
        y.backward()
    assert x.grad is None


def test_a_write_inside_to_what_was_read_before_is_noticed() -> None:
    def f(t: gg.Tensor) -> gg.Tensor:
        h = gg.exp(t * buffer)
        with gg.no_grad():
            buffer.__imul__(2)
        return h * buffer

    buffer = gg.tensor([1.0, 2.0], dtype="float64")
    y = gg.sum(checkpoint(f, leaf([1.0, 1.0])))
    with pytest.raises(gg.WriteError, match="a checkpoint computes"):
        y.backward()


def test_a_parameter_that_got_a_new_array_is_computed_from_the_old_one() -> None:
    w = leaf([2.0, 3.0])
    y = gg.sum(checkpoint(lambda t: gg.exp(t) * t, w))
    old = w.data
    w.data = np.array([0.0, 0.0])
    y.backward()
    assert w.grad is not None
    assert w.grad.tolist() == (np.exp(old) * old + np.exp(old)).tolist()


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(gg.DTypeError, match="checkpoint: a function is needed, got Tensor"):
        checkpoint(leaf([1.0]))  # type: ignore[arg-type]


def test_an_error_of_the_function_goes_through() -> None:
    with pytest.raises(gg.ShapeError, match="matmul"):
        checkpoint(lambda a, b: a @ b, leaf(X), leaf(X))
    x = leaf([1.0])
    y = x * 2
    assert y.node is not None
    assert isinstance(y.node.saved, tuple)  # the mode is as it was


# ---- saved_bytes -----------------------------------------------------------------------------------------------------


def test_saved_bytes_counts_memory_once() -> None:
    x = leaf(X)
    h = gg.exp(x)
    assert saved_bytes(h) == X.nbytes
    assert saved_bytes(h * h, h[:2] * 3.0) == X.nbytes
    assert saved_bytes(gg.sum(x)) == 0
    assert saved_bytes(x) == 0
    assert saved_bytes() == 0
    parts: Sequence[gg.Tensor] = gg.unbind(gg.exp(x))
    assert saved_bytes(*(part * part for part in parts)) == X.nbytes  # parts of one array
