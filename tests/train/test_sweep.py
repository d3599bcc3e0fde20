"""Sweeps: the same numbers wherever trials run, and nothing finished is lost."""

from __future__ import annotations

import functools
import json
import math
import sys
from concurrent.futures import CancelledError
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.random import generator_or_default
from graphgrad.train import sweep_workers
from graphgrad.train.trials import Task
from tests.train.problems import clouds
from tests.train.trials import dying, judged, trained

SPACE = {"lr": gg.train.loguniform(1e-3, 1e-1), "hidden": gg.train.integers(4, 16, log=True)}


def search(function: Any = trained, count: int = 4, **options: Any) -> gg.train.Trials:
    return gg.train.random_search(function, SPACE, count, monitor="loss", **{"seed": 3, **options})


def draws(x: int) -> float:
    return x + float(gg.random.uniform(size=()).item())


@pytest.fixture(scope="module")
def reference() -> gg.train.Trials:
    return search()


# ---- the same numbers everywhere


def test_the_seed_decides_everything(reference: gg.train.Trials) -> None:
    assert search() == reference
    assert search(seed=4) != reference
    assert len({trial.seed for trial in reference}) == len({trial.score for trial in reference}) == 4
    assert list(search(count=6))[:4] == list(reference)


def test_each_trial_repeats_by_itself(reference: gg.train.Trials) -> None:
    trial = reference[2]
    gg.manual_seed(trial.seed)
    threads = gg.get_num_threads()
    gg.set_num_threads(1)
    try:
        assert trained(**trial.parameters) == trial.values
    finally:
        gg.set_num_threads(threads)


def test_order_changes_nothing() -> None:
    trials = gg.train.sweep(draws, [{"x": 0}, {"x": 0}], seed=0)
    found = []

    def backwards(x: int, seed: int) -> float:
        found.append(seed)
        return draws(x)

    again = gg.train.sweep(backwards, [{"x": 0}, {"x": 0}], seed=0)
    assert found == [trial.seed for trial in trials]
    assert again == trials
    assert trials[0].score != trials[1].score


def test_random_numbers_and_threads_of_the_process_are_left_alone() -> None:
    gg.manual_seed(0)
    expected = generator_or_default(None).random()
    gg.manual_seed(0)
    threads = gg.get_num_threads()
    gg.set_num_threads(2)
    try:
        inside = gg.train.sweep(lambda x: gg.get_num_threads() + 0 * gg.manual_seed(9).random(), [{"x": 1}], seed=1)
        assert inside[0].score == 1
        assert gg.get_num_threads() == 2
        other = gg.train.sweep(lambda x: gg.get_num_threads(), [{"x": 1}], seed=1, threads=None)
        assert other[0].score == 2
    finally:
        gg.set_num_threads(threads)
    assert generator_or_default(None).random() == expected


def test_without_a_seed_it_comes_from_the_process() -> None:
    gg.manual_seed(5)
    first = gg.train.sweep(draws, [{"x": 0}])
    gg.manual_seed(5)
    assert gg.train.sweep(draws, [{"x": 0}]) == first
    assert gg.train.sweep(draws, [{"x": 0}]) != first


# ---- results


def test_a_trial_that_fails_is_written_down_and_the_sweep_goes_on() -> None:
    def sometimes(x: int) -> Any:
        if x == 1:
            raise ValueError("x is 1")
        if x == 2:
            sys.exit(3)
        return {3: "text", 4: {"other": 1.0}, 5: math.nan, 6: object()}.get(x, x)

    told: list[int] = []
    trials = gg.train.grid_search(sometimes, {"x": range(8)}, callback=lambda trial: told.append(trial.number))
    assert told == list(range(8))
    assert [trial.error for trial in trials][:3] == [None, "ValueError: x is 1", "SystemExit: 3"]
    assert "raise ValueError" in (trials[1].traceback or "")
    assert "a trial returns a number" in (trials[3].error or "")
    assert "no number 'score', but other" in (trials[4].error or "")
    assert [trial.number for trial in trials.sorted()] == [7, 0, 5, 1, 2, 3, 4, 6]
    assert len(trials.failed) == 5
    assert trials.best.parameters == {"x": 7}
    assert "ValueError: x is 1" in repr(trials)
    with pytest.raises(gg.train.TrialError, match=r"of 1 trials none has a score\n.*ValueError: x is 1"):
        _ = gg.train.sweep(sometimes, [{"x": 1}]).best


def test_interrupts_are_no_results() -> None:
    def interrupted(x: int) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gg.train.sweep(interrupted, [{"x": 1}])


def test_the_table_as_csv(tmp_path: Path) -> None:
    results = {"a": {"loss": 0.1 + 0.2, "n": np.int64(2)}, "b": {"loss": gg.tensor(0.125)}}
    trials = gg.train.grid_search(lambda name: results[name], {"name": ["a", "b", "c"]}, monitor="loss", seed=0)
    assert trials.to_csv(tmp_path / "t.csv") is None
    lines = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "trial,loss,n,name,seed,seconds,error"
    assert [line.split(",")[:4] for line in lines[1:]] == [
        ["1", "0.125", "", "b"],
        ["0", "0.30000000000000004", "2", "a"],
        ["2", "", "", "c"],
    ]
    assert lines[3].endswith("KeyError: 'c'")
    assert trials.to_csv() == (tmp_path / "t.csv").read_text(encoding="utf-8")


def test_names_in_the_table_stay_apart() -> None:
    trials = gg.train.sweep(lambda seed, x: {"error": 2.0, "x": 3.0}, [{"seed": 7, "x": np.int64(5)}], monitor="error")
    (row,) = trials.rows()
    assert list(row) == ["trial", "error", "x", "seed", "parameter_x", "trial_seed", "seconds", "trial_error"]
    assert (row["error"], row["x"], row["seed"], row["parameter_x"], row["trial_error"]) == (2.0, 3.0, 7, 5, None)
    assert repr(trials).splitlines()[0].split() == ["trial", "error", "x", "seed", "parameter_x"]
    assert type(trials[0].parameters["x"]) is int


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_jobs": 0}, ValueError, "n_jobs is a number of processes"),
        ({"retries": -1}, ValueError, "retries is a whole number from 0"),
        ({"threads": 0}, ValueError, "threads is a whole number from 1"),
        ({"seed": -1}, ValueError, "seed is a whole number from 0"),
        ({"mode": "up"}, ValueError, "mode is 'min', 'max' or 'auto'"),
        ({"monitor": "x"}, ValueError, "is more or less of 'x' better"),
        ({"monitor": 3}, gg.DTypeError, "monitor is the name of a number"),
        ({"callback": 3}, gg.DTypeError, "callback is a function"),
        ({"n_jobs": 2, "cluster": "tcp://127.0.0.1:1"}, ValueError, "not on both"),
        ({"njobs": 2}, TypeError, "there is no argument njobs"),
    ],
)
def test_arguments_that_do_not_fit_run_nothing(options: Any, error: type[Exception], message: str) -> None:
    def never(x: int) -> float:
        raise AssertionError

    with pytest.raises(error, match=message):
        gg.train.sweep(never, [{"x": 1}], **options)
    with pytest.raises(gg.DTypeError, match="a function is needed"):
        gg.train.sweep(3, [{"x": 1}])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"x": [1, 2]}, "grid_search tries each combination"),
        (3, "a list with a mapping for each trial, got 3"),
        ([3], "a mapping from their names, got 3"),
        ([{1: 2}], r"a mapping from their names, got \{1: 2\}"),
    ],
)
def test_parameters_that_are_none_run_nothing(parameters: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(gg.DTypeError, match=message):
        gg.train.sweep(draws, parameters, journal=tmp_path / "j")
    assert not (tmp_path / "j").exists()
    assert len(gg.train.sweep(draws, [])) == 0


# ---- the journal


def test_a_sweep_that_stopped_goes_on_with_what_is_left(tmp_path: Path, reference: gg.train.Trials) -> None:
    journal = tmp_path / "new" / "sweep.jsonl"
    ran: list[int] = []

    @functools.wraps(trained)
    def stopping(at: int = 99, **parameters: Any) -> Any:
        if len(ran) == at:
            raise KeyboardInterrupt
        ran.append(1)
        return trained(**parameters)

    with pytest.raises(KeyboardInterrupt):
        search(functools.partial(stopping, at=2), journal=journal)
    with open(journal, "ab") as file:  # killed in the middle of a line
        file.write(b'{"trial": 2, "parame')
    # Without a seed: the journal has it.
    assert search(functools.partial(stopping), journal=journal, seed=None) == reference
    assert len(ran) == 4
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"format": "graphgrad sweep", "version": 1, "seed": 3, "function": "trained"}
    assert [line["trial"] for line in lines[1:]] == [0, 1, 2, 3]
    # And a longer one begins with it.
    assert len(search(functools.partial(stopping), count=5, journal=journal)) == 5
    assert len(ran) == 5


def test_a_journal_keeps_what_json_has_no_word_for(tmp_path: Path) -> None:
    def run(activation: Any, units: Any) -> Any:
        return {"score": math.inf, "loss": math.nan, "list": [1, -math.inf], "text": "NaN", "kind": activation.__name__}

    space = {"activation": [gg.nn.ReLU, math.tanh], "units": [(1, 2)]}
    first, again = (gg.train.grid_search(run, space, journal=tmp_path / "j") for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert repr(one.values) == repr(other.values)
        assert one.parameters == other.parameters
    with pytest.raises(gg.DTypeError, match="a journal has no word for object"):
        gg.train.sweep(run, [{"activation": object()}], journal=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_failed_trials_are_run_again_if_wanted(tmp_path: Path) -> None:
    works = [False]

    def run(x: int) -> float:
        if x and not works[0]:
            raise ValueError("not yet")
        return x

    def sweep(**options: Any) -> gg.train.Trials:
        return gg.train.sweep(run, [{"x": 0}, {"x": 1}], journal=tmp_path / "j", **options)

    assert sweep()[1].error == "ValueError: not yet"
    works[0] = True
    assert sweep()[1].error == "ValueError: not yet"
    assert sweep(retry_failed=True)[1].score == 1
    assert sweep()[1].score == 1


def test_a_journal_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "j"
    gg.train.sweep(draws, [{"x": 0}, {"x": 1}], journal=path, seed=0)
    whole = path.read_bytes()
    for seed, given in ((1, 0), (0, 5)):
        with pytest.raises(gg.train.JournalError, match="of another sweep"):
            gg.train.sweep(draws, [{"x": given}, {"x": 1}], journal=path, seed=seed)
    with pytest.raises(gg.train.JournalError, match="of another sweep"):
        gg.train.sweep(trained, [{"lr": 1.0}], journal=path, monitor="loss")
    assert path.read_bytes() == whole
    head, first, second = whole.splitlines(keepends=True)
    for content, message in (
        (b"trial,loss\n0,1\n", "line 1: this is no line"),
        (b"not even a line", "no journal"),
        (b'{"format": "other"}\n', "no journal"),
        (head.replace(b"1", b"2", 1), "version 2"),
        (head + first[:-9] + b"\n" + second, "line 2: this is no line"),
        (head + b'{"trial": true}\n', "line 2: trial is missing or wrong"),
        (first, "no journal"),
        (head + first.replace(b'"values": {"score": ', b'"values": {"score": {}, "x": '), "line 2: values is missing"),
        (head + b"[" * 100_000 + b"\n", "line 2: this is no line"),
    ):
        path.write_bytes(content)
        with pytest.raises(gg.train.JournalError, match=message):
            gg.train.sweep(draws, [{"x": 0}, {"x": 1}], journal=path, seed=0)
        assert path.read_bytes() == content


# ---- workers


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for library, options in (("joblib", {"n_jobs": 2}), ("distributed", {"cluster": "tcp://127.0.0.1:1"})):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(ImportError, match=rf"needs {library}(.|\n)*pip install 'graphgrad\[sweep\]'"):
            search(**options)


def test_processes_give_the_same_and_the_dead_take_nothing_along(tmp_path: Path, reference: gg.train.Trials) -> None:
    pytest.importorskip("joblib")
    assert search(n_jobs=2) == reference
    folds = [gg.train.cross_validate(judged, *clouds(40), cv=2, seed=0, n_jobs=n_jobs) for n_jobs in (1, 2)]
    assert folds[0] == folds[1]
    space = {"i": range(6), "folder": [str(tmp_path)], "always": [3]}
    trials = gg.train.grid_search(dying, space, n_jobs=2, journal=tmp_path / "j")
    assert [trial.score for trial in trials] == [0, 1, 2, None, 4, 5]
    assert (trials[3].error or "").startswith("WorkerDied")
    assert (tmp_path / "ran-3").read_text(encoding="utf-8") == "xx"  # once in company, once alone
    assert (tmp_path / "ran-5").read_text(encoding="utf-8") == "x"
    assert gg.train.grid_search(dying, space, n_jobs=2, journal=tmp_path / "j") == trials
    assert (tmp_path / "ran-3").read_text(encoding="utf-8") == "xx"


def test_a_cluster_of_two_of_which_one_is_killed(tmp_path: Path, reference: gg.train.Trials) -> None:
    distributed = pytest.importorskip("distributed")
    quiet = {"dashboard_address": None, "silence_logs": 60}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **quiet) as cluster:
        assert search(cluster=cluster.scheduler_address) == reference
        space = {"i": range(8), "folder": [str(tmp_path)], "once": [2]}
        trials = gg.train.grid_search(dying, space, cluster=cluster, journal=tmp_path / "j")
    assert [trial.score for trial in trials] == list(range(8))
    assert (tmp_path / "ran-2").read_text(encoding="utf-8") == "xx"
    assert (tmp_path / "ran-0").read_text(encoding="utf-8") == "x"
    # All is in the journal: no worker, nor a cluster, is needed to have it again.
    assert gg.train.grid_search(dying, space, journal=tmp_path / "j") == trials


def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("graphgrad.train.sweep_workers.CONNECT", 0.1)
    with pytest.raises(gg.train.ClusterError, match=r"no cluster at 'tcp://127\.0\.0\.1:1'"):
        search(cluster="tcp://127.0.0.1:1")


@pytest.mark.parametrize("status", ["cancelled", "lost"])
def test_a_trial_that_went_with_its_worker_is_a_death_not_an_error(status: str) -> None:
    """The cluster may call a trial off whose worker died with the result, and then has no error to tell."""
    runs = sweep_workers._Runs(SimpleNamespace(KilledWorker=RuntimeError), None)
    assert runs._result(SimpleNamespace(status=status, exception=lambda: None)) is None


@pytest.mark.parametrize("status", ["running", "closed"])
def test_called_off_trials_are_deaths_while_the_cluster_is_there(status: str) -> None:
    """Waiting raises as soon as one trial was called off; the others go on."""

    def wait(*args: Any, **options: Any) -> None:
        raise CancelledError

    client = SimpleNamespace(status=status, as_current=nullcontext)
    runs = sweep_workers._Runs(SimpleNamespace(KilledWorker=RuntimeError, wait=wait), client)
    gone, going = (Future(status) for status in ("cancelled", "pending"))
    task = Task.of(draws, gg.train.Trial(0, {"x": 0}, 0), "score", None)
    runs.running = {gone: task, going: task}
    if status == "closed":
        with pytest.raises(CancelledError):
            runs.ended()
    else:
        assert runs.ended() == [(task, None)]
        assert list(runs.running) == [going]


class Future:
    """What is asked of a future of Dask."""

    def __init__(self, status: str) -> None:
        self.status = status

    def release(self) -> None: ...
