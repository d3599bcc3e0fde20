"""Parameters in a list and in a dictionary, for modules that have a number of them that isn't known beforehand."""

from __future__ import annotations

import operator
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Any, Self, overload

from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.arguments import named_pairs
from graphgrad.nn.module import Module, Parameter

__all__ = ["ParameterDict", "ParameterList"]


class _Parameters(Module):
    """What keeps parameters under names of its own."""

    def _put(self, values: Sequence[tuple[str, Any]], as_they_are: bool = False) -> None:
        """Keep values under names, made to parameters unless they are some; all of them, or none if one won't do."""
        ready = [(name, value if as_they_are else _parameter(value)) for name, value in values]
        for name, _ in ready:
            self._check_name("register_parameter", "parameter", name, self._parameters)
        for name, value in ready:
            self.register_parameter(name, value)

    def _held(self) -> dict[str, Tensor]:
        return {name: self.__dict__[name] for name in self._parameters}

    def __len__(self) -> int:
        return len(self._parameters)

    def extra_repr(self) -> str:
        lines = []
        for name, one in self._held().items():
            size = "x".join(map(str, one.shape)) or "()"
            lines.append(f"({name}): Parameter containing: [{one.dtype} of size {size}]")
        return "\n".join(lines)


def _parameter(value: Any) -> Tensor:
    """A leaf that needs a gradient as it is; of anything else a parameter with a copy of the values."""
    if type(value) is Tensor and value.is_leaf and value.requires_grad:
        return value
    return Parameter(value)


class ParameterList(_Parameters):
    """A list of parameters, all of which are part of the module that it is assigned to.

    Parameters
    ----------
    values
        Leaf tensors that need gradients, which are kept as they are; of other tensors and arrays a parameter is made,
        with a copy of the values, and of a frozen leaf too, which is known by nothing else: freeze it in the list.
        Another ``ParameterList`` shares its own, frozen or not. None if left out.

    Raises
    ------
    DTypeError
        If one of them isn't made of floats.

    Examples
    --------
    >>> import graphgrad as gg
    >>> weights = gg.nn.ParameterList([gg.zeros((2, 3)), gg.zeros(4)])
    >>> weights
    ParameterList(
      (0): Parameter containing: [float32 of size 2x3]
      (1): Parameter containing: [float32 of size 4]
    )
    >>> [one.requires_grad for one in weights]
    [True, True]
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        if values is not None:
            self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a parameter at the end."""
        self._put([(str(len(self)), value)])
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add parameters at the end; all of them, or none if one of them can't be one."""
        if isinstance(values, Tensor) or not isinstance(values, Iterable):
            raise DTypeError(
                describe(f"ParameterList.extend: a list of tensors is needed, got {type(values).__name__}")
            )
        more = [(str(i), one) for i, one in enumerate(values, len(self))]
        self._put(more, as_they_are=isinstance(values, ParameterList))
        return self

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> ParameterList: ...

    def __getitem__(self, index: int | slice) -> Tensor | ParameterList:
        held = list(self._held().values())
        if not isinstance(index, slice):
            return held[self._place(index)]
        part = ParameterList()
        part._put([(str(i), one) for i, one in enumerate(held[index])], as_they_are=True)
        return part

    def __setitem__(self, index: int, value: Any) -> None:
        self._put([(str(self._place(index)), value)])

    def _place(self, index: int) -> int:
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(describe(f"ParameterList: has {len(self)} parameters, there is none at {index}"))
        return place % len(self)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(list(self._held().values()))

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)


class ParameterDict(_Parameters):
    """A dictionary of parameters, all of which are part of the module that it is assigned to.

    Parameters
    ----------
    parameters
        A mapping of names to values, or pairs of both; see `ParameterList` for the values. Another ``ParameterDict``
        shares its own. None if left out.

    Raises
    ------
    DTypeError
        If one of them isn't made of floats.
    ValueError
        If a name is empty, has a dot, or is an attribute of modules already.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gates = gg.nn.ParameterDict({"left": gg.zeros(2), "right": gg.ones(2)})
    >>> list(gates), gates["right"].tolist()
    (['left', 'right'], [1.0, 1.0])
    """

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | ParameterDict | None = None) -> None:
        super().__init__()
        if parameters is not None:
            self.update(parameters)

    def update(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | ParameterDict) -> None:
        """Add parameters, or put them in the place of those that have these names; all of them, or none."""
        if isinstance(parameters, ParameterDict):
            self._put(list(parameters.items()), as_they_are=True)
        else:
            self._put(named_pairs("ParameterDict", "parameters", parameters))

    def pop(self, key: str) -> Tensor:
        """Take a parameter out."""
        value = self[key]
        delattr(self, key)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter of this name, or something else if there is none."""
        return self._held().get(key, default)

    def popitem(self) -> tuple[str, Tensor]:
        """Take the parameter out that came last, with its name."""
        if not self._parameters:
            raise KeyError("ParameterDict: there is no parameter left")
        key = list(self._parameters)[-1]
        return key, self.pop(key)

    def setdefault(self, key: str, default: Any = None) -> Tensor:
        """The parameter of this name, which is made of `default` first if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def copy(self) -> ParameterDict:
        """Another dictionary of the same parameters."""
        return ParameterDict(self)

    def clear(self) -> None:
        """Take all parameters out."""
        for name in list(self._parameters):
            delattr(self, name)

    def keys(self) -> KeysView[str]:
        """The names, in the order in which they came."""
        return self._held().keys()

    def values(self) -> ValuesView[Tensor]:
        """The parameters."""
        return self._held().values()

    def items(self) -> ItemsView[str, Tensor]:
        """Pairs of names and parameters."""
        return self._held().items()

    def __getitem__(self, key: str) -> Tensor:
        if key not in self._parameters:
            there = ", ".join(self._parameters) or "none"
            raise KeyError(f"ParameterDict: there is no parameter called {key}; there are {there}")
        return self.__dict__[key]  # type: ignore[no-any-return]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._parameters))

    def __contains__(self, key: object) -> bool:
        return key in self._parameters
