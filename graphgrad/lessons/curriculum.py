"""What the curriculum asks for: items by part, worked numbers, figures, and the errata of the lecture notes.

The curriculum merges five sets of lecture notes: HSLU, NYU, UAB, Coursera and Stuttgart. A source such as
``"HSLU:923-930"`` names the notes and their lines. Every id is stable: P01 is a part, P01.08 an item, W003 a worked
number, F001 a figure, E022 an erratum.

This module needs the standard library alone. The data are read when they are first asked for, and never change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

__all__ = [
    "Erratum",
    "Figure",
    "Item",
    "Part",
    "UnknownIdError",
    "WorkedNumber",
    "conventions",
    "errata",
    "erratum",
    "figure",
    "figures",
    "item",
    "items",
    "kinds",
    "notation",
    "part",
    "parts",
    "worked",
    "worked_numbers",
]


class UnknownIdError(KeyError):
    """An id that the curriculum doesn't have; the message offers those that are spelt like it."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show the message in quotes


@dataclass(frozen=True, slots=True)
class Part:
    """One of the parts into which the curriculum is divided."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that the curriculum asks for.

    Attributes
    ----------
    id, part
        Such as ``"P01.08"``, and the id of the part that it belongs to.
    name
        What it is called.
    kind
        What sort of thing it is, in short; `kinds` spells it out.
    content
        What exactly is asked for: the corrected form, in the notation of `notation`.
    note
        The errata that concern it, each with a label, or what the lecture notes lack. ``"convention"``: see
        `conventions`.
    errata
        The ids of those errata.
    sources
        The notes and lines that it comes from.
    worked
        The ids of the worked numbers that check it.
    """

    id: str
    part: str
    name: str
    kind: str
    content: str
    note: str
    errata: tuple[str, ...]
    sources: tuple[str, ...]
    worked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkedNumber:
    """A computation with its result, to check an implementation against.

    Attributes
    ----------
    id, key
        Such as ``"W003"``, and a name that stays the same, such as ``"siggraph"``.
    part
        The id of the part that it belongs to.
    title
        What is computed.
    source
        The notes and lines that it comes from.
    origin
        ``"printed"`` in the notes, or ``"derived"`` from their formula.
    input, expected
        What goes in and what must come out, by name: numbers, strings, truth values, tuples of these, or mappings.
        Both are read-only; ``json.dumps(example.expected, default=dict)`` writes them.
    tolerance
        How far a result may lie from the expected value, as a fraction of it, or as it is for values below 1.
        0 asks for equality. 1 or more is a distance: as a fraction it would allow anything.
    note
        Where the numbers come from, or what to bear in mind.
    items
        The ids of the items that it checks.
    """

    id: str
    key: str
    part: str
    title: str
    source: str
    origin: str
    input: Mapping[str, Any] = field(hash=False)
    expected: Mapping[str, Any] = field(hash=False)
    tolerance: float
    note: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture that a learner should be able to draw.

    Attributes
    ----------
    id, part
        Such as ``"F001"``, and the id of the part that it belongs to.
    plotted
        What it shows.
    parameters
        The numbers to draw it with; ``"-"`` for a sketch, which has none.
    sources
        The notes and lines that describe it.
    """

    id: str
    part: str
    plotted: str
    parameters: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erratum:
    """A mistake in the lecture notes, and what is right.

    Attributes
    ----------
    id
        Such as ``"E022"``.
    where
        The notes and lines that have it.
    printed, correct
        What they say, and what they should say.
    items
        The ids of the items that it concerns; most often one.
    """

    id: str
    where: str
    printed: str
    correct: str
    items: tuple[str, ...]


# --- asking ----------------------------------------------------------------------------------------------------------


def parts() -> tuple[Part, ...]:
    """All parts, in order.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> curriculum.parts()[0]
    Part(id='P01', name='Computational graphs and autodiff')
    """
    return _PARTS.all()


def part(id: str) -> Part:
    """The part of an id.

    Raises
    ------
    UnknownIdError
        If there is none.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> curriculum.part("P03").name
    'Activations'
    >>> curriculum.part("P1")
    Traceback (most recent call last):
        ...
    graphgrad.lessons.curriculum.UnknownIdError: the curriculum has no part 'P1'; did you mean P01?
    """
    return _PARTS.find(id)


def items(part: str | None = None) -> tuple[Item, ...]:
    """The items of a part, or all of them, in order.

    Parameters
    ----------
    part
        The id of a part, such as ``"P03"``.

    Raises
    ------
    UnknownIdError
        If there is no such part.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> [item.name for item in curriculum.items("P03")[:3]]
    ['Heaviside / unit step', 'Linear / identity', 'Sigmoid']
    """
    return _of_part(_ITEMS, part)


def item(id: str) -> Item:
    """The item of an id.

    Raises
    ------
    UnknownIdError
        If there is none.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> curriculum.item("P01.08").name
    'Fan-out accumulation'
    """
    return _ITEMS.find(id)


def worked_numbers(part: str | None = None) -> tuple[WorkedNumber, ...]:
    """The worked numbers of a part, or all of them, in order; `part` as for `items`.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> curriculum.worked_numbers("P22")[0].key
    'mc_tau'
    """
    return _of_part(_WORKED, part)


def worked(id_or_key: str) -> WorkedNumber:
    """The worked number of an id or a key.

    Raises
    ------
    UnknownIdError
        If there is none.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> example = curriculum.worked("W010")
    >>> example.key, example.input["x"], example.expected["x_grad"]
    ('vjp', (1, 2), (10, 3))
    >>> curriculum.worked("vjp") is example
    True
    """
    return _WORKED.find(id_or_key)


def figures(part: str | None = None) -> tuple[Figure, ...]:
    """The figures of a part, or all of them, in order; `part` as for `items`.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> curriculum.figures("P02")[-1].parameters
    '(2,3)+(1,3)'
    """
    return _of_part(_FIGURES, part)


def figure(id: str) -> Figure:
    """The figure of an id.

    Raises
    ------
    UnknownIdError
        If there is none.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> curriculum.figure("F017").plotted
    'Swish for several beta'
    """
    return _FIGURES.find(id)


def errata() -> tuple[Erratum, ...]:
    """All errata, in order.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> curriculum.errata()[-1].id
    'E156'
    """
    return _ERRATA.all()


def erratum(id: str) -> Erratum:
    """The erratum of an id.

    Raises
    ------
    UnknownIdError
        If there is none.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> mistake = curriculum.erratum("E028")
    >>> mistake.printed, mistake.correct
    ('tanh(x) = 2/(1+exp(-x)) - 1', '2/(1+exp(-2x)) - 1')
    """
    return _ERRATA.find(id)


def kinds() -> Mapping[str, str]:
    """What the kinds of items mean.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> curriculum.kinds()["act"]
    'activation'
    """
    return MappingProxyType(_read("curriculum.json")["kinds"])


def notation() -> tuple[str, ...]:
    """How the content of items is to be read.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> curriculum.notation()[0]
    's(z) = sigma(z) = logistic'
    """
    return tuple(_read("curriculum.json")["notation"])


def conventions() -> tuple[str, ...]:
    """The choices on which the lecture notes differ; an item that depends on one says ``"convention"`` in its note.

    Examples
    --------
    >>> from graphgrad.lessons import curriculum
    >>> curriculum.conventions()[0]
    'Dropout: plain (test: multiply by keep) / inverted (train: divide by keep).'
    """
    return tuple(_read("curriculum.json")["conventions"])


# --- reading and finding ---------------------------------------------------------------------------------------------


class _InPart(Protocol):
    @property
    def part(self) -> str: ...


Record = TypeVar("Record")
RecordInPart = TypeVar("RecordInPart", bound=_InPart)


class _Table(Generic[Record]):
    """The records of one kind: read when they are first asked for, and found by their ids."""

    def __init__(self, kind: type[Record], what: str, file: str, key: str = "") -> None:
        self.kind = kind
        self.what = what
        self.file = file
        self.key = key  # where in the file the rows are, if they aren't all of it

    @cached_property
    def rows(self) -> dict[str, Record]:
        content = _read(self.file)
        return {row["id"]: self.kind(**_fixed(row)) for row in (content[self.key] if self.key else content)}

    @cached_property
    def names(self) -> dict[str, Record]:
        """Every name that finds a record: its id, and its key if it has one."""
        return self.rows | {row.key: row for row in self.rows.values() if isinstance(row, WorkedNumber)}

    def all(self) -> tuple[Record, ...]:
        return tuple(self.rows.values())

    def find(self, wanted: str) -> Record:
        try:
            return self.names[wanted]
        except KeyError:
            folded = {_folded(name): name for name in self.names}
            sought = _folded(str(wanted))
            near = [sought] if sought in folded else get_close_matches(sought, folded)
            hint = f"; did you mean {' or '.join(folded[name] for name in near)}?" if near else ""
            raise UnknownIdError(f"the curriculum has no {self.what} {wanted!r}{hint}") from None


def _of_part(table: _Table[RecordInPart], wanted: str | None) -> tuple[RecordInPart, ...]:
    """The records of a part, or all of them."""
    if wanted is None:
        return table.all()
    id = part(wanted).id
    return tuple(record for record in table.all() if record.part == id)


def _folded(id: str) -> str:
    """An id without what people spell differently: case and leading zeros."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", id.casefold())


@cache
def _read(name: str) -> Any:
    return json.loads(files(__package__).joinpath("data", name).read_text(encoding="utf-8"))


def _fixed(row: dict[str, Any]) -> dict[str, Any]:
    """A row that nothing can be written to: lists are tuples, and the mappings of worked numbers read-only."""
    return {key: _numbers(value) if isinstance(value, (dict, list)) else value for key, value in row.items()}


# What strict JSON has no numbers for.
_SPELT_NUMBERS = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}


def _numbers(value: Any) -> Any:
    """Input or expected values as they are handed out: infinities and NaN as floats, nothing that can be written to."""
    if isinstance(value, dict):
        return MappingProxyType({key: _numbers(entry) for key, entry in value.items()})
    if isinstance(value, list):
        return tuple(map(_numbers, value))
    return _SPELT_NUMBERS.get(value, value) if isinstance(value, str) else value


_PARTS = _Table(Part, "part", "curriculum.json", "parts")
_ITEMS = _Table(Item, "item", "curriculum.json", "items")
_WORKED = _Table(WorkedNumber, "worked number", "worked_numbers.json")
_FIGURES = _Table(Figure, "figure", "figures.json")
_ERRATA = _Table(Erratum, "erratum", "errata.json")
