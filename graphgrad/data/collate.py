"""Samples to batches: stacked, or padded where lengths differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.dtypes import get_default_dtype
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.tensor import Tensor

__all__ = ["PadCollate", "default_collate", "pad_sequence", "pad_sequences"]

Array = np.ndarray[Any, Any]


def default_collate(batch: Sequence[Any]) -> Any:
    """Join samples to a batch along a new first axis.

    Arrays, tensors and numbers become a tensor; tuples, lists and mappings are joined part by part; texts stay a list.
    Floats of Python get the default dtype (PyTorch makes them float64), arrays keep theirs.

    Parameters
    ----------
    batch
        The samples, all of one kind.

    Raises
    ------
    ShapeError
        If arrays differ in shape, or tuples and mappings in their parts.
    TypeError
        If samples are of another kind, or there are none.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.default_collate([(1.0, "a"), (2.0, "b")])
    [tensor([1., 2.]), ['a', 'b']]
    """
    return to_tensors(collate(batch))


def collate(batch: Sequence[Any]) -> Any:
    """As `default_collate`, to arrays: these go from one process to another at little cost."""
    if len(batch) == 0:
        raise TypeError(describe("default_collate: a batch has one sample at least"))
    first = batch[0]
    if isinstance(first, (str, bytes)):
        return list(batch)
    if isinstance(first, Mapping):
        if any(not isinstance(sample, Mapping) or sample.keys() != first.keys() for sample in batch):
            raise ShapeError(describe("default_collate: samples have different keys"))
        return {key: collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, (tuple, list)):
        if any(not isinstance(sample, (tuple, list)) or len(sample) != len(first) for sample in batch):
            raise ShapeError(describe("default_collate: samples have different numbers of parts"))
        parts = [collate(part) for part in zip(*batch, strict=True)]
        return rebuilt(first, parts) if hasattr(first, "_fields") else parts
    joined = None
    if isinstance(first, (Tensor, np.ndarray, np.generic)):
        arrays = [_plain(sample) for sample in batch]
        shapes = {array.shape for array in arrays}
        if len(shapes) > 1:
            raise ShapeError(
                describe(
                    f"default_collate: samples differ in shape: {', '.join(map(str, sorted(shapes)[:4]))}",
                    hint="collate_fn=graphgrad.data.PadCollate() pads sequences to the longest",
                )
            )
        joined = np.stack(arrays)
    elif all(isinstance(sample, (bool, int, float, complex)) for sample in batch):
        joined = np.array(batch)
        if joined.dtype == np.float64 and not any(isinstance(sample, np.float64) for sample in batch):
            joined = joined.astype(get_default_dtype())
    if joined is None or joined.dtype == object:
        kinds = ", ".join(sorted({type(sample).__name__ for sample in batch}))
        raise TypeError(
            describe(
                f"default_collate: can't join samples of {kinds}", hint="collate_fn says how such samples are joined"
            )
        )
    return joined


def to_tensors(value: Any) -> Any:
    """The arrays in a batch as tensors; they are shared, not copied."""
    if isinstance(value, np.ndarray):
        return Tensor(value) if value.dtype.kind in "biufc" else value.tolist()
    if isinstance(value, Mapping):
        return {key: to_tensors(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return rebuilt(value, [to_tensors(part) for part in value])
    return value


def rebuilt(like: Any, parts: list[Any]) -> Any:
    """A tuple, named tuple or list of the kind of another one."""
    return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)


def pad_sequence(
    sequences: Iterable[Any], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Array:
    """Pad sequences to the length of the longest.

    Parameters
    ----------
    sequences
        Arrays of shape (lengthᵢ, ...), equal but for the length.
    batch_first
        Whether the result has shape (n, longest, ...), or (longest, n, ...).
    padding_value
        What is filled in.
    padding_side
        ``"right"`` or ``"left"``.

    Returns
    -------
    ndarray

    Raises
    ------
    ShapeError
        If there are none, or they differ in more than their length.
    ValueError
        If there is no such side, or sequences of whole numbers are to be padded with another number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.pad_sequence([[1, 2, 3], [4]], batch_first=True)
    array([[1, 2, 3],
           [4, 0, 0]])
    """
    side = _side("pad_sequence", padding_side)
    arrays, dtype = _sequences("pad_sequence", sequences)
    padded = _padded("pad_sequence", arrays, max(map(len, arrays)), side, padding_value, dtype)
    return padded if batch_first else np.ascontiguousarray(padded.swapaxes(0, 1))


def pad_sequences(
    sequences: Iterable[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> Array:
    """Pad or cut sequences to one length, at their start unless told otherwise: Keras' function (P05.20).

    Parameters
    ----------
    sequences
        Arrays of shape (lengthᵢ, ...), equal but for the length.
    maxlen
        The length; by default that of the longest.
    dtype
        Of the result.
    padding, truncating
        ``"pre"`` or ``"post"``: where to fill in, where to cut.
    value
        What is filled in.

    Returns
    -------
    ndarray
        Shape (n, maxlen, ...).

    Raises
    ------
    ShapeError
        If there are none, or they differ in more than their length.
    ValueError
        If there is no such place, or no such length, or `dtype` is one of whole numbers and `value` isn't whole.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.pad_sequences([[4], [5, 6, 7, 8]], maxlen=3).tolist()
    [[0, 0, 4], [6, 7, 8]]
    """
    arrays, _ = _sequences("pad_sequences", sequences)
    for name, place in (("padding", padding), ("truncating", truncating)):
        if place not in ("pre", "post"):
            raise ValueError(describe(f"pad_sequences: {name} is 'pre' or 'post', got {place!r}"))
    length = max(map(len, arrays)) if maxlen is None else maxlen
    if not isinstance(length, (int, np.integer)) or isinstance(length, bool) or length < 0:
        raise ValueError(describe(f"pad_sequences: maxlen is a whole number from 0, got {maxlen!r}"))
    arrays = [array[max(0, len(array) - length) :] if truncating == "pre" else array[:length] for array in arrays]
    return _padded("pad_sequences", arrays, int(length), padding, value, np.dtype(dtype))


class PadCollate:
    """Join samples whose parts are sequences, padded to the longest of the batch: a ``collate_fn`` (P05.20).

    Parts that are sequences become a tensor of shape (n, longest, ...), and the lengths of the first such part come
    last; all other parts are joined as `default_collate` does.

    Parameters
    ----------
    padding_value
        What is filled in.
    padding_side
        ``"right"`` or ``"left"``.

    Raises
    ------
    ValueError
        If there is no such side.
    ShapeError
        If samples have different numbers of parts, or none of them is a sequence.

    Examples
    --------
    >>> import graphgrad as gg
    >>> texts = [([1, 2, 3], 0), ([4], 1)]
    >>> for x, t, lengths in gg.data.DataLoader(texts, batch_size=2, collate_fn=gg.data.PadCollate()):
    ...     x.tolist(), t.tolist(), lengths.tolist()
    ([[1, 2, 3], [4, 0, 0]], [0, 1], [3, 1])
    """

    def __init__(self, padding_value: float = 0.0, padding_side: str = "right") -> None:
        _side("PadCollate", padding_side)
        self.padding_value, self.padding_side = padding_value, padding_side

    def __call__(self, batch: Sequence[Any]) -> Any:
        samples = [sample if isinstance(sample, tuple) else (sample,) for sample in batch]
        if len({len(sample) for sample in samples}) > 1:
            raise ShapeError(describe("PadCollate: samples have different numbers of parts"))
        parts: list[Any] = []
        lengths: Array | None = None
        for part in zip(*samples, strict=True):
            if isinstance(part[0], (str, bytes, Mapping)) or any(_plain(item).ndim == 0 for item in part):
                parts.append(collate(part))
                continue
            parts.append(pad_sequence(part, True, self.padding_value, self.padding_side))
            if lengths is None:
                lengths = np.array([len(item) for item in part])
        if lengths is None:
            raise ShapeError(describe("PadCollate: no part of the samples is a sequence"))
        return to_tensors([*parts, lengths])


def _plain(item: Any) -> Array:
    return item.data if isinstance(item, Tensor) else np.asarray(item)


def _side(who: str, padding_side: str) -> str:
    """Where to fill in, in Keras' words."""
    if padding_side not in ("right", "left"):
        raise ValueError(describe(f"{who}: padding_side is 'right' or 'left', got {padding_side!r}"))
    return "post" if padding_side == "right" else "pre"


def _sequences(who: str, sequences: Iterable[Any]) -> tuple[list[Array], np.dtype[Any]]:
    """The sequences as arrays, and the dtype that holds them all."""
    given = list(sequences)
    arrays = [_plain(sequence) for sequence in given]
    if not arrays or any(array.ndim == 0 for array in arrays) or len({array.shape[1:] for array in arrays}) > 1:
        shapes = ", ".join(map(str, sorted({array.shape for array in arrays})[:4])) or "none"
        raise ShapeError(describe(f"{who}: sequences of equal shape but for their length are needed", f"got: {shapes}"))
    # What is empty says nothing of its kind, and floats of Python are no choice of float64.
    dtype = np.result_type(*([array.dtype for array in arrays if array.size] or [np.dtype(np.int64)]))
    typed = (isinstance(sequence, (Tensor, np.ndarray)) and sequence.dtype == np.float64 for sequence in given)
    return arrays, get_default_dtype() if dtype == np.float64 and not any(typed) else dtype


def _padded(who: str, arrays: list[Array], length: int, side: str, value: float, dtype: np.dtype[Any]) -> Array:
    if dtype.kind in "iu" and value != int(value):
        raise ValueError(describe(f"{who}: {value!r} can't pad sequences of {dtype}", hint="sequences of floats"))
    result = np.full((len(arrays), length, *arrays[0].shape[1:]), value, dtype=dtype)
    for row, array in zip(result, arrays, strict=True):
        if side == "pre":
            row[length - len(array) :] = array
        else:
            row[: len(array)] = array
    return result
