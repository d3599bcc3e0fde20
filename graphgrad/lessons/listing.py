"""Which lessons there are. Listing them reads their front matter only, and runs nothing."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from graphgrad.graph.errors import describe
from graphgrad.lessons.lesson import Lesson, LessonError, LessonInfo, parse, parse_info

__all__ = ["FOLDER", "catalogue", "open_lesson"]

FOLDER = Path(__file__).parent / "parts"
"""The folder of the lessons that come with graphgrad."""


def catalogue(folder: str | os.PathLike[str] = FOLDER) -> tuple[LessonInfo, ...]:
    """The lessons of a folder, in the order in which they are best taken.

    Parameters
    ----------
    folder
        A folder of lesson files; without one, graphgrad's own.

    Raises
    ------
    LessonError
        If one of them has no front matter that can be read.

    Examples
    --------
    >>> from graphgrad.lessons import catalogue
    >>> catalogue()[0].id
    'sigmoid-neuron'
    """
    found = [parse_info(_read(path), path) for path in Path(folder).glob("*.md")]
    return tuple(sorted(found, key=lambda info: (info.part, info.order, info.id)))


def open_lesson(id: str | os.PathLike[str], folder: str | os.PathLike[str] = FOLDER) -> Lesson:
    """A lesson by its id, or by the path of its file.

    Parameters
    ----------
    id
        Such as ``"sigmoid-neuron"``; what ends in ``.md`` is a path.
    folder
        Where ids are looked for.

    Raises
    ------
    LookupError
        If there is no such lesson; the message has those that are spelt like it.
    LessonError
        If the file isn't built as a lesson is.

    Examples
    --------
    >>> from graphgrad.lessons import open_lesson
    >>> open_lesson("sigmoid-neuron").info.part
    'P01'
    """
    name = os.fspath(id)
    if name.endswith(".md"):
        path = Path(name)
        if not path.is_file():
            raise LookupError(describe(f"there is no lesson file {name!r}"))
        return parse(_read(path), path)
    known = sorted(path.stem for path in Path(folder).glob("*.md"))
    if name not in known:
        near = get_close_matches(name.casefold(), known)
        hint = f"did you mean {' or '.join(near)}?" if near else "`graphgrad lessons` lists them"
        raise LookupError(describe(f"there is no lesson {name!r}", f"lessons: {', '.join(known) or 'none'}", hint=hint))
    path = Path(folder) / f"{name}.md"
    # Where the package lies is nobody's business, and its own files never count as the user's code.
    return parse(_read(path), path, path.name if Path(folder) == FOLDER else None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise LessonError(f"{path.name}:1: not a text in UTF-8") from None
