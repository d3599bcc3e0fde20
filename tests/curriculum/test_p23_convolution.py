"""Worked numbers of P23, convolutions on other domains, that are convolutions of sequences."""

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from graphgrad.nn import functional as F
from tests.curriculum.values import const
from tests.worked import Check


@pytest.mark.worked("W312", "W313")
def test_round_a_circle(example: WorkedNumber, check: Check) -> None:
    """The borders go on at the other end; in the spectrum it is a product, with the conjugate if nothing is flipped."""
    f, g = const(example.input["f"]), const(example.input["g"])
    n = f.size - 1
    conv = gg.convolve(gg.pad(f, (n, 0), "wrap"), g, "valid")
    corr = gg.correlate(gg.pad(f, (0, n), "wrap"), g, "valid")
    for found, spectrum in ((conv, gg.fft.fft(g)), (corr, gg.conj(gg.fft.fft(g)))):
        np.testing.assert_allclose(gg.real(gg.fft.ifft(gg.fft.fft(f) * spectrum)).data, found.data, atol=1e-12)
    check(example, {"conv": conv, "corr": corr})


@pytest.mark.worked("W317")
def test_outputs_only_at_active_sites(example: WorkedNumber, check: Check) -> None:
    """A dense convolution of a sparse signal spreads it; kept to the sites it stays sparse."""
    i = example.input
    x = np.zeros(i["length"])
    for site, value in i["sites"].items():
        x[int(site)] = value
    dense = F.conv1d(x[None], const(i["kernel"])[None, None], padding=1)[0]
    check(example, {"dense": dense, "sparse": {site: dense[int(site)] for site in i["sites"]}})
