"""Make sgd.npz, PyTorch's answers to the problems of tests/optim/problems.py: python -m tests.oracle.make_sgd."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.optim.problems import OPTIONS, STEPS, Array, problem

FILE = Path(__file__).with_name("sgd.npz")


def trajectory(options: dict[str, float], seed: int) -> Array:
    """The matrix and the vector after each step, one row per step; the vector has twice the learning rate."""
    x, y, start = problem(seed)
    inputs, targets = torch.tensor(x), torch.tensor(y)
    weight, bias = (torch.tensor(array, requires_grad=True) for array in start)
    groups: list[dict[str, Any]] = [{"params": [weight]}, {"params": [bias], "lr": 2 * options["lr"]}]
    settings: dict[str, Any] = dict(options)
    optimizer = torch.optim.SGD(groups, **settings)
    rows = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(torch.tanh(inputs @ weight + bias), targets).backward()
        optimizer.step()
        rows.append(np.concatenate([weight.detach().numpy().ravel(), bias.detach().numpy()]))
    return np.array(rows)


def main() -> None:
    answers = {name: trajectory(dict(options), seed) for seed, (name, options) in enumerate(OPTIONS.items())}
    partial = FILE.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **answers)  # type: ignore[arg-type]
    partial.replace(FILE)
    print(f"{FILE.name}: {len(answers)} trajectories, torch {torch.__version__}")


if __name__ == "__main__":
    main()
