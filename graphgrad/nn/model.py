"""`Model`: a module made of layers that were called on symbolic inputs (P25.03, P25.04)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.errors import DTypeError, GraphError, ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.arguments import as_tensor
from graphgrad.nn.module import Module
from graphgrad.nn.summarizing import tensors_in
from graphgrad.nn.summary import Summary
from graphgrad.nn.symbolic import Call, OpenShape, Operation, SymbolicTensor, leaves, mapped, symbols_in

__all__ = ["InputLayer", "Model", "OperationLayer"]


class InputLayer(Module):
    """Where an input enters a `Model`: it says which shape it has to have.

    Attributes
    ----------
    name
        What the model calls it.
    shape
        With None for lengths that are open.
    dtype
        What `Input` was given.
    """

    def __init__(self, name: str, shape: OpenShape, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self.name, self.shape, self.dtype = name, shape, dtype

    def forward(self, input: Any) -> Tensor:
        """The input as a tensor."""
        tensor = as_tensor(input)
        if len(tensor.shape) != len(self.shape) or any(
            wanted is not None and length != wanted for length, wanted in zip(tensor.shape, self.shape, strict=True)
        ):
            raise ShapeError(
                describe(
                    f"Model: input {self.name!r} has another shape",
                    f"expected: {self.shape}, where None is any length",
                    f"got: {tensor.shape}",
                    hint="the first axis is that of the batch: x[None] makes a batch of one example"
                    if tensor.ndim == len(self.shape) - 1
                    else "",
                )
            )
        return tensor

    def extra_repr(self) -> str:
        return f"shape={self.shape}, dtype={self.dtype}"


class OperationLayer(Module):
    """An operation in a `Model`, such as `graphgrad.concat`, with its attributes."""

    def __init__(self, operation: Operation) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, *operands: Any) -> Any:
        """What the operation gives."""
        return self.operation(*operands)

    def extra_repr(self) -> str:
        operation = self.operation
        return ", ".join([operation.op.name, *(f"{name}={value!r}" for name, value in operation.attrs.items())])


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value is kept while the model runs."""

    number: int


@dataclass(frozen=True, slots=True)
class _Step:
    """A call of a layer: its name, arguments with places, the places of its results, and those not needed after it."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: tuple[int, ...]
    done: tuple[int, ...]


class Model(Module):
    """A module made of layers that were called on symbolic inputs, in Keras' way (P25.03, P25.04, P15.19).

    It may have several inputs and outputs, and layers that are called several times with the same parameters. When it
    runs, the layers are called again in the order in which they were called on the symbolic tensors: as they are then,
    so that they learn, and follow `train` and `eval`. A layer that is assigned to a name takes the place of the one
    before: ``model.head = nn.Linear(32, 2)``.

    Parameters
    ----------
    inputs
        A symbolic tensor, or a sequence of them. The model is called with as many arguments, in this order. One in
        the middle of another model makes a model of what follows it.
    outputs
        A symbolic tensor, or tuples, lists and dictionaries with some: what the model gives has the same form.
    names
        Layers by the names under which the model shall have them. All others are called by their class,
        ``"linear"``, ``"linear_1"``, in the order of their first calls; operations likewise, ``"concat"``.

    Attributes
    ----------
    input_names
        The names of the inputs, in order.
    connections
        By the name of each layer, the names of those that its arguments come from.

    Raises
    ------
    GraphError
        If an output needs an input that isn't among `inputs`, or an input reaches no output.
    DTypeError
        If `inputs` or `outputs` are no symbolic tensors.
    ValueError
        If two inputs have one name, or a name can't be taken.

    Examples
    --------
    >>> import graphgrad as gg
    >>> nn = gg.nn
    >>> left, right = nn.Input((4,), name="left"), nn.Input((4,), name="right")
    >>> encoder = nn.Linear(4, 8)
    >>> both = gg.concat([gg.tanh(encoder(left)), gg.tanh(encoder(right))], axis=1)
    >>> model = nn.Model([left, right], nn.Linear(16, 1)(both), names={"encoder": encoder})
    >>> list(model.state_dict())
    ['encoder.weight', 'encoder.bias', 'linear.weight', 'linear.bias']
    >>> model(gg.ones((5, 4)), gg.zeros((5, 4))).shape
    (5, 1)
    >>> model.connections["concat"]
    ('tanh', 'tanh_1')
    """

    # They have values here too, so that no input can be given their names.
    input_names: tuple[str, ...] = ()
    _connections: Mapping[str, tuple[str, ...]] = {}
    _steps: tuple[_Step, ...] = ()
    _outputs: Any = None

    def __init__(
        self,
        inputs: SymbolicTensor | Sequence[SymbolicTensor],
        outputs: Any,
        *,
        names: Mapping[str, Module] | None = None,
    ) -> None:
        super().__init__()
        given = [inputs] if isinstance(inputs, SymbolicTensor) else inputs
        if not isinstance(given, (list, tuple)) or not given or any(type(one) is not SymbolicTensor for one in given):
            raise DTypeError(
                describe(
                    "Model: inputs are symbolic tensors",
                    f"got: {_kinds(given)}",
                    hint="gg.nn.Input((64,)) makes one for examples of shape (64,)",
                )
            )
        wanted = symbols_in(outputs)
        if not wanted or any(type(one) is Tensor for one in tensors_in(outputs)):
            raise DTypeError(
                describe(
                    "Model: outputs are symbolic tensors",
                    f"got: {_kinds(outputs)}",
                    hint="call layers on the inputs: gg.nn.Linear(64, 10)(x)",
                )
            )
        if names is not None and not isinstance(names, Mapping):
            raise DTypeError(describe(f"Model: names is a dictionary of layers by name, got {type(names).__name__}"))
        calls = _calls_between(given, wanted)
        self._name_inputs(given)
        self._plan(given, calls, outputs, self._name_layers(calls, names or {}))

    # ---- building

    def _name_inputs(self, inputs: Sequence[SymbolicTensor]) -> None:
        taken = [one.name for one in inputs if one.name is not None]
        twice = sorted({name for name in taken if taken.count(name) > 1})
        if twice:
            raise ValueError(describe(f"Model: two inputs are called {twice[0]!r}"))
        found = []
        for one in inputs:
            name = one.name or self._free("input", taken)
            self.add_module(name, InputLayer(name, one.shape, one.dtype))
            found.append(name)
        self.input_names = tuple(found)

    def _name_layers(self, calls: Sequence[Call], names: Mapping[str, Module]) -> dict[int, str]:
        """Register what is called, and say under which name, by its id."""
        chosen = {id(module): name for name, module in names.items()}
        called = {id(call.target) for call in calls}
        for name, module in names.items():
            if id(module) not in called:
                raise ValueError(describe(f"Model: names has {name!r} for a layer that isn't called in the model"))
            if name in self._modules or chosen[id(module)] != name:
                why = "is an input's name" if name in self._modules else "is a second name of its layer"
                raise ValueError(describe(f"Model: names has {name!r}, which {why}"))
        found: dict[int, str] = {}
        for call in calls:
            target = call.target
            if id(target) in found:
                continue
            if isinstance(target, Operation):
                layer: Module = OperationLayer(target)
                name = self._free(target.op.base, names)
            else:
                layer = target
                name = chosen.get(id(target)) or self._free(type(target).__name__.lower(), names)
            self.add_module(name, layer)
            found[id(target)] = name
        return found

    def _free(self, name: str, reserved: Iterable[str | None]) -> str:
        """The name, or with the first number behind it that nobody has."""
        name = name.replace(".", "_")
        names = (f"{name}_{i}" if i else name for i in count())
        return next(one for one in names if one not in reserved and not hasattr(self, one))

    def _plan(
        self, inputs: Sequence[SymbolicTensor], calls: Sequence[Call], outputs: Any, names: Mapping[int, str]
    ) -> None:
        """Write down what to call when the model runs, and what it is called with."""
        places: dict[tuple[int, int], int] = {}  # of results, by call and index
        starts = {id(one): place for place, one in enumerate(inputs)}
        sources: dict[int, str] = dict(enumerate(self.input_names))
        free = count(len(inputs))

        def place_of(one: Any) -> Any:
            if not isinstance(one, SymbolicTensor):
                return one
            if id(one) in starts:
                return _Place(starts[id(one)])
            assert one.call is not None
            return _Place(places[one.call.number, one.index])

        steps = []
        connections: dict[str, tuple[str, ...]] = {}
        for call in calls:
            name = names[id(call.target)]
            args, kwargs = mapped(call.args, place_of), mapped(call.kwargs, place_of)
            read = [sources[one.number] for one in _places((args, kwargs))]
            connections[name] = tuple(dict.fromkeys((*connections.get(name, ()), *read)))
            results = []
            for index in range(call.results):
                place = places[call.number, index] = next(free)
                sources[place] = name
                results.append(place)
            steps.append((name, args, kwargs, tuple(results)))
        self._connections = connections
        self._outputs = mapped(outputs, place_of)
        kept = {one.number for one in _places(self._outputs)}
        planned: list[_Step] = []
        for name, args, kwargs, found in reversed(steps):
            done = tuple({*(one.number for one in _places((args, kwargs))), *found} - kept)
            kept.update(done)
            planned.append(_Step(name, args, kwargs, found, done))
        self._steps = tuple(reversed(planned))

    @property
    def connections(self) -> dict[str, tuple[str, ...]]:
        return dict(self._connections)

    # ---- running

    def forward(self, *inputs: Any) -> Any:
        """What the model computes, in the form that `outputs` had."""
        names = self.input_names
        if len(inputs) != len(names):
            one_list = len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) and len(inputs[0]) == len(names)
            raise TypeError(
                describe(
                    f"Model: takes {len(names)} inputs, got {len(inputs)}",
                    f"inputs: {', '.join(names)}",
                    hint="give them one by one: model(*inputs)" if one_list else "",
                )
            )
        values = {place: self._layer(name)(one) for place, (name, one) in enumerate(zip(names, inputs, strict=True))}

        def value(one: Any) -> Any:
            return values[one.number] if isinstance(one, _Place) else one

        for step in self._steps:
            result = self._layer(step.name)(*mapped(step.args, value), **mapped(step.kwargs, value))
            found = list(tensors_in(result))
            if len(found) != len(step.results):
                raise GraphError(
                    describe(f"Model: {step.name} gave {len(found)} tensors", f"expected: {len(step.results)}")
                )
            values.update(zip(step.results, found, strict=True))
            for place in step.done:
                del values[place]
        return mapped(self._outputs, value)

    def _layer(self, name: str) -> Any:
        layer = self.__dict__.get(name)
        if not isinstance(layer, Module):
            raise GraphError(
                describe(
                    f"Model: the layer {name!r} isn't there any more",
                    hint=f"assign another: model.{name} = ...; or build a new model without it",
                )
            )
        return layer

    # ---- telling

    def summary(
        self,
        input_shape: Any = None,
        *,
        dtype: DTypeLike | Sequence[DTypeLike] | None = None,
        batch_size: int = 1,
        example: Any = None,
        depth: int | None = None,
    ) -> Summary:
        """As `Module.summary`; the model knows the shapes of its inputs, unless a length in them is open.

        Then there are the parameters only, until `input_shape` or `example` is given.
        """
        if input_shape is None and example is None:
            layers = [self.__dict__[name] for name in self.input_names]
            if all(layer.shape[:1] == (None,) and None not in layer.shape[1:] for layer in layers):
                input_shape = [layer.shape[1:] for layer in layers]
                dtype = [layer.dtype for layer in layers] if dtype is None else dtype
        return super().summary(input_shape, dtype=dtype, batch_size=batch_size, example=example, depth=depth)


def _calls_between(inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]) -> list[Call]:
    """The calls that lead from inputs to outputs, in order."""
    given = {id(one) for one in inputs}
    if len(given) < len(inputs):
        raise GraphError(describe("Model: an input is given twice"))
    calls: dict[int, Call] = {}
    reached: set[int] = set()
    missing: dict[int, SymbolicTensor] = {}
    waiting = list(outputs)
    while waiting:
        one = waiting.pop()
        if id(one) in given:
            reached.add(id(one))
        elif one.call is None:
            missing[id(one)] = one
        elif one.call.number not in calls:
            calls[one.call.number] = one.call
            waiting += symbols_in((one.call.args, one.call.kwargs))
    if missing:
        raise GraphError(
            describe(
                f"Model: outputs need {len(missing)} more inputs than were given",
                *(f"needed: {one!r}" for one in missing.values()),
                f"inputs: {', '.join(map(repr, inputs))}",
            )
        )
    unused = [one for one in inputs if id(one) not in reached]
    if unused:
        raise GraphError(describe("Model: no output depends on an input", *(f"unused: {one!r}" for one in unused)))
    return [calls[number] for number in sorted(calls)]


def _places(structure: Any) -> list[_Place]:
    return [one for one in leaves(structure) if isinstance(one, _Place)]


def _kinds(values: Any) -> str:
    return ", ".join(type(one).__name__ for one in (values if isinstance(values, (list, tuple)) else [values]))
