"""Tables of measurements, small enough to come with the package.

They are those that scikit-learn bundles; ``data/tables.txt`` beside them tells sources, licences and changes.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np

__all__ = ["breast_cancer", "diabetes", "iris", "wine"]

Array = np.ndarray[Any, Any]


def iris() -> tuple[Array, Array]:
    """Load 150 iris flowers of three species: the classic of classification.

    R. A. Fisher, "The use of multiple measurements in taxonomic problems", 1936, as in his paper
    (https://doi.org/10.24432/C56C76, CC BY 4.0; the copy there has two wrong rows, which are right here).

    Returns
    -------
    X : ndarray
        float32, shape (150, 4): length and width of sepals, length and width of petals, in cm.
    t : ndarray
        int64, shape (150,): 0 setosa, 1 versicolor, 2 virginica, fifty of each, in this order.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.iris()
    >>> X[0].round(1).tolist() == gg.tensor([5.1, 3.5, 1.4, 0.2]).tolist(), t[[0, 50, 100]].tolist()
    (True, [0, 1, 2])
    """
    return _classes("iris")


def wine() -> tuple[Array, Array]:
    """Load 178 wines of three growers in one region of Italy, by their chemical analysis.

    S. Aeberhard and M. Forina, "Wine", 1992 (https://doi.org/10.24432/C5PC7J, CC BY 4.0).

    Returns
    -------
    X : ndarray
        float32, shape (178, 13): alcohol, malic acid, ash, alcalinity of ash, magnesium, total phenols, flavanoids,
        nonflavanoid phenols, proanthocyanins, colour intensity, hue, OD280/OD315 of diluted wines, proline. Scales
        differ by a factor of thousands: see `graphgrad.data.StandardScaler`.
    t : ndarray
        int64, shape (178,): the grower, 59, 71 and 48 wines.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.wine()
    >>> X.shape, int(X[:, 12].max())
    ((178, 13), 1680)
    """
    return _classes("wine")


def breast_cancer() -> tuple[Array, Array]:
    """Load 569 tumours, malignant or benign, by what was measured in images of their cells.

    W. Wolberg, O. Mangasarian, N. Street and W. Street, "Breast Cancer Wisconsin (Diagnostic)", 1995
    (https://doi.org/10.24432/C5DW2B, CC BY 4.0).

    Returns
    -------
    X : ndarray
        float32, shape (569, 30): radius, texture, perimeter, area, smoothness, compactness, concavity, concave points,
        symmetry and fractal dimension of the nuclei; first the means, then the standard errors, then the worst.
    t : ndarray
        int64, shape (569,): 0 malignant (212), 1 benign (357).

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.breast_cancer()
    >>> X.shape, [int((t == c).sum()) for c in (0, 1)]
    ((569, 30), [212, 357])
    """
    return _classes("breast_cancer")


def diabetes(*, scaled: bool = True) -> tuple[Array, Array]:
    """Load 442 people with diabetes: how far the disease went in a year, from ten measurements before.

    B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, "Least Angle Regression", 2004, who published the data with
    the paper (https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html), without a licence of its own.

    Parameters
    ----------
    scaled
        Whether each feature has mean 0 and sum of squares 1, as the paper uses them; otherwise as they were measured.

    Returns
    -------
    X : ndarray
        float32, shape (442, 10): age, sex, body mass index, blood pressure, six measurements of blood serum.
    t : ndarray
        float32, shape (442, 1): the progression of the disease, from 25 to 346.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.diabetes(scaled=False)
    >>> X[0, :4].round(1).tolist(), t[0].tolist()
    ([59.0, 2.0, 32.099998474121094, 101.0], [151.0])
    """
    features, targets = _columns("diabetes")
    values = features.astype(np.float64)
    if scaled:
        values -= values.mean(axis=0)
        values /= np.sqrt((values**2).sum(axis=0))
    return values.astype(np.float32), targets.astype(np.float32)[:, None]


def _classes(name: str) -> tuple[Array, Array]:
    features, labels = _columns(name)
    return features.astype(np.float32), labels.astype(np.int64)


def _columns(name: str) -> tuple[Array, Array]:
    source = resources.files("graphgrad.datasets") / "data" / "tables.npz"
    with resources.as_file(source) as path, np.load(path, allow_pickle=False) as data:
        return data[f"{name}_X"], data[f"{name}_t"]
