"""All that is known of one value at one moment, in texts that are ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass

from graphgrad.graph.graph import Operand, Vertex
from graphgrad.ops.declare import lookup
from graphgrad.view.captions import arrived
from graphgrad.view.formula import Formulas
from graphgrad.view.names import Names, names
from graphgrad.view.numbers import MISSING, full, shape_text, statistics, sum_line, summary, table
from graphgrad.view.text import clean
from graphgrad.walk.walk import Array, Moment, Walk

__all__ = ["Inspection", "Received", "Shown", "inspect"]

_FULL_UP_TO = 10_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A value or a gradient.

    Attributes
    ----------
    short
        In a few characters; ``—`` if it has not arrived.
    table
        Its elements, as many as there is room for, in aligned columns; empty for a single number.
    statistics
        Shape, range, mean and norm, in one line; empty for a single number.
    full
        Every digit of every element, so that reading it gives the same bits; without elements above 10,000 of them.
    """

    short: str = MISSING
    table: tuple[str, ...] = ()
    statistics: str = ""
    full: str = MISSING

    @classmethod
    def of(cls, array: Array | None) -> Shown:
        """Write an array; None for what has not arrived."""
        if array is None:
            return cls()
        if not array.ndim:
            return cls(summary(array), (), "", full(array))
        short = f"{array.size:,} elements"
        return cls(summary(array), table(array), statistics(array), full(array) if array.size <= _FULL_UP_TO else short)


@dataclass(frozen=True, slots=True)
class Received:
    """A contribution to a gradient that has arrived.

    Attributes
    ----------
    sender
        The name of what passed it on; that of the value itself for the seed.
    vertex, operand
        Who passed it on, and to which of its operands; None for the seed.
    k, n
        Which it is, of how many that will arrive in all.
    rule
        How it came about: ``∂h/∂x += ∂h/∂z · w = 0.01766 · 3 = 0.05299``.
    value
        The contribution.
    """

    sender: str
    vertex: int | None
    operand: int | None
    k: int
    n: int
    rule: str
    value: Shown


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an inspector shows of one value.

    Attributes
    ----------
    vertex, port
        Whose it is.
    title
        Name, operation, number and scope, in one line.
    name, op, symbol, scope
        The same one by one; `op` and `symbol` are empty for leaves.
    kind
        ``leaf``, ``constant`` or ``operation``.
    type
        Shape, dtype, and whether a gradient flows here.
    value, gradient
        As far as they have arrived.
    arrivals
        ``1 of 2 contributions``; empty if no gradient flows here.
    formula
        The equation with names.
    equation
        The same with numbers and the result, once that has arrived.
    derivatives
        ∂(value)/∂(operand) for each operand that has one, with names, and with numbers once they are there.
    received
        The contributions to the gradient that have arrived, in order.
    sum
        How they add up.
    source
        Where in the user's code it was computed, if that was recorded.
    covers
        Curriculum ids of the operation.
    error
        What the operation said that raised, line by line; empty before it does, and for all others.
    """

    vertex: int
    port: int
    title: str
    name: str
    op: str
    symbol: str
    scope: str
    kind: str
    type: str
    value: Shown
    gradient: Shown
    arrivals: str
    formula: str
    equation: str
    derivatives: tuple[str, ...]
    received: tuple[Received, ...]
    sum: str
    source: str
    covers: tuple[str, ...]
    error: tuple[str, ...]


def inspect(
    walk: Walk, moment: Moment, vertex: int, port: int = 0, named: Names | None = None, *, received_from: int = 0
) -> Inspection:
    """Put into words what is known of a value at a moment.

    Parameters
    ----------
    walk, moment
        The walk, and a moment of it.
    vertex, port
        Whose value: the vertex's id, and which of its outputs.
    named
        The names of the graph's values, if they are at hand.
    received_from
        How many of the first contributions are left out of `received`, for who has them from an earlier moment.

    Raises
    ------
    KeyError
        If the graph has no such vertex.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.walk.trace import walk
    >>> x, w = gg.scalar(2.0, name="x"), gg.scalar(3.0, name="w")
    >>> steps = walk(x * w)
    >>> seen = inspect(steps, steps.end(), x.number)
    >>> seen.value.short, seen.gradient.short, seen.arrivals
    ('2', '3', '1 of 1 contribution')
    >>> seen.received[0].rule
    '∂multiply/∂x = ∂multiply/∂multiply · w = 1 · 3 = 3'
    """
    formulas = Formulas(walk.graph, named if named is not None else names(walk.graph))
    one = walk.graph.vertices[vertex]
    place = Operand(vertex, port)
    op = lookup(one.op)
    name = formulas.names[place]
    kind = "constant" if one.is_constant else "leaf" if one.is_leaf else "operation"
    value = moment.value(vertex, port)
    k, n = moment.arrived(place)
    received = _received(walk, moment, place, formulas, received_from)
    has_raised = one.error is not None and moment.step >= len(walk.steps) - 1  # nothing comes after that
    return Inspection(
        vertex=vertex,
        port=port,
        title=_title(one, name, kind),
        name=name,
        op=op.base if op is not None else one.op or "",
        symbol=op.symbol if op is not None else "",
        scope=clean(one.scope),
        kind=kind,
        type=_type(one, port) if one.error is None else "no value: it raised an error",
        value=Shown.of(value),
        gradient=Shown.of(moment.gradient(vertex, port)),
        arrivals=f"{k} of {n} contribution{'s' * (n != 1)}" if n else "",
        formula="" if one.is_leaf else f"{formulas.names[vertex]} = {_formula(formulas, one)}",
        equation=formulas.equation(vertex, walk, short=False) if value is not None and not one.is_leaf else "",
        derivatives=_derivatives(walk, one, formulas, value is not None) if one.error is None else (),
        received=received,
        sum=_sum(walk, moment, place, formulas, k, n),
        source=_source(one),
        covers=op.covers if op is not None else (),
        error=tuple(map(clean, (one.error or "").splitlines())) if has_raised else (),
    )


def _formula(formulas: Formulas, vertex: Vertex) -> str:
    return formulas.by_names(vertex.id) if vertex.error is None else formulas.call(vertex.id)


def _title(vertex: Vertex, name: str, kind: str) -> str:
    parts = [name]
    if vertex.op is not None:
        op = lookup(vertex.op)
        symbol = f" {op.symbol}" if op is not None and op.symbol != op.base else ""
        parts.append(f"{op.base if op is not None else vertex.op}{symbol}")
    else:
        parts.append("number in the code" if kind == "constant" else kind)
    if kind != "constant":
        parts.append(f"number {vertex.id}")
    if vertex.scope:
        parts.append(f"in {clean(vertex.scope)}")
    return ", ".join(parts)


def _type(vertex: Vertex, port: int) -> str:
    shape = shape_text(vertex.shapes[port])
    gradient = "with gradient" if vertex.requires_grad else "no gradient"
    return f"{f'shape {shape}' if shape else 'single number'}, {vertex.dtypes[port].name}, {gradient}"


def _derivatives(walk: Walk, vertex: Vertex, formulas: Formulas, known: bool) -> tuple[str, ...]:
    texts = []
    for number, operand in enumerate(vertex.operands):
        names = formulas.local(vertex.id, number)
        if names is None or not walk.graph.vertices[operand.vertex].requires_grad:
            continue
        text = f"∂{formulas.names[vertex.id]}/∂{formulas.names[operand]} = {names}"
        numbers = formulas.local(vertex.id, number, walk) if known else None
        texts.append(text if numbers in (None, names) else f"{text} = {numbers}")
    # x * x has one operand twice, with the same derivative.
    return tuple(dict.fromkeys(texts))


def _received(walk: Walk, moment: Moment, place: Operand, formulas: Formulas, start: int) -> tuple[Received, ...]:
    k, n = moment.arrived(place)
    if not k:
        return ()
    received = []
    seeds = int(place in walk.seeds)
    if seeds and not start:
        rule = f"{formulas.derivative_of(walk, place)} = {summary(walk.seeds[place])}"
        received.append(Received(formulas.names[place], None, None, 1, n, rule, Shown.of(walk.seeds[place])))
    first = max(start - seeds, 0)
    for number, i in enumerate(walk.contributions_to(place)[first : k - seeds], first + seeds + 1):
        one = walk.contributions[i]
        received.append(
            Received(
                formulas.names[one.vertex],
                one.vertex,
                one.operand,
                number,
                n,
                formulas.chain_rule(walk, i),
                Shown.of(one.value),
            )
        )
    return tuple(received)


def _sum(walk: Walk, moment: Moment, place: Operand, formulas: Formulas, k: int, n: int) -> str:
    if not n:
        return ""
    symbol = formulas.derivative_of(walk, place)
    gradient = moment.gradient(*place)
    if gradient is None:
        return f"{symbol} = {MISSING}"
    return f"{symbol} = {sum_line(arrived(walk, place)[:k], gradient)}"


def _source(vertex: Vertex) -> str:
    site = vertex.site
    if site is None:
        return ""
    text = clean(site.source_line.strip())
    return clean(f"{site.file}:{site.line}") + (f"  {text}" if text else "")
