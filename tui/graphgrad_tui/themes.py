"""Colours and marks: two themes, what each state looks like in them, and the mark that tells it without colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual.theme import Theme

from graphgrad.view.picture import LinkState, State

__all__ = ["DARK", "FAULTS", "LEGEND", "LIGHT", "MARKS", "MEANING", "THEMES", "Ink", "Palette", "palette"]


@dataclass(frozen=True, slots=True)
class Ink:
    """A box in one state: its ground, its text, the line of its gradient, and its mark or border."""

    fill: str
    text: str
    gradient: str
    edge: str


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a theme that Textual knows nothing of.

    Attributes
    ----------
    boxes, links
        By state.
    frame, frame_title
        Of scopes.
    value, gradient, bad, quiet, name
        For texts.
    selected
        The mark of the selected box.
    """

    boxes: Mapping[State, Ink]
    links: Mapping[LinkState, str]
    frame: str
    frame_title: str
    value: str
    gradient: str
    bad: str
    quiet: str
    name: str
    selected: str


# Hues of Okabe and Ito, which colour-blind people tell apart; text on its ground has a contrast of 4.5 or more. Greys
# are nearly neutral: a terminal with 256 colours turns bluish ones into a bright navy.
DARK = Palette(
    boxes={
        "waiting": Ink("#2f3338", "#b3bdc8", "#b3bdc8", "#8b97a4"),
        "leaf": Ink("#40464e", "#f2f5f8", "#f7b3d9", "#b9c4d0"),
        "constant": Ink("#23272c", "#c6d0da", "#c6d0da", "#8b97a4"),
        "ready": Ink("#0e4d7a", "#f0f8ff", "#f9c3e1", "#8ecdf5"),
        "current": Ink("#f0e442", "#1c1800", "#7d1159", "#1c1800"),
        "operand": Ink("#e69f00", "#231600", "#6b0d4c", "#231600"),
        "partial": Ink("#4d2440", "#fbe9f4", "#ffc4e6", "#f3a5d2"),
        "gradient": Ink("#74295b", "#fdeff8", "#ffcdea", "#ffb3df"),
        "bad": Ink("#b34700", "#ffffff", "#ffffff", "#ffffff"),
        "failed": Ink("#a01c1c", "#ffffff", "#ffffff", "#ffffff"),
    },
    links={"waiting": "#66727f", "carried": "#6fb4dc", "returned": "#e08cc0", "active": "#ffc233"},
    frame="#4b5764",
    frame_title="#a9b5c1",
    value="#8ecdf5",
    gradient="#f3a5d2",
    bad="#ff8f5e",
    quiet="#97a3af",
    name="#f0e442",
    selected="#56e0c0",
)

LIGHT = Palette(
    boxes={
        "waiting": Ink("#e6eaee", "#4d5762", "#4d5762", "#6d7884"),
        "leaf": Ink("#cdd6e0", "#131b24", "#7d1159", "#4d5762"),
        "constant": Ink("#eceff2", "#353d46", "#353d46", "#6d7884"),
        "ready": Ink("#b7dbf4", "#06202f", "#7d1159", "#00507a"),
        "current": Ink("#ffe83d", "#1c1800", "#7d1159", "#1c1800"),
        "operand": Ink("#ffbf52", "#241600", "#6b0d4c", "#241600"),
        "partial": Ink("#f7dcec", "#3d0f2c", "#7d1159", "#8a2c68"),
        "gradient": Ink("#ebb4d8", "#350a26", "#6b0d4c", "#7d1159"),
        "bad": Ink("#c23c00", "#ffffff", "#ffffff", "#ffffff"),
        "failed": Ink("#961414", "#ffffff", "#ffffff", "#ffffff"),
    },
    links={"waiting": "#98a3ae", "carried": "#2b73a6", "returned": "#a83a7b", "active": "#c06f00"},
    frame="#b0bac4",
    frame_title="#56606b",
    value="#00507a",
    gradient="#96316a",
    bad="#b83600",
    quiet="#56606b",
    name="#6b5a00",
    selected="#00705a",
)

MARKS: Mapping[State, tuple[str, str]] = {
    "waiting": ("·", "."),
    "leaf": (" ", " "),
    "constant": (" ", " "),
    "ready": ("•", "="),
    "current": ("►", ">"),
    "operand": ("◆", "<"),
    "partial": ("◐", "+"),
    "gradient": ("∂", "*"),
    "bad": ("!", "!"),
    "failed": ("✗", "x"),
}
"""What stands at the left end of a box in each state, and the same in ASCII."""

MEANING: Mapping[State, str] = {
    "waiting": "no value yet",
    "leaf": "given",
    "constant": "a number in the code",
    "ready": "the value is there",
    "current": "this is happening now",
    "operand": "takes part in it",
    "partial": "some of the gradient is there",
    "gradient": "the gradient is there",
    "bad": "a number in it is nan or infinite",
    "failed": "raised an error",
}

LEGEND: Mapping[State, str] = {
    "failed": "raised",
    "bad": "nan or infinite",
    "current": "now",
    "gradient": "gradient there",
    "ready": "value there",
    "operand": "takes part",
    "waiting": "not yet",
    "partial": "gradient in part",
}
"""The same in a word or two, for the rows below a picture, the most important first."""

FAULTS: frozenset[State] = frozenset({"failed", "bad"})
"""What the legend has only where there is such a box."""

THEMES: tuple[Theme, Theme] = (
    Theme(
        name="graphgrad-dark",
        primary="#8ecdf5",
        secondary="#f3a5d2",
        accent="#f0e442",
        warning="#e69f00",
        error="#ff8f5e",
        success="#56e0c0",
        foreground="#e6eaef",
        background="#111417",
        surface="#1a1d21",
        panel="#26292e",
        dark=True,
    ),
    Theme(
        name="graphgrad-light",
        primary="#00507a",
        secondary="#96316a",
        accent="#c77700",
        warning="#9a5b00",
        error="#b83600",
        success="#00705a",
        foreground="#1b2128",
        background="#fbfcfd",
        surface="#f1f4f7",
        panel="#e3e8ed",
        dark=False,
    ),
)


def palette(dark: bool) -> Palette:
    """The colours for a dark or a light theme."""
    return DARK if dark else LIGHT
