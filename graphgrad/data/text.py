"""Text as numbers: tokens, a vocabulary, and a stream cut into columns and windows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from graphgrad.data.dataset import Dataset
from graphgrad.data.encoding import whole
from graphgrad.data.sampler import check_count
from graphgrad.graph.errors import ArgumentError, ShapeError, describe
from graphgrad.graph.tensor import Tensor

__all__ = ["BPTTDataset", "Vocabulary", "batchify", "bptt_windows", "sliding_windows", "tokenize"]

Array = np.ndarray[Any, Any]


def tokenize(text: str, *, lower: bool = False) -> list[str]:
    """Cut a text into words and single marks of punctuation (P05.20).

    Apostrophes and hyphens between letters belong to the word.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.tokenize("PyTorch seems really easy to use!")
    ['PyTorch', 'seems', 'really', 'easy', 'to', 'use', '!']
    """
    return re.findall(r"\w+(?:['’-]\w+)*|[^\w\s]", text.lower() if lower else text)


class Vocabulary:
    """Tokens and their numbers (P05.20).

    Parameters
    ----------
    tokens
        A text, whose characters are the tokens; or tokens; or several lists of tokens.
    specials
        Tokens that come first, such as ``("<pad>", "<unk>")``.
    unk
        The token whose number stands for tokens that aren't known; it has to be one of `specials`, or of `tokens`.
        Without one an unknown token is an error.
    min_freq
        How often a token has to be there to be taken in.
    max_tokens
        How many there may be at most, `specials` included: the most frequent.
    order
        ``"appearance"``, ``"frequency"`` (the most frequent first, equal ones sorted), or ``"sorted"``.

    Raises
    ------
    ArgumentError
        If there is no such order, `unk` is no token, a special one is there twice, or tokens aren't texts.
    ValueError
        If `min_freq` or `max_tokens` is no number from 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> vocabulary = gg.data.Vocabulary("hello", order="sorted")
    >>> vocabulary.encode("hole").tolist(), vocabulary.decode([1, 0])
    ([1, 3, 2, 0], 'he')
    >>> words = gg.data.Vocabulary(["to", "be", "to"], specials=["<pad>", "<unk>"], unk="<unk>")
    >>> words.encode(["to", "live"]).tolist(), len(words)
    ([2, 1], 4)
    """

    def __init__(
        self,
        tokens: str | Iterable[str] | Iterable[Sequence[str]],
        *,
        specials: Sequence[str] = (),
        unk: str | None = None,
        min_freq: int = 1,
        max_tokens: int | None = None,
        order: str = "appearance",
    ) -> None:
        flat: list[Any] = list(tokens)
        if not any(isinstance(token, str) for token in flat) and all(isinstance(part, Iterable) for part in flat):
            flat = list(chain.from_iterable(flat))
        if isinstance(specials, str):
            raise ArgumentError(describe(f"Vocabulary: specials is a list of texts, got {specials!r:.40}"))
        for token in (*flat, *specials):
            if not isinstance(token, str):
                raise ArgumentError(
                    describe(f"Vocabulary: a token is a text, got {type(token).__name__} {token!r:.40}")
                )
        check_count("Vocabulary", "min_freq", min_freq)
        if max_tokens is not None:
            check_count("Vocabulary", "max_tokens", max_tokens)
        self.characters = isinstance(tokens, str)
        counts = Counter(token for token in flat if token not in specials)
        keys: dict[str, Any] = {
            "appearance": None,
            "frequency": lambda token: (-counts[token], token),
            "sorted": lambda token: token,
        }
        if order not in keys:
            raise ArgumentError(describe(f"Vocabulary: order is one of {', '.join(keys)}, got {order!r}"))
        if len(set(specials)) < len(specials):
            raise ArgumentError(describe(f"Vocabulary: a special token is there twice: {list(specials)}"))
        kept = [token for token, count in counts.items() if count >= min_freq]
        if max_tokens is not None:
            room = max(0, max_tokens - len(specials))
            best = set(sorted(kept, key=lambda token: (-counts[token], token))[:room])
            kept = [token for token in kept if token in best]
        if keys[order] is not None:
            kept.sort(key=keys[order])
        self.tokens: list[str] = [*specials, *kept]
        self._numbers = {token: number for number, token in enumerate(self.tokens)}
        if unk is not None and unk not in self._numbers:
            raise ArgumentError(describe(f"Vocabulary: unk={unk!r} is no token", hint=f"specials=[{unk!r}]"))
        self.unk = unk

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._numbers

    def __getitem__(self, token: str) -> int:
        """The number of a token."""
        number = self._numbers.get(token, None if self.unk is None else self._numbers[self.unk])
        if number is None:
            raise ArgumentError(
                describe(
                    f"Vocabulary: {token!r} is unknown", hint="specials=['<unk>'], unk='<unk>' stands for such tokens"
                )
            )
        return number

    def encode(self, tokens: str | Iterable[str]) -> Array:
        """The numbers of tokens, int64; a text is taken character by character."""
        return np.array([self[token] for token in tokens], dtype=np.int64)

    def decode(self, numbers: Any) -> str | list[str]:
        """The tokens of numbers, in a row: a text if the vocabulary is one of characters, else a list."""
        array = whole("Vocabulary", numbers)
        if array.size and not 0 <= array.min() <= array.max() < len(self):
            raise ArgumentError(describe(f"Vocabulary: there are the tokens 0 to {len(self) - 1}"))
        tokens = [self.tokens[number] for number in array.ravel().tolist()]
        return "".join(tokens) if self.characters else tokens


def batchify(stream: Any, batch_size: int) -> Array:
    """Cut a stream into `batch_size` columns that run side by side (P19.04).

    Parameters
    ----------
    stream
        Numbers or tokens in a row, shape (n, ...).
    batch_size
        How many columns.

    Returns
    -------
    ndarray
        Shape (n // batch_size, batch_size, ...): column j continues where column j - 1 ends; what is left over at the
        end is cut off.

    Raises
    ------
    ShapeError
        If the stream is shorter than one row.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.batchify([0, 1, 2, 3, 4, 5, 6], 3).tolist()
    [[0, 2, 4], [1, 3, 5]]
    """
    count = check_count("batchify", "batch_size", batch_size)
    array = (
        stream.data if isinstance(stream, Tensor) else np.asarray(list(stream) if isinstance(stream, str) else stream)
    )
    if array.ndim == 0 or len(array) < count:
        raise ShapeError(describe(f"batchify: a stream of shape {array.shape} has not even one row of {count}"))
    rows = len(array) // count
    columns = array[: rows * count].reshape(count, rows, *array.shape[1:])
    return np.ascontiguousarray(columns.swapaxes(0, 1))


def bptt_windows(columns: Any, length: int) -> Iterator[tuple[Array, Array]]:
    """Windows of columns for truncated backpropagation through time: inputs, and the same one step later (P18.08).

    A recurrent state is carried from window to window, and detached between them.

    Parameters
    ----------
    columns
        Shape (rows, batch, ...), see `batchify`.
    length
        How many rows a window has; the last one may have fewer.

    Yields
    ------
    X, Y
        Rows i to i + length, and rows i + 1 to i + length + 1.

    Raises
    ------
    ShapeError
        If there aren't two rows.

    Examples
    --------
    >>> import graphgrad as gg
    >>> for X, Y in gg.data.bptt_windows(gg.data.batchify(range(10), 2), 2):
    ...     X.tolist(), Y.tolist()
    ([[0, 5], [1, 6]], [[1, 6], [2, 7]])
    ([[2, 7], [3, 8]], [[3, 8], [4, 9]])
    """
    array = _rows("bptt_windows", columns)
    check_count("bptt_windows", "length", length)
    return (_window(array, start, length) for start in range(0, len(array) - 1, length))


def _window(rows: Array, start: int, length: int) -> tuple[Array, Array]:
    end = min(start + length, len(rows) - 1)
    return rows[start:end], rows[start + 1 : end + 1]


class BPTTDataset(Dataset):
    """The windows of `bptt_windows` as a data set, for a loader with ``batch_size=None``.

    Parameters
    ----------
    stream
        Numbers in a row.
    batch_size
        How many columns.
    length
        How many rows a window has.

    Examples
    --------
    >>> import graphgrad as gg
    >>> windows = gg.data.BPTTDataset(range(10), batch_size=2, length=2)
    >>> [X.shape for X, Y in gg.data.DataLoader(windows, batch_size=None)]
    [(2, 2), (2, 2)]
    """

    def __init__(self, stream: Any, batch_size: int, length: int) -> None:
        self.columns = _rows("BPTTDataset", batchify(stream, batch_size))
        self.length = check_count("BPTTDataset", "length", length)

    def __len__(self) -> int:
        return (len(self.columns) - 2) // self.length + 1

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        if not -len(self) <= index < len(self):
            raise IndexError(describe(f"BPTTDataset: there is no window {index} among {len(self)}"))
        return _window(self.columns, index % len(self) * self.length, self.length)


def sliding_windows(stream: Any, length: int, *, step: int = 1) -> tuple[Array, Array]:
    """Every window of a stream, and what comes next: to learn the next from the last `length` (P19.07, P19.08).

    Parameters
    ----------
    stream
        Numbers in a row, shape (n, ...).
    length
        How many a window has.
    step
        From the start of one window to that of the next.

    Returns
    -------
    X, Y
        Shapes (windows, length, ...) and (windows, ...).

    Raises
    ------
    ShapeError
        If nothing comes after the first window.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, Y = gg.data.sliding_windows([0, 1, 2, 3], 2)
    >>> X.tolist(), Y.tolist()
    ([[0, 1], [1, 2]], [2, 3])
    """
    array = stream.data if isinstance(stream, Tensor) else np.asarray(stream)
    check_count("sliding_windows", "length", length)
    check_count("sliding_windows", "step", step)
    if array.ndim == 0 or len(array) <= length:
        raise ShapeError(describe(f"sliding_windows: nothing comes after {length} in a stream of shape {array.shape}"))
    starts = np.arange(0, len(array) - length, step)
    return array[starts[:, None] + np.arange(length)], array[starts + length]


def _rows(who: str, columns: Any) -> Array:
    array = columns.data if isinstance(columns, Tensor) else np.asarray(columns)
    if array.ndim < 2 or len(array) < 2:
        raise ShapeError(describe(f"{who}: two rows of columns are needed at least", f"got: shape {array.shape}"))
    return array
