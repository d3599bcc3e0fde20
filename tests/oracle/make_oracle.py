"""Write ops.npz: what PyTorch computes for every operation that it has too, values and gradients.

    python -m tests.oracle.make_oracle

needs the extra `oracle`. The tests compare with the file, so that they need no PyTorch; where there is one they ask it
again. A declaration whose samples were changed makes the comparison fail until this is run again.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphgrad.ops import TABLE
from graphgrad.ops.variants import base_and_missing, without
from tests.ops.declared import CASES, Case
from tests.ops.families import EDGES, counterparts

FILE = Path(__file__).parent / "ops.npz"
DTYPES = ("float64", "float32")
ARRAYS = ("operands", "weights", "values", "gradients")


def edge_cases() -> Iterator[Case]:
    """The edges as cases, numbered from 1000 to stand apart from the samples; operands that are left out are None."""
    for name, edges in EDGES.items():
        op = TABLE[name]
        for i, (operands, attrs) in enumerate(edges, start=1000):
            rest = op.operands[len(operands) :] if op.neutral else ()
            missing = [*(place for place, one in zip(op.operands, operands, strict=False) if one is None), *rest]
            given = tuple(np.asarray(one) for one in operands if one is not None)
            yield Case(without(op, missing) if missing else op, i, given, attrs)


# ---- asking PyTorch --------------------------------------------------------------------------------------------------


def upstream(case: Case) -> list[Any]:
    """The gradients that arrive at the results, from nowhere but the case itself."""
    rng = np.random.default_rng(case.index)
    with np.errstate(all="ignore"):
        return [rng.uniform(0.5, 1.5, one.shape) for one in case.run(case.arrays())]


def ask(case: Case, operands: Sequence[Any], weights: Sequence[Any], dtype: str) -> tuple[list[Any], list[Any]]:
    """PyTorch's results, and its gradients for the operands that graphgrad gives one."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of the variance of a single number
        return _asked(torch, case, operands, weights, dtype)


def _asked(
    torch: Any, case: Case, operands: Sequence[Any], weights: Sequence[Any], dtype: str
) -> tuple[list[Any], list[Any]]:

    base, _ = base_and_missing(case.op.name)
    function = counterparts()[base]
    leaves = [torch.tensor(one.astype(dtype) if one.dtype.kind == "f" else one) for one in operands]
    for i in case.differentiable:
        leaves[i].requires_grad_()
    if case.op.variadic:
        result = function(leaves, **case.attrs)
    else:
        given = dict(zip(case.op.operands, leaves, strict=True))
        result = function(*(given.get(name) for name in TABLE[base].operands), **case.attrs)
    results = list(result) if isinstance(result, (tuple, list)) else [result]
    gradients: list[Any] = []
    if case.differentiable:
        seeds = [torch.tensor(np.asarray(weight)).to(one.dtype) for one, weight in zip(results, weights, strict=True)]
        flowing = [i for i, one in enumerate(results) if one.requires_grad]  # integers beside floats don't
        wanted = [leaves[i] for i in case.differentiable]
        found = torch.autograd.grad([results[i] for i in flowing], wanted, [seeds[i] for i in flowing])
        gradients = [one.detach().numpy() for one in found]
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

    return [{name: [*map(array, value)] if name in ARRAYS else value for name, value in one.items()} for one in index]


def answers(cases: Sequence[Case]) -> Iterator[dict[str, Any]]:
    """What PyTorch says of the cases of one operation, each in both dtypes."""
    for case in cases:
        weights = upstream(case)
        for dtype in DTYPES:
            values, gradients = ask(case, case.operands, weights, dtype)
            yield {
                "name": case.op.name,
                "index": case.index,
                "dtype": dtype,
                "operands": list(case.operands),
                "weights": weights,
                "values": values,
                "gradients": gradients,
            }


def main() -> None:
    known = counterparts()
    groups: dict[str, list[Case]] = {}
    for case in (*CASES, *edge_cases()):
        if base_and_missing(case.op.name)[0] in known:
            groups.setdefault(case.op.name, []).append(case)
    writer = Writer()
    index: list[dict[str, Any]] = []
    refused = []
    for name, cases in groups.items():
        try:
            found = list(answers(cases))
        except RuntimeError as error:  # PyTorch can't do one of the cases: an empty transform, say
            refused.append(f"{name}: {str(error).splitlines()[0]}")
            continue
        for one in found:
            arrays = ("operands", "weights", "values", "gradients")
            index.append(
                {key: [writer.put(x) for x in value] if key in arrays else value for key, value in one.items()}
            )
    writer.save(FILE, index)
    names = {base_and_missing(one["name"])[0] for one in index}
    print(f"{FILE.name}: {len(names)} operations, {len(index)} cases, {FILE.stat().st_size} bytes")
    print("without a counterpart:", ", ".join(sorted(set(TABLE) - set(known))) or "none")
    print("refused by PyTorch:", *refused, sep="\n  ")


if __name__ == "__main__":
    main()
