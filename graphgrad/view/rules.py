"""How operations pass gradients on where that is no product with a local derivative, in words for people.

Where an operation is missing here, the text is made of what its declaration says that the rule reads.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["RULES"]

RULES: Mapping[str, Mapping[str, str]] = {
    "matmul": {"a": "{g} @ {b}ᵀ", "b": "{a}ᵀ @ {g}"},
    "sum": {"x": "{g}, handed to every element that was added"},
    "mean": {"x": "{g} / n, handed to every element that was averaged"},
    "max": {"x": "{g} where {x} is largest, 0 elsewhere"},
    "min": {"x": "{g} where {x} is smallest, 0 elsewhere"},
    "logsumexp": {"x": "{g} · exp({x} - {out})"},
    "softmax": {"x": "{out} · ({g} - sum({g} · {out}))"},
    "log_softmax": {"x": "{g} - exp({out}) · sum({g})"},
    "mse_loss": {
        "input": "{g} · 2 · ({input} - {target}){share}",
        "target": "{g} · 2 · ({target} - {input}){share}",
    },
    "binary_cross_entropy": {"input": "{g} · ({input} - {target}) / ({input} · (1 - {input})){share}"},
    "binary_cross_entropy_with_logits": {"input": "{g} · (sigmoid({input}) - {target}){share}"},
    "cross_entropy": {"input": "{g} · (softmax({input}) - one_hot({target})){share}"},
    "reshape": {"x": "{g} in the shape of {x}"},
    "permute_dims": {"x": "{g} with the axes put back"},
    "broadcast_to": {"x": "{g}, summed over the stretched axes"},
    "expand_dims": {"x": "{g} without the new axis"},
    "squeeze": {"x": "{g} with its axis back"},
    "astype": {"x": "{g} in the dtype of {x}"},
    "stack": {"tensors": "its slice of {g}"},
    "concat": {"tensors": "its part of {g}"},
    "split": {"x": "the gradients of the parts, put together"},
    "unbind": {"x": "the gradients of the slices, put together"},
    "getitem": {"x": "{g} where elements were taken, 0 elsewhere"},
    "index_add": {"x": "{g} where the values were added"},
    "setitem": {"x": "{g}, but 0 where elements were replaced", "value": "{g} where elements were replaced"},
}
"""By operation and operand, with places for the upstream gradient ``g``, operands and ``out``.

``n`` is the number of terms of a mean, and ``{share}`` the division by it.
"""
