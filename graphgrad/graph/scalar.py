"""`Scalar`: one number with a place in a graph."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from operator import eq, le, lt
from typing import TYPE_CHECKING, Any

import numpy as np

from graphgrad.graph.errors import DTypeError, GraphError, WriteError, check_name, describe
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE
from graphgrad.graph.source import call_site
from graphgrad.graph.tape import DONE, NOTHING, Chunk, Note, Place, Trace, check_untraced, leaves_chunk

if TYPE_CHECKING:
    from graphgrad.graph.graph import Graph

__all__ = ["Scalar", "as_float", "constant", "handle", "scalar"]

_NO_NOTE = Note()


class Scalar:
    """One float64 that remembers how it was computed, as in micrograd.

    Leaves add up the gradients of all passes; the gradient of a computed scalar is that of the last pass that reached
    it, None before any. A scalar's graph is kept as long as the scalar, so that passes can be repeated.

    Attributes
    ----------
    data
        The value, a Python float. Assigning to it writes a leaf without recording.
    grad
        The gradient, a Python float or None.
    name
        What pictures and error texts call it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> a, b = gg.scalar(2.0), gg.scalar(-3.0)
    >>> y = gg.tanh(a * b + 5.0)
    >>> y.backward()
    >>> round(a.grad, 4)
    -1.2599
    """

    __slots__ = ("chunk", "index")
    __array_ufunc__ = None  # NumPy leaves `array * scalar` to us, where mixing is refused with a reason

    chunk: Chunk
    index: int

    @property
    def data(self) -> float:
        value = self.chunk.values[self.index]
        if self.chunk.trace is not None:
            self.chunk.trace.looked("same", (self.chunk, self.index), value)
        return value

    @data.setter
    def data(self, value: Any) -> None:
        if self.chunk.ops[self.index]:
            raise WriteError(
                describe(
                    "data: this scalar was computed, its value belongs to the graph",
                    "expected: a leaf",
                    hint="make a new one: gg.scalar(value)",
                )
            )
        check_untraced(self.chunk, "data", hint="compute another scalar instead of writing to this one")
        self.chunk.write(self.index, as_float(value, "data"))

    @property
    def grad(self) -> float | None:
        return None if self.chunk.states[self.index] == NOTHING else self.chunk.grads[self.index]

    @grad.setter
    def grad(self, value: float | None) -> None:
        if value is None:
            self.chunk.states[self.index] = NOTHING
        else:
            self.chunk.grads[self.index] = as_float(value, "grad")
            self.chunk.states[self.index] = DONE

    @property
    def name(self) -> str | None:
        note = self.chunk.notes.get(self.index)
        return None if note is None else note.name

    @name.setter
    def name(self, value: str | None) -> None:
        note = self.chunk.notes.get(self.index, _NO_NOTE)
        self.chunk.notes[self.index] = note._replace(name=check_name(value))

    @property
    def requires_grad(self) -> bool:
        return self.chunk.needs

    @property
    def is_leaf(self) -> bool:
        """Whether no operation computed it."""
        return not self.chunk.ops[self.index]

    @property
    def number(self) -> int:
        """When it came into being, counted together with tensors."""
        return self.chunk.first + self.index

    def item(self) -> float:
        """The value as a Python float, outside the graph."""
        return self.data

    def detach(self) -> Scalar:
        """A constant with the same value, which passes no gradient on (P01.17)."""
        return constant(self.data, self.chunk.face)

    def backward(self, gradient: float = 1.0, retain_graph: bool = False) -> None:
        """Compute the gradient of this scalar for everything that it depends on.

        A pass can be repeated, since scalars keep their graph. A gradient is a plain number; for derivatives of
        derivatives there is `graphgrad.grad`.

        Parameters
        ----------
        gradient
            The upstream gradient.
        retain_graph
            Whether another pass may come by tensors on the way (see `graphgrad.stack` and `Tensor.scalars`): like their
            own passes, one from a scalar frees what they saved. Scalars keep their graph anyway.

        Raises
        ------
        GraphError
            If this scalar is a leaf; or if an earlier pass freed what tensors on the way had saved.
        WriteError
            If a leaf that it was computed from was written since.
        """
        late.scalar_backward(self, gradient, retain_graph)

    def graph(self) -> Graph:
        """The recorded computation that leads to this scalar, as data."""
        return late.graph(self)

    def __add__(self, other: Any) -> Scalar:
        return late.scalar_add(self, other)

    def __radd__(self, other: Any) -> Scalar:
        return late.scalar_add(other, self)

    def __sub__(self, other: Any) -> Scalar:
        return late.scalar_subtract(self, other)

    def __rsub__(self, other: Any) -> Scalar:
        return late.scalar_subtract(other, self)

    def __mul__(self, other: Any) -> Scalar:
        return late.scalar_multiply(self, other)

    def __rmul__(self, other: Any) -> Scalar:
        return late.scalar_multiply(other, self)

    def __truediv__(self, other: Any) -> Scalar:
        return late.scalar_divide(self, other)

    def __rtruediv__(self, other: Any) -> Scalar:
        return late.scalar_divide(other, self)

    def __pow__(self, other: Any) -> Scalar:
        return late.scalar_power(self, other)

    def __rpow__(self, other: Any) -> Scalar:
        return late.scalar_power(other, self)

    def __neg__(self) -> Scalar:
        return late.scalar_negative(self)

    def __pos__(self) -> Scalar:
        return self

    def __abs__(self) -> Scalar:
        return late.scalar_abs(self)

    # Comparing looks at the values, as for numbers. In dicts and sets identity counts, which all handles of a scalar
    # share.

    def __eq__(self, other: object) -> bool:
        return _answer("equal", self, other)

    def __lt__(self, other: Any) -> bool:
        return _answer("less", self, other)

    def __le__(self, other: Any) -> bool:
        return _answer("less_equal", self, other)

    def __gt__(self, other: Any) -> bool:
        return _answer("less", other, self)

    def __ge__(self, other: Any) -> bool:
        return _answer("less_equal", other, self)

    def __hash__(self) -> int:
        return hash((Scalar, self.number))

    def __float__(self) -> float:
        return self.data

    def __int__(self) -> int:
        value = self.chunk.values[self.index]
        whole = int(value)
        if self.chunk.trace is not None:
            self.chunk.trace.looked("whole", (self.chunk, self.index), value)
        return whole

    def __bool__(self) -> bool:
        return not _answer("equal", self, 0.0)

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is a leaf of its own, with a number of its own."""
        if not self.is_leaf:
            raise GraphError(
                describe("copy: this scalar was computed; only leaves can be copied", hint="gg.scalar(s.data)")
            )
        return scalar, (self.data, self.requires_grad, self.name)

    def __repr__(self) -> str:
        grad = "—" if self.grad is None else f"{self.grad:.4g}"
        name = f", name={self.name!r}" if self.name else ""
        return f"scalar({self.data:.4g}, grad={grad}{name})"


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"less": lt, "less_equal": le, "equal": eq}


def _answer(question: str, left: Any, right: Any) -> bool:
    """How two numbers compare, of which at least one is a scalar."""
    a, b = _value(left), _value(right)
    answer = _COMPARE[question](a, b)
    trace = _trace(left) or _trace(right)
    if trace is not None and not (b is None or isinstance(b, str)):  # no scalar equals these
        if _fits_a_float(a) and _fits_a_float(b):
            trace.looked(question, _place(left), _place(right), bool(answer))
        else:  # only the value itself says how it compares with a Decimal, or with an array
            for one in (left, right):
                if isinstance(one, Scalar):
                    trace.looked("same", _place(one), _value(one))
    return answer


def _value(one: Any) -> Any:
    return one.chunk.values[one.index] if isinstance(one, Scalar) else one


def _trace(one: Any) -> Trace | None:
    return one.chunk.trace if isinstance(one, Scalar) else None


def _place(one: Any) -> Place | float:
    return (one.chunk, one.index) if isinstance(one, Scalar) else float(one)


def _fits_a_float(value: Any) -> bool:
    """Whether a float compares as this number does: 2**53 + 1 doesn't, nor one of NumPy that compares in float32."""
    if isinstance(value, float):
        return True
    try:
        return isinstance(value, Real) and not isinstance(value, np.floating) and float(value) == value
    except OverflowError:
        return False


def as_float(value: Any, what: str) -> float:
    """A Python float of anything that is a number, with a clear refusal of the rest."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise DTypeError(describe(f"{what}: a number is needed, got {type(value).__name__} {value!r:.40}")) from None


def handle(chunk: Chunk, index: int) -> Scalar:
    """The scalar at a place of the tape."""
    face: Any = chunk.face
    made: Scalar = face.__new__(face)
    made.chunk = chunk
    made.index = index
    return made


def constant(value: float, face: type[Scalar] = Scalar) -> Scalar:
    """A scalar that needs no gradient. Its note tells it from a number that stands in the code."""
    chunk = leaves_chunk(face, needs=False)
    return handle(chunk, chunk.put(value, _NO_NOTE))


def scalar(value: Any, requires_grad: bool = True, name: str | None = None) -> Scalar:
    """Make a leaf of one number.

    Parameters
    ----------
    value
        Anything that ``float()`` takes.
    requires_grad
        Whether backward passes collect a gradient here; unlike for tensors, they do by default.
    name
        What pictures and error texts call it.

    Raises
    ------
    DTypeError
        If `value` isn't a number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.scalar(3.0)
    >>> (x * x).backward()
    >>> x.grad
    6.0
    """
    number = as_float(value, "scalar")
    check_name(name)
    mode = MODE.get()
    site = None
    if mode.recorder is not None:
        site = call_site()
        if name is None and site is not None:
            name = site.target
    # A constant always has a note, see there.
    note = Note(name, "", site) if name is not None or site is not None or not requires_grad else None
    chunk = leaves_chunk(Scalar, requires_grad)
    return handle(chunk, chunk.put(number, note))
