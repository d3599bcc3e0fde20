"""Make training.npz: PyTorch trains the network of tests/nn/test_training.py: python -m tests.oracle.make_training."""

from pathlib import Path

import numpy as np
import torch

from tests.nn.network import BATCH, OPTIONS, SIZES, STEPS, Array, batches, start

FILE = Path(__file__).with_name("training.npz")


def answers() -> dict[str, Array]:
    """The loss before each step, and all parameters after the last."""
    n_in, n_hidden, n_out = SIZES
    model = torch.nn.Sequential(
        torch.nn.Linear(n_in, n_hidden), torch.nn.ReLU(), torch.nn.Linear(n_hidden, n_out)
    ).double()
    model.load_state_dict({path: torch.tensor(array) for path, array in start().items()})
    optimizer = torch.optim.SGD(model.parameters(), **OPTIONS)
    losses = []
    for images, labels in batches():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(torch.tensor(images)), torch.tensor(labels))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"losses": np.array(losses), **{path: p.detach().numpy() for path, p in model.named_parameters()}}


def main() -> None:
    partial = FILE.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **answers())  # type: ignore[arg-type]
    partial.replace(FILE)
    print(f"{FILE.name}: {STEPS} steps on batches of {BATCH}, torch {torch.__version__}")


if __name__ == "__main__":
    main()
