"""Compile the kernels before anybody waits for them: ``graphgrad doctor --warm``.

A kernel is compiled for what it is called with, and only the operations know with what that is. So each kind of work is
done here once, as a network would do it, forward and backward, on arrays that are large enough for the kernels to be
taken. A test sees to it that this reaches every kernel, and that networks of either dtype need no other form of them.
"""

from __future__ import annotations

import functools
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

import graphgrad as gg
from graphgrad.graph.tensor import Tensor

__all__ = ["DTYPES", "WORK", "Warmed", "warm"]

Draw = Callable[..., Tensor]
"""Makes a leaf of a shape, in the dtype that is warmed."""

DTYPES = ("float32", "float64")

_KERNELS = "graphgrad.kernels."


class Warmed(NamedTuple):
    """What became of one kind of work.

    Attributes
    ----------
    name, dtype
        Which work.
    seconds
        How long it took.
    compiled
        How many functions were compiled for it; the others were kept from before.
    error
        Why it failed.
    kernel
        And in which function.
    """

    name: str
    dtype: str
    seconds: float
    compiled: int
    error: Exception | None = None
    kernel: str = ""


def warm(watch: Callable[[str, str, str], None] = lambda name, dtype, kernel: None) -> Iterator[Warmed]:
    """Do all kinds of work, one by one; what fails keeps nothing else from being compiled.

    Parameters
    ----------
    watch
        Is told which work is done, for which dtype, and the name of each function that is being compiled for it.
    """
    from graphgrad.kernels import jit

    jit.say_nothing()  # whoever watches is told more
    for name, work in WORK.items():
        for dtype in DTYPES:
            rng = np.random.default_rng(0)

            def draw(*shape: int, dtype: str = dtype, rng: np.random.Generator = rng) -> Tensor:
                return gg.tensor(rng.normal(size=shape), dtype=dtype, requires_grad=True)

            begun = time.perf_counter()
            error = None
            with _compiling(functools.partial(watch, name, dtype)) as found, gg.enable_grad():
                try:
                    work(draw)
                except Exception as raised:  # noqa: BLE001  # whatever it is: it is told, and the next kind is tried
                    error = raised
            kernel = "" if error is None else found.failed or _last_kernel(error)
            yield Warmed(name, dtype, time.perf_counter() - begun, len(found.names), error, kernel)


class _Found:
    """What was compiled, and the innermost function of the last that failed."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.failed = ""


@contextmanager
def _compiling(watch: Callable[[str], None]) -> Iterator[_Found]:
    """Listen to what is compiled."""
    from numba.core import event

    found = _Found()
    under_way: list[str] = []

    class Listener(event.Listener):
        def on_start(self, event: Any) -> None:
            if not under_way:
                found.failed = ""
            function = event.data["dispatcher"].py_func
            under_way.append(f"{function.__module__}.{function.__qualname__}")
            if under_way[-1].startswith(_KERNELS):  # a kernel calls functions of numba's too
                found.names.append(under_way[-1])
                watch(under_way[-1])

        def on_end(self, event: Any) -> None:
            name = under_way.pop()
            # Not by `is_failed`, which says True of what went well.
            if event._exc_details is not None and not found.failed and name.startswith(_KERNELS):
                found.failed = name

    with event.install_listener("numba:compile", Listener()):
        yield found


def _last_kernel(error: Exception) -> str:
    """The innermost function of the kernels that an error came through, if there is one."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    names = [f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_qualname}" for frame in frames]
    return next((name for name in reversed(names) if name.startswith(_KERNELS)), "")


# ---- the work --------------------------------------------------------------------------------------------------------


def _back(result: Tensor) -> Tensor:
    result.backward(np.ones(result.shape, result.dtype))
    return result


def _convolutions(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    _back(F.conv2d(draw(2, 3, 16, 16), draw(4, 3, 3, 3), draw(4), padding=1))
    _back(F.conv2d(draw(2, 4, 16, 16), draw(4, 2, 3, 3), None, stride=2, groups=2))
    _back(F.conv2d(draw(1, 3, 12, 12), draw(8, 3, 1, 1), draw(8)))
    _back(F.conv_transpose2d(draw(2, 4, 8, 8), draw(4, 3, 3, 3), draw(3), stride=2, padding=1))


def _depthwise_convolutions(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    for stride in (1, 2):
        _back(F.conv2d(draw(2, 8, 16, 16), draw(8, 1, 3, 3), draw(8), stride=stride, padding=1, groups=8))
        _back(F.conv_transpose2d(draw(2, 8, 8, 8), draw(8, 1, 3, 3), draw(8), stride=stride, groups=8))


def _convolutions_by_tiles(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    _back(F.conv2d(draw(2, 128, 16, 16), draw(128, 128, 3, 3), draw(128), padding=1))


def _maxima(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    for size, stride, padding in ((2, 2, 0), (3, 2, 1), (3, 1, 1), (3, 3, 0)):
        _back(F.max_pool2d(draw(2, 3, 12, 12), size, stride, padding))
        values, indices = F.max_pool2d(draw(2, 3, 12, 12), size, stride, padding, return_indices=True)
        _back(values)
        if size == stride:
            _back(F.max_unpool2d(draw(*values.shape), indices, size, stride))
    _back(F.adaptive_max_pool2d(draw(2, 3, 12, 12), 5))


def _means(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    for size, stride, padding in ((2, 2, 0), (3, 2, 1), (3, 1, 1)):
        _back(F.avg_pool2d(draw(2, 3, 12, 12), size, stride, padding))
    _back(F.lp_pool2d(draw(2, 3, 12, 12), 2.0, 2))
    _back(F.adaptive_avg_pool2d(draw(2, 3, 12, 12), 5))


def _recurrent(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    steps, batch, n, h = 16, 3, 5, 6
    lengths = (16, 7, 1)

    def operands(gates: int, state: int = h) -> tuple[Tensor, ...]:
        weights = draw(gates * h, n), draw(gates * h, state), draw(gates * h), draw(gates * h)
        return draw(steps, batch, n), draw(batch, state), *weights

    for layer in (F.rnn_tanh, F.rnn_relu):
        _back(layer(*operands(1), lengths=lengths)[0])
    for reset_after in (True, False):
        _back(F.gru(*operands(3), reset_after=reset_after, lengths=lengths)[0])
    for projected in (False, True):
        x, hx, *weights = operands(4, 2 if projected else h)
        more = (draw(2, h), None) if projected else (None, draw(3 * h))  # a projection, or peepholes
        _back(F.lstm(x, hx, draw(batch, h), *weights, *more, lengths=lengths)[0])


def _attention(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    def operands() -> tuple[Tensor, ...]:
        return draw(2, 2, 64, 8), draw(2, 2, 64, 8), draw(2, 2, 64, 8)

    _back(F.scaled_dot_product_attention(*operands(), is_causal=True))
    _back(F.scaled_dot_product_attention(*operands(), attn_mask=draw(64, 64), dropout_p=0.5, seed=0))
    _back(F.scaled_dot_product_attention(*operands(), attn_mask=gg.asarray(np.tri(64, dtype=bool))))


def _normalizations(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    channels = draw(8), draw(8)
    for places in (2, 8):  # few places in a channel are gone through in another way
        x = draw(4, 8, places, places)
        statistics = gg.zeros(8, dtype=x.dtype), gg.ones(8, dtype=x.dtype)
        for training in (True, False):
            _back(F.batch_norm(x, *statistics, *channels, training=training))
        _back(F.instance_norm(x, None, None, *channels))
        _back(F.group_norm(x, 2, *channels))
    _back(F.batch_norm(draw(64, 8), None, None, *channels, training=True))
    _back(F.layer_norm(draw(16, 32), 32, draw(32), draw(32)))
    _back(F.layer_norm(draw(16, 32), 32))
    _back(F.rms_norm(draw(16, 32), 32, draw(32)))


def _dense(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    for activation in ("relu", "tanh"):
        _back(F.dense(draw(64, 8), draw(128, 8), draw(128), activation))


def _activations(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    _back(F.gelu(draw(64, 128)))


def _losses(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    _back(F.cross_entropy(draw(512, 16), gg.asarray(np.arange(512) % 16)))
    scores = draw(2, 16, 16, 16)  # the classes before the places
    _back(F.cross_entropy(scores, gg.asarray(np.arange(512).reshape(2, 16, 16) % 16)))
    _back(F.cross_entropy(scores, scores.detach() ** 2))


def _tables(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    _back(F.embedding(gg.asarray(np.arange(512) % 16), draw(16, 32)))


def _random_numbers(draw: Draw) -> None:
    from graphgrad.nn import functional as F

    _back(F.dropout(draw(128, 128), 0.5, seed=0))
    _back(F.alpha_dropout(draw(128, 128), 0.5, True, seed=0))


def _optimisers(draw: Draw) -> None:
    for make in (gg.optim.SGD, gg.optim.Adam):
        parameter = draw(1 << 16)
        parameter.grad = draw(1 << 16).detach()
        make([parameter]).step()


def _scalars(draw: Draw) -> None:
    """Single numbers, which are all float64: a function that is run again, for one input and for many, and a graph."""

    def function(x: Any, y: Any) -> Any:
        return gg.tanh(x * y) if x > y else x - y

    compiled = gg.compile_scalars(function)
    compiled.value_and_grad(2.0, 1.0)
    compiled.batch_value_and_grad(np.linspace(2.0, 3.0, 64), np.linspace(0.0, 1.0, 64))
    total = gg.scalar(0.5)
    for _ in range(100):  # with a kernel at hand, fewer would be gone through in Python
        total = total * 1.5 + 0.25
    total.backward()


WORK: Mapping[str, Callable[[Draw], None]] = {
    "dense layers": _dense,
    "convolutions": _convolutions,
    "depthwise convolutions": _depthwise_convolutions,
    "convolutions by tiles": _convolutions_by_tiles,
    "pooling of maxima": _maxima,
    "pooling of means": _means,
    "recurrent layers": _recurrent,
    "attention": _attention,
    "normalisation": _normalizations,
    "activations": _activations,
    "cross entropy": _losses,
    "embedding": _tables,
    "random numbers": _random_numbers,
    "optimisers": _optimisers,
    "scalars": _scalars,
}
