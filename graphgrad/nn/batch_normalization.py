"""Layers that normalise channels and may know running averages: batch and instance normalisation."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.create import ones, tensor, zeros
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import wrote
from graphgrad.nn.arguments import kept
from graphgrad.nn.normalization import Learned, count_of, eps_of
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.attributes import keep_numbers
from graphgrad.ops.functional.batch_normalizations import batch_norm, instance_norm

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]

Shape = tuple[int, ...]


class _Tracking(Learned):
    """A layer that knows running averages of each channel's mean and variance, as state that isn't trained."""

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        bias: bool,
        track_running_stats: bool,
        dtype: DTypeLike | None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_features = count_of(name, "num_features", num_features)
        self.eps = eps_of(name, eps)
        if momentum is not None:
            momentum = kept(name, lambda attrs: keep_numbers(attrs, "momentum"), momentum=momentum)["momentum"]
        self.momentum = momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.learn((self.num_features,), affine, affine and bias, dtype)
        tracks = track_running_stats
        self.register_buffer("running_mean", zeros(self.num_features, dtype) if tracks else None)
        self.register_buffer("running_var", ones(self.num_features, dtype) if tracks else None)
        self.register_buffer("num_batches_tracked", tensor(0, np.int64) if tracks else None)

    def reset_running_stats(self) -> None:
        """Forget the batches that were seen."""
        starts = (self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)
        for buffer, start in starts:
            if buffer is not None:
                buffer.data[...] = start
                wrote(buffer.data)

    def reset_parameters(self) -> None:
        """Scale by 1 and shift by 0 again, and forget the batches that were seen."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_axes(self, input: Any, wanted: dict[int, str]) -> Shape:
        shape: Shape = np.shape(input)
        if len(shape) not in wanted:
            raise ShapeError(
                describe(
                    f"{type(self).__name__}: input {shape} has {len(shape)} axes",
                    f"expected: {' or '.join(wanted.values())}",
                )
            )
        return shape

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


_AXES = {1: "L", 2: "H, W", 3: "D, H, W"}


class _BatchNorm(_Tracking):
    n: ClassVar[int]
    """In how many dimensions."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, bias, track_running_stats, dtype)

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, ...) to the same; in training the averages move."""
        wanted = {self.n + 2: f"(N, C, {_AXES[self.n]})"}
        self._check_axes(input, {2: "(N, C)", **wanted} if self.n == 1 else wanted)
        averages, seen = (self.running_mean, self.running_var), self.num_batches_tracked
        by_own = self.training or self.running_mean is None
        momentum = self.momentum
        if momentum is None:
            momentum = 0.0 if seen is None else 1.0 / (int(seen.data) + 1)
        result: Tensor = batch_norm(input, *averages, self.weight, self.bias, by_own, momentum, self.eps)
        if self.training and seen is not None:
            seen.data[...] += 1
            wrote(seen.data)
        return result


class BatchNorm1d(_BatchNorm):
    """Bring each channel to mean 0 and variance 1 over the batch, then scale and shift it (P11.01, P11.12).

    In training these are mean and variance of the batch, and running averages move towards them; in evaluation the
    averages take their place (P11.05). Inputs have the shape (N, C) or (N, C, L).

    Parameters
    ----------
    num_features
        How many channels inputs have, on axis 1.
    eps
        Added to the variance under the root.
    momentum
        How far a batch moves the running averages; None for the plain mean over all batches.
    affine
        Whether there is a weight.
    track_running_stats
        Whether there are running averages. Without them a batch is normalised by its own in evaluation too.
    bias
        Whether there is a bias beside the weight.
    dtype
        Of parameters and averages; the default dtype if left out.

    Attributes
    ----------
    weight, bias
        Shape (num_features,), or None. They start at 1 and 0.
    running_mean, running_var
        The averages, of shape (num_features,), or None; the variances among them are unbiased.
    num_batches_tracked
        How many batches moved them, or None.

    Raises
    ------
    ShapeError
        When an input has other axes or channels, or in training one value for each channel.
    ArgumentError, DTypeError
        If `eps` isn't a number from 0 on, or `momentum` no number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.BatchNorm1d(1, momentum=0.5)
    >>> layer([[1.0], [3.0]])
    tensor([[-1.],
            [ 1.]], op=batch_norm without running_mean, running_var)
    >>> layer.running_mean.tolist(), layer.running_var.tolist()
    ([1.0], [1.5])
    >>> layer.eval()([[1.0], [3.0]])
    tensor([[0.   ],
            [1.633]], op=batch_norm)
    """

    n = 1


class BatchNorm2d(_BatchNorm):
    """Bring each channel to mean 0 and variance 1 over a batch of images: `BatchNorm1d` of shape (N, C, H, W) (P11.12).

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.BatchNorm2d(3)
    >>> layer
    BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    >>> layer(gg.ones((2, 3, 4, 4))).shape, layer.num_batches_tracked.item()
    ((2, 3, 4, 4), 1)
    """

    n = 2


class BatchNorm3d(_BatchNorm):
    """Bring each channel to mean 0 and variance 1 over a batch of volumes: `BatchNorm1d` of shape (N, C, D, H, W).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.BatchNorm3d(2)(gg.ones((1, 2, 2, 3, 4))).shape
    (1, 2, 2, 3, 4)
    """

    n = 3


class _InstanceNorm(_Tracking):
    n: ClassVar[int]
    """In how many dimensions."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, bias, track_running_stats, dtype)

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, ...) or (C, ...) to the same; in training the averages move, if there are any."""
        places = _AXES[self.n]
        shape = self._check_axes(input, {self.n + 1: f"(C, {places})", self.n + 2: f"(N, C, {places})"})
        is_single = len(shape) == self.n + 1
        if is_single:
            input = reshape(input, (1, *shape))
        averages = self.running_mean, self.running_var
        by_own = self.training or self.running_mean is None
        momentum = 0.0 if self.momentum is None else self.momentum
        result: Tensor = instance_norm(input, *averages, self.weight, self.bias, by_own, momentum, self.eps)
        return reshape(result, shape) if is_single else result


class InstanceNorm1d(_InstanceNorm):
    """Bring each channel of each example to mean 0 and variance 1 over its places.

    It has nothing to learn and does the same in training and in evaluation, unless that is asked for. Inputs have the
    shape (N, C, L), or (C, L) for one example.

    Parameters
    ----------
    num_features
        How many channels inputs have.
    eps
        Added to the variance under the root.
    momentum
        How far an input moves the running averages.
    affine
        Whether there is a weight.
    track_running_stats
        Whether there are running averages, which take the place of the input's own in evaluation.
    bias
        Whether there is a bias beside the weight.
    dtype
        Of parameters and averages; the default dtype if left out.

    Attributes
    ----------
    weight, bias
        Shape (num_features,), or None. They start at 1 and 0.
    running_mean, running_var, num_batches_tracked
        As in `BatchNorm1d`, or None; batches aren't counted, as PyTorch doesn't.

    Raises
    ------
    ShapeError
        When an input has other axes or channels, or one value in each channel.
    ArgumentError, DTypeError
        If `eps` isn't a number from 0 on, or `momentum` no number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.InstanceNorm1d(2)([[[1.0, 3.0], [10.0, 30.0]]])
    tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """

    n = 1


class InstanceNorm2d(_InstanceNorm):
    """Take contrast and brightness off each channel of each image: `InstanceNorm1d` of shape (N, C, H, W).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.InstanceNorm2d(3, affine=True)(gg.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    n = 2


class InstanceNorm3d(_InstanceNorm):
    """The same of volumes: `InstanceNorm1d` of shape (N, C, D, H, W).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.InstanceNorm3d(2)(gg.ones((1, 2, 2, 3, 4))).shape
    (1, 2, 2, 3, 4)
    """

    n = 3
