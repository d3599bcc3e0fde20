"""Convolutions beside what every operation is tested for: borders, sizes where kernels change, other dtypes, zoom."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.nn import functional as F
from graphgrad.ops import find

# ---- borders ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "theirs"), [("reflect", "reflect"), ("edge", "replicate"), ("wrap", "circular")])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_other_borders_are_made_beforehand(n: int, ours: str, theirs: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 2, *(5, 4, 6)[:n]))
    torch.manual_seed(0)
    layer = getattr(torch.nn, f"Conv{n}d")(2, 3, 3, padding=1, padding_mode=theirs, dtype=torch.float64)
    leaf, other = gg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    padded = gg.pad(leaf, ((0, 0), (0, 0), *[(1, 1)] * n), ours)
    found = getattr(F, f"conv{n}d")(padded, layer.weight.detach().numpy(), layer.bias.detach().numpy())
    expected = layer(other)
    np.testing.assert_allclose(found.data, expected.detach().numpy(), rtol=1e-12, atol=1e-13)
    weights = rng.normal(size=found.shape)
    found.backward(weights)
    expected.backward(torch.tensor(weights))
    assert leaf.grad is not None
    np.testing.assert_allclose(leaf.grad.data, other.grad.numpy(), rtol=1e-11, atol=1e-13)


def test_a_border_of_the_mean_keeps_a_level_image_level() -> None:
    """Zeros would show as an edge (P14.06)."""
    image, kernel = np.full((1, 4, 5), 7.0), np.full((1, 1, 3, 3), 1.0 / 9.0)
    level = F.conv2d(gg.pad(image, ((0, 0), (1, 1), (1, 1)), constant_values=image.mean()), kernel)
    np.testing.assert_allclose(level.data, image)
    assert F.conv2d(image, kernel, padding=1).data.min() < 4.0


def test_same_keeps_the_size_with_the_larger_half_behind() -> None:
    for kernel in range(1, 6):
        for dilation in (1, 2):
            x, w = np.arange(1.0, 8.0)[None], np.ones((1, 1, kernel))
            out = F.conv1d(x, w, padding="same", dilation=dilation)
            whole = dilation * (kernel - 1)
            around = np.pad(x, ((0, 0), (whole // 2, whole - whole // 2)))
            np.testing.assert_array_equal(out.data, F.conv1d(around, w, dilation=dilation).data)
            assert out.shape == x.shape


# ---- sizes at which other kernels take over --------------------------------------------------------------------------

LARGE: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((1, 64, 13, 14), (65, 64, 3, 3), {"padding": 1}),
    ((2, 32, 20, 21), (33, 32, 3, 3), {"padding": 1}),
    ((2, 24, 20, 21), (24, 1, 3, 3), {"padding": 1, "groups": 24}),
    ((2, 16, 20, 21), (32, 8, 3, 5), {"stride": 2, "groups": 2}),
    ((9, 32, 7, 6), (40, 32, 3, 3), {"padding": 1}),
]


@pytest.mark.parametrize(("input", "weight", "attrs"), LARGE)
def test_second_derivatives_of_large_ones_are_pytorchs(
    input: tuple[int, ...], weight: tuple[int, ...], attrs: dict[str, Any]
) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=input), rng.normal(size=weight)
    gx, gw = (gg.tensor(one, requires_grad=True) for one in (x, w))
    tx, tw = (torch.tensor(one, requires_grad=True) for one in (x, w))
    gg.sum(F.conv2d(gx, gw, **attrs) ** 3).backward(create_graph=True)
    assert gx.grad is not None
    assert gw.grad is not None
    ours = gx.grad, gw.grad
    gx.grad = gw.grad = None
    theirs = torch.autograd.grad((torch.nn.functional.conv2d(tx, tw, **attrs) ** 3).sum(), (tx, tw), create_graph=True)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.data, other.detach().numpy(), rtol=1e-8, atol=1e-6)
    (gg.sum(ours[0] ** 2) + gg.sum(ours[1] ** 2)).backward()
    again = torch.autograd.grad((theirs[0] ** 2).sum() + (theirs[1] ** 2).sum(), (tx, tw))
    for leaf, other in zip((gx, gw), again, strict=True):
        assert leaf.grad is not None
        scale = float(other.abs().max())
        np.testing.assert_allclose(leaf.grad.data, other.numpy(), rtol=1e-8, atol=1e-10 * scale)


def test_an_output_padding_above_the_stride() -> None:
    """With a dilation it may be, and the convolution that is passed back through then gives more than there was."""
    x, w = (np.random.default_rng(i).normal(size=(1, 1, n)) for i, n in ((0, 4), (1, 2)))
    leaves = [gg.tensor(one, requires_grad=True) for one in (x, w)]

    def function(x: Any, w: Any) -> Any:
        return F.conv_transpose1d(x, w, padding=1, dilation=3, output_padding=2)

    assert function(*leaves).shape == (1, 1, 7)
    assert gg.gradcheck(function, leaves)
    assert gg.gradgradcheck(function, leaves)


def test_small_ones_compile_nothing() -> None:
    """Who looks at a convolution of a few numbers doesn't wait for compilers."""
    script = """
import sys
import graphgrad as gg
x = gg.tensor([[1.0, 2.0, 3.0, 4.0]], requires_grad=True)
y = gg.nn.Conv1d(1, 2, 3, padding=1)(x)
gg.sum(y * y).backward()
assert x.grad is not None
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


# ---- dtypes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "longdouble"])
def test_floats_that_blas_does_not_know(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, w, b = (rng.normal(size=shape).astype(dtype) for shape in ((2, 3, 6), (4, 3, 2), (4,)))
    found = F.conv1d(x, w, b, stride=2)
    assert found.dtype == dtype
    exact = F.conv1d(x.astype("float64"), w.astype("float64"), b.astype("float64"), stride=2)
    np.testing.assert_allclose(found.data, exact.data, rtol=1e-2 if dtype == "float16" else 1e-14, atol=1e-2)


def test_integers_beside_floats_are_numbers() -> None:
    found = F.conv1d(np.array([[1, 2, 3]]), np.array([[[0.5, 1.0]]]))
    assert found.tolist() == [[2.5, 4.0]]
    assert found.dtype == np.float64


# ---- zoom ------------------------------------------------------------------------------------------------------------


def test_an_expansion_shows_windows_and_sums() -> None:
    x, w = gg.ones((1, 2, 4, 4)), gg.tensor(np.ones((3, 2, 2, 2)), requires_grad=True)
    x.requires_grad = True
    with gg.record() as recording:
        find("conv2d").expand(  # type: ignore[misc]
            x, w, None, stride=(1, 1), padding=(1, 1), dilation=(1, 1), groups=1, strict=False
        )
    shapes = {node.name: node.shape for node in recording.nodes if node.name}
    assert shapes == {"padded": (1, 2, 6, 6), "windows": (1, 2, 5, 5, 2, 2), "sums": (1, 3, 5, 5)}


def test_it_runs_on_single_numbers() -> None:
    """As a zoom to scalars does."""
    x, w = (np.array([[gg.scalar(value) for value in row]]) for row in ([1.0, 2.0, 3.0], [3.0, 2.0]))
    attrs = {"stride": (1,), "padding": (0,), "dilation": (1,), "groups": 1}
    out = find("conv1d").forward(x, w[None], None, **attrs)
    assert [one.item() for one in out[0]] == [7.0, 12.0]
    out[0, 1].backward()
    assert [one.grad for one in x[0]] == [None, 3.0, 2.0]


def test_shapes_asked_for_with_what_only_equals_integers_do_no_harm() -> None:
    """Shapes are kept, and found again by equal numbers; a graph from a file may ask with any."""
    places: dict[str, Any] = {"dilation": (1, 1), "padding": (0, 0), "groups": 1}
    x, w = np.ones((1, 1, 21, 7)), np.ones((1, 1, 3, 3))
    for name, more in (("conv2d", {"strict": False}), ("conv_transpose2d", {"output_padding": (0, 0)})):
        op = find(f"{name} without bias")
        with pytest.raises(TypeError, match="float"):
            op.shape(x.shape, w.shape, stride=(1.0, 1.0), **places, **more)
        given = op.shape(x.shape, w.shape, stride=(True, np.int64(1)), **places, **more)
        assert {type(length) for length in given} == {int}
        assert getattr(F, name)(x, w).shape == given


def test_true_is_kept_as_one() -> None:
    """Kernels would be compiled once more for it, and a plan that is kept for it be found by one."""
    weight = gg.tensor(np.ones((1, 1, 3, 3)), requires_grad=True)
    out: Any = F.conv2d(np.ones((1, 1, 6, 7)), weight, stride=True, padding=[True, np.int8(0)], groups=True)
    attrs = out.node.attrs
    assert repr((attrs["stride"], attrs["padding"], attrs["groups"])) == "((1, 1), (1, 0), 1)"
