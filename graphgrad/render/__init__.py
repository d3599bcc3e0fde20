"""Renderers: a computation as SVG, PNG, PDF, HTML, DOT, JSON or text."""

from __future__ import annotations

from graphgrad.render.export import FORMATS, render

__all__ = ["FORMATS", "render"]
