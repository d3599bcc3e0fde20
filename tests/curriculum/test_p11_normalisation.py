"""P11: what the other tests of normalisation leave open; batch normalisation itself is in tests/nn."""

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const
from tests.worked import Check

F = nn.functional


@pytest.mark.curriculum("P11.07")
@pytest.mark.worked("W173")
def test_the_table_of_inception(example: WorkedNumber, check: Check) -> None:
    steps, (plain, _, _, best, sigmoid) = const(example.input["steps"]), example.input["acc"]
    check(
        example,
        {
            "speedup": steps[0] / steps,
            "sigmoid_gap": const(sigmoid) - const(73.0),  # to BN-x5, the same with the rectifier
            "best_gain": const(best) - const(plain),
        },
    )


@pytest.mark.curriculum("P11.08")
def test_norms_over_features_and_over_everything_are_the_same_in_training_and_in_evaluation() -> None:
    x = const(np.random.default_rng(0).normal(3.0, 2.0, size=(4, 6)))
    for layer in (nn.LayerNorm(6, dtype="float64"), nn.LayerNorm((4, 6), dtype="float64")):
        y = layer(x).data
        axes = tuple(range(-len(layer.normalized_shape), 0))
        np.testing.assert_allclose(y.mean(axes), 0.0, atol=1e-12)
        np.testing.assert_allclose(y.std(axes), 1.0, rtol=1e-4)
        np.testing.assert_array_equal(layer.eval()(x).data, y)


@pytest.mark.curriculum("P11.09")
def test_local_normalisation_takes_slow_changes_away() -> None:
    slope = const(np.tile(np.arange(12.0), (12, 1))[None, None])
    edge = slope.data.copy()
    edge[..., 6:] += 50.0

    def local_mean(x):
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)

    def normalised(x):
        high = x - local_mean(x)  # what is left of high frequencies
        return high / gg.sqrt(local_mean(high * high) + 1.0)

    flat, sharp = normalised(slope).data[0, 0, 2:-2, 2:-2], normalised(const(edge)).data[0, 0, 2:-2, 2:-2]
    np.testing.assert_allclose(flat, 0.0, atol=1e-12)
    assert np.abs(sharp[:, 3:5]).min() > 0.9
    assert np.abs(sharp).max() < 2.0


@pytest.mark.curriculum("P11.12")
def test_two_numbers_are_learned_for_each_channel_and_two_are_kept() -> None:
    layer = nn.BatchNorm2d(5)
    assert [tuple(p.shape) for p in layer.parameters()] == [(5,), (5,)]
    assert [tuple(b.shape) for b in layer.buffers()] == [(5,), (5,), ()]


@pytest.mark.curriculum("P11.10")
def test_a_recurrent_net_is_normalised_step_by_step_and_not_through_time() -> None:
    steps = const(np.random.default_rng(0).normal(size=(7, 4, 3)) * np.arange(1, 8)[:, None, None])
    norm = nn.BatchNorm1d(3, dtype="float64")
    y = gg.stack([norm(step) for step in steps]).data
    np.testing.assert_allclose(y.std(axis=1), 1.0, rtol=1e-3)


@pytest.mark.curriculum("P11.06")
def test_a_shift_of_the_inputs_does_not_reach_the_layers_behind_a_normalisation() -> None:
    gg.manual_seed(0)
    cats = const(np.random.default_rng(0).normal(size=(64, 5)))
    darker = cats * 0.4 - 2.0  # the same cats in black
    first, norm = nn.Linear(5, 3, dtype="float64"), nn.BatchNorm1d(3, eps=1e-9, dtype="float64")
    plain = [first(x).data for x in (cats, darker)]
    normalised = [norm(first(x)).data for x in (cats, darker)]
    assert np.abs(plain[0].mean(0) - plain[1].mean(0)).max() > 0.3
    np.testing.assert_allclose(plain[1].std(0), 0.4 * plain[0].std(0), rtol=1e-9)
    np.testing.assert_allclose(normalised[0], normalised[1], atol=1e-6)


@pytest.mark.curriculum("P11.11")
def test_normalised_random_layers_make_examples_more_orthogonal() -> None:
    """The claim as it was proven: of representations in deep random nets (Daneshmand et al., 2021)."""
    rng = np.random.default_rng(0)
    start = const(rng.normal(size=(4, 100)) + 2.0)  # four examples in nearly one direction

    def likeness(x):
        directions = x.data / np.linalg.norm(x.data, axis=1, keepdims=True)
        return np.abs(directions @ directions.T)[np.triu_indices(4, 1)].mean()

    found = {}
    for name in ("plain", "normalised"):
        x = start
        for _ in range(30):
            x = F.linear(x, const(rng.normal(size=(100, 100)) / 10.0))
            if name == "normalised":
                x = x / gg.sqrt(gg.mean(x * x, axis=0))  # over the batch, as in the theorem without the mean
        found[name] = likeness(x)
    assert likeness(start) > 0.7
    assert found["plain"] > 0.7
    assert found["normalised"] < 0.2
