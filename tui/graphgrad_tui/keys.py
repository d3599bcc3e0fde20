"""Every key of the terminal UI, in one table.

Bindings, the bar at the bottom, the help screen and the table in the README are made of it, so they can't differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

__all__ = ["GROUPS", "KEYS", "Key", "Where", "bindings", "footer", "groups", "markdown", "shown"]

Where = Literal["walk", "lesson", "answer", "catalogue"]

GROUPS = ("Steps", "Picture", "A closer look", "Lesson", "While a question waits", "Catalogue", "Everywhere")


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that keys do.

    Attributes
    ----------
    keys
        As Textual calls them, the most usual first.
    action
        The action of the screen, or of the app: ``app.help``.
    label
        In the bar at the bottom, a word or two.
    help
        On the help screen, a sentence.
    group
        The heading there.
    where
        The screens that it works on; ``"answer"`` is where an answer is typed.
    rank
        Its place in the bar; 0 for none.
    """

    keys: tuple[str, ...]
    action: str
    label: str
    help: str
    group: str
    where: tuple[Where, ...]
    rank: int = 0


_WALK: tuple[Where, ...] = ("walk", "lesson")
_ALL: tuple[Where, ...] = ("walk", "lesson", "catalogue")
_ANSWER = "While a question waits"

KEYS: tuple[Key, ...] = (
    Key(("right", "l", "n"), "step(1)", "next", "One step on.", "Steps", _WALK, 1),
    Key(("left", "h", "p"), "step(-1)", "back", "One step back.", "Steps", _WALK, 2),
    Key(("right_square_bracket",), "phase(1)", "phase", "To the end of this pass.", "Steps", _WALK, 5),
    Key(("left_square_bracket",), "phase(-1)", "phase back", "To the start of this pass.", "Steps", _WALK),
    Key(("end",), "last", "last", "To the last step.", "Steps", _WALK),
    Key(("home",), "first", "first", "Before the first step.", "Steps", _WALK),
    Key(("g",), "goto", "go to", "Go to a step by number, or to a value by name.", "Steps", _WALK, 7),
    Key(("space",), "play", "play", "Play, and pause.", "Steps", ("walk",), 3),
    Key(("P",), "play", "play", "Play, and pause.", "Steps", ("lesson",)),
    Key(("plus",), "speed(1)", "faster", "Play faster.", "Steps", _WALK),
    Key(("minus",), "speed(-1)", "slower", "Play slower.", "Steps", _WALK),
    Key(("a",), "granularity", "all steps", "Concepts, or every operation.", "Steps", _WALK),
    Key(("tab",), "select(1)", "select", "Select the next box; the inspector shows it.", "Picture", _WALK, 8),
    Key(("shift+tab",), "select(-1)", "select back", "Select the box before.", "Picture", _WALK),
    Key(("shift+left",), "pan(-1, 0)", "pan left", "Move the view to the left.", "Picture", _WALK),
    Key(("shift+right",), "pan(1, 0)", "pan right", "Move the view to the right.", "Picture", _WALK),
    Key(("shift+up",), "pan(0, -1)", "pan up", "Move the view up.", "Picture", _WALK),
    Key(("shift+down",), "pan(0, 1)", "pan down", "Move the view down.", "Picture", _WALK),
    Key(("c",), "centre", "centre", "Centre what is selected, or what happens.", "Picture", _WALK),
    Key(("f",), "fit", "fit", "Choose direction, labels and folds that fit.", "Picture", _WALK, 10),
    Key(("z",), "fold", "fold", "Fold the scope of the box; unfold a folded one.", "Picture", _WALK, 9),
    Key(("Z",), "fold_others", "fold others", "Fold all scopes but this one; again: unfold all.", "Picture", _WALK),
    Key(("d",), "direction", "direction", "From top to bottom, or from left to right.", "Picture", _WALK, 12),
    Key(("v",), "preset", "labels", "What boxes say: values, gradients, shapes, names.", "Picture", _WALK, 11),
    Key(("slash",), "search", "search", "Find a value by name, operation, scope or line.", "Picture", _WALK, 13),
    Key(("i",), "panels", "inspector", "Show or hide the inspector.", "A closer look", _WALK, 14),
    Key(("pagedown",), "scroll_inspector(1)", "inspector down", "Scroll the inspector down.", "A closer look", _WALK),
    Key(("pageup",), "scroll_inspector(-1)", "inspector up", "Scroll the inspector up.", "A closer look", _WALK),
    Key(("e",), "expand", "expand", "Open the operation as a walk of its own.", "A closer look", _WALK, 6),
    Key(("E",), "expand('scalars')", "numbers", "Open the operation down to single numbers.", "A closer look", _WALK),
    Key(("escape",), "leave", "leave", "Give up the selection; leave an expanded walk.", "A closer look", _WALK),
    Key(("x",), "export", "export", "Write the picture to an SVG file.", "A closer look", _WALK, 15),
    Key(("space", "enter"), "advance", "go on", "Go on: the next text, or the answer.", "Lesson", ("lesson",), 3),
    Key(("backspace",), "retreat", "go back", "Back to the text before.", "Lesson", ("lesson",), 4),
    Key(("enter",), "submit", "answer", "Give the answer; ? gives up and shows it.", _ANSWER, ("answer",), 1),
    Key(("escape",), "screen.leave", "to the graph", "Go to the graph; space comes back.", _ANSWER, ("answer",), 2),
    Key(("backspace",), "delete_left", "go back", "To the text before, if nothing is typed.", _ANSWER, ("answer",), 3),
    Key(("right",), "step(1)", "next", "One step on, if nothing is typed.", _ANSWER, ("answer",), 5),
    Key(("left",), "step(-1)", "back", "One step back, if nothing is typed.", _ANSWER, ("answer",), 6),
    Key(("enter",), "open", "open", "Open the lesson or the script.", "Catalogue", ("catalogue",), 1),
    Key(("o",), "open_file", "open a file", "Open a script or a saved walk.", "Catalogue", ("catalogue",), 2),
    Key(("delete",), "forget", "forget", "Forget a recent script.", "Catalogue", ("catalogue",), 3),
    Key(("question_mark", "f1"), "app.help", "help", "This page.", "Everywhere", _ALL, 4),
    Key(("t",), "app.appearance", "theme", "Dark or light.", "Everywhere", _ALL),
    Key(("f1",), "app.help", "help", "This page.", _ANSWER, ("answer",), 4),
    Key(("ctrl+p",), "app.command_palette", "commands", "All commands, and more themes.", "Everywhere", _ALL),
    Key(("ctrl+q",), "app.quit", "quit", "Leave.", "Everywhere", (*_ALL, "answer"), 16),
)

_SHOWN = {
    "right": "→",
    "left": "←",
    "up": "↑",
    "down": "↓",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "slash": "/",
    "question_mark": "?",
    "plus": "+",
    "minus": "-",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
}


def shown(key: str, ascii_only: bool = False) -> str:
    """What a key is called on screen.

    Examples
    --------
    >>> shown("right"), shown("shift+up"), shown("question_mark"), shown("right", ascii_only=True)
    ('→', 'shift+↑', '?', 'right')
    """
    *modifiers, last = key.split("+")
    word = _SHOWN.get(last, last)
    if ascii_only and not word.isascii():
        word = last
    return "+".join([*modifiers, word])


def _of(where: Where) -> Iterator[Key]:
    return (key for key in KEYS if where in key.where)


def bindings(where: Where) -> list[BindingType]:
    """The bindings of a screen."""
    return [
        Binding(",".join(key.keys), key.action, key.label, tooltip=key.help, show=False, id=f"{where}.{key.action}")
        for key in _of(where)
    ]


def footer(where: Where) -> list[Key]:
    """What stands in the bar at the bottom, the most important first."""
    return sorted((key for key in _of(where) if key.rank), key=lambda key: key.rank)


def groups(where: Where) -> list[tuple[str, list[Key]]]:
    """What stands on the help screen, by heading; that of a lesson has the keys of an answer too."""
    listed = [*_of(where), *(key for key in _of("answer") if where == "lesson" and key.group == _ANSWER)]
    found = [(group, [key for key in listed if key.group == group]) for group in GROUPS]
    return [(group, keys) for group, keys in found if keys]


def markdown(where: Sequence[Where] = (*_ALL, "answer")) -> str:
    """The keys as a Markdown table, each once.

    Examples
    --------
    >>> print(markdown(["catalogue"]).splitlines()[2])
    | `enter` | Open the lesson or the script. |
    """
    lines = ["| Key | What it does |", "| --- | --- |"]
    for key in KEYS:
        if set(key.where) & set(where):
            names = " ".join(f"`{shown(name)}`" for name in key.keys)
            only = " (lesson)" if key.where == ("lesson",) and key.group != "Lesson" else ""
            only = " (while a question waits)" if key.group == _ANSWER else only
            lines.append(f"| {names} | {key.help}{only} |")
    return "\n".join(lines) + "\n"
