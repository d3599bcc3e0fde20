"""Forward mode: the derivative along a direction, computed beside the values from the arguments upwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphgrad.autodiff.levels import after_sweep, bottom, for_sweep, later_levels
from graphgrad.autodiff.lifting import Call, needs_gradient, same_form
from graphgrad.autodiff.mixed_tangents import MixedTangents
from graphgrad.graph.errors import describe
from graphgrad.graph.node import Source
from graphgrad.graph.scalar import Scalar, constant
from graphgrad.graph.tensor import Tensor, source_of

__all__ = ["jvp", "linearize", "push_forward"]


def jvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """Run a function, and multiply its Jacobian with a vector from the right: the derivative along a direction.

    Parameters
    ----------
    fun
        A function of the primals that returns a tensor or a Scalar, or a tuple of them.
    primals
        Where to differentiate: tensors, scalars, arrays or numbers, in a tuple or list.
    tangents
        How each of them moves, in its shape; None for one that is held.
    has_aux
        Whether `fun` returns a pair, of which only the first member is differentiated; the other is passed through.

    Returns
    -------
    value
        What `fun` returned.
    tangent
        How that moves, in the same form.
    aux
        With `has_aux`, the second member of what `fun` returned.

    Raises
    ------
    TypeError
        If there are more or fewer tangents than primals.
    ShapeError
        If a tangent hasn't the shape of its primal.
    DTypeError
        If a primal that moves, or a result, isn't made of floats.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.jvp(lambda x, y: x * y, ([1.0, 2.0], [3.0, 4.0]), ([1.0, 0.0], [0.0, 1.0]))
    (tensor([3., 8.]), tensor([3., 2.]))
    """
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            got = type(given).__name__
            raise TypeError(describe(f"jvp: {name} must be a tuple or a list, got {got}", hint="jvp(f, (x,), (t,))"))
    if len(primals) != len(tangents):
        raise TypeError(describe(f"jvp: got {len(primals)} primals, and {len(tangents)} tangents for them"))
    moving = [i for i, tangent in enumerate(tangents) if tangent is not None]
    call = Call(fun, primals, {}, moving, has_aux, "jvp")
    call.check()
    starts = [same_form(tangents[i], one, i, "jvp", "tangent") for i, one in zip(moving, call.inputs, strict=True)]
    recorded = call.depends_on_more() or any(map(needs_gradient, starts))
    moved = call.in_form(push_forward(call, starts, recorded))
    value = call.alone(recorded)
    return (value, moved, call.aux(recorded)) if has_aux else (value, moved)


def linearize(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Run a function once, and give the linear function that it is near these arguments.

    That is `jvp` for many tangents at the price of one run.

    Parameters
    ----------
    fun
        A function of the primals that returns a tensor or a Scalar, or a tuple of them.
    primals
        Where to differentiate.
    has_aux
        Whether `fun` returns a pair, of which only the first member is differentiated; the other is passed through.

    Returns
    -------
    value
        What `fun` returned.
    jvp_fun
        A function of one tangent for each primal, which returns the tangent of the value.
    aux
        With `has_aux`, the second member of what `fun` returned.

    Raises
    ------
    DTypeError
        If a primal or a result isn't made of floats.

    Examples
    --------
    >>> import graphgrad as gg
    >>> value, along = gg.linearize(lambda x: x**2, 3.0)
    >>> along(1.0), along(10.0)
    (tensor(6.), tensor(60.))
    """
    call = Call(fun, primals, {}, range(len(primals)), has_aux, "linearize")
    call.check()
    recorded = call.depends_on_more()

    def jvp_fun(*tangents: Any) -> Any:
        if len(tangents) != len(primals):
            raise TypeError(describe(f"linearize: got {len(tangents)} tangents for {len(primals)} primals"))
        starts = [same_form(one, call.inputs[i], i, "linearize", "tangent") for i, one in enumerate(tangents)]
        return call.in_form(push_forward(call, starts, recorded or any(map(needs_gradient, starts))))

    value = call.alone(recorded)
    return (value, jvp_fun, call.aux(recorded)) if has_aux else (value, jvp_fun)


def push_forward(call: Call, tangents: Sequence[Any], recorded: bool) -> list[Any]:
    """How each value of a call moves.

    Parameters
    ----------
    call
        A function that ran.
    tangents
        How each of its inputs moves, in the same form.
    recorded
        Whether the results are to be differentiated again.
    """
    later = later_levels([one for one in tangents if isinstance(one, Tensor)], call.levels)
    sweep = MixedTangents(recorded, recorded or bool(later))
    for one, tangent in zip(call.inputs, tangents, strict=True):
        if isinstance(one, Scalar):
            sweep.start_scalar(one, tangent)
        else:
            start = for_sweep(tangent, call.levels, later)
            sweep.start(source_of(bottom(one)), start if sweep.on_tensors else start.data)
    ends = [_end(call, value) for value in call.values]
    sweep.run_below([end for end in ends if end is not None], call.first)
    answers: list[Any] = []
    for value, end in zip(call.values, ends, strict=True):
        if isinstance(value, Scalar):
            slope = 0.0 if end is None else sweep.arrived_scalar(value)
            answers.append(slope if isinstance(slope, Scalar) else constant(float(slope)))
            continue
        tangent = None if end is None else sweep.arrived(end)
        if tangent is None:
            answers.append(Tensor(np.zeros(value.shape, value.dtype)))
        else:
            whole = tangent if isinstance(tangent, Tensor) else Tensor(np.array(tangent))  # the caller's own
            answers.append(after_sweep(whole, call.levels, later))
    return answers


def _end(call: Call, value: Any) -> Source | None:
    """Where a value comes from, None if it can't depend on the inputs."""
    if not call.reaches(value):
        return None
    return value if isinstance(value, Scalar) else source_of(bottom(value))
