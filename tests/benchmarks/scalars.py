"""Single numbers: micrograd's demo, and what a node costs to record, to differentiate and to run again.

The demo is one training step on two moons: 100 points, a 2-16-16-1 perceptron, a margin loss with L2, all parameters
updated. Recorded, the step is the notebook's code on `Value`; replayed, `gg.compile_scalars` has recorded the loss
once, for all points as a whole, or for one point to run for a batch of them.
"""

from __future__ import annotations

import functools
import random
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import graphgrad as gg
from graphgrad.kernels.threads import processors
from graphgrad.nn.scalar import MLP, Value

from .harness import Case, Run

POINTS, HIDDEN, ALPHA, RATE = 100, 16, 1e-4, 0.1
LINKS = 10_000
BATCH = 20_000


class Library(NamedTuple):
    """What the demo needs of a library."""

    mlp: Any
    value: Any


def graphgrad() -> Library | None:
    return Library(MLP, Value)


def micrograd() -> Library | None:
    try:
        from micrograd.engine import Value
        from micrograd.nn import MLP
    except ImportError:
        return None
    return Library(MLP, Value)


def two_moons(count: int) -> tuple[Any, Any]:
    """Points on two half circles, and 1 or -1 for each."""
    rng = np.random.default_rng(0)
    sides = np.where(np.arange(count) % 2, 1.0, -1.0)
    angles = rng.uniform(0, np.pi, count)
    x = np.where(sides > 0, np.cos(angles), 1 - np.cos(angles))
    y = np.where(sides > 0, np.sin(angles), 0.5 - np.sin(angles))
    return np.stack([x, y], axis=1) + rng.normal(0, 0.1, (count, 2)), sides


def network(mlp: Any) -> Any:
    random.seed(0)
    return mlp(2, [HIDDEN, HIDDEN, 1])


def demo_loss(library: Library, model: Any, points: Any, sides: Any) -> Any:
    """The loss as the notebook computes it."""
    inputs = [list(map(library.value, row)) for row in points.tolist()]
    scores = list(map(model, inputs))
    losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(sides.tolist(), scores, strict=True)]
    data_loss = sum(losses) * (1.0 / len(losses))
    return data_loss + ALPHA * sum(p * p for p in model.parameters())


# ---- the step -------------------------------------------------------------------------------------------------------


def recorded_step(prepare: Callable[[], Library | None]) -> Run | None:
    library = prepare()
    if library is None:
        return None
    model, (points, sides) = network(library.mlp), two_moons(POINTS)

    def run() -> list[float]:
        loss = demo_loss(library, model, points, sides)
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= RATE * p.grad
        return [p.data for p in model.parameters()]

    return run


def whole_step() -> Run:
    model, (points, sides) = network(MLP), two_moons(POINTS)

    @gg.compile_scalars
    def loss(parameters: Sequence[Any], points: Any, sides: Any) -> Any:
        network = model.with_parameters(parameters)
        losses = [gg.relu(1 + -yi * network(point)) for yi, point in zip(sides, points, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + ALPHA * sum(p * p for p in parameters)

    parameters = np.array([p.data for p in model.parameters()])

    def run() -> Any:
        nonlocal parameters
        _, (gradient, _, _) = loss.value_and_grad(parameters, points, sides)
        parameters = parameters - RATE * gradient
        return parameters

    return run


def point_loss() -> tuple[gg.autodiff.replay.CompiledScalars, Any]:
    """The margin loss of one point, and the parameters."""
    model = network(MLP)
    loss = gg.compile_scalars(
        lambda parameters, point, side: gg.relu(1 - side * model.with_parameters(parameters)(point))
    )
    return loss, np.array([p.data for p in model.parameters()])


def batch_step() -> Run:
    (loss, parameters), (points, sides) = point_loss(), two_moons(POINTS)

    def run() -> Any:
        nonlocal parameters
        _, (gradient, _, _) = loss.batch_value_and_grad(parameters, points, sides, in_axes=(None, 0, 0))
        parameters = parameters - RATE * (gradient / POINTS + 2 * ALPHA * parameters)
        return parameters

    return run


# ---- a node ---------------------------------------------------------------------------------------------------------


def single_operations(prepare: Callable[[], Library | None]) -> Run | None:
    library = prepare()
    if library is None:
        return None
    start, w, b = library.value(1.0), library.value(0.5), library.value(0.25)

    def run() -> Any:
        h = start
        for _ in range(LINKS):
            h = w * h + b
        return h

    return run


def demo_recording(prepare: Callable[[], Library | None]) -> Run | None:
    library = prepare()
    if library is None:
        return None
    model, (points, sides) = network(library.mlp), two_moons(POINTS)
    return lambda: demo_loss(library, model, points, sides)


def demo_backward(prepare: Callable[[], Library | None]) -> Run | None:
    record = demo_recording(prepare)
    return None if record is None else record().backward


def large_batch() -> Run:
    (loss, parameters), (points, sides) = point_loss(), two_moons(BATCH)
    return lambda: loss.batch_value_and_grad(parameters, points, sides, in_axes=(None, 0, 0))


@functools.cache
def nodes(points: int) -> int:
    """How many operations the demo's loss has."""
    library = Library(MLP, Value)
    return len(demo_loss(library, network(MLP), *two_moons(points)).graph().nodes)


def point_nodes() -> int:
    """How many operations the loss of one point has: a network, a difference, a product and a ReLU."""
    return len(network(MLP)([Value(0.0), Value(0.0)]).graph().nodes) + 3


def bytes_per_node(prepare: Callable[[], Library | None]) -> float | None:
    record = demo_recording(prepare)
    if record is None:
        return None
    record()
    tracemalloc.start()
    loss = record()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del loss
    return size / nodes(POINTS)


def notes() -> list[str]:
    """What isn't a time."""
    lines = [f"memory of the demo's graph, {nodes(POINTS):,} operations"]
    for name, prepare in (("graphgrad", graphgrad), ("micrograd", micrograd)):
        size = bytes_per_node(prepare)
        lines.append(f"  {name}  " + ("not installed" if size is None else f"{size:6.0f} bytes per node"))
    return ["\n".join(lines)]


def both(prepare: Callable[[Callable[[], Library | None]], Run | None]) -> dict[str, Callable[[], Run | None]]:
    return {"graphgrad": functools.partial(prepare, graphgrad), "micrograd": functools.partial(prepare, micrograd)}


STEP = f"a training step on two moons, {POINTS} points, 2-{HIDDEN}-{HIDDEN}-1"
CASES = (
    Case(
        f"{STEP}, recorded each time",
        both(recorded_step),
        ours="graphgrad",
        ratios={"micrograd": 1 / 30},
        rounds=9,
    ),
    Case(
        f"{STEP}, replayed",
        {
            "as a whole": whole_step,
            "in a batch": batch_step,
            "micrograd": functools.partial(recorded_step, micrograd),
        },
        ours="as a whole",
        ratios={"micrograd": 1 / 1000},
        rounds=9,
    ),
    Case(
        f"recording {2 * LINKS:,} single operations",
        both(single_operations),
        ours="graphgrad",
        seconds={"graphgrad": 0.6e-6 * 2 * LINKS},
        per=(2 * LINKS, "node"),
        rounds=15,
    ),
    Case(
        "recording the demo's loss",
        both(demo_recording),
        ours="graphgrad",
        seconds={"graphgrad": 0.6e-6 * nodes(POINTS)},
        per=(nodes(POINTS), "node"),
        rounds=9,
    ),
    Case(
        "the backward pass of the demo's loss",
        both(demo_backward),
        ours="graphgrad",
        per=(nodes(POINTS), "node"),
        rounds=9,
    ),
    Case(
        f"replay, forward and backward, of {BATCH:,} points on {processors()} processors",
        {"graphgrad": large_batch},
        seconds={"graphgrad": BATCH * point_nodes() / 100e6},
        per=(BATCH * point_nodes(), "node"),
        rounds=15,
    ),
)


def check() -> None:
    """The contenders take the same step, and it is as large as it says."""
    steps = [recorded_step(graphgrad), whole_step(), batch_step(), recorded_step(micrograd)]
    first, *others = [work() for work in steps if work is not None]
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-9, atol=1e-12)
    expected = POINTS * (2 * (2 * HIDDEN + HIDDEN * HIDDEN + HIDDEN) + 2 * HIDDEN)
    assert abs(nodes(POINTS) / expected - 1) < 0.05, nodes(POINTS)
