"""The curriculum's data: whole, consistent, lightly read and unchangeable; and the check of worked numbers."""

import dataclasses
import doctest
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import graphgrad.lessons
from graphgrad.lessons import curriculum
from graphgrad.lessons.curriculum import UnknownIdError, WorkedNumber
from tests.worked import close, differences, differing, misnamed

DATA = Path(graphgrad.lessons.__file__).parent / "data"

PLACE = r"(HSLU|NYU|UAB|Coursera|Stuttgart):\d+(-\d+)?(,\d+(-\d+)?)*"
PLACES = rf"{PLACE}(; {PLACE})*"

PARTS, ITEMS = curriculum.parts(), curriculum.items()
WORKED, FIGURES, ERRATA = curriculum.worked_numbers(), curriculum.figures(), curriculum.errata()

TABLES: dict[str, tuple[tuple[Any, ...], int, str]] = {
    "parts": (PARTS, 25, r"P\d{2}"),
    "items": (ITEMS, 508, r"P\d{2}\.\d{2}"),
    "worked": (WORKED, 338, r"W\d{3}"),
    "figures": (FIGURES, 173, r"F\d{3}"),
    "errata": (ERRATA, 156, r"E\d{3}"),
}

IN_PARTS: tuple[Any, ...] = (*ITEMS, *WORKED, *FIGURES)


def leaves(value: Any) -> Iterator[Any]:
    """The numbers, strings and truth values in an input or expected value."""
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if not isinstance(value, tuple):
        yield value
        return
    for entry in value:
        yield from leaves(entry)


# --- the data --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_missing_and_ids_are_well_formed_and_in_order(table: str) -> None:
    rows, count, form = TABLES[table]
    ids = [row.id for row in rows]
    assert len(ids) == count
    assert [id for id in ids if not re.fullmatch(form, id)] == []
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("table", ["parts", "worked", "figures", "errata"])
def test_ids_are_counted_without_gaps(table: str) -> None:
    assert [int(row.id[1:]) for row in TABLES[table][0]] == list(range(1, TABLES[table][1] + 1))


def test_items_are_counted_within_their_part() -> None:
    for part in PARTS:
        own = [item.id for item in curriculum.items(part.id)]
        assert own == [f"{part.id}.{n:02d}" for n in range(1, len(own) + 1)]
        assert own, part


def test_every_part_that_is_named_exists() -> None:
    assert {row.part for row in IN_PARTS} <= {part.id for part in PARTS}


def test_an_item_and_its_worked_numbers_name_each_other() -> None:
    assert {(i.id, w) for i in ITEMS for w in i.worked} == {(i, w.id) for w in WORKED for i in w.items}
    assert all(w.items for w in WORKED)
    assert {i for w in WORKED for i in w.items} <= {i.id for i in ITEMS}


def test_an_item_and_its_errata_name_each_other() -> None:
    assert {(i.id, e) for i in ITEMS for e in i.errata} == {(i, e.id) for e in ERRATA for i in e.items}
    assert {i for e in ERRATA for i in e.items} <= {i.id for i in ITEMS}
    assert all(i.errata == tuple(re.findall(r"E\d{3}", i.note)) for i in ITEMS)


@pytest.mark.parametrize("table", TABLES)
def test_no_reference_is_given_twice(table: str) -> None:
    for row in TABLES[table][0]:
        for references in (getattr(row, name, ()) for name in ("items", "errata", "worked", "sources")):
            assert len(set(references)) == len(references), row.id


def test_every_source_names_notes_and_lines() -> None:
    for row in (*TABLES["items"][0], *TABLES["figures"][0]):
        assert row.sources, row.id
        assert [source for source in row.sources if not re.fullmatch(PLACE, source)] == [], row.id
    assert [w.id for w in WORKED if not re.fullmatch(PLACES, w.source)] == []
    assert [e.where for e in ERRATA if not re.fullmatch(rf"{PLACE}( vs (\w+:)?[\d,-]+)?", e.where)] == []


@pytest.mark.parametrize("table", TABLES)
def test_every_text_is_there_and_trimmed(table: str) -> None:
    for row in TABLES[table][0]:
        texts = {name: text for name in row.__slots__ if isinstance(text := getattr(row, name), str)}
        assert [name for name, text in texts.items() if text != text.strip() or not (text or name == "note")] == []


def test_every_kind_is_explained_and_used() -> None:
    assert {item.kind for item in ITEMS} == set(curriculum.kinds())


def test_the_choices_that_items_speak_of_are_listed() -> None:
    assert any("convention" in item.note for item in ITEMS)
    assert len(curriculum.conventions()) == 12
    assert len(curriculum.notation()) == 9


def test_keys_of_worked_numbers_are_names_of_their_own() -> None:
    keys = [w.key for w in WORKED]
    assert len(set(keys)) == len(keys)
    assert [key for key in keys if not re.fullmatch(r"[a-z]\w*", key)] == []


def test_worked_numbers_can_be_checked() -> None:
    for w in WORKED:
        assert w.expected, w.id
        assert w.origin in ("printed", "derived"), w.id
        assert 0 <= w.tolerance < math.inf, w.id
        assert {type(leaf) for leaf in leaves(w.expected)} <= {bool, int, float, str}, w.id
        assert list(leaves(w.expected)), w.id


def test_equality_is_asked_only_of_what_can_be_equal() -> None:
    exact = [leaf for w in WORKED if w.tolerance == 0 for leaf in leaves(w.expected) if isinstance(leaf, float)]
    assert [leaf for leaf in exact if math.isfinite(leaf) and not leaf.is_integer()] == []


def test_a_tolerance_leaves_a_result_that_is_wrong() -> None:
    # A distance of 1 or more would mean nothing to text, and too much to small numbers.
    for w in WORKED:
        if w.tolerance >= 1:
            assert all(type(leaf) in (int, float) and abs(leaf) > w.tolerance for leaf in leaves(w.expected)), w.id


@pytest.mark.parametrize("path", sorted(DATA.iterdir()), ids=lambda path: path.name)
def test_the_files_are_tidy(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    assert text.endswith(("]\n", "}\n"))
    assert not re.search(r"\r|\t| \n|NaN|Infinity", text)
    json.loads(text, object_pairs_hook=unique)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, none of whose keys is given twice."""
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


# --- asking ----------------------------------------------------------------------------------------------------------


def test_the_examples_run() -> None:
    result = doctest.testmod(curriculum)
    assert result.failed == 0
    assert result.attempted > 20


@pytest.mark.parametrize("ask", [curriculum.items, curriculum.worked_numbers, curriculum.figures])
def test_parts_divide_the_whole(ask: Callable[..., tuple[Any, ...]]) -> None:
    by_part = {part.id: ask(part.id) for part in PARTS}
    assert sorted((row for rows in by_part.values() for row in rows), key=lambda row: row.id) == list(ask())
    assert all(row.part == part for part, rows in by_part.items() for row in rows)


@pytest.mark.parametrize(
    ("ask", "table"),
    [
        (curriculum.part, "parts"),
        (curriculum.item, "items"),
        (curriculum.worked, "worked"),
        (curriculum.figure, "figures"),
        (curriculum.erratum, "errata"),
    ],
)
def test_every_id_is_found(ask: Callable[[str], Any], table: str) -> None:
    assert [row.id for row in TABLES[table][0] if ask(row.id) is not row] == []


def test_a_key_finds_what_its_id_finds() -> None:
    assert all(curriculum.worked(w.key) is curriculum.worked(w.id) is w for w in WORKED)


@pytest.mark.parametrize(
    ("ask", "wrong", "right"),
    [
        (curriculum.part, "P3", "P03"),
        (curriculum.item, "p01.08", "P01.08"),
        (curriculum.items, "P3", "P03"),
        (curriculum.worked_numbers, "p03", "P03"),
        (curriculum.worked, "W03", "W003"),
        (curriculum.worked, "sigraph", "siggraph"),
        (curriculum.figures, "P1", "P01"),
        (curriculum.figure, "F17", "F017"),
        (curriculum.erratum, "e022", "E022"),
    ],
)
def test_an_unknown_id_is_answered_with_the_right_one(ask: Callable[[str], Any], wrong: str, right: str) -> None:
    with pytest.raises(UnknownIdError, match=rf"^the curriculum has no [a-z ]+ '{wrong}'; did you mean .*\b{right}\b"):
        ask(wrong)


def test_an_id_like_no_other_is_just_unknown() -> None:
    with pytest.raises(KeyError, match=r"^the curriculum has no item 'qqqq'$"):
        curriculum.item("qqqq")


def test_infinities_and_nan_are_numbers() -> None:
    assert curriculum.worked("W045").expected["naive"] == (700, math.inf, math.inf, 0)
    assert curriculum.worked("W219").input["p"][-1] == math.inf
    assert math.isnan(curriculum.worked("W046").expected["naive"][2])
    assert not {"inf", "-inf", "nan"} & {leaf for w in WORKED for leaf in leaves((w.input, w.expected)) if leaf == leaf}


def test_nothing_can_be_changed() -> None:
    example = curriculum.worked("W263")
    with pytest.raises(dataclasses.FrozenInstanceError):
        example.tolerance = 1.0  # type: ignore[misc]
    for mapping in (example.input, example.expected, example.expected["full"], curriculum.kinds()):
        with pytest.raises(TypeError, match="does not support item assignment"):
            mapping["h"] = 0.0  # type: ignore[index]
    kinds_of_value = {type(value) for w in WORKED for value in (*w.input.values(), *w.expected.values())}
    assert not kinds_of_value & {list, dict}
    assert hash(example) == hash(curriculum.worked("W263"))


def test_an_example_can_be_written_as_json() -> None:
    expected = curriculum.worked("W263").expected
    assert json.loads(json.dumps(expected, default=dict))["full"]["r"] == expected["full"]["r"]


def test_reading_needs_the_standard_library_alone(run_python: Any) -> None:
    code = """
import json, sys
from graphgrad.lessons import curriculum
curriculum.items(), curriculum.worked_numbers(), curriculum.figures(), curriculum.errata()
tops = {name.partition(".")[0] for name in sys.modules}
print(json.dumps([[n for n in sys.modules if n.startswith("graphgrad")], "numpy" in tops]))
"""
    names, numpy_too = json.loads(run_python("-c", code).stdout)
    assert sorted(names) == ["graphgrad", "graphgrad.lessons", "graphgrad.lessons.curriculum"]
    assert not numpy_too


def test_the_data_are_read_late_and_once(run_python: Any) -> None:
    code = """
import json
reads = []
loads = json.loads
json.loads = lambda text: reads.append(len(text)) or loads(text)
from graphgrad.lessons import curriculum
print(len(reads))
for _ in range(2):
    curriculum.parts(), curriculum.items("P01"), curriculum.kinds(), curriculum.notation(), curriculum.conventions()
    curriculum.worked_numbers(), curriculum.worked("abc"), curriculum.figures(), curriculum.errata()
    print(len(reads))
"""
    assert run_python("-c", code).stdout.split() == ["0", "4", "4"]


# --- the check of worked numbers -------------------------------------------------------------------------------------


def example_of(tolerance: float = 1e-9, **expected: Any) -> WorkedNumber:
    return WorkedNumber("W000", "made_up", "P01", "", "", "derived", {}, expected, tolerance, "", ())


@pytest.mark.parametrize(
    ("result", "expected", "tolerance", "equal"),
    [
        (0.5 + 9e-7, 0.5, 1e-6, True),
        (0.5 + 2e-6, 0.5, 1e-6, False),
        (1000.0009, 1000, 1e-6, True),
        (1000.002, 1000, 1e-6, False),
        (-1000.0009, -1000, 1e-6, True),
        (1000, -1000, 1e-6, False),
        (7, 7, 0, True),
        (7.000001, 7, 0, False),
        (92, 88, 4, True),
        (93, 88, 4, False),
        (math.nan, math.nan, 0, True),
        (math.nan, 1.0, 1e3, False),
        (1.0, math.nan, 1e3, False),
        (math.inf, math.inf, 0, True),
        (math.inf, -math.inf, 1e-6, False),
        (1e300, math.inf, 1e-6, False),
        (math.inf, 1e300, 1e-6, False),
    ],
)
def test_numbers_are_close_as_promised(result: float, expected: float, tolerance: float, equal: bool) -> None:
    assert close(result, expected, tolerance) is equal


def test_what_agrees_has_no_differences() -> None:
    import numpy as np

    import graphgrad as gg

    expected = (1, 2.5)
    pairs: list[tuple[object, Any]] = [
        (3, 3),
        (np.float64(3), 3),
        (gg.scalar(3), 3),
        (gg.tensor(3.0), 3),
        ([1, 2.5], expected),
        (np.array([1, 2.5]), expected),
        (gg.tensor([1, 2.5], requires_grad=True), expected),
        ([gg.scalar(1), gg.tensor(2.5)], expected),
        (np.array([[1, 2.5], [1, 2.5]]), (expected, expected)),
        (np.array([True, False]), (1, 0)),
        (np.bool_(True), True),
        ("up", "up"),
        (["a", "b"], ("a", "b")),
        ({"h": gg.tensor(3.0), "s": [1]}, {"h": 3, "s": (1,)}),
    ]
    for result, wanted in pairs:
        assert list(differences(result, wanted, 1e-9, "v")) == [], result


@pytest.mark.parametrize(
    ("result", "expected", "complaint"),
    [
        (3.5, 3, "v: expected 3, got 3.5, off by 0.5, allowed 3e-09"),
        ([1.0, 2.0, 4.0], (1, 2, 3), "v[2]: expected 3, got 4.0"),
        ([[1, 2], [3, 5]], ((1, 2), (3, 4)), "v[1][1]: expected 4, got 5"),
        ([1, 2], (1, 2, 3), "v: expected 3 values, got 2: [1, 2]"),
        ([1, 2, 3], (1, 2), "v: expected 2 values, got 3: [1, 2, 3]"),
        (3, (3,), "v: expected 1 values, got 3"),
        ([3], 3, "v: expected 3, got [3]"),
        ([[1, 2]], (1, 2), "v: expected 2 values, got 1: [[1, 2]]"),
        (1, True, "v: expected True, got 1"),
        (None, 3, "v: expected 3, got None"),
        ("3", 3, "v: expected 3, got '3'"),
        (3, "3", "v: expected '3', got 3"),
        ("down", "up", "v: expected 'up', got 'down'"),
        ("ab", ("a", "b"), "v: expected 2 values, got 'ab'"),
        ({"a": 1}, {"a": 1, "b": 2}, "v: expected a mapping of a, b, got {'a': 1}"),
        ({"a": 1, "b": 2}, {"a": 1}, "v: expected a mapping of a, got {'a': 1, 'b': 2}"),
        (1, {"a": 1}, "v: expected a mapping of a, got 1"),
        ({"a": 2}, {"a": 1}, "v['a']: expected 1, got 2"),
    ],
)
def test_what_disagrees_is_named(result: object, expected: Any, complaint: str) -> None:
    (said,) = differences(result, expected, 1e-9, "v")
    assert said.startswith(complaint)


@pytest.mark.parametrize(
    ("results", "skip", "complaint"),
    [
        ({"h": 1}, (), "dw: no result"),
        ({"h": 1, "dw": 2, "db": 3}, (), "db: not expected; expected are h, dw"),
        ({"h": 1, "dw": 2}, ("db",), "db: skipped, but not expected"),
        ({"h": 1, "dw": 2}, ("dw",), "dw: both skipped and given"),
        ({}, ("h", "dw"), "everything is skipped"),
    ],
)
def test_names_that_do_not_fit_are_refused(results: dict[str, int], skip: tuple[str, ...], complaint: str) -> None:
    (said,) = misnamed(example_of(h=1, dw=2), results, skip)
    assert said.startswith(complaint)


def test_names_that_fit_are_fine() -> None:
    example = example_of(h=1, dw=2)
    assert list(misnamed(example, {"h": 1, "dw": 2}, ())) == []
    assert list(misnamed(example, {"dw": 2}, ("h",))) == []


def test_float32_is_pointed_out_where_it_cannot_do() -> None:
    import numpy as np

    third = np.float32(1) / np.float32(3)
    assert ["use float64" in said for said in differing(example_of(1e-9, y=1 / 3), {"y": third})] == [False, True]
    assert list(differing(example_of(1e-6, y=1 / 3), {"y": third})) == []
    assert ["use float64" in said for said in differing(example_of(1e-6, y=0.5), {"y": third})] == [False]
    assert len(list(differing(example_of(1e-9, y=1 / 3), {"y": float(third)}))) == 1


SUITE = """
import pytest

@pytest.mark.worked("W001")
def test_right(example, check):
    check(example, dict(u=6, v=11, J=33, dv=3, du=3, da=3, db=6, dc=9))

@pytest.mark.worked("W001")
def test_wrong(example, check):
    check(example, dict(u=6, v=11, J=34), skip=["dv", "du", "da", "db", "dc"])

@pytest.mark.worked("W001")
def test_incomplete(example, check):
    check(example, dict(u=6, v=11, J=33))

@pytest.mark.worked("W028", "W001")
@pytest.mark.worked("W001")
def test_forgetful(example, check):
    if example.id == "W028":
        check(example, {"du": 6})

@pytest.mark.worked("W001")
@pytest.mark.xfail(strict=True)
def test_forgetful_too(example):
    raise RuntimeError(example.id)

@pytest.mark.worked("W001")
def test_in_its_own_way():
    pass

def test_unmarked(example):
    pass

@pytest.mark.parametrize("example", ["a", "b"])
def test_with_examples_of_its_own(example):
    pass
"""

OUTCOMES = {
    "test_right[W001]": "PASSED",
    "test_wrong[W001]": "FAILED",
    "test_incomplete[W001]": "FAILED",
    "test_forgetful[W001]": "FAILED",
    "test_forgetful[W028]": "PASSED",
    "test_forgetful_too[W001]": "XFAIL",
    "test_in_its_own_way": "PASSED",
    "test_unmarked": "ERROR",
    "test_with_examples_of_its_own[a]": "PASSED",
    "test_with_examples_of_its_own[b]": "PASSED",
}


def run_suite(suite: str, folder: Path, run_python: Any) -> str:
    (folder / "test_suite.py").write_text(suite, encoding="utf-8")
    plugins = ["-p", "tests.worked", "-p", "no:cacheprovider"]
    done = run_python("-m", "pytest", *plugins, "-rA", "--color=no", "test_suite.py", check=False)
    return str(done.stdout + done.stderr)


def test_tests_of_worked_numbers_have_to_check_them(tmp_path: Path, run_python: Any) -> None:
    said = run_suite(SUITE, tmp_path, run_python)
    outcomes = re.findall(r"^(PASSED|FAILED|ERROR|XFAIL|XPASS) test_suite\.py::(\S+)", said, re.MULTILINE)
    assert {name: outcome for outcome, name in outcomes} == OUTCOMES
    assert "J: expected 33, got 34" in said
    assert "dc: no result; compute it, or name it in skip" in said
    assert "the test takes W001 (abc) and never checks it" in said
    assert "a test that takes `example` names a worked number" in said


def test_a_marker_that_names_no_worked_number_is_refused(tmp_path: Path, run_python: Any) -> None:
    said = run_suite(
        SUITE.replace('worked("W001")\ndef test_in_', 'worked("W901")\ndef test_in_'), tmp_path, run_python
    )
    assert "test_in_its_own_way: the curriculum has no worked number 'W901'; did you mean W" in said
    assert "PASSED" not in said
