"""How many threads this process computes with."""

from __future__ import annotations

import numbers

from graphgrad.graph.errors import describe
from graphgrad.kernels import threads

__all__ = ["get_num_threads", "set_num_threads"]


def set_num_threads(n: int) -> None:
    """Compute with so many threads from now on: those of the kernels, and those of BLAS.

    The kernels share work out among them, and BLAS multiplies matrices with as many, never both at once. That holds for
    this process, whichever of its threads computes; other processes have a number of their own. With another number of
    threads sums may differ in their last bits.

    Parameters
    ----------
    n
        An integer from 1; more than there are processors makes nothing quicker.

    Raises
    ------
    ValueError
        If `n` is no such integer; nothing is changed then.

    Examples
    --------
    >>> import graphgrad as gg
    >>> before = gg.get_num_threads()
    >>> gg.set_num_threads(1)
    >>> gg.get_num_threads()
    1
    >>> gg.set_num_threads(before)
    """
    if not isinstance(n, numbers.Integral) or isinstance(n, bool) or n < 1:
        raise ValueError(describe("set_num_threads: an integer from 1 is needed", f"got: {n!r}"))
    from graphgrad.kernels.blas_threads import use_threads

    use_threads(int(n))
    threads.share_among(int(n))


def get_num_threads() -> int:
    """With how many threads this process computes: one for each processor that it may use, if nothing else was set.

    Returns
    -------
    int
        The number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.get_num_threads() >= 1
    True
    """
    return threads.processors()
