"""The declaration of an operation as data: everything that anybody may ask about it, in one object."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

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
    divisor
        What a loss with ``reduction="mean"`` divides the sum of its losses by, as text like `formula`, if that is not
        their number: ``"sum({weight})"``.
    expand
        The same in simpler operations, for those that are composed.
    shape
        The shape of the result from the shapes of the operands, None if it depends on their values; raises ValueError
        saying what doesn't fit.
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
        is; ``"each"`` if it is one of each of them while the others are held, as that of `matmul` is, plus the operands
        that may be left out, as that of `linear` with a bias is; else empty. What a small change of the operands makes
        of the result is then computed by the operation itself.
    elementwise
        Whether each element of the result depends on one element of each operand only.
    scalar
        How it runs on single floats, None if it doesn't.
    covers
        Curriculum ids.
    complex
        What it does with complex numbers. Empty: it refuses them. ``"own"``: its rules hold for them as they are, or it
        has others for them. ``"holomorphic"``: it has a complex derivative, which its rules give without a conjugate;
        `on_complex` puts that in.
    on_complex
        The operation that a node holds if an operand or the result is complex; see `graphgrad.ops.array.complexes`.
    declared
        The operation as it was declared: itself, but for one that `on_complex` made.
    """

    __slots__ = (
        "attributes",
        "back",
        "_on_complex",
        "call",
        "complex",
        "complex_rules",
        "covers",
        "declared",
        "divisor",
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
        divisor: str = "",
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
        complex: Literal["", "own", "holomorphic"] | Mapping[str, Callable[..., Any]] = "",
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
        self.divisor = divisor
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
        self.complex: str = complex if isinstance(complex, str) else "own"
        self.complex_rules = {} if isinstance(complex, str) else dict(complex)
        self.declared = self
        self._on_complex: Op | None = None
        if self.complex not in ("", "own", "holomorphic"):
            raise TypeError(f"{name}: complex is 'own', 'holomorphic' or rules for complex operands, got {complex!r}")

    @property
    def only_real(self) -> tuple[int, ...]:
        """The places of operands that are real numbers even of an operation on complex ones: conditions and indices."""
        if self.joint is not None or not self.rules:
            return ()
        return tuple(i for i, name in enumerate(self.operands) if name not in self.rules)

    @property
    def on_complex(self) -> Op:
        """The operation on complex operands: the same, with rules that give PyTorch's gradient, ∂L/∂Re + i ∂L/∂Im.

        A function f with a complex derivative passes on g · conj(f'), and its rule, g · f', becomes
        conj(rule(conj(g))). A rule that passes back through an expansion finds the operations of that.
        """
        if self.complex == "own" and not self.complex_rules:
            return self
        if self._on_complex is None:
            made = copy.copy(self)
            made.elementwise = False  # where a rule conjugates, it isn't its own transpose any more
            if self.complex_rules:
                functions: Mapping[str, Callable[..., Any]] = self.complex_rules
            else:
                functions = {name: _conjugated(rule.function) for name, rule in self.rules.items()}
            made.rules = {name: Rule(made, self.operands.index(name), rule) for name, rule in functions.items()}
            made.steps = Steps(tuple(made.rules.values()))
            if self.joint is not None and not self.by_expansion:
                made.joint = Rule(made, -1, _conjugated(self.joint.function))
            made._on_complex = made
            self._on_complex = made
        return self._on_complex

    @property
    def base(self) -> str:
        """Its name as one calls it, which is that of the operation with all operands."""
        return self.name.removesuffix(f" without {', '.join(self.missing)}") if self.missing else self.name

    @property
    def differentiable(self) -> bool:
        """Whether it passes a gradient on to any operand."""
        return bool(self.rules) or self.joint is not None

    @property
    def by_expansion(self) -> bool:
        """Whether its derivative is that of its expansion, through which the gradient is passed back."""
        return self.joint is not None and getattr(self.joint.function, "by_expansion", False)

    @property
    def forward_mode(self) -> Literal["native", "derived", "double reverse", "none"]:
        """How it pushes tangents forward: what a small change of the operands makes of the result.

        ``"native"``: it is linear, and is run on the tangents. ``"derived"``: by its rules, which are their own
        transpose where each element of the result depends on one of each operand, or by its expansion. ``"double
        reverse"``: the rule is linear in the gradient, and its derivative there, passed back, is the forward one.
        ``"none"``: it has no derivative.
        """
        if not self.differentiable:
            return "none"
        if self.linear:
            return "native"
        return "derived" if self.by_expansion or (self.elementwise and self.rules) else "double reverse"

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


def _conjugated(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a function that has a complex derivative, on complex numbers."""

    @functools.wraps(rule)  # its signature says what it needs
    def on_complex(g: Any, *arguments: Any) -> Any:
        result = rule(_conjugate(g), *arguments)
        return list(map(_conjugate, result)) if isinstance(result, (list, tuple)) else _conjugate(result)

    return on_complex


def _conjugate(value: Any) -> Any:
    """Of an array or a tensor, or of each output's; None for what has no gradient."""
    if isinstance(value, (list, tuple)):
        return list(map(_conjugate, value))
    return None if value is None else np.conjugate(value)
