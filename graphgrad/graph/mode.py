"""How operations behave here and now: grad mode, recorder and scope, local to each context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from graphgrad.graph.hooks import HookTable
    from graphgrad.graph.node import Node, Recomputed
    from graphgrad.graph.operation import Op
    from graphgrad.graph.record import Recording
    from graphgrad.graph.source import Site

__all__ = ["MODE", "Detector", "Mode", "Segment", "enable_grad", "is_grad_enabled", "no_grad", "scope"]


class Detector(Protocol):
    """Looks at every number that an operation computes; see `graphgrad.autodiff.anomaly`."""

    def check(self, op: Op, operands: Sequence[Any], attrs: Mapping[str, Any], results: Sequence[Any]) -> None:
        """Raise if the results of an operation on tensors hold what they must not."""

    def check_scalar(self, op: Op, operands: Sequence[Any], value: float) -> None:
        """The same for an operation on single numbers."""

    def site(self) -> Site | None:
        """The place in the user's code that an operation of this moment belongs to."""

    def kept(self, node: Node) -> None:
        """Give a node its place, and make what it saved read-only."""


class Segment(Protocol):
    """Takes note of operations whose values aren't kept; see `graphgrad.autodiff.checkpoint`."""

    def recomputed(self, node: Node, arrays: Sequence[Any], result: Any) -> Recomputed:
        """What a node has instead of saved values."""


class Mode:
    """An immutable bundle of what every operation has to know, so that it reads one variable.

    Attributes
    ----------
    grad
        Whether graphs are recorded for backward.
    recorder
        Keeps every operation, with its place in the user's code.
    scope
        The path of scopes.
    hooks
        Are called after every operation.
    anomaly
        Looks at every number.
    segment
        Keeps what saved values can be computed again from, instead of these.
    complex_step
        Whether complex numbers are real ones with a small imaginary step beside them, which operations take that refuse
        complex numbers otherwise, and which no rule conjugates; see `graphgrad.autodiff.complex_step`.
    fast
        Whether nothing but the gradient graph is wanted: operations test this one flag.
    plain
        Whether there is no scope either.
    """

    __slots__ = ("anomaly", "complex_step", "fast", "grad", "hooks", "plain", "recorder", "scope", "segment")

    def __init__(
        self,
        grad: bool = True,
        recorder: Recording | None = None,
        scope: str = "",
        hooks: tuple[HookTable, ...] = (),
        anomaly: Detector | None = None,
        segment: Segment | None = None,
        complex_step: bool = False,
    ) -> None:
        self.grad = grad
        self.recorder = recorder
        self.scope = scope
        self.hooks = hooks
        self.anomaly = anomaly
        self.segment = segment
        self.complex_step = complex_step
        self.fast = grad and recorder is None and not hooks and anomaly is None and segment is None
        self.plain = self.fast and not scope

    def but(self, **changes: Any) -> Mode:
        """The same but for what is given."""
        kept = {name: getattr(self, name) for name in Mode.__slots__ if name not in ("fast", "plain")}
        return Mode(**{**kept, **changes})


MODE: ContextVar[Mode] = ContextVar("graphgrad mode", default=Mode())  # noqa: B039 - a Mode never changes


class _Change(ContextDecorator):
    """Base of the context managers that replace the mode and put it back; usable as decorators too."""

    def __init__(self) -> None:
        self._tokens: list[Token[Mode]] = []

    def _changed(self, mode: Mode) -> Mode:
        raise AssertionError(f"{type(self).__name__} has to say what it changes")

    def __enter__(self) -> Self:
        self._tokens.append(MODE.set(self._changed(MODE.get())))
        return self

    def __exit__(self, *exc_info: object) -> None:
        MODE.reset(self._tokens.pop())


class no_grad(_Change):
    """Compute without recording a graph, as a context or a decorator (P01.19).

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([1.0, 2.0], requires_grad=True)
    >>> with gg.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """

    def _recreate_cm(self) -> no_grad:
        return no_grad()

    def _changed(self, mode: Mode) -> Mode:
        return mode.but(grad=False)


class enable_grad(_Change):
    """Record graphs again inside a `no_grad` block, as a context or a decorator."""

    def _recreate_cm(self) -> enable_grad:
        return enable_grad()

    def _changed(self, mode: Mode) -> Mode:
        return mode.but(grad=True)


class scope(_Change):
    """Name the part of the graph that is made inside; scopes nest to a path such as ``encoder.0``.

    Parameters
    ----------
    name
        One level or several, separated by dots. Not empty.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.tensor(1.0, requires_grad=True)
    >>> with gg.scope("encoder"), gg.scope("0"):
    ...     y = x * 2
    >>> y.scope
    'encoder.0'
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        if not isinstance(name, str) or not all(name.split(".")):
            raise ValueError(f"scope: a name is needed, or several separated by single dots, got {name!r}")
        self.name = name

    def _recreate_cm(self) -> scope:
        return scope(self.name)

    def _changed(self, mode: Mode) -> Mode:
        path = f"{mode.scope}.{self.name}" if mode.scope else self.name
        return mode.but(scope=path)


def is_grad_enabled() -> bool:
    """Whether operations record a graph here and now."""
    return MODE.get().grad
