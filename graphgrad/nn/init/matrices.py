"""Random matrices of a certain kind: orthogonal ones, sparse ones, and those of recurrent layers."""

from __future__ import annotations

import math

import numpy as np

from graphgrad.graph.checks import check_number
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.random import generator_or_default
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.init.filling import Array, check_axes, fans, fill, normal

__all__ = ["np_rnn_", "orthogonal_", "sparse_"]


def orthogonal_(tensor: Tensor, gain: float = 1, generator: np.random.Generator | None = None) -> Tensor:
    """Fill with a random orthogonal matrix: rows, or columns if there are more rows, are orthogonal, of length `gain`.

    Multiplying by such a matrix again and again, as a recurrent or a deep net does, changes no length.

    Parameters
    ----------
    tensor
        A leaf of two axes or more, of real floats; all axes but the first are taken as one.
    gain
        See `calculate_gain`.
    generator
        See `uniform_`.

    Raises
    ------
    ShapeError
        If it has fewer than two axes; and what `uniform_` raises.

    Notes
    -----
    Q of a decomposition QR of a matrix of normal draws, with signs such that R has a positive diagonal: every
    orthogonal matrix is as likely as any other. Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear
    dynamics of learning in deep linear neural networks", 2014.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.nn.init.orthogonal_(gg.zeros((2, 5), dtype="float64"))
    >>> bool(abs(w.data @ w.data.T - [[1.0, 0.0], [0.0, 1.0]]).max() < 1e-12)
    True
    """
    fans(tensor, "orthogonal_")
    rng, gain = generator_or_default(generator), check_number("orthogonal_", "gain", gain)
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])

    def draw() -> Array:
        if tensor.size == 0:
            return np.zeros(tensor.shape)
        normal = rng.standard_normal((rows, columns))
        q, r = np.linalg.qr(normal if rows >= columns else normal.T)
        q *= np.where(np.diagonal(r) < 0, -gain, gain)
        return (q if rows >= columns else q.T).reshape(tensor.shape)

    return fill(tensor, "orthogonal_", draw, "f")


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: np.random.Generator | None = None) -> Tensor:
    """Fill a matrix with normal draws, and set a part of each column to 0.

    Parameters
    ----------
    tensor
        A leaf of shape (n, m).
    sparsity
        Which part of a column is 0, rounded up to whole elements: from 0 to 1.
    std
        The standard deviation of the others; their mean is 0.
    generator
        See `uniform_`.

    Raises
    ------
    ShapeError
        If it has another number of axes.
    ValueError
        If `sparsity` or `std` is out of range; and what `uniform_` raises.

    Notes
    -----
    Martens, "Deep learning via Hessian-free optimization", 2010.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.nn.init.sparse_(gg.zeros((4, 3)), sparsity=0.5)
    >>> (w.data == 0).sum(axis=0).tolist()
    [2, 2, 2]
    """
    check_axes(tensor, "sparse_", 2)
    rng, std = generator_or_default(generator), check_number("sparse_", "std", std, 0.0)
    sparsity = check_number("sparse_", "sparsity", sparsity, 0.0, 1.0)
    rows = tensor.shape[0]

    def draw() -> Array:
        is_zero = np.broadcast_to((np.arange(rows) < math.ceil(sparsity * rows))[:, None], tensor.shape)
        return np.where(rng.permuted(is_zero, axis=0), 0.0, normal(rng, tensor, 0.0, std))

    return fill(tensor, "sparse_", draw)


def np_rnn_(tensor: Tensor, generator: np.random.Generator | None = None) -> Tensor:
    """Fill the recurrent weight of an np-RNN (P10.12): (A + I) / λ_max(A + I), where A = Rᵀ R / N, R of normal draws.

    The matrix is positive definite, and its largest eigenvalue is 1: one direction of the state is kept, all others
    fade, none explodes. It goes with ReLU, biases of 0, and inputs as they are.

    Parameters
    ----------
    tensor
        A leaf of shape (N, N), of real floats: ``weight_hh_l0`` of a recurrent layer.
    generator
        See `uniform_`.

    Raises
    ------
    ShapeError
        If it is no square matrix; and what `uniform_` raises.

    Notes
    -----
    Talathi and Vartak, "Improving performance of recurrent neural network with relu nonlinearity", 2015: normalized
    positive definite. The IRNN of the same family is `eye_`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> rnn = gg.nn.RNN(2, 3, nonlinearity="relu")
    >>> w = gg.nn.init.np_rnn_(rnn.weight_hh_l0)
    >>> round(float(gg.linalg.eigvalsh(w).data.max()), 4)
    1.0
    """
    check_axes(tensor, "np_rnn_", 2)
    rng, (rows, columns) = generator_or_default(generator), tensor.shape
    if rows != columns:
        raise ShapeError(describe("np_rnn_: a square matrix is needed", f"got: shape {tensor.shape}"))
    return fill(tensor, "np_rnn_", lambda: normalized_positive_definite(rng.standard_normal((rows, rows))), "f")


def normalized_positive_definite(r: Array) -> Array:
    """(A + I) / λ_max(A + I) of A = Rᵀ R / N, where N is the number of columns of R."""
    size = r.shape[1]
    matrix: Array = r.T @ r / max(size, 1) + np.eye(size)
    if size:
        matrix /= np.linalg.eigvalsh(matrix)[-1]
    return matrix
