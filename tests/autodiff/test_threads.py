"""Threads: modes, scopes and recorders never mix, and passes on graphs of their own give their own results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import graphgrad as gg


@pytest.fixture(autouse=True)
def switch_often() -> Iterator[None]:
    import sys

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(*works: Callable[[threading.Barrier], Any]) -> list[Any]:
    """Run the functions at the same time; each may meet the others at the barrier."""
    barrier = threading.Barrier(len(works), timeout=60)
    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(work, barrier) for work in works]]


def test_grad_modes_never_mix() -> None:
    w = gg.tensor([1.0, 2.0], requires_grad=True)

    def plain(barrier: threading.Barrier) -> list[bool]:
        seen = []
        for _ in range(50):
            barrier.wait()
            seen.append((w * 2).requires_grad)
            barrier.wait()
        return seen

    def without(barrier: threading.Barrier) -> list[bool]:
        seen = []
        for _ in range(50):
            with gg.no_grad():
                barrier.wait()
                seen.append((w * 2).requires_grad)
                barrier.wait()
        return seen

    with_grad, no_grad = together(plain, without)
    assert all(with_grad)
    assert not any(no_grad)
    assert gg.is_grad_enabled()


def test_a_new_thread_starts_with_the_default_mode() -> None:
    with gg.no_grad(), gg.scope("outer"):
        ((enabled, scope),) = together(
            lambda barrier: (gg.is_grad_enabled(), (gg.tensor(1.0, requires_grad=True) * 2).scope)
        )
    assert (enabled, scope) == (True, "")


def test_scopes_never_mix() -> None:
    def work(name: str) -> Callable[[threading.Barrier], set[str]]:
        def run(barrier: threading.Barrier) -> set[str]:
            w = gg.tensor(1.0, requires_grad=True)
            seen = set()
            for i in range(100):
                with gg.scope(name), gg.scope(str(i % 3)):
                    if i % 10 == 0:
                        barrier.wait()
                    seen.add((w * 2).scope)
            return seen

        return run

    for name, seen in zip("abc", together(*map(work, "abc")), strict=True):
        assert seen == {f"{name}.0", f"{name}.1", f"{name}.2"}


def test_recorders_never_mix() -> None:
    def work(op: Any, n: int) -> Callable[[threading.Barrier], list[str]]:
        def run(barrier: threading.Barrier) -> list[str]:
            x = gg.tensor(0.5, requires_grad=True)
            barrier.wait()
            with gg.record() as recording:
                for _ in range(n):
                    op(x)
                barrier.wait()
            return [node.op.name for node in recording.nodes]

        return run

    def silent(barrier: threading.Barrier) -> list[str]:
        x = gg.tensor(0.5, requires_grad=True)
        barrier.wait()
        y = gg.sqrt(x)
        barrier.wait()
        assert y.node is not None
        return [] if y.node.site is None else ["recorded"]

    tanh, exp, nothing = together(work(gg.tanh, 60), work(gg.exp, 80), silent)
    assert tanh == ["tanh"] * 60
    assert exp == ["exp"] * 80
    assert nothing == []


def test_numbers_are_unique_over_threads() -> None:
    def work(barrier: threading.Barrier) -> list[int]:
        x = gg.tensor(1.0, requires_grad=True)
        barrier.wait()
        tensors = [x * 2 for _ in range(500)]
        scalars = [gg.scalar(float(i)) * 2.0 for i in range(500)]
        return [one.number for one in tensors] + [one.number for one in scalars]

    numbers = [number for part in together(*[work] * 4) for number in part]
    assert len(set(numbers)) == len(numbers)


def train(seed: int, steps: int = 15) -> list[Any]:
    rng = np.random.default_rng(seed)
    w = gg.tensor(rng.normal(size=(4, 3)), requires_grad=True)
    x, t = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
    losses: list[float] = []
    for _ in range(steps):
        loss = gg.mean((gg.tanh(x @ w) - t) ** 2)
        w.grad = None
        loss.backward()
        assert w.grad is not None
        w.data -= 0.1 * w.grad
        losses.append(loss.item())
    return [losses, w.tolist()]


def train_scalars(seed: int, steps: int = 15) -> list[Any]:
    rng = np.random.default_rng(seed)
    w = [gg.scalar(value) for value in rng.normal(size=5)]
    x = rng.normal(size=5)
    losses: list[float] = []
    for _ in range(steps):
        loss = gg.tanh(sum((a * b for a, b in zip(w, x, strict=True)), gg.scalar(0.0))) ** 2
        for one in w:
            one.grad = None
        loss.backward()
        for one in w:
            assert one.grad is not None
            one.data -= 0.1 * one.grad
        losses.append(loss.data)
    return [losses, [one.data for one in w]]


@pytest.mark.parametrize("work", [train, train_scalars])
def test_passes_at_the_same_time_give_their_own_results(work: Callable[[int], list[Any]]) -> None:
    expected = [work(seed) for seed in range(4)]

    def run(seed: int) -> Callable[[threading.Barrier], list[Any]]:
        def start(barrier: threading.Barrier) -> list[Any]:
            barrier.wait()
            return work(seed)

        return start

    assert together(*map(run, range(4))) == expected


def test_higher_derivatives_at_the_same_time() -> None:
    def work(n: int) -> Callable[[threading.Barrier], float]:
        def run(barrier: threading.Barrier) -> float:
            f: Any = lambda x: x**6
            for _ in range(n):
                f = gg.grad(f)
            barrier.wait()
            return float(f(gg.tensor(1.0, dtype="float64")))

        return run

    assert together(*map(work, range(1, 5))) == [6.0, 30.0, 120.0, 360.0]


def test_graphs_with_shared_constants() -> None:
    x = gg.tensor(np.arange(12.0).reshape(3, 4))

    def run(barrier: threading.Barrier) -> list[Any]:
        out = []
        for i in range(30):
            w = gg.tensor(np.full(4, float(i)), requires_grad=True)
            barrier.wait()
            gg.sum((x @ w) ** 2).backward()
            assert w.grad is not None
            out.append(w.grad.tolist())
        return out

    first, second = together(run, run)
    assert first == second == [(2 * x.data.T @ (x.data @ np.full(4, float(i)))).tolist() for i in range(30)]


def test_a_write_in_one_thread_is_seen_by_the_other() -> None:
    p = gg.tensor([1.0, 2.0], requires_grad=True)

    def reader(barrier: threading.Barrier) -> str:
        y = gg.sum(p * p)
        barrier.wait()
        barrier.wait()
        try:
            y.backward()
        except gg.WriteError as error:
            return str(error)
        return "unnoticed"

    def writer(barrier: threading.Barrier) -> None:
        barrier.wait()
        p.data += 1  # by the other thread
        barrier.wait()

    message, _ = together(reader, writer)
    assert "# by the other thread" in message
    assert p.grad is None


def test_what_one_thread_built_another_differentiates() -> None:
    x = gg.scalar(3.0)
    t = gg.tensor(3.0, requires_grad=True)

    def build(barrier: threading.Barrier) -> tuple[gg.Scalar, gg.Tensor]:
        return x * x, t * t

    ((s, y),) = together(build)
    together(lambda barrier: (s * 2.0).backward(), lambda barrier: (y * 2.0).backward())
    assert x.grad == 12.0
    assert t.grad is not None
    assert t.grad.item() == 12.0
