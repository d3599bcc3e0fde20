"""The scene: a laid-out graph in whole character cells, the one thing that every renderer draws.

A scene holds geometry and identity only: where each box stands, which cells each link runs through, where the frames of
groups lie. Texts, colours and states come from the renderer's caller, so that a step of a walk changes no geometry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

__all__ = ["Direction", "Frame", "Key", "PlacedBox", "Point", "Route", "Scene"]

Key = str | int
Point = tuple[int, int]
Direction = Literal["TB", "LR"]


@dataclass(frozen=True, slots=True)
class PlacedBox:
    """A box that covers the cells ``x .. x + width - 1`` by ``y .. y + height - 1``."""

    key: Key
    x: int
    y: int
    width: int
    height: int

    def covers(self, x: int, y: int) -> bool:
        """Whether the cell ``(x, y)`` lies in the box."""
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one link: its corner cells in order.

    The first point is a cell of the tail's border, the last one a cell of the head's border; all the others lie outside
    of every box. Consecutive points differ in exactly one coordinate. Routes with the same ``net`` carry the same
    value, and may share cells; routes of different nets share a cell only where they cross at a right angle.
    """

    key: Key
    tail: Key
    head: Key
    port: int
    tail_port: int
    points: tuple[Point, ...]

    @property
    def net(self) -> tuple[Key, int]:
        """The value that the link carries: its tail and the output of the tail."""
        return self.tail, self.tail_port

    def cells(self) -> Iterator[Point]:
        """Yield every cell of the route once, from the tail's border to the head's border."""
        x, y = self.points[0]
        yield x, y
        for to_x, to_y in self.points[1:]:
            step_x, step_y = (to_x > x) - (to_x < x), (to_y > y) - (to_y < y)
            while (x, y) != (to_x, to_y):
                x, y = x + step_x, y + step_y
                yield x, y


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame around a group; its border runs through the outermost cells of the rectangle."""

    path: tuple[str, ...]
    x: int
    y: int
    width: int
    height: int

    @property
    def title(self) -> str:
        """The last part of the group's path."""
        return self.path[-1]


@dataclass(frozen=True)
class Scene:
    """A laid-out graph. Boxes, routes and frames keep the order of the caller's input (frames: outer before inner)."""

    direction: Direction
    width: int
    height: int
    boxes: tuple[PlacedBox, ...]
    routes: tuple[Route, ...]
    frames: tuple[Frame, ...]

    @cached_property
    def box(self) -> dict[Key, PlacedBox]:
        """The boxes by key."""
        return {box.key: box for box in self.boxes}

    @cached_property
    def route(self) -> dict[Key, Route]:
        """The routes by the key of their link."""
        return {route.key: route for route in self.routes}

    @cached_property
    def crossings(self) -> frozenset[Point]:
        """The cells outside of boxes in which links that carry different values cross."""
        owner: dict[Point, tuple[Key, int]] = {}
        crossed = set()
        for route in self.routes:
            net = route.net
            first, last = route.points[0], route.points[-1]
            for cell in route.cells():
                if cell not in (first, last) and owner.setdefault(cell, net) != net:
                    crossed.add(cell)
        return frozenset(crossed)

    def box_at(self, x: int, y: int) -> PlacedBox | None:
        """Return the box that covers a cell, or None (what a mouse click on the picture means)."""
        return next((box for box in self.boxes if box.covers(x, y)), None)
