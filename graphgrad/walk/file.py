"""Graphs and walks in files: one schema for both, in strict JSON.

A file holds, beside ``format``, ``version`` and ``kind`` (``"graph"`` or ``"walk"``):

- ``graph``: the vertices, operands before results, each with id, op, operands as ``[vertex, port]``, attributes,
  shapes, dtypes, requires_grad, name, scope, the number of its site, for a leaf its value: ``{"tensor": array}``,
  ``{"scalar": number}``, ``{"number": number}``, and for an operation that raised its error, with no shapes and dtypes,
  since it has no outputs; and the outputs as ``[vertex, port]``;
- ``sites``: the places in the user's code, each once;
- for a walk ``title``, ``notes``, ``values`` (an array per output of each operation), ``seeds`` and ``contributions``.

An array is its dtype, its shape, and its elements in row-major order, little-endian, in base64. A walk's numbers are
stored, not computed again: they are the same bits when it is opened. Nothing in a file is executed when it is read, and
everything that a view relies on is checked.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.files import write
from graphgrad.graph.errors import describe
from graphgrad.graph.graph import Graph, Operand, Vertex, gives_scalars
from graphgrad.graph.operation import Op
from graphgrad.graph.scalar import Scalar, scalar
from graphgrad.graph.source import Site
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.declare import find, lookup
from graphgrad.walk.codec import FileError, Reader, dtype_name, encode_array, encode_value
from graphgrad.walk.walk import Contribution, Walk

__all__ = ["MAX_BYTES", "VERSION", "FileError", "from_json", "load", "save", "to_json"]

Array = np.ndarray[Any, Any]

FORMAT = "graphgrad"
VERSION = 1
MAX_BYTES = 256 * 2**20
"""How large a file may be, unless told otherwise."""

_VERTEX = (
    "id",
    "op",
    "operands",
    "attrs",
    "shapes",
    "dtypes",
    "requires_grad",
    "name",
    "scope",
    "site",
    "leaf",
    "error",
)


def save(what: Walk | Graph, path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> None:
    """Write a walk or a graph to a file.

    The file appears whole or not at all: it is written under another name and then renamed.

    Parameters
    ----------
    what
        A walk is saved with all its numbers, a graph with the present values of its leaves.
    path
        Where to; by custom it ends in ``.json``.
    max_bytes
        How large the file may become.

    Raises
    ------
    FileError
        If the file would be too large, or an attribute or a dtype can't be held in one.
    """
    write(path, to_json(what, max_bytes))


def load(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> Walk | Graph:
    """Read a walk or a graph from a file that `save` wrote.

    Parameters
    ----------
    path
        The file.
    max_bytes
        How large it may be.

    Raises
    ------
    FileError
        If it is too large, or doesn't hold what it should: with the place in the file, and what was expected there.
    OSError
        If it can't be read.
    """
    with open(path, "rb") as file:
        data = file.read(max_bytes + 1)
    return from_json(data, max_bytes)


# ---- writing ---------------------------------------------------------------------------------------------------------


def to_json(what: Walk | Graph, max_bytes: int = MAX_BYTES) -> str:
    """A walk or a graph as JSON, in ASCII; see `save`."""
    graph = what.graph if isinstance(what, Walk) else what
    if not isinstance(graph, Graph):
        raise FileError(describe(f"save: a walk or a graph is needed, got {type(what).__name__}"))
    numbers = sum(array.nbytes for array in _arrays(what))
    if 4 * numbers / 3 > max_bytes:
        raise _too_large("save: the file would have more", int(4 * numbers / 3), max_bytes)
    values = what.values if isinstance(what, Walk) else {}
    sites: dict[Site, int] = {}
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "kind": "walk" if isinstance(what, Walk) else "graph",
        "graph": {
            "vertices": [_encode_vertex(vertex, sites, values.get(vertex.id)) for vertex in graph],
            "outputs": [list(output) for output in graph.outputs],
        },
    }
    content["sites"] = [dataclasses.asdict(site) for site in sites]
    if isinstance(what, Walk):
        content |= _encode_numbers(what)
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    if len(text) > max_bytes:
        raise _too_large("save: the file would have", len(text), max_bytes)
    return text


def _arrays(what: Walk | Graph) -> list[Array]:
    if isinstance(what, Graph):
        return [leaf.leaf.data for leaf in what.leaves if isinstance(leaf.leaf, Tensor)]
    values = [value for values in what.values.values() for value in values]
    return [*values, *what.seeds.values(), *(one.value for one in what.contributions)]


def _too_large(what: str, size: int, max_bytes: int) -> FileError:
    return FileError(
        describe(
            f"{what} than {max_bytes:,} bytes" if size <= max_bytes else f"{what} {size:,} bytes",
            f"expected: at most {max_bytes:,} bytes ({max_bytes / 2**20:,.4g} MiB)",
            hint="a smaller batch shows the same; or give max_bytes=...",
        )
    )


def _encode_vertex(vertex: Vertex, sites: dict[Site, int], values: Sequence[Array] | None) -> dict[str, Any]:
    """A vertex as JSON; a leaf with the given values, those of a walk, or with the ones that it has now."""
    title = f"{vertex.op or vertex.name or 'a leaf'} (vertex {vertex.id})"
    leaf: dict[str, Any] | None = None
    if isinstance(vertex.leaf, Tensor):
        leaf = {"tensor": encode_array(vertex.leaf.data if values is None else values[0], title)}
    elif isinstance(vertex.leaf, Scalar):
        leaf = {"scalar": encode_value(vertex.leaf.data if values is None else float(values[0]), title)}
    elif vertex.leaf is not None:
        leaf = {"number": encode_value(vertex.leaf, title)}
    return {
        "id": vertex.id,
        "op": vertex.op,
        "operands": [list(operand) for operand in vertex.operands],
        "attrs": {name: encode_value(value, f"{title}: {name}") for name, value in vertex.attrs.items()},
        "shapes": [list(shape) for shape in vertex.shapes],
        "dtypes": [dtype_name(dtype) for dtype in vertex.dtypes],
        "requires_grad": vertex.requires_grad,
        "name": vertex.name,
        "scope": vertex.scope,
        "site": None if vertex.site is None else sites.setdefault(vertex.site, len(sites)),
        "leaf": leaf,
        "error": vertex.error,
    }


def _encode_numbers(walk: Walk) -> dict[str, Any]:
    return {
        "title": walk.title,
        "notes": list(walk.notes),
        "values": [
            {"vertex": vertex, "outputs": [encode_array(value, f"vertex {vertex}") for value in values]}
            for vertex, values in walk.values.items()
            if walk.graph.vertices[vertex].op is not None
        ],
        "seeds": [
            {"target": list(target), "value": encode_array(value, f"the seed of vertex {target.vertex}")}
            for target, value in walk.seeds.items()
        ],
        "contributions": [
            {
                "vertex": one.vertex,
                "operand": one.operand,
                "value": encode_array(one.value, f"a contribution of vertex {one.vertex}"),
            }
            for one in walk.contributions
        ],
    }


# ---- reading ---------------------------------------------------------------------------------------------------------


def from_json(text: str | bytes, max_bytes: int = MAX_BYTES) -> Walk | Graph:
    """The walk or graph that `to_json` made a text of; see `load`."""
    if len(text) > max_bytes:
        raise _too_large("load: the file has more", max_bytes, max_bytes)
    try:
        content = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except FileError:
        raise
    except RecursionError:
        raise FileError(describe("load: lists within lists, too deep")) from None
    except ValueError as error:  # broken JSON, broken UTF-8, integers of thousands of digits
        raise FileError(describe(f"load: this is no JSON: {error}", hint="was the file cut off?")) from None
    top = Reader(content)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        top.fail("this file holds no graph and no walk", f'an object with "format": "{FORMAT}"')
    if content.get("version") != VERSION:
        known = content.get("version")
        newer = type(known) is int and known > VERSION
        top.fail(
            f"version {known!r} of the format isn't known{': it is newer than this graphgrad' if newer else ''}",
            f"version {VERSION}",
        )
    kind = content.get("kind")
    if kind not in ("walk", "graph"):
        top.fail("the kind is unknown", '"kind": "walk" or "graph"', repr(kind)[:60])
    numbers = ("title", "notes", "values", "seeds", "contributions") if kind == "walk" else ()
    parts = top.fields("format", "version", "kind", "graph", "sites", *numbers)
    graph = _Vertices([_site(one) for one in parts["sites"].items()], max_bytes).graph(parts["graph"])
    return graph if kind == "graph" else _walk(graph, parts, max_bytes)


def _no_constant(name: str) -> Any:
    raise FileError(describe(f"load: {name} isn't JSON", 'expected: {"float": "nan"} and its kind'))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise FileError(describe(f"load: an object has the key {twice!r:.60} twice"))
    return found


def _site(at: Reader) -> Site:
    parts = at.fields(*(one.name for one in dataclasses.fields(Site)))
    return Site(
        file=parts["file"].text(),
        line=parts["line"].integer(0),
        end_line=parts["end_line"].integer(0),
        column=parts["column"].integer(-1),
        end_column=parts["end_column"].integer(-1),
        function=parts["function"].text(),
        text=parts["text"].text(),
        source_line=parts["source_line"].text(),
        targets=tuple(one.text() for one in parts["targets"].items()),
    )


class _Vertices:
    """Reads vertices in order; what one refers to must have come before, so there is no cycle."""

    def __init__(self, sites: Sequence[Site], most: int) -> None:
        self.sites = sites
        self.most = most
        self.found: dict[int, Vertex] = {}
        self.ids: set[int] = set()
        self.scalars: set[int] = set()

    def graph(self, at: Reader) -> Graph:
        parts = at.fields("vertices", "outputs")
        members = parts["vertices"].items()
        # Known beforehand, so that a reference to what comes later isn't taken for one to nothing.
        self.ids = {one.value["id"] for one in members if isinstance(one.value, dict) and _is_int(one.value.get("id"))}
        for one in members:
            vertex = self.vertex(one)
            if vertex.error is not None and one is not members[-1]:
                one.fail("an operation that raised ends the computation", "no vertices after it")
            self.found[vertex.id] = vertex
            if gives_scalars(vertex, (operand.vertex in self.scalars for operand in vertex.operands)):
                self.scalars.add(vertex.id)
        outputs = tuple(self.operand(one) for one in parts["outputs"].items())
        if not outputs:
            parts["outputs"].fail("a graph computes something", "at least one output")
        return Graph(self.found, outputs)

    def vertex(self, at: Reader) -> Vertex:
        parts = at.fields(*_VERTEX)
        id = parts["id"].integer()
        if id in self.found:
            parts["id"].fail(f"two vertices have the id {id}")
        shapes = tuple(one.shape(self.most) for one in parts["shapes"].items())
        dtypes = tuple(one.dtype() for one in parts["dtypes"].items())
        if len(shapes) != len(dtypes):
            parts["dtypes"].fail("every output has a shape and a dtype", f"{len(shapes)} of them", f"{len(dtypes)}")
        error = parts["error"].optional_text()
        if (error is None) != bool(shapes):
            parts["shapes"].fail(
                "what raised has no outputs, anything else has some",
                "none" if error is not None else "at least one",
                str(len(shapes)),
            )
        site = None if parts["site"].value is None else parts["site"].integer(0)
        if site is not None and site >= len(self.sites):
            parts["site"].fail(f"there is no site {site}", f"0 to {len(self.sites) - 1}")
        operands = tuple(self.operand(one) for one in parts["operands"].items())
        attrs = {name: one.decoded(self.most) for name, one in parts["attrs"].members()}
        op = parts["op"].optional_text()
        needs = parts["requires_grad"].boolean()
        if needs and dtypes and not any(dtype.kind in "fc" for dtype in dtypes):
            parts["requires_grad"].fail("only floats have gradients", "a floating dtype", ", ".join(map(str, dtypes)))
        name = parts["name"].optional_text()
        leaf = None
        if op is None:
            if operands or attrs or len(shapes) != 1:
                at.fail("a leaf has no operands, no attributes, and one output")
            leaf = self.leaf(parts["leaf"], id, needs, name)
            value = np.asarray(leaf.data if isinstance(leaf, (Tensor, Scalar)) else leaf)
            if (value.shape, value.dtype) != (shapes[0], dtypes[0]):
                parts["leaf"].fail(
                    "the value isn't what the vertex says", f"{shapes[0]} {dtypes[0]}", f"{value.shape} {value.dtype}"
                )
        else:
            if parts["leaf"].value is not None:
                parts["leaf"].fail("what an operation computed is no leaf", "null")
            if error is None:
                self.check_operation(parts, op, operands, attrs, shapes)
            else:
                self.check_failed(parts, op, operands, attrs, needs)
        return Vertex(
            id,
            op,
            operands,
            attrs,
            shapes,
            dtypes,
            needs,
            name,
            parts["scope"].text(),
            None if site is None else self.sites[site],
            leaf,
            error=error,
        )

    def operand(self, at: Reader) -> Operand:
        """A reference to an output of an earlier vertex."""
        pair = [one.integer() for one in at.items()]
        if len(pair) != 2:
            at.fail("a reference is a vertex and the number of its output", "[vertex, port]", str(pair)[:60])
        vertex = self.found.get(pair[0])
        if vertex is None:
            if pair[0] in self.ids:
                at.fail(f"vertex {pair[0]} comes only later", "operands before results, so that there is no cycle")
            at.fail(f"there is no vertex {pair[0]}")
        if vertex.error is not None:
            at.fail(f"vertex {pair[0]} raised, so nothing comes from it")
        if not 0 <= pair[1] < len(vertex.shapes):
            at.fail(f"vertex {pair[0]} has no output {pair[1]}", f"0 to {len(vertex.shapes) - 1}")
        return Operand(*pair)

    def leaf(self, at: Reader, id: int, needs: bool, name: str | None) -> Tensor | Scalar | bool | int | float:
        members = list(at.members())
        kind, value = members[0] if len(members) == 1 else ("", at)
        if (kind == "number") != (id < 0):
            at.fail("the ids of numbers that stand in the code, and of nothing else, are below zero", got=f"id {id}")
        if kind == "number":
            if needs:
                at.fail("a number that stands in the code has no gradient")
            return value.number()
        if kind not in ("tensor", "scalar"):
            at.fail("a leaf without a value", 'an object with "tensor", "scalar" or "number"')
        made: Tensor | Scalar
        if kind == "tensor":
            array = value.array(self.most)
            array.flags.writeable = True  # it is the leaf's own
            made = Tensor(array, needs, name)
        else:
            number = value.number()
            if not isinstance(number, float):
                value.fail("a scalar is a float", "such as 2.0", repr(number)[:60])
            made = scalar(number, needs, name)
        return made

    def check_operation(
        self,
        parts: Mapping[str, Reader],
        name: str,
        operands: Sequence[Operand],
        attrs: Mapping[str, Any],
        shapes: Sequence[tuple[int, ...]],
    ) -> None:
        """Whether an operation takes such operands and attributes, and gives such shapes."""
        op = self.declared(parts["op"], name)
        if op is None:
            return
        count = len(op.operands)
        if (len(operands) < 1) if op.variadic else (len(operands) != count):
            want = "at least one" if op.variadic else f"{count} ({', '.join(op.operands)})"
            parts["operands"].fail(f"{name} doesn't have so many operands", want, str(len(operands)))
        unknown = [key for key in attrs if key not in op.attributes]
        if unknown:
            parts["attrs"].fail(f"{name} has no attribute {unknown[0]!r:.60}", ", ".join(op.attributes) or "none")
        if op.outputs is not None and len(shapes) != op.outputs:
            parts["shapes"].fail(f"{name} has another number of outputs", str(op.outputs), str(len(shapes)))
        kinds = {operand.vertex in self.scalars for operand in operands if operand.vertex >= 0}
        if len(kinds) > 1:
            parts["operands"].fail("tensors and scalars don't mix in one operation", "one kind")
        if name == "scalars" and kinds != {False}:
            parts["operands"].fail("scalars are the elements of a tensor", "a tensor")
        below = [self.found[operand.vertex].shapes[operand.port] for operand in operands]
        if not _is_cheap(below, attrs, self.most):
            return
        try:
            result = op.shape(below, **attrs) if op.variadic else op.shape(*below, **attrs)
        except (ValueError, TypeError, IndexError, KeyError, OverflowError, ArithmeticError) as error:
            parts["operands"].fail(f"{name}: {error}")
        if result is None:
            return  # it depends on values, which a graph alone doesn't have
        expected = tuple(result) if op.outputs is None else (tuple(result),)
        if expected != tuple(shapes):
            parts["shapes"].fail(f"{name} gives another shape", _shapes(expected), _shapes(shapes))

    def check_failed(
        self, parts: Mapping[str, Reader], name: str, operands: Sequence[Operand], attrs: Mapping[str, Any], needs: bool
    ) -> None:
        """Whether an operation that raised claims no more than it may; its operands were perhaps why it did."""
        op = self.declared(parts["op"], name)
        if op is not None and not op.variadic and len(operands) > len(op.operands):
            count = f"at most {len(op.operands)} ({', '.join(op.operands)})"
            parts["operands"].fail(f"{name} doesn't have so many operands", count, str(len(operands)))
        if attrs or needs:
            parts["error"].fail("what raised has no attributes and no gradient")

    def declared(self, at: Reader, name: str) -> Op | None:
        """The operation of that name; None for one of somebody's own, which has a dot in its name."""
        try:
            return find(name)
        except LookupError as error:
            if all(map(str.isidentifier, name.split("."))) and name.count(".") == 1:
                return None
            at.fail(str(error).partition("\n")[0])


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_cheap(shapes: Sequence[tuple[int, ...]], attrs: Mapping[str, Any], most: int) -> bool:
    """Whether a shape rule can be asked: those of indexing try the index out, which takes memory for index arrays."""
    key = attrs.get("key")
    sizes = [part.size for part in key if isinstance(part, np.ndarray)] if isinstance(key, tuple) else []
    whole = max(map(math.prod, shapes), default=1)
    return not sizes or max(sizes) * whole <= most


def _shapes(shapes: Sequence[tuple[int, ...]]) -> str:
    return " ".join(map(str, shapes))


def _walk(graph: Graph, parts: Mapping[str, Reader], most: int) -> Walk:
    values = {vertex.id: (_leaf_value(vertex),) for vertex in graph if vertex.op is None}
    given: dict[int, tuple[Array, ...]] = {}
    for one in parts["values"].items():
        fields = one.fields("vertex", "outputs")
        vertex = _vertex(graph, fields["vertex"])
        if vertex.id in values or vertex.id in given:
            fields["vertex"].fail(f"vertex {vertex.id} has its values twice")
        if vertex.error is not None:
            fields["vertex"].fail(f"vertex {vertex.id} raised, so it has no values")
        outputs = fields["outputs"].items()
        if len(outputs) != len(vertex.shapes):
            fields["outputs"].fail("a value for every output", str(len(vertex.shapes)), str(len(outputs)))
        given[vertex.id] = tuple(_array(at, vertex, port, most) for port, at in enumerate(outputs))
    missing = [node.id for node in graph.nodes if node.id not in given and node.error is None]
    if missing:
        parts["values"].fail(f"vertex {missing[0]} has no value", f"values of all {len(graph.nodes)} operations")
    has_failed = graph.failed is not None
    seeds: dict[Operand, Array] = {}
    for one in parts["seeds"].items():
        fields = one.fields("target", "value")
        if has_failed:
            one.fail("no pass goes back through a computation that raised", "no seeds")
        pair = [end.integer() for end in fields["target"].items()]
        if len(pair) != 2 or Operand(*pair) not in graph.outputs:
            fields["target"].fail("a pass starts from an output of the graph", _shapes(graph.outputs), str(pair)[:60])
        target = Operand(*pair)
        if target in seeds:
            fields["target"].fail(f"output {tuple(target)} has two seeds")
        seeds[target] = _array(fields["value"], graph.vertices[target.vertex], target.port, most)
    contributions = []
    for one in parts["contributions"].items():
        fields = one.fields("vertex", "operand", "value")
        vertex = _vertex(graph, fields["vertex"])
        number = fields["operand"].integer(0)
        if number >= len(vertex.operands):
            fields["operand"].fail(f"vertex {vertex.id} has no operand {number}", f"below {len(vertex.operands)}")
        target = vertex.operands[number]
        value = _array(fields["value"], graph.vertices[target.vertex], target.port, most)
        contributions.append(Contribution(vertex.id, number, value))
    if contributions and not seeds:
        parts["seeds"].fail("contributions come from somewhere", "at least one seed")
    # What is declared may have changed since the file was written.
    notes = [note for note in (one.text() for one in parts["notes"].items()) if not note.endswith(_UNDECLARED)]
    unknown = list(dict.fromkeys(node.op for node in graph.nodes if node.op and lookup(node.op) is None))
    if unknown:
        notes.append(f"{', '.join(unknown)} {_UNDECLARED}")
    return Walk(graph, {**values, **given}, seeds, tuple(contributions), parts["title"].text(), tuple(notes))


_UNDECLARED = "isn't declared here (gg.custom_op): what was saved can be looked at, but the graph can't run again."


def _leaf_value(vertex: Vertex) -> Array:
    array = np.asarray(vertex.leaf.data if isinstance(vertex.leaf, (Tensor, Scalar)) else vertex.leaf)
    array.flags.writeable = False
    return array


def _vertex(graph: Graph, at: Reader) -> Vertex:
    vertex = graph.vertices.get(at.integer())
    if vertex is None:
        at.fail(f"there is no vertex {at.value}")
    return vertex


def _array(at: Reader, vertex: Vertex, port: int, most: int) -> Array:
    array = at.array(most)
    expected = vertex.shapes[port], vertex.dtypes[port]
    if (array.shape, array.dtype) != expected:
        title = f"output {port} of vertex {vertex.id}"
        at.fail(f"this doesn't fit {title}", f"{expected[0]} {expected[1]}", f"{array.shape} {array.dtype}")
    return array
