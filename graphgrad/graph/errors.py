"""What graphgrad raises, and the one shape that its messages have."""

from __future__ import annotations

from graphgrad.graph.source import Site, call_site

__all__ = [
    "ArgumentError",
    "DTypeError",
    "GraphError",
    "GraphgradError",
    "ShapeError",
    "WriteError",
    "check_name",
    "describe",
]


class GraphgradError(Exception):
    """Base of every error that graphgrad raises on purpose."""


class ShapeError(GraphgradError, ValueError):
    """Shapes that don't fit an operation, a gradient or an assignment."""


class ArgumentError(GraphgradError, ValueError):
    """A value that an operation can't take, in operands whose shapes and dtypes would do, or in an attribute."""


class DTypeError(GraphgradError, TypeError):
    """An element type, or a type of object, that can't take part."""


class GraphError(GraphgradError, RuntimeError):
    """A graph used against its rules: differentiated twice, from a leaf, without a record."""


class WriteError(GraphError):
    """Values changed in place while a graph still needs what they were."""


def describe(what: str, *details: str, hint: str = "", made_at: Site | None = None) -> str:
    """Compose a message: what was wrong, the facts, where, and how to mend it.

    Parameters
    ----------
    what
        One sentence that begins with the operation or the function.
    details
        Lines such as ``"a: shape (2, 3), float32"`` or ``"expected: ..."``.
    hint
        How to mend it.
    made_at
        Where the graph's node was made, if it was recorded; the line that runs now is found here.
    """
    lines = [what, *(f"  {detail}" for detail in details)]
    if made_at is not None:
        lines.append(f"  made at: {_place(made_at)}")
    now = call_site()
    if now is not None:
        lines.append(f"  at: {_place(now)}")
    if hint:
        lines.append(f"  hint: {hint}")
    return "\n".join(lines)


def check_name(name: str | None) -> str | None:
    """The name of a tensor or a scalar, if it is one: pictures and files count on text."""
    if name is not None and not isinstance(name, str):
        raise DTypeError(describe(f"name: a text or None is needed, got {type(name).__name__} {name!r:.40}"))
    return name


def _place(site: Site) -> str:
    text = site.source_line.strip()
    return f"{site.file}:{site.line}" + (f"  {text}" if text else "")
