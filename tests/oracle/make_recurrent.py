"""Make recurrent.npz: PyTorch runs the layers of tests/nn/recurrent_cases.py: python -m tests.oracle.make_recurrent."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.nn.recurrent_cases import CASES, FEATURES, HIDDEN, OPTIONS, STEPS, Array, answers, draw, flat, lengths

FILE = Path(__file__).with_name("recurrent.npz")


def run(name: str, call: str, **given: Array) -> tuple[dict[str, Array], dict[str, Array]]:
    """The results of PyTorch's layer and the gradients; sequences of several lengths are packed."""
    layer, options = OPTIONS[name]
    module = getattr(torch.nn, layer)(FEATURES, HIDDEN, **options).double()
    module.load_state_dict({path: torch.tensor(draw(path, tuple(p.shape))) for path, p in module.named_parameters()})
    leaves = {one: torch.tensor(array, requires_grad=True) for one, array in given.items()}
    input, *states = leaves.values()
    hx: Any = (tuple(states) if len(states) == 2 else states[0]) if states else None
    ends, batch_first = lengths(call), bool(options.get("batch_first"))
    if ends is None:
        output, last = module(input, hx)
    else:
        how: Any = {"batch_first": batch_first}
        packed = torch.nn.utils.rnn.pack_padded_sequence(input, ends, enforce_sorted=False, **how)
        packed_output, last = module(packed, hx)
        output, _ = torch.nn.utils.rnn.pad_packed_sequence(packed_output, total_length=STEPS, **how)
    names = ("output", "h_n", "c_n") if isinstance(last, tuple) else ("output", "h_n")
    results = dict(zip(names, (output, *(last if isinstance(last, tuple) else (last,))), strict=True))
    seeds = [torch.tensor(draw(one, tuple(value.shape))) for one, value in results.items()]
    torch.autograd.backward(list(results.values()), seeds)
    leaves |= dict(module.named_parameters())
    gradients = {path: leaf.grad.numpy() for path, leaf in leaves.items() if leaf.grad is not None}
    return {one: value.detach().numpy() for one, value in results.items()}, gradients


def everything() -> dict[str, Array]:
    """The answers for each layer and call, by ``layer: call``."""
    return {f"{name}: {call}": flat(answers(name, call, run)) for name, call in CASES}


def main() -> None:
    partial = FILE.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **everything())  # type: ignore[arg-type]
    partial.replace(FILE)
    print(f"{FILE.name}: {len(OPTIONS)} layers, torch {torch.__version__}")


if __name__ == "__main__":
    main()
