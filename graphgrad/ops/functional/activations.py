"""Smooth activations, element by element. `elementwise` has sigmoid, tanh and softplus, `rectifiers` those with kinks.

Names, argument order and defaults are PyTorch's where it has them; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError
from graphgrad.graph.operation import ErrorSample, Sample, ScalarForm
from graphgrad.kernels.choice import kernels_of
from graphgrad.kernels.plain import gelu as plain
from graphgrad.ops.array.arithmetic import abs as absolute
from graphgrad.ops.array.arithmetic import add, divide, multiply, negative, square, subtract
from graphgrad.ops.array.elementwise import exp, sigmoid, softplus, tanh
from graphgrad.ops.array.selection import minimum, where
from graphgrad.ops.attributes import keep_numbers
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.floats import as_floats
from graphgrad.ops.samples import UNEVEN, array, elementwise_samples, sample
from graphgrad.ops.special.special import ndtr

NAMESPACE = "nn.functional"
__all__ = [
    "bipolar_sigmoid",
    "celu",
    "elu",
    "gaussian",
    "gelu",
    "lecun_tanh",
    "logsigmoid",
    "mish",
    "selu",
    "silu",
    "softsign",
    "swish",
    "tanhshrink",
]

_exp = polymorphic(exp)
_ndtr = polymorphic(ndtr)
_sigmoid = polymorphic(sigmoid)
_softplus = polymorphic(softplus)
_tanh = polymorphic(tanh)


# ---- exponential below zero ------------------------------------------------------------------------------------------


def _below_zero(x: Any) -> Any:
    """The values that aren't positive, and 0 for the others, whose exponentials might overflow."""
    return np.where(x > 0, 0.0, x)


def _expm1_below_zero(x: Any) -> Any:
    return np.expm1(np.minimum(x, 0))


def _with_alpha(rng: np.random.Generator) -> Iterator[Sample]:
    yield from elementwise_samples(1, apart=0.2)(rng)
    yield sample(np.array([-2.0, -0.5, 1.5]), alpha=0.5)


_NO_NUMBER = ErrorSample((np.zeros(2),), {"alpha": "1"}, DTypeError, "alpha is a number, got '1'")


@op(
    input=lambda g, input, alpha: np.where(input > 0, g, g * (alpha * np.exp(_below_zero(input)))),
    formula="where({input} > 0, {input}, {alpha} * (exp({input}) - 1))",
    local={"input": "where({input} > 0, 1, {alpha} * exp({input}))"},
    samples=_with_alpha,
    errors=(_NO_NUMBER,),
    prepare=lambda attrs: keep_numbers(attrs, "alpha"),
    expand=lambda input, alpha: where(input > 0.0, input, multiply(alpha, subtract(exp(minimum(input, 0.0)), 1.0))),
    covers=("P03.09",),
)
def elu(input: Array, alpha: float = 1.0) -> Any:
    """
    The exponential linear unit: x where x > 0, else `alpha` · (exp(x) - 1), which saturates at -`alpha`.

    Its derivative at exactly 0 is taken as `alpha`, as PyTorch does.

    Parameters
    ----------
    alpha
        How far below zero it goes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.elu([-2.0, 0.0, 2.0])
    tensor([-0.8647,  0.    ,  2.    ])
    """
    return np.where(input > 0, input, alpha * _expm1_below_zero(input))


def _refuse_zero(attrs: dict[str, Any]) -> None:
    keep_numbers(attrs, "alpha")
    if attrs["alpha"] == 0:
        raise ValueError("alpha must not be 0: the function divides by it")


@op(
    input=lambda g, input, alpha: np.where(input > 0, g, g * np.exp(_below_zero(input) / alpha)),
    formula="where({input} > 0, {input}, {alpha} * (exp({input} / {alpha}) - 1))",
    local={"input": "where({input} > 0, 1, exp({input} / {alpha}))"},
    samples=_with_alpha,
    errors=(_NO_NUMBER, ErrorSample((np.zeros(2),), {"alpha": 0.0}, ArgumentError, "alpha must not be 0")),
    prepare=_refuse_zero,
    expand=lambda input, alpha: where(
        input > 0.0, input, multiply(alpha, subtract(exp(divide(minimum(input, 0.0), alpha)), 1.0))
    ),
)
def celu(input: Array, alpha: float = 1.0) -> Any:
    """
    The ELU without a kink: x where x > 0, else `alpha` · (exp(x / `alpha`) - 1); its slope at 0 is 1 for any `alpha`.

    Parameters
    ----------
    alpha
        How far below zero it goes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.celu([-2.0, 0.0, 2.0], alpha=0.5)
    tensor([-0.4908,  0.    ,  2.    ])
    """
    return np.where(input > 0, input, alpha * np.expm1(np.minimum(input, 0) / alpha))


# Klambauer et al., 2017: what keeps mean 0 and variance 1 from layer to layer.
_SELU_SCALE = 1.0507009873554805
_SELU_ALPHA = 1.6732632423543772
_SELU_LIMIT = _SELU_SCALE * _SELU_ALPHA


@op(
    input=lambda g, input: np.where(input > 0, g * _SELU_SCALE, g * (_SELU_LIMIT * np.exp(_below_zero(input)))),
    formula=f"{_SELU_SCALE} * where({{input}} > 0, {{input}}, {_SELU_ALPHA} * (exp({{input}}) - 1))",
    local={"input": f"{_SELU_SCALE} * where({{input}} > 0, 1, {_SELU_ALPHA} * exp({{input}}))"},
    scalar=ScalarForm(
        lambda x: _SELU_SCALE * x if x > 0 else _SELU_LIMIT * math.expm1(x),
        {"input": lambda g, input: g * _SELU_SCALE if input > 0 else g * (_SELU_LIMIT * _exp(input))},
    ),
    samples=elementwise_samples(1, apart=0.2),
    expand=lambda input: multiply(_SELU_SCALE, elu(input, _SELU_ALPHA)),
    covers=("P03.10",),
)
def selu(input: Array) -> Any:
    """
    The self-normalising ELU: 1.0507 · x where x > 0, else 1.0507 · 1.6733 · (exp(x) - 1).

    With these two numbers, and weights drawn with variance 1 / fan-in, activations keep mean 0 and variance 1 through
    many layers. The derivative at exactly 0 is taken as that from below, 1.7581, as PyTorch does.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.selu([-1.0, 0.0, 1.0])
    tensor([-1.1113,  0.    ,  1.0507])
    """
    return np.where(input > 0, _SELU_SCALE * input, _SELU_LIMIT * _expm1_below_zero(input))


# ---- gated by their own sigmoid --------------------------------------------------------------------------------------


def _silu_rule(g: Any, input: Any) -> Any:
    s = _sigmoid(input)
    return g * (s * (1.0 + input * (1.0 - s)))


@op(
    input=_silu_rule,
    formula="{input} * sigmoid({input})",
    local={"input": "{out} + sigmoid({input}) * (1 - {out})"},
    scalar=lambda x: x * _sigmoid(x),
    expand=lambda input: multiply(input, sigmoid(input)),
    covers=("P03.12",),
)
def silu(input: Array) -> Any:
    """
    The sigmoid linear unit x · sigmoid(x), also called Swish: smooth, and slightly negative below zero.

    Its minimum is -0.27846, at -1.27846. `swish` has a slope to choose or to learn.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.silu([-1.0, 0.0, 1.0])
    tensor([-0.2689,  0.    ,  0.7311])
    """
    return input * _sigmoid(input)


def _swish_rule(g: Any, input: Any, beta: Any) -> Any:
    s = _sigmoid(beta * input)
    return g * (s * (1.0 + beta * input * (1.0 - s)))


def _swish_rule_of_beta(g: Any, input: Any, beta: Any) -> Any:
    s = _sigmoid(beta * input)
    return g * (input * (input * (s * (1.0 - s))))  # in this order, as the square of a large input would overflow


@op(
    input=_swish_rule,
    beta=_swish_rule_of_beta,
    formula="{input} * sigmoid({beta} * {input})",
    local={
        "input": "{beta} * {out} + sigmoid({beta} * {input}) * (1 - {beta} * {out})",
        "beta": "{input} ** 2 * sigmoid({beta} * {input}) * (1 - sigmoid({beta} * {input}))",
    },
    scalar=lambda x, beta: x * _sigmoid(beta * x),
    errors=UNEVEN,
    expand=lambda input, beta: multiply(input, sigmoid(multiply(beta, input))),
    covers=("P03.12", "P03.13"),
)
def swish(input: Array, beta: Array) -> Any:
    """
    Swish, x · sigmoid(beta · x), with a slope that can be learned: x / 2 for beta = 0, the rectifier for a large one.

    Parameters
    ----------
    beta
        The slope of the sigmoid, a number or a tensor that broadcasts with `input`; `silu` is the one with 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.swish([-1.0, 0.0, 1.0], 2.0)
    tensor([-0.1192,  0.    ,  0.8808])
    """
    return input * _sigmoid(np.multiply(beta, input))


def _mish_rule(g: Any, input: Any) -> Any:
    t = _tanh(_softplus(input))
    return g * (t + input * _sigmoid(input) * (1.0 - t * t))


@op(
    input=_mish_rule,
    formula="{input} * tanh(softplus({input}))",
    local={
        "input": "tanh(softplus({input})) + {input} * sigmoid({input}) * (1 - tanh(softplus({input})) ** 2)",
    },
    scalar=lambda x: x * math.tanh(_softplus(x)),
    expand=lambda input: multiply(input, tanh(softplus(input))),
    covers=("P03.14",),
)
def mish(input: Array) -> Any:
    """
    Mish, x · tanh(softplus(x)): much like SiLU, smooth and slightly negative below zero.

    Its minimum is -0.30884, at -1.19243.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.mish([-1.0, 0.0, 1.0])
    tensor([-0.3034,  0.    ,  0.8651])
    """
    return input * np.tanh(_softplus(input))


# ---- gated by the normal distribution --------------------------------------------------------------------------------

_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
_ENOUGH = 1 << 12
"""Below so many numbers NumPy is asked, in 0.03 ms more at most: nothing is compiled for a first small network."""


def _kernels(x: Any) -> Any:
    """What is used for so many numbers; there are kernels for float32 and float64."""
    return plain if x.size < _ENOUGH or x.dtype.char not in "fd" else kernels_of("gelu")


def _gelu_argument(x: Any) -> Any:
    """What the sigmoid is taken of that comes near to the normal distribution: (1 + tanh(z)) / 2 = sigmoid(2 z)."""
    return plain.SLOPE * (x * (1.0 + plain.CUBIC * (x * x)))


def _gelu_rule(g: Any, input: Any, approximate: str) -> Any:
    if isinstance(g, np.ndarray) and isinstance(input, np.ndarray):
        is_like = g.dtype == input.dtype and g.shape == input.shape  # not where `vmap` has many gradients of one input
        return (_kernels(input) if is_like else plain).gradient(g, input, approximate)
    # The pass is itself recorded, or of single numbers: in terms of operations.
    if approximate == "none":
        return g * (_ndtr(input) + input * (np.exp(-0.5 * (input * input)) / _ROOT_TWO_PI))
    near = np.minimum(np.maximum(input, -plain.FLAT), plain.FLAT)
    s = _sigmoid(_gelu_argument(near))
    slope = plain.SLOPE * (1.0 + 3.0 * plain.CUBIC * (near * near))
    return g * (s + near * (s * (1.0 - s) * slope))


def _prepare_approximate(attrs: dict[str, Any]) -> None:
    if attrs["approximate"] not in ("none", "tanh"):
        raise ValueError(f"approximate is 'none' or 'tanh', got {attrs['approximate']!r}")


@op(
    input=_gelu_rule,
    formula="{input} * Phi({input}, {approximate})",
    local={"input": "Phi({input}, {approximate}) + {input} * phi({input}, {approximate})"},
    samples=lambda rng: [
        *elementwise_samples(1)(rng),
        *(sample(array(rng, *shape), approximate="tanh") for shape in ((2, 3), ())),
    ],
    errors=(ErrorSample((np.zeros(2),), {"approximate": "exact"}, ArgumentError, "approximate is 'none' or 'tanh'"),),
    prepare=_prepare_approximate,
    expand=lambda input, approximate: multiply(
        input, ndtr(input) if approximate == "none" else sigmoid(_gelu_argument(input))
    ),
)
def gelu(input: Array, *, approximate: str = "none") -> Any:
    """
    The Gaussian error linear unit x · Φ(x), Φ(x) being the probability that a standard normal number is at most x.

    Its slope is Φ(x) + x · φ(x) with φ = Φ', the normal density.

    Parameters
    ----------
    approximate
        ``"none"``, or ``"tanh"`` for (1 + tanh(√(2/π) · (x + 0.044715 · x³))) / 2 in the place of Φ(x), as in GPT-2.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.gelu([-1.0, 0.0, 1.0])
    tensor([-0.1587,  0.    ,  0.8413])
    >>> gg.nn.functional.gelu([-1.0, 0.0, 1.0], approximate="tanh")
    tensor([-0.1588,  0.    ,  0.8412])
    """
    (x,) = as_floats(input)
    return _kernels(x).values(x, approximate)


# ---- relatives of sigmoid and tanh -----------------------------------------------------------------------------------


@op(
    input=lambda g, input: g * _sigmoid(0.0 - input),
    formula="log(sigmoid({input}))",
    local={"input": "sigmoid(-{input})"},
    scalar=lambda x: -_softplus(-x),
    expand=lambda input: negative(softplus(negative(input))),
    covers=("P03.11",),
)
def logsigmoid(input: Array) -> Any:
    """
    The logarithm of the sigmoid, exact where the sigmoid itself would underflow to 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.logsigmoid([-1000.0, 0.0])
    tensor([-1.0000e+03, -6.9315e-01])
    """
    # Subtracted from 0.0 before |x| is taken: the smallest integer of a dtype has no positive counterpart.
    return np.minimum(input, 0) - np.log1p(np.exp(-np.abs(0.0 - input)))


@op(
    input=lambda g, out: g * (0.5 * (1.0 - out * out)),
    formula="2 / (1 + exp(-{input})) - 1",
    local={"input": "(1 - {out} ** 2) / 2"},
    expand=lambda input: tanh(multiply(0.5, input)),
    covers=("P03.04",),
)
def bipolar_sigmoid(input: Array) -> Any:
    """
    The sigmoid stretched to (-1, 1), 2 · sigmoid(x) - 1: the same as tanh(x / 2).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.bipolar_sigmoid([-2.0, 0.0, 2.0])
    tensor([-0.7616,  0.    ,  0.7616])
    """
    return np.tanh(0.5 * input)


_LECUN_HEIGHT = 1.7159


@op(
    input=lambda g, out: g * (_LECUN_HEIGHT * 2.0 / 3.0 * (1.0 - (out / _LECUN_HEIGHT) * (out / _LECUN_HEIGHT))),
    formula=f"{_LECUN_HEIGHT} * tanh(2 / 3 * {{input}})",
    local={"input": f"{_LECUN_HEIGHT} * 2 / 3 * (1 - ({{out}} / {_LECUN_HEIGHT}) ** 2)"},
    expand=lambda input: multiply(_LECUN_HEIGHT, tanh(multiply(2.0 / 3.0, input))),
    covers=("P03.04",),
)
def lecun_tanh(input: Array) -> Any:
    """
    The hyperbolic tangent as LeCun scales it, 1.7159 · tanh(2x / 3): it takes 1 to 1 and -1 to -1, and saturates later.

    LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.lecun_tanh([-1.0, 0.0, 1.0])
    tensor([-1.,  0.,  1.])
    """
    return _LECUN_HEIGHT * np.tanh(2.0 / 3.0 * input)


@op(
    input=lambda g, input: g / ((1.0 + abs(input)) * (1.0 + abs(input))),
    formula="{input} / (1 + abs({input}))",
    local={"input": "1 / (1 + abs({input})) ** 2"},
    scalar=lambda x: x / (1.0 + abs(x)),
    samples=elementwise_samples(1, apart=0.2),
    expand=lambda input: divide(input, add(1.0, absolute(input))),
)
def softsign(input: Array) -> Any:
    """
    Softsign, x / (1 + |x|): in (-1, 1) like tanh, but it comes near to its ends much more slowly.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.softsign([-3.0, 0.0, 1.0])
    tensor([-0.75,  0.  ,  0.5 ])
    """
    return input / (1.0 + np.abs(input))


def _tanhshrink_rule(g: Any, input: Any) -> Any:
    t = np.tanh(input)
    return g * (t * t)


@op(
    input=_tanhshrink_rule,
    formula="{input} - tanh({input})",
    local={"input": "tanh({input}) ** 2"},
    expand=lambda input: subtract(input, tanh(input)),
)
def tanhshrink(input: Array) -> Any:
    """
    What tanh takes away, x - tanh(x): flat around zero, nearer to zero than x by 1 far from it.

    Near zero, where the difference has few digits left, its continued fraction is taken.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.tanhshrink([-2.0, 0.001, 2.0])
    tensor([-1.0360e+00,  3.3333e-10,  1.0360e+00])
    """
    (input,) = as_floats(input)
    # tanh x = x / (1 + u), u = x² / (3 + x² / (5 + x² / (7 + ...))), so that x - tanh x = x u / (1 + u).
    near = np.where(np.abs(input) < 1, input, 0.0)
    u: Any = 0.0
    for odd in range(19, 1, -2):
        u = near * near / (odd + u)
    return np.where(np.abs(input) < 1, near * u / (1.0 + u), input - np.tanh(input))


@op(
    input=lambda g, input, out: g * (-2.0 * input * out),
    formula="exp(-({input} ** 2))",
    local={"input": "-2 * {input} * {out}"},
    expand=lambda input: exp(negative(square(input))),
    covers=("P07.19",),
)
def gaussian(input: Array) -> Any:
    """
    The bell curve exp(-x²): 1 at zero, and 0 far from it on both sides. Of distances it gives radial basis functions.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.gaussian([-2.0, 0.0, 1.0])
    tensor([0.0183, 1.    , 0.3679])
    """
    return np.exp(0.0 - np.square(input))
