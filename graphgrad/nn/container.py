"""Modules that hold others: a row that is run, a list, and a dictionary."""

from __future__ import annotations

import operator
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import count, groupby
from typing import Any, Self, overload

from graphgrad.graph.errors import ArgumentError, DTypeError, describe
from graphgrad.nn.arguments import named_pairs
from graphgrad.nn.module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Container(Module):
    """What keeps modules under names of its own."""

    def _check(self, name: str, module: Any) -> None:
        """Refuse what can't be kept."""
        if not isinstance(module, Module):
            title, hint = type(self).__name__, ""
            if callable(module):
                hint = "for a function there is a module: nn.ReLU() for relu"
            elif isinstance(module, Iterable):
                hint = f"unpack a collection: nn.{title}(*modules)" if isinstance(self, Sequential) else ""
            raise DTypeError(describe(f"{title}: element {name} is no Module but {type(module).__name__}", hint=hint))
        if name not in self._modules and hasattr(self, name):
            raise ValueError(describe(f"{type(self).__name__}: {name!r} is an attribute already, take another name"))

    def _add(self, name: str, module: Any) -> None:
        self._check(name, module)
        if name in self._modules:
            self._take_out(name)
        self._register_module(name, module)

    def _take_out(self, name: str) -> Module:
        """Keep a module no longer; its tensors are no longer called by the name that it had here."""
        module: Module = self.__dict__[name]
        for path, one in (*module.named_parameters(), *module.named_buffers()):
            if one.name == f"{name}.{path}":
                one.name = path
        delattr(self, name)
        return module

    def _held(self) -> list[Module]:
        # All of them: one that is here twice counts twice, while `children` has each once.
        return [self.__dict__[name] for name in self._modules]

    def __len__(self) -> int:
        return len(self._modules)


class _Row(_Container):
    """Modules in an order, named by their number unless they were given a name."""

    def append(self, module: Module) -> Self:
        """Add a module at the end, under the next number that is free."""
        self._add(next(name for i in count(len(self)) if (name := str(i)) not in self._modules), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end, one after the other; all of them, or none if one of them is no module."""
        if isinstance(modules, Module) and not isinstance(modules, _Row):
            raise DTypeError(
                describe(f"{type(self).__name__}.extend: modules are needed, got a {type(modules).__name__}")
            )
        more = list(modules)  # which may be this row itself
        for i, module in enumerate(more, len(self)):
            self._check(f"{i} of the new ones", module)
        for module in more:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at an index; numbers are given anew, names stay."""
        self._check("that is inserted", module)
        entries = self._entries()
        entries.insert(operator.index(index), ("0", module))
        self._arrange(entries)
        return self

    def pop(self, key: int | slice) -> Module:
        """Take a module out; numbers are given anew, names stay."""
        module = self[key]
        del self[key]
        return module

    def _entries(self) -> list[tuple[str, Module]]:
        return [(name, self.__dict__[name]) for name in self._modules]

    def _arrange(self, entries: list[tuple[str, Module]]) -> None:
        """Hold these and nothing else, those without a name of their own under the number of their place."""
        for name in list(self._modules):
            self._take_out(name)
        for place, (name, module) in enumerate(entries):
            self._register_module(str(place) if name.isdecimal() else name, module)

    def _name_at(self, index: Any) -> str:
        names = list(self._modules)
        try:
            return names[operator.index(index)]
        except IndexError:
            title = type(self).__name__
            raise IndexError(describe(f"{title}: has {len(names)} modules, there is none at {index}")) from None

    def __iter__(self) -> Iterator[Module]:
        return iter(self._held())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> Module:
        if not isinstance(index, slice):
            return self.__dict__[self._name_at(index)]  # type: ignore[no-any-return]
        part = type(self)()
        for name, module in self._part(index):
            part._add(name, module)
        return part

    def _part(self, index: slice) -> list[tuple[str, Module]]:
        return self._entries()[index]

    def __setitem__(self, index: int, module: Module) -> None:
        self._add(self._name_at(index), module)

    def __delitem__(self, index: int | slice) -> None:
        entries = self._entries()
        self._name_at(index) if not isinstance(index, slice) else None
        del entries[index]
        self._arrange(entries)

    def __add__(self, other: Iterable[Module]) -> Self:
        if not isinstance(other, Iterable):
            return NotImplemented
        return type(self)().extend(self).extend(other)

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)


class Sequential(_Row):
    """Modules one after the other, each applied to what the one before gave (P25.03).

    It is a list too: indices and slices, ``append``, ``extend``, ``insert``, ``pop``, ``del``, ``+`` and ``*``.

    Parameters
    ----------
    modules
        The modules, named ``0``, ``1``, ...; or one mapping of names to modules.

    Raises
    ------
    DTypeError
        If one of them isn't a module.
    ValueError
        If a name is empty, has a dot, or is an attribute of modules already.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Sequential(gg.nn.Linear(64, 32), gg.nn.ReLU(), gg.nn.Linear(32, 10))
    Sequential(
      (0): Linear(in_features=64, out_features=32, bias=True)
      (1): ReLU()
      (2): Linear(in_features=32, out_features=10, bias=True)
    )
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        named: list[tuple[str, Any]]
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = list(modules[0].items())
        else:
            named = [(str(i), module) for i, module in enumerate(modules)]
        for name, module in named:
            self._add(name, module)

    def forward(self, input: Any) -> Any:
        """Whatever the first module takes, to what the last one gives."""
        for module in self:
            input = module(input)
        return input

    def __mul__(self, times: int) -> Sequential:
        if not isinstance(times, int):
            return NotImplemented
        if times < 1:
            raise ArgumentError(describe(f"Sequential: it can be repeated from 1 time on, got {times}"))
        return Sequential(*self._held() * times)

    def __rmul__(self, times: int) -> Sequential:
        return self * times

    def __imul__(self, times: int) -> Self:
        return self.extend(self * (times - 1)) if times != 1 else self


class ModuleList(_Row):
    """A list of modules, all of which are part of the module that it is assigned to (P25.03).

    It can't be called; ``forward`` of that module goes through it.

    Parameters
    ----------
    modules
        The modules, named ``0``, ``1``, ...; none if left out.

    Raises
    ------
    DTypeError
        If one of them isn't a module.

    Examples
    --------
    >>> import graphgrad as gg
    >>> class Net(gg.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layers = gg.nn.ModuleList([gg.nn.Linear(4, 4) for _ in range(3)])
    ...
    ...     def forward(self, x):
    ...         for layer in self.layers:
    ...             x = gg.tanh(layer(x))
    ...         return x
    >>> net = Net()
    >>> net.layers
    ModuleList(
      (0-2): 3 x Linear(in_features=4, out_features=4, bias=True)
    )
    >>> net(gg.ones((2, 4))).shape, len(list(net.parameters()))
    ((2, 4), 6)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        for i, module in enumerate(() if modules is None else modules):
            self._add(str(i), module)

    def _part(self, index: slice) -> list[tuple[str, Module]]:
        return [(str(i), module) for i, module in enumerate(self._held()[index])]

    def __repr__(self) -> str:
        lines = []
        numbered = enumerate(map(repr, self))
        for line, group in groupby(numbered, key=lambda pair: pair[1]):
            places = [i for i, _ in group]
            first, last = places[0], places[-1]
            lines.append(f"({first}): {line}" if first == last else f"({first}-{last}): {len(places)} x {line}")
        indented = [line.replace("\n", "\n  ") for line in lines]
        return "\n  ".join(["ModuleList(", *indented]) + "\n)" if lines else "ModuleList()"


class ModuleDict(_Container):
    """A dictionary of modules, all of which are part of the module that it is assigned to (P25.03).

    It can't be called; ``forward`` of that module takes what it needs.

    Parameters
    ----------
    modules
        A mapping of names to modules, or pairs of both; none if left out.

    Raises
    ------
    DTypeError
        If one of them isn't a module.
    ValueError
        If a name is empty, has a dot, or is an attribute of modules already.

    Examples
    --------
    >>> import graphgrad as gg
    >>> heads = gg.nn.ModuleDict({"age": gg.nn.Linear(8, 1), "sex": gg.nn.Linear(8, 2)})
    >>> heads["sex"](gg.ones((3, 8))).shape, list(heads), "age" in heads
    ((3, 2), ['age', 'sex'], True)
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | ModuleDict | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | ModuleDict) -> None:
        """Add modules, or put them in the place of those that have these names; all of them, or none."""
        if isinstance(modules, ModuleDict):
            modules = modules._view()
        pairs = named_pairs("ModuleDict", "modules", modules)
        for name, module in pairs:
            self._check(name, module)
        for name, module in pairs:
            self._add(name, module)

    def pop(self, key: str) -> Module:
        """Take a module out."""
        module = self[key]
        self._take_out(key)
        return module

    def clear(self) -> None:
        """Take all modules out."""
        for name in list(self._modules):
            self._take_out(name)

    def keys(self) -> KeysView[str]:
        """The names, in the order in which they came."""
        return self._view().keys()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._view().values()

    def items(self) -> ItemsView[str, Module]:
        """Pairs of names and modules."""
        return self._view().items()

    def _view(self) -> dict[str, Module]:
        return {name: self.__dict__[name] for name in self._modules}

    def __getitem__(self, key: str) -> Module:
        if key not in self._modules:
            there = ", ".join(self._modules) or "none"
            raise KeyError(f"ModuleDict: there is no module called {key}; there are {there}")
        return self.__dict__[key]  # type: ignore[no-any-return]

    def __setitem__(self, key: str, module: Module) -> None:
        self.update({key: module})

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._modules))

    def __contains__(self, key: object) -> bool:
        return key in self._modules
