"""Functions of functions, backwards: `grad`, `value_and_grad`, `vjp` and `elementwise_grad`, as JAX has them.

Each runs the function once, which records a graph, and passes back through that. What they give can be differentiated
again: a pass is recorded if anything else depends on it, such as an argument of an outer transform.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphgrad.autodiff.backward import differentiate
from graphgrad.autodiff.levels import after_sweep, bottom, for_sweep, later_levels
from graphgrad.autodiff.lifting import Call, checked_argnums, needs_gradient, same_form
from graphgrad.graph.mode import enable_grad
from graphgrad.graph.node import Source
from graphgrad.graph.record import announce
from graphgrad.graph.scalar import Scalar, constant
from graphgrad.graph.tensor import Tensor, source_of
from graphgrad.ops.array.arithmetic import multiply

__all__ = ["elementwise_grad", "grad", "pass_back", "value_and_grad", "vjp"]

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
    argnums = checked_argnums(argnums, "grad")

    @functools.wraps(fun)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        call = Call(fun, args, kwargs, argnums, has_aux, "grad")
        call.one_number()
        recorded = call.depends_on_more() if create_graph is None else create_graph
        gradients = pass_back(call, None, recorded)
        answer = gradients[0] if isinstance(argnums, int) else tuple(gradients)
        value = call.alone(recorded)
        return ((value, call.aux(recorded)) if has_aux else value), answer

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


def elementwise_grad(fun: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Make a function that returns the derivative of each element of ``fun(x)`` for the same element of `x`.

    It is right for functions that work element by element. In general it is the sum of the rows of the Jacobian.

    Parameters
    ----------
    fun
        A function that returns a tensor or a Scalar.
    argnums
        Which positional arguments to differentiate for: one, or several.

    Returns
    -------
    function
        Of the same arguments, returning the derivative in the shape of the argument; a tuple for several `argnums`.

    Raises
    ------
    DTypeError
        If `fun` doesn't return one tensor of real numbers, or an argument isn't made of floats.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.elementwise_grad(gg.tanh)([0.0, 1.0])
    tensor([1.  , 0.42])
    """
    argnums = checked_argnums(argnums, "elementwise_grad")

    @functools.wraps(fun)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        call = Call(fun, args, kwargs, argnums, False, "elementwise_grad")
        call.one_output()
        gradients = pass_back(call, None, call.depends_on_more())
        return gradients[0] if isinstance(argnums, int) else tuple(gradients)

    return derivative


def vjp(fun: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Run a function, and give a function that multiplies vectors with its Jacobian from the left (P01.13).

    The graph stays, so that the product can be asked for as often as wanted. The Jacobian is never formed.

    Parameters
    ----------
    fun
        A function of the primals that returns a tensor or a Scalar, or a tuple of them.
    primals
        Where to differentiate: tensors, scalars, arrays or numbers.
    has_aux
        Whether `fun` returns a pair, of which only the first member is differentiated; the other is passed through.

    Returns
    -------
    value
        What `fun` returned.
    vjp_fun
        A function of a cotangent in the form of the value, which returns a tuple with the cotangent of each primal.
    aux
        With `has_aux`, the second member of what `fun` returned.

    Raises
    ------
    DTypeError
        If a primal or a result isn't made of floats.
    ShapeError
        If a cotangent hasn't the shape of the value.

    Examples
    --------
    >>> import graphgrad as gg
    >>> value, pullback = gg.vjp(lambda x, y: x * y, [1.0, 2.0], [3.0, 4.0])
    >>> pullback([1.0, 10.0])
    (tensor([ 3., 40.]), tensor([ 1., 20.]))
    """
    call = Call(fun, primals, {}, range(len(primals)), has_aux, "vjp")
    call.check()
    recorded = call.depends_on_more()

    def vjp_fun(cotangents: Any) -> tuple[Any, ...]:
        given = call.out_of_form(cotangents, "cotangents")
        seeds = [same_form(one, call.values[i], i, "vjp", "cotangent") for i, one in enumerate(given)]
        return tuple(pass_back(call, seeds, recorded or any(map(needs_gradient, seeds)), retain=True))

    value = call.alone(recorded)
    return (value, vjp_fun, call.aux(recorded)) if has_aux else (value, vjp_fun)


def pass_back(call: Call, seeds: Sequence[Any] | None, recorded: bool, retain: bool | None = None) -> list[Any]:
    """The gradient of each input of a call.

    Parameters
    ----------
    call
        A function that ran.
    seeds
        The upstream gradient of each of its values, of the same form; None for ones.
    recorded
        Whether the gradients are to be differentiated again.
    retain
        Whether there will be another pass. By default if this one is recorded.
    """
    later = later_levels([seed for seed in seeds or () if isinstance(seed, Tensor)], call.levels)
    roots: list[tuple[Any, Any]] = []
    for i, value in enumerate(call.values):
        if isinstance(value, Scalar):
            roots.append((value, 1.0 if seeds is None else seeds[i]))
        elif call.reaches(value):
            whole = bottom(value)
            if seeds is None:
                seed = Tensor(np.ones(whole.shape, whole.dtype))
            else:
                seed = for_sweep(seeds[i], call.levels, later)
            roots.append((whole, seed if recorded or later else seed.data))
    sources = [_source_of(one) for one in call.inputs]
    starts = [(_source_of(value), seed) for value, seed in roots]
    found = differentiate(starts, sources, retain_graph=retain, create_graph=recorded) if starts else {}
    if not later:
        for value, seed in roots:
            if isinstance(value, Scalar):
                announce(value, None if seeds is None else float(seed))
            else:
                announce(value, None if seeds is None and value.size == 1 else seed)
    answers: list[Any] = []
    for one, source in zip(call.inputs, sources, strict=True):
        if isinstance(one, Scalar):
            slope = found.get((one.chunk, one.index), 0.0)
            answers.append(slope if isinstance(slope, Scalar) else constant(float(slope)))
            continue
        gradient = found.get(source)
        if gradient is None:
            whole = bottom(one)
            gradient = np.zeros(whole.shape, whole.dtype)
        if not isinstance(gradient, Tensor):
            gradient = Tensor(np.array(gradient))
        elif any(gradient is other for other in answers):
            with enable_grad():
                gradient = multiply(gradient, 1.0)  # each answer is the caller's own, to write to
        answers.append(gradient)
    return [one if isinstance(one, Scalar) else after_sweep(one, call.levels, later) for one in answers]


def _source_of(one: Tensor | Scalar) -> Source:
    return one if isinstance(one, Scalar) else source_of(bottom(one))
