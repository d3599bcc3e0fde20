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
    "autodiff.anomaly": "AnomalyError detect_anomaly",
    "autodiff.checkpoint": "checkpoint saved_bytes",
    "autodiff.differences": "numerical_grad relative_error verdict",
    "autodiff.forward": "jvp linearize",
    "autodiff.gradcheck": "gradcheck GradcheckError gradgradcheck",
    "autodiff.hooks": "forward_hook RemovableHandle",
    "autodiff.jacobians": "hessian hvp jacfwd jacobian jacrev",
    "autodiff.replay": "compile_scalars",
    "autodiff.transforms": "elementwise_grad grad value_and_grad vjp",
    "autodiff.vmap": "vmap",
    "graph.create": "asarray empty empty_like eye full full_like ones ones_like tensor tri zeros zeros_like",
    "graph.dtypes": "get_default_dtype set_default_dtype",
    "graph.errors": "ArgumentError DTypeError GraphError GraphgradError ShapeError WriteError",
    "graph.graph": "Graph",
    "graph.mode": "enable_grad is_grad_enabled no_grad scope",
    "graph.random": "manual_seed",
    "graph.ranges": "arange geomspace linspace logspace tril_indices triu_indices",
    "graph.record": "record Recording",
    "graph.scalar": "Scalar scalar",
    "graph.tensor": "Tensor",
    "graph.threads": "get_num_threads set_num_threads",
    "ops": "fft linalg random",
    "ops.array.aggregates": "logmeanexp prod ptp vector_norm",
    "ops.array.arithmetic": (
        "abs absolute add divide equal greater greater_equal less less_equal multiply negative not_equal pow "
        "power sign sqrt square subtract true_divide"
    ),
    "ops.array.axes": (
        "atleast_1d atleast_2d atleast_3d expand_dims matrix_transpose moveaxis permute_dims squeeze swapaxes "
        "transpose unsqueeze"
    ),
    "ops.special.bessel": "i0 i0e i1 i1e iv ive jv spherical_jn",
    "ops.array.complexes": "angle complex conj conjugate imag real view_as_complex view_as_real",
    "ops.matrix.convolving": "convolve correlate",
    "ops.array.counting": "bincount histogram unique unique_counts unique_inverse",
    "ops.array.cumulative": "cumprod cumsum cumulative_trapezoid diff ediff1d logcumsumexp trapezoid",
    "ops.custom": "custom_op remove_custom_op",
    "ops.array.diagonals": "block_diag diag diag_embed diagflat diagonal tril triu",
    "ops.matrix.einsum": "einsum",
    "ops.array.elementary": "cbrt exp2 expm1 log10 log2 logaddexp logaddexp2 positive reciprocal rsqrt xlog1py xlogy",
    "ops.array.elementwise": "exp leaky_relu log log1p relu sigmoid softplus tanh",
    "ops.array.extremes": "cummax cummin kthvalue mode topk",
    "ops.special.gamma": "betaln digamma gammaln multigammaln polygamma zeta",
    "ops.array.gathering": "gather index_select take take_along_axis",
    "ops.array.grids": "broadcast_arrays meshgrid vander",
    "ops.array.indexing": "getitem index_add index_put setitem",
    "ops.array.joining": "column_stack concat concatenate dstack hstack stack vstack",
    "ops.array.logic": (
        "bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor "
        "invert isclose isfinite isinf isnan isneginf isposinf left_shift logical_and logical_not logical_or "
        "logical_xor nextafter right_shift signbit"
    ),
    "ops.array.masking": (
        "argwhere choose compress extract flatnonzero masked_fill masked_scatter masked_select nonzero select"
    ),
    "ops.matrix.matmul": "matmul",
    "ops.array.nanreductions": "nancumprod nancumsum nanmax nanmean nanmin nanprod nanstd nansum nanvar",
    "ops.array.padding": "pad",
    "ops.matrix.products": "dot inner kron outer tensordot vdot",
    "ops.array.quantiles": "median nanmedian nanquantile quantile",
    "ops.array.rearranging": "flip fliplr flipud repeat roll rot90 tile",
    "ops.array.reductions": "amax amin logsumexp max mean min sum",
    "ops.array.rounding": (
        "around ceil clip copysign fix float_power floor floor_divide fmax fmin fmod frac heaviside mod "
        "nan_to_num remainder round trunc"
    ),
    "ops.array.scattering": "put_along_axis scatter scatter_add",
    "ops.array.searching": "all any argmax argmin count_nonzero digitize searchsorted",
    "ops.array.selection": "maximum minimum where",
    "ops.array.shaping": "astype broadcast_to flatten identity ravel reshape unflatten",
    "ops.array.softmaxes": "log_softmax softmax",
    "ops.array.sorting": "argpartition argsort partition sort",
    "ops.special.special": "entr erf erfc erfcx erfinv log_ndtr logit ndtr ndtri rel_entr",
    "ops.array.splitting": "array_split chunk dsplit hsplit split tensor_split unbind unstack vsplit",
    "ops.array.statistics": "average corrcoef cov std var",
    "ops.array.stopping": "stop_gradient",
    "ops.matrix.structured": "toeplitz trace",
    "ops.array.trigonometry": (
        "acos acosh arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan atan2 atanh cos cosh "
        "deg2rad degrees hypot rad2deg radians sin sinc sinh tan"
    ),
    "ops.matrix.vectors": "cross matvec vecdot vecmat",
    "ops.array.windows": "overlap_add sliding_window_view",
    "walk.trace": "walk",
}
_EXPORTS: dict[str, str] = {name: f"graphgrad.{module}" for module, names in _NAMES.items() for name in names.split()}
_ROOMS: tuple[str, ...] = (
    "autodiff",
    "data",
    "datasets",
    "graph",
    "interop",
    "io",
    "lessons",
    "models",
    "nn",
    "ops",
    "optim",
    "render",
    "train",
    "view",
)

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
    from graphgrad import data as data
    from graphgrad import datasets as datasets
    from graphgrad import graph as graph
    from graphgrad import interop as interop
    from graphgrad import io as io
    from graphgrad import lessons as lessons
    from graphgrad import models as models
    from graphgrad import nn as nn
    from graphgrad import ops as ops
    from graphgrad import optim as optim
    from graphgrad import render as render
    from graphgrad import train as train
    from graphgrad import view as view
    from graphgrad.autodiff.anomaly import AnomalyError as AnomalyError
    from graphgrad.autodiff.anomaly import detect_anomaly as detect_anomaly
    from graphgrad.autodiff.checkpoint import checkpoint as checkpoint
    from graphgrad.autodiff.checkpoint import saved_bytes as saved_bytes
    from graphgrad.autodiff.differences import numerical_grad as numerical_grad
    from graphgrad.autodiff.differences import relative_error as relative_error
    from graphgrad.autodiff.differences import verdict as verdict
    from graphgrad.autodiff.forward import jvp as jvp
    from graphgrad.autodiff.forward import linearize as linearize
    from graphgrad.autodiff.gradcheck import GradcheckError as GradcheckError
    from graphgrad.autodiff.gradcheck import gradcheck as gradcheck
    from graphgrad.autodiff.gradcheck import gradgradcheck as gradgradcheck
    from graphgrad.autodiff.hooks import RemovableHandle as RemovableHandle
    from graphgrad.autodiff.hooks import forward_hook as forward_hook
    from graphgrad.autodiff.jacobians import hessian as hessian
    from graphgrad.autodiff.jacobians import hvp as hvp
    from graphgrad.autodiff.jacobians import jacfwd as jacfwd
    from graphgrad.autodiff.jacobians import jacobian as jacobian
    from graphgrad.autodiff.jacobians import jacrev as jacrev
    from graphgrad.autodiff.replay import compile_scalars as compile_scalars
    from graphgrad.autodiff.transforms import elementwise_grad as elementwise_grad
    from graphgrad.autodiff.transforms import grad as grad
    from graphgrad.autodiff.transforms import value_and_grad as value_and_grad
    from graphgrad.autodiff.transforms import vjp as vjp
    from graphgrad.autodiff.vmap import vmap as vmap
    from graphgrad.graph.create import asarray as asarray
    from graphgrad.graph.create import empty as empty
    from graphgrad.graph.create import empty_like as empty_like
    from graphgrad.graph.create import eye as eye
    from graphgrad.graph.create import full as full
    from graphgrad.graph.create import full_like as full_like
    from graphgrad.graph.create import ones as ones
    from graphgrad.graph.create import ones_like as ones_like
    from graphgrad.graph.create import tensor as tensor
    from graphgrad.graph.create import tri as tri
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
    from graphgrad.graph.ranges import arange as arange
    from graphgrad.graph.ranges import geomspace as geomspace
    from graphgrad.graph.ranges import linspace as linspace
    from graphgrad.graph.ranges import logspace as logspace
    from graphgrad.graph.ranges import tril_indices as tril_indices
    from graphgrad.graph.ranges import triu_indices as triu_indices
    from graphgrad.graph.record import Recording as Recording
    from graphgrad.graph.record import record as record
    from graphgrad.graph.scalar import Scalar as Scalar
    from graphgrad.graph.scalar import scalar as scalar
    from graphgrad.graph.tensor import Tensor as Tensor
    from graphgrad.graph.threads import get_num_threads as get_num_threads
    from graphgrad.graph.threads import set_num_threads as set_num_threads
    from graphgrad.ops import fft as fft
    from graphgrad.ops import linalg as linalg
    from graphgrad.ops import random as random
    from graphgrad.ops.array.aggregates import *  # noqa: F403
    from graphgrad.ops.array.arithmetic import *  # noqa: F403
    from graphgrad.ops.array.axes import *  # noqa: F403
    from graphgrad.ops.array.complexes import *  # noqa: F403
    from graphgrad.ops.array.counting import *  # noqa: F403
    from graphgrad.ops.array.cumulative import *  # noqa: F403
    from graphgrad.ops.array.diagonals import *  # noqa: F403
    from graphgrad.ops.array.elementary import *  # noqa: F403
    from graphgrad.ops.array.elementwise import *  # noqa: F403
    from graphgrad.ops.array.extremes import *  # noqa: F403
    from graphgrad.ops.array.gathering import *  # noqa: F403
    from graphgrad.ops.array.grids import *  # noqa: F403
    from graphgrad.ops.array.indexing import *  # noqa: F403
    from graphgrad.ops.array.joining import *  # noqa: F403
    from graphgrad.ops.array.logic import *  # noqa: F403
    from graphgrad.ops.array.masking import *  # noqa: F403
    from graphgrad.ops.array.nanreductions import *  # noqa: F403
    from graphgrad.ops.array.padding import *  # noqa: F403
    from graphgrad.ops.array.quantiles import *  # noqa: F403
    from graphgrad.ops.array.rearranging import *  # noqa: F403
    from graphgrad.ops.array.reductions import *  # noqa: F403
    from graphgrad.ops.array.rounding import *  # noqa: F403
    from graphgrad.ops.array.scattering import *  # noqa: F403
    from graphgrad.ops.array.searching import *  # noqa: F403
    from graphgrad.ops.array.selection import *  # noqa: F403
    from graphgrad.ops.array.shaping import *  # noqa: F403
    from graphgrad.ops.array.softmaxes import *  # noqa: F403
    from graphgrad.ops.array.sorting import *  # noqa: F403
    from graphgrad.ops.array.splitting import *  # noqa: F403
    from graphgrad.ops.array.statistics import *  # noqa: F403
    from graphgrad.ops.array.stopping import *  # noqa: F403
    from graphgrad.ops.array.trigonometry import *  # noqa: F403
    from graphgrad.ops.array.windows import *  # noqa: F403
    from graphgrad.ops.custom import custom_op as custom_op
    from graphgrad.ops.custom import remove_custom_op as remove_custom_op
    from graphgrad.ops.matrix.convolving import *  # noqa: F403
    from graphgrad.ops.matrix.einsum import *  # noqa: F403
    from graphgrad.ops.matrix.matmul import *  # noqa: F403
    from graphgrad.ops.matrix.products import *  # noqa: F403
    from graphgrad.ops.matrix.structured import *  # noqa: F403
    from graphgrad.ops.matrix.vectors import *  # noqa: F403
    from graphgrad.ops.special.bessel import *  # noqa: F403
    from graphgrad.ops.special.gamma import *  # noqa: F403
    from graphgrad.ops.special.special import *  # noqa: F403
    from graphgrad.walk.trace import walk as walk
