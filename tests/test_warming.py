"""Warming compiles every kernel there is, for what networks call it with; and says what fails, and where."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import doctor, warming
from graphgrad.kernels.jit import compiles, jit
from tests.test_cli import run

compiled = pytest.mark.skipif(not compiles(), reason="nothing is compiled here")


def never_compiled(*modules: types.ModuleType) -> set[str]:
    """The compiled functions of modules that were neither called nor are called by one that was.

    What was kept on disk comes with all that it calls, which then isn't compiled by itself.
    """
    functions: Mapping[str, Any] = {
        _name(value): value
        for module in modules
        for value in vars(module).values()
        if hasattr(value, "py_func") and value.py_func.__module__ == module.__name__
    }
    reached = {name for name, function in functions.items() if function.signatures}
    todo = list(reached)
    while todo:
        caller = functions[todo.pop()].py_func
        names = [caller.__globals__.get(name) for name in caller.__code__.co_names]
        called = {_name(one) for one in names if hasattr(one, "py_func")} & set(functions) - reached
        reached |= called
        todo.extend(called)
    return set(functions) - reached


def _name(function: Any) -> str:
    return f"{function.py_func.__module__}.{function.py_func.__qualname__}"


ALL = """
import importlib, json, pkgutil
import graphgrad.kernels
from graphgrad import warming
from tests import test_warming as tests

failed = [f"{one.name} for {one.dtype}: {one.error!r}" for one in warming.warm() if one.error]
modules = [one.name for one in pkgutil.iter_modules(graphgrad.kernels.__path__, "graphgrad.kernels.") if not one.ispkg]
left = tests.never_compiled(*map(importlib.import_module, modules))
with warming._compiling(lambda name: None) as found:
    tests.train()
print(json.dumps([failed, sorted(left), found.names]))
"""


def train() -> None:
    """Steps of networks with many kinds of layers, in both dtypes."""
    nn = gg.nn
    for dtype in warming.DTYPES:
        gg.set_default_dtype(dtype)
        rng = np.random.default_rng(1)
        images, classes = gg.tensor(rng.normal(size=(24, 3, 20, 20)), dtype=dtype), gg.asarray(np.arange(24) % 10)
        sequences = gg.tensor(rng.normal(size=(11, 13, 7)), dtype=dtype)
        seen = nn.Sequential(
            *(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.MaxPool2d(2), nn.Conv2d(32, 8, 1)),
            *(nn.AvgPool2d(3, 2, 1), nn.ConvTranspose2d(8, 8, 2, stride=2), nn.Conv2d(8, 8, 5, groups=8)),
        )
        decided = nn.Sequential(nn.Linear(288, 400), nn.Tanh(), nn.Linear(400, 10))
        read, again = nn.LSTM(7, 9, num_layers=2, bidirectional=True), nn.GRU(18, 5)
        optimizer = gg.optim.Adam([p for model in (seen, decided, read, again) for p in model.parameters()])
        for _ in range(2):
            optimizer.zero_grad()
            scores = decided(gg.reshape(seen(images), (24, -1)))
            gg.nn.functional.cross_entropy(scores, classes).backward()
            gg.sum(again(read(sequences)[0])[0] ** 2).backward()
            optimizer.step()


@compiled
def test_all_kernels_are_compiled_and_networks_need_no_more(run_python: Any) -> None:
    failed, left, more = json.loads(run_python("-c", ALL, timeout=900).stdout)
    mend = "WORK in graphgrad/warming.py lacks a line that calls for it"
    assert failed == []
    assert left == [], f"no work compiles this kernel: {mend}"
    assert more == [], f"a network needed a further form of this kernel: {mend}"


@jit
def _inner(x: Any) -> Any:
    return x + 1


@jit
def _outer(x: Any) -> Any:
    return _inner(x)


@jit
def _left(x: Any) -> Any:
    return x


@compiled
def test_a_function_that_no_work_reaches_is_noticed() -> None:
    module: Any = types.ModuleType(__name__)
    vars(module).update(_inner=_inner, _outer=_outer, _left=_left, jit=jit)
    assert never_compiled(module) == {f"{__name__}.{name}" for name in ("_inner", "_outer", "_left")}
    assert module._outer(1) == 2
    assert never_compiled(module) == {f"{__name__}._left"}


@jit
def _broken(x: Any) -> Any:
    return x.no_such_attribute


def _breaks(draw: Any) -> None:
    draw(3)
    _broken(np.ones(3))


def _raises(draw: Any) -> None:
    raise RuntimeError("no room\nand more")


def _small(draw: Any) -> None:
    gg.nn.functional.dropout(draw(128, 128), 0.5, seed=0)


@compiled
def test_a_failure_names_the_kernel_and_hinders_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "WORK", {"first": _breaks, "second": _raises, "third": _small})
    monkeypatch.setattr(warming, "_KERNELS", (__name__, "graphgrad.kernels."))
    told: list[str] = []
    results = list(warming.warm(lambda name, dtype, kernel: told.append(f"{name} {dtype} {kernel}")))
    assert [(one.name, one.dtype) for one in results] == [
        (name, dtype) for name in ("first", "second", "third") for dtype in ("float32", "float64")
    ]
    assert [type(one.error).__name__ for one in results] == ["TypingError"] * 2 + ["RuntimeError"] * 2 + [
        "NoneType"
    ] * 2
    assert {one.kernel for one in results[:2]} == {f"{__name__}._broken"}
    assert {one.kernel for one in results[2:4]} == {f"{__name__}._raises"}
    assert told[0] == f"first float32 {__name__}._broken"


@compiled
def test_warming_draws_no_random_numbers_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("random numbers", "optimisers")
    monkeypatch.setattr(warming, "WORK", {name: warming.WORK[name] for name in names})
    gg.manual_seed(3)
    expected = gg.random.normal(size=3).tolist()
    gg.manual_seed(3)
    with gg.no_grad():
        assert not any(one.error for one in warming.warm())
        assert not gg.is_grad_enabled()
    assert gg.random.normal(size=3).tolist() == expected


# ---- the command -----------------------------------------------------------------------------------------------------


@compiled
def test_doctor_warms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "WORK", {"numbers": _small})
    done = run("doctor", "--warm")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("graphgrad ")
    assert [line.partition(",")[0].rstrip("0123456789 compiled") for line in lines[-3:-1]] == [
        "numbers for float32:",
        "numbers for float64:",
    ]
    assert " s; kept in " in lines[-1]


@compiled
def test_doctor_says_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "WORK", {"second": _raises, "numbers": _small})
    monkeypatch.setattr(warming, "_KERNELS", (__name__, "graphgrad.kernels."))
    done = run("doctor", "--warm")
    assert done.exit_code == 1
    assert f"second for float32 failed, in {__name__}._raises: RuntimeError: no room\n" in done.stderr
    assert "numbers for float64: " in done.stdout


class _Screen:
    """A terminal that remembers."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


@compiled
def test_on_a_terminal_there_is_one_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    def compiles_something(draw: Any) -> None:
        jit_here(draw(3).data)

    import numba

    jit_here = numba.njit(lambda x: x.sum())
    monkeypatch.setattr(warming, "WORK", {"sums": compiles_something})
    monkeypatch.setattr(warming, "_KERNELS", __name__)
    monkeypatch.setenv("TERM", "xterm")
    screen, said = _Screen(), list[str]()
    monkeypatch.setattr(sys, "stderr", screen)
    assert doctor.warm_kernels(said.append, said.append)
    assert len(said) == 1
    assert said[0].startswith("2 functions compiled, in ")
    assert "\n" not in screen.text
    shown = [one for one in screen.text.split("\r\x1b[K") if one]
    assert [one.partition(",")[0] for one in shown] == [
        f"compiling sums for {dtype} (1 of 1)" for dtype in ("float32", "float64")
    ]


def test_where_nothing_is_compiled_that_is_said(run_python: Any, environment: dict[str, str]) -> None:
    environment["NUMBA_DISABLE_JIT"] = "1"
    lines = run_python("-m", "graphgrad", "doctor", "--warm").stdout.splitlines()
    assert lines[-1] == "nothing to compile, as NUMBA_DISABLE_JIT says"
    assert any(line.startswith("kernels      not compiled, as NUMBA_DISABLE_JIT says") for line in lines)


@compiled
def test_doctor_tells_threads_blas_and_where_kernels_are_kept(
    run_python: Any, environment: dict[str, str], tmp_path: Any
) -> None:
    environment["NUMBA_CACHE_DIR"] = str(tmp_path / "cache")
    found = dict(
        json.loads(
            run_python("-c", "import json\nfrom graphgrad.doctor import *\nprint(json.dumps(list(diagnosis())))").stdout
        )
    )
    assert found["threads"].startswith(f"{gg.get_num_threads()}; BLAS of NumPy and SciPy: ")
    assert " with " in found["threads"]
    assert f"kept in {tmp_path / 'cache'}" in found["kernels"]


@compiled
def test_without_a_place_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphgrad.kernels import guards

    monkeypatch.setattr(guards, "guards_hold", types.SimpleNamespace(stats=types.SimpleNamespace(cache_path=None)))
    monkeypatch.setattr(warming, "WORK", {})
    assert "no place to keep them; NUMBA_CACHE_DIR names one" in doctor.kernels()
    said: list[str] = []
    assert doctor.warm_kernels(said.append, said.append)
    assert "kept nowhere" in said[-1]
