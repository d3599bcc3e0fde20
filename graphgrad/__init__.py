"""graphgrad: see how deep learning computes.

Record a computation as a graph, differentiate it, and watch both passes happen. ``import graphgrad as gg`` and take the
names from there; they are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# What each module offers as gg.<name>. The block for type checkers below says the same; a test holds them equal.
_NAMES: dict[str, str] = {
    "autodiff.gradcheck": "gradcheck GradcheckError",
    "autodiff.transforms": "grad value_and_grad",
    "graph.create": "asarray full ones ones_like tensor zeros zeros_like",
    "graph.dtypes": "get_default_dtype set_default_dtype",
    "graph.errors": "ArgumentError DTypeError GraphError GraphgradError ShapeError WriteError",
    "graph.graph": "Graph",
    "graph.mode": "enable_grad is_grad_enabled no_grad scope",
    "graph.random": "manual_seed",
    "graph.record": "record Recording",
    "graph.scalar": "Scalar scalar",
    "graph.tensor": "Tensor",
    "ops.arithmetic": (
        "abs add divide equal greater greater_equal less less_equal multiply negative not_equal power sign "
        "sqrt square subtract"
    ),
    "ops.elementwise": "exp leaky_relu log log1p relu sigmoid softplus tanh",
    "ops.indexing": "getitem index_add setitem",
    "ops.linalg": "matmul",
    "ops.reductions": "logsumexp max mean min sum",
    "ops.selection": "maximum minimum where",
    "ops.shaping": "astype broadcast_to concat expand_dims identity permute_dims reshape split squeeze stack unbind",
    "ops.softmaxes": "log_softmax softmax",
    "walk.trace": "walk",
}
_EXPORTS: dict[str, str] = {name: f"graphgrad.{module}" for module, names in _NAMES.items() for name in names.split()}
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
    from graphgrad.ops.arithmetic import *  # noqa: F403
    from graphgrad.ops.elementwise import *  # noqa: F403
    from graphgrad.ops.indexing import *  # noqa: F403
    from graphgrad.ops.linalg import *  # noqa: F403
    from graphgrad.ops.reductions import *  # noqa: F403
    from graphgrad.ops.selection import *  # noqa: F403
    from graphgrad.ops.shaping import *  # noqa: F403
    from graphgrad.ops.softmaxes import *  # noqa: F403
    from graphgrad.walk.trace import walk as walk
