"""The format of MNIST's files: arrays of numbers behind a short header."""

from __future__ import annotations

import gzip
import io
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from graphgrad.graph.errors import describe

__all__ = ["read_idx"]

Array = np.ndarray[Any, Any]

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

LARGEST = 1 << 30
"""No array of more bytes is read: a header of a few bytes may claim anything."""


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Read an IDX file, packed with gzip or not.

    Two zeros, the type of the numbers, the number of axes; the length of each axis, in four bytes; then the numbers,
    all with the highest byte first.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If it is no IDX file, or it is cut short, too long, or damaged.
    OSError
        If it can't be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from graphgrad.datasets import read_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path).tolist()
    [7, 2, 1]
    """
    place = Path(path)
    with open(place, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else cast(BinaryIO, io.BufferedReader(raw))
        try:
            return _read(stream, place)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise _refused(place, f"the packed file is cut short or damaged ({error})") from None


def _read(stream: BinaryIO, place: Path) -> Array:
    header = stream.read(4)
    if len(header) < 4 or header[:2] != b"\0\0" or header[2] not in _TYPES or header[3] == 0:
        raise _refused(place, f"it begins with {header.hex(' ') or 'nothing'}, not with 00 00, a type and axes")
    sizes = stream.read(4 * header[3])
    if len(sizes) < 4 * header[3]:
        raise _refused(place, "it ends within its header")
    shape = struct.unpack(f">{header[3]}I", sizes)
    dtype = np.dtype(_TYPES[header[2]])
    expected = math.prod(shape) * dtype.itemsize
    if expected > LARGEST:
        raise _refused(place, f"its header claims shape {shape}, more than {LARGEST} bytes")
    content = stream.read(expected + 1)
    if len(content) != expected:
        found = f"only {len(content)}" if len(content) < expected else "more"
        raise _refused(place, f"its header says shape {shape}, {expected} bytes; there are {found}")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _refused(place: Path, reason: str) -> ValueError:
    return ValueError(describe(f"{place.name}: not a whole IDX file: {reason}", f"path: {place}"))
