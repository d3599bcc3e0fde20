"""Modules that both libraries run, with the same parameters, operands and upstream gradients.

Layers with tables of their own (convolution, pooling, normalisation, recurrence, attention) aren't here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import graphgrad as gg
from tests.nn.recurrent_cases import draw

Array = np.ndarray[Any, Any]

# PyTorch holds the sixth of a hard sigmoid in float32.
CLOSE: dict[str, dict[str, Any]] = {"float64": {"rtol": 1e-7, "atol": 1e-8}, "float32": {"rtol": 2e-4, "atol": 5e-5}}
ORACLE = Path(__file__).resolve().parent.parent / "oracle" / "modules.npz"


def inner(room: Any) -> dict[str, Any]:
    """Modules that are arguments of others, made by either library."""
    return {
        "encoder layer": lambda: room.TransformerEncoderLayer(4, 2, 3, 0.0, batch_first=True),
        "decoder layer": lambda: room.TransformerDecoderLayer(4, 2, 3, 0.0, batch_first=True),
        "norm": lambda: room.LayerNorm(4),
        "squared distance": lambda: lambda a, b: ((a - b) ** 2).sum(-1),
    }


class Case(NamedTuple):
    """A module, what it is made with, and what it is called with.

    A shape among the operands stands for numbers that need a gradient, a list with an array for that array, which does
    too, and an array for itself; a text among the arguments that `inner` knows for a module.
    """

    name: str
    operands: tuple[Any, ...]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}  # noqa: RUF012 - never changed
    evaluates: bool = False

    @property
    def id(self) -> str:
        given = [repr(one) if not isinstance(one, np.ndarray) else "array" for one in self.args]
        given += [f"{key}={one!r}" if not isinstance(one, np.ndarray) else key for key, one in self.kwargs.items()]
        shapes = " ".join(str(one if isinstance(one, tuple) else np.shape(one)) for one in self.operands)
        return f"{self.name}({', '.join(given)}) {shapes}"

    def values(self) -> Iterator[tuple[Array, bool]]:
        """The operands, and whether each needs a gradient."""
        for i, one in enumerate(self.operands):
            if isinstance(one, tuple):  # up to 3 from 0 either way, and at no kink
                yield 3.0 * draw(f"operand {i} {one}", one) + 1 / 32, True
            else:
                yield (one[0], True) if isinstance(one, list) else (one, False)


X = (2, 4, 3)
SIGNS = np.array([1.0, -1.0, -1.0, 1.0, 1.0])
CLASSES = np.array([2, 0, 3, 2, -100])
PROBABILITIES = np.array([[0.25, 0.5, 0.125, 0.125], [0.7, 0.1, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1]])
YES = (np.arange(12).reshape(3, 4) % 3 == 0).astype(np.float64)
COUNTS = np.arange(12.0).reshape(3, 4) % 4
WEIGHTS = np.array([0.5, 1.0, 2.0, 0.25])
LABELS = np.array([[3, 0, -1, 1], [1, 2, 3, -1], [-1, 0, 1, 2]])
LOG_PROBS = np.log(np.array([[[0.2, 0.5, 0.3]], [[0.1, 0.6, 0.3]], [[0.6, 0.2, 0.2]], [[0.3, 0.3, 0.4]]]))
WORDS, BAGS = np.array([1, 2, 4, 5, 4, 3, 1]), np.array([0, 2, 2, 5])


_FROM_STRAIGHT = "ReLU ReLU6 ELU CELU SELU Hardtanh Hardsigmoid Hardswish Hardshrink Softshrink LeakyReLU"
_SMOOTH = "Sigmoid LogSigmoid Tanh Tanhshrink Softsign Softplus SiLU Mish GELU"


def _activations() -> Iterator[Case]:
    for name in f"{_FROM_STRAIGHT} {_SMOOTH}".split():
        yield Case(name, (X,))
    yield Case("LeakyReLU", (X,), (0.2,))
    yield Case("RReLU", (X,), (0.25, 0.5), evaluates=True)
    yield Case("ELU", (X,), (0.5,))
    yield Case("CELU", (X,), (0.5,))
    yield Case("Threshold", (X,), (0.3, 20.0))
    yield Case("Hardtanh", (X,), (-2.0, 0.5))
    yield Case("Hardshrink", (X,), (1.2,))
    yield Case("Softshrink", (X,), (1.2,))
    yield Case("Softplus", (X,), (2.0, 3.0))
    yield Case("GELU", (X,), (), {"approximate": "tanh"})
    yield Case("GLU", (X,), (1,))
    yield Case("GLU", ((3, 4),))
    yield Case("PReLU", (X,))
    yield Case("PReLU", (X,), (4, 0.5))
    for name in ("Softmax", "LogSoftmax", "Softmin"):
        yield Case(name, (X,), (1,))
        yield Case(name, (X,), (), {"dim": -1})
    yield Case("Softmax2d", ((2, 3, 2, 2),))
    yield Case("Softmax2d", ((3, 2, 2),))


def _losses() -> Iterator[Case]:
    grid = (3, 4)
    for name in ("L1Loss", "MSELoss", "HuberLoss", "SmoothL1Loss"):
        yield Case(name, (grid, grid))
    yield Case("HuberLoss", (grid, grid), ("sum", 0.5))
    yield Case("SmoothL1Loss", (grid, grid), (), {"beta": 0.5, "reduction": "none"})
    yield Case("NLLLoss", ((5, 4), CLASSES))
    yield Case("NLLLoss", ((4, 4), CLASSES[:4]), (WEIGHTS,), {"ignore_index": 3, "reduction": "sum"})
    yield Case("CrossEntropyLoss", ((5, 4), CLASSES))
    yield Case("CrossEntropyLoss", ((5, 4), CLASSES), (WEIGHTS,), {"label_smoothing": 0.1})
    yield Case("CrossEntropyLoss", (grid, PROBABILITIES), (), {"reduction": "none", "label_smoothing": 0.2})
    yield Case("PoissonNLLLoss", (grid, COUNTS))
    yield Case("PoissonNLLLoss", (grid, COUNTS), (True, True), {"reduction": "sum"})
    yield Case("PoissonNLLLoss", ([PROBABILITIES], COUNTS), (False,), {"eps": 1e-3})
    yield Case("GaussianNLLLoss", (grid, grid, [PROBABILITIES]))
    yield Case("GaussianNLLLoss", (grid, grid, [PROBABILITIES]), (), {"full": True, "eps": 0.2, "reduction": "none"})
    yield Case("KLDivLoss", (grid, PROBABILITIES), (), {"reduction": "batchmean"})
    yield Case("KLDivLoss", (grid, np.log(PROBABILITIES)), (), {"reduction": "sum", "log_target": True})
    yield Case("BCELoss", ([PROBABILITIES], YES))
    yield Case("BCELoss", ([PROBABILITIES], YES), (WEIGHTS,))
    yield Case("BCEWithLogitsLoss", (grid, YES))
    yield Case("BCEWithLogitsLoss", (grid, YES), (WEIGHTS,), {"pos_weight": WEIGHTS[::-1].copy()})
    yield Case("CTCLoss", ([LOG_PROBS], np.array([[1, 2]]), np.array([4]), np.array([2])))
    yield Case("CTCLoss", ([LOG_PROBS], np.array([[1, 0]]), np.array([4]), np.array([2])), (2, "sum", True))
    yield Case("SoftMarginLoss", ((5,), SIGNS))
    yield Case("HingeEmbeddingLoss", ((5,), SIGNS), (0.75,))
    yield Case("MarginRankingLoss", ((5,), (5,), SIGNS))
    yield Case("MarginRankingLoss", ((5,), (5,), SIGNS), (0.5,), {"reduction": "sum"})
    yield Case("CosineEmbeddingLoss", ((5, 3), (5, 3), SIGNS), (0.1,))
    yield Case("MultiMarginLoss", (grid, CLASSES[:3]))
    yield Case("MultiMarginLoss", (grid, CLASSES[:3]), (2, 0.5, WEIGHTS))
    yield Case("MultiLabelMarginLoss", (grid, LABELS))
    yield Case("MultiLabelSoftMarginLoss", (grid, YES), (WEIGHTS,))
    yield Case("TripletMarginLoss", (grid, grid, grid), (2.0, 1.0))
    yield Case("TripletMarginLoss", (grid, grid, grid), (), {"swap": True, "eps": 1e-3})
    yield Case("TripletMarginWithDistanceLoss", (grid, grid, grid))
    yield Case(
        "TripletMarginWithDistanceLoss",
        (grid, grid, grid),
        (),
        {"distance_function": "squared distance", "margin": 9.0},
    )


def _shapes() -> Iterator[Case]:
    yield Case("Identity", (WEIGHTS,), (54,), {"unused": 1})
    yield Case("Flatten", ((2, 3, 2, 2),))
    yield Case("Flatten", ((2, 3, 2, 2),), (0, 2))
    yield Case("Unflatten", ((2, 6),), (1, (2, 3)))
    yield Case("Unflatten", ((2, 6),), (-1, (2, -1)))
    yield Case("Unfold", ((1, 2, 4, 3),), (2,))
    yield Case("Unfold", ((1, 2, 4, 3),), ((2, 1), 1, (1, 0), 2))
    yield Case("Fold", ((1, 8, 6),), ((4, 3), 2))
    yield Case("Fold", ((1, 8, 4),), ((3, 3), (2, 2)), {"padding": 1, "stride": 2})
    yield Case("PixelShuffle", ((1, 8, 2, 3),), (2,))
    yield Case("PixelUnshuffle", ((1, 2, 4, 2),), (2,))
    yield Case("ChannelShuffle", ((1, 6, 2, 1),), (3,))
    image = (1, 2, 3, 2)
    yield Case("Upsample", (image,), (), {"scale_factor": 2})
    yield Case("Upsample", (image,), ((4, 5),), {"mode": "bilinear"})
    yield Case("Upsample", (image,), (), {"scale_factor": (2.0, 1.5), "mode": "bicubic", "align_corners": True})
    yield Case("Upsample", ((1, 2, 4),), (6,), {"mode": "linear"})
    yield Case("UpsamplingNearest2d", (image,), (), {"scale_factor": 2})
    yield Case("UpsamplingBilinear2d", (image,), (), {"size": (5, 3)})
    for n in (1, 2, 3):
        shape = (2, 3, 3, 4, 3)[: n + 2]
        uneven = (1, 0, 0, 2, 1, 1)[: 2 * n]
        for kind in ("Zero", "Reflection", "Replication", "Circular"):
            yield Case(f"{kind}Pad{n}d", (shape,), (1,))
            yield Case(f"{kind}Pad{n}d", (shape,), (uneven,))
        yield Case(f"ConstantPad{n}d", (shape,), (uneven, 3.5))
    yield Case("ZeroPad2d", ((3, 3),), ((-1, 2, 1, -1),))


def _layers() -> Iterator[Case]:
    yield Case("Linear", ((2, 3),), (3, 2))
    yield Case("Bilinear", ((4, 2), (4, 3)), (2, 3, 2))
    yield Case("Bilinear", ((2, 2, 2), (2, 2, 3)), (2, 3, 1, False))
    yield Case("CosineSimilarity", ((3, 4), (3, 4)))
    yield Case("CosineSimilarity", (X, X), (-1, 0.1))
    yield Case("PairwiseDistance", ((3, 4), (3, 4)))
    yield Case("PairwiseDistance", ((3, 4), (3, 4)), (1.0, 0.5, True))
    for mode in ("sum", "mean", "max"):
        yield Case("EmbeddingBag", (WORDS, BAGS), (6, 2), {"mode": mode})
        yield Case("EmbeddingBag", (WORDS[:6].reshape(2, 3),), (6, 2), {"mode": mode, "padding_idx": 4})
    last = np.array([0, 3, 7])
    yield Case("EmbeddingBag", (WORDS, last), (6, 2, 0.5, 1.0), {"include_last_offset": True, "padding_idx": 1})
    yield Case("EmbeddingBag", (WORDS, BAGS, (7,)), (6, 2), {"mode": "sum"})
    yield Case("TransformerEncoder", ((2, 3, 4),), ("encoder layer", 2))
    yield Case("TransformerEncoder", ((2, 3, 4), ~np.tri(3, dtype=bool)), ("encoder layer", 1, "norm"))
    yield Case("TransformerDecoder", ((2, 3, 4), (2, 5, 4)), ("decoder layer", 2, "norm"))
    yield Case("TransformerDecoder", ((2, 3, 4), (2, 5, 4), ~np.tri(3, dtype=bool)), ("decoder layer", 1))
    small = {"dim_feedforward": 3, "dropout": 0.0}
    yield Case("Transformer", ((5, 2, 4), (3, 2, 4)), (4, 2, 1, 2), small)
    yield Case(
        "Transformer",
        ((2, 5, 4), (2, 3, 4), ~np.tri(5, dtype=bool), ~np.tri(3, dtype=bool)),
        (4, 2, 1, 1),
        {**small, "activation": "gelu", "batch_first": True, "norm_first": True, "bias": False},
    )


CASES = [*_activations(), *_losses(), *_shapes(), *_layers()]


def seed(shape: tuple[int, ...]) -> Array:
    """The upstream gradient."""
    return draw(f"seed {shape}", shape) + 1 / 64


def start(path: str, shape: tuple[int, ...]) -> Array:
    """The values of a parameter."""
    return draw(path, shape)


def flat(found: dict[str, Array]) -> Array:
    """All numbers in a row, in the order of their names."""
    return np.concatenate([np.ravel(found[one]) for one in sorted(found)])


# ---- ours ------------------------------------------------------------------------------------------------------------


def made(case: Case, dtype: str = "float64") -> gg.nn.Module:
    """Our module, with the parameters that both have."""
    known = inner(gg.nn)
    given = [known[one]() if isinstance(one, str) and one in known else one for one in case.args]
    named = {key: known[one]() if isinstance(one, str) and one in known else one for key, one in case.kwargs.items()}
    module: gg.nn.Module = getattr(gg.nn, case.name)(*given, **named)
    module.to(dtype).train(not case.evaluates)
    module.load_state_dict({path: start(path, p.shape) for path, p in module.named_parameters()}, strict=False)
    return module


def run(case: Case, dtype: str = "float64") -> dict[str, Array]:
    """The result of our module, and the gradients of its operands and parameters."""
    module = made(case, dtype)
    operands = [
        gg.tensor(one, dtype if one.dtype.kind == "f" else None, requires_grad=needs) for one, needs in case.values()
    ]
    # What PyTorch's CTC loss hands out is the gradient before a log_softmax, which has to be there.
    first = gg.log_softmax(operands[0], -1) if case.name == "CTCLoss" else operands[0]
    result = module(first, *operands[1:])
    if not result.is_leaf:
        result.backward(seed(result.shape).astype(dtype))
    found = {"out": result.data}
    found |= {f"d {i}": one.grad.data for i, one in enumerate(operands) if one.grad is not None}
    return found | {f"d {path}": p.grad.data for path, p in module.named_parameters() if p.grad is not None}
