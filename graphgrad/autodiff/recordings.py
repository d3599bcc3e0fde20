"""A function of scalars as a flat tape, which runs again on other numbers without Python in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from graphgrad.autodiff.nests import Form, fill, maker
from graphgrad.autodiff.scalar_backward import check_unwritten, differentiate_scalar
from graphgrad.graph.errors import DTypeError, GraphError, describe
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.scalar import Scalar, constant, handle, scalar
from graphgrad.graph.tape import Flat, Look, Trace, flatten, traced
from graphgrad.graph.writes import CLOCK
from graphgrad.kernels import guards, scalar_tape
from graphgrad.kernels.jit import compiles
from graphgrad.kernels.opcodes import CODES
from graphgrad.kernels.threads import in_parallel, processors, shares

__all__ = ["Answer", "Batch", "Recording", "record", "watched"]

Array = np.ndarray[Any, Any]
Weights = Sequence[float] | None
Make = Callable[[Sequence[Any]], Any]

_QUESTIONS = {
    "less": guards.LESS,
    "less_equal": guards.LESS_EQUAL,
    "equal": guards.EQUAL,
    "same": guards.SAME,
    "whole": guards.WHOLE,
}

_BLOCK_BYTES = 1 << 20
"""What the values and the gradients of one block of inputs may take: half of a core's own cache."""

_MOST_LANES = 512


class Batch(NamedTuple):
    """Many inputs of a tape.

    Attributes
    ----------
    numbers
        The inputs that are the same for all, and anything where they aren't.
    rows, columns
        Which inputs differ, and what they are: a row for each of these, a column for each of the batch.
    """

    numbers: Array
    rows: Array
    columns: Array

    @property
    def size(self) -> int:
        """How many there are."""
        return int(self.columns.shape[1])

    def only(self, which: Array) -> Batch:
        """Some of them."""
        return self if which.size == self.size else self._replace(columns=self.columns[:, which])

    def one(self, which: int) -> list[float]:
        """All inputs of one of them."""
        numbers = self.numbers.copy()
        numbers[self.rows] = self.columns[:, which]
        return numbers.tolist()  # type: ignore[no-any-return]


class Answer(NamedTuple):
    """What a tape gave.

    Attributes
    ----------
    hold
        For which of the batch the guards held; of the others nothing is known.
    outputs
        A row for each output, a column for each of the batch.
    grads
        The gradient for the inputs that differ, likewise; anything if none was asked for, and in `total` zeros.
    total
        The sum of the gradients for all inputs, over those for which the guards held.
    """

    hold: Array
    outputs: Array
    grads: Array
    total: Array


class Recording:
    """A tape: first the inputs, then the constants, then the operations.

    Parameters
    ----------
    flat
        What was recorded, of which only what is needed is kept.
    inputs, outputs
        The places in it of the function's arguments, and of what it returned.
    looks
        The questions that it asked: for each a kind, two places and the answer, each of these in a row.
    make
        What puts the outputs in the form in which the function returned them; None for a single one.

    Attributes
    ----------
    size
        How many inputs, constants and operations there are.
    inputs
        How many inputs there are: they have the first places.
    outputs
        The places of what the function returned.
    form
        What the function returned, but for the numbers; equal for those that return alike.
    """

    def __init__(self, flat: Flat, inputs: Array, outputs: Array, looks: Array, make: Make | None) -> None:
        kinds, left, right, answers = looks
        wanted = np.zeros(flat.codes.size, np.uint8)
        wanted[outputs] = wanted[left] = wanted[right] = 1
        scalar_tape.needed(flat.codes, flat.left, flat.right, wanted)
        wanted[inputs] = 0
        leaf = flat.codes == 0
        order = np.concatenate([inputs, np.flatnonzero(wanted & leaf), np.flatnonzero(wanted & ~leaf)])
        new = np.zeros(flat.codes.size, np.int32)
        new[order] = np.arange(order.size)
        codes = flat.codes[order]
        alone = flat.right[order] < 0
        self._tape = codes, new[flat.left[order]], np.where(alone, np.int32(-1), new[flat.right[order]])
        self.size = order.size
        self.inputs = inputs.size
        self.outputs = new[outputs]
        self.form = make, outputs.size
        self._guards = kinds.astype(np.uint8), new[left], new[right], answers.astype(np.uint8)
        self._start = flat.values[order[: np.count_nonzero(codes == 0)]]
        needs, reached = np.ones(self.size, np.uint8), np.zeros(self.size, np.uint8)
        needs[self.inputs : self._start.size] = 0
        reached[self.outputs] = 1
        self._ways = np.empty_like(needs), np.empty_like(needs)
        scalar_tape.plan(*self._tape, needs, reached, *self._ways)
        self._passes = _passes(codes)

    def returned(self, outputs: list[Any]) -> Any:
        """What the function returns, of the outputs' values."""
        make, _ = self.form
        return outputs[0] if make is None else make(outputs)

    def run(self, numbers: Sequence[float], weights: Weights) -> tuple[bool, Array, Array]:
        """Run for one input: whether the guards held, the outputs, and with their weights the gradient of the sum."""
        values = np.empty(self.size)
        values[: self._start.size] = self._start
        values[: self.inputs] = numbers
        self._passes.forward(*self._tape, values)
        outputs = values[self.outputs]
        held = bool(self._holds(values[:, None])[0])
        if weights is None or not held:
            return held, outputs, np.empty(0)
        grads = np.empty(self.size)
        self._seed(grads, weights)
        self._passes.backward(*self._tape, values, *self._ways, grads)
        return held, outputs, grads[: self.inputs]

    def run_batch(self, batch: Batch, weights: Weights) -> Answer:
        """Run for many inputs, a block of them side by side, the blocks in parallel."""
        count = batch.size
        lanes = self._lanes(count)
        hold = np.empty(count, np.uint8)
        outputs = np.empty((self.outputs.size, count))
        grads = np.empty(batch.columns.shape)
        blocks = range(0, count, lanes)
        totals = np.zeros((len(blocks), self.inputs))

        def run(share: range) -> None:
            values = np.empty((self.size, lanes))  # one for all blocks of a thread: fresh memory is slow
            values[: self._start.size] = self._start[:, None]
            values[: self.inputs] = batch.numbers[:, None]
            change = values if weights is None else np.empty_like(values)
            for k in share:
                part = slice(blocks[k], min(blocks[k] + lanes, count))
                used = part.stop - part.start
                values[batch.rows, :used] = batch.columns[:, part]
                values[batch.rows, used:] = batch.columns[:, part.stop - 1 : part.stop]  # lanes that nobody looks at
                self._passes.forward_lanes(*self._tape, values)
                hold[part] = self._holds(values)[:used]
                outputs[:, part] = values[self.outputs, :used]
                if weights is None:
                    continue
                self._seed(change, weights)
                self._passes.backward_lanes(*self._tape, values, *self._ways, change)
                of_inputs = change[: self.inputs, :used]
                grads[:, part] = of_inputs[batch.rows]
                passed = hold[part] == 1
                with np.errstate(all="ignore"):
                    totals[k] = np.sum(of_inputs if passed.all() else of_inputs[:, passed], axis=1)

        in_parallel(run, shares(len(blocks)))
        with np.errstate(all="ignore"):
            return Answer(hold, outputs, grads, np.sum(totals, axis=0))

    def _holds(self, values: Array) -> Array:
        hold = np.ones(values.shape[1], np.uint8)
        if self._guards[0].size:
            guards.guards_hold(*self._guards, values, hold)
        return hold

    def _seed(self, grads: Array, weights: Sequence[float]) -> None:
        """Put the weights where the pass starts; an output may be there twice, or be an input."""
        seeds: dict[int, float] = {}
        for place, weight in zip(self.outputs.tolist(), weights, strict=True):
            seeds[place] = seeds[place] + weight if place in seeds else weight
        grads[: self.inputs] = 0.0  # there are inputs that nothing arrives at
        for place, seed in seeds.items():
            grads[place] = seed

    def _lanes(self, count: int) -> int:
        """How many inputs go side by side: as many as the cache holds, and enough blocks for all processors."""
        fit = _BLOCK_BYTES // (16 * max(self.size, 1))
        share = -(-count // processors())
        return max(1, min(count, max(8, min(fit, share, _MOST_LANES))))


def _passes(codes: Array) -> ModuleType:
    """The compiled passes, or those in Python."""
    if compiles() and codes.max(initial=0) <= len(CODES):
        return scalar_tape
    from graphgrad.autodiff import plain_tape

    return plain_tape


# ---- recording -------------------------------------------------------------------------------------------------------


class _Run(NamedTuple):
    """A function that ran on scalars; `epoch` is what the clock of writes showed before."""

    inputs: list[Scalar]
    outputs: list[Scalar]
    make: Make | None
    looks: list[Look]
    trace: Trace
    epoch: int


@contextmanager
def _on_its_own() -> Iterator[None]:
    """Leave scopes, hooks and recorders: a replay tells them nothing. Who looks for anomalies stays."""
    token = MODE.set(Mode(anomaly=MODE.get().anomaly))
    try:
        yield
    finally:
        MODE.reset(token)


def _run(function: Callable[..., Any], form: Form, numbers: Sequence[float], what: str) -> _Run:
    epoch = CLOCK.epoch
    with _on_its_own(), traced() as trace:
        inputs = [scalar(number) for number in numbers]
        returned = function(*fill(form, inputs, _array_of))
        several = isinstance(returned, (tuple, list))
        outputs = [_output(one, what) for one in (returned if several else [returned])]
        if not outputs:
            raise DTypeError(describe(f"{what}: the function returned an empty {type(returned).__name__}"))
        return _Run(inputs, outputs, maker(returned) if several else None, trace.looks, trace, epoch)


def _array_of(members: list[Any], shape: tuple[int, ...]) -> Array:
    array = np.empty(len(members), object)
    array[:] = members
    return array.reshape(shape)


def _output(value: Any, what: str) -> Scalar:
    if isinstance(value, Scalar):
        return value
    if isinstance(value, (float, int, np.floating, np.integer)):
        return constant(float(value))
    raise DTypeError(
        describe(
            f"{what}: the function returned {type(value).__name__} {value!r:.40}",
            "expected: a Scalar, or a tuple or list of them",
        )
    )


def record(function: Callable[..., Any], form: Form, numbers: Sequence[float], what: str) -> Recording:
    """Run a function on scalars with these values, and keep what it does as a tape.

    Raises
    ------
    DTypeError
        If it returns something else than scalars and numbers.
    GraphError
        If it uses a scalar from around it that needs a gradient, writes to a scalar, or runs a backward pass.
    """
    return _recorded(_run(function, form, numbers, what), what)


def _recorded(run: _Run, what: str) -> Recording:
    flat = _checked(run, what)
    looks = [
        [_QUESTIONS[look.question] for look in run.looks],
        [flat.place(*look.left) for look in run.looks],
        [flat.place(*look.right) for look in run.looks],
        [look.answer for look in run.looks],
    ]
    inputs, outputs = ([flat.place(one.chunk, one.index) for one in some] for some in (run.inputs, run.outputs))
    return Recording(flat, np.array(inputs, np.int64), np.array(outputs, np.int64), np.array(looks, np.int64), run.make)


def _checked(run: _Run, what: str) -> Flat:
    """What was recorded, laid out flat, unless something was used that would not follow the arguments."""
    ends = [(one.chunk, one.index) for one in run.outputs]
    ends += [side for look in run.looks for side in (look.left, look.right)]
    if CLOCK.epoch != run.epoch:
        for place in ends:
            check_unwritten(handle(*place), what)
    flat = flatten({chunk for chunk, _ in ends} | {one.chunk for one in run.inputs})
    _refuse_foreign(flat, run.trace, [flat.place(*place) for place in ends], what)
    return flat


def _refuse_foreign(flat: Flat, trace: Trace, used: Sequence[int], what: str) -> None:
    """A scalar from around the function would keep the value that it has now."""
    wanted = np.zeros(flat.codes.size, np.uint8)
    wanted[used] = 1
    scalar_tape.needed(flat.codes, flat.left, flat.right, wanted)
    for chunk, part in flat.parts.items():
        if chunk.trace is not trace and chunk.needs and wanted[part].any():
            one = handle(chunk, int(np.flatnonzero(wanted[part])[0]))
            raise GraphError(
                describe(
                    f"{what}: the function uses {f'the scalar {one.name!r}' if one.name else 'a scalar'} "
                    "from around it, which needs a gradient",
                    f"its value: {one.data!r}",
                    hint="what changes from call to call has to be an argument; for a number that stays the same, "
                    "use s.data",
                )
            )


def watched(
    function: Callable[..., Any],
    form: Form,
    numbers: Sequence[float],
    weights: Callable[[Recording], Weights],
    what: str,
) -> tuple[Recording, Array, Array]:
    """Run and differentiate a function in Python, for who looks at every number.

    Returns
    -------
    tuple
        A recording, what the function returned, and the gradient of the weighted sum of it; zeros if there are no
        weights.
    """
    run = _run(function, form, numbers, what)
    recording = _recorded(run, what)
    outputs = np.array([one.data for one in run.outputs])
    seeds = weights(recording)
    if seeds is None:
        return recording, outputs, np.zeros(recording.inputs)
    (root, seed), *others = zip(run.outputs, seeds, strict=True)
    slopes = differentiate_scalar(root, run.inputs, gradient=seed, others=others)
    return recording, outputs, np.array([slope.data for slope in slopes])
