"""Modules that are made of a row of others."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any, overload

from graphgrad.graph.errors import DTypeError, describe
from graphgrad.nn.module import Module

__all__ = ["Sequential"]


class Sequential(Module):
    """Modules one after the other, each applied to what the one before gave (P25.03).

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
            if hasattr(self, name):
                raise ValueError(describe(f"Sequential: {name!r} is an attribute already, take another name"))
            self._add(name, module)

    def _add(self, name: str, module: Any) -> None:
        if not isinstance(module, Module):
            hint = ""
            if callable(module):
                hint = "for a function there is a module: nn.ReLU() for relu"
            elif isinstance(module, Iterable):
                hint = "unpack a collection: nn.Sequential(*modules)"
            raise DTypeError(
                describe(f"Sequential: element {name} is no Module but {type(module).__name__}", hint=hint)
            )
        self._register_module(name, module)

    def append(self, module: Module) -> Sequential:
        """Add a module at the end, under the next number that is free."""
        self._add(next(name for i in count(len(self)) if (name := str(i)) not in self._modules), module)
        return self

    def forward(self, input: Any) -> Any:
        """Whatever the first module takes, to what the last one gives."""
        for module in self:
            input = module(input)
        return input

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        # All of them: one that stands here twice runs twice, while `children` has each once.
        return iter([self.__dict__[name] for name in self._modules])

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...

    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return Sequential({name: self.__dict__[name] for name in list(self._modules)[index]})
        modules = list(self)
        try:
            return modules[operator.index(index)]
        except IndexError:
            raise IndexError(describe(f"Sequential: has {len(modules)} modules, there is none at {index}")) from None
