"""Fourier transforms under NumPy's names: ``gg.fft.rfft(x)``; they are declared in `graphgrad.ops.spectra.fourier`."""

from __future__ import annotations

import operator

import numpy as np

from graphgrad.graph.dtypes import get_default_dtype
from graphgrad.graph.errors import ArgumentError, describe
from graphgrad.graph.tensor import Tensor, make
from graphgrad.ops.spectra.fourier import (
    fft,
    fft2,
    fftn,
    ifft,
    ifft2,
    ifftn,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftn,
)
from graphgrad.ops.spectra.fourier_relatives import fftshift, hfft, ifftshift, ihfft

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]


def fftfreq(n: int, d: float = 1.0) -> Tensor:
    """Make a leaf of the frequencies that the elements of `fft` stand for, in cycles per unit of `d`.

    Parameters
    ----------
    n
        The number of points.
    d
        How far apart they are.

    Raises
    ------
    ArgumentError
        If `n` isn't positive, or `d` is 0 or nan.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fft.fftfreq(5)
    tensor([ 0. ,  0.2,  0.4, -0.4, -0.2])
    """
    return _frequencies("fftfreq", n, d)


def rfftfreq(n: int, d: float = 1.0) -> Tensor:
    """Make a leaf of the frequencies that the elements of `rfft` stand for; see `fftfreq`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fft.rfftfreq(5)
    tensor([0. , 0.2, 0.4])
    """
    return _frequencies("rfftfreq", n, d)


def _frequencies(name: str, n: int, d: float) -> Tensor:
    try:
        count, step = operator.index(n), float(d)
    except (TypeError, ValueError) as error:
        raise ArgumentError(describe(f"{name}: {error}", f"n: {n!r:.40}", f"d: {d!r:.40}")) from None
    if count < 1 or not abs(step) > 0.0:
        raise ArgumentError(
            describe(f"{name}: needs one point at least, and a distance between them", f"n: {count}", f"d: {step}")
        )
    array = getattr(np.fft, name)(count, step).astype(get_default_dtype())
    return make(array, None, False, None, copy=False, what=name)
