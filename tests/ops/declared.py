"""What the tests of this folder are generated from: every declared operation, with its samples and its formulas.

A new operation is tested by being declared. A formula is read by a small interpreter of expressions, over functions
that come from NumPy and SciPy and not from the package; a formula that names another function fails until that function
is given in `tests.ops.families`.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import math
import operator
import string
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.node import Node
from graphgrad.graph.operation import Op
from graphgrad.ops import TABLE
from graphgrad.ops.variants import without
from tests.ops.families import DIVISORS, FUNCTIONS, READINGS, SYMMETRIC

Array = np.ndarray[Any, Any]

# Relative and absolute, for values and gradients of numbers around 1.
CLOSE = {"float64": {"rtol": 1e-11, "atol": 1e-12}, "float32": {"rtol": 2e-5, "atol": 2e-6}}


# ---- cases -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One sample of one operation; the operands of a variadic one stand side by side."""

    op: Op
    index: int
    operands: tuple[Array, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shapes = " ".join("x".join(map(str, operand.shape)) or "number" for operand in self.operands)
        attrs = [f"{name}={_short(value)}" for name, value in self.attrs.items()]
        return ", ".join([f"{self.op.name}-{self.index}: {shapes}", *attrs])

    @property
    def differentiable(self) -> tuple[int, ...]:
        """The operands that can receive a gradient."""
        return tuple(i for i, one in enumerate(self.operands) if one.dtype.kind == "f" and self.has_rule(i))

    def has_rule(self, i: int) -> bool:
        return self.op.joint is not None or (not self.op.variadic and self.op.operands[i] in self.op.rules)

    def arrays(self, dtype: str = "float64") -> list[Array]:
        return [operand.astype(dtype) if operand.dtype.kind == "f" else operand for operand in self.operands]

    def tensors(self, dtype: str = "float64", needs: Iterable[int] | None = None) -> list[gg.Tensor]:
        """Fresh leaves; by default all that can receive a gradient need one."""
        wanted = self.differentiable if needs is None else tuple(needs)
        return [gg.tensor(array, requires_grad=i in wanted) for i, array in enumerate(self.arrays(dtype))]

    def run(self, operands: Sequence[Any]) -> tuple[gg.Tensor, ...]:
        """The results of the operation, a tuple always."""
        given, by_name = arguments(self.op, [list(operands)] if self.op.variadic else operands, self.attrs)
        result = self.op.call(*given, **by_name)
        return result if isinstance(result, tuple) else (result,)

    def node(self) -> Node:
        """What is recorded when it runs: with all attributes, in the form in which they are kept."""
        with gg.record() as recording:
            self.run(self.tensors())
        (node,) = recording.nodes
        return node


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<{value.dtype} {'x'.join(map(str, value.shape))}>"
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))})"
    if isinstance(value, slice):
        return ":".join("" if end is None else str(end) for end in (value.start, value.stop, value.step))
    return str(value)


def takes_any_number(op: Op) -> bool:
    """Whether its operands are given one after the other, however many: ``*operands``."""
    parameters = {} if op.missing else inspect.signature(op.call).parameters
    return any(one.kind is one.VAR_POSITIONAL for one in parameters.values())


def arguments(op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """What to call an operation with, by position and by name: an operand goes by name if an attribute stands before.

    `layer_norm(input, normalized_shape, weight)` and `polygamma(n, x)` are such operations. Where any number of
    operands is taken by position, as by `einsum(subscripts, *operands)`, all that stands before them goes by position
    too.
    """
    parameters = {} if op.missing else inspect.signature(op.call).parameters
    if takes_any_number(op):
        before = list(itertools.takewhile(lambda name: name not in op.operands, parameters))
        by_name = {name: value for name, value in attrs.items() if name not in before}
        return [*(attrs[name] for name in before), *operands[0]], by_name
    leading = sum(1 for _ in itertools.takewhile(lambda name: name in op.operands, parameters))
    if op.missing or leading == len(op.operands):
        return list(operands), dict(attrs)
    return list(operands[:leading]), {**dict(zip(op.operands[leading:], operands[leading:], strict=True)), **attrs}


def run(function: Callable[..., Any], op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> tuple[Any, ...]:
    result = function(list(operands), **attrs) if op.variadic else function(*operands, **attrs)
    return result if isinstance(result, tuple) else (result,)


def draw(op: Op, with_complex: bool = False) -> list[Case]:
    """The samples of an operation, the same in every run and independent of what else is declared.

    Those that hold complex numbers are apart: `tests.ops.test_complex` is about them.
    """
    rng = np.random.default_rng(zlib.crc32(op.name.encode()))
    whole = (one for one in op.samples(rng) if not any(operand is None for operand in one.operands))
    cases = [
        Case(op, i, tuple(map(np.asarray, one.operands[0] if op.variadic else one.operands)), one.attrs)
        for i, one in enumerate(whole)
    ]
    return [case for case in cases if with_complex == any(one.dtype.kind == "c" for one in case.operands)]


def variants(op: Op) -> list[Op]:
    """The operation without some of its optional operands, as its samples leave them out."""
    found: dict[str, Op] = {}
    for one in op.samples(np.random.default_rng(0)):
        missing = [name for name, operand in zip(op.operands, one.operands, strict=False) if operand is None]
        if missing:
            variant = without(op, missing)
            found[variant.name] = variant
    return list(found.values())


OPS = tuple(form for op in TABLE.values() for form in (op, *variants(op)))
CASES = tuple(case for op in OPS for case in draw(op))
DIFFERENTIABLE = tuple(case for case in CASES if case.differentiable)
ELEMENTWISE = tuple(op for op in OPS if op.elementwise)


def each_case(cases: Iterable[Case] = CASES) -> Callable[[Callable[..., None]], Any]:
    """Run a test over the cases, as one test for each operation: a failure says which case it was.

    A test for each case would spend more time in its surroundings than in the case. A test that skips a case would skip
    those after it too, and is failed for it: which cases it is for is said here.
    """
    groups: dict[Op, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.op, []).append(case)

    def decorate(test: Callable[..., None]) -> Any:
        @functools.wraps(test)
        def each(*args: Any, group: list[Case], **kwargs: Any) -> None:
            for case in group:
                try:
                    test(*args, case=case, **kwargs)
                except (pytest.skip.Exception, pytest.xfail.Exception) as outcome:
                    pytest.fail(f"case {case} gave up ({outcome}): give each_case those that the test is for")
                except Exception as error:
                    error.add_note(f"case {case}")
                    raise

        signature = inspect.signature(test)
        parameters = [one.replace(name="group") if one.name == "case" else one for one in signature.parameters.values()]
        each.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        del each.__wrapped__  # pytest is to see this signature, not the one of the test
        names = [pytest.param(group, id=op.name) for op, group in groups.items()]
        return pytest.mark.parametrize("group", names)(each)

    return decorate


def each_op(ops: Iterable[Op] = OPS) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("op", [pytest.param(op, id=op.name) for op in ops])


def full_size(op: Op) -> Case:
    """The first sample with more than one element in every operand, to cut other shapes from."""
    return next(case for case in draw(op) if all(operand.size > 1 for operand in case.operands))


def assert_close(ours: Any, theirs: Any, tolerance: Mapping[str, float], what: str = "") -> None:
    np.testing.assert_allclose(ours, theirs, rtol=tolerance["rtol"], atol=tolerance["atol"], err_msg=what)


# ---- gradients -------------------------------------------------------------------------------------------------------


def upstream(results: Sequence[gg.Tensor], seed: int = 0) -> list[Array]:
    """A weight for each element of the results, complex ones for complex elements."""
    rng = np.random.default_rng(seed)
    weights = []
    for one in results:
        weight = rng.normal(size=one.shape)
        if one.dtype.kind == "c":
            weight = weight + 1j * rng.normal(size=one.shape)
        weights.append(np.asarray(weight, one.dtype))
    return weights


def weighted(results: Sequence[gg.Tensor], weights: Sequence[Any]) -> gg.Tensor:
    """One real number whose gradient for each result is exactly its weight; integers and bools have none."""
    parts = [
        gg.real(gg.sum(one * gg.conj(weight))) if one.dtype.kind == "c" else gg.sum(one * weight)
        for one, weight in zip(results, weights, strict=True)
        if one.dtype.kind not in "iub"
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def gradients(
    results: Sequence[gg.Tensor], leaves: Sequence[gg.Tensor], weights: Sequence[Any], create_graph: bool = False
) -> list[Array]:
    """The gradients of those leaves that need one."""
    with np.errstate(all="ignore"):  # of the sum: results may be infinite
        total = weighted(results, weights)
    total.backward(create_graph=create_graph)
    found = []
    for leaf in leaves:
        if leaf.requires_grad:
            assert leaf.grad is not None, "no gradient arrived"
            found.append(leaf.grad.data)
    return found


def within(case: Case, operand: Any) -> Any:
    """An operand, any change of which leaves it what the operation takes: the symmetric part of a symmetric matrix."""
    return (operand + operand.mT) * 0.5 if case.op.name in SYMMETRIC else operand


def unbroadcast(values: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes along which an operand of `shape` was repeated."""
    values = values.sum(axis=tuple(range(values.ndim - len(shape))))
    return values.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True).reshape(shape)


# ---- formulas --------------------------------------------------------------------------------------------------------


CONSTANTS = {"inf": math.inf, "pi": math.pi}
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def places(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def parse(text: str) -> ast.expr:
    """A formula as a syntax tree, the places as names."""
    return ast.parse(text.format_map({name: f" {name} " for name in places(text)}).strip(), mode="eval").body


def evaluate(text: str, names: Mapping[str, Any]) -> Any:
    """The value of a formula."""
    with np.errstate(all="ignore"):
        return _value(parse(text), names)


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name):
            return names[name] if name in names else CONSTANTS[name]
        case ast.UnaryOp(ast.USub(), operand):
            return -_value(operand, names)
        case ast.BinOp(left, symbol, right):
            return _BINARY[type(symbol)](_value(left, names), _value(right, names))
        case ast.Compare(left, [symbol], [right]):
            return _COMPARE[type(symbol)](_value(left, names), _value(right, names))
        case ast.Subscript(of, index):
            return _value(of, names)[_value(index, names)]
        case ast.Attribute(matrix, "T"):
            return np.transpose(_value(matrix, names))
        case ast.Tuple(members):
            return tuple(_value(member, names) for member in members)
        case ast.Call(ast.Name(name), arguments, keywords):
            given = {keyword.arg: _value(keyword.value, names) for keyword in keywords if keyword.arg is not None}
            return FUNCTIONS[name](*(_value(argument, names) for argument in arguments), **given)
    raise TypeError(f"a formula holds {ast.unparse(node)!r}, which the tests can't read")


def named(case: Case, operands: Sequence[Any], attrs: Mapping[str, Any]) -> dict[str, Any]:
    """What a formula's names stand for."""
    if case.op.variadic:
        return {case.op.operands[0]: list(operands), **attrs}
    return {**dict(zip(case.op.operands, operands, strict=True)), **attrs}


def _divisor(case: Case, operands: Sequence[Array], attrs: Mapping[str, Any]) -> Any:
    """What the mean of a loss divides by; None for the number of losses."""
    of_all = DIVISORS.get(case.op.base)
    if of_all is not None:
        return of_all(case, operands, attrs)
    return evaluate(case.op.divisor, named(case, operands, attrs)) if case.op.divisor else None


def formula_value(case: Case, operands: Sequence[Array], attrs: Mapping[str, Any]) -> tuple[Any, ...]:
    """The results as the formula has them; that of a loss is one element's, so it is reduced here if it isn't there."""
    reading = READINGS.get(case.op.base)
    if reading is not None:
        value = reading(case, operands, attrs)
    else:
        value = evaluate(case.op.formula, named(case, operands, attrs))
    reduction = attrs.get("reduction", "none")
    if reduction != "none" and "{reduction}" not in case.op.formula:
        divisor = _divisor(case, operands, attrs) if reduction == "mean" else None
        value = FUNCTIONS[reduction](value) if divisor is None else np.sum(value) / divisor
    return value if isinstance(value, tuple) else (value,)
