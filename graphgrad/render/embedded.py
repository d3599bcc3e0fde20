"""A process of its own for the Graphviz inside pygraphviz: DOT comes in, a file goes out.

A crash, a hang or a message of the C library harms nobody there. Run by `graphgrad.render.graphviz`.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> int:
    """Draw the DOT text of the standard input in the format that the only argument names."""
    import pygraphviz

    graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
    drawn = graph.draw(format=sys.argv[1], prog="dot")
    sys.stdout.buffer.write(drawn if isinstance(drawn, bytes) else drawn.encode("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
