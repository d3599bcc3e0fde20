"""Cross entropy of rows: kernel and twin, the operation that uses them, PyTorch, and what is kept in between."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from scipy import special

import graphgrad as gg
from graphgrad.kernels.jit import compiles
from graphgrad.kernels.plain import cross_entropy as plain

operation = importlib.import_module("graphgrad.ops.functional.cross_entropy")
F = gg.nn.functional

if compiles():
    from graphgrad.kernels import cross_entropy as compiled
else:
    compiled = plain  # type: ignore[misc]
of_kernels = pytest.mark.skipif(not compiles(), reason="nothing is compiled here")

BOTH = pytest.mark.parametrize("kernels", [compiled, plain], ids=["compiled", "plain"])
CLOSE = {"float32": {"rtol": 3e-6, "atol": 1e-6}, "float64": {"rtol": 1e-13, "atol": 1e-14}}


@pytest.fixture(autouse=True)
def sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share out what one thread does in earnest."""
    if compiles():
        monkeypatch.setattr(compiled, "_ENOUGH", 1 << 18)


def rows(n: int, classes: int, dtype: str = "float32", seed: int = 0) -> tuple[Any, Any, Any]:
    """Logits of all sizes, classes of which some don't count, and what arrives."""
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(n, classes)) * rng.choice([0.1, 3.0, 60.0], (n, 1)) + rng.normal(size=(n, 1))).astype(dtype)
    target = rng.integers(0, classes, n)
    target[rng.random(n) < 0.2] = -1
    return x, target, rng.normal(size=n).astype(dtype)


def by_formula(x: Any, target: Any, g: Any) -> tuple[Any, Any]:
    """Losses and gradients in float64, from SciPy's logarithm of the sum of exponentials."""
    x, counts = x.astype("float64"), target >= 0
    hot = np.eye(x.shape[1])[np.where(counts, target, 0)]
    losses = np.where(counts, special.logsumexp(x, axis=1) - (x * hot).sum(1), 0.0)
    return losses, np.where(counts[:, None], (special.softmax(x, axis=1) - hot) * g[:, None], 0.0)


@BOTH
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (33, 17), (257, 10), (3, 1000), (600, 513)])
def test_values_and_gradients(shape: tuple[int, int], dtype: str, kernels: Any) -> None:
    """The last is shared out among threads, in blocks that don't divide the rows."""
    x, target, g = rows(*shape, dtype)
    losses, top, total = kernels.losses(x, target)
    gradient = kernels.gradient(x, target, top, total, g)
    assert {one.dtype.name for one in (losses, top, total, gradient)} == {dtype}
    expected = by_formula(x, target, g)
    for ours, theirs in zip((losses, gradient), expected, strict=True):
        close = CLOSE[dtype]
        np.testing.assert_allclose(ours, theirs, rtol=close["rtol"], atol=close["atol"] * max(1, np.abs(x).max()))


@of_kernels
def test_the_last_size_is_shared_out() -> None:
    assert compiled._ENOUGH < 600 * 513
    assert 600 % (compiled._BLOCK // 513)


@BOTH
@pytest.mark.parametrize("shape", [(0, 3), (0, 0), (0, 1)])
def test_nothing(shape: tuple[int, int], kernels: Any) -> None:
    x, target = np.zeros(shape, "float32"), np.zeros(0, np.int64)
    losses, top, total = kernels.losses(x, target)
    assert losses.shape == top.shape == total.shape == (0,)
    assert kernels.gradient(x, target, top, total, losses).shape == shape


@BOTH
def test_other_layouts(kernels: Any) -> None:
    x, target, g = rows(9, 5)
    frozen = x.copy()
    frozen.flags.writeable = False
    expected = plain.gradient(x, target, *plain.losses(x, target)[1:], g)
    for one in (np.asfortranarray(x), np.repeat(x, 2, 1)[:, ::2], frozen):
        _, top, total = kernels.losses(one, target)
        np.testing.assert_allclose(kernels.gradient(one, target, top, total, g), expected, rtol=1e-5, atol=1e-6)


@BOTH
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_no_number_and_what_has_no_end(kernels: Any) -> None:
    nan, inf = np.nan, np.inf
    x = np.array(
        [
            [0, nan, 1, 2],
            [-nan, 0, 0, 0],
            [inf, 0, 0, 0],
            [-inf, -inf, -inf, -inf],
            [-inf, 0, -inf, 0],
            [nan, nan, 0, 0],
            [3e38, -3e38, 0, 0],
            [-1e30, -1e30, 0, -120],
        ],
        "float32",
    )
    target = np.array([0, 1, 0, 2, 1, -1, 0, 3])
    losses, top, total = kernels.losses(x, target)
    assert np.isnan(losses[:4]).all()
    np.testing.assert_allclose(losses[4:], [np.log(2), 0.0, 0.0, 120.0], rtol=1e-6)
    gradient = kernels.gradient(x, target, top, total, np.ones(8, "float32"))
    assert np.isnan(gradient[:4]).all(1).sum() >= 3  # beside +inf only where it is
    assert np.isnan(gradient[2, 0])
    expected: Any = [[0, -0.5, 0, 0.5], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, -1]]
    np.testing.assert_allclose(gradient[4:], expected, atol=1e-6)


@BOTH
def test_large_logits_keep_the_digits_of_their_differences(kernels: Any) -> None:
    """The greatest is taken away before the logarithm of the sum is added, which would be lost in it."""
    x = np.array([[1e6, 1e6 - 3.0]], "float32")
    losses, *_ = kernels.losses(x, np.array([0]))
    assert losses[0] == pytest.approx(np.log1p(np.exp(-3.0)), rel=1e-6)


@BOTH
def test_the_greatest_of_a_row_is_found_among_numbers_of_either_sign(kernels: Any) -> None:
    x = np.array(
        [[-1.5, -300, -0.5], [-3e-40, -200, -2], [0, -0.0, -1e-3], [300, -1, 2], [-400, -200, -300]], "float32"
    )
    _, top, _ = kernels.losses(x, np.zeros(5, np.int64))
    np.testing.assert_array_equal(top, x.max(1))


@of_kernels
def test_a_class_that_is_none_writes_nowhere() -> None:
    """Somebody may write to the target between the passes."""
    x, target, g = rows(4, 3)
    target[:] = [0, 5, 10**12, -7]
    losses, top, total = compiled.losses(x, target)
    assert losses[1:].tolist() == [0.0] * 3
    assert not compiled.gradient(x, target, top, total, g)[1:].any()


# ---- the operation ---------------------------------------------------------------------------------------------------


@pytest.fixture(params=["few", "many"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """By NumPy, or by the kernels however few logits there are."""
    monkeypatch.setattr(operation, "_ENOUGH", 10**9 if request.param == "few" else 0)
    return str(request.param)


OPTIONS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((6, 4), {}),
    ((6, 4), {"reduction": "sum", "ignore_index": 2}),
    ((6, 4), {"reduction": "none", "weight": True}),
    ((6, 4), {"weight": True, "ignore_index": 0}),
    ((4,), {}),
    ((4,), {"weight": True}),
    ((2, 4, 3), {"reduction": "none"}),
    ((2, 4, 3, 2), {"weight": True, "ignore_index": 1}),
    ((6, 4), {"label_smoothing": 0.1, "weight": True}),
    ((2, 4, 3), {"label_smoothing": 0.3, "ignore_index": 1}),
    ((6, 4), {"probabilities": True}),
    ((2, 4, 3), {"probabilities": True, "weight": True, "label_smoothing": 0.2, "reduction": "none"}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "options"), OPTIONS, ids=str)
def test_it_is_pytorchs(shape: tuple[int, ...], options: dict[str, Any], dtype: str, way: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    options = dict(options)
    axis = 0 if len(shape) == 1 else 1
    x, of_examples = rng.normal(size=shape).astype(dtype), (*shape[:axis], *shape[axis + 1 :])
    target: Any = rng.integers(0, 4, of_examples)
    if options.pop("probabilities", False):
        target = special.softmax(rng.normal(size=shape), axis=axis).astype(dtype)
    weight = rng.uniform(0.5, 2.0, 4).astype(dtype) if options.pop("weight", False) else None
    ours, theirs = gg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = F.cross_entropy(ours, target, weight, **options)
    expected = torch.nn.functional.cross_entropy(
        theirs, torch.tensor(target), None if weight is None else torch.tensor(weight), **options
    )
    np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=2e-6, atol=1e-7)
    g = rng.normal(size=y.shape).astype(dtype)
    y.backward(g)
    expected.backward(torch.tensor(g))
    assert ours.grad is not None
    np.testing.assert_allclose(ours.grad.data, theirs.grad.numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"reduction": "none"}, {"reduction": "sum", "ignore_index": 1}], ids=str)
def test_derivatives_of_both_orders(options: dict[str, Any], way: str) -> None:
    rng = np.random.default_rng(0)
    x = gg.tensor(rng.normal(size=(3, 4)), requires_grad=True)
    weight = gg.tensor(rng.uniform(0.5, 2.0, 4), requires_grad=True)
    target = np.array([1, 3, 0])
    assert gg.gradcheck(lambda x, w: F.cross_entropy(x, target, w, **options), (x, weight))
    assert gg.gradgradcheck(lambda x, w: F.cross_entropy(x, target, w, **options), (x, weight))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_recorded_pass_and_a_second_one_give_the_same_bits(dtype: str, way: str) -> None:
    """What the forward run left is used up by the first pass, and computed again by others."""
    x = gg.tensor(np.random.default_rng(0).normal(size=(40, 30)).astype(dtype), requires_grad=True)
    target = np.arange(40) % 30
    y = F.cross_entropy(x, target)
    grads: list[Any] = []
    for how in ({"retain_graph": True}, {"retain_graph": True}, {"create_graph": True}):
        x.grad = None
        y.backward(**how)
        assert x.grad is not None
        grads.append(x.grad.data)
    np.testing.assert_array_equal(grads[0], grads[1])
    np.testing.assert_array_equal(grads[0], grads[2])


def test_a_second_derivative_where_a_probability_is_nothing(way: str) -> None:
    """The textbook's logarithm of a softmax would have the logarithm of 0 there."""
    x = gg.tensor([[0.0, -2000.0, 1.0]], dtype="float64")
    first = gg.grad(lambda x: F.cross_entropy(x, [1]))
    second = gg.grad(lambda x: gg.sum(first(x) ** 2))(x)
    p = special.softmax([0.0, -2000.0, 1.0])
    d = p - [0.0, 1.0, 0.0]
    np.testing.assert_allclose(second.data[0], 2 * (p * d - p * (p @ d)), rtol=1e-12, atol=1e-15)


def test_a_class_that_cannot_be_has_no_part_in_either_derivative(way: str) -> None:
    """A logit of -inf, as masks make them: the others are passed back as if it weren't there."""
    whole, rest = np.array([[0.0, -np.inf, 1.0, 2.0]]), np.array([[0.0, 1.0, 2.0]])

    def both(x: Any, target: int) -> tuple[Any, Any]:
        first = gg.grad(lambda x: F.cross_entropy(x, [target]))
        return first(gg.tensor(x)).data, gg.grad(lambda x: gg.sum(first(x) ** 2))(gg.tensor(x)).data

    for ours, expected in zip(both(whole, 3), both(rest, 2), strict=True):
        np.testing.assert_allclose(ours[0, [0, 2, 3]], expected[0], rtol=1e-12, atol=1e-15)
        assert ours[0, 1] == 0.0


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 2), (2, 3, 0), (2, 3, 0, 4)])
def test_no_examples(shape: tuple[int, ...], way: str) -> None:
    x = gg.tensor(np.zeros(shape, "float32"), requires_grad=True)
    for create_graph in (False, True):
        x.grad = None
        y = F.cross_entropy(x, np.zeros((shape[0], *shape[2:]), int), reduction="sum")
        y.backward(create_graph=create_graph)
        assert y.item() == 0.0
        assert x.grad is not None
        assert (x.grad.shape, x.grad.dtype) == (shape, x.dtype)


def test_nothing_of_the_size_of_the_logits_is_kept(way: str) -> None:
    x = gg.tensor(np.zeros((50, 20), "float32"), requires_grad=True)
    before = len(operation._kept)
    y = F.cross_entropy(x, np.zeros(50, int))
    assert len(operation._kept) == before + 1
    _, values = operation._kept._kept[id(y.data)]
    assert all(one.size == 50 for one in values[1:])
    y.backward()
    assert len(operation._kept) == before
    z = F.cross_entropy(x, np.zeros(50, int))
    del z
    assert len(operation._kept) == before
