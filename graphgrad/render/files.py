"""Files appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from pathlib import Path

__all__ = ["write"]


def write(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write a file: into a temporary one beside it, which then takes its name.

    If anything goes wrong, an existing file keeps its content, and nothing else is left behind. Text is written as
    UTF-8 with plain line ends, on every machine alike.

    Parameters
    ----------
    path
        Where the file goes; its folder must be there.
    content
        The whole file.

    Returns
    -------
    Path
        Where it went.

    Raises
    ------
    OSError
        If the folder isn't there, or can't be written to.
    """
    target = Path(path)
    # A link stays a link: the file that it points to is replaced.
    place = Path(os.path.realpath(target))
    temporary = place.with_name(f".{place.name[:40]}.{uuid.uuid4().hex}")
    try:
        with open(temporary, "xb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        if place.exists():
            shutil.copymode(place, temporary)
        os.replace(temporary, place)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return target
