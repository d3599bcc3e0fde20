"""Coordinates across the ranks: straight lanes and spines, nothing that drifts to one side.

The method of Brandes and Köpf, "Fast and simple horizontal coordinate assignment" (2001): join vertices to the median
of their neighbours in four ways (down or up, left or right), pack the four results, and take the mean of the two middle
ones. Here in whole cells, with links that end at offsets on boxes of any breadth, and packed by longest paths over the
joined blocks. A last pass slides straight pieces to where their remaining links are shortest.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from itertools import accumulate, pairwise

from graphgrad.view.layout.layers import Kind, Layered
from graphgrad.view.layout.model import TWIG, Spacing

__all__ = ["place_across"]

_ROUNDS = 6
# How many times its breadth a small operand may stand off its consumer before the picture counts as sprawling.
_FAR = 16


def place_across(layered: Layered, spacing: Spacing, apart: Sequence[tuple[int, int, int]], budget: int) -> list[int]:
    """Return the first cell of every vertex, the least being 0.

    Parameters
    ----------
    layered : Layered
        The graph with its ranks in order.
    spacing : Spacing
        The blank cells between neighbours.
    apart : sequence of (int, int, int)
        Further pairs of vertices, the left one first, and the least distance of their first cells.
    budget : int
        The most elementary operations to be spent on the last pass.
    """
    place = [0] * len(layered.kind)
    for layer in layered.layers:
        for i, vertex in enumerate(layer):
            place[vertex] = i
    gaps = _gaps(layered, spacing)
    free = _joinable(layered, place)
    results = []
    for downward in (True, False):
        for leftward in (True, False):
            root, shift = _join(layered, place, free, downward, leftward)
            results.append(_pack(layered, gaps, apart, root, shift, leftward))
    x = _balance(results, layered.breadth)
    _settle(layered, gaps, apart, x, budget)
    _shrink_frames(layered, gaps, apart, x)
    least = min(x, default=0)
    return [value - least for value in x]


# The left and right neighbour of a rank, and the least distance of their first cells.
Gap = tuple[int, int, int]


def _gaps(layered: Layered, spacing: Spacing) -> list[Gap]:
    gaps = []
    is_box = [kind is Kind.BOX for kind in layered.kind]
    for layer in layered.layers:
        for left, right in pairwise(layer):
            blank = spacing.between(is_box[left], is_box[right])
            gaps.append((left, right, layered.breadth[left] + blank))
    return gaps


def _joinable(layered: Layered, place: list[int]) -> list[bool]:
    """Tell which segments may be made straight in a join.

    Sides of frames come before lanes, lanes before other segments: what crosses something of a higher class is not
    joined. Nor is a leaf to its only consumer when that has other operands, nor a twig of a few operations on such
    leaves when another operand takes more: the spine through the consumer stays straight, and what is small stands
    beside it.
    """
    count = len(layered.tail)
    free = [True] * count
    level = [0] * count
    by_rank: list[list[int]] = [[] for _ in layered.layers]
    for s, (tail, head) in enumerate(zip(layered.tail, layered.head, strict=True)):
        by_rank[layered.rank[tail]].append(s)
        if layered.net[s] < 0:
            level[s] = 2
        elif layered.kind[tail] is Kind.LANE and layered.kind[head] is Kind.LANE:
            level[s] = 1
    leaf, twig = _loose(layered)
    for s, (tail, head) in enumerate(zip(layered.tail, layered.head, strict=True)):
        for loose in (leaf, twig):
            if loose[tail] and any(not loose[layered.tail[other]] for other in layered.up[head]):
                free[s] = False
    for segments in by_rank:
        for high in (2, 1):
            firm = sorted((place[layered.tail[s]], place[layered.head[s]]) for s in segments if level[s] >= high)
            if not firm:
                continue
            tops = [top for top, _ in firm]
            from_left = list(accumulate((bottom for _, bottom in firm), max))
            from_right = list(accumulate((bottom for _, bottom in reversed(firm)), min))[::-1]
            for s in segments:
                if level[s] < high:
                    top, bottom = place[layered.tail[s]], place[layered.head[s]]
                    i, j = bisect_left(tops, top), bisect_right(tops, top)
                    if (i and from_left[i - 1] > bottom) or (j < len(firm) and from_right[j] < bottom):
                        free[s] = False
    return free


def _loose(layered: Layered) -> tuple[list[bool], list[bool]]:
    """Tell which vertices are leaves of one consumer, and which are such leaves or a few operations on them only."""
    leaf = [len(layered.down[v]) == 1 and not layered.up[v] and k is Kind.BOX for v, k in enumerate(layered.kind)]
    boxes = [0] * len(layered.kind)  # in the twig that ends here; 0 for what is none
    for layer in layered.layers:
        for v in layer:
            if len(layered.down[v]) == 1 and layered.kind[v] is Kind.BOX:
                parts = [boxes[layered.tail[s]] for s in layered.up[v]]
                if all(parts) and sum(parts) < TWIG:
                    boxes[v] = 1 + sum(parts)
    return leaf, list(map(bool, boxes))


def _sprawling(layered: Layered, x: list[int]) -> set[int]:
    """Return the segments of all twigs if some stand far too far from their spines, as in a long sum of products.

    Each product would stand below its own leaves, and these further out than the ones before; the products had better
    stand by the sum, though that takes more tracks.
    """
    leaf, twig = _loose(layered)
    segments = [s for s, tail in enumerate(layered.tail) if twig[tail]]
    for s in segments:
        tail, head = layered.tail[s], layered.head[s]
        on_spine = any(not twig[layered.tail[other]] for other in layered.up[head])
        if on_spine and not leaf[tail] and abs(x[tail] - x[head]) > _FAR * layered.breadth[tail]:
            return set(segments)
    return set()


def _join(
    layered: Layered, place: list[int], free: list[bool], downward: bool, leftward: bool
) -> tuple[list[int], list[int]]:
    """Join vertices into blocks; return the first vertex of each vertex's block and its distance from that one."""
    if downward:
        layers, ends, far, own_offset, far_offset = (
            layered.layers, layered.up, layered.tail, layered.into, layered.out,
        )  # fmt: skip
    else:
        layers, ends, far, own_offset, far_offset = (
            layered.layers[::-1], layered.down, layered.head, layered.out, layered.into,
        )  # fmt: skip
    root = list(range(len(layered.kind)))
    shift = [0] * len(root)
    for layer in layers[1:]:
        # Joins of neighbouring ranks must not cross: each must lie beyond the one before.
        limit = -1 if leftward else len(root)
        for vertex in layer if leftward else reversed(layer):
            choices = ends[vertex]
            if len(choices) > 1:
                choices = sorted(
                    (s for s in choices if free[s]), key=lambda s: (place[far[s]], far_offset[s], own_offset[s])
                )
            count = len(choices)
            if not count:
                continue
            middle = ((count - 1) // 2, count // 2) if leftward else (count // 2, (count - 1) // 2)
            for i in middle:
                s = choices[i]
                other = far[s]
                if free[s] and (place[other] > limit if leftward else place[other] < limit):
                    root[vertex] = root[other]
                    shift[vertex] = shift[other] + far_offset[s] - own_offset[s]
                    limit = place[other]
                    break
    return root, shift


def _pack(
    layered: Layered,
    gaps: Sequence[Gap],
    apart: Sequence[Gap],
    root: list[int],
    shift: list[int],
    leftward: bool,
) -> list[int]:
    """Push all blocks to one side as far as their neighbours allow, then the loose ones back to their neighbours."""
    ahead: list[list[tuple[int, int]]] = [[] for _ in root]
    waiting = [0] * len(root)
    for pairs in (gaps, apart):
        for left, right, distance in pairs:
            distance += shift[left] - shift[right]
            left, right = root[left], root[right]
            if not leftward:
                left, right = right, left
            ahead[left].append((right, distance))
            waiting[right] += 1
    order = [v for v, first in enumerate(root) if first == v and not waiting[v]]
    at = [0] * len(root)
    for block in order:
        here = at[block]
        for other, distance in ahead[block]:
            if here + distance > at[other]:
                at[other] = here + distance
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    for block in reversed(order):
        if ahead[block]:
            at[block] = min(at[other] - distance for other, distance in ahead[block])
    if leftward:
        return [at[first] + offset for first, offset in zip(root, shift, strict=True)]
    return [offset - at[first] for first, offset in zip(root, shift, strict=True)]


def _balance(results: list[list[int]], breadth: list[int]) -> list[int]:
    """Lay the four results over the narrowest of them; return the mean of the two middle places of each vertex."""
    if not breadth:
        return []
    lows = [min(result) for result in results]
    highs = [max(x + b for x, b in zip(result, breadth, strict=True)) for result in results]
    narrow = min(range(4), key=lambda i: (highs[i] - lows[i], i))
    moved = []
    for i, result in enumerate(results):
        move = lows[narrow] - lows[i] if i % 2 == 0 else highs[narrow] - highs[i]
        moved.append([x + move for x in result])
    return [(four[1] + four[2]) // 2 for four in map(sorted, zip(*moved, strict=True))]


def _settle(layered: Layered, gaps: Sequence[Gap], apart: Sequence[Gap], x: list[int], budget: int) -> None:
    """Slide straight pieces, as far as their neighbours allow, to where their other links are shortest in total."""
    count = len(layered.kind)
    fixed = [kind in (Kind.LEFT, Kind.RIGHT) for kind in layered.kind]
    left_of: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    right_of: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for pairs in (gaps, apart):
        for left, right, distance in pairs:
            left_of[right].append((left, distance))
            right_of[left].append((right, distance))
    heavy = _sprawling(layered, x)
    for _ in range(_ROUNDS):
        budget -= 8 * (count + len(layered.tail))
        if budget < 0:
            return
        piece, members = _pieces(layered, x, heavy)
        any_moved = False
        for number, vertices in enumerate(members):
            if any(fixed[v] for v in vertices):
                continue
            pulls = []
            for v in vertices:
                for s in (*layered.up[v], *layered.down[v]):
                    tail, head = layered.tail[s], layered.head[s]
                    if piece[tail] != piece[head]:
                        skew = x[tail] + layered.out[s] - x[head] - layered.into[s]
                        pulls.append(skew if head == v else -skew)
                        if s in heavy:
                            pulls += [pulls[-1]] * (len(layered.up[tail]) if tail == v else 0)
            if not pulls:
                continue
            pulls.sort()
            low, high = pulls[(len(pulls) - 1) // 2], pulls[len(pulls) // 2]
            move = low if low > 0 else min(high, 0)
            if move > 0:
                room = [x[r] - d - x[v] for v in vertices for r, d in right_of[v] if piece[r] != number]
                move = min(move, min(room, default=move))
            elif move < 0:
                room = [x[v] - d - x[left] for v in vertices for left, d in left_of[v] if piece[left] != number]
                move = -min(-move, min(room, default=-move))
            if move:
                any_moved = True
                for v in vertices:
                    x[v] += move
        if not any_moved:
            return


def _pieces(layered: Layered, x: list[int], loose: Collection[int]) -> tuple[list[int], list[list[int]]]:
    """Return the piece of each vertex and the vertices of each piece: what straight segments hold together.

    Loose segments hold nothing, be they straight or not.
    """
    piece = [-1] * len(x)
    members: list[list[int]] = []
    for layer in layered.layers:
        for start in layer:
            if piece[start] >= 0:
                continue
            piece[start] = len(members)
            vertices = [start]
            for vertex in vertices:
                for s in (*layered.up[vertex], *layered.down[vertex]):
                    tail, head = layered.tail[s], layered.head[s]
                    other = tail if head == vertex else head
                    straight = x[tail] + layered.out[s] == x[head] + layered.into[s]
                    if piece[other] < 0 and straight and s not in loose:
                        piece[other] = piece[start]
                        vertices.append(other)
            members.append(vertices)
    return piece, members


def _shrink_frames(layered: Layered, gaps: Sequence[Gap], apart: Sequence[Gap], x: list[int]) -> None:
    """Draw the sides of every frame in to its content, inner frames first."""
    inward: dict[int, list[tuple[int, int]]] = {v: [] for pairs in layered.sides for pair in pairs for v in pair}
    for pairs in (gaps, apart):
        for left, right, distance in pairs:
            if layered.kind[left] is Kind.LEFT:
                inward[left].append((right, distance))
            if layered.kind[right] is Kind.RIGHT:
                inward[right].append((left, distance))
    for sides in reversed(layered.sides[1:]):
        left_at = min(x[other] - distance for left, _ in sides for other, distance in inward[left])
        for left, _ in sides:
            x[left] = left_at
        right_at = max(x[other] + distance for _, right in sides for other, distance in inward[right])
        for _, right in sides:
            x[right] = right_at
