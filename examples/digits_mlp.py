"""Train a small network on handwritten digits, then look at a digit that it gets wrong.

    python examples/digits_mlp.py
    graphgrad walk examples/digits_mlp.py

The second line walks through the last backward pass of this script: the one of the misclassified digit.
"""

import argparse

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

import graphgrad as gg
from graphgrad.nn.functional import cross_entropy

BATCH = 32


def block_picture(image: npt.NDArray[np.float32]) -> str:
    """An image of 64 pixels in block characters, two for each pixel."""
    return "\n".join("".join(" ░▒▓█"[round(4 * ink)] * 2 for ink in row) for row in image.reshape(8, 8).tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a small network on handwritten digits.")
    parser.add_argument("--epochs", type=int, default=20, help="how often to go through the training images")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same network, bit for bit")
    args = parser.parse_args()

    rng = gg.manual_seed(args.seed)
    images, labels = gg.datasets.digits("train")
    test_images, test_labels = gg.datasets.digits("test")

    model = gg.nn.Sequential(gg.nn.Linear(64, 32), gg.nn.ReLU(), gg.nn.Linear(32, 10))
    optimizer = gg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    screen = Console(stderr=True)
    for _ in track(range(args.epochs), "training", console=screen, disable=not screen.is_terminal):
        order = rng.permutation(len(images))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            optimizer.zero_grad()
            loss = cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()

    with gg.no_grad():
        probabilities = gg.softmax(model(test_images)).numpy()
    predictions = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predictions != test_labels)
    print(f"test accuracy: {np.mean(predictions == test_labels):.1%}, {len(wrong)} of {len(test_labels)} wrong")

    # The worst mistake: the one that gives its true label the lowest probability.
    candidates = wrong if len(wrong) else np.arange(len(test_labels))
    i = candidates[probabilities[candidates, test_labels[candidates]].argmin()]
    image = gg.tensor(test_images[[i]], name="image")
    label = gg.tensor(test_labels[[i]], name="label")
    optimizer.zero_grad()
    loss = cross_entropy(model(image), label)
    loss.backward()

    print(f"\n{block_picture(test_images[i])}\n")
    print(f"true label {test_labels[i]}, prediction {predictions[i]}, loss {loss.item():.3f}")
    for digit, probability in enumerate(probabilities[i]):
        print(f"  {digit}  {probability:7.2%}  {'█' * round(30 * probability)}")
    print("\nTo walk through this pass, number by number: graphgrad walk examples/digits_mlp.py")


if __name__ == "__main__":
    main()
