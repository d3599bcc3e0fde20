"""The table of vectors that are looked up by number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn

OPTIONS: list[dict[str, Any]] = [
    {},
    {"padding_idx": 2},
    {"padding_idx": -1},
    {"max_norm": 1.0},
    {"max_norm": 1.5, "norm_type": 1.0, "padding_idx": 0},
    {"max_norm": 0.5, "norm_type": float("inf")},
    {"scale_grad_by_freq": True},
    {"scale_grad_by_freq": True, "padding_idx": 1, "max_norm": 2.0},
]


@pytest.mark.curriculum("P19.10")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_it_is_pytorchs(options: dict[str, Any], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Embedding(6, 3, **options, dtype=getattr(torch, dtype))
    ours = nn.Embedding(6, 3, **options, dtype=dtype)
    assert repr(ours) == repr(theirs)
    assert ours.padding_idx == theirs.padding_idx
    assert list(ours.state_dict()) == list(theirs.state_dict()) == ["weight"]
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    rng = np.random.default_rng(0)
    for shape in ((5,), (2, 4), (), (0,), (3, 0)):
        rows, g = rng.integers(0, 6, shape), rng.normal(size=(*shape, 3)).astype(dtype)
        ours.zero_grad()
        theirs.zero_grad()
        y, expected = ours(gg.tensor(rows)), theirs(torch.tensor(rows))
        np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=1e-6)
        y.backward(g)
        expected.backward(torch.tensor(g))
        np.testing.assert_allclose(ours.weight.data, theirs.weight.detach().numpy(), rtol=1e-6)
        assert ours.weight.grad is not None
        np.testing.assert_allclose(ours.weight.grad.data, theirs.weight.grad.numpy(), rtol=1e-5, atol=1e-7)


def test_it_starts_standard_normal_and_the_padding_at_zero() -> None:
    gg.manual_seed(0)
    layer = nn.Embedding(300, 40, padding_idx=-3)
    assert layer.padding_idx == 297
    assert not layer.weight.data[297].any()
    rest = np.delete(layer.weight.data, 297, 0)
    assert abs(rest.mean()) < 0.05
    assert rest.std() == pytest.approx(1.0, abs=0.02)
    assert layer.weight.dtype == np.float32
    same = (
        nn.Embedding(4, 2, generator=np.random.default_rng(3)),
        nn.Embedding(4, 2, generator=np.random.default_rng(3)),
    )
    np.testing.assert_array_equal(same[0].weight.data, same[1].weight.data)


def test_training_moves_every_row_but_the_padding() -> None:
    gg.manual_seed(0)
    layer = nn.Embedding(3, 2, padding_idx=1)
    before = layer.weight.data.copy()
    optimizer = gg.optim.SGD(layer.parameters(), lr=0.5)
    gg.sum(layer(gg.tensor([0, 1, 1, 0]))).backward()
    optimizer.step()
    moved = layer.weight.data - before
    np.testing.assert_allclose(moved, [[-1.0, -1.0], [0.0, 0.0], [0.0, 0.0]], rtol=1e-6)


def test_long_vectors_are_shortened_before_they_are_looked_up_and_no_others() -> None:
    layer = nn.Embedding.from_pretrained([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]], freeze=False, max_norm=1.0)
    y = layer(gg.tensor([0, 1]))
    np.testing.assert_allclose(y.data, [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)
    np.testing.assert_allclose(layer.weight.data, [[0.6, 0.8], [0.3, 0.4], [6.0, 8.0]], rtol=1e-6)
    again = y.graph().run()  # the graph begins with the shortened rows
    np.testing.assert_array_equal(again.data, y.data)


def test_a_graph_that_needs_the_longer_vectors_is_told() -> None:
    """They are written to: a product that was computed with them can't be passed back any more."""
    layer = nn.Embedding.from_pretrained([[3.0, 4.0], [0.3, 0.4]], freeze=False, max_norm=1.0)
    other = gg.tensor(np.ones((2, 2), "float32"), requires_grad=True)
    product = gg.sum(layer.weight * other)
    layer(gg.tensor([0]))
    with pytest.raises(gg.WriteError):
        product.backward()


def test_vectors_that_were_learned_before() -> None:
    table = np.arange(6.0).reshape(3, 2)
    state = gg.graph.random._default.bit_generator.state
    frozen = nn.Embedding.from_pretrained(table)
    assert gg.graph.random._default.bit_generator.state == state
    assert not frozen.weight.requires_grad
    assert [name for name, _ in frozen.named_parameters()] == ["weight"]
    assert repr(frozen) == "Embedding(3, 2)"
    free = nn.Embedding.from_pretrained(gg.tensor(table), freeze=False, padding_idx=1)
    assert free.weight.requires_grad
    assert free.weight.data[1].tolist() == [2.0, 3.0]  # as it was given
    table[0] = 9.0
    assert frozen(gg.tensor([0])).tolist() == [[0.0, 1.0]]
    with pytest.raises(gg.ShapeError, match="embeddings has the shape"):
        nn.Embedding.from_pretrained([1.0, 2.0])


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({"num_embeddings": -1}, gg.ShapeError, "num_embeddings is a whole number from 0"),
        ({"embedding_dim": 2.5}, gg.ShapeError, "embedding_dim is a whole number from 0"),
        ({"padding_idx": 4}, gg.ArgumentError, "from -4 to 3, got 4"),
        ({"padding_idx": 1.0}, gg.DTypeError, "padding_idx"),
        ({"max_norm": "1"}, gg.DTypeError, "max_norm is a number"),
        ({"max_norm": -1.0}, gg.ArgumentError, "max_norm is a length, from 0, got -1.0"),
        ({"max_norm": float("nan")}, gg.ArgumentError, "max_norm is a length, from 0, got nan"),
        ({"sparse": True}, gg.ArgumentError, "sparse gradients are not available"),
        ({"scale_grad_by_freq": "no"}, gg.DTypeError, "scale_grad_by_freq is True or False"),
    ],
)
def test_what_it_does_not_take(kwargs: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        nn.Embedding(**{"num_embeddings": 4, "embedding_dim": 2, **kwargs})


@pytest.mark.parametrize("max_norm", [None, 1.0])
def test_a_number_that_is_no_row(max_norm: float | None) -> None:
    layer = nn.Embedding(4, 2, max_norm=max_norm)
    for row in (4, -1):
        with pytest.raises(gg.ArgumentError, match="rows of weight go from 0 to 3"):
            layer(gg.tensor([0, row]))
    with pytest.raises(gg.DTypeError, match="are integers"):
        layer(gg.tensor([0.0]))
