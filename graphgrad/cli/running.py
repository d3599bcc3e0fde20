"""``graphgrad run``: train a named model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphgrad.cli.application import app
from graphgrad.cli.speaking import fail, misuse, say, without_place

if TYPE_CHECKING:
    from graphgrad.models import Outcome, Recipe

__all__ = ["run"]

INTERRUPTED = 130
"""The exit status of what ^C has ended, as shells have it."""


@app.command()
def run(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Such as digits-mlp; without it, all are listed.")] = "",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="How often to go through the samples, in all. Default: the model's own.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same network, bit for bit.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the last run of this model was stopped.")
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where the training is kept after each epoch. Default: among graphgrad's own files."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder with the data set's files, if they aren't downloaded.")
    ] = None,
) -> None:
    """Train a model: with a progress bar, a table of results, and a plot of the losses.

    ^C or a kill loses nothing but the epoch: --resume goes on, to the bits of a run that was never stopped.
    """
    from graphgrad.graph.errors import GraphgradError
    from graphgrad.models import RECIPES, recipe

    if not model:
        for one in RECIPES.values():
            say(f"{one.name:<12}{one.about}, {one.epochs} epochs")
        return
    try:
        found = recipe(model)
    except LookupError as error:
        misuse(without_place(error))
    if data is not None and not found.downloads:
        misuse(f"{model}'s samples come with graphgrad", "--data is for those that are downloaded otherwise")
    path = check_place(found, checkpoint, resume)
    try:
        outcome = found.run(path, epochs=epochs, seed=seed, resume=resume, data_dir=data)
    except (GraphgradError, ValueError, OSError, ImportError) as error:
        fail(without_place(error))
    show(found, outcome, path)
    if outcome.history.interrupted:
        raise typer.Exit(INTERRUPTED)


def check_place(recipe: Recipe, given: Path | None, resume: bool) -> Path:
    """The checkpoint's file. One that somebody named isn't written over; what a run leaves of itself is."""
    from graphgrad.files import state_folder

    path = given or state_folder() / "runs" / f"{recipe.name}.safetensors"
    if resume and not path.exists():
        misuse(f"there is nothing to go on with: {path} isn't there", "without --resume a run starts anew")
    if given is not None and not resume and path.exists():
        misuse(
            f"{path} is there already", "--resume goes on with it; another name, or no file of that name, starts anew"
        )
    return path


def show(recipe: Recipe, outcome: Outcome, path: Path) -> None:
    """Say what came of it."""
    from graphgrad.train import plot_history
    from graphgrad.train.metrics import confusion_matrix, top_confusions
    from graphgrad.view.numbers import number

    history = outcome.history
    encoding = sys.stdout.encoding or "ascii"
    ascii_only = not encoding.lower().startswith("utf")
    if history.epochs:
        say("")
        say(plot_history(history, ascii_only=ascii_only))
    if history.interrupted:
        say(f"\nstopped after {history.epochs} whole epochs; graphgrad run {recipe.name} --resume goes on")
        say(f"checkpoint    {path}")
        return
    rows = [("", "loss", "accuracy")]
    for name, before in (("training", ""), ("validation", "val_")):
        last = history.rows[-1]
        rows.append((name, number(last[f"{before}loss"]), f"{last[f'{before}accuracy']:.2%}"))
    rows.append(("test", number(outcome.test["loss"]), f"{outcome.test['accuracy']:.2%}"))
    say("")
    for name, loss, accuracy in rows:
        say(f"{name:<12}{loss:>10}{accuracy:>12}")
    matrix = confusion_matrix(outcome.outputs, outcome.targets)
    wrong = int(matrix.sum() - matrix.trace())
    often = ", ".join(f"{actual} for {taken} ({count} ×)" for actual, taken, count in top_confusions(matrix))
    parameters = sum(parameter.size for parameter in outcome.model.parameters())
    say("")
    say(f"mistakes      {wrong} of {len(outcome.targets)} test samples")
    if often:
        say(f"taken         {often}")
    say(f"parameters    {parameters:,}")
    say(f"training      {history.epochs} epochs, {sum(history.seconds):.1f} s in this run")
    say(f"checkpoint    {path}")
