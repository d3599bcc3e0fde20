"""Forward mode over graphs of tensors and scalars: one sweep up, pushing tangents through operations and bridges.

An operation on single numbers has a derivative that is a number, and a number is its own transpose: there the rules of
the backward pass serve as they are. Over tensors it is the sweep of `graphgrad.autodiff.tangents`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from graphgrad.autodiff.mixed import is_bridge
from graphgrad.autodiff.scalar_rules import apply_rule, as_number, check_unwritten, operation_at, rules_of
from graphgrad.autodiff.tangents import TangentSweep, nodes_above
from graphgrad.graph.bridge import places_and_nodes, things_below
from graphgrad.graph.node import Node, Source
from graphgrad.graph.scalar import Scalar, handle
from graphgrad.graph.tape import Chunk, Note, Place, check_untraced
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.bridging import elements, stack_scalars

__all__ = ["MixedTangents"]

_NO_NOTE = Note()


class MixedTangents(TangentSweep):
    """One sweep upwards over both kinds; see `TangentSweep`."""

    def __init__(self, recorded: bool, on_tensors: bool) -> None:
        super().__init__(recorded, on_tensors)
        self.moved: dict[Place, Any] = {}
        self.elements: dict[Chunk, Sequence[Any] | None] = {}  # how the elements of a tensor move

    def start_scalar(self, one: Scalar, tangent: Any) -> None:
        """Let a scalar move."""
        place = one.chunk, one.index
        start = as_number(tangent, self.recorded)
        self.moved[place] = self.moved[place] + start if place in self.moved else start

    def arrived_scalar(self, one: Scalar) -> Any:
        """How a scalar moves, 0.0 if it doesn't."""
        return self.moved.get((one.chunk, one.index), 0.0)

    def run_below(self, results: Sequence[Source], first: int) -> None:
        """Push the tangents through all that leads to the results, from number `first` on."""
        if not any(isinstance(one, Scalar) for one in results):
            nodes = nodes_above(results, first)
            if not any(map(is_bridge, nodes)):
                self.run(nodes)
                return
        check_unwritten(results, things_below(results), "jvp")
        for one in results:
            if isinstance(one, Scalar) and not self.recorded:
                check_untraced(one.chunk, "jvp", hint="gg.grad inside of the function is recorded")
        below = places_and_nodes(results, first)
        for is_for_tensors, group in groupby(below.items(), lambda item: _runs_on_tensors(item[0])):
            if is_for_tensors:
                self.run([thing for thing, _ in group if isinstance(thing, Node)])
                continue
            with self.mode(grad=self.recorded):
                for thing, operands in group:
                    if isinstance(thing, Node):
                        self.stack(thing)
                    else:
                        self.push_scalar(thing, operands)

    def stack(self, node: Node) -> None:
        """How a tensor moves that was stacked of scalars."""
        come = [self.moved.get((one.chunk, one.index)) if isinstance(one, Scalar) else None for one in node.operands]
        if all(one is None for one in come):
            return
        numbers = [0.0 if one is None else one for one in come]
        if self.recorded:
            self.start(node, stack_scalars(numbers))
        else:
            values = np.array(numbers)
            self.start(node, Tensor(values) if self.on_tensors else values)

    def push_scalar(self, place: Place, operands: Sequence[Any]) -> None:
        """How a scalar moves, from how those do that it was computed from."""
        chunk, index = place
        if chunk.origin is not None:
            found = self.elements_of(chunk)
            if found is not None:
                self.moved[place] = found[index]
            return
        op = operation_at(chunk, index)
        if op is None or not any(below in self.moved for below in operands):
            return
        if self.quiet is not None:
            self.quiet.where = chunk.notes.get(index, _NO_NOTE).site
        values: list[Any] = [handle(*below) if self.recorded else below[0].values[below[1]] for below in operands]
        out: Any = handle(chunk, index) if self.recorded else chunk.values[index]
        total: Any = None
        for below, (rule, pick) in zip(operands, rules_of(op), strict=True):
            tangent = self.moved.get(below)
            if tangent is not None:
                arguments = pick(values[0], values[-1], out)
                part = rule(tangent, *arguments) if self.recorded else apply_rule(rule, tangent, arguments)
                total = part if total is None else total + part
        self.moved[place] = total
        if self.detector is not None:
            come = [None if below not in self.moved else float(self.moved[below]) for below in operands]
            self.detector.pushed_scalar(op, chunk, index, come, float(total))

    def elements_of(self, chunk: Chunk) -> Sequence[Any] | None:
        """How the elements of a tensor move, None if it doesn't."""
        if chunk not in self.elements:
            assert chunk.origin is not None
            tangent = self.arrived(chunk.origin.source)
            if tangent is None:
                self.elements[chunk] = None
            elif self.recorded:
                self.elements[chunk] = elements(tangent)
            else:
                values = tangent._data if isinstance(tangent, Tensor) else tangent
                self.elements[chunk] = np.asarray(values, np.float64).reshape(-1).tolist()
        return self.elements[chunk]


def _runs_on_tensors(thing: Node | Place) -> bool:
    return isinstance(thing, Node) and not is_bridge(thing)
