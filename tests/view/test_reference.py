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


def test_the_page_of_a_loss_says_what_becomes_of_the_single_losses() -> None:
    made = page(find("mse_loss"), "gg.nn.functional")
    assert section(made, "Formula")[-1].endswith("divides that by sum(weight), without weight by the number of losses")
    assert section(made, "Derivative")[-1].startswith(
        "where g is the gradient of out, of a mean divided by sum(weight)"
    )
    assert "mean" not in " ".join(section(page(find("tanh"), "gg"), "Formula"))


def test_classes_are_not_said_to_receive_a_gradient() -> None:
    lines = section(page(find("focal_loss"), "gg.nn.functional"), "Derivative")
    assert [line.partition(" ")[0] for line in lines[:-1]] == ["input", "weight"]


def test_the_page_of_tanh() -> None:
    made = page(find("tanh"), "gg", titles={"P02.08": "Tanh module", "P03.04": "Tanh"}.__getitem__)
    assert made.signature == "gg.tanh(x)"
    assert section(made, "Formula") == ("out = tanh(x)",)
    assert section(made, "Derivative") == ("∂out/∂x = 1 - out²",)
    assert section(made, "Forward mode")[0].startswith("derived")
    assert section(made, "Single numbers")
    assert section(made, "Curriculum") == ("P02.08  Tanh module", "P03.04  Tanh")


def test_a_page_tells_what_parameters_mean_and_how_it_is_called() -> None:
    made = page(find("softmax"), "gg")
    assert [line.partition(":")[0] for line in section(made, "Parameters")] == ["axis"]
    assert section(made, "In Python")[0] == ">>> import graphgrad as gg"
    assert any("gg.softmax(" in line for line in section(made, "In Python"))


@EVERY
def test_its_page_says_all_that_its_description_says(op: Op) -> None:
    """But for headings, the lines under them, and what it raises: a page has that from letting it refuse."""
    made = page(op, "gg")
    told = "".join("".join([made.summary, *(line for one in made.sections for line in one.lines)]).split())
    parts = re.split(r"\n(\w+)\n-{3,}\n", op.doc)
    for heading, text in zip(["", *parts[1::2]], parts[::2], strict=True):
        for line in text.splitlines() if heading != "Raises" else ():
            assert "".join(line.split()) in told, heading


def test_forward_mode_says_what_is_run_forward() -> None:
    assert section(page(find("tanh"), "gg"), "Forward mode") == ("derived: by its own rules, run forward",)
    composed = next(op for op in TABLE.values() if op.by_expansion and not op.linear)
    assert section(page(composed, "gg"), "Forward mode") == ("derived: by its expansion, run forward",)


def test_the_numbers_of_an_example_are_those_of_the_operation() -> None:
    lines = section(page(find("tanh"), "gg"), "An example, run now")
    x, out, upstream, received = ([float(one) for one in re.findall(r"-?\d[\d.e-]*", line)] for line in lines)
    assert out == pytest.approx(np.tanh(x), abs=5e-4)
    assert upstream == [1.0, 2.0, 3.0, 4.0]
    assert received == pytest.approx(upstream * (1.0 - np.tanh(x) ** 2), abs=5e-4)


def test_an_example_shows_both_sides_of_a_kink() -> None:
    for name in ("relu", "abs", "leaky_relu", "floor"):
        x = section(page(find(name), "gg"), "An example, run now")[0]
        assert re.search(r"[ \[]-", x), name
        assert re.search(r"[ \[]\d", x), name


def test_what_complex_numbers_are_for_is_shown_with_complex_numbers() -> None:
    for name in ("real", "imag", "conj", "angle", "view_as_real"):
        first, *_, received = section(page(find(name), "gg"), "An example, run now")
        assert "j" in first, name
        assert "j" in received, name


def test_a_reason_is_no_example() -> None:
    assert section(page(find("stop_gradient"), "gg"), "Derivative") == (
        "It has none. No gradient passes: to every derivative they are a constant.",
    )


def test_an_optional_operand_is_shown_left_out() -> None:
    assert section(page(find("linear"), "gg.nn.functional"), "Formula") == (
        "out = input @ weightᵀ + bias",
        "out = input @ weightᵀ   without bias",
    )


def test_operands_that_are_left_out_together_are_shown_so() -> None:
    lines = section(page(find("batch_norm"), "gg.nn.functional"), "Formula")
    assert [line.partition("   without ")[2] for line in lines] == [
        "",
        "running_mean, running_var",
        "running_mean, running_var, weight, bias",
    ]
    assert lines[-1].startswith("out = (input - mean_of_channels(input)) / sqrt(var_of_channels(input) + eps)  ")


def test_attributes_that_are_numbers_of_a_formula_keep_their_names() -> None:
    assert row(find("leaky_relu")).formula == "where(x > 0, x, negative_slope · x)"
    assert row(find("sum")).formula == "sum(x)"
