"""Sets in files: whole, cut short and foreign ones; and what is said when they can't be had."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import io
import struct
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.datasets import cifar, fetch

MNIST = importlib.import_module("graphgrad.datasets.mnist")  # the module, not the function of its name
RNG = np.random.default_rng(0)


def idx(array: np.ndarray, code: int = 8) -> bytes:
    big = array.astype(array.dtype.newbyteorder(">"))
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape) + big.tobytes()


def mnist_files(train: int = 6, test: int = 4) -> dict[str, bytes]:
    files = {}
    for part, count in (("train", train), ("t10k", test)):
        files[f"{part}-images-idx3-ubyte"] = idx(RNG.integers(256, size=(count, 28, 28), dtype=np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx((np.arange(count) % 10).astype(np.uint8))
    return files


def put(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


# --- IDX --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "dtype"), [(8, "u1"), (9, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")]
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_type_of_numbers(tmp_path, code, dtype, packed) -> None:
    array = (RNG.normal(size=(3, 2, 4)) * 50).astype(dtype)
    content = idx(array, code)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if packed else content)
    found = gg.datasets.read_idx(path)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.dtype(dtype)
    found[0] = 1  # it may be written to


WHOLE = idx(np.arange(12, dtype=np.uint8).reshape(3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"\0\0\x08", "begins with 00 00 08"),
        (b"<html>not found</html>", "begins with 3c 68 74 6d"),
        (b"\0\0\x07\x01" + bytes(8), "begins with 00 00 07 01"),
        (b"\0\0\x08\x00", "begins with 00 00 08 00"),
        (WHOLE[:9], "ends within its header"),
        (WHOLE[:-1], "12 bytes; there are only 11"),
        (WHOLE + b"x", "12 bytes; there are more"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 1 << 31, 1 << 31, 1 << 31), "header claims shape"),
        (gzip.compress(WHOLE)[:-10], "packed file is cut short or damaged"),
        (gzip.compress(WHOLE)[:10] + b"\xff" * 20, "packed file is cut short or damaged"),
        (gzip.compress(WHOLE)[:-8] + bytes(8), "packed file is cut short or damaged"),
    ],
)
def test_damaged_and_foreign_files(tmp_path, content, message) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        gg.datasets.read_idx(path)
    assert str(path) in str(caught.value)


def test_every_cut_is_noticed(tmp_path) -> None:
    path = tmp_path / "images"
    packed = gzip.compress(WHOLE)
    for content in (WHOLE, packed):
        for length in range(0, len(content), 3):
            path.write_bytes(content[:length])
            with pytest.raises(ValueError, match="not a whole IDX file"):
                gg.datasets.read_idx(path)


# --- MNIST ------------------------------------------------------------------------------------------------------------


@pytest.mark.curriculum("P05.21")
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("way", ["plain", "packed", "dotted", "torchvision"])
def test_the_files_in_a_folder(tmp_path, name, way) -> None:
    files = mnist_files()
    inside = {"mnist": "MNIST/raw", "fashion_mnist": "FashionMNIST/raw"}[name] if way == "torchvision" else "."
    renamed = {
        "packed": lambda n, c: (f"{n}.gz", gzip.compress(c)),
        "dotted": lambda n, c: (n.replace("-idx", ".idx"), c),
    }.get(way, lambda n, c: (n, c))
    put(tmp_path / inside, dict(renamed(n, c) for n, c in files.items()))
    X, t = gg.datasets.load(name, data_dir=tmp_path)
    assert (X.shape, X.dtype, t.dtype) == ((10, 1, 28, 28), np.float32, np.int64)
    assert t.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]
    assert 0.99 < X.max() <= 1.0
    raw = np.frombuffer(files["t10k-images-idx3-ubyte"][16:], np.uint8).reshape(4, 28, 28)
    test, _ = gg.datasets.load(name, split="test", data_dir=str(tmp_path))
    np.testing.assert_array_equal(np.rint(test[:, 0] * 255), raw)
    np.testing.assert_array_equal(X[6:], test)


def test_other_files_under_these_names(tmp_path) -> None:
    files = mnist_files()
    cases = [
        ({"train-images-idx3-ubyte": files["train-labels-idx1-ubyte"]}, "these are other files"),
        ({"train-labels-idx1-ubyte": files["t10k-labels-idx1-ubyte"]}, "these are other files"),
        ({"train-labels-idx1-ubyte": idx(np.full(6, 10, np.uint8))}, "labels go from 0 to 9, found 10"),
        ({"train-labels-idx1-ubyte": b"PK"}, "not a whole IDX file"),
    ]
    for number, (changed, message) in enumerate(cases):
        folder = put(tmp_path / str(number), {**files, **changed})
        with pytest.raises(ValueError, match=message):
            gg.datasets.mnist("train", data_dir=folder)
    with pytest.raises(FileNotFoundError, match=r"t10k-images-idx3-ubyte.gz is missing"):
        gg.datasets.mnist("test", data_dir=put(tmp_path / "empty", {}))
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        gg.datasets.mnist(data_dir=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="split is 'train', 'test' or None"):
        gg.datasets.mnist("validation", data_dir=tmp_path)


# --- CIFAR-10 ---------------------------------------------------------------------------------------------------------


def records(count: int) -> bytes:
    table = RNG.integers(256, size=(count, 3073), dtype=np.uint8)
    table[:, 0] = np.arange(count) % 10
    return table.tobytes()


def cifar_files() -> dict[str, bytes]:
    return {**{f"data_batch_{n}.bin": records(2) for n in range(1, 6)}, "test_batch.bin": records(3)}


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as target:
        for name, content in files.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.curriculum("P05.22")
@pytest.mark.parametrize("way", ["flat", "folder", "archive"])
def test_cifar_in_a_folder(tmp_path, way) -> None:
    files = cifar_files()
    if way == "archive":
        put(tmp_path, {"cifar-10-binary.tar.gz": archive(files)})
    else:
        put(tmp_path / ("cifar-10-batches-bin" if way == "folder" else "."), files)
    X, t = gg.datasets.cifar10(data_dir=tmp_path)
    assert (X.shape, X.dtype, t.tolist()) == ((13, 3, 32, 32), np.float32, [0, 1] * 5 + [0, 1, 2])
    raw = np.frombuffer(files["test_batch.bin"], np.uint8).reshape(3, 3073)
    np.testing.assert_array_equal(np.rint(X[10:] * 255).reshape(3, -1), raw[:, 1:])
    assert gg.datasets.cifar10("test", data_dir=tmp_path)[1].tolist() == [0, 1, 2]
    assert len(gg.datasets.CIFAR10_CLASSES) == 10
    assert (
        sorted(path.name for path in tmp_path.iterdir())
        == {
            "flat": sorted(files),
            "folder": ["cifar-10-batches-bin"],
            "archive": ["cifar-10-binary.tar.gz"],
        }[way]
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"test_batch.bin": records(2)[:-1]}, "cut short, or another file"),
        ({"test_batch.bin": b""}, "cut short, or another file"),
        ({"test_batch.bin": b"\xff" * 3073}, "labels go from 0 to 9, found 255"),
        ({"cifar-10-binary.tar.gz": b"<html>"}, "is no archive, or cut short"),
        ({"cifar-10-binary.tar.gz": archive(cifar_files())[:2000]}, "is no archive, or cut short"),
        ({"cifar-10-binary.tar.gz": archive({"data_batch_1.bin": records(1)})}, "has no test_batch.bin"),
        ({"cifar-10-python.tar.gz": b""}, "a pickle and could run anything"),
        ({"data_batch_1": b""}, "a pickle and could run anything"),
        ({}, "test_batch.bin is missing"),
    ],
)
def test_damaged_and_foreign_cifar(tmp_path, files, message) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        gg.datasets.cifar10("test", data_dir=put(tmp_path, files))


# --- downloads --------------------------------------------------------------------------------------------------------


def test_a_download_with_its_checksum(tmp_path, monkeypatch) -> None:
    pytest.importorskip("pooch")
    served = put(tmp_path / "served", {f"{n}.gz": gzip.compress(c, mtime=0) for n, c in mnist_files().items()})
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append(url)
        if "first" in url:
            raise ConnectionError("no route to host")
        content = (served / fname).read_bytes()
        if known_hash != f"sha256:{hashlib.sha256(content).hexdigest()}":
            raise ValueError("SHA256 hash of downloaded file does not match the known hash")
        target = put(Path(path), {fname: content}) / fname
        return str(target)

    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in served.iterdir()}
    monkeypatch.setattr("pooch.retrieve", retrieve)
    monkeypatch.setenv("GRAPHGRAD_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(MNIST, "_MNIST", sums)
    monkeypatch.setattr(MNIST, "_MNIST_MIRRORS", ("https://first.example/", "https://second.example/"))
    X, t = gg.datasets.mnist()
    assert (X.shape, t.shape) == ((10, 1, 28, 28), (10,))
    assert len(asked) == 8  # the first mirror doesn't answer
    assert (tmp_path / "cache" / "mnist" / "t10k-labels-idx1-ubyte.gz").is_file()
    monkeypatch.setattr(MNIST, "_MNIST", dict.fromkeys(sums, "0" * 64))
    with pytest.raises(OSError, match="does not match the known hash"):
        gg.datasets.mnist()


@pytest.mark.parametrize("name", gg.datasets.names("downloaded"))
def test_offline(name, monkeypatch, tmp_path) -> None:
    pytest.importorskip("pooch")

    def retrieve(url, known_hash, fname, path):
        assert url.startswith(("https://", "http://fashion-mnist.s3"))
        assert len(known_hash) == len("sha256:") + 64
        raise ConnectionError("Temporary failure in\nname resolution")

    monkeypatch.setenv("GRAPHGRAD_DATA", str(tmp_path))
    monkeypatch.setattr("pooch.retrieve", retrieve)
    with pytest.raises(OSError, match="is this computer online") as caught:
        gg.datasets.load(name)
    text = str(caught.value)
    assert "Temporary failure in name resolution" in text
    assert f"{name}(data_dir='that/folder')" in text


def test_without_pooch(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"pip install 'graphgrad\[data\]'"):
        gg.datasets.mnist()


def test_checksums_are_whole() -> None:
    sums = [*MNIST._MNIST.values(), *MNIST._FASHION.values(), cifar._ARCHIVE.sha256]
    assert len(set(sums)) == 9
    assert all(len(bytes.fromhex(value)) == 32 for value in sums)
    assert isinstance(cifar._ARCHIVE, fetch.RemoteFile)
