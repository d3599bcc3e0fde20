from __future__ import annotations

import base64
import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.graph.graph import Graph, Vertex
from graphgrad.walk.codec import DTYPES, Reader, encode_array, encode_value
from graphgrad.walk.file import FileError, from_json, load, save, to_json
from graphgrad.walk.trace import trace, walk
from graphgrad.walk.walk import Walk
from tests.walk.graphs import everything, same_bits, scalar_programs, tensor_programs

Json = dict[str, Any]


def reopened(what: Any) -> Any:
    return from_json(to_json(what))


def assert_same_vertex(a: Vertex, b: Vertex) -> None:
    for name in ("id", "op", "operands", "shapes", "dtypes", "requires_grad", "name", "scope", "site"):
        assert getattr(a, name) == getattr(b, name), name
    assert repr(dict(a.attrs)) == repr(dict(b.attrs))
    assert type(a.leaf) is type(b.leaf)
    assert a.leaf is None or same_bits(np.asarray(data(a.leaf)), np.asarray(data(b.leaf)))


def data(leaf: Any) -> Any:
    return leaf.data if isinstance(leaf, (gg.Tensor, gg.Scalar)) else leaf


def assert_same_walk(a: Walk, b: Walk) -> None:
    assert (a.title, a.notes, a.steps) == (b.title, b.notes, b.steps)
    assert a.graph.outputs == b.graph.outputs
    for left, right in zip(a.graph, b.graph, strict=True):
        assert_same_vertex(left, right)
    for step in (-1, len(a.steps) // 2, len(a.steps) - 1):
        assert everything(a, step) == everything(b, step)


# ---- there and back --------------------------------------------------------------------------------------------------


@given(st.one_of(scalar_programs(), tensor_programs(), tensor_programs(dtype="float64")))
def test_a_walk_comes_back_as_it_was(program: tuple[Any, Any]) -> None:
    w = walk(program[1], title="a <title>\x1b[31m")
    again = reopened(w)
    assert_same_walk(w, again)
    assert to_json(again) == to_json(w)


@given(st.one_of(scalar_programs(), tensor_programs()))
def test_a_graph_comes_back_and_runs(program: tuple[Any, Any]) -> None:
    leaves, result = program
    graph = reopened(result.graph())
    assert same_bits(np.asarray(graph.run().data), np.asarray(result.data))
    again = graph.run({leaf.id: data(leaf.leaf) for leaf in graph.leaves})
    assert same_bits(np.asarray(again.data), np.asarray(result.data))
    graph.run().backward()
    result.backward()
    for leaf in leaves:
        if leaf.number in graph.vertices:
            found = graph.vertices[leaf.number].leaf.grad
            assert repr(found) == repr(leaf.grad)


arrays = st.tuples(
    st.sampled_from(sorted(DTYPES)),
    st.sampled_from([(), (0,), (3,), (2, 0, 3), (2, 3)]),
    st.binary(min_size=64, max_size=64),
)


@given(arrays)
def test_arrays_keep_every_bit(parts: tuple[str, tuple[int, ...], bytes]) -> None:
    dtype, shape, raw = parts
    count = int(np.prod(shape))
    array = np.frombuffer(raw, np.uint8)[:count].astype(bool) if dtype == "bool" else np.frombuffer(raw, dtype)[:count]
    array = np.resize(array, count).reshape(shape)  # as many as wanted, nan payloads and all
    for layout in (array, np.array(array, order="F"), array.astype(array.dtype.newbyteorder(">"))):
        found = Reader(json.loads(json.dumps(encode_array(layout, "it")))).array(1000)
        assert same_bits(found, array)


values: Any = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(),
        st.just(...),
        st.slices(5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(), inner, max_size=3),
    ),
    max_leaves=8,
)


@given(values)
def test_attributes_keep_value_and_type(value: Any) -> None:
    found = Reader(json.loads(json.dumps(encode_value(value, "it"), allow_nan=False))).decoded(10)
    assert repr(found) == repr(value)


@pytest.mark.parametrize("value", [np.float32(0.1), np.int8(3), float("nan"), float("inf"), -float("inf"), np.eye(2)])
def test_attributes_that_json_lacks(value: Any) -> None:
    text = json.dumps(encode_value(value, "it"), allow_nan=False)
    found = Reader(json.loads(text)).decoded(10)
    assert type(found) is type(value)
    assert same_bits(np.asarray(found), np.asarray(value))


def test_an_index_of_every_kind() -> None:
    x = gg.tensor(np.arange(24.0).reshape(2, 3, 4), requires_grad=True, name="x")
    for key in [
        (0, ..., None, slice(None, None, 2)),
        np.array([1, 0, 0]),
        (slice(1, None), np.array([True, False, True])),
    ]:
        w = walk(gg.sum(x[key] * 2.0))
        assert_same_walk(w, reopened(w))
        assert reopened(w).graph.run().item() == w.graph.run().item()


def test_places_in_the_code_come_back_and_are_stored_once() -> None:
    with gg.record(), gg.scope("layer"):
        x = gg.tensor([1.0], requires_grad=True)
        for _ in range(3):
            h = gg.tanh(x)
            x = h
        w = walk(gg.sum(x))
    content = json.loads(to_json(w))
    assert len(content["sites"]) == 2
    site = reopened(w).graph.nodes[0].site
    assert site is not None
    assert (site.text, site.targets, os.path.basename(site.file)) == ("gg.tanh(x)", ("h",), "test_file.py")
    assert_same_walk(w, reopened(w))


def test_nan_and_inf_in_values_and_leaves() -> None:
    x = gg.tensor([np.nan, np.inf, -0.0], requires_grad=True)
    s = gg.scalar(float("-inf"))
    for result in (gg.sum(x * float("nan")), s * float("inf")):
        w = walk(result)
        json.loads(to_json(w), parse_constant=lambda name: pytest.fail(f"{name} isn't JSON"))
        assert_same_walk(w, reopened(w))


def test_a_loaded_graph_has_leaves_that_can_be_written() -> None:
    x = gg.tensor([1.0], requires_grad=True, name="x")
    graph = reopened(gg.sum(x * 2.0).graph())
    graph.leaves[0].leaf.data[0] = 5.0
    assert graph.run().item() == 10.0


def test_a_walk_is_saved_with_its_own_leaves_not_with_later_ones() -> None:
    x, s = gg.tensor([1.0], requires_grad=True, name="x"), gg.scalar(1.0, name="x")
    for result in (gg.sum(x * 2.0), s * 2.0):
        graph = result.graph()
        w = trace(graph, feeds={"x": 3.0 if isinstance(result, gg.Scalar) else [3.0]})
        loose = Walk(graph, w.values, w.seeds, w.contributions)  # around leaves that still are the user's
        assert float(reopened(loose).graph.run().data) == 6.0
        assert_same_walk(reopened(w), reopened(loose))


# ---- files -----------------------------------------------------------------------------------------------------------


def example() -> Walk:
    x = gg.tensor([[1.0, 2.0]], requires_grad=True, name="x")
    first, second = gg.split(x, 1, 1)
    return walk(gg.sum(first * second * 2.0 + first), title="an example")


def test_a_file(tmp_path: Path) -> None:
    w = example()
    path = tmp_path / "walk.json"
    save(w, path)
    assert_same_walk(w, load(path))  # type: ignore[arg-type]
    assert path.read_bytes().isascii()
    save(w.graph, path)
    assert isinstance(load(str(path)), Graph)
    assert [one.name for one in tmp_path.iterdir()] == ["walk.json"]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "walk.json"
    path.write_text("old")

    def refuse(*_: Any) -> None:
        raise OSError("no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no"):
        save(example(), path)
    assert [one.name for one in tmp_path.iterdir()] == ["walk.json"]
    assert path.read_text() == "old"


def test_too_large_files_are_refused_by_name_of_the_limit(tmp_path: Path) -> None:
    w = example()
    path = tmp_path / "walk.json"
    with pytest.raises(FileError, match=r"(?s)at most 100 bytes.*max_bytes"):
        save(w, path, max_bytes=100)
    assert not path.exists()
    big = walk(gg.sum(gg.tensor(np.zeros(1000), requires_grad=True) * 2.0))
    with pytest.raises(FileError, match=r"at most 20,000 bytes"):
        save(big, path, max_bytes=20_000)
    save(w, path)
    with pytest.raises(FileError, match="at most 100 bytes"):
        load(path, max_bytes=100)


def test_what_cant_be_saved_is_named() -> None:
    x = gg.tensor(np.ones(1, np.longdouble), requires_grad=True, name="x")
    if x.dtype.name in DTYPES:
        pytest.skip("longdouble is float64 here")
    with pytest.raises(FileError, match=r"x \(vertex \d+\) is of dtype"):
        to_json((x * 2.0).graph())
    with pytest.raises(FileError, match="is a set, which a file can't hold"):
        encode_value({1}, "axis")
    with pytest.raises(FileError, match="got list"):
        to_json([])  # type: ignore[arg-type]


# ---- bad files -------------------------------------------------------------------------------------------------------


def vertex(content: Json, op: str | None) -> Json:
    return next(one for one in content["graph"]["vertices"] if one["op"] == op)


def change(path: str, value: Any) -> Callable[[Json], None]:
    """Replace what stands at a path of keys and numbers; `split` and the like stand for the vertex of that op."""

    def apply(content: Json) -> None:
        at: Any = content
        *way, last = path.split(".")
        for key in way:
            at = (
                vertex(content, key)
                if key in ("split", "multiply", "sum")
                else vertex(content, None)
                if key == "leaf0"
                else at[int(key) if key.lstrip("-").isdigit() else key]
            )
        at[int(last) if last.lstrip("-").isdigit() else last] = value

    return apply


def drop(path: str) -> Callable[[Json], None]:
    def apply(content: Json) -> None:
        at: Any = content
        *way, last = path.split(".")
        for key in way:
            at = at[int(key) if key.isdigit() else key]
        del at[last]

    return apply


BAD: list[tuple[str, Callable[[Json], Any], str]] = [
    ("another format", change("format", "else"), "holds no graph and no walk"),
    ("newer version", change("version", 2), r"version 2 .*newer than this graphgrad"),
    ("no version", drop("version"), "version None"),
    ("version true", change("version", "1"), "version '1'"),
    ("unknown kind", change("kind", "film"), "kind is unknown"),
    ("missing key", drop("graph"), "'graph' is missing"),
    ("missing vertex key", drop("graph.vertices.0.scope"), r"'scope' is missing\n  in: \$\.graph\.vertices\[0\]"),
    ("unknown key", change("extra", 1), "'extra' is unknown"),
    ("vertices no list", change("graph.vertices", {}), "expected: a list"),
    ("vertex no object", change("graph.vertices.0", 5), "expected: an object"),
    ("id no integer", change("graph.vertices.0.id", 0.5), "expected: an integer"),
    ("id a bool", change("graph.vertices.0.id", True), "expected: an integer"),
    ("no outputs", change("graph.outputs", []), "at least one output"),
    ("output of nothing", change("graph.outputs.0", [10**6, 0]), "there is no vertex 1000000"),
    ("no such port", change("multiply.operands.0.1", 7), "has no output 7"),
    ("a short reference", change("multiply.operands.0", [1]), r"\[vertex, port\]"),
    ("unknown op", change("multiply.op", "multply"), "no operation called 'multply'"),
    ("too many operands", change("sum.operands", [[0, 0], [0, 0]]), "there is no vertex 0|so many operands"),
    ("unknown attribute", change("sum.attrs.axes", 1), "no attribute 'axes'"),
    ("bad attribute", change("sum.attrs.axis", 9), "axis 9 is out of range"),
    ("attribute of a wrong type", change("sum.attrs.axis", "x"), "sum: "),
    ("another shape", change("multiply.shapes.0", [5]), "gives another shape"),
    ("huge shape", change("multiply.shapes.0", [10**9, 10**9]), "too many elements"),
    ("huge but empty", change("multiply.shapes.0", [0, 10**30]), "too many elements"),
    ("negative length", change("multiply.shapes.0", [-1]), "too small"),
    ("object dtype", change("multiply.dtypes.0", "object"), "element type that tensors don't have"),
    ("one dtype too few", change("split.dtypes", ["float32"]), "every output has a shape and a dtype"),
    ("another number of outputs", change("sum.shapes", [[], []]), "every output|number of outputs"),
    ("gradient of integers", change("sum.dtypes.0", "int64"), "only floats have gradients"),
    ("no such site", change("sum.site", 3), "there is no site 3"),
    ("leaf of an operation", change("sum.leaf", {"number": 1}), "is no leaf"),
    ("bad base64", change("leaf0.leaf.tensor.data", "!!!"), "no base64"),
    ("too few bytes", change("leaf0.leaf.tensor.data", base64.b64encode(b"1234").decode()), "not as many bytes"),
    ("leaf of another shape", change("leaf0.shapes.0", [2]), "isn't what the vertex says"),
    ("leaf without a value", change("leaf0.leaf", {"text": "x"}), "a leaf without a value"),
    ("number as a parameter", change("leaf0.leaf", {"number": 2.0}), "below zero"),
    ("a value missing", change("values", []), "has no value"),
    ("a value of another shape", change("values.0.outputs.0.shape", [1]), "doesn't fit|not as many"),
    ("a seed at a leaf", change("seeds.0.target", [0, 0]), "starts from an output"),
    ("a contribution of nothing", change("contributions.0.vertex", 10**6), "there is no vertex"),
    ("a contribution to nothing", change("contributions.0.operand", 9), "has no operand 9"),
    ("contributions from nowhere", change("seeds", []), "at least one seed"),
    ("notes no list", change("notes", "x"), "expected: a list"),
]


@pytest.mark.parametrize(("spoil", "says"), [(spoil, says) for _, spoil, says in BAD], ids=[name for name, _, _ in BAD])
def test_a_bad_file_is_refused_with_what_and_where(spoil: Callable[[Json], Any], says: str) -> None:
    content = json.loads(to_json(example()))
    spoil(content)
    with pytest.raises(FileError, match=f"(?s)^load: .*(?:{says})"):
        from_json(json.dumps(content))


def test_two_vertices_of_one_id_and_cycles() -> None:
    content = json.loads(to_json(example()))
    vertices = content["graph"]["vertices"]
    twice = copy.deepcopy(content)
    twice["graph"]["vertices"].append(vertices[0])
    with pytest.raises(FileError, match="two vertices have the id"):
        from_json(json.dumps(twice))
    multiply, last = vertex(content, "multiply"), vertices[-1]
    multiply["operands"][0] = [last["id"], 0]
    with pytest.raises(FileError, match=r"(?s)comes only later.*operands\[0\].*no cycle"):
        from_json(json.dumps(content))
    multiply["operands"][0] = [multiply["id"], 0]
    with pytest.raises(FileError, match="comes only later"):
        from_json(json.dumps(content))


def test_tensors_and_scalars_dont_mix() -> None:
    content = json.loads(to_json((gg.scalar(1.0) * gg.scalar(2.0)).graph()))
    content["graph"]["vertices"][0]["leaf"] = {"tensor": encode_array(np.array(1.0), "it")}
    with pytest.raises(FileError, match="don't mix"):
        from_json(json.dumps(content))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON"),
        ("[" * 200_000, "too deep|no JSON"),
        ("{", "cut off"),
        ('{"format": NaN}', "NaN isn't JSON"),
        ('{"format": 1, "format": 2}', "'format' twice"),
        ("[]", "no graph and no walk"),
        ("null", "no graph and no walk"),
        (b"\xff\xfe", "no JSON"),
        ("1" * 5000, "no JSON"),
    ],
)
def test_texts_that_are_something_else(text: Any, says: str) -> None:
    with pytest.raises(FileError, match=says):
        from_json(text)


@given(st.data())
def test_a_truncated_or_scribbled_file_never_opens_wrongly(data: st.DataObject) -> None:
    text = to_json(example())
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(FileError):
        from_json(text[:cut])
    scribbled = text[:cut] + data.draw(st.text('0123456789abcdef-[]{},":', min_size=1, max_size=3)) + text[cut + 1 :]
    try:
        found = from_json(scribbled)
    except FileError:
        return
    # What still opens is a walk through and through.
    assert isinstance(found, Walk)
    for step in range(-1, len(found.steps)):
        everything(found, step)


def test_deep_attributes_are_refused() -> None:
    content = json.loads(to_json(example()))
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    vertex(content, "sum")["attrs"]["axis"] = deep
    with pytest.raises(FileError, match="too deep"):
        from_json(json.dumps(content))
