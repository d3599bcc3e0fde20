"""Small programs with hooks, written once for graphgrad and PyTorch: what each writes down must be the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

Log = list[Any]


class Library(Protocol):
    """What the programs need of a library."""

    def leaf(self, *values: float) -> Any:
        """A float64 leaf that needs a gradient."""

    def tanh(self, t: Any) -> Any: ...

    def sum(self, t: Any) -> Any: ...

    def node(self, t: Any) -> Any:
        """What computed a tensor."""

    def grad(self, y: Any, targets: Sequence[Any]) -> Sequence[Any]:
        """The gradients of some tensors, leaving the graph as it is."""

    def step(self, leaf: Any, rate: float) -> None:
        """Move a leaf against its gradient."""


def note(log: Log, text: str, *tensors: Any) -> None:
    """Write something down, with the values of tensors."""
    values = [None if one is None else [round(float(v), 12) for v in one.tolist()] for one in tensors]
    log.append([text, *values])


def hang(log: Log, lib: Library, **tensors: Any) -> None:
    """Hang a hook of each kind on each tensor, and write down when it is called, and whether ``grad`` is there."""
    for name, t in tensors.items():
        t.register_hook(lambda g, name=name, t=t: note(log, f"value {name}", g, t.grad))
        if t.is_leaf:
            t.register_post_accumulate_grad_hook(lambda p, name=name: note(log, f"accumulated {name}", p.grad))
            continue
        t.retain_grad()
        lib.node(t).register_prehook(lambda outs, name=name, t=t: note(log, f"before {name}", *outs, t.grad))
        lib.node(t).register_hook(lambda ins, outs, name=name: note(log, f"after {name}", *ins, *outs))


def order(lib: Library, log: Log) -> None:
    x, w = lib.leaf(1.0, 2.0), lib.leaf(0.3, 0.4)
    h = x * w
    z = lib.tanh(h)
    y = lib.sum(z * w)
    hang(log, lib, w=w, x=x, h=h, z=z)
    y.backward()
    note(log, "end", x.grad, w.grad, h.grad, z.grad)


def leaves(lib: Library, log: Log) -> None:
    """A leaf is complete after the last node that reads it, which isn't the last node of all."""
    a, b, c = lib.leaf(1.0), lib.leaf(2.0), lib.leaf(3.0)
    early = lib.tanh(a * b)
    late = early * c * b
    hang(log, lib, early=early, late=late, a=a, b=b, c=c)
    lib.sum(late * c).backward()


def operand_order(lib: Library, log: Log) -> None:
    for reverse in (False, True):
        x, w = lib.leaf(1.0), lib.leaf(2.0)
        hang(log, lib, x=x, w=w)
        lib.sum(w * x if reverse else x * w).backward()


def replaced(lib: Library, log: Log) -> None:
    x = lib.leaf(1.0, 2.0)
    h = x * x
    h.register_hook(lambda g: g * 2)
    h.register_hook(lambda g: note(log, "second", g))
    lib.node(h).register_prehook(lambda outs: (outs[0] * 3,))
    lib.node(h).register_hook(lambda ins, outs: (ins[0] * 5, None if ins[1] is None else ins[1] * 7))
    h.retain_grad()
    x.register_hook(lambda g: g + 100)
    lib.sum(h).backward()
    note(log, "end", x.grad, h.grad)


def retained_is_last(lib: Library, log: Log) -> None:
    """What is retained is what the hooks left, in whatever order they came."""
    x = lib.leaf(1.0, 2.0)
    h = x * 2
    h.retain_grad()
    h.register_hook(lambda g: g * 10)
    lib.sum(h).backward(retain_graph=True)
    note(log, "once", h.grad, x.grad)
    lib.sum(h).backward()
    note(log, "twice", h.grad, x.grad)
    log.append([h.retains_grad, x.retains_grad, (x * 1).retains_grad])


def in_place(lib: Library, log: Log) -> None:
    x = lib.leaf(1.0, 2.0)
    h = x * 1
    h.retain_grad()
    h.register_hook(lambda g: note(log, "of the old values", g))
    h *= 3
    h.register_hook(lambda g: note(log, "of the new values", g))
    lib.sum(h * 2).backward()
    note(log, "end", h.grad, x.grad)


def removed(lib: Library, log: Log) -> None:
    x = lib.leaf(1.0)
    h = x * 1
    handles: list[Any] = []
    handles.append(h.register_hook(lambda g: handles[1].remove()))
    handles.append(h.register_hook(lambda g: note(log, "still", g)))
    first = x.register_hook(lambda g: note(log, "first"))
    with x.register_hook(lambda g: note(log, "in the block")):
        lib.sum(h).backward(retain_graph=True)
    first.remove()
    first.remove()
    lib.sum(h).backward()


def registered_by_a_hook(lib: Library, log: Log) -> None:
    x = lib.leaf(1.0)
    h = x * 1
    z = h * 2

    def hook(g: Any) -> None:
        h.register_hook(lambda g: note(log, "of h", g))
        z.register_hook(lambda g: note(log, "too late", g))

    z.register_hook(hook)
    lib.sum(z).backward()


def targets(lib: Library, log: Log) -> None:
    """Which hooks are called when only some gradients are wanted."""
    x, w = lib.leaf(1.0, 2.0), lib.leaf(0.3, 0.4)
    h = x * w
    z = lib.tanh(h)
    y = lib.sum(z * w)
    hang(log, lib, w=w, x=x, h=h, z=z)
    for wanted in ([h], [z], [x], [w], [x, w], [x, z]):
        note(log, "grad", *lib.grad(y, wanted))
        h.grad = z.grad = None
    y.backward()


def a_target_that_a_hook_changes(lib: Library, log: Log) -> None:
    x = lib.leaf(1.0, 2.0)
    h = x * x
    h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    y = lib.sum(lib.tanh(h))
    note(log, "of h", *lib.grad(y, [h]))
    note(log, "of x", *lib.grad(y, [x]))


def recorded(lib: Library, log: Log) -> None:
    x = lib.leaf(0.5, 0.25)
    h = lib.tanh(x)
    h.register_hook(lambda g: log.append([g.requires_grad]))
    h.register_hook(lambda g: g * g)
    x.register_hook(lambda g: g * x)
    lib.sum(h * h * h).backward(create_graph=True)
    first = x.grad
    note(log, "first", first)
    x.grad = None
    lib.sum(first).backward()
    note(log, "second", x.grad)


def optimizer_in_backward(lib: Library, log: Log) -> None:
    """The update is made as soon as a gradient is there, which then goes at once."""
    layers = [lib.leaf(0.5, 0.1 * i) for i in range(1, 4)]

    def step(leaf: Any) -> None:
        lib.step(leaf, 0.1)
        note(log, "step", leaf, leaf.grad)
        leaf.grad = None

    for leaf in layers:
        leaf.register_post_accumulate_grad_hook(step)
    for _ in range(3):
        h = layers[0] * 1
        for leaf in layers[1:]:
            h = lib.tanh(h * leaf) + leaf
        lib.sum(h * h).backward()
        log.append([leaf.grad is None for leaf in layers])


PROGRAMS: tuple[Callable[[Library, Log], None], ...] = (
    order,
    leaves,
    operand_order,
    replaced,
    retained_is_last,
    in_place,
    removed,
    registered_by_a_hook,
    targets,
    a_target_that_a_hook_changes,
    recorded,
    optimizer_in_backward,
)
