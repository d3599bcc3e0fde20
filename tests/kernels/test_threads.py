"""Work on several processors: split evenly, in order, with errors passed on."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from graphgrad.kernels import threads
from graphgrad.kernels.threads import in_parallel, processors, shares


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: 3)
    monkeypatch.setattr(threads, "_pool", threads._Pool())


def test_there_is_a_processor() -> None:
    assert 1 <= processors() <= (os.cpu_count() or 1)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 10, 1000])
def test_shares_are_even_and_cover_all(count: int) -> None:
    parts = shares(count)
    assert [k for part in parts for k in part] == list(range(count))
    assert all(parts)
    assert len(parts) == min(count, 3)
    assert max(map(len, parts), default=0) - min(map(len, parts), default=0) <= 1


@pytest.mark.usefixtures("three")
def test_results_are_in_the_order_of_the_items_and_work_is_shared() -> None:
    barrier = threading.Barrier(3, timeout=60)  # nobody passes it alone

    def square(k: int) -> tuple[int, str]:
        barrier.wait()
        return k * k, threading.current_thread().name

    results = in_parallel(square, range(3))
    assert [value for value, _ in results] == [0, 1, 4]
    assert len({name for _, name in results}) == 3


@pytest.mark.usefixtures("three")
def test_one_item_stays_in_this_thread() -> None:
    assert in_parallel(lambda k: threading.current_thread(), [1]) == [threading.current_thread()]
    assert in_parallel(lambda k: k, []) == []


def test_on_one_processor_no_thread_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: 1)
    assert set(in_parallel(lambda k: threading.current_thread(), range(5))) == {threading.current_thread()}


@pytest.mark.usefixtures("three")
def test_an_error_comes_out() -> None:
    def fail(k: int) -> Any:
        if k == 1:
            raise ValueError("the second")
        return k

    with pytest.raises(ValueError, match="the second"):
        in_parallel(fail, range(3))
    assert in_parallel(abs, [-1, -2, -3]) == [1, 2, 3]


@pytest.mark.usefixtures("three")
def test_work_inside_of_work_ends() -> None:
    """Threads that wait for threads of the same pool would wait for ever."""
    nested = in_parallel(lambda k: in_parallel(lambda i: i + k, range(3)), range(6))
    assert nested == [[k, k + 1, k + 2] for k in range(6)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_begins_threads_of_its_own(run_python: Any) -> None:
    code = """
import os, warnings
warnings.simplefilter("ignore")
from graphgrad.kernels import threads
threads.processors = lambda: 2
assert threads.in_parallel(abs, [-1, -2]) == [1, 2]
child = os.fork()
if not child:
    os._exit(0 if threads.in_parallel(abs, [-3, -4]) == [3, 4] else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_python("-c", code, timeout=60).stdout == "0\n"
