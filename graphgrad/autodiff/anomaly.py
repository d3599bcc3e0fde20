"""Anomaly detection: stop at the operation that made the first NaN or infinity, and say everything about it.

A NaN spreads: by the time that a loss is NaN, so is every weight. Inside `detect_anomaly` each result is looked at as
soon as it is computed, forward and backward, on tensors and scalars; in forward mode the tangents are, too. The
operation that is named is the one that made the number, not one that passed it on.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from graphgrad.autodiff.sources import layout
from graphgrad.graph.errors import GraphgradError, describe
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node, Output, Source
from graphgrad.graph.operation import Op
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.source import Site, call_site
from graphgrad.graph.tape import Chunk, Note
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import Lock

__all__ = ["AnomalyDetector", "AnomalyError", "detect_anomaly"]

Array = np.ndarray[Any, Any]

_FORWARD_HINT = {
    "nan": "an operand is outside of what the operation is defined on (0/0, inf - inf, log of a negative number)",
    "inf": "keep the operands in range (divide by x + eps, clip before exp or log), or give check_inf=False",
}
_SLOPE_HINT = {
    "nan": "0 * inf: the slope is infinite there; give the other branch of a where() an operand that is in range, too",
    "inf": "the slope is infinite there, as sqrt at 0 has it; add an eps, or give check_inf=False",
}


_UNPLACED = "; run the forward pass inside detect_anomaly() too, and the line is named"


class AnomalyError(GraphgradError, FloatingPointError):
    """A NaN or an infinity where none was before."""


@contextmanager
def detect_anomaly(check_nan: bool = True, check_inf: bool = True) -> Iterator[None]:
    """Stop at the first NaN or infinity that an operation makes, forward or backward; a context or a decorator.

    The error names the operation, what its operands held, and the line of the user's code that called it; for a
    backward pass, or a forward sweep such as that of `jvp`, the line of the operation whose derivative it was, if that
    ran inside too.

    Parameters
    ----------
    check_nan
        Stop at a NaN.
    check_inf
        Stop at an infinity that an operation makes of finite numbers: ``exp`` of 1000, ``log`` of 0. One that somebody
        put there is meant: where an operand that needs no gradient, a number in the code, an argument such as
        ``fill_value`` or an earlier result holds an infinity, a result may. So a mask of ``-inf`` for a softmax is no
        anomaly, but an infinite parameter is.

    Raises
    ------
    AnomalyError
        A FloatingPointError, from the operation, the backward pass or the forward sweep. No ``grad`` of a leaf has
        changed then, unless a hook asked for it while the pass went on.

    Notes
    -----
    Inside, the arrays that a graph keeps for its backward pass are read-only until it is freed. Writing to them past
    the book, as in ``t.data[0] = 1.0`` or ``array *= 2``, then raises NumPy's ValueError at the very line, where
    otherwise the gradients would be silently wrong. In-place operations (``t += 1``), assigning ``t.data`` and new
    arrays are as ever. A view that was made before can still write.

    Looking at everything costs time: use it to find a fault, not to train. It holds for the operations of this thread,
    and for what is computed inside; a result of an operation that is composed of others is looked at, not its parts.

    Examples
    --------
    >>> import graphgrad as gg
    >>> p = gg.tensor([0.5, 0.0], requires_grad=True, name="p")
    >>> with gg.detect_anomaly():
    ...     loss = -gg.sum(gg.sqrt(p))
    ...     loss.backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    graphgrad.autodiff.anomaly.AnomalyError: backward of sqrt: made inf of finite numbers
      what x receives: shape (2,), float32, between -0.7071 and -0.7071, 1 of 2 elements -inf, the first at (1,)
      the gradient of its result: shape (2,), float32, between -1 and -1
      x: 'p', shape (2,), float32
      its result: shape (2,), float32, between 0 and 0.7071
    ...
    """
    detector = AnomalyDetector(check_nan, check_inf)
    token = MODE.set(MODE.get().but(anomaly=detector))
    try:
        yield
    finally:
        MODE.reset(token)
        detector.release()


class _Locked(tuple[Any, ...]):  # noqa: SLOT001 - the slot is for the lock
    """What a node saved, read-only for as long as the node or a pass has it."""

    lock: Lock


class AnomalyDetector:
    """What looks at the numbers; see `graphgrad.graph.mode.Detector` for the part that operations call."""

    def __init__(self, check_nan: bool, check_inf: bool) -> None:
        self.check_nan = check_nan
        self.check_inf = check_inf
        self.locks: weakref.WeakSet[Lock] = weakref.WeakSet()
        self.is_quiet = False
        self.where: Site | None = None

    def in_pass(self) -> AnomalyDetector:
        """One for the operations of a recorded pass, in which the rules run.

        It leaves looking to the pass, which knows more. What is recorded gets the place of the node whose rule runs,
        which the pass puts into `where`: a fault in a second derivative is then told with the line that it comes from.
        """
        found = AnomalyDetector(False, False)
        found.locks = self.locks
        found.is_quiet = True
        return found

    def release(self) -> None:
        """Make all that was locked writeable again."""
        for lock in list(self.locks):
            lock.release()

    # ---- forward

    def check(self, op: Op, operands: Sequence[Any], attrs: Mapping[str, Any], results: Sequence[Array]) -> None:
        """Look at the results of an operation on tensors."""
        for i, result in enumerate(results):
            kind = self._found(result)
            if kind == "inf" and (_any_meant(operands) or _holds_inf(list(attrs.values()))):
                kind = ""
            if kind:
                titles = _titles(op, len(operands))
                guilty = [
                    title
                    for title, one in zip(titles, operands, strict=True)
                    if _holds(kind, one._data if isinstance(one, Tensor) else np.asarray(one))
                ]
                made = f"{guilty[0]} holds {kind} already" if guilty else f"made {kind}"
                place = f"result {i}" if op.outputs is None else "result"
                raise AnomalyError(
                    describe(
                        f"{op.name}: {made}" + ("" if guilty or kind == "nan" else " of finite numbers"),
                        f"{place}: {_summary(result)}",
                        *map(_operand, titles, operands),
                        *(f"{name}: {value!r:.60}" for name, value in attrs.items()),
                        *_scope(MODE.get().scope),
                        hint="look at where that comes from: data, or an update" if guilty else _FORWARD_HINT[kind],
                    )
                )

    def check_scalar(self, op: Op, operands: Sequence[Any], value: float) -> None:
        """Look at the result of an operation on single numbers."""
        numbers = [np.asarray(one.data if isinstance(one, Scalar) else one) for one in operands]
        kind = self._found(np.asarray(value))
        if kind == "inf" and any(
            _holds_inf(number) and not (isinstance(one, Scalar) and one.is_leaf and one.requires_grad)
            for one, number in zip(operands, numbers, strict=True)
        ):
            return
        if kind:
            shown = [
                f"{name}: {f'{one.name!r}, ' if isinstance(one, Scalar) and one.name else ''}{number.item()!r}"
                for name, one, number in zip(op.operands, operands, numbers, strict=True)
            ]
            guilty = [name for name, one in zip(op.operands, numbers, strict=True) if _holds(kind, one)]
            raise AnomalyError(
                describe(
                    f"{op.name}: {f'{guilty[0]} is {kind} already' if guilty else f'made {value!r}'}",
                    *shown,
                    *_scope(MODE.get().scope),
                    hint="look at where that comes from: data, or an update" if guilty else _FORWARD_HINT[kind],
                )
            )

    def site(self) -> Site | None:
        """Where the user's code is, or the place that the running rule belongs to."""
        return self.where if self.is_quiet else call_site()

    def kept(self, node: Node) -> None:
        """Give a node its place, and make what it saved read-only."""
        node.site = self.site()
        if isinstance(node.saved, tuple):
            node.saved = self.locked(node.saved)

    def locked(self, saved: tuple[Any, ...]) -> tuple[Any, ...]:
        """The same values, with their arrays read-only for as long as the tuple lives."""
        found = _Locked(saved)
        arrays = (one for value in saved for one in (value if isinstance(value, tuple) else (value,)))
        found.lock = Lock([array for array in arrays if isinstance(array, np.ndarray)])
        self.locks.add(found.lock)
        return found

    # ---- derivatives

    def arrived(self, place: Source, g: Any, meant: bool) -> None:
        """Look at a complete gradient: the upstream one, a sum of contributions, or what hooks made of it.

        `meant` says that an infinity came in with one of these.
        """
        array = g._data if isinstance(g, Tensor) else np.asarray(g)
        kind = self._found(array)
        if kind == "nan" or (kind == "inf" and not meant):
            node = place.node if isinstance(place, (Output, Tensor)) else place
            site = node.site if isinstance(node, Node) else None
            raise AnomalyError(
                describe(
                    f"backward: the gradient of {_called(place)} is {kind} once all of it has arrived",
                    f"it is: {_summary(array)}",
                    made_at=site,
                    hint="it is the upstream gradient, a sum such as inf - inf, or what a hook returned",
                )
            )

    def passed(self, node: Node, operand: int, value: Any, g: Any, saved: Sequence[Any]) -> bool:
        """Look at what a node passes on to one of its operands. True if it is infinite, and has that from elsewhere."""
        array = value._data if isinstance(value, Tensor) else np.asarray(value)
        kind = self._found(array)
        upstream = list(map(_array, g if isinstance(g, list) else [g]))
        kept = list(map(_array, saved))
        count = len(node.operands)
        if not kind:
            return _holds_inf(array)
        if kind == "inf" and any(_holds_inf(one) for one in (*upstream, *kept[:count], *node.attrs.values())):
            return True
        details = [f"what {_titles(node.op, count)[operand]} receives: {_summary(array)}"]
        for i, one in enumerate(upstream):
            which = f"result {i}" if isinstance(g, list) else "its result"
            details += [] if one is None else [f"the gradient of {which}: {_summary(one)}"]
        _refuse("backward", node, _made(kind), [*details, *_kept_values(node, kept)], _SLOPE_HINT[kind])

    def pushed(self, node: Node, moved: Sequence[Any], tangents: Sequence[Any]) -> None:
        """Look at how a node's results move in a forward sweep, from how its operands do."""
        for i, tangent in enumerate(map(_array, tangents)):
            kind = "" if tangent is None else self._found(tangent)
            if not kind:
                continue
            arriving = list(map(_array, moved))
            kept = list(map(_array, node.saved)) if isinstance(node.saved, tuple) else []
            if kind == "inf" and any(map(_holds_inf, (*arriving, *kept[: len(moved)], *node.attrs.values()))):
                continue
            come = [(t, one) for t, one in zip(_titles(node.op, len(moved)), arriving, strict=True) if one is not None]
            guilty = [title for title, one in come if _holds(kind, one)]
            which = f"result {i}" if node.op.outputs is None else "its result"
            details = [f"the tangent of {title}: {_summary(one)}" for title, one in ((which, tangent), *come)]
            if guilty:
                made, hint = f"the tangent of {guilty[0]} holds {kind} already", "it is one that jvp was given"
            else:
                made, hint = _made(kind), _SLOPE_HINT[kind]
            _refuse("jvp", node, made, [*details, *_kept_values(node, kept)], hint)

    def passed_scalar(self, op: Op, chunk: Chunk, index: int, g: float, value: float, operand: int) -> None:
        """Look at what an operation on single numbers passes on to an operand."""
        made = "its gradient is nan once all of it has arrived" if np.isnan(g) else f"made {value!r}"
        details = [f"for: {op.operands[operand]}", f"the gradient of its result: {g!r}"]
        self._look_at_scalar("backward", op, chunk, index, value, [g], made, details)

    def pushed_scalar(self, op: Op, chunk: Chunk, index: int, moved: Sequence[float | None], value: float) -> None:
        """Look at how the result of an operation on single numbers moves in a forward sweep."""
        come = {title: one for title, one in zip(op.operands, moved, strict=True) if one is not None}
        guilty = [title for title, one in come.items() if np.isnan(one)]
        made = f"the tangent of {guilty[0]} is nan already" if guilty else f"made {value!r}"
        details = [f"the tangent of {title}: {one!r}" for title, one in come.items()]
        self._look_at_scalar("jvp", op, chunk, index, value, [*come.values()], made, details)

    def _look_at_scalar(
        self,
        way: str,
        op: Op,
        chunk: Chunk,
        index: int,
        value: float,
        come: list[float],
        made: str,
        details: list[str],
    ) -> None:
        """Refuse a number of a pass over scalars that is no number, or infinite without any that came in being so."""
        kind = self._found(np.asarray(value))
        numbers = [below.values[i] for below, i in chunk.operands(index)]
        if not kind or (kind == "inf" and _holds_inf([*come, *numbers])):
            return
        note = chunk.notes.get(index) or Note()
        raise AnomalyError(
            describe(
                f"{way} of {op.name}{f', result {note.name!r}' if note.name else ''}: {made}",
                *details,
                *(f"{title}: {number!r}" for title, number in zip(op.operands, numbers, strict=True)),
                *_scope(note.scope),
                made_at=note.site,
                hint=_SLOPE_HINT[kind] + _UNPLACED * (note.site is None),
            )
        )

    def _found(self, array: Array) -> str:
        """What an array holds of what is looked for: ``"nan"``, ``"inf"``, or nothing."""
        kind = _kind_of(array)
        if kind == "nan" and not self.check_nan:
            kind = "inf" if np.isinf(array).any() else ""
        return kind if kind != "inf" or self.check_inf else ""


def _refuse(way: str, node: Node, made: str, details: Sequence[str], hint: str) -> NoReturn:
    """Say what is wrong with a derivative at a node."""
    name = f", result {node.name!r}" if node.name else ""
    raise AnomalyError(
        describe(
            f"{way} of {node.op.name}{name}: {made}",
            *details,
            *_scope(node.scope),
            made_at=node.site,
            hint=hint + _UNPLACED * (node.site is None),
        )
    )


def _array(value: Any) -> Any:
    """The values of a tensor, and NumPy's own numbers, as arrays; anything else as it is."""
    if isinstance(value, Tensor):
        return value._data
    return np.asarray(value) if isinstance(value, np.generic) else value


def _kind_of(array: Array) -> str:
    if array.dtype.kind not in "fc" or np.isfinite(array).all():
        return ""
    return "nan" if np.isnan(array).any() else "inf"


def _holds(kind: str, array: Array) -> bool:
    """Whether an array holds a NaN, or an infinity, as `kind` says."""
    return array.dtype.kind in "fc" and bool((np.isnan if kind == "nan" else np.isinf)(array).any())


def _any_meant(operands: Sequence[Any]) -> bool:
    """Whether any operand holds an infinity that somebody put there: in a parameter, nobody does."""
    return any(
        _holds_inf(one._data if isinstance(one, Tensor) else one)
        for one in operands
        if not (isinstance(one, Tensor) and one.is_leaf and one.requires_grad)
    )


def _holds_inf(value: Any) -> bool:
    """Whether there is an infinity in an attribute, an array or a number."""
    if isinstance(value, (tuple, list)):
        return any(map(_holds_inf, value))
    if isinstance(value, (float, complex, np.ndarray, np.generic)):
        return _holds("inf", np.asarray(value))
    return False


# ---- words -----------------------------------------------------------------------------------------------------------


def _titles(op: Op, count: int) -> list[str]:
    return [f"{op.operands[0]}[{i}]" for i in range(count)] if op.variadic else list(op.operands)


def _operand(title: str, operand: Any) -> str:
    if not isinstance(operand, Tensor):
        return f"{title}: {operand!r}"
    return f"{title}: {f'{operand.name!r}, ' if operand.name else ''}{_summary(operand._data)}"


def _made(kind: str) -> str:
    return f"made {kind}" + (" of finite numbers" if kind == "inf" else "")


def _kept_values(node: Node, kept: Sequence[Any]) -> list[str]:
    """The operands, the result and the attributes of a node, from what it saved; nothing of what it didn't."""
    count = len(node.operands)
    rows = zip(_titles(node.op, count), node.operands, kept[:count] or [None] * count, strict=True)
    return [
        *(_saved_operand(title, source, one) for title, source, one in rows),
        *(f"its result: {_summary(one)}" for one in kept[count:] if isinstance(one, np.ndarray)),
        *(f"{name}: {attr!r:.60}" for name, attr in node.attrs.items()),
    ]


def _saved_operand(title: str, source: Source, value: Any) -> str:
    if isinstance(source, (bool, int, float)):
        return f"{title}: {source!r}"
    name = f"{_name_of(source)!r}, " if _name_of(source) else ""
    if isinstance(value, np.ndarray):
        return f"{title}: {name}{_summary(value)}"
    shape, dtype = layout(source)
    return f"{title}: {name}shape {shape}, {dtype}"


def _name_of(source: Source) -> str | None:
    return source.name if isinstance(source, (Node, Tensor)) else None


def _called(place: Source) -> str:
    if isinstance(place, Tensor):
        return f"leaf {place.name!r}" if place.name else "a leaf"
    node = place.node if isinstance(place, Output) else place
    assert isinstance(node, Node)
    return f"{node.name!r}, the result of {node.op.name}," if node.name else f"the result of {node.op.name}"


def _scope(scope: str) -> list[str]:
    return [f"in scope: {scope}"] if scope else []


def _summary(array: Array) -> str:
    """Shape, dtype, the range of the finite elements, and what is not finite: how much, and where it begins."""
    parts = [f"shape {array.shape}", str(array.dtype)]
    if array.dtype.kind not in "fc":
        if array.size:
            parts.append(f"between {array.min()} and {array.max()}")
        return ", ".join(parts)
    finite = array[np.isfinite(array)]
    if array.ndim == 0:
        parts.append(f"value {array.item():.6g}")
    elif finite.size and array.dtype.kind == "f":
        parts.append(f"between {finite.min():.4g} and {finite.max():.4g}")
    if array.ndim:
        for what, where in (
            ("nan", np.isnan(array)),
            ("inf", np.isposinf(array.real)),
            ("-inf", np.isneginf(array.real)),
        ):
            count = int(where.sum())
            if count:
                first = tuple(int(axis[0]) for axis in np.nonzero(where))
                parts.append(f"{count} of {array.size} elements {what}, the first at {first}")
    return ", ".join(parts)
