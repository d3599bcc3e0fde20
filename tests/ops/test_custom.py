"""Operations of one's own: as good as graphgrad's, and every mistake is told in words."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.ops import TABLE
from graphgrad.ops import custom as module
from graphgrad.ops.custom import custom_op, remove_custom_op
from graphgrad.ops.declare import Array, Arrays
from graphgrad.walk.expand import expand, scalars, ways
from graphgrad.walk.file import from_json, to_json

BUILT_IN = [name for name in TABLE if "." not in name]


def leaf(values: Any, name: str | None = None) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True, name=name)


def square(x: Any) -> Any:
    """The square, as an example."""
    return x * x


def declared(**changes: Any) -> Any:
    return custom_op(square, **{"x": lambda g, x: g * 2 * x, **changes})


# ---- the ways to declare ---------------------------------------------------------------------------------------------


def check(function: Callable[..., Any], inputs: list[gg.Tensor], expected: Any, second: bool = True) -> None:
    """Values, and derivatives of first and second order."""
    np.testing.assert_allclose(function(*inputs).data, expected, rtol=1e-12)
    assert gg.gradcheck(function, inputs)
    if second:
        for i in range(len(inputs)):
            slope = gg.grad(lambda *args: gg.sum(function(*args)), argnums=i)
            assert gg.gradcheck(slope, inputs)


def test_a_rule_for_each_operand() -> None:
    function = custom_op(
        lambda a, b: a / b, name="ratio", a=lambda g, b: g / b, b=lambda g, b, out: -g * out / b, elementwise=True
    )
    a, b = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([2.0, 5.0])
    check(function, [a, b], a.data / b.data)  # and broadcasting is undone
    check(function, [leaf(3.0), leaf(2.0)], 1.5)
    assert function(3.0, 2.0).item() == 1.5


def test_a_joint_rule() -> None:
    function = custom_op(lambda a, b: a @ b, name="product", joint=lambda g, a, b: (g @ b.mT, a.mT @ g))
    a, b = leaf(np.arange(6.0).reshape(2, 3)), leaf(np.arange(12.0).reshape(3, 4) / 10)
    check(function, [a, b], a.data @ b.data)


def test_a_joint_rule_may_ask_what_is_wanted() -> None:
    asked: list[Any] = []

    def rule(g: Any, a: Any, b: Any, needs: Any, b_shape: Any) -> Any:
        asked.append((sorted(needs), b_shape))
        return g * b if "a" in needs else None, g * a if "b" in needs else None

    function = custom_op(lambda a, b: a * b, name="product", joint=rule)
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    gg.sum(function(a, b)).backward()
    gg.sum(function(a, b.detach())).backward()
    assert asked == [(["a", "b"], (2,)), (["a"], (2,))]
    assert a.grad is not None
    assert a.grad.tolist() == [6.0, 8.0]


def test_an_expansion() -> None:
    @custom_op(expand=True)
    def swish(x: gg.Tensor, beta: float = 1.0) -> gg.Tensor:
        """Self-gated."""
        result: gg.Tensor = x * gg.sigmoid(x * beta)
        return result

    x = leaf([-1.0, 0.5, 2.0])
    check(lambda t: swish(t, beta=2.0), [x], x.data / (1 + np.exp(-2 * x.data)))
    node = swish(x, 3.0).node
    assert node.op.name == "custom.swish"
    assert node.attrs == {"beta": 3.0}
    assert (swish.__name__, swish.__doc__) == ("swish", "Self-gated.")


def test_values_of_their_own_and_the_derivative_of_an_expansion() -> None:
    calls: list[int] = []

    def forward(x: Any) -> Any:
        calls.append(1)
        return np.square(x)

    function = custom_op(forward, name="squared", expand=lambda x: x * x)
    x = leaf([1.0, 3.0])
    check(function, [x], [1.0, 9.0])
    assert calls


def test_a_ufunc() -> None:
    root = custom_op(np.cbrt, name="cube_root", x=lambda g, out: g / (3 * out**2))
    check(root, [leaf([1.0, 8.0])], [1.0, 2.0])
    assert root.op.elementwise
    length = custom_op(np.hypot, name="length", a=lambda g, a, out: g * a / out, b=lambda g, b, out: g * b / out)
    check(length, [leaf([3.0]), leaf([4.0])], [5.0])


def test_several_outputs() -> None:
    @custom_op(outputs=None, joint=lambda g, x: (g[0] * 2 * x + g[1] * 3 * x**2,))
    def powers(x: Any) -> Any:
        return x**2, x**3

    x = leaf([1.0, 2.0])
    assert [one.tolist() for one in powers(x)] == [[1.0, 4.0], [1.0, 8.0]]
    check(lambda t: powers(t)[0] * powers(t)[1], [x], x.data**5)


def test_a_sequence_of_operands() -> None:
    @custom_op(joint=lambda g, xs: [g * 2 * x for x in xs])
    def sum_of_squares(xs: Arrays) -> Any:
        return sum(x * x for x in xs)

    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    check(lambda a, b: sum_of_squares([a, b]), [x, y], [10.0, 20.0])


def test_an_optional_operand() -> None:
    @custom_op(input=lambda g: g, bias=lambda g: g, neutral={"bias": "0"}, formula="{input} + {bias}", elementwise=True)
    def shifted(input: Any, bias: Any = None) -> Any:
        return input.copy() if bias is None else input + bias

    x, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    check(shifted, [x, b], [4.0, 6.0], second=False)
    without = shifted(x)
    assert without.node.op.name == "custom.shifted without bias"
    assert without.graph().run({x: [5.0, 6.0]}).tolist() == [5.0, 6.0]


def test_which_parameters_are_operands() -> None:
    by_default = custom_op(lambda x, y, power=2, *, scale=1: x, name="f", x=lambda g: g, y=None)
    assert (by_default.op.operands, dict(by_default.op.attributes)) == (("x", "y"), {"power": 2, "scale": 1})
    by_name = custom_op(lambda power, x: x**power, name="f", operands=["x"], x=lambda g, x, power: g * power * x)
    assert (by_name.op.operands, list(by_name.op.attributes)) == (("x",), ["power"])
    assert by_name(2, leaf([3.0])).tolist() == [9.0]

    def annotated(x: Array, power: float) -> Any:
        return x**power

    by_annotation = custom_op(annotated, x=lambda g, x, power: g * power * x)
    assert by_annotation.op.operands == ("x",)


def test_an_operand_without_gradient() -> None:
    function = custom_op(lambda x, where: x * where, name="masked", x=lambda g, where: g * where, where=None)
    x, mask = leaf([1.0, 2.0]), leaf([1.0, 0.0])
    gg.sum(function(x, mask)).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 0.0]
    assert mask.grad is None
    nothing = custom_op(lambda x: np.sign(x), name="direction", x=None)
    assert nothing(x).node is None


# ---- the table -------------------------------------------------------------------------------------------------------


def test_no_name_can_be_one_of_graphgrads() -> None:
    assert not [name for name in BUILT_IN if "." in name]
    mine = custom_op(lambda x: x * 3, name="tanh", x=lambda g: g * 3)
    assert mine.op.name == "custom.tanh"
    x = leaf([1.0])
    assert gg.tanh(x).item() == np.tanh(1.0)
    assert np.tanh(x).item() == np.tanh(1.0)
    assert mine(x).item() == 3.0
    assert custom_op(square, name="lab.square", x=lambda g, x: g * 2 * x).op.name == "lab.square"


def test_a_name_that_is_declared_again_is_replaced() -> None:
    first = declared()
    x = leaf([3.0])
    graph = gg.sum(first(x)).graph()
    second = custom_op(lambda x: x * 10, name="square", x=lambda g: g * 10)
    assert TABLE["custom.square"] is second.op
    assert first(x).item() == 9.0  # the function is still what it was
    assert graph.run().item() == 30.0  # a graph knows names


def test_removal() -> None:
    function = custom_op(np.spacing, name="gap", x=lambda g: g * 0, numpy=np.spacing)
    x = leaf([8.0])
    assert np.spacing(x).item() == np.spacing(8.0)
    y = function(x)
    remove_custom_op("custom.gap")
    assert "custom.gap" not in TABLE
    with pytest.raises(gg.DTypeError, match=r"np.spacing: this call has no operation"):
        np.spacing(x)
    y.backward()
    with pytest.raises(LookupError, match=r"custom.gap'[\s\S]*declared with gg.custom_op before"):
        y.graph().run()
    with pytest.raises(LookupError, match="there is no custom operation 'gap'\n  there are: none"):
        remove_custom_op("gap")
    with pytest.raises(LookupError, match="no custom operation 'tanh'"):
        remove_custom_op("tanh")


# ---- with everything else --------------------------------------------------------------------------------------------


def test_it_runs_again_in_a_graph_and_is_walked() -> None:
    function = declared(formula="{x} ** 2", local={"x": "2 * {x}"}, elementwise=True)
    x = leaf([1.0, 2.0], "x")
    y = gg.sum(function(x))
    assert y.graph().run({"x": [3.0, 4.0]}).item() == 25.0
    walk = gg.walk(y)
    gradient = walk.end().gradient(x.number)
    assert gradient is not None
    assert gradient.tolist() == [2.0, 4.0]
    node = walk.graph.nodes[0]
    assert ways(walk, node.id) == ("scalars",)
    assert [vertex.op for vertex in scalars(walk, node.id).graph.nodes] == ["multiply", "multiply"]


def test_its_expansion_is_zoomed_into() -> None:
    function = custom_op(lambda x: x * gg.tanh(x), name="gated", expand=True)
    x = leaf([0.5], "x")
    walk = gg.walk(gg.sum(function(x)))
    inner = expand(walk, walk.graph.nodes[0].id)
    assert [vertex.op for vertex in inner.graph.nodes] == ["tanh", "multiply"]
    assert inner.notes[0] == "The result of custom.gated comes out the same."


def test_saved_where_nobody_has_declared_it() -> None:
    """It can be looked at; that it can't run is said, by the walk and by whatever would run it."""
    y = gg.sum(declared()(leaf([1.0, 2.0], "x")) * 3)
    walk, graph = to_json(gg.walk(y)), to_json(y.graph())
    remove_custom_op("square")
    loaded = from_json(walk)
    says = "custom.square isn't declared here (gg.custom_op): what was saved can be looked at, but the graph can't run"
    assert loaded.notes == (says + " again.",)  # type: ignore[union-attr]
    node = loaded.graph.nodes[0]  # type: ignore[union-attr]
    assert loaded.values[node.id][0].tolist() == [1.0, 4.0]  # type: ignore[union-attr]
    assert len(loaded.steps) == len(gg.walk(gg.sum(leaf([1.0]) * 1 * 3)).steps)  # type: ignore[union-attr]
    assert ways(loaded, node.id) == ()  # type: ignore[arg-type]
    for run in (loaded.graph.run, from_json(graph).run):  # type: ignore[union-attr]
        with pytest.raises(LookupError, match=r"no operation called 'custom.square'[\s\S]*gg.custom_op"):
            run()
    for zoom in (expand, scalars):
        with pytest.raises(LookupError, match=r"no operation called 'custom.square'"):
            zoom(loaded, node.id)  # type: ignore[arg-type]
    again = to_json(loaded)
    assert from_json(again).notes == loaded.notes  # type: ignore[union-attr]
    declared()
    declared_now = from_json(again)
    assert declared_now.notes == ()  # type: ignore[union-attr]
    assert declared_now.graph.run().item() == 15.0  # type: ignore[union-attr]


def test_hooks_errors_and_scopes() -> None:
    function = declared()
    x = leaf([1.0, 2.0], "x")
    with gg.scope("net"):
        h = function(x)
    h.register_hook(lambda g: g * 2)
    gg.sum(h).backward()
    assert h.scope == "net"
    assert x.grad is not None
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(TypeError):
        function(x, x)


def test_the_documentation_is_an_example_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(gg, "custom_op"):
        monkeypatch.setattr(gg, "custom_op", custom_op, raising=False)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert (result.failed, result.attempted > 15) == (0, True)


# ---- mistakes in a declaration ---------------------------------------------------------------------------------------


def positional(x: Any, *more: Any) -> Any:
    return x


DECLARATIONS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: custom_op(3), gg.DTypeError, "custom_op: a function is needed, got int"),  # type: ignore[arg-type]
    (lambda: custom_op(lambda x: x, x=lambda g: g), gg.ArgumentError, r"needs a name\n  got: '<lambda>'"),
    (lambda: declared(name="a b"), gg.ArgumentError, "needs a name\n  got: 'a b'"),
    (lambda: declared(name="class"), gg.ArgumentError, "needs a name"),
    (lambda: declared(name="a.b.c"), gg.ArgumentError, "needs a name"),
    (lambda: custom_op(square), gg.ArgumentError, "custom.square: nothing says what its derivative is"),
    (
        lambda: custom_op(lambda a, b: a, name="f", a=lambda g: g),
        gg.ArgumentError,
        "custom.f: b has no rule\n  operands: a, b\n.*\n  hint: b=lambda g, ...: ..., or b=None",
    ),
    (lambda: declared(x=2.0), gg.DTypeError, "custom.square: the rule for x is no function but float"),
    (lambda: declared(y=lambda g: g), gg.ArgumentError, "custom.square: y is no operand, and nothing else"),
    (lambda: declared(formulae="{x}"), gg.ArgumentError, "custom.square: formulae is no operand"),
    (lambda: declared(formula="{x} +"), gg.ArgumentError, "formula '{x} \\+' can't be read"),
    (lambda: declared(formula="{y}"), gg.ArgumentError, "formula '{y}' can't be read.*\n.*places for {x}"),
    (
        lambda: declared(local={"x": "2 * {y}"}),
        gg.ArgumentError,
        r"local of x '2 \* {y}' can't be read.*\n.*{x}, {out}",
    ),
    (lambda: declared(local={"x": "2 *"}), gg.ArgumentError, r"local of x '2 \*' can't be read"),
    (lambda: declared(back={"x": "{g} for {y}"}), gg.ArgumentError, "back of x '{g} for {y}' can't be read.*\n.*words"),
    (lambda: declared(x=lambda g, y: g), TypeError, "custom.square: a rule asks for 'y', which is none of"),
    (lambda: declared(x=lambda: 1), gg.ArgumentError, "the rule for x has the parameters .*\n.*the gradient first"),
    (lambda: declared(x=lambda g, *rest: g), gg.ArgumentError, "all by position"),
    (lambda: custom_op(square, joint=3), gg.DTypeError, "joint rule is no function but int"),  # type: ignore[arg-type]
    (lambda: declared(operands=["y"]), gg.ArgumentError, r"operands are parameters of the function\n  unknown: y"),
    (lambda: declared(operands=[]), gg.ArgumentError, "got none"),
    (lambda: custom_op(positional, x=None), gg.ArgumentError, r"\*more takes any number of arguments"),
    (lambda: custom_op(lambda a=1: a, name="f", a=None), gg.ArgumentError, "which parameters are tensors"),
    (lambda: custom_op(np.divmod, name="f", a=None, b=None), gg.ArgumentError, "takes 2 arrays and gives 2"),
    (lambda: declared(x=None, joint=lambda g: [g]), gg.ArgumentError, "a joint rule stands for the rules of all"),
]


@pytest.mark.parametrize(("declare", "error", "says"), DECLARATIONS, ids=[str(i) for i in range(len(DECLARATIONS))])
def test_a_wrong_declaration_is_told(declare: Callable[[], Any], error: type[Exception], says: str) -> None:
    """And what was declared under that name before is left as it is."""
    declared()
    before = dict(TABLE)
    with pytest.raises(error, match=says):
        declare()
    assert dict(TABLE) == before


# ---- mistakes as it runs ---------------------------------------------------------------------------------------------


def writes(x: Any) -> Any:
    x[x < 0] = 0
    return x


FORWARDS: list[tuple[Callable[..., Any], type[Exception], str]] = [
    (lambda x: None, gg.DTypeError, "custom.f: its forward returned NoneType\n  expected: an array"),
    (lambda x: [x], gg.DTypeError, "its forward returned list"),
    (lambda x: gg.tensor(x), gg.DTypeError, r"returned Tensor[\s\S]*hint: a function of tensors .* expand=True"),
    (lambda x: x.astype(str), gg.DTypeError, "custom.f: the result"),
    (writes, gg.ArgumentError, r"raised ValueError: .*read-only\n  x: shape \(2,\), float64\n[\s\S]*copy before"),
    (lambda x: x @ np.ones(5), gg.ArgumentError, r"its forward raised ValueError: matmul[\s\S]*x: shape \(2,\)"),
    (lambda x: x.missing, gg.ArgumentError, "its forward raised AttributeError"),
    (lambda x: 1 / 0, gg.ArgumentError, "its forward raised ZeroDivisionError"),
    (lambda x: len(3), gg.DTypeError, "its forward raised TypeError"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("forward", "error", "says"), FORWARDS)
def test_a_wrong_forward_is_told(forward: Callable[..., Any], error: type[Exception], says: str) -> None:
    function = custom_op(forward, name="f", operands=["x"], x=lambda g: g)
    with pytest.raises(error, match=says):
        function(leaf([1.0, -2.0]))


def test_the_users_own_error_is_the_cause() -> None:
    empty: dict[int, Any] = {}
    function = custom_op(lambda x: empty[0], name="f", x=lambda g: g)
    with pytest.raises(gg.ArgumentError) as error:
        function(leaf([1.0]))
    assert isinstance(error.value.__cause__, KeyError)


RULES: list[tuple[Callable[..., Any], type[Exception], str]] = [
    (lambda g: None, gg.DTypeError, r"the rule for x returned NoneType\n  expected: an array of shape \(2, 3\)"),
    (lambda g: g[:1], gg.ShapeError, r"the rule for x returned shape \(1, 3\)\n  expected: \(2, 3\)"),
    (lambda g: g.sum(), gg.ShapeError, r"returned shape \(\)"),
    (lambda g: np.ones((2, 4)), gg.ShapeError, r"returned shape \(2, 4\)"),
    (lambda g: 0.0, gg.ShapeError, r"returned shape \(\)"),
]


@pytest.mark.parametrize(("rule", "error", "says"), RULES)
def test_a_wrong_rule_is_told(rule: Callable[..., Any], error: type[Exception], says: str) -> None:
    y = gg.sum(custom_op(lambda x: x * 2, name="f", x=rule)(leaf(np.ones((2, 3)))))
    with pytest.raises(error, match=says):
        y.backward()


@pytest.mark.parametrize(
    ("rule", "error", "says"),
    [
        (lambda g, a: g, gg.DTypeError, "the joint rule returned ndarray\n  expected: a sequence of 2 gradients"),
        (lambda g, a: [g], gg.DTypeError, "returned 1 values\n  expected: a sequence of 2"),
        (lambda g, a: [g, None], gg.DTypeError, "the joint rule, for b, returned NoneType"),
        (lambda g, a: [g, g[:1]], gg.ShapeError, r"the joint rule, for b, returned shape \(1,\)"),
    ],
)
def test_a_wrong_joint_rule_is_told(rule: Callable[..., Any], error: type[Exception], says: str) -> None:
    y = gg.sum(custom_op(lambda a, b: a * b, name="f", joint=rule)(leaf([1.0, 2.0]), leaf([1.0, 2.0])))
    with pytest.raises(error, match=says):
        y.backward()


def test_a_rule_that_does_not_run_on_tensors() -> None:
    function = custom_op(lambda x: x**2, name="f", x=lambda g, x: g * np.spacing(x))
    x = leaf([1.0, 2.0])
    gg.sum(function(x)).backward()
    with pytest.raises(gg.DTypeError, match=r"np.spacing: this call has no operation") as error:
        gg.sum(function(x)).backward(create_graph=True)
    assert error.value.__notes__ == ["in the rule of custom.f for x, which ran on tensors, since the pass is recorded"]


def test_results_are_arrays_of_their_own() -> None:
    """A function that returns its operand, or a part of it, gives a copy, unless it is declared as a view."""
    x = leaf([1.0, 2.0])
    copied = custom_op(lambda x: x, name="f", x=lambda g: g)(x)
    assert not np.shares_memory(copied.data, x.data)
    assert copied.data.flags.writeable
    repeated = custom_op(lambda x: np.broadcast_to(x, (3, 2)), name="f", x=lambda g: gg.sum(g, axis=0).data)(x)
    assert repeated.data.flags.writeable
    viewed = custom_op(lambda x: x[:1], name="f", view=True, x=lambda g: np.concatenate([g, [0.0]]))(x)
    assert np.shares_memory(viewed.data, x.data)


@pytest.mark.parametrize("value", [2.0, 3, True, np.float64(2.0)])
def test_numbers_are_arrays_without_axes(value: Any) -> None:
    result = custom_op(lambda x: value, name="f", x=None)(leaf([1.0]))
    assert (result.shape, result.item()) == ((), value)


@pytest.mark.parametrize("record", [False, True])
def test_a_result_of_integers_ends_the_gradient(record: bool) -> None:
    count = custom_op(lambda x: (x > 1).astype("int64"), name="f", x=lambda g: g, elementwise=True)
    both = custom_op(lambda a, b: a > b, name="g", a=lambda g: g, b=lambda g: g, elementwise=True)
    x = leaf([1.0, 2.0])
    with gg.record() if record else gg.enable_grad():
        results = [count(x), both(x, 1.0), both(1.0, x)]
    assert [one.requires_grad for one in results] == [False] * 3


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({}, r"how is a number, a text, an array or a tuple of them\n  got: dict"),
        (np.tanh, "how is a number, a text, an array or a tuple of them\n  got: ufunc"),
        (1j, "how is a real number, got 1j"),
        (gg.zeros(1), "how is a constant of the operation, not a tensor"),
    ],
)
def test_an_attribute_is_what_a_graph_can_keep(value: Any, says: str) -> None:
    function = custom_op(lambda x, how=None: x, name="f", operands=["x"], x=lambda g: g)
    with pytest.raises(gg.DTypeError, match=says):
        function(leaf([1.0]), value)
    kept = function(leaf([1.0]), np.float64(2.0)).node.attrs["how"]
    assert type(kept) is float


def test_no_gradient_is_lost_where_an_attribute_becomes_a_number() -> None:
    def prepare(attrs: dict[str, Any]) -> None:
        attrs["size"] = float(attrs["size"])

    scaled = lambda x, size: x * size
    function = custom_op(scaled, name="f", operands=["x"], x=lambda g, size: g * size, prepare=prepare)
    assert function(leaf([2.0]), gg.tensor(3.0)).tolist() == [6.0]
    with pytest.raises(gg.DTypeError, match="size is a constant of the operation, not a tensor that a gradient could"):
        function(leaf([2.0]), leaf(3.0))


def test_a_rule_may_return_a_number_for_a_number() -> None:
    x = leaf(3.0)
    custom_op(lambda x: x * 2, name="f", x=lambda g: 2.0)(x).backward()
    assert x.grad is not None
    assert x.grad.item() == 2.0
    assert x.grad.dtype == "float64"


def test_on_scalars() -> None:
    function = declared(scalar=lambda x: x * x, elementwise=True)
    x = gg.scalar(3.0)
    function(x).backward()
    assert x.grad == 6.0
    with pytest.raises(gg.DTypeError, match=r"custom.other: doesn't run on a Scalar"):
        declared(name="other")(x)
