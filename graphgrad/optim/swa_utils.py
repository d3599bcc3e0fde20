"""Averages of weights, beside any optimiser: PyTorch's ``torch.optim.swa_utils``."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from graphgrad.graph.checks import check_number
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.mode import no_grad
from graphgrad.graph.source import mark
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.batch_normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d
from graphgrad.nn.module import Module
from graphgrad.optim.lr_scheduler.scheduler import LRScheduler
from graphgrad.optim.optimizer import Optimizer, put

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_swa_avg_fn", "update_bn"]

Array = np.ndarray[Any, Any]
Average = Callable[[Any, Any, int], Any]


def get_swa_avg_fn() -> Average:
    """The mean of all places: a + (p - a) / (n + 1)."""

    def average(averaged: Any, current: Any, num_averaged: int) -> Any:
        return averaged + (current - averaged) / (num_averaged + 1)

    return average


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The exponentially weighted average (P08.10): decay · a + (1 - decay) · p.

    It begins with the first place, not with 0, so that it needs no correction.

    Parameters
    ----------
    decay
        How much of the average is kept, from 0 to 1.

    Raises
    ------
    ValueError
        If it isn't.

    Examples
    --------
    >>> import graphgrad as gg
    >>> average = gg.optim.swa_utils.get_ema_avg_fn(0.9)
    >>> round(average(10.0, 20.0, 1), 6)
    11.0
    """
    decay = check_number("get_ema_avg_fn", "decay", decay, 0.0, 1.0)

    def average(averaged: Any, current: Any, num_averaged: int) -> Any:
        return decay * averaged + (1.0 - decay) * current

    return average


class AveragedModel(Module):
    """A copy of a model whose weights are averages of where the model's were (P08.25, P09.11).

    Steps that bounce around a minimum have it in their middle: late in training, with a constant or cyclic rate, the
    average of weights is better than the last ones. Statistics of batch normalisation don't belong to averaged weights:
    `update_bn` gathers them anew.

    Parameters
    ----------
    model
        The model, of which a copy is made. It begins as it is; the first update takes the model's weights over.
    avg_fn
        Makes the new average of the old one, the model's weight and how many are in the average; arrays each. By
        default the mean, `get_swa_avg_fn`; `get_ema_avg_fn` forgets what is long ago.
    use_buffers
        Whether buffers are averaged too, in the place of taken over.

    Attributes
    ----------
    module
        The copy.
    n_averaged
        How often it was updated.

    Raises
    ------
    TypeError
        If `model` is no module.

    Notes
    -----
    Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> model = gg.nn.Linear(1, 1, bias=False)
    >>> averaged = gg.optim.swa_utils.AveragedModel(model)
    >>> for place in (1.0, -0.8, 0.9, -0.7, 0.6):  # where an optimiser takes it
    ...     model.weight.data = np.array([[place]], "float32")
    ...     averaged.update_parameters(model)
    >>> round(averaged.module.weight.item(), 6), averaged([2.0]).shape
    (0.2, (1,))
    """

    module: Any
    n_averaged: Tensor

    def __init__(self, model: Module, *, avg_fn: Average | None = None, use_buffers: bool = False) -> None:
        _check_module("AveragedModel", model)
        if avg_fn is not None and not callable(avg_fn):
            raise TypeError(describe(f"AveragedModel: avg_fn is a function, got {type(avg_fn).__name__}"))
        super().__init__()
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", Tensor(np.array(0, "int64")))
        self.avg_fn = avg_fn or get_swa_avg_fn()
        self.use_buffers = bool(use_buffers)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model makes of its arguments."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the weights of the model into the average.

        Raises
        ------
        TypeError
            If `model` is no module.
        ShapeError
            If it isn't of the form of the copied one; nothing is changed then.
        """
        _check_module("AveragedModel.update_parameters", model)
        pairs = [
            _paired("parameters", self.module.named_parameters(), model.named_parameters()),
            _paired("buffers", self.module.named_buffers(), model.named_buffers()),
        ]
        count, place = int(self.n_averaged.item()), mark()
        for averages, averaged in zip(pairs, (True, self.use_buffers), strict=True):
            for mine, theirs in averages:
                value = theirs.data
                if averaged and count and mine.dtype.kind in "fc":
                    value = self.avg_fn(mine.data, theirs.data, count)
                put(mine, np.asarray(value), place)
        put(self.n_averaged, np.array(count + 1), place)


def _check_module(what: str, model: object) -> None:
    if not isinstance(model, Module):
        raise TypeError(describe(f"{what}: a module is needed, got {type(model).__name__}"))


def _paired(
    what: str, mine: Iterable[tuple[str, Tensor]], theirs: Iterable[tuple[str, Tensor]]
) -> list[tuple[Tensor, Tensor]]:
    """The tensors of two models that stand for each other."""
    own, others = dict(mine), dict(theirs)
    shapes, other_shapes = ({path: one.shape for path, one in each.items()} for each in (own, others))
    if shapes != other_shapes:
        raise ShapeError(
            describe(
                f"AveragedModel.update_parameters: the model has other {what} than the averaged one",
                f"expected: {shapes}",
                f"got: {other_shapes}",
            )
        )
    return [(own[path], others[path]) for path in own]


def update_bn(loader: Iterable[Any], model: Module) -> None:
    """Gather the statistics of batch normalisation anew, as means over all batches.

    Parameters
    ----------
    loader
        Gives batches: inputs, or sequences that begin with them.
    model
        Is called with each batch, in training mode, without a graph.

    Raises
    ------
    TypeError
        If `model` is no module.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.BatchNorm1d(1)
    >>> gg.optim.swa_utils.update_bn([gg.tensor([[1.0], [2.0]]), gg.tensor([[5.0], [8.0]])], layer)
    >>> layer.running_mean.tolist(), layer.momentum
    ([4.0], 0.1)
    """
    _check_module("update_bn", model)
    kinds = (BatchNorm1d, BatchNorm2d, BatchNorm3d)
    layers: list[Any] = [one for one in model.modules() if isinstance(one, kinds) and one.running_mean is not None]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    modes = [(one, one.training) for one in model.modules()]
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a mean over batches
        model.train()
        with no_grad():
            for batch in loader:
                model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for one, training in modes:
            one.training = training


class SWALR(LRScheduler):
    """Lead the rates to those at which weights are averaged, and keep them there (P08.25).

    After t of n steps a rate is (1 - a) · γ₀ + a · `swa_lr`, where γ₀ is the rate that is found, and a = t / n, or with
    ``"cos"`` a = ½ (1 - cos(π t / n)).

    Parameters
    ----------
    optimizer
        Whose rates are set.
    swa_lr
        The rate in the end: a number, or a list of one for each group.
    anneal_epochs
        n: how many steps it takes.
    anneal_strategy
        ``"cos"`` or ``"linear"``.
    last_epoch
        See `graphgrad.optim.lr_scheduler.LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`.

    Notes
    -----
    Each rate goes on from the one before, so that another schedule may have led the rates until now: this one begins
    from what it finds in its first step. With ``anneal_epochs=0`` that is `swa_lr` at once, when it is made.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.8)
    >>> scheduler = gg.optim.swa_utils.SWALR(optimizer, swa_lr=0.2, anneal_epochs=3, anneal_strategy="linear")
    >>> for _ in range(5):
    ...     print(round(scheduler.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     scheduler.step()
    0.8
    0.6
    0.4
    0.2
    0.2
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        self._take(optimizer, last_epoch)
        rates = self._of_each_group("swa_lr", swa_lr)
        self.anneal_epochs = self._check_count("anneal_epochs", anneal_epochs, least=0)
        self._anneal_strategy = self._check_choice("anneal_strategy", anneal_strategy, ("cos", "linear"))
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates that belong to the number of steps, from those before."""
        groups = self.optimizer.param_groups
        if any("swa_lr" not in group for group in groups):
            self._refuse_groups(len(self.base_lrs))
        before, now = self._way(self.last_epoch - 1), self._way(self.last_epoch)
        if self._is_initial and before < 1.0:
            return self._rates()
        if before == 1.0:
            return [float(group["swa_lr"]) for group in groups]
        left = (1.0 - now) / (1.0 - before)
        return [left * rate + (1.0 - left) * group["swa_lr"] for rate, group in zip(self._rates(), groups, strict=True)]

    def _way(self, step: int) -> float:
        """How far the rates are on their way after a number of steps, from 0 to 1."""
        step = max(0, step)
        if step >= self.anneal_epochs:
            return 1.0
        part = step / self.anneal_epochs
        return part if self._anneal_strategy == "linear" else (1.0 - math.cos(math.pi * part)) / 2.0

    def _read_value(self, key: str, mine: Any, theirs: Any) -> Any:
        if key == "_anneal_strategy" and theirs not in ("cos", "linear"):
            self._refuse_state("_anneal_strategy is cos or linear", f"got: {theirs!r:.80}")
        return super()._read_value(key, mine, theirs)
