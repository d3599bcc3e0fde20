"""Batches that grow: the sizes, their state, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.optim import lr_scheduler as lrs


@pytest.mark.curriculum("P08.24")
def test_batches_of_a_loader_grow() -> None:
    loader = gg.data.DataLoader(gg.data.TensorDataset(np.arange(24.0), np.arange(24)), batch_size=4)
    scheduler = lrs.StepBS(loader, step_size=1, gamma=1.5, max_batch_size=8)
    sizes = []
    for _ in range(4):
        sizes.append([len(x) for x, _ in loader])
        scheduler.step()
    assert sizes == [[4] * 6, [6] * 4, [8] * 3, [8] * 3]
    assert scheduler.get_last_bs() == 8


def test_batch_sizes_resume() -> None:
    class Sampler:
        batch_size = 10

    class Loader:
        batch_size = None
        batch_sampler = Sampler()

    loader = Loader()
    scheduler = lrs.MultiStepBS(loader, [2, 3, 3], gamma=3)
    sizes = []
    for _ in range(3):
        scheduler.step()
        sizes.append(loader.batch_sampler.batch_size)
    assert sizes == [10, 30, 270]
    saved = json.loads(json.dumps(scheduler.state_dict()))
    loader.batch_sampler.batch_size = 10
    again = lrs.MultiStepBS(loader, [2, 3, 3], gamma=3)
    again.load_state_dict(saved)
    assert (loader.batch_sampler.batch_size, again.last_epoch) == (270, 3)
    assert repr(again).startswith("MultiStepBS(gamma=3.0, max_batch_size=None, base_batch_size=10, last_epoch=3")
    for wrong in ({}, {**saved, "last_epoch": -1}, {**saved, "base_batch_size": 0}, None):
        with pytest.raises(ValueError, match="load_state_dict"):
            again.load_state_dict(wrong)  # type: ignore[arg-type]
    assert again.state_dict() == saved


def test_batch_sizes_that_are_refused() -> None:
    with pytest.raises(TypeError, match="StepBS: list has no batch_size"):
        lrs.StepBS([1], 3)

    class Loader:
        batch_size = 4

    makers: list[Any] = [
        lambda: lrs.StepBS(Loader(), 0),
        lambda: lrs.StepBS(Loader(), 1, gamma=0),
        lambda: lrs.StepBS(Loader(), 1, max_batch_size=0),
        lambda: lrs.MultiStepBS(Loader(), [0]),
    ]
    for make in makers:
        with pytest.raises(ValueError, match="StepBS"):
            make()
    for milestones in (3, None, 1.5):
        with pytest.raises(ValueError, match="MultiStepBS: milestones are a list of whole numbers"):
            lrs.MultiStepBS(Loader(), milestones)  # type: ignore[arg-type]
    shrinking = lrs.StepBS(loader := Loader(), 1, gamma=0.1)
    shrinking.step()
    assert loader.batch_size == 1


def test_a_size_stays_at_its_limit_however_long_it_grows() -> None:
    class Loader:
        batch_size = 3

    for gamma, limit, expected in ((2.0, 100, 100), (1.5, 10, 10), (2.0, 2, 2), (0.5, 2, 1)):
        scheduler = lrs.StepBS(loader := Loader(), 1, gamma, max_batch_size=limit)
        for _ in range(1100):  # 2 ** 1100 is larger than any float
            scheduler.step()
        assert (loader.batch_size, scheduler.last_epoch) == (expected, 1100)
