"""Every operation, one declaration each, a file per family."""

from __future__ import annotations

from graphgrad.graph.late import Late, late
from graphgrad.ops import fft as fft
from graphgrad.ops import inplace as inplace
from graphgrad.ops import linalg as linalg
from graphgrad.ops import numpy_protocol as numpy_protocol
from graphgrad.ops import random as random
from graphgrad.ops.array import aggregates as aggregates
from graphgrad.ops.array import arithmetic as arithmetic
from graphgrad.ops.array import axes as axes
from graphgrad.ops.array import bridging as bridging
from graphgrad.ops.array import complexes as complexes
from graphgrad.ops.array import counting as counting
from graphgrad.ops.array import cumulative as cumulative
from graphgrad.ops.array import diagonals as diagonals
from graphgrad.ops.array import elementary as elementary
from graphgrad.ops.array import elementwise as elementwise
from graphgrad.ops.array import encoding as encoding
from graphgrad.ops.array import extremes as extremes
from graphgrad.ops.array import gathering as gathering
from graphgrad.ops.array import grids as grids
from graphgrad.ops.array import indexing as indexing
from graphgrad.ops.array import joining as joining
from graphgrad.ops.array import logic as logic
from graphgrad.ops.array import masking as masking
from graphgrad.ops.array import nanreductions as nanreductions
from graphgrad.ops.array import padding as padding
from graphgrad.ops.array import quantiles as quantiles
from graphgrad.ops.array import rearranging as rearranging
from graphgrad.ops.array import reductions as reductions
from graphgrad.ops.array import rounding as rounding
from graphgrad.ops.array import scattering as scattering
from graphgrad.ops.array import searching as searching
from graphgrad.ops.array import selection as selection
from graphgrad.ops.array import shaping as shaping
from graphgrad.ops.array import softmaxes as softmaxes
from graphgrad.ops.array import sorting as sorting
from graphgrad.ops.array import splitting as splitting
from graphgrad.ops.array import statistics as statistics
from graphgrad.ops.array import stopping as stopping
from graphgrad.ops.array import trigonometry as trigonometry
from graphgrad.ops.array import windows as windows
from graphgrad.ops.declare import TABLE, find, op
from graphgrad.ops.functional import activations as activations
from graphgrad.ops.functional import adaptive_pooling as adaptive_pooling
from graphgrad.ops.functional import attention as attention
from graphgrad.ops.functional import axis_activations as axis_activations
from graphgrad.ops.functional import batch_normalizations as batch_normalizations
from graphgrad.ops.functional import binary_losses as binary_losses
from graphgrad.ops.functional import classification as classification
from graphgrad.ops.functional import convolution as convolution
from graphgrad.ops.functional import cross_entropy as cross_entropy
from graphgrad.ops.functional import ctc as ctc
from graphgrad.ops.functional import dense as dense
from graphgrad.ops.functional import distances as distances
from graphgrad.ops.functional import dropout as dropout
from graphgrad.ops.functional import embedding as embedding
from graphgrad.ops.functional import energies as energies
from graphgrad.ops.functional import energy_margins as energy_margins
from graphgrad.ops.functional import interpolation as interpolation
from graphgrad.ops.functional import layers as layers
from graphgrad.ops.functional import likelihoods as likelihoods
from graphgrad.ops.functional import losses as losses
from graphgrad.ops.functional import margins as margins
from graphgrad.ops.functional import mean_pooling as mean_pooling
from graphgrad.ops.functional import metric_losses as metric_losses
from graphgrad.ops.functional import normalizations as normalizations
from graphgrad.ops.functional import overlap_losses as overlap_losses
from graphgrad.ops.functional import patches as patches
from graphgrad.ops.functional import pixels as pixels
from graphgrad.ops.functional import pooling as pooling
from graphgrad.ops.functional import rectifiers as rectifiers
from graphgrad.ops.functional import recurrent as recurrent
from graphgrad.ops.functional import recurrent_cells as recurrent_cells
from graphgrad.ops.functional import sides as sides
from graphgrad.ops.functional import similarity as similarity
from graphgrad.ops.functional import transposed_convolution as transposed_convolution
from graphgrad.ops.functional import unpooling as unpooling
from graphgrad.ops.matrix import convolving as convolving
from graphgrad.ops.matrix import decompositions as decompositions
from graphgrad.ops.matrix import determinants as determinants
from graphgrad.ops.matrix import einsum as einsum
from graphgrad.ops.matrix import least_squares as least_squares
from graphgrad.ops.matrix import matmul as matmul
from graphgrad.ops.matrix import matrix_functions as matrix_functions
from graphgrad.ops.matrix import norms as norms
from graphgrad.ops.matrix import products as products
from graphgrad.ops.matrix import solving as solving
from graphgrad.ops.matrix import spectral as spectral
from graphgrad.ops.matrix import structured as structured
from graphgrad.ops.matrix import triangular as triangular
from graphgrad.ops.matrix import vectors as vectors
from graphgrad.ops.running import apply
from graphgrad.ops.sampled import choosing as choosing
from graphgrad.ops.sampled import discrete_sampling as discrete_sampling
from graphgrad.ops.sampled import gamma_sampling as gamma_sampling
from graphgrad.ops.sampled import sampling as sampling
from graphgrad.ops.scalars import give_operators
from graphgrad.ops.special import bessel as bessel
from graphgrad.ops.special import gamma as gamma
from graphgrad.ops.special import special as special
from graphgrad.ops.spectra import fourier as fourier
from graphgrad.ops.spectra import fourier_relatives as fourier_relatives

__all__ = ["TABLE", "apply", "find", "op"]

# The operations that tensors and scalars reach by operators and methods.
for _name in Late.__annotations__.keys() & TABLE.keys():
    setattr(late, _name, TABLE[_name].call)
give_operators()
