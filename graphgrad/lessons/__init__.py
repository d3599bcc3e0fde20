"""The curriculum: what it asks for, the numbers that check it, and the lessons made of it."""

from __future__ import annotations

from graphgrad.lessons import curriculum

__all__ = ["curriculum"]
