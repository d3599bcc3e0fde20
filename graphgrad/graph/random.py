"""Where random numbers come from: one generator for the process, or one that the caller gives.

Whatever draws (initial weights, dropout, shuffling) takes ``generator=``, a NumPy generator, and turns to the process's
one otherwise. The latter is shared by all threads: a draw is never torn apart, since NumPy locks a generator while it
draws, but which thread draws first is up to chance. A thread that has to repeat exactly needs a generator of its own.
"""

from __future__ import annotations

import numbers

import numpy as np

from graphgrad.graph.errors import DTypeError, describe

__all__ = ["generator_or_default", "manual_seed"]

_default = np.random.default_rng()


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
    if not isinstance(seed, numbers.Integral) or isinstance(seed, bool) or seed < 0:
        raise ValueError(describe("manual_seed: an integer from 0 is needed", f"got: {seed!r}"))
    _default = np.random.default_rng(int(seed))
    return _default


def generator_or_default(generator: np.random.Generator | None) -> np.random.Generator:
    """The generator that was given, or the process's one.

    Raises
    ------
    DTypeError
        If it isn't a NumPy generator.
    """
    if generator is None:
        return _default
    if not isinstance(generator, np.random.Generator):
        raise DTypeError(
            describe(
                f"generator: a numpy.random.Generator or None is needed, got {type(generator).__name__}",
                hint="np.random.default_rng(0) makes one",
            )
        )
    return generator
