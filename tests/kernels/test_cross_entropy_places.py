"""Cross entropy with the classes before the places: kernel and twin, the operation that uses them, PyTorch."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from scipy import special

import graphgrad as gg
from graphgrad.graph.operation import Op
from graphgrad.kernels.jit import compiles
from graphgrad.kernels.plain import cross_entropy_places as plain

operation = importlib.import_module("graphgrad.ops.functional.cross_entropy")
F = gg.nn.functional

if compiles():
    from graphgrad.kernels import cross_entropy_places as compiled
else:
    compiled = plain  # type: ignore[misc]
of_kernels = pytest.mark.skipif(not compiles(), reason="nothing is compiled here")

BOTH = pytest.mark.parametrize("kernels", [compiled, plain], ids=["compiled", "plain"])
CLOSE = {"float32": {"rtol": 1e-5, "atol": 3e-6}, "float64": {"rtol": 1e-13, "atol": 1e-14}}
EVEN = pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
KINDS = pytest.mark.parametrize("is_table", [False, True], ids=["classes", "probabilities"])


@pytest.fixture(autouse=True)
def sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share out what one thread does in earnest."""
    if compiles():
        monkeypatch.setattr(compiled, "_ENOUGH", 1 << 14)
        monkeypatch.setattr(compiled, "_BLOCK", 1 << 13)


def drawn(shape: tuple[int, int, int], dtype: str, is_table: bool) -> tuple[Any, Any, Any, Any]:
    """Logits of all sizes, classes of which some don't count or a table, weights, and what arrives."""
    rng = np.random.default_rng(0)
    n, classes, places = shape
    x = rng.normal(size=shape) * rng.choice([0.1, 3.0, 60.0], (n, 1, places)) + rng.normal(size=(n, 1, places))
    target = rng.integers(0, classes, (n, places))
    target[rng.random((n, places)) < 0.2] = -1
    table = rng.random(shape).astype(dtype)
    weight = rng.uniform(0.5, 2.0, classes).astype(dtype)
    return x.astype(dtype), table if is_table else target, weight, rng.normal(size=(n, places)).astype(dtype)


def by_formula(x: Any, target: Any, weight: Any, share: float, even: float, g: Any) -> tuple[Any, Any]:
    """Losses and gradients in float64, from SciPy's softmaxes and tables of probabilities."""
    x, weight, g, counts = x.astype("float64"), weight.astype("float64")[:, None], g[:, None], True
    if target.dtype.kind != "f":
        counts = (target >= 0)[:, None]
        target = np.moveaxis(np.eye(x.shape[1])[np.maximum(target, 0)], -1, 1)
    truth = (share * target.astype("float64") + even) * weight
    losses = -np.sum(truth * special.log_softmax(x, axis=1), axis=1, keepdims=True)
    gradient = (special.softmax(x, axis=1) * truth.sum(1, keepdims=True) - truth) * g
    return np.where(counts, losses, 0.0)[:, 0], np.where(counts, gradient, 0.0)


# ---- kernel and twin -------------------------------------------------------------------------------------------------


@BOTH
@KINDS
@EVEN
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 17), (3, 1, 5), (1, 7, 513), (5, 4, 1100), (3, 150, 37)])
def test_values_and_gradients(
    shape: tuple[int, int, int], dtype: str, smoothing: float, is_table: bool, kernels: Any
) -> None:
    """The last two are shared out among threads, in blocks that end within an example."""
    x, target, weight, g = drawn(shape, dtype, is_table)
    probabilities = 1.0 - smoothing, smoothing / shape[1]
    losses, top, factor = kernels.losses(x, target, weight, *probabilities)
    gradient = kernels.gradient(x, target, weight, *probabilities, top, factor, g)
    assert {one.dtype.name for one in (losses, top, factor, gradient)} == {dtype}
    assert losses.shape == top.shape == factor.shape == (shape[0], shape[2])
    close = CLOSE[dtype]
    for ours, theirs in zip((losses, gradient), by_formula(x, target, weight, *probabilities, g), strict=True):
        atol = close["atol"] * max(1, np.abs(x).max(), shape[1])
        np.testing.assert_allclose(ours, theirs, rtol=close["rtol"], atol=atol)


@of_kernels
def test_the_last_sizes_are_shared_out_and_no_block_divides_them() -> None:
    for n, classes, places in ((5, 4, 1100), (3, 150, 37)):
        assert n * classes * places > compiled._ENOUGH
        assert places % compiled._WIDTH
    assert max(compiled._WIDTH, compiled._BLOCK // 4) < 5 * 1100
    assert 1100 % (compiled._BLOCK // 4)


@BOTH
@KINDS
@pytest.mark.parametrize("shape", [(0, 3, 20), (2, 3, 0)])
def test_nothing(shape: tuple[int, int, int], is_table: bool, kernels: Any) -> None:
    x, target, weight, g = drawn(shape, "float32", is_table)
    losses, top, factor = kernels.losses(x, target, weight, 0.9, 0.1)
    assert losses.shape == top.shape == factor.shape == g.shape
    assert kernels.gradient(x, target, weight, 0.9, 0.1, top, factor, g).shape == shape


@BOTH
@KINDS
def test_other_layouts(is_table: bool, kernels: Any) -> None:
    x, target, weight, g = drawn((3, 5, 40), "float32", is_table)
    frozen = x.copy()
    frozen.flags.writeable = False
    _, top, factor = plain.losses(x, target, weight, 1.0, 0.0)
    expected = plain.gradient(x, target, weight, 1.0, 0.0, top, factor, g)
    for one in (np.asfortranarray(x), np.repeat(x, 2, 2)[:, :, ::2], frozen):
        _, top, factor = kernels.losses(one, np.asfortranarray(target), weight, 1.0, 0.0)
        ours = kernels.gradient(one, np.asfortranarray(target), weight, 1.0, 0.0, top, factor, np.asfortranarray(g))
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


@BOTH
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_no_number_and_what_has_no_end(dtype: str, kernels: Any) -> None:
    nan, inf = np.nan, np.inf
    rows = np.array(
        [
            [0, nan, 1, 2],
            [-nan, 0, 0, 0],
            [inf, 0, 0, 0],
            [-inf, -inf, -inf, -inf],
            [-inf, 0, -inf, 0],
            [nan, nan, 0, 0],
            [3e38, -3e38, 0, 0],
            [-1e30, -1e30, 0, -120],
            [-inf, 0, 0, 0],
        ],
        dtype,
    )
    target = np.array([[0, 1, 0, 2, 1, -1, 0, 3, 0]])
    x, weight, scale = np.ascontiguousarray(rows.T)[None], np.ones(4, dtype), np.ones((1, 9), dtype)
    losses, top, factor = kernels.losses(x, target, weight, 1.0, 0.0)
    assert np.isnan(losses[0, :4]).all()
    np.testing.assert_allclose(losses[0, 4:], [np.log(2), 0.0, 0.0, 120.0, inf], rtol=1e-6)
    gradient = kernels.gradient(x, target, weight, 1.0, 0.0, top, factor, scale)[0].T
    assert np.isnan(gradient[:4]).all()
    third = 1 / 3
    expected: Any = [[0, -0.5, 0, 0.5], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, -1], [-1, third, third, third]]
    np.testing.assert_allclose(gradient[4:], expected, atol=1e-6)


@of_kernels
@KINDS
@EVEN
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_kernel_and_twin_tell_alike_of_what_is_no_number(value: float, smoothing: float, is_table: bool) -> None:
    x, target, weight, g = drawn((2, 5, 30), "float32", is_table)
    weight[3] = 0
    x[np.random.default_rng(1).random(x.shape) < 0.15] = value
    probabilities = 1.0 - smoothing, smoothing / 5
    found = []
    for kernels in (compiled, plain):
        losses, top, factor = kernels.losses(x, target, weight, *probabilities)
        found.append((losses, kernels.gradient(x, target, weight, *probabilities, top, factor, g)))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-4)


@of_kernels
def test_a_class_that_is_none_writes_nowhere() -> None:
    """Somebody may write to the target between the passes."""
    x, _, weight, g = drawn((1, 3, 4), "float32", False)
    target = np.array([[0, 5, 10**12, -7]])
    losses, top, factor = compiled.losses(x, target, weight, 1.0, 0.0)
    assert losses[0, 1:].tolist() == [0.0] * 3
    assert not compiled.gradient(x, target, weight, 1.0, 0.0, top, factor, g)[0, :, 1:].any()


# ---- the operation ---------------------------------------------------------------------------------------------------


@pytest.fixture(params=["few", "many"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """By NumPy, or by the kernels however few logits there are."""
    monkeypatch.setattr(operation, "_ENOUGH", 10**9 if request.param == "few" else 0)
    return str(request.param)


OPTIONS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 4, 17), {}),
    ((3, 4, 5, 7), {"reduction": "sum", "ignore_index": 2}),
    ((3, 4, 5, 7), {"reduction": "none", "weight": True}),
    ((2, 4, 3, 5, 2), {"weight": True, "ignore_index": 0}),
    ((2, 4, 19), {"label_smoothing": 0.3, "ignore_index": 1}),
    ((2, 4, 5, 5), {"label_smoothing": 0.1, "weight": True, "ignore_index": 1}),
    ((2, 4, 19), {"label_smoothing": 0.1, "weight": True, "reduction": "none"}),
    ((2, 4, 5, 5), {"probabilities": True}),
    ((2, 4, 5, 5), {"probabilities": True, "reduction": "sum", "weight": True}),
    ((2, 4, 19), {"probabilities": True, "weight": True, "label_smoothing": 0.2, "reduction": "none"}),
]


def operands(shape: tuple[int, ...], options: dict[str, Any], dtype: str) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Logits, target, weights if they are wanted, and the other options."""
    rng = np.random.default_rng(0)
    options = dict(options)
    x, target = rng.normal(size=shape).astype(dtype), rng.integers(0, 4, (shape[0], *shape[2:]))
    if options.pop("probabilities", False):
        target = special.softmax(rng.normal(size=shape), axis=1).astype(dtype)
    return x, target, rng.uniform(0.5, 2.0, 4).astype(dtype) if options.pop("weight", False) else None, options


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "options"), OPTIONS, ids=str)
def test_it_is_pytorchs(shape: tuple[int, ...], options: dict[str, Any], dtype: str, way: str) -> None:
    torch = pytest.importorskip("torch")
    x, target, weight, options = operands(shape, options, dtype)
    ours, theirs = gg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = F.cross_entropy(ours, target, weight, **options)
    expected = torch.nn.functional.cross_entropy(
        theirs, torch.tensor(target), None if weight is None else torch.tensor(weight), **options
    )
    np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=2e-6, atol=1e-7)
    g = np.random.default_rng(1).normal(size=y.shape).astype(dtype)
    y.backward(g)
    expected.backward(torch.tensor(g))
    assert ours.grad is not None
    assert ours.grad.dtype == dtype
    np.testing.assert_allclose(ours.grad.data, theirs.grad.numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("shape", "options"), OPTIONS, ids=str)
def test_it_is_its_expansion(shape: tuple[int, ...], options: dict[str, Any], way: str) -> None:
    x, target, weight, options = operands(shape, options, "float64")
    attrs = {"ignore_index": -100, "reduction": "mean", "label_smoothing": 0.0, **options}
    op: Op = F.cross_entropy.op
    assert op.expand is not None
    found = []
    for function in (F.cross_entropy, op.expand):
        leaf = gg.tensor(x, requires_grad=True)
        y = function(leaf, gg.asarray(target), weight, **attrs)
        y.backward(np.cos(np.arange(y.data.size)).reshape(y.shape))
        assert leaf.grad is not None
        found.append((y.data, leaf.grad.data))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "options",
    [{}, {"reduction": "none", "label_smoothing": 0.2}, {"reduction": "sum", "ignore_index": 1}],
    ids=str,
)
def test_derivatives_of_both_orders(options: dict[str, Any], way: str) -> None:
    rng = np.random.default_rng(0)
    x = gg.tensor(rng.normal(size=(1, 3, 16)), requires_grad=True)
    weight = gg.tensor(rng.uniform(0.5, 2.0, 3), requires_grad=True)
    target = rng.integers(0, 3, (1, 16))
    assert gg.gradcheck(lambda x, w: F.cross_entropy(x, target, w, **options), (x, weight))
    assert gg.gradgradcheck(lambda x, w: F.cross_entropy(x, target, w, **options), (x, weight))


def test_derivatives_for_probabilities(way: str) -> None:
    rng = np.random.default_rng(0)
    x, target = (gg.tensor(rng.normal(size=(1, 2, 16)), requires_grad=True) for _ in range(2))
    assert gg.gradcheck(F.cross_entropy, (x, target))
    assert gg.gradgradcheck(F.cross_entropy, (x, target))


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"probabilities": True}], ids=str)
def test_a_recorded_pass_and_a_second_one_give_the_same_bits(options: dict[str, Any], way: str) -> None:
    """What the forward run left is used up by the first pass, and computed again by others."""
    given, target, weight, options = operands((3, 4, 9, 5), options, "float32")
    x = gg.tensor(given, requires_grad=True)
    y = F.cross_entropy(x, target, weight, **options)
    grads: list[Any] = []
    for how in ({"retain_graph": True}, {"retain_graph": True}, {"create_graph": True}):
        x.grad = None
        y.backward(**how)
        assert x.grad is not None
        grads.append(x.grad.data)
    np.testing.assert_array_equal(grads[0], grads[1])
    np.testing.assert_array_equal(grads[0], grads[2])


def test_whose_places_lie_together_is_worked_on_as_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few places, and rows of logits that were turned, go by rows; so does nothing else with more than two axes."""
    x = np.zeros((2, 5, 20), "float32")
    target, table = np.zeros((2, 20), int), np.zeros((2, 5, 20), "float32")
    assert operation._has_places(x, target)
    assert operation._has_places(x, table)
    assert operation._has_places(x[:, :, ::-1], target)
    assert not operation._has_places(x, table.astype("float64"))
    assert not operation._has_places(np.zeros((2, 20, 5), "float32").transpose(0, 2, 1), target)
    assert not operation._has_places(x[:, :, :15], target[:, :15])
    assert not operation._has_places(x[:0], target[:0])
    assert not operation._has_places(x[0], target[0])


def test_nothing_of_the_size_of_the_logits_is_kept(way: str) -> None:
    x = gg.tensor(np.zeros((2, 7, 25), "float32"), requires_grad=True)
    before = len(operation._kept)
    y = F.cross_entropy(x, np.zeros((2, 25), int))
    assert len(operation._kept) == before + 1
    _, values = operation._kept._kept[id(y.data)]
    assert all(one.size == 50 for one in values[2:])
    y.backward()
    assert len(operation._kept) == before


def test_if_no_place_counts_the_mean_is_nan_and_its_gradient_nothing(way: str) -> None:
    x = gg.tensor(np.full((2, 3, 16), np.nan, "float32"), requires_grad=True)
    with np.errstate(all="ignore"):
        y = F.cross_entropy(x, np.full((2, 16), -100))
        y.backward()
    assert np.isnan(y.item())
    assert x.grad is not None
    assert not x.grad.data.any()
