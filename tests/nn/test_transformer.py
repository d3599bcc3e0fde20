"""The layers of Transformers."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn
from tests.nn.attention_cases import LAYERS, cases_of, compare_with_committed, compare_with_torch
from tests.nn.recurrent_cases import draw

with_torch = pytest.mark.skipif(
    find_spec("torch") is None, reason="PyTorch is not installed; the extra `oracle` has it"
)
NAMES = [name for name in LAYERS if not name.startswith("attention")]
BOTH = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)


def called(layer: Any, x: gg.Tensor, **more: Any) -> gg.Tensor:
    """A layer on a sequence, which a decoder also has as what the encoder gave."""
    result: gg.Tensor = layer(x, **more) if isinstance(layer, nn.TransformerEncoderLayer) else layer(x, x, **more)
    return result


def sequences(dtype: str = "float64") -> gg.Tensor:
    return gg.tensor(draw("x", (5, 2, 4)), dtype)


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "call"), cases_of("encoder", "decoder"))
def test_a_layer_gives_what_pytorchs_does(name: str, call: str, dtype: str) -> None:
    compare_with_committed(name, call, dtype)


@with_torch
@pytest.mark.filterwarnings("ignore:Support for mismatched:UserWarning")
@pytest.mark.parametrize("name", NAMES)
def test_the_committed_answers_are_what_pytorch_says_to_each_name(name: str) -> None:
    compare_with_torch(name)


@with_torch
@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("norm_first", [False, True])
def test_in_evaluation_too(make: Any, norm_first: bool) -> None:
    """PyTorch has another way to compute it then."""
    import torch

    options: dict[str, Any] = {"dim_feedforward": 3, "batch_first": True, "norm_first": norm_first}
    ours = make(4, 2, **options, dtype="float64").eval()
    theirs = getattr(torch.nn, make.__name__)(4, 2, **options).double().eval()
    theirs.load_state_dict({path: torch.tensor(one.data) for path, one in ours.state_dict().items()})
    x = sequences()
    given = [torch.tensor(x.data)] * (1 if make is nn.TransformerEncoderLayer else 2)
    with torch.no_grad():
        np.testing.assert_allclose(called(ours, x).data, theirs(*given).numpy(), rtol=1e-10, atol=1e-12)


@with_torch
@pytest.mark.parametrize("make", BOTH)
def test_it_looks_like_pytorchs(make: Any) -> None:
    import torch

    theirs = repr(getattr(torch.nn, make.__name__)(4, 2, 3)).replace("NonDynamicallyQuantizableLinear", "Linear")
    assert repr(make(4, 2, 3)) == theirs


# ---- how it is made --------------------------------------------------------------------------------------------------


@pytest.mark.curriculum("P19.22")
def test_an_encoder_layer_is_attention_and_a_network_for_each_place() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 3, dropout=0.0, dtype="float64")
    x = sequences()
    attended, _ = layer.self_attn(x, x, x)
    middle = layer.norm1(x + attended)
    expected = layer.norm2(middle + layer.linear2(gg.maximum(layer.linear1(middle), 0.0)))
    np.testing.assert_allclose(layer(x).data, expected.data, rtol=1e-12)
    layer.norm_first = True
    attended, _ = layer.self_attn(*[layer.norm1(x)] * 3)
    middle = x + attended
    expected = middle + layer.linear2(gg.maximum(layer.linear1(layer.norm2(middle)), 0.0))
    np.testing.assert_allclose(layer(x).data, expected.data, rtol=1e-12)


@pytest.mark.parametrize("make", BOTH)
def test_without_a_mask_the_order_of_places_means_nothing_to_it(make: Any) -> None:
    layer = make(4, 2, 3, dropout=0.0, dtype="float64")
    x, order = sequences(), np.array([3, 0, 4, 2, 1])
    np.testing.assert_allclose(called(layer, x[order]).data, called(layer, x).data[order], rtol=1e-10, atol=1e-12)


def test_with_a_causal_mask_later_places_change_nothing() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 3, dropout=0.0, dtype="float64")
    x, changed = sequences(), sequences()
    changed.data[3:] += 1.0
    hidden = ~np.tri(5, dtype=np.bool)
    for causal in (False, True):
        before, after = (layer(one, hidden, is_causal=causal).data for one in (x, changed))
        np.testing.assert_allclose(after[:3], before[:3], rtol=1e-12)
        assert np.abs(after[3:] - before[3:]).min() > 1e-6


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("activation", [gg.tanh, nn.Tanh()])
def test_any_activation_will_do(make: Any, activation: Callable[..., Any]) -> None:
    layer = make(4, 2, 3, dropout=0.0, activation=activation, dtype="float64")
    plain = make(4, 2, 3, dropout=0.0, dtype="float64")
    plain.load_state_dict(layer.state_dict())
    x = sequences()
    assert np.any(called(layer, x).data != called(plain, x).data)
    plain.activation = gg.tanh
    np.testing.assert_array_equal(called(layer, x).data, called(plain, x).data)


@pytest.mark.parametrize("make", BOTH)
def test_things_are_dropped_in_training_only(make: Any) -> None:
    gg.manual_seed(0)
    layer, x = make(4, 2, 3, dropout=0.5), sequences("float32")
    assert np.any(called(layer, x).data != called(layer, x).data)
    layer.eval()
    whole = make(4, 2, 3, dropout=0.0)
    whole.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(called(layer, x).data, called(whole, x).data)
    for name in [name for name, _ in layer.named_modules() if "dropout" in name]:
        layer.train()
        assert getattr(layer, name).p == 0.5
        others = [one for other, one in layer.named_modules() if "dropout" in other and other != name]
        for one in (*others, layer.self_attn, getattr(layer, "multihead_attn", layer.self_attn)):
            one.train(False)
        assert np.any(called(layer, x).data != called(whole, x).data), name


@pytest.mark.parametrize("make", BOTH)
def test_it_learns(make: Any) -> None:
    """To say of each place what stands at the one before."""
    layer = make(4, 2, 16, dropout=0.0, batch_first=True, generator=np.random.default_rng(0))
    x = gg.tensor(draw("x", (8, 6, 4)), "float32")
    target = np.roll(x.data, 1, axis=1)
    place = gg.tensor(draw("place", (6, 4)) * 4, "float32")
    optimizer = gg.optim.SGD(layer.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = gg.mean((called(layer, x + place) - target) ** 2)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("make", BOTH)
def test_scopes_are_the_parts(make: Any) -> None:
    layer = make(4, 2, 3)
    with gg.record() as recording:
        called(layer, sequences("float32"))
    scopes = {node.scope for node in recording.nodes}
    assert {"self_attn", "self_attn.out_proj", "linear1", "linear2", "norm1", "norm2", "dropout", "dropout1"} <= scopes


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"activation": "swish"}, gg.ArgumentError, "activation is 'relu', 'gelu' or a function, got 'swish'"),
        ({"nhead": 3}, gg.ShapeError, "embed_dim 4 can't be split into 3 heads"),
        ({"dropout": 2.0}, gg.ArgumentError, "from 0 to 1"),
        ({"norm_first": "no"}, gg.DTypeError, "norm_first is True or False, got 'no'"),
    ],
)
def test_what_makes_no_layer_is_refused(make: Any, given: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make(**{"d_model": 4, "nhead": 2, **given})
