"""Dropout: units that are left out at random in training, and scaled so that on average nothing changes.

The dropped ones are known by the seed of the draw, which is an attribute: the rule draws them again, no mask is kept,
and the graph runs again to the same numbers. Outside training nothing happens to the input (inverted dropout; in the
plain form nothing is scaled in training and everything is multiplied by 1 - p afterwards).

Names, argument order and defaults are PyTorch's; `graphgrad.nn.functional` offers them. There is no ``inplace``: an
operation returns a new tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.arithmetic import add, divide, multiply
from graphgrad.ops.array.selection import where
from graphgrad.ops.array.shaping import identity
from graphgrad.ops.attributes import keep_numbers
from graphgrad.ops.declare import Array, OpFunction, op
from graphgrad.ops.samples import array, sample
from graphgrad.ops.seeds import dropped, keep_seed, uniform

NAMESPACE = "nn.functional"
__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]

Shape = tuple[int, ...]


def prepare(attrs: dict[str, Any]) -> None:
    keep_numbers(attrs, "p")
    if not 0.0 <= attrs["p"] <= 1.0:
        raise ValueError(f"p is a probability from 0 to 1, got {attrs['p']}")
    keep_seed(attrs, draws=attrs["training"])


_REFUSED = (
    ErrorSample((np.zeros((2, 3, 4)),), {"p": 1.5}, ArgumentError, "p is a probability from 0 to 1"),
    ErrorSample((np.zeros((2, 3, 4)),), {"p": -0.1}, ArgumentError, "p is a probability from 0 to 1"),
    ErrorSample((np.zeros((2, 3, 4)),), {"training": True, "seed": -1}, ArgumentError, "seed is an integer from 0"),
    ErrorSample((np.zeros((2, 3, 4)),), {"training": "no"}, DTypeError, "training is True or False, got 'no'"),
)


def _refused(shape: Shape) -> tuple[ErrorSample, ...]:
    """The same with an input that the operation takes."""
    return tuple(one._replace(operands=(np.zeros(shape),)) for one in _REFUSED)


def _samples(*shapes: Shape) -> Callable[[np.random.Generator], Iterator[Sample]]:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for i, shape in enumerate(shapes):
            yield sample(array(rng, *shape), p=0.4, training=True, seed=i)
        yield sample(array(rng, *shapes[0]), p=0.0, training=True, seed=7)
        yield sample(array(rng, *shapes[0]), p=0.4, training=False)

    return samples


def _cost(input: Shape, /, **_: Any) -> int:
    return math.prod(input)


# ---- zeros -----------------------------------------------------------------------------------------------------------


def _kept(values: Any, mask: Shape, p: float, training: bool, seed: int | None) -> Any:
    """The kept values, scaled, and zeros for the others, of arrays and tensors."""
    if not training or not p:
        return values
    if type(values) is np.ndarray and values.shape == mask and values.dtype.kind == "f":
        return dropped(values, seed, p)
    # With p = 1 nothing is kept, and nothing to be scaled.
    return np.where(uniform(seed, mask) >= p, values / (1.0 - p or 1.0), 0.0)


def _expanded(values: Any, mask: Shape, p: float, training: bool, seed: int | None) -> Any:
    if not training or not p:
        return identity(values)
    return where(uniform(seed, mask) >= p, divide(values, 1.0 - p or 1.0), 0.0)


_ELEMENTS = "random({input}, {seed})"


@op(
    input=lambda g, input_shape, attrs: _kept(g, input_shape, **attrs),
    formula=f"where({{training}}, where({_ELEMENTS} < {{p}}, 0, {{input}} / (1 - {{p}})), {{input}})",
    local={"input": f"where({{training}}, where({_ELEMENTS} < {{p}}, 0, 1 / (1 - {{p}})), 1)"},
    cost=_cost,
    samples=_samples((2, 3), (6,), (), (0, 3)),
    errors=_refused((2, 3)),
    prepare=prepare,
    expand=lambda input, **attrs: _expanded(input, input.shape, **attrs),
    linear="together",
    covers=("P12.07", "P12.08"),
)
def dropout(input: Array, p: float = 0.5, training: bool = True, *, seed: int | None = None) -> Any:
    """
    Set each element to 0 with probability `p` in training, and divide the others by 1 - `p`, so that the mean stays.

    Each step of a training run so trains another thinned network. Outside training the input goes through as it is.
    This is inverted dropout; the plain form divides by nothing in training, and multiplies by 1 - `p` afterwards.

    Parameters
    ----------
    p
        How probable it is that an element is dropped, from 0 to 1.
    training
        Whether anything is dropped.
    seed
        Of the draw. Left out, one is drawn and kept, so that the graph runs again to the same numbers. Whether an
        element is dropped follows from the seed and the element's place alone, by the generator SplitMix64 (Steele, Lea
        and Flood, 2014): it is found out again in the backward pass, and no mask is kept.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.dropout([1.0, 2.0, 3.0, 4.0], p=0.5, seed=2)
    tensor([0., 0., 6., 8.])
    >>> gg.nn.functional.dropout([1.0, 2.0, 3.0, 4.0], p=0.5, training=False)
    tensor([1., 2., 3., 4.])
    """
    result = _kept(input, input.shape, p, training, seed)
    return input.copy() if result is input else result


def _dropout_of_channels(spatial: int, layouts: tuple[str, ...], shapes: tuple[Shape, ...], note: str) -> OpFunction:
    """Dropout of whole channels, which have `spatial` axes each."""
    name = f"dropout{spatial}d"
    ranks = [layout.count(",") + 1 for layout in layouts]

    def mask(input: Shape) -> Shape:
        """One number for each channel."""
        if len(input) not in ranks:
            raise ValueError(f"input {input} must have the shape {' or '.join(layouts)}{note}")
        return (*input[:-spatial], *[1] * spatial)

    def shape(input: Shape, /, **_: Any) -> Shape:
        mask(input)
        return input

    def forward(input: Array, p: float = 0.5, training: bool = True, *, seed: int | None = None) -> Any:
        result = _kept(input, mask(input.shape), p, training, seed)
        return input.copy() if result is input else result

    random = f"random_channels({{input}}, {{seed}}, {spatial})"
    return op(
        forward,
        name=name,
        input=lambda g, input_shape, attrs: _kept(g, mask(input_shape), **attrs),
        formula=f"where({{training}}, where({random} < {{p}}, 0, {{input}} / (1 - {{p}})), {{input}})",
        local={"input": f"where({{training}}, where({random} < {{p}}, 0, 1 / (1 - {{p}})), 1)"},
        shape=shape,
        cost=_cost,
        samples=_samples(*shapes),
        errors=(
            ErrorSample((np.zeros(3),), {}, ShapeError, f"must have the shape {layouts[0]}"),
            *_refused(shapes[0]),
        ),
        prepare=prepare,
        expand=lambda input, **attrs: _expanded(input, mask(input.shape), **attrs),
        linear="together",
        covers=("P12.09",),
        doc=f"""
        Set whole channels to 0 with probability `p` in training, and divide the others by 1 - `p`.

        Neighbours in a feature map say much the same, so that dropping one of them alone would change little.

        Parameters
        ----------
        input
            Shape {" or ".join(layouts)}.
        p
            How probable it is that a channel is dropped, from 0 to 1.
        training
            Whether anything is dropped.
        seed
            Of the draw, one number for each channel, as in `dropout`.

        Examples
        --------
        >>> import graphgrad as gg
        >>> x = gg.ones({shapes[0]})
        >>> y = gg.nn.functional.{name}(x, p=0.5, seed=9)
        >>> gg.mean(y, axis={tuple(range(-spatial, 0))})
        tensor([[2., 0., 0.],
                [0., 2., 2.]])
        """,
    )


dropout1d = _dropout_of_channels(1, ("(N, C, L)", "(C, L)"), ((2, 3, 4), (3, 4), (2, 0, 4)), "")
dropout2d = _dropout_of_channels(
    2, ("(N, C, H, W)",), ((2, 3, 2, 2), (1, 4, 1, 3), (0, 2, 2, 2)), "; for (N, C, L) there is dropout1d"
)
dropout3d = _dropout_of_channels(
    3, ("(N, C, D, H, W)", "(C, D, H, W)"), ((2, 3, 1, 2, 2), (3, 2, 1, 2), (0, 2, 1, 2, 2)), ""
)


# ---- for SELU --------------------------------------------------------------------------------------------------------

_SATURATED = 1.7580993408473766
"""What SELU goes down to, as a positive number: its scale times its alpha."""


def _scale(p: float) -> float:
    """What brings the variance back to 1."""
    return 1.0 / math.sqrt((1.0 - p) * (1.0 + _SATURATED**2 * p)) if p < 1.0 else 0.0


def _saturated(values: Any, mask: Shape, p: float, training: bool, seed: int | None) -> Any:
    if not training:
        return values
    return (np.where(uniform(seed, mask) >= p, values, -_SATURATED) + _SATURATED * p) * _scale(p)


def _saturated_rule(g: Any, mask: Shape, p: float, training: bool, seed: int | None) -> Any:
    return np.where(uniform(seed, mask) >= p, g * _scale(p), 0.0) if training else g


def _saturated_expanded(values: Any, mask: Shape, p: float, training: bool, seed: int | None) -> Any:
    if not training:
        return identity(values)
    return multiply(add(where(uniform(seed, mask) >= p, values, -_SATURATED), _SATURATED * p), _scale(p))


def _saturated_texts(random: str) -> tuple[str, str]:
    root = f"sqrt((1 - {{p}}) * (1 + {_SATURATED} ** 2 * {{p}}))"
    value = f"(where({random} < {{p}}, -{_SATURATED}, {{input}}) + {_SATURATED} * {{p}}) / {root}"
    return f"where({{training}}, {value}, {{input}})", f"where({{training}}, where({random} < {{p}}, 0, 1 / {root}), 1)"


_FORMULA, _LOCAL = _saturated_texts(_ELEMENTS)


@op(
    input=lambda g, input_shape, attrs: _saturated_rule(g, input_shape, **attrs),
    formula=_FORMULA,
    local={"input": _LOCAL},
    cost=_cost,
    samples=_samples((2, 3), (6,), (), (0, 3)),
    errors=_refused((2, 3)),
    prepare=prepare,
    expand=lambda input, **attrs: _saturated_expanded(input, input.shape, **attrs),
    covers=("P12.09",),
)
def alpha_dropout(input: Array, p: float = 0.5, training: bool = False, *, seed: int | None = None) -> Any:
    """
    Dropout for SELU networks: dropped elements become what SELU saturates at, and mean 0 and variance 1 are kept.

    With α' = 1.7581, the result is a · (x or -α') + b, a = 1 / √((1 - p) (1 + α'² p)) and b = a α' p.

    Parameters
    ----------
    p
        How probable it is that an element is dropped, from 0 to 1; with 1 everything becomes 0.
    training
        Whether anything is dropped.
    seed
        Of the draw, as in `dropout`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.alpha_dropout([1.0, 1.0, 1.0, 1.0], p=0.5, training=True, seed=2)
    tensor([-0.7792, -0.7792,  1.6656,  1.6656])
    """
    result = _saturated(input, input.shape, p, training, seed)
    return input.copy() if result is input else result


def _features(input: Shape) -> Shape:
    if len(input) < 2:
        raise ValueError(f"input {input} must have the shape (N, C, ...)")
    return (*input[:2], *[1] * (len(input) - 2))


def _features_shape(input: Shape, /, **_: Any) -> Shape:
    _features(input)
    return input


_FORMULA, _LOCAL = _saturated_texts("random_features({input}, {seed})")


@op(
    input=lambda g, input_shape, attrs: _saturated_rule(g, _features(input_shape), **attrs),
    formula=_FORMULA,
    local={"input": _LOCAL},
    shape=_features_shape,
    cost=_cost,
    samples=_samples((2, 3, 2), (2, 3), (2, 2, 1, 2), (0, 3)),
    errors=(ErrorSample((np.zeros(3),), {}, ShapeError, "must have the shape (N, C, ...)"), *_refused((2, 3))),
    prepare=prepare,
    expand=lambda input, **attrs: _saturated_expanded(input, _features(input.shape), **attrs),
    covers=("P12.09",),
)
def feature_alpha_dropout(input: Array, p: float = 0.5, training: bool = False, *, seed: int | None = None) -> Any:
    """
    `alpha_dropout` of whole channels: all elements of one become what SELU saturates at, or none.

    Parameters
    ----------
    input
        Shape (N, C, ...).
    p
        How probable it is that a channel is dropped, from 0 to 1; with 1 everything becomes 0.
    training
        Whether anything is dropped.
    seed
        Of the draw, one number for each channel, as in `dropout`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.feature_alpha_dropout(gg.ones((1, 3, 2)), p=0.5, training=True, seed=9)
    tensor([[[ 1.6656,  1.6656],
             [-0.7792, -0.7792],
             [-0.7792, -0.7792]]])
    """
    result = _saturated(input, _features(input.shape), p, training, seed)
    return input.copy() if result is input else result
