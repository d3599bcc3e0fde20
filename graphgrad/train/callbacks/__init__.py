"""Callbacks: what happens at stages of a training."""

from __future__ import annotations

from graphgrad.train.callbacks.base import Callback
from graphgrad.train.callbacks.recording import Checkpoint, CSVLogger, LearningRateLog
from graphgrad.train.callbacks.stopping import AnomalyStop, EarlyStopping

__all__ = ["AnomalyStop", "CSVLogger", "Callback", "Checkpoint", "EarlyStopping", "LearningRateLog"]
