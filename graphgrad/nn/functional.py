"""Activations, layers and losses as functions, with PyTorch's names, argument order and defaults.

The operations behind them take NumPy's ``axis``; here the same is called ``dim``, and the operand ``input``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from graphgrad.graph.create import asarray
from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.arguments import keep_softplus, keep_triplet, kept
from graphgrad.ops.array import arithmetic, elementwise, selection, softmaxes
from graphgrad.ops.array import encoding as _encoding
from graphgrad.ops.array.encoding import *  # noqa: F403
from graphgrad.ops.functional import activations as _activations
from graphgrad.ops.functional import adaptive_pooling as _adaptive_pooling
from graphgrad.ops.functional import attention as _attention
from graphgrad.ops.functional import axis_activations as _axis_activations
from graphgrad.ops.functional import batch_normalizations as _batch_normalizations
from graphgrad.ops.functional import binary_losses as _binary_losses
from graphgrad.ops.functional import classification as _classification
from graphgrad.ops.functional import convolution as _convolution
from graphgrad.ops.functional import cross_entropy as _cross_entropy
from graphgrad.ops.functional import ctc as _ctc
from graphgrad.ops.functional import dense as _dense
from graphgrad.ops.functional import distances as _distances
from graphgrad.ops.functional import dropout as _dropout
from graphgrad.ops.functional import embedding as _embedding
from graphgrad.ops.functional import embedding_bag as _embedding_bag
from graphgrad.ops.functional import energies as _energies
from graphgrad.ops.functional import energy_margins as _energy_margins
from graphgrad.ops.functional import interpolation as _interpolation
from graphgrad.ops.functional import layers as _layers
from graphgrad.ops.functional import likelihoods as _likelihoods
from graphgrad.ops.functional import losses as _losses
from graphgrad.ops.functional import margins as _margins
from graphgrad.ops.functional import mean_pooling as _mean_pooling
from graphgrad.ops.functional import metric_losses as _metric_losses
from graphgrad.ops.functional import normalizations as _normalizations
from graphgrad.ops.functional import overlap_losses as _overlap_losses
from graphgrad.ops.functional import patches as _patches
from graphgrad.ops.functional import pixels as _pixels
from graphgrad.ops.functional import pooling as _pooling
from graphgrad.ops.functional import rectifiers as _rectifiers
from graphgrad.ops.functional import recurrent as _recurrent
from graphgrad.ops.functional import recurrent_cells as _recurrent_cells
from graphgrad.ops.functional import sides as _sides
from graphgrad.ops.functional import similarity as _similarity
from graphgrad.ops.functional import transposed_convolution as _transposed_convolution
from graphgrad.ops.functional import unpooling as _unpooling
from graphgrad.ops.functional.activations import *  # noqa: F403
from graphgrad.ops.functional.adaptive_pooling import *  # noqa: F403
from graphgrad.ops.functional.attention import *  # noqa: F403
from graphgrad.ops.functional.axis_activations import *  # noqa: F403
from graphgrad.ops.functional.batch_normalizations import *  # noqa: F403
from graphgrad.ops.functional.binary_losses import *  # noqa: F403
from graphgrad.ops.functional.classification import *  # noqa: F403
from graphgrad.ops.functional.convolution import *  # noqa: F403
from graphgrad.ops.functional.cross_entropy import *  # noqa: F403
from graphgrad.ops.functional.ctc import *  # noqa: F403
from graphgrad.ops.functional.dense import *  # noqa: F403
from graphgrad.ops.functional.distances import *  # noqa: F403
from graphgrad.ops.functional.dropout import *  # noqa: F403
from graphgrad.ops.functional.embedding import *  # noqa: F403
from graphgrad.ops.functional.embedding_bag import *  # noqa: F403
from graphgrad.ops.functional.energies import *  # noqa: F403
from graphgrad.ops.functional.energy_margins import *  # noqa: F403
from graphgrad.ops.functional.interpolation import *  # noqa: F403
from graphgrad.ops.functional.layers import *  # noqa: F403
from graphgrad.ops.functional.likelihoods import *  # noqa: F403
from graphgrad.ops.functional.loss_parts import reduced
from graphgrad.ops.functional.losses import *  # noqa: F403
from graphgrad.ops.functional.margins import *  # noqa: F403
from graphgrad.ops.functional.mean_pooling import *  # noqa: F403
from graphgrad.ops.functional.metric_losses import *  # noqa: F403
from graphgrad.ops.functional.metric_losses import from_zero
from graphgrad.ops.functional.normalizations import *  # noqa: F403
from graphgrad.ops.functional.overlap_losses import *  # noqa: F403
from graphgrad.ops.functional.patches import *  # noqa: F403
from graphgrad.ops.functional.pixels import *  # noqa: F403
from graphgrad.ops.functional.pooling import *  # noqa: F403
from graphgrad.ops.functional.rectifiers import *  # noqa: F403
from graphgrad.ops.functional.recurrent import *  # noqa: F403
from graphgrad.ops.functional.recurrent_cells import *  # noqa: F403
from graphgrad.ops.functional.sides import *  # noqa: F403
from graphgrad.ops.functional.similarity import *  # noqa: F403
from graphgrad.ops.functional.transposed_convolution import *  # noqa: F403
from graphgrad.ops.functional.unpooling import *  # noqa: F403

__all__ = [
    "leaky_relu",
    "log_softmax",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
    "triplet_margin_with_distance_loss",
]
__all__ += _activations.__all__
__all__ += _convolution.__all__
__all__ += _transposed_convolution.__all__
__all__ += _adaptive_pooling.__all__
__all__ += _mean_pooling.__all__
__all__ += _pooling.__all__
__all__ += _unpooling.__all__
__all__ += _attention.__all__
__all__ += _axis_activations.__all__
__all__ += _batch_normalizations.__all__
__all__ += _binary_losses.__all__
__all__ += _classification.__all__
__all__ += _cross_entropy.__all__
__all__ += _ctc.__all__
__all__ += _dense.__all__
__all__ += _distances.__all__
__all__ += _dropout.__all__
__all__ += _embedding.__all__
__all__ += _embedding_bag.__all__
__all__ += _encoding.__all__
__all__ += _energies.__all__
__all__ += _energy_margins.__all__
__all__ += _interpolation.__all__
__all__ += _layers.__all__
__all__ += _likelihoods.__all__
__all__ += _losses.__all__
__all__ += _margins.__all__
__all__ += _metric_losses.__all__
__all__ += _normalizations.__all__
__all__ += _overlap_losses.__all__
__all__ += _patches.__all__
__all__ += _pixels.__all__
__all__ += _rectifiers.__all__
__all__ += _recurrent.__all__
__all__ += _recurrent_cells.__all__
__all__ += _similarity.__all__
__all__ += _sides.__all__


def relu(input: Any) -> Tensor:
    """The rectifier, max(x, 0), of each element (P03.05).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.relu([-1.0, 2.0])
    tensor([0., 2.])
    """
    return elementwise.relu(input)  # type: ignore[no-any-return]


def leaky_relu(input: Any, negative_slope: float = 0.01) -> Tensor:
    """The rectifier with a slope below zero too (P03.07).

    Parameters
    ----------
    input
        Any shape; the result has the same.
    negative_slope
        The slope below zero.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.leaky_relu([-1.0, 2.0], negative_slope=0.5)
    tensor([-0.5,  2. ])
    """
    return elementwise.leaky_relu(input, negative_slope)  # type: ignore[no-any-return]


def sigmoid(input: Any) -> Tensor:
    """The logistic function, 1 / (1 + exp(-x)), of each element (P03.03).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.sigmoid([0.0, 1000.0])
    tensor([0.5, 1. ])
    """
    return elementwise.sigmoid(input)  # type: ignore[no-any-return]


def tanh(input: Any) -> Tensor:
    """The hyperbolic tangent of each element (P03.04).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.tanh([0.0, 1.0])
    tensor([0.    , 0.7616])
    """
    return elementwise.tanh(input)  # type: ignore[no-any-return]


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """The smooth rectifier log(1 + exp(beta · x)) / beta of each element (P03.11).

    Parameters
    ----------
    input
        Any shape; the result has the same.
    beta
        How sharply it bends: the larger, the nearer to the rectifier.
    threshold
        Where beta · x exceeds it, the result is x. A threshold from 20 on would change it by less than 3e-9 / beta, and
        isn't needed against overflow: the function itself is computed then.

    Raises
    ------
    ArgumentError, DTypeError
        If `beta` is 0, or one of them is no number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.softplus([0.0, 1000.0])
    tensor([6.9315e-01, 1.0000e+03])
    """
    kept("softplus", keep_softplus, beta=beta, threshold=threshold)
    scaled = input if beta == 1.0 else arithmetic.multiply(input, beta)
    result: Tensor = elementwise.softplus(scaled)
    if beta != 1.0:
        result = arithmetic.divide(result, beta)
    if threshold < 20.0:
        result = selection.where(arithmetic.greater(scaled, threshold), input, result)
    return result


def softmax(input: Any, dim: int = -1) -> Tensor:
    """Exponentials divided by their sum along an axis: positive, adding up to 1 (P03.16).

    Parameters
    ----------
    input
        Any shape with at least one axis; the result has the same.
    dim
        The axis along which the results add up to 1; the last one unless told otherwise. (PyTorch guesses it from the
        number of axes when it is left out, and warns.)

    Raises
    ------
    ShapeError
        If there is no such axis.
    DTypeError
        If `dim` isn't a whole number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.softmax([[1.0, 1.0], [0.0, 1000.0]], dim=1)
    tensor([[0.5, 0.5],
            [0. , 1. ]])
    """
    return softmaxes.softmax(input, _axis(dim, "softmax"))  # type: ignore[no-any-return]


def log_softmax(input: Any, dim: int = -1) -> Tensor:
    """The logarithm of `softmax`, exact where softmax itself would underflow to 0 (P02.11).

    Parameters
    ----------
    input, dim
        As in `softmax`.

    Raises
    ------
    ShapeError
        If there is no such axis.
    DTypeError
        If `dim` isn't a whole number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.log_softmax([0.0, 1000.0])
    tensor([-1000.,     0.])
    """
    return softmaxes.log_softmax(input, _axis(dim, "log_softmax"))  # type: ignore[no-any-return]


def _axis(dim: object, what: str) -> int:
    # The operations take None for all axes at once, as NumPy does; in PyTorch it asks for a guess.
    try:
        return operator.index(dim)  # type: ignore[arg-type]
    except TypeError:
        raise DTypeError(describe(f"{what}: dim is the number of one axis, got {dim!r}")) from None


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """The triplet loss for any distance: max(0, margin + d(anchor, positive) - d(anchor, negative)) (P17.23).

    A function of your own can't be part of a graph, so what it computes is recorded, operation by operation.

    Parameters
    ----------
    anchor, positive, negative
        Tensors with as many axes each, which the distance takes.
    distance_function
        From two tensors to their distances. None is that of `triplet_margin_loss` with its defaults.
    margin
        By how much the anchor should be closer to the positive, above 0.
    swap
        Measure the negative from the positive where it is closer to that than to the anchor.
    reduction
        ``"mean"`` over the distances, ``"sum"``, or ``"none"``.

    Raises
    ------
    ShapeError
        If the three have different numbers of axes.
    ArgumentError
        For another reduction, or a margin that isn't above 0.
    DTypeError
        If `margin` is no number, `swap` neither True nor False, or `distance_function` no function.

    Examples
    --------
    >>> import graphgrad as gg
    >>> def squared(a, b):
    ...     return gg.sum((a - b) ** 2, axis=-1)
    >>> a, p, n = gg.tensor([[0.0, 0.0]]), gg.tensor([[1.0, 0.0]]), gg.tensor([[0.0, 2.0]])
    >>> gg.nn.functional.triplet_margin_with_distance_loss(a, p, n, distance_function=squared, margin=5.0)
    tensor(2.)
    """
    what = "triplet_margin_with_distance_loss"
    kept(what, keep_triplet, margin=margin, swap=swap, reduction=reduction, distance_function=distance_function)
    three = [one if isinstance(one, Tensor) else asarray(one) for one in (anchor, positive, negative)]
    if len({one.ndim for one in three}) > 1:
        details = zip(("anchor", "positive", "negative"), three, strict=True)
        raise ShapeError(
            describe(f"{what}: all three have as many axes", *(f"{name}: shape {one.shape}" for name, one in details))
        )
    of = _similarity.pairwise_distance if distance_function is None else distance_function
    anchor, positive, negative = three
    further = of(anchor, negative)
    if swap:
        further = selection.minimum(further, of(positive, negative))
    return reduced(from_zero(arithmetic.subtract(margin + of(anchor, positive), further)), reduction)  # type: ignore[no-any-return]
