"""Training a network: the same as PyTorch's, step by step; to the bit; and in constant memory."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from tests.nn.network import OPTIONS, STEPS, Array, batches, network

ORACLE = Path(__file__).resolve().parent.parent / "oracle" / "training.npz"


def train(dtype: str = "float64") -> dict[str, Array]:
    """The loss before each step, and all parameters after the last."""
    model = network(dtype)
    optimizer = gg.optim.SGD(model.parameters(), **OPTIONS)
    losses = []
    for images, labels in batches():
        optimizer.zero_grad()
        loss = gg.nn.functional.cross_entropy(model(gg.tensor(images, dtype)), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"losses": np.array(losses), **{path: p.data for path, p in model.named_parameters()}}


def agree(ours: dict[str, Array], theirs: Any, tolerance: float) -> None:
    assert set(ours) == set(theirs)
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 2e-4)])
def test_each_step_is_that_of_torch(dtype: str, tolerance: float) -> None:
    with np.load(ORACLE, allow_pickle=False) as theirs:
        assert theirs["losses"].shape == (STEPS,)
        assert theirs["losses"][-1] < 0.3 * theirs["losses"][0]
        agree(train(dtype), dict(theirs), tolerance)


def test_the_committed_answers_are_what_torch_says() -> None:
    pytest.importorskip("torch")
    from tests.oracle.make_training import answers

    with np.load(ORACLE, allow_pickle=False) as committed:
        agree(answers(), dict(committed), 1e-12)


def test_training_repeats_to_the_bit() -> None:
    first, again = train("float32"), train("float32")
    for name, values in first.items():
        assert values.tobytes() == again[name].tobytes(), name


def test_memory_stays_flat_without_the_cyclic_collector() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(8, 64)).astype(np.float32), rng.integers(0, 10, 8)
    model = network("float32")
    optimizer = gg.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def steps(n: int) -> None:
        for _ in range(n):
            optimizer.zero_grad()
            gg.nn.functional.cross_entropy(model(x), t).backward()
            optimizer.step()

    gc.collect()
    gc.disable()
    try:
        steps(3000)  # until the interpreter's free lists, which hold up to 2,000 tuples of each length, are full
        tracemalloc.start()
        steps(10)
        before = tracemalloc.get_traced_memory()[0]
        steps(1000)
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert gc.collect() == 0
    assert after - before < 20_000  # a leak of 20 bytes a step would show
