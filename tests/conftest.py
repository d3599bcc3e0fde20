"""What every test shares: reproducible draws, fresh kernel caches, checked markers, and fresh interpreters."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from graphgrad.ops import TABLE
from graphgrad.ops.custom import remove_custom_op

pytest_plugins = ["tests.worked"]

ROOT = Path(__file__).resolve().parent.parent

IN_CI = os.environ.get("CI", "") not in ("", "0", "false")

# The same examples in every run, and no verdict that depends on how busy the machine is.
settings.register_profile(
    "graphgrad",
    derandomize=True,
    deadline=None,
    max_examples=25 if IN_CI else 100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("graphgrad")

MARKER_IDS = {"worked": re.compile(r"W\d{3}"), "curriculum": re.compile(r"P\d{2}\.\d{2}")}


@pytest.fixture(autouse=True)
def the_table_stays() -> Iterator[None]:
    """The table of operations as it was: what a test or an example declares is nobody else's."""
    before = set(TABLE)
    yield
    if len(TABLE) != len(before):
        for name in set(TABLE) - before:
            remove_custom_op(name)


def pytest_configure(config: pytest.Config) -> None:
    """Give a CI run an empty kernel cache, so that it proves that every kernel compiles."""
    if not IN_CI or hasattr(config, "workerinput"):  # a worker of xdist inherits its parent's
        return
    cache = tempfile.mkdtemp(prefix="graphgrad-numba-")
    config.add_cleanup(lambda: shutil.rmtree(cache, ignore_errors=True))
    os.environ["NUMBA_CACHE_DIR"] = cache


def marker_error(name: str, args: Sequence[object]) -> str | None:
    """What is wrong with the ids of a `worked` or `curriculum` marker; None if they are well formed."""
    pattern = MARKER_IDS[name]
    if not args:
        return f"@pytest.mark.{name} needs at least one id"
    wrong = [arg for arg in args if not (isinstance(arg, str) and pattern.fullmatch(arg))]
    return f"@pytest.mark.{name}: {wrong[0]!r} is not of the form {pattern.pattern}" if wrong else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a marker that names no id: it would count as coverage of nothing."""
    for item in items:
        for name in MARKER_IDS:
            for marker in item.iter_markers(name):
                error = marker_error(name, marker.args)
                if error:
                    raise pytest.UsageError(f"{item.nodeid}: {error}")


RunPython = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a process that imports graphgrad from this checkout and draws on no screen."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tui")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "MPLBACKEND": "Agg",
        "TERM": "dumb",
    }


@pytest.fixture
def run_python(tmp_path: Path, environment: dict[str, str]) -> RunPython:
    """Run Python in a fresh interpreter: `run_python("-c", code)`; both streams are captured as text.

    The process starts in the test's own temporary directory and imports graphgrad from this checkout.
    A non-zero exit status fails the test unless `check=False`.
    """

    def run(*args: str, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *args],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
        )
        if check and done.returncode != 0:
            pytest.fail(f"exit status {done.returncode} of {args}\n{done.stdout}{done.stderr}", pytrace=False)
        return done

    return run
