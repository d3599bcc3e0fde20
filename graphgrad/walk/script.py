"""Any script, walked unchanged: it runs as ``__main__`` under recording, and every backward pass that it makes is kept.

A training script makes thousands of passes, and its optimizer writes to the parameters right after each. So a pass that
is kept is kept as a graph with copies of its leaves, from which its walk is made when somebody asks; the others are a
row in an index, and are fetched by running the script again.
"""

from __future__ import annotations

import contextlib
import math
import os
import runpy
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from graphgrad.graph.errors import GraphError, describe
from graphgrad.graph.failure import FailedOperation, with_failed
from graphgrad.graph.graph import Graph
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.node import Node
from graphgrad.graph.record import Recording
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.source import Site, call_site
from graphgrad.graph.tensor import Tensor
from graphgrad.walk.process import RandomState, as_main, random_state, with_random_state
from graphgrad.walk.trace import check_unwritten, trace
from graphgrad.walk.walk import Walk

__all__ = ["BUDGET", "Failure", "Pass", "ScriptRun", "record_script"]

Array = np.ndarray[Any, Any]
Result = Tensor | Scalar

BUDGET = 512 * 2**20
"""How many bytes the kept passes may take, unless told otherwise."""

_VERTEX_BYTES = 1_000  # about what a vertex takes, beside the values of leaves


@dataclass(slots=True)
class Pass:
    """One backward pass that a script made.

    Attributes
    ----------
    number
        From 1, in order.
    loss
        The number that it started from; None if that were several numbers.
    site
        The place in the script.
    nodes
        How many operations led to the result.
    is_kept
        Whether its values are at hand; if not, the script runs again for them.
    """

    number: int
    loss: float | None
    site: Site | None
    nodes: int
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """The exception that ended a script.

    Attributes
    ----------
    message
        What it said.
    traceback
        The traceback from the script's own line on, as Python prints it.
    op
        The operation that raised, None if the exception came from elsewhere.
    vertex
        Its id in the script's walk, which ends there.
    """

    message: str
    traceback: str
    op: str | None = None
    vertex: int | None = None


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A graph as it was at one moment, ready to be walked; or the reason why it can't be."""

    graph: Graph
    gradient: Any = None
    problem: str = ""

    def arrays(self) -> dict[int, Array]:
        """The values of its leaves, by identity: those that nobody writes to are shared among snapshots."""
        values = [leaf.leaf.data for leaf in self.graph.leaves if isinstance(leaf.leaf, Tensor)]
        return {id(value): value for value in values}

    def size(self, held: Mapping[int, Array]) -> int:
        """About how many bytes it takes beside what is held anyway."""
        leaves = sum(value.nbytes for key, value in self.arrays().items() if key not in held)
        return leaves + _VERTEX_BYTES * len(self.graph)

    def walk(self, title: str, notes: Sequence[str], backward: bool = True) -> Walk:
        if self.problem:
            raise GraphError(self.problem)
        return trace(self.graph, self.gradient, title=title, notes=notes, backward=backward)


@dataclass
class ScriptRun:
    """What a script did.

    Attributes
    ----------
    path, argv
        The script and its arguments.
    passes
        Every backward pass, in order.
    error
        What ended the script early, None if it came to its end.
    exit_code
        What the script gave to ``sys.exit``; 0 if nothing, 1 after an error.
    interrupted
        Whether ^C ended it.
    messages
        What the user should know about the run, a sentence each.
    """

    path: str
    argv: tuple[str, ...]
    budget: int
    passes: list[Pass] = field(default_factory=list)
    error: Failure | None = None
    exit_code: int = 0
    interrupted: bool = False
    messages: list[str] = field(default_factory=list)
    _kept: dict[int, _Snapshot] = field(default_factory=dict, repr=False)
    _last_result: _Snapshot | None = field(default=None, repr=False)
    _random: RandomState = field(default=(), repr=False)

    def walk(self, number: int | None = None) -> Walk:
        """The walk of a pass.

        Parameters
        ----------
        number
            Which pass: from 1, or from the end if negative. Without one: if the script failed, what it had computed
            when it did; else the last pass, which is what the script came to; and if there was none, the last result,
            forward only.

        Returns
        -------
        Walk
            With notes about everything that isn't as it seems.

        Raises
        ------
        GraphError
            If there is no such pass, or nothing at all was computed; if a leaf was written between the result and its
            pass; or if the script, run again for a pass that wasn't kept, doesn't get that far.
        """
        name = os.path.basename(self.path)
        if number is None and (self.error is not None or not self.passes):
            return self._walk_of_result(name)
        chosen = self._pass(-1 if number is None else number)
        title = f"{name}, pass {chosen.number} of {len(self.passes)}"
        kept = self._kept.get(chosen.number)
        if kept is not None:
            return kept.walk(title, self.messages)
        return self._fetch(chosen, title)

    def _walk_of_result(self, name: str) -> Walk:
        if self._last_result is None:
            what = "failed before it computed anything" if self.error else "computed nothing"
            raise GraphError(
                describe(f"{name}: {what} with graphgrad", *([self.error.message] if self.error else self.messages))
            )
        if self.error is None:
            why = "The script makes no backward pass: this is its last result, forward only."
        else:
            why = f"The script failed: {self.error.message.splitlines()[0]}. This is what "
            why += f"led to {self.error.op}." if self.error.op else "it computed last."
        title = f"{name}, last result" if self.error is None else f"{name}, until it failed"
        return self._last_result.walk(title, [why, *self.messages], backward=False)

    def _pass(self, number: int) -> Pass:
        count = len(self.passes)
        if not count:
            raise GraphError(describe(f"{os.path.basename(self.path)}: the script makes no backward pass"))
        if number == 0 or abs(number) > count:
            raise GraphError(
                describe(f"there is no pass {number}", f"expected: 1 to {count}, or -{count} to -1 from the end")
            )
        return self.passes[number - 1 if number > 0 else number]

    def _fetch(self, chosen: Pass, title: str) -> Walk:
        """Run the script again, as far as a pass that wasn't kept."""
        number = chosen.number
        with (
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
        ):
            again = _run(self.path, self.argv, (number,), self.budget, self._random, stop_after=number)
        kept = again._kept.get(number)
        if kept is None:
            reached = len(again.passes)
            raise GraphError(
                describe(
                    f"pass {number} wasn't kept, and running the script again didn't bring it back",
                    f"the second run made {reached} {'pass' if reached == 1 else 'passes'}"
                    if reached < number
                    else f"its values alone are more than the budget of {_mebibytes(self.budget)}",
                    *([f"it failed: {again.error.message}"] if again.error else again.messages),
                    hint=f"name the pass from the start, --pass {number}, and seed the script's random numbers",
                )
            )
        notes = [*self.messages, f"Pass {number} comes from a second run of the script."]
        first, second = chosen.loss, again.passes[number - 1].loss
        if first != second and not (first != first and second != second):
            notes.append(
                f"Its loss differs: {second!r} in the second run, {first!r} in the first."
                " The script depends on something that changes, such as random numbers without a seed."
            )
        return kept.walk(title, notes)


def record_script(
    path: str | os.PathLike[str], argv: Sequence[str] = (), passes: Sequence[int] = (), budget: int = BUDGET
) -> ScriptRun:
    """Run a Python script as ``__main__``, unchanged, and keep the backward passes that it makes.

    However it makes them: `Tensor.backward`, `Scalar.backward`, `grad` and `value_and_grad` count alike. The first pass
    and the last are kept with their values, and those whose loss is nan or infinite. The script's output goes where it
    always goes. Passes in threads that the script starts aren't seen.

    Parameters
    ----------
    path
        The script.
    argv
        Its own arguments.
    passes
        Further passes to keep, by number.
    budget
        How many bytes the kept passes may take. The others are fetched by running again.

    Returns
    -------
    ScriptRun
        Also if the script raised, or was interrupted: then with what it had done by then.

    Raises
    ------
    FileNotFoundError
        If there is no such script.
    """
    full = os.path.abspath(path)
    if not os.path.isfile(full):
        raise FileNotFoundError(describe(f"record_script: there is no file {os.fspath(path)!r}"))
    # A script may draw random numbers that it never seeds; a second run shall draw the same.
    return _run(full, tuple(argv), tuple(passes), budget, random_state())


class _EnoughError(BaseException):
    """Ends a second run once the pass that it is for has been seen."""


def _run(
    path: str,
    argv: Sequence[str],
    wanted: Sequence[int],
    budget: int,
    state: RandomState,
    stop_after: int | None = None,
) -> ScriptRun:
    run = ScriptRun(path, tuple(argv), budget, _random=state)
    recorder = _Recorder(run, wanted, stop_after)
    with as_main(path, argv), with_random_state(state):
        token = MODE.set(Mode(True, recorder, ""))
        try:
            runpy.run_path(path, run_name="__main__")
        except _EnoughError:
            pass
        except SystemExit as exit:
            run.exit_code = _exit_code(exit, run.messages)
        except KeyboardInterrupt:
            run.interrupted = True
            run.exit_code = 130
            run.messages.append("The script was interrupted; this is what it had done by then.")
        except Exception as error:  # noqa: BLE001 - whatever a script raises is shown to whoever wrote it
            run.exit_code = 1
            recorder.fail(error)
        finally:
            if run.error is None and not run.passes:
                recorder.keep_last_result()
            MODE.reset(token)
    recorder.finish()
    return run


def _exit_code(exit: SystemExit, messages: list[str]) -> int:
    if exit.code is None or exit.code == 0:
        return 0
    if isinstance(exit.code, int):
        messages.append(f"The script exited with status {exit.code}.")
        return exit.code
    messages.append(f"The script exited: {exit.code}")
    return 1


class _Recorder(Recording):
    """Listens to a script: hears of its passes, and remembers its last result."""

    def __init__(self, run: ScriptRun, wanted: Sequence[int], stop_after: int | None) -> None:
        super().__init__(self.passing, self.failing)
        self.run = run
        self.wanted = set(wanted)
        self.stop_after = stop_after
        self.used = 0
        self.held: dict[int, Array] = {}
        self.left_out: list[Pass] = []
        self.latest: tuple[Result, ...] = ()
        self.failure: FailedOperation | None = None
        self.last: tuple[Pass, _Snapshot] | None = None
        self.stays = False  # whether the last is kept for another reason too

    # What is recorded: not a list of all nodes, which over a long training would hold on to all of them.

    def keep(self, node: Node, outputs: tuple[Tensor, ...]) -> None:
        self.latest = outputs

    def scalar(self, scalar: Scalar) -> None:
        self.latest = (scalar,)

    def failing(self, failed: FailedOperation) -> None:
        """An operation raised, here or in a recording of the script's own."""
        self.failure = failed

    def passing(self, result: Result, gradient: Any) -> None:
        """A pass ran."""
        token = MODE.set(Mode(True, None, ""))  # what is done here isn't the script's doing
        try:
            self.note(result, gradient)
        finally:
            MODE.reset(token)
        if self.stop_after is not None and len(self.run.passes) >= self.stop_after:
            raise _EnoughError

    def note(self, result: Result, gradient: Any) -> None:
        graph = Graph.of(result)
        number = len(self.run.passes) + 1
        loss = float(result.data) if isinstance(result, Scalar) or result.size == 1 else None
        one = Pass(number, loss, call_site(), len(graph.nodes))
        self.run.passes.append(one)
        if isinstance(gradient, Tensor):
            gradient = gradient.data
        snapshot = self.snapshot(graph, None if gradient is None else np.array(gradient))
        if self.last is not None and not self.stays:
            del self.run._kept[self.last[0].number]
            self.last[0].is_kept = False
        self.last = None
        wanted = number == 1 or number in self.wanted or (loss is not None and not math.isfinite(loss))
        size = snapshot.size(self.held)
        self.stays = wanted and self.used + size <= self.run.budget
        if self.stays:
            self.used += size
            self.held |= snapshot.arrays()
        elif wanted:
            self.left_out.append(one)
        # The last pass comes on top of the budget's others: nobody knows that it is the last.
        if size <= self.run.budget:
            self.run._kept[number] = snapshot
            one.is_kept = True
            self.last = one, snapshot

    def snapshot(self, graph: Graph, gradient: Any = None) -> _Snapshot:
        try:
            check_unwritten(graph)
        except GraphError as error:
            return _Snapshot(graph, problem=str(error))
        return _Snapshot(graph.freeze(self.unchanged(graph)), gradient)

    def unchanged(self, graph: Graph) -> dict[int, tuple[Array]]:
        """The copies of leaves that the last pass had already and nobody has written to: data, mostly."""
        if self.last is None:
            return {}
        before = self.last[1].graph.vertices
        found = {}
        for leaf in graph.leaves:
            old = before.get(leaf.id)
            pair = None if old is None else old.leaf, leaf.leaf
            if isinstance(pair[0], Tensor) and isinstance(pair[1], Tensor) and _same_bits(pair[0].data, pair[1].data):
                found[leaf.id] = (pair[0].data,)
        return found

    # How it ends.

    def keep_last_result(self) -> None:
        """Take a snapshot of the computation that leads to the last result."""
        if self.latest:
            self.keep_result(Graph.of(*self.latest))

    def keep_result(self, graph: Graph) -> None:
        token = MODE.set(Mode(True, None, ""))
        try:
            self.run._last_result = self.snapshot(graph)
        finally:
            MODE.reset(token)

    def fail(self, error: Exception) -> None:
        """Keep what an exception tells: the operation that raised it, if one did, and what led there."""
        graph = self.failure.graph if self.failure is not None and self.failure.error in _with_causes(error) else None
        failed = graph.failed if graph is not None else None
        if graph is None or failed is None:
            self.keep_last_result()
        elif graph.outputs:
            self.keep_result(graph)
        elif self.latest:  # nothing that it was called with is in a graph
            self.keep_result(with_failed(Graph.of(*self.latest), failed))
        message = str(error) or type(error).__name__
        text = "".join(traceback.TracebackException(type(error), error, _own(error, self.run.path)).format())
        self.run.error = Failure(message, text) if failed is None else Failure(message, text, failed.op, failed.id)

    def finish(self) -> None:
        """Say what was left out."""
        last = self.run.passes[-1:]
        count = len({one.number for one in (*self.left_out, *last) if not one.is_kept})
        if count:
            self.run.messages.append(
                f"The memory budget of {_mebibytes(self.run.budget)} was full: {count} pass{'es' * (count > 1)}"
                " could not be kept. Each is fetched by running again; record_script(..., budget=...) takes a larger"
                " one."
            )


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those that were handled when it was raised: a script may have wrapped the first in another."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _own(error: Exception, path: str) -> TracebackType | None:
    """The traceback from the script's first line on, without the machinery that ran it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    return trace


def _same_bits(a: Array, b: Array) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    left, right = (np.ascontiguousarray(one).reshape(-1).view(np.uint8) for one in (a, b))
    return np.array_equal(left, right)


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.3g} MiB"
