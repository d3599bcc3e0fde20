"""Learn features from the digits 0 to 4, then use them to tell 5 to 9 apart from five images of each.

python examples/transfer.py
"""

import tempfile
from pathlib import Path

import numpy as np

import graphgrad as gg


def network() -> gg.nn.Sequential:
    nn = gg.nn
    maps = nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2)
    features = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), *maps, nn.Flatten())
    return nn.Sequential(features, nn.Linear(64, 5))


def train(model: gg.nn.Module, images: np.ndarray, labels: np.ndarray, epochs: int) -> None:
    optimizer = gg.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.003)
    loss = gg.nn.functional.cross_entropy
    gg.train.fit(model, images, labels, loss=loss, optimizer=optimizer, epochs=epochs, progress=False)


def main() -> None:
    gg.manual_seed(0)
    (images, labels), (test_images, test_labels) = gg.datasets.digits("train"), gg.datasets.digits("test")
    low, high = labels < 5, test_labels >= 5
    few = np.concatenate([np.flatnonzero(labels == digit)[:5] for digit in range(5, 10)])

    source, random, learned = network(), network(), network()
    train(source, images[low], labels[low], epochs=10)
    with tempfile.TemporaryDirectory() as folder:
        file = gg.io.save_state_dict(source[0], Path(folder) / "features.safetensors")
        learned[0].load_state_dict(gg.io.load_state_dict(file))

    for name, model in (("random features", random), ("learned features", learned)):
        model[0].requires_grad_(False)  # only the new head is trained
        train(model, images[few], labels[few] - 5, epochs=40)
        predictions = gg.train.predict(model, test_images[high]).numpy().argmax(axis=1)
        print(f"{name}: {np.mean(predictions == test_labels[high] - 5):.1%} of the digits 5 to 9 are right")
    print(learned.summary((64,), depth=1))


if __name__ == "__main__":
    main()
