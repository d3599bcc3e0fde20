"""The plan of the house, checked on the source text: nothing is imported here.

Each rule is a function from parsed modules to a list of complaints. The house must give none,
and a small bad example of each offence must give one, so that a rule that sees nothing is noticed.
"""

import ast
import gc
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the bottom of the house to its top: a room may import itself and every room before it.
ROOMS = (
    "files",
    "kernels",
    "graph",
    "ops",
    "autodiff",
    "walk",
    "view",
    "render",
    "nn",
    "optim",
    "data",
    "datasets",
    "io",
    "train",
    "interop",
    "models",
    "lessons",
    "figures",
)
# Above all rooms: the package itself, and the command line with its `python -m graphgrad`.
TOP = ("__init__", "cli", "doctor", "warming", "__main__")
# What any room may take from the top: the version, and the function by which an empty slot asks to be filled.
OPEN_NAMES = {"__version__", "connect"}

LIBRARY = "graphgrad"
TERMINAL = "graphgrad_tui"

MAX_LINES = 600

TOP_LEVEL = {"pyproject.toml", "graphgrad", "tui", "tests", "examples", "README.md", "LICENSE", "CHANGELOG.md"}

# What runs or unpickles text that a stranger may have written.
UNSAFE = {"pickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve"}
UNSAFE |= {"eval", "exec", "builtins.eval", "builtins.exec"}
UNSAFE |= {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
UNSAFE_FLAGS = {"shell", "allow_pickle"}
ALLOWED = "# allowed: "


# --- the source ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, whether it is a package's `__init__`, and its text."""

    name: str
    text: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def places(self) -> list[tuple[ast.AST, bool, bool]]:
        """Every node of the tree, whether it runs (not below `if TYPE_CHECKING:`), and whether it runs on import.

        They are gone through once for all rules: that takes longer than to look at what a rule is about.
        """
        # A stack in place of recursion.
        stack: list[tuple[ast.AST, bool, bool]] = [(self.tree, True, True)]
        found = []
        while stack:
            place = node, run_time, top = stack.pop()
            found.append(place)
            if isinstance(node, ast.If) and source_of(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
                stack.append((node.test, run_time, top))
                stack += [(child, False, top) for child in node.body]
                stack += [(child, run_time, top) for child in node.orelse]
                continue
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            stack += [(child, run_time, top and not inside) for child in ast.iter_child_nodes(node)]
        return found

    @cached_property
    def nodes(self) -> list[ast.stmt | ast.expr]:
        """Every node that a rule may be about."""
        return [node for node, _, _ in self.places if isinstance(node, ast.stmt | ast.expr)]

    @cached_property
    def import_places(self) -> list[tuple[ast.AST, bool, bool]]:
        """Imports and calls, some of which import too, with what `places` tells of them."""
        return [place for place in self.places if isinstance(place[0], ast.Import | ast.ImportFrom | ast.Call)]

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def package(self) -> str:
        return self.name if self.is_package else self.name.rpartition(".")[0]

    def at(self, node: ast.AST) -> str:
        return f"{self.name}:{getattr(node, 'lineno', 0)}"

    def is_allowed(self, node: ast.stmt | ast.expr) -> bool:
        """Whether a line of `node` ends in `# allowed: <reason>`."""
        lines = self.lines[node.lineno - 1 : node.end_lineno]
        return any(line.partition(ALLOWED)[2].strip() for line in lines)


def read_modules(folder: Path) -> Iterator[Module]:
    """Every module below a package's folder."""
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        yield Module(".".join(parts[:-1] if is_package else parts), path.read_text(encoding="utf-8"), is_package)


@dataclass(frozen=True)
class Import:
    """One name that a module imports: `target` is a module; `name` what is taken out of it, if anything."""

    target: str
    name: str | None
    line: int
    at_run_time: bool  # not below `if TYPE_CHECKING:`
    at_module_level: bool


def imports_of(module: Module, known: set[str]) -> list[Import]:
    """All imports of a module, wherever they stand, relative ones resolved.

    `from a import b` imports the module a.b if there is one, else the name b of a.
    """
    found: list[Import] = []

    def add(node: ast.AST, target: str, name: str | None, run_time: bool, top: bool) -> None:
        if name is not None and f"{target}.{name}" in known:
            target, name = f"{target}.{name}", None
        found.append(Import(target, name, getattr(node, "lineno", 0), run_time, top))

    for node, run_time, top in module.import_places:
        match node:
            case ast.Import():
                for alias in node.names:
                    add(node, alias.name, None, run_time, top)
            case ast.ImportFrom():
                base = absolute(module, node.level, node.module or "")
                for alias in node.names:
                    add(node, base, alias.name, run_time, top)
            case ast.Call() if dynamic_import(node):
                target = constant_prefix(node.args[0]) if node.args else None
                if target is not None:
                    level = len(target) - len(target.lstrip("."))
                    add(node, absolute(module, level, target.lstrip(".")).rstrip("."), None, run_time, top)
    return sorted(found, key=lambda item: item.line)


def absolute(module: Module, level: int, target: str) -> str:
    """The absolute name of a module that is named relative to this one by `level` dots."""
    if level == 0:
        return target
    parts = module.package.split(".")
    parts = parts[: len(parts) - (level - 1)]
    return ".".join([*parts, target] if target else parts)


def dynamic_import(call: ast.Call) -> bool:
    return source_of(call.func) in ("importlib.import_module", "import_module", "__import__")


def source_of(node: ast.expr) -> str:
    """The source of an expression; that of names with dots between, which most are, without a detour."""
    names: list[str] = []
    first = node
    while isinstance(first, ast.Attribute):
        names.append(first.attr)
        first = first.value
    return ".".join([first.id, *reversed(names)]) if isinstance(first, ast.Name) else ast.unparse(node)


def constant_prefix(node: ast.expr) -> str | None:
    """The text of a string, or the constant text with which an f-string starts; None for anything else."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=[ast.Constant(value=str() as text), *_]):
            return text
    return None


def room_of(module: str) -> str | None:
    """The room of a module of graphgrad, or its name if it stands on top; None for other modules."""
    first, _, rest = module.partition(".")
    return (rest.partition(".")[0] or "__init__") if first == LIBRARY else None


# --- the rules -------------------------------------------------------------------------------------------------------


def upward_imports(modules: list[Module]) -> list[str]:
    """Imports that point up, wherever they stand; of the top, a room may read the open names alone."""
    known = {module.name for module in modules}
    complaints = []
    for module in modules:
        room = room_of(module.name)
        if room is None or room in TOP:
            continue
        if room not in ROOMS:
            complaints.append(f"{module.name}: {room} is not in the table of rooms")
            continue
        for item in imports_of(module, known):
            other = room_of(item.target)
            if other is None or (item.target == LIBRARY and item.name in OPEN_NAMES):
                continue
            if other not in ROOMS or ROOMS.index(other) > ROOMS.index(room):
                complaints.append(f"{module.name}:{item.line}: {room} may not import {other} ({item.target})")
    return complaints


def unreadable_imports(modules: list[Module]) -> list[str]:
    """Dynamic imports of a module whose name cannot be read from the source; `__init__` holds the lazy table."""
    return [
        f"{module.at(node)}: an import of a module that the source does not name"
        for module in modules
        if room_of(module.name) not in (None, *TOP)
        for node in module.nodes
        if isinstance(node, ast.Call)
        and dynamic_import(node)
        and not (node.args and constant_prefix(node.args[0]))
        and not module.is_allowed(node)
    ]


def terminal_imports(modules: list[Module]) -> list[str]:
    """Imports of the terminal UI by the library, which finds it as a plug-in only."""
    known = {module.name for module in modules}
    return [
        f"{module.name}:{item.line}: graphgrad imports the terminal UI"
        for module in modules
        if room_of(module.name) is not None
        for item in imports_of(module, known)
        if item.target.partition(".")[0] == TERMINAL
    ]


def private_names(modules: list[Module]) -> list[str]:
    """Names and modules of graphgrad that start with an underscore, used by the terminal UI."""
    known = {module.name for module in modules}
    complaints = []
    for module in modules:
        if module.name.partition(".")[0] != TERMINAL:
            continue
        for item in imports_of(module, known):
            path = [*item.target.split("."), *([item.name] if item.name else [])]
            if path[0] == LIBRARY and any(map(is_private, path)):
                complaints.append(f"{module.name}:{item.line}: {'.'.join(path)} is private")
        # What `import graphgrad as gg` and `from graphgrad import nn` bind: gg._name and nn._name are private too.
        bound = {
            alias.asname or alias.name.partition(".")[0]
            for node in module.nodes
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
            if (getattr(node, "module", None) or alias.name).partition(".")[0] == LIBRARY
        }
        for node in module.nodes:
            if isinstance(node, ast.Attribute) and is_private(node.attr):
                whole = source_of(node)
                if whole.partition(".")[0] in bound:
                    complaints.append(f"{module.at(node)}: {whole} is private")
    return complaints


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def import_cycles(modules: list[Module]) -> list[str]:
    """Modules that import each other in a circle while they are being loaded."""
    known = {module.name for module in modules}
    graph = nx.DiGraph()
    for module in modules:
        for item in imports_of(module, known):
            if item.at_run_time and item.at_module_level and item.target in known:
                graph.add_edge(module.name, item.target)
    components = [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]
    selves = [[name] for name in nx.nodes_with_selfloops(graph)]
    return [f"circular import: {' <-> '.join(part)}" for part in sorted(components + selves)]


def long_files(modules: list[Module]) -> list[str]:
    return [f"{m.name}: {len(m.lines)} lines, at most {MAX_LINES}" for m in modules if len(m.lines) > MAX_LINES]


def unsafe_code(modules: list[Module]) -> list[str]:
    """Unpickling, evaluation of text and shell strings, unless the line gives a reason: `# allowed: <reason>`."""
    return [
        f"{module.at(node)}: {offence}"
        for module in modules
        for node in module.nodes
        for offence in offences_of(node)
        if not module.is_allowed(node)
    ]


def offences_of(node: ast.stmt | ast.expr) -> list[str]:
    match node:
        case ast.Import():
            names = [alias.name for alias in node.names]
        case ast.ImportFrom(level=0):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        case ast.Name() | ast.Attribute():  # called, or given a second name
            names = [source_of(node)]
        case ast.Call():
            return [
                f"{ast.unparse(node.func)} with {keyword.arg}={ast.unparse(keyword.value)}"
                for keyword in node.keywords
                if keyword.arg in UNSAFE_FLAGS and ast.unparse(keyword.value) != "False"
            ]
        case _:
            return []
    return [name for name in names if name in UNSAFE or name.partition(".")[0] in UNSAFE]


def strangers(files: Iterable[str]) -> list[str]:
    """What stands at the top level of the repository and isn't in its plan; dot files are free."""
    first = {name.partition("/")[0] for name in files}
    return sorted(name for name in first - TOP_LEVEL if not name.startswith("."))


# --- the house -------------------------------------------------------------------------------------------------------

Rule = Callable[[list[Module]], list[str]]

HOUSE_RULES: tuple[Rule, ...] = (
    upward_imports,
    unreadable_imports,
    terminal_imports,
    private_names,
    import_cycles,
    long_files,
    unsafe_code,
)


@pytest.fixture(scope="module")
def house() -> Iterator[list[Module]]:
    modules = [*read_modules(ROOT / LIBRARY), *read_modules(ROOT / "tui" / TERMINAL)]
    # A million nodes, none of which is garbage: the collector would take as long to see that as it takes to parse them.
    gc.disable()
    try:
        for module in modules:
            module.import_places, module.nodes  # noqa: B018
        gc.freeze()
    finally:
        gc.enable()
    yield modules
    gc.unfreeze()


def test_the_house_is_read_whole(house: list[Module]) -> None:
    names = {module.name for module in house}
    assert LIBRARY in names
    assert TERMINAL in names
    assert {room for room in map(room_of, names) if room} <= {*ROOMS, *TOP}


@pytest.mark.parametrize("rule", HOUSE_RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule: Rule, house: list[Module]) -> None:
    assert rule(house) == []


@pytest.mark.parametrize("folder", ["tests", "examples"])
def test_other_files_are_short_too(folder: str) -> None:
    modules = list(read_modules(ROOT / folder))
    assert modules, f"no Python file in {folder}/"
    assert long_files(modules) == []


def test_the_top_level_holds_what_is_planned() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout, so there is no list of the repository's files")
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    assert strangers(filter(None, listing.split("\0"))) == []


# --- the rules see what they should ----------------------------------------------------------------------------------


def small_house(**sources: str) -> list[Module]:
    """Modules by name, `__` for a dot; a name that ends in `__` is a package."""
    return [
        Module(name.removesuffix("__").replace("__", "."), text, is_package=name.endswith("__"))
        for name, text in sources.items()
    ]


@pytest.mark.parametrize(
    "line",
    [
        "import graphgrad.nn",
        "import graphgrad.nn.modules as modules",
        "from graphgrad import nn",
        "from graphgrad.nn import Linear",
        "from graphgrad.nn.modules import Linear",
        "from .. import nn",
        "from ..nn import Linear",
        "from ..nn.modules import Linear",
        "def f():\n    from graphgrad.nn import Linear",
        "def f():\n    def g():\n        from ..nn import Linear",
        "f = lambda: __import__('graphgrad.nn')",
        "class A:\n    import graphgrad.nn",
        "try:\n    import graphgrad.nn\nexcept ImportError:\n    pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from graphgrad.nn import Linear",
        "import importlib\nimportlib.import_module('graphgrad.nn')",
        "from importlib import import_module\nimport_module(f'graphgrad.nn.{name}')",
        "from importlib import import_module\nimport_module('..nn', __package__)",
        "__import__('graphgrad.nn')",
        "import graphgrad",
        "import graphgrad as gg",
        "from graphgrad import tensor",
        "from .. import tensor",
        "from graphgrad.cli import main",
        "from graphgrad import cli",
        "from graphgrad.attic import thing",
    ],
)
def test_an_upward_import_is_seen(line: str) -> None:
    house = small_house(graphgrad__="", graphgrad__nn__="", graphgrad__nn__modules="", graphgrad__ops__math=line)
    assert len(upward_imports(house)) == 1, line


@pytest.mark.parametrize(
    "line",
    [
        "import numpy as np",
        "import graphgrad.graph",
        "from graphgrad.graph.tensor import Tensor",
        "from graphgrad.kernels import dense",
        "from .declare import op",
        "from . import declare",
        "from ..graph import Tensor",
        "from graphgrad import __version__",
        "from graphgrad import connect",
        "from importlib import import_module\nimport_module('graphgrad.graph.tensor')",
        "'import graphgrad.nn'  # in a string",
    ],
)
def test_a_downward_import_is_fine(line: str) -> None:
    assert upward_imports(small_house(graphgrad__graph__="", graphgrad__ops__math=line)) == []


@pytest.mark.parametrize(("low", "high"), [*pairwise(ROOMS), ("graph", "figures")])
def test_each_room_may_look_down_only(low: str, high: str) -> None:
    up = Module(f"graphgrad.{low}.a", f"from graphgrad.{high}.b import c")
    down = Module(f"graphgrad.{high}.b", f"from graphgrad.{low}.a import c")
    assert upward_imports([down]) == []
    assert upward_imports([up]) == [f"graphgrad.{low}.a:1: {low} may not import {high} (graphgrad.{high}.b)"]


def test_a_relative_import_of_a_package_starts_at_itself() -> None:
    assert upward_imports(small_house(graphgrad__ops__="from .nn import a")) == []
    assert len(upward_imports(small_house(graphgrad__ops__="from ..nn import a"))) == 1


def test_the_top_may_import_everything() -> None:
    line = "from graphgrad.nn import Linear\nimport graphgrad\n"
    assert upward_imports(small_house(graphgrad__=line, graphgrad__cli=line, graphgrad____main__=line)) == []


def test_an_unknown_room_is_seen() -> None:
    assert upward_imports(small_house(graphgrad__attic__thing="")) == [
        "graphgrad.attic.thing: attic is not in the table of rooms"
    ]


def test_an_unreadable_import_is_seen() -> None:
    bad = "from importlib import import_module\nimport_module(name)"
    assert len(unreadable_imports(small_house(graphgrad__ops__a=bad))) == 1
    assert unreadable_imports(small_house(graphgrad__=bad)) == []
    assert unreadable_imports(small_house(graphgrad__ops__a=bad + "  # allowed: the learner's own plug-in")) == []
    assert unreadable_imports(small_house(graphgrad__ops__a="import_module('graphgrad.graph')")) == []


@pytest.mark.parametrize(
    "line", ["import graphgrad_tui", "from graphgrad_tui.app import App", "def f():\n    import graphgrad_tui"]
)
def test_an_import_of_the_terminal_is_seen(line: str) -> None:
    assert len(terminal_imports(small_house(graphgrad__cli=line))) == 1
    assert terminal_imports(small_house(graphgrad_tui__app=line)) == []


@pytest.mark.parametrize(
    "line",
    [
        "from graphgrad import _secret",
        "from graphgrad._hidden import name",
        "import graphgrad._hidden",
        "def f():\n    from graphgrad.view.scene import _layout",
        "import graphgrad as gg\ngg._secret()",
        "import graphgrad\ngraphgrad.nn._secret()",
        "from graphgrad import nn\nnn._secret",
    ],
)
def test_a_private_name_is_seen(line: str) -> None:
    assert len(private_names(small_house(graphgrad_tui__app=line))) == 1
    assert private_names(small_house(graphgrad__cli=line)) == []


def test_a_public_name_is_fine() -> None:
    source = "import graphgrad as gg\nfrom graphgrad import __version__\nfrom ._own import part\nself._mine\ngg.walk\n"
    assert private_names(small_house(graphgrad_tui__app=source)) == []


def test_a_circle_is_seen() -> None:
    a, b, c = "from graphgrad.graph.b import x", "from .c import x", "import graphgrad.graph.a"
    circle = small_house(graphgrad__graph__a=a, graphgrad__graph__b=b, graphgrad__graph__c=c)
    assert import_cycles(circle) == ["circular import: graphgrad.graph.a <-> graphgrad.graph.b <-> graphgrad.graph.c"]
    late = f"def f():\n    {c}"
    assert import_cycles(small_house(graphgrad__graph__a=a, graphgrad__graph__b=b, graphgrad__graph__c=late)) == []
    typed = f"if TYPE_CHECKING:\n    {c}"
    assert import_cycles(small_house(graphgrad__graph__a=a, graphgrad__graph__b=b, graphgrad__graph__c=typed)) == []


def test_a_circle_through_a_package_is_seen() -> None:
    package, inner = "from graphgrad.graph.a import x", "from graphgrad.graph import x"
    assert len(import_cycles(small_house(graphgrad__graph__=package, graphgrad__graph__a=inner))) == 1
    assert len(import_cycles(small_house(graphgrad__graph__="from graphgrad.graph import x"))) == 1


def test_a_long_file_is_seen() -> None:
    assert long_files(small_house(graphgrad__ops__a="\n" * MAX_LINES)) == []
    assert len(long_files(small_house(graphgrad__ops__a="\n" * (MAX_LINES + 1)))) == 1


UNSAFE_LINES = [
    "import pickle",
    "import pickle as p",
    "from pickle import loads",
    "import os, marshal",
    "def f():\n    import cloudpickle",
    "eval('1 + 1')",
    "exec(text)",
    "run = exec",
    "import builtins\nbuiltins.eval(text)",
    "from builtins import exec as run",
    "subprocess.run(line, shell=True)",
    "subprocess.run(line, shell=flag)",
    "np.load(file, allow_pickle=True)",
    "os.system(line)",
    "from os import popen",
]


@pytest.mark.parametrize("source", UNSAFE_LINES)
def test_unsafe_code_is_seen(source: str) -> None:
    assert len(unsafe_code(small_house(graphgrad__io__a=source))) == 1, source


@pytest.mark.parametrize("source", UNSAFE_LINES)
def test_unsafe_code_needs_a_reason(source: str) -> None:
    assert unsafe_code(small_house(graphgrad__io__a=f"{source}  {ALLOWED}the user's own script")) == []
    assert len(unsafe_code(small_house(graphgrad__io__a=f"{source}  {ALLOWED}"))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "def eval(self):\n    pass",
        "subprocess.run(['dot'], shell=False)",
        "np.load(file, allow_pickle=False)",
        "runpy.run_path(script, run_name='__main__')",
        "'exec(text)'",
    ],
)
def test_safe_code_is_fine(source: str) -> None:
    assert unsafe_code(small_house(graphgrad__io__a=source)) == []


def test_a_stranger_at_the_top_level_is_seen() -> None:
    assert strangers(["graphgrad/nn/init.py", "README.md", ".ci/run", ".gitignore", "tui/graphgrad_tui/app.py"]) == []
    assert strangers(["notes.txt", "scripts/a.py", "graphgrad/a.py"]) == ["notes.txt", "scripts"]
