"""Layers with attention that both libraries run, with the same weights, operands, masks and upstream gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import graphgrad as gg
from tests.nn.recurrent_cases import draw

Array = np.ndarray[Any, Any]

FEATURES, HEADS, HIDDEN = 4, 2, 3
BATCH, QUERIES, KEYS = 2, 3, 5

ORACLE = Path(__file__).resolve().parent.parent / "oracle" / "attention.npz"
CLOSE: dict[str, dict[str, Any]] = {
    "float64": {"rtol": 1e-10, "atol": 1e-11},
    "float32": {"rtol": 1e-4, "atol": 2e-5},
}

# By name the class and its options.
LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "attention": ("MultiheadAttention", {}),
    "attention batch first": ("MultiheadAttention", {"batch_first": True}),
    "attention no bias": ("MultiheadAttention", {"bias": False, "batch_first": True}),
    "attention more keys": ("MultiheadAttention", {"add_bias_kv": True, "add_zero_attn": True}),
    "attention other widths": ("MultiheadAttention", {"kdim": 3, "vdim": 5, "add_zero_attn": True}),
    "encoder": ("TransformerEncoderLayer", {}),
    "encoder gelu norm first": (
        "TransformerEncoderLayer",
        {"activation": "gelu", "norm_first": True, "batch_first": True, "layer_norm_eps": 0.1},
    ),
    "encoder no bias": ("TransformerEncoderLayer", {"bias": False}),
    "decoder": ("TransformerDecoderLayer", {}),
    "decoder gelu norm first": (
        "TransformerDecoderLayer",
        {"activation": "gelu", "norm_first": True, "batch_first": True, "layer_norm_eps": 0.1},
    ),
    "decoder no bias": ("TransformerDecoderLayer", {"bias": False, "batch_first": True}),
}
# What of the call is given beside the operands.
CALLS = {
    "attention": ("alone", "hidden", "added", "each head", "padded", "hidden padded", "added padded", "causal", "one"),
    "encoder": ("alone", "hidden", "padded", "added padded", "causal", "one"),
    "decoder": ("alone", "hidden", "padded", "added padded", "causal", "one"),
}
FEW = ("alone", "hidden padded", "one")
# The name of each layer and call that is compared.
CASES = [
    (name, call)
    for name in LAYERS
    for call in (CALLS[name] if name in CALLS else (*CALLS[name.split()[0]][:1], *FEW[1:]))
]


def cases_of(*kinds: str) -> list[tuple[str, str]]:
    """Those of the cases that are about these kinds of layers."""
    return [(name, call) for name, call in CASES if name.split()[0] in kinds]


def arguments(name: str) -> tuple[str, tuple[int, ...], dict[str, Any]]:
    """The class of a layer, and what it is made with; nothing is dropped."""
    layer, options = LAYERS[name]
    if layer == "MultiheadAttention":
        return layer, (FEATURES, HEADS), options
    return layer, (FEATURES, HEADS), {"dim_feedforward": HIDDEN, "dropout": 0.0, **options}


def operands(name: str, call: str) -> dict[str, Array]:
    """What the layer is called with, by name."""
    layer, options = LAYERS[name]
    shapes = {
        "MultiheadAttention": {
            "query": (QUERIES, FEATURES),
            "key": (KEYS, options.get("kdim", FEATURES)),
            "value": (KEYS, options.get("vdim", FEATURES)),
        },
        "TransformerEncoderLayer": {"src": (QUERIES, FEATURES)},
        "TransformerDecoderLayer": {"tgt": (QUERIES, FEATURES), "memory": (KEYS, FEATURES)},
    }[layer]
    batch = () if call == "one" else (BATCH,)
    found = {one: draw(one, (length, *batch, width)) for one, (length, width) in shapes.items()}
    if options.get("batch_first") and batch:
        return {one: np.swapaxes(array, 0, 1) for one, array in found.items()}
    return found


def masks(name: str, call: str) -> dict[str, Any]:
    """What hides keys, by the name of the argument."""
    layer, _ = LAYERS[name]
    found: dict[str, Any] = {}
    for before, keys in {
        "MultiheadAttention": {"": KEYS},
        "TransformerEncoderLayer": {"src_": QUERIES},
        "TransformerDecoderLayer": {"tgt_": QUERIES, "memory_": KEYS},
    }[layer].items():
        mask, padding = f"{before or 'attn_'}mask", f"{before}key_padding_mask"
        causal = "is_causal" if before == "src_" else f"{before}is_causal"
        hidden = ~np.tri(QUERIES, keys, dtype=np.bool)
        if call in ("hidden", "hidden padded", "causal"):
            found[mask] = hidden
        if call == "causal":
            found[causal] = True
        if call in ("added", "added padded"):
            found[mask] = draw(mask, (QUERIES, keys))
        if call == "each head":
            found[mask] = draw(mask, (BATCH * HEADS, QUERIES, keys))
        if call in ("padded", "hidden padded"):
            found[padding] = np.arange(keys) >= np.array([[keys], [2]])
        if call == "added padded":
            found[padding] = draw(padding, (BATCH, keys))
        if call == "one":
            found[padding] = np.arange(keys) == 1
    return found


def results(found: Any) -> dict[str, Any]:
    """What a layer gives, by name."""
    if isinstance(found, tuple):
        return {"out": found[0]} if found[1] is None else {"out": found[0], "weights": found[1]}
    return {"out": found}


def flat(found: Mapping[str, Array]) -> Array:
    """All numbers in a row, in the order of their names."""
    return np.concatenate([found[one].ravel() for one in sorted(found)])


def answers(name: str, call: str, run: Callable[..., dict[str, Array]], **how: Any) -> dict[str, Array]:
    """What `run` gives for a case: results and gradients by name."""
    return run(*arguments(name), operands(name, call), masks(name, call), **how)


# ---- ours ------------------------------------------------------------------------------------------------------------


def run(
    layer: str,
    positional: tuple[int, ...],
    options: Mapping[str, Any],
    operands: Mapping[str, Array],
    more: Mapping[str, Any],
    same: tuple[int, ...] | None = None,
    dtype: str = "float64",
) -> dict[str, Array]:
    """The results of our layer, and the gradients of its operands and parameters."""
    module = getattr(gg.nn, layer)(*positional, **options, dtype=dtype)
    module.load_state_dict({path: draw(path, p.shape) for path, p in module.named_parameters()})
    leaves = [gg.tensor(array, dtype, requires_grad=True) for array in operands.values()]
    given = {name: one.astype(dtype) if getattr(one, "dtype", "") == "float64" else one for name, one in more.items()}
    found = results(module(*[leaves[k] for k in same or range(len(leaves))], **given))
    parts = [gg.sum(value * draw(one, value.shape).astype(dtype)) for one, value in found.items()]
    gg.sum(gg.stack(parts)).backward()
    everything = [*zip(operands, leaves, strict=True), *module.named_parameters()]
    gradients = {f"d {name}": one.grad.data for name, one in everything if one.grad is not None}
    return {name: one.data for name, one in found.items()} | gradients


def compare_with_committed(name: str, call: str, dtype: str) -> None:
    """A layer of ours gives what PyTorch gave."""
    found = answers(name, call, run, dtype=dtype)
    assert {one.dtype.name for one in found.values()} == {dtype}
    with np.load(ORACLE, allow_pickle=False) as theirs:
        np.testing.assert_allclose(flat(found), theirs[f"{name}: {call}"], **CLOSE[dtype])


def compare_with_torch(name: str) -> None:
    """What PyTorch gave it still gives, and ours under the same names; the parameters have the same ones too."""
    import torch

    from tests.oracle import make_attention

    layer, positional, options = arguments(name)
    ours, theirs = (getattr(room, layer)(*positional, **options) for room in (gg.nn, torch.nn))
    shapes = [(path, p.shape) for path, p in ours.state_dict().items()]
    assert shapes == [(path, tuple(p.shape)) for path, p in theirs.state_dict().items()]
    assert [path for path, _ in ours.named_parameters()] == [path for path, _ in theirs.named_parameters()]
    with np.load(ORACLE, allow_pickle=False) as committed:
        assert set(committed) == {f"{one}: {call}" for one, call in CASES}
        for call in (call for one, call in CASES if one == name):
            wanted, found = answers(name, call, make_attention.run), answers(name, call, run)
            np.testing.assert_allclose(flat(wanted), committed[f"{name}: {call}"], rtol=1e-12, atol=1e-12)
            assert set(found) == set(wanted)
            for one, array in found.items():
                np.testing.assert_allclose(array, wanted[one], **CLOSE["float64"], err_msg=one)
