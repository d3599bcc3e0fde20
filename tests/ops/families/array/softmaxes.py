"""What the tests know of softmax and its logarithm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def counterparts() -> dict[str, Callable[..., Any]]:
    from torch.nn import functional as F

    return {
        "log_softmax": lambda x, axis=-1: F.log_softmax(x, axis),
        "softmax": lambda x, axis=-1: F.softmax(x, axis),
    }


_LOGITS = [[0.0, 800.0, -800.0], [1.0, 1.0, 1.0], [float("-inf"), 0.0, 1.0]]
EDGES: dict[str, Any] = {"log_softmax": [([_LOGITS], {})], "softmax": [([_LOGITS], {})]}
