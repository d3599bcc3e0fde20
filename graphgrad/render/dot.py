"""DOT: the drawn graph in Graphviz' language, folded and ghosted as in every other picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from graphgrad.render.fonts import FAMILY, shown
from graphgrad.render.page import wrap
from graphgrad.render.theme import BOXES, LIGHT, LINKS
from graphgrad.view.drawing import Drawing
from graphgrad.view.picture import Label, Picture
from graphgrad.view.scene import Key
from graphgrad.view.text import fit
from graphgrad.walk.steps import Phase

__all__ = ["to_dot"]

_WIDTH = 80
"""The longest line beside the boxes, in characters."""


def to_dot(drawing: Drawing, picture: Picture, phase: Phase | None = None) -> str:
    """Write a picture in DOT.

    Boxes are ``n0``, ``n1``, ... in the order of computation, scopes are clusters. An edge bears the operand's number
    where the operation that it leads to has several operands, and the output's number in brackets before it where the
    one that it comes from has several outputs; ``x * x`` has two edges. The picture's notes stand under its title.

    Parameters
    ----------
    drawing
        The drawn graph.
    picture
        One of its pictures, which gives texts and states.
    phase
        The pass that is under way; going back, arrows point to where the gradient goes.
    """
    drawn = drawing.drawn
    ids: dict[Key, str] = {box.key: f"n{i}" for i, box in enumerate(drawn.boxes)}
    lines = [
        "digraph graphgrad {",
        (
            f"  graph [rankdir={picture.scene.direction}, fontname={_quoted(FAMILY)}, fontsize=14, labelloc=t,"
            f" labeljust=l, nodesep=0.3, ranksep=0.35, bgcolor=white, fontcolor={_quoted(LIGHT.text)},"
            f' label="{_heading(picture)}"]'
        ),
        f'  node [shape=box, style="rounded,filled", fontname={_quoted(FAMILY)}, fontsize=11, margin="0.12,0.06"]',
        (
            f"  edge [fontname={_quoted(FAMILY)}, fontsize=8, fontcolor={_quoted(LIGHT.quiet)}, arrowsize=0.6,"
            " labeldistance=1.5, labelangle=-35]"
        ),
    ]
    tree: dict[tuple[str, ...], list[str]] = {}
    for box in drawn.boxes:
        group = box.group if drawing.look.frames else ()
        tree.setdefault(group, []).append(f"{ids[box.key]} [{_node(picture.labels[box.key], box.kind)}]")
    lines.extend(_clusters(tree))
    operations = {box.key: box for box in drawn.boxes if not box.folded}
    operands = Counter(link.head for link in drawn.links if link.head in operations)
    for link in drawn.links:
        state = picture.links.get(link.key, "waiting")
        style = LINKS[state]
        attributes = {"color": style.stroke, "penwidth": f"{style.width:g}"}
        operand = str(link.port) if operands[link.head] > 1 else ""
        if link.tail in operations and len(operations[link.tail].outputs) > 1:
            # In the names of outputs the number is in brackets too.
            attributes["label"] = f"[{link.tail_port}]→{operand}".rstrip("→")
        elif operand:
            attributes["headlabel"] = operand
        if state == "returned" or (state == "active" and phase == "backward"):
            attributes["dir"] = "back"
        lines.append(f"  {ids[link.tail]} -> {ids[link.head]} [{_attributes(attributes)}]")
    lines.append("}")
    return "\n".join(lines) + "\n"


def _heading(picture: Picture) -> str:
    lines = [line for text in (picture.title, picture.caption, *picture.notes) for line in wrap(shown(text), _WIDTH)]
    return "".join(f"{_escaped(line)}\\l" for line in lines)


def _clusters(tree: Mapping[tuple[str, ...], list[str]]) -> Iterator[str]:
    """The nodes of every scope inside its cluster; on a stack, since scopes can be nested as deep as one likes."""
    paths = sorted({group[:depth] for group in tree for depth in range(len(group) + 1)} | {()})
    open_paths: list[tuple[str, ...]] = []
    number = 0
    for path in paths:
        while open_paths and path[: len(open_paths[-1])] != open_paths[-1]:
            yield "  " * len(open_paths) + "}"
            open_paths.pop()
        if path:
            indent = "  " * (len(open_paths) + 1)
            colours = f"color={_quoted(LIGHT.frame)}, fontcolor={_quoted(LIGHT.quiet)}, fontsize=11"
            yield f"{indent}subgraph cluster_{number} {{"
            yield f"{indent}  graph [label={_quoted(fit(shown(path[-1]), _WIDTH))}, style=rounded, {colours}]"
            number += 1
            open_paths.append(path)
        for line in tree.get(path, ()):
            yield "  " * (len(open_paths) + 1) + line
    while open_paths:
        yield "  " * len(open_paths) + "}"
        open_paths.pop()


def _node(label: Label, kind: str) -> str:
    style = BOXES[label.state]
    dash = ",dashed" if style.dash or label.ghost else ""
    mark = "! " if label.bad or label.state == "failed" else ""
    attributes = {
        "label": mark + "\n".join(map(shown, label.lines)),
        "style": f"rounded,filled{dash}",
        "fillcolor": style.fill,
        "color": style.stroke,
        "fontcolor": style.text,
        "penwidth": f"{style.width:g}",
    }
    if label.folded:
        attributes["peripheries"] = "2"
    return _attributes(attributes | {"class": kind})


def _attributes(attributes: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={_quoted(text)}" for name, text in attributes.items())


def _quoted(text: str) -> str:
    """A string of DOT."""
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    r"""The inside of a string of DOT. Backslashes are doubled, since ``\N`` and its kind have a meaning in labels.

    ``&`` too is written so that it stands for itself: Graphviz reads ``&lt;`` as an entity.
    """
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;").replace("\n", "\\n")
