"""Files of sets that are too large to come along: from a folder, or downloaded once, with their checksums."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphgrad.graph.errors import describe

__all__ = ["RemoteFile", "check_split", "fetch", "find"]


@dataclass(frozen=True)
class RemoteFile:
    """A file, where it can be had, and what is in it.

    The checksum guards against a torn download and against a server that was tampered with: the file is used only if it
    is the one that was meant.
    """

    name: str
    sha256: str
    mirrors: tuple[str, ...]


def check_split(who: str, split: str | None) -> list[str]:
    """The parts that a split has."""
    if split is None:
        return ["train", "test"]
    if split not in ("train", "test"):
        raise ValueError(describe(f"{who}: split is 'train', 'test' or None, got {split!r}"))
    return [split]


def find(who: str, folder: str | os.PathLike[str], names: Sequence[str], inside: Sequence[str] = ()) -> Path:
    """A file in a folder, or in one of the folders that other libraries put it in.

    Raises
    ------
    FileNotFoundError
        If it isn't there.
    """
    base = Path(folder).expanduser()
    if not base.is_dir():
        raise FileNotFoundError(describe(f"{who}: there is no folder {base}"))
    for place in (base, *(base / part for part in inside)):
        for name in names:
            if (place / name).is_file():
                return place / name
    places = ", ".join([str(base), *(str(base / part) for part in inside)])
    raise FileNotFoundError(
        describe(f"{who}: {names[0]} is missing", f"looked in: {places}", f"for: {', '.join(names)}")
    )


def fetch(who: str, file: RemoteFile) -> Path:
    """A file from the cache; at first it is downloaded there.

    The cache is pooch's, a folder ``graphgrad`` where the system keeps caches; the variable ``GRAPHGRAD_DATA`` names
    another one.

    Raises
    ------
    ImportError
        If pooch isn't installed.
    OSError
        If no mirror could be reached, or none had the right file.
    """
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            describe(
                f"{who}: downloading needs pooch, which isn't installed",
                hint="pip install 'graphgrad[data]'; or data_dir= names a folder that has the files",
            )
        ) from error
    folder = Path(os.environ.get("GRAPHGRAD_DATA") or pooch.os_cache("graphgrad"))
    failures = []
    for mirror in file.mirrors:
        url = mirror + file.name
        try:
            return Path(pooch.retrieve(url, f"sha256:{file.sha256}", fname=file.name, path=folder / who))
        except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong checksum is a ValueError
            failures.append(f"{url}: {type(error).__name__}: {' '.join(str(error).split())[:160]}")
    raise OSError(
        describe(
            f"{who}: {file.name} could not be downloaded; is this computer online?",
            *failures,
            hint=f"elsewhere, download it and put it in a folder: {who}(data_dir='that/folder')",
        )
    )
