"""The reference of the operations as text and as Markdown; what it says is composed in `graphgrad.view.reference`."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

from graphgrad.graph.operation import Op
from graphgrad.ops.declare import TABLE
from graphgrad.ops.families import families
from graphgrad.view.reference import Page, page, row, untitled
from graphgrad.view.text import cell_width, fit

__all__ = ["markdown", "page_lines", "place_of", "table_lines"]

Titles = Callable[[str], str]


def table_lines(width: int = 120) -> Iterator[str]:
    """The table of all operations: a line each, by family, with formula and derivative.

    Parameters
    ----------
    width
        Of the lines, in cells; a formula that is longer ends in ``…``.
    """
    groups = families()
    yield f"{sum(len(family.ops) for family in groups)} operations; graphgrad ops NAME says more of one"
    for family in groups:
        rows = [row(op) for op in family.ops]
        first = max(cell_width(one.name) for one in rows)
        rest = width - first - 6
        second = min(max(cell_width(one.formula) for one in rows), rest * 3 // 5)
        yield ""
        yield f"{family.title} ({family.place})"
        for one in rows:
            formula = fit(one.formula, second)
            derivative = fit(one.derivative, rest - second)
            yield f"  {one.name:<{first}}  {formula}{' ' * (second - cell_width(formula))}  {derivative}".rstrip()


def page_lines(op: Op, titles: Titles = untitled, width: int = 120) -> Iterator[str]:
    """The page of one operation, as text; that of the whole one if it is without some of its optional operands.

    Parameters
    ----------
    op
        The operation.
    titles
        What the items of the curriculum are called, by their ids.
    width
        How long lines of prose may be, in cells; formulas and numbers stay on one line.
    """
    whole = TABLE.get(op.base, op)
    made = page(whole, place_of(whole), titles)
    yield made.signature + (f"   {made.symbol}" if made.symbol else "")
    yield ""
    yield from textwrap.wrap(made.summary, width)
    for section in made.sections:
        yield ""
        yield section.heading
        for line in section.lines:
            if section.is_code:
                yield f"  {line}"
            else:
                yield from textwrap.wrap(line, width, initial_indent="  ", subsequent_indent="    ")


def markdown(titles: Titles = untitled) -> Iterator[str]:
    """The whole reference: a table of contents by family, then a page for each operation."""
    groups = families()
    yield "# Operations"
    yield ""
    yield f"{sum(len(family.ops) for family in groups)} operations, made from their declarations."
    for family in groups:
        yield ""
        yield f"## {family.title}"
        yield ""
        yield "| operation | formula | derivative |"
        yield "|---|---|---|"
        for op in family.ops:
            one = row(op)
            yield f"| [{one.name}](#{one.name}) | {_cell(one.formula)} | {_derivative(one.derivative)} |"
        for op in family.ops:
            yield from _page_markdown(page(op, family.place, titles))


def place_of(op: Op) -> str:
    """Where an operation is offered, such as ``"gg"``; empty for somebody's own."""
    return next((family.place for family in families() if op in family.ops), "")


def _page_markdown(made: Page) -> Iterator[str]:
    yield ""
    yield f'### <a id="{made.name}"></a>{made.name}'
    yield ""
    yield f"`{made.signature}`" + (f" {_escaped(made.symbol)}" if made.symbol else "")
    yield ""
    yield _escaped(made.summary)
    for section in made.sections:
        yield ""
        yield f"**{section.heading}**"
        yield ""
        if section.is_code:
            yield "```text"
            yield from section.lines
            yield "```"
        else:
            yield from (f"- {_escaped(line)}" for line in section.lines)


def _cell(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`"


def _derivative(text: str) -> str:
    return _escaped(text) if text.startswith("none") else _cell(text)


def _escaped(text: str) -> str:
    """Text whose marks of Markdown and HTML are to be read as they are; what stands between backticks stays code."""
    parts = text.replace("``", "`").split("`")
    return "`".join(part if i % 2 else _marked(part) for i, part in enumerate(parts))


def _marked(text: str) -> str:
    return "".join(f"\\{char}" if char in "\\*_[]<>|#" else char for char in text)
