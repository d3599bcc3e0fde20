"""`compile_scalars`: values, forms of arguments, guards, and what a function may do."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff import replay
from graphgrad.nn.scalar import Value


def bits(values: Sequence[float]) -> list[bytes]:
    """Equal for the same numbers: any nan is nan, and the two zeros are two."""
    return [b"nan" if math.isnan(one) else struct.pack("d", one) for one in values]


def in_python(function: Callable[..., Any], *numbers: float) -> tuple[float, list[float]]:
    """Value and gradient of a function of numbers, by a pass over the graph."""
    leaves = [gg.scalar(number) for number in numbers]
    result = function(*leaves)
    result.backward()
    return result.data, [leaf.grad or 0.0 for leaf in leaves]


# ---- values and gradients


def test_it_runs_the_function_once() -> None:
    calls = []

    def f(x: Any, y: Any) -> Any:
        calls.append(x)
        return gg.tanh(x * y) + x

    compiled = gg.compile_scalars(f)
    for x, y in [(0.5, 2.0), (-1.5, 0.25), (0.0, -0.0)]:
        value, gradient = compiled.value_and_grad(x, y)
        expected, slopes = in_python(lambda x, y: gg.tanh(x * y) + x, x, y)
        assert bits([value, *gradient]) == bits([expected, *slopes])
        assert bits([compiled(x, y)]) == bits([expected])
    assert len(calls) == 1
    assert compiled.recordings == 1
    assert type(compiled(1, 2)) is float


def test_it_bears_the_name_of_the_function() -> None:
    @gg.compile_scalars
    def loss(w: Any) -> Any:
        """How far off."""
        return w * w

    assert (getattr(loss, "__name__", None), loss.__doc__) == ("loss", "How far off.")
    with pytest.raises(gg.DTypeError, match=r"compile_scalars\(loss\): argument 0"):
        loss("a")


@pytest.mark.parametrize(
    ("function", "args", "value", "gradient"),
    [
        (lambda x: x, (2.0,), 2.0, (1.0,)),
        (lambda x, y: y, (2.0, 3.0), 3.0, (0.0, 1.0)),
        (lambda x: 5, (2.0,), 5.0, (0.0,)),
        (lambda x: np.float32(0.5), (2.0,), 0.5, (0.0,)),
        (lambda x: gg.scalar(4.0), (2.0,), 4.0, (0.0,)),
        (lambda x: gg.scalar(4.0) * 2.0, (2.0,), 8.0, (0.0,)),
        (lambda: 3.0, (), 3.0, ()),
        (lambda: gg.scalar(2.0) * 1.5, (), 3.0, ()),
        (lambda x: x > 1, (2.0,), 1.0, (0.0,)),
        (lambda x, y: x * 2.0, (2.0, 3.0), 4.0, (2.0, 0.0)),
        (lambda x: x * x, (3,), 9.0, (6.0,)),
        (lambda x: x * x, (np.float64(3),), 9.0, (6.0,)),
        (lambda x: x * x, (np.int8(3),), 9.0, (6.0,)),
        (lambda x: x * 3.0, (True,), 3.0, (3.0,)),
        (lambda x: x * x, (gg.scalar(3.0),), 9.0, (6.0,)),
        (lambda x: abs(-x) / 2 - (+x) ** 2, (3.0,), -7.5, (-5.5,)),
        (lambda x: 2**x, (3.0,), 8.0, (8.0 * math.log(2.0),)),
    ],
)
def test_values_and_gradients(function: Any, args: Any, value: float, gradient: Any) -> None:
    compiled = gg.compile_scalars(function)
    for _ in range(2):
        assert compiled(*args) == value
        assert compiled.value_and_grad(*args)[0] == value
        assert compiled.value_and_grad(*args)[1] == pytest.approx(gradient)
    assert compiled.recordings == 1


def test_several_results_and_their_weights() -> None:
    compiled = gg.compile_scalars(lambda x, y: (x * y, x, x, 7.0))
    assert compiled(2.0, 3.0) == (6.0, 2.0, 2.0, 7.0)
    value, gradient = compiled.value_and_grad(2.0, 3.0, weights=[1.0, 10.0, 100.0, 1000.0])
    assert (value, gradient) == ((6.0, 2.0, 2.0, 7.0), (113.0, 2.0))
    assert gg.compile_scalars(lambda x: [x, -x])(1.0) == [1.0, -1.0]
    alone = gg.compile_scalars(lambda x: [x * x])
    assert alone.value_and_grad(3.0) == ([9.0], (6.0,))
    assert alone.value_and_grad(3.0, weights=[-2.0]) == ([9.0], (-12.0,))


def test_a_weight_that_is_minus_zero_keeps_its_sign() -> None:
    _, (gradient,) = gg.compile_scalars(lambda x: x * 2.0).value_and_grad(1.0, weights=[-0.0])
    assert math.copysign(1.0, gradient) == -1.0


def test_a_named_tuple_is_one_for_the_function_and_in_the_results() -> None:
    class Line(NamedTuple):
        slope: Any
        offset: Any

    compiled = gg.compile_scalars(lambda line, x: Line(line.slope * x + line.offset, line.slope))
    assert compiled(Line(2.0, 1.0), 3.0) == Line(7.0, 2.0)
    value, (of_line, of_x) = compiled.value_and_grad(Line(2.0, 1.0), 3.0, weights=[1.0, 0.0])
    assert type(value) is type(of_line) is Line
    assert (of_line, of_x) == (Line(3.0, 1.0), 2.0)


def test_arguments_in_dicts_lists_and_arrays() -> None:
    def f(p: Any, xs: Any, t: Any) -> Any:
        total = 0.0
        for row, b in zip(p["w"], p["b"], strict=True):
            total = total + gg.relu(row @ xs + b)
        return (total - t[0]) ** 2

    p = {"w": np.array([[1.0, 2.0], [0.5, -1.0]]), "b": [0.25, gg.scalar(0.75)]}
    xs = gg.tensor([1.0, -0.5], dtype="float64")
    compiled = gg.compile_scalars(f)
    value, (of_p, of_xs, of_t) = compiled.value_and_grad(p, xs, (1,))
    # The sums are 1 - 1 + 0.25 and 0.5 + 0.5 + 0.75; the loss is (2 - 1)², so each sum has the slope 2.
    assert value == 1.0
    assert of_p["w"].tolist() == [[2.0, -1.0], [2.0, -1.0]]
    assert of_p["b"] == [2.0, 2.0]
    assert isinstance(of_xs, np.ndarray)
    assert of_xs.tolist() == [3.0, 2.0]
    assert of_t == (-2.0,)
    assert compiled({"w": np.zeros((2, 2)), "b": [1.0, 1.0]}, [0.0, 0.0][:0] or xs, (0,)) == 4.0


def test_another_form_is_another_recording() -> None:
    compiled = gg.compile_scalars(lambda xs: sum(xs, 0.0))
    assert compiled([1.0, 2.0]) == 3.0
    assert compiled([1.0, 2.0, 3.0]) == 6.0
    assert compiled((1.0, 2.0)) == 3.0
    assert compiled([3.0, 4.0]) == 7.0
    assert compiled([]) == 0.0
    assert compiled.recordings == 4


# ---- guards


def ways(function: Callable[[Any], Any], *numbers: float) -> int:
    """How many recordings a function makes for these numbers; results are those of the function itself."""
    compiled = gg.compile_scalars(function)
    for number in numbers + numbers[:1]:
        result = function(gg.scalar(number))
        expected = result.data if isinstance(result, gg.Scalar) else float(result)
        assert bits([compiled(number)]) == bits([expected]), number
    return compiled.recordings


@pytest.mark.parametrize(
    ("function", "numbers", "recordings"),
    [
        (lambda x: x if x < 1.0 else -x, (0.0, 0.5, 1.0, 2.0, math.nan), 2),
        (lambda x: x if x <= 1.0 else -x, (0.0, 1.0, 2.0), 2),
        (lambda x: x if x > 1.0 else -x, (0.0, 1.0, 2.0), 2),
        (lambda x: x if x >= 1.0 else -x, (0.0, 1.0, 2.0), 2),
        (lambda x: x if x == 1.0 else -x, (0.0, 1.0, 2.0, math.nan), 2),
        (lambda x: x if x != 1.0 else -x, (0.0, 1.0, 2.0), 2),
        (lambda x: x if x == x else 0.0, (0.0, 1.0, math.nan), 2),
        (lambda x: x * 2.0 if x else 5.0, (1.0, 2.0, 0.0, -0.0, math.nan), 2),
        (lambda x: x if x * x < x + 2.0 else -x, (0.0, 1.9, 2.1, -1.1), 2),
        (lambda x: x * int(x), (2.0, 2.9, 3.0), 2),
        (lambda x: x * int(x), (-0.5, 0.5, 1e300, 2e300, 2.0**63, 2.0**64), 5),
        (lambda x: x * float(x), (2.0, 2.5), 2),
        (lambda x: x * x.data, (2.0, 2.5), 2),
        (lambda x: x * x.item(), (0.0, -0.0), 2),
        (lambda x: x * math.floor(x), (2.0, 2.5), 2),
        (lambda x: x + len(f"{x:.1f}"), (2.0, 2.5), 2),
        (lambda x: x + len(repr(x)), (2.0, 2.5), 2),
        (lambda x: max(x, 1.0), (0.0, 0.5, 2.0), 2),
        (lambda x: max(1.0, x), (0.0, 0.5, 2.0), 2),
        (lambda x: min(x, x * x, 0.5), (0.1, 0.2, 0.9, -3.0), 3),
        (lambda x: sorted([x, 0.5, -x])[1], (0.1, 0.2, 0.9), 2),
        (lambda x: abs(x), (-1.0, 1.0), 1),
        (lambda x: x if 1.0 > x else -x, (0.0, 2.0), 2),  # noqa: SIM300
        (lambda x: x if 1 <= x else -x, (0.0, 2.0), 2),  # noqa: SIM300
        (lambda x: x if 1.0 == x else -x, (1.0, 2.0), 2),  # noqa: SIM300
        (lambda x: x if np.float64(1.0) > x else -x, (0.0, 0.5, 2.0), 2),
        (lambda x: x if np.float32(0.1) == x else -x, (0.1, float(np.float32(0.1)), 2.0), 3),
        (lambda x: x if x < np.int64(1) else -x, (0.0, 0.5, 2.0), 2),
        (lambda x: x if x < Fraction(1, 4) else -x, (0.0, 0.125, 2.0), 2),
        (lambda x: x if x < Fraction(1, 3) else -x, (0.0, 2.0), 2),
        (lambda x: x if x < Decimal("0.1") else -x, (0.0, 0.1, 2.0), 3),
        (lambda x: x if x < 2**53 + 1 else -x, (2.0**53, 2.0**53 + 2), 2),
        (lambda x: x if x < 10**400 else -x, (1.0, math.inf), 2),
        (lambda x: x if (x < np.array([1.0, 3.0])).all() else -x, (0.0, 2.0, 4.0), 3),
        (lambda x: x if (np.array([1.0, 3.0]) > x).all() else -x, (0.0, 2.0, 4.0), 3),
        (lambda x: x if x == None else -x, (0.0, 2.0), 1),  # noqa: E711
        (lambda x: x if x == "a" else -x, (0.0, 2.0), 1),
        (lambda x: x if x in (None, 2.0) else -x, (0.0, 1.0, 2.0), 2),
        (lambda x: x + 2.0 * (x > 0), (1.0, 2.0, -1.0), 2),
    ],
)
def test_each_look_at_a_value_becomes_a_guard(function: Any, numbers: Any, recordings: int) -> None:
    assert ways(function, *numbers) == recordings


def test_a_look_inside_of_nested_functions_counts() -> None:
    def sign(x: Any) -> float:
        return 1.0 if x > 0 else -1.0

    def outer(x: Any) -> Any:
        return (lambda y: y * sign(y))(x - 1.0)

    assert ways(outer, 0.0, 0.5, 2.0, 3.0) == 2


def test_two_arguments_are_compared() -> None:
    compiled = gg.compile_scalars(lambda x, y: -x if x < y else y)
    assert [compiled(*pair) for pair in [(1, 2), (2, 1), (3, 4), (5, 5), (math.nan, 1)]] == [-1, 1, -3, 5, 1]
    assert compiled.recordings == 2
    assert compiled.value_and_grad(5.0, 5.0) == (5.0, (0.0, 1.0))


def test_what_nobody_can_compare_stays_so() -> None:
    compiled = gg.compile_scalars(lambda x: x if x < "a" else -x)
    with pytest.raises(TypeError, match="'<' not supported"):
        compiled(1.0)
    assert compiled.recordings == 0


def test_what_flows_around_the_graph_follows_its_value() -> None:
    """Under `no_grad` and after `detach()` the result has no derivative, but the right value."""

    def f(x: Any) -> Any:
        with gg.no_grad():
            scale = x * 2.0
        return x * scale + x.detach()

    compiled = gg.compile_scalars(f)
    for x in (1.0, 3.0):
        assert compiled.value_and_grad(x) == (2.0 * x * x + x, (2.0 * x,))
    assert compiled.recordings == 2


def test_micrograds_values_are_the_same_only_if_they_are_one() -> None:
    assert ways(lambda x: x if Value(1.0) == Value(1.0) else -x, 1.0, 2.0) == 1


def test_the_ways_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_MOST_RECORDINGS", 3)
    calls: list[float] = []

    def f(x: Any) -> Any:
        calls.append(float(x))
        return x * 2.0

    compiled = gg.compile_scalars(f)
    for x in (1.0, 2.0, 3.0, 1.0, 4.0, 1.0, 2.0):
        assert compiled(x) == 2.0 * x
    assert calls == [1.0, 2.0, 3.0, 4.0, 2.0]
    assert compiled.recordings == 3
    compiled.batch(np.arange(10.0, 20.0))
    assert compiled.recordings == 3


def test_forms_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_MOST_RECORDINGS", 2)
    compiled = gg.compile_scalars(lambda xs: sum(xs, 0.0))
    for n in (1, 2, 3, 4):
        assert compiled([1.0] * n) == n
    assert compiled.recordings == 2


def test_long_tapes_make_room_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_MOST_NODES", 250)

    def f(x: Any) -> Any:
        float(x)
        for _ in range(100):
            x = x * 1.0
        return x

    compiled = gg.compile_scalars(f)
    for x in range(5):
        assert compiled(float(x)) == x
    assert compiled.recordings == 1  # of 100 operations with a constant each


# ---- what a function may do, and what not


def test_a_gradient_inside_is_recorded() -> None:
    compiled = gg.compile_scalars(lambda x, y: x * gg.grad(lambda z: z**3 * y)(x))
    for x, y in [(2.0, 1.0), (-1.5, 0.5)]:
        value, slopes = compiled.value_and_grad(x, y)
        assert value == pytest.approx(3 * x**3 * y)
        assert slopes == pytest.approx((9 * x**2 * y, 3 * x**3))
    assert compiled.recordings == 1


def test_a_gradient_inside_that_is_not_recorded_is_refused() -> None:
    compiled = gg.compile_scalars(lambda x: gg.grad(lambda z: z**3, create_graph=False)(x) * 1.0)
    with pytest.raises(gg.GraphError, match=r"compile_scalars is recording this function(.|\n)*create_graph=True"):
        compiled(2.0)
    with pytest.raises(gg.GraphError, match="a replay couldn't repeat it"):
        gg.compile_scalars(lambda x: gg.jvp(lambda z: z**3, (x.detach(),), (1.0,))[1])(2.0)


def test_a_backward_pass_inside_is_refused() -> None:
    def f(x: Any) -> Any:
        y = x * x
        y.backward()
        return y * x.grad

    compiled = gg.compile_scalars(f)
    with pytest.raises(gg.GraphError, match=r"backward: compile_scalars is recording(.|\n)*value_and_grad"):
        compiled(2.0)
    y = gg.scalar(3.0) * 2.0
    y.backward()  # and is allowed again


def test_of_a_graph_from_around_a_pass_inside_is_no_matter() -> None:
    w = gg.scalar(3.0)
    loss = w * w

    def f(x: Any) -> Any:
        w.grad = None
        loss.backward()
        return x * w.grad

    assert gg.compile_scalars(f)(2.0) == 12.0


def test_writing_inside_is_refused() -> None:
    def f(x: Any) -> Any:
        y = x * x
        x.data = 5.0
        return y * x

    with pytest.raises(gg.GraphError, match="data: compile_scalars is recording"):
        gg.compile_scalars(f)(2.0)


def test_a_constant_from_around_that_is_written_inside_is_noticed() -> None:
    count = gg.scalar(0.0, requires_grad=False, name="count")

    def f(x: Any) -> Any:
        y = x * count
        count.data += 1.0
        return y

    with pytest.raises(gg.WriteError, match="'count' was written after it was used"):
        gg.compile_scalars(f)(2.0)


def test_a_scalar_from_around_that_needs_a_gradient_is_refused_by_name() -> None:
    w = gg.scalar(3.0, name="w")
    compiled = gg.compile_scalars(lambda x: x * w)
    with pytest.raises(gg.GraphError, match=r"uses the scalar 'w' from around it(.|\n)*its value: 3\.0"):
        compiled(2.0)
    with pytest.raises(gg.GraphError, match="uses a scalar from around it"):
        gg.compile_scalars(lambda x: x if gg.scalar(0.0) < hidden else -x)(2.0)
    with pytest.raises(gg.GraphError, match="uses a scalar from around it"):
        gg.compile_scalars(lambda x: hidden)(2.0)
    assert gg.compile_scalars(lambda x: x * w.data)(2.0) == 6.0


hidden = gg.scalar(1.0)


def test_constants_from_around_keep_the_value_that_they_had() -> None:
    scale, c = 2.0, gg.scalar(10.0, requires_grad=False)
    compiled = gg.compile_scalars(lambda x: x * scale + c)
    assert compiled(1.0) == 12.0
    scale, c.data = 3.0, 20.0
    assert compiled(1.0) == 12.0
    assert compiled.value_and_grad(5.0) == (20.0, (2.0,))


def test_a_scalar_of_an_earlier_call_is_one_from_around() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x)
        return x * kept[0]

    compiled = gg.compile_scalars(f)
    assert compiled(3.0) == 9.0
    with pytest.raises(gg.GraphError, match="from around it"):
        compiled._record(("sequence", tuple, (("number",),)), [2.0])
    y = kept[0] * 2.0  # what was kept is a scalar as any other
    y.backward()
    kept[0].data = 1.0
    assert bool(kept[0] == 1.0)


@pytest.mark.parametrize("result", [None, "a", {}, [[1.0]], np.zeros(2), gg.tensor(1.0), [], ()])
def test_what_is_no_scalar_is_refused_as_a_result(result: Any) -> None:
    with pytest.raises(gg.DTypeError, match="the function returned"):
        gg.compile_scalars(lambda x: result)(1.0)


def test_bridges_to_tensors_are_refused() -> None:
    with pytest.raises(gg.GraphError, match="stack: compile_scalars is recording"):
        gg.compile_scalars(lambda x: gg.sum(gg.stack([x, x])).scalars())(1.0)


def test_after_an_error_nothing_is_left() -> None:
    def f(x: Any) -> Any:
        y = x * x
        if x > 1.0:
            raise ValueError("too large")
        return y

    compiled = gg.compile_scalars(f)
    with pytest.raises(ValueError, match="too large"):
        compiled(2.0)
    assert compiled.recordings == 0
    assert compiled(0.5) == 0.25
    with pytest.raises(ValueError, match="too large"):
        compiled.batch(np.array([0.1, 3.0]))
    assert compiled.value_and_grad(0.5) == (0.25, (1.0,))
    x = gg.scalar(3.0)
    y = x * x if x > 1.0 else x
    y.backward()  # nobody takes notes any more
    assert x.grad == 6.0


@pytest.mark.parametrize("argument", ["a", None, 1j, object(), {1, 2}, np.array(["a"]), np.array([1j]), [[None]]])
def test_arguments_that_are_no_numbers(argument: Any) -> None:
    with pytest.raises(gg.DTypeError, match=r"compile_scalars\(<lambda>\): argument 1"):
        gg.compile_scalars(lambda x, y: x)(1.0, argument)


def test_the_wrong_number_of_arguments_is_as_for_the_function() -> None:
    with pytest.raises(TypeError, match="positional argument"):
        gg.compile_scalars(lambda x: x)(1.0, 2.0)


def test_only_functions_are_compiled() -> None:
    with pytest.raises(gg.ArgumentError, match="a function is needed"):
        gg.compile_scalars(3.0)  # type: ignore[arg-type]


def test_weights_that_do_not_fit() -> None:
    compiled = gg.compile_scalars(lambda x: (x, x))
    for weights in (None, [], [1.0], [1.0] * 3):
        with pytest.raises(gg.ArgumentError, match=r"returns 2 scalars(.|\n)*weights with 2 numbers"):
            compiled.value_and_grad(1.0, weights=weights)
        with pytest.raises(gg.ArgumentError, match="weights with 2 numbers"):
            compiled.batch_value_and_grad(np.ones(3), weights=weights)
        with pytest.raises(gg.ArgumentError, match="weights with 2 numbers"):
            compiled.batch_value_and_grad(np.ones(0), weights=weights)
    with pytest.raises(gg.DTypeError, match="weights: a number is needed"):
        compiled.value_and_grad(1.0, weights=["a", "b"])  # type: ignore[list-item]


def test_a_function_that_draws_at_random_keeps_what_it_drew() -> None:
    random.seed(0)
    compiled = gg.compile_scalars(lambda x: x * random.random())
    assert compiled(1.0) == compiled(1.0) == compiled(2.0) / 2
