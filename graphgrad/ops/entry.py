"""How an operation runs: the quick ways for one and two operands, and the general one that knows every case.

The quick ways are what an ordinary training step goes through thousands of times. They do nothing but compute, note
what backward will need, and hand out a number; whatever else there is (recording, no_grad, arrays and numbers as
operands, an exception to explain) is left to the general way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NoReturn

import numpy as np

from graphgrad.graph.dtypes import as_array, check_dtype
from graphgrad.graph.errors import ArgumentError, DTypeError, GraphgradError, ShapeError, describe
from graphgrad.graph.hooks import call_forward_hooks
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node, Output, Source, next_number
from graphgrad.graph.operation import Op
from graphgrad.graph.record import names_at, report
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor, check_unwritten, computed
from graphgrad.graph.writes import CLOCK
from graphgrad.ops.scalars import scalar_entry
from graphgrad.ops.variants import without

__all__ = ["NUMPY_TWINS", "apply", "entry", "quick"]

NUMPY_TWINS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What `np.tanh(tensor)` and the like run: our operation by NumPy's function."""

# What NumPy raises when operands don't fit; anything else isn't about the operands and goes through as it is.
_REFUSALS = (TypeError, ValueError, IndexError, OverflowError)
_REQUIRED = inspect.Parameter.empty
_NO_ATTRS: Mapping[str, Any] = {}
_mode = MODE.get
_FLOAT32 = np.dtype("float32")
_FLOAT64 = np.dtype("float64")
_new_tensor = Tensor.__new__
_new_node = Node.__new__
_asarray = np.asarray
_ndarray = np.ndarray


def entry(op: Op, signature: inspect.Signature, prepare: Callable[[dict[str, Any]], None] | None) -> Callable[..., Any]:
    """The function that runs `op`.

    Parameters
    ----------
    op
        The declaration.
    signature
        Operands and attributes in the order in which a caller gives them.
    prepare
        Brings attributes into the form in which they are kept (tuples, copies of index arrays), or refuses them.
    """
    if quick(op):
        return _unary(op) if len(op.operands) == 1 else _binary(op)
    return _general(op, _Binder(op, signature), prepare)


def quick(op: Op) -> bool:
    """Whether an operation has one or two operands and nothing else, and so is called by position the quick way."""
    return len(op.operands) < 3 and not (op.attributes or op.variadic or op.neutral or op.outputs != 1)


def _unary(op: Op) -> Callable[[Any], Any]:
    forward = op.forward
    differentiable = op.differentiable
    keep = op.keeps(1)
    keep_x, keep_out = bool(keep & 1), bool(keep & 2)
    hides = _hides_complex(op)
    scalar = scalar_entry(op)

    def call(x: Any, /) -> Any:
        if type(x) is not Tensor:
            return scalar(x) if type(x) is Scalar else apply(op, (x,), _NO_ATTRS)
        mode = _mode()
        if not mode.fast:
            return apply(op, (x,), _NO_ATTRS)
        data = x._data
        if hides and data.dtype.kind == "c":
            return apply(op, (x,), _NO_ATTRS)
        try:
            out = forward(data)
        except _REFUSALS as error:
            explain(op, (x,), _NO_ATTRS, error)
        if type(out) is not _ndarray:
            out = _asarray(out)
        dtype = out.dtype
        if dtype is not _FLOAT32 and dtype is not _FLOAT64 and dtype.kind == "c":
            return apply(op, (x,), _NO_ATTRS)
        tensor = _new_tensor(Tensor)
        tensor._data = out
        tensor._grad = tensor._name = None
        if x._needs and differentiable:
            epoch = CLOCK.epoch
            source: Any = x._source
            if source is None:
                source = x
            elif source.epoch != epoch:
                check_unwritten(x, op.name)
            node = _new_node(Node)
            node.number = next_number()
            node.name = None
            node.op = op
            node.operands = (source,)
            node.attrs = _NO_ATTRS
            node.saved = (data if keep_x else None, out if keep_out else None)
            node.needs = 1
            node.shape = out.shape
            node.dtype = dtype
            node.scope = mode.scope
            node.epoch = epoch
            node.site = None
            tensor._source = node
            tensor._needs = True
        else:
            tensor._source = None
            tensor._needs = False
            tensor._written = 0
            tensor._number = next_number()
        return tensor

    return call


def _binary(op: Op) -> Callable[[Any, Any], Any]:
    forward = op.forward
    keeps = [op.keeps(needs) for needs in range(4)]
    differentiable = op.differentiable
    hides = _hides_complex(op)
    scalar = scalar_entry(op)

    def call(a: Any, b: Any, /) -> Any:
        # A Python number stays one: NumPy then promotes it weakly, and it passes no gradient on.
        if type(a) is Tensor:
            x: Any = a._data
            if type(b) is Tensor:
                y: Any = b._data
                needs = (1 if a._needs else 0) | (2 if b._needs else 0)
            elif type(b) is float or type(b) is int:
                y = b
                needs = 1 if a._needs else 0
            else:
                return scalar(a, b) if type(b) is Scalar else apply(op, (a, b), _NO_ATTRS)
        elif type(b) is Tensor and (type(a) is float or type(a) is int):
            x = a
            y = b._data
            needs = 2 if b._needs else 0
        else:
            return scalar(a, b) if type(a) is Scalar or type(b) is Scalar else apply(op, (a, b), _NO_ATTRS)
        mode = _mode()
        if not mode.fast:
            return apply(op, (a, b), _NO_ATTRS)
        if hides and _any_complex((x, y)):
            return apply(op, (a, b), _NO_ATTRS)
        try:
            out = forward(x, y)
        except _REFUSALS as error:
            explain(op, (a, b), _NO_ATTRS, error)
        if type(out) is not _ndarray:
            out = _asarray(out)
        dtype = out.dtype
        if dtype is not _FLOAT32 and dtype is not _FLOAT64 and dtype.kind == "c":
            return apply(op, (a, b), _NO_ATTRS)
        tensor = _new_tensor(Tensor)
        tensor._data = out
        tensor._grad = tensor._name = None
        if needs and differentiable:
            epoch = CLOCK.epoch
            left: Source = a
            if type(a) is Tensor and a._source is not None:
                left = a._source
                if left.epoch != epoch:
                    check_unwritten(a, op.name)
            right: Source = b
            if type(b) is Tensor and b._source is not None:
                right = b._source
                if right.epoch != epoch:
                    check_unwritten(b, op.name)
            keep = keeps[needs]
            node = _new_node(Node)
            node.number = next_number()
            node.name = None
            node.op = op
            node.operands = (left, right)
            node.attrs = _NO_ATTRS
            node.saved = (x if keep & 1 else None, y if keep & 2 else None, out if keep & 4 else None)
            node.needs = needs
            node.shape = out.shape
            node.dtype = dtype
            node.scope = mode.scope
            node.epoch = epoch
            node.site = None
            tensor._source = node
            tensor._needs = True
        else:
            tensor._source = None
            tensor._needs = False
            tensor._written = 0
            tensor._number = next_number()
        return tensor

    return call


def _hides_complex(op: Op) -> bool:
    """Whether a result may be real although an operand is complex.

    The result's dtype, which a node needs anyway, then doesn't tell; of most of NumPy's ufuncs it does.
    """
    forward = op.forward
    if not isinstance(forward, np.ufunc):
        return True
    loops = (loop.split("->") for loop in forward.types)
    return any(set(taken) & set("FDG") and not set(given) & set("FDG") for taken, given in loops)


def _any_complex(values: Iterable[Any]) -> bool:
    return any(type(value) is _ndarray and value.dtype.kind == "c" for value in values)


class _Binder:
    """Sorts the arguments of a call into operands and attributes."""

    def __init__(self, op: Op, signature: inspect.Signature) -> None:
        parameters = signature.parameters
        self.op = op
        self.signature = f"{op.name}{signature.replace(parameters=list(map(_untyped, parameters.values())))}"
        self.place = {name: i for i, name in enumerate(parameters)}
        self.defaults = [parameter.default for parameter in parameters.values()]
        self.most = sum(parameter.kind is not inspect.Parameter.KEYWORD_ONLY for parameter in parameters.values())
        # The place from which on all that is given by position is one operand, a sequence; by name it is a list.
        rest = (i for i, one in enumerate(parameters.values()) if one.kind is inspect.Parameter.VAR_POSITIONAL)
        self.rest = next(rest, None)
        self.operands = [self.place[name] for name in op.operands]
        self.attributes = [(name, self.place[name]) for name in op.attributes]

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The operands in order, None for one that was left out, and all attributes by name."""
        if self.rest is not None and len(args) > self.rest:
            args = (*args[: self.rest], args[self.rest :])
        given = len(args)
        if given > self.most:
            self.refuse(f"takes {self.most} arguments by position, got {given}")
        values = [*args, *self.defaults[given:]]
        for name, value in kwargs.items():
            place = self.place.get(name)
            if place is None:
                self.refuse(f"has no argument {name!r}")
            if place < given:
                self.refuse(f"got {name} twice")
            values[place] = value
        absent = [name for name, place in self.place.items() if values[place] is _REQUIRED]
        if absent:
            self.refuse(f"needs {', '.join(absent)}")
        return [values[place] for place in self.operands], {name: values[place] for name, place in self.attributes}

    def refuse(self, reason: str) -> NoReturn:
        raise TypeError(describe(f"{self.op.name}: {reason}", f"signature: {self.signature}"))


def _untyped(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(annotation=_REQUIRED)


def _general(op: Op, binder: _Binder, prepare: Callable[[dict[str, Any]], None] | None) -> Callable[..., Any]:
    optional = [(i, name) for i, name in enumerate(op.operands) if name in op.neutral]

    def prepared(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        operands, attrs = binder.bind(args, kwargs)
        if prepare is not None:
            try:
                prepare(attrs)
            except _REFUSALS as error:
                explain(op, _members(op, operands[0]) if op.variadic else operands, attrs, error)
        for name, value in attrs.items():
            if type(value) is Tensor:
                raise DTypeError(
                    describe(
                        f"{op.name}: {name} is a constant of the operation, not a tensor that a gradient could reach",
                        hint=f"give {name}.item() or a number",
                    )
                )
            if isinstance(value, np.generic):
                attrs[name] = value.item()  # weak as Python's numbers, and kept as what JSON can hold
        return _members(op, operands[0]) if op.variadic else operands, attrs

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            operands, attrs = prepared(args, kwargs)
        except Exception as error:
            report(op, _tensors((*args, *kwargs.values())), error)
            raise
        missing = [name for i, name in optional if operands[i] is None]
        if missing:
            return apply(without(op, missing), [one for one in operands if one is not None], attrs)
        return apply(op, operands, attrs)

    return call


def _tensors(arguments: Sequence[Any]) -> list[Any]:
    """The tensors and scalars among arguments, and among those that are lists of them."""
    listed = (one if isinstance(one, (list, tuple)) else (one,) for one in arguments)
    return [one for one in chain.from_iterable(listed) if isinstance(one, (Tensor, Scalar))]


def _members(op: Op, sequence: Any) -> tuple[Any, ...]:
    try:
        members = tuple(sequence)
    except TypeError:
        kind = type(sequence).__name__
        raise DTypeError(describe(f"{op.name}: needs a sequence of tensors, got {kind}")) from None
    if not members:
        raise ShapeError(describe(f"{op.name}: needs at least one tensor"))
    return members


def apply(op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """Run an operation the general way: any operands, any mode, any number of outputs.

    Parameters
    ----------
    operands
        Tensors, arrays, numbers or nested lists; for a variadic operation the members of its sequence.
    attrs
        All attributes, in the form in which they are kept.

    Raises
    ------
    ShapeError, DTypeError
        If the operands don't fit, before anything has changed.
    """
    try:
        return _applied(op, operands, attrs)
    except Exception as error:
        report(op, operands, error)
        raise


def _applied(op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    mode = _mode()
    tensors, arrays = _coerce(op, operands)
    if arrays is None:
        return late.apply_batched(op, tensors, attrs)
    for array in arrays:
        if type(array) is _ndarray and array.dtype.kind == "c":
            if not op.complex or any(_any_complex(arrays[i : i + 1]) for i in op.only_real):
                refuse_complex(op, tensors)
            op = op.on_complex
            break
    else:
        op = op.declared
    try:
        result = op.forward(arrays, **attrs) if op.variadic else op.forward(*arrays, **attrs)
    except _REFUSALS as error:
        explain(op, tensors, attrs, error)
    outs = tuple(map(_asarray, result)) if op.outputs is None else (_asarray(result),)
    if mode.anomaly is not None:
        mode.anomaly.check(op, tensors, attrs, outs)

    needs = 0
    if mode.grad and op.differentiable:
        for i, operand in enumerate(tensors):
            if type(operand) is Tensor and operand._needs:
                needs |= 1 << i
    if needs and not any(out.dtype.kind in "fc" for out in outs):
        needs = 0  # a step to integers or bools: nothing can flow back
    if not needs and mode.recorder is None and not mode.hooks:
        results = tuple(map(Tensor, outs))
        return results if op.outputs is None else results[0]

    node = Node()
    node.number = next_number()
    node.name = None
    node.op = op
    is_kept = needs != 0 or mode.recorder is not None
    node.operands = tuple(_source(operand, op if is_kept else None, mode.recorder) for operand in tensors)
    node.attrs = attrs
    node.needs = needs
    single = op.outputs == 1
    node.shape = outs[0].shape if single else tuple(out.shape for out in outs)
    node.dtype = outs[0].dtype if single else tuple(out.dtype for out in outs)
    node.scope = mode.scope
    node.epoch = CLOCK.epoch
    node.site = None
    result = outs if op.outputs is None else outs[0]
    if needs and mode.segment is not None:
        node.saved = mode.segment.recomputed(node, arrays, result)
    else:
        keep = op.keeps(needs) if needs else 0
        if keep < 0:
            keep = (1 << len(arrays)) - 1  # all members, however many, and not the result
        node.saved = tuple(value if keep >> i & 1 else None for i, value in enumerate(chain(arrays, (result,))))

    sources: tuple[Node | Output, ...]
    sources = tuple(Output(node, i) for i in range(len(outs))) if op.outputs is None else (node,)
    # The places beside sorted values are integers: they are leaves, as all that no gradient can flow back through.
    results = tuple(
        computed(out, source) if needs and out.dtype.kind in "fc" else Tensor(out)
        for out, source in zip(outs, sources, strict=True)
    )
    if mode.anomaly is not None and is_kept:
        mode.anomaly.kept(node)
        node.name = names_at(node.site, 1)[0] if single else None
    if mode.recorder is not None:
        mode.recorder.node(node, results, sources)
    if mode.hooks:
        call_forward_hooks(node, tuple(tensors), results)
    return results if op.outputs is None else results[0]


def _refuse_list_of_tensors(operand: Any, title: str) -> None:
    """NumPy would make an array of the values, and the gradients of the members would be lost without a word."""
    if isinstance(operand, (list, tuple)) and any(isinstance(one, Tensor) and one.requires_grad for one in operand):
        raise DTypeError(
            describe(
                f"{title}: a list of tensors that need gradients is no tensor",
                hint="gg.stack(tensors) makes one of them, through which the gradients flow",
            )
        )


def _coerce(op: Op, operands: Iterable[Any]) -> tuple[list[Any], list[Any] | None]:
    """The operands as tensors and plain numbers, and the values that forward gets.

    None for the values if a tensor stands for one example of many, which has none; see `graphgrad.autodiff.levels`.
    """
    tensors: list[Any] = []
    batched = False
    imaginary: list[int] = []
    for i, operand in enumerate(operands):
        kind = type(operand)
        if kind is Tensor or kind is float or kind is int or kind is bool:
            tensors.append(operand)
        elif isinstance(operand, (complex, np.complexfloating)):
            imaginary.append(i)
            tensors.append(complex(operand))
        elif isinstance(operand, np.generic):
            check_dtype(_asarray(operand), _title(op, i))
            tensors.append(operand.item())  # NumPy's own numbers are weak too, as if Python's
        elif isinstance(operand, np.ndarray):
            tensors.append(Tensor(check_dtype(operand, _title(op, i))))
        elif isinstance(operand, Scalar):
            raise DTypeError(
                describe(
                    f"{_title(op, i)}: a Scalar can't take part in an operation on tensors",
                    hint="use gg.tensor(value, requires_grad=True) for a number among tensors",
                )
            )
        elif isinstance(operand, Tensor):
            tensors.append(operand)
            batched = True
        else:
            _refuse_list_of_tensors(operand, _title(op, i))
            tensors.append(Tensor(as_array(operand, copy=True, what=_title(op, i))))
    if imaginary:
        _fix_complex_numbers(tensors, imaginary)
    if batched:
        return tensors, None
    if not any(type(operand) is Tensor for operand in tensors):
        tensors = [Tensor(as_array(operand, copy=True, what=_title(op, i))) for i, operand in enumerate(tensors)]
    return tensors, [operand._data if type(operand) is Tensor else operand for operand in tensors]


def _fix_complex_numbers(tensors: list[Any], places: Sequence[int]) -> None:
    """Complex numbers in the code, as constants of the precision that the tensors beside them have."""
    others = [one.dtype for one in tensors if isinstance(one, Tensor)]
    for i in places:
        dtype = np.result_type(*others, 1j) if others else None
        tensors[i] = Tensor(as_array(tensors[i], dtype, copy=True))


def _source(operand: Any, op: Op | None, recorder: Any) -> Source:
    """Where an operand came from; refused if it was overwritten since, for the operation that is given."""
    if type(operand) is not Tensor:
        return operand  # type: ignore[no-any-return]
    if operand._source is not None:
        if op is not None:
            check_unwritten(operand, op.name)
        return operand._source
    origin = recorder.origin(operand) if recorder is not None and not operand._needs else None
    return operand if origin is None else origin


def _title(op: Op, i: int) -> str:
    return f"{op.name}: {op.operands[0]}[{i}]" if op.variadic else f"{op.name}: {op.operands[i]}"


def refuse_complex(op: Op, operands: Sequence[Any]) -> NoReturn:
    """Say that an operation takes real numbers only."""
    details = [
        f"{_title(op, i).partition(': ')[2]}: shape {one.shape}, {one.dtype}"
        for i, one in enumerate(operands)
        if isinstance(one, (Tensor, np.ndarray)) and one.dtype.kind == "c"
    ]
    raise DTypeError(
        describe(
            f"{op.name}: complex numbers are not supported here",
            *details,
            hint="make them real first: gg.real(z), gg.imag(z), gg.abs(z) or gg.angle(z)",
        )
    )


def explain(op: Op, operands: Sequence[Any], attrs: Mapping[str, Any], error: Exception) -> NoReturn:
    """Raise the good message for what NumPy refused: which operand, which shapes, expected what."""
    if isinstance(error, GraphgradError):
        raise error
    if not op.complex and any(isinstance(one, (Tensor, np.ndarray)) and one.dtype.kind == "c" for one in operands):
        refuse_complex(op, operands)
    shapes = [
        operand.shape if isinstance(operand, (Tensor, np.ndarray)) else None if operand is None else ()
        for operand in operands
    ]
    details = []
    for i, operand in enumerate(operands):
        title = f"{op.operands[0]}[{i}]" if op.variadic else op.operands[i]
        if isinstance(operand, Tensor):
            name = f" {operand.name!r}" if operand.name else ""
            details.append(f"{title}:{name} shape {operand.shape}, {operand.dtype}")
        elif isinstance(operand, np.ndarray):
            details.append(f"{title}: shape {operand.shape}, {operand.dtype}")
        else:
            details.append(f"{title}: {operand!r:.60}")
    details += [f"{name}: {value!r:.60}" for name, value in attrs.items()]
    try:
        op.shape(shapes, **attrs) if op.variadic else op.shape(*shapes, **attrs)
    except ValueError as reason:
        raise ShapeError(describe(f"{op.name}: {reason}", *details)) from None
    except (TypeError, IndexError, AttributeError):
        pass  # the rule can't read these attributes at all: what was said first is nearer to the cause
    # The shapes fit, so what was refused is a type, or a value.
    kind = DTypeError if isinstance(error, TypeError) else ArgumentError
    raise kind(describe(f"{op.name}: {error}", *details)) from None


late.apply = apply
