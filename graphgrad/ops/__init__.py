"""Every operation, one declaration each, a file per family."""

from __future__ import annotations

from graphgrad.graph.late import late
from graphgrad.ops import arithmetic as arithmetic
from graphgrad.ops import elementwise as elementwise
from graphgrad.ops import indexing as indexing
from graphgrad.ops import inplace as inplace
from graphgrad.ops import layers as layers
from graphgrad.ops import linalg as linalg
from graphgrad.ops import losses as losses
from graphgrad.ops import numpy_protocol as numpy_protocol
from graphgrad.ops import reductions as reductions
from graphgrad.ops import selection as selection
from graphgrad.ops import shaping as shaping
from graphgrad.ops import softmaxes as softmaxes
from graphgrad.ops.declare import TABLE, find, op
from graphgrad.ops.entry import apply
from graphgrad.ops.scalars import scalar_entry

__all__ = ["TABLE", "apply", "find", "op"]

# The operations that tensors and scalars reach by operators and methods.
for _family, _names in (
    (arithmetic, "add subtract multiply divide power negative abs"),
    (arithmetic, "equal not_equal less less_equal greater greater_equal"),
    (indexing, "getitem setitem"),
    (linalg, "matmul"),
    (reductions, "sum mean max"),
    (shaping, "reshape permute_dims astype unbind"),
):
    for _name in _names.split():
        setattr(late, _name, getattr(_family, _name))
for _name in ["add", "subtract", "multiply", "divide", "power", "negative", "abs"]:
    setattr(late, f"scalar_{_name}", scalar_entry(getattr(arithmetic, _name).op))
