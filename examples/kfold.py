"""Cross-validate a network on wines: five trainings, each judged by the fifth of the wines that it hasn't seen.

python examples/kfold.py
python examples/kfold.py --folds 10 --hidden 4
"""

import argparse
from typing import Any

import graphgrad as gg


def main() -> None:
    parser = argparse.ArgumentParser(description="Cross-validate a network on wines.")
    parser.add_argument("--folds", type=int, default=5, help="how many parts the wines are dealt into")
    parser.add_argument("--hidden", type=int, default=16, help="how many hidden units the network has")
    args = parser.parse_args()

    def train_and_test(train: Any, test: Any) -> dict[str, Any]:
        (x, t), (x_test, t_test) = train, test
        scaler = gg.data.StandardScaler().fit(x)  # never on wines that are held out
        model = gg.nn.Sequential(gg.nn.Linear(13, args.hidden), gg.nn.ReLU(), gg.nn.Linear(args.hidden, 3))
        optimizer, loss = gg.optim.Adam(model.parameters(), lr=0.01), gg.nn.functional.cross_entropy
        gg.train.fit(model, scaler.transform(x), t, loss=loss, optimizer=optimizer, epochs=20, progress=False)
        accuracy = gg.train.metrics.accuracy
        return gg.train.evaluate(model, scaler.transform(x_test), t_test, loss=loss, metrics=accuracy)

    scores = gg.train.cross_validate(train_and_test, *gg.datasets.wine(), cv=args.folds, stratify=True, seed=0)
    print(scores)
    print(f"\naccuracy: {scores.mean('accuracy'):.1%} ± {scores.std('accuracy'):.1%}")


if __name__ == "__main__":
    main()
