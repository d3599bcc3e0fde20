"""Whether kernels or their twins do the work: by its size, and by whether anything is compiled."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest

import graphgrad.kernels.plain
from graphgrad.kernels.choice import kernels_of
from graphgrad.kernels.jit import compiles

SUBJECTS = [module.name for module in pkgutil.iter_modules(graphgrad.kernels.plain.__path__)]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_much_work_is_for_kernels_and_little_for_twins(subject: str) -> None:
    plain = importlib.import_module(f"graphgrad.kernels.plain.{subject}")
    assert kernels_of(subject, False) is plain
    kernels = importlib.import_module(f"graphgrad.kernels.{subject}")
    assert kernels_of(subject) is (kernels if compiles() else plain)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_kernels_and_twins_have_the_same_functions(subject: str) -> None:
    kernels, plain = (importlib.import_module(f"graphgrad.kernels{room}.{subject}") for room in ("", ".plain"))
    assert set(kernels.__all__) <= set(plain.__all__)


def test_little_work_loads_no_compiler(run_python: Any) -> None:
    code = """
import sys
from graphgrad.kernels.choice import kernels_of
assert not [name for name in sys.modules if name.startswith(("numba", "graphgrad.kernels.plain."))]
kernels_of("dense", False)
assert "graphgrad.kernels.plain.dense" in sys.modules
assert not {"numba", "graphgrad.kernels.dense", "graphgrad.kernels.plain.embedding"} & set(sys.modules)
"""
    run_python("-c", code)


def test_where_nothing_is_compiled_the_twins_do_all(run_python: Any, environment: dict[str, str]) -> None:
    environment["NUMBA_DISABLE_JIT"] = "1"
    code = "from graphgrad.kernels.choice import kernels_of; print(kernels_of('dense').__name__)"
    assert run_python("-c", code).stdout == "graphgrad.kernels.plain.dense\n"
