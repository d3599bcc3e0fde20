"""What the tests know of reductions that leave out nan."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.families.array.reductions import along


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(*args: Any, **attrs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of slices where everything is nan
            return function(*args, **attrs)

    return called


FUNCTIONS: dict[str, Any] = {
    name: _quiet(getattr(np, name))
    for name in ("nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar")
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {
        "nanmean": along(torch.nanmean),
        "nansum": along(torch.nansum),
    }
