"""graphgrad: see how deep learning computes.

Record a computation as a graph, differentiate it, and watch both passes happen. ``import graphgrad as gg`` and take the
names from there; they are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Where each public name lives. The block for type checkers below says the same; a test holds them equal.
_EXPORTS: dict[str, str] = {
    "GradcheckError": "graphgrad.autodiff.gradcheck",
    "gradcheck": "graphgrad.autodiff.gradcheck",
    "grad": "graphgrad.autodiff.transforms",
    "value_and_grad": "graphgrad.autodiff.transforms",
    "asarray": "graphgrad.graph.create",
    "full": "graphgrad.graph.create",
    "ones": "graphgrad.graph.create",
    "ones_like": "graphgrad.graph.create",
    "tensor": "graphgrad.graph.create",
    "zeros": "graphgrad.graph.create",
    "zeros_like": "graphgrad.graph.create",
    "get_default_dtype": "graphgrad.graph.dtypes",
    "set_default_dtype": "graphgrad.graph.dtypes",
    "ArgumentError": "graphgrad.graph.errors",
    "DTypeError": "graphgrad.graph.errors",
    "GraphError": "graphgrad.graph.errors",
    "GraphgradError": "graphgrad.graph.errors",
    "ShapeError": "graphgrad.graph.errors",
    "WriteError": "graphgrad.graph.errors",
    "Graph": "graphgrad.graph.graph",
    "enable_grad": "graphgrad.graph.mode",
    "is_grad_enabled": "graphgrad.graph.mode",
    "no_grad": "graphgrad.graph.mode",
    "scope": "graphgrad.graph.mode",
    "manual_seed": "graphgrad.graph.random",
    "Recording": "graphgrad.graph.record",
    "record": "graphgrad.graph.record",
    "Scalar": "graphgrad.graph.scalar",
    "scalar": "graphgrad.graph.scalar",
    "Tensor": "graphgrad.graph.tensor",
    "abs": "graphgrad.ops.arithmetic",
    "add": "graphgrad.ops.arithmetic",
    "divide": "graphgrad.ops.arithmetic",
    "equal": "graphgrad.ops.arithmetic",
    "greater": "graphgrad.ops.arithmetic",
    "greater_equal": "graphgrad.ops.arithmetic",
    "less": "graphgrad.ops.arithmetic",
    "less_equal": "graphgrad.ops.arithmetic",
    "multiply": "graphgrad.ops.arithmetic",
    "negative": "graphgrad.ops.arithmetic",
    "not_equal": "graphgrad.ops.arithmetic",
    "power": "graphgrad.ops.arithmetic",
    "sign": "graphgrad.ops.arithmetic",
    "sqrt": "graphgrad.ops.arithmetic",
    "square": "graphgrad.ops.arithmetic",
    "subtract": "graphgrad.ops.arithmetic",
    "exp": "graphgrad.ops.elementwise",
    "leaky_relu": "graphgrad.ops.elementwise",
    "log": "graphgrad.ops.elementwise",
    "log1p": "graphgrad.ops.elementwise",
    "relu": "graphgrad.ops.elementwise",
    "sigmoid": "graphgrad.ops.elementwise",
    "softplus": "graphgrad.ops.elementwise",
    "tanh": "graphgrad.ops.elementwise",
    "getitem": "graphgrad.ops.indexing",
    "index_add": "graphgrad.ops.indexing",
    "setitem": "graphgrad.ops.indexing",
    "matmul": "graphgrad.ops.linalg",
    "logsumexp": "graphgrad.ops.reductions",
    "max": "graphgrad.ops.reductions",
    "mean": "graphgrad.ops.reductions",
    "min": "graphgrad.ops.reductions",
    "sum": "graphgrad.ops.reductions",
    "maximum": "graphgrad.ops.selection",
    "minimum": "graphgrad.ops.selection",
    "where": "graphgrad.ops.selection",
    "astype": "graphgrad.ops.shaping",
    "broadcast_to": "graphgrad.ops.shaping",
    "concat": "graphgrad.ops.shaping",
    "expand_dims": "graphgrad.ops.shaping",
    "identity": "graphgrad.ops.shaping",
    "permute_dims": "graphgrad.ops.shaping",
    "reshape": "graphgrad.ops.shaping",
    "split": "graphgrad.ops.shaping",
    "squeeze": "graphgrad.ops.shaping",
    "stack": "graphgrad.ops.shaping",
    "unbind": "graphgrad.ops.shaping",
    "log_softmax": "graphgrad.ops.softmaxes",
    "softmax": "graphgrad.ops.softmaxes",
    "walk": "graphgrad.walk.trace",
}
_ROOMS: tuple[str, ...] = ("autodiff", "datasets", "graph", "lessons", "nn", "ops", "optim", "render", "view")

__all__ = sorted([*_EXPORTS, *_ROOMS])  # noqa: PLE0605 - one list, not two


def connect() -> None:
    """Fill the slot through which tensors and graphs reach the rooms above them; nobody else has to call it."""
    import_module("graphgrad.autodiff")  # operations and derivatives put themselves there
    from graphgrad.graph.late import Late, late

    # Drawing is rarer, and takes longer to load than all the rest: it comes when it is first wanted.
    late.render = lambda *args, **options: import_module("graphgrad.render.export").render(*args, **options)
    late.to_svg = lambda *args, **options: import_module("graphgrad.render.export").svg_of(*args, **options)
    late.__class__ = Late  # no longer one that waits


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        connect()
        value = getattr(import_module(_EXPORTS[name]), name)
    elif name in _ROOMS:
        connect()
        value = import_module(f"graphgrad.{name}")
    else:
        from difflib import get_close_matches

        near = get_close_matches(name, __all__, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise AttributeError(f"module 'graphgrad' has no attribute {name!r}{hint}", name=name, obj=None)
    # Importing a room sets the attribute of its name: `walk` is a room that can be called, and stays that.
    return globals().setdefault(name, value)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


if TYPE_CHECKING:
    from graphgrad import autodiff as autodiff
    from graphgrad import datasets as datasets
    from graphgrad import graph as graph
    from graphgrad import lessons as lessons
    from graphgrad import nn as nn
    from graphgrad import ops as ops
    from graphgrad import optim as optim
    from graphgrad import render as render
    from graphgrad import view as view
    from graphgrad.autodiff.gradcheck import GradcheckError as GradcheckError
    from graphgrad.autodiff.gradcheck import gradcheck as gradcheck
    from graphgrad.autodiff.transforms import grad as grad
    from graphgrad.autodiff.transforms import value_and_grad as value_and_grad
    from graphgrad.graph.create import asarray as asarray
    from graphgrad.graph.create import full as full
    from graphgrad.graph.create import ones as ones
    from graphgrad.graph.create import ones_like as ones_like
    from graphgrad.graph.create import tensor as tensor
    from graphgrad.graph.create import zeros as zeros
    from graphgrad.graph.create import zeros_like as zeros_like
    from graphgrad.graph.dtypes import get_default_dtype as get_default_dtype
    from graphgrad.graph.dtypes import set_default_dtype as set_default_dtype
    from graphgrad.graph.errors import ArgumentError as ArgumentError
    from graphgrad.graph.errors import DTypeError as DTypeError
    from graphgrad.graph.errors import GraphError as GraphError
    from graphgrad.graph.errors import GraphgradError as GraphgradError
    from graphgrad.graph.errors import ShapeError as ShapeError
    from graphgrad.graph.errors import WriteError as WriteError
    from graphgrad.graph.graph import Graph as Graph
    from graphgrad.graph.mode import enable_grad as enable_grad
    from graphgrad.graph.mode import is_grad_enabled as is_grad_enabled
    from graphgrad.graph.mode import no_grad as no_grad
    from graphgrad.graph.mode import scope as scope
    from graphgrad.graph.random import manual_seed as manual_seed
    from graphgrad.graph.record import Recording as Recording
    from graphgrad.graph.record import record as record
    from graphgrad.graph.scalar import Scalar as Scalar
    from graphgrad.graph.scalar import scalar as scalar
    from graphgrad.graph.tensor import Tensor as Tensor
    from graphgrad.ops.arithmetic import abs as abs
    from graphgrad.ops.arithmetic import add as add
    from graphgrad.ops.arithmetic import divide as divide
    from graphgrad.ops.arithmetic import equal as equal
    from graphgrad.ops.arithmetic import greater as greater
    from graphgrad.ops.arithmetic import greater_equal as greater_equal
    from graphgrad.ops.arithmetic import less as less
    from graphgrad.ops.arithmetic import less_equal as less_equal
    from graphgrad.ops.arithmetic import multiply as multiply
    from graphgrad.ops.arithmetic import negative as negative
    from graphgrad.ops.arithmetic import not_equal as not_equal
    from graphgrad.ops.arithmetic import power as power
    from graphgrad.ops.arithmetic import sign as sign
    from graphgrad.ops.arithmetic import sqrt as sqrt
    from graphgrad.ops.arithmetic import square as square
    from graphgrad.ops.arithmetic import subtract as subtract
    from graphgrad.ops.elementwise import exp as exp
    from graphgrad.ops.elementwise import leaky_relu as leaky_relu
    from graphgrad.ops.elementwise import log as log
    from graphgrad.ops.elementwise import log1p as log1p
    from graphgrad.ops.elementwise import relu as relu
    from graphgrad.ops.elementwise import sigmoid as sigmoid
    from graphgrad.ops.elementwise import softplus as softplus
    from graphgrad.ops.elementwise import tanh as tanh
    from graphgrad.ops.indexing import getitem as getitem
    from graphgrad.ops.indexing import index_add as index_add
    from graphgrad.ops.indexing import setitem as setitem
    from graphgrad.ops.linalg import matmul as matmul
    from graphgrad.ops.reductions import logsumexp as logsumexp
    from graphgrad.ops.reductions import max as max
    from graphgrad.ops.reductions import mean as mean
    from graphgrad.ops.reductions import min as min
    from graphgrad.ops.reductions import sum as sum
    from graphgrad.ops.selection import maximum as maximum
    from graphgrad.ops.selection import minimum as minimum
    from graphgrad.ops.selection import where as where
    from graphgrad.ops.shaping import astype as astype
    from graphgrad.ops.shaping import broadcast_to as broadcast_to
    from graphgrad.ops.shaping import concat as concat
    from graphgrad.ops.shaping import expand_dims as expand_dims
    from graphgrad.ops.shaping import identity as identity
    from graphgrad.ops.shaping import permute_dims as permute_dims
    from graphgrad.ops.shaping import reshape as reshape
    from graphgrad.ops.shaping import split as split
    from graphgrad.ops.shaping import squeeze as squeeze
    from graphgrad.ops.shaping import stack as stack
    from graphgrad.ops.shaping import unbind as unbind
    from graphgrad.ops.softmaxes import log_softmax as log_softmax
    from graphgrad.ops.softmaxes import softmax as softmax
    from graphgrad.walk.trace import walk as walk
