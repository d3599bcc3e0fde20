"""micrograd's face: `Value`, `Neuron`, `Layer` and `MLP`, on scalars that are recorded and differentiated quickly.

Programs written for micrograd run with one import changed::

    from graphgrad.nn.scalar import MLP, Value
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Self, cast
from weakref import WeakValueDictionary

import numpy as np

from graphgrad.autodiff.scalar_rules import apply_rule, rules_of
from graphgrad.graph.errors import ArgumentError, GraphError, check_name, describe
from graphgrad.graph.mode import MODE, scope
from graphgrad.graph.scalar import Scalar, as_float, handle
from graphgrad.graph.source import call_site
from graphgrad.graph.tape import DONE, Chunk, Note, leaves_chunk
from graphgrad.ops import TABLE
from graphgrad.ops.scalar_sums import weighted_sums
from graphgrad.ops.scalars import OPCODES, scalar_entry

__all__ = ["MLP", "Layer", "Module", "Neuron", "Value"]

_exp, _log, _relu, _sigmoid, _tanh = (
    cast("Callable[[Value], Value]", scalar_entry(TABLE[name])) for name in ("exp", "log", "relu", "sigmoid", "tanh")
)

_NAMES = {
    "add": "+",
    "subtract": "-",
    "negative": "-",
    "multiply": "*",
    "divide": "/",
    "power": "**",
    "relu": "ReLU",
}
"""What micrograd calls operations otherwise than by their names here."""


class Value(Scalar):
    """A number as micrograd has it; everything that takes a `Scalar` takes it too.

    Parameters
    ----------
    data
        The number.
    label
        What pictures call it.

    Attributes
    ----------
    relu, tanh, exp, log, sigmoid
        Operations as methods: ``v.relu()`` is ``gg.relu(v)``.
    data
        The number, a float. Assigning to it writes a leaf.
    grad
        The gradient, a float: 0.0 before any pass. That of leaves adds up over passes, until it is set to 0 again; that
        of results is of the last pass.
    label
        What pictures call it.

    Notes
    -----
    What is otherwise than in micrograd:

    - ``a - b``, ``a / b`` and ``-a`` are operations of their own, not sums and products with a power or with -1.
      Besides, an exponent may be a value, and so may all that other operations here take: ``2**a``, ``abs(a)``,
      ``gg.sin(a)``.
    - Numbers are float64: ``Value(2).data`` is 2.0, ``a**2.0`` has the ``_op`` ``**2``, and data can't be arrays. Where
      Python raises or leaves the real numbers there are the values of IEEE 754, such as inf for ``Value(0.0) ** -1``.
    - Only the data of leaves can be written, and a pass is refused through a graph that was computed before the write.
    - Another pass over the same graph adds its gradients to those of leaves only; micrograd adds them to those of
      results too, and passes these sums on. A number in the code, as the 3 in ``3 * a``, keeps the gradient 0.
    - Values compare by ``<`` and the like, and count as true if they aren't 0; ``==`` asks if it is the same value.
    - A value is a place in a graph, and Python's objects for it come and go: what ``_prev`` holds equals the value it
      was computed from, but need not be the same object. An object takes no further attributes, results can't be
      copied, and there are no arguments for ``_prev`` and ``_op``.
    - ``array * value`` is refused, whatever the array holds; inside an array of values all operations work.
    - Neurons refuse more or fewer inputs than they have weights.

    Examples
    --------
    >>> from graphgrad.nn.scalar import Value
    >>> a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    >>> c = (a * b + b**3).relu() + a.tanh()
    >>> c.backward()
    >>> a.grad, b.grad
    (0.0013409506830258655, 0.0)
    >>> c._op, sorted(child.data for child in c._prev)
    ('+', [-0.999329299739067, 0.0])
    """

    __slots__ = ("__weakref__",)

    def __init__(self, data: float, label: str = "") -> None:
        number = as_float(data, "Value")
        name = check_name(label or None)
        site = None
        if MODE.get().recorder is not None:
            site = call_site()
            name = name or (None if site is None else site.target)
        self.chunk = leaves_chunk(Value, needs=True)
        self.index = self.chunk.put(number, Note(name, "", site) if name or site else None)

    @property
    def grad(self) -> float:
        return self.chunk.grads[self.index]

    @grad.setter
    def grad(self, value: float) -> None:
        self.chunk.grads[self.index] = as_float(value, "grad")
        self.chunk.states[self.index] = DONE

    @property
    def label(self) -> str:
        return self.name or ""

    @label.setter
    def label(self, value: str) -> None:
        self.name = value or None

    @property
    def _op(self) -> str:
        """What computed it, as micrograd writes it: ``+``, ``**2``, ``ReLU``; nothing for a leaf."""
        op = OPCODES[self.chunk.ops[self.index]]
        if op is None:
            return ""
        exponent = self._exponent()
        if exponent is None:
            return _NAMES.get(op.name, op.name)
        return f"**{exponent.data!r}".removesuffix(".0")

    @property
    def _prev(self) -> set[Value]:
        """What it was computed from; not the number in ``x**2``, which is part of the operation."""
        exponent = self._exponent()
        children = (_at(*place) for place in self.chunk.operands(self.index))
        return {child for child in children if child is not exponent}

    def _exponent(self) -> Value | None:
        """The number that stands in the code as the exponent of a power."""
        op = OPCODES[self.chunk.ops[self.index]]
        if op is None or op.name != "power":
            return None
        chunk, index = self.chunk.operands(self.index)[1]
        return None if chunk.needs or index in chunk.notes else _at(chunk, index)

    # As the operations themselves, so that `h = v.relu()` is seen to be called by the line that it stands in.
    relu, tanh, exp, log, sigmoid = _relu, _tanh, _exp, _log, _sigmoid

    if TYPE_CHECKING:  # a result is of its operands' kind

        def __add__(self, other: Any) -> Value: ...
        def __neg__(self) -> Value: ...

        __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __add__
        __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __add__
        __pos__ = __abs__ = __neg__

    def backward(self, gradient: float = 1.0, retain_graph: bool = False) -> None:
        """Compute the gradient of this number for everything that it depends on; see `Scalar.backward`."""
        if self.is_leaf:
            self.grad = gradient  # as in micrograd: a number's derivative for itself
        else:
            super().backward(gradient, retain_graph)

    def _backward(self) -> None:
        """Pass the gradient on to what this was computed from: one step of `backward`, by hand."""
        op = OPCODES[self.chunk.ops[self.index]]
        if op is None or op.scalar is None:  # an element of a tensor, which has no step of its own
            return
        children = [handle(*place) for place in self.chunk.operands(self.index)]
        a, b = children[0].data, children[-1].data
        with np.errstate(all="ignore"):
            for child, (rule, pick) in zip(children, rules_of(op), strict=True):
                if child.requires_grad:
                    child.grad = (child.grad or 0.0) + apply_rule(rule, self.grad, pick(a, b, self.data))

    # Two values are equal if they are the same place of the graph, as for micrograd's objects.

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Value) and self.chunk is other.chunk and self.index == other.index

    def __hash__(self) -> int:
        return super().__hash__()

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is a leaf of its own, with the same data, label and gradient."""
        if not self.is_leaf:
            raise GraphError(describe("copy: this value was computed; only leaves can be copied", hint="Value(v.data)"))
        return Value, (self.data, self.label), (None, {"grad": self.grad})

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"


_handles: WeakValueDictionary[tuple[Chunk, int], Value] = WeakValueDictionary()


def _at(chunk: Chunk, index: int) -> Value:
    """The value at a place; the same object as long as somebody holds it, since drawings go by ``id()``."""
    known = _handles.get((chunk, index))
    if known is None:
        known = _handles[chunk, index] = Value.__new__(Value)
        known.chunk, known.index = chunk, index
    return known


class Module:
    """Something with parameters."""

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to 0."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def parameters(self) -> list[Value]:
        """All parameters."""
        return []

    def with_parameters(self, parameters: Sequence[Any]) -> Self:
        """The same with other scalars for parameters, as a function for `graphgrad.compile_scalars` needs it.

        Parameters
        ----------
        parameters
            A scalar for each parameter, in the order of ``parameters()``. They aren't copied.

        Raises
        ------
        ArgumentError
            If there are more or fewer.

        Examples
        --------
        >>> import graphgrad as gg
        >>> from graphgrad.nn.scalar import Neuron
        >>> neuron = Neuron(2, nonlin=False)
        >>> score = gg.compile_scalars(lambda parameters, x: neuron.with_parameters(parameters)(x))
        >>> score([3.0, -1.0, 0.5], [2.0, 4.0])
        2.5
        """
        mine = self.parameters()
        if len(parameters) != len(mine):
            raise ArgumentError(
                describe("with_parameters: one scalar for each", f"expected: {len(mine)}, got: {len(parameters)}")
            )
        made: Self = _replaced(self, dict(zip(mine, parameters, strict=True)))
        return made


def _replaced(one: Any, new: Mapping[Any, Any]) -> Any:
    """The same with some scalars replaced; what holds none stays as it is."""
    if isinstance(one, Scalar):
        return new.get(one, one)
    if isinstance(one, Module):
        made = copy(one)
        vars(made).update((name, _replaced(part, new)) for name, part in vars(one).items())
        return made
    return [_replaced(part, new) for part in one] if isinstance(one, list) else one


class Neuron(Module):
    """A weighted sum of numbers and a bias, and a ReLU if `nonlin`.

    The weights are drawn from -1 to 1 by Python's ``random``, in micrograd's order: the same seed gives the same ones.
    """

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        self.w = [Value(random.uniform(-1, 1), label=f"w{i}") for i in range(nin)]
        self.b = Value(0.0, label="b")
        self.nonlin = nonlin

    def __call__(self, x: Sequence[Any]) -> Value:
        (act,) = weighted_sums([self.w], x, [self.b])
        return _relu(act) if self.nonlin else act

    def parameters(self) -> list[Value]:
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """Neurons side by side; of a single one the result is a number, not a list."""

    def __init__(self, nin: int, nout: int, **kwargs: Any) -> None:
        self.neurons = [Neuron(nin, **kwargs) for _ in range(nout)]
        _label_parts("neuron", self.neurons)

    def __call__(self, x: Sequence[Any]) -> Any:
        if MODE.get().plain:
            sums = weighted_sums([neuron.w for neuron in self.neurons], x, [neuron.b for neuron in self.neurons])
            out = [_relu(act) if neuron.nonlin else act for neuron, act in zip(self.neurons, sums, strict=True)]
        else:
            # Somebody watches: each neuron is a scope, which a picture can fold, and its result has that name.
            out = []
            for i, neuron in enumerate(self.neurons):
                with scope(f"neuron{i}"):
                    act = neuron(x)
                    act.name = MODE.get().scope
                    out.append(act)
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        return [parameter for neuron in self.neurons for parameter in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """Layers one after the other, the last one without a ReLU.

    Parameters are labelled by where they are, as in ``layer0.neuron3.w1``. While somebody watches, as inside
    `graphgrad.record` or of a script under ``graphgrad walk``, layers and neurons are scopes of these names.

    Parameters
    ----------
    nin
        How many numbers it takes.
    nouts
        How many neurons each layer has.

    Examples
    --------
    >>> from graphgrad.nn.scalar import MLP
    >>> model = MLP(2, [4, 1])
    >>> model
    MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(4)]]
    >>> len(model.parameters())
    17
    """

    def __init__(self, nin: int, nouts: Sequence[int]) -> None:
        sizes = [nin, *nouts]
        last = len(nouts) - 1
        self.layers = [Layer(sizes[i], sizes[i + 1], nonlin=i != last) for i in range(len(nouts))]
        _label_parts("layer", self.layers)

    def __call__(self, x: Sequence[Any]) -> Any:
        plain = MODE.get().plain
        for i, layer in enumerate(self.layers):
            if plain:
                x = layer(x)
            else:
                with scope(f"layer{i}"):
                    x = layer(x)
        return x

    def parameters(self) -> list[Value]:
        return [parameter for layer in self.layers for parameter in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"


def _label_parts(kind: str, parts: Sequence[Module]) -> None:
    for i, part in enumerate(parts):
        for parameter in part.parameters():
            parameter.label = f"{kind}{i}.{parameter.label}"
