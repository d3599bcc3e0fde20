"""Checkpoints: what goes in comes out, bit for bit; what doesn't fit changes nothing; damaged files are refused."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.graph.random import generator_or_default
from graphgrad.io import CheckpointError, load_checkpoint, save_checkpoint
from graphgrad.io.packing import DEEPEST, pack, unpack
from graphgrad.io.tensors import write_tensors


def trained(kind: Any = gg.optim.Adam) -> tuple[gg.nn.Module, Any]:
    """A model and its optimiser after a step."""
    model = gg.nn.Sequential(gg.nn.Linear(3, 2), gg.nn.BatchNorm1d(2))
    optimizer = kind(model.parameters(), lr=0.1)
    gg.sum(model(gg.tensor([[1.0, 2.0, 3.0], [3.0, 1.0, 0.0]])) ** 3).backward()
    optimizer.step()
    return model, optimizer


def state(*parts: Any) -> list[Any]:
    """The states of parts, for comparison."""
    arrays: dict[str, Any] = {}
    trees = [pack(part.state_dict(), "it", arrays) for part in parts]
    return [*trees, *(array.tobytes() for array in arrays.values())]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.safetensors"


@pytest.mark.curriculum("P25.11")
def test_parts_come_back(path: Path) -> None:
    model, optimizer = trained()
    generator = np.random.default_rng(3)
    generator.random(5)
    save_checkpoint(path, model=model, optimizer=optimizer, generator=generator, epoch=3, name="näme")
    other_model, other = trained()
    other_generator = np.random.default_rng(4)
    found = load_checkpoint(path, model=other_model, optimizer=other, generator=other_generator)
    assert state(other_model, other) == state(model, optimizer)
    assert other_generator.random() == generator.random()
    assert (found["epoch"], found["name"]) == (3, "näme")
    assert list(found["model"]) == list(model.state_dict())


def test_random_numbers_go_on(path: Path) -> None:
    def draw() -> tuple[float, ...]:
        return float(generator_or_default(None).random()), random.random(), float(np.random.random())  # noqa: NPY002

    rng = gg.manual_seed(7)
    draw()
    save_checkpoint(path, generator=np.random.default_rng(0))
    first = draw()
    draw()
    load_checkpoint(path, generator=np.random.default_rng(0), random_state=False)
    assert draw() != first
    load_checkpoint(path)  # a look alone changes nothing
    assert draw() != first
    load_checkpoint(path, generator=np.random.default_rng(0))
    assert draw() == first
    load_checkpoint(path, generator=np.random.default_rng(0))
    assert rng.random() == first[0]  # the generator that manual_seed gave is still the one


def test_the_same_state_gives_the_same_bytes(path: Path) -> None:
    model, optimizer = trained()
    contents = {save_checkpoint(path, model=model, optimizer=optimizer, x=1).read_bytes() for _ in range(3)}
    assert len(contents) == 1


KEYS = st.none() | st.integers() | st.text() | st.booleans()
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([np.float32(0.1), np.int8(-3), np.bool_(True), np.complex64(1 - 2j)])
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.dictionaries(st.sampled_from(["$", "a", "a.b", "items", "name"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=40)
@given(TREES)
def test_plain_data_of_any_form_comes_back(tree: Any) -> None:
    arrays: dict[str, Any] = {}
    packed = pack(tree, "it", arrays)
    back = unpack(json.loads(json.dumps(packed, allow_nan=False)), arrays)
    assert repr(back) == repr(tree)  # NaN, -0.0, True and 1, and types


ARRAYS = [
    np.array(1 + 2j),
    np.zeros((0, 3), np.complex64),
    np.arange(6.0).reshape(2, 3).T * (1 - 1j),
    np.arange(6, dtype=">i2")[::-2],
    np.array([True, False]),
    np.array(math.nan, np.float16),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.zeros((0,)),
]


def test_arrays_of_any_kind_come_back(path: Path) -> None:
    tensor = gg.tensor([[1.0, 2.0]])
    save_checkpoint(path, arrays=ARRAYS, tensor=tensor, clash={"a.b": np.zeros(1), "a": {"b": np.ones(1)}})
    found = load_checkpoint(path)
    for ours, theirs in zip(found["arrays"], ARRAYS, strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=theirs.dtype.isnative)
        assert ours.flags.writeable
    assert type(found["tensor"]) is gg.Tensor
    assert found["tensor"].tolist() == tensor.tolist()
    assert (found["clash"]["a.b"], found["clash"]["a"]["b"]) == (0.0, 1.0)
    parts: dict[str, Any] = {"a.b": {"c": np.zeros(1)}, "a": {"b.c": np.ones(1)}}
    save_checkpoint(path, **parts)
    found = load_checkpoint(path)
    assert (found["a.b"]["c"], found["a"]["b.c"]) == (0.0, 1.0)


@pytest.mark.parametrize("name", ["__metadata__", "\ud800"])
def test_names_that_no_file_can_hold(name: str, path: Path) -> None:
    save_checkpoint(path, it=1)
    before = path.read_bytes()
    parts: dict[str, Any] = {name: np.zeros(1)}
    with pytest.raises(CheckpointError):
        save_checkpoint(path, **parts)
    with pytest.raises(CheckpointError):
        gg.io.save_state_dict(parts, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"f": [print]}, "it.f.0 can't be saved"),
        ({"a": {1.5: 2}}, "it.a has a key"),
        ({"s": {1, 2}}, "it.s can't be saved: set"),
        (np.array(["a"]), "array of <U1"),
        (np.array([None]), "array of object"),
        (np.zeros(1, np.longdouble), "array of"),
    ],
)
def test_what_cannot_be_saved_is_named_and_nothing_is_written(value: Any, words: str, path: Path) -> None:
    save_checkpoint(path, it=1)
    with pytest.raises(gg.DTypeError) as caught:
        save_checkpoint(path, keep=1, it=value)
    assert words in str(caught.value)
    assert load_checkpoint(path)["it"] == 1
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_data_in_itself_is_refused(path: Path) -> None:
    tree: list[Any] = []
    tree.append(tree)
    with pytest.raises(gg.DTypeError, match=f"more than {DEEPEST} levels"):
        save_checkpoint(path, it=tree)


def test_wrong_arguments(path: Path) -> None:
    with pytest.raises(ValueError, match="keep is a whole number from 0"):
        save_checkpoint(path, keep=-1)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        save_checkpoint(path.parent / "nowhere" / "run", it=1)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(path)


# ---- earlier ones


def test_earlier_ones_are_kept(path: Path) -> None:
    for number in range(5):
        save_checkpoint(path, keep=2, number=number)
    found = {one.name: load_checkpoint(one)["number"] for one in path.parent.iterdir()}
    assert found == {"run.safetensors": 4, "run.1.safetensors": 3, "run.2.safetensors": 2}
    save_checkpoint(path, number=5)  # without keep they are left alone
    assert load_checkpoint(path.parent / "run.1.safetensors")["number"] == 3


def test_killed_between_keeping_and_writing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        save_checkpoint(path, keep=2, number=number)

    class Killed(BaseException):
        pass

    def kill(*_: Any) -> None:
        raise Killed

    for _ in range(3):  # again and again
        with monkeypatch.context() as patched:
            patched.setattr("graphgrad.io.checkpoint.write_tensors", kill)
            with pytest.raises(Killed):
                save_checkpoint(path, keep=2, number=3)
        assert load_checkpoint(path)["number"] == 2
    save_checkpoint(path, keep=2, number=3)
    found = {one.name: load_checkpoint(one)["number"] for one in path.parent.iterdir()}
    assert found == {"run.safetensors": 3, "run.1.safetensors": 2, "run.2.safetensors": 1}


def test_without_links_copies_are_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    for number in range(3):
        save_checkpoint(path, keep=1, number=number)
    assert load_checkpoint(path.parent / "run.1.safetensors")["number"] == 1


# ---- all or nothing


def test_what_does_not_fit_changes_nothing(path: Path) -> None:
    model, optimizer = trained(gg.optim.Adam)
    save_checkpoint(path, model=model, optimizer=optimizer, generator=np.random.default_rng(1))
    other, sgd = trained(gg.optim.SGD)
    generator = np.random.default_rng(2)
    gg.manual_seed(5)
    before, drawn = state(other, sgd), gg.manual_seed(5).random()
    gg.manual_seed(5)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path, model=other, generator=generator, optimizer=sgd)
    assert "optimizer doesn't fit; nothing was loaded" in str(caught.value)
    assert "saved from: Adam" in str(caught.value)
    assert state(other, sgd) == before
    assert generator.random() == np.random.default_rng(2).random()
    assert gg.random.rand(1).shape == (1,)
    assert gg.manual_seed(5).random() == drawn


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"modle": gg.nn.Linear(1, 1)}, "no part 'modle'"),
        ({"epoch": gg.nn.Linear(1, 1)}, "saved as: data"),
        ({"model": np.random.default_rng(0)}, "saved as: state_dict"),
        ({"model": 3}, "only what has load_state_dict"),
        ({"model": gg.nn.Linear(2, 2)}, "model doesn't fit"),
        ({"generator": np.random.Generator(np.random.MT19937(0))}, "generator doesn't fit"),
    ],
)
def test_parts_that_are_others(parts: dict[str, Any], words: str, path: Path) -> None:
    save_checkpoint(path, model=gg.nn.Linear(1, 1), epoch=1, generator=np.random.default_rng(0))
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(path, **parts)


def test_none_is_left_alone(path: Path) -> None:
    save_checkpoint(path, model=gg.nn.Linear(1, 1))
    assert list(load_checkpoint(path, model=None, scheduler=None)) == ["model"]


# ---- damaged and foreign files


def test_every_damage_is_noticed(path: Path) -> None:
    save_checkpoint(path, random_state=False, model=gg.nn.Linear(2, 1), epoch=2)
    content = path.read_bytes()
    rng = random.Random(0)
    for place in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            load_checkpoint(path)


def test_every_cut_is_noticed(path: Path) -> None:
    save_checkpoint(path, random_state=False, model=gg.nn.Linear(2, 1), epoch=2)
    content = path.read_bytes()
    for length in [*range(0, len(content), 7), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError):
            load_checkpoint(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(CheckpointError, match="damaged or cut off"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        None,
        {"a": 3},
        {"a": {}},
        {"a": {"kind": "state_dict", "class": "Linear"}},
        {"a": {"kind": 3, "class": "Linear", "state": 1}},
        {"a": {"kind": "state_dict", "class": "Linear", "state": {"$": "tensor", "name": "nowhere"}}},
    ],
)
def test_documents_made_by_hand(parts: Any, path: Path) -> None:
    """Their checksum is right: whoever made them knows how."""
    document = {"format": "graphgrad checkpoint", "version": 1, "parts": parts}
    document["sha256"] = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    write_tensors(path, {}, {"graphgrad": json.dumps(document)})
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(path, a=gg.nn.Linear(1, 1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "damaged"),
        ("[" * 5000, "damaged"),
        ("[" * 200_000, "damaged"),
        ("null", "damaged"),
        ('{"format": "graphgrad checkpoint", "version": 99, "parts": {}, "sha256": ""}', "version 99"),
        ('{"format": "graphgrad checkpoint", "version": 1, "parts": NaN, "sha256": ""}', "damaged"),
        ('{"format": "graphgrad checkpoint", "version": 1, "parts": {}, "sha256": "0"}', "checksum"),
        ("9" * 5000, "damaged"),
    ],
)
def test_documents_that_are_none(text: str, words: str, path: Path) -> None:
    write_tensors(path, {}, {"graphgrad": text})
    with pytest.raises(CheckpointError, match=words):
        load_checkpoint(path)


def test_a_state_dict_is_no_checkpoint(path: Path) -> None:
    gg.io.save_state_dict(gg.nn.Linear(1, 1), path)
    with pytest.raises(CheckpointError, match=r"gg\.io\.load_state_dict"):
        load_checkpoint(path)


@settings(max_examples=60)
@given(
    st.recursive(
        LEAVES.filter(lambda v: not isinstance(v, np.generic)),
        lambda i: (
            st.lists(i)
            | st.dictionaries(
                st.sampled_from(["$", "name", "items", "value", "dtype"]),
                i | st.sampled_from(["float", "tuple", "dict", "ndarray", "tensor", "x", "complex64"]),
            )
        ),
        max_leaves=8,
    )
)
def test_entries_of_any_form_are_read_or_refused(tree: Any) -> None:
    arrays = {"x": np.zeros((2, 2), np.float32)}
    with contextlib.suppress(ValueError):
        unpack(tree, arrays)
