"""Three spirals: a linear model can't tell them apart, a hidden layer with a ReLU can.

python examples/spirals.py
"""

import graphgrad as gg


def accuracy(model: gg.nn.Module, epochs: int) -> float:
    """How many points of new spirals a model gets right after training."""
    x, t = gg.datasets.spirals(1000, noise=0.2)
    optimizer = gg.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-5)
    gg.train.fit(model, x, t, loss=gg.nn.functional.cross_entropy, optimizer=optimizer, epochs=epochs, batch_size=100)
    x, t = gg.datasets.spirals(500, noise=0.2)
    return gg.train.metrics.accuracy(gg.train.predict(model, x), t)


def main() -> None:
    gg.manual_seed(0)
    linear = gg.nn.Linear(2, 3)
    network = gg.nn.Sequential(gg.nn.Linear(2, 100), gg.nn.ReLU(), gg.nn.Linear(100, 3))
    print(f"linear  {accuracy(linear, epochs=10):.1%}")
    print(f"ReLU    {accuracy(network, epochs=30):.1%}")


if __name__ == "__main__":
    main()
