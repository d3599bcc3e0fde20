"""The computational graph: tensors, scalars, nodes, and how they are recorded. No numerics."""

from __future__ import annotations

from graphgrad.graph.create import asarray, tensor
from graphgrad.graph.graph import Graph, Operand, Vertex
from graphgrad.graph.record import Recording, record
from graphgrad.graph.scalar import Scalar, scalar
from graphgrad.graph.tensor import Tensor

__all__ = [
    "Graph",
    "Operand",
    "Recording",
    "Scalar",
    "Tensor",
    "Vertex",
    "asarray",
    "record",
    "scalar",
    "tensor",
]
