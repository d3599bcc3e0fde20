"""Make schedules.npz, PyTorch's answers to tests/optim/schedules.py: python -m tests.oracle.make_schedules."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.optim.schedules import SCHEDULES, Array, follow, groups

FILE = Path(__file__).parent / "schedules.npz"
OPTIMISERS = ("SGD", "Adam")


def answer(name: str, optimiser: str) -> Array:
    """The rates of both groups after each step, and their momentum."""
    make: Any = getattr(torch.optim, optimiser)
    optimizer = make(groups([torch.ones(1, requires_grad=True) for _ in range(2)]))
    return follow(optimizer, torch.optim.lr_scheduler, name)


def main() -> None:
    answers = {}
    for name in SCHEDULES:
        rows = answer(name, "SGD")
        # Of momentum only where it moves.
        answers[name] = rows if np.ptp(rows[:, 2:], axis=0).any() else rows[:, :2]
    partial = FILE.with_suffix(".partial")
    with partial.open("wb") as opened:
        np.savez_compressed(opened, **answers)  # type: ignore[arg-type]
    partial.replace(FILE)
    print(f"{FILE.name}: {len(answers)} schedules, torch {torch.__version__}")


if __name__ == "__main__":
    main()
