"""How many threads compute: the kernels' and those of BLAS, in this process only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import graphgrad as gg
from graphgrad.kernels import blas_threads, threads
from graphgrad.kernels.blas_threads import blas_libraries, one_thread, use_threads
from graphgrad.kernels.threads import in_parallel, processors, shares


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    counts = [count for _, count in blas_libraries()]
    monkeypatch.setattr(threads, "_wanted", None)
    yield
    with blas_threads._threads.lock:
        blas_threads._threads.set(counts)


def of_blas() -> list[int]:
    return [count for _, count in blas_libraries()]


def test_it_is_the_number_of_processors_until_it_is_set() -> None:
    assert gg.get_num_threads() == processors() >= 1


@pytest.mark.parametrize("n", [1, 2, 3, np.int64(2)])
def test_it_governs_the_kernels_and_blas(n: int) -> None:
    gg.set_num_threads(n)
    assert gg.get_num_threads() == processors() == n
    assert type(gg.get_num_threads()) is int
    assert len(shares(100)) == n
    assert len(of_blas()) >= 2, "NumPy's and SciPy's"
    assert set(of_blas()) == {n}
    barrier = threading.Barrier(n, timeout=60)  # nobody passes it unless so many are at work

    def meet(k: int) -> str:
        barrier.wait()
        return threading.current_thread().name

    assert len(set(in_parallel(meet, range(n)))) == n


def test_with_one_the_work_stays_in_this_thread() -> None:
    gg.set_num_threads(3)
    in_parallel(abs, range(6))
    gg.set_num_threads(1)
    assert set(in_parallel(lambda k: threading.current_thread(), range(6))) == {threading.current_thread()}


def test_never_more_than_were_asked_for() -> None:
    """Threads of an earlier, larger number still wait; they get no work."""
    gg.set_num_threads(4)
    barrier = threading.Barrier(4, timeout=60)
    in_parallel(lambda k: barrier.wait(), range(4))
    gg.set_num_threads(2)

    def work(k: int) -> threading.Thread:
        time.sleep(0.02)
        return threading.current_thread()

    assert len(set(in_parallel(work, range(8)))) <= 2


def test_setting_it_while_blas_is_held_to_one_waits_for_the_end() -> None:
    use_threads(2)
    with one_thread():
        gg.set_num_threads(3)
        assert set(of_blas()) == {1}
        assert gg.get_num_threads() == 3
    assert set(of_blas()) == {3}


def test_another_thread_may_set_it() -> None:
    gg.set_num_threads(2)
    with one_thread():
        pass
    worker = threading.Thread(target=gg.set_num_threads, args=(3,))
    worker.start()
    worker.join()
    assert gg.get_num_threads() == 3
    assert set(of_blas()) == {3}


def test_whoever_limited_blas_before_does_not_keep_it() -> None:
    """Of several threads that do, threadpoolctl obeys the first for as long as that one lives."""
    done, limited = threading.Event(), threading.Event()

    def other() -> None:
        limits = threadpool_limits(2, "blas")
        limited.set()
        done.wait(60)
        limits.unregister()

    worker = threading.Thread(target=other)
    worker.start()
    try:
        assert limited.wait(60)
        gg.set_num_threads(3)
        assert set(of_blas()) == {3}
    finally:
        done.set()
        worker.join()


@pytest.mark.parametrize("n", [0, -1, 1.0, True, "2", None])
def test_what_is_no_number_of_threads_is_refused_and_changes_nothing(n: Any) -> None:
    gg.set_num_threads(2)
    with pytest.raises(ValueError, match=r"set_num_threads: an integer from 1 is needed\n  got: "):
        gg.set_num_threads(n)
    assert gg.get_num_threads() == 2
    assert set(of_blas()) == {2}


def test_other_processes_have_a_number_of_their_own(run_python: Any) -> None:
    gg.set_num_threads(7)
    assert run_python("-c", "import graphgrad as gg; print(gg.get_num_threads())").stdout != "7\n"


def test_a_library_that_comes_later_has_as_many_threads(run_python: Any) -> None:
    """SciPy's takes long to load, and isn't for a product of NumPy's."""
    code = """
import sys
import numpy as np
import graphgrad as gg
from graphgrad.kernels.blas_threads import _threads, blas_libraries, one_thread
gg.set_num_threads(3)
gg.nn.functional.linear(np.ones((100, 100)), np.ones((100, 100)))
assert "scipy" not in sys.modules
before = len(_threads.found)
import scipy.linalg.cython_blas
with one_thread():
    held = [library.get_num_threads() for library in _threads.found]
print(len(held) > before, set(held), {count for _, count in blas_libraries()})
"""
    assert run_python("-c", code, timeout=60).stdout == "True {1} {3}\n"
