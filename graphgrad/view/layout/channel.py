"""Routing in one channel: which track each net runs on between two ranks.

Every net comes down from one pin at the top, runs along its track, and goes down to its pins at the bottom. A net
that comes down in a column where another one leaves must run above it; where such demands form a circle, one net
changes its track in a free column (a dogleg). Among what is left, the order with fewer crossings wins. Nets that do not
come near each other share a track.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count as count_from

import numpy as np

__all__ = ["Net", "route_channel"]

# Above this many pairs the order of tracks follows the demands only.
_PAIRS = 100_000
# How many tracks are tried for a net before it goes below everything in its columns.
_TRIED = 100


@dataclass(slots=True)
class Net:
    """A net in a channel: the column of its pin at the top, those at the bottom, and the track found (-1: straight).

    After a dogleg, ``rest`` is the part below, which starts from the only bottom column of the part above.
    """

    top: int
    bottoms: tuple[int, ...]
    track: int = -1
    rest: Net | None = None

    @property
    def low(self) -> int:
        """The leftmost column."""
        return min(self.top, self.bottoms[0])

    @property
    def high(self) -> int:
        """The rightmost column."""
        return max(self.top, self.bottoms[-1])


def route_channel(nets: Sequence[Net], occupied: set[int]) -> int:
    """Give every net its track, counted from the top; return the number of tracks.

    Parameters
    ----------
    nets : sequence of Net
        Top columns are distinct, and so are all bottom columns. Changed in place.
    occupied : set of int
        Columns in which no dogleg may run; those of the nets' pins are added.
    """
    bent = [net for net in nets if net.low < net.high]
    if not bent:
        return 0
    for net in nets:
        occupied.add(net.top)
        occupied.update(net.bottoms)
    below = _demands(bent)
    while circle := _find_circle(below):
        # The net with the widest run has the best chance of a free column within it.
        chosen = max(circle, key=lambda i: (bent[i].high - bent[i].low, -i))
        net = bent[chosen]
        column = _free_column(net, occupied)
        occupied.add(column)
        net.rest = Net(column, net.bottoms)
        net.bottoms = (column,)
        bent.append(net.rest)
        below = _demands(bent)
    # The runs on each track, from left to right; and by column how many tracks down to the last that is taken there.
    rows: list[list[tuple[int, int]]] = []
    first = min(net.low for net in bent)
    taken = np.zeros(max(net.high for net in bent) - first + 3, dtype=np.int64)
    for net, above in _order(bent, below):
        run = (net.low, net.high)
        row = max((bent[j].track + 1 for j in above), default=0)
        last = min(row + _TRIED, len(rows))
        while row < last and not _has_room(rows[row], run):
            row += 1
        reach = taken[net.low - first : net.high - first + 3]
        if row == last < len(rows):
            row = max(row, int(reach.max()))
        if row == len(rows):
            rows.append([])
        insort(rows[row], run)
        np.maximum(reach[1:-1], row + 1, out=reach[1:-1])
        net.track = row
    return len(rows)


def _has_room(row: Sequence[tuple[int, int]], run: tuple[int, int]) -> bool:
    """Whether a run fits between those of a track, a blank cell or more from each: touching runs would look joined."""
    at = bisect_left(row, run)
    return (not at or row[at - 1][1] + 1 < run[0]) and (at == len(row) or run[1] + 1 < row[at][0])


def _demands(nets: Sequence[Net]) -> list[list[int]]:
    """Return, for each net, the nets that must run below it."""
    leaving = {column: i for i, net in enumerate(nets) for column in net.bottoms}
    below: list[list[int]] = [[] for _ in nets]
    for i, net in enumerate(nets):
        other = leaving.get(net.top, i)
        if nets[other].rest is net:
            below[other].append(i)  # the lower part of a dogleg hangs from the upper one
        elif other != i:
            below[i].append(other)
    return below


def _find_circle(below: list[list[int]]) -> list[int]:
    """Return the nets of one circle of demands, or none."""
    waiting = [0] * len(below)
    for others in below:
        for j in others:
            waiting[j] += 1
    order = [i for i, n in enumerate(waiting) if not n]
    for i in order:
        for j in below[i]:
            waiting[j] -= 1
            if not waiting[j]:
                order.append(j)
    if len(order) == len(below):
        return []
    left = {i for i, n in enumerate(waiting) if n}
    before = {j: i for i in sorted(left, reverse=True) for j in below[i]}
    i = min(left)
    trail: dict[int, int] = {}
    while i not in trail:
        trail[i] = len(trail)
        i = before[i]
    return list(trail)[trail[i] :]


def _free_column(net: Net, occupied: set[int]) -> int:
    middle = (net.low + net.high) // 2
    for distance in count_from():
        for column in (middle - distance, middle + distance):
            if column not in occupied:
                return column
    raise AssertionError("unreachable: columns do not end")


def _order(nets: Sequence[Net], below: list[list[int]]) -> list[tuple[Net, list[int]]]:
    """Return the nets from the highest track down, each with the nets before it that must run above it."""
    count = len(nets)
    # What it costs to run net i above net j, for pairs where that differs.
    worse: list[dict[int, int]] = [{} for _ in nets]
    better: list[dict[int, int]] = [{} for _ in nets]
    low, high = [net.low for net in nets], [net.high for net in nets]
    by_low = sorted(range(count), key=low.__getitem__)
    pairs = 0
    for a, i in enumerate(by_low):
        for b in range(a + 1, count):
            j = by_low[b]
            if low[j] > high[i] or pairs > _PAIRS:
                break
            pairs += 1
            cost = _crossings(nets[i], nets[j]) - _crossings(nets[j], nets[i])
            if cost > 0:
                worse[i][j] = better[j][i] = cost
            elif cost < 0:
                worse[j][i] = better[i][j] = -cost
    waiting = [0] * count
    for others in below:
        for j in others:
            waiting[j] += 1
    penalty = [sum(costs.values()) for costs in worse]
    gain = [sum(costs.values()) for costs in better]

    def urgency(i: int) -> tuple[bool, int, int, int]:
        return penalty[i] > 0, penalty[i] - gain[i], low[i], i

    # A net's urgency changes as others are placed: the heap then gets it once more, and the older entry is passed over.
    ready = [urgency(i) for i in range(count) if not waiting[i]]
    heapify(ready)
    above: list[list[int]] = [[] for _ in nets]
    done = [False] * count
    order = []
    while ready:
        entry = heappop(ready)
        i = entry[-1]
        if done[i] or entry != urgency(i):
            continue
        done[i] = True
        order.append((nets[i], above[i]))
        for j, cost in worse[i].items():
            gain[j] -= cost
        for j, cost in better[i].items():
            penalty[j] -= cost
        for j in below[i]:
            waiting[j] -= 1
        for j in dict.fromkeys((*below[i], *worse[i], *better[i])):
            if not done[j]:
                above[j].append(i)
                if not waiting[j]:
                    heappush(ready, urgency(j))
    return order


def _crossings(upper: Net, lower: Net) -> int:
    """Count the crossings of two nets if the first runs above the second."""
    return sum(lower.low < column < lower.high for column in upper.bottoms) + (upper.low < lower.top < upper.high)
