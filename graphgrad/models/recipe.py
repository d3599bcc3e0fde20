"""How named models are trained: data, optimiser, schedule, and how long."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphgrad import datasets, io, nn, optim, train
from graphgrad.graph.errors import describe
from graphgrad.graph.random import manual_seed
from graphgrad.models.digits import digits_cnn, digits_mlp, mnist_mlp
from graphgrad.nn import functional
from graphgrad.train.metrics import accuracy

__all__ = ["RECIPES", "Outcome", "Recipe", "names", "recipe"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Attributes
    ----------
    model
        The trained model, in evaluation mode.
    history
        Losses and metrics, epoch by epoch.
    test
        The same of the test samples, by name; empty if the training was interrupted.
    outputs, targets
        What the model gives for the test samples, and what it should.
    """

    model: nn.Module
    history: train.History
    test: Mapping[str, float]
    outputs: Array
    targets: Array


@dataclass(frozen=True)
class Recipe:
    """How a model is trained for a classification.

    Attributes
    ----------
    name
        As the command line knows it.
    about
        One line on it.
    make
        Makes the model, with new weights.
    samples
        Loads the samples, inputs and labels, of ``"train"`` or ``"test"``.
    downloads
        Whether `samples` downloads them when they are first wanted, or takes them from a folder, its ``data_dir``.
    epochs, batch_size, lr, weight_decay
        AdamW's rate, which falls to 0 along a cosine over all epochs, and its decay.
    held_out
        The fraction of the training samples that only measure.
    """

    name: str
    about: str
    make: Callable[[], nn.Module]
    samples: Callable[..., tuple[Array, Array]]
    epochs: int
    downloads: bool = False
    batch_size: int = 32
    lr: float = 3e-3
    weight_decay: float = 1e-2
    held_out: float = 0.1

    def run(
        self,
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        epochs: int | None = None,
        seed: int = 0,
        resume: bool = False,
        data_dir: str | os.PathLike[str] | None = None,
        callbacks: Iterable[train.Callback] = (),
        progress: bool = True,
    ) -> Outcome:
        """Train the model, and measure it with the test samples.

        Parameters
        ----------
        checkpoint
            The file in which the training is kept after each epoch; none without it.
        epochs
            How many there are to be, in all; by default as many as the recipe says, or the checkpoint with `resume`.
        seed
            The same seed gives the same weights, bit for bit.
        resume
            Whether to go on with the checkpoint.
        data_dir
            A folder that has the samples' files, for those that are downloaded otherwise.
        callbacks, progress
            As in `graphgrad.train.fit`.

        Raises
        ------
        FileNotFoundError
            If there is no checkpoint to go on with, or `data_dir` lacks a file.
        ValueError
            If the checkpoint's schedule is made for another number of epochs, or `data_dir` is for samples that come
            with the package.
        CheckpointError
            If the checkpoint can't be read, or is of another training.

        Examples
        --------
        >>> import graphgrad as gg
        >>> outcome = gg.models.recipe("digits-mlp").run(epochs=4, progress=False)
        >>> outcome.test["accuracy"] > 0.9
        True
        """
        if data_dir is not None and not self.downloads:
            raise ValueError(describe(f"{self.name}: its samples come with graphgrad; there is no folder to be named"))
        where: dict[str, Any] = {"data_dir": data_dir} if self.downloads else {}
        total = self.epochs if epochs is None else epochs
        if resume:
            if checkpoint is None:
                raise ValueError(describe(f"{self.name}: resume goes on with a checkpoint, and none is given"))
            planned = _planned(checkpoint, total)
            if epochs not in (None, planned):
                raise ValueError(
                    describe(
                        f"{self.name}: the rate of this run falls to 0 along {planned} epochs, not {epochs}",
                        hint="a run of another length starts anew",
                    )
                )
            total = planned
        manual_seed(seed)
        x, t = self.samples("train", **where)
        model = self.make()
        optimizer = optim.AdamW(model.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        history = train.fit(
            model,
            x,
            t,
            loss=functional.cross_entropy,
            optimizer=optimizer,
            epochs=total,
            batch_size=self.batch_size,
            validation=self.held_out,
            metrics={"accuracy": accuracy},
            callbacks=[*callbacks, *([] if checkpoint is None else [train.Checkpoint(checkpoint)])],
            scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(total, 1)),
            progress=progress,
            resume=checkpoint if resume else None,
        )
        if history.interrupted:
            return Outcome(model, history, {}, np.empty((0, 0)), np.empty(0, np.int64))
        x, t = self.samples("test", **where)
        outputs = train.predict(model, x).numpy()
        loss = functional.cross_entropy(outputs, t).item()
        return Outcome(model, history, {"loss": loss, "accuracy": float(accuracy(outputs, t))}, outputs, t)


def _planned(checkpoint: str | os.PathLike[str], usual: int) -> int:
    """How many epochs a checkpoint's schedule is made for; one of another training is refused when it is loaded."""
    schedule = io.load_checkpoint(checkpoint).get("scheduler")
    return schedule.get("T_max", usual) if isinstance(schedule, Mapping) else usual


RECIPES: Mapping[str, Recipe] = {
    one.name: one
    for one in (
        Recipe("digits-mlp", "handwritten digits, three affine layers", digits_mlp, datasets.digits, epochs=40),
        Recipe("digits-cnn", "handwritten digits, two convolutions", digits_cnn, datasets.digits, epochs=30),
        Recipe("mnist-mlp", "MNIST's digits, two affine layers", mnist_mlp, datasets.mnist, 10, True, 64, 1e-3),
        Recipe(
            "fashion-mlp", "Fashion-MNIST, two affine layers", mnist_mlp, datasets.fashion_mnist, 10, True, 64, 1e-3
        ),
    )
}


def names() -> list[str]:
    """The names of all recipes."""
    return list(RECIPES)


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises
    ------
    LookupError
        If there is none, with names that are like it.
    """
    if name in RECIPES:
        return RECIPES[name]
    from difflib import get_close_matches

    near = get_close_matches(name, RECIPES, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else ""
    raise LookupError(describe(f"there is no model {name!r}", f"there are: {', '.join(RECIPES)}", hint=hint))
