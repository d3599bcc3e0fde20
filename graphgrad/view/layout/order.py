"""Order within ranks: few crossings, operands from left to right, the boxes of a group side by side.

Depth-first starts from the sinks and from the sources, then sweeps of weighted medians and exchanges of neighbours
(Gansner and others, 1993). The best order seen wins, and an earlier order wins a tie, so a small change moves little.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from math import inf

from graphgrad.view.layout.layers import Kind, Layered

__all__ = ["count_crossings", "improve_order", "inversions", "start_order"]

_PATIENCE = 5  # sweeps without a gain before giving up
_SWEEPS = 24


class _Order:
    """A layered graph while its ranks are being ordered."""

    def __init__(self, layered: Layered, budget: int) -> None:
        self.layered = layered
        self.budget = budget
        half_out = [(o + 0.5) / layered.breadth[v] - 0.5 for o, v in zip(layered.out, layered.tail, strict=True)]
        half_in = [(o + 0.5) / layered.breadth[v] - 0.5 for o, v in zip(layered.into, layered.head, strict=True)]
        # The other end of each segment and where on that vertex it ends, by vertex.
        self.above = [[(layered.tail[s], half_out[s]) for s in segments] for segments in layered.up]
        self.below = [[(layered.head[s], half_in[s]) for s in segments] for segments in layered.down]
        self.ends: list[list[tuple[int, float, int, float]]] = [[] for _ in layered.layers]
        for s, tail in enumerate(layered.tail):
            self.ends[layered.rank[tail]].append((tail, half_out[s], layered.head[s], half_in[s]))
        self.place = [0] * len(layered.kind)
        self.lineage = [layered.groups[g].lineage for g in layered.group]
        self.group_order = list(range(len(layered.groups)))
        self.note_places(range(len(layered.layers)))

    def note_places(self, ranks: Iterable[int]) -> None:
        for rank in ranks:
            for i, vertex in enumerate(self.layered.layers[rank]):
                self.place[vertex] = i

    def crossings(self, rank: int) -> int:
        """Count the crossings between a rank and the next."""
        place = self.place
        lows: list[float] = []
        total = 0
        for _, low in sorted((place[u] + a, place[v] + b) for u, a, v, b in self.ends[rank]):
            total += len(lows) - bisect_left(lows, low + 1e-9)
            insort(lows, low)
        self.budget -= 4 * len(lows)
        return total

    def total(self) -> int:
        return sum(map(self.crossings, range(len(self.layered.layers) - 1)))

    def sweep(self, downward: bool) -> None:
        """Sort every rank by the medians of the neighbours in the rank before it."""
        layers = self.layered.layers
        neighbours = self.above if downward else self.below
        place = self.place
        for rank in range(1, len(layers)) if downward else range(len(layers) - 2, -1, -1):
            layer = layers[rank]
            if len(layer) < 2:
                continue
            ends = [sorted([place[u] + offset for u, offset in neighbours[vertex]]) for vertex in layer]
            self.arrange(rank, _fill([_median(own) for own in ends]))
            self.budget -= 8 * len(layer)

    def arrange(self, rank: int, values: Sequence[float]) -> None:
        """Sort a rank by values, the members of a group side by side, sibling groups in their fixed order."""
        layer = self.layered.layers[rank]
        if len(self.layered.groups) == 1:
            layer[:] = [layer[i] for i in sorted(range(len(layer)), key=lambda i: values[i])]
        else:
            keys = self.group_keys(layer, values)
            layer[:] = [layer[i] for i in sorted(range(len(layer)), key=lambda i: keys[i])]
        self.note_places((rank,))

    def group_keys(self, layer: Sequence[int], values: Sequence[float]) -> list[list[float]]:
        groups, kind = self.layered.groups, self.layered.kind
        total: dict[int, float] = {}
        count: dict[int, float] = {}
        for vertex, value in zip(layer, values, strict=True):
            weight = 1e-6 if kind[vertex] in (Kind.LEFT, Kind.RIGHT) else 1.0
            for group in self.lineage[vertex]:
                total[group] = total.get(group, 0.0) + weight * value
                count[group] = count.get(group, 0.0) + weight
        siblings: dict[int, list[int]] = {}
        for group in sorted(total, key=lambda g: self.group_order[g]):
            siblings.setdefault(groups[group].parent, []).append(group)
        mean: dict[int, float] = {}
        for family in siblings.values():
            # The nearest values that keep the order of the siblings (pool adjacent violators).
            pools: list[tuple[float, float, list[int]]] = []
            for group in family:
                pools.append((total[group], count[group], [group]))
                while len(pools) > 1 and pools[-2][0] * pools[-1][1] > pools[-1][0] * pools[-2][1]:
                    (sum_b, n_b, b), (sum_a, n_a, a) = pools.pop(), pools.pop()
                    pools.append((sum_a + sum_b, n_a + n_b, a + b))
            least = -inf
            for pool_sum, pool_count, members in pools:
                least = max(least, pool_sum / pool_count)  # rounding must not turn two pools round
                for group in members:
                    mean[group] = least
        keys = []
        for i, (vertex, value) in enumerate(zip(layer, values, strict=True)):
            key: list[float] = []
            for group in self.lineage[vertex]:
                key += (mean[group], self.group_order[group] + 1)
            side = {Kind.LEFT: -inf, Kind.RIGHT: inf}.get(kind[vertex])
            keys.append([*key, value if side is None else side, 0, i])
        return keys

    def exchange(self) -> None:
        """Exchange neighbours of a rank while that removes crossings."""
        layers = self.layered.layers
        ranks = list(range(len(layers)))
        while ranks and self.budget > 0:
            changed = [rank for rank in ranks if len(layers[rank]) > 1 and self.exchange_in(rank)]
            ranks = sorted({near for r in changed for near in (r - 1, r, r + 1) if 0 <= near < len(layers)})

    def exchange_in(self, rank: int) -> bool:
        layer, place, group, kind = self.layered.layers[rank], self.place, self.layered.group, self.layered.kind
        above = {v: sorted([place[u] + offset for u, offset in self.above[v]]) for v in layer}
        below = {v: sorted([place[u] + offset for u, offset in self.below[v]]) for v in layer}
        changed = False
        i = 0
        while i < len(layer) - 1 and self.budget > 0:
            left, right = layer[i], layer[i + 1]
            self.budget -= 4
            free = group[left] == group[right] and kind[left] < Kind.LEFT and kind[right] < Kind.LEFT
            if free and (
                inversions(above[left], above[right]) + inversions(below[left], below[right])
                > inversions(above[right], above[left]) + inversions(below[right], below[left])
            ):
                layer[i], layer[i + 1] = right, left
                place[left], place[right] = i + 1, i
                changed = True
                # The exchanged vertex may go on to the left. Each exchange removes a crossing, so this ends.
                i = max(i - 1, 0)
            else:
                i += 1
        return changed


def inversions(left: list[float], right: list[float]) -> int:
    """Count the pairs of ends that cross while one vertex stands left of another; both lists are sorted."""
    if not left or not right or left[-1] <= right[0]:
        return 0
    # A value that is read everywhere has very many ends, its neighbour a few.
    if len(left) <= len(right):
        return sum(bisect_left(right, end) for end in left)
    return sum(len(left) - bisect_right(left, end) for end in right)


def _median(ends: list[float]) -> float | None:
    """Return the weighted median: between the two middle ends, nearer to the denser side."""
    count = len(ends)
    if not count:
        return None
    middle = count // 2
    if count % 2:
        return ends[middle]
    if count == 2:
        return (ends[0] + ends[1]) / 2
    left, right = ends[middle - 1] - ends[0], ends[-1] - ends[middle]
    if left + right == 0:
        return (ends[middle - 1] + ends[middle]) / 2
    return (ends[middle - 1] * right + ends[middle] * left) / (left + right)


def _fill(values: list[float | None]) -> list[float]:
    """Give a vertex without neighbours the value of the vertex that it stands beside."""
    known = next((value for value in values if value is not None), 0.0)
    filled = []
    for value in values:
        known = known if value is None else value
        filled.append(known)
    return filled


def count_crossings(layered: Layered) -> int:
    """Count the crossings of segments between neighbouring ranks."""
    return _Order(layered, 0).total()


def start_order(layered: Layered, wish: Sequence[float | None]) -> None:
    """Order the ranks as a depth-first search from the sinks meets them, and boxes with wishes by their wishes."""
    _depth_first(layered, from_sinks=True)
    if any(value is not None for value in wish):
        value: list[float | None] = [*wish, *([None] * (len(layered.kind) - len(wish)))]
        # A lane, or a box without a wish, goes where the links lead: down from its tails, or up from its heads.
        for rank_order, ends, other in (
            (layered.layers[1:], layered.up, layered.tail),
            (layered.layers[-2::-1], layered.down, layered.head),
        ):
            for layer in rank_order:
                for vertex in layer:
                    if value[vertex] is None:
                        known = [value[other[s]] for s in ends[vertex]]
                        value[vertex] = _median(sorted(v for v in known if v is not None))
        for layer in layered.layers:
            filled = dict(zip(layer, _fill([value[vertex] for vertex in layer]), strict=True))
            layer.sort(key=lambda vertex: filled[vertex])


def _depth_first(layered: Layered, from_sinks: bool) -> None:
    """Order the ranks by the first visit of a depth-first search that follows operands from left to right."""
    near, other, offset = (
        (layered.up, layered.tail, layered.into) if from_sinks else (layered.down, layered.head, layered.out)
    )
    far = layered.down if from_sinks else layered.up
    seen = [False] * len(layered.kind)
    layers: list[list[int]] = [[] for _ in layered.layers]
    for start in range(len(layered.kind)):
        if far[start]:
            continue
        stack = [start]
        while stack:
            vertex = stack.pop()
            if seen[vertex]:
                continue
            seen[vertex] = True
            layers[layered.rank[vertex]].append(vertex)
            stack.extend(other[s] for s in sorted(near[vertex], key=lambda s: offset[s], reverse=True))
    layered.layers[:] = layers


def improve_order(layered: Layered, budget: int, seeded: bool) -> int:
    """Improve the order of the ranks in place; return the number of crossings that are left.

    Parameters
    ----------
    layered : Layered
        The graph, its ranks in their first order.
    budget : int
        The most elementary operations to be spent; the result depends on it, but on nothing else.
    seeded : bool
        Whether the first order was wished for: then no other start is tried.
    """
    if all(len(layer) < 2 for layer in layered.layers):
        return 0
    order = _Order(layered, budget)
    if len(layered.groups) > 1:
        _gather_groups(order)
    best = order.total()
    kept = [list(layer) for layer in layered.layers]
    starts = [None] if seeded else [None, False]
    for start in starts:
        if start is not None and best and order.budget > 0:
            _depth_first(layered, from_sinks=start)
            order.note_places(range(len(layered.layers)))
            if len(layered.groups) > 1:
                _gather_groups(order)
            found = order.total()
            if found < best:
                best, kept = found, [list(layer) for layer in layered.layers]
        idle = 0
        for sweep in range(_SWEEPS):
            if not best or idle == _PATIENCE or order.budget <= 0:
                break
            if sweep:
                order.sweep(downward=sweep % 2 == 0)
            order.exchange()
            found = order.total()
            idle += 1
            if found < best:
                best, kept, idle = found, [list(layer) for layer in layered.layers], 0
    layered.layers[:] = kept
    return best


def _gather_groups(order: _Order) -> None:
    """Bring the members of groups together, sibling groups in the order of their mean places."""
    layered = order.layered
    total = [0.0] * len(layered.groups)
    count = [0] * len(layered.groups)
    for layer in layered.layers:
        for i, vertex in enumerate(layer):
            if layered.kind[vertex] < Kind.LEFT:
                for group in order.lineage[vertex]:
                    total[group] += (i + 0.5) / len(layer)
                    count[group] += 1
    ranked = sorted(range(1, len(total)), key=lambda g: (total[g] / max(count[g], 1), g))
    for i, group in enumerate(ranked):
        order.group_order[group] = i
    for rank, layer in enumerate(layered.layers):
        order.arrange(rank, [float(i) for i in range(len(layer))])
