"""The works compute the same in both libraries, and what is printed says what was measured."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from tests.benchmarks import kernels
from tests.benchmarks.__main__ import main
from tests.benchmarks.kernels import measuring, tables
from tests.benchmarks.kernels.measuring import DOUBLED, Growth, Memory, Times, compare, times
from tests.benchmarks.kernels.work import OURS, TORCH, Work
from tests.benchmarks.kernels.worker import peak_growth, use_threads
from tests.benchmarks.kernels.workers import Process
from tests.benchmarks.kernels.works import BY_NAME, WORKS

NOTHING = Work("nothing", {"batch": 1}, lambda sizes: {}, lambda library, arrays: list)
MLP = WORKS[0]


def tiny(work: Work) -> dict[str, int]:
    return {name: min(size, 8) for name, size in work.sizes.items()}


# ---- the works -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_a_work_gives_the_same_numbers_in_both_libraries(work: Work) -> None:
    ours, theirs = (work.prepare(name, tiny(work)) for name in (OURS, TORCH))
    assert ours is not None
    found = [np.array(one.data) for one in ours()]
    assert all(one.dtype == np.float32 and one.size and np.isfinite(one).all() for one in found)
    assert any(one.any() for one in found)
    if theirs is not None:
        for one, other in zip(found, theirs(), strict=True):
            np.testing.assert_allclose(one, other.detach().numpy(), rtol=1e-3, atol=2e-5)


def test_works_are_found_by_their_names() -> None:
    assert len(BY_NAME) == len(WORKS) == 20
    assert [work.name for work in WORKS if work.recurrent] == [
        f"{kind} {sizes}" for sizes in ("T128 B32 I9 H64", "T64 B64 I128 H128") for kind in ("RNN", "LSTM", "GRU")
    ]
    for work, doubled in DOUBLED:
        assert BY_NAME[work.name] is work
        assert {size for sizes in doubled.values() for size in sizes} <= set(work.sizes)


def test_what_a_step_moves_is_compared_by_how_far_it_moved() -> None:
    run = MLP.prepare(OURS, MLP.sizes)
    assert run is not None
    loss, *moves = MLP.results(run)
    assert loss.shape == ()
    assert [move.shape for move in moves] == [MLP.arrays(MLP.sizes)[name].shape for name in MLP.moved]
    assert all(0 < np.abs(move).max() < 0.01 for move in moves)


# ---- the workers -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    with Process(OURS, threads=1) as process:
        yield process


def test_a_worker_does_what_it_is_told(process: Process, tmp_path: Path) -> None:
    assert process.prepare(MLP.name, {"batch": 2})
    taken = process.rested("time", seconds=0.0)
    assert taken["runs"] == 3
    assert 0 < taken["wall"] < 60
    cost = process.ask("cost")
    layers = 2 * 2 * (784 * 512 + 512 * 256 + 256 * 10)
    assert layers < cost < 1.02 * layers
    assert process.prepare(MLP.name, {"batch": 4})
    assert math.isclose(process.ask("cost"), 2 * cost, rel_tol=1e-3)
    path = tmp_path / "results.npz"
    assert process.ask("save", work=MLP.name, path=str(path)) == 7
    with np.load(path) as arrays:
        assert arrays["arr_1"].shape == (512, 784)


def test_a_worker_computes_with_as_many_threads_as_it_is_told() -> None:
    before = gg.get_num_threads()
    try:
        for threads in (before + 1, 1):
            use_threads(OURS, threads)
            assert gg.get_num_threads() == threads
    finally:
        gg.set_num_threads(before)


def test_a_worker_that_breaks_off_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with Process(OURS) as process, pytest.raises(SystemExit, match="graphgrad has stopped at prepare"):
        process.prepare("nothing of the kind", {})
    assert "KeyError: 'nothing of the kind'" in capfd.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="without /proc the peak of the past hides that of a step")
def test_the_peak_counts_what_a_step_needs_at_once() -> None:
    def same(library: Any, arrays: Mapping[str, Any]) -> Any:
        def run() -> Any:
            two = [np.ones_like(arrays["input"]) for _ in range(2)]
            del two
            return np.ones_like(arrays["input"])

        return run

    size = 2**24
    work = Work("two at once", {"batch": size}, lambda sizes: {"input": np.zeros(sizes["batch"], np.uint8)}, same)
    grown = peak_growth(work, OURS)
    assert grown is not None
    assert 1.9 * size < grown < 2.5 * size


def test_who_is_not_installed_does_nothing() -> None:
    absent = Work("absent", {}, lambda sizes: {}, NOTHING.same, {"nobody": lambda arrays: None})
    assert absent.prepare("nobody", {}) is None
    assert absent.names() == (OURS, TORCH, "nobody")


class Pretended:
    """Takes the place of a process: gives results and times that a test chose."""

    def __init__(self, results: list[Any] | None, seconds: float = 1.0) -> None:
        self.results = results
        self.seconds = seconds
        self.turns = 0

    def prepare(self, work: str, sizes: Mapping[str, int]) -> bool:
        return self.results is not None

    def ask(self, do: str, **order: Any) -> Any:
        if do == "save":
            assert self.results is not None
            np.savez(order["path"], *self.results)
            return len(self.results)
        self.turns += 1
        return {"wall": self.seconds * self.turns, "cpu": self.seconds * 2 * self.turns, "runs": 1}

    rested = ask


def test_another_result_is_refused() -> None:
    given: dict[str, Any] = {OURS: Pretended([np.array([1.0, 0.0])]), TORCH: Pretended([np.array([1.0, 1e-6])])}
    assert compare(NOTHING, given) == [OURS, TORCH]
    for wrong, says in (([1.0, 1e-3], "0.001 apart"), ([1.0, math.nan], "nan apart"), ([1.0], r"\(2,\), \(1,\)")):
        given[TORCH] = Pretended([np.array(wrong)])
        with pytest.raises(AssertionError, match=f"nothing: result 0 of graphgrad beside torch eager: .*{says}"):
            compare(NOTHING, given)
    given[TORCH] = Pretended(None)
    assert compare(NOTHING, given) == [OURS]


def test_turns_are_taken_and_the_first_does_not_count() -> None:
    given: dict[str, Any] = {OURS: Pretended([], 1.0), TORCH: Pretended([], 2.0)}
    alone: dict[str, Any] = {OURS: Pretended([], 3.0), TORCH: Pretended(None)}
    found = times(NOTHING, given, alone, rounds=3)
    assert found.seconds == {OURS: [2.0, 3.0, 4.0], TORCH: [4.0, 6.0, 8.0]}
    assert found.cpu_seconds[OURS] == [4.0, 6.0, 8.0]
    assert found.alone_seconds == {OURS: [12.0, 18.0, 24.0]}
    assert (found.milliseconds(OURS), found.milliseconds("JAX jit")) == (3000.0, None)
    assert (found.ratio(), found.ratio_alone()) == (0.5, None)


def test_growth_is_the_ratio_of_runs_side_by_side() -> None:
    class Priced(Pretended):
        def __init__(self, seconds: float, cost: int) -> None:
            super().__init__([], seconds)
            self.cost = cost

        def ask(self, do: str, **order: Any) -> Any:
            return self.cost if do == "cost" else super().ask(do, **order)

        rested = ask

    class Absent(Pretended):
        def prepare(self, work: str, sizes: Any) -> bool:
            return False

    pairs: Any = {OURS: (Priced(1.0, 10), Priced(3.0, 40)), TORCH: (Priced(1.0, 0), Priced(2.5, 0))}
    found = measuring.growth(MLP, ("batch",), "batch", pairs, rounds=3)
    assert (found.arithmetic, found.time, found.theirs) == (4.0, 3.0, 2.5)
    pairs[TORCH] = (Absent([], 1.0), Absent([], 1.0))
    assert measuring.growth(MLP, ("batch",), "batch", pairs, rounds=3).theirs is None


# ---- the tables ------------------------------------------------------------------------------------------------------


def timed(name: str, ours: float, theirs: float | None, recurrent: bool = False) -> Times:
    work = Work(name, {}, NOTHING.arrays, NOTHING.same, {"JAX jit": lambda arrays: None}, recurrent=recurrent)
    seconds = {OURS: [ours / 1e3]} | ({} if theirs is None else {TORCH: [theirs / 1e3]})
    return Times(work, seconds, seconds, {OURS: [0.006], TORCH: [0.004]})


def test_the_table_of_times() -> None:
    assert tables.times([timed("one", 1.0, 2.0), timed("another one", 123.456, None)]).splitlines() == [
        "milliseconds a run, forward and backward  graphgrad  torch eager  JAX jit  ours : torch  with one thread",
        "one                                            1.00         2.00        -          0.50             1.50",
        "another one                                  123.46            -        -             -             1.50",
    ]


def test_the_targets_are_told_met_or_missed() -> None:
    found = [timed("a", 1.0, 4.0), timed("b", 3.0, 1.0), timed("c", 1.0, 1.0, recurrent=True), timed("d", 1.0, None)]
    assert tables.summary(found).splitlines() == [
        "our time as a multiple of torch eager's",
        "  geometric mean: 0.91   limit 1: ok",
        "  worst, b: 3.00   limit 1.5: MISSED",
        "  geometric mean of recurrent layers: 1.00   limit 0.9: MISSED",
    ]
    assert len(tables.summary(found[:1]).splitlines()) == 3
    assert tables.summary(found[3:]) == ""


def test_the_tables_of_memory_and_growth() -> None:
    found = [Memory(MLP, {OURS: 2_000_000, TORCH: 1_000_000}), Memory(NOTHING, {OURS: 500_000})]
    assert [line.split()[-4:] for line in tables.memories(found).splitlines()[1:]] == [
        ["2.0", "1.0", "2.00", "MISSED"],
        ["0.5", "-", "-", "-"],
    ]
    grown = [
        Growth(NOTHING, "batch", 2.0, 2.4),
        Growth(NOTHING, "length", 2.0, 2.6, 2.0),
        Growth(NOTHING, "features", 2.0, 2.6, 2.5),
    ]
    assert [line.split()[2:] for line in tables.growths(grown).splitlines()[1:]] == [
        ["doubled", "x", "2.00", "x", "2.40", "-", "ok"],
        ["doubled", "x", "2.00", "x", "2.60", "x", "2.00", "MISSED"],
        ["doubled", "x", "2.00", "x", "2.60", "x", "2.50", "MISSED"],
    ]


# ---- the command -----------------------------------------------------------------------------------------------------


def test_the_command_prints_the_tables_and_writes_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[str] = []

    def memory(work: Work, names: Sequence[str]) -> Memory:
        asked.append(work.name)
        return Memory(work, dict.fromkeys(names, 10))

    monkeypatch.setattr(kernels, "_times", lambda works, rounds: [timed(work.name, rounds, 2.0) for work in works])
    monkeypatch.setattr(measuring, "memory", memory)
    monkeypatch.setattr(kernels, "_growth", lambda works, rounds: [Growth(works[0], "batch", 2.0, 2.0)])
    main(["kernels", "--case", "LSTM", "--rounds", "3", "--json", str(tmp_path / "found.json")])
    assert asked == ["LSTM T128 B32 I9 H64", "LSTM T64 B64 I128 H128"]
    text = capsys.readouterr().out
    assert "kernels with 2 threads on as many processors" in text
    assert "geometric mean: 1.50   limit 1: MISSED" in text
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert [sorted(one) for one in found[::2]] == [
        ["case", "cpu_seconds", "one_thread_cpu_seconds", "seconds", "threads"],
        ["case", "peak_bytes"],
        ["arithmetic", "case", "doubled", "time", "torch_time"],
    ]


def test_a_case_that_no_group_has_measures_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    main(["kernels", "chain", "--case", "nothing of the kind"])
    assert len(capsys.readouterr().out.splitlines()) == 1
