"""The declaration of an operation as data: everything that anybody may ask about it, in one object."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from graphgrad.graph.late import late

__all__ = ["ErrorSample", "OnScalars", "Op", "Rule", "Sample", "ScalarForm", "Step", "asked_for"]

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


class OnScalars(NamedTuple):
    """What runs in place of an operation on tensors whose operands are scalars: whether it does, and the function."""

    takes: Callable[[Sequence[Any]], bool]
    run: Callable[..., Any]


class ScalarForm(NamedTuple):
    """An operation on single floats: the value, and the rule of each operand as in the declaration."""

    forward: Callable[..., float]
    rules: Mapping[str, Callable[..., Any]]


# What a rule may be given: the saved values, the shapes of the operands, the attributes, and `Node.needs`.
Reader = Callable[[Sequence[Any], Sequence[Shape], Mapping[str, Any], int], Any]


def asked_for(rule: Callable[..., Any]) -> list[str]:
    """What a derivative rule needs beside the upstream gradient: the names of its parameters after the first."""
    return list(inspect.signature(rule).parameters)[1:]


class Rule:
    """A derivative rule and where its arguments come from.

    The names of its parameters after the first, the upstream gradient, say what it needs: an operand's name for the
    operand's values (None if an optional one wasn't given), ``out`` for the result, ``x_shape`` for the shape of
    operand ``x``, ``attrs`` for all attributes, else an attribute's name. A joint rule may ask for ``needs``, the names
    (of a variadic operation the places) of the operands whose gradients are wanted; one of a variadic operation for
    ``shapes``, those of all members.

    Attributes
    ----------
    operand
        The place of the operand that receives what the rule gives; -1 for a joint rule.
    function
        The rule.
    reads
        The slots of a node's saved values that it reads.
    keeps
        The same as bits; -1 if it reads all members of a variadic operation, however many there are.
    slot
        How the sweep calls it without looking at the rest: -1 if it needs nothing, the slot if it needs one saved value
        and no more, -2 for any other.
    """

    __slots__ = ("_readers", "function", "keeps", "operand", "reads", "slot")

    def __init__(self, op: Op, operand: int, function: Callable[..., Any]) -> None:
        names = asked_for(function)
        slots = [] if op.variadic else [*op.operands, "out"]
        self.operand = operand
        self.function = function
        self.reads = tuple(slots.index(name) for name in names if name in slots)
        self.keeps = -1 if op.variadic and op.operands[0] in names else sum(1 << slot for slot in {*self.reads})
        self.slot = -2
        if not names:
            self.slot = -1
        elif len(names) == len(self.reads) == 1:
            self.slot = self.reads[0]
        self._readers = tuple(_reader(op, name) for name in names)

    def arguments(
        self, saved: Sequence[Any], shapes: Sequence[Shape], attrs: Mapping[str, Any], needs: int = 0
    ) -> list[Any]:
        """The values for the rule's parameters after the upstream gradient; `needs` as in `Node`."""
        return [read(saved, shapes, attrs, needs) for read in self._readers]


def _reader(op: Op, name: str) -> Reader:
    """What gives a rule of `op` the value of its parameter called `name`."""
    operands = op.operands
    if op.variadic:
        of_all: dict[str, Reader] = {
            operands[0]: lambda saved, shapes, attrs, needs: saved[:-1],
            "shapes": lambda saved, shapes, attrs, needs: shapes,
            "needs": lambda saved, shapes, attrs, needs: {i for i in range(len(shapes)) if needs >> i & 1},
        }
        if name in of_all:
            return of_all[name]
    elif name in (*operands, "out"):
        slot = (*operands, "out").index(name)
        return lambda saved, shapes, attrs, needs: saved[slot]
    elif name.removesuffix("_shape") in op.missing:
        return lambda saved, shapes, attrs, needs: None
    elif name.endswith("_shape") and name.removesuffix("_shape") in operands:
        place = operands.index(name.removesuffix("_shape"))
        return lambda saved, shapes, attrs, needs: shapes[place]
    elif name == "needs":
        return lambda saved, shapes, attrs, needs: {one for i, one in enumerate(operands) if needs >> i & 1}
    if name in op.attributes:
        return lambda saved, shapes, attrs, needs: attrs[name]
    if name == "attrs":
        return lambda saved, shapes, attrs, needs: attrs
    known = [*operands, "out", *(f"{operand}_shape" for operand in operands), *op.attributes]
    raise TypeError(f"{op.name}: a rule asks for {name!r}, which is none of {known}")


class Step(NamedTuple):
    """What the sweep does for one operand: a rule, with what it reads most of all beside it."""

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


@dataclass(eq=False, repr=False, slots=True, kw_only=True)
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
    operand_rules, joint_rule
        The derivative as it is given: one function per operand, or a joint one that gives the contributions of all.
    rules, joint
        The same as rules.
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
    scalar, opcode
        How it runs on single floats, None if it doesn't; and its number on the tape of these.
    call
        The public function.
    covers
        Curriculum ids.
    complex
        What it does with complex numbers. Empty: it refuses them. ``"own"``: its rules hold for them as they are, or it
        has others for them. ``"holomorphic"``: it has a complex derivative, which its rules give without a conjugate;
        `on_complex` puts that in.
    complex_rules
        The rules for complex operands where they differ from those for real ones, by operand.
    on_complex
        The operation that a node holds if an operand is complex; see `graphgrad.ops.array.complexes`.
    declared
        The operation as it was declared: itself, but for one that `on_complex` made.
    on_scalars
        What runs in its place if there are scalars among its operands; None if these are refused, as they mostly are.
    """

    name: str
    forward: Callable[..., Any]
    operands: tuple[str, ...]
    attributes: Mapping[str, Any]
    shape: Callable[..., Any]
    cost: Callable[..., int]
    samples: Callable[..., Iterable[Sample]]
    operand_rules: InitVar[Mapping[str, Callable[..., Any]]]
    joint_rule: InitVar[Callable[..., Any] | None] = None
    variadic: bool = False
    outputs: int | None = 1
    symbol: str = ""
    formula: str = ""
    local: Mapping[str, str] = field(default_factory=dict)
    back: Mapping[str, str] = field(default_factory=dict)
    divisor: str = ""
    doc: str = ""
    expand: Callable[..., Any] | None = None
    errors: Sequence[ErrorSample] = ()
    view: bool = False
    plumbing: bool = False
    scalar: ScalarForm | None = None
    covers: tuple[str, ...] = ()
    neutral: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    linear: Literal["", "together", "each"] = ""
    elementwise: bool = False
    complex: Literal["", "own", "holomorphic"] = ""
    complex_rules: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    rules: dict[str, Rule] = field(init=False)
    joint: Rule | None = field(init=False)
    steps: Steps = field(init=False)
    variants: dict[tuple[str, ...], Op] = field(init=False)
    declared: Op = field(init=False)
    call: Callable[..., Any] = field(init=False)
    opcode: int | None = field(init=False, default=None)
    on_scalars: OnScalars | None = field(init=False, default=None)
    _on_complex: Op | None = field(init=False, default=None)
    _kept: dict[int, int] = field(init=False)  # what `keeps` found

    def __post_init__(
        self, operand_rules: Mapping[str, Callable[..., Any]], joint_rule: Callable[..., Any] | None
    ) -> None:
        unknown = sorted({*operand_rules, *self.local, *self.back, *self.neutral} - set(self.operands))
        if unknown:
            raise TypeError(f"{self.name}: {unknown} are no operands; those are {self.operands}")
        if joint_rule is not None and operand_rules:
            raise TypeError(f"{self.name}: give one rule per operand or a joint one, not both")
        if self.complex not in ("", "own", "holomorphic"):
            got = f"got {self.complex!r}"
            raise TypeError(f"{self.name}: complex is 'own', 'holomorphic' or rules for complex operands, {got}")
        self.symbol = self.symbol or self.name
        self.set_rules(operand_rules)
        self.joint = None if joint_rule is None else Rule(self, -1, joint_rule)
        self.variants = {}
        self.declared = self

    def set_rules(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        """Take these functions for the rules of its operands."""
        self.rules = {operand: Rule(self, self.operands.index(operand), rule) for operand, rule in functions.items()}
        self.steps = Steps(tuple(self.rules.values()))
        self._kept = {}

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
            conjugated = {name: _conjugated(rule.function) for name, rule in self.rules.items()}
            made.set_rules(self.complex_rules or conjugated)
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
            return self.joint.keeps
        keep = self._kept.get(needs)
        if keep is None:
            keep = 0
            for step in self.steps[needs]:
                keep |= step.rule.keeps
            self._kept[needs] = keep
        return keep

    def run(self, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
        """Run it on operands in order and attributes by name, as a graph keeps them."""
        if attrs or self.variadic:
            return late.apply(self, operands, attrs)
        return self.call(*operands)  # single numbers too

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
