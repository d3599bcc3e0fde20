"""Files appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from pathlib import Path

__all__ = ["state_folder", "write"]


def state_folder() -> Path:
    """Where the command line and the terminal UI keep what is to be there next time; it may not exist yet.

    That is ``graphgrad`` below ``XDG_STATE_HOME``, or below ``~/.local/state``.
    """
    home = os.environ.get("XDG_STATE_HOME", "")
    # The specification says that a path which isn't absolute is to be ignored.
    base = Path(home) if os.path.isabs(home) else Path.home() / ".local" / "state"
    return base / "graphgrad"


def write(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write a file: into a temporary one beside it, which then takes its name.

    If anything goes wrong, an existing file keeps its content, and nothing else is left behind. A link stays a link,
    and an existing file keeps its mode. Text is written as UTF-8 with the line ends that it has, on every machine
    alike. What is no file, such as a pipe or ``/dev/stdout``, can't be replaced and is written to directly.

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

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from graphgrad.files import write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder) / "a.txt", "∂y/∂x").read_text(encoding="utf-8")
    '∂y/∂x'
    """
    target = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return target
    # Beside the file that a link points to: that one is replaced, not the link.
    place = Path(os.path.realpath(target))
    temporary = place.with_name(f".{place.name[:40]}.{uuid.uuid4().hex}")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if place.exists():
            shutil.copymode(place, temporary)
        os.replace(temporary, place)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.errno is not None:
            # Name the file that was asked for, not the temporary one, of which the caller knows nothing.
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise
    return target
