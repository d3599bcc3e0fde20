"""The text walk: every step of both passes, a line each, for terminals, pipes and screen readers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TextIO

from graphgrad.graph.graph import Operand, Vertex
from graphgrad.view.captions import caption
from graphgrad.view.names import Names, names
from graphgrad.view.numbers import shape_text, summary
from graphgrad.view.text import clean, to_ascii
from graphgrad.walk.steps import Granularity
from graphgrad.walk.walk import Walk

__all__ = ["Text", "walk_lines"]


class Text:
    """Prints a walk as text.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.walk.trace import walk
    >>> x, w = gg.scalar(2.0, name="x"), gg.scalar(3.0, name="w")
    >>> Text().show(walk(x * w, title="A product"))
    A product
    2 leaves, 1 operation, 4 steps
    <BLANKLINE>
    given       x = 2
    given       w = 3
    <BLANKLINE>
    forward     multiply = x · w = 2 · 3 = 6
    <BLANKLINE>
    seed        ∂multiply/∂multiply = 1
    backward    multiply → x: ∂multiply/∂x = 1 · 3 = 3
    backward    multiply → w: ∂multiply/∂w = 1 · 2 = 2
    <BLANKLINE>
    result      multiply = 6
    gradient    ∂multiply/∂x = 3
    gradient    ∂multiply/∂w = 2
    """

    def show(self, walk: Walk, file: TextIO | None = None, granularity: Granularity = "concepts") -> None:
        """Print a walk.

        Parameters
        ----------
        walk
            The walk.
        file
            Where to; by default the standard output.
        granularity
            Whether operations that only rearrange values have lines of their own.
        """
        stream = sys.stdout if file is None else file
        encoding = getattr(stream, "encoding", None) or "utf-8"
        for line in walk_lines(walk, granularity):
            stream.write(_writable(line, encoding) + "\n")


def _writable(line: str, encoding: str) -> str:
    """The line as it is, or in ASCII for a stream that can't hold it."""
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        return to_ascii(line)
    return line


def walk_lines(walk: Walk, granularity: Granularity = "concepts") -> Iterator[str]:
    """The lines of a walk: what is given, both passes step by step, and what comes out."""
    named = names(walk.graph)
    visible = walk.visible(granularity)
    leaves = [leaf for leaf in walk.graph if leaf.is_leaf and not leaf.is_constant]
    if walk.title:
        yield clean(walk.title)
    counts = (len(leaves), "leaf", "leaves"), (len(walk.graph.nodes), "operation", "operations")
    yield ", ".join(f"{n:,} {one if n == 1 else many}" for n, one, many in (*counts, (len(visible), "step", "steps")))
    yield from map(clean, walk.notes)
    if leaves:
        yield ""
    for leaf in leaves:
        yield _line("given", f"{named[leaf.id]} = {_value(walk, leaf)}")
    phase = None
    for number in visible:
        if walk.steps[number].phase != phase:
            phase = walk.steps[number].phase
            yield ""
        yield caption(walk, number, named)
    failed = walk.graph.failed
    if failed is not None:
        yield from (_line("", clean(line)) for line in (failed.error or "").splitlines()[1:])
        return
    yield ""
    for output in walk.graph.outputs:
        yield _line("result", f"{named[output]} = {summary(walk.values[output.vertex][output.port])}")
    yield from _gradients(walk, leaves, named)


def _gradients(walk: Walk, leaves: list[Vertex], named: Names) -> Iterator[str]:
    top = named[next(iter(walk.seeds))] if len(walk.seeds) == 1 else "L"
    end = walk.end()
    for leaf in leaves:
        if leaf.requires_grad and walk.seeds:
            name = named[Operand(leaf.id, 0)]
            yield _line("gradient", f"∂{top}/∂{name} = {summary(end.gradient(leaf.id))}")


def _value(walk: Walk, leaf: Vertex) -> str:
    value = walk.values[leaf.id][0]
    text = summary(value)
    shape = shape_text(value.shape)
    return text if not shape or text.startswith(shape) else f"{text}, shape {shape}"


def _line(kind: str, text: str) -> str:
    return f"{kind:<12}{text}"
