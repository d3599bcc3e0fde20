"""Worked numbers of P14, convolutional networks: convolution, its sizes, its cost and its gradients."""

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from graphgrad.nn import functional as F
from graphgrad.ops import find
from tests.curriculum.values import const, leaf
from tests.worked import Check


def conv1d(x: Any, w: Any, b: Any = None, **attrs: Any) -> gg.Tensor:
    """One sequence, one filter."""
    result: gg.Tensor = F.conv1d(x[None], w[None, None], None if b is None else b, **attrs)[0]
    return result


def conv2d(x: Any, w: Any, **attrs: Any) -> gg.Tensor:
    """One image, one filter."""
    result: gg.Tensor = F.conv2d(const(x)[None], const(w)[None, None], **attrs)[0]
    return result


def size(n: int, kernel: int, padding: int | str = 0, stride: int = 1, dilation: int = 1) -> int:
    """The length of a convolution's result, from its shape rule."""
    attrs = {"stride": (stride,), "padding": padding if isinstance(padding, str) else (padding,), "groups": 1}
    shape = find("conv1d").shape((1, n), (1, 1, kernel), None, **attrs, dilation=(dilation,))
    return int(shape[-1])


def count(*arrays: Any) -> int:
    return sum(array.size for array in arrays)


# ---- one dimension ---------------------------------------------------------------------------------------------------


@pytest.mark.worked("W193", "W194")
def test_without_bias(example: WorkedNumber, check: Check) -> None:
    """Cross-correlation; and the derivative filter."""
    i = example.input
    y = conv1d(const(i["x"]), const(i["u"]))
    np.testing.assert_array_equal(gg.correlate(i["x"], i["u"]).data, y.data)
    check(example, {"y": y})


@pytest.mark.worked("W195", "W196", "W197", "W198")
def test_with_bias_stride_and_padding(example: WorkedNumber, check: Check) -> None:
    """The exercise SW08."""
    i = example.input
    y = conv1d(const(i["x"]), const(i["w"]), const([i["b"]]), stride=i["stride"], padding=i["pad"], strict=True)
    check(example, {"y": y})


@pytest.mark.worked("W199")
def test_a_stride_that_does_not_fit_is_reported(example: WorkedNumber, check: Check) -> None:
    """Incompatible stride: refused where that is wanted, else the rest is dropped."""
    i = example.input
    operands = const(i["x"]), const(i["w"]), const([i["b"]])
    places = {"stride": i["stride"], "padding": i["pad"]}
    with pytest.raises(gg.ShapeError) as refused:
        conv1d(*operands, **places, strict=True)
    said = str(refused.value)
    assert "(n + 2p - f)/s + 1 = (9 + 2·0 - 3)/4 + 1 = 2.5 is not a whole number" in said
    floor = conv1d(*operands, **places)
    check(example, {"compatible": False, "size_formula": float(said.split(" is not")[0].split("= ")[-1]),
                    "floor_result": floor})  # fmt: skip


@pytest.mark.worked("W220")
def test_backward(example: WorkedNumber, check: Check) -> None:
    """Backward of the S=1, P=1 convolution with all-ones upstream."""
    i = example.input
    x, w, b = leaf(i["x"]), leaf(i["w"]), leaf([i["b"]])
    gg.sum(conv1d(x, w, b, stride=i["stride"], padding=i["pad"])).backward()
    check(example, {"dx": x.grad, "dw": w.grad, "db": b.grad})


@pytest.mark.worked("W206")
def test_toeplitz(example: WorkedNumber, check: Check) -> None:
    """A convolution is the product with a banded matrix; the matrix is in the expansion of gg.convolve."""
    i = example.input
    x, a = const(i["x"]), leaf(i["a"])
    zeros = np.zeros(len(i["x"]) - len(i["a"]))
    T = gg.toeplitz(gg.concat([a[:1], zeros]), gg.concat([a, zeros]))
    y = conv1d(x, a)
    np.testing.assert_array_equal((T @ x).data, y.data)
    np.testing.assert_array_equal(gg.jacobian(lambda x: gg.correlate(x, a))(x).data, T.data)
    with gg.record() as recording:
        find("convolve").expand(x, gg.flip(a), mode="valid")  # type: ignore[misc]
    assert {node.op.name: node.shape for node in recording.nodes if node.name == "toeplitz"} == {"getitem": T.shape}
    check(
        example,
        {"T": T, "y": y, "stride2": conv1d(x, a, stride=2), "dilation2": conv1d(x[:5], a, dilation=2)},
    )


@pytest.mark.worked("W227")
def test_tdnn(example: WorkedNumber, check: Check) -> None:
    """Windows over two channels; a shared weight's gradient is the sum over the windows."""
    i = example.input
    x, w = const(i["x"]), leaf(i["w"])
    C = F.conv1d(x, w[None])[0]
    gg.sum(C).backward()
    check(example, {"C": C, "n_L2": size(C.size, 3), "dw": w.grad})


@pytest.mark.worked("W224")
def test_transposed(example: WorkedNumber, check: Check) -> None:
    """Kernels of ones: with length 3 and stride 2 they overlap unevenly."""
    i = example.input
    ones = {k: F.conv_transpose1d(const(i["x"])[None], np.ones((1, 1, k)), stride=i["stride"])[0] for k in (2, 3)}
    check(example, {"k2": ones[2], "k3": ones[3]})


# ---- sizes and counts ------------------------------------------------------------------------------------------------


@pytest.mark.worked("W200")
def test_same_padding(example: WorkedNumber, check: Check) -> None:
    """P = (w - 1)/2 keeps the length."""
    i = example.input
    found = [p for p in range(i["n"]) if size(i["n"], i["w"], p) == size(i["n"], i["w"], "same")]
    check(example, {"P": found[0], "out": size(i["n"], i["w"], found[0])})


@pytest.mark.worked("W201")
def test_output_sizes(example: WorkedNumber, check: Check) -> None:
    """floor((n + 2p - f)/s) + 1."""
    check(example, {"out": [size(*one) for one in example.input["nfps"]]})


@pytest.mark.worked("W202")
def test_multiplications(example: WorkedNumber, check: Check) -> None:
    """(n - k + 1)² k² of them; each comes with an addition."""
    i, cost = example.input, find("conv2d").cost
    places: Any = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    flops = [cost((1, i["n"], i["n"]), (1, 1, k, k), **places) for k in i["k"]]
    check(example, {"mult": [one // 2 for one in flops]})


@pytest.mark.worked("W203")
def test_parameters(example: WorkedNumber, check: Check) -> None:
    """f² C D weights and D biases."""
    found = []
    for f, C, D in example.input["fCD"]:
        weight, bias = gg.zeros((D, C, f, f)), gg.zeros(D)
        assert F.conv2d(gg.zeros((C, 8, 8)), weight, bias).shape == (D, 9 - f, 9 - f)
        found.append(count(weight, bias))
    check(example, {"params": found})


@pytest.mark.worked("W204")
def test_shape_of_a_layer(example: WorkedNumber, check: Check) -> None:
    """6x6x3 with two filters; the curriculum writes the channels last."""
    i = example.input
    out = F.conv2d(gg.zeros((3, i["n"], i["n"])), gg.zeros((i["filters"], 3, i["f"], i["f"])))
    check(example, {"shape": gg.permute_dims(out, (1, 2, 0)).shape})


@pytest.mark.worked("W205")
def test_against_a_dense_layer(example: WorkedNumber, check: Check) -> None:
    """Fully connected weights against those of a convolution between the same sizes."""
    i = example.input
    channels, filters = i["inp"][2], i["out"][2]
    weight, bias = gg.zeros((filters, channels, i["f"], i["f"])), gg.zeros(filters)
    x = gg.zeros((channels, *i["inp"][:2]))
    out = F.conv2d(x, weight, bias)
    assert out.shape == (filters, *i["out"][:2])
    check(example, {"fc_weights": x.size * out.size, "fc_biases": out.size, "conv": count(weight, bias)})


@pytest.mark.worked("W207")
def test_dilation(example: WorkedNumber, check: Check) -> None:
    """M = N - (K - 1) S, and how far the kernel reaches: the elements that an output depends on."""
    i = example.input
    x = leaf(np.ones(i["N"]))
    y = conv1d(x, const(np.ones(i["K"])), dilation=i["S"])
    y[0].backward()
    assert x.grad is not None
    check(example, {"M": y.size, "span": int(np.flatnonzero(x.grad.data)[-1]) + 1})


@pytest.mark.worked("W208")
def test_chain(example: WorkedNumber, check: Check) -> None:
    """Twice a kernel of 3."""
    i = example.input
    first = size(i["n"], i["K"])
    check(example, {"n1": first, "n2": size(first, i["K"])})


# ---- two dimensions --------------------------------------------------------------------------------------------------


@pytest.mark.worked("W209")
def test_edges_of_a_step(example: WorkedNumber, check: Check) -> None:
    """Light to dark is positive, dark to light negative."""
    i = example.input
    image = np.array(i["img"])
    there, back = conv2d(image, i["K"]), conv2d(image[:, ::-1], i["K"])
    for one in (there, back):
        np.testing.assert_array_equal(one.data, np.broadcast_to(one.data[0], one.shape))
    level = bool(np.all(conv2d(image, i["Kh"]).data == 0.0))
    check(example, {"row": there[0], "mirrored_row": back[0], "horizontal_all_zero": level})


@pytest.mark.worked("W210")
def test_edges_in_an_image(example: WorkedNumber, check: Check) -> None:
    """Vertical and horizontal kernels."""
    i = example.input
    check(example, {"v": conv2d(i["img"], i["Kv"]), "h": conv2d(i["img"], i["Kh"])})


@pytest.mark.worked("W211")
def test_edges_of_quadrants(example: WorkedNumber, check: Check) -> None:
    """Where two edges meet their values go over into each other."""
    i = example.input
    check(example, {"y": conv2d(i["img"], i["K"])})


@pytest.mark.worked("W212")
def test_strided(example: WorkedNumber, check: Check) -> None:
    """7x7, stride 2."""
    i = example.input
    check(example, {"y": conv2d(i["x"], i["k"], stride=i["s"], strict=True)})


@pytest.mark.worked("W213")
def test_true_convolution_turns_the_kernel_around(example: WorkedNumber, check: Check) -> None:
    """In both axes; what it then computes is the cross-correlation with that."""
    kernel = const(example.input["k"])
    impulse = np.zeros((5, 5))
    impulse[2, 2] = 1.0
    np.testing.assert_array_equal(gg.convolve(impulse, kernel, "same")[1:4, 1:4].data, kernel.data)
    image = np.arange(25.0).reshape(5, 5) % 7
    np.testing.assert_array_equal(gg.convolve(image, kernel, "valid").data, conv2d(image, gg.flip(kernel).data).data)
    check(example, {"flipped": gg.correlate(impulse, kernel)})


@pytest.mark.worked("W221")
def test_backward_2d(example: WorkedNumber, check: Check) -> None:
    """dk = correlate(x, g); dx = the full convolution of g with k."""
    i = example.input
    x, k = leaf(i["x"]), leaf(i["k"])
    y = F.conv2d(x[None], k[None, None])[0]
    y.backward(i["g"])
    assert x.grad is not None
    assert k.grad is not None
    np.testing.assert_array_equal(gg.correlate(i["x"], i["g"]).data, k.grad.data)
    np.testing.assert_array_equal(gg.convolve(i["g"], i["k"]).data, x.grad.data)
    check(example, {"y": y, "dx": x.grad, "dk": k.grad})


@pytest.mark.worked("W222")
def test_a_dense_layer_is_a_convolution(example: WorkedNumber, check: Check) -> None:
    """Filters that span the input."""
    i = example.input
    x, W, b = const(i["x"]), const(i["W"]), const(i["b"])
    conv = F.conv2d(x[None], gg.reshape(W, (2, 1, 2, 2)), b)
    check(example, {"dense": F.linear(gg.ravel(x), W, b), "conv": gg.ravel(conv)})


@pytest.mark.worked("W223")
def test_1x1(example: WorkedNumber, check: Check) -> None:
    """Channels are mixed at each pixel."""
    i = example.input
    check(example, {"y": F.conv2d(const(i["x"]), const(i["w"])[..., None, None])})
