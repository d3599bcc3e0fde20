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
OURS_ALONE |= {(name, "generator") for name in ("Embedding", "EmbeddingBag", "Bilinear", "Transformer")}
# Kinds of recurrent layers that PyTorch hasn't.
OURS_ALONE |= {(name, "peepholes") for name in ("LSTM", "LSTMCell")}
OURS_ALONE |= {(name, "reset_after") for name in ("GRU", "GRUCell")}
# PyTorch takes a dtype, a device and a tensor by position, and doesn't say so.
OURS_ALONE |= {("Module.to", "dtype")}
OURS_ALONE |= {
    (name, "generator") for name in ["MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer"]
}
# A random operation keeps its seed.
SEEDED = "gumbel_softmax rrelu dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout"
OURS_ALONE |= {(f"functional.{name}", "seed") for name in SEEDED.split()}
# PyTorch's own default is to guess an axis, and to warn.
OTHER_DEFAULTS = {("functional.softmax", "dim"), ("functional.log_softmax", "dim"), ("Softmax", "dim")}
# The same function, but ours.
OTHER_DEFAULTS |= {
    (name, "activation") for name in ("TransformerEncoderLayer", "TransformerDecoderLayer", "Transformer")
}
# Without running statistics a batch is normalised by its own, as in training.
OTHER_DEFAULTS |= {("functional.batch_norm", "running_mean"), ("functional.batch_norm", "running_var")}
OTHER_DEFAULTS |= {("LogSoftmax", "dim"), ("Parameter", "data"), ("functional.softmin", "dim"), ("Softmin", "dim")}
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
# Where ε stands, which PyTorch doesn't ask; the name is Optax'.
OURS_ALONE |= {(f"optim.{name}", "eps_in_sqrt") for name in ("Adagrad", "RMSprop")}
# Optimisers that PyTorch hasn't, and rooms of their own in both.
NOT_THEIRS |= {"Newton", "Perceptron", "lr_scheduler", "swa_utils"}
# Schedules that PyTorch hasn't, and initial values.
NOT_THEIRS |= {"InverseSqrtLR", "InverseTimeLR", "MultiStepBS", "PiecewiseConstantLR", "PowerLR", "StepBS"}
NOT_THEIRS |= {"lecun_normal_", "lecun_uniform_", "np_rnn_", "utils"}
# A method of PyTorch's tensors.
NOT_THEIRS |= {"renorm_"}
# Keras' way to build a model, and what a model tells of itself.
NOT_THEIRS |= {"Input", "LayerSummary", "Model", "Summary", "SymbolicTensor"}
# A norm that is met exactly.
OURS_ALONE |= {("utils.clip_grad_norm_", "eps")}


# Those whose methods are compared too.
WITH_METHODS = ["Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"]
WITH_METHODS += ["Transformer", "TransformerEncoder", "TransformerDecoder", "EmbeddingBag"]
OURS_ALONE |= {(f"{name}.reset_parameters", "generator") for name in WITH_METHODS}

# What torch.nn has and graphgrad.nn hasn't, with the reason.
LEFT_OUT = {
    "rooms and helpers of PyTorch's own": (
        "attention common_types factory_kwargs grad intrinsic modules parallel parameter qat quantizable quantized"
    ),
    "for several machines or devices": "DataParallel SyncBatchNorm",
    "deprecated in PyTorch too": "Container NLLLoss2d CrossMapLRN2d",
    "bases of others, which ours share otherwise": "RNNBase RNNCellBase",
    "a buffer is registered by register_buffer; a tensor can't tell that it is one": "Buffer",
    "layers know their lengths when they are made; a graph of layers infers them": (
        "UninitializedBuffer UninitializedParameter LazyLinear LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d"
        " LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d"
        " LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d"
    ),
    "there is no operation under it": "FractionalMaxPool2d FractionalMaxPool3d",
    "a way to save memory with very many classes, new in PyTorch or seldom used": (
        "LinearCrossEntropyLoss LinearCrossEntropyOptions AdaptiveLogSoftmaxWithLoss"
    ),
}
# The same for the methods of a module.
METHODS_LEFT_OUT = {
    "there are no devices": "cuda ipu xpu mtia cpu to_empty share_memory",
    "NumPy hasn't that dtype; for others there is to": "bfloat16 type",
    "deprecated in PyTorch too": "register_backward_hook dump_patches",
    "nothing is compiled": "compile",
    "a state dict holds tensors and nothing else, and nothing intervenes": (
        "get_extra_state set_extra_state register_state_dict_post_hook register_state_dict_pre_hook"
        " register_load_state_dict_pre_hook register_load_state_dict_post_hook"
    ),
    "an assignment to the attribute does it": "set_submodule",
    "inner matters of PyTorch's": "call_super_init T_destination",
}


def names_of(left_out: dict[str, str]) -> set[str]:
    return {name for names in left_out.values() for name in names.split()}


def pairs() -> Iterator[tuple[str, Any, Any]]:
    """What has a signature in both libraries, by name."""
    rooms = {"": (gg.nn, torch.nn), "functional.": (gg.nn.functional, torch.nn.functional)}
    rooms |= {"init.": (gg.nn.init, torch.nn.init), "optim.": (gg.optim, torch.optim)}
    rooms |= {"utils.": (gg.nn.utils, torch.nn.utils)}
    rooms |= {"lr_scheduler.": (gg.optim.lr_scheduler, torch.optim.lr_scheduler)}
    for prefix, (ours, theirs) in rooms.items():
        for name in ours.__all__:
            if name not in NOT_THEIRS and callable(getattr(theirs, name, None)):
                # Of two functions that a flag chooses between, as in max_pool2d, PyTorch hides the signature.
                has_flag = hasattr(theirs, f"{name}_with_indices")
                yield prefix + name, getattr(ours, name), getattr(theirs, f"{name}_with_indices" if has_flag else name)
    classes = {name: (getattr(gg.nn, name), getattr(torch.nn, name)) for name in WITH_METHODS}
    for name, (ours, theirs) in {**classes, "Optimizer": (gg.optim.Optimizer, torch.optim.Optimizer)}.items():
        for method in dir(ours) if name in ("Module", "Optimizer") else vars(ours):
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
    by_position = [p.name for p in have if p.kind is not p.KEYWORD_ONLY and (name, p.name) not in OURS_ALONE]
    assert by_position == [p.name for p in wanted][: len(by_position)]
    defaults = {p.name: p.default for p in wanted}
    for parameter in have:
        if (name, parameter.name) in OURS_ALONE | OTHER_DEFAULTS:
            continue
        assert parameter.name in defaults
        assert parameter.default == defaults[parameter.name], parameter.name


def test_every_name_of_ours_is_theirs_or_said_not_to_be() -> None:
    rooms = [(gg.nn, torch.nn), (gg.nn.functional, torch.nn.functional), (gg.nn.init, torch.nn.init)]
    rooms += [(gg.nn.utils, torch.nn.utils), (gg.optim.lr_scheduler, torch.optim.lr_scheduler)]
    for ours, theirs in [*rooms, (gg.optim, torch.optim)]:
        assert sorted(name for name in set(ours.__all__) - NOT_THEIRS if not hasattr(theirs, name)) == []


def test_every_name_of_theirs_is_ours_too_or_left_out_for_a_reason() -> None:
    theirs = {name for name in dir(torch.nn) if not name.startswith("_")}
    assert sorted(theirs - set(gg.nn.__all__) - {"utils"}) == sorted(names_of(LEFT_OUT))
    methods = {name for name in vars(torch.nn.Module) if not name.startswith("_")}
    assert sorted(methods - set(dir(gg.nn.Module))) == sorted(names_of(METHODS_LEFT_OUT))


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
