from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.walk.file import from_json, to_json
from graphgrad.walk.script import ScriptRun, record_script
from tests.walk.graphs import same_bits

TRAINING = """
import sys
import numpy as np
import graphgrad as gg

rng = np.random.default_rng(0)
X = gg.tensor(rng.normal(size=(5, 3)), name="X")
w = gg.tensor(rng.normal(size=3), requires_grad=True)
for i in range(int(sys.argv[1])):
    loss = gg.mean((X @ w - 1.0) ** 2)
    w.grad = None
    loss.backward()
    with gg.no_grad():
        w -= 0.1 * w.grad
    print(loss.item(), w.grad.tolist())
"""


@pytest.fixture
def script(tmp_path: Path) -> Any:
    def write(text: str, name: str = "script.py") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def losses(run: ScriptRun) -> list[float | None]:
    return [one.loss for one in run.passes]


# ---- how a script runs -----------------------------------------------------------------------------------------------


def test_a_script_finds_the_process_as_python_would_leave_it(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    script("value = 5\n", "beside.py")
    path = script(
        "import sys, os, beside\n"
        "print(sys.argv, __name__, __file__, sys.path[0], beside.value, sys.modules['__main__'].__file__)\n"
        "os.chdir('/')\n"
    )
    before = sys.argv[:], sys.path[:], os.getcwd(), sys.modules["__main__"]
    run = record_script(path, ["--lr", "0.1"])
    out = capsys.readouterr().out
    assert out == f"{[str(path), '--lr', '0.1']} __main__ {path} {path.parent} 5 {path}\n"
    assert (sys.argv, sys.path, os.getcwd(), sys.modules["__main__"]) == before
    assert "beside" not in sys.modules
    assert (run.passes, run.error, run.exit_code) == ([], None, 0)


def test_nothing_of_a_script_is_left_in_the_mode(script: Any) -> None:
    record_script(script("import graphgrad as gg\ngg.no_grad().__enter__()\nx = 1 / 0\n"))
    assert gg.is_grad_enabled()
    x = gg.tensor([1.0], requires_grad=True)
    assert (x * 2.0).node.site is None  # type: ignore[union-attr]


def test_there_is_no_such_script(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file"):
        record_script(tmp_path / "absent.py")


# ---- passes ----------------------------------------------------------------------------------------------------------


def test_every_way_to_differentiate_counts(script: Any) -> None:
    path = script("""
import graphgrad as gg
x = gg.tensor([1.0, 2.0], requires_grad=True)
(x * x).backward([1.0, 10.0])
a = gg.scalar(2.0, name="a")
(a * a).backward()
gg.grad(lambda v: gg.sum(v ** 3))(x)
gg.value_and_grad(lambda s: s * s)(a)
with gg.record():
    gg.sum(x).backward()
gg.grad(gg.grad(lambda v: v ** 3))(2.0)
""")
    run = record_script(path, passes=range(1, 8))
    assert run.error is None
    assert losses(run) == [None, 4.0, 9.0, 4.0, 3.0, 8.0, 12.0]
    assert [one.site.line for one in run.passes if one.site] == [4, 6, 7, 8, 10, 11, 11]
    first = run.walk(1)
    assert [one.tolist() for one in first.seeds.values()] == [[1.0, 10.0]]
    assert first.end().gradient(first.graph.leaves[0].id).tolist() == [2.0, 40.0]  # type: ignore[union-attr]
    second = run.walk(2)
    assert second.graph.leaves[0].name == "a"
    assert second.end().gradient(second.graph.leaves[0].id) == 4.0


def test_a_pass_is_kept_as_it_was_before_the_optimizer_wrote(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = record_script(script(TRAINING), ["6"], passes=(3,))
    printed = [line.split(" ", 1) for line in capsys.readouterr().out.splitlines()]
    assert losses(run) == [float(loss) for loss, _ in printed]
    assert [one.number for one in run.passes if one.is_kept] == [1, 3, 6]
    assert {one.nodes for one in run.passes} == {4}
    for number in (1, 3, 6, -1):
        w = run.walk(number)
        chosen = run.passes[number - 1 if number > 0 else number]
        (output,) = w.graph.outputs
        assert w.end().value(output.vertex) == chosen.loss
        weight = next(leaf for leaf in w.graph.leaves if leaf.name == "w")
        assert str(w.end().gradient(weight.id).tolist()) == printed[chosen.number - 1][1]  # type: ignore[union-attr]
        assert w.title == f"script.py, pass {chosen.number} of 6"
    assert run.walk().title == "script.py, pass 6 of 6"
    assert run.walk(1).graph.nodes[0].site.text == "X @ w"  # type: ignore[union-attr]


def test_another_pass_is_fetched_by_running_again(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = record_script(script(TRAINING), ["5"])
    capsys.readouterr()
    w = run.walk(4)
    assert capsys.readouterr().out == ""
    assert w.end().value(w.graph.outputs[0].vertex) == run.passes[3].loss
    assert w.notes == ("Pass 4 comes from a second run of the script.",)


def test_unseeded_numbers_of_the_old_generators_are_drawn_again(script: Any) -> None:
    path = script("""
import random
import numpy as np
import graphgrad as gg
for _ in range(4):
    x = gg.tensor([random.random() * np.random.random()], requires_grad=True)
    gg.sum(x * x).backward()
""")
    run = record_script(path)
    w = run.walk(2)
    assert w.end().value(w.graph.outputs[0].vertex) == np.float32(run.passes[1].loss)
    assert not any("differs" in note for note in w.notes)


def test_unseeded_weights_are_drawn_again(script: Any) -> None:
    path = script("""
import graphgrad as gg
for _ in range(4):
    gg.sum(gg.nn.Linear(3, 2)([[1.0, 2.0, 3.0]]) ** 2).backward()
""")
    run = record_script(path)
    assert len({one.loss for one in run.passes}) == 4
    assert not any("differs" in note for note in run.walk(2).notes)


def test_a_loss_that_differs_in_the_second_run_is_reported(script: Any) -> None:
    path = script("""
import numpy as np
import graphgrad as gg
rng = np.random.default_rng()
for _ in range(3):
    gg.sum(gg.tensor(rng.random(1), requires_grad=True) * 2.0).backward()
""")
    run = record_script(path)
    notes = run.walk(2).notes
    assert any("Its loss differs" in note and repr(run.passes[1].loss) in note for note in notes)


def test_a_second_run_that_doesnt_get_there(script: Any, tmp_path: Path) -> None:
    flag = tmp_path / "been"
    path = script(f"""
import pathlib
import graphgrad as gg
flag = pathlib.Path({str(flag)!r})
n = 1 if flag.exists() else 3
flag.touch()
for _ in range(n):
    gg.sum(gg.tensor([1.0], requires_grad=True) * 2.0).backward()
""")
    run = record_script(path)
    with pytest.raises(gg.GraphError, match=r"(?s)pass 2 wasn't kept.*second run made 1 pass.*--pass 2"):
        run.walk(2)


def test_modules_beside_the_script_are_imported_afresh(script: Any) -> None:
    script("count = 0\n", "state.py")
    path = script("""
import state
import graphgrad as gg
for _ in range(3):
    state.count += 1
    gg.sum(gg.tensor([float(state.count)], requires_grad=True) * 2.0).backward()
""")
    w = record_script(path).walk(2)
    assert w.end().value(w.graph.outputs[0].vertex) == 4.0
    assert not any("differs" in note for note in w.notes)


def test_passes_with_nan_are_kept(script: Any) -> None:
    path = script("""
import graphgrad as gg
for value in (1.0, 2.0, float("nan"), 4.0, float("inf"), 6.0, 7.0):
    gg.sum(gg.tensor([value], requires_grad=True) * 2.0).backward()
""")
    run = record_script(path)
    assert [one.number for one in run.passes if one.is_kept] == [1, 3, 5, 7]
    w = run.walk(3)
    assert np.isnan(w.values[w.graph.outputs[0].vertex][0])


def test_the_budget_is_named_when_it_is_full(script: Any) -> None:
    path = script("""
import numpy as np
import graphgrad as gg
for i in range(5):
    gg.sum(gg.tensor(np.full(100_000, float(i)), requires_grad=True) * 2.0).backward()
""")
    run = record_script(path, passes=(1, 2, 3, 4), budget=2 * 2**20)
    assert [one.number for one in run.passes if one.is_kept] == [1, 2, 5]
    assert len(run.messages) == 1
    assert "memory budget of 2 MiB was full: 2 passes" in run.messages[0]
    assert run.messages[0] in run.walk(1).notes
    w = run.walk(3)
    assert w.end().value(w.graph.outputs[0].vertex) == 2.0 * 2.0 * 100_000
    nothing = record_script(path, budget=1000)
    assert "2 passes could not be kept" in nothing.messages[0]  # the first and the last
    assert not any(one.is_kept for one in nothing.passes)
    with pytest.raises(gg.GraphError, match=r"more than the budget of 0\.000954 MiB"):
        nothing.walk(1)


def test_the_last_pass_is_kept_even_if_the_budget_is_full_of_nan(script: Any) -> None:
    path = script("""
import numpy as np
import graphgrad as gg
for i in range(6):
    gg.sum(gg.tensor(np.full(100_000, np.nan), requires_grad=True) * 2.0).backward()
""")
    run = record_script(path, budget=2 * 2**20)
    assert [one.number for one in run.passes if one.is_kept] == [1, 2, 6]
    assert "3 passes could not be kept" in run.messages[0]


def test_data_that_is_kept_once_counts_once(script: Any) -> None:
    path = script("""
import numpy as np
import graphgrad as gg
X = gg.tensor(np.full(100_000, np.nan))
for i in range(6):
    gg.sum(X * gg.tensor([1.0], requires_grad=True)).backward()
""")
    run = record_script(path, budget=2**20)
    assert all(one.is_kept for one in run.passes)
    assert run.messages == []


def test_the_callers_random_numbers_go_on_as_if_nothing_had_run(script: Any) -> None:
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random(2)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    run = record_script(script(TRAINING.replace("rng.normal(size=3)", "np.random.normal(size=3)")), ["4"])
    first = np.random.random()  # noqa: NPY002
    run.walk(2)
    assert [first, np.random.random()] == expected.tolist()  # noqa: NPY002


def test_data_that_nobody_writes_to_is_kept_once(script: Any) -> None:
    run = record_script(script(TRAINING), ["3"], passes=(1, 2, 3))

    def leaf(number: int, name: str) -> Any:
        graph = run._kept[number].graph
        return next(one.leaf.data for one in graph.leaves if one.name == name)  # type: ignore[union-attr]

    assert leaf(1, "X") is leaf(2, "X") is leaf(3, "X")
    assert not same_bits(leaf(1, "w"), leaf(2, "w"))


def test_a_leaf_written_between_the_result_and_its_pass(script: Any) -> None:
    path = script("""
import graphgrad as gg
x = gg.tensor([1.0], requires_grad=True, name="x")
y = gg.sum(x + 1.0)
x.data = [5.0]
y.backward()
""")
    run = record_script(path)
    assert losses(run) == [2.0]
    with pytest.raises(gg.GraphError, match="leaf 'x' was written since"):
        run.walk()


@pytest.mark.parametrize("number", [0, 3, -3])
def test_a_pass_that_is_not_there(script: Any, number: int) -> None:
    run = record_script(script(TRAINING), ["2"])
    with pytest.raises(gg.GraphError, match=rf"no pass {number}\n  expected: 1 to 2"):
        run.walk(number)


# ---- scripts without a pass, and how they end ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tensor", "scalar"])
def test_without_a_pass_the_last_result_is_offered(script: Any, kind: str) -> None:
    run = record_script(script(f"import graphgrad as gg\nx = gg.{kind}(3.0, name='x')\ny = x * x\nz = y + 1.0\n"))
    w = run.walk()
    assert [one.op for one in w.graph.nodes] == ["multiply", "add"]
    assert [one.kind for one in w.steps] == ["forward", "forward"]
    assert w.end().value(w.graph.outputs[0].vertex) == 10.0
    assert "makes no backward pass" in w.notes[0]
    with pytest.raises(gg.GraphError, match="makes no backward pass"):
        run.walk(1)


def test_a_script_that_computes_nothing(script: Any) -> None:
    with pytest.raises(gg.GraphError, match="computed nothing with graphgrad"):
        record_script(script("print(1)\n")).walk()


def test_a_script_that_fails_in_an_operation_shows_what_led_there(script: Any) -> None:
    path = script("""
import graphgrad as gg
x = gg.tensor([[1.0, 2.0]], requires_grad=True, name="x")
def net(x):
    h = gg.tanh(x)
    w = gg.ones((3, 1), name="w")
    return h @ w
net(x)
""")
    run = record_script(path)
    assert run.exit_code == 1
    assert run.error is not None
    assert run.error.op == "matmul"
    assert "the last axis of a (2)" in run.error.message
    assert run.error.traceback.startswith(
        "Traceback (most recent call last):\n  File " + f'"{path}", line 8, in <module>'
    )
    assert "runpy" not in run.error.traceback
    w = run.walk()
    assert [one.op for one in w.graph.nodes] == ["tanh", "matmul"]
    assert {one.name for one in w.graph.leaves} == {"x", "w"}
    failed = w.graph.failed
    assert failed is not None
    assert (failed.id, failed.error) == (run.error.vertex, run.error.message)
    assert [w.graph.vertices[one.vertex].name for one in failed.operands] == ["h", "w"]
    assert failed.site is not None
    assert (failed.site.line, failed.site.text) == (7, "h @ w")
    assert [step.kind for step in w.steps] == ["forward", "failed"]
    assert w.end().value(failed.id) is None
    assert not w.seeds
    assert "The script failed: matmul:" in w.notes[0]


def test_a_scalar_operation_that_fails(script: Any) -> None:
    run = record_script(script("import graphgrad as gg\na = gg.scalar(1.0, name='a')\nb = gg.exp(a)\nb + 'x'\n"))
    assert run.error is not None
    assert run.error.op == "add"
    assert [(one.op, one.error is None) for one in run.walk().graph.nodes] == [("exp", True), ("add", False)]


def test_results_in_a_script_are_named_as_in_any_recording(script: Any) -> None:
    run = record_script(script("import graphgrad as gg\nh = gg.tanh(gg.ones((1, 2)))\nh @ h\n"))
    assert run.error is not None
    assert "a: 'h' shape (1, 2)" in run.error.message


SHAPES = "x = gg.tensor([[1.0, 2.0]], requires_grad=True, name='x')\nh = gg.tanh(x)\n"


@pytest.mark.parametrize(
    ("code", "op", "operands"),
    [
        ("h @ np.ones((3, 3))", "matmul", ["h", None]),
        ("h @ 3.0", "matmul", ["h", 3.0]),
        ("h + 'text'", "add", ["h"]),
        ("h.reshape(5, 7)", "reshape", ["h"]),
        ("gg.sum(h, axis=9)", "sum", ["h"]),
        ("gg.reshape(h)", "reshape", ["h"]),
        ("gg.concat([h, x.T, h])", "concat", ["h", "permute_dims", "h"]),
        ("gg.stack([])", "stack", []),
        ("gg.nn.Linear(3, 2)(h)", "linear", ["h", "weight", "bias"]),
    ],
)
def test_whatever_an_operation_refuses_it_is_marked(script: Any, code: str, op: str, operands: list[Any]) -> None:
    w = record_script(script(f"import numpy as np\nimport graphgrad as gg\n{SHAPES}y = {code}\n")).walk()
    failed = w.graph.failed
    assert failed is not None
    assert failed.op == op
    read = [w.graph.vertices[one.vertex] for one in failed.operands]
    assert [one.leaf if one.is_constant else one.name or one.op for one in read] == operands
    assert list(w.graph)[-1] is failed
    assert from_json(to_json(w)).graph.failed.error == failed.error  # type: ignore[union-attr]


def test_a_failed_operation_in_a_recording_of_the_scripts_own(script: Any) -> None:
    path = script("import graphgrad as gg\nwith gg.record():\n    y = gg.exp(gg.ones((2, 2))) @ gg.ones((3, 3))\n")
    nodes = record_script(path).walk().graph.nodes
    assert [(one.op, one.name, one.error is None) for one in nodes] == [("exp", None, True), ("matmul", "y", False)]


def test_a_failure_that_the_script_wrapped_in_its_own(script: Any) -> None:
    path = script(
        f"import graphgrad as gg\n{SHAPES}try:\n    h @ h\nexcept gg.ShapeError as error:\n"
        "    raise RuntimeError('layer 3') from error\n"
    )
    run = record_script(path)
    assert run.error is not None
    assert (run.error.message, run.error.op) == ("layer 3", "matmul")
    assert run.walk().graph.failed is not None


@pytest.mark.parametrize("end", ["", "raise KeyError('mine')\n"])
def test_a_failure_that_the_script_handled_is_none(script: Any, end: str) -> None:
    path = script(f"import graphgrad as gg\n{SHAPES}try:\n    h @ h\nexcept gg.ShapeError:\n    pass\n{end}")
    run = record_script(path)
    assert (run.error is None) == (end == "")
    assert run.walk().graph.failed is None
    assert [one.op for one in run.walk().graph.nodes] == ["tanh"]


def test_a_script_that_fails_elsewhere_shows_what_it_computed_last(script: Any) -> None:
    path = script(TRAINING + "raise KeyError('mine')\n")
    run = record_script(path, ["2"])
    assert run.error is not None
    assert run.error.op is None
    assert run.error.traceback.rstrip().endswith("KeyError: 'mine'")
    assert len(run.passes) == 2
    assert "This is what it computed last" in run.walk().notes[0]
    assert run.walk(1).title == "script.py, pass 1 of 2"


def test_a_script_that_is_no_python(script: Any) -> None:
    run = record_script(script("x = = 1\n"))
    assert run.error is not None
    assert "SyntaxError" in run.error.traceback
    with pytest.raises(gg.GraphError, match="failed before it computed anything"):
        run.walk()


def test_an_interrupt_keeps_what_was_recorded(script: Any) -> None:
    run = record_script(
        script(TRAINING.replace("    print(", "    if i == 2: raise KeyboardInterrupt\n    print(")), ["9"]
    )
    assert run.interrupted
    assert run.error is None
    assert len(run.passes) == 3
    assert any("interrupted" in note for note in run.walk(3).notes)


@pytest.mark.parametrize(("code", "expected"), [("", 0), ("0", 0), ("3", 3), ("'no data'", 1)])
def test_sys_exit(script: Any, code: str, expected: int) -> None:
    run = record_script(script(TRAINING + f"sys.exit({code})\n"), ["2"])
    assert run.error is None
    assert run.exit_code == expected
    says = {"3": "The script exited with status 3.", "'no data'": "The script exited: no data"}
    assert run.messages == ([says[code]] if code in says else [])
    assert len(run.passes) == 2


def test_recording_holds_no_nodes_of_passes_that_are_over(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("""
import gc
import graphgrad as gg
from graphgrad.graph.node import Node
w = gg.tensor([1.0], requires_grad=True)
for i in range(30):
    with gg.no_grad():
        metric = gg.mean(w * 2.0)
    loss = gg.sum(gg.tanh(w) * w)
    loss.backward()
    del loss, metric
    print(sum(type(one) is Node for one in gc.get_objects()))
""")
    run = record_script(path)
    counts = [int(line) for line in capsys.readouterr().out.split()]
    assert len(run.passes) == len(counts) == 30
    assert counts[-1] <= counts[2]


def test_numbers_are_the_same_with_and_without_recording(
    script: Any, capsys: pytest.CaptureFixture[str], run_python: Any
) -> None:
    path = script(TRAINING)
    record_script(path, ["4"])
    assert capsys.readouterr().out == run_python(str(path), "4").stdout
