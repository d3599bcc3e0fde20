"""Make hooks.json, what PyTorch writes down in the programs of tests/autodiff/hook_programs.py.

python -m tests.oracle.make_hooks.
"""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from tests.autodiff.hook_programs import PROGRAMS, Log

FILE = Path(__file__).with_name("hooks.json")


class Torch:
    """PyTorch as the programs need it."""

    def leaf(self, *values: float) -> Any:
        return torch.tensor(values, dtype=torch.float64, requires_grad=True)

    def tanh(self, t: Any) -> Any:
        return torch.tanh(t)

    def sum(self, t: Any) -> Any:
        return torch.sum(t)

    def node(self, t: Any) -> Any:
        return t.grad_fn

    def grad(self, y: Any, targets: Sequence[Any]) -> Sequence[Any]:
        return torch.autograd.grad(y, targets, retain_graph=True)

    def step(self, leaf: Any, rate: float) -> None:
        with torch.no_grad():
            leaf -= rate * leaf.grad


def answers() -> dict[str, Log]:
    """What each program writes down."""
    found: dict[str, Log] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that create_graph makes a circle, and that grad of a computed tensor is read
        for program in PROGRAMS:
            program(Torch(), found.setdefault(program.__name__, []))
    return found


def main() -> None:
    partial = FILE.with_suffix(".partial")
    partial.write_text(json.dumps(answers(), indent=1) + "\n", encoding="utf-8")
    partial.replace(FILE)
    print(f"{FILE.name}: {len(PROGRAMS)} programs, torch {torch.__version__}")


if __name__ == "__main__":
    main()
