"""Worked numbers of P04: Losses, probability and information theory."""

import numpy as np
import pytest

import graphgrad as gg
import graphgrad.nn.functional as F
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const, leaf
from tests.worked import Check

NAMES = ("mse", "mae", "huber", "logcosh")


def regression(name, r, delta):
    if name == "mse":
        return r**2
    if name == "mae":
        return gg.abs(r)
    if name == "huber":
        return gg.where(gg.abs(r) < delta, r**2 / 2, delta * gg.abs(r) - delta**2 / 2)
    return gg.abs(r) + gg.softplus(-2 * gg.abs(r)) - np.log(2)  # log cosh


def kl(p, q):
    return gg.sum(p * gg.log(p / q))


def divergence(a):
    """D(alpha) of P04.30."""
    return np.sqrt(2 / np.pi) * a - gg.log(a) + np.log(np.sqrt(2 / np.pi)) - 0.5


def midpoints(low, high, n):
    """The middle of n equal steps, and the step: integrals as sums."""
    h = (high - low) / n
    return const(low + h * (np.arange(n) + 0.5)), h


def normal(x):
    return gg.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def laplace(x, b):
    return gg.exp(-gg.abs(x) / b) / (2 * b)


def overlap(y, yhat, eps):
    a, b = gg.sum(y * yhat, axis=0), gg.sum(y + yhat, axis=0)
    return a, b, (a + eps) / (b - a + eps), (2 * a + eps) / (b + eps)


@pytest.mark.worked("W058")
def test_bce(example: WorkedNumber, check: Check) -> None:
    """BCE with logits, z=0.5, y=1 and y=0: dJ/dz = sigma(z)-y."""
    i = example.input
    z, y = leaf(i["z"]), const(i["y"])
    loss = F.binary_cross_entropy_with_logits(z, y, reduction="none")
    gg.sum(loss).backward()
    check(example, {"loss": loss, "grad": z.grad})


@pytest.mark.worked("W059")
def test_bce_multilabel(example: WorkedNumber, check: Check) -> None:
    """Multi-label BCE."""
    i = example.input
    z, y = leaf(i["z"]), const(i["y"])
    loss = F.binary_cross_entropy_with_logits(z, y, reduction="none")
    total = F.binary_cross_entropy_with_logits(z, y, reduction="sum")
    total.backward()
    check(example, {"loss": loss, "sum": total, "grad": z.grad})


@pytest.mark.worked("W060")
def test_bce_logits_stable(example: WorkedNumber, check: Check) -> None:
    """BCEWithLogits stays finite: max(z,0) - z y + log(1+exp(-abs z))."""
    i = example.input
    check(example, {"loss": F.binary_cross_entropy_with_logits(const(i["z"]), const(i["y"]), reduction="none")})


@pytest.mark.worked("W061")
def test_cce(example: WorkedNumber, check: Check) -> None:
    """Softmax cross-entropy, z=[1,2,3], positive class index 2: grad = S - onehot."""
    i = example.input
    z = leaf(i["z"])
    loss = F.cross_entropy(z, gg.tensor(i["c"]))
    loss.backward()
    assert abs(float(loss) + float(gg.log_softmax(z)[i["c"]])) < 1e-15
    check(example, {"loss": loss, "grad": z.grad})


@pytest.mark.worked("W062")
def test_cce_sum0(example: WorkedNumber, check: Check) -> None:
    """Softmax+CE gradient for Coursera logits, class 0, sums to 0."""
    i = example.input
    z = leaf(i["z"])
    F.cross_entropy(z, gg.tensor(i["c"])).backward()
    check(example, {"grad": z.grad, "sum": gg.sum(z.grad)})


@pytest.mark.worked("W063")
def test_softmax_layer_grad(example: WorkedNumber, check: Check) -> None:
    """Softmax layer dJ/dW_j = -(delta_jy - h_j) x, dJ/db_j."""
    i = example.input
    W, b = leaf(i["W"]), leaf(i["b"])
    F.cross_entropy(W @ const(i["x"]) + b, gg.tensor(i["y"])).backward()
    check(example, {"dW": W.grad, "db": b.grad})


@pytest.mark.worked("W064")
def test_random_guess(example: WorkedNumber, check: Check) -> None:
    """Initial-loss sanity check -log(1/C)."""
    i = example.input
    check(example, {"loss": [F.cross_entropy(gg.zeros((c,), dtype="float64"), gg.tensor(0)) for c in i["C"]]})


@pytest.mark.worked("W065")
def test_regression_losses(example: WorkedNumber, check: Check) -> None:
    """MSE, MAE, Huber(1), log-cosh (means)."""
    i = example.input
    y, yhat = const(i["y"]), const(i["yhat"])
    out = {name: gg.mean(regression(name, y - yhat, i["delta"])) for name in NAMES}
    assert float(F.mse_loss(yhat, y)) == float(out["mse"])
    check(example, out)


@pytest.mark.worked("W066")
def test_regression_grads(example: WorkedNumber, check: Check) -> None:
    """Gradients of the same losses wrt yhat."""
    i = example.input
    y = const(i["y"])
    check(
        example,
        {name: gg.grad(lambda v, n=name: gg.mean(regression(n, v - y, i["delta"])))(leaf(i["yhat"])) for name in NAMES},
    )


@pytest.mark.worked("W067")
def test_huber_pieces(example: WorkedNumber, check: Check) -> None:
    """Huber pieces and continuity at abs(r)=delta."""
    i = example.input
    check(example, {"L": regression("huber", const(i["r"]), i["delta"])})


@pytest.mark.worked("W068")
def test_logcosh_asym(example: WorkedNumber, check: Check) -> None:
    """log-cosh(3) vs abs(r) - log 2."""
    i = example.input
    r = const(float(i["r"]))
    check(example, {"lc": gg.log((gg.exp(r) + gg.exp(-r)) / 2), "asym": gg.abs(r) - np.log(2)})


@pytest.mark.worked("W069")
def test_mse_factor(example: WorkedNumber, check: Check) -> None:
    """Three MSE scalings on the same residuals: 1/m, 1/(2m), norm^2 without 1/2."""
    i = example.input
    h, y = const(i["h"]), const(i["y"])
    check(
        example,
        {"mean": F.mse_loss(h, y), "half_mean": F.mse_loss(h, y) / 2, "sumsq": F.mse_loss(h, y, reduction="sum")},
    )


@pytest.mark.worked("W070")
def test_weighted_mse(example: WorkedNumber, check: Check) -> None:
    """Weighted MSE r^T C^-1 r."""
    i = example.input
    r, C = const(i["r"]), const(i["C"])
    diagonal = gg.stack([C[0, 0], C[1, 1]])
    check(example, {"L": r @ (r / diagonal)})


@pytest.mark.worked("W071")
def test_gauss_nll(example: WorkedNumber, check: Check) -> None:
    """Gaussian NLL = const + norm^2/(2 sigma^2)."""
    i = example.input
    y, f, s = const(i["y"]), const(i["f"]), const(float(i["sigma"]))
    const_ = y.shape[0] * gg.log(s * np.sqrt(2 * np.pi))
    quad = gg.sum((y - f) ** 2) / (2 * s**2)
    check(example, {"nll": const_ + quad, "const": const_, "quad": quad})


@pytest.mark.worked("W072")
def test_kl_discrete(example: WorkedNumber, check: Check) -> None:
    """Discrete KL, entropy, cross-entropy."""
    i = example.input
    P, Q = const(i["P"]), const(i["Q"])
    check(example, {"fwd": kl(P, Q), "bwd": kl(Q, P), "H": -gg.sum(P * gg.log(P)), "CE": -gg.sum(P * gg.log(Q))})


@pytest.mark.worked("W073")
def test_kl_additive(example: WorkedNumber, check: Check) -> None:
    """KL additivity for independent components."""
    i = example.input
    P1, Q1, P2, Q2 = (const(i[k]) for k in ("P1", "Q1", "P2", "Q2"))
    joint = lambda a, b: gg.reshape(a, (2, 1)) * b
    check(example, {"d1": kl(P1, Q1), "d2": kl(P2, Q2), "joint": kl(joint(P1, P2), joint(Q1, Q2))})


@pytest.mark.worked("W074")
def test_kl_laplace(example: WorkedNumber, check: Check) -> None:
    """Best Laplace(0,b) for N(0,1) by forward KL."""
    i = example.input
    a = const(1.0)
    for _ in range(20):
        a = a - gg.grad(divergence)(a) / gg.grad(gg.grad(divergence))(a)
    check(example, {"b": i["sigma"] / a, "alpha": a, "Dmin": divergence(a)})


@pytest.mark.worked("W075")
def test_kl_laplace_curve(example: WorkedNumber, check: Check) -> None:
    """D(alpha)=sqrt(2/pi) a - ln a + ln sqrt(2/pi) - 1/2 at the right and the printed optimum, b=0.86, and."""
    i = example.input
    x, h = midpoints(-25.0, 25.0, 50_000)
    q, p = laplace(x, 1 / i["alpha_star"]), normal(x)
    D = lambda a: divergence(const(a))
    check(
        example,
        {
            "D_star": D(i["alpha_star"]),
            "D_alpha_printed": D(i["alpha_printed"]),
            "D_b_printed": D(1 / i["b_printed"]),
            "backward_at_star": gg.sum(q * gg.log(q / p)) * h,
        },
    )


@pytest.mark.worked("W076")
def test_entropy_ce(example: WorkedNumber, check: Check) -> None:
    """H(p), H(p,q) for N(0,1) and Laplace(b*)."""
    i = example.input
    x, h = midpoints(-12.0, 12.0, 24_000)
    p = normal(x)
    check(example, {"H": -gg.sum(p * gg.log(p)) * h, "CE": -gg.sum(p * gg.log(laplace(x, i["b"]))) * h})


@pytest.mark.worked("W077")
def test_absmean(example: WorkedNumber, check: Check) -> None:
    """E abs(x) for N(0,1)."""
    i = example.input
    x, h = midpoints(-12.0, 12.0, 240_000)
    check(example, {"Eabs": gg.sum(gg.abs(x) * normal(x / i["sigma"]) / i["sigma"]) * h})


@pytest.mark.worked("W078")
def test_gauss_logpdf(example: WorkedNumber, check: Check) -> None:
    """Multivariate normal log-density."""
    i = example.input
    out = []
    for case in i["cases"]:
        x, C = const(case["x"]), const(case["C"])
        det = C[0, 0] * C[1, 1] - C[0, 1] * C[1, 0]
        inv = gg.reshape(gg.stack([C[1, 1], -C[0, 1], -C[1, 0], C[0, 0]]), (2, 2)) / det
        out.append(-np.log(2 * np.pi) - 0.5 * gg.log(det) - 0.5 * (x @ inv @ x))
    check(example, {"logp": out})


@pytest.mark.worked("W079")
def test_categorical(example: WorkedNumber, check: Check) -> None:
    """Categorical PMF by one-hot: ln P(x) = x^T ln p."""
    i = example.input
    lnP = const(i["x"]) @ gg.log(const(i["p"]))
    check(example, {"P": gg.exp(lnP), "lnP": lnP})


@pytest.mark.worked("W080")
def test_kde(example: WorkedNumber, check: Check) -> None:
    """Gaussian KDE at a point."""
    i = example.input
    d = i["x"] - const(i["samples"])
    check(example, {"p": gg.mean(gg.exp(-(d**2) / 2)) / np.sqrt(2 * np.pi)})


@pytest.mark.worked("W081")
def test_prior_rescale(example: WorkedNumber, check: Check) -> None:
    """Posterior of a net trained on balanced classes rescaled to new priors."""
    i = example.input
    p = const(i["post"]) * const(i["new_prior"]) / 0.5
    check(example, {"post_new": p / gg.sum(p)})


@pytest.mark.worked("W082")
def test_soft_jaccard(example: WorkedNumber, check: Check) -> None:
    """Soft Jaccard and soft Dice loss (rows = pixels, columns = classes)."""
    i = example.input
    y, yhat = const(i["y"]), leaf(i["yhat"])
    a, b, J, D = overlap(y, yhat, i["eps"])
    loss = 1 - gg.mean(J)
    loss.backward()
    check(
        example, {"alpha": a, "beta": b, "J": J, "jaccard_loss": loss, "dice_loss": 1 - gg.mean(D), "djac": yhat.grad}
    )


@pytest.mark.worked("W083")
def test_soft_jaccard_empty(example: WorkedNumber, check: Check) -> None:
    """Soft Jaccard with an absent class: J = eps/eps = 1; perfect prediction gives loss 0."""
    i = example.input
    J = overlap(const(i["y"]), const(i["yhat"]), i["eps"])[2]
    check(example, {"J": J, "loss": 1 - gg.mean(J)})


@pytest.mark.worked("W084")
def test_imbalance(example: WorkedNumber, check: Check) -> None:
    """Uniform per-pixel loss with 90% background: share of the loss."""
    i = example.input
    n = round(100 * i["background"])
    losses = gg.full((100,), i["loss_per_pixel"], dtype="float64")
    check(example, {"background_share": gg.sum(losses[:n]) / gg.sum(losses)})


@pytest.mark.worked("W085")
def test_focal(example: WorkedNumber, check: Check) -> None:
    """Focal loss gamma=2."""
    i = example.input
    p = const(i["p"])
    check(example, {"L": -((1 - p) ** i["gamma"]) * gg.log(p)})


@pytest.mark.worked("W086")
def test_weighted_ce(example: WorkedNumber, check: Check) -> None:
    """Class-weighted CE, weights (1,9), two pixels."""
    i = example.input
    w = const(i["w"])[gg.tensor(i["cls"])]
    total = -gg.sum(w * gg.log(const(i["p_true"])))
    check(example, {"L": total / gg.sum(w), "L_unnormalised": total / len(i["cls"])})


@pytest.mark.worked("W087")
def test_multitask(example: WorkedNumber, check: Check) -> None:
    """Multi-task BCE skipping unlabelled entries (null)."""
    i = example.input
    labelled = [(row, column) for row, labels in enumerate(i["y"]) for column, y in enumerate(labels) if y is not None]
    rows, columns = (list(index) for index in zip(*labelled, strict=True))
    y = const([i["y"][row][column] for row, column in labelled])
    check(example, {"J": F.binary_cross_entropy(const(i["yhat"])[rows, columns], y, reduction="sum") / len(i["y"])})


@pytest.mark.worked("W088")
def test_pixel_ce(example: WorkedNumber, check: Check) -> None:
    """Pixelwise categorical CE summed over pixels."""
    i = example.input
    check(example, {"L": -gg.sum(const(i["y"]) * gg.log(const(i["yhat"])))})
