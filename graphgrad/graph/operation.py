"""The declaration of an operation as data: everything that anybody may ask about it, in one object."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from graphgrad.graph.late import late

__all__ = ["ErrorSample", "Op", "Sample", "ScalarForm", "Step"]

Shape = tuple[int, ...]


class Sample(NamedTuple):
    """Arguments that an operation is checked with: operands first, then attributes by name."""

    operands: tuple[Any, ...]
    attrs: Mapping[str, Any]


class ErrorSample(NamedTuple):
    """Arguments that an operation must refuse, with the error and a text that its message holds."""

    operands: tuple[Any, ...]
    attrs: Mapping[str, Any]
    error: type[Exception]
    says: str


class ScalarForm(NamedTuple):
    """An operation on single floats: the value, and the rule of each operand as in the declaration."""

    forward: Callable[..., float]
    rules: Mapping[str, Callable[..., Any]]


class Rule:
    """A derivative rule and where its arguments come from.

    The names of its parameters after the first, the upstream gradient, say what it needs: an operand's name for the
    operand's values (None if an optional one wasn't given), ``out`` for the result, ``x_shape`` for the shape of
    operand ``x``, ``attrs`` for all attributes, else an attribute's name. A joint rule may ask for ``needs``, the names
    (of a variadic operation the places) of the operands whose gradients are wanted.
    """

    __slots__ = ("function", "getters", "operand", "slot")

    def __init__(self, op: Op, operand: int, function: Callable[..., Any]) -> None:
        self.operand = operand
        self.function = function
        self.getters = tuple(self._getter(op, name) for name in list(inspect.signature(function).parameters)[1:])
        # The sweep calls a rule that needs nothing (-1) or one saved value (its slot) without going through getters.
        self.slot = -2
        if not self.getters:
            self.slot = -1
        elif len(self.getters) == 1 and self.getters[0][0] == "saved":
            self.slot = self.getters[0][1]

    @staticmethod
    def _getter(op: Op, name: str) -> tuple[str, Any]:
        if name in op.operands and op.variadic:
            return "members", None
        if name in op.operands:
            return "saved", op.operands.index(name)
        if name.removesuffix("_shape") in op.missing:
            return "constant", None
        if name == "out" and not op.variadic:
            return "saved", len(op.operands)
        if name == "shapes" and op.variadic:
            return "shapes", None
        if name.endswith("_shape") and name[:-6] in op.operands:
            return "shape", op.operands.index(name[:-6])
        if name in op.attributes:
            return "attr", name
        if name == "attrs":
            return "attrs", None
        if name == "needs" and op.variadic:
            return "needed places", None
        if name == "needs":
            return "needed names", op.operands
        known = [*op.operands, "out", *(f"{operand}_shape" for operand in op.operands), *op.attributes]
        raise TypeError(f"{op.name}: a rule asks for {name!r}, which is none of {known}")

    def keeps(self) -> int:
        """The saved slots that the rule reads, as bits."""
        bits = 0
        for kind, where in self.getters:
            if kind == "saved":
                bits |= 1 << where
            elif kind == "members":
                return -1  # however many there are
        return bits

    def arguments(
        self, saved: Sequence[Any], shapes: Sequence[Shape], attrs: Mapping[str, Any], needs: int = 0
    ) -> Iterator[Any]:
        """The values for the rule's parameters after the upstream gradient; `needs` as in `Node`."""
        for kind, where in self.getters:
            match kind:
                case "saved":
                    yield saved[where]
                case "members":
                    yield saved[:-1]
                case "shape":
                    yield shapes[where]
                case "attr":
                    yield attrs[where]
                case "shapes":
                    yield shapes
                case "attrs":
                    yield attrs
                case "needed names":
                    yield {name for i, name in enumerate(where) if needs >> i & 1}
                case "needed places":
                    yield {i for i in range(len(shapes)) if needs >> i & 1}
                case _:
                    yield where


class Step(NamedTuple):
    """What the sweep does for one operand: `slot` is -1 or a saved slot for the quick ways, else -2."""

    operand: int
    function: Callable[..., Any]
    slot: int
    rule: Rule


class Steps(dict[int, "tuple[Step, ...]"]):
    """The steps for each set of operands that want a gradient, worked out when first asked for."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        super().__init__()
        self.rules = rules

    def __missing__(self, needs: int) -> tuple[Step, ...]:
        steps = tuple(
            Step(rule.operand, rule.function, rule.slot, rule) for rule in self.rules if needs >> rule.operand & 1
        )
        self[needs] = steps
        return steps


class Op:
    """An operation, declared once; see `graphgrad.ops.declare.op` for how to write one.

    Attributes
    ----------
    name, symbol
        Its public name, such as ``"multiply"``, and what a picture writes for it, such as ``"×"``.
    operands, attributes
        Names of the tensors that it takes, and of its other arguments with their defaults.
    neutral, missing
        For each optional operand the number that changes nothing in its place, such as ``{"bias": "0"}``; and the
        operands that were not given, if this is the operation as it is without them (see `graphgrad.ops.variants`).
    variants
        The operation without optional operands, by their names.
    variadic
        Whether its one operand stands for a list of tensors.
    outputs
        1, or None if it returns a tuple of tensors.
    forward
        The values, on arrays.
    rules, joint
        The derivative: one rule per operand, or a joint one that gives the contributions of all.
    steps
        The rules to run by the set of operands that want a gradient, as bits.
    formula, local
        The value as text in Python's notation, ``"{a} * {b}"``, and ∂out/∂operand likewise. A test evaluates them.
    back
        What each operand receives, in words with places for ``{g}``, operands and ``{out}``, where that is no product
        of the gradient and a local derivative. ``{share}`` stands for the division by the number of terms of a mean.
    expand
        The same in simpler operations, for those that are composed.
    shape
        The shape of the result from the shapes of the operands; raises ValueError saying what doesn't fit.
    cost
        Floating-point operations of one forward run, from the shapes.
    samples, errors
        Arguments to check it with, and arguments that it must refuse.
    view
        Whether the result may share memory with the operand.
    plumbing
        Whether it only brings values into another form; a walk passes over it unless every operation is wanted.
    linear
        ``"together"`` if the result is a linear function of all operands that can get a gradient, as that of `concat`
        is; ``"each"`` if it is one of each of them while the others are held, as that of `matmul` is; else empty. What
        a small change of the operands makes of the result is then computed by the operation itself.
    elementwise
        Whether each element of the result depends on one element of each operand only.
    scalar
        How it runs on single floats, None if it doesn't.
    covers
        Curriculum ids.
    """

    __slots__ = (
        "attributes",
        "back",
        "call",
        "covers",
        "doc",
        "elementwise",
        "errors",
        "expand",
        "forward",
        "formula",
        "joint",
        "linear",
        "local",
        "missing",
        "name",
        "neutral",
        "opcode",
        "operands",
        "outputs",
        "plumbing",
        "rules",
        "samples",
        "scalar",
        "shape",
        "cost",
        "steps",
        "symbol",
        "variadic",
        "variants",
        "view",
    )

    call: Callable[..., Any]
    opcode: int | None

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        operands: Sequence[str],
        attributes: Mapping[str, Any],
        rules: Mapping[str, Callable[..., Any]],
        *,
        joint: Callable[..., Any] | None = None,
        variadic: bool = False,
        outputs: int | None = 1,
        symbol: str | None = None,
        formula: str = "",
        local: Mapping[str, str] | None = None,
        back: Mapping[str, str] | None = None,
        expand: Callable[..., Any] | None = None,
        shape: Callable[..., Any],
        cost: Callable[..., int],
        samples: Callable[..., Iterable[Sample]],
        errors: Sequence[ErrorSample] = (),
        view: bool = False,
        plumbing: bool = False,
        scalar: ScalarForm | None = None,
        covers: Sequence[str] = (),
        doc: str = "",
        neutral: Mapping[str, str] | None = None,
        missing: Sequence[str] = (),
        linear: Literal["", "together", "each"] = "",
        elementwise: bool = False,
    ) -> None:
        self.name = name
        self.forward = forward
        self.operands = tuple(operands)
        self.attributes = dict(attributes)
        self.variadic = variadic
        self.outputs = outputs
        self.symbol = symbol or name
        self.formula = formula
        self.local = dict(local or {})
        self.back = dict(back or {})
        self.expand = expand
        self.shape = shape
        self.cost = cost
        self.samples = samples
        self.errors = tuple(errors)
        self.view = view
        self.plumbing = plumbing
        self.scalar = scalar
        self.opcode = None
        self.covers = tuple(covers)
        self.doc = doc
        self.neutral = dict(neutral or {})
        self.missing = tuple(missing)
        self.linear = linear
        self.elementwise = elementwise
        self.variants: dict[tuple[str, ...], Op] = {}
        unknown = sorted({*rules, *self.local, *self.back, *self.neutral} - set(self.operands))
        if unknown:
            raise TypeError(f"{name}: {unknown} are no operands; those are {self.operands}")
        if joint is not None and rules:
            raise TypeError(f"{name}: give one rule per operand or a joint one, not both")
        self.rules = {operand: Rule(self, self.operands.index(operand), rule) for operand, rule in rules.items()}
        self.steps = Steps(tuple(self.rules.values()))
        self.joint = None if joint is None else Rule(self, -1, joint)

    @property
    def differentiable(self) -> bool:
        """Whether it passes a gradient on to any operand."""
        return bool(self.rules) or self.joint is not None

    def keeps(self, needs: int) -> int:
        """The saved slots, as bits, that backward will read when the operands whose bits are set want a gradient."""
        if self.joint is not None:
            return self.joint.keeps()
        keep = 0
        for step in self.steps[needs]:
            keep |= step.rule.keeps()
        return keep

    def run(self, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
        """Run it on operands in order and attributes by name, as a graph keeps them."""
        if attrs or self.variadic:
            return late.apply(self, operands, attrs)
        return self.call(*operands)  # single numbers too

    @staticmethod
    def scalar_arguments(rule: Callable[..., Any]) -> list[str]:
        """What a rule on single numbers needs beside the upstream gradient."""
        return list(inspect.signature(rule).parameters)[1:]

    def __repr__(self) -> str:
        return f"<Op {self.name}({', '.join([*self.operands, *self.attributes])})>"
