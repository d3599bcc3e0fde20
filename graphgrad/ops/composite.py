"""Operations that are declared by their expansion: value and derivatives follow from the simpler operations in it.

    @composite(formula="{input} * sigmoid({input})", ...)
    def silu(input: Array) -> Any:
        return multiply(input, sigmoid(input))

In a graph it is one node, which can be zoomed into. Its derivative runs the expansion again on what the node kept, and
passes back through that; on tensors, when the pass is recorded, so that there are derivatives of any order. A kernel
may take the place of the value later, and a rule that of the derivative; the expansion stays what both are held to.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.tensor import Tensor, source_of
from graphgrad.ops.array.shaping import identity
from graphgrad.ops.declare import OpFunction, by_operands, op, roles

__all__ = ["composite", "named", "on_arrays", "through"]


def composite(**declaration: Any) -> Callable[[Callable[..., Any]], OpFunction]:
    """Declare an operation by a function of tensors; the decorator's arguments are those of `op`.

    A rule may be given all the same, where a closed form is quicker or safer than passing back through the expansion.
    """

    def declare(expansion: Callable[..., Any]) -> OpFunction:
        name = declaration.get("name") or expansion.__name__
        signature = inspect.signature(expansion)
        operands, _, variadic = roles(signature, name)
        expand = by_operands(expansion, signature, operands)
        rules = dict(declaration)
        if not any(operand in rules for operand in operands) and "joint" not in rules:
            rules["joint"] = through(expand, operands, variadic)
        forward = on_arrays(expansion, signature, name)
        return op(forward, expand=_listed(expand) if variadic else expand, **rules)

    return declare


def named(tensor: Tensor, name: str) -> Tensor:
    """A value inside an expansion under the name that the reader of a zoom knows it by, such as ``"variance"``."""
    if type(tensor) is Tensor:  # not one example of many, which has no place in a graph
        tensor.name = name
    return tensor


def _listed(expand: Callable[..., Any]) -> Callable[..., Any]:
    return lambda tensors, **attrs: expand(list(tensors), **attrs)


def on_arrays(expansion: Callable[..., Any], signature: inspect.Signature, name: str) -> Callable[..., Any]:
    """The values of an expansion, from arrays to arrays; nothing is recorded."""

    def forward(*args: Any, **kwargs: Any) -> Any:
        token = MODE.set(Mode(False, None, ""))
        try:
            result = expansion(*map(_as_tensor, args), **{key: _as_tensor(value) for key, value in kwargs.items()})
        finally:
            MODE.reset(token)
        return tuple(one.data for one in result) if isinstance(result, tuple) else result.data

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = expansion.__doc__
    forward.__signature__ = signature  # type: ignore[attr-defined]
    return forward


def _as_tensor(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return Tensor(np.asarray(value))
    return [_as_tensor(one) for one in value] if isinstance(value, list) else value


def through(expand: Callable[..., Any], operands: Sequence[str], variadic: bool = False) -> Callable[..., Any]:
    """A joint rule that runs an expansion again and passes the gradient back through it.

    Parameters
    ----------
    expand
        Takes the operands in order, None for one that was not given, and the attributes by name.
    operands
        Their names.
    variadic
        Whether the one operand stands for a list of tensors.
    """

    def joint(g: Any, *arguments: Any) -> list[Any]:
        *given, attrs, needs = arguments
        values = list(given[0]) if variadic else given
        wanted = [i in needs for i in range(len(values))] if variadic else [name in needs for name in operands]
        return _passed_back(expand, variadic, g, values, attrs, wanted)

    joint.by_expansion = True  # type: ignore[attr-defined]
    names = ["g", *operands, "attrs", "needs"]
    joint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in names]
    )
    return joint


def _passed_back(
    expand: Callable[..., Any],
    variadic: bool,
    g: Any,
    values: Sequence[Any],
    attrs: Mapping[str, Any],
    wanted: Collection[bool],
) -> list[Any]:
    seeds = g if isinstance(g, (list, tuple)) else (g,)
    recorded = any(isinstance(seed, Tensor) for seed in seeds)  # an output of integers has None
    mode = MODE.get()
    token = MODE.set(mode.but(grad=True) if recorded else Mode(True, None, mode.scope))
    try:
        inputs = [_input(value, want) for value, want in zip(values, wanted, strict=True)]
        result = expand(inputs, **attrs) if variadic else expand(*inputs, **attrs)
        outs = result if isinstance(result, tuple) else (result,)
        roots = [(source_of(out), seed) for out, seed in zip(outs, seeds, strict=True) if out.requires_grad]
        targets = [source_of(one) for one, want in zip(inputs, wanted, strict=True) if want]
        found = late.differentiate(roots, targets, create_graph=recorded)
    finally:
        MODE.reset(token)
    contributions: list[Any] = []
    for value, one, want in zip(values, inputs, wanted, strict=True):
        contribution = found.get(source_of(one)) if want else None
        if want and contribution is None:
            zeros = np.zeros(value.shape, value.dtype)
            contribution = Tensor(zeros) if recorded else zeros
        contributions.append(contribution)
    return contributions


def _input(value: Any, wanted: bool) -> Any:
    """An operand for the expansion, with a place of its own: x may well be given twice."""
    if isinstance(value, np.ndarray):
        return Tensor(value, wanted)
    if wanted:  # and the pass is on tensors, of which not all have to be recorded
        return identity(value) if value.requires_grad else Tensor(value.data, requires_grad=True)
    return value
