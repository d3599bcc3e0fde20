"""Gradient checking: the derivative rules against differences of values (P01.25, P01.26)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphgrad.autodiff.backward import differentiate
from graphgrad.graph.errors import DTypeError, GraphgradError, describe
from graphgrad.graph.mode import enable_grad, no_grad
from graphgrad.graph.tensor import Tensor

__all__ = ["GradcheckError", "gradcheck"]

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]


class GradcheckError(GraphgradError, AssertionError):
    """A gradient that differs from the finite difference."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The element where a derivative is farthest from the difference quotient, relative to what is tolerated."""

    input: int
    index: tuple[int, ...]
    output: int
    output_index: tuple[int, ...]
    analytic: float
    numerical: float
    excess: float


def gradcheck(
    func: Function,
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the gradients of a function with central differences, element by element.

    Every output element is differentiated for every input element that needs a gradient.

    Parameters
    ----------
    func
        A function of tensors that returns a tensor or several. It is run many times and must give the same each time.
    inputs
        A tensor or a sequence of them; those with ``requires_grad`` are checked. Use float64: in float32 the rounding
        of the values alone is larger than the tolerance.
    eps
        The step to either side; the error of the difference goes with its square.
    atol, rtol
        An element passes if it differs by at most ``atol + rtol * abs(numerical)``.
    raise_exception
        Raise if an element fails; otherwise return False.

    Returns
    -------
    bool
        Whether every element passed.

    Raises
    ------
    GradcheckError
        Naming the worst element, its index, and both derivatives.
    DTypeError
        If no input needs a gradient, or one isn't a tensor.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.tensor([0.5, -1.0], dtype="float64", requires_grad=True)
    >>> gg.gradcheck(gg.tanh, x)
    True
    """
    tensors = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checked = [i for i, one in enumerate(tensors) if isinstance(one, Tensor) and one.requires_grad]
    if not checked:
        raise DTypeError(describe("gradcheck: no input is a tensor that needs a gradient", hint="requires_grad=True"))
    with enable_grad():
        outputs = _outputs(func, tensors)
    worst: Mismatch | None = None
    for i in checked:
        analytic = _analytic(outputs, tensors[i])
        numerical = _numerical(func, tensors, i, eps)
        found = _worst(i, tensors[i].shape, outputs, analytic, numerical, atol, rtol)
        if found is not None and (worst is None or found.excess > worst.excess):
            worst = found
    if worst is None:
        return True
    if not raise_exception:
        return False
    raise GradcheckError(_report(worst, tensors, outputs, eps, atol, rtol))


def _outputs(func: Function, inputs: Sequence[Any]) -> list[Tensor]:
    result = func(*inputs)
    outputs = [result] if isinstance(result, Tensor) else list(result)
    for output in outputs:
        if not isinstance(output, Tensor):
            raise DTypeError(describe(f"gradcheck: the function must return tensors, got {type(output).__name__}"))
    return outputs


def _analytic(outputs: Sequence[Tensor], source: Tensor) -> list[Array]:
    """For each output the Jacobian, output elements by input elements, from one pass per output element."""
    jacobians = []
    target = source if source._source is None else source._source
    for output in outputs:
        jacobian = np.zeros((output.size, source.size))
        if output.requires_grad:
            root = output if output._source is None else output._source
            for row in range(output.size):
                seed = np.zeros(output.size, output.dtype)
                seed[row] = 1.0
                found = differentiate([(root, seed.reshape(output.shape))], [target], retain_graph=True)
                if target in found:
                    jacobian[row] = np.ravel(found[target])
        jacobians.append(jacobian)
    return jacobians


def _numerical(func: Function, inputs: Sequence[Any], i: int, eps: float) -> list[Array]:
    """The same by central differences."""
    base = inputs[i].data
    columns: list[list[Array]] = []
    with no_grad(), np.errstate(all="ignore"):
        for k in range(base.size):
            sides = []
            for step in (eps, -eps):
                moved = base.copy()
                moved.flat[k] += step
                arguments = [*inputs[:i], Tensor(moved), *inputs[i + 1 :]]
                sides.append([np.ravel(output.data).astype(np.float64) for output in _outputs(func, arguments)])
            # What the step became in the input's own precision.
            up, down = base.copy(), base.copy()
            up.flat[k] += eps
            down.flat[k] -= eps
            width = float(up.flat[k]) - float(down.flat[k])
            columns.append([(plus - minus) / width for plus, minus in zip(*sides, strict=True)])
    if not columns:
        with no_grad():
            return [np.zeros((output.size, 0)) for output in _outputs(func, inputs)]
    return [np.stack(column, axis=1) for column in zip(*columns, strict=True)]


def _worst(
    i: int,
    shape: tuple[int, ...],
    outputs: Sequence[Tensor],
    analytic: Sequence[Array],
    numerical: Sequence[Array],
    atol: float,
    rtol: float,
) -> Mismatch | None:
    worst: Mismatch | None = None
    for o, (ours, theirs) in enumerate(zip(analytic, numerical, strict=True)):
        if not ours.size:
            continue
        with np.errstate(all="ignore"):
            excess = np.abs(ours - theirs) - (atol + rtol * np.abs(theirs))
        # Infinities of one sign agree; a NaN never does, unless both are.
        same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        excess = np.where(same, -np.inf, np.where(np.isnan(excess), np.inf, excess))
        row, column = np.unravel_index(int(np.argmax(excess)), excess.shape)
        if excess[row, column] > 0 and (worst is None or excess[row, column] > worst.excess):
            worst = Mismatch(
                i,
                tuple(map(int, np.unravel_index(column, shape))),
                o,
                tuple(map(int, np.unravel_index(row, outputs[o].shape))),
                float(ours[row, column]),
                float(theirs[row, column]),
                float(excess[row, column]),
            )
    return worst


def _report(
    worst: Mismatch, inputs: Sequence[Any], outputs: Sequence[Tensor], eps: float, atol: float, rtol: float
) -> str:
    low = [str(one.dtype) for one in inputs if isinstance(one, Tensor) and one.dtype in (np.float16, np.float32)]
    hint = "the rule of an operation is wrong, or the function is not smooth, or not the same at each call"
    if low:
        hint = f"use float64: {low[0]} values are rounded too coarsely for eps={eps:g}; " + hint
    difference = abs(worst.analytic - worst.numerical)
    scale = max(abs(worst.analytic), abs(worst.numerical))
    return describe(
        "gradcheck: a derivative differs from the difference quotient",
        f"of: output {worst.output}, element {worst.output_index} of shape {outputs[worst.output].shape}",
        f"for: input {worst.input}, element {worst.index} of shape {inputs[worst.input].shape}",
        f"analytic:  {worst.analytic!r}",
        f"numerical: {worst.numerical!r}  (central difference, eps={eps:g})",
        f"they differ by {difference:.3g}"
        + (f", relative {difference / scale:.3g}" if scale else "")
        + f"; tolerated: {atol:g} + {rtol:g} * |numerical|",
        hint=hint,
    )
