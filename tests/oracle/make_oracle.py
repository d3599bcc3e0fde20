"""Write ops.npz: what PyTorch computes for every operation that it has too, values and gradients.

    python -m tests.oracle.make_oracle

needs the extra `oracle`. The tests compare with the file, so that they need no PyTorch; where there is one they ask it
again. A declaration whose samples were changed makes the comparison fail until this is run again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphgrad.ops import TABLE
from tests.ops.declared import CASES, Case

FILE = Path(__file__).parent / "ops.npz"
DTYPES = ("float64", "float32")

inf = np.inf


# ---- what PyTorch calls it -------------------------------------------------------------------------------------------


def counterparts() -> dict[str, Callable[..., Any]]:
    """PyTorch's way to compute each operation, on its tensors; attributes as graphgrad has them."""
    import torch
    from torch.nn import functional as F

    def axes(x: Any, axis: Any) -> tuple[int, ...]:
        return tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)

    def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, axis=None, keepdims=False: function(x, dim=axes(x, axis), keepdim=keepdims)

    def converted(part: Any) -> Any:
        return torch.as_tensor(part) if isinstance(part, np.ndarray) else part

    def getitem(x: Any, key: Any) -> Any:
        for place, part in enumerate(key):  # PyTorch has no negative steps
            if isinstance(part, slice) and part.step is not None and part.step < 0:
                assert part == slice(None, None, -1)
                x = torch.flip(x, (place,))
                key = (*key[:place], slice(None), *key[place + 1 :])
        return x[tuple(map(converted, key))]

    def setitem(x: Any, value: Any, key: Any) -> Any:
        out = x.clone()
        out[tuple(map(converted, key))] = value
        return out

    def index_add(x: Any, shape: Any, key: Any) -> Any:
        # By way of the numbers of the elements that the key names.
        places = torch.arange(int(np.prod(shape))).reshape(shape)[tuple(map(converted, key))]
        return torch.zeros(int(np.prod(shape)), dtype=x.dtype).index_add(0, places.ravel(), x.ravel()).reshape(shape)

    def cross_entropy(input: Any, target: Any, reduction: str = "mean") -> Any:
        return F.cross_entropy(input, target, reduction=reduction)

    def squeeze(x: Any, axis: Any = None) -> Any:
        return torch.squeeze(x) if axis is None else torch.squeeze(x, axis)

    return {
        "abs": torch.abs,
        "add": torch.add,
        "astype": lambda x, dtype: x.to(getattr(torch, dtype)),
        "binary_cross_entropy": F.binary_cross_entropy,
        "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
        "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
        "concat": lambda tensors, axis=0: torch.concat(tensors, axis),
        "cross_entropy": cross_entropy,
        "divide": torch.divide,
        "equal": torch.eq,
        "exp": torch.exp,
        "expand_dims": torch.unsqueeze,
        "getitem": getitem,
        "greater": torch.greater,
        "greater_equal": torch.greater_equal,
        "identity": torch.clone,
        "index_add": index_add,
        "leaky_relu": F.leaky_relu,
        "less": torch.less,
        "less_equal": torch.less_equal,
        "linear": F.linear,
        "log": torch.log,
        "log1p": torch.log1p,
        "log_softmax": lambda x, axis=-1: F.log_softmax(x, axis),
        "logsumexp": reduction(torch.logsumexp),
        "matmul": torch.matmul,
        "max": reduction(torch.amax),
        "maximum": torch.maximum,
        "mean": reduction(torch.mean),
        "min": reduction(torch.amin),
        "minimum": torch.minimum,
        "mse_loss": F.mse_loss,
        "multiply": torch.multiply,
        "negative": torch.negative,
        "not_equal": torch.not_equal,
        "permute_dims": lambda x, axes=None: torch.permute(x, axes or tuple(range(x.ndim))[::-1]),
        "power": torch.pow,
        "relu": F.relu,
        "reshape": torch.reshape,
        "setitem": setitem,
        "sigmoid": torch.sigmoid,
        "sign": torch.sign,
        "softmax": lambda x, axis=-1: F.softmax(x, axis),
        "softplus": F.softplus,
        "split": lambda x, sizes, axis=0: torch.split(x, sizes, axis),
        "sqrt": torch.sqrt,
        "square": torch.square,
        "squeeze": squeeze,
        "stack": lambda tensors, axis=0: torch.stack(tensors, axis),
        "subtract": torch.subtract,
        "sum": reduction(torch.sum),
        "tanh": torch.tanh,
        "unbind": lambda x, axis=0: torch.unbind(x, axis),
        "where": torch.where,
    }


# ---- where the mathematics leaves a choice, or the computer has to take care -----------------------------------------

_LOGITS = [[0.0, 800.0, -800.0], [1.0, 1.0, 1.0]]
EDGES: dict[str, list[tuple[list[Any], dict[str, Any]]]] = {
    "abs": [([[0.0, -0.0, -1.0]], {})],
    "binary_cross_entropy": [
        # exactly right, exactly wrong, and what is in between
        ([[0.0, 1.0, 0.0, 1.0, 0.5], [0.0, 1.0, 1.0, 0.0, 1.0]], {"reduction": "none"}),
        ([[1e-30, 1.0 - 1e-7, 0.25], [1.0, 0.0, 0.5]], {}),
    ],
    "binary_cross_entropy_with_logits": [([[800.0, -800.0, 0.0, 40.0], [0.0, 1.0, 0.5, 1.0]], {"reduction": "none"})],
    "cross_entropy": [
        ([_LOGITS, [1, 2]], {"reduction": "none"}),
        ([_LOGITS, [[0.0, 1.0, 0.0], [0.2, 0.3, 0.1]]], {}),  # the second row doesn't add up to 1
    ],
    "divide": [([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]], {})],
    "leaky_relu": [([[0.0, -0.0, 1.0, -1.0]], {"negative_slope": 0.2})],
    "log": [([[0.0, inf, 1.0]], {})],
    "log_softmax": [([_LOGITS], {})],
    "logsumexp": [([_LOGITS], {"axis": 1}), ([[-inf, 0.0, 1.0]], {})],
    "max": [([[[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]], {"axis": 1}), ([[1.0, 3.0, 3.0]], {})],
    "maximum": [([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]], {})],
    "min": [([[[1.0, 1.0, 3.0], [2.0, 2.0, 2.0]]], {"axis": 1})],
    "minimum": [([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]], {})],
    "power": [
        ([[0.0, 0.0, 0.0, 2.0, -2.0], [0.0, 2.0, 1.0, 0.0, 3.0]], {}),
        ([[4.0, 0.25], [0.5, -0.5]], {}),
    ],
    "relu": [([[0.0, -0.0, -1.0, 1.0]], {})],
    "sigmoid": [([[800.0, -800.0, 0.0, 40.0, -40.0]], {})],
    "softmax": [([_LOGITS], {})],
    "softplus": [([[800.0, -800.0, 0.0, -30.0]], {})],
    "sqrt": [([[0.0, 4.0]], {})],
    "tanh": [([[800.0, -800.0, 1e-8]], {})],
}


def edge_cases() -> Iterator[Case]:
    """The edges as cases, numbered from 1000 to stand apart from the samples."""
    for name, edges in EDGES.items():
        for i, (operands, attrs) in enumerate(edges, start=1000):
            yield Case(TABLE[name], i, tuple(map(np.asarray, operands)), attrs)


# ---- asking PyTorch --------------------------------------------------------------------------------------------------


def upstream(case: Case) -> list[Any]:
    """The gradients that arrive at the results, from nowhere but the case itself."""
    rng = np.random.default_rng(case.index)
    with np.errstate(all="ignore"):
        return [rng.uniform(0.5, 1.5, one.shape) for one in case.run(case.arrays())]


def ask(case: Case, operands: Sequence[Any], weights: Sequence[Any], dtype: str) -> tuple[list[Any], list[Any]]:
    """PyTorch's results, and its gradients for the operands that graphgrad gives one."""
    import torch

    function = counterparts()[case.op.name]
    leaves = [torch.tensor(one.astype(dtype) if one.dtype.kind == "f" else one) for one in operands]
    for i in case.differentiable:
        leaves[i].requires_grad_()
    result = function(leaves, **case.attrs) if case.op.variadic else function(*leaves, **case.attrs)
    results = list(result) if isinstance(result, (tuple, list)) else [result]
    gradients: list[Any] = []
    if case.differentiable:
        seeds = [torch.tensor(np.asarray(weight)).to(one.dtype) for one, weight in zip(results, weights, strict=True)]
        wanted = [leaves[i] for i in case.differentiable]
        gradients = [one.numpy() for one in torch.autograd.grad(results, wanted, seeds)]
    return [one.detach().numpy() for one in results], gradients


class Writer:
    """Arrays one after the other in one flat array per dtype, and an index that says what lies where."""

    def __init__(self) -> None:
        self.flat: dict[str, list[Any]] = {}
        self.used: dict[str, int] = {}

    def put(self, array: Any) -> list[Any]:
        array = np.asarray(array)
        name = array.dtype.name
        start = self.used.get(name, 0)
        self.flat.setdefault(name, []).append(array.ravel())
        self.used[name] = start + array.size
        return [name, start, list(array.shape)]

    def save(self, file: Path, index: list[Any]) -> None:
        text = np.frombuffer(json.dumps(index, separators=(",", ":")).encode(), np.uint8)
        arrays: dict[str, Any] = {name: np.concatenate(parts) for name, parts in self.flat.items()}
        unfinished = file.with_suffix(".tmp.npz")
        np.savez_compressed(unfinished, index=text, **arrays)
        unfinished.replace(file)


def read() -> list[dict[str, Any]]:
    """What the file holds: a dictionary for each case and dtype."""
    with np.load(FILE, allow_pickle=False) as file:
        index = json.loads(bytes(file["index"]))
        flat = {name: file[name] for name in file.files if name != "index"}

    def array(where: list[Any]) -> Any:
        name, start, shape = where
        return flat[name][start : start + int(np.prod(shape))].reshape(shape)

    arrays = ("operands", "weights", "values", "gradients")
    return [{name: [*map(array, value)] if name in arrays else value for name, value in one.items()} for one in index]


def main() -> None:
    known = counterparts()
    writer = Writer()
    index = []
    for case in (*CASES, *edge_cases()):
        if case.op.name not in known:
            continue
        weights = upstream(case)
        for dtype in DTYPES:
            values, gradients = ask(case, case.operands, weights, dtype)
            index.append(
                {
                    "name": case.op.name,
                    "index": case.index,
                    "dtype": dtype,
                    "operands": [writer.put(one) for one in case.operands],
                    "weights": [writer.put(one) for one in weights],
                    "values": [writer.put(one) for one in values],
                    "gradients": [writer.put(one) for one in gradients],
                }
            )
    writer.save(FILE, index)
    names = {one["name"] for one in index}
    print(f"{FILE.name}: {len(names)} operations, {len(index)} cases, {FILE.stat().st_size} bytes")
    print("without a counterpart:", ", ".join(sorted(set(TABLE) - names)) or "none")


if __name__ == "__main__":
    main()
