"""How a summary is made: one forward pass that is watched, and what each operation in it costs (P25.05)."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.checks import check_count, is_number
from graphgrad.graph.create import zeros
from graphgrad.graph.dtypes import as_dtype, get_default_dtype
from graphgrad.graph.errors import ArgumentError, DTypeError, GraphgradError, ShapeError, describe
from graphgrad.graph.node import Node
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.probing import probing
from graphgrad.nn.summary import LayerSummary, Summary
from graphgrad.nn.symbolic import has_symbols, leaves
from graphgrad.ops.declare import find
from graphgrad.ops.variants import base_and_missing, without

if TYPE_CHECKING:
    from graphgrad.graph.operation import Op
    from graphgrad.nn.module import Module

__all__ = ["Summarized", "multiply_adds", "tensors_in"]

Shape = tuple[int, ...]


# ---- what an operation costs -----------------------------------------------------------------------------------------

# Linear in each operand, but without sums.
_NO_SUMS = frozenset({"outer", "kron", "cross"})
_RECURRENT = frozenset({"rnn_tanh", "rnn_relu", "lstm", "gru"})


def multiply_adds(op: Op, shapes: Sequence[Any], attrs: dict[str, Any]) -> int:
    """How many multiply-adds one run of an operation takes.

    Of products of matrices and convolutions that is half of the floating-point operations that they declare, without
    those for a bias. A recurrent layer's and attention's are those of the products in it. Elementwise operations,
    normalisations and pooling have none.

    Parameters
    ----------
    op
        The operation.
    shapes
        Those of its operands.
    attrs
        All its attributes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> multiply_adds(gg.ops.find("linear"), [(1, 64), (32, 64), (32,)], {})
    2048
    """
    base, _ = base_and_missing(op.name)
    given = dict(zip(op.operands, shapes, strict=True)) if not op.variadic else {}
    if base.removesuffix("_cell") in _RECURRENT:
        weights = [given.get(name) for name in ("weight_ih", "weight_hh", "weight_hr")]
        return int(math.prod(given["input"][:-1]) * sum(math.prod(one) for one in weights if one is not None))
    if base == "scaled_dot_product_attention":
        rows = math.prod(op.shape(*shapes, **attrs)[:-1])
        return int(rows * given["key"][-2] * (given["query"][-1] + given["value"][-1]))
    if base == "dense":
        return multiply_adds(find("linear"), [given["input"], given["weight"], None], {})
    if op.linear != "each" or op.elementwise or base in _NO_SUMS:
        return 0
    if op.variadic:
        return int(op.cost(list(shapes), **attrs)) // 2
    # The sum with a bias is no multiply-add.
    whole = find(base)
    biases = [name for name in whole.operands if name in whole.neutral]
    bare = without(whole, biases) if biases else whole
    return int(bare.cost(*(given[name] for name in bare.operands), **attrs)) // 2


# ---- a forward pass that is watched ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    """What is known of one module, without those inside it."""

    calls: int = 0
    output_shapes: tuple[Shape, ...] = ()
    multiply_adds: int = 0
    flops: int = 0
    activation_bytes: int = 0


class _Pass:
    """Counts what happens in which module."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.paths = {id(module): path for path, module in model.named_modules()}
        self.tallies = {key: _Tally() for key in self.paths}
        self.running: list[Module] = []

    def run(self, inputs: Sequence[Any]) -> None:
        """Run the model."""
        handles = []
        try:
            with probing(self.model, [self._ran]):
                for module in self.model.modules():
                    handles.append(module.register_forward_pre_hook(self._enter, prepend=True))
                    handles.append(module.register_forward_hook(self._leave))
                self.model(*inputs)
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, module: Module, args: tuple[Any, ...]) -> None:
        self.running.append(module)

    def _leave(self, module: Module, args: tuple[Any, ...], output: Any) -> None:
        while self.running.pop() is not module:
            pass  # one inside raised, and this one caught it
        tally = self.tallies[id(module)]
        tally.calls += 1
        tally.output_shapes = tuple(one.shape for one in tensors_in(output))

    def _ran(self, node: Node, inputs: tuple[Any, ...], outputs: tuple[Tensor, ...]) -> None:
        tally = self.tallies[id(self.running[-1] if self.running else self.model)]
        shapes = [np.shape(one) for one in inputs]
        attrs = dict(node.attrs)
        tally.multiply_adds += multiply_adds(node.op, shapes, attrs)
        tally.flops += int(node.op.cost(shapes, **attrs) if node.op.variadic else node.op.cost(*shapes, **attrs))
        taken = [one.data for one in inputs if isinstance(one, Tensor)]
        for one in outputs:
            if not any(np.may_share_memory(one.data, array) for array in taken):
                tally.activation_bytes += one.data.nbytes


def tensors_in(structure: Any) -> list[Tensor]:
    """The tensors in tuples, lists and dictionaries, in order."""
    return [one for one in leaves(structure) if isinstance(one, Tensor)]


# ---- the whole -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Row:
    """A row while it is being added up."""

    type: str
    own: _Tally
    connected_to: tuple[str, ...] = ()
    sums: dict[str, int] = field(default_factory=dict)
    has_rows_inside: bool = False

    def add(self, **counts: int) -> None:
        for name, count in counts.items():
            self.sums[name] = self.sums.get(name, 0) + count


class Summarized:
    """The part of `Module` that tells what is in it."""

    def summary(
        self,
        input_shape: Any = None,
        *,
        dtype: DTypeLike | Sequence[DTypeLike] | None = None,
        batch_size: int = 1,
        example: Any = None,
        depth: int | None = None,
    ) -> Summary:
        """Tell layer by layer: output shape, parameters, whether they are trained, multiply-adds, memory (P25.05).

        The module runs once, in evaluation mode and without graphs, and is as it was afterwards. Its own hooks are
        called. What is shared counts once.

        Parameters
        ----------
        input_shape
            The shape of one example, without the axis of the batch, such as ``(64,)``; a list of shapes for several
            inputs. Without it nothing runs, and there are the parameters only.
        dtype
            Of the inputs, or a list of them; by default that of the parameters. ``"int64"`` for indices.
        batch_size
            How many examples output shapes, multiply-adds and activations are for.
        example
            Instead of shapes, what the module is called with, with the axis of the batch; a tuple for several inputs.
        depth
            How deep to look into modules inside others: 1 for the module's own layers. None for all.

        Returns
        -------
        Summary
            It has rows and totals, and is shown as a table.

        Raises
        ------
        ShapeError, DTypeError
            If arguments are wrong, or a layer doesn't take what it gets; the message names the layer.
        ValueError
            If `batch_size` or `depth` is no such number.

        Examples
        --------
        >>> import graphgrad as gg
        >>> model = gg.nn.Sequential(gg.nn.Linear(64, 32), gg.nn.ReLU(), gg.nn.Linear(32, 10))
        >>> model.summary((64,))
        Sequential
        ──────────────────────────────────────────────────────────────────────
        Layer (type)  Output Shape  Param #  Trainable  Mult-Adds  Activations
        ──────────────────────────────────────────────────────────────────────
        0 (Linear)    (1, 32)         2,080  yes            2,048        128 B
        1 (ReLU)      (1, 32)             0                     0        128 B
        2 (Linear)    (1, 10)           330  yes              320         40 B
        ──────────────────────────────────────────────────────────────────────
        Total params: 2,410 (9.41 KiB)
        Trainable params: 2,410
        Non-trainable params: 0
        Mult-adds (batch of 1): 2,368
        Activations (batch of 1): 296 B
        """
        model = cast("Module", self)
        depth = None if depth is None else check_count("summary", "depth", depth, least=0)
        batch_size = check_count("summary", "batch_size", batch_size)
        inputs, size = _inputs(model, input_shape, dtype, batch_size, example)
        watched = _Pass(model)
        if inputs is not None:
            try:
                watched.run(inputs)
            except GraphgradError as error:
                hint = ""
                if isinstance(error, DTypeError) and example is None and dtype is None:
                    hint = "integers, as an Embedding wants them, are said so: dtype='int64'"
                elif example is None:
                    hint = "input_shape is without the axis of the batch; example=... takes a batch instead"
                raise _at_layer(watched, inputs, error, hint) from error
            except Exception as error:
                error.add_note(f"summary: {_where(watched)} raised this, run on {_shown(inputs)}")
                raise
        return Summary(type(model).__name__, tuple(_rows(model, watched, depth)), size, inputs is not None)


def _rows(model: Module, watched: _Pass, depth: int | None) -> Iterator[LayerSummary]:
    rows: dict[str, _Row] = {}
    seen: set[int] = set()
    connections: dict[str, Any] = {}
    for path, module in model.named_modules():
        names = path.split(".") if path else []
        shown = ".".join(names if depth is None else names[:depth])
        tally = watched.tallies[id(module)]
        if shown == path:
            outer, _, name = path.rpartition(".")
            found = connections[outer].get(name, ()) if path else ()
            rows[path] = _Row(type(module).__name__, tally, found)
            connections[path] = getattr(module, "_connections", {})
            if path:
                rows[outer].has_rows_inside = True
        row = rows[shown]
        row.add(
            multiply_adds=tally.multiply_adds,
            flops=tally.flops,
            activation_bytes=tally.activation_bytes,
        )
        for kind in ("parameters", "buffers"):
            for _, one in getattr(module, f"named_{kind}")(recurse=False):
                if id(one) not in seen:
                    seen.add(id(one))
                    row.add(**{kind: one.size, "parameter_bytes": one.data.nbytes})
                    if kind == "parameters":
                        row.add(trainable=one.size * one.requires_grad)
    for path, row in rows.items():
        if not path and row.has_rows_inside and not any(row.sums.values()):
            continue  # all that there is to tell is in the rows of its layers
        level = path.count(".") + 1 if path else 0
        yield LayerSummary(
            path,
            row.type,
            level,
            row.own.calls,
            row.own.output_shapes,
            connected_to=row.connected_to,
            has_rows_inside=row.has_rows_inside,
            **row.sums,
        )


def _inputs(
    model: Module, input_shape: Any, dtype: Any, batch_size: int, example: Any
) -> tuple[tuple[Any, ...] | None, int | None]:
    """What the model is called with, and for how many examples that is."""
    if example is not None:
        if input_shape is not None or dtype is not None:
            raise ShapeError(describe("summary: give an example or an input_shape with its dtype, not both"))
        inputs = example if isinstance(example, tuple) else (example,)
        if has_symbols(inputs):
            raise DTypeError(
                describe("summary: an example has values, and symbolic tensors have none", hint="give input_shape")
            )
        return inputs, next((one.shape[0] for one in _arrays(inputs) if one.shape), None)
    if input_shape is None:
        if dtype is not None:
            raise ShapeError(describe("summary: dtype is that of inputs, whose input_shape is missing"))
        return None, None
    shapes = _shapes(input_shape)
    dtypes = list(dtype) if isinstance(dtype, (list, tuple)) else [dtype] * len(shapes)
    if len(dtypes) != len(shapes):
        raise DTypeError(describe(f"summary: {len(shapes)} inputs, but {len(dtypes)} dtypes", f"dtype: {dtype!r}"))
    usual = next((one.dtype for one in model.parameters() if one.dtype.kind == "f"), get_default_dtype())
    return (
        tuple(
            zeros((batch_size, *shape), usual if one is None else as_dtype(one, "summary"))
            for shape, one in zip(shapes, dtypes, strict=True)
        ),
        batch_size,
    )


def _arrays(inputs: Sequence[Any]) -> list[Any]:
    """The tensors among inputs and inside them; of others, which hold none, an array."""
    found: list[Any] = []
    for one in inputs:
        found += tensors_in(one) or [one if isinstance(one, np.ndarray) else np.array(one, object)]
    return found


def _shapes(input_shape: Any) -> list[Shape]:
    """One shape for each input."""
    try:
        given = (input_shape,) if isinstance(input_shape, (int, np.integer)) else tuple(input_shape)
        several = any(isinstance(one, (list, tuple)) for one in given)
        shapes = [tuple(one) for one in given] if several else [given]
        if all(is_number(length) and length >= 0 for shape in shapes for length in shape):
            return [tuple(map(operator.index, shape)) for shape in shapes]
    except TypeError:
        pass
    raise ShapeError(
        describe(
            "summary: input_shape is the shape of one example, without the axis of the batch",
            "expected: (64,), or [(3, 32, 32), (10,)] for several inputs",
            f"got: {input_shape!r}",
            hint="example=... takes arrays instead",
        )
    )


# ---- when it doesn't run ---------------------------------------------------------------------------------------------


def _where(watched: _Pass) -> str:
    module = watched.running[-1] if watched.running else watched.model
    path = watched.paths[id(module)]
    return f"layer {path!r} ({type(module).__name__})" if path else type(module).__name__


def _shown(inputs: Sequence[Any]) -> str:
    return ", ".join(f"{one.shape} {one.dtype}" for one in _arrays(inputs))


def _at_layer(watched: _Pass, inputs: Sequence[Any], error: GraphgradError, hint: str) -> GraphgradError:
    first, *rest = str(error).splitlines()
    facts = [line.strip() for line in rest if not line.strip().startswith(("at:", "hint:"))]
    message = describe(
        f"summary: {_where(watched)} doesn't take what it gets",
        first,
        *facts,
        f"the model ran on: {_shown(inputs)}",
        hint=hint,
    )
    return type(error)(message) if type(error) in (ArgumentError, DTypeError, ShapeError) else GraphgradError(message)
