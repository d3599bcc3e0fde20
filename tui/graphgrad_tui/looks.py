"""Looks: which view of a graph fits a screen, and what folding and unfolding make of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graphgrad.graph.graph import Graph
from graphgrad.view.drawing import Drawing
from graphgrad.view.folding import scope_parts
from graphgrad.view.picture import Look, Preset
from graphgrad.view.scene import Direction
from graphgrad.walk.walk import Walk

__all__ = [
    "PRESETS",
    "describe_look",
    "first_drawing",
    "fitting",
    "fold",
    "fold_others",
    "scopes",
    "unfold_one",
    "unfold_to",
]

PRESETS: tuple[Preset, ...] = ("both", "value", "gradient", "shape", "name")

_WORDS: dict[Preset, str] = {
    "both": "values and gradients",
    "value": "values",
    "gradient": "gradients",
    "shape": "shapes",
    "name": "names",
}
_MANY = 60
# Above this many vertices a layout takes a second or more, so fewer looks are tried.
_LARGE = 5_000


def describe_look(look: Look) -> str:
    """A look in a few words."""
    return f"{_WORDS[look.preset]}, {'top to bottom' if look.direction == 'TB' else 'left to right'}"


def scopes(graph: Graph) -> frozenset[str]:
    """All scope paths, with those around them."""
    paths = {vertex.scope for vertex in graph.nodes if vertex.scope}
    return frozenset(".".join(parts[: i + 1]) for parts in map(scope_parts, paths) for i in range(len(parts)))


def _around(scope: str) -> frozenset[str]:
    parts = scope_parts(scope)
    return frozenset(".".join(parts[: i + 1]) for i in range(len(parts)))


def fold(look: Look, scope: str) -> Look:
    """The innermost scope of a path that is still open gets folded."""
    open_ones = [path for path in sorted(_around(scope), key=len) if path not in look.folded]
    return replace(look, folded=look.folded | {open_ones[-1]}) if open_ones else look


def fold_others(look: Look, graph: Graph, scope: str) -> Look:
    """All scopes get folded but those around a place; if that is so already, none is."""
    others = scopes(graph) - _around(scope)
    return replace(look, folded=frozenset() if look.folded == others else others)


def unfold_one(look: Look, scope: str) -> Look:
    """The outermost folded scope of a path gets unfolded."""
    folded = sorted(_around(scope) & look.folded, key=len)
    return replace(look, folded=look.folded - set(folded[:1]))


def unfold_to(look: Look, scope: str) -> Look:
    """The scopes of a path get unfolded."""
    return replace(look, folded=look.folded - _around(scope))


def _levels(graph: Graph, look: Look) -> Iterator[Look]:
    """The look with more and more scopes folded: the deepest first."""
    yield look
    paths = scopes(graph)
    for depth in range(max((len(scope_parts(path)) for path in paths), default=0), 0, -1):
        deep = frozenset(path for path in paths if len(scope_parts(path)) >= depth)
        yield replace(look, folded=look.folded | deep)


def fitting(walk: Walk, look: Look, width: int, height: int) -> Drawing:
    """The drawing that shows the most and fits into so many cells; if none does, the one that comes closest.

    Values and gradients are given up before folds are made, and of two directions the present one is tried first.
    """
    other: Direction = "LR" if look.direction == "TB" else "TB"
    best: tuple[int, Drawing] | None = None
    presets: tuple[Preset, ...] = ("both", "value", "name") if len(walk.graph) <= _LARGE else ("both",)
    for level in _levels(walk.graph, replace(look, folded=frozenset())):
        for preset in presets:
            for direction in (look.direction, other):
                drawing = Drawing.of(walk, replace(level, preset=preset, direction=direction))
                beyond = max(0, drawing.scene.width - width) + 2 * max(0, drawing.scene.height - height)
                if not beyond:
                    return drawing
                if best is None or beyond < best[0]:
                    best = beyond, drawing
    assert best is not None
    return best[1]


def first_drawing(walk: Walk, look: Look, width: int, height: int) -> Drawing:
    """The drawing to begin with: turned if it fits that way only, with scopes folded if there are many boxes."""
    for level in _levels(walk.graph, look):
        first = Drawing.of(walk, level)
        if len(first.drawn.boxes) <= _MANY:
            break
    if first.scene.width <= width and first.scene.height <= height:
        return first
    turned = Drawing.of(walk, replace(first.look, direction="LR" if look.direction == "TB" else "TB"))
    return turned if turned.scene.width <= width and turned.scene.height <= height else first
