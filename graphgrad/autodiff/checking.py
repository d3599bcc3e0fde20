"""A function at the place where its derivatives are checked: what the rules say of it, and what its values say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.autodiff.complex_step import STEP, complex_step
from graphgrad.autodiff.differences import like, moved_by, values_of
from graphgrad.autodiff.forward import push_forward
from graphgrad.autodiff.lifting import Call, needs_gradient
from graphgrad.autodiff.transforms import pass_back
from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.mode import MODE, no_grad
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.complexes import view_as_complex, view_as_real

__all__ = ["Checked"]

Array = np.ndarray[Any, Any]
Index = tuple[int, ...]


class Checked:
    """A function at the inputs where it is checked.

    Attributes
    ----------
    inputs
        All of them; complex ones that need a gradient as pairs of real numbers, as the complex results are.
    checked
        The places of those that need a gradient.
    places
        The places of those results that are made of floats.
    call
        The function as it ran, differentiable for what is checked.
    eps
        The step of differences.
    method
        How slopes are found: ``"complex"``, by the complex step, or ``"central"``, by differences.
    obstacle
        Why differences are taken: what there is that no complex step goes through. Empty if nobody asked.
    """

    def __init__(self, func: Callable[..., Any], inputs: Any, eps: float) -> None:
        self.func = func
        self.inputs = [inputs] if isinstance(inputs, (Tensor, Scalar)) else list(inputs)
        # A complex number is checked as two real ones, along a last axis.
        self.pairs = [
            i
            for i, one in enumerate(self.inputs)
            if isinstance(one, Tensor) and one.requires_grad and one.dtype.kind == "c"
        ]
        for i in self.pairs:
            self.inputs[i] = Tensor(view_as_real.op.forward(self.inputs[i].data), True, self.inputs[i].name)
        self.eps = eps
        self.method = "central"
        self.obstacle = ""
        self.checked = [i for i, one in enumerate(self.inputs) if needs_gradient(one)]
        if not self.checked:
            raise DTypeError(
                describe("gradcheck: no input is a tensor that needs a gradient", hint="requires_grad=True")
            )
        self.places: list[int] = []
        self.complex_results = False
        self.call = Call(self.floats, self.inputs, {}, self.checked, False, "gradcheck")
        self.call.check()

    def floats(self, *arguments: Any) -> tuple[Any, ...]:
        """The results that are made of floats; the others have no derivative."""
        given = list(arguments)
        for i in self.pairs:
            given[i] = view_as_complex(given[i])
        result = self.func(*given)
        outputs = list(result) if isinstance(result, (tuple, list)) else [result]
        if MODE.get().complex_step:
            return tuple(outputs[i] for i in self.places)
        for one in outputs:
            if not isinstance(one, (Tensor, Scalar)):
                kind = type(one).__name__
                raise DTypeError(describe(f"gradcheck: the function must return tensors or Scalars, got {kind}"))
        self.complex_results = any(values_of(one).dtype.kind == "c" for one in outputs)
        outputs = [view_as_real(one) if values_of(one).dtype.kind == "c" else one for one in outputs]
        self.places = [i for i, one in enumerate(outputs) if values_of(one).dtype.kind == "f"]
        return tuple(outputs[i] for i in self.places)

    # ---- slopes from values

    def choose(self, method: str | None) -> None:
        """Find slopes by this method; None for the complex step where it is possible, else differences.

        Raises
        ------
        DTypeError
            If the complex step is asked for, and isn't possible.
        """
        if method == "central":
            return
        obstacle = self.no_step() or ("" if method == "complex" else self.no_agreement())
        if obstacle and method == "complex":
            raise DTypeError(
                describe(
                    f"gradcheck: no complex step is possible: {obstacle}", hint="method=None takes differences then"
                )
            )
        self.obstacle = obstacle
        self.method = "central" if obstacle else "complex"

    def no_step(self) -> str:
        """What stands in the way of a complex step, in words: numbers, or an operation on the way. Empty if nothing."""
        ones = [self.inputs[i] for i in self.checked]
        if self.pairs or self.complex_results or not all(isinstance(one, Tensor) for one in (*ones, *self.call.values)):
            return "it is for tensors of real numbers"
        if any(values_of(one).dtype != np.float64 for one in ones):
            return "it is for float64"
        try:
            values = self.stepped({place: np.ones(values_of(self.inputs[place]).shape) for place in self.checked})
        except Exception as error:  # noqa: BLE001 - whatever it is: on real numbers the same function ran
            return str(error).partition("\n")[0] or type(error).__name__
        if not all(np.allclose(a.real, b.data, 1e-9, 1e-12) for a, b in zip(values, self.call.values, strict=True)):
            return "the function has other values on complex numbers"
        return ""

    def no_agreement(self) -> str:
        """Where the complex step contradicts differences, as far as these have digits: at numbers that left the graph.

        What NumPy makes of ``x.data`` is no operation, and may well be a kink or an absolute value.
        """
        rng = np.random.default_rng(0)
        for place in self.checked:
            direction = np.asarray(rng.normal(size=values_of(self.inputs[place]).shape))
            for step, central in zip(
                self.step_along(place, direction), self.central_along(place, direction), strict=True
            ):
                known = np.isfinite(central)  # they may lie outside of where the function is defined
                if not np.allclose(step[known], central[known], 1e-3, 1e-5):
                    return "differences contradict it"
        return ""

    def values(self, place: int | None = None, moved: Any = None) -> list[Array]:
        """The values of the results, one of the inputs moved."""
        arguments = [moved if i == place else one for i, one in enumerate(self.inputs)]
        with no_grad(), np.errstate(all="ignore"):
            return [values_of(one).astype(np.float64) for one in self.floats(*arguments)]

    def stepped(self, directions: Mapping[int, Array]) -> list[Array]:
        """The values of the results, complex, after an imaginary step of inputs along directions.

        All that is checked becomes complex, so that a derivative inside the function may be, too.
        """
        arguments = list(self.inputs)
        for i in self.checked:
            arguments[i] = Tensor(values_of(arguments[i]) + 1j * (STEP * directions.get(i, 0.0)))
        with complex_step():
            return [values_of(one) for one in self.floats(*arguments)]

    def step_along(self, place: int, direction: Array) -> list[Array]:
        """How the results move with one input along a direction, by a complex step."""
        return [value.imag / STEP for value in self.stepped({place: direction})]

    def central_along(self, place: int, direction: Array) -> list[Array]:
        """How the results move with one input along a direction, by a central difference."""
        one = self.inputs[place]
        base = values_of(one)
        step = (self.eps * direction).astype(base.dtype)
        plus, minus = (self.values(place, like(one, base + side)) for side in (step, -step))
        with np.errstate(all="ignore"):
            return [(a - b) / (2.0 * self.eps) for a, b in zip(plus, minus, strict=True)]

    def slope_along(self, place: int, direction: Array) -> list[Array]:
        """How the results move with one input along a direction."""
        return (self.step_along if self.method == "complex" else self.central_along)(place, direction)

    def slope_for(self, place: int, index: Index) -> list[Array]:
        """How the results move with one element of an input."""
        one = self.inputs[place]
        if self.method == "complex":
            return self.step_along(place, _unit(values_of(one).shape, index))
        up, high = moved_by(one, index, self.eps)
        down, low = moved_by(one, index, -self.eps)
        with np.errstate(all="ignore"):
            return [
                (a - b) / (high - low) for a, b in zip(self.values(place, up), self.values(place, down), strict=True)
            ]

    def by_slopes(self) -> list[list[Array]]:
        """The Jacobian for each input of each output, output elements by input elements."""
        jacobians = []
        for place in self.checked:
            elements = np.ndindex(values_of(self.inputs[place]).shape)
            jacobians.append(self.side_by_side([self.slope_for(place, index) for index in elements]))
        return jacobians

    def sides(self, place: int, index: Index, output: int, output_index: Index, step: float) -> tuple[float, float]:
        """The slopes of one element of an output, to the left and to the right."""
        one = self.inputs[place]
        here = float(values_of(one)[index])
        (up, high), (down, low) = (moved_by(one, index, side) for side in (step, -step))
        before, middle, after = (float(self.values(place, x)[output][output_index]) for x in (down, one, up))
        with np.errstate(all="ignore"):
            return float(np.divide(middle - before, here - low)), float(np.divide(after - middle, high - here))

    # ---- rules

    def by_passes(self) -> list[list[Array]]:
        """The Jacobian for each input of each output, from a backward pass for each element of the outputs."""
        jacobians = [[np.zeros((_size(value), _size(one))) for value in self.call.values] for one in self.call.inputs]
        for o, value in enumerate(self.call.values):
            for row, unit in enumerate(_units(value)):
                for i, gradient in enumerate(self.passed_back(o, unit)):
                    jacobians[i][o][row] = np.ravel(gradient)
        return jacobians

    def by_sweeps(self) -> list[list[Array]]:
        """The same, from a forward sweep for each element of the inputs."""
        return [
            self.side_by_side([self.pushed_forward(i, unit) for unit in _units(one)])
            for i, one in enumerate(self.call.inputs)
        ]

    def passed_back(self, output: int, seed: Array) -> list[Array]:
        """The gradients for all inputs, from an upstream gradient of one output."""
        seeds = [_form(one, seed if k == output else None) for k, one in enumerate(self.call.values)]
        return [values_of(one) for one in pass_back(self.call, seeds, recorded=False, retain=True)]

    def pushed_forward(self, input: int, tangent: Array) -> list[Array]:
        """The tangents of all outputs, from a tangent of one input."""
        tangents = [_form(one, tangent if k == input else None) for k, one in enumerate(self.call.inputs)]
        return [values_of(one) for one in push_forward(self.call, tangents, recorded=False)]

    def side_by_side(self, columns: Sequence[Sequence[Array]]) -> list[Array]:
        """A Jacobian for each output from its columns."""
        if not columns:
            return [np.zeros((_size(value), 0)) for value in self.call.values]
        return [np.stack([np.ravel(one) for one in column], axis=1) for column in zip(*columns, strict=True)]


def _size(one: Tensor | Scalar) -> int:
    return values_of(one).size


def _units(one: Tensor | Scalar) -> Iterator[Array]:
    """Each unit vector in the shape of a tensor or a scalar."""
    shape = values_of(one).shape
    return (_unit(shape, index) for index in np.ndindex(shape))


def _unit(shape: tuple[int, ...], index: Index) -> Array:
    unit = np.zeros(shape)
    unit[index] = 1.0
    return unit


def _form(one: Tensor | Scalar, values: Array | None) -> Any:
    """Values, or zeros, as a seed or a tangent for a tensor or a scalar."""
    if isinstance(one, Scalar):
        return 0.0 if values is None else float(values)
    return Tensor(np.zeros(one.shape, one.dtype) if values is None else values.astype(one.dtype))
