"""Callbacks that end a training early."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphgrad.graph.checks import check_count, check_number
from graphgrad.graph.errors import describe
from graphgrad.train.callbacks.base import Callback
from graphgrad.train.history import is_number, sign_of
from graphgrad.view.numbers import number

if TYPE_CHECKING:
    from graphgrad.train.training import Fit

__all__ = ["AnomalyStop", "EarlyStopping", "monitored"]


def monitored(who: str, name: str, fit: Fit) -> float:
    """The number of this epoch that a callback goes by.

    Raises
    ------
    ValueError
        If the epoch has no such number.
    """
    value = fit.logs.get(name)
    if not is_number(value):
        raise ValueError(
            describe(f"{who}: this epoch has no number {name!r}", f"there are: {', '.join(fit.logs) or 'none'}")
        )
    return float(value)  # type: ignore[arg-type]


def check_monitor(who: str, name: str, fit: Fit) -> None:
    """Refuse a number of a validation that there is none of, before anything is trained."""
    if name.startswith("val_") and not fit.validates:
        raise ValueError(
            describe(
                f"{who}: there is no validation, so there will be no {name!r}",
                hint="validation=0.2 holds out a fifth of the samples; or monitor another number",
            )
        )


class EarlyStopping(Callback):
    """Stop when a number hasn't become better for some epochs, and go back to the best weights (P12.11).

    Parameters
    ----------
    monitor
        The number to go by.
    patience
        After how many epochs in a row without a better value to stop.
    min_delta
        By how much a value has to be better to count.
    mode
        ``"min"`` if less is better, ``"max"`` if more is; ``"auto"`` knows the common names.
    restore_best
        Whether the model gets the weights of the best epoch when the training ends, stopped or not.

    Attributes
    ----------
    best, best_epoch
        The best value, and the index of its epoch, from 0; None before the first.
    wait
        How many epochs ago that was.
    stopped_epoch
        The index of the epoch after which it stopped; None if it didn't.

    Raises
    ------
    ValueError
        If an argument is out of range; when the training begins, if there is no such number.

    Notes
    -----
    A NaN is never better. The lectures' algorithm is this one with a patience of 2. Restored best weights are not the
    last ones: the optimiser's state isn't theirs, so go on training from a `Checkpoint`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x, t = [[0.0], [1.0]], [[1.0], [3.0]]
    >>> model = gg.nn.Linear(1, 1)
    >>> optimizer = gg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)  # swings past the least loss
    >>> stopping = gg.train.EarlyStopping("loss", patience=2)
    >>> history = gg.train.fit(
    ...     model,
    ...     x,
    ...     t,
    ...     loss=gg.nn.functional.mse_loss,
    ...     optimizer=optimizer,
    ...     epochs=1000,
    ...     callbacks=[stopping],
    ...     progress=False,
    ... )
    >>> history.epochs == stopping.stopped_epoch + 1 == stopping.best_epoch + 3 < 1000
    True
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        self.sign = sign_of(monitor, mode)
        self.monitor, self.patience = monitor, check_count("EarlyStopping", "patience", patience)
        self.min_delta = check_number("EarlyStopping", "min_delta", min_delta, 0.0)
        self.restore_best = restore_best
        self._begin()

    def _begin(self) -> None:
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.stopped_epoch: int | None = None
        self.wait = 0
        self.best_state: dict[str, Any] | None = None

    def on_fit_begin(self, fit: Fit) -> None:
        """Begin anew, unless the training goes on from a checkpoint."""
        check_monitor("EarlyStopping", self.monitor, fit)
        if not fit.resumed:
            self._begin()
        elif self.wait >= self.patience:  # it had stopped then
            self._stop(fit, fit.epoch - 1)

    def on_epoch_end(self, fit: Fit) -> None:
        """Compare, remember, stop."""
        value = monitored("EarlyStopping", self.monitor, fit)
        if not math.isnan(value) and (self.best is None or self.sign * (self.best - value) > self.min_delta):
            self.best, self.best_epoch, self.wait = value, fit.epoch, 0
            if self.restore_best:
                self.best_state = fit.model.state_dict()
            return
        self.wait += 1
        if self.wait >= self.patience:
            self._stop(fit, fit.epoch)

    def _stop(self, fit: Fit, epoch: int) -> None:
        self.stopped_epoch = epoch
        best = "" if self.best is None else f"; the best was {number(self.best)} in epoch {(self.best_epoch or 0) + 1}"
        fit.stop(f"{self.monitor} wasn't better for {self.wait} epochs{best}")

    def on_fit_end(self, fit: Fit) -> None:
        """Go back to the best weights."""
        if self.restore_best and self.best_state is not None:
            fit.model.load_state_dict(self.best_state)

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "wait": self.wait,
            "best_state": self.best_state,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where it was."""
        self._begin()
        self.best, self.best_epoch = state_dict["best"], state_dict["best_epoch"]
        self.wait, self.best_state = state_dict["wait"], state_dict["best_state"]


class AnomalyStop(Callback):
    """Stop at the first loss that is NaN or infinite, before it reaches the weights.

    The reason names the epoch, the batch, and the parameters whose gradients, or values, aren't finite. The step of
    that batch isn't made: the model keeps the weights from before it. The operation that made the first NaN is named
    by `graphgrad.detect_anomaly`.

    Parameters
    ----------
    gradients
        Whether to stop too where the loss is finite and a gradient isn't; looking at all of them takes time.

    Attributes
    ----------
    report
        The reason, None if there was none.

    Examples
    --------
    >>> import graphgrad as gg
    >>> model = gg.nn.Linear(1, 1)
    >>> stop = gg.train.AnomalyStop()
    >>> history = gg.train.fit(
    ...     model,
    ...     [[1.0]],
    ...     loss=lambda output: gg.sum(gg.log(output * 0.0)),
    ...     optimizer=gg.optim.SGD(model.parameters(), lr=0.1),
    ...     callbacks=[stop],
    ...     progress=False,
    ... )
    >>> history.stopped.splitlines()[0]
    'the loss is -inf in epoch 1, batch 1; its step was not made'
    """

    def __init__(self, *, gradients: bool = False) -> None:
        self.gradients = gradients
        self.report: str | None = None

    def on_fit_begin(self, fit: Fit) -> None:
        """Begin anew."""
        self.report = None

    def on_after_backward(self, fit: Fit) -> None:
        """Look at the loss, and stop before the step."""
        if math.isfinite(fit.loss) and not (self.gradients and self._bad_gradients(fit)):
            return
        kind = f"the loss is {fit.loss}" if not math.isfinite(fit.loss) else "a gradient isn't finite"
        weights = [f"{n} {count(p.data)}" for n, p in fit.model.named_parameters() if not np.isfinite(p.data).all()]
        gradients = self._bad_gradients(fit)
        lines = [f"{kind} in epoch {fit.epoch + 1}, batch {fit.batch + 1}; its step was not made"]
        lines.append(f"gradients that aren't finite: {', '.join(gradients) or 'none'}")
        lines.append(f"weights that aren't finite: {', '.join(weights) or 'none'}")
        if not weights:
            lines.append(
                "hint: a lower learning rate, clip_grad_norm=1.0, or gg.detect_anomaly(), which names the line"
            )
        self.report = "\n  ".join(lines)
        fit.stop(self.report, now=True)

    def _bad_gradients(self, fit: Fit) -> list[str]:
        return [
            f"{name} {count(parameter.grad.data)}"
            for name, parameter in fit.model.named_parameters()
            if parameter.grad is not None and not np.isfinite(parameter.grad.data).all()
        ]


def count(array: np.ndarray[Any, Any]) -> str:
    """How many numbers of an array aren't finite."""
    return f"({np.count_nonzero(~np.isfinite(array))} of {array.size})"
