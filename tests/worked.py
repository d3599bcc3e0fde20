"""A pytest plugin for tests that check worked numbers of the curriculum.

    @pytest.mark.worked("W010")
    def test_vector_jacobian_product(example, check):
        x = gg.tensor(example.input["x"], dtype="float64", requires_grad=True)
        y = gg.stack([x[0] * x[1], x[0] + x[1], x[0] ** 2])
        y.backward(example.input["h"])
        check(example, {"x_grad": x.grad})

The marker names worked numbers by id; with several, the test runs once for each. A test that takes `example` has to
check it. A test that only wears the marker says that it checks the number in its own way.
"""

import math
from collections.abc import Collection, Generator, Iterator, Mapping
from typing import Any, Protocol

import pytest

from graphgrad.lessons.curriculum import UnknownIdError, WorkedNumber, worked

SHOWN = 10  # differences in one message

TAKEN = pytest.StashKey[WorkedNumber]()
CHECKED = pytest.StashKey[set[str]]()


class Check(Protocol):
    """The type of the fixture `check`."""

    def __call__(self, example: WorkedNumber, results: Mapping[str, object], *, skip: Collection[str] = ()) -> None: ...


# --- the fixtures ----------------------------------------------------------------------------------------------------


@pytest.fixture
def example(request: pytest.FixtureRequest) -> WorkedNumber:
    """The worked number that the test's marker names."""
    if not hasattr(request, "param"):
        pytest.fail('a test that takes `example` names a worked number: @pytest.mark.worked("W...")', pytrace=False)
    taken = request.node.stash[TAKEN] = worked(request.param)
    return taken


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Check:
    """Compare results with what a worked number expects: `check(example, {"h": h, "dw": w.grad})`.

    Every expected value needs a result, unless `skip` names it, and every result an expected value. Results may be
    tensors, scalars, arrays, numbers, strings, sequences and mappings of these; shapes must agree. Numbers a and
    expected b are equal if |a - b| <= tolerance * max(1, |b|), or |a - b| <= tolerance if the tolerance is 1 or more;
    NaN equals NaN, and an infinity only itself.
    """
    checked = request.node.stash.setdefault(CHECKED, set())

    def check(example: WorkedNumber, results: Mapping[str, object], *, skip: Collection[str] = ()) -> None:
        __tracebackhide__ = True
        checked.add(example.id)
        complaints = [*misnamed(example, results, skip), *differing(example, results)]
        if complaints:
            more = [f"... and {len(complaints) - SHOWN} more"] if len(complaints) > SHOWN else []
            pytest.fail("\n  ".join([f"{example.id} ({example.key}): {example.title}", *complaints[:SHOWN], *more]))

    return check


# --- the hooks -------------------------------------------------------------------------------------------------------


def marked(node: pytest.Item) -> list[str]:
    """The ids that the `worked` markers of a test name, each once."""
    return list(dict.fromkeys(id for marker in node.iter_markers("worked") for id in marker.args))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `example` once for each worked number."""
    ids = marked(metafunc.definition)
    if "example" in metafunc.fixturenames and ids:
        metafunc.parametrize("example", ids, indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a marker that names no worked number of the curriculum."""
    for item in items:
        for id in marked(item):
            try:
                worked(id)
            except UnknownIdError as error:
                raise pytest.UsageError(f"{item.nodeid}: {error}") from None


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail a test that took an example and never checked it."""
    result = yield
    stash = pyfuncitem.stash
    if TAKEN in stash and stash[TAKEN].id not in stash.get(CHECKED, ()):
        pytest.fail(f"the test takes {stash[TAKEN].id} ({stash[TAKEN].key}) and never checks it", pytrace=False)
    return result


# --- the comparison --------------------------------------------------------------------------------------------------


def misnamed(example: WorkedNumber, results: Mapping[str, object], skip: Collection[str]) -> Iterator[str]:
    """What is wrong with the names of the results."""
    for name in example.expected:
        if name not in results and name not in skip:
            yield f"{name}: no result; compute it, or name it in skip"
    for name in results:
        if name not in example.expected:
            yield f"{name}: not expected; expected are {', '.join(example.expected)}"
    for name in skip:
        if name not in example.expected:
            yield f"{name}: skipped, but not expected; expected are {', '.join(example.expected)}"
        elif name in results:
            yield f"{name}: both skipped and given"
    if example.expected.keys() <= set(skip):
        yield "everything is skipped, so nothing is checked"


def differing(example: WorkedNumber, results: Mapping[str, object]) -> Iterator[str]:
    """Where results differ from the expected values of the same name."""
    for name in (name for name in example.expected if name in results):
        result = results[name]
        complaints = list(differences(result, example.expected[name], example.tolerance, name))
        if complaints and example.tolerance < 1e-6 and str(getattr(result, "dtype", "")) in ("float16", "float32"):
            complaints.append(f"{name}: its dtype is too coarse for a tolerance of {example.tolerance}; use float64")
        yield from complaints


def differences(result: object, expected: Any, tolerance: float, where: str) -> Iterator[str]:
    """Where a result differs from an expected value: shapes, keys, kinds and numbers."""
    result = plain(result)
    if isinstance(expected, Mapping):
        if not isinstance(result, Mapping) or result.keys() != expected.keys():
            yield f"{where}: expected a mapping of {', '.join(expected)}, got {result!r}"
            return
        for key in expected:
            yield from differences(result[key], expected[key], tolerance, f"{where}[{key!r}]")
    elif isinstance(expected, tuple):
        if not isinstance(result, list | tuple):
            yield f"{where}: expected {len(expected)} values, got {result!r}"
        elif len(result) != len(expected):
            yield f"{where}: expected {len(expected)} values, got {len(result)}: {result!r}"
        else:
            for index, pair in enumerate(zip(result, expected, strict=True)):
                yield from differences(*pair, tolerance, f"{where}[{index}]")
    elif isinstance(expected, bool | str) or not isinstance(result, int | float):
        if type(result) is not type(expected) or result != expected:
            yield f"{where}: expected {expected!r}, got {result!r}"
    elif not close(result, expected, tolerance):
        off = f", off by {abs(result - expected):.3g}, allowed {allowed(expected, tolerance):.3g}"
        yield f"{where}: expected {expected!r}, got {result!r}{off}"


def plain(value: Any) -> Any:
    """A tensor, array, scalar or NumPy number as nested lists or a number of Python; anything else as it is."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return value.item() if hasattr(value, "item") else value


def allowed(expected: float, tolerance: float) -> float:
    """How far a number may lie from the expected one."""
    return tolerance if tolerance >= 1 else tolerance * max(1, abs(expected))


def close(result: float, expected: float, tolerance: float) -> bool:
    """Whether a number is as good as the expected one."""
    if math.isnan(expected):
        return math.isnan(result)
    if math.isinf(expected):
        return result == expected
    return abs(result - expected) <= allowed(expected, tolerance)
