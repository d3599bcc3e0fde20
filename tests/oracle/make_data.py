"""Make tests/oracle/data.npz, scikit-learn's answers on scaling and splitting: python tests/oracle/make_data.py."""

from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler, normalize

FILE = Path(__file__).with_suffix("").with_name("data.npz")


def main() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(13, 4)) * [1.0, 10.0, 0.1, 1.0] + [0.0, 100.0, -3.0, 0.0]
    X[:, 3] = 0.1  # a feature that doesn't vary
    new = rng.normal(size=(5, 4)) * 20.0
    labels = np.array([2, 0, 0, 1, 0, 2, 0, 1, 0, 0, 1, 2, 0])
    answers = {"X": X, "new": new, "labels": labels}
    answers["standard"] = StandardScaler().fit(X).transform(new)
    answers["minmax"] = MinMaxScaler((-1, 1)).fit(X).transform(new)
    answers["clipped"] = MinMaxScaler(clip=True).fit(X).transform(new)
    for norm in ("l1", "l2", "max"):
        answers[f"normalize_{norm}"] = normalize(new, norm)
    # scikit-learn divides by n - 1, and turns the signs of components its own way.
    white = PCA(whiten=True).fit(X[:, :3]).transform(new[:, :3])
    answers["whitened"] = np.abs(white) * np.sqrt(13 / 12)
    for name, folds in (("kfold", KFold(4)), ("stratified", StratifiedKFold(3))):
        answers[name] = np.empty(13, dtype=np.int64)
        for number, (_, test) in enumerate(folds.split(X, labels)):
            answers[name][test] = number
    # Where it matters that classes are numbered by their first appearance.
    answers["reversed_labels"] = np.array([2, 2, 1, 1, 1, 0, 0, 0, 0, 2, 2, 0])
    answers["reversed"] = np.empty(12, dtype=np.int64)
    for number, (_, test) in enumerate(StratifiedKFold(3).split(np.zeros(12), answers["reversed_labels"])):
        answers["reversed"][test] = number
    answers["sizes"] = np.array(
        [
            [len(part) for part in train_test_split(np.arange(n), test_size=size)]
            for n in (10, 33, 150)
            for size in (0.33, 0.25, 0.5, 7)
        ]
    )
    partial = FILE.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **answers)  # type: ignore[arg-type]
    partial.replace(FILE)
    print(f"{FILE.name}: {len(answers)} arrays, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
