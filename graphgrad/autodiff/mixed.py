"""The backward pass over a graph of tensors and scalars, and over scalars whenever more is wanted than their ``grad``.

Nodes and chunks are taken from the latest to the earliest (see `graphgrad.graph.bridge`), so each has its complete
gradient when its turn comes. Two sums are on their way side by side: that of the nodes, in a sweep as over tensors
alone, and that of the scalars. At a bridge the one hands over to the other, which is all that a mixed graph adds.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from graphgrad.autodiff import hooks
from graphgrad.autodiff.anomaly import AnomalyDetector
from graphgrad.autodiff.scalar_rules import apply_rule, as_number, check_unwritten, operation_at, rules_of
from graphgrad.autodiff.scalar_sweep import compiled_segment, pays
from graphgrad.autodiff.sources import check_saved, fit, layout
from graphgrad.autodiff.sweep import Accumulator, Observer, Sweep, WatchedSweep
from graphgrad.graph.bridge import Thing, places_and_nodes, things_below
from graphgrad.graph.hooks import ALIVE, Hooks
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node, Output, Source
from graphgrad.graph.scalar import Scalar, handle
from graphgrad.graph.tape import DONE, GIVING, NOTHING, Chunk, Note, check_untraced, end_graph
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import CLOCK
from graphgrad.ops.array.bridging import STACKED, elements, stack_scalars
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.array.splitting import unbind

__all__ = ["ScalarObserver", "ScalarSums", "differentiate_mixed", "is_bridge"]

Array = np.ndarray[Any, Any]

_NO_NOTE = Note()


class ScalarObserver(Protocol):
    """Watches a pass over scalars."""

    def contribution(self, number: int, operand: int, value: Any) -> None:
        """The scalar of that number passes `value` on to one of its operands.

        The elements of a tensor do so together, under the number of the first, with an array.
        """


class MixedAccumulator(Accumulator, Protocol):
    """Takes the gradients of leaf tensors, and at the end all gradients of scalars."""

    scalars: ScalarSums | None


def is_bridge(node: Node) -> bool:
    """Whether a node stacked scalars."""
    return node.op is STACKED


def differentiate_mixed(
    roots: Sequence[tuple[Source, Any]],
    targets: Sequence[Source] | None,
    *,
    retain: bool,
    create_graph: bool = False,
    observer: Observer | None = None,
    scalar_observer: ScalarObserver | None = None,
    grads: MixedAccumulator | None = None,
) -> dict[Any, Any]:
    """The gradients of `targets`, or of all leaves; see `graphgrad.autodiff.backward.differentiate`.

    Parameters
    ----------
    roots
        Where the pass starts, with upstream gradients: for tensors arrays, or tensors under `create_graph`; for scalars
        numbers, or scalars.
    targets
        Of both kinds; None for every leaf.
    retain
        Keep what nodes saved. Scalars keep their graph anyway.
    create_graph, observer
        As there.
    scalar_observer
        Is told of what scalars pass on.
    grads
        Takes gradients of leaves as soon as they are complete, and those of scalars.

    Returns
    -------
    dict
        By target; for scalars by place, as scalars under `create_graph` and else as floats.
    """
    starts = [root for root, _ in roots]
    order = things_below(starts)
    leading: dict[Node, int] = {}
    if targets is not None:
        order, leading = _leading_to(order, targets)
    for start in starts:
        if isinstance(start, Scalar) and not create_graph:
            check_untraced(start.chunk, "grad", hint="record this pass too: create_graph=True")
            end_graph(start.chunk)
    nodes = [thing for thing in order if type(thing) is Node]
    suspects = [node for node in nodes if node.epoch != CLOCK.epoch or node.saved is None]
    if suspects:
        met = _met(starts, targets)
        check_saved([node for node in suspects if node in met])
    check_unwritten(starts, order)
    mode = MODE.get()
    detector = mode.anomaly if isinstance(mode.anomaly, AnomalyDetector) else None
    on_tensors = create_graph or any(isinstance(seed, Tensor) for _, seed in roots)
    hooked = bool(ALIVE) and observer is None and scalar_observer is None
    aims = None if targets is None else [target for target in targets if not isinstance(target, Scalar)]
    sweep: Sweep
    if on_tensors or hooked or observer is not None or mode.anomaly is not None:
        sweep = WatchedSweep(aims, leading, on_tensors, observer, hooked, detector, grads)
        mode = mode.but(grad=create_graph, anomaly=sweep.quiet)
        if on_tensors and not create_graph:  # what is no part of a graph isn't heard of by those who watch it
            mode = mode.but(recorder=None, hooks=(), segment=None)
    else:
        sweep = Sweep(aims, leading)
    sums = ScalarSums(create_graph, scalar_observer, detector, getattr(sweep, "quiet", None))
    token = MODE.set(mode)
    try:
        with np.errstate(all="ignore"):
            sweep.start([(root, seed) for root, seed in roots if not isinstance(root, Scalar)])
            for root, seed in roots:
                if isinstance(root, Scalar):
                    sums.add(root.chunk, root.index, as_number(seed, create_graph))
            if isinstance(sweep, WatchedSweep):
                _run_watched(sweep, sums, order, retain)
            else:
                sweep.run(_nodes_in_turn(sweep, sums, order, retain), retain)
    finally:
        MODE.reset(token)
    if grads is not None:
        grads.scalars = sums
    found: dict[Any, Any] = dict(sweep.results())
    for target in targets or ():
        if isinstance(target, Scalar):
            place = target.chunk, target.index
            if place[1] in sums.of(place[0]):
                found[place] = sums.of(place[0])[place[1]]
    return found


def _leading_to(order: Sequence[Thing], targets: Iterable[Source]) -> tuple[list[Thing], dict[Node, int]]:
    """Those of the things, given and returned latest first, through which a gradient gets to one of the targets.

    And for each node the operands, as bits, that it gets on to. Of a chunk it is not asked which of its scalars do.
    """
    wanted: set[Any] = set()
    for target in targets:
        if isinstance(target, Scalar):
            wanted.add(target.chunk)
        else:
            wanted.add(target.node if type(target) is Output else target)
    leading: list[Thing] = []
    bits_of: dict[Node, int] = {}
    for thing in reversed(order):
        if type(thing) is Chunk:
            leads = thing in wanted or any(read in wanted for read in thing.reads)
            if thing.origin is not None and not leads:
                source = thing.origin.source
                leads = (source.node if type(source) is Output else source) in wanted
            if leads:
                wanted.add(thing)
                leading.append(thing)
            continue
        assert type(thing) is Node
        if is_bridge(thing):
            bits = thing.needs if any(isinstance(one, Scalar) and one.chunk in wanted for one in thing.operands) else 0
        else:
            bits = 0
            for i, source in enumerate(thing.operands):
                if thing.needs >> i & 1 and (source.node if type(source) is Output else source) in wanted:
                    bits |= 1 << i
        if bits or thing in wanted:
            wanted.add(thing)
            leading.append(thing)
            bits_of[thing] = bits
    return leading[::-1], bits_of


def _met(starts: Sequence[Source], targets: Sequence[Source] | None) -> set[Any]:
    """What a pass really comes to, scalar by scalar. In chunks there may be others, of graphs that were freed."""
    below = places_and_nodes(starts)
    if targets is None:
        return set(below)
    met = {_key(target) for target in targets}
    for thing, operands in below.items():
        if any(_key(operand) in met for operand in operands):
            met.add(thing)
    return met


def _key(source: Any) -> Any:
    if isinstance(source, Scalar):
        return source.chunk, source.index
    return source.node if type(source) is Output else source


class ScalarSums:
    """The gradients of scalars in one pass: sums of what has arrived, chunk by chunk.

    Parameters
    ----------
    recorded
        Whether they are scalars, whose computation is recorded, or floats.
    observer
        Is told of every contribution.
    detector, quiet
        What looks at every number, and what the rules run under, which is told where.
    """

    def __init__(
        self,
        recorded: bool,
        observer: ScalarObserver | None = None,
        detector: AnomalyDetector | None = None,
        quiet: AnomalyDetector | None = None,
    ) -> None:
        self.recorded = recorded
        self.observer = observer
        self.detector = detector
        self.quiet = quiet
        self.sums: dict[Chunk, dict[int, Any]] = {}

    @property
    def is_plain(self) -> bool:
        """Whether nothing is wanted but numbers."""
        return not self.recorded and self.observer is None and self.detector is None

    def of(self, chunk: Chunk) -> dict[int, Any]:
        """What has arrived at the scalars of a chunk, by index."""
        found = self.sums.get(chunk)
        if found is None:
            found = self.sums[chunk] = {}
        return found

    def add(self, chunk: Chunk, index: int, value: Any) -> None:
        """Add a contribution."""
        sums = self.of(chunk)
        sums[index] = sums[index] + value if index in sums else value

    def pass_on(self, chunk: Chunk) -> None:
        """Pass on what has arrived at a chunk's scalars, from the last one to the first."""
        sums = self.sums.get(chunk)
        if not sums or not chunk.reads:
            return
        queue = [-index for index in sums]
        heapq.heapify(queue)
        while queue:
            index = -heapq.heappop(queue)
            for where, k, value in self.contributions(chunk, index, sums[index]):
                there = self.of(where)
                if k in there:
                    there[k] = there[k] + value
                else:
                    there[k] = value
                    if where is chunk:
                        heapq.heappush(queue, -k)

    def contributions(self, chunk: Chunk, index: int, g: Any) -> Iterator[tuple[Chunk, int, Any]]:
        """What a scalar passes on, and to where."""
        op = operation_at(chunk, index)
        if op is None:
            return
        places = chunk.operands(index)
        if self.recorded:
            values: list[Any] = [handle(*place) for place in places]
            out: Any = handle(chunk, index)
        else:
            values = [where.values[k] for where, k in places]
            out = chunk.values[index]
        if self.quiet is not None:
            self.quiet.where = chunk.notes.get(index, _NO_NOTE).site
        for i, ((where, k), (rule, pick)) in enumerate(zip(places, rules_of(op), strict=True)):
            if not where.needs:
                continue
            arguments = pick(values[0], values[-1], out)
            value = rule(g, *arguments) if self.recorded else apply_rule(rule, g, arguments)
            if self.observer is not None:
                self.observer.contribution(chunk.first + index, i, value)
            if self.detector is not None:
                self.detector.passed_scalar(op, chunk, index, float(g), float(value), i)
            yield where, k, value

    def gathered(self, chunk: Chunk) -> Any:
        """What has arrived at the elements of a tensor, in its shape, as an array or a tensor; None if nothing has."""
        sums = self.sums.get(chunk)
        if not sums:
            return None
        assert chunk.origin is not None
        if self.recorded:
            return reshape(stack_scalars([sums.get(i, 0.0) for i in range(chunk.used)]), chunk.origin.shape)
        values = np.zeros(chunk.used)
        values[list(sums)] = list(sums.values())
        return values.reshape(chunk.origin.shape)

    def spread(self, node: Node, g: Any) -> None:
        """Give the scalars that a tensor was stacked of what has arrived at its elements: as a tensor, or an array."""
        numbers: Sequence[Any] = elements(g) if self.recorded else _array(g).tolist()
        for one, value in zip(node.operands, numbers, strict=True):
            if isinstance(one, Scalar) and one.chunk.needs:
                self.add(one.chunk, one.index, value)

    def give_back(self) -> None:
        """Write the gradients to where scalars look for them: leaves add them up, results have the last."""
        with GIVING:
            for chunk, sums in self.sums.items():
                is_leaf = not chunk.reads and chunk.origin is None
                for index, value in sums.items():
                    g = float(value)
                    adds = is_leaf and chunk.states[index] != NOTHING
                    chunk.grads[index] = chunk.grads[index] + g if adds else g
                    chunk.states[index] = DONE


def _array(g: Any) -> Array:
    return g._data if isinstance(g, Tensor) else np.asarray(g)


# ---- the quick way ---------------------------------------------------------------------------------------------------


def _nodes_in_turn(sweep: Sweep, sums: ScalarSums, order: Sequence[Thing], retain: bool) -> Iterator[Node]:
    """The nodes for a sweep, one after the other; between them the scalars and the bridges have their turn."""
    chunks: list[Chunk] = []
    for thing in order:
        if type(thing) is Chunk:
            chunks.append(thing)
            continue
        assert type(thing) is Node
        if chunks:
            _pass_through(sweep, sums, chunks)
            chunks = []
        if not is_bridge(thing):
            yield thing
            continue
        g = sweep.pending.pop(thing, None)
        if g is not None:
            g = sweep.keep(thing, g)
            if sweep.needs(thing):
                sums.spread(thing, g)
                if not retain:
                    thing.saved = None
    _pass_through(sweep, sums, chunks)


def _pass_through(sweep: Sweep, sums: ScalarSums, chunks: Sequence[Chunk]) -> None:
    """All that happens at chunks between which there is no node."""
    computing = [chunk for chunk in chunks if chunk.reads]
    is_compiled = sums.is_plain and pays(sum(chunk.used for chunk in computing))
    if not (is_compiled and compiled_segment(sums.sums, computing)):
        for chunk in computing:
            sums.pass_on(chunk)
    for chunk in chunks:
        _hand_over(sweep, sums, chunk)


def _hand_over(sweep: Sweep, sums: ScalarSums, chunk: Chunk) -> bool:
    """Give a tensor what has arrived at its elements, if the scalars of a chunk are that; whether anything has."""
    if chunk.origin is None:
        return False
    g = sums.gathered(chunk)
    if g is None:
        return False
    if sweep.on_tensors and not isinstance(g, Tensor):
        g = Tensor(g)
    source = chunk.origin.source
    if sums.observer is not None:
        sums.observer.contribution(chunk.first, 0, fit(g, *layout(source)))
    sweep.add(source, fit(g, *layout(source)))
    return True


# ---- a pass that more is wanted of -----------------------------------------------------------------------------------


def _run_watched(sweep: WatchedSweep, sums: ScalarSums, order: Sequence[Thing], retain: bool) -> None:
    complete = sweep.last_readers(order)
    epoch = CLOCK.epoch
    sweep.finish(complete.get(None, ()))
    for thing in order:
        if type(thing) is Chunk:
            sums.pass_on(thing)
            if _hand_over(sweep, sums, thing):
                sweep.allow_infinite(thing.origin.source)  # type: ignore[union-attr]
        else:
            assert type(thing) is Node
            g = sweep.pending.pop(thing, None)
            if g is not None:
                if CLOCK.epoch != epoch:
                    check_saved([thing])  # a hook has written to something
                if is_bridge(thing):
                    _spread_watched(sweep, sums, thing, g, retain)
                else:
                    sweep.pass_on(thing, g, retain)
        sweep.finish(complete.get(thing, ()))


def _spread_watched(sweep: WatchedSweep, sums: ScalarSums, node: Node, g: Any, retain: bool) -> None:
    """All that happens at a node that stacked scalars."""
    found = hooks.of(node) if sweep.hooked else None
    g = sweep.keep(node, sweep.arrive(node, g, found))
    if not sweep.needs(node):
        return
    if found is not None:
        g = hooks.before_node(found, g)
    if not retain:
        node.saved = None
    if found is not None and found.after:
        g = _after_node(found, node, g)
        if not retain:
            found.drop()
    if sweep.observer is not None:
        for i, value in enumerate(_array(g).tolist()):
            one = node.operands[i]
            if isinstance(one, Scalar) and one.chunk.needs:
                sweep.observer.contribution(node, i, value)
    sums.spread(node, g)


def _after_node(found: Hooks, node: Node, g: Any) -> Any:
    """What the scalars receive after the hooks that follow a node, to which each of them is a tensor without axes."""
    parts = unbind(g) if isinstance(g, Tensor) else [np.asarray(one) for one in g]
    needed = [(i, parts[i]) for i, one in enumerate(node.operands) if isinstance(one, Scalar) and one.chunk.needs]
    received = dict(hooks.after_node(found, node, needed, g))
    numbers = [received.get(i, 0.0) for i in range(len(node.operands))]
    return stack_scalars(numbers) if isinstance(g, Tensor) else np.array([float(one) for one in numbers])
