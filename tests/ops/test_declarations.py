"""What a declaration says about itself: names, texts, ids; and what is refused as a declaration."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff.scalar_backward import _rules_of
from graphgrad.graph.operation import Op, Sample, ScalarForm
from graphgrad.lessons import curriculum
from graphgrad.ops import TABLE, declare, entry, find, op, scalars
from graphgrad.ops.declare import Array, Arrays
from graphgrad.ops.variants import base_and_missing
from tests.ops.declared import CASES, draw, each_case, each_op, parse, places
from tests.ops.families import DIVISORS, FUNCTIONS, READINGS

# ---- every declaration -----------------------------------------------------------------------------------------------


def test_every_family_is_loaded_with_the_package(run_python: Any) -> None:
    code = """
import importlib, pkgutil
import graphgrad.ops
before = set(graphgrad.ops.TABLE)
for module in pkgutil.walk_packages(graphgrad.ops.__path__, "graphgrad.ops."):
    importlib.import_module(module.name)
assert before and set(graphgrad.ops.TABLE) == before, set(graphgrad.ops.TABLE) - before
"""
    run_python("-c", code)


def test_the_table_is_read_only_and_by_name() -> None:
    assert all(TABLE[name].name == name for name in TABLE)
    with pytest.raises(TypeError):
        TABLE["new"] = TABLE["add"]  # type: ignore[index]


def test_readings_are_of_operations() -> None:
    assert set(READINGS) | set(DIVISORS) <= set(TABLE)


@each_op(TABLE.values())
def test_it_is_public(op: Op) -> None:
    rooms: tuple[Any, ...] = (gg.fft, gg, gg.nn.functional, gg.random, gg.linalg)  # gg.fft.fft before gg.fft
    public = next(getattr(room, op.name) for room in rooms if hasattr(room, op.name))
    assert public.op is op
    assert public.__name__ == op.name
    # A function around it may ask which of two operations is meant: `max_pool2d` with or without its indices.
    assert op.call in (public, getattr(public, "__wrapped__", None))


@each_op()
def test_it_is_found_by_its_name(op: Op) -> None:
    assert find(op.name) is op


@each_op(TABLE.values())
def test_its_signature_names_operands_and_attributes(op: Op) -> None:
    parameters = inspect.signature(op.call).parameters
    assert [name for name in parameters if name in op.operands] == list(op.operands)
    assert [name for name in parameters if name not in op.operands] == list(op.attributes)
    assert {name: parameters[name].default for name in op.attributes} == op.attributes
    assert {name for name in op.operands if parameters[name].default is None} == set(op.neutral)


@each_op(TABLE.values())
def test_its_page_has_a_sentence_and_an_example(op: Op) -> None:
    first, _, rest = op.doc.partition("\n\n")
    assert first.rstrip().endswith(".")
    assert "Examples\n--------\n>>> " in rest
    assert op.call.__doc__ == op.doc
    example = rest.partition("Examples\n--------\n")[2]
    assert op.name in example or op.symbol.strip("[]= ") in example or f"[{op.name}]" in example


@each_op()
def test_its_formula_can_be_read(op: Op) -> None:
    assert op.formula, "every operation has a formula"
    assert places(op.formula) <= {*op.operands, *op.attributes}
    assert places(op.formula) & set(op.operands)
    for operand, text in op.local.items():
        assert places(text) <= {*op.operands, *op.attributes, "out"}, operand
    assert places(op.divisor) <= {*op.operands, *op.attributes}
    for text in (op.formula, *op.local.values(), *([op.divisor] if op.divisor else [])):
        called = {ast.unparse(node.func) for node in ast.walk(parse(text)) if isinstance(node, ast.Call)}
        assert called <= set(FUNCTIONS)


@each_op()
def test_its_local_derivatives_are_those_of_its_rules(op: Op) -> None:
    if op.local:
        assert set(op.local) == set(op.rules)


@each_op()
def test_its_samples_are_plenty_and_repeat(op: Op) -> None:
    first, again = draw(op), draw(op)
    assert len(first) >= 3
    for one, other in zip(first, again, strict=True):
        for a, b in zip(one.operands, other.operands, strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype in (np.float64, np.int64, np.bool)


@each_op()
def test_covers_are_items_of_the_curriculum(op: Op) -> None:
    assert [curriculum.item(one).id for one in op.covers] == list(op.covers)
    assert len(set(op.covers)) == len(op.covers)


@each_case()
def test_cost_is_a_count(case: Any) -> None:
    node = case.node()
    shapes = [operand.shape for operand in case.operands]
    cost = case.op.cost(shapes, **node.attrs) if case.op.variadic else case.op.cost(*shapes, **node.attrs)
    assert type(cost) is int
    assert cost >= 0


@pytest.mark.parametrize(
    ("name", "shapes", "cost"),
    [
        ("add", ((2, 3), (3,)), 6),
        ("tanh", ((4, 5),), 20),
        ("matmul", ((2, 3), (3, 4)), 2 * 2 * 3 * 4),
        ("matmul", ((5, 2, 3), (3, 4)), 2 * 5 * 2 * 3 * 4),
        ("sum", ((2, 3),), 6),
        ("reshape", ((2, 3),), 0),
    ],
)
def test_some_costs(name: str, shapes: tuple[tuple[int, ...], ...], cost: int) -> None:
    attrs = {**TABLE[name].attributes} if name != "reshape" else {"shape": (6,)}
    assert TABLE[name].cost(*shapes, **attrs) == cost


def test_a_misspelt_name_is_answered_with_near_ones() -> None:
    with pytest.raises(LookupError, match=r"no operation called 'sigmod'[\s\S]*did you mean sigmoid"):
        find("sigmod")
    with pytest.raises(LookupError, match="TABLE holds all of them"):
        find("qqqqqq")


def test_the_cases_are_of_all_operations() -> None:
    assert {base_and_missing(case.op.name)[0] for case in CASES} == set(TABLE)


# ---- declaring -------------------------------------------------------------------------------------------------------


@pytest.fixture
def throwaway() -> Iterator[None]:
    """Operations that a test declares are gone when it ends."""
    tables: list[dict[Any, Any]] = [declare._declared, entry.NUMPY_TWINS, _rules_of]
    kept = [dict(table) for table in tables]
    opcodes = list(scalars.OPCODES)
    yield
    for table, before in zip(tables, kept, strict=True):
        table.clear()
        table.update(before)
    scalars.OPCODES[:] = opcodes


def _samples(rng: np.random.Generator) -> list[Sample]:
    return [Sample((rng.normal(size=3),), {})]


@pytest.mark.usefixtures("throwaway")
def test_a_declared_operation_runs_differentiates_and_is_found() -> None:
    def cube(x: Array, scale: float = 1.0) -> Any:
        """The cube of each element, scaled."""
        return scale * x * x * x

    public = op(cube, x=lambda g, x, scale: g * (3.0 * scale * x * x), formula="{scale} * {x} ** 3")
    assert find("cube") is public.op
    assert list(TABLE)[-1] == "cube"
    assert str(inspect.signature(public)) == "(x, scale: 'float' = 1.0)"
    x = gg.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    y = public(x, 2.0)
    y.backward([1.0, 1.0], retain_graph=True)
    assert y.tolist() == [2.0, 16.0]
    assert x.grad is not None
    assert x.grad.tolist() == [6.0, 24.0]
    assert gg.gradcheck(lambda x: public(x, scale=0.5), x)
    assert gg.gradcheck(gg.grad(lambda x: gg.sum(public(x))), x)


@pytest.mark.usefixtures("throwaway")
def test_a_decorated_operation_runs() -> None:
    @op(a=lambda g, b: g * b, b=lambda g, a: g * a, symbol="*", scalar=lambda a, b: a * b)
    def times(a: Array, b: Array) -> Any:
        """Multiply."""
        return a * b

    assert times.op.symbol == "*"
    assert times([2.0], [3.0]).tolist() == [6.0]
    x = gg.scalar(2.0)
    times(x, x).backward()
    assert x.grad == 4.0


@pytest.mark.usefixtures("throwaway")
def test_a_trailing_underscore_is_no_part_of_the_name() -> None:
    def lambda_(x: Array) -> Any:
        """One."""
        return x

    assert op(lambda_, x=lambda g: g).op.name == "lambda"


def one(x: Array) -> Any:
    """One operand."""
    return np.asarray(x)


def two(a: Array, b: Array) -> Any:
    """Two operands."""
    return a + b


def maybe(x: Array, bias: Array = None) -> Any:
    """An operand that can be left out."""
    return x if bias is None else x + bias


def no_operand(axis: int) -> Any:
    """No operand at all."""
    return axis


def list_and_more(tensors: Arrays, x: Array) -> Any:
    """A sequence beside another operand."""
    return x


@pytest.mark.parametrize(
    ("forward", "declaration", "says"),
    [
        (one, {"x": lambda g, y: g}, r"one: a rule asks for 'y', which is none of \['x', 'out', 'x_shape'\]"),
        (one, {"x": lambda g, y_shape: g}, "one: a rule asks for 'y_shape'"),
        (one, {"x": lambda g, shapes: g}, "one: a rule asks for 'shapes'"),
        (one, {"joint": lambda g, axis: (g,)}, "one: a rule asks for 'axis'"),
        (one, {"y": lambda g: g}, r"one: \['y'\] are no operands; those are \('x',\)"),
        (one, {"local": {"y": "1"}}, r"one: \['y'\] are no operands"),
        (one, {"x": lambda g: g, "joint": lambda g: (g,)}, "one: give one rule per operand or a joint one, not both"),
        (one, {"name": "add"}, "add: declared twice"),
        (np.add, {}, "add: declared twice"),
        (maybe, {}, r"maybe: optional operands \['bias'\] need a neutral number each"),
        (one, {"neutral": {"x": "0"}}, r"one: optional operands \[\] need a neutral number each, no others do"),
        (no_operand, {}, "no_operand: annotate its operands with Array"),
        (list_and_more, {}, "list_and_more: annotate its operands with Array, or its only one with Arrays"),
    ],
)
@pytest.mark.usefixtures("throwaway")
def test_a_wrong_declaration_is_refused_and_leaves_nothing(forward: Any, declaration: Any, says: str) -> None:
    before, opcodes, twins = dict(TABLE), list(scalars.OPCODES), dict(entry.NUMPY_TWINS)
    with pytest.raises(TypeError, match=says):
        op(forward, **declaration)
    assert dict(TABLE) == before
    assert opcodes == scalars.OPCODES
    assert twins == entry.NUMPY_TWINS


@pytest.mark.usefixtures("throwaway")
def test_a_second_declaration_of_a_name_is_refused() -> None:
    op(two, a=lambda g: g)
    with pytest.raises(TypeError, match="two: declared twice"):
        op(two, a=lambda g: g)


@pytest.mark.usefixtures("throwaway")
def test_the_tape_has_room_for_255_operations() -> None:
    form = ScalarForm(lambda x: x, {"x": lambda g: g})
    names = [f"filler{i}" for i in range(len(scalars.OPCODES), 256)]
    for name in names:
        op(one, name=name, x=lambda g: g, scalar=form)
    assert TABLE[names[-1]].opcode == 255
    before = dict(TABLE)
    with pytest.raises(TypeError, match="one_more: the tape holds opcodes in one byte, all 255 are taken"):
        op(one, name="one_more", x=lambda g: g, scalar=form)
    assert dict(TABLE) == before
