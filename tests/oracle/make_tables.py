"""Make graphgrad/datasets/data/tables.npz from scikit-learn's copies: python tests/oracle/make_tables.py."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

FILE = Path(__file__).resolve().parents[2] / "graphgrad" / "datasets" / "data" / "tables.npz"


def main() -> None:
    arrays = {}
    for name, load in (("iris", load_iris), ("wine", load_wine), ("breast_cancer", load_breast_cancer)):
        bunch = load()
        arrays[f"{name}_X"], arrays[f"{name}_t"] = bunch.data.astype(np.float32), bunch.target.astype(np.uint8)
    bunch = load_diabetes(scaled=False)
    arrays["diabetes_X"], arrays["diabetes_t"] = bunch.data.astype(np.float32), bunch.target.astype(np.uint16)
    assert np.array_equal(arrays["diabetes_t"], bunch.target)
    partial = FILE.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
    partial.replace(FILE)
    print(f"{FILE.name}: {', '.join(arrays)}, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
