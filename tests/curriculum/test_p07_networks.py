"""P07: counts of parameters, what layers can and cannot compute, features, and how networks tile space."""

import itertools
import math

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const, leaf
from tests.worked import Check

F = nn.functional


def bits(n):
    """All vectors of n bits."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def layer(weight, bias=None):
    """A linear layer with these numbers."""
    made = nn.Linear(np.shape(weight)[1], np.shape(weight)[0], bias is not None, dtype="float64")
    made.load_state_dict({"weight": weight} | ({} if bias is None else {"bias": bias}))
    return made


# ---- counts ----------------------------------------------------------------------------------------------------------


@pytest.mark.curriculum("P07.05")
@pytest.mark.worked("W118")
def test_parameters_and_multiplications(example: WorkedNumber, check: Check) -> None:
    lengths = example.input["M"]
    model = nn.Sequential(*(nn.Linear(a, b) for a, b in itertools.pairwise(lengths)))
    matrices = [p.size for p in model.parameters() if p.ndim == 2]
    check(example, {"Np": sum(p.size for p in model.parameters()), "Nx": sum(matrices)})


@pytest.mark.worked("W119")
def test_an_image_into_two_layers(example: WorkedNumber, check: Check) -> None:
    given = example.input
    size = nn.Flatten(0)(gg.zeros(given["shape"])).size
    model = nn.Sequential(nn.Flatten(0), nn.Linear(size, given["h"]), nn.ReLU(), nn.Linear(given["h"], given["out"]))
    assert model(gg.ones(given["shape"])).shape == (given["out"],)
    check(example, {"in_size": size, "params": sum(p.size for p in model.parameters())})


# ---- what layers can compute -----------------------------------------------------------------------------------------


@pytest.mark.curriculum("P07.06")
@pytest.mark.worked("W120")
def test_linear_layers_collapse(example: WorkedNumber, check: Check) -> None:
    model = nn.Sequential(*(layer(example.input[name]) for name in ("W1", "W2", "W3")))
    whole = gg.jacobian(model)(const(example.input["x"]))
    check(example, {"Wp": whole, "y": model(const(example.input["x"]))})
    bent = nn.Sequential(model[0], nn.ReLU(), *model[1:])
    x = np.random.default_rng(0).normal(size=(9, 2))
    assert np.linalg.matrix_rank(model(const(x)).data) == 1
    assert not np.allclose(bent(const(x)).data, x @ np.asarray(whole.data).T)


@pytest.mark.curriculum("P07.11")
@pytest.mark.worked("W122")
def test_a_bump_of_two_sigmoids(example: WorkedNumber, check: Check) -> None:
    s, a, width = (example.input[name] for name in ("s", "a", "D"))
    peaks, forms = [], []
    for w in example.input["w"]:
        hidden = layer([[w], [w]], [-w * (s - width / 2), -w * (s + width / 2)])
        model = nn.Sequential(hidden, nn.Sigmoid(), layer([[a, -a]]))
        peaks.append(model(const([s]))[0])
        forms.append(a * math.tanh(w * width / 4))
        assert model(const([[s - 0.1], [s + 0.1]])).data.max() < peaks[-1].item()
    check(example, {"peak": peaks, "tanh_form": forms})


@pytest.mark.curriculum("P07.23")
@pytest.mark.worked("W127")
def test_parity_by_a_tree_and_by_one_layer(example: WorkedNumber, check: Check) -> None:
    gate = nn.Sequential(layer([[1.0, 1.0], [1.0, 1.0]], [0.0, -1.0]), nn.ReLU(), layer([[1.0, -2.0]]))
    gates, depths, units = [], [], []
    for n in example.input["n"]:
        x = bits(n)
        odd = x.sum(1) % 2
        values, used, depth = [const(x[:, [i]]) for i in range(n)], 0, 0
        while len(values) > 1:
            values = [gate(gg.concat(list(pair), 1)) for pair in zip(values[::2], values[1::2], strict=True)]
            used, depth = used + len(values), depth + 1
        np.testing.assert_array_equal(values[0].data[:, 0], odd)
        # One unit for each odd pattern of bits, which answers to that pattern only.
        patterns = 2 * x[odd == 1] - 1
        hidden = layer(patterns, 1.0 - (patterns == 1).sum(1))
        shallow = nn.Sequential(hidden, nn.ReLU(), layer(np.ones((1, len(patterns)))))
        np.testing.assert_array_equal(shallow(const(x)).data[:, 0], odd)
        gates.append(used)
        depths.append(depth)
        units.append(hidden.out_features)
    check(example, {"tree_gates": gates, "depth": depths, "shallow_units": units})


@pytest.mark.curriculum("P07.24")
@pytest.mark.worked("W128")
def test_a_mixture_of_experts(example: WorkedNumber, check: Check) -> None:
    logits, experts = leaf(example.input["logits"]), const(example.input["expert"])
    g = F.softmax(logits)
    y = gg.sum(g * experts)
    y.backward()
    check(example, {"g": g, "y": y, "dlogits": logits.grad})


# ---- features --------------------------------------------------------------------------------------------------------


def dichotomies(p, n):
    """In how many ways planes through the origin part p points in general position in n dimensions (Cover, 1965)."""
    return 2 if min(p, n) == 1 else dichotomies(p - 1, n) + dichotomies(p - 1, n - 1)


@pytest.mark.curriculum("P07.21")
@pytest.mark.worked("W123")
def test_how_many_partings_are_linear(example: WorkedNumber, check: Check) -> None:
    found = [dichotomies(p, n) / 2**p for p, n in example.input["PN"]]
    points = const(np.random.default_rng(0).normal(size=(4, 2)))
    angles = np.linspace(0, 2 * np.pi, 5000, endpoint=False) + 1e-4
    sides = gg.sign(points @ const([np.cos(angles), np.sin(angles)])).data
    assert len(np.unique(sides, axis=1).T) == dichotomies(4, 2) == 8
    check(example, {"p": found})


@pytest.mark.curriculum("P07.12", "P07.16")
@pytest.mark.worked("W124")
def test_a_grid_of_bumps(example: WorkedNumber, check: Check) -> None:
    axis = np.linspace(0, 1, example.input["n"])
    check(example, {"bumps": [gg.meshgrid(*[axis] * d)[0].size for d in example.input["d"]]})


@pytest.mark.curriculum("P07.19", "P07.20")
@pytest.mark.worked("W126")
def test_radial_basis_features(example: WorkedNumber, check: Check) -> None:
    x = const(example.input["X"])
    gram = F.gaussian(F.cdist(x, x))
    check(example, {"K": gram, "eig": gg.linalg.eigvalsh(gram)})


@pytest.mark.curriculum("P07.17")
def test_a_read_out_of_random_features_learns_what_a_linear_one_cannot() -> None:
    gg.manual_seed(0)
    x, odd = const(bits(2)), const([[0.0], [1.0], [1.0], [0.0]])
    features = nn.Sequential(nn.Linear(2, 20, dtype="float64"), nn.ReLU()).requires_grad_(False)
    errors = []
    for model in (nn.Linear(2, 1, dtype="float64"), nn.Sequential(features, nn.Linear(20, 1, dtype="float64"))):
        optimizer = gg.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(300):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), odd)
            loss.backward()
            optimizer.step()
        errors.append(loss.item())
    assert errors[0] == pytest.approx(0.25, abs=1e-3)
    assert errors[1] < 1e-2
