"""What the tests know of margin losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tests.ops.declared import Case


def _labels(target: Any) -> list[int]:
    """The labels of one example, up to the first -1."""
    found = list(target)
    return found[: found.index(-1)] if -1 in found else found


def _others(scores: Any, target: Any) -> Any:
    """The scores of all but one class, or of all labels that don't hold."""
    return np.delete(scores, target if np.ndim(target) == 0 else _labels(target))


FUNCTIONS: dict[str, Any] = {
    "held": lambda scores, target: scores[_labels(target)][:, None],
    "others": _others,
    "size": np.size,
}


def one_by_one(case: Case, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """The formula of one example, over all examples."""
    from tests.ops.declared import evaluate

    names = dict(zip(case.op.operands, operands, strict=True))
    scores, target = operands[:2]
    losses = np.zeros(scores.shape[:-1])
    for place in np.ndindex(losses.shape):
        one = {**names, case.op.operands[0]: scores[place], "target": target[place], **attrs}
        losses[place] = evaluate(case.op.formula, one)
    return losses


READINGS = {"multi_margin_loss": one_by_one, "multilabel_margin_loss": one_by_one}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    from tests.ops.straight import beside

    def reduced(losses: Any, reduction: str) -> Any:
        return losses if reduction == "none" else getattr(losses, reduction)()

    def hinge_loss(input: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
        return reduced(torch.relu(margin - target * input), reduction)

    def squared_hinge_loss(input: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
        return reduced(torch.relu(margin - target * input) ** 2, reduction)

    def multi_margin_loss(input: Any, target: Any, weight: Any, reduction: str = "mean", **attrs: Any) -> Any:
        if weight is None:
            return F.multi_margin_loss(input, target, reduction=reduction, **attrs)
        unweighted = F.multi_margin_loss(input.detach(), target, reduction="none", **attrs)
        return beside(
            F.multi_margin_loss(input, target, weight=weight.detach(), reduction=reduction, **attrs),
            reduced(weight[target] * unweighted, reduction),
        )

    return {
        "hinge_embedding_loss": F.hinge_embedding_loss,
        "hinge_loss": hinge_loss,
        "margin_ranking_loss": F.margin_ranking_loss,
        "multi_margin_loss": multi_margin_loss,
        "multilabel_margin_loss": F.multilabel_margin_loss,
        "squared_hinge_loss": squared_hinge_loss,
    }


EDGES: dict[str, Any] = {
    "hinge_embedding_loss": [
        ([[1.0, 0.5, 2.0, 0.0], [-1.0, 1.0, -1.0, 1.0]], {"reduction": "none"}),
        ([[0.5, 0.5], [2.0, 0.0]], {"reduction": "none"}),  # targets that are none count as both
        ([[1.0, 0.5], [-1, 1]], {}),
    ],
    "hinge_loss": [([[1.0, -1.0, 0.0], [1.0, -1.0, 1.0]], {"reduction": "none"})],
    "margin_ranking_loss": [
        ([[1.0, 0.5, 2.0], [1.0, 0.5, 1.0], [1.0, -1.0, -1.0]], {}),
        ([[1.0, 0.5, 2.0], [0.5, 1.0, 1.0], [1.0, -1.0, -1.0]], {"margin": 0.5, "reduction": "none"}),
    ],
    "multi_margin_loss": [
        ([[[1.0, 0.0, 0.5], [0.0, 0.0, 0.0]], [0, 1]], {}),
        ([[[1.0, 0.0, 0.5], [0.0, 2.0, 1.0]], [0, 1]], {"p": 2, "reduction": "none"}),
    ],
    "multilabel_margin_loss": [
        ([[[1.0, 0.0, 0.5], [0.0, 0.0, 0.0]], [[0, -1, 1], [-1, 0, 1]]], {"reduction": "none"}),
        ([[[0.1, 0.2, 0.4, 0.8]], [[3, 3, -1, 1]]], {}),  # a label twice counts twice
    ],
    "squared_hinge_loss": [([[1.0, -1.0, 0.0], [1.0, -1.0, 1.0]], {"reduction": "none"})],
}
