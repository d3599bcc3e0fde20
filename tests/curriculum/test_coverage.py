"""What of the curriculum has a test: every worked number, and every erratum, of the parts on graphs, rules and losses.

The tests are read, not run, so that one without a test is found wherever one starts.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from graphgrad.lessons import curriculum

TESTS = Path(__file__).resolve().parent.parent
PARTS = {"P01", "P02", "P03", "P04"}

# Errata without a number: a symbol, or a picture that was lost.
WORDING = {
    "E134": "σ is called δ",
    "E149": "f(y; θ) for f(x; θ)",
    "E156": "two pictures show another slide",
}
# Errata with a number, but without a derivative that a printed formula could get wrong.
NO_DERIVATIVE = {
    "E005": "how many classes there are",
    "E012": "which activations saturate",
    "E057": "what a step does without a gradient",
    "E063": "whether a gradient lies or stands",
    "E065": "what the matrix of a linear layer is called",
    "E066": "which two functions make a cross entropy",
    "E087": "the kind of a curve",
    "E089": "an array that is overwritten",
    "E090": "the name of a loss",
    "E093": "where a slope is near 0",
    "E135": "a rule of probabilities",
    "E136": "a rule of probabilities",
    "E138": "the sign of a divergence",
    "E139": "the second argument of a divergence",
    "E140": "the sign of an entropy",
    "E142": "an expectation",
    "E144": "the range of a slope",
    "E145": "the range of a probability",
    "E150": "a share of a loss",
}


def functions() -> Iterator[ast.FunctionDef]:
    """The functions that pytest runs."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node


def checked_numbers() -> set[str]:
    """The ids in the markers of tests: ``@pytest.mark.worked("W001")``."""
    return {
        argument.value
        for test in functions()
        for decorator in test.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.worked"
        for argument in decorator.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def told_errata() -> set[str]:
    """The ids in the names of tests: ``test_e006_and_e086_the_softmax_of_all_logits``."""
    return {id.upper() for test in functions() for id in re.findall(r"(?<=_)e\d{3}(?=_)", test.name)}


def misprints() -> set[str]:
    """The ids of the tables ``MISPRINTS``, every one of which fails the check of gradients."""
    found: set[str] = set()
    for path in sorted(Path(__file__).parent.glob("test_errata_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MISPRINTS":
                assert isinstance(node.value, ast.Dict)
                ids = [key.value for key in node.value.keys if isinstance(key, ast.Constant)]
                assert found.isdisjoint(ids), "an erratum stands in two tables"
                found |= {str(id) for id in ids}
    return found


def belongs(items: tuple[str, ...]) -> bool:
    return any(item.partition(".")[0] in PARTS for item in items)


def test_every_worked_number_of_these_parts_is_a_test() -> None:
    wanted = {one.id for one in curriculum.worked_numbers() if one.part in PARTS or belongs(one.items)}
    assert len(wanted) > 90
    assert sorted(wanted - checked_numbers()) == []


def test_every_formula_of_these_parts_that_is_printed_wrong_fails_the_check_of_gradients() -> None:
    wanted = {one.id for one in curriculum.errata() if belongs(one.items)}
    assert len(wanted) > 40
    assert sorted(wanted - misprints()) == sorted({*WORDING, *NO_DERIVATIVE})


def test_every_other_erratum_of_these_parts_that_has_a_number_has_a_test() -> None:
    told = told_errata()
    assert sorted(NO_DERIVATIVE.keys() - told) == []
    assert WORDING.keys().isdisjoint(told | misprints())
