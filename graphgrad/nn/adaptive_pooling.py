"""Adaptive pooling layers: as many windows as are wanted, whatever the size of the input; one of them is global."""

from __future__ import annotations

from typing import Any

from graphgrad.graph.tensor import Tensor
from graphgrad.nn import functional
from graphgrad.nn.pooling import Pooling
from graphgrad.ops.functional import adaptive_pooling
from graphgrad.ops.functional.adaptive_pooling import Counts

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
]


class _AdaptiveAvgPool(Pooling):
    shown = ("output_size",)

    output_size: Counts

    def __init__(self, output_size: Counts) -> None:
        super().__init__()
        self._keep(adaptive_pooling.prepare, output_size=output_size)

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, ...) or (C, ...) to as many means as are wanted."""
        return getattr(functional, f"adaptive_avg_pool{self.n}d")(input, self.output_size)  # type: ignore[no-any-return]


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of as many windows as are wanted, whatever the size of the sequence (P14.15).

    ``AdaptiveAvgPool1d(1)`` is global average pooling: the mean of each channel.

    Parameters
    ----------
    output_size
        How many windows there are, as alike as possible; None for as many as there are elements.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.AdaptiveAvgPool1d(1)([[1.0, 3.0, 2.0, 4.0]])
    tensor([[2.5]])
    """

    n = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of as many windows as are wanted, whatever the size of the image (P14.15).

    ``AdaptiveAvgPool2d(1)`` is global average pooling: the mean of each channel.

    Parameters
    ----------
    output_size
        As in `AdaptiveAvgPool1d`; one number for both axes, or a height and a width.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.AdaptiveAvgPool2d(1)([[[1.0, 3.0, 2.0, 1.0], [2.0, 9.0, 1.0, 1.0]]])
    tensor([[[2.5]]])
    """

    n = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The means of as many windows as are wanted, whatever the size of the volume (P14.15).

    ``AdaptiveAvgPool3d(1)`` is global average pooling: the mean of each channel.

    Parameters
    ----------
    output_size
        As in `AdaptiveAvgPool1d`; one number for all axes, or a depth, a height and a width.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.AdaptiveAvgPool3d(1)([[[[1.0, 3.0], [2.0, 4.0]], [[5.0, 0.0], [6.0, 7.0]]]])
    tensor([[[[3.5]]]])
    """

    n = 3


class _AdaptiveMaxPool(Pooling):
    shown = ("output_size",)

    output_size: Counts

    def __init__(self, output_size: Counts, return_indices: bool = False) -> None:
        super().__init__()
        self._keep(adaptive_pooling.prepare, output_size=output_size)
        self._keep_choice(return_indices)

    def forward(self, input: Any) -> Any:
        """Shape (N, C, ...) or (C, ...) to as many maxima as are wanted; if it is, with their indices."""
        function: Any = getattr(functional, f"adaptive_max_pool{self.n}d")
        return function(input, self.output_size, return_indices=self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The maxima of as many windows as are wanted, whatever the size of the sequence (P14.14).

    ``AdaptiveMaxPool1d(1)`` is global max pooling: the maximum of each channel.

    Parameters
    ----------
    output_size
        As in `AdaptiveAvgPool1d`.
    return_indices
        Whether the indices of the maxima are returned too.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.AdaptiveMaxPool1d(1)([[1.0, 3.0, 2.0, 4.0]])
    tensor([[4.]])
    """

    n = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maxima of as many windows as are wanted, whatever the size of the image (P14.14).

    ``AdaptiveMaxPool2d(1)`` is global max pooling: the maximum of each channel.

    Parameters
    ----------
    output_size
        As in `AdaptiveAvgPool2d`.
    return_indices
        Whether the indices of the maxima are returned too.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.AdaptiveMaxPool2d(1)([[[1.0, 3.0, 2.0, 1.0], [2.0, 9.0, 1.0, 1.0]]])
    tensor([[[9.]]])
    """

    n = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The maxima of as many windows as are wanted, whatever the size of the volume (P14.14).

    ``AdaptiveMaxPool3d(1)`` is global max pooling: the maximum of each channel.

    Parameters
    ----------
    output_size
        As in `AdaptiveAvgPool3d`.
    return_indices
        Whether the indices of the maxima are returned too.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.AdaptiveMaxPool3d(1)([[[[1.0, 3.0], [2.0, 4.0]], [[5.0, 0.0], [6.0, 7.0]]]])
    tensor([[[[7.]]]])
    """

    n = 3
