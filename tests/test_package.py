"""What a user gets: a light import, public names that load when they are asked for, a whole wheel, entry points."""

import ast
import difflib
import email
import importlib
import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Each costs 40 to 200 ms to import, or draws on a screen; none is needed before it is used.
HEAVY = (
    "asyncio",
    "fpdf",
    "graphviz",
    "matplotlib",
    "networkx",
    "numba",
    "opt_einsum",
    "resvg_py",
    "rich",
    "safetensors",
    "scipy",
    "textual",
    "threadpoolctl",
    "torch",
    "typer",
)

PACKAGES = {"graphgrad": ROOT / "graphgrad", "graphgrad_tui": ROOT / "tui" / "graphgrad_tui"}


# --- the import ------------------------------------------------------------------------------------------------------

LOADED = "import json, sys; print(json.dumps(sorted(set(sys.modules) & set(sys.argv[1:]))))"


@pytest.mark.parametrize("action", ["import graphgrad", "import graphgrad; dir(graphgrad)"])
def test_the_import_is_light(action: str, run_python: Any) -> None:
    done = run_python("-c", f"{action}; {LOADED}", *HEAVY)
    assert json.loads(done.stdout) == []


def test_the_import_says_nothing(run_python: Any) -> None:
    done = run_python("-W", "error", "-c", "import graphgrad")
    assert (done.stdout, done.stderr) == ("", "")


def test_a_heavy_import_would_be_seen(run_python: Any) -> None:
    done = run_python("-c", f"import asyncio, threadpoolctl; {LOADED}", *HEAVY)
    assert json.loads(done.stdout) == ["asyncio", "threadpoolctl"]


# --- the public names ------------------------------------------------------------------------------------------------


def lazy_tables(source: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Public name → module, from the literal `_NAMES`, and `_ROOMS` (sub-packages) of a package's source."""
    tables: dict[str, Any] = {}
    for node in ast.parse(source).body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case _:
                continue
        if name in ("_NAMES", "_ROOMS"):
            tables[name] = ast.literal_eval(value)
    names = {name: f"graphgrad.{module}" for module, names in tables["_NAMES"].items() for name in names.split()}
    return names, tables["_ROOMS"]


def typed_names(source: str) -> dict[str, str]:
    """Public name → where the `TYPE_CHECKING` block takes it from; only re-exports (`a as a`, `*`) count."""
    names = {}
    for block in ast.parse(source).body:
        if not (isinstance(block, ast.If) and ast.unparse(block.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")):
            continue
        for node in block.body:
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                names.update({alias.name: module for alias in node.names if alias.asname == alias.name})
                if node.names[0].name == "*":
                    names.update(dict.fromkeys(importlib.import_module(module).__all__, module))
    return names


@pytest.fixture(scope="module")
def source() -> str:
    return (ROOT / "graphgrad" / "__init__.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def gg() -> Any:
    return importlib.import_module("graphgrad")


def test_type_checkers_see_the_same_names(source: str) -> None:
    exports, rooms = lazy_tables(source)
    assert typed_names(source) == exports | dict.fromkeys(rooms, "graphgrad")


def test_the_lazy_tables_are_read() -> None:
    source = """
_NAMES: dict[str, str] = {"graph.create": "full tensor"}
_ROOMS = ("nn",)
if TYPE_CHECKING:
    from graphgrad import nn as nn
    from graphgrad.graph.create import tensor as tensor, scalar
    from graphgrad.ops.array.softmaxes import *
"""
    created = "graphgrad.graph.create"
    assert lazy_tables(source) == ({"full": created, "tensor": created}, ("nn",))
    softmaxes = dict.fromkeys(["log_softmax", "softmax"], "graphgrad.ops.array.softmaxes")
    assert typed_names(source) == {"tensor": created, "nn": "graphgrad", **softmaxes}


def test_all_lists_every_public_name_once(source: str, gg: Any) -> None:
    exports, rooms = lazy_tables(source)
    assert exports
    assert not set(exports) & set(rooms)
    assert sorted(set(gg.__all__) - {"__version__"}) == sorted([*exports, *rooms])
    assert len(set(gg.__all__)) == len(gg.__all__)
    assert not [name for name in [*exports, *rooms] if name.startswith("_")]


# The first import of graphgrad.walk binds the package's name `walk`, which is a public function too: that room is one
# that can be called.
WRONG_NAMES = """
import importlib, json, sys
import graphgrad

owners, order = json.loads(sys.argv[1]), sys.argv[2]
if order == "rooms first":
    for owner in owners.values():
        importlib.import_module(owner)
got = {name: getattr(graphgrad, name) for name in owners}
true = {name: getattr(importlib.import_module(owner), name) for name, owner in owners.items()}
again = {name: getattr(graphgrad, name) for name in owners}
rooms = {name for name in owners if got[name] is sys.modules.get("graphgrad." + name) and callable(got[name])}
same = {name for name in owners if got[name] is true[name]} | rooms
print(json.dumps([name for name in owners if name not in same or got[name] is not again[name]]))
"""


@pytest.mark.parametrize("order", ["names first", "rooms first"])
def test_every_public_name_can_be_had(order: str, source: str, run_python: Any) -> None:
    exports, _ = lazy_tables(source)
    done = run_python("-c", WRONG_NAMES, json.dumps(exports), order)
    assert json.loads(done.stdout) == []


def test_every_room_can_be_had(source: str, gg: Any) -> None:
    _, rooms = lazy_tables(source)
    for room in rooms:
        assert getattr(gg, room) is importlib.import_module(f"graphgrad.{room}"), room


@pytest.mark.parametrize(
    "script",
    [
        "from graphgrad.graph import tensor; t = tensor([2.0], requires_grad=True); (t * t).sum().backward()",
        "from graphgrad.graph import scalar; s = scalar(2.0); (s * s).backward()",
        "from graphgrad.graph.create import ones; ones(2, requires_grad=True).sum().graph()._repr_svg_()",
        "from graphgrad.nn import Linear; Linear(2, 1)([[1.0, 2.0]]).graph()._repr_svg_()",
    ],
)
def test_a_room_that_is_imported_by_itself_works(script: str, run_python: Any) -> None:
    assert run_python("-c", script).returncode == 0


def test_operators_look_their_functions_up_the_quick_way(gg: Any) -> None:
    assert gg.tensor is not None  # the first public name fills the slot
    late = importlib.import_module("graphgrad.graph.late")
    assert type(late.late) is late.Late
    assert not hasattr(late.Late, "__getattr__")


def test_dir_lists_every_public_name(gg: Any) -> None:
    assert set(gg.__all__) <= set(dir(gg))


def test_a_star_import_brings_every_public_name(run_python: Any) -> None:
    done = run_python("-c", "from graphgrad import *; import graphgrad; print(set(graphgrad.__all__) - set(dir()))")
    assert done.stdout == "set()\n"


def test_a_misspelt_name_is_answered_with_the_right_one(gg: Any) -> None:
    with pytest.raises(AttributeError, match=r"tensr.*\btensor\b"):
        _ = gg.tensr


def test_a_name_like_no_other_is_just_missing(gg: Any) -> None:
    name = "qqqqqqqq"
    assert not difflib.get_close_matches(name, gg.__all__)
    with pytest.raises(AttributeError, match=name):
        getattr(gg, name)
    assert not hasattr(gg, "__wrapped__")


def test_a_misspelt_import_fails(run_python: Any) -> None:
    done = run_python("-c", "from graphgrad import tensr", check=False)
    assert done.returncode == 1
    assert "ImportError: cannot import name 'tensr' from 'graphgrad'" in done.stderr


# --- the wheel and the sdist -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the wheel and the sdist of this checkout."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling, which builds the wheel, is not installed (it is in the extra dev)")
    folder = tmp_path_factory.mktemp("dist")
    code = "import sys; from hatchling import build as b; b.build_wheel(sys.argv[1]); b.build_sdist(sys.argv[1])"
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=300)
    if done.returncode != 0:
        pytest.fail(f"hatchling could not build this checkout:\n{done.stdout}{done.stderr}", pytrace=False)
    return folder


def wheel_names(built: Path) -> list[str]:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def package_files() -> Iterator[str]:
    """Every file of the two packages, as it is named in a wheel."""
    for name, folder in PACKAGES.items():
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.name != ".DS_Store":
                yield f"{name}/{path.relative_to(folder).as_posix()}"


def test_the_wheel_claims_two_names_only(built: Path, gg: Any) -> None:
    top = {name.partition("/")[0] for name in wheel_names(built)}
    assert top == {"graphgrad", "graphgrad_tui", f"graphgrad-{gg.__version__}.dist-info"}


def test_the_wheel_holds_every_file_of_the_packages(built: Path) -> None:
    packed = {name for name in wheel_names(built) if ".dist-info/" not in name}
    assert packed == set(package_files())


def test_the_wheel_knows_its_licence_and_its_reader(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        fields = email.message_from_string(archive.read(metadata).decode())
    assert fields["License-Expression"] == "MIT"
    assert fields["Requires-Python"] == ">=3.11"
    assert fields["Description-Content-Type"] == "text/markdown"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel_names(built))


def test_the_sdist_holds_the_tests_and_no_caches(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert {"pyproject.toml", "README.md", "LICENSE", "graphgrad/__init__.py", "tests/test_package.py"} <= set(names)
    assert any(name.startswith("examples/") for name in names)
    assert any(name.startswith("tui/graphgrad_tui/") for name in names)
    caches = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".git", ".venv"}
    assert not [name for name in names if caches & set(name.split("/"))]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_types_are_announced(package: str) -> None:
    assert (PACKAGES[package] / "py.typed").is_file()


# --- the entry points ------------------------------------------------------------------------------------------------


def declared_entry_points() -> dict[str, dict[str, str]]:
    """Group → name → target, as pyproject.toml declares them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"console_scripts": project["scripts"], **project["entry-points"]}


def test_the_command_and_the_visualizers_are_declared() -> None:
    declared = declared_entry_points()
    assert set(declared) == {"console_scripts", "graphgrad.visualizers"}
    assert set(declared["console_scripts"]) == {"graphgrad"}
    assert {"tui", "text"} <= set(declared["graphgrad.visualizers"])


@pytest.mark.parametrize("target", [target for group in declared_entry_points().values() for target in group.values()])
def test_an_entry_point_names_something_callable(target: str) -> None:
    assert callable(importlib.metadata.EntryPoint(name="it", value=target, group="any").load())


def test_an_installed_distribution_offers_what_is_declared() -> None:
    try:
        distribution = importlib.metadata.distribution("graphgrad")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("graphgrad is on the path, but not installed")
    installed: dict[str, dict[str, str]] = {}
    for entry in distribution.entry_points:
        installed.setdefault(entry.group, {})[entry.name] = entry.value
    assert installed == declared_entry_points(), "the installed distribution is out of date: install it again"
