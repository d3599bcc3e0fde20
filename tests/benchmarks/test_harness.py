"""What the benchmarks print says what was measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import chain, scalars, walking
from tests.benchmarks.__main__ import main
from tests.benchmarks.harness import Case, Result, amount, measure


def test_ratios_are_those_of_runs_side_by_side() -> None:
    case = Case("work", {"ours": lambda: None, "theirs": lambda: None}, ours="ours")
    result = Result(case, {"ours": [1.0, 20.0, 3.0], "theirs": [2.0, 10.0, 6.0]})
    assert (result.seconds("ours"), result.ratio("theirs")) == (3.0, 0.5)


def test_rows_name_the_limit_and_whether_it_holds() -> None:
    case = Case(
        "work of 10 bits",
        {"ours": lambda: None, "theirs": lambda: None, "absent": lambda: None},
        ours="ours",
        ratios={"theirs": 0.4},
        seconds={"ours": 2.0},
        per=(10, "bit"),
    )
    assert Result(case, {"ours": [1.0], "theirs": [2.0]}).rows() == [
        "work of 10 bits",
        "  ours      100 ms per bit   limit 200 ms: ok",
        "  theirs    200 ms per bit   ours takes 0.50 times as long   limit 0.4: MISSED",
        "  absent  not installed",
    ]


def test_what_is_much_faster_is_told_the_other_way_round() -> None:
    case = Case("work", {"ours": lambda: None, "theirs": lambda: None}, ours="ours", ratios={"theirs": 1 / 30})
    assert Result(case, {"ours": [0.001], "theirs": [0.04]}).rows()[2:] == [
        "  theirs     40 ms   ours is 40 times as fast   limit 30 times as fast: ok"
    ]
    assert Result(case, {"ours": [0.001], "theirs": [0.02]}).rows()[2].endswith("limit 30 times as fast: MISSED")


def test_without_ours_nothing_is_compared() -> None:
    case = Case("two things", {"a": lambda: None, "b": lambda: None})
    assert Result(case, {"a": [0.5], "b": [1e-5]}).rows()[1:] == ["  a    500 ms", "  b     10 µs"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.3456, "12.3 s"), (0.0408, "40.8 ms"), (3.865e-6, "3.87 µs"), (2e-8, "20 ns"), (9.999e-7, "1 µs")],
)
def test_an_amount_has_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert amount(seconds) == text


def test_contenders_run_in_turn_and_the_warm_up_does_not_count() -> None:
    runs: list[str] = []
    seconds = iter(range(1000))

    def contender(name: str) -> Any:
        def run() -> float:
            runs.append(name)
            return float(next(seconds))

        return lambda: run

    case = Case("work", {"a": contender("a"), "b": contender("b"), "c": lambda: None}, times_itself=True)
    result = measure(case, rounds=2)
    assert runs == ["a", "b"] * (len(runs) // 2)
    assert set(result.times) == {"a", "b"}
    last = len(runs) - 1
    assert result.times == {"a": [last - 3.0, last - 1.0], "b": [last - 2.0, float(last)]}


@pytest.mark.parametrize("group", [chain, scalars, walking], ids=lambda group: group.__name__)
def test_a_group_does_the_work_that_it_names(group: Any) -> None:
    group.check()
    for case in group.CASES:
        named = {*case.ratios, *case.seconds, *([case.ours] if case.ours else [])}
        assert named <= set(case.contenders)


def test_the_command_measures_and_writes_every_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(chain, "CASES", (Case("work", {"a": lambda: list, "b": lambda: None}),))
    main(["chain", "--rounds", "2", "--json", str(tmp_path / "times.json")])
    assert "work\n  a " in capsys.readouterr().out
    (case,) = json.loads((tmp_path / "times.json").read_text(encoding="utf-8"))
    assert (case["case"], list(case["seconds"]), len(case["seconds"]["a"])) == ("work", ["a"], 2)


def test_what_is_no_time_is_told_after_the_cases(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scalars, "CASES", ())
    main(["scalars"])
    heading, ours, theirs = capsys.readouterr().out.splitlines()[2:]
    assert heading == f"memory of the demo's graph, {scalars.nodes(scalars.POINTS):,} operations"
    size = re.fullmatch(r"  graphgrad  +(\d+) bytes per node", ours)
    assert size
    assert 34 <= int(size[1]) < 150  # opcode, two operands, value, gradient and state
    assert re.fullmatch(r"  micrograd  (not installed| +\d+ bytes per node)", theirs)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nope"], "there is no 'nope'; there are chain, fitting, kernels, scalars, walking"),
        (["--rounds", "0"], "a number from 1, got 0"),
    ],
)
def test_wrong_usage_is_refused(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert says in capsys.readouterr().err
