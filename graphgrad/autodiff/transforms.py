"""Functions of functions: `grad` and `value_and_grad`, with JAX's names and arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphgrad.autodiff.backward import differentiate
from graphgrad.autodiff.scalar_backward import differentiate_scalar
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.mode import enable_grad
from graphgrad.graph.node import Node, Output
from graphgrad.graph.record import announce
from graphgrad.graph.scalar import Scalar, scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.arithmetic import multiply
from graphgrad.ops.shaping import identity

__all__ = ["grad", "value_and_grad"]

Function = Callable[..., Any]


def value_and_grad(
    fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, create_graph: bool | None = None
) -> Function:
    """Make a function that returns the value of `fun` together with its gradient.

    Parameters
    ----------
    fun
        A function of tensors, scalars or numbers that returns one number: a one-element tensor, or a Scalar. It may be
        made of other transformed functions, to any order.
    argnums
        Which positional arguments to differentiate for: one, or several.
    has_aux
        Whether `fun` returns a pair, of which only the first member is differentiated; the other is passed through.
    create_graph
        Whether the gradient can be differentiated for whatever else it depends on. By default it can if there is
        anything else: an argument of an outer transform, or a parameter that `fun` uses.

    Returns
    -------
    function
        Of the same arguments, returning ``(value, gradient)``, or ``((value, aux), gradient)``. The gradient has the
        form of the argument; for several `argnums` it is a tuple.

    Raises
    ------
    ShapeError
        If `fun` returns more than one number.
    DTypeError
        If an argument to differentiate for isn't made of floats.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.value_and_grad(lambda w: gg.sum(w * w))([1.0, 3.0])
    (tensor(10.), tensor([2., 6.]))
    """
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(fun)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        arguments = list(args)
        places: dict[int, Any] = {}
        for position in wanted:
            if not -len(args) <= position < len(args):
                raise TypeError(describe(f"grad: argnums names argument {position}, but {len(args)} were given"))
            place = position % len(args)
            if place not in places:  # 0 and -2 may well be the same argument
                arguments[place] = places[place] = _input(args[place], position)
        inputs = [places[position % len(args)] for position in wanted]
        with enable_grad():
            result = fun(*arguments, **kwargs)
        value, aux = result if has_aux else (result, None)
        value, gradients = _differentiated(value, inputs, create_graph)
        answer = gradients[0] if isinstance(argnums, int) else tuple(gradients)
        return ((value, aux) if has_aux else value), answer

    return differentiated


def grad(
    fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, create_graph: bool | None = None
) -> Function:
    """Make a function that returns the gradient of `fun`; see `value_and_grad` for the arguments.

    Examples
    --------
    Derivatives of any order come from doing it again:

    >>> import graphgrad as gg
    >>> cube = lambda x: x**3
    >>> gg.grad(gg.grad(cube))(2.0)
    tensor(12.)
    """
    both = value_and_grad(fun, argnums, has_aux, create_graph)

    @functools.wraps(fun)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, answer = both(*args, **kwargs)
        return (answer, value[1]) if has_aux else answer

    return gradient


def _input(argument: Any, position: int) -> Any:
    """A fresh place in the graph for an argument, connected to it if it needs a gradient itself."""
    if isinstance(argument, Scalar):
        with enable_grad():
            return scalar(argument.data) if not argument.requires_grad else argument * 1.0
    tensor = argument if isinstance(argument, Tensor) else Tensor(as_array(argument, copy=True, what="grad"))
    if tensor.dtype.kind != "f":
        raise DTypeError(
            describe(
                f"grad: argument {position} holds {tensor.dtype}, which has no gradient",
                hint="write floats (1.0 for 1), or choose other argnums",
            )
        )
    if tensor.requires_grad:
        with enable_grad():
            return identity(tensor)  # a node of its own, through which an outer derivative flows
    return Tensor(tensor.data, requires_grad=True, name=tensor.name)


def _differentiated(value: Any, inputs: Sequence[Any], create_graph: bool | None) -> tuple[Any, list[Any]]:
    """The value, without its graph if the pass has freed that, and the gradient for each input."""
    if isinstance(value, Scalar):
        if not all(isinstance(one, Scalar) for one in inputs):
            raise DTypeError(describe("grad: the function returned a Scalar, but was differentiated for tensors"))
        slopes = differentiate_scalar(value, inputs, _recorded_scalar(value, inputs, create_graph))
        announce(value)
        return value, slopes
    if not isinstance(value, Tensor) or any(isinstance(one, Scalar) for one in inputs):
        kind = type(value).__name__
        raise DTypeError(
            describe(
                f"grad: the function must return a tensor or a Scalar that depends on its arguments, got {kind}",
                hint="use graphgrad's operations inside; float(...) and .item() leave the graph",
            )
        )
    if value.size != 1:
        raise ShapeError(
            describe(
                f"grad: the function must return one number, got shape {value.shape}",
                hint="reduce it: gg.sum(...) or gg.mean(...)",
            )
        )
    if value.dtype.kind != "f":
        raise DTypeError(describe(f"grad: the function must return floats, got {value.dtype}"))
    recorded = _recorded(value, inputs, create_graph)
    sources = [one if one._source is None else one._source for one in inputs]
    ones = np.ones(value.shape, value.dtype)
    root = value if value._source is None else value._source
    found: dict[Any, Any] = {}
    if value.requires_grad:
        found = differentiate([(root, Tensor(ones) if recorded else ones)], sources, create_graph=recorded)
        announce(value)
    answers: list[Tensor] = []
    for one, source in zip(inputs, sources, strict=True):
        gradient = found.get(source)
        if gradient is None:
            gradient = np.zeros(one.shape, one.dtype)
        if not isinstance(gradient, Tensor):
            gradient = Tensor(np.array(gradient))
        elif any(gradient is other for other in answers):
            with enable_grad():
                gradient = multiply(gradient, 1.0)  # each answer is the caller's own, to write to
        answers.append(gradient)
    return value if recorded else value.detach(), answers


def _recorded(value: Tensor, inputs: Sequence[Tensor], create_graph: bool | None) -> bool:
    """Whether the gradient depends on anything else that needs one."""
    if create_graph is not None:
        return create_graph
    mine = {id(one) for one in inputs}
    stack = [] if value.node is None else [value.node]
    seen = set(stack)
    while stack:
        node = stack.pop()
        for i, source in enumerate(node.operands):
            if not node.needs >> i & 1:
                continue
            if isinstance(source, Tensor):
                if id(source) not in mine:
                    return True
                continue
            below = source.node if isinstance(source, Output) else source
            if isinstance(below, Node) and below not in seen:
                seen.add(below)
                stack.append(below)
    return False


def _recorded_scalar(value: Scalar, inputs: Sequence[Scalar], create_graph: bool | None) -> bool:
    if create_graph is not None:
        return create_graph
    mine = {(one.chunk, one.index) for one in inputs}
    stack = [(value.chunk, value.index)]
    seen = set(stack)
    while stack:
        place = stack.pop()
        chunk, index = place
        if chunk.needs and not chunk.ops[index] and place not in mine:
            return True
        for below in chunk.operands(index):
            if below not in seen:
                seen.add(below)
                stack.append(below)
    return False
