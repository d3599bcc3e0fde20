"""Operations of your own: `custom_op` enters a function and its derivative into the table, beside graphgrad's own.

What comes out is an operation like all others: it records one node, is differentiated to any order that its rules
allow, has hooks called, is named in errors, shows in pictures and walks, runs again in a graph, and can be zoomed into
if it has an expansion. The machinery is that of `graphgrad.ops.declare.op` and `composite`; here are only the checks
that somebody wants who does this for the first time.

There are three ways to say what the derivative is:

1. a rule for each operand, under the operand's name. The names of its parameters after the first, which is the gradient
   of the result, say what it needs: an operand's values, ``out`` (the result), ``x_shape``, or an attribute. What no
   rule names isn't kept. Broadcasting is undone for you.
2. ``joint=``, one rule for all operands: it returns a sequence with a gradient for each.
3. ``expand=``, the same in operations on tensors: the derivative, of any order, is the one of that.

A full example, with all that can be done afterwards:

>>> import numpy as np
>>> import graphgrad as gg
>>> @gg.custom_op(
...     x=lambda g, x, beta: g * (beta * x > -1) * 2 * (1 + beta * x) * beta,
...     formula="maximum(1 + {beta} * {x}, 0) ** 2",
...     elementwise=True,
... )
... def squared_ramp(x, beta=1.0):
...     \"\"\"The square of a ramp.\"\"\"
...     return np.maximum(1 + beta * x, 0) ** 2
>>> x = gg.tensor([-2.0, 0.0, 1.0], dtype="float64", requires_grad=True)
>>> y = squared_ramp(x, beta=2.0)
>>> y
tensor([0., 1., 9.], dtype=float64, op=custom.squared_ramp)
>>> gg.gradcheck(lambda t: squared_ramp(t, beta=2.0), x)
True
>>> gg.sum(y).backward()
>>> x.grad
tensor([-0.,  4., 12.], dtype=float64)
>>> y.graph().run({x: [1.0, 1.0, 1.0]}).tolist()
[9.0, 9.0, 9.0]
>>> gg.walk(gg.sum(y)).graph.nodes[0].op
'custom.squared_ramp'

The same without a rule, from tensors:

>>> @gg.custom_op(expand=True)
... def mish_like(x):
...     return x * gg.tanh(gg.softplus(x))
>>> gg.grad(gg.grad(lambda t: mish_like(t)))(1.0)
tensor(0.1847)
"""

from __future__ import annotations

import functools
import inspect
import keyword
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, describe
from graphgrad.graph.operation import Sample, ScalarForm
from graphgrad.ops.composite import composite, through
from graphgrad.ops.declare import TABLE, OpFunction, op, roles, withdraw
from graphgrad.ops.guards import DERIVATIVE, checked_joint, checked_rule, guarded
from graphgrad.ops.variants import rewritten

__all__ = ["custom_op", "remove_custom_op"]

# What a declaration may have beside rules and the named parameters of `custom_op`.
_DECLARATION = {"back", "complex", "covers", "divisor", "doc", "errors", "formula", "linear", "local", "neutral"}
_DECLARATION |= {"numpy", "outputs", "plumbing", "prepare", "scalar", "symbol", "view"}


def custom_op(
    forward: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    operands: Sequence[str] | None = None,
    expand: Callable[..., Any] | bool | None = None,
    joint: Callable[..., Any] | None = None,
    elementwise: bool | None = None,
    shape: Callable[..., Any] | None = None,
    cost: Callable[..., int] | None = None,
    samples: Callable[..., Any] | None = None,
    **declaration: Any,
) -> Any:
    """Declare an operation of your own; with a function an expression, without one a decorator of it.

    The module's documentation has a full example.

    Parameters
    ----------
    forward
        The values, on ndarrays: a function of arrays and attributes that depends on nothing else and writes to none of
        them (they are read-only), or a NumPy ufunc, whose operands are called ``x``, or ``a`` and ``b``. With ``expand=
        True`` a function of tensors instead.
    name
        What it is called; by default as the function. It gets ``custom.`` in front, unless it has a dot already, so
        that no operation of graphgrad, today's or tomorrow's, can be meant.
    operands
        The parameters that are tensors. By default those without a default value that can be given by position; the
        others are attributes: constants, which must be numbers, texts, arrays, or tuples of them.
    expand
        The same in operations on tensors. True: that is what the function is that is given. With a `forward` beside it
        and no rules, the values are those of `forward` and the derivative is that of `expand`.
    joint
        One rule for all operands.
    elementwise
        Whether each element of the result depends on one element of each operand only. Forward mode and the zoom make
        use of that. A ufunc is.
    shape, cost, samples
        The shape of the result from those of the operands (by default it isn't known before); floating-point operations
        likewise; and arguments to try it with. See `graphgrad.graph.operation.Op`.
    **declaration
        A rule for each operand under its name, None if no gradient passes to it; and what else `Op` has: ``formula``,
        ``local``, ``back``, ``symbol``, ``doc``, ``errors``, ``prepare``, ``outputs=None`` for several results,
        ``neutral`` for optional operands, ``linear``, ``view``, ``scalar`` for how it runs on Scalars.

    Returns
    -------
    function
        The operation, which carries its declaration as ``op``.

    Raises
    ------
    ArgumentError, DTypeError
        If something is missing or doesn't fit together, with what was expected.

    Notes
    -----
    To declare a name again replaces the operation, as it happens when the cell of a notebook is run again; a graph that
    was recorded before runs with the new one. A saved graph holds the name only: where nobody has declared it, it can
    be looked at, but not run. For derivatives of higher order, rules run on tensors: write them with operators, NumPy
    functions that tensors answer to, and graphgrad's own.

    Examples
    --------
    >>> import numpy as np
    >>> import graphgrad as gg
    >>> cube_root = gg.custom_op(np.cbrt, name="cube_root", x=lambda g, out: g / (3 * out**2))
    >>> x = gg.tensor([1.0, 8.0], requires_grad=True)
    >>> gg.sum(cube_root(x)).backward()
    >>> x.grad
    tensor([0.3333, 0.0833])
    """
    if forward is None and (expand is None or isinstance(expand, bool)):
        return functools.partial(
            custom_op,
            name=name,
            operands=operands,
            expand=expand,
            joint=joint,
            elementwise=elementwise,
            shape=shape,
            cost=cost,
            samples=samples,
            **declaration,
        )
    if expand is True:
        forward, expand = None, forward
    expansion: Callable[..., Any] | None = None if isinstance(expand, bool) else expand
    function = forward if forward is not None else expansion
    if not callable(function):
        raise DTypeError(describe(f"custom_op: a function is needed, got {type(function).__name__}"))
    title = _name(name, function)
    signature = _signature(title, function, operands, declaration.get("neutral") or {})
    names, attributes, variadic = roles(signature, title)
    rules = {one: declaration.pop(one) for one in names if one in declaration}
    unknown = sorted(set(declaration) - _DECLARATION)
    if unknown:
        raise ArgumentError(
            describe(
                f"{title}: {unknown[0]} is no operand, and nothing else that a declaration has",
                f"operands: {', '.join(names)}",
                f"else: {', '.join(sorted(_DECLARATION))}",
            )
        )
    given = dict(declaration)
    if joint is not None and rules:
        got = f"got: joint, and rules for {', '.join(rules)}"
        raise ArgumentError(describe(f"{title}: a joint rule stands for the rules of all operands", got))
    if callable(given.get("scalar")):
        given["scalar"] = ScalarForm(given["scalar"], {one: rule for one, rule in rules.items() if rule is not None})
    if joint is not None:
        given["joint"] = checked_joint(title, names, variadic, joint)
    elif forward is not None or rules:
        given |= _derivative(title, names, variadic, rules, expansion)
    _check_texts(title, given, (*names, *attributes))
    if elementwise is None:
        elementwise = isinstance(forward, np.ufunc) and forward.signature is None
    if not elementwise:
        given["shape"] = shape or _unknown_shape
        given["cost"] = cost or _one_per_operand_element
        given["samples"] = samples or _no_samples
    else:
        given |= {
            key: one for key, one in {"shape": shape, "cost": cost, "samples": samples}.items() if one is not None
        }
    given.setdefault("doc", (inspect.getdoc(function) or "") if inspect.isroutine(function) else "")
    given |= {"name": title, "replaces": True}
    made: OpFunction
    if forward is None:
        made = composite(**given)(_with_signature(function, signature))
    else:
        values = guarded(title, forward, signature, names, given.get("outputs", 1) is None, given.get("view", False))
        made = op(values, expand=expansion, **given)
    made.__name__ = title.rpartition(".")[2]
    return made


def remove_custom_op(name: str) -> None:
    """Take an operation out of the table that `custom_op` has put there.

    Parameters
    ----------
    name
        With the ``custom.`` in front or without.

    Raises
    ------
    LookupError
        If there is none of that name.
    """
    title = name if "." in name else f"custom.{name}"
    if title not in TABLE:
        known = ", ".join(one for one in TABLE if "." in one) or "none"
        raise LookupError(describe(f"remove_custom_op: there is no custom operation {name!r}", f"there are: {known}"))
    withdraw(title)


# ---- what is declared ------------------------------------------------------------------------------------------------


def _name(name: str | None, function: Callable[..., Any]) -> str:
    given = str(name or getattr(function, "__name__", ""))
    parts = given.split(".")
    if not 1 <= len(parts) <= 2 or not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise ArgumentError(
            describe(
                "custom_op: the operation needs a name",
                f"got: {given!r:.60}",
                "expected: one that Python takes for a variable, or two with a dot between",
                hint='name="..."',
            )
        )
    return given if len(parts) == 2 else f"custom.{given}"


def _signature(
    title: str, function: Callable[..., Any], operands: Sequence[str] | None, neutral: Mapping[str, str]
) -> inspect.Signature:
    """The signature with operands annotated as `op` expects them."""
    if isinstance(function, np.ufunc):
        if function.nin > 2 or function.nout > 1:
            raise ArgumentError(
                describe(
                    f"{title}: the ufunc {function.__name__} takes {function.nin} arrays and gives {function.nout}",
                    "expected: one or two, and one",
                    hint="write a function around it, whose parameters have names",
                )
            )
        parameters = [
            inspect.Parameter(one, inspect.Parameter.POSITIONAL_ONLY) for one in (("x",), ("a", "b"))[function.nin - 1]
        ]
        signature = inspect.Signature(parameters)
    else:
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):
            hint = "write a function around it, whose parameters have names"
            raise ArgumentError(describe(f"{title}: Python can't tell its parameters", hint=hint)) from None
    found = signature.parameters
    for one in found.values():
        if one.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise ArgumentError(
                describe(
                    f"{title}: {one} takes any number of arguments",
                    "expected: parameters with names",
                    hint='a sequence of tensors is one parameter, annotated with "Arrays"',
                )
            )
    annotated = {one.name: str(one.annotation).strip("'\"").rpartition(".")[2] for one in found.values()}
    if operands is not None:
        unknown = sorted(set(operands) - set(found))
        if unknown or not operands:
            got = f"unknown: {', '.join(unknown)}" if unknown else "got none"
            raise ArgumentError(
                describe(f"{title}: operands are parameters of the function", got, f"it has: {signature}")
            )
        chosen = set(operands)
    elif {"Array", "Arrays"} & set(annotated.values()):
        chosen = {one for one, annotation in annotated.items() if annotation in ("Array", "Arrays")}
    else:
        chosen = {
            one.name
            for one in found.values()
            if one.name in neutral or (one.default is one.empty and one.kind is not one.KEYWORD_ONLY)
        }
        if not chosen:
            hint = 'operands=("x",)'
            raise ArgumentError(describe(f"{title}: which parameters are tensors?", f"it has: {signature}", hint=hint))
    return signature.replace(
        parameters=[
            one.replace(
                annotation=(annotated[one.name] if annotated[one.name] == "Arrays" else "Array")
                if one.name in chosen
                else one.empty
            )
            for one in found.values()
        ],
        return_annotation=inspect.Signature.empty,
    )


def _derivative(
    title: str,
    names: Sequence[str],
    variadic: bool,
    rules: Mapping[str, Any],
    expansion: Callable[..., Any] | None,
) -> dict[str, Any]:
    """The part of the declaration that is the derivative."""
    if variadic and rules:
        raise ArgumentError(
            describe(f"{title}: a sequence of tensors needs a joint rule", hint="joint=lambda g, ...: [...]")
        )
    if not rules:
        if expansion is None:
            raise ArgumentError(describe(f"{title}: nothing says what its derivative is", f"expected: {DERIVATIVE}"))
        return {"joint": through(expansion, names, variadic)}
    missing = [one for one in names if one not in rules]
    if missing:
        raise ArgumentError(
            describe(
                f"{title}: {', '.join(missing)} {'has' if len(missing) == 1 else 'have'} no rule",
                f"operands: {', '.join(names)}",
                hint=f"{missing[0]}=lambda g, ...: ..., or {missing[0]}=None if no gradient passes there",
            )
        )
    for one, rule in rules.items():
        if rule is not None and not callable(rule):
            raise DTypeError(
                describe(
                    f"{title}: the rule for {one} is no function but {type(rule).__name__}", f"expected: {DERIVATIVE}"
                )
            )
    return {one: checked_rule(title, one, rule) for one, rule in rules.items() if rule is not None}


def _check_texts(title: str, given: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse texts that pictures can't read."""
    for what in ("formula", "divisor"):
        _check_text(title, what, given.get(what, ""), names)
    for one, text in (given.get("local") or {}).items():
        _check_text(title, f"local of {one}", text, (*names, "out"))
    for one, text in (given.get("back") or {}).items():
        _check_text(title, f"back of {one}", text, (*names, "out", "g", "share"), in_words=True)


def _check_text(title: str, what: str, text: str, names: Sequence[str], in_words: bool = False) -> None:
    try:
        text.format_map(dict.fromkeys(names, "x"))
        if text and not in_words:
            rewritten(text, {})
    except (SyntaxError, ValueError, KeyError, IndexError, AttributeError) as error:
        kind = "words" if in_words else "an expression in Python"
        raise ArgumentError(
            describe(
                f"{title}: {what} {text!r:.60} can't be read: {error}",
                f"expected: {kind}, with places for {', '.join(f'{{{one}}}' for one in names)}",
            )
        ) from None


def _unknown_shape(*_: Any, **__: Any) -> None:
    """The shape of the result depends on more than the shapes of the operands, for all that anybody has said."""
    return


def _one_per_operand_element(*shapes: Any, **_: Any) -> int:
    """At least this many floating-point operations: nobody has said how many."""
    return sum(math.prod(one) for shape in shapes for one in (shape if isinstance(shape, list) else [shape]))


def _no_samples(_: np.random.Generator) -> Iterator[Sample]:
    return iter(())


def _with_signature(function: Callable[..., Any], signature: inspect.Signature) -> Callable[..., Any]:
    def same(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    same.__signature__ = signature  # type: ignore[attr-defined]
    same.__doc__ = inspect.getdoc(function)
    return same
