"""How an operation is declared: `op`, and the table of all declarations.

An operation is written once, and everything else is read from that: execution, derivatives of any order, the formula
with numbers in it, the zoom into simpler operations, error texts, its checks and its reference page.

    multiply = op(
        np.multiply,
        symbol="×",
        a=lambda g, b: g * b,
        b=lambda g, a: g * a,
        formula="{a} * {b}",
        local={"a": "{b}", "b": "{a}"},
        covers=("P02.14",),
    )

A derivative rule is a pure function of the upstream gradient and exactly what it needs, named by its parameters: an
operand (its values), ``out`` (the result), ``x_shape`` (a shape), or an attribute. What no wanted gradient names is not
kept. The body runs on arrays in an ordinary pass and on tensors when the pass itself is recorded, so it uses
operators, NumPy functions (tensors answer to those) and `polymorphic` operations. Rules ignore broadcasting: the sweep
undoes it in one place.
"""

from __future__ import annotations

import difflib
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias, overload

import numpy as np

from graphgrad.graph.errors import describe
from graphgrad.graph.late import late
from graphgrad.graph.operation import ErrorSample, Op, Sample, ScalarForm
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.ops import entry, scalars, shapes
from graphgrad.ops.samples import elementwise_samples
from graphgrad.ops.variants import base_and_missing, without

__all__ = [
    "TABLE",
    "Array",
    "Arrays",
    "OpFunction",
    "by_operands",
    "enter_unlisted",
    "find",
    "lookup",
    "op",
    "polymorphic",
    "roles",
    "withdraw",
]

Array: TypeAlias = Any
"""Annotates an operand in a forward function: an ndarray there, anything like a tensor for the caller."""
Arrays: TypeAlias = Any
"""Annotates the one operand that is a sequence of arrays."""

_RECORDED = (Tensor, Scalar)
_unlisted: dict[str, Op] = {}
_declared: dict[str, Op] = {}
TABLE: Mapping[str, Op] = MappingProxyType(_declared)
"""Every operation by name, in the order of declaration."""


class OpFunction(Protocol):
    """A public operation: a function on tensors that carries its declaration as ``op``."""

    op: Op
    __name__: str
    __doc__: str | None

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


@overload
def op(forward: Callable[..., Any], /, **declaration: Any) -> OpFunction: ...
@overload
def op(**declaration: Any) -> Callable[[Callable[..., Any]], OpFunction]: ...


def op(forward: Callable[..., Any] | None = None, /, **declaration: Any) -> Any:
    """Declare an operation; with a forward function an expression, without one a decorator of that function.

    Parameters
    ----------
    forward
        The values, on ndarrays: a NumPy ufunc, or a function whose parameters annotated ``Array`` are the operands
        (``Arrays``: a sequence of them; ``*operands: Arrays``: all that are given by position) and whose others are
        attributes. An operand with the default None is optional; forward gets None for it, and `neutral` says which
        number changes nothing in its place.
    declaration
        A rule for each operand under the operand's name, or one for all as ``joint``; and what `Op` holds under the
        names it has there. `shape`, `cost` and `samples` have defaults for elementwise operations. ``numpy`` names the
        functions of NumPy that run this operation when they are given tensors; `prepare` brings attributes into the
        form in which they are kept; `replaces` lets it take the place of another one of its name.

    Returns
    -------
    OpFunction
        The public function, entered into `TABLE`.
    """
    if forward is None:
        return lambda function: _declare(function, **declaration)
    return _declare(forward, **declaration)


def _declare(
    forward: Callable[..., Any],
    *,
    name: str | None = None,
    joint: Callable[..., Any] | None = None,
    outputs: int | None = 1,
    symbol: str | None = None,
    formula: str = "",
    local: Mapping[str, str] | None = None,
    back: Mapping[str, str] | None = None,
    divisor: str = "",
    expand: Callable[..., Any] | None = None,
    shape: Callable[..., Any] | None = None,
    cost: Callable[..., int] | None = None,
    samples: Callable[..., Iterable[Sample]] | None = None,
    errors: Sequence[ErrorSample] = (),
    view: bool = False,
    plumbing: bool = False,
    scalar: Callable[..., float] | ScalarForm | None = None,
    prepare: Callable[[dict[str, Any]], None] | None = None,
    covers: Sequence[str] = (),
    doc: str | None = None,
    neutral: Mapping[str, str] | None = None,
    numpy: Callable[..., Any] | Sequence[Callable[..., Any]] = (),
    linear: Literal["", "together", "each"] = "",
    complex: Literal["", "own", "holomorphic"] | Mapping[str, Callable[..., Any]] = "",
    replaces: bool = False,
    **rules: Callable[..., Any],
) -> OpFunction:
    name = name or forward.__name__.rstrip("_")
    signature = _signature(forward)
    operands, attributes, variadic = roles(signature, name)
    optional = {operand for operand in operands if signature.parameters[operand].default is None}
    if optional != set(neutral or {}):
        raise TypeError(f"{name}: optional operands {sorted(optional)} need a neutral number each, no others do")
    declared = Op(
        name=name,
        forward=by_operands(forward, signature, operands),
        operands=operands,
        attributes=attributes,
        operand_rules=rules,
        joint_rule=joint,
        variadic=variadic,
        outputs=outputs,
        symbol=symbol or name,
        formula=formula,
        local=local or {},
        back=back or {},
        divisor=divisor,
        doc=inspect.cleandoc(doc or (forward.__doc__ or "" if inspect.isfunction(forward) else "")),
        expand=expand,
        shape=shape or shapes.broadcast,
        cost=cost or shapes.one_per_element,
        samples=samples or elementwise_samples(len(operands)),
        errors=tuple(errors),
        view=view,
        plumbing=plumbing,
        scalar=ScalarForm(scalar, rules) if callable(scalar) else scalar,
        covers=tuple(covers),
        neutral=neutral or {},
        linear=linear,
        elementwise=not variadic and outputs == 1 and shape in (None, shapes.broadcast, shapes.same),
        complex=complex if isinstance(complex, str) else "own",
        complex_rules={} if isinstance(complex, str) else complex,
    )
    if name in _declared and not replaces:
        raise TypeError(f"{name}: declared twice")
    if name in _declared:
        withdraw(name)
    if declared.scalar is not None:
        scalars.register(declared)
    _declared[name] = declared
    public = _public_signature(signature, operands, entry.quick(declared))
    function: Any = entry.entry(declared, public, prepare)
    function.op = declared
    function.__name__ = function.__qualname__ = name
    function.__module__ = "graphgrad"
    function.__signature__ = public
    function.__doc__ = declared.doc
    declared.call = function
    twins: Sequence[Any] = numpy if isinstance(numpy, Sequence) else (numpy,)
    for twin in (forward, *twins) if isinstance(forward, np.ufunc) else twins:
        entry.NUMPY_TWINS.setdefault(twin, function)
    return function  # type: ignore[no-any-return]


def _signature(forward: Callable[..., Any]) -> inspect.Signature:
    if not isinstance(forward, np.ufunc):
        return inspect.signature(forward)
    kind = inspect.Parameter.POSITIONAL_ONLY
    return inspect.Signature(
        [inspect.Parameter(name, kind, annotation="Array") for name in (("x",), ("a", "b"))[forward.nin - 1]]
    )


def roles(signature: inspect.Signature, name: str) -> tuple[tuple[str, ...], dict[str, Any], bool]:
    """The operands, the attributes with their defaults, and whether the operand is a sequence."""
    operands: list[str] = []
    attributes: dict[str, Any] = {}
    variadic = False
    for parameter in signature.parameters.values():
        if parameter.annotation in ("Array", "Arrays"):
            operands.append(parameter.name)
            variadic = variadic or parameter.annotation == "Arrays"
        else:
            attributes[parameter.name] = parameter.default
    if not operands or (variadic and len(operands) > 1):
        raise TypeError(f"{name}: annotate its operands with Array, or its only one with Arrays")
    return tuple(operands), attributes, variadic


def by_operands(
    forward: Callable[..., Any], signature: inspect.Signature, operands: Sequence[str]
) -> Callable[..., Any]:
    """A function that takes all operands first, however PyTorch or NumPy mixes them with attributes."""
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in signature.parameters.values()):
        before = list(itertools.takewhile(lambda name: name not in operands, signature.parameters))
        return lambda arrays, **attrs: forward(*map(attrs.pop, before), *arrays, **attrs)
    if tuple(signature.parameters)[: len(operands)] == tuple(operands):
        return forward
    return lambda *arrays, **attrs: forward(**dict(zip(operands, arrays, strict=True)), **attrs)


def _public_signature(signature: inspect.Signature, operands: Sequence[str], quick: bool) -> inspect.Signature:
    return signature.replace(
        parameters=[
            parameter.replace(
                annotation=inspect.Parameter.empty,
                kind=inspect.Parameter.POSITIONAL_ONLY if quick else parameter.kind,
            )
            if parameter.name in operands
            else parameter
            for parameter in signature.parameters.values()
        ],
        return_annotation=inspect.Signature.empty,
    )


def find(name: str) -> Op:
    """The declaration of the operation called `name`, also of one without optional operands: ``linear without bias``.

    Raises
    ------
    LookupError
        If there is none, with the nearest names.
    """
    found = lookup(name)
    if found is None:
        near = difflib.get_close_matches(name, TABLE, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "graphgrad.ops.TABLE holds all of them"
        if "." in name:
            hint = "operations of your own must have been declared with gg.custom_op before"
        raise LookupError(describe(f"there is no operation called {name!r}", hint=hint))
    return found


def lookup(name: str | None) -> Op | None:
    """What `find` finds; None for a name that no operation has, and for no name at all."""
    base, missing = base_and_missing(name or "")
    found = TABLE.get(base) or _unlisted.get(base)
    if found is None or not missing:
        return found
    return without(found, missing) if set(missing) <= set(found.neutral) else None


def enter_unlisted(op: Op) -> None:
    """Let an operation be found that graphs hold, and that is none of the functions on tensors in `TABLE`."""
    _unlisted[op.name] = op


def withdraw(name: str) -> None:
    """Take an operation out of the table again. Nodes that have it keep it; graphs, which have its name, don't."""
    withdrawn = _declared.pop(name)
    for twin in [twin for twin, function in entry.NUMPY_TWINS.items() if function is withdrawn.call]:
        del entry.NUMPY_TWINS[twin]


def polymorphic(function: OpFunction) -> Callable[..., Any]:
    """The operation on tensors and scalars, its bare forward on arrays and floats: how a rule calls any operation."""
    forward, scalar = function.op.forward, function.op.scalar

    def either(first: Any, *rest: Any, **attrs: Any) -> Any:
        if isinstance(first, _RECORDED) or any(isinstance(value, _RECORDED) for value in rest):
            return function(first, *rest, **attrs)
        if scalar is not None and type(first) is float and all(type(value) is float for value in rest):
            return scalar.forward(first, *rest)  # may raise: a pass over scalars then takes the IEEE value
        return forward(first, *rest, **attrs)

    return either


late.find_op = find
