"""Finding a place in a walk by what a person types: a step's number, a value's name, a word from the code."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from graphgrad.graph.graph import Vertex
from graphgrad.view.names import Names
from graphgrad.view.text import clean
from graphgrad.walk.walk import Cursor, Walk

__all__ = ["Found", "find", "position"]

Found = tuple[int, str, str]
"""A vertex, its name, and what else is to be said of it."""

MOST = 200
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")


def find(walk: Walk, named: Names, text: str) -> Sequence[Found]:
    """The values whose name, operation, scope or source line has a text in it: names that begin with it first."""
    wanted = text.strip().casefold()
    ranked: list[tuple[int, Vertex, str, str]] = []
    for vertex in walk.graph:
        name = named[vertex.id]
        line = vertex.site.source_line.strip() if vertex.site is not None else ""
        if name.casefold().startswith(wanted):
            rank = 0
        elif wanted in name.casefold():
            rank = 1
        elif wanted in (vertex.op or "").casefold() or wanted in vertex.scope.casefold():
            rank = 2
        elif wanted in line.casefold():
            rank = 3
        else:
            continue
        ranked.append((rank, vertex, name, line))
    ranked.sort(key=lambda one: one[0])
    return [(vertex.id, name, _more(vertex, name, line)) for _, vertex, name, line in ranked[:MOST]]


def _more(vertex: Vertex, name: str, line: str) -> str:
    kind = "number in the code" if vertex.is_constant else vertex.op or "leaf"
    parts = [kind if kind != name else "", vertex.scope, line]
    return clean("  ".join(filter(None, parts)))


def position(cursor: Cursor, named: Names, text: str) -> int | str:
    """The position that a text means, or what is wrong with it.

    A number is that of a step, with a sign so many steps from here; a name is where something happens to that value,
    and ``w.grad`` where its gradient is complete.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        steps = int(text)
        to = cursor.position + steps if text[0] in "+-" else steps - 1
        if -1 <= to < len(cursor):
            return to
        return f"there are steps 0 to {len(cursor)}"
    if not text:
        return "write a number, or a name"
    vertices = {named[vertex.id]: vertex.id for vertex in cursor.walk.graph}
    wants_gradient = text.endswith(".grad") and text not in vertices
    name = text.removesuffix(".grad") if wants_gradient else text
    vertex = vertices.get(name)
    if vertex is None:
        near = difflib.get_close_matches(name, vertices, n=3, cutoff=0.5)
        return f"nothing is called {clean(name)}" + (f"; did you mean {' or '.join(near)}?" if near else "")
    found = _gradient_at(cursor, vertex) if wants_gradient else _value_at(cursor, vertex)
    if found is None:
        if wants_gradient:
            return f"no gradient goes to {clean(name)}"
        return f"{clean(name)} is no step of its own; {clean(name)}.grad may be one"
    return found


def _value_at(cursor: Cursor, vertex: int) -> int | None:
    steps = cursor.walk.steps
    visible = cursor.walk.visible(cursor.granularity)
    computed = (i for i, n in enumerate(visible) if steps[n].phase == "forward" and steps[n].vertex == vertex)
    return next(computed, None)


def _gradient_at(cursor: Cursor, vertex: int) -> int | None:
    visible = cursor.walk.visible(cursor.granularity)
    found = [i for i, n in enumerate(visible) if (t := cursor.walk.steps[n].target) is not None and t.vertex == vertex]
    return found[-1] if found else None
