"""Worked numbers of P19 on attention."""

import numpy as np
import pytest

import graphgrad as gg
import graphgrad.nn.functional as F
from graphgrad.lessons.curriculum import WorkedNumber
from graphgrad.walk.expand import expand
from tests.curriculum.values import const, leaf
from tests.worked import Check


@pytest.mark.worked("W281")
def test_attention(example: WorkedNumber, check: Check) -> None:
    """Scaled dot-product attention, one query."""
    q, keys, values = (leaf(example.input[name]) for name in "qKV")
    out = F.scaled_dot_product_attention(gg.reshape(q, (1, 2)), keys, values)
    walk = gg.walk(gg.sum(out))
    (attention,) = [one.id for one in walk.graph.nodes if one.op and one.op.startswith("scaled_dot_product_attention")]
    inside = expand(walk, attention)
    (weights,) = [inside.values[node.id][0] for node in inside.graph.nodes if node.name == "weights"]
    check(example, {"weights": weights[0], "out": out[0]})


@pytest.mark.worked("W282")
def test_attention_steps(example: WorkedNumber, check: Check) -> None:
    """Six-step seq2seq attention with dot scores: scores, softmax, alignment vectors, context."""
    encoder, decoder = const(example.input["enc"]), const(example.input["dec"])
    scores = encoder @ decoder
    weights = F.softmax(scores)
    alignment = gg.expand_dims(weights, 1) * encoder
    context = gg.sum(alignment, axis=0)
    check(example, {"scores": scores, "weights": weights, "alignment": alignment, "context": context})
    fused = F.scaled_dot_product_attention(gg.reshape(decoder, (1, 2)), encoder, encoder, scale=1.0)
    np.testing.assert_allclose(fused.data[0], context.data, rtol=1e-12)
