"""State dicts in safetensors files: values by path, for PyTorch too."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.io.tensors import CheckpointError, read_tensors, write_tensors
from graphgrad.nn.module import Module

__all__ = ["load_state_dict", "save_state_dict"]

CHECKPOINT = "graphgrad"
"""The key under which a checkpoint's metadata is."""


def save_state_dict(state_dict: Mapping[str, Any] | Module, path: str | os.PathLike[str]) -> Path:
    """Save values by path as a safetensors file, which PyTorch's tools read too (P25.11).

    Parameters
    ----------
    state_dict
        Tensors or arrays by path, or a module: its `~graphgrad.nn.Module.state_dict`.
    path
        Where to: commonly with the suffix ``.safetensors``. The file appears whole or not at all.

    Returns
    -------
    Path
        Where it went.

    Raises
    ------
    DTypeError
        If it is no mapping of texts to arrays.
    OSError
        If the folder isn't there, or can't be written to.

    Examples
    --------
    >>> import os, tempfile
    >>> import graphgrad as gg
    >>> layer = gg.nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = gg.io.save_state_dict(layer, os.path.join(folder, "layer.safetensors"))
    ...     gg.nn.Linear(2, 1).load_state_dict(gg.io.load_state_dict(path))
    IncompatibleKeys(missing_keys=[], unexpected_keys=[])
    """
    values = state_dict.state_dict() if isinstance(state_dict, Module) else state_dict
    if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
        raise DTypeError(
            describe(f"save_state_dict: values by path are needed, or a module, got {type(state_dict).__name__}")
        )
    arrays = {
        key: as_array(value.data if isinstance(value, Tensor) else value, copy=False, what=f"save_state_dict: {key}")
        for key, value in values.items()
    }
    # Names and layouts are PyTorch's, and some of its tools ask for this word.
    return write_tensors(path, arrays, {"format": "pt"})


def load_state_dict(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Load values by path from a safetensors file: graphgrad's, or a PyTorch model's (P25.11).

    Nothing of the file is run. Values of bfloat16 come as float32, which holds the same numbers.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict of str to Tensor
        For `~graphgrad.nn.Module.load_state_dict`; with ``strict=False`` that takes the paths that both have, which
        is how weights are transferred.

    Raises
    ------
    CheckpointError
        If it is something else, cut off or damaged.
    OSError
        If there is no such file.

    Examples
    --------
    See `save_state_dict`.
    """
    arrays, metadata = read_tensors(path)
    if CHECKPOINT in metadata:
        raise CheckpointError(
            describe(
                f"{os.fspath(path)}: this is a checkpoint of a whole training, not a state dict",
                hint='gg.io.load_checkpoint(path)["model"] is the state dict in it',
            )
        )
    return {name: Tensor(array) for name, array in arrays.items()}
