"""Operations without their optional operands: names, texts and what they share."""

from __future__ import annotations

import pytest

from graphgrad.ops import TABLE, find
from graphgrad.ops.declare import lookup
from graphgrad.ops.variants import base_and_missing, rewritten, without


@pytest.mark.parametrize(
    ("text", "numbers", "expected"),
    [
        ("{x} @ {w} + {b}", {"b": "0"}, "{x} @ {w}"),
        ("{w} * ({x} - {y}) ** 2", {"w": "1"}, "({x} - {y}) ** 2"),
        ("-{x}[{t}] * {w}[{t}]", {"w": "1"}, "-{x}[{t}]"),
        ("{w}[{t}] * {x}[{t}]", {"w": "1"}, "{x}[{t}]"),
        ("{x}[{t}] / {w}", {"w": "1"}, "{x}[{t}]"),
        ("{w} * {x} + {p} * {y}", {"w": "1", "p": "1"}, "{x} + {y}"),
    ],
)
def test_what_changes_nothing_is_left_out(text: str, numbers: dict[str, str], expected: str) -> None:
    assert rewritten(text, numbers) == expected


def test_a_variant_tells_of_the_operands_that_it_has() -> None:
    whole = TABLE["mse_loss"]
    plain = without(whole, ["weight"])
    assert (plain.name, plain.base, whole.base) == ("mse_loss without weight", "mse_loss", "mse_loss")
    assert plain.formula == "({input} - {target}) ** 2"
    assert plain.back["input"] == "{g} · 2 · ({input} - {target}){share}"
    assert (whole.divisor, plain.divisor) == ("sum({weight})", "")


def test_a_variant_is_made_once() -> None:
    op = TABLE["binary_cross_entropy_with_logits"]
    both = without(op, ["weight", "pos_weight"])
    assert both is without(op, ("weight", "pos_weight")) is without(op, ["pos_weight", "weight"])
    assert both.name == "binary_cross_entropy_with_logits without weight, pos_weight"
    assert both is find(both.name) is lookup(both.name)
    assert base_and_missing(both.name) == (op.name, ("weight", "pos_weight"))


def test_a_name_that_no_operation_has_is_none() -> None:
    assert lookup(None) is lookup("sigmod") is lookup("mse_loss without target") is None
