"""Scalars: values, comparisons, writing, and what they refuse."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg

HERE = Path(__file__).name


def test_a_scalar_needs_a_gradient_unless_told_otherwise() -> None:
    a, c = gg.scalar(2), gg.scalar(2.0, requires_grad=False)
    assert (a.requires_grad, a.is_leaf, a.grad, a.name) == (True, True, None, None)
    assert (c.requires_grad, c.is_leaf, c.grad) == (False, True, None)
    assert type(a.data) is float
    y = a * c
    assert (y.requires_grad, y.is_leaf, y.grad) == (True, False, None)
    z = c * c
    assert (z.requires_grad, z.is_leaf) == (False, True)


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3.0), (True, 1.0), ("2.5", 2.5), (np.float32(0.5), 0.5), (np.array(4), 4.0), ("inf", math.inf)],
)
def test_anything_that_float_takes(value: Any, number: float) -> None:
    assert gg.scalar(value).data == number
    assert gg.scalar(gg.scalar(1.5)).data == 1.5
    assert gg.scalar(gg.tensor(1.5)).data == 1.5


@pytest.mark.parametrize("value", ["abc", None, [1.0], 1j, object(), np.zeros(2), {}])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(gg.DTypeError, match="scalar: a number is needed, got") as caught:
        gg.scalar(value)
    assert HERE in str(caught.value)
    a = gg.scalar(1.0)
    with pytest.raises(gg.DTypeError, match="data: a number is needed"):
        a.data = value
    assert a.data == 1.0


def test_arithmetic_either_way_round() -> None:
    a = gg.scalar(2.0)
    expected = {
        "a + 3": (a + 3, 5.0),
        "3 + a": (3 + a, 5.0),
        "a - 3": (a - 3, -1.0),
        "3 - a": (3 - a, 1.0),
        "a * 3": (a * 3, 6.0),
        "3 * a": (3 * a, 6.0),
        "a / 4": (a / 4, 0.5),
        "4 / a": (4 / a, 2.0),
        "a ** 3": (a**3, 8.0),
        "3 ** a": (3**a, 9.0),
        "-a": (-a, -2.0),
        "abs": (abs(-a), 2.0),
        "np": (np.float64(3.0) * a, 6.0),
        "np right": (a * np.int64(3), 6.0),
        "bool": (a + True, 3.0),
    }
    for text, (result, value) in expected.items():
        assert isinstance(result, gg.Scalar), text
        assert result.data == value, text
    assert +a is a


def test_functions() -> None:
    for name, exact in (("exp", math.exp), ("log", math.log), ("tanh", math.tanh), ("sqrt", math.sqrt)):
        assert getattr(gg, name)(gg.scalar(0.7)).data == exact(0.7)
    assert gg.relu(gg.scalar(-1.0)).data == 0.0
    assert gg.relu(gg.scalar(2.0)).data == 2.0
    assert gg.sigmoid(gg.scalar(0.0)).data == 0.5


def ieee_cases() -> dict[str, tuple[Any, float]]:
    big, zero = gg.scalar(1e308), gg.scalar(0.0)
    inf, nan = gg.scalar(math.inf), gg.scalar(math.nan)
    return {
        "1/0": (1.0 / zero, math.inf),
        "-1/0": (-1.0 / zero, -math.inf),
        "0/0": (zero / zero, math.nan),
        "log 0": (gg.log(zero), -math.inf),
        "log -1": (gg.log(gg.scalar(-1.0)), math.nan),
        "exp": (gg.exp(gg.scalar(1000.0)), math.inf),
        "exp -": (gg.exp(gg.scalar(-1000.0)), 0.0),
        "sqrt -1": (gg.sqrt(gg.scalar(-1.0)), math.nan),
        "overflow *": (big * 10.0, math.inf),
        "overflow **": (big**2, math.inf),
        "0**0": (zero**0, 1.0),
        "0**-1": (zero**-1, math.inf),
        "nan**0": (nan**0, 1.0),
        "fractional": (gg.scalar(-8.0) ** (1 / 3), math.nan),
        "(-2)**3": (gg.scalar(-2.0) ** 3, -8.0),
        "inf-inf": (inf - inf, math.nan),
        "inf*0": (inf * 0.0, math.nan),
        "tanh inf": (gg.tanh(inf), 1.0),
        "sigmoid -1000": (gg.sigmoid(gg.scalar(-1000.0)), 0.0),
        "relu nan": (gg.relu(nan), math.nan),
    }


@pytest.mark.parametrize("case", ieee_cases())
def test_ieee_values_instead_of_exceptions(case: str) -> None:
    result, expected = ieee_cases()[case]
    assert type(result.data) is float
    assert result.data == expected or (math.isnan(result.data) and math.isnan(expected))


def test_comparisons_look_at_values() -> None:
    a, b = gg.scalar(1.0), gg.scalar(2.0)
    assert a < b <= 2.0
    assert b > a >= 1
    assert a == 1.0
    assert a == gg.scalar(1.0)
    assert a != b
    assert gg.scalar(math.nan) != gg.scalar(math.nan)
    assert max([a, b]) is b
    assert sorted([b, a, b])[:2] == [a, b]
    assert a != None  # noqa: E711
    with pytest.raises(TypeError):
        a < "x"  # noqa: B015


def test_identity_is_what_a_dict_key_means() -> None:
    a, b = gg.scalar(1.0), gg.scalar(1.0)
    assert len({a: 1, b: 2}) == 2
    (same,) = ((a * 2.0).graph().leaves[0].leaf,)
    assert isinstance(same, gg.Scalar)
    assert same is not a
    assert {a: "found"}[same] == "found"


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies_of_leaves_are_independent(how: Callable[[gg.Scalar], gg.Scalar]) -> None:
    for a in (gg.scalar(2.0, name="a"), gg.scalar(2.0, requires_grad=False)):
        b = how(a)
        assert (b.data, b.name, b.requires_grad) == (a.data, a.name, a.requires_grad)
        assert b.number != a.number
        b.data = 5.0
        assert a.data == 2.0
    with pytest.raises(gg.GraphError, match="only leaves can be copied"):
        how(gg.scalar(1.0) * 2.0)


def test_conversions() -> None:
    a = gg.scalar(2.75)
    assert (float(a), int(a), bool(a), bool(gg.scalar(0.0)), a.item()) == (2.75, 2, True, False, 2.75)
    assert f"{a:.1f}" == "2.8"
    assert f"{a}" == str(a)


def test_repr_shows_what_has_not_arrived() -> None:
    a = gg.scalar(2.0, name="a")
    assert repr(a) == "scalar(2, grad=—, name='a')"
    (a * a).backward()
    assert repr(a) == "scalar(2, grad=4, name='a')"
    assert repr(gg.scalar(1 / 3)) == "scalar(0.3333, grad=—)"


def test_detach_is_a_constant() -> None:
    a = gg.scalar(3.0)
    y = (a * a).detach() * a
    y.backward()
    assert a.grad == 9.0
    assert not (a * a).detach().requires_grad


def test_no_grad() -> None:
    a = gg.scalar(3.0)
    with gg.no_grad():
        y = a * a + 1.0
        z = gg.tanh(a)
    assert (y.data, y.requires_grad, z.requires_grad) == (10.0, False, False)
    (y * a).backward()
    assert a.grad == 10.0


@pytest.mark.parametrize("name", [5, ["a"], b"a"])
def test_a_name_is_a_text(name: Any) -> None:
    a = gg.scalar(1.0, name="a")
    for call in (lambda: gg.scalar(1.0, name=name), lambda: setattr(a, "name", name)):
        with pytest.raises(gg.DTypeError, match="name: a text or None is needed, got"):
            call()
    assert a.name == "a"


def test_names() -> None:
    a = gg.scalar(1.0)
    a.name = "weight"
    assert a.name == "weight"
    y = a * 2.0
    y.name = "out"
    assert [vertex.name for vertex in y.graph() if not vertex.is_constant] == ["weight", "out"]


# ---- writing


def test_a_leaf_can_be_written_and_a_result_cannot() -> None:
    a = gg.scalar(1.0)
    a.data = 5
    assert (a.data, type(a.data)) == (5.0, float)
    a.data -= 0.5
    assert a.data == 4.5
    y = a * 2.0
    with pytest.raises(gg.WriteError, match=r"this scalar was computed(.|\n)*hint: make a new one"):
        y.data = 1.0
    assert y.data == 9.0


def test_a_leaf_written_after_use_is_noticed() -> None:
    a, b = gg.scalar(2.0, name="a"), gg.scalar(3.0)
    y = a * b
    a.data = 10.0
    with pytest.raises(
        gg.WriteError, match=r"leaf 'a' was written after it was used\n  its value is now 10\.0"
    ) as caught:
        y.backward()  # too late
    assert HERE in str(caught.value)
    assert "# too late" in str(caught.value)
    assert "hint: write to .data after backward()" in str(caught.value)
    assert a.grad is None
    assert b.grad is None
    (a * b).backward()
    gradients: list[Any] = [a.grad, b.grad]
    assert gradients == [3.0, 10.0]


def test_a_write_far_below_is_noticed() -> None:
    a, c = gg.scalar(1.0), gg.scalar(2.0, requires_grad=False)
    y = a * c
    for _ in range(3000):
        y = y + 0.001
    c.data = 5.0
    z = y * 2.0
    with pytest.raises(gg.WriteError, match="a leaf was written after it was used"):
        z.backward()


def test_a_write_elsewhere_is_no_matter() -> None:
    a, b = gg.scalar(2.0), gg.scalar(3.0)
    y = a * a
    b.data = 7.0
    z = y * b
    z.backward()
    assert (a.grad, b.grad) == (28.0, 4.0)


def test_a_write_before_use_is_no_matter() -> None:
    a = gg.scalar(2.0)
    before = a * a
    before.backward()
    a.data = 3.0
    a.grad = None
    (a * a).backward()
    assert a.grad == 6.0


def test_writes_to_tensors_are_no_matter() -> None:
    a, t = gg.scalar(2.0), gg.tensor([1.0])
    y = a * a
    for _ in range(5):
        t += 1
        y = y * 1.0
    y.backward()
    assert a.grad == 4.0


def test_grad_can_be_set() -> None:
    a = gg.scalar(2.0)
    a.grad = 10
    assert a.grad == 10.0
    (a * a).backward()
    assert a.grad == 14.0
    a.grad = None
    assert a.grad is None
    with pytest.raises(gg.DTypeError, match="grad: a number is needed"):
        a.grad = "x"  # type: ignore[assignment]


# ---- mixing


MIXES: list[Any] = [gg.tensor([1.0]), gg.tensor(1.0), np.ones(2), np.ones(()), [1.0], "x", None, 1j]


@pytest.mark.parametrize("other", MIXES, ids=lambda other: f"{type(other).__name__}{np.shape(other)}")
def test_a_scalar_among_other_things_is_refused(other: Any) -> None:
    a = gg.scalar(2.0)
    for mix in (
        lambda: a + other,
        lambda: other + a,
        lambda: a * other,
        lambda: other * a,
        lambda: a**other,
        lambda: gg.add(a, other),
        lambda: gg.multiply(other, a),
    ):
        with pytest.raises(gg.DTypeError, match="Scalar") as caught:
            mix()
        assert "hint: use gg.tensor(value, requires_grad=True) for a number among tensors" in str(caught.value)
        assert HERE in str(caught.value)


def test_operations_without_a_form_for_scalars_refuse() -> None:
    a = gg.scalar(2.0)
    for call in (lambda: gg.sum(a), lambda: gg.matmul(a, a), lambda: gg.concat([a, a]), lambda: gg.softmax(a, axis=0)):
        with pytest.raises(gg.DTypeError, match=r"Scalar(.|\n)*hint"):
            call()
    with pytest.raises(gg.DTypeError, match="Scalar"):
        gg.tensor([1.0]) + a
