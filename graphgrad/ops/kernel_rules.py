"""Derivatives that a kernel computes: an operation of their own where a pass is itself recorded.

A kernel works on arrays, in an ordinary pass. In a recorded pass it is run by an operation too, ``lstm backward``,
whose results are the gradients, so that both passes give the same numbers; and the derivative of that operation is the
one of the passed back expansion, to any order. It is found by its name, for graphs that are saved and opened again, but
it isn't offered beside the operations that one calls.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphgrad.graph.operation import Op
from graphgrad.graph.tensor import Tensor
from graphgrad.ops import declare
from graphgrad.ops.composite import through
from graphgrad.ops.running import apply
from graphgrad.ops.variants import without

__all__ = ["by_kernel"]

Backward = Callable[[Sequence[Any], Sequence[Any], "Sequence[Any] | None", Mapping[str, Any], Sequence[str]], Any]


def by_kernel(
    name: str,
    operands: Sequence[str],
    outputs: Sequence[str],
    *,
    backward: Backward,
    expand: Callable[..., Any],
    cost: Callable[..., int],
    optional: Mapping[str, str] | None = None,
    attributes: Sequence[str] = (),
) -> Callable[..., Any]:
    """A joint rule for an operation with several results, for its declaration as ``joint=``.

    Parameters
    ----------
    name
        That of the operation.
    operands, outputs
        The names of what it takes and of what it gives.
    backward
        Called with the gradients of the results, the operands (None for one that is missing), the results (None where
        they aren't at hand), the attributes and the names of the operands whose gradients are wanted, all in arrays; it
        returns these gradients by name.
    expand
        The operation in simpler ones, on tensors.
    cost
        What a forward run costs. The gradients cost twice that.
    optional
        The operands that may be missing, as in ``neutral=`` of the declaration.
    attributes
        The names of the attributes.
    """
    passed_back = through(expand, operands)
    upstream = tuple(f"d_{one}" for one in outputs)
    n = len(outputs)

    def forward(*arrays: Any, wanted: Sequence[str], **attrs: Any) -> tuple[Any, ...]:
        found = backward(arrays[:n], arrays[n:], None, attrs, wanted)
        return tuple(found[one] for one in wanted)

    def expansion(*tensors: Any, wanted: Sequence[str], **attrs: Any) -> tuple[Any, ...]:
        found = passed_back(tensors[:n], *tensors[n:], attrs, set(wanted))
        return tuple(found[operands.index(one)] for one in wanted)

    gradient = Op(
        name=f"{name} backward",
        forward=forward,
        operands=(*upstream, *operands),
        attributes={**dict.fromkeys(attributes), "wanted": ()},
        shape=lambda *shapes, wanted, **_: tuple(shapes[n + operands.index(one)] for one in wanted),
        cost=lambda *shapes, wanted, **attrs: 2 * cost(*shapes[n:], **attrs),
        samples=lambda rng: (),
        operand_rules={},
        joint_rule=through(expansion, (*upstream, *operands)),
        outputs=None,
        formula=f"{name}_backward({', '.join(f'{{{one}}}' for one in (*upstream, *operands))})",
        doc=f"The gradients that {name} passes back, as a recorded pass computes them.",
        expand=expansion,
        neutral=optional or {},
    )
    gradient.call = lambda *given, **attrs: apply(gradient, given, attrs)
    declare.enter_unlisted(gradient)

    def joint(g: Any, *arguments: Any) -> list[Any]:
        *values, out, attrs, needs = arguments
        wanted = tuple(one for one in operands if one in needs)
        if any(isinstance(seed, Tensor) for seed in g):
            missing = [one for one, value in zip(operands, values, strict=True) if value is None]
            op = without(gradient, missing) if missing else gradient
            given = [value for value in values if value is not None]
            found = dict(zip(wanted, apply(op, [*g, *given], {**attrs, "wanted": wanted}), strict=True))
        else:
            found = backward(g, values, out, attrs, wanted)
        return [found.get(one) for one in operands]

    names = ["g", *operands, "out", "attrs", "needs"]
    joint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(one, inspect.Parameter.POSITIONAL_ONLY) for one in names]
    )
    return joint
