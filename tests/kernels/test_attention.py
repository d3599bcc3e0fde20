"""Attention kernels: against their twins in NumPy, and against PyTorch; and the memory that they take."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.kernels import threads
from graphgrad.kernels.jit import compiles
from graphgrad.kernels.plain import attention as plain

Array = np.ndarray[Any, Any]

compiled = pytest.mark.skipif(not compiles(), reason="numba doesn't compile")
CLOSE: dict[str, dict[str, Any]] = {"float64": {"rtol": 1e-11, "atol": 1e-12}, "float32": {"rtol": 1e-5, "atol": 1e-5}}
# Leading axes, queries, keys, features and those of the values: of one, odd, several blocks.
SHAPES = [
    ((), 1, 1, 1, 1),
    ((2, 3), 5, 7, 4, 3),
    ((3,), 17, 33, 9, 8),
    ((1, 2), 50, 20, 3, 5),
    ((2,), 20, 50, 6, 2),
]
MASKS = ["none", "causal", "pairs", "padding", "added", "added to keys", "dropped", "causal and dropped"]
SEED, P = 3, 0.4


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The compiled kernels, with blocks so small that most shapes have several."""
    from graphgrad.kernels import attention

    monkeypatch.setattr(attention, "_BLOCK", 256)
    monkeypatch.setattr(attention, "_ROWS", 8)
    return attention


def operands(shape: Any, dtype: str, seed: int = 0) -> dict[str, Array]:
    """The operands and the gradient of the result."""
    batch, queries, keys, width, wide = shape
    rng = np.random.default_rng(seed)
    shapes = {"g": (queries, wide), "query": (queries, width), "key": (keys, width), "value": (keys, wide)}
    return {name: rng.normal(size=(*batch, *one)).astype(dtype) for name, one in shapes.items()}


def options(kind: str, shape: Any, dtype: str) -> dict[str, Any]:
    """A mask and the like; the first query sees nothing where that can be."""
    batch, queries, keys, *_ = shape
    rng = np.random.default_rng(1)
    more: dict[str, Any] = {"mask": None, "scale": 0.3, "causal": kind.startswith("causal")}
    if kind == "pairs":
        more["mask"] = rng.random((queries, keys)) < 0.6
        more["mask"][0] = False
    elif kind == "padding":
        more["mask"] = rng.random((*batch[:1], *[1] * len(batch), keys)) < 0.6
    elif kind == "added":
        more["mask"] = rng.normal(size=(*batch, queries, keys)).astype(dtype)
        more["mask"][..., 0, :] = -np.inf
    elif kind == "added to keys":
        more["mask"] = rng.normal(size=keys).astype(dtype)
    elif kind.endswith("dropped"):
        more["drop"] = (SEED, P)
    return more


def run(kernels: Any, given: Mapping[str, Array], more: Mapping[str, Any], *needs: str) -> dict[str, Array]:
    """Both passes: everything that comes of them, by name."""
    three = {name: given[name] for name in ("query", "key", "value")}
    out, kept = kernels.forward(**three, **more)
    if not needs:
        needs = (*three, *(["mask"] if more["mask"] is not None and more["mask"].dtype.kind == "f" else []))
    grads = kernels.backward(given["g"], **three, **more, kept=kept, needs=needs)
    return {"out": out, "top": kept[0], "share": kept[1], **grads}


def assert_same(ours: Mapping[str, Array], theirs: Mapping[str, Any], close: Mapping[str, Any]) -> None:
    assert set(theirs) <= set(ours)
    for name, one in theirs.items():
        assert (ours[name].shape, ours[name].dtype) == (one.shape, one.dtype)
        scale = max(1.0, float(np.max(np.abs(one), where=np.isfinite(one), initial=0.0)))
        np.testing.assert_allclose(ours[name] / scale, one / scale, **close, err_msg=name)


# ---- kernel and twin -------------------------------------------------------------------------------------------------


@compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", MASKS)
def test_a_kernel_computes_what_its_twin_does(kind: str, dtype: str, kernels: Any) -> None:
    for shape in SHAPES:
        given, more = operands(shape, dtype), options(kind, shape, dtype)
        assert_same(run(kernels, given, more), run(plain, given, more), CLOSE[dtype])


@compiled
@pytest.mark.parametrize("kind", MASKS)
def test_work_that_is_shared_out_comes_together(kind: str, kernels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_SMALL", 0)
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "processors", lambda count=count: count)
        monkeypatch.setattr(kernels, "processors", threads.processors)
        for shape in (((2, 3), 5, 7, 4, 3), ((1,), 50, 20, 3, 5)):  # many problems, and parts of one
            given, more = operands(shape, "float64"), options(kind, shape, "float64")
            assert_same(run(kernels, given, more), run(plain, given, more), CLOSE["float64"])


@compiled
def test_shared_work_gives_the_same_bits_whoever_is_done_first(kernels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_SMALL", 0)
    monkeypatch.setattr(kernels, "processors", lambda: 3)
    monkeypatch.setattr(threads, "processors", lambda: 3)
    shape = ((6,), 5, 7, 4, 3)
    given, more = operands(shape, "float32"), options("added to keys", shape, "float32")
    expected = run(kernels, given, more)["mask"]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):

        def in_that_order(function: Any, items: Any, order: Any = order) -> Any:
            found = {k: function(items[k]) for k in order}
            return [found[k] for k in range(len(items))]

        monkeypatch.setattr(kernels, "in_parallel", in_that_order)
        np.testing.assert_array_equal(run(kernels, given, more)["mask"], expected)


@compiled
@pytest.mark.parametrize("kind", ["none", "added"])
def test_leading_axes_broadcast(kind: str, kernels: Any) -> None:
    shape = ((2, 3), 5, 7, 4, 3)
    given, more = operands(shape, "float64"), options(kind, shape, "float64")
    given |= {"key": given["key"][:1], "value": given["value"][:, :1], "query": given["query"][0]}
    assert_same(run(kernels, given, more), run(plain, given, more), CLOSE["float64"])


@compiled
def test_only_what_is_wanted_is_computed(kernels: Any) -> None:
    given, more = operands(SHAPES[2], "float64"), options("added", SHAPES[2], "float64")
    everything = run(kernels, given, more)
    for name in ("query", "key", "value", "mask"):
        for one in (kernels, plain):
            found = run(one, given, more, name)
            assert set(found) == {"out", "top", "share", name}
            np.testing.assert_allclose(found[name], everything[name], rtol=1e-12, atol=1e-13)


@compiled
@pytest.mark.parametrize("kind", ["none", "pairs", "added"])
def test_layout_makes_no_difference(kind: str, kernels: Any) -> None:
    from graphgrad.kernels import attention_blocks as blocks

    shape = ((2, 3), 17, 33, 9, 8)
    given, more = operands(shape, "float32"), options(kind, shape, "float32")
    expected = run(kernels, given, more)
    both: tuple[Any, ...] = (blocks.forward, blocks.backward)
    compiled = [len(one.signatures) for one in both]
    for layout in (every_second, from_the_end, packed):
        strided = {name: layout(one) for name, one in given.items()}
        masked = more if more["mask"] is None else {**more, "mask": every_second(more["mask"])}
        assert_same(run(kernels, strided, masked), expected, {"rtol": 0, "atol": 0})
    assert compiled == [len(one.signatures) for one in both]  # nothing is compiled for a layout


def every_second(array: Array) -> Array:
    """The same values, every second element of a larger array in column-major order, read-only."""
    room = np.zeros([2 * n for n in array.shape], array.dtype, order="F")
    view = room[(slice(None, None, 2),) * array.ndim]
    view[...] = array
    view.flags.writeable = False
    return view


def from_the_end(array: Array) -> Array:
    return array[..., ::-1, ::-1].copy()[..., ::-1, ::-1]


def packed(array: Array) -> Array:
    """As heads lie beside each other in a projection: (length, batch, heads, features)."""
    return array.transpose(2, 0, 1, 3).copy().transpose(1, 2, 0, 3)


@compiled
def test_results_lie_as_queries_do(kernels: Any) -> None:
    """So that heads come together again without a copy."""
    given = {name: packed(one) for name, one in operands(((2, 3), 4, 5, 2, 2), "float32").items()}
    found = run(kernels, given, options("none", ((2, 3), 4, 5, 2, 2), "float32"))
    for name in ("out", "query", "key", "value"):
        assert found[name].transpose(2, 0, 1, 3).flags.c_contiguous


# ---- special numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("of", ["kernel", "twin"])
def test_a_query_that_sees_nothing_gives_zeros_and_no_gradient(of: str, dtype: str, request: Any) -> None:
    if of == "kernel" and not compiles():
        pytest.skip("numba doesn't compile")
    kernels = plain if of == "twin" else request.getfixturevalue("kernels")
    shape = ((2,), 5, 7, 4, 3)
    given = operands(shape, dtype)
    seen = np.ones((5, 7), np.bool)
    seen[2] = False
    added = np.where(seen, 0, -np.inf).astype(dtype)
    for mask in (seen, added):
        found = run(kernels, given, {"mask": mask, "scale": 0.5, "causal": False})
        assert not found["out"][:, 2].any()
        assert not found["share"][:, 2].any()
        assert not found["query"][:, 2].any()
        assert all(np.isfinite(found[name]).all() for name in ("out", "query", "key", "value"))
        rest = {name: np.delete(one, 2, axis=1) if name in ("g", "query") else one for name, one in given.items()}
        others = run(kernels, rest, {"mask": None, "scale": 0.5, "causal": False})
        for name in ("key", "value"):
            np.testing.assert_allclose(found[name], others[name], **CLOSE[dtype])


@compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_stays_in_its_problem(dtype: str, kernels: Any) -> None:
    shape = ((2,), 17, 33, 9, 8)
    for name, rows in (("query", slice(4, 5)), ("key", slice(None)), ("value", slice(None))):
        given, more = operands(shape, dtype), options("none", shape, dtype)
        given[name][1, 4, 0] = np.nan
        found = run(kernels, given, more)
        assert np.isnan(found["out"][1, rows]).any(axis=-1).all()
        assert not np.isnan(found["out"][0]).any()
        assert all(np.isfinite(found[one][0]).all() for one in ("query", "key", "value"))
        for one in {"query", "key", "value"} - {name} if name != "value" else {"query", "key"}:
            assert np.isnan(found[one][1]).any()
        assert_same({k: np.isnan(v) for k, v in found.items()},
                    {k: np.isnan(v) for k, v in run(plain, given, more).items()}, {})  # fmt: skip


@compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scores_may_be_large(dtype: str, kernels: Any) -> None:
    given, more = operands(SHAPES[2], dtype), options("none", SHAPES[2], dtype)
    given["query"] *= 1000
    close = 1e-4 if dtype == "float32" else 1e-11  # a digit of a score of thousands is one of its weight
    assert_same(run(kernels, given, more), run(plain, given, more), {"rtol": close, "atol": close})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("of", ["kernel", "twin"])
def test_weights_are_the_same_again_beside_scores_of_any_size(of: str, dtype: str, request: Any) -> None:
    """A mask of -1e9, or a large offset, leaves nothing of the scores: all weights are alike, in both passes."""
    if of == "kernel" and not compiles():
        pytest.skip("numba doesn't compile")
    kernels = plain if of == "twin" else request.getfixturevalue("kernels")
    given = operands(((2,), 17, 33, 9, 8), dtype)
    given["key"][:] = given["key"][:, :1]
    evenly = given["g"].sum(1, keepdims=True) / 33
    for offset in (-1e20, -1e9, 0.0, 1e5, 1e20):
        mask = np.full((17, 33), offset, dtype)
        found = run(kernels, given, {"mask": mask, "scale": 0.5, "causal": False})
        np.testing.assert_allclose(found["out"], np.broadcast_to(given["value"].mean(1, keepdims=True), (2, 17, 8)),
                                   **CLOSE[dtype])  # fmt: skip
        np.testing.assert_allclose(found["value"], np.broadcast_to(evenly, (2, 33, 8)), **CLOSE[dtype])
        grads = (given["g"] @ given["value"].mT - (given["g"] * found["out"]).sum(-1, keepdims=True)) / 33
        np.testing.assert_allclose(found["mask"], grads.sum(0), **CLOSE[dtype])


@compiled
@pytest.mark.parametrize(("dtype", "close"), [("float32", 2e-7), ("float64", 1e-15)])
def test_the_exponential_is_exact_to_the_last_digits(dtype: str, close: float) -> None:
    from graphgrad.kernels import attention_blocks

    x = -np.concatenate([np.linspace(0, 87, 20_001), np.logspace(-30, 1, 1000)]).astype(dtype)
    room = np.concatenate([[0.0], x]).astype(dtype)  # the largest of a row is taken away: 0 leaves the others
    top, total = np.empty(1, dtype), np.empty(1, dtype)
    attention_blocks._softmax(room, 1, room.size, top, total)
    np.testing.assert_allclose(room[1:], np.exp(x.astype(np.float64)), rtol=close)
    ends = np.array([0.0, np.nan, -np.inf, -1e30], dtype)
    attention_blocks._softmax(ends, 1, 4, top, total)
    np.testing.assert_array_equal(ends, [1, np.nan, 0, 0])


# ---- dropout ---------------------------------------------------------------------------------------------------------


@compiled
def test_weights_are_dropped_as_by_dropout(kernels: Any) -> None:
    """Attention to unit vectors is the weights."""
    given = operands(((2,), 17, 33, 4, 33), "float64")
    given["value"] = np.broadcast_to(np.eye(33), (2, 33, 33)).copy()
    whole, _ = kernels.forward(given["query"], given["key"], given["value"], None, 0.5, False)
    some, _ = kernels.forward(given["query"], given["key"], given["value"], None, 0.5, False, (SEED, P))
    expected = gg.nn.functional.dropout(whole, P, seed=SEED).numpy()
    np.testing.assert_allclose(some, expected, rtol=1e-12)
    assert 0 < np.count_nonzero(some) < some.size
    none, _ = kernels.forward(given["query"], given["key"], given["value"], None, 0.5, False, (SEED, 1.0))
    assert not none.any()


# ---- memory ----------------------------------------------------------------------------------------------------------


@compiled
def test_there_are_never_all_scores() -> None:
    length, features = 2048, 16
    rng = np.random.default_rng(0)
    three = [gg.tensor(rng.normal(size=(1, length, features)), "float32", requires_grad=True) for _ in range(3)]

    def step() -> None:
        gg.sum(gg.nn.functional.scaled_dot_product_attention(*three, is_causal=True, dropout_p=0.1)).backward()

    step()  # what is compiled, and kept to work in, isn't counted
    for one in three:
        one.grad = None
    tracemalloc.start()
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    scores, operand = 4 * length * length, 4 * length * features
    assert peak < 20 * operand < scores / 6


@compiled
def test_memory_to_work_in_is_limited() -> None:
    from graphgrad.kernels import attention

    def most(queries: int, keys: int, causal: bool = False) -> int:
        query, key = (np.empty((1, n, 8), np.float32) for n in (queries, keys))
        return attention._Plan((1,), query, key, key, causal).most

    assert most(5000, 4096) * 4096 == attention._BLOCK
    assert most(5000, 10**6) == attention._ROWS
    assert most(3, 7) == 3
    assert most(5000, 256, causal=True) == attention._CAUSAL
    assert most(5000, 10**6, causal=True) == attention._ROWS


# ---- the operation ---------------------------------------------------------------------------------------------------


def gradients(total: Any, leaves: Any, create_graph: bool = False) -> list[Any]:
    """Those of the leaves that need one, which are left without."""
    total.backward(create_graph=create_graph)
    found = [one.grad for one in leaves if one.requires_grad]
    for one in leaves:
        one.grad = None
    return found


@compiled
@pytest.mark.parametrize("kind", ["none", "causal", "pairs", "added", "dropped", "grouped"])
def test_the_operation_runs_the_kernel_and_its_expansion_agrees(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from graphgrad.ops.functional import attention as operation

    monkeypatch.setattr(operation, "_ENOUGH", 0)
    shape = ((2, 4), 5, 7, 4, 3)
    given, more = operands(shape, "float64"), options(kind, shape, "float64")
    attrs: dict[str, Any] = {"is_causal": more["causal"], "scale": more["scale"]}
    attrs |= {"dropout_p": P, "seed": SEED} if "drop" in more else {}
    if kind == "grouped":
        given |= {"key": given["key"][:, :2], "value": given["value"][:, :1]}
        attrs["enable_gqa"] = True
    mask = [] if more["mask"] is None else [np.nan_to_num(more["mask"], neginf=-5.0)]
    arrays = [given["query"], given["key"], given["value"], *mask]
    found = []
    for function in (gg.nn.functional.scaled_dot_product_attention, operation._expanded):
        leaves = [gg.tensor(one, requires_grad=one.dtype.kind == "f") for one in arrays]
        out = function(*leaves, **attrs)
        first = gradients(gg.sum(out * given["g"]), leaves, create_graph=True)
        second = gradients(sum(gg.sum(one * one) for one in first), leaves)
        found.append([one.numpy() for one in (out, *first, *second)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)


def test_gradients_have_the_shapes_of_their_operands() -> None:
    from graphgrad.ops.functional import attention as operation

    rng = np.random.default_rng(0)
    shapes = ((2, 4, 3, 2), (2, 5, 2), (1, 1, 5, 3), (4, 1, 5))
    arrays = [rng.normal(size=shape) for shape in shapes]
    attrs = {"dropout_p": 0.0, "is_causal": False, "scale": None, "enable_gqa": True, "seed": None}
    g = rng.normal(size=(2, 4, 3, 3))
    found = operation._backward((g,), arrays, None, attrs, operation._OPERANDS)
    assert tuple(one.shape for one in found.values()) == shapes


def test_the_forward_pass_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphgrad.ops.functional import attention as operation

    runs = []
    forward = plain.forward

    def counted(*args: Any) -> Any:
        runs.append(args)
        return forward(*args)

    monkeypatch.setattr(plain, "forward", counted)
    x = gg.tensor(np.eye(3), requires_grad=True)
    kept = len(operation._RESERVE)
    with gg.no_grad():
        gg.nn.functional.scaled_dot_product_attention(x, x, x)
    assert (len(runs), len(operation._RESERVE)) == (1, kept)
    out = gg.nn.functional.scaled_dot_product_attention(x, x, x)
    assert (len(runs), len(operation._RESERVE)) == (2, kept + 1)
    gg.sum(out).backward(retain_graph=True)
    assert (len(runs), len(operation._RESERVE)) == (2, kept)
    gg.sum(out).backward()  # a second time there is nothing left
    assert len(runs) == 3


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed; the extra `oracle` has it")
@compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [one for one in MASKS if not one.endswith("dropped")])
def test_attention_is_pytorchs(kind: str, dtype: str, kernels: Any) -> None:
    import torch

    for shape in (((2, 3), 5, 7, 4, 3), ((1, 2), 50, 20, 3, 5), ((2, 1), 17, 33, 9, 8)):
        given, more = operands(shape, dtype), options(kind, shape, dtype)
        leaves: dict[str, Any] = {
            name: torch.tensor(given[name], requires_grad=True) for name in ("query", "key", "value")
        }
        if more["mask"] is not None:
            leaves["mask"] = torch.tensor(more["mask"], requires_grad=more["mask"].dtype.kind == "f")
        attention: Any = torch.nn.functional.scaled_dot_product_attention
        out = attention(*leaves.values(), is_causal=more["causal"], scale=more["scale"])
        out.backward(torch.tensor(given["g"]))
        theirs = {name: one.grad.numpy() for name, one in leaves.items() if one.requires_grad}
        assert_same(run(kernels, given, more), {"out": out.detach().numpy(), **theirs}, CLOSE[dtype])
