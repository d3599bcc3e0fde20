"""Checkpoints: all that a training needs to go on as if it had never stopped, in one file.

One safetensors file is one unit: the arrays, and in its metadata a JSON document that says where each belongs, with
everything that is no array. So there is no moment at which one half is new and the other old. The document holds a
SHA-256 of itself and of all arrays: a file that was damaged later is refused, not half believed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphgrad.files import write
from graphgrad.graph.errors import GraphgradError, describe
from graphgrad.graph.random import generator_or_default
from graphgrad.io.packing import pack, unpack
from graphgrad.io.state_dict import CHECKPOINT
from graphgrad.io.tensors import CheckpointError, read_tensors, sync_folder, write_tensors

__all__ = ["load_checkpoint", "save_checkpoint"]

Array = np.ndarray[Any, Any]

FORMAT, VERSION = "graphgrad checkpoint", 1
RANDOM = "random_state"


def save_checkpoint(path: str | os.PathLike[str], *, keep: int = 0, random_state: bool = True, **parts: Any) -> Path:
    """Save what a training needs to go on later, bit for bit (P25.07, P25.11).

    Killed at any moment, it leaves the file from before or the new one, whole. ``path`` is always the last one.

    Parameters
    ----------
    path
        Where to: commonly with the suffix ``.safetensors``; its folder must be there.
    keep
        How many earlier ones to keep beside it: ``run.safetensors`` moves to ``run.1.safetensors``, that one to
        ``run.2.safetensors``, and so on.
    random_state
        Whether to save where the random numbers stand: those of `graphgrad.manual_seed`, NumPy's old ones and
        Python's.
    **parts
        By name, as many as there are: what has ``state_dict()`` and ``load_state_dict()``, as models, optimisers and
        schedules have; NumPy generators; and data: numbers, texts, arrays, tensors, lists, tuples and dicts of them.

    Returns
    -------
    Path
        Where it went.

    Raises
    ------
    DTypeError
        If a part can't be saved, with its place; nothing is written then.
    OSError
        If the folder isn't there, or can't be written to.

    Examples
    --------
    >>> import os, tempfile
    >>> import graphgrad as gg
    >>> model = gg.nn.Linear(2, 1)
    >>> optimizer = gg.optim.Adam(model.parameters())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "run.safetensors")
    ...     _ = gg.io.save_checkpoint(path, model=model, optimizer=optimizer, epoch=3)
    ...     gg.io.load_checkpoint(path, model=model, optimizer=optimizer)["epoch"]
    3
    """
    if isinstance(keep, bool) or not isinstance(keep, int) or keep < 0:
        raise ValueError(describe(f"save_checkpoint: keep is a whole number from 0, got {keep!r}"))
    trees: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for name, part in {**parts, RANDOM: _random_state()}.items() if random_state else parts.items():
        state = pack(_state_of(part), name, arrays)
        trees[name] = {"kind": _kind_of(part), "class": type(part).__name__, "state": state}
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION, "parts": trees}
    document["sha256"] = _digest(document, arrays)
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    if keep:
        _step_back(Path(os.path.realpath(path)), keep)
    # One entry, since safetensors writes several in no particular order: the same state gives the same bytes.
    return write_tensors(path, arrays, {CHECKPOINT: text})


def load_checkpoint(path: str | os.PathLike[str], *, random_state: bool = True, **parts: Any) -> dict[str, Any]:
    """Load a checkpoint: put parts back into the state that they had, and return all that is in it (P25.07, P25.11).

    All parts are put back, or none: if one doesn't fit, those before it get back what they had. Nothing of the file is
    run.

    Parameters
    ----------
    path
        The file.
    random_state
        Whether to put the random numbers back too. Without parts that isn't done: then nothing is changed at all.
    **parts
        Under their names in the file, the objects to put back; None for those to leave alone.

    Returns
    -------
    dict
        All parts by name: data as it was, state dicts of those that have some.

    Raises
    ------
    CheckpointError
        If it is no checkpoint, cut off or damaged, if it has no part of that name, or if one doesn't fit.
    OSError
        If there is no such file.

    Examples
    --------
    See `save_checkpoint`.
    """
    trees, arrays = _read(path)
    try:
        found = {name: unpack(tree["state"], arrays) for name, tree in trees.items()}
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    wanted = {name: part for name, part in parts.items() if part is not None}
    missing = [name for name in wanted if name not in trees]
    if missing:
        raise CheckpointError(
            describe(
                f"{os.fspath(path)}: there is no part {missing[0]!r} in this checkpoint",
                f"parts: {', '.join(name for name in trees if name != RANDOM)}",
            )
        )
    loads = {name: _loader(path, name, part, trees[name]["kind"]) for name, part in wanted.items()}
    if wanted and random_state and RANDOM in found:
        loads[RANDOM], wanted[RANDOM] = _set_random_state, None
    before: list[tuple[Callable[[Any], Any], Any]] = []
    try:
        for name, load in loads.items():
            undo = _random_state() if name == RANDOM else _state_of(wanted[name])
            before.append((load, undo))
            load(found[name])
    except BaseException as error:
        for load, state in reversed(before):
            load(state)
        if not isinstance(error, Exception):
            raise
        details = [f"saved from: {trees[name]['class']}"] if name != RANDOM else []
        raise CheckpointError(
            describe(f"{os.fspath(path)}: {name} doesn't fit; nothing was loaded", *details, str(error))
        ) from error
    return {name: state for name, state in found.items() if name != RANDOM}


# ---- parts


def _kind_of(part: Any) -> str:
    """What kind of part something is."""
    if isinstance(part, np.random.Generator):
        return "generator"
    return "state_dict" if hasattr(part, "state_dict") and hasattr(part, "load_state_dict") else "data"


def _state_of(part: Any) -> Any:
    kind = _kind_of(part)
    return part.bit_generator.state if kind == "generator" else part.state_dict() if kind == "state_dict" else part


def _loader(path: str | os.PathLike[str], name: str, part: Any, saved: str) -> Callable[[Any], Any]:
    """What puts a state back into a part."""
    kind = _kind_of(part)
    if kind == "data" or kind != saved:
        reason = "only what has load_state_dict(), and generators, can be put back" if kind == "data" else ""
        raise CheckpointError(
            describe(
                f"{os.fspath(path)}: {name} can't be loaded into {type(part).__name__}",
                f"saved as: {saved}",
                reason or f"expected: {kind}",
                hint="data is in what load_checkpoint returns" if saved == "data" else "",
            )
        )
    if kind == "generator":
        return lambda state: setattr(part.bit_generator, "state", state)
    return part.load_state_dict  # type: ignore[no-any-return]


def _random_state() -> dict[str, Any]:
    version, numbers, gauss = random.getstate()
    return {
        "graphgrad": generator_or_default(None).bit_generator.state,
        "numpy": np.random.get_state(legacy=False),  # noqa: NPY002 - somebody's data may be drawn from it
        "python": (version, np.array(numbers, np.uint32), gauss),
    }


def _set_random_state(state: Mapping[str, Any]) -> None:
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers.tolist()), gauss))
    np.random.set_state(state["numpy"])  # noqa: NPY002
    generator_or_default(None).bit_generator.state = state["graphgrad"]


# ---- the file


def _digest(document: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256(json.dumps(document, sort_keys=True, allow_nan=False).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], arrays[name].dtype.newbyteorder("<"), order="C")
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Array]]:
    """The parts of a checkpoint as they were packed, and its arrays."""
    arrays, metadata = read_tensors(path)
    name = os.fspath(path)
    if CHECKPOINT not in metadata:
        raise CheckpointError(
            describe(
                f"{name}: this is a safetensors file, but no checkpoint of graphgrad",
                hint="a state dict? gg.io.load_state_dict reads those",
            )
        )
    try:
        document = json.loads(metadata[CHECKPOINT], parse_constant=_no_constant)
        version = document["version"] if document["format"] == FORMAT else None
        if type(version) is int and version > VERSION:
            raise CheckpointError(
                describe(f"{name}: version {version} of checkpoints, this graphgrad reads up to {VERSION}")
            )
        expected = document.pop("sha256")
        if version != VERSION or _digest(document, arrays) != expected:
            raise ValueError("it isn't what was written: the checksum differs")
        for part in document["parts"].values():
            if not isinstance(part["kind"], str) or not isinstance(part["class"], str) or "state" not in part:
                raise ValueError("a part that is none")
        return document["parts"], arrays
    except GraphgradError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, error) from error


def _damaged(path: str | os.PathLike[str], error: Exception) -> CheckpointError:
    hint = "keep=2 keeps the two checkpoints before it, too"
    return CheckpointError(describe(f"{os.fspath(path)}: the checkpoint is damaged", str(error), hint=hint))


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _earlier(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def _step_back(path: Path, keep: int) -> None:
    """Keep the checkpoint at this path under the next name, and those before it; it stays at this path, too."""
    if not path.is_file():
        return
    last = _earlier(path, 1)
    if last.exists() and last.samefile(path):  # killed right after this, and before the new one took its place
        return
    _earlier(path, keep).unlink(missing_ok=True)
    for number in range(keep - 1, 0, -1):
        if _earlier(path, number).exists():
            os.replace(_earlier(path, number), _earlier(path, number + 1))
    try:
        os.link(path, last)
    except OSError:  # a file system without links
        write(last, path.read_bytes())
    sync_folder(path.parent)
