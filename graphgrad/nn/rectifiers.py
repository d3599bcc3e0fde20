"""Activations of straight pieces, and their relatives, as modules; see `graphgrad.nn.activation` for the others."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from graphgrad.graph.create import full
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import wrote
from graphgrad.nn import functional
from graphgrad.nn.arguments import check, lengths, not_in_place
from graphgrad.nn.module import Module, Parameter
from graphgrad.ops.array import elementwise

__all__ = [
    "CELU",
    "ELU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Softshrink",
    "Threshold",
]


class ReLU(Module):
    """The rectifier, max(x, 0), of each element (P03.05).

    Parameters
    ----------
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError
        For another `inplace`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ReLU()([-1.0, 2.0])
    tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = not_in_place("ReLU", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.relu(input)


class ReLU6(Module):
    """The rectifier that stops at 6.

    Parameters
    ----------
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError
        For another `inplace`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ReLU6()([-1.0, 2.0, 10.0])
    tensor([0., 2., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = not_in_place("ReLU6", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.relu6(input)  # type: ignore[no-any-return]


class LeakyReLU(Module):
    """The rectifier with a slope below zero too (P03.07).

    Parameters
    ----------
    negative_slope
        The slope below zero.
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError, DTypeError
        For another `inplace`, or a slope that is no number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.LeakyReLU(0.5)([-1.0, 2.0])
    tensor([-0.5,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        check(self, elementwise.leaky_relu, negative_slope=negative_slope)
        self.negative_slope = negative_slope
        self.inplace = not_in_place("LeakyReLU", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class PReLU(Module):
    """The rectifier with a slope below zero that is learned (P03.08).

    Parameters
    ----------
    num_parameters
        1 for one slope, or the number of channels, on axis 1, for a slope of each.
    init
        What the slopes start with.
    dtype
        Of the slopes; the default dtype if left out.

    Attributes
    ----------
    weight
        The slopes, of shape (num_parameters,). Weight decay would pull them to 0.

    Raises
    ------
    ShapeError
        If `num_parameters` isn't a whole number from 1, or when an input has other channels.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.PReLU()([-1.0, 2.0])
    tensor([-0.25,  2.  ], op=prelu)
    """

    weight: Tensor

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: DTypeLike | None = None) -> None:
        super().__init__()
        (self.num_parameters,) = lengths("PReLU", 1, num_parameters=num_parameters)
        self.init = init
        self.weight = Parameter(full((self.num_parameters,), init, dtype=dtype))

    def reset_parameters(self) -> None:
        """Start the slopes anew."""
        self.weight.data[...] = self.init
        wrote(self.weight.data)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.prelu(input, self.weight)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    """The leaky rectifier whose slope below zero is drawn anew for each element in training (Xu et al., 2015).

    In evaluation it is the middle of the range.

    Parameters
    ----------
    lower
        From where the slopes are drawn.
    upper
        Up to where.
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError, DTypeError
        For another `inplace`, or if `lower` is above `upper` or one of them no number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.RReLU(0.25, 0.75).eval()([-1.0, 2.0])
    tensor([-0.5,  2. ])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        check(self, functional.rrelu, lower=lower, upper=upper)
        self.lower, self.upper = lower, upper
        self.inplace = not_in_place("RReLU", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.rrelu(input, self.lower, self.upper, self.training)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}"


class ELU(Module):
    """The exponential linear unit: x where x > 0, else alpha · (exp(x) - 1) (P03.09).

    Parameters
    ----------
    alpha
        Minus that is where it saturates.
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError, DTypeError
        For another `inplace`, or an `alpha` that is no number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ELU()([-1.0, 2.0])
    tensor([-0.6321,  2.    ])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        check(self, functional.elu, alpha=alpha)
        self.alpha = alpha
        self.inplace = not_in_place("ELU", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.elu(input, self.alpha)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class CELU(Module):
    """The ELU without a kink for any alpha: x where x > 0, else alpha · (exp(x / alpha) - 1).

    Parameters
    ----------
    alpha
        Minus that is where it saturates.
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError, DTypeError
        For another `inplace`, or an `alpha` that is 0 or no number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.CELU(0.5)([-1.0, 2.0])
    tensor([-0.4323,  2.    ])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        check(self, functional.celu, alpha=alpha)
        self.alpha = alpha
        self.inplace = not_in_place("CELU", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.celu(input, self.alpha)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class SELU(Module):
    """The self-normalising ELU, which keeps mean 0 and variance 1 from layer to layer (P03.10).

    Parameters
    ----------
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError
        For another `inplace`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.SELU()([-1.0, 1.0])
    tensor([-1.1113,  1.0507])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = not_in_place("SELU", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.selu(input)  # type: ignore[no-any-return]


class Threshold(Module):
    """What exceeds a threshold, and a fixed value for the rest.

    Parameters
    ----------
    threshold
        What has to be exceeded.
    value
        What takes the place of everything else.
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError, DTypeError
        For another `inplace`, or a threshold or value that is no number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Threshold(0.1, 20.0)([0.05, 3.0])
    tensor([20.,  3.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        check(self, functional.threshold, threshold=threshold, value=value)
        self.threshold, self.value = threshold, value
        self.inplace = not_in_place("Threshold", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.threshold(input, self.threshold, self.value)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}"


class Hardshrink(Module):
    """Cut small values: 0 where |x| ≤ lambd, else x.

    Parameters
    ----------
    lambd
        What counts as small.

    Raises
    ------
    ArgumentError, DTypeError
        If `lambd` isn't a number from 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Hardshrink()([-1.0, 0.2, 1.0])
    tensor([-1.,  0.,  1.])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        check(self, functional.hardshrink, lambd=lambd)
        self.lambd = lambd

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.hardshrink(input, self.lambd)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(Module):
    """Shrink towards zero: 0 where |x| ≤ lambd, else x - lambd or x + lambd.

    Parameters
    ----------
    lambd
        By how much.

    Raises
    ------
    ArgumentError, DTypeError
        If `lambd` isn't a number from 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Softshrink()([-1.0, 0.2, 1.0])
    tensor([-0.5,  0. ,  0.5])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        check(self, functional.softshrink, lambd=lambd)
        self.lambd = lambd

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.softshrink(input, self.lambd)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Hardtanh(Module):
    """A tanh made of straight pieces: x between two values, and the nearer of them beyond.

    Parameters
    ----------
    min_val
        The least value.
    max_val
        The greatest value.
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError, DTypeError
        For another `inplace`, or if `min_val` is above `max_val` or one of them no number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Hardtanh()([-3.0, 0.5, 3.0])
    tensor([-1. ,  0.5,  1. ])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        check(self, functional.hardtanh, min_val=min_val, max_val=max_val)
        self.min_val, self.max_val = min_val, max_val
        self.inplace = not_in_place("Hardtanh", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.hardtanh(input, self.min_val, self.max_val)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}"


class Hardsigmoid(Module):
    """The sigmoid made of straight pieces: 0 up to -3, 1 from 3 on, (x + 3) / 6 between.

    Parameters
    ----------
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError
        For another `inplace`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Hardsigmoid()([-4.0, 0.0, 1.5])
    tensor([0.  , 0.5 , 0.75])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = not_in_place("Hardsigmoid", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.hardsigmoid(input)  # type: ignore[no-any-return]


class Hardswish(Module):
    """SiLU with the hard sigmoid: 0 up to -3, x from 3 on, x · (x + 3) / 6 between.

    Parameters
    ----------
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError
        For another `inplace`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Hardswish()([-4.0, 1.5, 4.0])
    tensor([-0.   ,  1.125,  4.   ])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = not_in_place("Hardswish", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.hardswish(input)  # type: ignore[no-any-return]
