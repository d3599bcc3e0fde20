"""Worked numbers and errata of P18: recurrent networks."""

import itertools
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
import graphgrad.nn.functional as F
from graphgrad.lessons.curriculum import WorkedNumber
from graphgrad.walk.expand import expand
from tests.curriculum.misprints import Misprint, check_misprint
from tests.curriculum.values import const, jacobian, leaf
from tests.worked import Check

MODULES: dict[str, Any] = {"rnn": gg.nn.RNN, "lstm": gg.nn.LSTM, "gru": gg.nn.GRU}


def parameters(layer: str, features: int, hidden: int, biases: int = 1) -> int:
    """How many numbers a layer has to learn; it has two vectors of biases, of which one is enough for most."""
    module = MODULES[layer](features, hidden)
    output, _ = module(gg.zeros((3, 2, features)))
    assert output.shape == (3, 2, hidden)
    return sum(one.size for path, one in module.named_parameters() if biases == 2 or not path.startswith("bias_hh"))


def dense(features: int, units: int) -> int:
    weight, bias = gg.zeros((units, features)), gg.zeros(units)
    assert F.linear(gg.zeros((2, features)), weight, bias).shape == (2, units)
    return weight.size + bias.size


def column(values: Any) -> gg.Tensor:
    """A sequence of single numbers, one sequence of one feature."""
    return leaf(np.reshape(values, (-1, 1, 1)))


def matrix(value: Any) -> gg.Tensor:
    return leaf(np.reshape(value, (1, 1)))


# ---- counts ----------------------------------------------------------------------------------------------------------


@pytest.mark.worked("W254")
def test_rnn_params(example: WorkedNumber, check: Check) -> None:
    """SimpleRNN + Dense counts."""
    cases = example.input["cases"]
    rnn = [parameters("rnn", one["input"], one["units"]) for one in cases]
    out = [dense(one["units"], one["out"]) for one in cases]
    check(example, {"rnn": rnn, "dense": out, "total": [a + b for a, b in zip(rnn, out, strict=True)]})


@pytest.mark.worked("W255")
def test_rnn_stacked(example: WorkedNumber, check: Check) -> None:
    """Stacked SimpleRNN (15,56)->64->64->Dense 2."""
    i = example.input
    width, _ = i["units"]
    layers = gg.nn.RNN(i["input"], width, num_layers=2, dropout=0.5)
    output, last = layers(gg.zeros((i["T"], 1, i["input"])))
    thinned = F.dropout(last[1], 0.5, True, seed=0)
    final = F.linear(thinned, gg.zeros((i["out"], width)))
    # Each layer by its parameters, with one vector of biases; dropout has none.
    own = [
        sum(
            p.size
            for path, p in layers.named_parameters()
            if path.endswith(f"_l{k}") and not path.startswith("bias_hh")
        )
        for k in range(2)
    ]
    params = [own[0], 0, own[1], 0, dense(width, i["out"])]
    shapes = [output.shape[::2], output.shape[::2], last.shape[2:], thinned.shape[1:], final.shape[1:]]
    check(example, {"params": params, "total": sum(params), "shapes": shapes})


@pytest.mark.worked("W256")
def test_lstm_har(example: WorkedNumber, check: Check) -> None:
    """Three-layer LSTM for Human Activity Recognition (128,9)."""
    i = example.input
    widths = [i["input"], *i["units"]]
    params = [parameters("lstm", a, b) for a, b in itertools.pairwise(widths)]
    params.append(dense(widths[-1], i["out"]))
    check(example, {"params": params, "total": sum(params)})


@pytest.mark.worked("W257")
def test_lstm_text(example: WorkedNumber, check: Check) -> None:
    """Frozen-embedding LSTM text net."""
    i = example.input
    widths = [i["emb"], *i["units"]]
    table = gg.zeros((i["vocab"], i["emb"]))
    assert F.embedding(gg.tensor([[0, 1]]), table).shape == (1, 2, i["emb"])
    params = [table.size, *(parameters("lstm", a, b) for a, b in itertools.pairwise(widths))]
    params.append(dense(widths[-1], 1))
    trainable = sum(params[1:])
    check(example, {"params": params, "total": sum(params), "trainable": trainable, "frozen": sum(params) - trainable})


@pytest.mark.worked("W258")
def test_gru_params(example: WorkedNumber, check: Check) -> None:
    """GRU(64) over a 141-symbol vocabulary needs TWO biases (reset_after); TimeDistributed Dense(141)."""
    i = example.input
    two, out = parameters("gru", i["vocab"], i["units"], biases=2), dense(i["units"], i["vocab"])
    one = parameters("gru", i["vocab"], i["units"])
    check(example, {"gru": two, "gru_single_bias": one, "dense": out, "total": two + out})


@pytest.mark.worked("W259")
def test_rnn_lstm_ratio(example: WorkedNumber, check: Check) -> None:
    """RNN vs LSTM parameters, input 8, hidden 4 (two bias vectors)."""
    i = example.input
    rnn, lstm = (parameters(layer, i["input"], i["hidden"], biases=2) for layer in ("rnn", "lstm"))
    check(example, {"rnn": rnn, "lstm": lstm, "ratio": lstm / rnn, "linear": dense(4, i["hidden"])})


# ---- simple layers ---------------------------------------------------------------------------------------------------


@pytest.mark.worked("W260")
def test_rnn_bptt(example: WorkedNumber, check: Check) -> None:
    """Two-step scalar RNN and BPTT (loss summed over time)."""
    i = example.input
    w_aa, w_ax, b_a, w_ya, b_y = matrix(i["Waa"]), matrix(i["Wax"]), leaf([i["ba"]]), leaf(i["Wya"]), leaf(i["by"])
    a, _ = F.rnn_tanh(column(i["x"]), const([[i["a0"]]]), w_ax, w_aa, b_a)
    logits = a[:, 0, 0] * w_ya + b_y
    loss = F.binary_cross_entropy_with_logits(logits, const(i["y"]), reduction="sum")
    loss.backward()
    leaves = {"Waa": w_aa, "Wax": w_ax, "ba": b_a, "Wya": w_ya, "by": b_y}
    grads = {name: one.grad.item() for name, one in leaves.items() if one.grad is not None}
    check(example, {"a": a[:, 0, 0], "yhat": gg.sigmoid(logits), "L": loss, "grads": grads})


@pytest.mark.worked("W261")
def test_bptt_terms(example: WorkedNumber, check: Check) -> None:
    """dh_T/dW split over time steps (contribution of each cell), scalar tanh RNN: a weight of its own for each step."""
    i = example.input
    weights = [matrix(i["W"]) for _ in i["x"]]
    h = const([[0.0]])
    for x, w in zip(i["x"], weights, strict=True):
        h = F.rnn_tanh_cell(const([[x]]), h, const([[1.0]]), w)
    gg.sum(h).backward()
    terms = [w.grad.item() for w in weights if w.grad is not None]
    shared = matrix(i["W"])
    out, last = F.rnn_tanh(column(i["x"]), const([[0.0]]), const([[1.0]]), shared)
    gg.sum(last).backward()
    assert shared.grad is not None
    check(example, {"h": out[:, 0, 0], "terms": terms, "total": shared.grad.item()})


@pytest.mark.worked("W262")
def test_rnn_stack_eq(example: WorkedNumber, check: Check) -> None:
    """Wa=[Waa Wax] on [a;x] equals the two-matrix form."""
    i = example.input
    w_aa, w_ax, a, x = (const(i[name]) for name in ("Waa", "Wax", "a", "x"))
    stacked = gg.concat([w_aa, w_ax], 1) @ gg.concat([a, x])
    check(example, {"two": w_aa @ a + w_ax @ x, "stacked": stacked})
    step = F.rnn_tanh_cell(x[None], a[None], w_ax, w_aa)
    np.testing.assert_allclose(step.data[0], np.tanh(stacked.data), rtol=1e-12)


@pytest.mark.worked("W166")
def test_rnn_jac_power(example: WorkedNumber, check: Check) -> None:
    """Linear RNN: dz_t/dz_{t-n} = W^n; the rectifier is linear where it is open."""
    w, n = example.input["W"], example.input["n"]

    def after(steps: int) -> Any:
        x = const(np.zeros((steps, 1, 2)))
        last = lambda z: F.rnn_relu(x, gg.reshape(z, (1, 2)), const(np.zeros((2, 2))), const(w))[1]
        return [row.data for row in jacobian(lambda z: gg.reshape(last(z), (2,)), [1.0, 1.0])]

    check(example, {"J": after(n), "printed": after(n - 1)})


@pytest.mark.worked("W268")
def test_irnn(example: WorkedNumber, check: Check) -> None:
    """IRNN: W_h=I with ReLU keeps a non-negative state without input."""
    i = example.input
    x = const(np.zeros((i["steps"], 1, 1)))
    _, last = F.rnn_relu(x, const([i["h"]]), const(np.zeros((3, 1))), const(np.eye(3)))
    check(example, {"h": last[0]})


@pytest.mark.worked("W269")
def test_birnn(example: WorkedNumber, check: Check) -> None:
    """Bidirectional scalar RNN states (tanh, w=.5, u=1)."""
    i = example.input
    both = [
        F.rnn_tanh(column(i["x"]), const([[0.0]]), const([[i["u"]]]), const([[i["w"]]]), reverse=reverse)[0][:, 0, 0]
        for reverse in (False, True)
    ]
    check(example, {"fwd": both[0], "bwd": both[1]})


# ---- gated layers ----------------------------------------------------------------------------------------------------


def rows(*pairs: Any) -> tuple[gg.Tensor, gg.Tensor]:
    """Weights (of the state, of the input) for each gate, as ``weight_ih`` and ``weight_hh``."""
    of_state, of_input = zip(*pairs, strict=True)
    return const(np.reshape(of_input, (-1, 1))), const(np.reshape(of_state, (-1, 1)))


def opened(i: Any, *, relevance: bool = True, sign: float = -1.0) -> gg.Tensor:
    """The step of a GRU as the notes have it: the new state is weighted by u, which is 1 - z."""
    u = np.multiply(sign, i["Wu"])
    weights = rows(i["Wr"], u, i["Wc"])
    bias = const([0.0, 0.0, 0.0]) if relevance else const([1e3, 0.0, 0.0])  # r = 1: all of the state is let through
    return F.gru_cell(const([[i["x"]]]), const([[i["c"]]]), *weights, bias, reset_after=False)[0, 0]


@pytest.mark.worked("W263")
def test_gru_step(example: WorkedNumber, check: Check) -> None:
    """GRU step, scalar: simplified and full."""
    i = example.input
    both = const([i["c"], i["x"]])
    u, r = gg.sigmoid(const(i["Wu"]) @ both), gg.sigmoid(const(i["Wr"]) @ both)
    simple, full = opened(i, relevance=False), opened(i)
    # What the state is made of: c' = u ct + (1 - u) c.
    candidate = lambda new: ((new - (1 - u) * i["c"]) / u).item()
    check(
        example,
        {
            "simple": {"ct": candidate(simple), "u": u.item(), "c": simple.item()},
            "full": {"r": r.item(), "ct": candidate(full), "c": full.item()},
        },
    )


@pytest.mark.worked("W264")
def test_gru_conventions(example: WorkedNumber, check: Check) -> None:
    """Same GRU with the other gate convention h=z h_prev+(1-z) htilde."""
    i = example.input
    u = gg.sigmoid(const(i["Wu"]) @ const([i["c"], i["x"]]))
    r = gg.sigmoid(const(i["Wr"]) @ const([i["c"], i["x"]]))
    ct = gg.tanh(const(i["Wc"]) @ gg.stack([r * i["c"], const(float(i["x"]))]))
    check(
        example,
        {
            "notes": u * ct + (1 - u) * i["c"],
            "framework_same_weights": opened(i, sign=1.0),
            "framework_negated_gate": opened(i),
        },
    )


@pytest.mark.worked("W265")
def test_lstm_step(example: WorkedNumber, check: Check) -> None:
    """LSTM step, scalar; the gates are those that a zoom shows."""
    i = example.input
    weights = rows(i["Wu"], i["Wf"], i["Wc"], i["Wo"])
    h, _ = F.lstm_cell(leaf([[i["x"]]]), const([[i["a"]]]), const([[i["c"]]]), *weights)
    walk = gg.walk(gg.sum(h))
    inside = expand(walk, walk.graph.nodes[0].id)
    names = {"ct": "candidate", "u": "input gate", "f": "forget gate", "o": "output gate", "c": "cell", "a": "state"}
    shown = {node.name: inside.values[node.id][0].item() for node in inside.graph.nodes if node.name in names.values()}
    check(example, {name: shown[told] for name, told in names.items()})


@pytest.mark.worked("W266")
def test_lstm_switch(example: WorkedNumber, check: Check) -> None:
    """LSTM saturated gates: reset, keep, write."""
    i = example.input
    found = {}
    for name, (input_gate, forget_gate) in i["cases"].items():
        saturated = [1e3 * (2 * input_gate - 1), 1e3 * (2 * forget_gate - 1), np.arctanh(i["ctilde"]), -1e3]
        zeros = const(np.zeros((4, 1)))
        h, c = F.lstm_cell(const([[0.0]]), const([[0.0]]), const([[i["c_prev"]]]), zeros, zeros, const(saturated))
        assert h.item() == 0.0  # o = 0: silent
        found[name] = c.item()
    check(example, found)


@pytest.mark.worked("W267")
def test_lstm_highway(example: WorkedNumber, check: Check) -> None:
    """Cell-state gradient along the direct path = product of forget gates; the state doesn't reach the gates here."""
    f = np.asarray(example.input["f"])
    x = const(np.log(f / (1 - f)).reshape(-1, 1, 1))
    weights = const([[0.0], [1.0], [0.0], [0.0]]), const(np.zeros((4, 1)))
    cell = leaf([[0.7]])
    _, _, last = F.lstm(x, const([[0.0]]), cell, *weights)
    gg.sum(last).backward()
    assert cell.grad is not None
    check(example, {"dc": cell.grad.item()})


# ---- errata ----------------------------------------------------------------------------------------------------------

W = np.array([[1.0, 2.0], [0.0, 1.0]])
# What is passed back through h' = tanh(W h): Wᵀ diag(g'), and not the layout of a Jacobian with W and g' changed round.
TRANSPOSED = Misprint(
    lambda h: np.tanh(W @ h),
    lambda g, h: W @ ((1 - np.tanh(W @ h) ** 2) * g),
    lambda h: F.rnn_tanh_cell(const(np.zeros((1, 1))), h[None], const(np.zeros((2, 1))), const(W))[0],
    (0.3, -0.4),
)


def test_e024_the_jacobian_of_a_step() -> None:
    """∂h'/∂h = diag(g') W; what goes back is multiplied by its transpose, Wᵀ diag(g')."""
    h = np.array([0.3, -0.4])
    slope = 1 - np.tanh(W @ h) ** 2
    np.testing.assert_allclose([row.data for row in jacobian(TRANSPOSED.ours, h)], np.diag(slope) @ W, rtol=1e-12)
    assert not np.allclose(np.diag(slope) @ W, W.T * slope)
    check_misprint("E024", TRANSPOSED)


def test_e023_the_weights_of_a_gate_are_for_the_state_and_the_input() -> None:
    """W_f = (W_fh W_fx), of shape n_h x (n_h + n_x): printed with the index i, which the input gate has."""
    rng = np.random.default_rng(0)
    x, h, c = (const(rng.normal(size=(1, n))) for n in (3, 2, 2))
    w_ih, w_hh = const(rng.normal(size=(8, 3))), const(rng.normal(size=(8, 2)))
    w_f = gg.concat([w_hh[2:4], w_ih[2:4]], 1)
    assert w_f.shape == (2, 2 + 3)
    closed = const([-1e3, -1e3, 0, 0, 0, 0, 0, 0.0]) + 0.0  # i = 0: the cell shows f alone
    _, cell = F.lstm_cell(x, h, c, w_ih, w_hh, closed)
    f = gg.sigmoid(w_f @ gg.concat([h[0], x[0]]))
    np.testing.assert_allclose(cell.data[0], (f * c[0]).data, rtol=1e-12)


def test_e040_as_many_factors_as_steps() -> None:
    x = const(np.zeros((3, 1, 1)))
    _, last = F.rnn_relu(x, h := matrix(1.0), const([[0.0]]), const([[1.1]]))
    gg.sum(last).backward()
    assert h.grad is not None
    assert h.grad.item() == pytest.approx(1.1**3)
    assert h.grad.item() != pytest.approx(1.1**2)


def test_e041_it_is_the_absolute_value_that_explodes() -> None:
    """The largest eigenvalue is 0.5, the largest absolute value 1.5: after ten linear steps 57.665."""
    w = np.diag([-1.5, 0.5])
    z = leaf([1.0, 1.0])
    state = z
    for _ in range(10):
        state = const(w) @ state
    state.backward([1.0, 0.0])
    assert z.grad is not None
    assert max(np.linalg.eigvals(w).real) < 1
    assert abs(z.grad.data[0]) == pytest.approx(57.665, abs=1e-3)


def test_e044_the_bias_stands_inside_of_the_sigmoid() -> None:
    """σ(W [x; h] + b) stays below 1; σ(W [x; h]) + b is 1.5 for b = 1 and doesn't close."""
    zeros, one = const(np.zeros((4, 1))), const([0.0, 1.0, 0.0, 0.0])
    _, cell = F.lstm_cell(const([[0.0]]), const([[0.0]]), const([[1.0]]), zeros, zeros, one)
    assert cell.item() == pytest.approx(0.731059, abs=1e-6)
    assert cell.item() != pytest.approx(0.5 + 1.0)
