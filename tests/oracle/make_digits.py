"""Make graphgrad/datasets/data/digits.npz from scikit-learn's copy of the data set: python tests/oracle/make_digits.py.

The order in which `graphgrad.datasets.digits` splits the images is drawn here, once, and kept in the file: NumPy
promises no equal permutations from one version to the next.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

FILE = Path(__file__).resolve().parents[2] / "graphgrad" / "datasets" / "data" / "digits.npz"


def main() -> None:
    bunch = load_digits()
    images, labels = bunch.data.astype(np.uint8), bunch.target.astype(np.uint8)
    assert np.array_equal(images, bunch.data)
    assert np.array_equal(labels, bunch.target)
    order = np.random.default_rng(0).permutation(len(images)).astype(np.uint16)
    partial = FILE.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, images=images, labels=labels, order=order)
    partial.replace(FILE)
    print(f"{FILE.name}: {len(images)} images, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
