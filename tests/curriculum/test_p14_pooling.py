"""Worked numbers of P14 on pooling."""

import numpy as np
import pytest

import graphgrad as gg
import graphgrad.nn.functional as F
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const, leaf
from tests.worked import Check


def plane(x):
    """One image of one channel."""
    return const(x)[None]


@pytest.mark.worked("W214")
def test_maxima_and_means_of_two_by_two(example: WorkedNumber, check: Check) -> None:
    x, f, s = plane(example.input["x"]), example.input["f"], example.input["s"]
    check(example, {"max": F.max_pool2d(x, f, s)[0], "avg": F.avg_pool2d(x, f, s)[0]})


@pytest.mark.worked("W215")
def test_maxima_of_windows_that_overlap(example: WorkedNumber, check: Check) -> None:
    check(example, {"max": F.max_pool2d(plane(example.input["x"]), example.input["f"], example.input["s"])[0]})


@pytest.mark.worked("W216")
def test_a_maximum_passes_all_on_to_one_and_a_mean_shares(example: WorkedNumber, check: Check) -> None:
    found = {}
    for name, pool in (("dmax", F.max_pool2d), ("davg", F.avg_pool2d)):
        x = leaf(example.input["x"])
        pool(x[None], 2)[0].backward(example.input["g"])
        found[name] = x.grad
    check(example, found)


@pytest.mark.worked("W217")
def test_what_pooling_drops(example: WorkedNumber, check: Check) -> None:
    x = gg.zeros((1, 8, 8))
    pooled = F.max_pool2d(x, example.input["window"], example.input["stride"])
    kept = pooled.size / x.size
    check(example, {"dropped": 1 - kept, "dropped_doubled": 1 - example.input["channel_factor"] * kept})


@pytest.mark.worked("W218")
def test_how_far_an_image_moves_for_one_pixel_of_the_result(example: WorkedNumber, check: Check) -> None:
    def halved(image, times):
        x = const(image)[None]
        for _ in range(times):
            x = F.max_pool1d(x, 2)
        return x.data[0]

    def shift(times):
        image = np.zeros(32)
        image[:4] = [4.0, 3.0, 2.0, 1.0]
        wanted = np.roll(halved(image, times), 1)
        return next(by for by in range(1, 32) if np.array_equal(halved(np.roll(image, by), times), wanted))

    check(example, {"shift": [shift(times) for times in example.input["halvings"]]})


@pytest.mark.worked("W219")
def test_norms_from_the_sum_to_the_maximum(example: WorkedNumber, check: Check) -> None:
    x = const([example.input["x"]])
    check(example, {"y": [F.lp_pool1d(x, float(p), len(example.input["x"])).item() for p in example.input["p"]]})


@pytest.mark.worked("W225")
def test_back_to_the_size_before(example: WorkedNumber, check: Check) -> None:
    values, places = F.max_pool2d(plane(example.input["x"])[None], 2, return_indices=True)
    found = {"unpool": F.max_unpool2d(values, places, 2), "nearest": F.interpolate(values, scale_factor=2)}
    found["bilinear"] = F.interpolate(values, scale_factor=2, mode="bilinear")
    check(example, {name: one[0, 0] for name, one in found.items()})


@pytest.mark.worked("W226")
def test_what_a_unit_sees_grows_with_every_layer(example: WorkedNumber, check: Check) -> None:
    """How many inputs receive something from one unit in the middle; a mean has the window of a convolution."""
    found = []
    for depth in range(1, len(example.input["layers"]) + 1):
        x = leaf(np.zeros((1, 64)))
        y = x
        for kernel, stride in example.input["layers"][:depth]:
            y = F.avg_pool1d(y, kernel, stride)
        y[0, y.shape[1] // 2].backward()
        assert x.grad is not None
        found.append(int(np.count_nonzero(x.grad.data)))
    check(example, {"rf": found})


@pytest.mark.worked("W249")
def test_the_sizes_of_a_network_that_slides_over_larger_images(example: WorkedNumber, check: Check) -> None:
    """Five by five, two by two, five by five: a mean has the size of a convolution."""
    chain = []
    for n in example.input["n"]:
        first = F.avg_pool2d(gg.zeros((1, n, n)), 5, 1)
        second = F.max_pool2d(first, 2)
        chain.append([one.shape[-1] for one in (first, second, F.avg_pool2d(second, 5, 1))])
    check(example, {"chain": chain})
