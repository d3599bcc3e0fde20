"""What a renderer gets: a scene with words and states in it.

`Look` is what the person chose, `Drawing` the graph laid out under that look, and `Picture` that drawing at one moment
of a walk. A step changes words and states only; choosing another look lays out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from graphgrad.view.scene import Direction, Key, Scene

__all__ = ["LINK_STATES", "STATES", "Label", "LinkState", "Look", "Picture", "Preset", "State"]

State = Literal[
    "waiting",
    "leaf",
    "constant",
    "ready",
    "current",
    "operand",
    "partial",
    "gradient",
    "bad",
    "failed",
]
"""What is going on at a box: no value yet; a leaf; a number in the code; value there; what the step happens at; what it
reads or writes; some contributions to the gradient are there; all are; NaN or infinite; the operation that raised."""
STATES: tuple[State, ...] = State.__args__  # type: ignore[attr-defined]

LinkState = Literal["waiting", "carried", "active", "returned"]
"""What is going on on a link: nothing yet; the value went along; the step happens here; the gradient came back."""
LINK_STATES: tuple[LinkState, ...] = LinkState.__args__  # type: ignore[attr-defined]

Preset = Literal["name", "value", "gradient", "both", "shape"]


@dataclass(frozen=True, slots=True)
class Look:
    """What the person who looks has chosen.

    Attributes
    ----------
    direction
        Top to bottom, or left to right.
    preset
        What a box says beside its name: nothing, its value, its gradient, both, or its shape.
    folded
        Scope paths that are drawn as one box.
    frames
        Whether scopes that are open get a frame.
    ghosts
        Whether leaves that are read in several places are drawn once for each reader; None for: where the picture is
        large. (Constants have one reader each.)
    plumbing
        Whether operations that only rearrange values are drawn.
    around
        A vertex that stays visible in a graph that is too large to be drawn whole.
    most
        The most boxes that are drawn; what is beyond is folded, and the picture's notes say so.
    """

    direction: Direction = "TB"
    preset: Preset = "both"
    folded: frozenset[str] = frozenset()
    frames: bool = True
    ghosts: bool | None = None
    plumbing: bool = False
    around: int | None = None
    most: int = 400


@dataclass(frozen=True, slots=True)
class Label:
    """What a box says, and how it stands.

    Attributes
    ----------
    lines
        One for each row.
    state
        What is going on.
    bad
        Whether a number in it is nan or infinite, whatever the state is: a box can be both current and bad.
    ghost
        Whether the same leaf is drawn in other places too.
    folded
        Whether it stands for several operations.
    """

    lines: tuple[str, ...]
    state: State
    bad: bool = False
    ghost: bool = False
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A scene with words and states.

    Attributes
    ----------
    scene
        Where everything is, in character cells.
    labels
        By box key.
    links
        By link key.
    title
        What the picture is of.
    caption
        What happens at this moment, in one line; empty for a graph that isn't walked.
    notes
        What the picture leaves out or draws more than once, a sentence each.
    """

    scene: Scene
    labels: Mapping[Key, Label]
    links: Mapping[Key, LinkState]
    title: str = ""
    caption: str = ""
    notes: tuple[str, ...] = field(default=())
