"""Every operation, one declaration each, a file per family."""

from __future__ import annotations

from graphgrad.graph.late import Late, late
from graphgrad.ops import activations as activations
from graphgrad.ops import aggregates as aggregates
from graphgrad.ops import arithmetic as arithmetic
from graphgrad.ops import attention as attention
from graphgrad.ops import axes as axes
from graphgrad.ops import axis_activations as axis_activations
from graphgrad.ops import batch_normalizations as batch_normalizations
from graphgrad.ops import bessel as bessel
from graphgrad.ops import binary_losses as binary_losses
from graphgrad.ops import choosing as choosing
from graphgrad.ops import classification as classification
from graphgrad.ops import complexes as complexes
from graphgrad.ops import counting as counting
from graphgrad.ops import ctc as ctc
from graphgrad.ops import cumulative as cumulative
from graphgrad.ops import decompositions as decompositions
from graphgrad.ops import determinants as determinants
from graphgrad.ops import diagonals as diagonals
from graphgrad.ops import discrete_sampling as discrete_sampling
from graphgrad.ops import distances as distances
from graphgrad.ops import dropout as dropout
from graphgrad.ops import einsum as einsum
from graphgrad.ops import elementary as elementary
from graphgrad.ops import elementwise as elementwise
from graphgrad.ops import embedding as embedding
from graphgrad.ops import encoding as encoding
from graphgrad.ops import energies as energies
from graphgrad.ops import energy_margins as energy_margins
from graphgrad.ops import extremes as extremes
from graphgrad.ops import fft as fft
from graphgrad.ops import fourier as fourier
from graphgrad.ops import fourier_relatives as fourier_relatives
from graphgrad.ops import gamma as gamma
from graphgrad.ops import gamma_sampling as gamma_sampling
from graphgrad.ops import gathering as gathering
from graphgrad.ops import grids as grids
from graphgrad.ops import indexing as indexing
from graphgrad.ops import inplace as inplace
from graphgrad.ops import interpolation as interpolation
from graphgrad.ops import joining as joining
from graphgrad.ops import layers as layers
from graphgrad.ops import least_squares as least_squares
from graphgrad.ops import likelihoods as likelihoods
from graphgrad.ops import linalg as linalg
from graphgrad.ops import logic as logic
from graphgrad.ops import losses as losses
from graphgrad.ops import margins as margins
from graphgrad.ops import masking as masking
from graphgrad.ops import matmul as matmul
from graphgrad.ops import matrix_functions as matrix_functions
from graphgrad.ops import metric_losses as metric_losses
from graphgrad.ops import nanreductions as nanreductions
from graphgrad.ops import normalizations as normalizations
from graphgrad.ops import norms as norms
from graphgrad.ops import numpy_protocol as numpy_protocol
from graphgrad.ops import overlap_losses as overlap_losses
from graphgrad.ops import padding as padding
from graphgrad.ops import patches as patches
from graphgrad.ops import pixels as pixels
from graphgrad.ops import products as products
from graphgrad.ops import quantiles as quantiles
from graphgrad.ops import random as random
from graphgrad.ops import rearranging as rearranging
from graphgrad.ops import rectifiers as rectifiers
from graphgrad.ops import reductions as reductions
from graphgrad.ops import rounding as rounding
from graphgrad.ops import sampling as sampling
from graphgrad.ops import scattering as scattering
from graphgrad.ops import searching as searching
from graphgrad.ops import selection as selection
from graphgrad.ops import shaping as shaping
from graphgrad.ops import sides as sides
from graphgrad.ops import similarity as similarity
from graphgrad.ops import softmaxes as softmaxes
from graphgrad.ops import solving as solving
from graphgrad.ops import sorting as sorting
from graphgrad.ops import special as special
from graphgrad.ops import spectral as spectral
from graphgrad.ops import splitting as splitting
from graphgrad.ops import statistics as statistics
from graphgrad.ops import stopping as stopping
from graphgrad.ops import structured as structured
from graphgrad.ops import triangular as triangular
from graphgrad.ops import trigonometry as trigonometry
from graphgrad.ops import vectors as vectors
from graphgrad.ops import windows as windows
from graphgrad.ops.declare import TABLE, find, op
from graphgrad.ops.entry import apply
from graphgrad.ops.scalars import scalar_entry

__all__ = ["TABLE", "apply", "find", "op"]

# The operations that tensors and scalars reach by operators and methods.
for _name in Late.__annotations__.keys() & TABLE.keys():
    setattr(late, _name, TABLE[_name].call)
for _name in ["add", "subtract", "multiply", "divide", "power", "negative", "abs"]:
    setattr(late, f"scalar_{_name}", scalar_entry(TABLE[_name]))
