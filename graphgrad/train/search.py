"""Looking for hyper-parameters: on a grid, at random, and at random from coarse to fine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Unpack

import numpy as np

from graphgrad.graph.checks import check_count
from graphgrad.graph.errors import DTypeError, describe
from graphgrad.train.history import is_number
from graphgrad.train.spaces import check_space, draw, grid
from graphgrad.train.sweep import Sweeper, SweepOptions
from graphgrad.train.trials import Trials

__all__ = ["coarse_to_fine_search", "grid_search", "random_search"]


def grid_search(
    function: Callable[..., Any],
    space: Mapping[str, Any],
    *,
    monitor: str = "score",
    mode: str = "auto",
    **options: Unpack[SweepOptions],
) -> Trials:
    """Try each combination of values (P08.28).

    Parameters
    ----------
    function, monitor, mode, **options
        As in `sweep`: a function of the parameters that returns a score, ``n_jobs``, ``cluster``, ``journal``, ...
    space
        For each parameter its values; the last one's change fastest.

    Returns
    -------
    Trials

    Raises
    ------
    DTypeError
        If a parameter has a range, and no list of values. Others as in `sweep`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.grid_search(lambda a, b: a * b, {"a": [1, 2], "b": [10, 20]})
    trial  score  a   b
        3     40  2  20
        1     20  1  20
        2     20  2  10
        0     10  1  10
    """
    parameters = list(grid(space))
    with Sweeper("grid_search", function, monitor, mode, options) as sweeper:
        return sweeper.run(parameters)


def random_search(
    function: Callable[..., Any],
    space: Mapping[str, Any],
    n_trials: int,
    *,
    monitor: str = "score",
    mode: str = "auto",
    **options: Unpack[SweepOptions],
) -> Trials:
    """Try random points, which tell more than a grid: each trial has another value of every parameter (P08.28).

    Points depend on the seed and the trial's number alone: a longer search begins with the points of a shorter one, and
    with the same journal goes on from it.

    Parameters
    ----------
    function, monitor, mode, **options
        As in `sweep`: a function of the parameters that returns a score, ``n_jobs``, ``cluster``, ``journal``, ...
    space
        For each parameter where it comes from: `uniform`, `loguniform`, `integers`, `choice`, a list of values, or a
        distribution of SciPy.
    n_trials
        How many points.

    Returns
    -------
    Trials

    Raises
    ------
    DTypeError
        If the space is none.
    ValueError
        If `n_trials` is no whole number from 1. Others as in `sweep`.

    Examples
    --------
    >>> import math
    >>> import graphgrad as gg
    >>> def loss(lr, hidden):
    ...     return {"loss": math.log10(lr / 0.01) ** 2 + 1 / hidden}
    >>> space = {"lr": gg.train.loguniform(1e-5, 1.0), "hidden": [16, 32]}
    >>> trials = gg.train.random_search(loss, space, 30, monitor="loss", seed=0)
    >>> 0.001 < trials.best.parameters["lr"] < 0.1
    True
    """
    checked = check_space("random_search", space)
    count = check_count("random_search", "n_trials", n_trials, 1)
    with Sweeper("random_search", function, monitor, mode, options) as sweeper:
        return sweeper.run([draw(checked, _stream(sweeper.seed, number)) for number in range(count)])


def coarse_to_fine_search(
    function: Callable[..., Any],
    space: Mapping[str, Any],
    n_trials: int,
    *,
    rounds: int = 3,
    zoom: float = 0.3,
    monitor: str = "score",
    mode: str = "auto",
    **options: Unpack[SweepOptions],
) -> Trials:
    """Try random points, then random points around the best one, ever closer (P08.28).

    The first round looks in the whole space. Each other one looks in a box around the best point so far, whose sides
    are, each on its parameter's own scale, so large a part of those of the round before. Lists of values stay whole.

    Parameters
    ----------
    function, monitor, mode, **options
        As in `sweep`: a function of the parameters that returns a score, ``n_jobs``, ``cluster``, ``journal``, ...
    space
        For each parameter `uniform`, `loguniform`, `integers`, `choice`, or a list of values.
    n_trials
        How many points in each round.
    rounds
        How many rounds.
    zoom
        By what factor the box becomes smaller from round to round, between 0 and 1.

    Returns
    -------
    Trials
        Those of all rounds, one after the other.

    Raises
    ------
    DTypeError
        If a parameter has a distribution that can't be zoomed into.
    TrialError
        If no trial of the rounds so far has a score.
    ValueError
        If a number is out of range. Others as in `sweep`.

    Examples
    --------
    >>> import math
    >>> import graphgrad as gg
    >>> trials = gg.train.coarse_to_fine_search(
    ...     lambda lr: {"loss": math.log10(lr / 0.0123) ** 2},
    ...     {"lr": gg.train.loguniform(1e-6, 1.0)},
    ...     8,
    ...     rounds=4,
    ...     monitor="loss",
    ...     seed=0,
    ... )
    >>> len(trials), 0.012 < trials.best.parameters["lr"] < 0.0126
    (32, True)
    """
    checked = check_space("coarse_to_fine_search", space)
    for name, values in checked.items():
        if not callable(getattr(values, "zoom", None)):
            raise DTypeError(
                describe(
                    f"coarse_to_fine_search: {name} is {type(values).__name__}, which can't be zoomed into",
                    hint="uniform, loguniform and integers of gg.train can",
                )
            )
    count = check_count("coarse_to_fine_search", "n_trials", n_trials, 1)
    rounds = check_count("coarse_to_fine_search", "rounds", rounds, 1)
    if not is_number(zoom) or not 0 < zoom < 1:
        raise ValueError(describe(f"coarse_to_fine_search: zoom is a number between 0 and 1, got {zoom!r}"))
    with Sweeper("coarse_to_fine_search", function, monitor, mode, options) as sweeper:
        box = checked
        for turn in range(rounds):
            numbers = range(turn * count, (turn + 1) * count)
            points = [draw(box, _stream(sweeper.seed, number)) for number in numbers]
            trials = sweeper.run(points, total=rounds * count)
            if turn + 1 < rounds:
                best = trials.best.parameters
                box = {name: values.zoom(best[name], zoom ** (turn + 1)) for name, values in checked.items()}
    return trials


def _stream(seed: int, number: int) -> np.random.Generator:
    """Where the point of a trial comes from; its seed comes from another stream."""
    return np.random.default_rng([seed, 2, number])
