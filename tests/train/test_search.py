"""Grid, random and coarse-to-fine search."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import graphgrad as gg

RATE = {"lr": gg.train.loguniform(1e-6, 1.0)}


def valley(lr: float) -> dict[str, float]:
    return {"loss": abs(math.log10(lr / 0.02))}


def find(n_trials: int = 8, **options: Any) -> gg.train.Trials:
    return gg.train.coarse_to_fine_search(valley, RATE, n_trials, **{"monitor": "loss", "seed": 0, **options})


def test_a_grid_has_all_combinations_in_order() -> None:
    trials = gg.train.grid_search(lambda a, b: a + len(b), {"a": [1, 2], "b": ["x", "yyy"]})
    assert [trial.parameters for trial in trials] == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "yyy"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "yyy"},
    ]
    assert trials.best.number == 3
    assert trials.mode == "max"


def test_random_points_have_other_values_of_each_parameter() -> None:
    space = {"a": gg.train.uniform(0.0, 1.0), "b": gg.train.uniform(0.0, 1.0)}
    trials = gg.train.random_search(lambda a, b: a, space, 20, seed=1)
    for name in space:
        assert len({trial.parameters[name] for trial in trials}) == 20


def test_each_round_looks_closer_around_the_best_so_far() -> None:
    trials = find(rounds=4, zoom=0.25)
    assert len(trials) == 32
    for turn in range(1, 4):
        before = gg.train.Trials(trials[: 8 * turn], "loss").best.parameters["lr"]
        logs = [math.log10(trial.parameters["lr"]) for trial in trials[8 * turn : 8 * turn + 8]]
        width = 6 * 0.25**turn
        low = min(max(math.log10(before) - width / 2, -6), -width)
        assert all(low - 1e-9 <= log <= low + width + 1e-9 for log in logs)
        assert max(logs) - min(logs) > width / 3
    # As many points at random come less close.
    random = gg.train.random_search(valley, RATE, 32, monitor="loss", seed=0)
    assert (trials.best.score or 0) < (random.best.score or 0) / 5


def test_its_first_round_is_a_random_search() -> None:
    random = gg.train.random_search(valley, RATE, 8, monitor="loss", seed=0)
    assert list(find())[:8] == list(random)


def test_it_goes_on_from_a_journal_in_the_middle_of_a_round(tmp_path: Path) -> None:
    ran: list[float] = []

    def stopping(lr: float) -> dict[str, float]:
        ran.append(lr)
        if len(ran) == 13:
            raise KeyboardInterrupt
        return valley(lr)

    def search(**options: Any) -> gg.train.Trials:
        return gg.train.coarse_to_fine_search(stopping, RATE, 8, monitor="loss", seed=0, **options)

    with pytest.raises(KeyboardInterrupt):
        search(journal=tmp_path / "j")
    assert search(journal=tmp_path / "j") == find()
    assert len(ran) == 24 + 1


def test_rounds_without_a_score_end_it() -> None:
    def failing(lr: float) -> float:
        raise ValueError("no")

    with pytest.raises(gg.train.TrialError, match="none has a score"):
        gg.train.coarse_to_fine_search(failing, RATE, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_trials": 0}, "n_trials is a whole number from 1"),
        ({"rounds": 0}, "rounds is a whole number from 1"),
        ({"zoom": 1.0}, "zoom is a number between 0 and 1"),
    ],
)
def test_arguments_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find(**options)
