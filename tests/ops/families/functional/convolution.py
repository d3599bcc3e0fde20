"""What the tests know of convolutions: the definition, place by place and tap by tap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Shape = tuple[int, ...]


def _before(padding: Any, kernel: Shape, dilation: Shape) -> list[int]:
    """How many zeros stand before each axis."""
    if padding == "same":
        return [d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True)]
    return [0] * len(kernel) if padding == "valid" else list(padding)


def _behind(padding: Any, kernel: Shape, dilation: Shape) -> list[int]:
    before = _before(padding, kernel, dilation)
    if padding != "same":
        return before
    return [d * (k - 1) - b for d, k, b in zip(dilation, kernel, before, strict=True)]


def _padded(images: Any, padding: Any, kernel: Shape, dilation: Shape) -> Any:
    sides = zip(_before(padding, kernel, dilation), _behind(padding, kernel, dilation), strict=True)
    return np.pad(images, [(0, 0), (0, 0), *sides])


def _pairs(inner: Shape, outer: Shape, kernel: Shape, stride: Shape, before: Any, dilation: Shape) -> Iterator[Any]:
    """(tap, place among the outputs, place among the inputs) of all that there is."""
    for tap in np.ndindex(*kernel):
        for out in np.ndindex(*outer):
            at = tuple(o * s + t * d - p for o, s, t, d, p in zip(out, stride, tap, dilation, before, strict=True))
            if all(0 <= i < n for i, n in zip(at, inner, strict=True)):
                yield tap, out, at


def _whole(x: Any, n: int) -> Any:
    return x if x.ndim == n + 2 else x[None]


def _channels(count_in: int, count_out: int, groups: int) -> Iterator[tuple[int, int, int]]:
    """(output channel, input channel, its number in the group)."""
    for out in range(count_out):
        first = out // (count_out // groups) * (count_in // groups)
        for j in range(count_in // groups):
            yield out, first + j, j


def _cross_correlation(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    n = w.ndim - 2
    kernel = w.shape[2:]
    images = _padded(_whole(x, n), padding, kernel, dilation)
    size = tuple(
        (length - d * (k - 1) - 1) // s + 1
        for length, d, k, s in zip(images.shape[2:], dilation, kernel, stride, strict=True)
    )
    out = np.zeros((len(images), len(w), *size))
    for tap, to, at in _pairs(images.shape[2:], size, kernel, stride, [0] * n, dilation):
        for k, c, j in _channels(images.shape[1], len(w), groups):
            out[:, k, *to] += w[k, j, *tap] * images[:, c, *at]
    return out if x.ndim == n + 2 else out[0]


def _stamped(x: Any, w: Any, stride: Any, padding: Any, more: Any, groups: int, dilation: Any) -> Any:
    n = w.ndim - 2
    kernel, images = w.shape[2:], _whole(x, n)
    size = tuple(
        (length - 1) * s + d * (k - 1) + 1 - 2 * p + e
        for length, s, d, k, p, e in zip(images.shape[2:], stride, dilation, kernel, padding, more, strict=True)
    )
    out = np.zeros((len(images), w.shape[1] * groups, *size))
    for tap, at, to in _pairs(size, images.shape[2:], kernel, stride, padding, dilation):
        for c, k, j in _channels(out.shape[1], len(w), groups):
            out[:, k, *to] += w[c, j, *tap] * images[:, c, *at]
    return out if x.ndim == n + 2 else out[0]


def _correlated(x: Any, g: Any, shape: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    n = len(shape) - 2
    kernel, grads = shape[2:], _whole(g, n)
    images = _padded(_whole(x, n), padding, kernel, dilation)
    out = np.zeros(shape)
    for tap, to, at in _pairs(images.shape[2:], grads.shape[2:], kernel, stride, [0] * n, dilation):
        for k, c, j in _channels(images.shape[1], shape[0], groups):
            out[k, j, *tap] += np.sum(grads[:, k, *to] * images[:, c, *at])
    return out


FUNCTIONS: dict[str, Any] = {
    "correlated_with_gradient": _correlated,
    "cross_correlation": _cross_correlation,
    "per_channel": lambda weight: (slice(None), *[None] * (weight.ndim - 2)),
    "stamped": _stamped,
}

# Their values are sums of products in BLAS.
_NAMES = [f"conv{n}d" for n in (1, 2, 3)]
NO_INTEGERS = {*_NAMES, *(f"{name}_weight" for name in _NAMES), *(f"conv_transpose{n}d" for n in (1, 2, 3))}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    def convolution(n: int) -> Callable[..., Any]:
        def run(input: Any, weight: Any, bias: Any = None, strict: bool = False, **attrs: Any) -> Any:
            return getattr(F, f"conv{n}d")(input, weight, bias, **attrs)

        return run

    def of_weight(n: int) -> Callable[..., Any]:
        def run(input: Any, grad_output: Any, weight_size: Any, **attrs: Any) -> Any:
            # What it passes back, as a function of the gradient: PyTorch's own takes no padding by name.
            weight = torch.zeros(weight_size, dtype=grad_output.dtype, requires_grad=True)
            with torch.enable_grad():
                out = getattr(F, f"conv{n}d")(input, weight, **attrs)
                (found,) = torch.autograd.grad(out, weight, grad_output, create_graph=True)
            return found + 0.0 * (input.sum() + grad_output.sum())  # of no examples, PyTorch forgets what it is made of

        return run

    functions: dict[str, Callable[..., Any]] = {}
    for n in (1, 2, 3):
        functions[f"conv{n}d"] = convolution(n)
        functions[f"conv{n}d_weight"] = of_weight(n)
        functions[f"conv_transpose{n}d"] = getattr(F, f"conv_transpose{n}d")
    return functions
