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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from graphgrad.graph.graph import Operand
from graphgrad.render.fonts import shown
from graphgrad.render.shapes import box_runs, shapes
from graphgrad.render.svg import scene_elements, style_sheet
from graphgrad.render.theme import LEGEND
from graphgrad.view.captions import caption
from graphgrad.view.drawing import Drawing
from graphgrad.view.formula import Formulas
from graphgrad.view.inspect import Inspection, Shown, inspect
from graphgrad.view.numbers import shape_text
from graphgrad.view.picture import Picture
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
        "steps": [film.step(place) for place in range(len(places.steps))],
        **film.changes(),
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
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, drawing: Drawing, granularity: Granularity) -> _Places:
        walk = drawing.walk
        if walk is None:
            return cls(None, ())
        visible = walk.visible(granularity)
        kept = [number for number, inside in _with_insides(drawing, walk, visible) if not inside]
        notes: tuple[str, ...] = ()
        if len(kept) > MOST_STEPS:
            notes = (f"this page shows the first {MOST_STEPS:,} of {len(kept):,} steps",)
        return cls(walk, tuple(kept[:MOST_STEPS]), notes)

    def moment(self, place: int) -> Moment | None:
        """What is known at a place; at the last one everything, as for any cursor."""
        if self.walk is None:
            return None
        return self.walk.at(self.steps[place] if place >= 0 else -1)

    def of_step(self, step: int) -> int:
        """The first place at which a step has happened."""
        return -1 if step < 0 else min(bisect.bisect_left(self.steps, step), len(self.steps) - 1)


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
    seen: set[str] = field(default_factory=set)

    def picture(self, place: int) -> Picture:
        return self.drawing.at(self.places.moment(place), self.granularity)

    def step(self, place: int) -> dict[str, str]:
        assert self.places.walk is not None
        number = self.places.steps[place]
        step = self.places.walk.steps[number]
        text = clean(caption(self.places.walk, number, self.drawing.names)).removeprefix(step.kind).strip()
        return {"kind": step.kind, "phase": step.phase, "text": text}

    def changes(self) -> dict[str, Any]:
        """The words and states of boxes and the states of links, where they change; and the texts, each once."""
        texts: dict[tuple[int, tuple[str, ...]], int] = {}
        boxes = self.drawing.drawn.boxes
        scene = self.drawing.scene
        box_changes: list[list[tuple[Any, ...]]] = [[] for _ in boxes]
        link_changes: dict[Any, list[tuple[int, str]]] = {link.key: [] for link in self.drawing.drawn.links}
        for place in range(-1, len(self.places.steps)):
            picture = self.picture(place)
            for i, box in enumerate(boxes):
                label = picture.labels[box.key]
                text = texts.setdefault((i, label.lines), len(texts))
                entry = (text, label.state, int(label.bad))
                if not box_changes[i] or box_changes[i][-1][1:] != entry:
                    box_changes[i].append((place, *entry))
                    self.seen.add(label.state)
            for key, state in picture.links.items():
                if not link_changes[key] or link_changes[key][-1][1] != state:
                    link_changes[key].append((place, state))
        return {
            "boxes": [
                {
                    "at": at,
                    "fixed": (" ghost" if box.ghost else "") + (" folded" if box.folded else ""),
                    "title": shown(box.title),
                    "detail": shown(box.detail),
                    "nodes": [] if box.folded else list(self.nodes(box)),
                }
                for box, at in zip(boxes, box_changes, strict=True)
            ],
            "links": [(str(key), at) for key, at in link_changes.items()],
            "texts": [self.text(scene.box[boxes[i].key], lines) for i, lines in texts],
        }

    def text(self, box: Any, lines: tuple[str, ...]) -> dict[str, Any]:
        runs = [
            (run.role, run.text, round(run.x, 2), round(run.y, 2), round(run.width, 2)) for run in box_runs(box, lines)
        ]
        return {"runs": runs, "text": "\n".join(map(shown, lines))}

    # ---- the inspector ----

    def nodes(self, box: DrawnBox) -> Iterator[dict[str, Any]]:
        """What the inspector says of the values of a box, and from which place on."""
        for id in box.vertices:
            for port in range(len(self.drawing.graph.vertices[id].shapes)):
                yield self.node(Operand(id, port)) if self.places.walk is not None else self.unwalked(Operand(id, port))

    def unwalked(self, value: Operand) -> dict[str, Any]:
        vertex = self.drawing.graph.vertices[value.vertex]
        name = self.drawing.names[value]
        shape = shape_text(vertex.shapes[value.port]) or "single number"
        formula = "" if vertex.is_leaf else f"{name} = {self.formulas.by_names(vertex.id)}"
        kind = f"{shape}, {vertex.dtypes[value.port].name}"
        return {"name": name, "title": vertex.op or "leaf", "type": kind, "formula": formula, "source": "", "at": []}

    @cached_property
    def formulas(self) -> Formulas:
        return Formulas(self.drawing.graph, self.drawing.names)

    def node(self, value: Operand) -> dict[str, Any]:
        places, walk = self.places, self.places.walk
        assert walk is not None
        entries: list[tuple[int, dict[str, Any]]] = []
        known: dict[str, Any] = {}
        received = 0
        for place in sorted({-1, *self.arrivals(value)}):
            moment = places.moment(place)
            assert moment is not None
            seen = inspect(walk, moment, value.vertex, value.port, self.drawing.names)
            entry = {name: one for name, one in _entry(seen).items() if known.get(name) != one}
            known.update(entry)
            if len(seen.received) > received:
                entry["received"] = [
                    {"sender": one.sender, "k": one.k, "n": one.n, "rule": one.rule} for one in seen.received[received:]
                ]
                received = len(seen.received)
            entries.append((place, entry))
        return {
            "name": seen.name,
            "title": seen.title.removeprefix(seen.name).lstrip(", "),
            "type": seen.type,
            "formula": seen.formula,
            "source": seen.source,
            "expected": walk.end().arrived(value)[1],
            "at": entries,
        }

    def arrivals(self, value: Operand) -> Iterator[int]:
        """The places at which something arrives at a value."""
        for step in self.when.get(value, ()):
            if step <= self.places.steps[-1]:
                yield self.places.of_step(step)

    @cached_property
    def when(self) -> Mapping[Operand, Sequence[int]]:
        """The steps at which values and contributions to gradients arrive."""
        when: dict[Operand, list[int]] = {}
        assert self.places.walk is not None
        for number, step in enumerate(self.places.walk.steps):
            if step.kind == "forward":
                for port in range(len(self.drawing.graph.vertices[step.vertex].shapes)):
                    when.setdefault(Operand(step.vertex, port), []).append(number)
            elif step.kind != "accumulate" and step.target is not None:
                when.setdefault(step.target, []).append(number)
        return when


def _entry(seen: Inspection) -> dict[str, Any]:
    """What changes of an inspection in the course of a walk."""
    return {
        "value": _shown(seen.value),
        "gradient": _shown(seen.gradient),
        "arrivals": seen.arrivals,
        "equation": seen.equation,
        "derivatives": list(seen.derivatives),
        "sum": seen.sum,
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


def _legend(seen: set[str]) -> Iterator[str]:
    for state, text in LEGEND.items():
        if state in seen:
            body = '<rect class="body" x="1" y="1" width="24" height="13" rx="5"/>'
            yield f'<span><svg class="box s-{state}" viewBox="0 0 26 16" aria-hidden="true">{body}</svg>{text}</span>'
    yield "<span>∂ gradient of the result</span>"


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
