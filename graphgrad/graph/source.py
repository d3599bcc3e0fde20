"""Where in the user's code was this operation called: the line, the exact expression, the name it was assigned to.

Noting the place has to be cheap, since every recorded operation does it; reading the source may take its time, since
few places are ever looked at. So there are two steps: `mark` keeps a code object and an instruction, `resolve` makes a
`Site` of them. The expression comes from the instruction's position (PEP 657) and the names from the syntax tree of
the file; local variables are never searched.

A file can be edited while its old code still runs. A wrong text is worse than none, so a text is believed only if the
function begins where its code says, an expression lies exactly at the position, and the code uses all of its names.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import linecache
import os
import sys
import threading
import warnings
import weakref
from array import array
from dataclasses import dataclass
from opcode import opname
from types import CodeType
from typing import TypeAlias

__all__ = ["INSIDE", "Mark", "Site", "call_site", "mark", "resolve"]

Mark: TypeAlias = tuple[CodeType, int]
"""A place in running code, for `resolve`: the code object and the offset of the instruction.

It holds no line: reading `f_lineno` takes time that grows with the length of the function.
"""

Span: TypeAlias = tuple[int, int, int, int]
"""First line, column, last line, end column; lines from 1, columns from 0 and in UTF-8 bytes, as CPython counts."""

# Written as in the code objects that it is compared with: an entry of sys.path may have `..` in it.
_HERE = sys._getframe().f_code.co_filename
_LONGEST_CHECKED = 2_000
# The instructions whose result is what their expression is worth: `h = f(*x)` iterates over x before it calls f, at the
# same position, and only the call may have the name h.
_GIVES_VALUE = ("BINARY_", "CALL", "COMPARE_OP", "LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "PRECALL", "UNARY_")


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the user's code where an operation was called.

    Attributes
    ----------
    file
        As the code object has it; ``"<stdin>"`` and the like for code without a file.
    line, end_line
        First and last line of the expression, from 1.
    column, end_column
        Where the expression begins and ends in these lines, in characters from 0; -1 if not known.
    function
        Qualified name of the code: ``"<module>"`` at top level, ``"Net.forward"`` in a method.
    text
        Exact text of the expression, over several lines if it was written so; the stripped line when Python keeps no
        columns (``-X no_debug_ranges``); empty if the source can't be had or is no longer what runs.
    source_line
        The whole first line, without its newline; empty like `text`.
    targets
        The names that the value went to: ``("h",)`` for ``h = tanh(x)``, ``("a", "b")`` for ``a, b = split(x, 2)``;
        empty for a part of a larger expression.
    """

    file: str
    line: int
    end_line: int
    column: int
    end_column: int
    function: str
    text: str
    source_line: str
    targets: tuple[str, ...] = ()

    @property
    def target(self) -> str | None:
        """The one name that the value went to, None if there is none or more than one."""
        return self.targets[0] if len(self.targets) == 1 else None


# ---- marking ---------------------------------------------------------------------------------------------------------


def _default_directories() -> tuple[str, ...]:
    """The package, NumPy and the standard library: their frames may lie between the user's line and an operation."""
    files = [os.path.dirname(_HERE), linecache.__file__]
    numpy = importlib.util.find_spec("numpy")
    if numpy is not None and numpy.origin is not None:
        files.append(numpy.origin)
    return tuple(os.path.dirname(file) for file in files)


INSIDE = _default_directories()
"""The directories whose frames are never the user's; the first is the package's own."""


class _Skipped(dict[str, bool]):
    """Whether the frames of a file are passed over; remembered per file, because every `mark` asks."""

    def __init__(self, directories: tuple[str, ...]) -> None:
        super().__init__()
        self.prefixes = tuple(os.path.join(directory, "") for directory in directories)

    def __missing__(self, filename: str) -> bool:
        if len(self) >= 10_000:  # every notebook cell has a name of its own
            self.clear()
        verdict = self[filename] = self.decide(filename)
        return verdict

    def decide(self, filename: str) -> bool:
        if filename == _HERE or filename.startswith("<frozen "):
            return True
        for prefix in self.prefixes:
            # What is installed lies below the standard library, but is not part of it.
            if filename.startswith(prefix) and not filename.startswith(("site-packages", "dist-packages"), len(prefix)):
                return True
        return False


_skipped = functools.lru_cache(maxsize=64)(_Skipped)
_skipped_by_default = _Skipped(INSIDE)


def mark(inside: tuple[str, ...] = INSIDE) -> Mark | None:
    """Note the place of the user's code that runs now, in less than a microsecond.

    Parameters
    ----------
    inside
        Directories whose frames are passed over, written as in ``co_filename``. What lies in a ``site-packages``
        directly below one of them is not passed over.

    Returns
    -------
    Mark or None
        To be given to `resolve`; None if no frame is the user's, as in a thread that the package started.
        It keeps the code object alive, and nothing else: no frame, no variables.
    """
    skipped = _skipped_by_default if inside is INSIDE else _skipped(inside)
    frame = sys._getframe(1)
    code = frame.f_code
    while skipped[code.co_filename]:
        outer = frame.f_back
        if outer is None:
            return None
        frame = outer
        code = frame.f_code
    return code, frame.f_lasti


def call_site(inside: tuple[str, ...] = INSIDE) -> Site | None:
    """Say where the user's code is now: `mark` and `resolve` in one.

    Examples
    --------
    >>> from graphgrad.graph.source import call_site
    >>> site = call_site()
    >>> site.text, site.target
    ('call_site()', 'site')
    """
    found = mark(inside)
    return None if found is None else resolve(found)


# ---- resolving -------------------------------------------------------------------------------------------------------


def resolve(mark: Mark) -> Site:
    """Read the source at `mark`. The answer is kept as long as the code object lives."""
    code, offset = mark
    known = _codes.get(id(code)) or _register(code)
    site = known.sites.get(offset)
    # Source may turn up later than the code: someone may enter it into linecache.
    if site is None or (known.source is None and code.co_filename in linecache.cache):
        site = known.sites[offset] = _site(code, known, offset)
    return site


class _Code:
    """What is known about one code object, without keeping it alive."""

    __slots__ = ("names", "opcodes", "positions", "ref", "sites", "source", "trusted")

    def __init__(self, code: CodeType, ref: weakref.ref[CodeType]) -> None:
        self.ref = ref
        # Decoded once and compactly: finding one position takes a pass over all of those before it.
        self.positions = array("i", [-1 if part is None else part for at in code.co_positions() for part in at])
        self.opcodes = code.co_code[::2]
        self.names = _names_of_code(code)
        self.sites: dict[int, Site] = {}
        self.source: _Source | None = None
        self.trusted = False

    def find_source(self, code: CodeType) -> _Source | None:
        """The source of `code`; the first that was found stays, being closest to what was compiled."""
        if self.source is None:
            self.source = _find_source(code.co_filename)
            self.trusted = self.source is not None and self.source.holds(code)
        return self.source if self.trusted else None

    def span(self, offset: int) -> Span | None:
        """The position of the instruction at `offset`, with -1 for unknown columns; None without even a line."""
        at = 4 * (offset // 2)
        line, end_line, column, end_column = self.positions[at : at + 4] or (-1, -1, -1, -1)
        return None if line < 0 else (line, column, end_line, end_column)

    def instruction(self, offset: int) -> str:
        """The name of the instruction at `offset`; calls of Python functions leave us at the end of its cache."""
        unit = offset // 2
        while unit and opname[self.opcodes[unit]] == "CACHE":
            unit -= 1
        return opname[self.opcodes[unit]]

    def believes(self, text: str) -> bool:
        """Whether `text` can be what was compiled, as far as its names tell."""
        if len(text) > _LONGEST_CHECKED:  # in a sum of thousands of terms, every partial sum is an expression
            return True
        names = _names_in_text(text)
        if names is None:
            return False
        strange = names - self.names
        # In a class body, `__name` is compiled to `_Class__name`.
        return all(name.startswith("__") and any(known.endswith(name) for known in self.names) for name in strange)


# By identity: code objects are equal if they do the same, even in different files. Entries go when their code goes.
_codes: dict[int, _Code] = {}


def _register(code: CodeType) -> _Code:
    key = id(code)
    known = _codes[key] = _Code(code, weakref.ref(code, lambda _: _codes.pop(key, None)))
    return known


def _site(code: CodeType, known: _Code, offset: int) -> Site:
    span = known.span(offset)
    if span is None:
        return _bare(code, code.co_firstlineno, code.co_firstlineno)
    line, column, end_line, end_column = span
    source = known.find_source(code)
    if source is None:
        return _bare(code, line, end_line)
    if column < 0 or end_column < 0:
        whole = source.line(line)
        return Site(code.co_filename, line, end_line, -1, -1, code.co_qualname, whole.strip(), whole)
    span = source.moved.get(span, span)
    text = source.text(span)
    if not (source.has(span, text) and known.believes(text)):
        return _bare(code, line, end_line)
    instruction = known.instruction(offset)
    if instruction.startswith("UNPACK_"):
        targets = source.unpacked.get(span, ())
    else:
        targets = source.targets.get(span, ()) if instruction.startswith(_GIVES_VALUE) else ()
    return Site(
        file=code.co_filename,
        line=span[0],
        end_line=span[2],
        column=len(source.text((span[0], 0, span[0], span[1]))),
        end_column=len(source.text((span[2], 0, span[2], span[3]))),
        function=code.co_qualname,
        text=text,
        source_line=source.line(span[0]),
        targets=targets,
    )


def _bare(code: CodeType, line: int, end_line: int) -> Site:
    """The site of code whose source can't be had; columns would be in bytes of an unknown line."""
    return Site(code.co_filename, line, end_line, -1, -1, code.co_qualname, "", "")


def _names_of_code(code: CodeType) -> frozenset[str]:
    """Every name that `code` uses, with those of its lambdas and comprehensions: they are in the same expressions."""
    names: set[str] = set()
    todo = [code]
    while todo:
        one = todo.pop()
        names.update(one.co_names, one.co_varnames, one.co_freevars, one.co_cellvars)
        todo.extend(c for c in one.co_consts if isinstance(c, CodeType) and c.co_name.startswith("<"))
    return frozenset(names)


def _names_in_text(text: str) -> set[str] | None:
    """The variables and attributes in an expression or simple statement, None if it is neither."""
    for form in "({})", "{}", "with ({}): pass":
        try:
            tree = _parse(form.format(text))
        except (SyntaxError, ValueError):
            continue
        except (RecursionError, MemoryError):
            return set()
        names = (getattr(node, "id", None) or getattr(node, "attr", None) for node in ast.walk(tree))
        return {name for name in names if name is not None}
    return None


# ---- files -----------------------------------------------------------------------------------------------------------

_parsing = threading.RLock()
_sources: weakref.WeakValueDictionary[str, _Source] = weakref.WeakValueDictionary()


def _parse(text: str) -> ast.Module:
    # Filters belong to the process, so two threads must not change them at once. Python has given its warnings about
    # this source when it compiled it.
    with _parsing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _find_source(filename: str) -> _Source | None:
    """The source that linecache has for `filename`, indexed; every version is parsed once."""
    try:
        given = linecache.getlines(filename)
        text = "".join(given)
    except Exception:  # noqa: BLE001 - someone else's loader may raise anything, and an operation must not fail by it
        return None
    if not text:
        return None
    with _parsing:
        source = _sources.get(filename)
        if source is None or source.given is not given:
            source = _sources[filename] = _Source(given, text)
        return source


class _Source:
    """The lines of a file and, of its syntax tree, as much as sites need.

    Attributes
    ----------
    given
        The list that linecache gave, by which a new version is told.
    lines
        Its lines, without newlines.
    readable
        False if this is not Python: then it is not what was compiled.
    spans
        Where expressions and simple statements lie, but for names and constants; None if the tree was too deep.
    targets
        By the span of a value: the names that it is assigned to.
    unpacked
        By the span of a tuple of targets: these targets.
    moved
        Instructions whose position is not that of their expression, mapped to the one that is.
    scopes
        First line and name of each function and class.
    """

    __slots__ = ("__weakref__", "given", "lines", "moved", "readable", "scopes", "spans", "targets", "unpacked")

    def __init__(self, given: list[str], text: str) -> None:
        self.given = given
        # Only these newlines count for Python; str.splitlines knows more.
        self.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.readable = True
        self.spans: set[Span] | None = None
        self.targets: dict[Span, tuple[str, ...]] = {}
        self.unpacked: dict[Span, tuple[str, ...]] = {}
        self.moved: dict[Span, Span] = {}
        self.scopes: set[tuple[int, str]] = set()
        try:
            tree = _parse(text)
        except (SyntaxError, ValueError):
            self.readable = False
        except (RecursionError, MemoryError):
            pass  # the compiler gets further than the parser that makes Python objects: positions still hold
        else:
            self.spans = set()
            for node in ast.walk(tree):
                self.add(node, self.spans)

    def line(self, number: int) -> str:
        """Line `number`, empty if there is no such line."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def text(self, span: Span) -> str:
        """What is written at `span`."""
        first, column, last, end_column = span
        if first == last:
            return _cut(self.line(first), column, end_column)
        between = (self.line(number) for number in range(first + 1, min(last, len(self.lines) + 1)))
        return "\n".join([_cut(self.line(first), column, None), *between, _cut(self.line(last), 0, end_column)])

    def holds(self, code: CodeType) -> bool:
        """Whether `code` can come from this source: a function begins where the code says that it does."""
        anonymous = code.co_name.startswith("<")
        return self.readable and (anonymous or self.spans is None or (code.co_firstlineno, code.co_name) in self.scopes)

    def has(self, span: Span, text: str) -> bool:
        """Whether an expression lies exactly at `span`. Names aren't indexed: most are never a site."""
        return self.spans is None or span in self.spans or text.isidentifier()

    def add(self, node: ast.AST, spans: set[Span]) -> None:
        """Enter a node of the syntax tree."""
        if not isinstance(node, (ast.expr, ast.stmt, ast.pattern)) or isinstance(node, (ast.Name, ast.Constant)):
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self.scopes.add((min([node.lineno, *(deco.lineno for deco in node.decorator_list)]), node.name))
            return
        span = _span(node)
        if isinstance(node, ast.stmt):
            header = _header(node)
            if header is not None:
                self.moved[span] = span = header
        spans.add(span)
        if isinstance(node, ast.Call | ast.Attribute):
            shifted = _shifted(node)
            if shifted != span:
                self.moved[shifted] = span
        elif isinstance(node, ast.AugAssign):
            self.assign(node.target, node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self.assign(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            self.assign(node.target, node.value)
        elif isinstance(node, ast.Tuple | ast.List) and isinstance(node.ctx, ast.Store):
            self.unpacked[span] = self.names(node)

    def assign(self, target: ast.expr, value: ast.expr | ast.stmt) -> None:
        """Enter what `value` is assigned to; tuples on both sides go element by element."""
        todo = [(target, value)]
        while todo:
            target, value = todo.pop()
            if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
                elements = [*target.elts, *value.elts]
                if len(target.elts) == len(value.elts) and not any(isinstance(e, ast.Starred) for e in elements):
                    todo.extend(zip(target.elts, value.elts, strict=True))
            # The first comparison of a < b < c has the position of all three, but not the value.
            elif not (isinstance(value, ast.Compare) and len(value.ops) > 1):
                names = self.names(target)
                if names:
                    self.targets.setdefault(_span(value), names)

    def names(self, target: ast.expr) -> tuple[str, ...]:
        """The names of a target, one for each output; none at all if one of them has no fixed name."""
        elements = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        return tuple(self.text(_span(e)) for e in elements) if all(map(_is_name, elements)) else ()


def _cut(line: str, column: int, end: int | None) -> str:
    return line[column:end] if line.isascii() else line.encode()[column:end].decode(errors="replace")


def _span(node: ast.expr | ast.stmt | ast.pattern) -> Span:
    # The parser always sets the end; only trees made by hand lack it.
    return node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _shifted(node: ast.Call | ast.Attribute) -> Span:
    """The position that CPython gives an attribute, or its call, which stands on a later line than what precedes it.

    It begins with the attribute's name, so that tracebacks point at the right link of a chain.
    """
    first, _, last, end_column = _span(node)
    attribute = node.func if isinstance(node, ast.Call) else node
    if isinstance(attribute, ast.Attribute):
        _, _, line, end = _span(attribute)
        if line != first:
            return line, end - len(attribute.attr), last, end_column
    return _span(node)


def _header(node: ast.stmt) -> Span | None:
    """What a statement evaluates by itself; before Python 3.13 the whole statement is the position of that."""
    match node:
        case ast.If(test=header) | ast.While(test=header) | ast.Assert(test=header):
            return _span(header)
        case ast.For(iter=header) | ast.AsyncFor(iter=header):
            return _span(header)
        case ast.With(items=[item]) | ast.AsyncWith(items=[item]):
            return _span(item.context_expr)
        case ast.With(items=[item, *_, last]) | ast.AsyncWith(items=[item, *_, last]):
            return _span(item.context_expr)[:2] + _span(last.optional_vars or last.context_expr)[2:]
    return None


def _is_name(target: ast.expr) -> bool:
    """Whether a target always means the same: a variable, or attributes and constant keys of one."""
    while isinstance(target, ast.Attribute | ast.Subscript):
        if isinstance(target, ast.Subscript) and not _is_constant(target.slice):
            return False
        target = target.value
    return isinstance(target, ast.Name)


def _is_constant(key: ast.expr) -> bool:
    parts = key.elts if isinstance(key, ast.Tuple) else [key]
    return all(isinstance(part.operand if isinstance(part, ast.UnaryOp) else part, ast.Constant) for part in parts)
