"""Numerical derivatives: slopes from differences of values (P01.25), and how far off a gradient is (P01.26)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from graphgrad.autodiff.lifting import as_tensor, checked_argnums, places_among
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.mode import no_grad
from graphgrad.graph.scalar import Scalar, constant
from graphgrad.graph.tensor import Tensor

__all__ = ["moved_by", "numerical_grad", "relative_error", "values_of", "verdict"]

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]

# The curriculum calls a relative error of 1e-7 great, wants a look at 1e-5, and at 1e-3 it sees a bug. The borders lie
# half-way between these, in orders of magnitude.
_GREAT, _LOOK = 1e-6, 1e-4


def numerical_grad(
    fun: Function,
    argnums: int | Sequence[int] = 0,
    eps: float = 1e-6,
    method: Literal["central", "forward"] = "central",
) -> Function:
    """Make a function that estimates the gradient of `fun` from differences of its values, element by element.

    It needs no derivative rules, but two runs of the function for each element, and loses half of the digits: it is for
    checking (see `gradcheck`), not for training.

    Parameters
    ----------
    fun
        A function of tensors, scalars or numbers that returns one number.
    argnums
        Which positional arguments to differentiate for: one, or several.
    eps
        The step. Too large, and the function isn't straight along it; too small, and rounding is all that is left.
    method
        ``"central"``: (f(x + eps) - f(x - eps)) / (2 eps), whose error goes with the square of the step. ``"forward"``:
        (f(x + eps) - f(x)) / eps, whose error goes with the step.

    Returns
    -------
    function
        Of the same arguments, returning the estimate in the shape of the argument; a tuple for several `argnums`.

    Raises
    ------
    ShapeError
        If `fun` returns more than one number.
    DTypeError
        If an argument to differentiate for isn't made of floats.

    Examples
    --------
    >>> import graphgrad as gg
    >>> cube = lambda x: x**3
    >>> x = gg.tensor(1.0, dtype="float64")
    >>> print(
    ...     f"{gg.numerical_grad(cube, eps=0.01)(x):.4f} {gg.numerical_grad(cube, eps=0.01, method='forward')(x):.4f}"
    ... )
    3.0001 3.0301
    """
    if method not in ("central", "forward"):
        raise ValueError(describe(f"numerical_grad: method is 'central' or 'forward', got {method!r}"))
    argnums = checked_argnums(argnums, "numerical_grad")

    @functools.wraps(fun)
    def estimate(*args: Any, **kwargs: Any) -> Any:
        def value(place: int, moved: Any) -> float:
            arguments = [moved if i == place else one for i, one in enumerate(args)]
            return _one_number(fun(*arguments, **kwargs))

        with no_grad(), np.errstate(all="ignore"):
            estimates = [
                _estimated(args[place], functools.partial(value, place), eps, method == "central")
                for place in places_among(argnums, len(args), "numerical_grad")
            ]
        return estimates[0] if isinstance(argnums, int) else tuple(estimates)

    return estimate


def _estimated(argument: Any, value: Callable[[Any], float], eps: float, central: bool) -> Any:
    one = argument if isinstance(argument, Scalar) else as_tensor(argument, "numerical_grad")
    base = values_of(one)
    if base.dtype.kind != "f":
        raise DTypeError(describe(f"numerical_grad: the argument holds {base.dtype}, which has no slope"))
    slopes = np.zeros(base.shape, base.dtype)
    here = 0.0 if central else value(one)
    for index in np.ndindex(base.shape):
        up, high = moved_by(one, index, eps)
        if central:
            down, low = moved_by(one, index, -eps)
            slopes[index] = (value(up) - value(down)) / (high - low)
        else:
            slopes[index] = (value(up) - here) / (high - float(base[index]))
    return constant(float(slopes)) if isinstance(one, Scalar) else Tensor(slopes)


def _one_number(result: Any) -> float:
    if isinstance(result, Tensor) and result.size != 1:
        raise ShapeError(
            describe(
                f"numerical_grad: the function must return one number, got shape {result.shape}",
                hint="reduce it: gg.sum(...) or gg.mean(...)",
            )
        )
    return float(result)


def values_of(one: Tensor | Scalar) -> Array:
    """The values of a tensor or a scalar as an array."""
    return np.asarray(one.data)


def moved_by(one: Tensor | Scalar, index: tuple[int, ...], step: float) -> tuple[Any, float]:
    """A copy of an argument with one element moved, and where that came to lie in the argument's own precision."""
    moved = np.array(one.data, order="K")
    moved[index] += step
    return like(one, moved), float(moved[index])


def like(one: Tensor | Scalar, values: Array) -> Any:
    """Other values in the form of an argument."""
    return constant(float(values)) if isinstance(one, Scalar) else Tensor(values)


def relative_error(analytic: Any, numerical: Any) -> float:
    """How far two gradients are apart: ``norm(a - n) / (norm(a) + norm(n))`` over all their elements (P01.26).

    Parameters
    ----------
    analytic, numerical
        Tensors, arrays or numbers, or sequences of these, of the same shapes.

    Returns
    -------
    float
        Between 0, if they are equal, and 1.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> import graphgrad as gg
    >>> print(f"{gg.relative_error([3.0001, 2.0], [3.0, 2.0]):.3g}")
    1.39e-05
    """
    a, n = _flat(analytic), _flat(numerical)
    if a.shape != n.shape:
        raise ShapeError(
            describe(f"relative_error: the gradients have {a.size} and {n.size} elements, they must have as many")
        )
    with np.errstate(all="ignore"):
        scale = float(np.linalg.norm(a) + np.linalg.norm(n))
        return float(np.linalg.norm(a - n)) / scale if scale else 0.0


def _flat(gradient: Any) -> Array:
    if isinstance(gradient, (tuple, list)):
        return np.concatenate([_flat(one) for one in gradient]) if gradient else np.zeros(0)
    if isinstance(gradient, (Tensor, Scalar)):
        gradient = gradient.data
    return np.ravel(as_array(gradient, "float64", copy=False, what="relative_error"))


def verdict(error: float) -> Literal["great", "look", "bug"]:
    """What a relative error says about a gradient (P01.26): 1e-7 is great, 1e-5 wants a look, 1e-3 is a bug.

    The borders lie half-way between these numbers, in orders of magnitude. It holds for float64, and for functions that
    are smooth where they are differentiated.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.verdict(1.39e-05)
    'look'
    """
    return "great" if error <= _GREAT else "look" if error <= _LOOK else "bug"
