"""Make tests/oracle/metrics.npz, scikit-learn's answers on metrics: python -m tests.oracle.make_metrics."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import sklearn.metrics

from tests.train.metric_problems import answers

FILE = Path(__file__).with_name("metrics.npz")


def ask(name: str, outputs: Any, targets: Any, **options: Any) -> Any:
    """A metric of scikit-learn, which takes the targets first."""
    metric = getattr(sklearn.metrics, f"{name}_score", None) or getattr(sklearn.metrics, name)
    return metric(targets, outputs, **options)


def main() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = answers(ask)
    partial = FILE.with_suffix(".partial")
    with partial.open("wb") as file:
        # All in one: an array for each would be more header than numbers.
        np.savez_compressed(
            file,
            questions=np.array(list(found)),
            lengths=np.array([len(numbers) for numbers in found.values()]),
            numbers=np.concatenate(list(found.values())),
        )
    partial.replace(FILE)
    print(f"{FILE.name}: {len(found)} answers, {FILE.stat().st_size} bytes, scikit-learn {sklearn.__version__}")


if __name__ == "__main__":
    main()
