"""Generated sequences: what has to be remembered, and for how long, can be chosen."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.data.collate import pad_sequences
from graphgrad.data.encoding import one_hot
from graphgrad.data.sampler import check_count
from graphgrad.datasets.planar import check_noise
from graphgrad.graph.errors import ArgumentError, describe
from graphgrad.graph.random import generator_or_default

__all__ = ["TEMPORAL_ORDER", "adding_problem", "echo_signal", "motion", "parity", "temporal_order"]

Array = np.ndarray[Any, Any]

TEMPORAL_ORDER: dict[str, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]] = {
    "easy": ((7, 8), (1, 2), (4, 5)),
    "normal": ((30, 40), (2, 5), (20, 27)),
    "moderate": ((60, 80), (10, 20), (45, 54)),
    "hard": ((100, 110), (10, 20), (50, 60)),
    "nightmare": ((300, 500), (10, 80), (250, 290)),
}
"""Of each difficulty: from what range come the length, and the places of the first and the second signal."""

ALPHABET = "XYabcdBE"


def echo_signal(
    batch_size: int = 5, length: int = 20000, echo_step: int = 3, *, generator: np.random.Generator | None = None
) -> tuple[Array, Array]:
    """Generate random bits, and the same bits some steps later (P19.03).

    Parameters
    ----------
    batch_size
        How many signals run side by side.
    length
        Of each.
    echo_step
        How many steps later the bits come back; zeros come before.
    generator
        Where they come from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X, t : ndarray
        float32, both of shape (batch_size, length, 1), of zeros and ones: one logit is learned for each step.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.echo_signal(1, 20)
    >>> bool((X[0, :-3] == t[0, 3:]).all()), t[0, :3, 0].tolist()
    (True, [0.0, 0.0, 0.0])
    """
    shape = check_count("echo_signal", "batch_size", batch_size), check_count("echo_signal", "length", length)
    bits = generator_or_default(generator).integers(2, size=shape)
    return bits[..., None].astype(np.float32), echo(bits, echo_step)[..., None].astype(np.float32)


def echo(signal: Any, step: int) -> Array:
    """A signal along the last axis, `step` later, with zeros before (P19.03).

    Examples
    --------
    >>> from graphgrad.datasets.sequences import echo
    >>> echo([1, 2, 3, 4], 3).tolist()
    [0, 0, 0, 1]
    """
    array = np.asarray(signal)
    if not isinstance(step, (int, np.integer)) or step < 0:
        raise ArgumentError(describe(f"echo_signal: echo_step is a whole number from 0, got {step!r}"))
    late = np.zeros_like(array)
    late[..., step:] = array[..., : max(0, array.shape[-1] - step)]
    return late


def temporal_order(
    n_samples: int = 1000,
    difficulty: str = "easy",
    *,
    length: int | None = None,
    generator: np.random.Generator | None = None,
) -> tuple[Array, Array]:
    """Generate the temporal order task: which two signals came, and in which order (P19.01).

    A sequence starts with B and ends with E; between them are a, b, c, d at random, and at two places an X or a Y.
    The class is Q for X X, R for X Y, S for Y X and U for Y Y. Symbols are one-hot vectors in the order XYabcdBE, and
    shorter sequences begin with zeros.

    Parameters
    ----------
    n_samples
        How many sequences.
    difficulty
        ``"easy"``: 7 or 8 symbols; ``"normal"``: 30 to 40; ``"moderate"``: 60 to 80; ``"hard"``: 100 to 110;
        ``"nightmare"``: 300 to 500. `TEMPORAL_ORDER` has the places of the signals.
    length
        To which sequences are padded; by default one more than the longest, as the course's are (9 for easy).
    generator
        Where they come from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X : ndarray
        float32, shape (n_samples, length, 8).
    t : ndarray
        int64, shape (n_samples,): 0 to 3 for Q, R, S, U.

    Raises
    ------
    ArgumentError
        If there is no such difficulty, or the length is too short.

    Notes
    -----
    S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", 1997, experiment 6a.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.temporal_order(32)
    >>> X.shape, X[0, -1].tolist()
    ((32, 9, 8), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    """
    check_count("temporal_order", "n_samples", n_samples)
    if difficulty not in TEMPORAL_ORDER:
        raise ArgumentError(
            describe(f"temporal_order: difficulty is one of {', '.join(TEMPORAL_ORDER)}, got {difficulty!r}")
        )
    lengths, *places = TEMPORAL_ORDER[difficulty]
    padded = lengths[1] + 1 if length is None else length
    if padded < lengths[1]:
        raise ArgumentError(describe(f"temporal_order: length is {lengths[1]} at least, got {length!r}"))
    draw = generator_or_default(generator)
    sequences, signals = [], draw.integers(2, size=(n_samples, 2))
    for own in signals:
        symbols = draw.integers(2, 6, size=draw.integers(*lengths, endpoint=True))
        symbols[0], symbols[-1] = ALPHABET.index("B"), ALPHABET.index("E")
        for signal, place in zip(own, places, strict=True):
            symbols[draw.integers(*place, endpoint=True)] = signal
        sequences.append(symbols)
    return encoded(sequences, padded), ordered(sequences)


def numbered(text: str) -> Array:
    """The symbols of the temporal order task by their numbers in its alphabet."""
    return np.array([ALPHABET.index(symbol) for symbol in text])


def encoded(sequences: list[Array], length: int) -> Array:
    """Numbers of symbols as one-hot vectors, with zeros before shorter sequences."""
    vectors = [one_hot(symbols, len(ALPHABET), dtype="float32") for symbols in sequences]
    return pad_sequences(vectors, maxlen=length, dtype="float32")


def ordered(sequences: list[Array]) -> Array:
    """The class of sequences in the temporal order task: 0 to 3 for Q, R, S, U, as X X, X Y, Y X, Y Y."""
    first, second = np.array([symbols[symbols < ALPHABET.index("a")] for symbols in sequences]).T
    classes: Array = 2 * first + second
    return classes


def adding_problem(
    n_samples: int = 1000, length: int = 50, *, generator: np.random.Generator | None = None
) -> tuple[Array, Array]:
    """Generate the adding problem: the sum of the two numbers that are marked, far apart as they may be.

    Each step has a number, uniform from 0 to 1, and a mark, which is 1 at one place in the first half and at one in the
    second. To answer 1 always has a mean squared error of 1/6.

    Parameters
    ----------
    n_samples
        How many sequences.
    length
        Of each, from 2.
    generator
        Where they come from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X : ndarray
        float32, shape (n_samples, length, 2): numbers and marks.
    t : ndarray
        float32, shape (n_samples, 1): the sums.

    Notes
    -----
    S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", 1997; in this form Q. Le, N. Jaitly and G. Hinton, "A
    Simple Way to Initialize Recurrent Networks of Rectified Linear Units", 2015.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.adding_problem(10, 20)
    >>> bool(abs((X[..., 0] * X[..., 1]).sum(axis=1) - t[:, 0]).max() < 1e-6)
    True
    """
    check_count("adding_problem", "n_samples", n_samples)
    if check_count("adding_problem", "length", length) < 2:
        raise ArgumentError(describe("adding_problem: length is 2 at least, got 1"))
    draw = generator_or_default(generator)
    X = np.zeros((n_samples, length, 2), dtype=np.float32)
    X[..., 0] = draw.random((n_samples, length), dtype=np.float32)
    rows = np.arange(n_samples)
    X[rows, draw.integers(length // 2, size=n_samples), 1] = 1.0
    X[rows, draw.integers(length // 2, length, size=n_samples), 1] = 1.0
    return X, (X[..., 0] * X[..., 1]).sum(axis=1, keepdims=True)


def parity(n_bits: int = 8) -> tuple[Array, Array]:
    """Generate all numbers of some bits, and whether the number of ones is odd (P07.23).

    Parameters
    ----------
    n_bits
        How many, at most 20.

    Returns
    -------
    X : ndarray
        float32, shape (2 ** n_bits, n_bits), of zeros and ones, counting upwards.
    t : ndarray
        int64: 1 for an odd number of ones.

    Raises
    ------
    ArgumentError
        If there are more than 20 bits.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.datasets.parity(2)[1].tolist()
    [0, 1, 1, 0]
    """
    if check_count("parity", "n_bits", n_bits) > 20:
        raise ArgumentError(describe(f"parity: {n_bits} bits have {2**n_bits} numbers; 20 bits at most"))
    bits = np.arange(2**n_bits)[:, None] >> np.arange(n_bits)[::-1] & 1
    return bits.astype(np.float32), bits.sum(axis=1) % 2


def motion(
    n_samples: int = 600, noise: float = 0.3, *, generator: np.random.Generator | None = None
) -> tuple[Array, Array]:
    """Generate what a phone's sensors might see of six activities: a stand-in for recordings of people (P05.23).

    Nine channels of 128 steps, as in "Human Activity Recognition Using Smartphones": classes 0 to 2 are oscillations
    of 1.0, 1.6 and 2.2 periods in 32 steps, with a harmonic that differs between them; 3 to 5 are at rest, in three
    directions of gravity. It is made by this formula alone: nothing in it was measured.

    Parameters
    ----------
    n_samples
        How many sequences; classes come in turn.
    noise
        Standard deviation of normal noise.
    generator
        Where it comes from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X : ndarray
        float32, shape (n_samples, 128, 9).
    t : ndarray
        int64, shape (n_samples,): 0 to 5.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.motion(12)
    >>> X.shape, t.tolist()
    ((12, 128, 9), [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5])
    """
    draw = generator_or_default(generator)
    t = np.arange(check_count("motion", "n_samples", n_samples)) % 6
    time, channel = np.arange(128)[:, None], np.arange(9)
    moving = t[:, None, None] < 3
    pace = np.array([1.0, 1.6, 2.2, 0.0, 0.0, 0.0])[t][:, None, None] * draw.normal(1.0, 0.05, (n_samples, 1, 1))
    harmonic = np.array([0.2, 0.5, 0.8, 0.0, 0.0, 0.0])[t][:, None, None]
    angle = 2 * np.pi * pace * time / 32 + 0.7 * channel + draw.uniform(0, 2 * np.pi, (n_samples, 1, 1))
    swing = (np.sin(angle) + harmonic * np.sin(2 * angle)) * moving
    gravity = np.where(channel % 3 == np.where(t < 3, 0, t - 3)[:, None, None], 1.0, 0.0) * (channel >= 6)
    X = swing + gravity + check_noise("motion", noise) * draw.normal(size=(n_samples, 128, 9))
    return X.astype(np.float32), t
