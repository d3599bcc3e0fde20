"""HTML: one page that steps through both passes by itself, from a file, without a network.

The scene is drawn once. What changes is data: for every box and link the places of the walk at which its words or its
state change, and for every value what is known of it from which place on. The script only looks that up.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from graphgrad.graph.graph import Operand
from graphgrad.render.fonts import shown
from graphgrad.render.page import explained
from graphgrad.render.shapes import box_runs, shapes
from graphgrad.render.svg import ROOT, scene_elements, style_sheet
from graphgrad.render.theme import CELL_HEIGHT, CELL_WIDTH, GRADIENT, LEGEND
from graphgrad.view.drawing import Drawing
from graphgrad.view.formula import Formulas
from graphgrad.view.inspect import Inspection, Shown, inspect
from graphgrad.view.numbers import shape_text
from graphgrad.view.picture import Label, LinkState, Picture
from graphgrad.view.scene import Key, PlacedBox
from graphgrad.view.text import clean
from graphgrad.view.transform import DrawnBox
from graphgrad.walk.steps import Granularity
from graphgrad.walk.walk import Moment, Walk

__all__ = ["to_html"]

MOST_STEPS = 5_000
_MARGIN = 8.0
_PLACE = re.compile(r"\{(\w+)\}")
_BEFORE = "Before the first step: leaves have their values, nothing is computed yet."


def to_html(
    drawing: Drawing, granularity: Granularity = "concepts", step: int | None = None, notes: Sequence[str] = ()
) -> str:
    """Write a page about a drawn walk, or about a graph that isn't walked.

    Parameters
    ----------
    drawing
        What is shown. Steps inside a folded box are passed over up to the last of them.
    granularity
        Whether operations that only rearrange values are steps.
    step
        Where the page begins, as a number of ``walk.steps``; by default before the first step.
    notes
        Sentences under the title, beside those of the picture.
    """
    places = _Places.of(drawing, granularity)
    film = _Film(drawing, places, granularity)
    first = film.picture(-1)
    data = {
        "before": _BEFORE,
        "start": places.of_step(step) if step is not None else -1,
        **film.data(),
    }
    script, style = _asset("page.js"), f"{_asset('page.css')}\n{style_sheet()}"
    phases = [one["phase"] for one in data["steps"]]
    title = shown(first.title) or "A computational graph"
    return _filled(
        _asset("page.html"),
        {
            "title": escape(title),
            "notes": "\n".join(
                f'<p class="notes">{escape(shown(note))}</p>' for note in (*first.notes, *notes, *places.notes)
            ),
            "hidden": "" if places.steps else " hidden",
            "last": str(len(places.steps) - 1),
            "phases": "".join(f'<span data-phase="{one}">{one}</span>' for one in dict.fromkeys(phases)),
            "svg": _svg(first, title),
            "legend": "".join(_legend(film.seen)),
            "data": _json(data),
            "root": ROOT,
            "script": script,
            "style": style,
            "script_hash": _hash(script),
            "style_hash": _hash(style),
        },
    )


# ---- places ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Places:
    """The steps at which the page can stand, numbered from 0; -1 is before the first."""

    walk: Walk | None
    steps: tuple[int, ...]
    until: tuple[int, ...]
    """The last step that has happened at each place: at the last place all have, also those that are passed over."""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, drawing: Drawing, granularity: Granularity) -> _Places:
        walk = drawing.walk
        if walk is None:
            return cls(None, (), ())
        visible = walk.visible(granularity)
        kept = [number for number, inside in _with_insides(drawing, walk, visible) if not inside]
        if len(kept) > MOST_STEPS:
            steps = tuple(kept[:MOST_STEPS])
            return cls(walk, steps, steps, (f"this page shows the first {MOST_STEPS:,} of {len(kept):,} steps",))
        return cls(walk, tuple(kept), (*kept[:-1], len(walk.steps) - 1) if kept else ())

    def moment(self, place: int) -> Moment | None:
        """What is known at a place."""
        if self.walk is None:
            return None
        return self.walk.at(self.until[place] if place >= 0 else -1)

    def of_step(self, step: int) -> int:
        """The first place at which a step has happened; the last place for a step beyond the page."""
        return -1 if step < 0 else min(bisect.bisect_left(self.until, step), len(self.until) - 1)


def _with_insides(drawing: Drawing, walk: Walk, visible: Sequence[int]) -> Iterator[tuple[int, bool]]:
    """Every step, and whether it and the next one happen inside the same folded box."""
    folded = {box.key for box in drawing.drawn.boxes if box.folded}
    before: tuple[int, object] | None = None
    for number in visible:
        step = walk.steps[number]
        box: object = drawing.box_of(step.vertex)
        if box not in folded or (step.target is not None and drawing.box_of(step.target.vertex) != box):
            box = None
        if before is not None:
            yield before[0], box is not None and before[1] == (box, step.phase)
        before = number, None if box is None else (box, step.phase)
    if before is not None:
        yield before[0], False


# ---- what changes ----------------------------------------------------------------------------------------------------


@dataclass
class _Film:
    """All pictures of a walk, as changes."""

    drawing: Drawing
    places: _Places
    granularity: Granularity
    seen: set[Label] = field(default_factory=set)

    def picture(self, place: int) -> Picture:
        return self.drawing.at(self.places.moment(place), self.granularity)

    def data(self) -> dict[str, Any]:
        """All that the page shows: of boxes, links and texts what they say, and from which place on."""
        boxes, scene = self.drawing.drawn.boxes, self.drawing.scene
        placed = [scene.box[box.key] for box in boxes]
        # Words are placed within their box, so that boxes of one size share them: the ghosts of a leaf are many.
        sizes = [replace(box, key="", x=0, y=0) for box in placed]
        texts: dict[tuple[PlacedBox, tuple[str, ...]], int] = {}
        steps: list[dict[str, str]] = []
        labels: list[list[tuple[int, Label]]] = [[] for _ in boxes]
        links: dict[Key, list[tuple[int, LinkState]]] = {link.key: [] for link in self.drawing.drawn.links}
        for place in range(-1, len(self.places.steps)):
            picture = self.picture(place)
            if place >= 0:
                steps.append(self.step(place, picture.caption))
            for changes, box in zip(labels, boxes, strict=True):
                label = picture.labels[box.key]
                # Most are the very object that they were.
                if not changes or (label is not changes[-1][1] and label != changes[-1][1]):
                    changes.append((place, label))
            for key, state in picture.links.items():
                if not links[key] or links[key][-1][1] != state:
                    links[key].append((place, state))
        self.seen.update(label for changes in labels for _, label in changes)
        # A leaf that is drawn in several places is described once.
        values = (value for box in boxes if not box.folded for value in self.values(box))
        nodes = {value: i for i, value in enumerate(dict.fromkeys(values))}
        return {
            "steps": steps,
            "boxes": [
                {
                    "at": [
                        (at, texts.setdefault((size, label.lines), len(texts)), label.state, int(label.bad))
                        for at, label in changes
                    ],
                    "x": round(cells.x * CELL_WIDTH, 2),
                    "y": round(cells.y * CELL_HEIGHT, 2),
                    "fixed": (" ghost" if box.ghost else "") + (" folded" if box.folded else ""),
                    "title": shown(box.title),
                    "detail": shown(box.detail),
                    "nodes": [] if box.folded else [nodes[value] for value in self.values(box)],
                }
                for box, cells, size, changes in zip(boxes, placed, sizes, labels, strict=True)
            ],
            "links": [(str(key), changes) for key, changes in links.items()],
            "texts": [self.text(box, lines) for box, lines in texts],
            "nodes": list(map(self.node if self.places.walk is not None else self.unwalked, nodes)),
        }

    def step(self, place: int, said: str) -> dict[str, str]:
        """A step: its kind, its phase, and the rest of what the caption says."""
        assert self.places.walk is not None
        step = self.places.walk.steps[self.places.steps[place]]
        return {"kind": step.kind, "phase": step.phase, "text": clean(said).removeprefix(step.kind).strip()}

    def text(self, box: PlacedBox, lines: tuple[str, ...]) -> dict[str, Any]:
        runs = [
            (run.role, run.text, round(run.x, 2), round(run.y, 2), round(run.width, 2)) for run in box_runs(box, lines)
        ]
        return {"runs": runs, "text": "\n".join(map(shown, lines))}

    # ---- the inspector ----

    def values(self, box: DrawnBox) -> Iterator[Operand]:
        """The values that the inspector describes for a box."""
        for id in box.vertices:
            yield from self.outputs(id)

    def outputs(self, id: int) -> Iterator[Operand]:
        """The outputs of a vertex; what raised has none, but something to tell."""
        return (Operand(id, port) for port in range(len(self.drawing.graph.vertices[id].shapes) or 1))

    def unwalked(self, value: Operand) -> dict[str, Any]:
        """What the inspector says of a value without numbers."""
        vertex = self.drawing.graph.vertices[value.vertex]
        name = self.drawing.names[value]
        about = {"name": name, "title": vertex.op or "leaf", "source": ""}
        if vertex.error is not None:
            said = list(map(clean, vertex.error.splitlines()))
            formula = f"{name} = {self.formulas.call(vertex.id)}"
            return about | {"type": "no value: it raised an error", "formula": formula, "at": [(-1, {"error": said})]}
        shape = shape_text(vertex.shapes[value.port]) or "single number"
        formula = "" if vertex.is_leaf else f"{name} = {self.formulas.by_names(vertex.id)}"
        return about | {"type": f"{shape}, {vertex.dtypes[value.port].name}", "formula": formula, "at": []}

    @cached_property
    def formulas(self) -> Formulas:
        return Formulas(self.drawing.graph, self.drawing.names)

    def node(self, value: Operand) -> dict[str, Any]:
        """What the inspector says of a value, and from which place on."""
        places, walk = self.places, self.places.walk
        assert walk is not None
        entries: list[tuple[int, dict[str, Any]]] = []
        known: dict[str, Any] = {}
        received = 0
        for place in sorted({-1, *self.arrivals(value)}):
            moment = places.moment(place)
            assert moment is not None
            seen = inspect(walk, moment, *value, self.drawing.names, received_from=received)
            entry = {name: one for name, one in _entry(seen, *moment.arrived(value)).items() if known.get(name) != one}
            known.update(entry)
            if seen.received:
                entry["received"] = [
                    {"sender": one.sender, "k": one.k, "n": one.n, "rule": one.rule} for one in seen.received
                ]
                received += len(seen.received)
            entries.append((place, entry))
        return {
            "name": seen.name,
            "title": seen.title.removeprefix(seen.name).lstrip(", "),
            "type": seen.type,
            "formula": seen.formula,
            "source": seen.source,
            "at": entries,
        }

    def arrivals(self, value: Operand) -> Iterator[int]:
        """The places at which something arrives at a value."""
        for step in self.when.get(value, ()):
            if step <= self.places.until[-1]:
                yield self.places.of_step(step)

    @cached_property
    def when(self) -> Mapping[Operand, Sequence[int]]:
        """The steps at which values and contributions to gradients arrive."""
        when: dict[Operand, list[int]] = {}
        assert self.places.walk is not None
        for number, step in enumerate(self.places.walk.steps):
            if step.phase == "forward":
                for output in self.outputs(step.vertex):
                    when.setdefault(output, []).append(number)
            elif step.kind != "accumulate" and step.target is not None:
                when.setdefault(step.target, []).append(number)
        return when


def _entry(seen: Inspection, k: int, n: int) -> dict[str, Any]:
    """What changes of an inspection in the course of a walk, when `k` of `n` contributions have arrived."""
    return {
        "value": _shown(seen.value),
        "gradient": _shown(seen.gradient),
        "arrivals": seen.arrivals,
        "equation": seen.equation,
        "derivatives": list(seen.derivatives),
        "coming": f"{n - k} still to come" if k < n else "",
        "sum": seen.sum if n > 1 else "",
        "error": list(seen.error),
    }


def _shown(one: Shown) -> dict[str, Any]:
    return {"short": one.short, "table": list(one.table), "statistics": one.statistics}


# ---- the page --------------------------------------------------------------------------------------------------------


def _svg(picture: Picture, title: str) -> str:
    drawn = shapes(picture)
    width, height, name = drawn.width + 2 * _MARGIN, drawn.height + 2 * _MARGIN, escape(title)
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
                f' viewBox="{-_MARGIN:g} {-_MARGIN:g} {width:.2f} {height:.2f}" role="group" aria-label="{name}">'
            ),
            *scene_elements(drawn, live=True),
            "</svg>",
        ]
    )


def _legend(seen: Iterable[Label]) -> Iterator[str]:
    states, gradients = explained(seen)
    body = '<rect class="body" x="1" y="1" width="24" height="13" rx="5"/>'
    for state in states:
        swatch = f'<svg class="box s-{state}" viewBox="0 0 26 16" aria-hidden="true">{body}</svg>'
        yield f"<span>{swatch}{LEGEND[state]}</span>"
    if gradients:
        yield f"<span>{GRADIENT}</span>"


def _filled(template: str, values: Mapping[str, str]) -> str:
    """The template with its places filled, all in one go: what is filled in is never looked at again."""
    return _PLACE.sub(lambda match: values[match[1]], template)


def _json(data: Any) -> str:
    """JSON that can stand in HTML: without ``<``, so that no text can end the element or begin another."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _asset(name: str) -> str:
    return (Path(__file__).with_name("web") / name).read_text(encoding="utf-8")
