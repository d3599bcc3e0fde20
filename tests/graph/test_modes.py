"""Grad mode: contexts, decorators, nesting, exceptions."""

from __future__ import annotations

import contextvars

import pytest

import graphgrad as gg


class Failure(Exception):
    pass


def test_graphs_are_recorded_by_default() -> None:
    assert gg.is_grad_enabled()


def test_nothing_is_recorded_under_no_grad() -> None:
    w, s = gg.tensor([1.0, 2.0], requires_grad=True), gg.scalar(2.0)
    with gg.no_grad():
        assert not gg.is_grad_enabled()
        y, z = w * w, s * s
        piece, _ = gg.split(w, 1)
        made = gg.tensor(1.0, requires_grad=True)
    for result in (y, piece):
        assert result.is_leaf
        assert not result.requires_grad
    assert z.is_leaf
    assert not z.requires_grad
    assert (y.tolist(), z.data) == ([1.0, 4.0], 4.0)
    assert made.requires_grad
    assert (w * w).requires_grad


def test_modes_nest() -> None:
    seen = []
    with gg.no_grad():
        seen.append(gg.is_grad_enabled())
        with gg.enable_grad():
            seen.append(gg.is_grad_enabled())
            with gg.no_grad(), gg.no_grad():
                seen.append(gg.is_grad_enabled())
            seen.append(gg.is_grad_enabled())
        seen.append(gg.is_grad_enabled())
    seen.append(gg.is_grad_enabled())
    assert seen == [False, True, False, True, False, True]


@pytest.mark.parametrize("change", [gg.no_grad, gg.enable_grad, lambda: gg.scope("a"), gg.record])
def test_an_exception_puts_the_mode_back(change: object) -> None:
    w = gg.tensor(1.0, requires_grad=True)
    with pytest.raises(Failure), change():  # type: ignore[operator]
        raise Failure
    assert gg.is_grad_enabled()
    y = w * 2
    assert y.requires_grad
    assert y.scope == ""
    assert y.node is not None
    assert y.node.site is None


def test_one_object_can_be_entered_again_and_again() -> None:
    off = gg.no_grad()
    with off:
        with off:
            assert not gg.is_grad_enabled()
        assert not gg.is_grad_enabled()
    assert gg.is_grad_enabled()
    with off:
        assert not gg.is_grad_enabled()
    assert gg.is_grad_enabled()


def test_decorators() -> None:
    @gg.no_grad()
    def evaluate(depth: int) -> list[bool]:
        here = gg.is_grad_enabled()
        return [here] if depth == 0 else [here, *train(depth - 1)]

    @gg.enable_grad()
    def train(depth: int) -> list[bool]:
        here = gg.is_grad_enabled()
        return [here] if depth == 0 else [here, *evaluate(depth - 1)]

    assert evaluate(5) == [False, True] * 3
    assert evaluate.__name__ == "evaluate"
    assert gg.is_grad_enabled()

    @gg.no_grad()
    def fail() -> None:
        raise Failure

    with pytest.raises(Failure):
        fail()
    assert gg.is_grad_enabled()


def test_the_graph_before_a_block_still_differentiates_inside() -> None:
    w = gg.tensor(3.0, requires_grad=True)
    y = w * w
    with gg.no_grad():
        y.backward()
    assert w.grad is not None
    assert w.grad.item() == 6.0
    assert not w.grad.requires_grad


def test_a_result_of_no_grad_is_a_constant_of_what_follows() -> None:
    w = gg.tensor(3.0, requires_grad=True)
    with gg.no_grad():
        c = w * w
    (c * w).backward()
    assert w.grad is not None
    assert w.grad.item() == 9.0


def test_a_copied_context_keeps_its_mode() -> None:
    with gg.no_grad():
        context = contextvars.copy_context()
    assert gg.is_grad_enabled()
    assert not context.run(gg.is_grad_enabled)


def test_no_grad_keeps_scope_and_recorder() -> None:
    w = gg.tensor(1.0, requires_grad=True)
    with gg.record() as recording, gg.scope("a"), gg.no_grad(), gg.enable_grad():
        y = w * 2
    assert y.scope == "a"
    assert len(recording.nodes) == 1
