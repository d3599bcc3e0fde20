"""Other libraries' faces: scikit-learn's estimators.

``gg.interop.sklearn`` is loaded when it is asked for, and scikit-learn with it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphgrad.interop import sklearn as sklearn

__all__ = ["sklearn"]


def __getattr__(name: str) -> Any:
    if name == "sklearn":
        return import_module("graphgrad.interop.sklearn")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
