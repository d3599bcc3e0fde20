"""What an operation must refuse: the declared error, its words, the operands, and the line that asked for it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.operation import ErrorSample, Op
from tests.ops.declared import OPS, arguments

REFUSED = [
    pytest.param(op, sample, id=f"{op.name}-{i}: {sample.says}") for op in OPS for i, sample in enumerate(op.errors)
]


def attempt(op: Op, operands: tuple[Any, ...], attrs: Any) -> int:
    """Run the operation; the line below is the one that a message must name."""
    line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
    op.call(*operands, **attrs)
    return line


def line_of_attempt() -> int:
    lines, first = inspect.getsourcelines(attempt)
    return first + next(i for i, line in enumerate(lines) if "op.call(" in line)


def leaf(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [leaf(one, f"{name}{i}") for i, one in enumerate(value)]
    if not isinstance(value, np.ndarray):
        return value
    return gg.tensor(value, requires_grad=value.dtype.kind == "f", name=f"my_{name}")


@pytest.mark.parametrize(("op", "sample"), REFUSED)
def test_it_is_refused_with_its_reason_and_place(op: Op, sample: ErrorSample) -> None:
    operands = tuple(leaf(value, name) for value, name in zip(sample.operands, op.operands, strict=True))
    given, by_name = arguments(op, operands, sample.attrs)
    with pytest.raises(sample.error) as caught:
        attempt(op, tuple(given), by_name)
    text = str(caught.value)
    first = text.splitlines()[0]
    assert isinstance(caught.value, gg.GraphgradError)
    assert sample.says in first
    assert re.match(rf"({op.name}( without [\w, ]+)?|index): ", first)
    assert f"  at: {Path(__file__)}:{line_of_attempt()}  op.call(*operands, **attrs)" in text.splitlines()
    arguments_named = (name for name in (*op.operands, *op.attributes) if re.search(rf"\b{name}\b", text))
    assert first.startswith("index: ") or any(arguments_named)
    # The reader sees this one error, not what NumPy said before it.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(("op", "sample"), REFUSED)
def test_plain_arrays_are_refused_alike(op: Op, sample: ErrorSample) -> None:
    given, by_name = arguments(op, sample.operands, sample.attrs)
    with pytest.raises(sample.error) as caught:
        attempt(op, tuple(given), by_name)
    assert sample.says in str(caught.value)
    assert all(line.startswith("  ") for line in str(caught.value).splitlines()[1:]), str(caught.value)


@pytest.mark.parametrize(("op", "sample"), REFUSED)
def test_it_is_refused_under_recording_and_without_grad_too(op: Op, sample: ErrorSample) -> None:
    given, by_name = arguments(op, sample.operands, sample.attrs)
    with gg.record() as recording, pytest.raises(sample.error):
        op.call(*given, **by_name)
    assert recording.nodes == []
    with gg.no_grad(), pytest.raises(sample.error):
        op.call(*given, **by_name)


def test_shapes_and_names_of_both_operands_are_told() -> None:
    a = gg.zeros((2, 3), name="weights")
    b = gg.zeros((4,), dtype="float64")
    with pytest.raises(gg.ShapeError) as caught:
        a * b
    assert str(caught.value).splitlines()[:3] == [
        "multiply: shapes (2, 3) and (4,) don't broadcast: counted from the right, axis 1 has lengths 3 and 4",
        "  a: 'weights' shape (2, 3), float32",
        "  b: shape (4,), float64",
    ]
    assert str(caught.value).splitlines()[3].endswith("a * b")


def test_attributes_are_told() -> None:
    with pytest.raises(
        gg.ShapeError, match=r"sum: axis 5 is out of range for 1 axes[\s\S]*axis: 5[\s\S]*keepdims: True"
    ):
        gg.sum(gg.zeros(3), axis=5, keepdims=True)


def test_members_of_a_sequence_are_told_by_number() -> None:
    with pytest.raises(gg.ShapeError, match=r"tensors\[0\]: shape \(2,\), float32[\s\S]*tensors\[1\]: shape \(3,\)"):
        gg.stack([gg.zeros(2), gg.zeros(3)])


def test_an_empty_sequence_is_refused() -> None:
    for function in (gg.stack, gg.concat):
        with pytest.raises(gg.ShapeError, match="needs at least one tensor"):
            function([])


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("text", "add: b"),
        (None, "add: b"),
        ([1.0, [2.0]], "add: b: can't make an array of numbers"),
        (np.array(["a"]), "add: b: elements of dtype <U1 are not numbers"),
        (np.array([None]), "add: b: elements of dtype object are not numbers"),
    ],
    ids=repr,
)
def test_what_holds_no_numbers_is_refused_by_name(value: Any, says: str) -> None:
    with pytest.raises(gg.DTypeError) as caught:
        gg.add(gg.zeros(2), value)
    assert str(caught.value).startswith(says)


def test_an_operand_that_was_overwritten_is_refused() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2.0
    z = gg.reshape(y, (2, 1))
    y += 1.0
    with pytest.raises(gg.WriteError, match=r"exp: a tensor of shape \(2, 1\), computed by reshape, was overwritten"):
        gg.exp(z)
