"""What all optimisers share: every kind of parameter moves as one array in C order would, whoever computes it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import optim
from graphgrad.graph.writes import Lock
from graphgrad.kernels.plain import optimiser_steps as plain
from graphgrad.optim import SGD, Adam, Optimizer, arithmetic, optimizer

Array = np.ndarray[Any, Any]

OPTIMISERS: Mapping[str, Callable[[Any], Optimizer]] = {
    "SGD": lambda params: SGD(params, lr=0.1),
    "momentum": lambda params: SGD(params, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "Adam": lambda params: Adam(params, lr=0.1, weight_decay=0.1),
    "AMSGrad": lambda params: Adam(params, lr=0.1, amsgrad=True),
}
IN_NUMPY: Mapping[str, Callable[[Any], Optimizer]] = {
    "Adagrad": lambda params: optim.Adagrad(params, lr=0.1, initial_accumulator_value=0.1, weight_decay=0.1),
    "Adadelta": lambda params: optim.Adadelta(params, eps=1e-2),
    "RMSprop": lambda params: optim.RMSprop(params, eps=0.1, momentum=0.5, centered=True, weight_decay=0.1),
    "NAdam": lambda params: optim.NAdam(params, lr=0.1, weight_decay=0.1, decoupled_weight_decay=True),
    "RAdam": lambda params: optim.RAdam(params, lr=0.1, betas=(0.5, 0.9)),
    "Adamax": lambda params: optim.Adamax(params, lr=0.1),
    "ASGD": lambda params: optim.ASGD(params, lr=0.1, t0=1),
    "Rprop": lambda params: optim.Rprop(params, lr=0.1),
}
WAYS = [
    *((way, name, make) for name, make in OPTIMISERS.items() for way in ("plain", "kernels")),
    *(("plain", name, make) for name, make in IN_NUMPY.items()),
]


def every(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test for each optimiser, for few numbers, which move in plain NumPy, and for many."""
    ways = [pytest.param(make, way, id=f"{name}-{way}") for way, name, make in WAYS]
    return pytest.mark.parametrize(("make", "steps"), ways, indirect=["steps"])(pytest.mark.usefixtures("steps")(test))


@pytest.fixture
def steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether kernels are taken, whatever the number of numbers."""
    monkeypatch.setattr(optimizer, "_FEW", sys.maxsize if request.param == "plain" else 0)


def moved(make: Callable[[Any], Optimizer], arrays: Sequence[Any], gradients: Sequence[Any]) -> list[Array]:
    """Three steps with gradients that shrink."""
    tensors = [gg.asarray(array, requires_grad=True) for array in arrays]
    optimizer = make(tensors)
    for step in range(3):
        for one, gradient in zip(tensors, gradients, strict=True):
            one.grad = gg.asarray(np.asarray(gradient / 2**step, one.dtype))
        optimizer.step()
    return [one.data for one in tensors]


def draw(*shape: int, dtype: str = "float64", seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).normal(size=shape)).astype(dtype)


LAYOUTS: Mapping[str, Callable[[Array], Array]] = {
    "F": np.asfortranarray,
    "a part": lambda array: np.repeat(array, 2, axis=1)[:, ::2],
    "backwards": lambda array: np.array(array[::-1])[::-1],
    "unaligned": lambda array: np.ndarray(array.shape, array.dtype, bytearray(b"." + array.tobytes()), offset=1),
}


@every
@pytest.mark.parametrize("of", ["parameter", "gradient", "both"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_of_memory(make: Callable[[Any], Optimizer], layout: str, of: str) -> None:
    p, g = draw(4, 6), draw(4, 6, seed=1)
    (expected,) = moved(make, [p.copy()], [g])
    form = LAYOUTS[layout]
    q, h = form(p) if of != "gradient" else p.copy(), form(g) if of != "parameter" else g
    (result,) = moved(make, [q], [h])
    assert result is q
    np.testing.assert_array_equal(result, expected)


@every
def test_a_gradient_that_was_broadcast(make: Callable[[Any], Optimizer]) -> None:
    p = gg.tensor(draw(3, 4), requires_grad=True)
    (expected,) = moved(make, [p.data.copy()], [np.ones((3, 4))])
    optimizer = make([p])
    for step in range(3):
        p.grad = gg.asarray(np.broadcast_to(np.float64(1 / 2**step), (3, 4)))
        optimizer.step()
    np.testing.assert_array_equal(p.data, expected)


@every
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64", "complex128"])
def test_each_parameter_keeps_its_dtype_and_shape(make: Callable[[Any], Optimizer], dtype: str) -> None:
    shapes: list[tuple[int, ...]] = [(), (1,), (0,), (2, 3, 1)]
    if dtype in ("float16", "longdouble"):
        shapes = shapes[:2]
    try:
        arrays = [draw(*shape, dtype=dtype) for shape in shapes]
        results = moved(make, arrays, [np.ones(shape, dtype) for shape in shapes])
    except gg.DTypeError:
        pytest.skip(f"no tensor is {dtype}")
    assert [one.shape for one in results] == shapes
    assert {one.dtype for one in results} == {np.dtype(dtype)}
    assert all(np.isfinite(one).all() for one in results)


@every
def test_parameters_of_several_dtypes_move_together(make: Callable[[Any], Optimizer]) -> None:
    arrays = [draw(5, dtype=dtype) for dtype in ("float32", "float64", "complex64")]
    gradients = [np.ones(5, array.dtype) for array in arrays]
    alone = [moved(make, [array.copy()], [g])[0] for array, g in zip(arrays, gradients, strict=True)]
    for one, other in zip(moved(make, arrays, gradients), alone, strict=True):
        assert one.tobytes() == other.tobytes()


@every
@pytest.mark.parametrize("turned", [False, True])
def test_parameters_that_share_memory_move_one_after_the_other(make: Callable[[Any], Optimizer], turned: bool) -> None:
    shared = draw(4, 4)
    ways = [shared, shared.T if turned else shared[:]]
    gradients = [draw(4, 4, seed=1), draw(4, 4, seed=2)]
    expected = shared.copy()
    first, second = (gg.tensor(expected, requires_grad=True) for _ in range(2))
    optimizers = make([first]), make([second])
    for step in range(3):
        first.data = expected
        first.grad = gg.tensor(gradients[0] / 2**step)
        optimizers[0].step()
        second.data = np.array(first.data.T if turned else first.data)
        second.grad = gg.tensor(gradients[1] / 2**step)
        optimizers[1].step()
        expected = np.array(second.data.T if turned else second.data)
    moved(make, ways, gradients)
    np.testing.assert_allclose(shared, expected, rtol=1e-14)


@every
def test_a_gradient_may_be_the_memory_of_a_parameter(make: Callable[[Any], Optimizer]) -> None:
    """Both move as if each gradient had been written down before the step."""
    p, q = draw(3, 3), draw(3, 3, seed=1)
    apart = [gg.tensor(p, requires_grad=True), gg.tensor(q, requires_grad=True)]
    apart[0].grad, apart[1].grad = gg.tensor(p.T), gg.tensor(p)
    make(apart).step()
    together = [gg.asarray(p, requires_grad=True), gg.asarray(q, requires_grad=True)]
    together[0].grad, together[1].grad = gg.asarray(p.T), gg.asarray(p)
    make(together).step()
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one.data, other.data)


@every
def test_what_is_read_only_is_refused_before_anything_moves(make: Callable[[Any], Optimizer]) -> None:
    p, q = gg.tensor(draw(3), requires_grad=True), gg.tensor(draw(3), requires_grad=True)
    p.grad, q.grad = gg.ones(3, dtype="float64"), gg.ones(3, dtype="float64")
    before = p.data.copy()
    q.data.flags.writeable = False
    with pytest.raises(gg.WriteError, match=r"is read-only[\s\S]*hint: gg.tensor"):
        make([{"params": [p]}, {"params": [q]}]).step()
    np.testing.assert_array_equal(p.data, before)


@every
def test_a_lock_does_not_hinder_a_step_that_is_noted(make: Callable[[Any], Optimizer]) -> None:
    p = gg.tensor(draw(3), requires_grad=True)
    loss = gg.sum(p * p)
    p.grad = gg.ones(3, dtype="float64")
    lock = Lock([p.data])
    make([p]).step()
    assert not p.data.flags.writeable
    lock.release()
    assert p.data.flags.writeable
    with pytest.raises(gg.WriteError, match="multiply needs operand a"):
        loss.backward()


@every
def test_each_parameter_that_moved_is_a_write_and_no_other(make: Callable[[Any], Optimizer]) -> None:
    p, q, r = (gg.tensor(draw(3), requires_grad=True) for _ in range(3))
    losses = [gg.sum(one * one) for one in (p, q, r)]
    p.grad, r.grad = gg.ones(3, dtype="float64"), gg.ones(3, dtype="float64")
    make([p, q, r]).step()  # the line that is told
    for loss in (losses[0], losses[2]):
        with pytest.raises(gg.WriteError, match=r"written at: .*test_optimizer.py.*# the line that is told"):
            loss.backward()
    losses[1].backward()


@every
def test_a_state_may_come_in_any_layout_and_dtype(make: Callable[[Any], Optimizer]) -> None:
    one, other = (gg.tensor(draw(4, 3, dtype="float32"), requires_grad=True) for _ in range(2))
    optimizers = make([one]), make([other])
    for form in (lambda array: array, np.asfortranarray, np.float64, LAYOUTS["a part"]):
        for p, both in zip((one, other), optimizers, strict=True):
            p.grad = gg.tensor(draw(4, 3, dtype="float32", seed=1))
            both.step()
        state = optimizers[1].state[other]
        state.update({name: form(value) for name, value in state.items() if isinstance(value, np.ndarray)})
    np.testing.assert_array_equal(one.data, other.data)
    for name, value in optimizers[0].state[one].items():
        np.testing.assert_array_equal(value, optimizers[1].state[other][name])


@every
def test_a_state_of_another_shape_is_refused(make: Callable[[Any], Optimizer]) -> None:
    p = gg.tensor(draw(4, 3), requires_grad=True)
    p.grad = gg.ones((4, 3), dtype="float64")
    steps = make([p])
    steps.step()
    before = p.data.copy()
    for name in [name for name, value in steps.state[p].items() if isinstance(value, np.ndarray)]:
        kept, steps.state[p][name] = steps.state[p][name], np.zeros(3)
        with pytest.raises(ValueError, match=rf"{name} in the state has another shape[\s\S]*expected: \(4, 3\)"):
            steps.step()
        steps.state[p][name] = kept
    np.testing.assert_array_equal(p.data, before)


@pytest.mark.parametrize("make", IN_NUMPY.values(), ids=IN_NUMPY)
def test_blocks_of_a_large_parameter_move_as_the_whole(
    make: Callable[[Any], Optimizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for size in (1 << 20, 5):
        monkeypatch.setattr(arithmetic, "_BLOCK", size)
        results.append(moved(make, [draw(3, 4), draw(7, seed=2)], [draw(3, 4, seed=1), draw(7, seed=3)]))
    for whole, parts in zip(*results, strict=True):
        assert whole.tobytes() == parts.tobytes()


def test_optimisers_of_others_get_plain_arrays() -> None:
    class Sign(Optimizer):
        def update(
            self,
            parameters: Sequence[Array],
            gradients: Sequence[Array],
            states: Sequence[dict[str, Any]],
            group: Mapping[str, Any],
        ) -> None:
            for p, g, count in zip(parameters, gradients, self.memory("count", parameters, states), strict=True):
                p -= group["lr"] * np.sign(g)
                count += 1

    p = gg.asarray(np.zeros((2, 3)).T, requires_grad=True)
    p.grad = gg.tensor(np.array([[1.0, -2.0], [0.0, 3.0], [-1.0, -1.0]]))
    signs = Sign([p], {"lr": 0.5})
    signs.step()
    assert p.tolist() == [[-0.5, 0.5], [0.0, -0.5], [0.5, 0.5]]
    assert signs.state_dict()["state"][0]["count"].tolist() == [[1.0] * 2] * 3


def test_few_numbers_move_without_numba(run_python: Any) -> None:
    code = """
import sys
import graphgrad as gg
model = gg.nn.Sequential(gg.nn.Linear(64, 32), gg.nn.ReLU(), gg.nn.Linear(32, 10))
optimizer = gg.optim.Adam(model.parameters())
gg.sum(model(gg.ones((2, 64)))).backward()
optimizer.step()
print("numba" in sys.modules)
"""
    assert run_python("-c", code).stdout == "False\n"


def test_both_ways_are_taken() -> None:
    few, many = [np.zeros(10)] * 3, [np.zeros(40_000)]
    assert optimizer.step_kernels(few) is plain
    from graphgrad.kernels.jit import compiles

    for arrays in (many, [np.zeros(64)] * 100):
        assert (optimizer.step_kernels(arrays) is plain) is not compiles()
    assert optimizer.step_kernels([np.zeros(40_000, "float16")]) is plain
