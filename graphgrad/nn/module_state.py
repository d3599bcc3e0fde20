"""What a module holds as values: taken out, put back, forgotten, frozen, and brought into another dtype."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.create import tensor
from graphgrad.graph.dtypes import as_array, as_dtype
from graphgrad.graph.errors import DTypeError, GraphgradError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import CLOCK, wrote

__all__ = ["IncompatibleKeys", "StateDictError", "Stateful"]


class StateDictError(GraphgradError, RuntimeError):
    """A state dict that doesn't fit what it is loaded into."""


class IncompatibleKeys(NamedTuple):
    """What `Module.load_state_dict` didn't find, and what it had no use for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Stateful:
    """The part of `Module` that reads and writes values; how they are found is the part of `Module` itself."""

    if TYPE_CHECKING:

        def parameters(self, recurse: bool = True) -> Iterator[Tensor]: ...
        def buffers(self, recurse: bool = True) -> Iterator[Tensor]: ...
        def _named_state(self) -> Iterator[tuple[str, Tensor]]: ...

    def state_dict(self) -> dict[str, Tensor]:
        """All parameters and buffers by path, with PyTorch's keys and shapes.

        The tensors are copies: further training doesn't change them, so that the best state so far can be kept.
        """
        return {path: tensor(value.data) for path, value in self._named_state()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Take over the values of a `state_dict`, into the memory and dtype that parameters and buffers have.

        Parameters
        ----------
        state_dict
            Tensors or arrays by path.
        strict
            Whether the paths must be exactly those of this module.

        Returns
        -------
        IncompatibleKeys
            The paths that were missing and those that weren't expected, for ``strict=False``.

        Raises
        ------
        StateDictError
            If paths differ (when `strict`) or shapes do; everything that is wrong at once, and nothing is changed.
        DTypeError
            If `state_dict` is no mapping, or a value is not made of numbers; nothing is changed either.

        Examples
        --------
        >>> import graphgrad as gg
        >>> layer = gg.nn.Linear(2, 1)
        >>> layer.load_state_dict({"weight": [[3.0, 2.0]]}, strict=False)
        IncompatibleKeys(missing_keys=['bias'], unexpected_keys=[])
        >>> layer.weight.tolist()
        [[3.0, 2.0]]
        """
        if not isinstance(state_dict, Mapping):
            raise DTypeError(describe(f"load_state_dict: a mapping is needed, got {type(state_dict).__name__}"))
        own = dict(self._named_state())
        missing = [path for path in own if path not in state_dict]
        unexpected = [path for path in state_dict if path not in own]
        problems = []
        if strict and missing:
            problems.append(f"missing: {', '.join(missing)}")
        if strict and unexpected:
            problems.append(f"unexpected: {', '.join(map(str, unexpected))}")
        values: list[tuple[Tensor, np.ndarray[Any, Any]]] = []
        for path, parameter in own.items():
            if path in state_dict:
                value = state_dict[path]
                array = as_array(value.data if isinstance(value, Tensor) else value, copy=False, what=path)
                values.append((parameter, array))
                if array.shape != parameter.shape:
                    problems.append(f"{path}: expected shape {parameter.shape}, got {array.shape}")
                elif not np.can_cast(array.dtype, parameter.dtype, "same_kind"):
                    problems.append(f"{path}: expected {parameter.dtype}, got {array.dtype}")
        if problems:
            hint = (
                "strict=False passes over paths, though not over shapes" if strict and (missing or unexpected) else ""
            )
            raise StateDictError(
                describe(f"load_state_dict: this is no state of {type(self).__name__}", *problems, hint=hint)
            )
        for parameter, array in values:
            np.copyto(parameter.data, array, casting="same_kind")
            wrote(parameter.data)
        return IncompatibleKeys(missing, unexpected)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or make them zeros."""
        for parameter in self.parameters():
            parameter.grad = None if set_to_none or parameter.grad is None else Tensor(np.zeros_like(parameter.data))

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze all parameters with False, or let them be trained again with True.

        A frozen parameter stays one: the state dict has it, and an optimiser passes it over.

        Parameters
        ----------
        requires_grad
            Whether backward passes collect their gradients.

        Returns
        -------
        Module
            This one.

        Raises
        ------
        DTypeError
            If it is neither True nor False.

        Examples
        --------
        >>> import graphgrad as gg
        >>> model = gg.nn.Sequential(gg.nn.Linear(4, 3), gg.nn.ReLU(), gg.nn.Linear(3, 2))
        >>> _ = model[0].requires_grad_(False)
        >>> [name for name, p in model.named_parameters() if p.requires_grad]
        ['2.weight', '2.bias']
        """
        if not isinstance(requires_grad, bool):
            raise DTypeError(describe(f"requires_grad_: True or False is needed, got {requires_grad!r:.60}"))
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    # ---- dtype

    def to(self, dtype: DTypeLike) -> Self:
        """Bring all parameters, their gradients and all buffers that hold floats into another dtype.

        The tensors stay the same objects, so that an optimiser keeps them; their memory is new. Integers, such as the
        count of batches of a batch normalisation, stay integers. What an optimiser has gathered keeps its dtype.

        Parameters
        ----------
        dtype
            ``"float32"``, ``"float64"`` or ``"float16"``.

        Returns
        -------
        Module
            This one.

        Raises
        ------
        DTypeError
            If it is no floating dtype.

        Examples
        --------
        >>> import graphgrad as gg
        >>> layer = gg.nn.BatchNorm1d(2).to("float64")
        >>> layer.weight.dtype.name, layer.running_var.dtype.name, layer.num_batches_tracked.dtype.name
        ('float64', 'float64', 'int64')
        """
        if isinstance(dtype, str) and dtype.partition(":")[0] in ("cpu", "cuda", "mps"):
            raise DTypeError(
                describe(
                    f"to: {dtype!r} is a device, and there is none but this machine's memory",
                    hint="leave the call out; to('float64') changes the dtype",
                )
            )
        chosen = as_dtype(dtype, "to")
        if chosen.kind != "f":
            raise DTypeError(describe(f"to: {chosen} is not a floating dtype", "expected: float16, float32 or float64"))
        for one in (*self.parameters(), *self.buffers()):
            _recast(one, chosen)
            if one.grad is not None:
                one._grad = Tensor(one.grad.data.astype(chosen, copy=False))
        return self

    def half(self) -> Self:
        """The same as ``to("float16")``."""
        return self.to("float16")

    def float(self) -> Self:
        """The same as ``to("float32")``."""
        return self.to("float32")

    def double(self) -> Self:
        """The same as ``to("float64")``."""
        return self.to("float64")


def _recast(one: Tensor, dtype: np.dtype[Any]) -> None:
    """Give a leaf another dtype, as its ``data`` setter gives it other values of the same one."""
    if one.dtype.kind == "f" and one.dtype != dtype:
        CLOCK.epoch += 1
        one._data, one._written = one._data.astype(dtype), CLOCK.epoch
