"""Worked numbers of P04: Losses, probability and information theory."""

import numpy as np
import pytest

import graphgrad as gg
import graphgrad.nn.functional as F
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const, leaf
from tests.worked import Check

NAMES = ("mse", "mae", "huber", "logcosh")


def regression(name, yhat, y, delta):
    if name == "huber":
        return F.huber_loss(yhat, y, delta=delta)
    return {"mse": F.mse_loss, "mae": F.l1_loss, "logcosh": F.log_cosh_loss}[name](yhat, y)


def kl(p, q):
    return F.kl_div(gg.log(q), p, reduction="sum")


def entropy(p):
    return -gg.sum(p * gg.log(p))


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


def jaccard(y, yhat, eps):
    """The index of each class, from its loss."""
    return 1 - F.soft_jaccard_loss(yhat, y, eps, reduction="none")


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
    check(example, {name: regression(name, yhat, y, i["delta"]) for name in NAMES})


@pytest.mark.worked("W066")
def test_regression_grads(example: WorkedNumber, check: Check) -> None:
    """Gradients of the same losses wrt yhat."""
    i = example.input
    y = const(i["y"])
    check(
        example,
        {name: gg.grad(lambda v, n=name: regression(n, v, y, i["delta"]))(leaf(i["yhat"])) for name in NAMES},
    )


@pytest.mark.worked("W067")
def test_huber_pieces(example: WorkedNumber, check: Check) -> None:
    """Huber pieces and continuity at abs(r)=delta."""
    i = example.input
    r = const(i["r"])
    check(example, {"L": F.huber_loss(r, 0 * r, "none", i["delta"])})


@pytest.mark.worked("W068")
def test_logcosh_asym(example: WorkedNumber, check: Check) -> None:
    """log-cosh(3) vs abs(r) - log 2."""
    i = example.input
    r = const(float(i["r"]))
    check(example, {"lc": F.log_cosh_loss(r, 0 * r), "asym": gg.abs(r) - np.log(2)})


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
    assert C[0, 1].item() == C[1, 0].item() == 0.0
    check(example, {"L": F.mse_loss(r, 0 * r, reduction="sum", weight=1 / gg.stack([C[0, 0], C[1, 1]]))})


@pytest.mark.worked("W071")
def test_gauss_nll(example: WorkedNumber, check: Check) -> None:
    """Gaussian NLL = const + norm^2/(2 sigma^2)."""
    i = example.input
    y, f, s = const(i["y"]), const(i["f"]), const(float(i["sigma"]))
    nll = lambda mean, target: F.gaussian_nll_loss(mean, target, s**2, full=True, reduction="sum")
    quad = F.mse_loss(f, y, reduction="sum") / (2 * s**2)
    check(example, {"nll": nll(f, y), "const": nll(y, y), "quad": quad})


@pytest.mark.worked("W072")
def test_kl_discrete(example: WorkedNumber, check: Check) -> None:
    """Discrete KL, entropy, cross-entropy."""
    i = example.input
    P, Q = const(i["P"]), const(i["Q"])
    ce = F.cross_entropy(gg.log(Q), P)
    assert float(ce) == pytest.approx(float(kl(P, Q) + entropy(P)), rel=1e-14)
    check(example, {"fwd": kl(P, Q), "bwd": kl(Q, P), "H": entropy(P), "CE": ce})


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
    loss = F.soft_jaccard_loss(yhat, y, i["eps"])
    loss.backward()
    check(
        example,
        {
            "alpha": gg.sum(y * yhat, axis=0),
            "beta": gg.sum(y + yhat, axis=0),
            "J": jaccard(y, yhat, i["eps"]),
            "jaccard_loss": loss,
            "dice_loss": F.soft_dice_loss(yhat, y, i["eps"]),
            "djac": yhat.grad,
        },
    )


@pytest.mark.worked("W083")
def test_soft_jaccard_empty(example: WorkedNumber, check: Check) -> None:
    """Soft Jaccard with an absent class: J = eps/eps = 1; perfect prediction gives loss 0."""
    i = example.input
    y, yhat = const(i["y"]), const(i["yhat"])
    check(example, {"J": jaccard(y, yhat, i["eps"]), "loss": F.soft_jaccard_loss(yhat, y, i["eps"])})


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
    yes = np.ones(len(i["p"]))
    classes = F.focal_loss(gg.log(gg.stack([1 - p, p], axis=1)), yes.astype(int), gamma=i["gamma"], reduction="none")
    logits = F.sigmoid_focal_loss(gg.log(p / (1 - p)), yes, alpha=-1, gamma=i["gamma"])
    for loss in (classes, logits):
        check(example, {"L": loss})


@pytest.mark.worked("W086")
def test_weighted_ce(example: WorkedNumber, check: Check) -> None:
    """Class-weighted CE, weights (1,9), two pixels."""
    i = example.input
    p, cls = const(i["p_true"]), gg.tensor(i["cls"])
    two = [gg.stack([1 - one, one] if c else [one, 1 - one]) for one, c in zip(p, i["cls"], strict=True)]
    logits, w = gg.log(gg.stack(two)), const(i["w"])
    total = F.cross_entropy(logits, cls, w, reduction="sum")
    for loss in (F.cross_entropy(logits, cls, w), F.nll_loss(logits, cls, w)):
        check(example, {"L": loss, "L_unnormalised": total / len(i["cls"])})


@pytest.mark.worked("W087")
def test_multitask(example: WorkedNumber, check: Check) -> None:
    """Multi-task BCE skipping unlabelled entries (null)."""
    i = example.input
    y = const([[0.5 if label is None else label for label in row] for row in i["y"]])
    is_labelled = const([[label is not None for label in row] for row in i["y"]])
    check(example, {"J": F.binary_cross_entropy(const(i["yhat"]), y, is_labelled, reduction="sum") / len(i["y"])})


@pytest.mark.worked("W088")
def test_pixel_ce(example: WorkedNumber, check: Check) -> None:
    """Pixelwise categorical CE summed over pixels."""
    i = example.input
    y, yhat = const(i["y"]), const(i["yhat"])
    check(example, {"L": F.cross_entropy(gg.log(yhat), y, reduction="sum")})
    check(example, {"L": F.nll_loss(gg.log(yhat), y.data.argmax(axis=1), reduction="sum")})


@pytest.mark.worked("W089")
def test_moments(example: WorkedNumber, check: Check) -> None:
    """The population mean and variance, and a test point in their units."""
    i = example.input
    train = const(i["train"])
    mu = gg.mean(train)
    var = F.mse_loss(train, mu.data + 0 * train)
    z = lambda x: (x - mu) / gg.sqrt(var)
    check(example, {"mu": mu, "var": var, "train_z": z(train), "test_z": z(const(float(i["test"])))})


def neuron(i):
    w, b = leaf(i["w"]), leaf(float(i["b"]))
    return w, b, w @ const(i["x"]) + b, const(float(i["y"]))


@pytest.mark.worked("W109")
def test_error_signal(example: WorkedNumber, check: Check) -> None:
    """Logistic regression, one example: the error signal is a - y."""
    w, b, z, y = neuron(example.input)
    loss = F.binary_cross_entropy_with_logits(z, y)
    dz = gg.grad(lambda v: F.binary_cross_entropy_with_logits(v, y))(z.data)
    loss.backward()
    check(example, {"z": z, "a": gg.sigmoid(z), "L": loss, "dz": dz, "dw": w.grad, "db": b.grad})


@pytest.mark.worked("W110")
def test_error_signal_of_a_squared_error(example: WorkedNumber, check: Check) -> None:
    """The same neuron with 0.5 (a - y)^2: an extra factor a (1 - a)."""
    w, b, z, y = neuron(example.input)
    (F.mse_loss(gg.sigmoid(z), y) / 2).backward()
    check(example, {"dw": w.grad, "db": b.grad})


@pytest.mark.worked("W146")
def test_sum_or_mean(example: WorkedNumber, check: Check) -> None:
    """A loss whose gradient for each score is dz, summed and averaged: the two reductions."""
    i = example.input
    x, dz = const(i["x"]), const(i["dz"])

    def step(reduction):
        # Half of the squared distance from w x to w x - dz has the slope dz.
        w = leaf(0.0)
        score = w * x
        (F.mse_loss(score, (score - dz).data, reduction=reduction) / 2).backward()
        return -i["alpha"] * w.grad

    check(example, {"dw_sum": step("sum"), "dw_mean": step("mean")})
