"""`compile_scalars`: record a function of scalars once, then run the tape again on other numbers."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from graphgrad.autodiff.nests import Form, fill, size_of, stacked, take_apart
from graphgrad.graph.errors import ArgumentError, GraphError, ShapeError, describe
from graphgrad.graph.mode import MODE
from graphgrad.graph.scalar import as_float

if TYPE_CHECKING:
    from graphgrad.autodiff.recordings import Batch, Recording

__all__ = ["CompiledScalars", "compile_scalars"]

Array = np.ndarray[Any, Any]
Weights = Sequence[float] | None
Axes = int | None | Sequence[int | None]

_MOST_RECORDINGS = 64
"""How many recordings of a function are kept: to try many more takes longer than to record again."""

_MOST_NODES = 10_000_000
"""How many operations they may hold together, 30 bytes each; a single one may be as long as it is."""


class _Recordings:
    """The ways through a function that were recorded, by the form of its arguments; the last used ones are kept."""

    def __init__(self) -> None:
        self._by_form: dict[Form, tuple[Recording, ...]] = {}
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return sum(map(len, tuple(self._by_form.values())))

    def of(self, form: Form) -> tuple[Recording, ...]:
        """Those for arguments of a form, the last used first."""
        return self._by_form.get(form, ())

    def use(self, form: Form, recording: Recording) -> None:
        """Put one before the others, and let those go that have not been used for longest."""
        with self._changing:
            others = [one for one in self._by_form.pop(form, ()) if one is not recording]
            self._by_form[form] = recording, *others  # at the end, behind the forms that were used before
            while len(self) > _MOST_RECORDINGS or (len(self) > 1 and self._nodes() > _MOST_NODES):
                oldest, known = next(iter(self._by_form.items()))
                if len(known) > 1:
                    self._by_form[oldest] = known[:-1]
                else:
                    del self._by_form[oldest]

    def _nodes(self) -> int:
        return sum(recording.size for known in self._by_form.values() for recording in known)


class CompiledScalars:
    """A function of scalars that runs without Python; `compile_scalars` makes them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._what = f"compile_scalars({getattr(function, '__name__', type(function).__name__)})"
        self._recordings = _Recordings()

    @property
    def recordings(self) -> int:
        """How many ways through the function have been recorded, and are kept."""
        return len(self._recordings)

    def __call__(self, *args: Any) -> Any:
        """The function's value: a float, or a tuple or list of floats if it returns several scalars."""
        recording, outputs, _ = self._run(*self._taken_apart(args), gradient=False)
        return recording.returned(outputs.tolist())

    def value_and_grad(self, *args: Any, weights: Weights = None) -> tuple[Any, tuple[Any, ...]]:
        """The function's value, and its gradient for every argument.

        Parameters
        ----------
        *args
            The arguments.
        weights
            For a function that returns several scalars: a weight for each. Their weighted sum is differentiated.

        Returns
        -------
        tuple
            The value, and a tuple of gradients, each in the form of its argument: a float for a number, an array of
            float64 for an array, a list for a list.

        Raises
        ------
        ArgumentError
            If the function returns several scalars, and there isn't a weight for each.
        DTypeError
            If a weight isn't a number.
        """
        form, numbers = self._taken_apart(args)
        recording, outputs, grads = self._run(form, numbers, gradient=True, weights=weights)
        return recording.returned(outputs.tolist()), fill(form, grads.tolist(), _array)

    def batch(self, *args: Any, in_axes: Axes = 0) -> Any:
        """The function's values for many inputs, computed side by side and in parallel.

        Parameters
        ----------
        *args
            For each argument an array with one more axis in front, along which the inputs differ, or a nest of such
            arrays; or what is the same for all.
        in_axes
            0 for an argument with that axis, None for one that is the same for all; one for each argument, or one for
            all of them.

        Returns
        -------
        array
            float64, a value for each input; a tuple or list of arrays if the function returns several scalars.

        Raises
        ------
        ArgumentError
            If `in_axes` doesn't fit the arguments.
        ShapeError
            If an argument has no such axis, or these are of different lengths.
        """
        form, batch, _ = self._prepare(args, in_axes)
        recording, outputs, _, _ = self._run_batch(form, batch, gradient=False)
        return recording.returned(list(outputs))

    def batch_value_and_grad(
        self, *args: Any, in_axes: Axes = 0, weights: Weights = None
    ) -> tuple[Any, tuple[Any, ...]]:
        """The function's values for many inputs, and its gradients.

        Parameters
        ----------
        *args, in_axes
            As of `batch`.
        weights
            As of `value_and_grad`.

        Returns
        -------
        tuple
            The values, and a tuple of gradients in the form of the arguments. For an argument that differs from input
            to input there is a gradient for each; for one that is the same for all there is the sum of theirs.

        Raises
        ------
        ArgumentError, DTypeError, ShapeError
            As `batch` and `value_and_grad` do.
        """
        form, batch, axes = self._prepare(args, in_axes)
        recording, outputs, grads, total = self._run_batch(form, batch, gradient=True, weights=weights)
        sums, rows = iter(total.tolist()), iter(grads)
        gradients = []
        for one, axis in zip(form[-1], axes, strict=True):
            here = list(islice(sums, size_of(one)))
            gradients.append(fill(one, here, _array) if axis is None else fill(one, rows, _array_of_rows))
        return recording.returned(list(outputs)), tuple(gradients)

    def _taken_apart(self, args: tuple[Any, ...]) -> tuple[Form, list[float]]:
        parts = [take_apart(one, f"{self._what}: argument {i}") for i, one in enumerate(args)]
        return _form_of_all([form for form, _ in parts]), [number for _, numbers in parts for number in numbers]

    def _prepare(self, args: tuple[Any, ...], in_axes: Axes) -> tuple[Form, Batch, list[int | None]]:
        from graphgrad.autodiff.recordings import Batch

        axes = _axes(in_axes, len(args), self._what)
        forms: list[Form] = []
        numbers: list[float] = []
        columns: list[Array] = []
        rows: list[int] = []
        for i, (one, axis) in enumerate(zip(args, axes, strict=True)):
            what = f"{self._what}: argument {i}"
            if axis is None:
                form, members = take_apart(one, what)
            else:
                form, parts = stacked(one, what)
                rows.extend(range(len(numbers), len(numbers) + len(parts)))
                columns.extend(parts)
                members = [0.0] * len(parts)
            forms.append(form)
            numbers.extend(members)
        lengths = sorted({len(column) for column in columns})
        if len(lengths) != 1:
            raise ShapeError(
                describe(
                    f"{self._what}: the arguments that are taken apart need one length",
                    f"got: {', '.join(map(str, lengths)) or 'no such argument with numbers'}",
                )
            )
        return _form_of_all(forms), Batch(np.array(numbers), np.array(rows), np.array(columns)), axes

    def _run(
        self, form: Form, numbers: Sequence[float], gradient: bool, weights: Weights = None
    ) -> tuple[Recording, Array, Array]:
        """Run for one input; without a gradient its place is empty."""
        if MODE.get().anomaly is not None:
            return self._watched(form, numbers, gradient, weights)
        known = self._recordings.of(form)
        for recording in known:
            held, outputs, grads = recording.run(numbers, self._weights(recording, gradient, weights))
            if held:
                if recording is not known[0]:
                    self._recordings.use(form, recording)
                return recording, outputs, grads
        recording = self._record(form, numbers)
        held, outputs, grads = recording.run(numbers, self._weights(recording, gradient, weights))
        self._check_held(held)
        return recording, outputs, grads

    def _run_batch(
        self, form: Form, batch: Batch, gradient: bool, weights: Weights = None
    ) -> tuple[Recording, Array, Array, Array]:
        """Run for many inputs: outputs, the gradients for those that differ, and for all the sum of the gradients."""
        if MODE.get().anomaly is not None and batch.size:
            return self._batch_watched(form, batch, gradient, weights)
        known = list(self._recordings.of(form))
        if not known:
            if not batch.size:
                raise ShapeError(
                    describe(
                        f"{self._what}: an empty batch, and nothing is recorded yet that says what is returned",
                        hint="call it with numbers first",
                    )
                )
            known = [self._record(form, batch.one(0))]
        first = known[0]
        self._weights(first, gradient, weights)  # says what is wrong with them for an empty batch too
        outputs, grads = np.empty((first.outputs.size, batch.size)), np.empty(batch.columns.shape)
        total = np.zeros(batch.numbers.size)
        left = np.arange(batch.size)
        while left.size:
            fresh = not known
            recording = self._record(form, batch.one(left[0])) if fresh else known.pop(0)
            self._check_alike(first, recording)
            answer = recording.run_batch(batch.only(left), self._weights(recording, gradient, weights))
            done = answer.hold == 1
            self._check_held(not fresh or done[0])
            outputs[:, left[done]] = answer.outputs[:, done]
            if gradient:
                grads[:, left[done]] = answer.grads[:, done]
                with np.errstate(all="ignore"):
                    total += answer.total
            if done.any():
                self._recordings.use(form, recording)
            left = left[~done]
        return first, outputs, grads, total

    def _watched(
        self, form: Form, numbers: Sequence[float], gradient: bool, weights: Weights
    ) -> tuple[Recording, Array, Array]:
        """Run in Python, for who looks at every number."""
        from graphgrad.autodiff.recordings import watched

        return watched(self._function, form, numbers, lambda one: self._weights(one, gradient, weights), self._what)

    def _batch_watched(
        self, form: Form, batch: Batch, gradient: bool, weights: Weights
    ) -> tuple[Recording, Array, Array, Array]:
        answers = [self._watched(form, batch.one(i), gradient, weights) for i in range(batch.size)]
        first = answers[0][0]
        for recording, _, _ in answers:
            self._check_alike(first, recording)
        outputs, grads = (np.array([answer[k] for answer in answers]).T for k in (1, 2))
        with np.errstate(all="ignore"):
            return first, outputs, grads[batch.rows], grads.sum(axis=1)

    def _record(self, form: Form, numbers: Sequence[float]) -> Recording:
        from graphgrad.autodiff.recordings import record

        recording = record(self._function, form, numbers, self._what)
        self._recordings.use(form, recording)
        return recording

    def _check_held(self, held: bool) -> None:
        """A recording holds for what it was made from, unless an operation doesn't give the same bits each time."""
        if not held:
            raise GraphError(
                describe(
                    f"{self._what}: the function looks at a value that came out otherwise when it was computed again",
                    hint="operations that draw random numbers can't be replayed: draw outside, and pass as an argument",
                )
            )

    def _check_alike(self, first: Recording, other: Recording) -> None:
        if first.form != other.form:
            raise ShapeError(
                describe(
                    f"{self._what}: what the function returns has another form for some of the inputs",
                    f"{first.outputs.size} and {other.outputs.size} scalars",
                )
            )

    def _weights(self, recording: Recording, gradient: bool, weights: Weights) -> Weights:
        """The weights of a recording's outputs; None if no gradient is wanted."""
        if not gradient:
            return None
        count = recording.outputs.size
        if weights is None and count == 1:
            return (1.0,)
        if weights is None or len(weights) != count:
            got = "none" if weights is None else str(len(weights))
            raise ArgumentError(
                describe(
                    f"{self._what}: the function returns {count} scalars, their weighted sum can be differentiated",
                    f"expected: weights with {count} numbers, got: {got}",
                )
            )
        return [as_float(weight, f"{self._what}: weights") for weight in weights]


def compile_scalars(function: Callable[..., Any]) -> CompiledScalars:
    """Make a function of scalars run as fast as compiled code.

    The function runs in Python once, on scalars, and what it does is recorded as a tape; from then on the tape runs on
    other numbers, forward and backward, with no Python in between: some nanoseconds for each operation.

    Parameters
    ----------
    function
        Takes numbers, arrays, and lists, tuples and dicts of these. It gets them as they are, with a `Scalar` in the
        place of every number, and an array of scalars in that of an array. It returns a Scalar, or a tuple or list of
        them.

    Returns
    -------
    CompiledScalars
        A function of the same arguments with floats as result. It has ``value_and_grad`` for the gradients, and
        ``batch`` and ``batch_value_and_grad`` for many inputs at once, which run in parallel.

    Raises
    ------
    DTypeError
        When it is called: if an argument isn't made of numbers, or the function returns something else than scalars.
    GraphError
        When it is called: if the function uses a scalar from around it that needs a gradient, writes to a scalar's
        ``data``, or runs a backward pass; `graphgrad.grad` inside is recorded like all else.

    Notes
    -----
    Only the arguments are inputs. What else the function uses, such as a float from around it or a random number that
    it draws, is a constant from the time when it was recorded.

    Where the function looks at a value, by a comparison, ``bool()``, ``int()``, ``float()`` or ``.data``, its way may
    depend on the answer. Each look becomes a guard: if the answer is another one for other arguments, the function runs
    in Python again and that way is recorded too. ``recordings`` counts the ways. So ``if x > 0`` costs two recordings
    at most, but ``float(x)``, ``math.floor(x)`` or printing x one for every value; and so does what passes by the
    graph, by ``detach()`` or under `no_grad`. The last 64 recordings are kept.

    Results have the bits that the function gives in Python, and so have the gradients; those that are added up over a
    batch may be rounded otherwise. A replay tells nothing to recorders and hooks. Under `detect_anomaly` the function
    runs in Python every time, so that the operation is named.

    Examples
    --------
    >>> import graphgrad as gg
    >>> def loss(w, b, x, t):
    ...     return (gg.sigmoid(w * x + b) - t) ** 2
    >>> compiled = gg.compile_scalars(loss)
    >>> compiled(0.0, 0.0, 2.0, 1.0)
    0.25
    >>> value, (dw, db, dx, dt) = compiled.value_and_grad(0.0, 0.0, 2.0, 1.0)
    >>> value, dw, db
    (0.25, -0.5, -0.25)

    For many examples with the same weights the gradients of the weights are added up:

    >>> xs, ts = [2.0, -1.0, 0.5], [1.0, 0.0, 1.0]
    >>> import numpy as np
    >>> values, (dw, db, _, _) = compiled.batch_value_and_grad(
    ...     0.0, 0.0, np.array(xs), np.array(ts), in_axes=(None, None, 0, 0)
    ... )
    >>> values.tolist(), dw
    ([0.25, 0.25, 0.25], -0.875)
    """
    if not callable(function):
        raise ArgumentError(
            describe("compile_scalars: a function is needed", f"got: {type(function).__name__} {function!r:.40}")
        )
    return CompiledScalars(function)


def _axes(in_axes: Axes, count: int, what: str) -> list[int | None]:
    axes: list[Any] = list(in_axes) if isinstance(in_axes, (tuple, list)) else [in_axes] * count
    if len(axes) != count or any(axis is not None and (axis != 0 or isinstance(axis, bool)) for axis in axes):
        raise ArgumentError(
            describe(
                f"{what}: in_axes says for each argument whether it is taken apart (0) or the same for all (None)",
                f"expected: {count} of these, got: {in_axes!r}",
            )
        )
    return axes


def _form_of_all(forms: Sequence[Form]) -> Form:
    return "sequence", tuple, tuple(forms)


def _array(members: list[Any], shape: tuple[int, ...]) -> Array:
    return np.array(members, np.float64).reshape(shape)


def _array_of_rows(rows: list[Array], shape: tuple[int, ...]) -> Array:
    """From a row for each number to an array with the inputs along the first axis."""
    return np.array(rows).T.reshape(-1 if rows[0].size else 0, *shape)
