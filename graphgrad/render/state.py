"""What is known after one step of a walk, as text and as JSON: the command line's ``--step``."""

from __future__ import annotations

import json
from collections.abc import Iterator

from graphgrad.graph.graph import Operand
from graphgrad.view.captions import caption
from graphgrad.view.names import names
from graphgrad.view.numbers import summary
from graphgrad.walk.codec import encode_array
from graphgrad.walk.walk import Walk

__all__ = ["state_json", "state_lines"]


def state_lines(shown: Walk, step: int) -> Iterator[str]:
    """What is known after a step (0: before the first): every value, and every gradient as far as it has arrived."""
    named = names(shown.graph)
    moment = shown.at(step - 1)
    yield from _heading(shown)
    yield f"step {step} of {len(shown.steps)}  {caption(shown, step - 1, named) if step else 'before the first'}"
    for vertex in shown.graph:
        if vertex.is_constant:
            continue
        for port in range(len(vertex.shapes) or 1):  # what raised has no outputs
            place = Operand(vertex.id, port)
            value, gradient = moment.value(*place), moment.gradient(*place)
            k, n = moment.arrived(place)
            known = ["—" if one is None else summary(one) for one in (value, gradient)]
            yield f"  {named[place]:<16} {known[0]:<28} gradient {known[1]}" + (f" ({k} of {n})" if n > 1 else "")


def state_json(shown: Walk, step: int) -> str:
    """The same for a program: strict JSON, arrays as in a saved walk."""
    moment = shown.at(step - 1)
    known = []
    for vertex in shown.graph:
        for port in range(len(vertex.shapes) or 1):
            value, gradient = moment.value(vertex.id, port), moment.gradient(vertex.id, port)
            known.append(
                {
                    "vertex": vertex.id,
                    "port": port,
                    "name": vertex.name,
                    "op": vertex.op,
                    "error": vertex.error,
                    "value": None if value is None else encode_array(value, "a value"),
                    "gradient": None if gradient is None else encode_array(gradient, "a gradient"),
                    "arrived": moment.arrived(Operand(vertex.id, port)),
                }
            )
    kind = None if moment.happened is None else moment.happened.kind
    return json.dumps({"step": step, "of": len(shown.steps), "kind": kind, "known": known}, allow_nan=False)


def _heading(shown: Walk) -> Iterator[str]:
    """What a walk is of, and what there is to say about it."""
    if shown.title:
        yield shown.title
    yield from shown.notes
    if shown.title or shown.notes:
        yield ""
