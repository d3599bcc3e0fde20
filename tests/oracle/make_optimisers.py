"""Make sgd.npz and adam.npz, PyTorch's answers to tests/optim/problems.py: python -m tests.oracle.make_optimisers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.optim.problems import ADAM_OPTIONS, SGD_OPTIONS, STEPS, Array, problem

HERE = Path(__file__).parent
OPTIMISERS: Mapping[str, tuple[Any, Mapping[str, Mapping[str, Any]]]] = {
    "sgd": (torch.optim.SGD, SGD_OPTIONS),
    "adam": (torch.optim.Adam, ADAM_OPTIONS),
}


def trajectory(optimiser: str, name: str) -> Array:
    """The matrix and the vector after each step, one row per step; the vector has twice the learning rate."""
    make, all_options = OPTIMISERS[optimiser]
    options = dict(all_options[name])
    x, y, start = problem(list(all_options).index(name))
    inputs, targets = torch.tensor(x), torch.tensor(y)
    weight, bias = (torch.tensor(array, requires_grad=True) for array in start)
    groups: list[dict[str, Any]] = [{"params": [weight]}, {"params": [bias], "lr": 2 * options["lr"]}]
    optimizer = make(groups, **options)
    rows = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(torch.tanh(inputs @ weight + bias), targets).backward()
        optimizer.step()
        rows.append(np.concatenate([weight.detach().numpy().ravel(), bias.detach().numpy()]))
    return np.array(rows)


def main() -> None:
    for optimiser, (_, options) in OPTIMISERS.items():
        answers = {name: trajectory(optimiser, name) for name in options}
        file = HERE / f"{optimiser}.npz"
        partial = file.with_suffix(".partial")
        with partial.open("wb") as opened:
            np.savez_compressed(opened, **answers)  # type: ignore[arg-type]
        partial.replace(file)
        print(f"{file.name}: {len(answers)} trajectories, torch {torch.__version__}")


if __name__ == "__main__":
    main()
