"""Make modules.npz: PyTorch runs the modules of tests/nn/module_cases.py: python -m tests.oracle.make_modules."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.nn.module_cases import CASES, Array, Case, flat, inner, seed, start

FILE = Path(__file__).with_name("modules.npz")


def made(case: Case) -> Any:
    """PyTorch's module, with the parameters that both have."""
    known = inner(torch.nn)

    def argument(one: Any) -> Any:
        if isinstance(one, np.ndarray):
            return torch.tensor(one)
        return known[one]() if isinstance(one, str) and one in known else one

    given, named = map(argument, case.args), {key: argument(one) for key, one in case.kwargs.items()}
    module = getattr(torch.nn, case.name)(*given, **named).double().train(not case.evaluates)
    state = {path: torch.tensor(start(path, tuple(p.shape))) for path, p in module.named_parameters()}
    module.load_state_dict(state, strict=False)
    return module


def run(case: Case) -> dict[str, Array]:
    """The result of PyTorch's module, and the gradients of its operands and parameters."""
    module = made(case)
    operands = [torch.tensor(one, requires_grad=needs) for one, needs in case.values()]
    # A CTC loss hands out the gradient before a log_softmax, which has to be there.
    first = torch.log_softmax(operands[0], -1) if case.name == "CTCLoss" else operands[0]
    result = module(first, *operands[1:])
    if result.requires_grad:
        result.backward(torch.tensor(seed(tuple(result.shape))))
    found = {"out": result.detach().numpy()}
    found |= {f"d {i}": one.grad.numpy() for i, one in enumerate(operands) if one.grad is not None}
    return found | {f"d {path}": p.grad.numpy() for path, p in module.named_parameters() if p.grad is not None}


def main() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers = [flat(run(case)) for case in CASES]
    partial = FILE.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(
            file,
            ids=np.array([case.id for case in CASES]),
            lines=np.array([repr(made(case)) for case in CASES]),
            sizes=np.array([one.size for one in answers]),
            numbers=np.concatenate(answers),
        )
    partial.replace(FILE)
    print(f"{FILE.name}: {len(CASES)} modules, torch {torch.__version__}")


if __name__ == "__main__":
    main()
