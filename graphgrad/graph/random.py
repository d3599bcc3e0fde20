"""Where random numbers come from: one generator for the process, or one that the caller gives.

Whatever draws (initial weights, dropout, shuffling) takes ``generator=``, a NumPy generator, and turns to the process's
one otherwise. The latter is shared by all threads: a draw is never torn apart, since NumPy locks a generator while it
draws, but which thread draws first is up to chance. A thread that has to repeat exactly needs a generator of its own:
`seeded` gives it one for a while.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from graphgrad.graph.errors import DTypeError, describe

__all__ = ["generator_or_default", "manual_seed", "seeded"]

_default = np.random.default_rng()
_here: ContextVar[np.random.Generator | None] = ContextVar("generator", default=None)


def manual_seed(seed: int) -> np.random.Generator:
    """Start the process's random numbers anew: the same seed gives the same numbers.

    Parameters
    ----------
    seed
        An integer that isn't negative.

    Returns
    -------
    numpy.random.Generator
        The new generator of the process, to draw from it too.

    Raises
    ------
    ValueError
        If `seed` is no such integer.

    Examples
    --------
    >>> import graphgrad as gg
    >>> first = gg.manual_seed(7).random()
    >>> gg.manual_seed(7).random() == first
    True
    """
    global _default
    started = _started("manual_seed", seed)
    if _here.get() is None:
        _default = started
    else:
        _here.set(started)
    return started


@contextmanager
def seeded(seed: int) -> Iterator[np.random.Generator]:
    """Give a block random numbers of its own: afterwards those of the process go on as if nothing had been drawn.

    They belong to the thread, or the task, that runs the block; `manual_seed` in the block starts the block's anew.

    Parameters
    ----------
    seed
        An integer that isn't negative.

    Raises
    ------
    ValueError
        If `seed` is no such integer.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.graph.random import seeded
    >>> first = gg.manual_seed(7).random(2)
    >>> generator = gg.manual_seed(7)
    >>> with seeded(0):
    ...     noise = gg.random.normal(size=3)
    >>> bool((generator.random(2) == first).all())
    True
    """
    started = _started("seeded", seed)
    token = _here.set(started)
    try:
        yield started
    finally:
        _here.reset(token)


def _started(what: str, seed: int) -> np.random.Generator:
    if not isinstance(seed, numbers.Integral) or isinstance(seed, bool) or seed < 0:
        raise ValueError(describe(f"{what}: an integer from 0 is needed", f"got: {seed!r:.80}"))
    return np.random.default_rng(int(seed))


def generator_or_default(generator: np.random.Generator | None) -> np.random.Generator:
    """The generator that was given, or the process's one.

    Raises
    ------
    DTypeError
        If it isn't a NumPy generator.
    """
    if generator is None:
        return _here.get() or _default
    if not isinstance(generator, np.random.Generator):
        raise DTypeError(
            describe(
                f"generator: a numpy.random.Generator or None is needed, got {type(generator).__name__}",
                hint="np.random.default_rng(0) makes one",
            )
        )
    return generator
