"""How states look: one table for every renderer, and the sizes of a picture.

The hues are those of Okabe and Ito, which colour-blind people tell apart; and no state is told by its colour alone:
borders are thick, thin, dashed or doubled, and bad numbers carry a mark.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from graphgrad.render.fonts import WIDTH
from graphgrad.view.picture import LinkState, State

__all__ = [
    "BOXES",
    "CELL_HEIGHT",
    "CELL_WIDTH",
    "DARK",
    "DARK_BOXES",
    "DARK_LINKS",
    "DASH",
    "GHOST_DASH",
    "GRADIENT",
    "GRADIENT_INKED",
    "LEGEND",
    "LIGHT",
    "LINKS",
    "SIZE",
    "VALUE_INKED",
    "BoxStyle",
    "Ink",
    "LinkStyle",
]

SIZE = 14.0
"""The font size, in pixels at a scale of 1."""
CELL_WIDTH = round(SIZE * WIDTH, 2)
CELL_HEIGHT = 22.0


@dataclass(frozen=True, slots=True)
class BoxStyle:
    """A box in one of its states: colours, the width of its border, and whether that is dashed."""

    fill: str
    stroke: str
    text: str
    width: float = 1.25
    dash: bool = False


@dataclass(frozen=True, slots=True)
class LinkStyle:
    """A link in one of its states."""

    stroke: str
    width: float


@dataclass(frozen=True, slots=True)
class Ink:
    """The colours of everything that has no state."""

    paper: str
    text: str
    quiet: str
    value: str
    gradient: str
    frame: str
    frame_fill: str
    mark: str


LIGHT = Ink("#ffffff", "#1b1f24", "#59636e", "#00507a", "#96316a", "#b6bec8", "#f6f8fa", "#c43d00")

BOXES: dict[State, BoxStyle] = {
    "waiting": BoxStyle("#ffffff", "#8a939d", "#59636e", 1.0, dash=True),
    "leaf": BoxStyle("#eef1f4", "#59636e", "#1b1f24", 1.25),
    "constant": BoxStyle("#f3f4f6", "#c3c9d1", "#3d454e", 1.0),
    "ready": BoxStyle("#e3f1fb", "#0072b2", "#10222e", 1.25),
    "current": BoxStyle("#fbf08a", "#7a6500", "#1f1a00", 3.0),
    "operand": BoxStyle("#fdeccb", "#c77700", "#2b1a00", 2.0),
    "partial": BoxStyle("#fbeef6", "#b04a86", "#331425", 1.5, dash=True),
    "gradient": BoxStyle("#f6dcec", "#a83a7b", "#331425", 1.5),
    "bad": BoxStyle("#fbd9c9", "#c43d00", "#3b1200", 2.25),
    "failed": BoxStyle("#c43d00", "#7d2700", "#ffffff", 2.25),
}

LINKS: dict[LinkState, LinkStyle] = {
    "waiting": LinkStyle("#b6bec8", 1.25),
    "carried": LinkStyle("#4f7d9c", 1.5),
    "returned": LinkStyle("#b04a86", 1.75),
    "active": LinkStyle("#c77700", 3.0),
}
"""From the weakest to the strongest: where links share cells, the strongest is seen."""

LEGEND: dict[State, str] = {
    "leaf": "given",
    "constant": "number in the code",
    "waiting": "no value yet",
    "ready": "value there",
    "current": "happening now",
    "operand": "takes part",
    "partial": "gradient incomplete",
    "gradient": "gradient complete",
    "bad": "nan or infinite",
    "failed": "raised an error",
}
DASH, GHOST_DASH = (4.0, 3.0), (6.0, 2.0)
"""Strokes and gaps of dashed borders; a ghost has its own where its state has none."""

VALUE_INKED: tuple[State, ...] = ("leaf", "constant", "ready")
"""The states in which values have a colour of their own."""
GRADIENT_INKED: tuple[State, ...] = (*VALUE_INKED, "partial", "gradient", "operand", "current", "bad")
"""The states in which gradients have a colour of their own."""

GRADIENT = "∂ gradient of the result with respect to this value"


def _dark(style: BoxStyle, fill: str, stroke: str, text: str) -> BoxStyle:
    return replace(style, fill=fill, stroke=stroke, text=text)


DARK = Ink("#0f1318", "#e6eaef", "#9aa5b1", "#8ecdf5", "#f3a5d2", "#3d4753", "#151b22", "#ff8f5e")

DARK_BOXES: dict[State, BoxStyle] = {
    "waiting": _dark(BOXES["waiting"], "#0f1318", "#6d7884", "#a7b1bc"),
    "leaf": _dark(BOXES["leaf"], "#222a33", "#8b97a4", "#e6eaef"),
    "constant": _dark(BOXES["constant"], "#1a2027", "#4a5561", "#c3ccd5"),
    "ready": _dark(BOXES["ready"], "#0d2a3d", "#56b4e9", "#e3f1fb"),
    "current": _dark(BOXES["current"], "#5a4e00", "#f0e442", "#fffbd6"),
    "operand": _dark(BOXES["operand"], "#4a3000", "#e69f00", "#ffefd2"),
    "partial": _dark(BOXES["partial"], "#2a1722", "#d98ab8", "#f9e4f0"),
    "gradient": _dark(BOXES["gradient"], "#45203a", "#d98ab8", "#f9e4f0"),
    "bad": _dark(BOXES["bad"], "#4d1a06", "#ff8f5e", "#ffe5da"),
    "failed": _dark(BOXES["failed"], "#b23a05", "#ffb08c", "#ffffff"),
}

DARK_LINKS: dict[LinkState, LinkStyle] = {
    "waiting": LinkStyle("#4a5561", 1.25),
    "carried": LinkStyle("#6fa8cc", 1.5),
    "returned": LinkStyle("#d98ab8", 1.75),
    "active": LinkStyle("#f0b429", 3.0),
}
