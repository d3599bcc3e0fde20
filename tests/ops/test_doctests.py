"""Every example of the package runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import io
from pathlib import Path

import pytest

import graphgrad as gg
from graphgrad.graph.operation import Op
from tests.ops.declared import each_op

ROOT = Path(gg.__file__).resolve().parent
MODULES = [
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(ROOT.rglob("*.py"))
    if path.stem != "__main__"  # that one runs the command line
]

NEEDS = {"graphgrad.interop.sklearn": "sklearn"}
"""What the modules need that are there for users of another library."""


def complaints(tests: list[doctest.DocTest]) -> tuple[int, str]:
    """How many examples ran, and what the failing ones say."""
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in tests:
        runner.run(test, out=report.write)
    return runner.tries, report.getvalue()


@each_op()
def test_the_examples_of_an_operation(op: Op) -> None:
    test = doctest.DocTestParser().get_doctest(op.doc, {}, op.name, None, None)
    tries, report = complaints([test])
    assert tries > 1, "an import and an example at least"
    assert report == ""


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module(name: str) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    before = gg.get_default_dtype()
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    assert complaints(found)[1] == ""
    assert gg.get_default_dtype() == before


def test_there_are_examples_in_modules() -> None:
    names = ("graphgrad.graph.create", "graphgrad.graph.tensor", "graphgrad.autodiff.transforms")
    for name in names:
        assert complaints(doctest.DocTestFinder().find(importlib.import_module(name)))[0] > 1


def test_a_wrong_example_is_seen() -> None:
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert "Expected:" in complaints([test])[1]
