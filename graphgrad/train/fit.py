"""The training loop as a function."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from graphgrad.nn.module import Module
from graphgrad.train.callbacks import Callback
from graphgrad.train.history import History
from graphgrad.train.training import Fit, refuse

__all__ = ["fit"]


def fit(
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
    progress: bool | str | Callback = True,
    resume: str | os.PathLike[str] | bool | None = None,
) -> History:
    """Train a model (P25.10): for each batch, forward, loss, backward, and a step of the optimiser (P08.09).

    The model is in training mode for that, in evaluation mode and without graphs for the validation, and in evaluation
    mode when this returns, ready to be used. ^C ends the training after the batch, and what there is stays: weights,
    history, the last checkpoint; a second ^C raises KeyboardInterrupt. With the same seed a training gives the same
    bits, and so does one that goes on from a checkpoint. Numbers beyond those of the dtype become infinite, and then
    NaN, without a warning: the losses show it, and `AnomalyStop` says where it began.

    Parameters
    ----------
    model
        The model: called with a batch of inputs.
    x
        What it learns from: an array whose first axis counts the samples, a tuple of arrays for several inputs, a
        `~graphgrad.data.Dataset`, or a `~graphgrad.data.DataLoader` or anything else that gives batches anew whenever
        it is gone through. In a batch (a, b, ..., t) of several, the last is the target, all others are inputs.
    y
        With arrays, the targets; a tuple for several. Without targets the loss gets the model's result alone.
    loss
        Called with the model's result and the targets; gives the mean over the batch as a tensor.
    optimizer
        Moves the model's parameters. One that searches along a line, and so wants a closure, gets it; the loss that is
        written down is that before the step.
    epochs
        How often to go through all samples, in all: with `resume`, those before count.
    batch_size, shuffle
        Of arrays and data sets: how many samples a step takes, and whether each epoch has an order of its own.
    validation
        What to measure after each epoch: a fraction of the arrays' samples, drawn at random, also without `shuffle`,
        and not trained on; a pair (x, y); or a loader.
    metrics
        Called with all outputs and targets of an epoch as arrays, ``metric(outputs, targets)``; objects with
        ``update``, ``compute`` and ``reset``; or names of functions in `graphgrad.train.metrics`, as ``"accuracy"``.
        One, several, or a mapping from names. Those of the training samples are measured while the weights change, in
        training mode.
    callbacks
        A `Callback`, or several: `EarlyStopping`, `Checkpoint`, `CSVLogger`, ...
    scheduler
        A schedule of the learning rate, or several. `ReduceLROnPlateau` goes by ``val_loss``, without a validation by
        ``loss``.
    scheduler_interval
        Whether schedules step after each ``"epoch"`` or after each ``"batch"``; by default by epochs, but `OneCycleLR`
        and `CyclicLR` by batches.
    clip_grad_norm
        The largest norm that all gradients together may have; larger ones are scaled down.
    generator
        Where the orders of samples and the validation's samples come from; by default what `graphgrad.manual_seed`
        starts.
    progress
        True for a bar in a terminal, and lines where there is none, both on the standard error; False for nothing; the
        name of a visualizer that shows trainings; or a callback.
    resume
        A checkpoint to go on from; True for the file of the `Checkpoint` callback, if it is there already. Also in the
        middle of an epoch that is exact, for arrays, data sets, and loaders with a ``state_dict`` or with one order.

    Returns
    -------
    History
        The losses and metrics by name: ``loss``, the metrics, and the same of the validation with ``val_`` before it.

    Raises
    ------
    DTypeError, ShapeError, ValueError
        If arguments don't fit; nothing is changed then.
    CheckpointError
        If the checkpoint can't be read, or is of another training; nothing is changed then.

    Examples
    --------
    >>> import graphgrad as gg
    >>> _ = gg.manual_seed(0)
    >>> images, labels = gg.datasets.digits("train")
    >>> model = gg.nn.Sequential(gg.nn.Linear(64, 32), gg.nn.ReLU(), gg.nn.Linear(32, 10))
    >>> history = gg.train.fit(
    ...     model,
    ...     images,
    ...     labels,
    ...     loss=gg.nn.functional.cross_entropy,
    ...     optimizer=gg.optim.Adam(model.parameters(), lr=1e-2),
    ...     epochs=3,
    ...     validation=0.2,
    ...     metrics="accuracy",
    ...     progress=False,
    ... )
    >>> list(history), history["val_accuracy"][-1] > 0.85
    (['loss', 'accuracy', 'val_loss', 'val_accuracy'], True)
    """
    if not isinstance(progress, (bool, str, Callback)):
        refuse("progress is True, False, the name of a visualizer, or a callback", progress)
    visualizer: Any = None
    if isinstance(progress, str):
        from graphgrad.walk.visualizers import find_visualizer

        visualizer = find_visualizer(progress)()
        if not hasattr(visualizer, "train"):
            refuse("progress names a visualizer that shows trainings; this one only shows walks", progress)
    training = Fit(
        model,
        x,
        y,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        shuffle=shuffle,
        validation=validation,
        metrics=metrics,
        callbacks=callbacks,
        scheduler=scheduler,
        scheduler_interval=scheduler_interval,
        clip_grad_norm=clip_grad_norm,
        generator=generator,
        resume=resume,
    )
    if visualizer is not None:
        visualizer.train(training)
        return training.history
    if isinstance(progress, Callback):
        training.callbacks.append(progress)
    elif progress:
        from graphgrad.train.progress import Progress

        training.callbacks.append(Progress())
    return training.run()
