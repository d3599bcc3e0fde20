"""Gradients that PyTorch doesn't have: its own value and gradients, and beside them what is composed in PyTorch."""

from __future__ import annotations

from typing import Any


def beside(real: Any, composed: Any) -> Any:
    """`real`, with the gradients that `composed` has too; its value changes nothing."""
    return real + (composed - composed.detach())
