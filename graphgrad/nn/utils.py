"""What is done to all parameters or gradients of a model at once: clipping, and their values as one vector."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphgrad.graph.checks import check_writeable
from graphgrad.graph.errors import DTypeError, ShapeError, WriteError, describe
from graphgrad.graph.source import mark
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import unlocked, wrote
from graphgrad.nn.constraints import renorm_
from graphgrad.ops.array.joining import concat
from graphgrad.ops.array.shaping import reshape

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "renorm_",
    "vector_to_parameters",
]

Array = np.ndarray[Any, Any]
Tensors = Tensor | Iterable[Tensor]

_BLOCK = 1 << 16


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float | str = 2.0,
    error_if_nonfinite: bool = False,
    *,
    eps: float = 1e-6,
) -> Tensor:
    """Shorten the gradient of all parameters together to a largest norm (P08.26): g ← g · min(1, τ / (‖g‖ + ε)).

    Its direction stays. It is called between ``backward()`` and the optimiser's step, and writes gradients in place.

    Parameters
    ----------
    parameters
        A tensor or several; those without a gradient are passed over, and one that is there twice counts once.
    max_norm
        τ.
    norm_type
        p of the norm: 2, any other number, or ``math.inf``, also ``"inf"``, for the largest absolute value.
    error_if_nonfinite
        Whether a norm that is NaN or infinite is refused; otherwise such gradients become NaN and 0.
    eps
        ε, as in PyTorch, where it can't be chosen. With 0 a norm above τ becomes τ exactly: g · τ / ‖g‖.

    Returns
    -------
    Tensor
        The norm before, of shape ().

    Raises
    ------
    DTypeError
        If `parameters` are no tensors.
    ValueError
        If `max_norm` or `eps` is negative or NaN.
    RuntimeError
        If the norm is not finite and `error_if_nonfinite`; nothing is changed then.
    WriteError
        If a gradient is read-only; nothing is changed then.

    Notes
    -----
    Norms are summed up in float64, so that gradients that explode don't overflow on the way. Pascanu, Mikolov and
    Bengio, "On the difficulty of training recurrent neural networks", 2013.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([3.0, 4.0], requires_grad=True)
    >>> gg.sum(w * w / 2.0).backward()
    >>> gg.nn.utils.clip_grad_norm_([w], max_norm=1.0, eps=0.0)
    tensor(5.)
    >>> [round(g, 4) for g in w.grad.tolist()]
    [0.6, 0.8]
    """
    what = "clip_grad_norm_"
    gradients = _gradients(parameters, what)
    _check_size(what, "max_norm", max_norm)
    _check_size(what, "eps", eps)
    norm = _total_norm(gradients, norm_type, error_if_nonfinite, what)
    _shrink(gradients, max_norm, norm, eps, what)
    return _as_tensor(norm, gradients)


def clip_grads_with_norm_(parameters: Tensors, max_norm: float, total_norm: Any) -> None:
    """Shorten gradients whose norm is known, as `clip_grad_norm_` does: g ← g · min(1, τ / (‖g‖ + 1e-6)).

    Parameters
    ----------
    parameters
        A tensor or several; those without a gradient are passed over.
    max_norm
        τ.
    total_norm
        ‖g‖: a number, or a tensor of one, see `get_total_norm`.

    Raises
    ------
    DTypeError, ValueError, WriteError
        As `clip_grad_norm_`.

    Examples
    --------
    Generator and critic, clipped by the norm that both have together:

    >>> import graphgrad as gg
    >>> a, b = gg.tensor([3.0], requires_grad=True), gg.tensor([4.0], requires_grad=True)
    >>> gg.sum(a * a / 2.0 + b * b / 2.0).backward()
    >>> norm = gg.nn.utils.get_total_norm([a.grad, b.grad])
    >>> gg.nn.utils.clip_grads_with_norm_([a], 1.0, norm)
    >>> gg.nn.utils.clip_grads_with_norm_([b], 1.0, norm)
    >>> round(a.grad.item(), 4), round(b.grad.item(), 4)
    (0.6, 0.8)
    """
    what = "clip_grads_with_norm_"
    gradients = _gradients(parameters, what)
    _check_size(what, "max_norm", max_norm)
    if isinstance(total_norm, Tensor) and total_norm.size == 1:
        total_norm = total_norm.item()
    if not isinstance(total_norm, numbers.Real):
        raise DTypeError(describe(f"{what}: total_norm is a number, or a tensor of one", f"got: {total_norm!r:.80}"))
    _shrink(gradients, max_norm, float(total_norm), 1e-6, what)


def get_total_norm(tensors: Tensors, norm_type: float | str = 2.0, error_if_nonfinite: bool = False) -> Tensor:
    """The norm of several tensors, as if all their elements made one vector.

    Parameters
    ----------
    tensors
        A tensor or several: gradients, or anything else.
    norm_type, error_if_nonfinite
        See `clip_grad_norm_`.

    Returns
    -------
    Tensor
        Of shape (); 0 of no tensors. It isn't recorded.

    Raises
    ------
    DTypeError
        If `tensors` are none.
    RuntimeError
        If the norm is not finite and `error_if_nonfinite`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.utils.get_total_norm([gg.tensor([3.0]), gg.tensor([[4.0]])])
    tensor(5.)
    """
    found = _listed(tensors, "get_total_norm")
    return _as_tensor(_total_norm(found, norm_type, error_if_nonfinite, "get_total_norm"), found)


def clip_grad_value_(parameters: Tensors, clip_value: float) -> None:
    """Bring every element of the gradients into [-clip_value, clip_value], in place; the direction may change.

    Parameters
    ----------
    parameters
        A tensor or several; those without a gradient are passed over.
    clip_value
        The largest absolute value.

    Raises
    ------
    DTypeError
        If `parameters` are no tensors, or are complex.
    ValueError
        If `clip_value` is negative or NaN.
    WriteError
        If a gradient is read-only; nothing is changed then.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([3.0, -0.25], requires_grad=True)
    >>> gg.sum(w * w).backward()
    >>> gg.nn.utils.clip_grad_value_([w], 1.0)
    >>> w.grad
    tensor([ 1. , -0.5])
    """
    what = "clip_grad_value_"
    gradients = _gradients(parameters, what)
    _check_size(what, "clip_value", clip_value)
    for gradient in gradients:
        if gradient.dtype.kind == "c":
            raise DTypeError(describe(f"{what}: complex numbers have no order", f"got: {gradient.dtype}"))
    check_writeable(what, gradients)
    place = mark()
    for gradient in gradients:
        with unlocked(gradient.data):
            np.clip(gradient.data, -clip_value, clip_value, out=gradient.data)
        wrote(gradient.data, place)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters in one vector, one after another, each in C order; it can be differentiated.

    Parameters
    ----------
    parameters
        At least one tensor.

    Returns
    -------
    Tensor
        Of shape (n,) where n is the number of all their elements.

    Raises
    ------
    DTypeError
        If they are no tensors.
    ValueError
        If there are none.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.utils.parameters_to_vector([gg.ones((2, 2)), gg.zeros(1)])
    tensor([1., 1., 1., 1., 0.])
    """
    found = _listed(parameters, "parameters_to_vector")
    if not found:
        raise ValueError(describe("parameters_to_vector: there are no parameters"))
    vector: Tensor = concat([reshape(parameter, (-1,)) for parameter in found])
    return vector


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the values of one vector into parameters, in the order of `parameters_to_vector`.

    The parameters keep their memory and dtype; unlike PyTorch's they don't share the vector's.

    Parameters
    ----------
    vec
        Of shape (n,) where n is the number of all elements of the parameters.
    parameters
        Leaves.

    Raises
    ------
    DTypeError
        If something is no tensor, or complex values are to become real ones.
    ShapeError
        If `vec` has another shape.
    WriteError
        If a parameter was computed, or is read-only. Nothing is changed by an error.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.Linear(2, 1)
    >>> gg.nn.utils.vector_to_parameters(gg.tensor([1.0, 2.0, 3.0]), layer.parameters())
    >>> layer.weight.tolist(), layer.bias.tolist()
    ([[1.0, 2.0]], [3.0])
    """
    what = "vector_to_parameters"
    (vector,) = _listed(vec if isinstance(vec, Tensor) else [vec], what)
    found = _listed(parameters, what)
    size = sum(parameter.size for parameter in found)
    if vector.shape != (size,):
        raise ShapeError(
            describe(
                f"{what}: the vector has as many elements as all parameters",
                f"expected: shape ({size},)",
                f"got: {vector.shape}",
            )
        )
    for parameter in found:
        if not parameter.is_leaf:
            raise WriteError(describe(f"{what}: a leaf is needed, {parameter._title()} was computed"))
        if not np.can_cast(vector.dtype, parameter.dtype, "same_kind"):
            raise DTypeError(
                describe(f"{what}: {parameter._title()} has dtype {parameter.dtype}", f"got: {vector.dtype}")
            )
    check_writeable(what, found)
    place = mark()
    values = vector.data.copy()  # the vector may be one of the parameters, or look at one
    begin = 0
    for parameter in found:
        with unlocked(parameter.data):
            parameter.data[...] = values[begin : begin + parameter.size].reshape(parameter.shape)
        wrote(parameter.data, place)
        begin += parameter.size


# ---- what they share


def _listed(tensors: Any, what: str) -> list[Tensor]:
    """Several tensors from one or a collection."""
    if isinstance(tensors, Tensor):
        return [tensors]
    hint = "model.parameters() gives all that a model learns" if hasattr(tensors, "parameters") else ""
    try:
        found = list(tensors)
    except TypeError:
        raise DTypeError(describe(f"{what}: tensors are needed, got {type(tensors).__name__}", hint=hint)) from None
    for i, one in enumerate(found):
        if not isinstance(one, Tensor):
            raise DTypeError(describe(f"{what}: number {i} is no Tensor but {type(one).__name__}", hint=hint))
    return found


def _gradients(parameters: Any, what: str) -> list[Tensor]:
    """The gradients that there are, each once."""
    gradients = (parameter.grad for parameter in _listed(parameters, what))
    return list({id(gradient): gradient for gradient in gradients if gradient is not None}.values())


def _total_norm(tensors: list[Tensor], norm_type: float | str, error_if_nonfinite: bool, what: str) -> float:
    """The norm of all elements, in float64."""
    if isinstance(norm_type, str) and norm_type == "inf":  # as in PyTorch
        norm_type = math.inf
    if not isinstance(norm_type, numbers.Real) or math.isnan(norm_type):
        raise ValueError(describe(f"{what}: norm_type is a number, or infinity", f"got: {norm_type!r:.80}"))
    with np.errstate(all="ignore"):
        norms = [_norm(tensor.data, float(norm_type)) for tensor in tensors if tensor.size]
        norm = _norm(np.array(norms), float(norm_type)) if norms else 0.0
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(
            describe(
                f"{what}: the norm of order {norm_type:g} is {norm}, so that nothing can be clipped",
                hint="gg.detect_anomaly() finds where NaN or infinity came from",
            )
        )
    return norm


def _norm(array: Array, order: float) -> float:
    """The norm of an array that isn't empty; a copy in float64 is made of a block at a time."""
    flat, wide = array.ravel(), np.complex128 if array.dtype.kind == "c" else np.float64
    blocks = (flat[begin : begin + _BLOCK].astype(wide, copy=False) for begin in range(0, flat.size, _BLOCK))
    norms = [float(np.linalg.norm(block, order)) for block in blocks]
    if len(norms) == 1:
        return norms[0]
    return sum(norms) if order == 0 else float(np.linalg.norm(norms, order))


def _as_tensor(norm: float, tensors: list[Tensor]) -> Tensor:
    """A norm in the dtype of what it is of."""
    dtype = np.result_type(*(tensor.dtype for tensor in tensors)) if tensors else np.dtype(np.float32)
    real = np.zeros(0, dtype).real.dtype if dtype.kind in "fc" else np.dtype(np.float64)
    with np.errstate(over="ignore"):
        return Tensor(np.array(norm, real))


def _shrink(gradients: list[Tensor], max_norm: float, norm: float, eps: float, what: str) -> None:
    """Multiply gradients by min(1, max_norm / (norm + eps)), which may be NaN."""
    if norm + eps <= max_norm:
        return
    factor = max_norm / (norm + eps)
    check_writeable(what, gradients)
    place = mark()
    with np.errstate(all="ignore"):
        for gradient in gradients:
            with unlocked(gradient.data):
                wide = np.result_type(gradient.dtype, np.float32).type(factor)  # small factors are 0 in float16
                np.multiply(gradient.data, wide, out=gradient.data, casting="same_kind")
            wrote(gradient.data, place)


def _check_size(what: str, name: str, value: object) -> None:
    if not isinstance(value, numbers.Real) or not float(value) >= 0.0:
        raise ValueError(describe(f"{what}: {name} is a number from 0", f"got: {value!r:.80}"))
