"""Make attention.npz: PyTorch runs the layers of tests/nn/attention_cases.py: python -m tests.oracle.make_attention."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.nn.attention_cases import CASES, LAYERS, Array, answers, flat, results
from tests.nn.recurrent_cases import draw

FILE = Path(__file__).with_name("attention.npz")


def run(
    layer: str,
    positional: Sequence[Any],
    options: Mapping[str, Any],
    operands: Mapping[str, Array],
    more: Mapping[str, Any],
    same: Sequence[int] | None = None,
) -> dict[str, Array]:
    """The results of PyTorch's layer, and the gradients of its operands and parameters."""
    module = getattr(torch.nn, layer)(*positional, **options).double()
    module.load_state_dict({path: torch.tensor(draw(path, tuple(p.shape))) for path, p in module.named_parameters()})
    leaves = [torch.tensor(array, requires_grad=True) for array in operands.values()]
    given = {name: torch.tensor(one) if isinstance(one, np.ndarray) else one for name, one in more.items()}
    found = results(module(*[leaves[k] for k in same or range(len(leaves))], **given))
    seeds = [torch.tensor(draw(name, tuple(one.shape))) for name, one in found.items()]
    torch.autograd.backward(list(found.values()), seeds)
    everything = [*zip(operands, leaves, strict=True), *module.named_parameters()]
    gradients = {f"d {name}": one.grad.numpy() for name, one in everything if one.grad is not None}
    return {name: one.detach().numpy() for name, one in found.items()} | gradients


def main() -> None:
    partial = FILE.with_suffix(".partial")
    with partial.open("wb") as file:
        everything = {f"{name}: {call}": flat(answers(name, call, run)) for name, call in CASES}
        np.savez_compressed(file, **everything)  # type: ignore[arg-type]
    partial.replace(FILE)
    print(f"{FILE.name}: {len(LAYERS)} layers, torch {torch.__version__}")


if __name__ == "__main__":
    main()
