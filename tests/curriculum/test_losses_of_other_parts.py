"""Worked numbers of losses that other parts tell of: the hinge (P06), metric learning (P17), energies (P21)."""

import numpy as np
import pytest

import graphgrad as gg
import graphgrad.nn.functional as F
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const, leaf
from tests.worked import Check


@pytest.mark.worked("W114")
def test_hinge(example: WorkedNumber, check: Check) -> None:
    """Hinge loss max(0, 1 - y f) and its subgradient."""
    i = example.input
    f = leaf(i["f"])
    losses = F.hinge_loss(f, const(i["y"]), reduction="none")
    gg.sum(losses).backward()
    check(example, {"L": losses, "df": f.grad})


def squared(a, b):
    return gg.sum((a - b) ** 2, axis=-1)


@pytest.mark.worked("W250")
def test_triplet(example: WorkedNumber, check: Check) -> None:
    """Triplet loss with squared distances."""
    i = example.input
    A, P, N = const(i["A"]), const(i["P"]), const(i["N"])
    loss = lambda m: F.triplet_margin_with_distance_loss(A, P, N, distance_function=squared, margin=m)
    check(example, {"dAP": squared(A, P), "dAN": squared(A, N), "L": [loss(m) for m in i["margin"]]})


@pytest.mark.worked("W251")
def test_triplet_of_distances(example: WorkedNumber, check: Check) -> None:
    """The triplet hinge from given distances: the one to the negative should rank higher, by the margin."""
    i = example.input
    loss = F.margin_ranking_loss(const(i["dqn"]), const(float(i["dqp"])), 1, i["m"])
    check(example, {"L": loss, "satisfied": loss.item() == 0.0})


@pytest.mark.worked("W252")
def test_contrastive(example: WorkedNumber, check: Check) -> None:
    """Siamese loss with the distance itself: d for the same, max(0, m - d) for different."""
    i = example.input
    a, b = leaf(i["a"]), const(i["b"])
    loss = lambda sign: F.contrastive_loss(a, b, sign, i["m"], squared=False)
    same = loss(1)
    same.backward()
    check(example, {"d": gg.vector_norm(a - b), "same": same, "same_grad": a.grad, "diff": loss(-1)})


@pytest.mark.worked("W294")
def test_energies_of_a_pair(example: WorkedNumber, check: Check) -> None:
    """The margin losses of energies, and how square-square was printed."""
    i = example.input
    e, other = const(i["E"]), const(i["Ebar"])
    wrong = e**2 - gg.relu(i["m"] - other) ** 2
    check(
        example,
        {
            "hinge": F.energy_hinge_loss(e, other, i["m"]),
            "log": F.energy_log_loss(e, other),
            "lvq2": F.lvq2_loss(e, other, i["M"]),
            "mce": F.mce_loss(e, other),
            "square_exp": F.square_exponential_loss(e, other, i["beta"]),
            "square_square": F.square_square_loss(e, other, i["m"]),
            "square_square_printed": wrong,
        },
    )


@pytest.mark.worked("W295")
def test_energies_of_all_answers(example: WorkedNumber, check: Check) -> None:
    """Energy, perceptron, NLL and MEE losses."""
    i = example.input
    energies, beta = const(i["E"]), i["beta"]
    rows = [
        {
            "nll": F.energy_nll_loss(energies, right, beta),
            "perceptron": F.perceptron_loss(energies, right),
            "mee": F.mee_loss(energies, right, beta),
            "energy": F.energy_loss(energies, right),
        }
        for right in i["correct"]
    ]
    check(example, {"rows": rows})


@pytest.mark.worked("W296")
def test_the_forces_on_energies(example: WorkedNumber, check: Check) -> None:
    """NLL gradient: the right answer is pushed down with 1, all are pushed up with their probabilities."""
    i = example.input
    energies = leaf(i["E"])
    F.energy_nll_loss(energies, i["correct"], i["beta"]).backward()
    check(example, {"P": gg.softmax(-i["beta"] * energies), "dE": energies.grad})


@pytest.mark.worked("W297")
def test_the_gibbs_distribution(example: WorkedNumber, check: Check) -> None:
    """Gibbs distribution, as 1 minus the MEE losses."""
    i = example.input
    energies = np.tile(i["E"], (len(i["E"]), 1)) * 1.0
    answers = np.arange(len(i["E"]))
    check(example, {"P": [1 - F.mee_loss(energies, answers, beta, reduction="none") for beta in i["beta"]]})
