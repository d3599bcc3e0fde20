"""`Tensor`: an array with a place in a graph."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph import hooks
from graphgrad.graph.array_methods import ArrayMethods, TensorLike
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import DTypeError, GraphError, ShapeError, WriteError, check_name, describe
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node, Output, Source, next_number
from graphgrad.graph.source import Mark, resolve
from graphgrad.graph.writes import CLOCK, last_write, wrote

if TYPE_CHECKING:
    from graphgrad.graph.graph import Graph

__all__ = ["Tensor", "TensorLike"]

Array = np.ndarray[Any, Any]


class Tensor(ArrayMethods):
    """An n-dimensional array that remembers how it was computed.

    Make one with `graphgrad.tensor` (copies) or `graphgrad.asarray` (shares). A tensor is a *leaf* if nobody computed
    it, or if nothing that it was computed from needs a gradient; only leaves collect a ``grad``.

    Attributes
    ----------
    data
        The values, always an ndarray, for a single number too. Assigning to it writes a leaf without recording.
    grad
        A Tensor of the same shape once a backward pass has arrived, None before.
    requires_grad
        Whether a backward pass collects a gradient here; can be switched on leaves.
    name
        What pictures and error texts call it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([1.0, 2.0], requires_grad=True)
    >>> loss = gg.sum(w * w)
    >>> loss.backward()
    >>> w.grad
    tensor([2., 4.])
    """

    __slots__ = ("__weakref__", "_data", "_grad", "_hooks", "_name", "_needs", "_number", "_source", "_written")

    _data: Array
    _grad: Tensor | None
    _hooks: hooks.Hooks  # of a leaf; the slot is empty until the first
    _name: str | None
    _needs: bool
    _number: int
    _source: Node | Output | None
    _written: int

    def __init__(self, data: Array, requires_grad: bool = False, name: str | None = None) -> None:
        if requires_grad:
            _check_float(data.dtype)
        self._data = data
        self._grad = None
        self._needs = requires_grad
        self._source = None
        self._written = 0
        self._number = next_number()
        self._name = name

    # ---- what it is

    @property
    def data(self) -> Array:
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if self._source is not None:
            raise WriteError(
                describe(
                    f"data: {self._title()} was computed by {self.node.op.name}, its values belong to the graph",  # type: ignore[union-attr]
                    "expected: a leaf",
                    hint="take a copy that is a leaf: gg.tensor(t.data), or compute a new tensor",
                )
            )
        array = value.data if isinstance(value, Tensor) else np.asarray(value)
        if array.shape != self._data.shape:
            raise ShapeError(
                describe(
                    f"data: {self._title()} keeps its shape",
                    f"expected: {self._data.shape}",
                    f"got: {array.shape}",
                    hint="make a new tensor for another shape",
                )
            )
        if array.dtype != self._data.dtype:
            if not np.can_cast(array.dtype, self._data.dtype, "same_kind"):
                raise DTypeError(
                    describe(
                        f"data: {self._title()} keeps its dtype",
                        f"expected: {self._data.dtype}",
                        f"got: {array.dtype}",
                        hint="convert it first: array.astype(...)",
                    )
                )
            array = array.astype(self._data.dtype)
        if array is self._data:
            self._written = wrote(array)  # t.data -= ... has written to the array itself, and gives it back
        else:
            CLOCK.epoch += 1
            self._data, self._written = array, CLOCK.epoch

    @property
    def grad(self) -> Tensor | None:
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise DTypeError(describe(f"grad: a Tensor or None is needed, got {type(value).__name__}"))
            if value.shape != self.shape:
                raise ShapeError(
                    describe("grad: has the shape of its tensor", f"expected: {self.shape}", f"got: {value.shape}")
                )
            if value.dtype != self.dtype:
                raise DTypeError(
                    describe("grad: has the dtype of its tensor", f"expected: {self.dtype}", f"got: {value.dtype}")
                )
        self._grad = value

    @property
    def name(self) -> str | None:
        return self._name

    @name.setter
    def name(self, value: str | None) -> None:
        self._name = check_name(value)
        if isinstance(self._source, Node):
            self._source.name = value  # a graph holds nodes, not the tensors that they computed

    @property
    def requires_grad(self) -> bool:
        return self._needs

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._source is not None:
            raise GraphError(
                describe(
                    f"requires_grad: can be switched on leaves only, {self._title()} was computed",
                    hint="t.detach() gives a leaf that shares the values",
                )
            )
        if value:
            _check_float(self._data.dtype)
        self._needs = bool(value)

    @property
    def node(self) -> Node | None:
        """The operation that computed it, None for a leaf."""
        source = self._source
        return source.node if isinstance(source, Output) else source

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation computed it."""
        return self._source is None

    @property
    def number(self) -> int:
        """When it came into being: the number of its node, or its own if it is a leaf."""
        node = self.node
        return self._number if node is None else node.number

    @property
    def scope(self) -> str:
        """The path of scopes in which it was computed, empty for a leaf."""
        node = self.node
        return "" if node is None else node.scope

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self._data.shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self._data.dtype
        return dtype

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    def numpy(self) -> Array:
        """The values as an ndarray, sharing memory, outside the graph."""
        return self._data

    def item(self) -> Any:
        """The value of a one-element tensor as a Python number, outside the graph (P01.21)."""
        if self._data.size != 1:
            raise ShapeError(describe(f"item: one element is needed, {self._title()} has shape {self.shape}"))
        return self._data.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self._data.tolist()

    def detach(self) -> Tensor:
        """A leaf that shares the values and passes no gradient on (P01.17)."""
        return Tensor(self._data, name=self.name)

    # ---- the graph

    def backward(self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
        """Compute the gradient of this tensor for every leaf that it depends on, and add it to their ``grad``.

        Parameters
        ----------
        gradient
            The upstream gradient, of this tensor's shape. May be left out for a single number, where it is 1.
        retain_graph
            Keep what the graph saved, so that another pass can run over it. Default: as `create_graph`. Scalars on the
            way keep their graph anyway.
        create_graph
            Record the pass itself, so that the gradients can be differentiated again.

        Raises
        ------
        GraphError
            If this tensor is a leaf, or its graph was freed by an earlier pass.
        ShapeError
            If it has several elements and no `gradient` is given, or one of another shape.
        WriteError
            If a value that the pass needs was changed in place since.
        """
        late.backward(self, gradient, retain_graph, create_graph)

    def graph(self) -> Graph:
        """The recorded computation that leads to this tensor, as data."""
        return late.graph(self)

    def _title(self) -> str:
        """How error texts call it."""
        name = f"tensor {self.name!r}" if self.name else "a tensor"
        return f"{name} of shape {self.shape}"

    # ---- hooks: graphgrad.autodiff.hooks tells when and in which order they are called

    def register_hook(self, hook: hooks.Hook) -> hooks.RemovableHandle:
        """Call ``hook(grad)`` whenever a pass has this tensor's gradient; a tensor that it returns takes its place."""
        return hooks.on_gradient(self, hook)

    def register_post_accumulate_grad_hook(self, hook: hooks.Hook) -> hooks.RemovableHandle:
        """Call ``hook(leaf)`` whenever ``backward()`` has added to the ``grad`` of this leaf."""
        return hooks.on_accumulated(self, hook)

    def retain_grad(self) -> None:
        """Let passes fill ``grad`` of this tensor too, although it was computed; leaves have one anyway."""
        hooks.retain(self)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this computed tensor."""
        return hooks.retains(self)

    # ---- leaving the graph

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ValueError(
                describe(
                    f"truth value: {self._title()} has {self._data.size} elements",
                    hint="compare the elements with (t.data == ...).all() or .any()",
                )
            )
        return bool(self._data.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iu":
            raise TypeError(describe(f"index: an integer tensor is needed, got {self.dtype}"))
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self._data.size == 1 and spec else str(self)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.array(self._data, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return late.array_ufunc(ufunc, method, *inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return late.array_function(func, args, kwargs)

    def __repr__(self) -> str:
        text = np.array2string(self._data, precision=4, separator=", ", prefix="tensor(")
        extras = []
        if self._data.dtype not in (np.dtype("float32"), np.dtype("int64"), np.dtype("bool")):
            extras.append(f"dtype={self._data.dtype}")
        node = self.node
        if node is not None:
            extras.append(f"op={node.op.name}")
        elif self._needs:
            extras.append("requires_grad=True")
        if self.name:
            extras.append(f"name={self.name!r}")
        return f"tensor({', '.join([text, *extras])})"

    def __copy__(self) -> Tensor:
        copied: Tensor = copy.deepcopy(self)
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is a leaf of its own, with a number of its own."""
        if self._source is not None:
            raise GraphError(
                describe(f"copy: {self._title()} was computed; only leaves can be copied", hint="gg.tensor(t.data)")
            )
        return type(self), (self._data, self._needs, self._name)


def source_of(tensor: Tensor) -> Source:
    """Where a tensor comes from, as an operand would note it: a leaf is its own source."""
    return tensor if tensor._source is None else tensor._source


def computed(data: Array, source: Node | Output) -> Tensor:
    """The tensor of what `source` computed."""
    tensor = Tensor.__new__(Tensor)
    tensor._data = data
    tensor._grad = None
    if isinstance(source, Output):
        tensor._needs = source.node.needs != 0 and data.dtype.kind in "fc"  # of several, some may be integers
    else:
        tensor._needs = source.needs != 0
    tensor._source = source
    tensor._name = None
    return tensor


def check_unwritten(tensor: Tensor, op_name: str) -> None:
    """Refuse a computed tensor whose memory was written, through another one, since it was computed."""
    source = tensor._source
    if source is None or source.epoch == CLOCK.epoch:
        return
    write = last_write(tensor._data)
    if write is not None and write.epoch > source.epoch:
        raise WriteError(
            describe(
                f"{op_name}: {tensor._title()}, computed by {tensor.node.op.name}, was overwritten since",  # type: ignore[union-attr]
                *written_at(write.mark),
                hint="its memory is shared with the tensor that was written; copy before writing: gg.tensor(t.data)",
            )
        )


def written_at(mark: Mark | None) -> list[str]:
    """The line of an error text that says where a write happened."""
    site = resolve(mark) if mark is not None else None
    return [f"written at: {site.file}:{site.line}  {site.source_line.strip()}"] if site is not None else []


def _check_float(dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "fc":
        raise DTypeError(
            describe(
                f"requires_grad: only floating tensors have gradients, this one is {dtype}",
                hint="write floats (1.0 for 1), or give dtype='float32'",
            )
        )


def make(data: Any, dtype: DTypeLike | None, requires_grad: bool, name: str | None, *, copy: bool, what: str) -> Tensor:
    """A leaf from anything that can be an array."""
    if isinstance(data, Tensor):
        data = data.data
    if isinstance(data, (list, tuple)):
        try:
            data = _unwrap(data)
        except RecursionError:
            raise DTypeError(describe(f"{what}: lists within lists, too deep for an array")) from None
    tensor = Tensor(as_array(data, dtype, copy=copy, what=what), requires_grad, check_name(name))
    recorder = MODE.get().recorder
    if recorder is not None:
        recorder.leaf(tensor)
    return tensor


def _unwrap(items: Any) -> Any:
    """Lists that hold tensors, as lists that hold their values."""
    return [
        _unwrap(item) if isinstance(item, (list, tuple)) else item.data if isinstance(item, Tensor) else item
        for item in items
    ]
