"""The renderers as visualizers: ``gg.walk(y).show("svg", "neuron.svg")``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from graphgrad.graph.errors import describe
from graphgrad.render.export import Format, render
from graphgrad.walk.walk import Walk

__all__ = ["Dot", "Html", "Json", "Pdf", "Png", "Svg", "Txt"]


class _File:
    """Writes a walk into a file of one format."""

    format: ClassVar[Format]

    def show(self, walk: Walk, path: str | os.PathLike[str], **options: Any) -> Path:
        """Write the file and return its path.

        Parameters
        ----------
        walk
            The walk.
        path
            Where to, with the suffix of the format.
        **options
            Those of `graphgrad.render.export.render`: ``step``, ``look``, ``granularity``, ``engine``, ``scale``.

        Raises
        ------
        ValueError
            If the path has another suffix.
        """
        suffix = Path(path).suffix.lower()
        if suffix != f".{self.format}":
            raise ValueError(
                describe(
                    f"show: {self.format} writes files that end in .{self.format}",
                    f"got: {os.fspath(path)!r}",
                    hint="graphgrad.render.render(walk, path) goes by the suffix",
                )
            )
        return render(walk, path, **options)


class Svg(_File):
    """A picture in vectors, for browsers and editors."""

    format = "svg"


class Png(_File):
    """A picture in pixels."""

    format = "png"


class Pdf(_File):
    """A picture on a page of its size."""

    format = "pdf"


class Dot(_File):
    """The graph in Graphviz' language."""

    format = "dot"


class Html(_File):
    """A page that steps through both passes."""

    format = "html"


class Json(_File):
    """All numbers of the walk, to be opened again."""

    format = "json"


class Txt(_File):
    """A picture in characters."""

    format = "txt"
