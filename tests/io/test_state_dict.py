"""State dicts in safetensors files: ours and PyTorch's."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.io import CheckpointError, load_state_dict, save_state_dict


def file_of(path: Path, header: dict[str, Any], data: bytes) -> Path:
    """A safetensors file made by hand."""
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.safetensors"


@pytest.mark.curriculum("P25.11")
def test_values_come_back(path: Path) -> None:
    model = gg.nn.Sequential(gg.nn.Linear(3, 2), gg.nn.BatchNorm1d(2))
    assert save_state_dict(model, path) == path
    found = load_state_dict(path)
    expected = model.state_dict()
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value.data, expected[name].data, strict=True)
        value.data[...] = 0  # they are nobody else's


def test_weights_are_transferred_by_key(path: Path) -> None:
    save_state_dict({"0.weight": np.ones((2, 3)), "0.bias": [1.0, 2.0], "9.weight": np.zeros(1)}, path)
    model = gg.nn.Sequential(gg.nn.Linear(3, 2), gg.nn.Linear(2, 1))
    result = model.load_state_dict(load_state_dict(path), strict=False)
    assert result.missing_keys == ["1.weight", "1.bias"]
    assert result.unexpected_keys == ["9.weight"]
    assert model.state_dict()["0.bias"].tolist() == [1.0, 2.0]


def test_torch_reads_ours_and_we_read_torch(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    theirs = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 1))
    ours = gg.nn.Sequential(gg.nn.Linear(3, 2), gg.nn.BatchNorm1d(2), gg.nn.Linear(2, 1))
    save_file(theirs.state_dict(), path)
    ours.load_state_dict(load_state_dict(path))
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6)
    next(ours.parameters()).data[...] = 7.0
    save_state_dict(ours, path)
    theirs.load_state_dict(load_file(path))
    assert theirs[0].weight.unique().tolist() == [7.0]


def test_bfloat16_comes_as_float32(path: Path) -> None:
    bits = np.array([0x3F80, 0xC000, 0x7F80, 0x0001], "<u2")  # 1, -2, inf, the smallest
    header = {"w": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}
    found = load_state_dict(file_of(path, header, bits.tobytes()))["w"]
    assert found.dtype == np.float32
    assert found.tolist() == [[1.0, -2.0], [float("inf"), 2.0**-133]]


def test_torch_agrees_on_bfloat16(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    values = torch.randn(50, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    save_file({"w": values}, path)
    assert load_state_dict(path)["w"].tolist() == values.float().tolist()


class Harm:
    """Unpickled, it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def as_zip(path: Path, content: bytes) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
    return path.read_bytes()


def test_nothing_is_run(path: Path) -> None:
    harm = path.with_name("harm")
    for content in (pickle.dumps(Harm(harm)), as_zip(path, pickle.dumps(Harm(harm)))):
        path.write_bytes(content)
        for load in (load_state_dict, gg.io.load_checkpoint):
            with pytest.raises(CheckpointError, match=r"torch\.save"):
                load(path)
    assert not harm.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello", "no safetensors file"),
        (b"\x93NUMPY\x01\x00" + b"x" * 40, "a NumPy array"),
        (b"\x89HDF\r\n\x1a\n" + b"x" * 40, "HDF5"),
        (b"\xff" * 100, "no safetensors file"),
        ((10**6).to_bytes(8, "little") + b"{" + b" " * 50, "damaged or cut off"),
        ((2).to_bytes(8, "little") + b"{}more", "damaged or cut off"),
    ],
)
def test_foreign_and_damaged_files(content: bytes, words: str, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        load_state_dict(path)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}, "dtype F8_E4M3, which NumPy hasn't"),
        ({"dtype": "BOOL", "shape": [4], "data_offsets": [0, 4]}, "neither 0 nor 1"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}, "damaged or cut off"),
        ({"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}, "damaged or cut off"),
        ({"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}, "damaged or cut off"),
        ({"dtype": "F32", "shape": [1], "data_offsets": [0, 2**60]}, "damaged or cut off"),
    ],
)
def test_entries_that_lie(entry: dict[str, Any], words: str, path: Path) -> None:
    with pytest.raises(CheckpointError, match=words):
        load_state_dict(file_of(path, {"w": entry}, b"\x02\x03\x04\x05"))


def test_a_shape_that_no_array_has(path: Path) -> None:
    header = {"w": {"dtype": "F32", "shape": [0, 2**62, 2**62], "data_offsets": [0, 0]}}
    with pytest.raises(CheckpointError):
        load_state_dict(file_of(path, header, b""))


def test_a_checkpoint_is_no_state_dict(path: Path) -> None:
    gg.io.save_checkpoint(path, model=gg.nn.Linear(1, 1))
    with pytest.raises(CheckpointError, match="load_checkpoint"):
        load_state_dict(path)


@pytest.mark.parametrize("given", [3, [("a", 1.0)], {1: [1.0]}])
def test_what_is_no_state_dict(given: Any, path: Path) -> None:
    with pytest.raises(gg.DTypeError, match="values by path"):
        save_state_dict(given, path)


def test_values_that_are_no_numbers(path: Path) -> None:
    with pytest.raises(gg.DTypeError, match="name"):
        save_state_dict({"name": "text"}, path)
    assert not path.exists()
