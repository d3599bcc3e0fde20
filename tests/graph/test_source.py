"""The place of an operation in the user's code: which frame, which text, which target, and when to say nothing."""

from __future__ import annotations

import ast
import contextlib
import doctest
import functools
import gc
import linecache
import os
import re
import subprocess
import threading
import weakref
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphgrad.graph import source
from graphgrad.graph.source import INSIDE, Mark, Site, call_site, mark, resolve

AND_HERE = (*INSIDE, os.path.dirname(__file__))

Run = Callable[..., list[Site]]
RunPython = Callable[..., subprocess.CompletedProcess[str]]

# Several frames of the package lie between the user and the place where a site is asked for.
PACKAGE = """
import os
from graphgrad.graph.source import INSIDE, call_site

SITES = []

def record():
    SITES.append(call_site((*INSIDE, os.path.dirname(__file__))))

class Value:
    def op(self, *args, **options):
        record()
        return Value()

    __add__ = __iadd__ = __mul__ = __rmul__ = __matmul__ = __neg__ = __pos__ = __lt__ = __gt__ = op
    __getitem__ = __setitem__ = __call__ = __enter__ = sum = mean = deco = op
    T = property(op, op)

    def __bool__(self):
        record()
        return True

    def __iter__(self):
        return iter(pair(self))

    def __exit__(self, *error):
        return False

    def __format__(self, spec):
        return "value"

def f(*args, **options):
    return Value().op()

def pair(*args):
    record()
    return Value(), Value()

def silent(*args):
    return args[0]

def apply(function, value):
    return function(value)
"""


def load(path: Path, text: str | bytes, **names: Any) -> ModuleType:
    """Write a module and import it, with `names` defined beforehand."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    module = ModuleType(path.stem)
    vars(module).update(names, __file__=str(path))
    SourceFileLoader(path.stem, str(path)).exec_module(module)
    return module


class Package:
    """The package that user modules call, and the sites that it saw."""

    def __init__(self, folder: Path) -> None:
        ops = vars(load(folder / "ops.py", PACKAGE))
        self.sites: list[Site] = ops["SITES"]
        self.names = {name: ops[name] for name in ("f", "pair", "silent", "apply")}
        self.names |= {name: ops["Value"]() for name in ("x", "y", "w", "b", "größe")}

    def exec(self, text: str, filename: str, *, known: str | None = None) -> list[Site]:
        """Run `text` as code of `filename`; `known` is what linecache has for it, if anything."""
        if known is not None:
            linecache.cache[filename] = (len(known), None, known.splitlines(keepends=True), filename)
        exec(compile(text, filename, "exec"), dict(self.names))
        return self.sites


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path / "package")


@pytest.fixture
def run(tmp_path: Path, package: Package) -> Run:
    """Import text as a user's module and return the sites of the operations that it ran."""
    kept: list[ModuleType] = []

    def run(text: str | bytes, **names: Any) -> list[Site]:
        del package.sites[:]
        kept.append(load(tmp_path / f"script{len(kept)}.py", text, **package.names, **names))
        return list(package.sites)

    return run


def only(sites: list[Site]) -> Site:
    (site,) = sites
    return site


# ---- text and position -----------------------------------------------------------------------------------------------


def test_site_of_a_call_holds_everything(run: Run, tmp_path: Path) -> None:
    site = only(run("a = 1\n\nh = f(x)  # note\n"))
    place = (str(tmp_path / "script0.py"), 3, 3, 4, 8)
    assert site == Site(*place, function="<module>", text="f(x)", source_line="h = f(x)  # note", targets=("h",))
    assert site.target == "h"
    assert {site: 1}[Site(*(getattr(site, name) for name in Site.__slots__))] == 1
    with pytest.raises(FrozenInstanceError):
        site.line = 2  # type: ignore[misc]


def test_each_operator_of_an_expression_has_its_own_text(run: Run) -> None:
    sites = run("h = -(x * y + b) @ w\n")
    assert [(s.text, s.column, s.end_column, s.target) for s in sites] == [
        ("x * y", 6, 11, None),
        ("x * y + b", 6, 15, None),
        ("-(x * y + b)", 4, 16, None),
        ("-(x * y + b) @ w", 4, 20, "h"),
    ]


WHOLE = ["x.sum()", "x.T", "x[1:2]", "+x", "x < y", "2 * x", "x(y)", "x\\\n + y", "f(x, lambda v: v.other)"]
PARTS = {
    "f(f(x), k=f(y))": "f(x) | f(y) | f(f(x), k=f(y))",
    "f(x, k=[[q for q in p] for p in []])": "f(x, k=[[q for q in p] for p in []])",
    "silent((x) + (y)), silent(((x + y)))": "(x) + (y) | x + y",
    "[f(v) for v in [x, y]], {f(v): f(y) for v in [x]}": "f(v) | f(v) | f(v) | f(y)",
    "list(f(v) for v in [x])": "f(v)",
    "(lambda v: f(v) * v)(x)": "f(v) | f(v) * v",
    "def g(v):\n    k = v\n    def h(): return k\n    f(k)\ng(x)": "f(k)",
    "f'{f(x)} é {x + y!r:>4} {{}} {silent(x).sum()}'": "f(x) | x + y | silent(x).sum()",
    "f'''\n {x.sum()}\n  é {\n x + y}'''": "x.sum() | x + y",
    "@f\ndef made(): pass": "f",
    "@x.deco(1)\nclass Made: pass": "x.deco(1) | x.deco(1)",
    "with f(x): pass\nwith (f(y) as p): pass": "f(x) | f(x) | f(y) | f(y)",
    "for v in silent(x): pass": "silent(x)",
    "if x: pass\nwhile x + y: break\nassert x, 'message'": "x | x + y | x + y | x",
    "match x + y:\n    case 1: pass": "x + y",
    "x[0] = x.T = y": "x[0] | x.T",
    "def inner(v=x + y): pass\ntry: pass\nfinally: -x": "x + y | -x",
    "h = '''\n''', x + y": "x + y",
    "h = f(x,\n      k=(x +\n   y))": "x +\n   y | f(x,\n      k=(x +\n   y))",
    # CPython moves the position of such a call to the method's name; the expression still begins at the first line.
    "h = (x\n .sum()\n.T\n .mean(1,\n2))": "x\n .sum() | x\n .sum()\n.T | x\n .sum()\n.T\n .mean(1,\n2)",
    "'äö𝒳'; größe + größe  # ß": "größe + größe",
}


@pytest.mark.parametrize(("text", "expected"), [*zip(WHOLE, WHOLE, strict=True), *PARTS.items()])
def test_text_is_exactly_the_expression(run: Run, text: str, expected: str) -> None:
    sites = run(text + "\n")
    assert [s.text for s in sites] == expected.split(" | ")
    lines = text.split("\n")
    for site in sites:
        assert site.source_line == lines[site.line - 1]
        inner = lines[site.line - 1 : site.end_line]
        inner[-1] = inner[-1][: site.end_column]
        inner[0] = inner[0][site.column :]
        assert "\n".join(inner) == site.text


def test_two_context_managers(run: Run) -> None:
    # Until 3.12 CPython gives both the position of the whole statement; since then each has its own.
    assert [s.text for s in run("with x as p, y as q:\n    pass\n")] in (["x as p, y as q"] * 2, ["x", "y"])


@pytest.mark.parametrize("text", ["# é\r\nh = f(x)\r\n", "# é\rh = f(x)\r", "# \x0c \x1c \u2028 \x85 é\nh = f(x)\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_lines_are_counted_as_python_counts_them(run: Run, text: str, encoding: str) -> None:
    site = only(run(text.encode(encoding)))
    assert (site.line, site.text, site.source_line, site.target) == (2, "f(x)", "h = f(x)", "h")


def test_source_in_another_encoding(run: Run) -> None:
    site = only(run("# -*- coding: latin-1 -*-\ns = 'é'; h = f(größe)\n".encode("latin-1")))
    assert (site.text, site.source_line, site.column) == ("f(größe)", "s = 'é'; h = f(größe)", 13)


def test_function_is_the_qualified_name(run: Run) -> None:
    text = """
@silent
class Net:
    made = f(x)
    def forward(self, v):
        def inner():
            yield f(v)
        self.__h = next(inner())
        self.__g = f(self.__h)

@silent
async def wait():
    late = f(x)

apply(Net().forward, x)
(lambda: f(x))()
with contextlib.suppress(StopIteration):
    wait().send(None)
"""
    assert [(s.function, s.text, s.target) for s in run(text, contextlib=contextlib)] == [
        ("Net", "f(x)", "made"),
        ("Net.forward.<locals>.inner", "f(v)", None),
        ("Net.forward", "f(self.__h)", "self.__g"),
        ("<lambda>", "f(x)", None),
        ("wait", "f(x)", "late"),
    ]


class Spelled:
    """A value that knows, from the operations alone, the expression that it is the value of."""

    seen: list[tuple[str, Mark]]

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling

    def op(self, form: str, *others: Spelled) -> Spelled:
        result = Spelled(form.format(self.spelling, *(other.spelling for other in others)))
        found = mark(AND_HERE)
        assert found is not None
        Spelled.seen.append((result.spelling, found))
        return result

    __add__ = functools.partialmethod(op, "({} + {})")
    __mul__ = functools.partialmethod(op, "({} * {})")
    __matmul__ = functools.partialmethod(op, "({} @ {})")
    __neg__ = functools.partialmethod(op, "(-{})")
    __getitem__ = functools.partialmethod(op, "{}[{}]")
    mean = functools.partialmethod(op, "{}.mean({})")


GAPS = st.sampled_from(["", " ", "  ", "\n", "\n    ", " # ß\n"])
FORMS = ["{l}{p}+{q}{r}", "{l}{p}*{q}{r}", "({l}{q}){p}@({r})", "-({l})", "f({l},{p}k={q}{r})"]
FORMS += ["({l}){p}.mean({r})", "({l})[{r}]", "(\n{l})"]


@st.composite
def expressions(draw: st.DrawFn, depth: int = 4) -> str:
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(["x", "y", "größe"]))
    parts = {"l": expressions(depth - 1), "r": expressions(depth - 1), "p": GAPS, "q": GAPS}
    return draw(st.sampled_from(FORMS)).format(**{name: draw(part) for name, part in parts.items()})


@given(expressions())
def test_any_expression_is_found_as_it_was_computed(expression: str) -> None:
    Spelled.seen = []
    text = f'"é"; result = ({expression}\n)\n'
    names: dict[str, Any] = {name: Spelled(name) for name in ("x", "y", "größe")}
    names["f"] = lambda first, k: first.op("f({}, k={})", k)
    linecache.cache["<any>"] = (len(text), None, text.splitlines(keepends=True), "<any>")
    exec(compile(text, "<any>", "exec"), names)
    sites = [resolve(place) for _, place in Spelled.seen]
    assert [ast.dump(ast.parse(f"({site.text})")) for site in sites] == [
        ast.dump(ast.parse(spelling)) for spelling, _ in Spelled.seen
    ]
    # Only the last operation is the whole right-hand side.
    assert [site.target for site in sites] == [None] * (len(sites) - 1) + ["result"] * bool(sites)


# ---- targets ---------------------------------------------------------------------------------------------------------


VALUES = [
    "f(x)",
    "((f(x)))",
    "(x\n .sum(\n))",
    "f(x,\n 1)",
    "x + y",
    "-x",
    "x < y",
    "x.sum()",
    "x.T",
    "x[0]",
    "f(*[x], **{})",
]
FIXED = ["h", "h.k", "h.k.größe", 'h["w"]', "h[ 'w' ]", "h[-1]", "h[0, 1]", "h.k['w'].a"]
# The last three: the iteration or the test of x has the position of the value, but is not the value.
UNNAMED = """
f(x)   h[i] = f(x)   h[0, i] = f(x)   h[i + 1].k = f(x)   h[0:1] = f(x)   silent(h).k = f(x)   h += f(x)
h = silent(f(x))   h = [f(x), 0]   h = f(x) if True else 0   h = (lambda: f(x))()   h = [f(v) for v in [x]]
h = f'{f(x)}'   h = lambda v=f(x): v   dict(h=f(x))   del h[f(x)]   for h in [f(x)]: pass   h = silent(h, f(x))
*a, b = pair(x)   a, h[i] = pair(x)   h = [*x]   h = [v for v in x]   h = x and 0
"""
CASES: dict[str, tuple[str, ...]] = {
    **{f"h = {value}": ("h",) for value in VALUES},
    **{f"{target} = f(x)": (target,) for target in FIXED},
    **{f"{target}: object = f(x)": (target,) for target in FIXED},
    **dict.fromkeys(["(h := f(x))", "k = (h := f(x))", "silent(h := f(x))", "h = x; h += y"], ("h",)),
    **dict.fromkeys(["a = b = f(x)", "h[i] = a = f(x)", "if True: a = f(x)"], ("a",)),
    **dict.fromkeys(["a, b = pair(x)", "a, b = c = pair(x)", "a, b = x", "for a, b in [x]: pass"], ("a", "b")),
    "[a, h.k] = pair(x)": ("a", "h.k"),
    **dict.fromkeys(re.split(r"   |\n", UNNAMED.strip()), ()),
    "def inner(): return f(x)\ninner()": (),
}


@pytest.mark.parametrize(("text", "targets"), CASES.items())
def test_targets(run: Run, text: str, targets: tuple[str, ...]) -> None:
    site = only(run(text + "\n", h=MagicMock(), i=3))
    assert site.targets == targets
    assert site.target == (targets[0] if len(targets) == 1 else None)


SEVERAL: dict[str, list[tuple[str, ...]]] = {
    "a, (b, c), d = f(x), (f(y), pair(x)), (lambda: f(w))()": [("a",), ("b",), ("c",), ()],
    "(a, b), c = pair(x), f(y)": [("a", "b"), ("c",)],
    "a, *b = f(x), f(y)": [(), ()],
    "a, b = f(x), *[f(y)]": [(), ()],
    "p = a, b = f(x), f(y)": [("a",), ("b",)],
    "h = f(y, *x)": [(), ("h",)],
    "h = x < y < w": [(), (), ()],
    "x += f(y) * w": [(), (), ("x",)],
    "x[0] += y": [(), ("x[0]",), ()],
}


@pytest.mark.parametrize(("text", "expected"), SEVERAL.items())
def test_targets_of_several_operations(run: Run, text: str, expected: list[tuple[str, ...]]) -> None:
    assert [s.targets for s in run(text + "\n")] == expected


# ---- which frame -----------------------------------------------------------------------------------------------------


def test_default_directories() -> None:
    files = os.path.dirname(source.__file__), ast.__file__, np.__file__
    assert tuple(map(os.path.dirname, files)) == INSIDE


@pytest.mark.parametrize("inside", [INSIDE, ()])
def test_site_is_this_line(inside: tuple[str, ...]) -> None:
    site = call_site(inside)
    assert site is not None
    assert (site.file, site.text, site.target) == (__file__, "call_site(inside)", "site")


def test_libraries_between_the_user_and_the_package_are_passed_over(run: Run) -> None:
    text = "h = np.sum(x)\nk = functools.singledispatch(f)(x)\n"
    sites = run(text, np=np, functools=functools)
    assert [(s.text, s.target) for s in sites] == [("np.sum(x)", "h"), ("functools.singledispatch(f)(x)", "k")]


def test_directories_of_the_user(package: Package, tmp_path: Path) -> None:
    # What is installed below the standard library isn't part of it, and a longer name is another directory.
    theirs = [tmp_path / "package" / "site-packages" / "net.py", tmp_path / "package_examples" / "net.py"]
    for path in [*theirs, tmp_path / "package" / "site" / "net.py"]:
        load(path, "h = f(x)\n", **package.names)
    assert [s.file for s in package.sites] == [*map(str, theirs), __file__]


def test_none_without_a_user_frame() -> None:
    found: list[Mark | None] = []
    thread = threading.Thread(target=lambda: found.append(mark(AND_HERE)))
    thread.start()
    thread.join()
    assert found == [None]


def test_remembered_files_are_bounded() -> None:
    skipped = source._Skipped(INSIDE)
    assert not any(skipped[f"<cell {number}>"] for number in range(25_000))
    assert 5_000 <= len(skipped) <= 10_000


def test_script_run_by_runpy_with_the_package_on_a_roundabout_path(run_python: RunPython, tmp_path: Path) -> None:
    script, path = tmp_path / "script.py", Path(__file__).parents[1] / ".."
    script.write_text("from graphgrad.graph.source import call_site\nh = call_site()\nprint(h.line, h.file)\n")
    code = f"import runpy, sys; sys.path.insert(0, {str(path)!r}); runpy.run_path({str(script)!r}, run_name='__main__')"
    assert run_python("-c", code).stdout == f"2 {script}\n"


# ---- where the source comes from -------------------------------------------------------------------------------------


def test_without_columns_the_line_is_the_text(run_python: RunPython, tmp_path: Path) -> None:
    script, line = tmp_path / "script.py", "    h = call_site()  # note"
    script.write_text(f"from graphgrad.graph.source import call_site\ndef go():\n{line}\n    print(h)\ngo()\n")
    expected = Site(str(script), 3, 3, -1, -1, "go", line.strip(), line)
    assert run_python("-X", "no_debug_ranges", str(script)).stdout == f"{expected}\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_code_with_an_entry_in_linecache(package: Package, newline: str) -> None:
    site = only(package.exec("a = 1\nh = f(x)\n", "<cell 7>", known=f"a = 1{newline}h = f(x){newline}"))
    assert (site.file, site.line, site.text) == ("<cell 7>", 2, "f(x)")
    assert (site.source_line, site.target) == ("h = f(x)", "h")


def test_entry_in_linecache_may_come_late(package: Package) -> None:
    code = compile("h = f(x)\n", "<late cell>", "exec")
    exec(code, package.names)
    linecache.cache["<late cell>"] = (9, None, ["h = f(x)\n"], "<late cell>")
    exec(code, package.names)
    assert [(s.text, s.target) for s in package.sites] == [("", None), ("f(x)", "h")]


def test_doctest_examples_have_their_text(package: Package) -> None:
    # doctest replaces linecache.getlines, and answers with a new list every time.
    test = doctest.DocTestParser().get_doctest(">>> h = f(x)\n>>> h = f(y)\n", dict(package.names), "page", None, None)
    assert doctest.DocTestRunner().run(test).failed == 0
    assert [(s.text, s.target) for s in package.sites] == [("f(x)", "h"), ("f(y)", "h")]


def test_source_that_cannot_be_read(package: Package, tmp_path: Path) -> None:
    class Loader:
        def get_source(self, name: str) -> str:
            raise KeyError(name)

    gone, odd = str(tmp_path / "gone.py"), tmp_path / "odd.py"
    odd.write_bytes(b"\xff\xfe not text")
    linecache.lazycache("lazy_module.py", {"__name__": "lazy_module", "__loader__": Loader()})
    filenames = [gone, str(odd), "lazy_module.py", "<stdin>"]
    for filename in filenames:
        package.exec("\nh = f(x)\n", filename)
    assert package.sites == [Site(filename, 2, 2, -1, -1, "<module>", "", "") for filename in filenames]


def test_code_without_positions(package: Package) -> None:
    code = compile("# note\nh = f(x)\n", "<no positions>", "exec").replace(co_linetable=b"", co_firstlineno=1)
    linecache.cache["<no positions>"] = (1, None, ["# note\n", "h = f(x)\n"], "<no positions>")
    exec(code, package.names)
    assert only(package.sites) == Site("<no positions>", 1, 1, -1, -1, "<module>", "", "")


# ---- source that is no longer what runs ------------------------------------------------------------------------------

GO = "def other():\n    return silent(w) + w\n\ndef go():\n    h = f(x)\n"


def edited(package: Package, path: Path, before: str, after: str) -> Site:
    """The site of an operation in `go` whose file was edited before anyone looked."""
    module = load(path, before, **package.names)
    path.write_text(after, encoding="utf-8")
    module.go()
    return only(package.sites)


def test_a_file_that_did_not_change_is_believed(package: Package, tmp_path: Path) -> None:
    site = edited(package, tmp_path / "m.py", GO, GO)
    assert (site.line, site.text, site.target) == (5, "f(x)", "h")


EDITS = {
    "line inserted in the function": GO.replace("h = f", "# a comment\n    h = f"),
    "line inserted above": "# new\n" + GO,
    "function elsewhere": "def go():\n    h = f(x)\n    k = f(x)\n    l = f(x)\n    m = f(x)\n",
    "other names": GO.replace("f(x)", "g(y)"),
    "shorter": GO.replace("f(x)", "f.x"),
    "longer": GO.replace("f(x)", "ff(x)"),
    "shifted": GO.replace("h = f(x)", "hh = f(x)"),
    "part of a name": GO.replace("h = f(x)", "h= xf(x)"),
    "renamed": GO.replace("def go", "def do"),
    "syntax error": GO.replace("f(x)", "f(x"),
    "null byte": GO + "\0",
    "cut off": "x = 1\n",
    "emptied": "",
    "column inside a character": GO.replace("f(x)", "'aaé'"),
}


@pytest.mark.parametrize("after", EDITS.values(), ids=EDITS)
def test_a_file_edited_since_gives_no_text(package: Package, tmp_path: Path, after: str) -> None:
    site = edited(package, tmp_path / "m.py", GO, after)
    assert (site.line, site.function) == (5, "go")
    assert (site.text, site.source_line, site.targets, site.column) == ("", "", (), -1)


def test_what_was_read_before_the_edit_stays(package: Package, tmp_path: Path) -> None:
    text = "def go(first):\n    if first:\n        return f(x)\n    return f(y)\n"
    module = load(tmp_path / "m.py", text, **package.names)
    module.go(True)
    (tmp_path / "m.py").write_text("# all new\n")
    linecache.checkcache()
    module.go(True)
    module.go(False)
    assert [s.text for s in package.sites] == ["f(x)", "f(x)", "f(y)"]


def test_a_reloaded_file_is_read_again(package: Package, tmp_path: Path) -> None:
    kept = []
    for text in ("def go():\n    h = f(x)\ngo()\n", "def go():\n    k =   f(y)\ngo()\n"):
        kept.append(load(tmp_path / "m.py", text, **package.names))
        os.utime(tmp_path / "m.py", (1, 1))
        linecache.checkcache()
    assert [(s.text, s.target) for s in package.sites] == [("f(x)", "h"), ("f(y)", "k")]


def test_equal_code_of_different_files_is_told_apart(run: Run) -> None:
    first, second = only(run("h = f( x)\n")), only(run("h = f(x )\n"))
    assert (first.text, second.text) == ("f( x)", "f(x )")
    assert first.file != second.file


# ---- limits ----------------------------------------------------------------------------------------------------------


def fail_to_parse(patch: pytest.MonkeyPatch, error: type[Exception], containing: str = "") -> list[str]:
    """Make the parser raise for texts with `containing`; returns the list of those that it still reads."""
    read: list[str] = []
    parse = ast.parse

    def failing(text: str, *args: Any, **options: Any) -> ast.AST:
        if containing in text:
            raise error
        read.append(text)
        return parse(text, *args, **options)

    patch.setattr(ast, "parse", failing)
    return read


@pytest.mark.parametrize("error", [RecursionError, MemoryError, SyntaxError, ValueError])
def test_file_that_the_parser_refuses(run: Run, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    too_deep = error in (RecursionError, MemoryError)  # where the compiler still gets through; else it is another file
    fail_to_parse(monkeypatch, error, containing="" if too_deep else "h =")
    site = only(run("h = silent(f(x),\n   1)\n"))
    expected = ("f(x)", 1, 11, None) if too_deep else ("", 1, -1, None)
    assert (site.text, site.line, site.column, site.target) == expected


def test_too_deep_and_edited_gives_no_text(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_to_parse(monkeypatch, RecursionError, containing="def go")
    assert edited(package, tmp_path / "m.py", GO, GO.replace("h = f(x)", "hh = f(x)")).text == ""


def test_a_sum_of_thousands_of_terms(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read = fail_to_parse(monkeypatch, AssertionError, containing="never")
    sites = run("h = " + " + ".join(["x"] * 1_500) + "\n")
    assert [len(site.text) for site in sites] == [4 * terms - 3 for terms in range(2, 1_501)]
    # Reading each of the partial sums again would take time that grows with the square of their number.
    assert sum(len(text) > 2_100 for text in read) == 1


def test_a_long_file_is_parsed_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read = fail_to_parse(monkeypatch, AssertionError, containing="never")
    sites = run("".join(f"h{i} = f(x)\n" for i in range(5_000)) + "def last():\n    end = f(y)\nlast()\n")
    assert [s.target for s in sites] == [*(f"h{i}" for i in range(5_000)), "end"]
    assert sum(text.count("\n") > 100 for text in read) == 1


@pytest.mark.filterwarnings("error")
def test_warnings_about_the_source_are_not_repeated(package: Package) -> None:
    text = 'h = f(x, "\\d")\n'
    with pytest.warns((DeprecationWarning, SyntaxWarning)):
        code = compile(text, "<escape>", "exec")
    linecache.cache["<escape>"] = (len(text), None, [text], "<escape>")
    exec(code, package.names)
    site = only(package.sites)
    assert (site.text, site.target) == ('f(x, "\\d")', "h")


def test_a_place_is_read_once_and_its_code_not_kept_alive(package: Package) -> None:
    linecache.cache["<mortal>"] = (9, None, ["h = f(x)\n"], "<mortal>")
    code = compile("h = f(x)\n", "<mortal>", "exec")
    exec(code, package.names)
    exec(code, package.names)
    assert package.sites[0].text == "f(x)"
    assert package.sites[0] is package.sites[1]
    key, alive = id(code), weakref.ref(code)
    assert source._codes[key].source is source._sources["<mortal>"]
    del code
    gc.collect()
    assert alive() is None
    assert key not in source._codes
    assert "<mortal>" not in source._sources
