"""What every value of a graph is called, in pictures, texts and files alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphgrad.graph.graph import Graph, Operand, Vertex
from graphgrad.ops.declare import lookup
from graphgrad.ops.variants import base_and_missing
from graphgrad.view.numbers import full, number
from graphgrad.view.text import clean, fit

__all__ = ["Names", "names"]

LONGEST = 40
_DIGITS = 8
_WORD = re.compile(r"[\w.#\[\]]+")


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a graph's values: by vertex, or by `Operand` for one output of several."""

    by_vertex: dict[int, str]
    by_output: dict[Operand, str]

    def __getitem__(self, place: int | Operand) -> str:
        if isinstance(place, Operand):
            return self.by_output.get(place) or self.by_vertex[place.vertex]
        return self.by_vertex[place]


def _as_in_the_code(value: Any) -> str:
    """A number that stands in the code, with all its digits while those are few: 1.0001 isn't 1.000."""
    text = full(value)
    if isinstance(value, float) and text.endswith(".0"):
        return number(value)
    return text if len(text) <= _DIGITS else number(value)


def names(graph: Graph) -> Names:
    """Name every value of a graph.

    A value has the name that the user's code gave it; otherwise it is called after its operation, a leaf ``leaf``.
    Names that clash get numbers in the order of computation: ``h#1``, ``h#2``. No variable can be called like that, and
    ``log#2`` is no logarithm to base two. Numbers that stand in the code are called by their digits, and what only
    rearranges a value after that value: ``reshape(h)``, ``Wᵀ``.

    Examples
    --------
    >>> import graphgrad as gg
    >>> a, b = gg.scalar(2.0, name="a"), gg.scalar(3.0, name="b")
    >>> graph = ((a * b + 1.0) * b).graph()
    >>> named = names(graph)
    >>> [named[vertex.id] for vertex in graph]
    ['a', 'b', 'multiply#1', '1', 'add', 'multiply#2']
    """
    by_vertex: dict[int, str] = {}
    base: dict[int, str] = {}
    derived: list[Vertex] = []
    for vertex in graph:
        if vertex.is_constant:
            by_vertex[vertex.id] = _as_in_the_code(vertex.leaf)
        elif not vertex.name and _is_plumbing(vertex):
            derived.append(vertex)
        else:
            base[vertex.id] = _base(vertex)
    uses = Counter(base.values())
    taken = {text for text, count in uses.items() if count == 1}
    numbers: Counter[str] = Counter()
    for id, text in base.items():
        by_vertex[id] = text if uses[text] == 1 else _numbered(text, numbers, taken)
    for vertex in derived:
        text = _derived(graph, vertex, by_vertex)
        by_vertex[vertex.id] = _numbered(text, numbers, taken) if text in taken else text
        taken.add(text)
    by_output = {
        place: text for vertex in graph if len(vertex.shapes) > 1 for place, text in _outputs(vertex, by_vertex)
    }
    return Names(by_vertex, by_output)


def _numbered(text: str, numbers: Counter[str], taken: set[str]) -> str:
    """The text with the next number that gives a name of its own."""
    while True:
        numbers[text] += 1
        candidate = f"{text}#{numbers[text]}"
        if candidate not in taken:
            taken.add(candidate)
            return candidate


def _is_plumbing(vertex: Vertex) -> bool:
    op = lookup(vertex.op)
    return op is not None and op.plumbing and len(vertex.operands) == 1 and vertex.error is None


def _derived(graph: Graph, vertex: Vertex, by_vertex: dict[int, str]) -> str:
    """The name of what only rearranges a value; a chain of such doesn't grow a name without end."""
    source, port = vertex.operands[0]
    below = by_vertex[source] + (f"[{port}]" if len(graph.vertices[source].shapes) > 1 else "")
    if vertex.op == "permute_dims" and vertex.attrs.get("axes") in (None, (1, 0)) and len(vertex.shapes[0]) == 2:
        text = f"{below}ᵀ".replace("ᵀᵀ", "") if _WORD.fullmatch(below) else f"({below})ᵀ"
    else:
        text = f"{vertex.op}({below})"
    return text if len(text) <= LONGEST else vertex.op or text


def _base(vertex: Vertex) -> str:
    given = clean(vertex.name).strip() if vertex.name else ""
    return fit(given, LONGEST) if given else base_and_missing(vertex.op or "leaf")[0]


def _outputs(vertex: Vertex, by_vertex: dict[int, str]) -> Iterator[tuple[Operand, str]]:
    for port in range(len(vertex.shapes)):
        yield Operand(vertex.id, port), f"{by_vertex[vertex.id]}[{port}]"
