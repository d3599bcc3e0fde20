"""Safetensors files: named arrays after a header in JSON, and nothing that could be run.

Their layout is that of https://github.com/huggingface/safetensors: the length of the header, the header with each
array's dtype, shape and place, and the arrays' bytes.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphgrad.files import write
from graphgrad.graph.errors import GraphgradError, describe

__all__ = ["CheckpointError", "read_tensors", "write_tensors"]

Array = np.ndarray[Any, Any]

_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "C64": "<c8",
}

# How files of other kinds begin.
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive, as torch.save and numpy.savez write them"),
    (b"\x80", "a pickle, as torch.save once wrote them"),
    (b"\x89HDF", "an HDF5 file, as Keras writes them"),
    (b"\x93NUMPY", "a NumPy array"),
)
_CONVERT = "in PyTorch, safetensors.torch.save_file(model.state_dict(), ...) writes one that can be read"
_STALE = 3600.0  # seconds
METADATA = "__metadata__"
"""What safetensors calls the texts in a header, beside the arrays."""


class CheckpointError(GraphgradError, RuntimeError):
    """A file that can't be read, or that doesn't fit what it is loaded into."""


def write_tensors(path: str | os.PathLike[str], tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> Path:
    """Write a safetensors file, whole or not at all, and see it to the disk.

    The file is complete and on the disk before it takes its name, and so is the name before this returns: whatever
    happens to the process or to the power, there is either the file from before or this one.

    Parameters
    ----------
    path
        Where to; its folder must be there.
    tensors
        Arrays of booleans, integers or floats of at most 64 bits.
    metadata
        Texts by name.

    Raises
    ------
    CheckpointError
        If a name or a dtype can't be in such a file; nothing is written then.
    OSError
        If the folder isn't there, or can't be written to.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save

    if METADATA in tensors:  # the library would write it, and nobody could read the file
        raise CheckpointError(describe(f"{os.fspath(path)}: no array can be called {METADATA!r} in safetensors files"))
    arrays = {name: np.asarray(array, array.dtype.newbyteorder("<"), order="C") for name, array in tensors.items()}
    try:
        content = save(arrays, dict(metadata))
    except (SafetensorError, KeyError, TypeError, UnicodeEncodeError) as error:
        raise CheckpointError(describe(f"{os.fspath(path)}: can't be written as safetensors", str(error))) from error
    target = Path(os.path.realpath(path))
    _clear(target)
    written = write(path, content)
    sync_folder(target.parent)
    return written


def sync_folder(folder: Path) -> None:
    """See the names in a folder to the disk, where the system can."""
    with contextlib.suppress(OSError):  # Windows has no such thing
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _clear(target: Path) -> None:
    """Remove what writers of this file left when they were killed, unless it is so young that one may be at work."""
    with contextlib.suppress(OSError):
        for left in target.parent.glob(f".{glob.escape(target.name[:40])}.{'[0-9a-f]' * 32}"):
            if time.time() - left.stat().st_mtime > _STALE:
                left.unlink()


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a safetensors file: its arrays, which may be written to, and its metadata.

    bfloat16, which NumPy hasn't, becomes float32, which holds the same numbers.

    Raises
    ------
    CheckpointError
        If it is something else, cut off or damaged, or holds a dtype that NumPy hasn't.
    OSError
        If there is no such file.
    """
    from safetensors import SafetensorError, deserialize

    data = Path(path).read_bytes()
    try:
        found = deserialize(data)  # type: ignore[no-untyped-call]
    except (SafetensorError, ValueError, OverflowError) as error:
        raise _unreadable(path, data, str(error)) from error
    arrays = {}
    for name, one in found:
        arrays[name] = _array(path, name, one["dtype"], one["shape"], one["data"])
    # Looked through above, by a reader that is strict: what is left are texts by name, or there are none.
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return arrays, header.get(METADATA) or {}


def _array(path: str | os.PathLike[str], name: str, kind: str, shape: Any, data: Any) -> Array:
    try:
        if kind == "BF16":  # the upper half of a float32
            return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)
        if kind not in _DTYPES:
            known = ", ".join([*_DTYPES, "BF16"])
            raise CheckpointError(
                describe(f"{os.fspath(path)}: {name} is of dtype {kind}, which NumPy hasn't", f"can be read: {known}")
            )
        if kind == "BOOL" and np.frombuffer(data, "uint8").max(initial=0) > 1:
            raise ValueError("booleans that are neither 0 nor 1")
        return np.frombuffer(data, _DTYPES[kind]).reshape(shape).astype(_DTYPES[kind].replace("<", "="), copy=True)
    except ValueError as error:
        raise CheckpointError(describe(f"{os.fspath(path)}: {name} is damaged", str(error))) from error


def _unreadable(path: str | os.PathLike[str], data: bytes, reason: str) -> CheckpointError:
    name = os.fspath(path)
    if not data:
        return CheckpointError(describe(f"{name}: the file is empty"))
    for start, kind in _FOREIGN:
        if data.startswith(start) and b"{" not in data[8:9]:
            return CheckpointError(
                describe(
                    f"{name}: this is no safetensors file but {kind}",
                    "such files may hold code, or need another library: nothing of it was read",
                    hint=_CONVERT,
                )
            )
    if data[8:9] == b"{":
        return CheckpointError(
            describe(
                f"{name}: the file is damaged or cut off",
                f"size: {len(data)} bytes",
                f"safetensors says: {reason}",
                hint="a copy that didn't finish? Checkpoints themselves appear whole or not at all",
            )
        )
    return CheckpointError(describe(f"{name}: this is no safetensors file", f"safetensors says: {reason}"))
