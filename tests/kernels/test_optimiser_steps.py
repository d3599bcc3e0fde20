"""Steps of optimisers: the kernels give the bits of their twins, which are what the formulas say."""

from __future__ import annotations

import itertools
import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from graphgrad.kernels import optimiser_steps, threads
from graphgrad.kernels.jit import compiles
from graphgrad.kernels.plain import optimiser_steps as plain

Array = np.ndarray[Any, Any]

SHAPES: tuple[tuple[int, ...], ...] = ((), (1,), (0, 3), (5, 7), (3, 683), (64,), (2, 1025))
"""Some that end inside of a block or of a vector."""
SGD_CASES: list[dict[str, Any]] = [
    {"lr": 0.1, "momentum": momentum, "dampening": damping, "weight_decay": decay, "nesterov": ahead, "maximize": up}
    for momentum, damping, decay in itertools.product((0.0, 0.9), (0.0, 0.3), (0.0, 0.1))
    for ahead, up in itertools.product((False, True), repeat=2)
]
ADAM_CASES: list[dict[str, Any]] = [
    {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": decay, "decoupled": decoupled, "maximize": up}
    for decay, decoupled, up in itertools.product((0.0, 0.1), (False, True), (False, True))
]


def draw(dtype: str, seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    parts = [[rng.normal(size=shape) for shape in SHAPES] for _ in range(2)]
    return [np.asarray(a + 1j * b if dtype.startswith("c") else a).astype(dtype) for a, b in zip(*parts, strict=True)]


def moved_by_sgd(steps: ModuleType, dtype: str, options: dict[str, Any]) -> list[Array]:
    parameters = draw(dtype, 0)
    buffers = [np.zeros_like(p) for p in parameters] if options["momentum"] else None
    for step in range(3):
        begun = [step > 0] * len(parameters)
        steps.sgd(parameters, draw(dtype, 1 + step), buffers, begun, **options)
    return [*parameters, *(buffers or [])]


def moved_by_adam(steps: ModuleType, dtype: str, amsgrad: bool, options: dict[str, Any]) -> list[Array]:
    parameters = draw(dtype, 0)
    means, squares, largest = ([np.zeros_like(p) for p in parameters] for _ in range(3))
    for step in range(3):
        gradients = [g / 4**step for g in draw(dtype, 1 + step)]  # so that the largest square isn't the last
        counts = [step + 1 + k for k in range(len(parameters))]
        steps.adam(parameters, gradients, means, squares, largest if amsgrad else None, counts, **options)
    return [*parameters, *means, *squares, *largest]


compiled = pytest.mark.skipif(
    not compiles(), reason="nothing is compiled here: the kernels are their own twins in Python"
)


@pytest.fixture(params=["one after the other", "shared out"])
def sharing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges that end anywhere in a parameter, or hold several."""
    if request.param == "shared out":
        monkeypatch.setattr(optimiser_steps, "ENOUGH", 0)
        monkeypatch.setattr(threads, "processors", lambda: 5)


@compiled
@pytest.mark.usefixtures("sharing")
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_the_kernel_of_gradient_descent_gives_the_bits_of_its_twin(dtype: str) -> None:
    for options in SGD_CASES:
        ours, theirs = (moved_by_sgd(steps, dtype, options) for steps in (optimiser_steps, plain))
        assert [a.tobytes() for a in ours] == [a.tobytes() for a in theirs], options


@compiled
@pytest.mark.usefixtures("sharing")
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_the_kernel_of_adam_gives_the_bits_of_its_twin(dtype: str, amsgrad: bool) -> None:
    for options in ADAM_CASES:
        ours, theirs = (moved_by_adam(steps, dtype, amsgrad, options) for steps in (optimiser_steps, plain))
        assert [a.tobytes() for a in ours] == [a.tobytes() for a in theirs], options


@pytest.mark.parametrize("options", SGD_CASES)
def test_gradient_descent_is_its_formula(options: dict[str, Any]) -> None:
    *_, lr, momentum, dampening, decay = (options[name] for name in ("lr", "momentum", "dampening", "weight_decay"))
    expected = []
    for p, *gradients in zip(*(draw("float64", seed) for seed in range(4)), strict=True):
        m: Array | None = None
        for gradient in gradients:
            g = (-gradient if options["maximize"] else gradient) + decay * p
            m = g if m is None else momentum * m + (1 - dampening) * g
            p = p - lr * ((g + momentum * m if options["nesterov"] else m) if momentum else g)
        expected.append(p)
    for one, other in zip(moved_by_sgd(plain, "float64", options), expected, strict=False):
        np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("options", ADAM_CASES)
def test_adam_is_its_formula(options: dict[str, Any], amsgrad: bool) -> None:
    lr, (beta1, beta2), eps, decay = (options[name] for name in ("lr", "betas", "eps", "weight_decay"))
    moved = moved_by_adam(plain, "float64", amsgrad, options)
    for k, (p, *gradients) in enumerate(zip(*(draw("float64", seed) for seed in range(4)), strict=True)):
        m = v = top = np.zeros_like(p)
        for step, gradient in enumerate(gradients):
            g = (-gradient if options["maximize"] else gradient) / 4**step
            if options["decoupled"]:
                p = p * (1 - lr * decay)
            else:
                g = g + decay * p
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
            top = np.maximum(top, v) if amsgrad else v
            t = step + 1 + k
            p = p - lr * (m / (1 - beta1**t)) / (np.sqrt(top / (1 - beta2**t)) + eps)
        np.testing.assert_allclose(moved[k], p, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("steps", [optimiser_steps, plain])
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # Python says so where a kernel isn't compiled
def test_nan_and_infinity_stay_where_they_are(steps: ModuleType, amsgrad: bool) -> None:
    p, m, v, top = np.ones(4, "float32"), *np.zeros((3, 4), "float32")
    g = np.array([1.0, math.nan, math.inf, 0.0], "float32")
    for step in (1, 2):
        steps.adam([p], [g], [m], [v], [top] if amsgrad else None, [step], **ADAM_CASES[0])
    np.testing.assert_array_equal(np.isnan(p), [False, True, True, False])
    assert p[3] == 1.0
    assert math.isnan(v[1])
    if amsgrad:
        assert math.isnan(top[1])
    for buffers in (None, [np.zeros(4, "float32")]):
        p = np.array([1.0, 1.0, 1.0, math.inf], "float32")
        for begun in (False, True):
            steps.sgd([p], [g], buffers, [begun], **{**SGD_CASES[-1], "weight_decay": 0.0})
        np.testing.assert_array_equal(np.isnan(p), [False, True, False, False])
        np.testing.assert_array_equal(np.isposinf(p), [False, False, True, True])


@pytest.mark.parametrize("steps", [optimiser_steps, plain])
def test_gradients_are_not_touched(steps: ModuleType) -> None:
    g = np.linspace(-1.0, 1.0, 33)
    before = g.copy()
    p, *state = np.ones((4, 33))
    steps.sgd([p], [g], [state[0]], [False], **SGD_CASES[-1])
    steps.adam([p], [g], *([one] for one in state), [1], **ADAM_CASES[-1])
    np.testing.assert_array_equal(g, before)


def test_what_is_shared_out_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: list[int] = []

    def count(work: Any, shares: list[range]) -> None:
        shared.append(shares[-1].stop)
        for share in shares:
            work(share)

    monkeypatch.setattr(optimiser_steps, "in_parallel", count)
    monkeypatch.setattr(optimiser_steps, "ENOUGH", 120)
    for size in (24, 30, 40, 60):
        arrays = [np.ones(size) for _ in range(5)]
        p, g, a, b, c = ([one] for one in arrays)
        optimiser_steps.adam(p, g, a, b, c, [1], **ADAM_CASES[0])  # five arrays
        optimiser_steps.adam(p, g, a, b, None, [1], **ADAM_CASES[0])  # four
        optimiser_steps.sgd(p, g, a, [True], **SGD_CASES[-1])  # three
        optimiser_steps.sgd(p, g, None, [False], **SGD_CASES[0])  # two
    assert shared == [24] + [30] * 2 + [40] * 3 + [60] * 4


@compiled
def test_few_forms_are_compiled() -> None:
    """Whatever the shapes and options: a form for each kind of number is all that a learner ever waits for."""
    for dtype in ("float32", "float64", "complex64"):
        moved_by_sgd(optimiser_steps, dtype, SGD_CASES[0])
        moved_by_sgd(optimiser_steps, dtype, SGD_CASES[-1])
        moved_by_adam(optimiser_steps, dtype, True, ADAM_CASES[-1])
    kernels: list[Any] = [optimiser_steps._sgd, optimiser_steps._adam]
    assert [len(kernel.signatures) for kernel in kernels] == [2, 2]
