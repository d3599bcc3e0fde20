"""The picture in box-drawing characters, for terminals, mails and comments in code."""

from __future__ import annotations

from collections.abc import Mapping

from graphgrad.render.page import explained, wrap
from graphgrad.render.theme import GRADIENT, LEGEND
from graphgrad.view import paint
from graphgrad.view.picture import Picture
from graphgrad.view.text import clean, to_ascii

__all__ = ["to_txt"]

_WIDTH = 100
_MARKS = {"current": "▸", "operand": "·", "bad": "!", "failed": "✗"}
_ASCII_MARKS = {"current": ">", "operand": "*", "bad": "!", "failed": "X"}


def to_txt(picture: Picture, *, ascii_only: bool = False) -> str:
    """Write a picture as text, with its title, caption, notes and the marks that states have.

    Parameters
    ----------
    picture
        What is to be drawn.
    ascii_only
        Whether to do without box-drawing characters and mathematical signs.

    Returns
    -------
    str
        Lines without blanks at their ends.
    """
    marks = _ASCII_MARKS if ascii_only else _MARKS
    blocks = []
    head = [*wrap(clean(picture.title), _WIDTH), *wrap(clean(picture.caption), _WIDTH)]
    if head:
        blocks.append("\n".join(head))
    blocks.append(_scene(picture, marks, ascii_only))
    foot = [*_legend(picture, marks), *(line for note in picture.notes for line in wrap(clean(note), _WIDTH))]
    if foot:
        blocks.append("\n".join(foot))
    text = "\n\n".join(blocks) + "\n"
    return "\n".join(map(to_ascii, text.split("\n"))) if ascii_only else text


def _scene(picture: Picture, marks: Mapping[str, str], ascii_only: bool) -> str:
    labels = {}
    for key, label in picture.labels.items():
        lines = list(label.lines)
        mark = _mark(marks, label.state, label.bad)
        if mark and lines:
            lines[0] = f"{mark} {lines[0]}"
        labels[key] = paint.Label([to_ascii(line) for line in lines] if ascii_only else lines)
    return paint.to_text(picture.scene, labels, ascii_only=ascii_only)


def _mark(marks: Mapping[str, str], state: str, bad: bool) -> str:
    mark = marks.get(state, "")
    return mark + "!" if bad and state != "bad" else mark


def _legend(picture: Picture, marks: Mapping[str, str]) -> list[str]:
    states, gradients = explained(picture.labels.values())
    parts = [f"{marks[state]} {LEGEND[state]}" for state in states if state in marks]
    if gradients:
        parts.append(GRADIENT)
    return ["   ".join(parts)] if parts else []
