"""Pictures, pages, texts and data in files: one function, which the suffix of the path tells what to write."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from graphgrad.files import write
from graphgrad.graph.errors import GraphError, describe
from graphgrad.graph.graph import Graph
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.render.dot import to_dot
from graphgrad.render.graphviz import Engine, choose, draw
from graphgrad.render.html import to_html
from graphgrad.render.pdf import to_pdf
from graphgrad.render.png import raster, to_png
from graphgrad.render.svg import to_svg
from graphgrad.render.txt import to_txt
from graphgrad.view.drawing import Drawing
from graphgrad.view.picture import Look, Picture
from graphgrad.walk.file import to_json
from graphgrad.walk.steps import GRANULARITIES, Granularity, Phase
from graphgrad.walk.trace import trace
from graphgrad.walk.walk import Moment, Walk

__all__ = ["FORMATS", "Format", "render", "svg_of"]

Format = Literal["svg", "png", "pdf", "dot", "html", "json", "txt"]
FORMATS: tuple[Format, ...] = ("svg", "png", "pdf", "dot", "html", "json", "txt")
"""What can be written, as suffixes without the dot."""

_WALKED_UP_TO = 5_000
"""The largest graph, in vertices, that is computed once more for the sake of its picture's numbers."""

# Nobody reads a picture of more boxes; a page can be moved about in.
_STILL = Look(most=150)


def render(
    source: Walk | Graph | Tensor | Scalar,
    path: str | os.PathLike[str],
    *,
    step: int | None = None,
    look: Look | None = None,
    granularity: Granularity = "concepts",
    engine: Engine | None = None,
    values: bool | None = None,
    scale: float = 2.0,
) -> Path:
    """Write a picture, a page, a text or the data of a computation; the suffix of the path says which.

    ``.svg``, ``.png`` and ``.pdf`` are pictures, ``.html`` a page that steps through both passes by itself, ``.dot`` is
    for Graphviz, ``.txt`` for terminals and mails, and ``.json`` can be opened again.

    Parameters
    ----------
    source
        A walk; or a graph, tensor or scalar, whose computation is walked for the picture's numbers where that is cheap
        and possible: one result, which is a single number, from leaves that nobody has written to since.
    path
        Where to. An existing file is replaced once the new one is whole.
    step
        The step of the walk that is drawn, as counted by ``walk.steps``, -1 for before the first; by default the end,
        with nothing going on. A page begins there.
    look
        What the person who looks has chosen: direction, label preset, folded scopes and so on. By default a large graph
        is folded until it has 150 boxes, on a page 400.
    granularity
        Whether operations that only rearrange values count as steps.
    engine
        Who lays out an SVG, PNG or PDF: ``"builtin"``, ``"dot"`` (Graphviz, wherever it is found) or ``"pygraphviz"``
        (the Graphviz inside that package). By default what the environment variable ``GRAPHGRAD_RENDERER`` says, else
        the built-in layout. Where a Graphviz isn't to be had, the built-in layout draws, with a warning.
    values
        Whether a graph is walked: False for its structure alone, True to insist.
    scale
        Pixels of a PNG per unit.

    Returns
    -------
    Path
        Where the file went.

    Raises
    ------
    ValueError
        If the suffix or the engine is unknown, or an option doesn't fit.
    IndexError
        If the walk has no such step.
    GraphError, ShapeError
        If the source can't be walked, and was to be.
    OSError
        If the file can't be written.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import tempfile, pathlib
    >>> x = gg.scalar(3.0, name="x")
    >>> folder = tempfile.TemporaryDirectory()
    >>> render(x * x, pathlib.Path(folder.name) / "square.svg").name
    'square.svg'
    >>> folder.cleanup()
    """
    kind = _format(path)
    if granularity not in GRANULARITIES:
        _unknown("granularity", granularity, GRANULARITIES)
    if not 0.05 <= scale <= 20:
        raise ValueError(describe("render: scale is out of range", "expected: 0.05 to 20", f"got: {scale}"))
    chosen = choose(engine)
    subject = _subject(kind, source, step, values)
    if kind == "json":
        return write(path, to_json(subject.source) + "\n")
    drawing = Drawing.of(subject.source, look or (Look() if kind == "html" else _STILL))
    return write(path, _Job(subject, drawing, step, granularity).content(kind, chosen, scale))


def svg_of(source: Walk | Graph | Tensor | Scalar) -> str:
    """The picture of a computation as SVG, for notebooks: with its numbers where that is cheap and possible."""
    subject = _subject("svg", source, None, None)
    return to_svg(_Job(subject, Drawing.of(subject.source, _STILL), None, "concepts").picture())


def _format(path: str | os.PathLike[str]) -> Format:
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix in FORMATS:
        return suffix
    near = difflib.get_close_matches(suffix, FORMATS, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(f'.{one}' for one in near)}?" if near else "the suffix says what is written"
    raise ValueError(
        describe(
            f"render: {os.fspath(path)!r} ends in no known suffix",
            f"expected: one of {' '.join(f'.{one}' for one in FORMATS)}",
            f"got: {f'.{suffix}' if suffix else 'no suffix'}",
            hint=hint,
        )
    )


def _unknown(what: str, got: object, known: tuple[str, ...]) -> None:
    near = difflib.get_close_matches(str(got), known, n=1)
    raise ValueError(
        describe(
            f"render: no {what} is called {got!r}",
            f"expected: {', '.join(known)}",
            hint=f"did you mean {near[0]!r}?" if near else "",
        )
    )


# ---- what is drawn ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Subject:
    """A walk, or a graph with the reason why it isn't walked."""

    source: Walk | Graph
    note: str = ""


def _subject(kind: Format, source: Walk | Graph | Tensor | Scalar, step: int | None, values: bool | None) -> _Subject:
    if values is False and step is not None:
        raise ValueError(
            describe(
                f"render: step {step} and values=False exclude each other: only a walk, with its numbers, has steps",
                hint="leave out one of them",
            )
        )
    if isinstance(source, Walk):
        if step is not None:
            source.at(step)  # or there is no such step, for a page and for data too
        return _Subject(source.graph if values is False else source)
    graph = _graph(source)
    if kind == "json" and isinstance(source, Graph) and step is None and values is None:
        values = False  # a graph is data of its own
    if values is False:
        return _Subject(graph)
    reason = _reason_against(graph)
    if reason and (values or step is not None):
        raise GraphError(
            describe(
                f"render: the numbers can't be shown: {reason}",
                hint="values=False draws the structure; graphgrad.walk(result, gradient) takes an upstream gradient",
            )
        )
    if reason:
        return _Subject(graph, f"numbers not shown: {reason}")
    walk = trace(graph)
    if step is not None:
        walk.at(step)
    return _Subject(walk)


def _graph(source: Graph | Tensor | Scalar) -> Graph:
    if isinstance(source, (Tensor, Scalar)):
        return Graph.of(source)
    if isinstance(source, Graph):
        return source
    raise TypeError(
        describe(f"render: can't draw a {type(source).__name__}", "expected: a walk, a graph, a tensor or a scalar")
    )


def _reason_against(graph: Graph) -> str:
    """Why a graph isn't walked for its picture; empty if it is."""
    if len(graph.outputs) != 1:
        return f"the graph has {len(graph.outputs)} results"
    output = graph.outputs[0]
    shape = graph.vertices[output.vertex].shapes[output.port]
    if any(length != 1 for length in shape):
        return f"the result has shape {shape}, it is no single number"
    if len(graph) > _WALKED_UP_TO:
        return f"the graph has {len(graph):,} vertices, more than {_WALKED_UP_TO:,}"
    written = graph.written_leaves()
    if written:
        names = ", ".join(leaf.name or f"number {leaf.id}" for leaf in written[:3])
        return f"written since the result was computed: {names}" + (" and more" if len(written) > 3 else "")
    return ""


@dataclass(frozen=True, slots=True)
class _Job:
    """One file to be written."""

    subject: _Subject
    drawing: Drawing
    step: int | None
    granularity: Granularity

    def content(self, kind: Format, engine: Engine, scale: float) -> str | bytes:
        """The whole file."""
        if kind == "html":
            return to_html(self.drawing, self.granularity, self.step, self.notes())
        picture, phase = self.picture(), self.phase()
        if kind == "dot":
            return to_dot(self.drawing, picture, phase)
        if kind == "txt":
            return to_txt(picture)
        if engine != "builtin":
            way: Literal["pdf", "svg"] = "pdf" if kind == "pdf" else "svg"
            drawn = draw(to_dot(self.drawing, picture, phase), way, engine, len(picture.labels))
            if drawn is not None:
                return raster(drawn.decode("utf-8"), scale) if kind == "png" else drawn
        if kind == "svg":
            return to_svg(picture, phase)
        return to_png(picture, phase, scale=scale) if kind == "png" else to_pdf(picture, phase)

    def moment(self) -> Moment | None:
        walk = self.drawing.walk
        return None if walk is None or self.step is None else walk.at(self.step)

    def phase(self) -> Phase | None:
        moment = self.moment()
        return None if moment is None else moment.phase

    def picture(self) -> Picture:
        picture = self.drawing.at(self.moment(), self.granularity)
        return replace(picture, notes=(*picture.notes, *self.notes()))

    def notes(self) -> tuple[str, ...]:
        return (self.subject.note,) if self.subject.note else ()
