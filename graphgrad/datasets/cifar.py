"""CIFAR-10, in its binary version: the one for Python is a pickle, which could run anything."""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from graphgrad.datasets.fetch import RemoteFile, check_split, fetch, find
from graphgrad.graph.errors import describe

__all__ = ["CIFAR10_CLASSES", "cifar10"]

Array = np.ndarray[Any, Any]

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""What the labels of `cifar10` mean."""

_ARCHIVE = RemoteFile(
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/"),
)
_FOLDER = "cifar-10-batches-bin"
_FILES = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
_RECORD = 1 + 3 * 32 * 32
_LARGEST = 10000 * _RECORD  # of a file


def cifar10(split: str | None = None, *, data_dir: str | os.PathLike[str] | None = None) -> tuple[Array, Array]:
    """Load 60000 small colour photographs of ten kinds of things (P05.22).

    A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009
    (https://www.cs.toronto.edu/~kriz/cifar.html), who asks to be cited; no licence is given. 162 MB are downloaded when
    it is first used, with a checksum.

    Parameters
    ----------
    split
        ``"train"`` for 50000, ``"test"`` for 10000, None for all, those for training first.
    data_dir
        A folder that has ``cifar-10-binary.tar.gz`` or the ``.bin`` files out of it; nothing is downloaded then.

    Returns
    -------
    images : ndarray
        float32, shape (n, 3, 32, 32), red, green and blue from 0.0 to 1.0.
    labels : ndarray
        int64, shape (n,): see `CIFAR10_CLASSES`.

    Raises
    ------
    ValueError
        If there is no such split, or a file is damaged or another one.
    FileNotFoundError
        If `data_dir` lacks the files.
    OSError
        If it can't be downloaded.
    ImportError
        If pooch, which downloads, isn't installed.
    """
    names = [name for part in check_split("cifar10", split) for name in _FILES[part]]
    if data_dir is None:
        contents = _unpacked(fetch("cifar10", _ARCHIVE), names)
    else:
        contents = _from_folder(data_dir, names)
    parts = [_parsed(name, content) for name, content in contents]
    images = np.concatenate([images for images, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    return images.astype(np.float32) / np.float32(255.0), labels.astype(np.int64)


def _from_folder(folder: str | os.PathLike[str], names: list[str]) -> list[tuple[str, bytes]]:
    base = Path(folder).expanduser()
    archive = base / _ARCHIVE.name
    if archive.is_file():
        return _unpacked(archive, names)
    try:
        paths = [find("cifar10", base, [name], (_FOLDER, "cifar10")) for name in names]
    except FileNotFoundError as error:
        pickled = [base / "cifar-10-python.tar.gz", base / "cifar-10-batches-py", base / "data_batch_1"]
        if any(path.exists() for path in pickled):
            raise FileNotFoundError(
                describe(
                    "cifar10: this folder has the version for Python, which is a pickle and could run anything",
                    f"folder: {base}",
                    hint=f"the binary version, {_ARCHIVE.mirrors[0]}{_ARCHIVE.name}, has the same pictures",
                )
            ) from error
        raise
    contents = []
    for path in paths:
        with open(path, "rb") as file:
            contents.append((path.name, file.read(_LARGEST + 1)))
    return contents


def _unpacked(archive: Path, names: list[str]) -> list[tuple[str, bytes]]:
    """Some files of the archive; nothing is written to the disk."""
    wanted = {f"{_FOLDER}/{name}": name for name in names}
    found = {}
    try:
        with tarfile.open(archive, "r:gz") as files:
            for member in files:
                file = files.extractfile(member) if member.isfile() and member.name in wanted else None
                if file is not None:
                    found[wanted[member.name]] = file.read(_LARGEST + 1)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            describe(f"cifar10: {archive.name} is no archive, or cut short ({error})", f"path: {archive}")
        ) from None
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(describe(f"cifar10: {archive.name} has no {missing[0]}", f"path: {archive}"))
    return [(name, found[name]) for name in names]


def _parsed(name: str, content: bytes) -> tuple[Array, Array]:
    """The images and labels of a file: records of a label and 3 × 32 × 32 bytes."""
    if not content or len(content) % _RECORD or len(content) > _LARGEST:
        raise ValueError(
            describe(
                f"cifar10: {name} is cut short, or another file",
                f"expected: records of {_RECORD} bytes, 10000 of them at most",
                f"got: {len(content)} bytes",
            )
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    labels = records[:, 0]
    if labels.max() > 9:
        raise ValueError(describe(f"cifar10: {name} is another file: labels go from 0 to 9, found {labels.max()}"))
    return records[:, 1:].reshape(-1, 3, 32, 32), labels
