"""Names, argument order and defaults are PyTorch's: whoever knows one library can write for the other."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_overloads

import pytest

import graphgrad as gg

torch = pytest.importorskip("torch")

# Where the initial values of a layer come from; and the dtype, which PyTorch takes with the data.
OURS_ALONE = {("Linear", "generator"), ("Parameter", "dtype")}
OURS_ALONE |= {(f"Conv{n}d", name) for n in (1, 2, 3) for name in ("generator", "padding_value")}
OURS_ALONE |= {(f"ConvTranspose{n}d", "generator") for n in (1, 2, 3)}
OURS_ALONE |= {(name, "generator") for name in ["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"]}
OURS_ALONE |= {("Embedding", "generator")}
# Kinds of recurrent layers that PyTorch hasn't.
OURS_ALONE |= {(name, "peepholes") for name in ("LSTM", "LSTMCell")}
OURS_ALONE |= {(name, "reset_after") for name in ("GRU", "GRUCell")}
OURS_ALONE |= {
    (name, "generator") for name in ["MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer"]
}
# A random operation keeps its seed.
SEEDED = "gumbel_softmax rrelu dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout"
OURS_ALONE |= {(f"functional.{name}", "seed") for name in SEEDED.split()}
# PyTorch's own default is to guess an axis, and to warn.
OTHER_DEFAULTS = {("functional.softmax", "dim"), ("functional.log_softmax", "dim"), ("Softmax", "dim")}
# The same function, but ours.
OTHER_DEFAULTS |= {(f"Transformer{part}coderLayer", "activation") for part in ("En", "De")}
# Without running statistics a batch is normalised by its own, as in training.
OTHER_DEFAULTS |= {("functional.batch_norm", "running_mean"), ("functional.batch_norm", "running_var")}
OTHER_DEFAULTS |= {("LogSoftmax", "dim"), ("Parameter", "data"), ("functional.softmin", "dim")}
NOT_THEIRS = {"IncompatibleKeys", "StateDictError", "functional", "init", "scalar"}
# Activations that PyTorch hasn't.
NOT_THEIRS |= {"bipolar_sigmoid", "gaussian", "lecun_tanh", "maxout", "swish"}
# Losses that PyTorch hasn't, and those of energies.
NOT_THEIRS |= {"contrastive_loss", "focal_loss", "hinge_loss", "log_cosh_loss", "pinball_loss", "sigmoid_focal_loss"}
NOT_THEIRS |= {"soft_dice_loss", "soft_jaccard_loss", "squared_hinge_loss"}
NOT_THEIRS |= {"energy_hinge_loss", "energy_log_loss", "energy_loss", "energy_nll_loss", "lvq2_loss", "mce_loss"}
# PyTorch offers it elsewhere, as torch.cdist.
NOT_THEIRS |= {"cdist"}
# A layer with its activation, by Keras' name.
NOT_THEIRS |= {"dense"}
# And these in torch.nn.grad.
NOT_THEIRS |= {"conv1d_weight", "conv2d_weight", "conv3d_weight"}
# And these as torch.lstm and so on, with the weights in a list, and a state and a cell as a pair.
NOT_THEIRS |= {"gru", "lstm", "rnn_relu", "rnn_tanh", "gru_cell", "lstm_cell", "rnn_relu_cell", "rnn_tanh_cell"}
# Whether a stride that leaves elements over is refused.
OURS_ALONE |= {(f"functional.conv{n}d", "strict") for n in (1, 2, 3)}
NOT_THEIRS |= {"mee_loss", "perceptron_loss", "square_exponential_loss", "square_square_loss"}


def pairs() -> Iterator[tuple[str, Any, Any]]:
    """What has a signature in both libraries, by name."""
    rooms = {"": (gg.nn, torch.nn), "functional.": (gg.nn.functional, torch.nn.functional)}
    rooms |= {"init.": (gg.nn.init, torch.nn.init), "optim.": (gg.optim, torch.optim)}
    for prefix, (ours, theirs) in rooms.items():
        for name in ours.__all__:
            if name not in NOT_THEIRS:
                # Of two functions that a flag chooses between, as in max_pool2d, PyTorch hides the signature.
                has_flag = hasattr(theirs, f"{name}_with_indices")
                yield prefix + name, getattr(ours, name), getattr(theirs, f"{name}_with_indices" if has_flag else name)
    for room, name in ((gg.nn, "Module"), (gg.optim, "Optimizer")):
        ours, theirs = getattr(room, name), getattr(torch.nn if room is gg.nn else torch.optim, name)
        for method in vars(ours):
            if not method.startswith("_") and hasattr(theirs, method) and inspect.isfunction(getattr(ours, method)):
                yield f"{name}.{method}", getattr(ours, method), getattr(theirs, method)


PAIRS = list(pairs())


def parameters(function: Any) -> list[inspect.Parameter]:
    # A class that takes (*args, **kwargs) says in an overload what they are.
    told = get_overloads(vars(function)["__init__"]) if "__init__" in getattr(function, "__dict__", {}) else []
    found = inspect.signature(told[0] if told else function).parameters.values()
    return [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name != "self"]


@pytest.mark.parametrize(("name", "ours", "theirs"), PAIRS, ids=[name for name, _, _ in PAIRS])
def test_arguments(name: str, ours: Any, theirs: Any) -> None:
    try:
        wanted = parameters(theirs)
    except ValueError:
        pytest.skip("PyTorch has it in C++, without a signature")
    have = parameters(ours)
    by_position = [p.name for p in have if p.kind is not p.KEYWORD_ONLY]
    assert by_position == [p.name for p in wanted][: len(by_position)]
    defaults = {p.name: p.default for p in wanted}
    for parameter in have:
        if (name, parameter.name) in OURS_ALONE | OTHER_DEFAULTS:
            continue
        assert parameter.name in defaults
        assert parameter.default == defaults[parameter.name], parameter.name


def test_most_have_a_signature() -> None:
    """A change on PyTorch's side does not turn the test above into one that skips everything."""
    names = {name for name, _, _ in PAIRS}
    assert {
        "Linear",
        "LSTM",
        "optim.SGD",
        "functional.softmax",
        "init.kaiming_uniform_",
        "Module.load_state_dict",
    } <= names
    for name, _, theirs in PAIRS:
        if name in ("Linear", "LSTM", "optim.SGD", "functional.softmax"):
            assert parameters(theirs)
