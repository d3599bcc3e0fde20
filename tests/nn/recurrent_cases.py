"""Recurrent layers that both libraries run, with the same weights, inputs and upstream gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

STEPS, BATCH, FEATURES, HIDDEN = 4, 3, 2, 3

# Every option, alone and with others.
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "rnn": ("RNN", {}),
    "rnn relu two layers": ("RNN", {"nonlinearity": "relu", "num_layers": 2}),
    "rnn no bias both ways": ("RNN", {"bias": False, "bidirectional": True}),
    "lstm": ("LSTM", {}),
    "lstm two layers both ways batch first": ("LSTM", {"num_layers": 2, "bidirectional": True, "batch_first": True}),
    "lstm projected": ("LSTM", {"proj_size": 2}),
    "lstm projected no bias two layers both ways": (
        "LSTM",
        {"proj_size": 1, "bias": False, "num_layers": 2, "bidirectional": True},
    ),
    "gru": ("GRU", {}),
    "gru no bias batch first": ("GRU", {"bias": False, "batch_first": True}),
    "gru three layers both ways": ("GRU", {"num_layers": 3, "bidirectional": True}),
}
# What of the call is given beside the input.
CALLS = ("alone", "states", "lengths", "single")


# The name of each layer and call that is compared.
CASES = [(name, call) for name in OPTIONS for call in CALLS]


def draw(name: str, shape: tuple[int, ...]) -> Array:
    """Numbers between -1 and 1, exact in binary, others for each name; every machine has the same."""
    # The numbers of this old generator are promised never to change.
    return np.random.RandomState(sum(map(ord, name))).randint(-16, 17, shape) / 16.0


def lengths(call: str) -> list[int] | None:
    """How long the sequences are, if they aren't all as long."""
    return [2, STEPS, 1] if call == "lengths" else None


def given(name: str, call: str) -> dict[str, Any]:
    """The input and, where they are given, the states before the first step."""
    layer, options = OPTIONS[name]
    batch: tuple[int, ...] = () if call == "single" else (BATCH,)
    found: dict[str, Any] = {"input": draw("input", (STEPS, *batch, FEATURES))}
    if options.get("batch_first") and batch:
        found["input"] = found["input"].swapaxes(0, 1)
    if call in ("states", "single"):
        count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
        found["h_0"] = draw("h_0", (count, *batch, options.get("proj_size", HIDDEN)))
        if layer == "LSTM":
            found["c_0"] = draw("c_0", (count, *batch, HIDDEN))
    return found


def answers(name: str, call: str, run: Callable[..., tuple[dict[str, Array], dict[str, Array]]]) -> dict[str, Array]:
    """What `run` gives: the results by name, and the gradients by name of input, states and parameters."""
    results, gradients = run(name, call, **given(name, call))
    return {**results, **{f"d {one}": array for one, array in gradients.items()}}


def flat(found: dict[str, Array]) -> Array:
    """All numbers in a row, in the order of their names: a file of many small arrays is mostly names."""
    return np.concatenate([found[one].ravel() for one in sorted(found)])
