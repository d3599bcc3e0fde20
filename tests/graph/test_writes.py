"""The book of writes: what was written when, what is noticed, and what must not raise a false alarm."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.writes import CLOCK, last_write, owner, wrote

HERE = Path(__file__).name


def leaf(*values: float) -> gg.Tensor:
    return gg.tensor(list(values), dtype="float64", requires_grad=True)


def grad_of(tensor: gg.Tensor) -> list[float]:
    assert tensor.grad is not None
    return tensor.grad.data.tolist()


# ---- the book


def test_a_write_ticks_and_is_remembered_by_the_owner_of_the_memory() -> None:
    base = np.zeros((2, 3))
    view = base.T[1:]
    assert last_write(base) is None
    before = CLOCK.epoch
    epoch = wrote(view)
    assert epoch == CLOCK.epoch == before + 1
    assert owner(view) is base
    for array in (base, view, base.reshape(-1)):
        write = last_write(array)
        assert write is not None
        assert write.epoch == epoch
    assert last_write(np.zeros((2, 3))) is None
    assert last_write(base.copy()) is None


def test_only_the_last_write_counts() -> None:
    array = np.zeros(1)
    epochs = [wrote(array) for _ in range(3)]
    write = last_write(array)
    assert write is not None
    assert write.epoch == epochs[-1]
    assert epochs == sorted(set(epochs))


def test_an_array_of_foreign_memory_owns_itself() -> None:
    array = np.frombuffer(bytearray(16))
    assert owner(array) is array
    wrote(array)
    assert last_write(array[:1]) is not None


def test_ids_used_again_give_no_false_alarm() -> None:
    """Arrays that die leave their id to others; those were never written."""
    ids = set()
    for _ in range(200):
        array = np.zeros(3)
        assert last_write(array) is None
        wrote(array)
        ids.add(id(array))
        del array
    assert len(ids) < 200  # so ids did come again


def test_an_old_entry_is_not_dropped_by_a_later_owner_of_its_id() -> None:
    first = np.zeros(3)
    wrote(first)
    del first
    kept = [np.zeros(3) for _ in range(50)]
    for array in kept:
        wrote(array)
    gc.collect()
    assert all(last_write(array) is not None for array in kept)


def test_training_on_many_short_lived_arrays_raises_no_false_alarm() -> None:
    p = leaf(1.0, 2.0)
    for _ in range(100):
        p.grad = None
        buffer = gg.zeros(2, dtype="float64")
        buffer[0] = 1.0
        del buffer
        h = p * p
        loss = gg.sum(h * h)
        loss.backward()
        p.data -= 1e-3 * p.grad  # type: ignore[operator]
        del h, loss
    assert all(np.isfinite(p.data))


# ---- saved values that are written


def setter(p: gg.Tensor) -> None:
    p.data *= 2  # the write, through data


def under_no_grad(p: gg.Tensor) -> None:
    with gg.no_grad():
        p *= 2  # the write, in place


def element(p: gg.Tensor) -> None:
    with gg.no_grad():
        p[0] = 7.0  # the write, of an element


def through_a_view(p: gg.Tensor) -> None:
    view = gg.asarray(p.data[1:])
    view += 1.0  # the write, through a view


def through_numpy(p: gg.Tensor) -> None:
    array = p.data
    array -= gg.tensor([1.0, 1.0])  # the write, by an array


@pytest.mark.parametrize("write", [setter, under_no_grad, element, through_a_view, through_numpy])
def test_a_written_operand_is_noticed_with_its_line(write: Callable[[gg.Tensor], None]) -> None:
    p = leaf(1.0, 2.0)
    y = gg.sum(p * p)
    write(p)
    with pytest.raises(gg.WriteError, match=r"multiply needs operand a \(shape \(2,\)\) as it was") as caught:
        y.backward()  # the pass
    message = str(caught.value)
    assert f"{HERE}:" in message
    assert "# the write, " in message
    assert "# the pass" in message
    assert "hint: write t = t + ..." in message
    assert p.grad is None


def test_the_line_that_made_the_node_is_told_when_it_was_recorded() -> None:
    p = leaf(1.0, 2.0)
    with gg.record():
        y = gg.sum(gg.exp(p) * p)  # made here
    p.data += 1
    with pytest.raises(gg.WriteError, match=r"made at: .*test_writes\.py:\d+  y = .*# made here"):
        y.backward()


def test_a_written_result_is_noticed() -> None:
    x = leaf(1.0)
    y = gg.exp(x)
    with gg.no_grad():
        y += 1
    with pytest.raises(gg.WriteError, match="overwritten since"):
        gg.sum(y)
    with pytest.raises(gg.WriteError, match="exp needs its result"):
        y.backward()


def test_a_written_member_of_a_list_is_noticed() -> None:
    """A logsumexp keeps operand and result; a write to either is one too many."""
    x = leaf(1.0, 2.0)
    h = x * 2
    y = gg.logsumexp(h)
    h += 1
    with pytest.raises(gg.WriteError, match="logsumexp needs operand x"):
        y.backward()


def test_what_is_not_saved_may_be_written() -> None:
    p, q = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = gg.sum(p + q)
    p.data += 1
    y.backward()
    assert grad_of(p) == grad_of(q) == [1.0, 1.0]


def test_only_what_a_wanted_gradient_needs_is_saved() -> None:
    x, w = gg.tensor([2.0, 3.0], dtype="float64"), leaf(1.0, 1.0)
    y = gg.sum(x * w)
    w.data += 5  # the rule for x would need it, but x wants no gradient
    y.backward()
    assert grad_of(w) == [2.0, 3.0]
    z = gg.sum(x * w)
    x += 1
    with pytest.raises(gg.WriteError, match="multiply needs operand a"):
        z.backward()


def test_a_new_array_for_data_leaves_the_old_values_to_the_graph() -> None:
    p = leaf(1.0, 2.0)
    y = gg.sum(p * p)
    p.data = np.array([10.0, 20.0])
    y.backward()
    assert grad_of(p) == [2.0, 4.0]


def test_a_write_before_forward_is_no_matter() -> None:
    p = leaf(1.0, 2.0)
    p.data += 1
    gg.sum(p * p).backward()
    assert grad_of(p) == [4.0, 6.0]


def test_a_write_to_something_else_is_no_matter() -> None:
    p, other = leaf(1.0, 2.0), leaf(1.0, 2.0)
    y = gg.sum(p * p)
    other.data += 1
    y.backward()
    assert grad_of(p) == [2.0, 4.0]


def test_a_failed_pass_can_be_had_after_undoing_nothing_but_computing_again() -> None:
    p = leaf(3.0)
    y = p * p
    p.data += 1
    with pytest.raises(gg.WriteError):
        y.backward()
    with pytest.raises(gg.WriteError):
        y.backward()
    (p * p).backward()
    assert grad_of(p) == [8.0]


# ---- shared memory


def test_two_tensors_may_share_an_array() -> None:
    array = np.array([1.0, 2.0])
    a, b = gg.asarray(array, requires_grad=True), gg.asarray(array, requires_grad=True)
    gg.sum(a * b).backward()
    assert grad_of(a) == grad_of(b) == [1.0, 2.0]
    y = gg.sum(a * 2.0 * a)
    b.data += 1
    with pytest.raises(gg.WriteError):
        y.backward()


def test_a_computed_view_is_stale_after_a_write_to_its_base() -> None:
    x = leaf(1.0, 2.0, 3.0)
    h = x * 1
    view, row = h[1:], h.reshape(3, 1)
    h[2] = 0.0
    for use in (
        lambda: view * 2,
        lambda: gg.sum(view),
        lambda: view + h[1:],
        lambda: gg.stack([view]),
        lambda: row @ row.T,
    ):
        with pytest.raises(gg.WriteError, match=r"overwritten since(.|\n)*its memory is shared"):
            use()
    gg.sum(h).backward()
    assert grad_of(x) == [1.0, 1.0, 0.0]


def test_a_view_of_a_leaf_is_stale_after_an_update() -> None:
    p = leaf(1.0, 2.0)
    view = p[1:]
    p.data -= 0.5
    with pytest.raises(gg.WriteError, match="computed by getitem, was overwritten"):
        view * 2
    assert (p[1:] * 2).tolist() == [3.0]


def test_raw_writes_of_numpy_are_the_callers_business() -> None:
    p = leaf(1.0, 2.0)
    before = CLOCK.epoch
    p.data[0] = 5.0
    assert CLOCK.epoch == before


# ---- ordinary training


def optimiser(p: gg.Tensor) -> None:
    assert p.grad is not None
    p.data -= 0.1 * p.grad


def optimiser_in_place(p: gg.Tensor) -> None:
    assert p.grad is not None
    with gg.no_grad():
        p -= 0.1 * p.grad


def optimiser_of_arrays(p: gg.Tensor) -> None:
    assert p.grad is not None
    p.data[...] = p.data - 0.1 * p.grad.data


def optimiser_that_replaces(p: gg.Tensor) -> None:
    assert p.grad is not None
    p.data = p.data - 0.1 * p.grad.data


@pytest.mark.parametrize("step", [optimiser, optimiser_in_place, optimiser_of_arrays, optimiser_that_replaces])
def test_a_training_loop_runs_and_records_nothing(step: Callable[[gg.Tensor], None]) -> None:
    w, b = leaf(0.0, 0.0), gg.tensor(0.0, dtype="float64", requires_grad=True)
    x = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    t = x @ np.array([2.0, -1.0]) + 0.5
    for _ in range(300):
        w.grad = b.grad = None
        loss = gg.mean((x @ w + b - t) ** 2)
        loss.backward()
        for p in (w, b):
            step(p)
            assert p.is_leaf
            assert p.requires_grad
    assert np.allclose(w.data, [2.0, -1.0], atol=1e-2)
    assert loss.item() < 1e-3


def test_an_update_between_forward_and_backward_is_noticed() -> None:
    w = leaf(1.0, 2.0)
    gg.sum(w * w).backward()
    late = gg.sum(w * w)
    optimiser(w)
    with pytest.raises(gg.WriteError, match=r"p\.data -= 0\.1"):
        late.backward()
    assert grad_of(w) == [2.0, 4.0]
