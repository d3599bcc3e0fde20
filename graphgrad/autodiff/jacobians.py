"""Jacobians and Hessians, whole or multiplied with a vector, with JAX's names and arguments (P01.11)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from graphgrad.autodiff.forward import jvp, push_forward
from graphgrad.autodiff.levels import bottom
from graphgrad.autodiff.lifting import Call, checked_argnums
from graphgrad.autodiff.tangents import nodes_above
from graphgrad.autodiff.transforms import grad, pass_back
from graphgrad.autodiff.vmap import vmap
from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.mode import MODE, enable_grad
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor, source_of
from graphgrad.ops.array.joining import concat, stack
from graphgrad.ops.array.shaping import reshape

__all__ = ["hessian", "hvp", "jacfwd", "jacobian", "jacrev"]

# What a sweep for many vectors at once may hold on its way, per value in the graph.
_MOST_ELEMENTS = 2**24

Function = Callable[..., Any]
Argnums = int | Sequence[int]


def jacobian(
    fun: Function, argnums: Argnums = 0, has_aux: bool = False, mode: Literal["forward", "reverse"] | None = None
) -> Function:
    """Make a function that returns the Jacobian of `fun`: how each element of the result depends on each of the input.

    Parameters
    ----------
    fun
        A function of tensors, scalars or numbers that returns a tensor or a Scalar, or a tuple of them.
    argnums
        Which positional arguments to differentiate for: one, or several.
    has_aux
        Whether `fun` returns a pair, of which only the first member is differentiated; the other is passed through.
    mode
        ``"reverse"`` takes a backward pass for each element of the result, ``"forward"`` a forward sweep for each of
        the input. By default whichever needs fewer; `jacrev` and `jacfwd` are the two. The function itself runs once.

    Returns
    -------
    function
        Of the same arguments. The Jacobian has the axes of the result and then those of the argument. For several
        `argnums` it is a tuple, for several results a tuple of those.

    Raises
    ------
    DTypeError
        If an argument or a result isn't made of floats.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.jacobian(lambda v: gg.stack([v[0] * v[1], v[0] + v[1]]))([2.0, 3.0])
    tensor([[3., 2.],
            [1., 1.]])
    """
    if mode not in (None, "forward", "reverse"):
        raise ValueError(describe(f"jacobian: mode is 'forward', 'reverse' or None, got {mode!r}"))
    argnums = checked_argnums(argnums, "jacobian")

    @functools.wraps(fun)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        call = Call(fun, args, kwargs, argnums, has_aux, "jacobian")
        call.check()
        _refuse_complex(call)
        recorded = call.depends_on_more()
        forward = mode == "forward" or (mode is None and _elements(call.inputs) < _elements(call.values))
        rows = (_by_columns if forward else _by_rows)(call, recorded)
        answer = call.in_form([row[0] if isinstance(argnums, int) else tuple(row) for row in rows])
        return (answer, call.aux(recorded)) if has_aux else answer

    return differentiated


def jacrev(fun: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Make a function that returns the Jacobian of `fun`, by a backward pass for each element of the result.

    See `jacobian`. It suits functions with fewer outputs than inputs.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.jacrev(lambda v: v**2)([1.0, 3.0])
    tensor([[2., 0.],
            [0., 6.]])
    """
    return jacobian(fun, argnums, has_aux, "reverse")


def jacfwd(fun: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Make a function that returns the Jacobian of `fun`, by a forward sweep for each element of the input.

    See `jacobian`. It suits functions with fewer inputs than outputs.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.jacfwd(lambda t: gg.stack([t, t**2, t**3]))(2.0)
    tensor([ 1.,  4., 12.])
    """
    return jacobian(fun, argnums, has_aux, "forward")


def hessian(fun: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Make a function that returns the Hessian of `fun`: all its second derivatives, forward over reverse.

    Parameters
    ----------
    fun
        A function of tensors, scalars or numbers, usually one that returns a single number.
    argnums
        Which positional arguments to differentiate for: one, or several.
    has_aux
        Whether `fun` returns a pair, of which only the first member is differentiated; the other is passed through.

    Returns
    -------
    function
        Of the same arguments. The Hessian has the axes of the result, and then those of the argument twice. For several
        `argnums` it is a tuple of tuples, ``h[i][j]`` for arguments i and j.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.hessian(lambda v: v[0] ** 2 * v[1])([2.0, 3.0])
    tensor([[6., 4.],
            [4., 0.]])
    """
    return jacfwd(jacrev(fun, argnums, has_aux), argnums, has_aux)


def hvp(fun: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Multiply the Hessian of a function with a vector, forward over reverse, without forming the Hessian.

    It costs a few times as much as the gradient, whatever the number of arguments.

    Parameters
    ----------
    fun
        A function of the primals that returns one number.
    primals
        Where to differentiate: tensors, scalars, arrays or numbers, in a tuple or list.
    tangents
        The vector, in the form of the primals.

    Returns
    -------
    Tensor or Scalar
        The product, in the shape of the one primal; for several primals a tuple.

    Raises
    ------
    ShapeError
        If `fun` returns more than one number, or a tangent hasn't the shape of its primal.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.hvp(lambda v: v[0] ** 2 * v[1], ([2.0, 3.0],), ([1.0, 10.0],))
    tensor([46.,  4.])
    """
    argnums = 0 if len(primals) == 1 else range(len(primals))
    return jvp(grad(fun, argnums), primals, tangents)[1]


def _elements(tensors: Sequence[Any]) -> int:
    """How many numbers tensors, or scalars, hold."""
    return sum(one.size if isinstance(one, Tensor) else 1 for one in tensors)


def _refuse_complex(call: Call) -> None:
    for one in (*call.inputs, *call.values):
        if isinstance(one, Tensor) and one.dtype.kind == "c":
            raise DTypeError(
                describe(
                    f"jacobian: arguments and results must be real, got {one.dtype}",
                    hint="gg.view_as_real makes two real numbers of a complex one; gg.jvp and gg.vjp take complex ones",
                )
            )


def _by_rows(call: Call, recorded: bool) -> list[list[Any]]:
    """The Jacobian of each value for each input, from a pass for each element of the values."""
    jacobians = []
    at_once = _at_once(call)
    for place, value in enumerate(call.values):

        def row(seed: Any, place: int = place) -> list[Any]:
            return pass_back(call, _among_zeros(seed, place, call.values), recorded, retain=True)

        found = _for_each_element(value, row, call.inputs, at_once, 0)
        jacobians.append([_in_shape(one, value, input) for one, input in zip(found, call.inputs, strict=True)])
    return jacobians


def _by_columns(call: Call, recorded: bool) -> list[list[Any]]:
    """The same, from a sweep for each element of the inputs."""
    jacobians: list[list[Any]] = [[] for _ in call.values]
    at_once = _at_once(call)
    for place, input in enumerate(call.inputs):

        def column(tangent: Any, place: int = place) -> list[Any]:
            return push_forward(call, _among_zeros(tangent, place, call.inputs), recorded)

        found = _for_each_element(input, column, call.values, at_once, -1)
        for of_value, one, value in zip(jacobians, found, call.values, strict=True):
            of_value.append(_in_shape(one, value, input))
    return jacobians


def _among_zeros(one: Any, place: int, like: Sequence[Any]) -> list[Any]:
    """A seed or a tangent of which only one part isn't zero."""
    zeros = [0.0 if isinstance(other, Scalar) else Tensor(np.zeros(other.shape, other.dtype)) for other in like]
    return [one if i == place else zero for i, zero in enumerate(zeros)]


def _for_each_element(
    one: Any, product: Callable[[Any], list[Any]], like: Sequence[Any], at_once: int, axis: int
) -> list[Any]:
    """The products with each unit vector in the shape of `one`, side by side along an axis; so many in one sweep."""
    if isinstance(one, Scalar):
        return product(1.0)
    n = one.size
    if not n:
        return [Tensor(np.zeros((0, *other.shape) if axis == 0 else (*other.shape, 0), other.dtype)) for other in like]
    basis = np.eye(n, dtype=one.dtype).reshape(n, *one.shape)
    # Who watches wants to see each pass, and scalars don't stand for many examples.
    if n == 1 or MODE.get().recorder is not None or any(isinstance(other, Scalar) for other in like):
        products = [product(Tensor(unit)) for unit in basis]
        with enable_grad():
            return [stack(list(parts), axis) for parts in zip(*products, strict=True)]
    together = vmap(product, out_axes=axis)
    found = [together(basis[start : start + at_once]) for start in range(0, n, at_once)]
    with enable_grad():
        return found[0] if len(found) == 1 else [concat(list(parts), axis) for parts in zip(*found, strict=True)]


def _at_once(call: Call) -> int:
    """How many vectors are multiplied in one sweep, so that what is on its way takes no more than some memory."""
    if call.on_scalars:
        return 1
    nodes = nodes_above([source_of(bottom(value)) for value in call.values], call.first)
    largest = max((math.prod(shape) for node in nodes for shape in node.shapes), default=1)
    return max(1, _MOST_ELEMENTS // max(largest, 1))


def _in_shape(jacobian: Any, value: Any, input: Any) -> Any:
    """A Jacobian with the axes of the value and then those of the input."""
    if isinstance(jacobian, Scalar):
        return jacobian
    shape = [axis for one in (value, input) if isinstance(one, Tensor) for axis in one.shape]
    with enable_grad():
        return reshape(jacobian, shape)
