"""What the tests know of losses of distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    def contrastive_loss(
        input1: Any, input2: Any, target: Any, margin: float = 1.0, squared: bool = True, reduction: str = "mean"
    ) -> Any:
        distance = (input1 - input2).norm(dim=-1)
        losses = torch.where(target == 1, distance, torch.relu(margin - distance)) ** (2 if squared else 1)
        return losses if reduction == "none" else getattr(losses, reduction)()

    return {
        "contrastive_loss": contrastive_loss,
        "cosine_embedding_loss": F.cosine_embedding_loss,
        "triplet_margin_loss": F.triplet_margin_loss,
    }


_A = [[1.0, 0.0], [0.0, 0.0], [2.0, 1.0]]
_B = [[1.0, 0.0], [1.0, 0.0], [2.0, 1.0]]
EDGES: dict[str, Any] = {
    "contrastive_loss": [
        ([_A, _B, [1, 1, -1]], {"squared": False, "reduction": "none"}),
        ([_A, _B, [1, -1, 1]], {"reduction": "none"}),
    ],
    "cosine_embedding_loss": [
        ([_A, _B, [1, 1, -1]], {"reduction": "none"}),  # a vector of zeros
        ([[[1.0, 0.0]], [[0.0, 1.0]], [-1]], {}),  # the kink
        ([_A, _B, [0, 2, -1]], {"reduction": "none"}),  # a sign that is none adds nothing
    ],
    "triplet_margin_loss": [
        ([[[0.0, 0.0]], [[0.0, 0.0]], [[1.0, 0.0]]], {"eps": 0.0}),  # the kink, and a distance of 0
        ([_A, _B, _B], {"reduction": "none", "swap": True}),
        ([_A, _B, [[0.0, 1.0], [3.0, 1.0], [2.0, 2.0]]], {"swap": True, "p": 1}),
    ],
}
# PyTorch adds a float32 1e-12 to the squared lengths in float64 too.
COARSE = {("cosine_embedding_loss", 1000, "float64"): {"rtol": 1e-8, "atol": 1e-12}}
