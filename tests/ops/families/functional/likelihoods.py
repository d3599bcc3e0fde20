"""What the tests know of likelihoods and divergences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.ops.declared import Case


def _aligned(var: Any, input: Any) -> Any:
    """One variance for each row, so that it broadcasts."""
    return var[..., None] if var.shape and var.shape != input.shape and var.shape == input.shape[:-1] else var


def _beside_the_variances(case: Case, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """The formula, each variance beside the numbers that it is of."""
    from tests.ops.declared import evaluate

    input, target, var = operands
    names = {"input": input, "target": target, "var": _aligned(var, input)}
    return evaluate(case.op.formula, {**names, **attrs})


READINGS = {"gaussian_nll_loss": _beside_the_variances}
FUNCTIONS: dict[str, Any] = {"batchmean": lambda losses: losses.sum() / (len(losses) if losses.ndim else 1)}


def counterparts() -> dict[str, Callable[..., Any]]:
    from torch.nn import functional as F

    def gaussian_nll_loss(input: Any, target: Any, var: Any, **attrs: Any) -> Any:
        return F.gaussian_nll_loss(input, target, var.expand(input.shape) if not var.ndim else var, **attrs)

    def kl_div(input: Any, target: Any, **attrs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it would like to be asked for "batchmean"
            return F.kl_div(input, target, **attrs)

    def poisson_nll_loss(input: Any, target: Any, **attrs: Any) -> Any:
        return F.poisson_nll_loss(
            input, target.to(input.dtype), **attrs
        )  # of integers PyTorch takes float32 logarithms

    return {"gaussian_nll_loss": gaussian_nll_loss, "kl_div": kl_div, "poisson_nll_loss": poisson_nll_loss}


EDGES: dict[str, Any] = {
    "gaussian_nll_loss": [
        ([[1.0, 2.0], [0.0, 2.0], [0.0, 1e-9]], {}),  # variances below eps
        ([[1.0, 2.0], [0.0, 2.0], [0.5, 1.0]], {"eps": 0.7, "full": True}),
        (
            [
                [[1.0, 2.0]],
                [[1, 3]],
                [
                    [1.0],
                ],
            ],
            {"reduction": "none"},
        ),
    ],
    "kl_div": [
        ([[-1.0, -2.0], [1.0, 0.5]], {"reduction": "none"}),
        ([-1.0, -2.0], {"reduction": "batchmean", "log_target": True}),
        ([[-800.0, 0.0], [0.5, 0.5]], {"reduction": "batchmean"}),
    ],
    "poisson_nll_loss": [
        ([[0.0, 2.0], [0.5, 0.0]], {}),
        ([[0.0, 2.0], [3.0, 1.0]], {"log_input": False, "reduction": "none"}),
        ([[0.0, 2.0, 1.0], [3.0, 1.0, 2.0]], {"full": True, "reduction": "none"}),
        ([[0.0, 2.0, 1.0], [3, 0, 1]], {"full": True}),
    ],
}
