"""Hooks of modules: functions of the user that are called before and after a module runs, forward and backward.

The names, arguments and order are PyTorch's. Forward hooks may change what goes into a module and what comes out; what
they compute is recorded in the module's scope, as a part of it. Backward hooks see the gradient for all that
came out, and then that for all that went in. To see single operations and tensors, `graphgrad.forward_hook` and
``tensor.register_hook`` are there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.hooks import Hook, HookTable, RemovableHandle
from graphgrad.graph.mode import is_grad_enabled
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.shaping import reshape

__all__ = ["Hooked", "ModuleHooks"]

Gradients = tuple[Tensor | None, ...]


class ModuleHooks:
    """All hooks of one module; each table holds them in the order in which they are called.

    Attributes
    ----------
    before, after
        Called before and after ``forward``.
    backward_before, backward
        Called with the gradients of what came out, and with those of what went in too.
    """

    __slots__ = ("after", "backward", "backward_before", "before")

    def __init__(self) -> None:
        self.before, self.after = HookTable(), HookTable()
        self.backward_before, self.backward = HookTable(), HookTable()

    def run(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a module's call gives, with all hooks."""
        result = None
        still_to_call = [entry for entry in self.after.hooks() if entry.always]  # type: ignore[attr-defined]
        try:
            for entry in self.before.hooks():
                args, kwargs = entry(module, args, kwargs)
            is_watched = (self.backward or self.backward_before) and is_grad_enabled()
            watch = _Watch(module, self) if is_watched else None
            if watch is not None:
                args = watch.entered(args)
            result = module.forward(*args, **kwargs)
            for entry in self.after.hooks():
                if entry in still_to_call:
                    still_to_call.remove(entry)
                answer = entry(module, args, kwargs, result)
                result = result if answer is None else answer
            return result if watch is None else watch.left(result)
        except Exception:
            for entry in still_to_call:
                entry(module, args, kwargs, result)
            raise


class _Before:
    """A hook before ``forward``, with what it returns read as the arguments that it wants."""

    def __init__(self, hook: Hook, with_kwargs: bool) -> None:
        self.hook, self.with_kwargs = hook, with_kwargs

    def __call__(
        self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if not self.with_kwargs:
            answer = self.hook(module, args)
            if answer is None:
                return args, kwargs
            return (answer if isinstance(answer, tuple) else (answer,)), kwargs
        answer = self.hook(module, args, kwargs)
        if answer is None:
            return args, kwargs
        if isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], tuple):
            args, kwargs = answer
            if isinstance(kwargs, dict):
                return args, kwargs
        raise DTypeError(
            describe(
                f"register_forward_pre_hook: hook {_name(self.hook)!r} returned {type(answer).__name__}",
                "expected: None, or a pair of a tuple and a dict, the new arguments",
            )
        )


class _After:
    """A hook after ``forward``."""

    def __init__(self, hook: Hook, with_kwargs: bool, always: bool) -> None:
        self.hook, self.with_kwargs, self.always = hook, with_kwargs, always

    def __call__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        return self.hook(module, args, kwargs, result) if self.with_kwargs else self.hook(module, args, result)


class Hooked:
    """The part of `Module` with which hooks are registered."""

    _module_hooks: ModuleHooks | None

    def _hook_tables(self) -> ModuleHooks:
        if self._module_hooks is None:
            object.__setattr__(self, "_module_hooks", ModuleHooks())
        assert self._module_hooks is not None
        return self._module_hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``, each time that the module is called.

        Parameters
        ----------
        hook
            Gets the positional arguments as a tuple. What it returns takes their place, one that is no tuple as the
            only one; None leaves them as they are.
        prepend
            Whether it comes before the hooks that are there, and not after them.
        with_kwargs
            Whether it is called as ``hook(module, args, kwargs)``, and returns both or None.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` takes the hook off.

        Raises
        ------
        DTypeError
            If `hook` can't be called; when the module runs, if it returns something else.

        Examples
        --------
        >>> import graphgrad as gg
        >>> layer = gg.nn.ReLU()
        >>> with layer.register_forward_pre_hook(lambda module, args: -args[0]):
        ...     layer(gg.tensor([-1.0, 2.0]))
        tensor([1., 0.])
        """
        what = "register_forward_pre_hook"
        return _add(self._hook_tables().before, _Before(_checked(hook, what), with_kwargs), what, prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``, each time that the module is called.

        Parameters
        ----------
        hook
            Gets the positional arguments as a tuple, and what ``forward`` gave. What it returns takes the place of
            that; None leaves it as it is.
        prepend
            Whether it comes before the hooks that are there, and not after them.
        with_kwargs
            Whether it is called as ``hook(module, args, kwargs, output)``.
        always_call
            Whether it is called even if ``forward`` or another hook raises: with the output so far, None if ``forward``
            gave none. What it returns is let go then, and what it raises takes the place of the other error, which is
            chained to it; PyTorch warns.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` takes the hook off.

        Raises
        ------
        DTypeError
            If `hook` can't be called.

        Examples
        --------
        >>> import graphgrad as gg
        >>> model = gg.nn.Sequential(gg.nn.Linear(4, 3), gg.nn.ReLU())
        >>> shapes = []
        >>> for layer in model:
        ...     handle = layer.register_forward_hook(lambda module, args, output: shapes.append(output.shape))
        >>> _ = model(gg.ones((2, 4)))
        >>> shapes
        [(2, 3), (2, 3)]
        """
        what = "register_forward_hook"
        return _add(self._hook_tables().after, _After(_checked(hook, what), with_kwargs, always_call), what, prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when a pass has the gradients of all that the module gave.

        Parameters
        ----------
        hook
            Gets a tuple with a gradient for each output, None for those that have none. It returns None, or a tuple of
            as many that takes its place, or the gradient itself if there is one output.
        prepend
            Whether it comes before the hooks that are there, and not after them.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` takes the hook off.

        Raises
        ------
        DTypeError
            If `hook` can't be called; in the pass, if it returns something else.

        Examples
        --------
        >>> import graphgrad as gg
        >>> x = gg.tensor([1.0, -1.0], requires_grad=True)
        >>> layer = gg.nn.ReLU()
        >>> handle = layer.register_full_backward_pre_hook(lambda module, grad_output: grad_output[0] * 10)
        >>> gg.sum(layer(x)).backward()
        >>> x.grad
        tensor([10.,  0.])
        """
        what = "register_full_backward_pre_hook"
        return _add(self._hook_tables().backward_before, _checked(hook, what), what, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when a pass has gone through the module.

        Parameters
        ----------
        hook
            Gets two tuples: a gradient for each positional argument, None for those that need none (where PyTorch has
            zeros if it is a tensor), and a gradient for each output. It returns None, or a tuple that takes the place
            of the former, or the gradient itself if there is one argument. If no argument needs a gradient, it is
            called as soon as those of the outputs are there.
        prepend
            Whether it comes before the hooks that are there, and not after them.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` takes the hook off.

        Raises
        ------
        DTypeError
            If `hook` can't be called, or the module gives something other than tensors; in the pass, if it returns
            something else.

        Notes
        -----
        What goes in and what comes out passes two `reshape` to the same shape, where the gradients are met.

        Examples
        --------
        >>> import graphgrad as gg
        >>> layer = gg.nn.Linear(3, 1, bias=False)
        >>> _ = layer.load_state_dict({"weight": [[1.0, 2.0, 3.0]]})
        >>> def show(module, grad_input, grad_output):
        ...     print(grad_input[0].tolist(), grad_output[0].tolist())
        >>> handle = layer.register_full_backward_hook(show)
        >>> layer(gg.tensor([1.0, 1.0, 1.0], requires_grad=True)).backward([2.0])
        [2.0, 4.0, 6.0] [2.0]
        """
        what = "register_full_backward_hook"
        return _add(self._hook_tables().backward, _checked(hook, what), what, prepend)


# ---- backward --------------------------------------------------------------------------------------------------------


class _Gate:
    """A place that tensors pass together, where a pass has to wait until it has the gradients of all of them.

    Each tensor goes through two nodes, and all first nodes are made before all second ones. A pass takes nodes from the
    latest to the earliest, so that it has met every second node when it comes to the first of the first ones: the
    gradients are taken down at the second nodes and given out at the first ones.
    """

    def __init__(self, answer: Callable[[Gradients], Sequence[Tensor | None]]) -> None:
        self._answer = answer
        self._met: dict[int, Tensor] = {}
        self._given: Sequence[Tensor | None] | None = None

    def through(self, values: Sequence[Any]) -> tuple[list[Any], bool]:
        """The values with those that need a gradient led through, and whether there are any."""
        passed = list(values)
        places = [i for i, one in enumerate(passed) if isinstance(one, Tensor) and one.requires_grad]
        for i in places:
            passed[i] = reshape(passed[i], passed[i].shape)
            passed[i].register_hook(lambda g, i=i: self._give(i, len(passed)))
        for i in places:
            passed[i] = reshape(passed[i], passed[i].shape)
            passed[i].register_hook(lambda g, i=i: self._meet(i, g))
        return passed, bool(places)

    def _meet(self, i: int, g: Tensor) -> None:
        if self._given is not None:  # the pass before is over
            self._met, self._given = {}, None
        self._met[i] = g

    def _give(self, i: int, count: int) -> Tensor | None:
        if self._given is None:
            self._given = self._answer(tuple([self._met.get(place) for place in range(count)]))
        return self._given[i]


class _Watch:
    """One call of a module whose backward hooks are waiting."""

    def __init__(self, module: Any, hooks: ModuleHooks) -> None:
        self.module, self.hooks = module, hooks
        self.inputs = 0
        self.has_inputs = False
        self.grad_output: Gradients = ()

    def entered(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, led through the gate that a pass leaves the module by."""
        self.inputs = len(args)
        passed, self.has_inputs = _Gate(self._at_inputs).through(args)
        return tuple(passed)

    def left(self, result: Any) -> Any:
        """What came out, led through the gate that a pass enters the module by."""
        values = [result] if isinstance(result, Tensor) else result
        if not isinstance(values, (tuple, list)):
            raise DTypeError(
                describe(
                    f"{type(self.module).__name__}: it has a backward hook, and gave {type(result).__name__}",
                    "expected: a tensor, or a tuple or list with tensors",
                    hint="register the hook on a module inside that gives tensors",
                )
            )
        passed, _ = _Gate(self._at_outputs).through(values)
        if isinstance(result, Tensor):
            return passed[0]
        make = getattr(type(result), "_make", type(result))  # a named tuple takes its fields one by one
        return make(passed)

    def _at_outputs(self, grads: Gradients) -> Gradients:
        for hook in self.hooks.backward_before.hooks():
            grads = _answered("register_full_backward_pre_hook", hook, hook(self.module, grads), grads)
        self.grad_output = grads
        if not self.has_inputs:
            self._at_inputs((None,) * self.inputs)
        return grads

    def _at_inputs(self, grads: Gradients) -> Gradients:
        for hook in self.hooks.backward.hooks():
            grads = _answered("register_full_backward_hook", hook, hook(self.module, grads, self.grad_output), grads)
        return grads


def _answered(what: str, hook: Hook, answer: Any, grads: Gradients) -> Gradients:
    """The gradients that a hook returned, or as they were if it returned None."""
    if answer is None:
        return grads
    new = tuple(answer) if isinstance(answer, (tuple, list)) else (answer,)
    if len(new) != len(grads):
        raise DTypeError(
            describe(
                f"{what}: hook {_name(hook)!r} returned {len(new)} gradients",
                f"expected: None, or a tuple of {len(grads)}",
            )
        )
    for one, old in zip(new, grads, strict=True):
        if (one is None) != (old is None):
            raise DTypeError(
                describe(
                    f"{what}: hook {_name(hook)!r} returned {type(one).__name__} in the place of {type(old).__name__}",
                    "expected: a tensor where a gradient is, and None where none is",
                )
            )
    return new


# ---- registering -----------------------------------------------------------------------------------------------------


def _name(hook: Any) -> str:
    return getattr(hook, "__name__", repr(hook))


def _checked(hook: Any, what: str) -> Any:
    if not callable(hook):
        raise DTypeError(describe(f"{what}: a function is needed, got {type(hook).__name__}"))
    return hook


def _add(table: HookTable, hook: Any, what: str, prepend: bool) -> RemovableHandle:
    """Register a hook, as the last or as the first of them."""
    before = list(table.items()) if prepend else []
    handle = table.add(hook, what)
    for key, one in before:
        del table[key]
        table[key] = one
    return handle
