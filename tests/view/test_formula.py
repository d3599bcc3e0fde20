"""Formulas: what is written with names and numbers means what the declaration says, and reads like a formula."""

import ast
import re
from fractions import Fraction
from string import Formatter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.ops.declare import TABLE
from graphgrad.view.captions import caption
from graphgrad.view.expression import Filling, attribute, is_operator, name, printed, product, write
from graphgrad.view.formula import Formulas
from graphgrad.view.names import names
from graphgrad.walk.trace import walk
from tests.ops.declared import OPS, draw

LETTERS = "abc"


def computed(tree: ast.expr, places: dict[str, Fraction]) -> Fraction:
    """The exact value of a parsed text."""
    match tree:
        case ast.Constant(value):
            return Fraction(str(value))
        case ast.Name(identifier):
            return places[identifier]
        case ast.UnaryOp(ast.USub(), operand):
            return -computed(operand, places)
        case ast.BinOp(left, kind, right):
            a, b = computed(left, places), computed(right, places)
            match kind:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.Div():
                    return a / b
                case ast.Pow():
                    assume(b.denominator == 1 and abs(b) <= 3)
                    return a ** int(b)
    raise AssertionError(ast.dump(tree))


def as_python(text: str) -> str:
    text = text.replace("·", "*").replace("^", "**")
    return re.sub(
        "[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda found: "**" + str(found[0].translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"))), text
    )


LEAF = st.sampled_from([*(f"{{{letter}}}" for letter in LETTERS), "2", "3"])


def combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(parts, st.sampled_from(["+", "-", "*", "/", "**"]), parts)
    return st.one_of(binary.map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"), parts.map(lambda text: f"-({text})"))


PAIRS = combined(LEAF)
# Nested on both sides, which is where parentheses are needed.
TEMPLATES = st.one_of(PAIRS, combined(st.one_of(LEAF, PAIRS)), combined(combined(PAIRS)))
MANY = settings(max_examples=500)


@MANY
@given(TEMPLATES, st.lists(st.sampled_from([-3.0, -0.5, 1e-5, 2.0, 0.25]), min_size=3, max_size=3))
def test_parentheses_keep_the_meaning(template, numbers):
    places = dict(zip(LETTERS, (Fraction(str(value)) for value in numbers), strict=True))
    fields = {field for _, field, _, _ in Formatter().parse(template) if field}
    try:
        meant = computed(ast.parse(re.sub("[{}]", "", template), mode="eval").body, places)
    except ZeroDivisionError:
        assume(False)
    by_names = write(template, {field: Filling(name(field)) for field in fields})
    assert computed(ast.parse(as_python(by_names.text), mode="eval").body, places) == meant
    values = dict(zip(LETTERS, numbers, strict=True))
    by_numbers = write(template, {field: Filling(printed(values[field])) for field in fields})
    assert computed(ast.parse(as_python(by_numbers.text), mode="eval").body, {}) == meant
    assert by_numbers.result == pytest.approx(float(meant), rel=1e-9)
    assert not re.search(r"[-+·/^] -", by_numbers.text), "a sign after an operator"


@MANY
@given(TEMPLATES, TEMPLATES, st.sampled_from([-3.0, 2.0]))
def test_a_product_is_that_of_its_parts(first, second, value):
    filling = {letter: Filling(printed(value)) for letter in LETTERS}
    a, b = write(first, filling), write(second, filling)
    both = product(a, b)
    assume(all(part.result is not None and np.isfinite(part.result) for part in (a, b)))
    try:
        meant = computed(ast.parse(as_python(a.text), mode="eval").body, {})
        meant *= computed(ast.parse(as_python(b.text), mode="eval").body, {})
        assert computed(ast.parse(as_python(both.text), mode="eval").body, {}) == meant
    except ZeroDivisionError:
        assume(False)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{a} * {b}", "-3 · 2"),
        ("{b} * {a}", "2 · (-3)"),
        ("-{a} / {b} ** 2", "-(-3) / 2²"),
        ("{a} ** 2", "(-3)²"),
        ("{c} ** 3", "(1e-05)³"),
        ("{b} ** {a}", "2^(-3)"),
        ("1 / (1 + exp(-{a}))", "1 / (1 + exp(-(-3)))"),
        ("where({a} > 0, {a}, 0.1 * {a})", "where(-3 > 0, -3, 0.1 · (-3))"),
    ],
)
def test_formulas_as_one_writes_them(template, text):
    places = {"a": Filling(printed(-3.0)), "b": Filling(printed(2.0)), "c": Filling(printed(1e-5))}
    assert write(template, places).text == text


def test_a_name_of_several_words_is_held_together():
    places = {"a": Filling(name("two words")), "b": Filling(name("x - y"))}
    assert write("{a} * {b}", places).text == "(two words) · (x - y)"
    assert write("exp({a})", places).text == "exp(two words)"


def test_defaults_of_the_function_that_is_called_are_left_out():
    def sum_of(axis, keepdims):
        places = {"x": Filling(name("x")), "axis": attribute(axis), "keepdims": attribute(keepdims)}
        return write("sum({x}, axis={axis}, keepdims={keepdims})", places).text

    assert sum_of(None, False) == "sum(x)"
    assert sum_of(0, False) == "sum(x, axis=0)"
    assert sum_of((0, 1), True) == "sum(x, axis=(0, 1), keepdims=True)"


def right_side(result) -> str:
    graph = result.graph()
    return Formulas(graph, names(graph)).by_names(graph.outputs[0].vertex)


def test_formulas_of_tensors():
    x = gg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="x")
    t = gg.tensor([[0.0, 1.0], [1.0, 0.0]], name="t")
    assert right_side(gg.softmax(x)) == "exp(x) / sum(exp(x), axis=-1, keepdims=True)"
    assert right_side(gg.sum(x, axis=0)) == "sum(x, axis=0)"
    assert right_side(gg.nn.functional.mse_loss(x, t)) == "mean((x - t)²)"
    assert right_side(gg.nn.functional.mse_loss(x, t, reduction="none")) == "(x - t)²"
    assert right_side(x[0, 1:]) == "x[0, 1:]"
    assert right_side(gg.concat([x, t])) == "concat([x, t])"
    assert right_side(x @ x.T) == "x @ xᵀ"
    assert right_side(gg.nn.functional.linear(x, t)) == "x @ tᵀ"


def test_a_weighted_mean_divides_by_the_weights():
    F = gg.nn.functional
    x = gg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="x")
    t, w = (gg.tensor(np.eye(2), name=name) for name in "tw")
    classes, per_class = gg.tensor([0, 1], name="c"), gg.tensor([1.0, 2.0], name="k")
    assert right_side(F.mse_loss(x, t, weight=w)) == "sum(w · (x - t)²) / sum(w)"
    assert right_side(F.mse_loss(x, t, weight=w, reduction="sum")) == "sum(w · (x - t)²)"
    assert right_side(F.nll_loss(x, classes)) == "mean(-x[c])"
    assert right_side(F.nll_loss(x, classes, per_class)) == "sum(-x[c] · k[c]) / sum(k[c])"
    told = [caption(walk(F.mse_loss(x, t, weight=weight)), 2) for weight in (None, w)]
    assert "mse_loss → x" in told[0]
    assert "· 2 · (x - t) / n:" in told[0]
    assert "· w · 2 · (x - t) / sum(w):" in told[1]


def test_an_attribute_decides_a_branch():
    F = gg.nn.functional
    x, t = gg.tensor([1.0, 2.0], requires_grad=True, name="x"), gg.tensor([0.0, 1.0], name="t")
    assert right_side(F.poisson_nll_loss(x, t)) == "mean(exp(x) - t · x)"
    assert right_side(F.poisson_nll_loss(x, t, log_input=False)) == "mean(x - t · log(x + 1e-08))"
    assert right_side(F.kl_div(x, t, reduction="sum")) == "sum(t · (log(t) - x))"
    assert right_side(F.kl_div(x, t, reduction="sum", log_target=True)) == "sum(exp(t) · (t - x))"
    assert right_side(gg.where([True, False], x, 0.0)) == "where(leaf, x, 0)"


@pytest.mark.parametrize("op", [op for op in OPS if op.differentiable], ids=lambda op: op.name)
def test_every_operation_can_be_told_of(op):
    for case in draw(op)[:6]:
        leaves = case.tensors(needs=[i for i, one in enumerate(case.operands) if one.dtype.kind == "f"])
        for i, leaf in enumerate(leaves, start=1):
            leaf.name = f"operand{i}"
        first = case.run(leaves)[0]
        if not first.requires_grad:
            continue
        steps = walk(first, np.ones(first.shape))
        named = names(steps.graph)
        formulas = Formulas(steps.graph, named)
        vertex = steps.graph.nodes[0]
        for operand in vertex.operands[:4]:
            assert named[operand] in formulas.by_names(vertex.id)
        for i in range(len(steps.steps)):
            text = caption(steps, i, named)
            assert "{" not in text
            assert "\n" not in text


def test_every_rule_in_words_belongs_to_an_operation_and_fills_its_places():
    assert any(op.back for op in TABLE.values())
    for op in TABLE.values():
        for operand, text in op.back.items():
            assert operand not in op.local, f"{op.name}: {operand} has a local derivative, the words are never shown"
            places = {field for _, field, _, _ in Formatter().parse(text) if field}
            assert places <= {"g", "out", "share", *op.operands, *op.attributes}, (op.name, operand)


def test_an_operation_without_words_says_what_its_rule_reads(monkeypatch):
    a, b = (gg.tensor(np.eye(3), requires_grad=True, name=letter) for letter in "ab")
    steps = walk(gg.sum(a @ b))
    with_words = [caption(steps, i) for i in range(len(steps.steps))]
    assert any("= ∂sum/∂matmul @ bᵀ" in text for text in with_words)
    monkeypatch.setattr(TABLE["matmul"], "back", {})
    without = [caption(steps, i) for i in range(len(steps.steps))]
    assert any("= from ∂sum/∂matmul, b:" in text for text in without)


def test_simple_operators_are_recognized():
    assert is_operator("{a} * {b}")
    assert is_operator("-{x}")
    assert is_operator("{x}[{key}]")
    assert not is_operator("({a} - {b}) ** 2")
    assert not is_operator("exp({x})")


def test_the_sign_tells_whether_the_printed_numbers_give_the_printed_result():
    x, w = gg.scalar(1 / 3, name="x"), gg.scalar(2.0, name="w")
    steps = walk(x * w)
    assert caption(steps, 0) == "forward     multiply = x · w = 0.3333 · 2 ≈ 0.6667"
    steps = walk(gg.scalar(0.25, name="x") * w)
    assert caption(steps, 0) == "forward     multiply = x · w = 0.25 · 2 = 0.5"


def test_names_tell_clashing_values_apart():
    x = gg.scalar(2.0, name="x")
    also = gg.scalar(3.0, name="x")
    liar = gg.scalar(4.0, name="multiply#1")
    y = (x * also) * liar * 2.0
    graph = y.graph()
    named = [names(graph)[vertex.id] for vertex in graph]
    assert len(set(named)) == len(named)
    assert set(named) == {"x#1", "x#2", "multiply#1", "multiply#2", "multiply#3", "multiply#4", "2"}


def test_names_of_several_outputs_and_of_what_only_rearranges():
    x = gg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True, name="x")
    left, right = gg.split(x, (1, 2), 1)
    graph = (gg.sum(left) + gg.sum(right.T.reshape(-1))).graph()
    named = names(graph)
    split = next(vertex for vertex in graph if vertex.op == "split")
    assert next(named[operand] for vertex in graph if vertex.op == "sum" for operand in vertex.operands) == "split[0]"
    assert named[split.id] == "split"
    by_op = {vertex.op: named[vertex.id] for vertex in graph}
    assert by_op["permute_dims"] == "split[1]ᵀ"
    assert by_op["reshape"] == "reshape(split[1]ᵀ)"


def test_a_number_in_the_code_keeps_its_digits():
    x = gg.scalar(2.0, name="x")
    steps = walk(x * 1.0001 + 1 / 3)
    assert "x · 1.0001 = 2 · 1.0001 = 2.000" in caption(steps, 0)
    assert caption(steps, 1).endswith("+ 0.3333 = 2.000 + 0.3333 ≈ 2.334")
