"""The backward pass over scalars: micrograd's expressions, accumulation, IEEE values, failures."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import pytest

import graphgrad as gg

HERE = Path(__file__).name
module: Any = importlib.import_module("graphgrad.autodiff.scalar_backward")  # the package has a function of that name


@pytest.fixture(autouse=True, params=["in Python", "compiled"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pass here in both ways; which one is taken depends else on what the process has done before."""
    monkeypatch.setattr(module, "compiled_pays", lambda root: request.param == "compiled")


# ---- micrograd's own test expressions, against the derivatives worked out by hand on plain floats


def test_the_sanity_check() -> None:
    x = gg.scalar(-4.0)
    z = 2 * x + 2 + x
    q = gg.relu(z) + z * x
    h = gg.relu(z * z)
    y = h + q + q * x
    y.backward()
    # z = 3x + 2 = -10 < 0, so relu(z) = 0 and q = z x; h = z²; y = z² + z x (1 + x)
    zx, xx = -10.0, -4.0
    assert y.data == zx * zx + zx * xx * (1 + xx) == -20.0
    assert x.grad == 2 * zx * 3 + 3 * xx * (1 + xx) + zx * (1 + 2 * xx) == 46.0


def test_more_operations() -> None:
    a, b = gg.scalar(-4.0), gg.scalar(2.0)
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + gg.relu(b + a)
    d = d + 3 * d + gg.relu(b - a)
    e = c - d
    f = e**2
    g = f / 2.0
    g = g + 10.0 / f
    g.backward()
    # relu(b + a) = 0 and relu(b - a) = b - a, so c = 4(a + b) + 3 - a and d = 12(ab + b³) + b - a
    av, bv = -4.0, 2.0
    cv = (2 * (av + bv) + 1) * 2 + 1 - av
    dv = 4 * 3 * (av * bv + bv**3) + (bv - av)
    ev = cv - dv
    dg_de = ev - 20.0 / ev**3
    assert g.data == ev**2 / 2 + 10.0 / ev**2
    assert a.grad == pytest.approx(dg_de * ((4 - 1) - (12 * bv - 1)), rel=1e-14)
    assert b.grad == pytest.approx(dg_de * (4 - (12 * (av + 3 * bv**2) + 1)), rel=1e-14)
    assert g.data == pytest.approx(24.70408163265306)
    assert a.grad == pytest.approx(138.83381924198252)
    assert b.grad == pytest.approx(645.5772594752186)


def test_the_neuron() -> None:
    x1, x2, w1, w2 = gg.scalar(2.0), gg.scalar(0.0), gg.scalar(-3.0), gg.scalar(1.0)
    b = gg.scalar(6.8813735870195432)
    out = gg.tanh(x1 * w1 + x2 * w2 + b)
    out.backward()
    slope = 1 - math.tanh(2.0 * -3.0 + 6.8813735870195432) ** 2
    assert out.data == math.tanh(0.8813735870195432)
    assert [x1.grad, w1.grad, x2.grad, w2.grad, b.grad] == [-3.0 * slope, 2.0 * slope, slope, 0.0, slope]
    assert slope == pytest.approx(0.5)


# ---- accumulation


def test_leaves_accumulate_and_results_have_the_last_pass() -> None:
    a = gg.scalar(3.0)
    h = a * a
    y = h * 2.0

    def gradients() -> list[float | None]:
        return [a.grad, h.grad, y.grad]

    assert gradients() == [None, None, None]
    y.backward()
    assert gradients() == [12.0, 2.0, 1.0]
    y.backward(10.0)
    assert gradients() == [132.0, 20.0, 10.0]
    a.grad = None
    h.backward()
    assert gradients() == [6.0, 1.0, 10.0]


def test_what_is_not_reached_stays_none() -> None:
    a, b = gg.scalar(1.0), gg.scalar(2.0)
    used, unused = a * 2.0, b * 2.0
    later = used * 3.0
    used.backward()
    assert (b.grad, unused.grad, later.grad) == (None, None, None)
    assert used.grad == 1.0


def test_constants_get_nothing() -> None:
    a, c = gg.scalar(1.0), gg.scalar(2.0, requires_grad=False)
    (a * c).backward()
    assert a.grad == 2.0
    assert c.grad is None


def test_two_edges_and_fan_out() -> None:
    a = gg.scalar(3.0)
    (a * a).backward()
    assert a.grad == 6.0
    a.grad = None
    b = a + a
    c = b + b
    c.backward()
    assert a.grad == 4.0
    assert b.grad == 2.0


def test_a_ladder_of_diamonds() -> None:
    x = gg.scalar(1.0)
    y = x
    for _ in range(60):
        y = y * 0.5 + y * 0.5
    y.backward()
    assert x.grad == 1.0


def test_a_pass_stops_at_its_root() -> None:
    a = gg.scalar(2.0)
    h = a * a
    h * 100.0
    h.backward()
    assert a.grad == 4.0


def test_a_gradient_of_zero_has_arrived() -> None:
    a = gg.scalar(-1.0)
    y = gg.relu(a)
    y.backward()
    assert (a.grad, y.grad) == (0.0, 1.0)


# ---- IEEE values


def gradients(f: Any, *values: float) -> list[float | None]:
    leaves = [gg.scalar(value) for value in values]
    f(*leaves).backward()
    return [one.grad for one in leaves]


@pytest.mark.parametrize(
    ("f", "values", "expected"),
    [
        (lambda a: 1.0 / a, [0.0], [-math.inf]),
        (lambda a, b: a / b, [1.0, 0.0], [math.inf, -math.inf]),
        (gg.log, [0.0], [math.inf]),
        (gg.log, [-1.0], [-1.0]),
        (gg.sqrt, [0.0], [math.inf]),
        (gg.sqrt, [-1.0], [math.nan]),
        (gg.exp, [1000.0], [math.inf]),
        (gg.tanh, [math.inf], [0.0]),
        (lambda a: a**0, [0.0], [0.0]),
        (lambda a: a**2, [1e200], [2e200]),
        (lambda a: a**3, [1e200], [math.inf]),
        (lambda a: a**-1, [0.0], [-math.inf]),
        (lambda a: a**0.5, [-4.0], [math.nan]),
        (lambda a: a * math.inf, [0.0], [math.inf]),
        (lambda a: a * math.nan, [1.0], [math.nan]),
        (lambda a, b: a**b, [0.0, 2.0], [0.0, 0.0]),
        (lambda a, b: a**b, [2.0, 3.0], [12.0, 8 * math.log(2.0)]),
        (lambda a: 2.0**a, [3.0], [8 * math.log(2.0)]),
        (abs, [0.0], [0.0]),
        (abs, [-2.0], [-1.0]),
        (gg.sigmoid, [-1000.0], [0.0]),
    ],
)
def test_ieee_derivatives(f: Any, values: list[float], expected: list[float]) -> None:
    for grad, value in zip(gradients(f, *values), expected, strict=True):
        assert type(grad) is float
        assert grad == pytest.approx(value, rel=1e-15, nan_ok=True)


# ---- refusals


def test_a_leaf_has_nothing_to_pass_on() -> None:
    with pytest.raises(gg.GraphError, match="this scalar is a leaf, nothing was computed to get it") as caught:
        gg.scalar(2.0).backward()  # refused
    assert HERE in str(caught.value)
    assert "# refused" in str(caught.value)


def test_a_constant_has_no_graph() -> None:
    with gg.no_grad():
        y = gg.scalar(2.0) * 3.0
    with pytest.raises(gg.GraphError, match=r"this scalar is a constant(.|\n)*value: 6\.0"):
        y.backward()
    with pytest.raises(gg.GraphError, match="constant"):
        gg.scalar(2.0, requires_grad=False).backward()


@pytest.mark.parametrize("gradient", ["x", None, [1.0], 1j])
def test_a_gradient_that_is_no_number_changes_nothing(gradient: Any) -> None:
    a = gg.scalar(3.0)
    y = a * a
    with pytest.raises(gg.DTypeError, match="the gradient must be a number"):
        y.backward(gradient)
    assert (a.grad, y.grad) == (None, None)
    z = y * 1.0
    z.backward()
    assert (a.grad, y.grad) == (6.0, 1.0)


@pytest.mark.parametrize("way", ["in Python"], indirect=True)
def test_a_pass_that_breaks_off_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass that stops half-way, by an interrupt say, must not add to the next one."""
    a, b = gg.scalar(3.0), gg.scalar(2.0)
    far = a * b
    near = far
    for _ in range(3000):
        near = near + 0.0
    y = near * far
    calls = 0
    plain = module._pass_on

    def interrupted(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 100:
            raise KeyboardInterrupt
        plain(*args)

    monkeypatch.setattr(module, "_pass_on", interrupted)
    with pytest.raises(KeyboardInterrupt):
        y.backward()
    assert (a.grad, b.grad) == (None, None)
    monkeypatch.setattr(module, "_pass_on", plain)
    y.backward()
    assert (a.grad, b.grad, far.grad) == (2 * 6 * 2.0, 2 * 6 * 3.0, 12.0)


# ---- training


def test_a_training_loop_raises_no_false_alarm() -> None:
    w, b = gg.scalar(0.0), gg.scalar(0.0)
    data = [(x / 10, 3 * x / 10 - 1) for x in range(-10, 11)]
    first = None
    for _ in range(150):
        loss = gg.scalar(0.0, requires_grad=False)
        for x, t in data:
            loss = loss + (w * x + b - t) ** 2
        first = first or loss.data
        w.grad = b.grad = None
        loss.backward()
        for p in (w, b):
            assert p.grad is not None
            p.data -= 0.02 * p.grad
    assert [w.data, b.data] == pytest.approx([3.0, -1.0], abs=1e-3)


def test_a_loss_that_spans_updates_is_noticed() -> None:
    w = gg.scalar(1.0)
    total = w * 0.0
    for _ in range(2):
        total = total + w * w
        w.data += 1.0
    with pytest.raises(gg.WriteError, match="written after it was used"):
        total.backward()
    assert w.grad is None
