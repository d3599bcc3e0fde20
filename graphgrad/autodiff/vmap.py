"""`vmap`: a function of one example becomes one of many, without a loop over them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphgrad.autodiff.batching import apply_batched
from graphgrad.autodiff.levels import ACTIVE, Batched, ExampleNeeded, Level
from graphgrad.autodiff.lifting import as_tensor
from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.late import late
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.axes import moveaxis
from graphgrad.ops.array.joining import stack
from graphgrad.ops.array.shaping import broadcast_to
from graphgrad.ops.array.splitting import unbind

__all__ = ["vmap"]

Function = Callable[..., Any]
Axes = int | None | Sequence[int | None]


def vmap(fun: Function, in_axes: Axes = 0, out_axes: Axes = 0) -> Function:
    """Make a function of many examples from a function of one.

    The function runs once, for all examples together: each operation in it is run on all of them at a time, which is
    quick. Operations without a rule for that run on one example after another. If the function asks for the values of
    an example (``if x > 0``, ``float(x)``, ``x.data``, NumPy's own functions), or writes in place, the whole function
    runs on one example after another, in a loop; then what it does beside may be done once more than that. Either way
    the result is the same as that of a loop; but what is drawn at random is drawn once for all examples in the first
    case, and for each in the second.

    Parameters
    ----------
    fun
        A function that returns a tensor or a number, or a tuple of them, which may hold tuples in turn.
    in_axes
        The axis of the examples in each positional argument, None for one that all of them share; or a single axis for
        all arguments. Tensors and arrays that are given by name have their examples along axis 0.
    out_axes
        Where the axis of the examples goes in the result, or in each of several. None for a result that is the same for
        all examples.

    Returns
    -------
    function
        Of arguments with one more axis each, giving results with one more axis. It can be differentiated, may be made
        of derivatives (``vmap(grad(loss))`` gives a gradient for each example), and nests.

    Raises
    ------
    ShapeError
        If arguments have different numbers of examples, or not the axis that `in_axes` names.
    TypeError
        If `in_axes` or `out_axes` don't fit the arguments or results.
    DTypeError
        If an argument that is mapped over is no tensor or array, or a result is none.

    Examples
    --------
    >>> import graphgrad as gg
    >>> dot = gg.vmap(lambda x, w: gg.sum(x * w), in_axes=(0, None))
    >>> dot([[1.0, 2.0], [3.0, 4.0]], [10.0, 1.0])
    tensor([12., 34.])

    The gradient of each example's loss:

    >>> gg.vmap(gg.grad(lambda x: x**3))([1.0, 2.0])
    tensor([ 3., 12.])
    """

    @functools.wraps(fun)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        axes = _for_each(in_axes, len(args), "in_axes", "arguments")
        given = {place: _examples(args[place], axis, place) for place, axis in enumerate(axes) if axis is not None}
        named = {
            name: _examples(value, 0, name) for name, value in kwargs.items() if isinstance(value, (Tensor, np.ndarray))
        }
        level = Level(_size({**given, **named}))

        def run(of_one: Callable[[Tensor], Tensor]) -> Any:
            arguments = [of_one(given[i]) if i in given else one for i, one in enumerate(args)]
            by_name = {name: of_one(named[name]) if name in named else one for name, one in kwargs.items()}
            return fun(*arguments, **by_name)

        token = ACTIVE.set((*ACTIVE.get(), level))
        try:
            return _together(run(lambda whole: Batched(whole, level)), level, out_axes)
        except ExampleNeeded as needed:
            if needed.level is not level:
                raise
        finally:
            level.running = False
            ACTIVE.reset(token)
        return _in_a_loop(run, {**given, **named}, level.size, out_axes)

    return mapped


def _for_each(axes: Axes, count: int, what: str, things: str) -> list[int | None]:
    """An axis for each of several."""
    if axes is None or (isinstance(axes, (int, np.integer)) and not isinstance(axes, bool)):
        return [axes if axes is None else int(axes)] * count
    if not isinstance(axes, (tuple, list)) or not all(one is None or type(one) is int for one in axes):
        raise TypeError(describe(f"vmap: {what} is an axis, None, or a tuple of these, got {axes!r:.60}"))
    if len(axes) != count:
        raise TypeError(describe(f"vmap: {what} names {len(axes)} axes for {count} {things}"))
    return list(axes)


def _examples(argument: Any, axis: int, place: int | str) -> Tensor:
    """An argument with its examples along the first axis."""
    title = f"argument {place!r}" if isinstance(place, str) else f"argument {place}"
    if isinstance(argument, Scalar) or not isinstance(argument, (Tensor, np.ndarray, list, tuple)):
        kind = type(argument).__name__
        raise DTypeError(
            describe(
                f"vmap: {title} has no examples: it is of type {kind}",
                "expected: a tensor, an array or a list",
                hint="give it the axis None in in_axes, if it is the same for all examples",
            )
        )
    tensor = as_tensor(argument, f"vmap: {title}")
    if not -tensor.ndim <= axis < tensor.ndim:
        raise ShapeError(
            describe(
                f"vmap: {title} of shape {tensor.shape} has no axis {axis} for the examples",
                hint="in_axes names the axis of the examples in each argument, None for one that all of them share",
            )
        )
    return tensor if axis % tensor.ndim == 0 else moveaxis(tensor, axis, 0)


def _size(given: dict[Any, Tensor]) -> int:
    """The number of examples, which all arguments agree on."""
    if not given:
        raise TypeError(
            describe("vmap: no argument has examples", hint="in_axes must name an axis of one argument at least")
        )
    sizes = {one.shape[0] for one in given.values()}
    if len(sizes) > 1:
        raise ShapeError(
            describe(
                "vmap: all arguments must have the same number of examples",
                *(f"argument {place!r}: {one.shape[0]}" for place, one in given.items()),
                hint="in_axes names the axis of the examples in each argument, None for one that all of them share",
            )
        )
    return sizes.pop()


def _together(result: Any, level: Level, out_axes: Axes) -> Any:
    """The results of all examples, from what a function returned for any one of them."""

    def whole(one: Any, axis: int | None) -> Any:
        if isinstance(one, (tuple, list)):
            return _alike(one, [whole(part, axis) for part in one])
        tensor = _as_result(one)
        if isinstance(tensor, Batched) and tensor.level is level:
            if axis is None:
                raise _differs()
            return _placed(tensor.inner, axis)
        return tensor if axis is None else _placed(broadcast_to(tensor, (level.size, *tensor.shape)), axis)

    if not isinstance(result, (tuple, list)):
        return whole(result, _for_each(out_axes, 1, "out_axes", "results")[0])
    axes = _for_each(out_axes, len(result), "out_axes", "results")
    return _alike(result, [whole(one, axis) for one, axis in zip(result, axes, strict=True)])


def _in_a_loop(run: Callable[..., Any], given: dict[Any, Tensor], size: int, out_axes: Axes) -> Any:
    """The results of all examples, one after another."""
    if not size:
        raise ShapeError(
            describe(
                "vmap: there are no examples, and the function asks for the values of one",
                hint="give one example at least, or use graphgrad's operations in place of Python's if and float",
            )
        )
    rows = {id(whole): unbind(whole) for whole in given.values()}
    results = [run(lambda whole, i=i: rows[id(whole)][i]) for i in range(size)]

    def stacked(ones: Sequence[Any], axis: int | None) -> Any:
        if isinstance(ones[0], (tuple, list)):
            return _alike(ones[0], [stacked(parts, axis) for parts in zip(*ones, strict=True)])
        tensors = list(map(_as_result, ones))
        if axis is not None:
            return stack(tensors, axis)
        if any(not np.array_equal(one.data, tensors[0].data) for one in tensors[1:]):
            raise _differs()
        return tensors[0]

    if not isinstance(results[0], (tuple, list)):
        return stacked(results, _for_each(out_axes, 1, "out_axes", "results")[0])
    axes = _for_each(out_axes, len(results[0]), "out_axes", "results")
    parts = zip(zip(*results, strict=True), axes, strict=True)
    return _alike(results[0], [stacked(ones, axis) for ones, axis in parts])


def _alike(form: Any, parts: list[Any]) -> Any:
    return tuple(parts) if isinstance(form, tuple) else parts


def _as_result(one: Any) -> Tensor:
    if isinstance(one, Tensor):
        return one
    if isinstance(one, (bool, int, float, np.generic, np.ndarray)):
        return as_tensor(one, "vmap")
    raise DTypeError(
        describe(f"vmap: the function must return tensors or numbers, or a tuple of them, got {type(one).__name__}")
    )


def _placed(whole: Tensor, axis: int) -> Tensor:
    """The examples along the axis that is wanted."""
    if not -whole.ndim <= axis < whole.ndim:
        raise ShapeError(describe(f"vmap: out_axes names axis {axis}, the result has {whole.ndim} axes"))
    return whole if axis % whole.ndim == 0 else moveaxis(whole, 0, axis)


def _differs() -> TypeError:
    return TypeError(
        describe("vmap: out_axes is None for a result that isn't the same for all examples", hint="name an axis")
    )


late.apply_batched = apply_batched
