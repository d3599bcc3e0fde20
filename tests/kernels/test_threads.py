"""Work on several processors: split evenly, in order, with errors passed on."""

from __future__ import annotations

import os
import signal
import threading
import time
import weakref
from typing import Any

import numpy as np
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


@pytest.mark.usefixtures("three")
def test_work_inside_of_work_stays_in_its_thread() -> None:
    barrier = threading.Barrier(2, timeout=60)  # the third has nothing to do, and must not be asked

    def inside(k: int) -> bool:
        time.sleep(0.01)
        return threading.current_thread() is here[k]

    def outside(k: int) -> list[bool]:
        here[k] = threading.current_thread()
        barrier.wait()
        return in_parallel(lambda _: inside(k), range(4))

    here: dict[int, threading.Thread] = {}
    assert in_parallel(outside, range(2)) == [[True] * 4] * 2
    assert threading.current_thread() in here.values()
    assert sorted(in_parallel(lambda k: barrier.wait(), range(2))) == [0, 1], "afterwards work is shared out again"


@pytest.mark.usefixtures("three")
def test_the_calling_thread_does_what_nobody_else_has_begun() -> None:
    """While the others sleep, or are held up, it goes on alone."""
    here, enough = threading.current_thread(), threading.Event()
    by_this: list[int] = []

    def work(k: int) -> None:
        if threading.current_thread() is not here:
            enough.wait(60)
            return
        by_this.append(k)
        if len(by_this) == 5:
            enough.set()

    in_parallel(work, range(9))
    assert len(by_this) >= 5
    assert enough.is_set()


@pytest.mark.usefixtures("three")
def test_after_an_error_nothing_runs_and_nothing_more_begins() -> None:
    at_work, begun = threading.Barrier(3, timeout=60), []
    ended = []

    def work(k: int) -> None:
        begun.append(k)
        at_work.wait()
        if k == 0:
            raise KeyError(k)
        time.sleep(0.5)
        ended.append(k)

    with pytest.raises(KeyError):
        in_parallel(work, range(30))
    assert sorted(begun) == [0, 1, 2]
    assert sorted(ended) == [1, 2]


@pytest.mark.usefixtures("three")
def test_several_threads_share_out_work_at_once() -> None:
    results: dict[int, list[int]] = {}

    def share_out(k: int) -> None:
        for _ in range(50):
            results[k] = in_parallel(lambda i: i * k, range(10))

    callers = [threading.Thread(target=share_out, args=(k,)) for k in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert results == {k: [i * k for i in range(10)] for k in range(4)}


def test_work_done_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was shared out is let go of, by threads that sleep too."""
    monkeypatch.setattr(threads, "processors", lambda: 3)
    monkeypatch.setattr(threads, "_pool", threads._Pool())
    array = np.ones(3)
    gone = weakref.ref(array)
    in_parallel(array.__getitem__, range(3))
    del array
    for _ in range(1000):
        if gone() is None:
            return
        time.sleep(0.01)
    pytest.fail("it is still referred to")


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


@pytest.mark.usefixtures("three")
def test_an_interruption_waits_for_those_who_write() -> None:
    """^C while others are at work comes out when nobody writes any more, and no further item is begun."""
    at_work, interrupted = threading.Barrier(3, timeout=60), threading.Event()
    here = threading.current_thread()
    ended: list[int] = []

    def work(k: int) -> None:
        at_work.wait()
        if threading.current_thread() is here:
            interrupted.set()
            signal.raise_signal(signal.SIGINT)
            time.sleep(60)
        interrupted.wait(60)
        time.sleep(0.2)
        ended.append(k)

    with pytest.raises(KeyboardInterrupt):
        in_parallel(work, range(30))
    assert len(ended) == 2


@pytest.mark.usefixtures("three")
def test_an_interruption_of_the_waiting_waits_too() -> None:
    at_work, here = threading.Barrier(3, timeout=60), threading.current_thread()
    ended: list[int] = []

    def work(k: int) -> None:
        at_work.wait()
        if threading.current_thread() is here:
            return
        time.sleep(0.3)  # by now the one who shared out waits
        if not ended:
            signal.pthread_kill(here.ident or 0, signal.SIGINT)
        ended.append(k)
        time.sleep(0.3)
        ended.append(-1)

    with pytest.raises(KeyboardInterrupt):
        in_parallel(work, range(3))
    assert ended.count(-1) == 2
