"""The reference: every operation has a row and a page, made from its declaration and from running it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from graphgrad.graph.operation import Op
from graphgrad.ops import TABLE, find
from graphgrad.view.reference import Page, page, row

EVERY = pytest.mark.parametrize("op", TABLE.values(), ids=lambda op: op.name)


def section(made: Page, heading: str) -> tuple[str, ...]:
    return next((one.lines for one in made.sections if one.heading == heading), ())


@EVERY
def test_every_operation_has_a_formula_and_a_derivative_or_says_why_not(op: Op) -> None:
    made = row(op)
    assert made.name == op.name
    assert made.formula
    assert "{" not in made.formula + made.derivative.replace("{0, 1}", "")
    if op.differentiable:
        assert made.derivative.count("∂") >= len([*op.rules, *([1] if op.joint else [])])
        assert "by its rule" not in made.derivative, "say in words what each operand receives: `back`"
    else:
        assert re.match(r"none: .*(gradient|derivative)", made.derivative), "the description says why it has none"


@EVERY
def test_every_operation_has_a_page_with_an_example_that_was_run(op: Op) -> None:
    made = page(op, "gg")
    assert made.signature.startswith(f"gg.{op.name}(")
    assert made.summary.endswith(".")
    assert section(made, "Formula")[0].startswith("out = ")
    assert section(made, "Derivative")
    assert section(made, "Shapes")
    example = section(made, "An example, run now")
    assert any(line.startswith("out") for line in example)
    if op.differentiable:
        assert any(line.startswith("the gradient ") for line in example)
    assert len(section(made, "Refused")) == len(op.errors), "each refusal refuses"
    assert bool(section(made, "Expansion")) == (op.expand is not None)
    assert len(section(made, "Curriculum")) == len(op.covers)


def test_the_page_of_tanh() -> None:
    made = page(find("tanh"), "gg", titles={"P02.08": "Tanh module", "P03.04": "Tanh"}.__getitem__)
    assert made.signature == "gg.tanh(x)"
    assert section(made, "Formula") == ("out = tanh(x)",)
    assert section(made, "Derivative") == ("∂out/∂x = 1 - out²",)
    assert section(made, "Forward mode")[0].startswith("derived")
    assert section(made, "Single numbers")
    assert section(made, "Curriculum") == ("P02.08  Tanh module", "P03.04  Tanh")


def test_the_numbers_of_an_example_are_those_of_the_operation() -> None:
    lines = section(page(find("tanh"), "gg"), "An example, run now")
    x, out, upstream, received = ([float(one) for one in re.findall(r"-?\d[\d.e-]*", line)] for line in lines)
    assert out == pytest.approx(np.tanh(x), abs=5e-4)
    assert upstream == [1.0, 2.0, 3.0, 4.0]
    assert received == pytest.approx(upstream * (1.0 - np.tanh(x) ** 2), abs=5e-4)


def test_an_optional_operand_is_shown_left_out() -> None:
    assert section(page(find("linear"), "gg.nn.functional"), "Formula") == (
        "out = input @ weightᵀ + bias",
        "out = input @ weightᵀ   without bias",
    )


def test_attributes_that_are_numbers_of_a_formula_keep_their_names() -> None:
    assert row(find("leaky_relu")).formula == "where(x > 0, x, negative_slope · x)"
    assert row(find("sum")).formula == "sum(x)"
