"""Worked numbers of P02: Module backward rules."""

import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const, jacobian, leaf
from tests.worked import Check


@pytest.mark.worked("W015")
def test_linear(example: WorkedNumber, check: Check) -> None:
    """Linear module: dx = W^T g, dW = g x^T."""
    i = example.input
    W, x = leaf(i["W"]), leaf(i["x"])
    y = W @ x
    y.backward(i["g"])
    check(example, {"y": y, "dx": x.grad, "dW": W.grad})


@pytest.mark.worked("W016")
def test_relu0(example: WorkedNumber, check: Check) -> None:
    """ReLU backward at exactly 0: the two printed conventions."""
    i = example.input
    x, other = leaf(i["x"]), leaf(i["x"])
    gg.relu(x).backward(i["g"])
    gg.where(other >= 0, other, 0.0).backward(i["g"])
    check(example, {"dx_nyu_x_ge_0": other.grad, "dx_u0_zero": x.grad})


@pytest.mark.worked("W017")
def test_ycopy_add(example: WorkedNumber, check: Check) -> None:
    """Y-connector sums gradients; add module copies them."""
    i = example.input
    x = leaf([0.0, 0.0])
    gg.stack([x, x, x]).backward(i["g_copies"])
    inputs = [leaf([0.0, 0.0]) for _ in range(3)]
    (inputs[0] + inputs[1] + inputs[2]).backward(i["g_out"])
    check(example, {"dx_y": x.grad, "dx_add": [v.grad for v in inputs]})


@pytest.mark.worked("W018")
def test_maxmod(example: WorkedNumber, check: Check) -> None:
    """Max module with a tie."""
    i = example.input
    x1, x2 = leaf(i["x1"]), leaf(i["x2"])
    tied = gg.maximum(x1, x2).detach()
    gg.where(x1 > x2, x1, gg.where(x2 > x1, x2, tied)).backward(i["g"])
    check(example, {"d1": x1.grad, "d2": x2.grad})


@pytest.mark.worked("W019")
def test_switchmod(example: WorkedNumber, check: Check) -> None:
    """Switch module routes the gradient to the selected input."""
    i = example.input
    inputs = leaf(i["inputs"])
    out = inputs[i["y"]]
    out.backward(i["g"])
    check(example, {"out": out, "grads": inputs.grad})


@pytest.mark.worked("W020")
def test_logsoftmax(example: WorkedNumber, check: Check) -> None:
    """LogSoftMax forward and backward dx_i = g_i - softmax_i * sum_k g_k."""
    i = example.input
    x = leaf(i["x"])
    y = gg.log_softmax(x)
    y.backward(i["g"])
    check(example, {"y": y, "dx": x.grad})


@pytest.mark.worked("W021")
def test_softmax_beta(example: WorkedNumber, check: Check) -> None:
    """SoftMax module with inverse temperature beta=2: J_ij = beta y_i(delta_ij - y_j)."""
    i = example.input
    f = lambda x: gg.softmax(i["beta"] * x)
    check(example, {"y": f(const(i["x"])), "J": jacobian(f, i["x"])})


@pytest.mark.worked("W022")
def test_softmax_jac(example: WorkedNumber, check: Check) -> None:
    """Softmax Jacobian S_i(delta_ij - S_j), rows sum to 0."""
    i = example.input
    check(example, {"S": gg.softmax(const(i["z"])), "J": jacobian(gg.softmax, i["z"])})


@pytest.mark.worked("W023")
def test_euclid(example: WorkedNumber, check: Check) -> None:
    """Euclidean module 0.5 norm(X-Y)^2: dX = X-Y, dY = Y-X."""
    i = example.input
    X, Y = leaf(i["X"]), leaf(i["Y"])
    out = 0.5 * gg.sum((X - Y) ** 2)
    out.backward()
    check(example, {"out": out, "dX": X.grad, "dY": Y.grad})


@pytest.mark.worked("W024")
def test_tanhbias(example: WorkedNumber, check: Check) -> None:
    """tanh + bias module: dx = dbeta = g(1 - tanh^2)."""
    i = example.input
    x, beta = leaf(i["x"]), leaf(i["beta"])
    y = gg.tanh(x + beta)
    y.backward(float(i["g"]))
    check(example, {"y": y, "dx": x.grad, "dbeta": beta.grad})


@pytest.mark.worked("W025")
def test_broadcast(example: WorkedNumber, check: Check) -> None:
    """Broadcasting (2,3)+(1,3): forward; backward sums over the expanded axis."""
    i = example.input
    M, r = leaf(i["M"]), leaf(i["r"])
    out = M + r
    out.backward(i["g"])
    check(example, {"out": out, "dM": M.grad, "dr": r.grad})


@pytest.mark.worked("W026")
def test_broadcast_scalar(example: WorkedNumber, check: Check) -> None:
    """Broadcasting column + scalar."""
    i = example.input
    check(example, {"out": const(i["v"]) + i["s"]})


@pytest.mark.worked("W027")
def test_eltdot(example: WorkedNumber, check: Check) -> None:
    """Element-wise product and dot product."""
    i = example.input
    v, w = const(i["v"]), const(i["w"])
    check(example, {"prod": v * w, "dot": v @ w})


@pytest.mark.worked("W028")
def test_sharedw(example: WorkedNumber, check: Check) -> None:
    """Weight replication W=(u,u,u), C=W.x: dC/du = sum of replica gradients."""
    i = example.input
    u = leaf(i["u"])
    (gg.broadcast_to(u, (3,)) @ const(i["x"])).backward()
    check(example, {"du": u.grad})


@pytest.mark.worked("W029")
def test_hyper(example: WorkedNumber, check: Check) -> None:
    """Re-parameterised weight W=G(U)=U^2, F=W x, C=0.5F^2: dC/dU = dC/dW * 2U."""
    i = example.input
    U = leaf(i["U"])
    (0.5 * (U**2 * i["x"]) ** 2).backward()
    check(example, {"dU": U.grad})


@pytest.mark.worked("W030")
def test_vecback(example: WorkedNumber, check: Check) -> None:
    """Vectorised layer backward, samples as columns: dZ=dA*g'(Z), dW=dZ A^T, db=sum(dZ,axis=1), dA_prev=W^T dZ."""
    i = example.input
    W, b, A = leaf(i["W"]), leaf(i["b"]), leaf(i["A_prev"])
    gg.tanh(W @ A + b).backward(i["dA"])
    check(example, {"dW": W.grad, "db": b.grad, "dA_prev": A.grad})
