"""Make {sgd,adam,optimisers}.npz, PyTorch's answers to tests/optim/problems.py: python -m tests.oracle.make_optimisers.

What PyTorch remembers as a single number, such as the product of NAdam's μ, it keeps in the default dtype. So that is
float64 here, and answers in float64 aren't of float32's precision.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.optim.problems import (
    ADAM_OPTIONS,
    KEPT,
    LBFGS_OPTIONS,
    LBFGS_STEPS,
    OTHER_OPTIONS,
    SGD_OPTIONS,
    STEPS,
    Array,
    gradients,
    problem,
)

HERE = Path(__file__).parent
OPTIMISERS: Mapping[str, tuple[Any, Mapping[str, Mapping[str, Any]]]] = {
    "sgd": (torch.optim.SGD, SGD_OPTIONS),
    "adam": (torch.optim.Adam, ADAM_OPTIONS),
    **{name: (getattr(torch.optim, name), options) for name, options in OTHER_OPTIONS.items()},
}


def trajectory(optimiser: str, name: str) -> Array:
    """The matrix and the vector after each step, one row per step; the vector has twice the learning rate."""
    make, all_options = OPTIMISERS[optimiser]
    options = dict(all_options[name])
    x, y, start = problem(list(all_options).index(name))
    inputs, targets = torch.tensor(x), torch.tensor(y)
    weight, bias = (torch.tensor(array, requires_grad=True) for array in start)
    groups: list[dict[str, Any]] = [{"params": [weight]}, {"params": [bias], "lr": 2 * options.get("lr", 1.0)}]
    optimizer = make(groups, **options)
    rows = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(torch.tanh(inputs @ weight + bias), targets).backward()
        optimizer.step()
        rows.append(np.concatenate([weight.detach().numpy().ravel(), bias.detach().numpy()]))
    return np.array(rows)


def moved(optimiser: str, name: str, dtype: str) -> Array:
    """Numbers after each step along given gradients, and at last what their state has: one row each."""
    make, all_options = OPTIMISERS[optimiser]
    start, given = gradients(list(all_options).index(name))
    numbers = torch.tensor(start.astype(dtype), requires_grad=True)
    optimizer = make([numbers], **all_options[name])
    rows = []
    for gradient in given:
        numbers.grad = torch.tensor(gradient.astype(dtype))
        optimizer.step()
        rows.append(numbers.detach().numpy().copy())
    state = optimizer.state_dict()["state"][0]
    return np.array(rows + [state[key].numpy() for key in sorted(state) if state[key].shape == numbers.shape])


def searched(name: str) -> Array:
    """What L-BFGS finds: the matrix, the vector, and how often the loss was computed, after each step."""
    x, y, start = problem(list(LBFGS_OPTIONS).index(name))
    inputs, targets = torch.tensor(x), torch.tensor(y)
    weight, bias = (torch.tensor(array, requires_grad=True) for array in start)
    optimizer = torch.optim.LBFGS([weight, bias], **LBFGS_OPTIONS[name])

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(torch.tanh(inputs @ weight + bias), targets)
        loss.backward()
        return loss.detach()

    rows = []
    for _ in range(LBFGS_STEPS):
        optimizer.step(closure)
        count = optimizer.state[weight]["func_evals"]
        rows.append(np.concatenate([weight.detach().numpy().ravel(), bias.detach().numpy(), [count]]))
    return np.array(rows)


def main() -> None:
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        for optimiser in ("sgd", "adam"):
            write(optimiser, {name: trajectory(optimiser, name) for name in OPTIMISERS[optimiser][1]})
        others = {}
        kept = [step - 1 for step in KEPT]
        for optimiser, cases in OTHER_OPTIONS.items():
            for name in cases:
                others[f"{optimiser}/{name}"] = trajectory(optimiser, name)[kept]
                for dtype in ("float32", "float64"):
                    rows = moved(optimiser, name, dtype)
                    others[f"{optimiser}/{name}/{dtype}"] = rows[[*kept, *range(STEPS, len(rows))]]
        others |= {f"LBFGS/{name}": searched(name) for name in LBFGS_OPTIONS}
        write("optimisers", others)
    finally:
        torch.set_default_dtype(default)


def write(name: str, answers: Mapping[str, Array]) -> None:
    file = HERE / f"{name}.npz"
    partial = file.with_suffix(".partial")
    with partial.open("wb") as opened:
        np.savez_compressed(opened, **answers)  # type: ignore[arg-type]
    partial.replace(file)
    print(f"{file.name}: {len(answers)} arrays, {file.stat().st_size // 1024} KB, torch {torch.__version__}")


if __name__ == "__main__":
    main()
