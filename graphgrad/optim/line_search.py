"""How far to go along a direction: until the strong Wolfe conditions hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Point", "strong_wolfe"]


class Point(NamedTuple):
    """A place on a line.

    Attributes
    ----------
    t
        How far along the direction.
    value, slope
        The function there, and its derivative along the direction.
    gradient
        Its gradient.
    """

    t: float
    value: float
    slope: float
    gradient: np.ndarray[Any, Any]


def strong_wolfe(
    evaluate: Callable[[float], Point],
    start: Point,
    t: float,
    size: float,
    *,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_ls: int = 25,
) -> tuple[Point, int]:
    """Search a place where the value has sunk and the slope is flatter.

    That is f(t) ≤ f(0) + c1 · t · f'(0) and |f'(t)| ≤ c2 · |f'(0)|. First the steps grow until such a place is between
    two of them, then the interval shrinks around it; new places are the minima of cubics through the last two.

    Parameters
    ----------
    evaluate
        Goes to a distance from the start, and tells what it finds there.
    start
        The place at distance 0; its slope is below 0.
    t
        The first distance to try.
    size
        The largest element of the direction: an interval that moves no parameter by more than `tolerance_change` is not
        shrunk.
    c1, c2
        How much the value has to sink, and how flat the slope has to become.
    max_ls
        The most places to try after the first.

    Returns
    -------
    Point, int
        The best place, and how many were tried. After `max_ls` places, or when the interval has become too small, it
        need not hold the conditions; it is never higher than the start.

    Notes
    -----
    Nocedal and Wright, "Numerical Optimization", 2006, algorithms 3.5 and 3.6, with the guards of PyTorch's. A value
    that isn't a number counts as infinite, so that the search turns back.
    """

    def found(t: float) -> Point:
        point = evaluate(t)
        return point._replace(value=math.inf) if math.isnan(point.value) else point

    previous, point = start, found(t)
    tried = 1
    grown = 0
    ends = [start, point]  # wherever the steps have grown to, if none of what is asked for came up on the way
    while grown < max_ls:
        if point.value > start.value + c1 * point.t * start.slope or (grown > 1 and point.value >= previous.value):
            ends = [previous, point]
            break
        if abs(point.slope) <= -c2 * start.slope:
            return point, tried
        if point.slope >= 0:
            ends = [previous, point]
            break
        bounds = point.t + 0.01 * (point.t - previous.t), point.t * 10
        previous, point = point, found(_minimum(previous, point, bounds))
        tried += 1
        grown += 1
        ends = [start, point]
    low = 0 if ends[0].value <= ends[1].value else 1
    stuck = False
    while grown < max_ls and abs(ends[1].t - ends[0].t) * size >= tolerance_change:
        left, right = sorted(end.t for end in ends)
        t = _minimum(ends[0], ends[1], (left, right))
        # Near an end little is learnt. A second time, or at the end itself, it is a tenth of the interval away from it.
        margin = 0.1 * (right - left)
        near = min(right - t, t - left) < margin
        if near and (stuck or t >= right or t <= left):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            near = False
        stuck = near
        point = found(t)
        tried += 1
        grown += 1
        if point.value > start.value + c1 * t * start.slope or point.value >= ends[low].value:
            ends[1 - low] = point
            low = 0 if ends[0].value <= ends[1].value else 1
            continue
        if abs(point.slope) <= -c2 * start.slope:
            return point, tried
        if point.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = point
    return ends[low], tried


def _minimum(a: Point, b: Point, bounds: tuple[float, float]) -> float:
    """Where the cubic with the values and slopes of two places is smallest, within bounds; else half-way."""
    if a.t > b.t:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not 0 <= square < math.inf:  # no minimum, or not numbers
        return (bounds[0] + bounds[1]) / 2.0
    d2 = math.sqrt(square)
    below = b.slope - a.slope + 2 * d2
    if below == 0:
        return (bounds[0] + bounds[1]) / 2.0
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / below), bounds[0]), bounds[1])
