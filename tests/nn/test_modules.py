"""Every module against its twin in PyTorch: numbers, gradients, lines and keys; and what modules refuse."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn
from tests.nn.module_cases import CASES, CLOSE, ORACLE, Case, flat, made, run

F = nn.functional
with_torch = pytest.mark.skipif(
    find_spec("torch") is None, reason="PyTorch is not installed; the extra `oracle` has it"
)
each_case = pytest.mark.parametrize("number", range(len(CASES)), ids=[case.id for case in CASES])

# Modules whose twins are compared in tables of their own.
ELSEWHERE = {f"{kind}{n}d" for n in (1, 2, 3) for kind in ("Conv", "ConvTranspose", "BatchNorm", "InstanceNorm")}
ELSEWHERE |= {f"{kind}Pool{n}d" for n in (1, 2, 3) for kind in ("Max", "Avg", "LP", "AdaptiveMax", "AdaptiveAvg")}
ELSEWHERE |= {f"MaxUnpool{n}d" for n in (1, 2, 3)}
ELSEWHERE |= {"LayerNorm", "RMSNorm", "GroupNorm", "LocalResponseNorm", "Embedding", "MultiheadAttention"}
ELSEWHERE |= {"RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"}
ELSEWHERE |= {"TransformerEncoderLayer", "TransformerDecoderLayer"}
# Those that are random, and those that hold others.
ELSEWHERE |= {"Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"}
ELSEWHERE |= {"Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}


@pytest.fixture(scope="module")
def committed() -> dict[str, Any]:
    """What PyTorch gave, by case."""
    with np.load(ORACLE, allow_pickle=False) as theirs:
        numbers = np.split(theirs["numbers"], np.cumsum(theirs["sizes"])[:-1])
        lines = theirs["lines"].tolist()
        return dict(zip(theirs["ids"].tolist(), zip(numbers, lines, strict=True), strict=True))


def line_of(case: Case, line: str) -> str:
    """What ours should look like."""
    reduction = made(case).__dict__.get("reduction", "mean")
    if reduction != "mean":  # PyTorch doesn't tell
        line = line.replace("()", f"(reduction={reduction!r})")
    return line.replace("NonDynamicallyQuantizableLinear", "Linear")


def test_every_module_is_here_or_elsewhere() -> None:
    kinds = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    modules = {name for name in kinds if issubclass(getattr(nn, name), nn.Module)}
    torch = {"Input", "Model"}  # of graphs of layers, which PyTorch hasn't
    assert sorted(modules - {case.name for case in CASES} - ELSEWHERE - torch) == []
    assert len({case.id for case in CASES}) == len(CASES)


@each_case
def test_it_gives_what_pytorchs_does(number: int, committed: dict[str, Any]) -> None:
    case = CASES[number]
    numbers, line = committed[case.id]
    for dtype in ("float64", "float32"):
        found = run(case, dtype)
        assert {one.dtype.name for one in found.values()} == {dtype}
        np.testing.assert_allclose(flat(found), numbers, **CLOSE[dtype])
    assert repr(made(case)) == line_of(case, line)


@with_torch
@pytest.mark.filterwarnings("ignore::UserWarning")
@each_case
def test_pytorch_still_gives_it_under_the_same_names(number: int, committed: dict[str, Any]) -> None:
    from tests.oracle import make_modules

    case = CASES[number]
    wanted, found, theirs = make_modules.run(case), run(case), make_modules.made(case)
    np.testing.assert_allclose(flat(wanted), committed[case.id][0], rtol=1e-9, atol=1e-10)
    assert {name: one.shape for name, one in found.items()} == {name: one.shape for name, one in wanted.items()}
    assert repr(theirs) == committed[case.id][1]
    state = {path: tuple(one.shape) for path, one in theirs.state_dict().items()}
    assert [(path, one.shape) for path, one in made(case).state_dict().items()] == list(state.items())


def test_the_answers_are_of_these_cases(committed: dict[str, Any]) -> None:
    assert list(committed) == [case.id for case in CASES]


# ---- beyond the twins ------------------------------------------------------------------------------------------------


IN_PLACE = "ReLU ReLU6 LeakyReLU RReLU ELU CELU SELU Hardtanh Hardsigmoid Hardswish SiLU Mish Dropout"


@pytest.mark.parametrize("name", IN_PLACE.split())
def test_nothing_is_done_in_place(name: str) -> None:
    with pytest.raises(gg.ArgumentError, match=f"{name}: inplace is False, got True"):
        getattr(nn, name)(inplace=True)


def test_a_random_slope_is_drawn_in_training_only() -> None:
    gg.manual_seed(0)
    layer, x = nn.RReLU(0.25, 0.75), gg.full((200,), -1.0)
    slopes = -layer(x).data
    assert 0.25 <= slopes.min() < 0.3 < 0.7 < slopes.max() <= 0.75
    assert set(layer.eval()(x).tolist()) == {-0.5}


def test_softmax2d_is_over_channels_and_refuses_other_axes() -> None:
    x = gg.tensor(np.random.default_rng(0).normal(size=(2, 3, 4, 5)))
    np.testing.assert_allclose(nn.Softmax2d()(x).data.sum(1), 1.0)
    with pytest.raises(gg.ShapeError, match=r"Softmax2d: input has the shape"):
        nn.Softmax2d()(gg.ones((2, 3)))


@pytest.mark.parametrize(
    ("make", "shape", "says"),
    [
        (lambda: nn.Flatten(2, 1), (2, 3, 4), "axis 1 comes before axis 2"),
        (lambda: nn.Flatten(1, 5), (2, 3), "end_dim 5 is no axis"),
        (lambda: nn.Flatten(), (2,), "start_dim 1 is no axis"),
        (lambda: nn.Unflatten(1, (4, 2)), (2, 6), r"axis 1 of input \(2, 6\) can't become axes of lengths \(4, 2\)"),
        (lambda: nn.Unflatten(1, (-1, -1)), (2, 6), "can't become"),
        (lambda: nn.Unflatten(1, (4, -1)), (2, 6), "can't become"),
        (lambda: nn.ReflectionPad2d(1), (3, 4), r"ReflectionPad2d: input \(3, 4\) has 2 axes[\s\S]*\(N, C, H, W\)"),
        (lambda: nn.ZeroPad1d((-3, 0)), (1, 2), "takes more away than axis 1"),
        (lambda: nn.Bilinear(2, 3, 1), (4, 5), "bilinear"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(make: Any, shape: tuple[int, ...], says: str) -> None:
    layer = make()
    with pytest.raises(gg.ShapeError, match=says):
        layer(*[gg.ones(shape)] * (2 if isinstance(layer, nn.Bilinear) else 1))


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: nn.Flatten("1"), gg.DTypeError, "start_dim is a whole number"),  # type: ignore[arg-type]
        (lambda: nn.Unflatten(1, 6), gg.DTypeError, "unflattened_size is a sequence"),  # type: ignore[arg-type]
        (lambda: nn.ZeroPad2d((1, 2)), gg.ArgumentError, "a pair for each of 2 axes"),
        (lambda: nn.ConstantPad1d(1.5, 0.0), gg.DTypeError, "is an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.PReLU(0), gg.ShapeError, "num_parameters is a whole number from 1"),
        (lambda: nn.Bilinear(2, 0, 1), gg.ShapeError, "in2_features is a whole number from 1"),
        (lambda: nn.EmbeddingBag(3, 2, mode="median"), gg.ArgumentError, "mode is one of sum, mean, max"),
        (lambda: nn.EmbeddingBag(3, 2, mode="max", scale_grad_by_freq=True), gg.ArgumentError, "not for 'max'"),
        (lambda: nn.EmbeddingBag(3, 2, include_last_offset="no"), gg.DTypeError, "offset is True or"),  # type: ignore[arg-type]
        (lambda: nn.EmbeddingBag(-1, 2), gg.ShapeError, "EmbeddingBag: num_embeddings is a whole number from 0"),
        (lambda: nn.Embedding(3, 2, norm_type=0.0), gg.ArgumentError, "norm_type is the order of a norm, above 0"),
        (lambda: nn.ELU("1"), gg.DTypeError, "ELU: alpha is a number, got '1'"),  # type: ignore[arg-type]
        (lambda: nn.CELU(0.0), gg.ArgumentError, "CELU: alpha"),
        (lambda: nn.GELU("erf"), gg.ArgumentError, "GELU: approximate is"),
        (lambda: nn.LeakyReLU(None), gg.DTypeError, "LeakyReLU: negative_slope is a number"),  # type: ignore[arg-type]
        (lambda: nn.RReLU(0.5, 0.25), gg.ArgumentError, "RReLU: lower must not exceed upper"),
        (lambda: nn.Hardtanh(1.0, -1.0), gg.ArgumentError, "Hardtanh: min_val must not exceed max_val"),
        (lambda: nn.Hardshrink(-1.0), gg.ArgumentError, "Hardshrink: lambd is a number from 0"),
        (lambda: nn.Threshold(0.0, "x"), gg.DTypeError, "Threshold: value is a number"),  # type: ignore[arg-type]
        (lambda: nn.Softplus(0.0), gg.ArgumentError, "Softplus: beta isn't 0"),
        (lambda: nn.Softplus(threshold=None), gg.DTypeError, "Softplus: threshold is a number"),  # type: ignore[arg-type]
        (lambda: F.softplus([1.0], 0.0), gg.ArgumentError, "softplus: beta isn't 0"),
        (lambda: nn.Softmax(1.5), gg.DTypeError, "Softmax: dim is an integer, got 1.5"),  # type: ignore[arg-type]
        (lambda: nn.GLU("x"), gg.DTypeError, "GLU: dim is"),  # type: ignore[arg-type]
        (lambda: nn.HuberLoss(delta=0.0), gg.ArgumentError, "HuberLoss: delta is above 0"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=2.0), gg.ArgumentError, "label_smoothing is from 0 to 1"),
        (lambda: nn.NLLLoss(ignore_index=0.5), gg.DTypeError, "ignore_index is an integer"),  # type: ignore[arg-type]
        (lambda: nn.PoissonNLLLoss("no"), gg.DTypeError, "PoissonNLLLoss: log_input is True or False"),  # type: ignore[arg-type]
        (lambda: nn.CTCLoss(zero_infinity=3), gg.DTypeError, "zero_infinity is True or False"),  # type: ignore[arg-type]
        (lambda: nn.MultiMarginLoss(p=3), gg.ArgumentError, "MultiMarginLoss: p is"),
        (lambda: nn.TripletMarginLoss(margin=0.0), gg.ArgumentError, "TripletMarginLoss: margin is above 0"),
        (lambda: nn.TripletMarginWithDistanceLoss(swap="no"), gg.DTypeError, "swap is True or False"),  # type: ignore[arg-type]
        (lambda: nn.TripletMarginWithDistanceLoss(distance_function=3), gg.DTypeError, "a function, got 3"),  # type: ignore[arg-type]
        (lambda: nn.TripletMarginWithDistanceLoss(margin=None), gg.DTypeError, "margin is a number"),  # type: ignore[arg-type]
        (lambda: nn.CosineSimilarity(eps=-1.0), gg.ArgumentError, "CosineSimilarity: eps"),
        (lambda: nn.PairwiseDistance(keepdim="no"), gg.DTypeError, "keepdim is True or False"),  # type: ignore[arg-type]
        (lambda: nn.ConstantPad1d(1, None), gg.DTypeError, "ConstantPad1d: value is a number"),  # type: ignore[arg-type]
        (lambda: nn.PixelShuffle(0), gg.ArgumentError, "PixelShuffle: upscale_factor is an integer from 1"),
        (lambda: nn.PixelUnshuffle(1.5), gg.DTypeError, "PixelUnshuffle: downscale_factor"),  # type: ignore[arg-type]
        (lambda: nn.ChannelShuffle(0), gg.ArgumentError, "ChannelShuffle: groups"),
        (lambda: nn.Unfold(0), gg.ArgumentError, "Unfold: kernel_size"),
        (lambda: nn.Fold("x", 2), gg.DTypeError, "Fold: output_size"),  # type: ignore[arg-type]
        (lambda: nn.Upsample(), gg.ArgumentError, "Upsample: one of size and scale_factor .* got neither"),
        (lambda: nn.Upsample(4, 2.0), gg.ArgumentError, "got both"),
        (lambda: nn.Upsample(scale_factor=0), gg.ArgumentError, "scale_factor is above 0"),
        (lambda: nn.Upsample("x"), gg.DTypeError, "Upsample: size is an integer, got 'x'"),  # type: ignore[arg-type]
        (lambda: nn.Linear(2, 2, bias="no"), gg.DTypeError, "Linear: bias is True or False"),  # type: ignore[arg-type]
        (lambda: nn.Bilinear(2, 2, 2, bias=None), gg.DTypeError, "Bilinear: bias is True or False"),  # type: ignore[arg-type]
        (lambda: nn.Transformer(4, 2, custom_encoder=3), gg.DTypeError, "custom_encoder is a Module, got int"),  # type: ignore[arg-type]
        (lambda: nn.TransformerEncoderLayer(4, 2, activation=["relu"]), gg.ArgumentError, "activation is 'relu'"),  # type: ignore[arg-type]
        (lambda: nn.KLDivLoss(reduction="batch"), gg.ArgumentError, "one of mean, sum, none, batchmean"),
        (lambda: nn.L1Loss(reduction="batchmean"), gg.ArgumentError, "one of mean, sum, none, got"),
        (lambda: nn.TransformerEncoder(3, 2), gg.DTypeError, "a layer is a Module"),  # type: ignore[arg-type]
    ],
)
def test_bad_arguments_are_refused_when_it_is_made(make: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()


def test_weights_of_a_loss_are_state_that_is_not_trained() -> None:
    loss = nn.CrossEntropyLoss([0.5, 2.0])
    assert list(loss.state_dict()) == ["weight"]
    assert list(loss.parameters()) == []
    assert list(nn.CrossEntropyLoss().state_dict()) == []
    with pytest.raises(TypeError, match="needs no gradient"):
        nn.CrossEntropyLoss(nn.Parameter([1.0, 1.0]))


# ---- bags ------------------------------------------------------------------------------------------------------------


def test_a_bag_is_what_the_embedding_says() -> None:
    gg.manual_seed(1)
    layer = nn.EmbeddingBag(7, 3, mode="sum", scale_grad_by_freq=True, dtype="float64")
    words, table = gg.tensor([1, 1, 2, 1]), gg.tensor(layer.weight.data, requires_grad=True)
    up = gg.tensor([[1.0], [10.0]], dtype="float64")
    found = layer(words, [0, 2])
    gg.sum(found * up).backward()
    rows = F.embedding(words, table, scale_grad_by_freq=True)
    wanted = gg.stack([rows[0] + rows[1], rows[2] + rows[3]])
    gg.sum(wanted * up).backward()
    np.testing.assert_allclose(found.data, wanted.data)
    assert layer.weight.grad is not None
    assert table.grad is not None
    np.testing.assert_allclose(layer.weight.grad.data, table.grad.data)  # PyTorch's divides by counts of other words


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize(("words", "offsets", "bags"), [([], [0, 0], 2), ([], [], 0), (np.zeros((3, 0), int), None, 3)])
def test_bags_without_words_are_zeros(mode: str, words: Any, offsets: Any, bags: int) -> None:
    layer = nn.EmbeddingBag(4, 2, mode=mode)
    found = layer(gg.tensor(words, dtype="int64"), offsets)
    assert found.tolist() == [[0.0, 0.0]] * bags


@pytest.mark.parametrize(
    ("args", "error", "says"),
    [
        (([0, 1],), gg.ArgumentError, "bags in a row need offsets"),
        (([[0, 1]], [0]), gg.ArgumentError, "have no offsets"),
        (([0, 1], [1]), gg.ArgumentError, "offsets begin with 0"),
        (([0, 1], [0, 2, 1]), gg.ArgumentError, "never fall"),
        (([0, 1], [0, 3]), gg.ArgumentError, "stay within input"),
        (([0, 1], [[0]]), gg.ShapeError, "offsets has the shape"),
        (([[[0]]],), gg.ShapeError, r"\(B, N\) or \(L,\)"),
        (([0.5],), gg.DTypeError, "input holds integers"),
        (([0, 9], [0]), gg.ArgumentError, "input asks for 9"),
        (([0, 1], [0], [1.0]), gg.ShapeError, "a weight for each word"),
    ],
)
def test_what_a_bag_refuses(args: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        nn.EmbeddingBag(4, 2, mode="sum")(*args)


def test_words_that_tie_for_a_maximum_share_what_it_receives() -> None:
    table = gg.tensor([[1.0, 2.0], [1.0, 0.0]], requires_grad=True)
    gg.sum(F.embedding_bag([[0, 1]], table, mode="max")).backward()
    assert table.grad is not None
    assert table.grad.tolist() == [[0.5, 1.0], [0.5, 0.0]]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_words_behind_the_last_bag_are_in_none(mode: str) -> None:
    table = gg.tensor(np.random.default_rng(0).normal(size=(5, 2)), requires_grad=True)
    found = F.embedding_bag([1, 2, 3, 4], table, [0, 1, 3], mode=mode, include_last_offset=True)
    np.testing.assert_array_equal(found.data, F.embedding_bag([1, 2, 3], table, [0, 1], mode=mode).data)
    gg.sum(found).backward()
    assert table.grad is not None
    assert not table.grad.data[[0, 4]].any()


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_a_padding_may_be_counted_from_the_end(mode: str) -> None:
    table = np.random.default_rng(0).normal(size=(4, 2))
    wanted = F.embedding_bag([1, 2], table, [0, 1], mode=mode).data
    for padding in (3, -1):
        found = F.embedding_bag([3, 1, 2, 3], table, [0, 2], mode=mode, padding_idx=padding)
        np.testing.assert_array_equal(found.data, wanted)


def test_bags_of_vectors_that_were_learned_before() -> None:
    table = np.array([[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]], np.float32)
    layer = nn.EmbeddingBag.from_pretrained(table, mode="sum", padding_idx=-1)
    table[:] = 0.0
    assert layer([[0, 1, 2]]).tolist() == [[4.0, 6.0]]
    assert (layer.weight.requires_grad, layer.weight.data[2].tolist()) == (False, [9.0, 9.0])
    assert repr(layer) == "EmbeddingBag(3, 2, mode='sum', padding_idx=2)"
    assert nn.EmbeddingBag.from_pretrained(table, freeze=False).weight.requires_grad
    with pytest.raises(gg.ShapeError, match=r"EmbeddingBag.from_pretrained: embeddings has the shape"):
        nn.EmbeddingBag.from_pretrained([1.0])
    with pytest.raises(gg.DTypeError, match="freeze is True or False"):
        nn.Embedding.from_pretrained(table, freeze="no")  # type: ignore[arg-type]


def test_weights_of_words_are_for_sums() -> None:
    with pytest.raises(gg.ArgumentError, match="per_sample_weights are for mode 'sum', not for 'mean'"):
        nn.EmbeddingBag(4, 2)([[0, 1]], None, [[1.0, 2.0]])


def test_long_vectors_are_shortened_for_good() -> None:
    layer = nn.EmbeddingBag(4, 2, max_norm=0.5)
    layer.load_state_dict({"weight": [[3.0, 4.0]] * 4})
    layer([[1, 1]])
    np.testing.assert_allclose(layer.weight.data, [[3.0, 4.0], [0.3, 0.4], [3.0, 4.0], [3.0, 4.0]], rtol=1e-5)


# ---- Transformers ----------------------------------------------------------------------------------------------------


def test_a_stack_has_copies_of_its_layer() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 3)
    stack = nn.TransformerEncoder(layer, 2)
    assert len({id(p) for p in (*layer.parameters(), *stack.parameters())}) == 3 * len(list(layer.parameters()))
    first, second = stack.layers
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        np.testing.assert_array_equal(one.data, other.data)
    whole = nn.Transformer(4, 2, 2, 1, 3)
    assert not np.array_equal(*(one.linear1.weight.data for one in whole.encoder.layers))  # type: ignore[attr-defined]


def test_a_causal_transformer_does_not_see_what_comes() -> None:
    gg.manual_seed(0)
    model = nn.Transformer(4, 2, 1, 1, 8, dropout=0.0, batch_first=True, dtype="float64")
    src, tgt = gg.ones((1, 3, 4), "float64"), gg.tensor(np.random.default_rng(0).normal(size=(1, 4, 4)))
    mask = nn.Transformer.generate_square_subsequent_mask(4, dtype="float64")
    changed = gg.tensor(np.concatenate([tgt.data[:, :3], -tgt.data[:, 3:]], 1))
    for options in ({}, {"tgt_is_causal": True}):
        one, other = (model(src, x, tgt_mask=mask, **options).data for x in (tgt, changed))
        np.testing.assert_allclose(one[:, :3], other[:, :3], rtol=1e-12)
        assert not np.allclose(one[:, 3], other[:, 3])
    with pytest.raises(gg.ShapeError, match=r"src \(1, 3, 4\) and tgt \(2, 4, 4\) don't fit"):
        model(src, gg.ones((2, 4, 4), "float64"))


def test_an_encoder_of_your_own_takes_the_place() -> None:
    class Same(nn.Module):
        def forward(self, src: Any, mask: Any, src_key_padding_mask: Any, is_causal: Any) -> Any:
            return src

    model = nn.Transformer(4, 2, num_decoder_layers=1, dim_feedforward=8, custom_encoder=Same())
    assert model(gg.ones((3, 1, 4)), gg.ones((2, 1, 4))).shape == (2, 1, 4)
