"""How operations behave here and now: grad mode, recorder and scope, local to each context."""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from graphgrad.graph.record import Recording

__all__ = ["MODE", "Mode", "enable_grad", "is_grad_enabled", "no_grad", "scope"]


class Mode:
    """An immutable bundle of what every operation has to know, so that it reads one variable.

    ``fast`` says that nothing but the gradient graph is wanted: operations test this one flag.
    """

    __slots__ = ("fast", "grad", "recorder", "scope")

    def __init__(self, grad: bool = True, recorder: Recording | None = None, scope: str = "") -> None:
        self.grad = grad
        self.recorder = recorder
        self.scope = scope
        self.fast = grad and recorder is None


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
        return Mode(False, mode.recorder, mode.scope)


class enable_grad(_Change):
    """Record graphs again inside a `no_grad` block, as a context or a decorator."""

    def _recreate_cm(self) -> enable_grad:
        return enable_grad()

    def _changed(self, mode: Mode) -> Mode:
        return Mode(True, mode.recorder, mode.scope)


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
        return Mode(mode.grad, mode.recorder, path)


def is_grad_enabled() -> bool:
    """Whether operations record a graph here and now."""
    return MODE.get().grad
