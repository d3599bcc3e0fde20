"""MNIST, and the set of clothes in its format."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from graphgrad.datasets.fetch import RemoteFile, check_split, fetch, find
from graphgrad.datasets.idx import read_idx
from graphgrad.graph.errors import describe

__all__ = ["fashion_mnist", "mnist"]

Array = np.ndarray[Any, Any]

_NAMES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}

# Of the files as they were published; the libraries that offer the sets check for the same.
_MNIST = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_FASHION = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
_FASHION_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)


def mnist(split: str | None = None, *, data_dir: str | os.PathLike[str] | None = None) -> tuple[Array, Array]:
    """Load 70000 handwritten digits, 28 × 28 pixels each (P05.21).

    Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits", 1998, from NIST's databases 1 and 3;
    licence CC BY-SA 3.0. 12 MB are downloaded when it is first used, with checksums.

    Parameters
    ----------
    split
        ``"train"`` for 60000, ``"test"`` for 10000, None for all, those for training first.
    data_dir
        A folder that has the four files, packed or not; nothing is downloaded then.

    Returns
    -------
    images : ndarray
        float32, shape (n, 1, 28, 28), from 0.0 for paper to 1.0 for ink. ``images.reshape(len(images), -1)`` has the
        784 pixels in a row; `graphgrad.data.Normalize` (0.1307, 0.3081) brings them to mean 0 and variance 1.
    labels : ndarray
        int64, shape (n,): the digits.

    Raises
    ------
    ValueError
        If there is no such split, or a file is damaged or another one.
    FileNotFoundError
        If `data_dir` lacks a file.
    OSError
        If it can't be downloaded.
    ImportError
        If pooch, which downloads, isn't installed.
    """
    return _load("mnist", split, data_dir, _MNIST, _MNIST_MIRRORS, "MNIST")


def fashion_mnist(split: str | None = None, *, data_dir: str | os.PathLike[str] | None = None) -> tuple[Array, Array]:
    """Load 70000 pictures of clothes, 28 × 28 pixels each: a harder set in MNIST's place.

    H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms", 2017, Zalando SE; licence MIT. 31 MB are downloaded when it is first used, with checksums.

    Parameters
    ----------
    split, data_dir
        See `mnist`.

    Returns
    -------
    images : ndarray
        float32, shape (n, 1, 28, 28), from 0.0 for ground to 1.0.
    labels : ndarray
        int64, shape (n,): T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    Raises
    ------
    ValueError, FileNotFoundError, OSError, ImportError
        As `mnist`.
    """
    return _load("fashion_mnist", split, data_dir, _FASHION, _FASHION_MIRRORS, "FashionMNIST")


def _load(
    who: str,
    split: str | None,
    data_dir: str | os.PathLike[str] | None,
    checksums: dict[str, str],
    mirrors: tuple[str, ...],
    folder: str,
) -> tuple[Array, Array]:
    parts = []
    for part in check_split(who, split):
        arrays = []
        for name in _NAMES[part]:
            if data_dir is None:
                path = fetch(who, RemoteFile(name, checksums[name], mirrors))
            else:
                plain = name.removesuffix(".gz")
                names = (name, plain, plain.replace("-idx", ".idx"))
                path = find(who, data_dir, names, (who, f"{folder}/raw"))
            arrays.append(read_idx(path))
        images, labels = arrays
        if images.dtype != np.uint8 or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
            raise ValueError(
                describe(
                    f"{who}: these are other files: images {images.shape} {images.dtype}, labels {labels.shape}",
                    "expected: (n, 28, 28) uint8 and (n,)",
                )
            )
        if labels.size and not 0 <= labels.min() <= labels.max() <= 9:
            raise ValueError(describe(f"{who}: labels go from 0 to 9, found {labels.min()} to {labels.max()}"))
        parts.append((images, labels))
    images = np.concatenate([images for images, _ in parts])[:, None]
    labels = np.concatenate([labels for _, labels in parts])
    return images.astype(np.float32) / np.float32(255.0), labels.astype(np.int64)
