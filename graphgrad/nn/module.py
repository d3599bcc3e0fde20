"""`Module`: layers and networks as objects that hold parameters.

A parameter is nothing but a leaf `Tensor` that needs a gradient: operations recognise exactly that type on their quick
path, so there is no subclass. What makes it a parameter of a module is that it was assigned to one of its attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Self

from numpy.typing import DTypeLike

from graphgrad.graph.create import tensor
from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.mode import scope
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.module_hooks import Hooked
from graphgrad.nn.module_state import IncompatibleKeys, StateDictError, Stateful
from graphgrad.nn.summarizing import Summarized
from graphgrad.nn.symbolic import BEGUN, has_symbols, record

__all__ = ["IncompatibleKeys", "Module", "Parameter", "StateDictError"]


def Parameter(data: Any, *, dtype: DTypeLike | None = None) -> Tensor:
    """Make what a module learns: a leaf tensor that needs a gradient, from a copy of data.

    The result is a plain `Tensor`. A module that it is assigned to registers it, as it does any leaf that needs a
    gradient. To freeze it, switch ``requires_grad`` off afterwards: it stays a parameter and is no longer trained.

    Parameters
    ----------
    data, dtype
        As in `graphgrad.tensor`.

    Raises
    ------
    DTypeError
        If `data` isn't made of floats.

    Examples
    --------
    >>> import graphgrad as gg
    >>> class Scale(gg.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = gg.nn.Parameter([2.0])
    ...
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """
    return tensor(data, dtype, requires_grad=True)


# Whose forward is running here and now: it tells a module which name it has in the one that calls it.
_running: ContextVar[Module | None] = ContextVar("graphgrad running module", default=None)


def _forward(self: Module, *args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError(
        describe(f"{type(self).__name__}: has no forward", hint="define forward(self, ...) to say what it computes")
    )


class Module(Stateful, Hooked, Summarized):
    """The base of layers and networks, as PyTorch's (P25.03).

    Subclasses assign parameters and other modules to attributes, which registers them, and define ``forward``. Calling
    the module runs it, inside a scope of the name that the module has in the one that called it, so that graphs know
    where every operation belongs: ``encoder.linear1``.

    Attributes
    ----------
    training
        True in training, False in evaluation: `train` and `eval` switch it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> class Net(gg.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = gg.nn.Linear(4, 3)
    ...         self.out = gg.nn.Linear(3, 2)
    ...
    ...     def forward(self, x):
    ...         return self.out(gg.tanh(self.hidden(x)))
    >>> net = Net()
    >>> [name for name, _ in net.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    >>> net(gg.ones((5, 4))).scope
    'out'
    """

    training: bool
    # Names of attributes, in the order of registration; the values are where attributes are, in `__dict__`.
    _parameters: dict[str, None]
    _modules: dict[str, None]
    _buffers: dict[str, bool]  # whether the state dict has them
    # The path under which the module was last found in another one.
    _scope_path: str

    # Each module takes the arguments that it wants.
    forward: Callable[..., Any] = _forward

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # Here and not in __init__, so that a subclass that forgets super().__init__() works too.
        self = super().__new__(cls)
        self.__dict__.update(
            training=True, _parameters={}, _modules={}, _buffers={}, _scope_path="", _module_hooks=None
        )
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if BEGUN and (has_symbols(args) or (kwargs and has_symbols(kwargs.values()))):
            return record(self, args, kwargs)
        caller = _running.get()
        path = "" if caller is None else caller._path_of(self)
        token = _running.set(self)
        try:
            if not path:
                return self._call_forward(args, kwargs)
            with scope(path):
                return self._call_forward(args, kwargs)
        finally:
            _running.reset(token)

    def _call_forward(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._module_hooks is None:
            return self.forward(*args, **kwargs)
        return self._module_hooks.run(self, args, kwargs)

    def _path_of(self, module: Module) -> str:
        """The path of a module somewhere inside this one, empty if it isn't there."""
        found: object = self
        for name in module._scope_path.split("."):  # where it was found last time, nearly always
            found = found.__dict__.get(name) if isinstance(found, Module) and name in found._modules else None
        if found is module:
            return module._scope_path
        for path, inner in self.named_modules():
            if inner is module:
                module._scope_path = path
                return path
        return ""

    # ---- registration

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Module):
            self._register_module(name, value)
        elif type(value) is Tensor and value.is_leaf and value.requires_grad:
            self._register_parameter(name, value)
        elif value is not None and (name in self._parameters or name in self._modules or name in self._buffers):
            if name in self._buffers and _can_be_buffer(value):
                object.__setattr__(self, name, value)
                return
            kind = "parameter" if name in self._parameters else "module" if name in self._modules else "buffer"
            wanted = "a leaf tensor that needs a gradient" if kind == "parameter" else "a Module"
            if kind == "buffer":
                wanted = "a tensor that needs no gradient"
            raise TypeError(
                describe(
                    f"{type(self).__name__}.{name}: a {kind} can't be replaced by {_kind(value)}",
                    f"expected: {wanted}, or None",
                    hint="to make it something else, del it first"
                    if kind == "module"
                    else f"to change its values write .{name}.data = ...; to make it something else, del it first",
                )
            )
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._parameters.pop(name, None)
        self._modules.pop(name, None)
        self._buffers.pop(name, None)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Keep a tensor that belongs to the module's state and isn't trained, such as a running mean.

        Parameters
        ----------
        name
            The attribute under which it is found.
        tensor
            Needs no gradient. None keeps the name for one that may come later.
        persistent
            Whether the state dict has it.

        Raises
        ------
        ValueError
            If the name is empty, has a dot, or is taken.
        TypeError
            If it is no tensor, or one that needs a gradient.

        Examples
        --------
        >>> import graphgrad as gg
        >>> layer = gg.nn.Linear(2, 1, bias=False)
        >>> layer.register_buffer("seen", gg.zeros(1))
        >>> list(layer.state_dict()), [name for name, _ in layer.named_parameters()]
        (['weight', 'seen'], ['weight'])
        """
        self._check_name("register_buffer", "buffer", name, self._buffers)
        if tensor is not None and not _can_be_buffer(tensor):
            raise TypeError(
                describe(
                    f"{type(self).__name__}.register_buffer: {name} is {_kind(tensor)}",
                    "expected: a tensor that needs no gradient, or None",
                    hint="what is trained is a parameter: assign nn.Parameter(...) to the attribute",
                )
            )
        object.__setattr__(self, name, tensor)
        self._buffers[name] = persistent
        if tensor is not None and tensor.name is None:
            tensor.name = name

    def register_parameter(self, name: str, param: Tensor | None) -> None:
        """Keep a parameter under a name that may be computed; an assignment to the attribute does the same.

        Parameters
        ----------
        name
            The attribute under which it is found.
        param
            A leaf that needs a gradient; a frozen one stays frozen. None keeps the name for one that may come later.

        Raises
        ------
        ValueError
            If the name is empty, has a dot, or is taken.
        TypeError
            If it is no leaf tensor.
        """
        self._check_name("register_parameter", "parameter", name, self._parameters)
        if param is None:
            object.__setattr__(self, name, None)
            self._parameters[name] = None
            return
        if type(param) is not Tensor or not param.is_leaf:
            raise TypeError(
                describe(
                    f"{type(self).__name__}.register_parameter: {name} is {_kind(param)}",
                    "expected: a leaf tensor, or None",
                    hint="nn.Parameter(...) makes one",
                )
            )
        self._register_parameter(name, param)

    def add_module(self, name: str, module: Module | None) -> None:
        """Keep a module under a name that may be computed; an assignment to the attribute does the same.

        Parameters
        ----------
        name
            The attribute under which it is found.
        module
            The module. None keeps the name for one that may come later.

        Raises
        ------
        ValueError
            If the name is empty, has a dot, or is taken.
        TypeError
            If it is no module.
        """
        self._check_name("add_module", "module", name, self._modules)
        if module is None:
            object.__setattr__(self, name, None)
            self._modules[name] = None
            return
        if not isinstance(module, Module):
            raise TypeError(describe(f"{type(self).__name__}.add_module: {name} is {_kind(module)}, and no Module"))
        self._register_module(name, module)

    register_module = add_module

    def _check_name(self, method: str, kind: str, name: str, own: dict[str, Any]) -> None:
        """Refuse a name that can't be given to what is registered."""
        if not isinstance(name, str) or not name or "." in name or (name not in own and hasattr(self, name)):
            is_taken = isinstance(name, str) and name and "." not in name
            why = "is an attribute already" if is_taken else "has no dot and isn't empty"
            raise ValueError(describe(f"{type(self).__name__}.{method}: a {kind}'s name {why}: {name!r}"))

    def _refuse_property(self, name: str, kind: str) -> None:
        if hasattr(getattr(type(self), name, None), "__set__"):  # it would keep the value out of sight
            raise TypeError(
                describe(
                    f"{type(self).__name__}.{name}: a {kind} can't be kept in a property or a slot",
                    hint="assign it to a name that the class doesn't define",
                )
            )

    def _register_parameter(self, name: str, value: Tensor) -> None:
        self._refuse_property(name, "parameter")
        object.__setattr__(self, name, value)
        self._modules.pop(name, None)
        self._buffers.pop(name, None)
        self._parameters[name] = None
        if value.name is None:
            value.name = name

    def _register_module(self, name: str, value: Module) -> None:
        if not name or "." in name:
            raise ValueError(describe(f"{type(self).__name__}: a module's name has no dot and isn't empty: {name!r}"))
        if any(module is self for module in value.modules()):
            raise ValueError(describe(f"{type(self).__name__}.{name}: a module can't be inside itself"))
        self._refuse_property(name, "module")
        object.__setattr__(self, name, value)
        self._parameters.pop(name, None)
        self._buffers.pop(name, None)
        self._modules[name] = None
        # Pictures and error texts call a tensor by its whole path, unless somebody gave it another name.
        for path, one in (*value.named_parameters(), *value.named_buffers()):
            if one.name == path:
                one.name = f"{name}.{path}"

    # ---- what it holds

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside, by name, each once."""
        seen = set()
        for name in self._modules:
            module = self.__dict__[name]
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly inside."""
        return (module for _, module in self.named_children())

    def named_modules(self, *, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """The module itself and all inside it, by path, outer before inner.

        Parameters
        ----------
        prefix
            What all paths begin with.
        remove_duplicate
            Whether a module that is there several times comes once only, under its first path.
        """
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if remove_duplicate and id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            for name in reversed(module._modules):
                child = module.__dict__[name]
                if child is not None:
                    stack.append((f"{path}.{name}" if path else name, child))

    def modules(self) -> Iterator[Module]:
        """The module itself and all inside it."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The parameters by path; one that is there several times comes under its first path.

        Parameters
        ----------
        prefix
            What all paths begin with.
        recurse
            Whether those of the modules inside belong to them.
        remove_duplicate
            Whether a parameter that is there several times comes once only.
        """
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        seen: set[int] = set()
        for path, module in modules:
            for name in module._parameters:
                parameter = module.__dict__[name]
                if parameter is not None and not (remove_duplicate and id(parameter) in seen):
                    seen.add(id(parameter))
                    yield f"{path}.{name}" if path else name, parameter

    def parameters(self, recurse: bool = True) -> Iterator[Tensor]:
        """The parameters, each once: what an optimiser takes."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers by path; the arguments are those of `named_parameters`."""
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        seen: set[int] = set()
        for path, module in modules:
            for name in module._buffers:
                buffer = module.__dict__[name]
                if buffer is not None and not (remove_duplicate and id(buffer) in seen):
                    seen.add(id(buffer))
                    yield f"{path}.{name}" if path else name, buffer

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once: state that isn't trained."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module at a path, such as ``"encoder.linear1"``; the module itself at an empty one.

        Raises
        ------
        AttributeError
            If there is none, with the part of the path that leads nowhere and what is there instead.

        Examples
        --------
        >>> import graphgrad as gg
        >>> gg.nn.Sequential(gg.nn.Sequential(gg.nn.ReLU())).get_submodule("0.0")
        ReLU()
        """
        found: Module = self
        for name in target.split(".") if target else []:
            inner = found.__dict__.get(name) if name in found._modules else None
            if not isinstance(inner, Module):
                there = ", ".join(found._modules) or "none"
                raise AttributeError(
                    describe(f"get_submodule: {type(found).__name__} has no module {name!r}", f"modules: {there}")
                )
            found = inner
        return found

    def get_parameter(self, target: str) -> Tensor:
        """The parameter at a path, such as ``"encoder.linear1.weight"``.

        Raises
        ------
        AttributeError
            If there is none.

        Examples
        --------
        >>> import graphgrad as gg
        >>> gg.nn.Sequential(gg.nn.Linear(3, 2)).get_parameter("0.weight").shape
        (2, 3)
        """
        return self._find_tensor(target, "parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path, such as ``"norm.running_mean"``.

        Raises
        ------
        AttributeError
            If there is none.
        """
        return self._find_tensor(target, "buffer")

    def _find_tensor(self, target: str, kind: str) -> Tensor:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        names = module._parameters if kind == "parameter" else module._buffers
        found = module.__dict__.get(name) if name in names else None
        if not isinstance(found, Tensor):
            there = ", ".join(names) or "none"
            raise AttributeError(
                describe(f"get_{kind}: {type(module).__name__} has no {kind} {name!r}", f"{kind}s: {there}")
            )
        return found

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call a function with every module inside, inner before outer, and with this one last.

        Parameters
        ----------
        fn
            What it returns is let go.

        Returns
        -------
        Module
            This one.

        Examples
        --------
        >>> import graphgrad as gg
        >>> def start(module):
        ...     if isinstance(module, gg.nn.Linear):
        ...         gg.nn.init.ones_(module.weight)
        >>> model = gg.nn.Sequential(gg.nn.Linear(2, 1), gg.nn.Tanh()).apply(start)
        >>> model[0].weight.tolist()
        [[1.0, 1.0]]
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # ---- values in and out

    def _named_state(self) -> Iterator[tuple[str, Tensor]]:
        """What a state dict has, by path: of each module its parameters, then its buffers."""
        for path, module in self.named_modules(remove_duplicate=False):
            kept = [name for name, persistent in module._buffers.items() if persistent]
            for name in (*module._parameters, *kept):
                value = module.__dict__[name]
                if value is not None:
                    yield f"{path}.{name}" if path else name, value

    # ---- switches

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all inside it to training, or to evaluation with ``mode=False``.

        A module inside is switched by its own `train`: one that overrides it, to keep a part frozen in evaluation, is
        asked.
        """
        if not isinstance(mode, bool):
            raise DTypeError(describe(f"train: mode is True or False, got {mode!r}"))
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Switch this module and all inside it to evaluation."""
        return self.train(False)

    # ---- how it looks

    def extra_repr(self) -> str:
        """What stands between the parentheses of this module's line: its arguments."""
        return ""

    def __repr__(self) -> str:
        own = self.extra_repr().splitlines()
        children = [f"({name}): {self.__dict__[name]!r}" for name in self._modules]
        if not children and len(own) < 2:
            return f"{type(self).__name__}({''.join(own)})"
        lines = [line.replace("\n", "\n  ") for line in [*own, *children]]
        return "\n  ".join([f"{type(self).__name__}(", *lines]) + "\n)"


def _can_be_buffer(value: Any) -> bool:
    return type(value) is Tensor and not value.requires_grad


def _kind(value: Any) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    if value.requires_grad and value.is_leaf:
        return "a tensor that needs a gradient"
    return "a tensor without requires_grad" if value.is_leaf else f"a tensor computed by {value.node.op.name}"  # type: ignore[union-attr]
