"""What sets there are, and one of them by its name."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import numpy as np

from graphgrad.datasets.cifar import cifar10
from graphgrad.datasets.curves import cubic, linear, seasonal_trend, sine, x_sin_x
from graphgrad.datasets.digits import digits
from graphgrad.datasets.manifolds import circle_manifold, gaussian_cloud, parabola, swiss_roll
from graphgrad.datasets.mnist import fashion_mnist, mnist
from graphgrad.datasets.planar import blobs, circles, moons, spirals, xor
from graphgrad.datasets.sequences import adding_problem, echo_signal, motion, parity, temporal_order
from graphgrad.datasets.tables import breast_cancer, diabetes, iris, wine
from graphgrad.graph.errors import ArgumentError, describe

__all__ = ["load", "names"]

Array = np.ndarray[Any, Any]

_KINDS: dict[str, tuple[Callable[..., tuple[Array, Array]], ...]] = {
    "bundled": (breast_cancer, diabetes, digits, iris, wine),
    "generated": (
        adding_problem,
        blobs,
        circle_manifold,
        circles,
        cubic,
        echo_signal,
        gaussian_cloud,
        linear,
        moons,
        motion,
        parabola,
        parity,
        seasonal_trend,
        sine,
        spirals,
        swiss_roll,
        temporal_order,
        x_sin_x,
        xor,
    ),
    "downloaded": (cifar10, fashion_mnist, mnist),
}


def names(kind: str | None = None) -> list[str]:
    """The names of the sets that come as ``(X, t)``, sorted.

    Parameters
    ----------
    kind
        ``"bundled"`` with the package, ``"generated"`` from formulas, ``"downloaded"`` when first used; None for all.

    Raises
    ------
    ArgumentError
        If there is no such kind.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.datasets.names("bundled")
    ['breast_cancer', 'diabetes', 'digits', 'iris', 'wine']
    """
    if kind is not None and kind not in _KINDS:
        raise ArgumentError(describe(f"names: kind is one of {', '.join(_KINDS)}, got {kind!r}"))
    kinds = _KINDS.values() if kind is None else [_KINDS[kind]]
    return sorted(function.__name__ for functions in kinds for function in functions)


def load(name: str, **options: Any) -> tuple[Array, Array]:
    """A set by its name: ``load("moons", noise=0.1)`` is ``moons(noise=0.1)``.

    Raises
    ------
    ArgumentError
        If there is no such set.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.load("xor")
    >>> t.tolist()
    [0, 1, 1, 0]
    """
    for functions in _KINDS.values():
        for function in functions:
            if function.__name__ == name:
                return function(**options)
    near = get_close_matches(str(name), names(), n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names())}"
    raise ArgumentError(describe(f"datasets: there is no {name!r}", hint=hint))
