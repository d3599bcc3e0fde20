"""What stands between an operation of somebody's own and the engine: every mistake is found where it is made.

A forward function gets arrays that it can't write, and gives arrays that share memory with none of them. What a rule
returns is looked at before it goes on: a missing result, or a shape that can't be the operand's, would otherwise show
up far from here, or not at all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.dtypes import check_dtype
from graphgrad.graph.errors import ArgumentError, DTypeError, GraphgradError, ShapeError, describe
from graphgrad.graph.tensor import Tensor

__all__ = ["DERIVATIVE", "checked_joint", "checked_rule", "guarded"]

Shape = tuple[int, ...]

DERIVATIVE = (
    "one rule for each operand (x=lambda g, x: ..., or x=None if no gradient passes to x), joint=..., or expand=..., a"
    " function of tensors"
)
"""The ways to say what a derivative is, in words."""


def guarded(
    title: str,
    forward: Callable[..., Any],
    signature: inspect.Signature,
    names: Sequence[str],
    several: bool,
    view: bool,
) -> Callable[..., Any]:
    """A forward function that can't write to its operands, and whose results are arrays of their own."""

    def run(*args: Any, **kwargs: Any) -> Any:
        arrays = [one for one in (*args, *(kwargs[key] for key in names if key in kwargs)) if one is not None]
        arrays = [each for one in arrays for each in (one if isinstance(one, list) else [one])]
        if any(isinstance(one, np.ndarray) and one.dtype == object for one in arrays):
            return forward(*args, **kwargs)  # the zoom into single numbers, which is refused by whatever can't do it
        shown: Callable[[Any], Any] = _as_it_is if view else _read_only  # a view of what can't be written couldn't be
        try:
            result = forward(
                *map(shown, args), **{key: shown(one) if key in names else one for key, one in kwargs.items()}
            )
        except GraphgradError:
            raise
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, ArithmeticError) as error:
            kind = DTypeError if isinstance(error, TypeError) else ArgumentError
            raise kind(
                describe(
                    f"{title}: its forward raised {type(error).__name__}: {error}",
                    *(f"{key}: {_described(one)}" for key, one in zip(signature.parameters, args, strict=False)),
                    *(f"{key}: {_described(one)}" for key, one in kwargs.items()),
                    hint="operands are read-only: copy before writing" if "read-only" in str(error) else "",
                )
            ) from error
        if several:
            if not isinstance(result, (tuple, list)):
                got = type(result).__name__
                raise DTypeError(describe(f"{title}: its forward returned {got}", "expected: a tuple (outputs=None)"))
            return tuple(_own(title, one, view) for one in result)
        return _own(title, result, view)

    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__name__ = run.__qualname__ = title
    return run


def _as_it_is(value: Any) -> Any:
    return value


def _read_only(value: Any) -> Any:
    if isinstance(value, list):
        return [_read_only(one) for one in value]
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def _own(title: str, result: Any, view: bool) -> Any:
    """A result as an array of its own: one that can't be written looks at an operand, or repeats its elements."""
    if not isinstance(result, (np.ndarray, np.generic, bool, int, float)):
        got = type(result).__name__
        hint = "a function of tensors is declared with expand=True" if isinstance(result, Tensor) else ""
        expected = "expected: an array, or outputs=None and a tuple of arrays"
        raise DTypeError(describe(f"{title}: its forward returned {got}", expected, hint=hint))
    array = check_dtype(np.asarray(result), f"{title}: the result")
    return array if view or array.flags.writeable else array.copy()


def _described(value: Any) -> str:
    return f"shape {value.shape}, {value.dtype}" if isinstance(value, np.ndarray) else f"{value!r:.60}"


def checked_rule(title: str, operand: str, rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule whose result is looked at: it asks for the operand's shape too."""
    what = f"the rule for {operand}"
    needed = _parameters(title, what, rule)

    def checked(g: Any, *values: Any) -> Any:
        value = _run(title, operand, rule, g, values[: len(needed)])
        return _contribution(title, what, value, g, dict(zip(names, values, strict=True))[f"{operand}_shape"])

    names = _asks_for(checked, needed, f"{operand}_shape")
    return checked


def checked_joint(title: str, names: Sequence[str], variadic: bool, rule: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a rule that gives what all operands receive."""
    needed = _parameters(title, "the joint rule", rule)

    def checked(g: Any, *values: Any) -> list[Any]:
        by_name = dict(zip(asked, values, strict=True))
        needs, shapes = by_name["needs"], by_name["shapes"] if variadic else [by_name[f"{one}_shape"] for one in names]
        found = _run(title, "all operands", rule, g, values[: len(needed)])
        if not isinstance(found, (tuple, list)) or len(found) != len(shapes):
            got = f"{len(found)} values" if isinstance(found, (tuple, list)) else type(found).__name__
            raise DTypeError(
                describe(f"{title}: the joint rule returned {got}", f"expected: a sequence of {len(shapes)} gradients")
            )
        keys = range(len(shapes)) if variadic else names
        return [
            _contribution(title, f"the joint rule, for {key},", one, g, want) if key in needs else None
            for key, one, want in zip(keys, found, shapes, strict=True)
        ]

    asked = _asks_for(checked, needed, *(["shapes"] if variadic else [f"{one}_shape" for one in names]), "needs")
    return checked


def _asks_for(checked: Any, needed: Sequence[str], *more: str) -> list[str]:
    """Let the sweep give a function what a rule needs, and something more; the names of all of it."""
    names = [*needed, *(one for one in more if one not in needed)]
    kind = inspect.Parameter.POSITIONAL_ONLY
    checked.__signature__ = inspect.Signature([inspect.Parameter(one, kind) for one in ("g", *names)])
    return names


def _parameters(title: str, what: str, rule: Callable[..., Any]) -> list[str]:
    """The names of what a rule needs beside the gradient."""
    if not callable(rule):
        raise DTypeError(
            describe(f"{title}: {what} is no function but {type(rule).__name__}", f"expected: {DERIVATIVE}")
        )
    found = list(inspect.signature(rule).parameters.values())
    if not found or any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.KEYWORD_ONLY) for one in found):
        raise ArgumentError(
            describe(
                f"{title}: {what} has the parameters {inspect.signature(rule)}",
                "expected: the gradient first, then the names of what it needs, all by position",
            )
        )
    return [one.name for one in found[1:]]


def _run(title: str, operand: str, rule: Callable[..., Any], g: Any, values: Sequence[Any]) -> Any:
    try:
        return rule(g, *values)
    except Exception as error:
        first = g[0] if isinstance(g, (list, tuple)) else g
        on = "tensors, since the pass is recorded" if isinstance(first, Tensor) else "arrays"
        error.add_note(f"in the rule of {title} for {operand}, which ran on {on}")
        raise


def _contribution(title: str, what: str, value: Any, g: Any, want: Shape) -> Any:
    """What a rule returned, if it can be what an operand of shape `want` receives."""
    if isinstance(value, (bool, int, float)):
        first = next(one for one in g if one is not None) if isinstance(g, (list, tuple)) else g
        value = np.asarray(value, first.dtype)
    if not isinstance(value, (Tensor, np.ndarray, np.generic)):
        raise DTypeError(
            describe(
                f"{title}: {what} returned {type(value).__name__}",
                f"expected: an array of shape {want}",
                hint="declare x=None for an operand x that no gradient passes to",
            )
        )
    try:
        fits = np.broadcast_shapes(value.shape, want) == tuple(value.shape)
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            describe(
                f"{title}: {what} returned shape {value.shape}",
                f"expected: {want}, the shape of the operand, or one that it was broadcast to",
                hint="np.broadcast_to(...) repeats a value that is the same for all elements",
            )
        )
    return value
