"""Measuring a model: its loss and its metrics over all samples, and what it predicts."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.mode import no_grad
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.module import Module
from graphgrad.train.batches import Batches, batches_of, size_of
from graphgrad.train.history import plain

__all__ = ["Measures", "evaluate", "evaluating", "loss_of", "measured", "predict"]

NAMED = (
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "cohen_kappa",
    "dice",
    "f1",
    "jaccard",
    "log_loss",
    "matthews_corrcoef",
    "mean_absolute_error",
    "mean_squared_error",
    "perplexity",
    "precision",
    "r2",
    "recall",
    "roc_auc",
    "root_mean_squared_error",
    "specificity",
    "system_scores",
    "top_k_accuracy",
    "zero_one_loss",
)
"""The functions of `graphgrad.train.metrics` that a name stands for, with their usual options."""


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """A model in evaluation, without graphs; afterwards each module is again in the mode in which it was."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad(), np.errstate(all="ignore"):  # as in a training
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def evaluate(
    model: Module,
    x: Any,
    y: Any = None,
    *,
    loss: Callable[..., Any] | None = None,
    metrics: Any = (),
    batch_size: int = 32,
) -> dict[str, Any]:
    """Measure a model in evaluation mode (P25.10).

    Parameters
    ----------
    model
        The model.
    x, y
        As in `fit`: arrays, a data set or a loader.
    loss
        Called with what the model gives and the targets; its mean over samples is the result's ``"loss"``.
    metrics
        As in `fit`.
    batch_size
        How many samples go through the model at once.

    Returns
    -------
    dict
        The loss and the metrics by name.

    Examples
    --------
    >>> import graphgrad as gg
    >>> model = gg.nn.Linear(1, 1)
    >>> _ = model.load_state_dict({"weight": [[2.0]], "bias": [1.0]})
    >>> gg.train.evaluate(model, [[0.0], [1.0]], [[1.0], [5.0]], loss=gg.nn.functional.mse_loss)
    {'loss': 2.0}
    """
    return measured(model, batches_of("evaluate", x, y, batch_size, False, None), loss, Measures(metrics))


def measured(model: Module, batches: Batches, loss: Callable[..., Any] | None, measures: Measures) -> dict[str, Any]:
    """The loss and the metrics of a model over all batches."""
    total, count = 0.0, 0
    measures.reset()
    with evaluating(model):
        for inputs, targets in batches:
            output = model(*inputs)
            size = size_of(inputs)
            if loss is not None:
                total += float(loss_of("evaluate", loss, output, targets).item()) * size
            count += size
            measures.update(output, targets)
    if not count:
        raise ShapeError(describe("evaluate: there were no batches", hint="a generator that was used up is empty"))
    return {**({"loss": total / count} if loss is not None else {}), **measures.compute()}


def loss_of(what: str, loss: Callable[..., Any], output: Any, targets: tuple[Any, ...]) -> Tensor:
    """The loss of a batch.

    Raises
    ------
    ShapeError
        If it is no tensor of one number.
    """
    found = loss(output, *targets)
    if not isinstance(found, Tensor) or found.data.size != 1:
        got = f"shape {found.shape}" if isinstance(found, Tensor) else type(found).__name__
        raise ShapeError(describe(f"{what}: the loss of a batch is a tensor of one number", f"got: {got}"))
    return found


def predict(model: Module, x: Any, *, batch_size: int = 32) -> Tensor:
    """What a model gives for all samples, in evaluation mode and without a graph (P25.10).

    Parameters
    ----------
    model
        The model; it gives one tensor whose first axis counts the samples.
    x
        As in `fit`: an array, a tuple of them for several inputs, a data set or a loader, whose targets are left out.
    batch_size
        How many samples go through the model at once.

    Returns
    -------
    Tensor

    Raises
    ------
    DTypeError, ShapeError
        If there are no samples, or if what the model gives for batches can't be joined.

    Examples
    --------
    >>> import graphgrad as gg
    >>> model = gg.nn.Sequential(gg.nn.Dropout(0.9), gg.nn.Linear(3, 2))
    >>> gg.train.predict(model, gg.zeros((5, 3))).shape, model.training
    ((5, 2), True)
    """
    batches = batches_of("predict", x, None, batch_size, False, None)
    with evaluating(model):
        parts = [model(*inputs) for inputs, _ in batches]
    shapes = {part.shape[1:] if isinstance(part, Tensor) and part.shape else None for part in parts}
    if len(shapes) != 1 or None in shapes:
        got = ", ".join(f"shape {p.shape}" if isinstance(p, Tensor) else type(p).__name__ for p in parts[:3])
        raise ShapeError(
            describe(
                "predict: the model gives one tensor for each batch, whose first axis counts the samples",
                f"got: {got or 'no batches'}",
            )
        )
    return Tensor(np.concatenate([part.data for part in parts]))


# ---- metrics


class Measures:
    """Metrics of an epoch.

    Functions are called once, with all outputs and targets of the epoch as arrays: that is exact for every metric, also
    for those that are no means over samples. Objects with ``update``, ``compute`` and ``reset`` gather by themselves.

    Parameters
    ----------
    metrics
        A metric, several, or a mapping from names to metrics.
    """

    def __init__(self, metrics: Any) -> None:
        if isinstance(metrics, Mapping):
            named = [(str(name), _found(metric)) for name, metric in metrics.items()]
        else:
            listed = metrics if isinstance(metrics, Sequence) and not isinstance(metrics, str) else [metrics]
            named = [(_name_of(metric), _found(metric)) for metric in listed]
        self.metrics: dict[str, Any] = {}
        for name, metric in named:
            if isinstance(metric, type) or not (callable(metric) or _gathers(metric)):
                raise DTypeError(
                    describe(
                        f"metrics: {name} is no metric but {type(metric).__name__} {metric!r:.60}",
                        "expected: metric(outputs, targets), or an object with update, compute and reset",
                        hint=f"{name}() makes one" if isinstance(metric, type) else "",
                    )
                )
            if name in self.metrics:
                raise ValueError(
                    describe(f"metrics: two are called {name!r}", hint='a mapping {"name": metric, ...} names them')
                )
            self.metrics[name] = metric
        self._collects = any(not _gathers(metric) for metric in self.metrics.values())
        self._outputs: list[Any] = []
        self._targets: list[tuple[Any, ...]] = []

    def reset(self) -> None:
        """Begin an epoch."""
        self._outputs, self._targets = [], []
        for metric in self.metrics.values():
            if _gathers(metric):
                metric.reset()

    def update(self, output: Any, targets: tuple[Any, ...]) -> None:
        """Take in a batch."""
        if not self.metrics:
            return
        arrays, wanted = _arrays(output), tuple(map(_arrays, targets))
        if self._collects:
            if self._outputs:
                _check_alike(self._outputs[-1], arrays)
            self._outputs.append(arrays)
            self._targets.append(wanted)
        for metric in self.metrics.values():
            if _gathers(metric):
                metric.update(arrays, *wanted)

    def compute(self) -> dict[str, Any]:
        """The metrics of the epoch by name."""
        found: dict[str, Any] = {}
        if self._collects:
            outputs = _joined(self._outputs)
            targets = [_joined(part) for part in zip(*self._targets, strict=True)]
        for name, metric in self.metrics.items():
            value = metric.compute() if _gathers(metric) else metric(outputs, *targets)
            if isinstance(value, Mapping):
                found.update({f"{name}_{key}": plain(f"metrics: {name}", one) for key, one in value.items()})
            else:
                found[name] = plain(f"metrics: {name}", value)
        return found

    def state_dict(self) -> dict[str, Any]:
        """What was gathered of an epoch that isn't over."""
        gathered = {
            name: metric.state_dict() if hasattr(metric, "state_dict") else dict(vars(metric))
            for name, metric in self.metrics.items()
            if _gathers(metric)
        }
        return {"outputs": self._outputs, "targets": self._targets, "gathered": gathered}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with an epoch."""
        for name, gathered in state["gathered"].items():
            metric = self.metrics[name]
            if hasattr(metric, "load_state_dict"):
                metric.load_state_dict(gathered)
            else:
                vars(metric).update(gathered)
        self._outputs, self._targets = list(state["outputs"]), list(state["targets"])


def _gathers(metric: Any) -> bool:
    return all(callable(getattr(metric, name, None)) for name in ("update", "compute", "reset"))


def _found(metric: Any) -> Any:
    """The metric that a name stands for; what is no name is a metric already."""
    if not isinstance(metric, str):
        return metric
    from graphgrad.train import metrics

    if metric not in NAMED:
        raise ValueError(describe(f"metrics: no metric is called {metric!r:.60}", f"there are: {', '.join(NAMED)}"))
    return getattr(metrics, metric)


def _name_of(metric: Any) -> str:
    if isinstance(metric, str):
        return metric
    while isinstance(metric, functools.partial):
        metric = metric.func
    name = getattr(metric, "name", None) or getattr(metric, "__name__", None)
    if name == "<lambda>":
        raise ValueError(describe("metrics: a lambda has no name", hint='a mapping {"name": metric, ...} gives it one'))
    if isinstance(name, str):
        return name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(metric).__name__).lower()


def _arrays(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.data
    if isinstance(value, (tuple, list)):
        return tuple(map(_arrays, value))
    return value


def _check_alike(before: Any, now: Any) -> None:
    if isinstance(before, np.ndarray) and isinstance(now, np.ndarray) and before.shape[1:] != now.shape[1:]:
        raise ShapeError(
            describe(
                "metrics: batches give outputs of different shapes, which can't be joined",
                f"got: {before.shape}, then {now.shape}",
                hint="a metric with update, compute and reset gathers batch by batch",
            )
        )


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], tuple):
        return tuple(_joined(part) for part in zip(*parts, strict=True))
    return np.concatenate([np.atleast_1d(part) for part in parts])
