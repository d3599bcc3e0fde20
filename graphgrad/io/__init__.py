"""Files that keep a training: checkpoints as safetensors and JSON, and state dicts."""

from __future__ import annotations

from graphgrad.io.checkpoint import load_checkpoint, save_checkpoint
from graphgrad.io.state_dict import load_state_dict, save_state_dict
from graphgrad.io.tensors import CheckpointError

__all__ = ["CheckpointError", "load_checkpoint", "load_state_dict", "save_checkpoint", "save_state_dict"]
