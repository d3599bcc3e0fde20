"""Gradient checking: the derivative rules against slopes that only values tell (P01.25, P01.26)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

import numpy as np

from graphgrad.autodiff.checking import Checked, Index
from graphgrad.autodiff.complex_step import STEP
from graphgrad.autodiff.differences import relative_error, values_of, verdict
from graphgrad.autodiff.lifting import Call
from graphgrad.autodiff.transforms import pass_back
from graphgrad.graph.errors import GraphgradError, describe
from graphgrad.graph.scalar import Scalar, scalar
from graphgrad.graph.tensor import Tensor

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]

_IN_WORDS = {
    "great": "great: only single elements stand out",
    "look": "which wants a look at single elements",
    "bug": "a bug, if the function is smooth",
}


class GradcheckError(GraphgradError, AssertionError):
    """A gradient that differs from the slope that the values of a function have."""


def gradcheck(
    func: Function,
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    method: Literal["complex", "central"] | None = None,
) -> bool:
    """Compare the derivatives of a function with the slopes of its values, element by element or along a direction.

    Parameters
    ----------
    func
        A function of tensors or Scalars that returns one or several. It is run many times.
    inputs
        A tensor or a Scalar, or a sequence of them; those with ``requires_grad`` are checked. Use float64: in float32
        the rounding of the values alone is larger than the tolerance.
    eps
        The step of a central difference to either side; the error of the difference goes with its square.
    atol, rtol
        An element passes if it differs by at most ``atol + rtol * abs(numerical)``.
    raise_exception
        Raise if an element fails; otherwise return False.
    nondet_tol
        How far apart the results of two runs at the same inputs may be.
    check_forward_ad, check_backward_ad
        Which way of differentiating is checked: `jvp`, and backward passes. Both can be.
    fast_mode
        Compare one number for each pair of input and output: how the output moves along a random direction, when the
        input moves along another one. That takes two runs and one pass, instead of two runs for each element of the
        input and a pass for each of the output. If it fails, all elements are compared, to name the worst.
    method
        How slopes are found from values. ``"central"``: differences, (f(x + eps) - f(x - eps)) / (2 eps), which leave
        half of the digits. ``"complex"``: the complex step, Im f(x + ih) / h with h = 1e-20, which subtracts nothing
        and has all of them, so that `atol` and `rtol` may be 1e-12. By default the complex step where it is possible.

    Returns
    -------
    bool
        Whether everything passed.

    Raises
    ------
    GradcheckError
        Naming the worst element, its index, both derivatives, and the cause as far as it can be found: a kink, a jump,
        too few digits, a function that is not the same at each call.
    DTypeError
        If no input needs a gradient, the function returns anything but tensors or Scalars, or the complex step is asked
        for and isn't possible.

    Notes
    -----
    The complex step is possible for functions of float64 tensors with real results, if every operation on the way has a
    complex derivative: + − * / ** @, roots, exponentials, logarithms, trigonometric and hyperbolic functions, sums,
    means, and whatever only moves numbers. A comparison, `abs`, `maximum` or `conj` has none. Unless it is asked for,
    it must also agree with a difference along a random direction, as far as that has digits. The error says which way
    was taken, and what stood in the way of the complex step.

    A gradient that passes is right where it was checked, if the function is smooth there. Check with what is random
    switched off (dropout), with the penalties included, at the initial values and again after some training (P01.26).
    Complex inputs and results are taken as pairs of real numbers, and indices of theirs end in 0 for the real part, 1
    for the imaginary one.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.tensor([0.5, -1.0], dtype="float64", requires_grad=True)
    >>> gg.gradcheck(gg.tanh, x)
    True
    >>> gg.gradcheck(gg.relu, gg.tensor([0.0], dtype="float64", requires_grad=True), raise_exception=False)
    False
    """
    if method not in (None, "complex", "central"):
        raise ValueError(describe(f"gradcheck: method is 'complex', 'central' or None, got {method!r}"))
    check = _Check(Checked(func, inputs, eps), atol, rtol)
    problem = check.nondeterminism(nondet_tol)
    if problem is None:
        check.at.choose(method)
        for forward, wanted in ((False, check_backward_ad), (True, check_forward_ad)):
            if wanted and problem is None:
                problem = check.along_directions(forward) if fast_mode else check.elementwise(forward)
    if problem is not None and raise_exception:
        raise GradcheckError(problem)
    return problem is None


def gradgradcheck(
    func: Function,
    inputs: Any,
    grad_outputs: Any = None,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    method: Literal["complex", "central"] | None = None,
) -> bool:
    """Check second derivatives: compare the derivatives of the gradients of a function with the slopes of those.

    Parameters
    ----------
    func, inputs, eps, atol, rtol, raise_exception, nondet_tol, fast_mode, method
        As for `gradcheck`.
    grad_outputs
        The upstream gradients for the results, which the gradients are linear in; random ones by default.
    check_fwd_over_rev, check_rev_over_rev
        Which way of differentiating the gradients is checked: `jvp`, and backward passes.

    Returns
    -------
    bool
        Whether everything passed.

    Raises
    ------
    GradcheckError
        Naming the worst element. Inputs are numbered on from those of `func` to the upstream gradients, outputs are the
        gradients for the inputs that need one.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.gradgradcheck(gg.tanh, gg.tensor([0.5, -1.0], dtype="float64", requires_grad=True))
    True
    """
    check = Checked(func, inputs, eps)
    n = len(check.inputs)
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        grad_outputs = [_random_like(one, rng) for one in check.call.values]
    seeds = [grad_outputs] if isinstance(grad_outputs, (Tensor, Scalar)) else list(grad_outputs)
    if len(seeds) != len(check.call.values):
        raise TypeError(
            describe(f"gradgradcheck: {len(check.call.values)} results, and {len(seeds)} upstream gradients for them")
        )

    def gradients(*arguments: Any) -> tuple[Any, ...]:
        call = Call(check.floats, arguments[:n], {}, check.checked, False, "gradgradcheck")
        return tuple(pass_back(call, arguments[n:], recorded=True))

    return gradcheck(
        gradients,
        [*check.inputs, *seeds],
        eps,
        atol,
        rtol,
        raise_exception,
        nondet_tol,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        method=method,
    )


@dataclass(frozen=True, slots=True)
class _Mismatch:
    """The element where a derivative is farthest from the slope of the values, relative to what is tolerated.

    Inputs are counted among all, outputs among those that are made of floats.
    """

    input: int
    index: Index
    output: int
    output_index: Index
    analytic: float
    numerical: float
    excess: float


class _Check:
    """The comparison of what the rules and the values of a function say, and the report if they disagree."""

    def __init__(self, at: Checked, atol: float, rtol: float) -> None:
        self.at = at
        self.atol = atol
        self.rtol = rtol

    # ---- the same at each call

    def nondeterminism(self, tolerance: float) -> str | None:
        """What two runs, or two passes, at the same inputs differ in; None if nothing."""
        ones = [np.ones(values_of(value).shape) for value in self.at.call.values]
        differ = self.apart(self.at.values(), self.at.values(), tolerance)
        if differ is not None:
            place, how = differ
            return self.changes(f"the values of output {self.at.places[place]} {how}")
        for output, seed in enumerate(ones):
            differ = self.apart(self.at.passed_back(output, seed), self.at.passed_back(output, seed), tolerance)
            if differ is not None:
                place, how = differ
                return self.changes(f"the gradients for input {self.at.checked[place]} {how}")
        return None

    def apart(self, first: list[Array], second: list[Array], tolerance: float) -> tuple[int, str] | None:
        """Where two lists of arrays differ most, and how."""
        if len(first) != len(second):
            return 0, f"are {len(first)} once, and {len(second)} the next time"
        for place, (one, other) in enumerate(zip(first, second, strict=True)):
            if one.shape != other.shape:
                return place, f"have shape {one.shape} once, and {other.shape} the next time"
            with np.errstate(all="ignore"):
                gap = np.where((one == other) | (np.isnan(one) & np.isnan(other)), 0.0, np.abs(one - other))
            if gap.size and not gap.max() <= tolerance:
                at = _index(int(np.argmax(gap)), gap.shape)
                return place, f"are {float(one[at])!r} once at element {at}, and {float(other[at])!r} the next time"
        return None

    def changes(self, what: str) -> str:
        return describe(
            "gradcheck: the function is not the same at each call",
            what,
            hint="switch dropout off (model.eval()), give random operations a seed, or allow for it with nondet_tol",
        )

    # ---- all elements, and random directions

    def elementwise(self, forward: bool) -> str | None:
        """The report of the worst element, None if all pass."""
        analytic = self.at.by_sweeps() if forward else self.at.by_passes()
        numerical = self.at.by_slopes()
        worst: _Mismatch | None = None
        for i, of_input in enumerate(numerical):
            for o, estimated in enumerate(of_input):
                worst = self.worse(worst, i, o, analytic[i][o], estimated)
        return None if worst is None else self.report(worst, forward, relative_error(analytic, numerical))

    def worse(self, worst: _Mismatch | None, i: int, o: int, analytic: Array, numerical: Array) -> _Mismatch | None:
        """The worst element of a Jacobian, if it is worse than the one known."""
        if not analytic.size:
            return worst
        excess = _excess(analytic, numerical, self.atol, self.rtol)
        row, column = np.unravel_index(int(np.argmax(excess)), excess.shape)
        if excess[row, column] <= 0 or (worst is not None and excess[row, column] <= worst.excess):
            return worst
        return _Mismatch(
            self.at.checked[i],
            _index(column, values_of(self.at.call.inputs[i]).shape),
            o,
            _index(row, values_of(self.at.call.values[o]).shape),
            float(analytic[row, column]),
            float(numerical[row, column]),
            float(excess[row, column]),
        )

    def along_directions(self, forward: bool) -> str | None:
        """The report if a projection fails, None if all pass."""
        rng = np.random.default_rng(0)
        starts = [_direction(one, rng) for one in self.at.call.inputs]
        ends = [_direction(one, rng) for one in self.at.call.values]
        for i, (place, u) in enumerate(zip(self.at.checked, starts, strict=True)):
            moved = self.at.slope_along(place, u)
            for o, v in enumerate(ends):
                if forward:
                    analytic = float(np.sum(self.at.pushed_forward(i, u)[o] * v))
                else:
                    analytic = float(np.sum(self.at.passed_back(o, v)[i] * u))
                numerical = float(np.sum(moved[o] * v))
                # As much as if every element were off by what is tolerated.
                atol = self.atol * float(np.abs(u).sum()) * float(np.abs(v).sum())
                if _excess(np.asarray(analytic), np.asarray(numerical), atol, self.rtol) > 0:
                    return self.elementwise(forward) or self.report_direction(place, o, analytic, numerical, atol)
        return None

    # ---- what to say

    @property
    def measure(self) -> str:
        """What derivatives are compared with."""
        return "the complex step" if self.at.method == "complex" else "the difference quotient"

    @property
    def way(self) -> str:
        """How the numerical slope was found, and why not by the complex step."""
        if self.at.method == "complex":
            return f"complex step, h={STEP:g}"
        obstacle = f"; no complex step: {self.at.obstacle}" if self.at.obstacle else ""
        return f"central difference, eps={self.at.eps:g}{obstacle}"

    def report(self, worst: _Mismatch, forward: bool, error: float) -> str:
        output, input = (
            values_of(one).shape for one in (self.at.call.values[worst.output], self.at.inputs[worst.input])
        )
        difference = abs(worst.analytic - worst.numerical)
        scale = max(abs(worst.analytic), abs(worst.numerical))
        return describe(
            f"gradcheck: a derivative{' of forward mode' if forward else ''} differs from {self.measure}",
            f"of: output {self.at.places[worst.output]}, element {worst.output_index} of shape {output}",
            f"for: input {worst.input}, element {worst.index} of shape {input}",
            f"analytic:  {worst.analytic!r}",
            f"numerical: {worst.numerical!r}  ({self.way})",
            f"they differ by {difference:.3g}"
            + (f", relative {difference / scale:.3g}" if scale else "")
            + f"; tolerated: {self.atol:g} + {self.rtol:g} * |numerical|",
            f"all elements together: relative error {error:.3g}, {_IN_WORDS[verdict(error)]}",
            hint=self.cause(worst),
        )

    def report_direction(self, place: int, o: int, analytic: float, numerical: float, atol: float) -> str:
        return describe(
            f"gradcheck: a derivative along a random direction differs from {self.measure}",
            f"of: output {self.at.places[o]}, for: input {place}; no single element differs by more than is tolerated",
            f"analytic:  {analytic!r}",
            f"numerical: {numerical!r}  ({self.way})",
            f"they differ by {abs(analytic - numerical):.3g}; tolerated: {atol:.3g} + {self.rtol:g} * |numerical|",
            hint="small errors add up along a direction; fast_mode=False names the elements that a smaller atol finds",
        )

    def cause(self, worst: _Mismatch) -> str:
        """Why the element failed, as far as that can be found out."""
        at, also = self.at, ""
        low = [str(one.dtype) for one in self.at.inputs if _is_coarse(one)]
        if low:
            too_coarse = f"use float64: {low[0]} values are rounded too coarsely for eps={self.at.eps:g}"
            exact = self.in_float64(worst)
            if exact is None:
                return too_coarse
            if exact[1]:
                return f"{too_coarse}; with float64 values this element passes"
            at, also = exact[0], f"; {low[0]} is not the cause, it fails in float64 too"
        if at.method == "complex":
            return "the rule of an operation is wrong: what a complex step goes through is smooth"
        where = worst.input, worst.index, worst.output, worst.output_index
        left, right = at.sides(*where, at.eps)
        wide_left, wide_right = at.sides(*where, 10.0 * at.eps)
        apart, wide = abs(right - left), abs(wide_right - wide_left)
        tolerated = self.atol + self.rtol * max(abs(left), abs(right))
        if np.isfinite([apart, wide]).all() and apart > tolerated:
            # Where a function is smooth, the slopes come together as the step shrinks.
            if apart > 5.0 * wide:
                return "the function is not smooth here: it jumps, and has no slope; check elsewhere"
            if apart > 0.5 * wide:
                between = min(left, right) - tolerated <= worst.analytic <= max(left, right) + tolerated
                verdict = (
                    "lies between, which is a choice and no mistake" if between else "is neither, nor between them"
                )
                return (
                    f"the function is not smooth here: a kink, with slope {left:.4g} to the left and {right:.4g} to the"
                    f" right; {worst.analytic:.4g} {verdict}; check beside it"
                )
        return f"the rule of an operation is wrong, or the function is not smooth{also}"

    def in_float64(self, worst: _Mismatch) -> tuple[Checked, bool] | None:
        """The same function at the same place with all the digits, and whether the element passes there.

        None if it takes no float64.
        """
        exact = [
            Tensor(one.data.astype(np.float64), one.requires_grad) if _is_coarse(one) else one for one in self.at.inputs
        ]
        try:
            again = Checked(self.at.func, exact, self.at.eps)
            seed = np.zeros(values_of(again.call.values[worst.output]).shape)
            seed[worst.output_index] = 1.0
            gradient = again.passed_back(worst.output, seed)[again.checked.index(worst.input)][worst.index]
            slope = again.slope_for(worst.input, worst.index)[worst.output][worst.output_index]
        except (GraphgradError, ValueError, IndexError):
            return None
        return again, bool(_excess(np.asarray(gradient), np.asarray(slope), self.atol, self.rtol) <= 0)


def _excess(analytic: Array, numerical: Array, atol: float, rtol: float) -> Any:
    """By how much each element differs more than is tolerated."""
    with np.errstate(all="ignore"):
        excess = np.abs(analytic - numerical) - (atol + rtol * np.abs(numerical))
    # Infinities of one sign agree; a NaN never does, unless both are.
    same = (analytic == numerical) | (np.isnan(analytic) & np.isnan(numerical))
    return np.where(same, -np.inf, np.where(np.isnan(excess), np.inf, excess))


def _index(flat: Any, shape: tuple[int, ...]) -> Index:
    return tuple(map(int, np.unravel_index(flat, shape)))


def _direction(one: Tensor | Scalar, rng: np.random.Generator) -> Array:
    """A random direction of length 1."""
    vector = np.asarray(rng.normal(size=values_of(one).shape))
    length = float(np.linalg.norm(vector.ravel()))
    return vector / length if length else vector


def _random_like(one: Tensor | Scalar, rng: np.random.Generator) -> Any:
    values = np.asarray(rng.normal(size=values_of(one).shape))
    if isinstance(one, Scalar):
        return scalar(float(values))
    return Tensor(values.astype(one.dtype), requires_grad=True)


def _is_coarse(one: Any) -> TypeGuard[Tensor]:
    """Whether a tensor has fewer digits than differences need."""
    return isinstance(one, Tensor) and one.dtype.kind == "f" and one.dtype.itemsize < 8
