"""The training loop as an object, which callbacks can ask and steer."""

from __future__ import annotations

import inspect
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from graphgrad.graph.checks import check_choice, check_count, check_number
from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.mode import enable_grad
from graphgrad.graph.random import generator_or_default
from graphgrad.graph.tensor import Tensor
from graphgrad.io import load_checkpoint, save_checkpoint
from graphgrad.nn.module import Module
from graphgrad.nn.utils import clip_grad_norm_
from graphgrad.optim import Newton
from graphgrad.optim.lr_scheduler import CyclicLR, OneCycleLR
from graphgrad.train.batches import Batches, batches_of, is_data, size_of, split_off
from graphgrad.train.callbacks import Callback, Checkpoint
from graphgrad.train.callbacks.base import EVENTS
from graphgrad.train.evaluation import Measures, loss_of, measured
from graphgrad.train.history import History, is_number, plain
from graphgrad.train.interrupt import interruptible

__all__ = ["Fit", "refuse"]

# PyTorch's documentation has them step after each batch.
_BY_BATCH = (OneCycleLR, CyclicLR)


class _Left(Exception):
    """A batch is left before its step."""


class Fit:
    """A training: what `fit` makes and runs, and what callbacks get.

    Parameters
    ----------
    model, x, y, loss, optimizer, epochs, batch_size, shuffle, validation, metrics, callbacks, scheduler, \
scheduler_interval, clip_grad_norm, generator, resume
        As in `fit`.

    Attributes
    ----------
    model, optimizer
        What is trained, and by what.
    epochs, batches
        How many epochs there are to be, and batches in each; the latter is None where a loader doesn't say.
    epoch, batch, step
        Which epoch it is, which batch of it, both from 0, and how many steps the optimiser has made in all. Between two
        epochs, `epoch` is the number of whole ones.
    midway
        Whether an epoch has begun and isn't over.
    loss
        The loss of the last batch, a number.
    grad_norm
        The norm of all gradients of the last batch before they were clipped; None without ``clip_grad_norm``.
    logs
        The numbers of this epoch, as far as they are known.
    history
        Those of all whole epochs.
    callbacks
        Who is told.
    stop_reason
        Why the training ends early; None while it doesn't.
    interrupted
        Whether that was ^C.
    resumed
        Whether it goes on with what was trained before: from a checkpoint, or because it is run again.
    """

    def __init__(
        self,
        model: Module,
        x: Any,
        y: Any = None,
        *,
        loss: Callable[..., Any],
        optimizer: Any,
        epochs: int = 1,
        batch_size: int = 32,
        shuffle: bool = True,
        validation: Any = None,
        metrics: Any = (),
        callbacks: Iterable[Callback] | Callback = (),
        scheduler: Any = None,
        scheduler_interval: str | None = None,
        clip_grad_norm: float | None = None,
        generator: np.random.Generator | None = None,
        resume: str | os.PathLike[str] | bool | None = None,
    ) -> None:
        _check(model, loss, optimizer)
        self.epochs, batch_size = check_count("fit", "epochs", epochs, 0), check_count("fit", "batch_size", batch_size)
        if scheduler_interval is not None:
            check_choice("fit", "scheduler_interval", scheduler_interval, ("epoch", "batch"))
        if clip_grad_norm is not None and not check_number("fit", "clip_grad_norm", clip_grad_norm) > 0.0:
            refuse("clip_grad_norm is a number above 0, or None", clip_grad_norm)
        self._differentiates = isinstance(optimizer, Newton)
        if self._differentiates and clip_grad_norm is not None:
            refuse("Newton has no gradients to clip: it differentiates the loss itself", clip_grad_norm)
        if generator is not None:
            generator_or_default(generator)
        self.model, self.optimizer, self.loss_function = model, optimizer, loss
        self.clip_grad_norm = clip_grad_norm
        self.callbacks = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                hint = f"{callback.__name__}() makes one" if isinstance(callback, type) else ""
                raise DTypeError(describe(f"fit: callbacks are Callback objects, got {callback!r:.80}", hint=hint))
        self.schedulers = _schedulers(scheduler, optimizer)
        by_default = ["batch" if isinstance(one, _BY_BATCH) else "epoch" for one in self.schedulers]
        self._by_batch = [(scheduler_interval or interval) == "batch" for interval in by_default]
        for one, by_batch in zip(self.schedulers, self._by_batch, strict=True):
            if by_batch and _goes_by_a_number(one):
                refuse("a schedule that goes by the epoch's loss can't step after each batch", type(one).__name__)
        self._measures, self._val_measures = Measures(metrics), Measures(metrics)
        self._train = batches_of("fit", x, y, batch_size, shuffle, generator)
        self._was_split = is_number(validation)
        self._validation = self._validation_of(validation, x, y, batch_size, shuffle, generator)
        for what, batches in (("x", self._train), ("validation", self._validation)):
            if self.epochs > 1 and batches is not None and hasattr(batches.loader, "__next__"):
                refuse(f"{what} can be gone through once only, so it gives one epoch; a DataLoader can again", x)
        self._takes_closure = "closure" in inspect.signature(optimizer.step).parameters
        self._resume = resume
        self.history = History()
        self.epoch = self.batch = self.step = 0
        self.loss = math.nan
        self.grad_norm: float | None = None
        self.logs: dict[str, Any] = {}
        self.stop_reason: str | None = None
        self.interrupted = self.resumed = False
        self.midway = self._now = False
        self._total, self._count = 0.0, 0

    # ---- what callbacks ask

    @property
    def batches(self) -> int | None:
        """How many batches an epoch has; None if the loader doesn't say."""
        return self._train.count

    @property
    def validates(self) -> bool:
        """Whether there is a validation."""
        return self._validation is not None

    def stop(self, reason: str, now: bool = False) -> None:
        """End the training after this batch; or after this epoch, when called at its end.

        Parameters
        ----------
        reason
            Why, for the history.
        now
            Whether to leave the batch before its step: for `Callback.on_after_backward`.
        """
        if self.stop_reason is None:
            self.stop_reason = str(reason)
        self._now = self._now or now

    def log(self, name: str, value: Any) -> None:
        """Add a number, or an array of them, to this epoch's."""
        self.logs[name] = plain(f"Fit.log: {name}", value)

    # ---- the training

    def run(self) -> History:
        """Train, and return the history.

        Raises
        ------
        CheckpointError
            If `resume` is a file that can't be read, or that is of another training.
        OSError
            If there is no such file.
        """
        self.callbacks.sort(key=lambda callback: callback.order)  # before any state is put back, since states have it
        if self._resume is not None and self._resume is not False:
            self._restore(self._resume)
            self._resume = None  # whoever runs it again goes on from here
        elif self.step:
            self.resumed = True
        self.stop_reason, self.interrupted, self._now = None, False, False
        self._calls = {event: self._wanting(event) for event in EVENTS}
        try:
            with interruptible(self._interrupt), enable_grad():
                self._tell("on_fit_begin")
                try:
                    self.model.train()
                    while self.epoch < self.epochs and self.stop_reason is None:
                        self._epoch()
                finally:
                    self.model.eval()
                if self.interrupted and self.midway:
                    self._tell("on_interrupt")
                self.history.stopped, self.history.interrupted = self.stop_reason, self.interrupted
                self._tell("on_fit_end")
        except BaseException as error:
            for call in self._calls["on_error"]:
                call(self, error)
            raise
        return self.history

    def _interrupt(self) -> None:
        self.interrupted = True
        where = f"epoch {self.epoch + 1}, batch {self.batch + 1}"
        self.stop(f"interrupted in {where}")

    def _wanting(self, event: str) -> list[Callable[..., None]]:
        """Who defines an event: nobody else is called, so that an empty one costs nothing."""
        return [getattr(c, event) for c in self.callbacks if getattr(type(c), event) is not getattr(Callback, event)]

    def _tell(self, event: str) -> None:
        for call in self._calls[event]:
            call(self)

    def _epoch(self) -> None:
        begin = time.perf_counter()
        if not self.midway:
            self.midway = True
            self.batch, self.logs = 0, {}
            self._total, self._count = 0.0, 0
            self._measures.reset()
            self._tell("on_epoch_begin")
        batch_begin, batch_end = self._calls["on_batch_begin"], self._calls["on_batch_end"]
        measures = self._measures if self._measures.metrics else None
        batches = self.batches
        by_batch = [one for one, is_so in zip(self.schedulers, self._by_batch, strict=True) if is_so]
        complete = self.stop_reason is None
        for inputs, targets in self._train if complete else ():
            for call in batch_begin:
                call(self)
            try:
                self._first = True
                # NaN and infinities are values, here as in the optimisers: losses show them, AnomalyStop explains them.
                with np.errstate(all="ignore"):
                    if self._takes_closure:
                        self.optimizer.step(lambda inputs=inputs, targets=targets: self._gradients(inputs, targets))
                    else:
                        self._gradients(inputs, targets)
                        self.optimizer.step()
            except _Left:
                complete = False
                break
            self.step += 1
            size = size_of(inputs)
            self._total += self.loss * size
            self._count += size
            if measures is not None:
                measures.update(self._output, targets)
            for scheduler in by_batch:
                scheduler.step()
            for call in batch_end:
                call(self)
            self.batch += 1
            if self.stop_reason is not None and self.batch != batches:
                complete = False
                break
        self._train.resumed = False
        if complete:
            self._finish(begin)
        elif self.midway:
            self._stay()

    def _gradients(self, inputs: tuple[Any, ...], targets: tuple[Any, ...]) -> Tensor:
        """The loss of a batch, with its gradients."""
        output = self.model(*inputs)
        loss = loss_of("fit", self.loss_function, output, targets)
        if not self._differentiates:
            self.optimizer.zero_grad()
            loss.backward()
        if self._first:  # an optimiser that searches a line asks more than once
            self._first = False
            self.loss, self._output = float(loss.data.item()), output
            for call in self._calls["on_after_backward"]:
                call(self)
            if self._now:
                raise _Left
        if self.clip_grad_norm is not None:
            parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
            self.grad_norm = float(clip_grad_norm_(parameters, self.clip_grad_norm).item())
        return loss

    def _finish(self, begin: float) -> None:
        """End an epoch: its numbers, its validation, the schedules, and those who are told."""
        if not self._count:
            raise ShapeError(
                describe("fit: there were no batches", hint="a loader that drops the last batch, of too few samples?")
            )
        self.logs = {"loss": self._total / self._count, **self._measures.compute(), **self.logs}
        if self._validation is not None:
            self._tell("on_validation_begin")
            found = measured(self.model, self._validation, self.loss_function, self._val_measures)
            self.logs.update({f"val_{name}": value for name, value in found.items()})
            self._tell("on_validation_end")
        for scheduler, by_batch in zip(self.schedulers, self._by_batch, strict=True):
            if not by_batch:
                _step(scheduler, self.logs)
        self.midway = False
        self.history.rows.append(self.logs)
        self.history.seconds.append(time.perf_counter() - begin)
        self._tell("on_epoch_end")
        self.epoch += 1

    def _validation_of(
        self, validation: Any, x: Any, y: Any, batch_size: int, shuffle: bool, generator: np.random.Generator | None
    ) -> Batches | None:
        if validation is None:
            return None
        if is_number(validation):
            if not is_data(x):
                refuse("validation as a fraction goes with arrays; give (x, y) or a loader", validation)
            return split_off(self._train, float(validation), batch_size, shuffle, generator)
        pair = (validation, None)
        if isinstance(validation, tuple) and len(validation) == 2:
            pair = validation
        elif isinstance(validation, tuple) or (is_data(validation) and y is not None):
            refuse("validation is a fraction, a pair (x, y), or a loader", validation)
        return batches_of("fit: validation", *pair, batch_size, False, None)

    # ---- checkpoints

    def save(self, path: str | os.PathLike[str], *, keep: int = 0) -> Path:
        """Save all of it; see `graphgrad.io.save_checkpoint`.

        ``gg.io.load_checkpoint(path)`` then has ``model``, ``optimizer``, ``scheduler``, ``loader`` and ``fit``, where
        there are such: the state dicts; and in ``fit`` the ``epoch``, the ``step`` and the ``history``.
        """
        return save_checkpoint(path, keep=keep, **self._parts())

    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"model": self.model, "optimizer": self.optimizer}
        for i, scheduler in enumerate(self.schedulers):
            parts["scheduler" if len(self.schedulers) == 1 else f"scheduler_{i}"] = scheduler
        loader = self._train.loader
        if hasattr(loader, "state_dict") and hasattr(loader, "load_state_dict"):
            parts["loader"] = loader
        elif isinstance(getattr(loader, "generator", None), np.random.Generator):
            parts["loader"] = loader.generator
        return {**parts, "fit": self}

    def _stay(self) -> None:
        """An epoch isn't over: whoever runs this again goes on with its next batch."""
        loader = self._train.loader
        if hasattr(loader, "state_dict") and hasattr(loader, "load_state_dict"):
            loader.load_state_dict(loader.state_dict())
            self._train.resumed = self.batch == 0
        else:
            self._train.skip = self.batch

    def _restore(self, resume: str | os.PathLike[str] | bool) -> None:
        if isinstance(resume, bool):
            # The last state before the best one: that is where it goes on.
            checkpoints = sorted((c for c in self.callbacks if isinstance(c, Checkpoint)), key=lambda c: c.best_only)
            if not checkpoints:
                refuse("resume=True goes on from the file of a Checkpoint callback, and there is none", resume)
            if not checkpoints[0].path.exists():
                return
            resume = checkpoints[0].path
        load_checkpoint(resume, **self._parts())
        self.resumed = True
        self._train.resumed = not self.midway or self.batch == 0
        if self.midway and "loader" not in self._parts():
            self._train.skip = self.batch

    def state_dict(self) -> dict[str, Any]:
        """Where the training is; what it trains has states of its own."""
        return {
            "epoch": self.history.epochs,  # whole ones: `self.epoch` is still the last one when its end is told
            "step": self.step,
            "history": self.history.rows,
            "split": self._split(),
            "callbacks": [[type(callback).__name__, callback.state_dict()] for callback in self.callbacks],
            "midway": {
                "batch": self.batch,
                "total": self._total,
                "count": self._count,
                "logs": self.logs,
                "metrics": self._measures.state_dict(),
            }
            if self.midway
            else None,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where a `state_dict` was taken.

        Raises
        ------
        ValueError
            If the data are others; nothing is changed then.
        """
        mine, theirs = self._split(), state_dict["split"]
        if theirs is None or mine is None:
            if theirs is not mine:
                refuse(
                    "the checkpoint's training held out a part of its data, and this one doesn't, or the reverse", ""
                )
        else:
            if [len(part) for part in mine] != [len(part) for part in theirs]:
                refuse("the checkpoint's training had other numbers of samples", [len(part) for part in theirs])
            assert self._validation is not None
            for batches, indices in zip((self._train, self._validation), theirs, strict=True):
                batches.loader.dataset.indices = indices
        self.epoch, self.step = state_dict["epoch"], state_dict["step"]
        self.history.rows = [dict(row) for row in state_dict["history"]]
        midway = state_dict["midway"]
        self.midway, self.logs = midway is not None, {}
        if midway is not None:
            self.batch, self._total, self._count = midway["batch"], midway["total"], midway["count"]
            self.logs = dict(midway["logs"])
            self._measures.load_state_dict(midway["metrics"])
        states = list(state_dict["callbacks"])
        for callback in self.callbacks:
            for i, (name, state) in enumerate(states):
                if name == type(callback).__name__:
                    callback.load_state_dict(state)
                    del states[i]
                    break

    def _split(self) -> list[Any] | None:
        """Which samples are trained on and which are held out, if they were split here."""
        if not self._was_split or self._validation is None:
            return None
        return [batches.loader.dataset.indices for batches in (self._train, self._validation)]

    def __repr__(self) -> str:
        state = f"stopped: {self.stop_reason}" if self.stop_reason else f"epoch {self.epoch} of {self.epochs}"
        return f"Fit({type(self.model).__name__}, {type(self.optimizer).__name__}, {state})"


# ---- arguments


def refuse(reason: str, got: object) -> NoReturn:
    """Raise the error for an argument that doesn't fit."""
    raise ValueError(describe(f"fit: {reason}", f"got: {got!r:.80}"))


def _check(model: Any, loss: Any, optimizer: Any) -> None:
    """Refuse what can't train, above all an optimiser that moves something else."""
    if not isinstance(model, Module):
        raise DTypeError(describe(f"fit: model is a graphgrad.nn.Module, got {type(model).__name__} {model!r:.40}"))
    if isinstance(loss, type) or not callable(loss):
        hint = f"{loss.__name__}() makes one" if isinstance(loss, type) else "such as gg.nn.functional.cross_entropy"
        raise DTypeError(describe(f"fit: loss is a function of outputs and targets, got {loss!r:.80}", hint=hint))
    if isinstance(optimizer, type) or not all(
        hasattr(optimizer, name) for name in ("param_groups", "step", "zero_grad")
    ):
        hint = "gg.optim.Adam(model.parameters()) makes one"
        raise DTypeError(describe(f"fit: optimizer is an optimiser, got {optimizer!r:.80}", hint=hint))
    own = {id(parameter) for parameter in model.parameters()}
    if not any(id(parameter) in own for group in optimizer.param_groups for parameter in group["params"]):
        raise ValueError(
            describe("fit: the optimizer moves no parameter of this model", hint="was the model made anew after it?")
        )


def _schedulers(scheduler: Any, optimizer: Any) -> list[Any]:
    """One schedule or several as a list; refuse what is none, and those of another optimiser."""
    if scheduler is None:
        return []
    schedulers = list(scheduler) if isinstance(scheduler, (list, tuple)) else [scheduler]
    for one in schedulers:
        if isinstance(one, type) or not callable(getattr(one, "step", None)):
            hint = f"{one.__name__}(optimizer, ...) makes one" if isinstance(one, type) else ""
            raise DTypeError(describe(f"fit: scheduler is a schedule, or a list of them, got {one!r:.80}", hint=hint))
        if getattr(one, "optimizer", optimizer) is not optimizer:
            raise ValueError(describe(f"fit: {type(one).__name__} is the schedule of another optimizer"))
    return schedulers


def _goes_by_a_number(scheduler: Any) -> bool:
    return "metrics" in inspect.signature(scheduler.step).parameters


def _step(scheduler: Any, logs: Mapping[str, Any]) -> None:
    """Step a schedule after an epoch; one that goes by a number gets it."""
    if _goes_by_a_number(scheduler):
        scheduler.step(logs.get("val_loss", logs["loss"]))
    else:
        scheduler.step()
