"""Clipping against PyTorch's and against its formula; parameters as one vector; and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.nn import utils

TYPES = [2.0, 1.0, 3.5, math.inf, -math.inf, 0.0, 2]


def leaves(seed: int = 0, scale: float = 1.0, dtype: str = "float32") -> list[gg.Tensor]:
    """Parameters of several shapes; all but one have a gradient."""
    rng = np.random.default_rng(seed)
    found = [gg.zeros(shape, dtype=dtype, requires_grad=True) for shape in ((3, 4), (5,), (), (0, 2), (2, 2, 2), (1,))]
    for p in found[:-1]:
        numbers = rng.normal(0.0, scale, (*p.shape, 2))
        p.grad = gg.tensor((numbers[..., 0] + (1j * numbers[..., 1] if dtype[0] == "c" else 0)).astype(dtype))
    return found


def gradients(parameters: list[gg.Tensor]) -> list[Any]:
    return [p.grad.data.copy() for p in parameters if p.grad is not None]


# Of complex numbers that aren't 0 PyTorch counts real parts, and warns of it.
@pytest.mark.parametrize(
    ("norm_type", "dtype"),
    [(p, dtype) for p in TYPES for dtype in ("float32", "float64", "complex64") if p or dtype != "complex64"],
)
def test_norms_and_clipped_gradients_are_those_of_torch(norm_type: float, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    for scale in (0.01, 1.0, 100.0):
        ours = leaves(scale=scale, dtype=dtype)
        del ours[3]  # an empty tensor has no largest element there
        theirs = [torch.zeros(p.shape, dtype=getattr(torch, dtype), requires_grad=True) for p in ours]
        for mine, p in zip(ours, theirs, strict=True):
            p.grad = None if mine.grad is None else torch.tensor(mine.grad.data)
        norm = utils.get_total_norm([p.grad for p in ours if p.grad is not None], norm_type)
        assert norm.item() == pytest.approx(
            torch.nn.utils.get_total_norm([p.grad for p in theirs if p.grad is not None], norm_type).item(), rel=1e-5
        )
        returned = utils.clip_grad_norm_(ours, 1.5, norm_type)
        assert (returned.item(), returned.dtype, returned.shape) == (norm.item(), norm.dtype, ())
        assert str(norm.dtype) == {"complex64": "float32"}.get(dtype, dtype)
        torch.nn.utils.clip_grad_norm_(theirs, 1.5, norm_type)
        for mine, p in zip(ours, theirs, strict=True):
            assert (mine.grad is None) == (p.grad is None)
            if mine.grad is not None:
                np.testing.assert_allclose(mine.grad.data, p.grad.numpy(), rtol=1e-5)


def test_values_are_clipped_as_by_torch() -> None:
    torch = pytest.importorskip("torch")
    ours = leaves()
    theirs = [torch.tensor(p.data, requires_grad=True) for p in ours]
    for mine, p in zip(ours, theirs, strict=True):
        p.grad = None if mine.grad is None else torch.tensor(mine.grad.data)
    assert utils.clip_grad_value_(ours, 0.4) is torch.nn.utils.clip_grad_value_(theirs, 0.4) is None  # type: ignore[func-returns-value]
    for mine, p in zip(ours, theirs, strict=True):
        if mine.grad is not None:
            np.testing.assert_array_equal(mine.grad.data, p.grad.numpy())
    assert max(np.abs(g).max(initial=0.0) for g in gradients(ours)) == np.float32(0.4)


@pytest.mark.parametrize("eps", [0.0, 1e-6, 0.5])
def test_the_formula(eps: float) -> None:
    parameters = leaves(dtype="float64")
    before = gradients(parameters)
    norm = math.sqrt(sum(float((g * g).sum()) for g in before))
    assert utils.clip_grad_norm_(parameters, 2.0, eps=eps).item() == pytest.approx(norm, rel=1e-14)
    for g, old in zip(gradients(parameters), before, strict=True):
        np.testing.assert_allclose(g, old * 2.0 / (norm + eps), rtol=1e-14)
    if eps == 0.0:
        assert utils.get_total_norm([p.grad for p in parameters if p.grad is not None]).item() == pytest.approx(2.0)


def test_a_short_gradient_is_left_alone_and_a_long_one_is_written_in_place() -> None:
    w = gg.tensor([3.0, 4.0], requires_grad=True)
    gg.sum(w * w / 2.0).backward()
    gradient = w.grad
    assert gradient is not None
    memory, product = gradient.data, gg.sum(gg.tensor([1.0, 1.0], requires_grad=True) * gradient)
    utils.clip_grad_norm_(w, 10.0)
    product.backward(retain_graph=True)  # nothing was written
    utils.clip_grad_norm_(w, 1.0)
    assert w.grad is gradient
    assert gradient.data is memory
    np.testing.assert_allclose(memory, [0.6, 0.8], rtol=1e-6)
    with pytest.raises(gg.WriteError, match="multiply needs operand b"):
        product.backward()
    product = gg.sum(gg.tensor([1.0, 1.0], requires_grad=True) * gradient)
    utils.clip_grad_value_(w, 0.5)
    with pytest.raises(gg.WriteError, match="multiply needs operand b"):
        product.backward()


@pytest.mark.parametrize("norm_type", [*TYPES, 0.5])
def test_long_ones_are_summed_up_in_blocks(norm_type: float) -> None:
    numbers = np.random.default_rng(0).normal(size=(3, 50001))
    numbers[1, ::7] = 0.0
    norm = utils.get_total_norm(gg.asarray(numbers), norm_type).item()
    # As of a list of one tensor: the norm of one norm.
    expected = np.linalg.norm(numbers.ravel(), norm_type)
    assert norm == pytest.approx(1.0 if norm_type == 0 else expected, rel=1e-12)
    assert utils._norm(numbers, norm_type) == pytest.approx(expected, rel=1e-12)


def test_what_is_there_twice_counts_once() -> None:
    w, v = (gg.tensor([0.0, 0.0], requires_grad=True) for _ in range(2))
    w.grad = v.grad = gg.tensor([3.0, 4.0])
    assert utils.clip_grad_norm_([w, w, v], 1.0).item() == 5.0
    np.testing.assert_allclose(v.grad.data, [0.6, 0.8], rtol=1e-6)


def test_nothing_to_clip() -> None:
    norm = utils.clip_grad_norm_(iter([gg.ones(2, requires_grad=True)]), 1.0)
    assert (norm.item(), norm.shape, str(norm.dtype)) == (0.0, (), "float32")
    assert utils.get_total_norm([]).item() == 0.0
    w = gg.zeros(2, requires_grad=True)
    w.grad = gg.zeros(2)
    assert utils.clip_grad_norm_(w, 0.0, eps=0.0).item() == 0.0
    assert w.grad.tolist() == [0.0, 0.0]


def test_large_gradients_do_not_overflow_on_the_way() -> None:
    w = gg.zeros(4, requires_grad=True)
    w.grad = gg.tensor([1e30, -1e30, 1e30, -1e30], dtype="float32")
    assert utils.clip_grad_norm_(w, 1.0, error_if_nonfinite=True).item() == pytest.approx(2e30)
    np.testing.assert_allclose(w.grad.data, [0.5, -0.5, 0.5, -0.5], rtol=1e-6)
    half = gg.zeros(300, dtype="float16", requires_grad=True)
    half.grad = gg.tensor(np.full(300, 6e4, np.float16))
    assert utils.clip_grad_norm_(half, 0.1).item() == math.inf  # float16 ends at 65504
    np.testing.assert_allclose(half.grad.data, 0.1 / math.sqrt(300), rtol=2e-3)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_norms_that_are_not_finite(value: float) -> None:
    w = gg.zeros(2, requires_grad=True)
    w.grad = gg.tensor([value, 1.0])
    with pytest.raises(RuntimeError, match=r"the norm of order 2 is (inf|nan)[\s\S]*detect_anomaly"):
        utils.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)
    assert w.grad.data[1] == 1.0
    assert not math.isfinite(utils.clip_grad_norm_(w, 1.0).item())
    np.testing.assert_array_equal(w.grad.data, [math.nan, 0.0 if value == math.inf else math.nan])


def test_infinity_may_be_a_word() -> None:
    norms = [utils.get_total_norm(gg.tensor([3.0, -4.0]), order).item() for order in ("inf", math.inf)]
    assert norms == [4.0, 4.0]


def test_two_models_clipped_by_their_common_norm() -> None:
    parameters = leaves(dtype="float64")
    norm = utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    before = gradients(parameters)
    for part in (parameters[:2], parameters[2:]):
        utils.clip_grads_with_norm_(part, 0.5, norm)
    for g, old in zip(gradients(parameters), before, strict=True):
        np.testing.assert_allclose(g, old * 0.5 / (norm.item() + 1e-6), rtol=1e-14)


@pytest.mark.curriculum("P08.26")
def test_steps_across_a_cliff_stay_short() -> None:
    """A loss with a wall: unclipped, one step onto it throws the weight far away."""

    def descend(clip: bool) -> float:
        w = gg.tensor(1.0, dtype="float64", requires_grad=True)
        optimizer = gg.optim.SGD([w], lr=0.1)
        farthest = 0.0
        for _ in range(40):
            optimizer.zero_grad()
            (w**2 / 2.0 + gg.exp(-40.0 * (w + 0.05))).backward()
            if clip:
                utils.clip_grad_norm_([w], 1.0)
            optimizer.step()
            farthest = max(farthest, abs(w.item()))
        return farthest

    assert descend(clip=True) <= 1.0
    w = gg.tensor(-0.15, dtype="float64", requires_grad=True)
    (w**2 / 2.0 + gg.exp(-40.0 * (w + 0.05))).backward()
    assert utils.clip_grad_norm_([w], 1.0).item() > 1000.0
    assert w.grad is not None
    assert w.grad.item() == pytest.approx(-1.0, rel=1e-6)


# ---- vectors


def test_parameters_go_to_a_vector_and_back() -> None:
    model = gg.nn.Sequential(gg.nn.Linear(3, 4), gg.nn.Tanh(), gg.nn.Linear(4, 2))
    vector = utils.parameters_to_vector(model.parameters())
    assert vector.shape == (26,)
    expected = np.concatenate([p.data.ravel() for p in model.parameters()])
    np.testing.assert_array_equal(vector.data, expected)
    memory = [p.data for p in model.parameters()]
    utils.vector_to_parameters(gg.tensor(2.0 * expected), model.parameters())
    np.testing.assert_array_equal(np.concatenate([p.data.ravel() for p in model.parameters()]), 2.0 * expected)
    assert all(p.data is old for p, old in zip(model.parameters(), memory, strict=True))


def test_a_vector_can_be_differentiated() -> None:
    w, b = gg.tensor([[1.0, 2.0]], requires_grad=True), gg.tensor([3.0], requires_grad=True)
    gg.sum(utils.parameters_to_vector([w, b]) ** 2).backward()
    assert w.grad is not None and b.grad is not None  # noqa: PT018
    assert (w.grad.tolist(), b.grad.tolist()) == ([[2.0, 4.0]], [6.0])


def test_a_graph_notices_new_values() -> None:
    w = gg.tensor([1.0, 2.0], requires_grad=True)
    loss = gg.sum(w * w)
    utils.vector_to_parameters(gg.tensor([5.0, 6.0]), [w])
    assert w.tolist() == [5.0, 6.0]
    with pytest.raises(gg.WriteError, match="multiply needs operand a"):
        loss.backward()


def test_a_vector_that_looks_at_a_parameter() -> None:
    w = gg.tensor([1.0, 2.0, 3.0])
    utils.vector_to_parameters(w, [gg.asarray(w.data[2:]), gg.asarray(w.data[:2])])
    assert w.tolist() == [2.0, 3.0, 1.0]


# ---- what is refused


def frozen() -> gg.Tensor:
    array = np.ones(2, np.float32)
    array.flags.writeable = False
    w = gg.zeros(2, requires_grad=True)
    w.grad = gg.asarray(array)
    return w


NONE: Any = [3.0]
MODEL: Any = gg.nn.Linear(2, 1)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: utils.clip_grad_norm_(NONE, 1.0), gg.DTypeError, "clip_grad_norm_: number 0 is no Tensor but float"),
        (lambda: utils.clip_grad_norm_(MODEL, 1.0), gg.DTypeError, r"needed, got Linear[\s\S]*model.parameters\(\)"),
        (lambda: utils.clip_grad_norm_(frozen(), -1.0), ValueError, "max_norm is a number from 0"),
        (lambda: utils.clip_grad_norm_(frozen(), math.nan), ValueError, "max_norm is a number from 0"),
        (lambda: utils.clip_grad_norm_(frozen(), 1.0, eps=-1.0), ValueError, "eps is a number from 0"),
        (lambda: utils.clip_grad_norm_(frozen(), 1.0, math.nan), ValueError, "norm_type is a number, or infinity"),
        (lambda: utils.clip_grad_norm_(frozen(), 1.0, "max"), ValueError, "norm_type is a number, or infinity"),
        (lambda: utils.clip_grads_with_norm_(frozen(), 1.0, NONE), gg.DTypeError, "total_norm is a number"),
        (lambda: utils.clip_grads_with_norm_(frozen(), 1.0, gg.ones(2)), gg.DTypeError, "total_norm is a number"),
        (lambda: utils.clip_grad_norm_(frozen(), 1.0), gg.WriteError, "clip_grad_norm_: .* is read-only"),
        (lambda: utils.clip_grad_value_(frozen(), 1.0), gg.WriteError, "clip_grad_value_: .* is read-only"),
        (lambda: utils.clip_grad_value_(frozen(), -1.0), ValueError, "clip_value is a number from 0"),
        (
            lambda: utils.clip_grad_value_(leaves(dtype="complex64"), 1.0),
            gg.DTypeError,
            "complex numbers have no order",
        ),
        (lambda: utils.parameters_to_vector([]), ValueError, "there are no parameters"),
        (lambda: utils.vector_to_parameters(NONE, [gg.ones(1)]), gg.DTypeError, "number 0 is no Tensor but list"),
        (lambda: utils.vector_to_parameters(gg.ones(3), [gg.ones(2)]), gg.ShapeError, r"expected: shape \(2,\)"),
        (lambda: utils.vector_to_parameters(gg.ones((2, 1)), [gg.ones(2)]), gg.ShapeError, r"got: \(2, 1\)"),
        (lambda: utils.vector_to_parameters(gg.ones(2), [gg.ones(2, requires_grad=True) * 2]), gg.WriteError, "a leaf"),
        (lambda: utils.vector_to_parameters(gg.ones(2), [gg.tensor([1, 2])]), gg.DTypeError, "has dtype int64"),
    ],
)
def test_refused(call: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def test_what_is_refused_changes_nothing() -> None:
    w = gg.zeros(2, requires_grad=True)
    w.grad = gg.tensor([30.0, 40.0])
    for clip in (utils.clip_grad_norm_, utils.clip_grad_value_):
        with pytest.raises(gg.WriteError, match="read-only"):
            clip([w, frozen()], 0.5)
        assert w.grad.tolist() == [30.0, 40.0]
