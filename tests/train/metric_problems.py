"""What graphgrad and scikit-learn are both asked about metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

AVERAGES = ("micro", "macro", "weighted", None)
LABELS = (None, (0,), (2, 1), (0, 7))
KINDS = ("plain", "weighted", "small")

Question = tuple[str, str, str, dict[str, Any]]  # the metric, its outputs, its targets, its options


def problem(kind: str) -> dict[str, Any]:
    """Outputs and targets of all kinds; class 2 is never predicted, and class 3 never occurs among the targets."""
    samples = 5 if kind == "small" else 40
    rng = np.random.default_rng(KINDS.index(kind))
    targets = rng.integers(3, size=samples)
    logits = rng.normal(size=(samples, 4)) + 1.5 * np.eye(4)[targets] - [0.0, 0.0, 99.0, 0.0]
    powers = np.exp(rng.normal(size=(samples, 4)))
    numbers = rng.normal(size=(samples, 3))
    numbers[:, 1] = 0.5  # the variance of which is 0
    return {
        "logits": logits,
        "labels": logits.argmax(axis=1),
        "targets": targets,
        "probabilities": powers / powers.sum(axis=1, keepdims=True),
        "all": np.concatenate([np.arange(4), rng.integers(4, size=samples - 4)]),
        "scores": rng.normal(size=samples).round(1),  # with ties
        "said": rng.integers(2, size=samples),
        "yes": np.concatenate([[0, 1], rng.integers(2, size=samples - 2)]),
        "guesses": numbers + rng.normal(size=numbers.shape) * [1.0, 0.0, 2.0],
        "numbers": numbers,
        "weight": rng.integers(4, size=samples) * 0.3 + 0.1 * (targets == 2) if kind == "weighted" else None,
    }


def questions(kind: str) -> Iterator[Question]:
    """What is asked about a problem."""
    of_labels = "labels", "targets"
    yield "accuracy", *of_labels, {}
    yield "zero_one_loss", *of_labels, {}
    yield "matthews_corrcoef", *of_labels, {}
    yield "multilabel_confusion_matrix", *of_labels, {}
    for adjusted in (False, True):
        yield "balanced_accuracy", *of_labels, {"adjusted": adjusted}
    for weights in (None, "linear", "quadratic"):
        yield "cohen_kappa", *of_labels, {"weights": weights}
    for normalize in (None, "true", "pred", "all"):
        yield "confusion_matrix", *of_labels, {"normalize": normalize}
    yield "confusion_matrix", *of_labels, {"labels": [2, 0]}
    for name in ("precision", "recall", "f1", "jaccard"):
        yield name, "said", "yes", {}
        yield name, "said", "yes", {"pos_label": 0}
        for average in AVERAGES:
            for labels in LABELS:
                for zero in (0.0, 1.0, np.nan):
                    if name != "jaccard" or zero == zero:  # scikit-learn takes no NaN there
                        yield name, *of_labels, {"average": average, "labels": labels, "zero_division": zero}
    for beta in (0.0, 0.5, 2.0, np.inf):
        yield "fbeta", *of_labels, {"beta": beta, "average": "macro", "zero_division": 0.0}
    of_scores, of_classes = ("scores", "yes"), ("probabilities", "all")
    for k in (1, 2, 3):
        yield "top_k_accuracy", *of_classes, {"k": k}
    yield "log_loss", *of_classes, {}
    yield "roc_auc", *of_scores, {}
    yield "average_precision", *of_scores, {}
    for drop in (False, True):
        yield "roc_curve", *of_scores, {"drop_intermediate": drop}
        yield "precision_recall_curve", *of_scores, {"drop_intermediate": drop}
    for average in AVERAGES:
        yield "average_precision", *of_classes, {"average": average}
        if average != "micro":
            yield "roc_auc", *of_classes, {"multi_class": "ovr", "average": average}
        if average in ("macro", "weighted") and kind != "weighted":
            yield "roc_auc", *of_classes, {"multi_class": "ovo", "average": average}
    for multioutput in ("uniform_average", "raw_values", "variance_weighted"):
        # With weights, scikit-learn's mean of equal targets is another number, by rounding; so their variance isn't 0.
        for finite in (True,) if kind == "weighted" else (False, True):
            yield "r2", "guesses", "numbers", {"multioutput": multioutput, "force_finite": finite}
        if multioutput != "variance_weighted":
            for name in ("mean_squared_error", "mean_absolute_error", "root_mean_squared_error"):
                yield name, "guesses", "numbers", {"multioutput": multioutput}


def answers(ask: Callable[..., Any], every: int = 1) -> dict[str, list[float]]:
    """What ``ask(metric, outputs, targets, sample_weight=..., ...)`` says to every so many questions, as numbers."""
    found: dict[str, list[float]] = {}
    for kind in KINDS:
        given = problem(kind)
        for name, outputs, targets, options in islice(questions(kind), 0, None, every):
            said = ask(name, given[outputs], given[targets], sample_weight=given["weight"], **options)
            parts = said if isinstance(said, tuple) else (said,)
            flat = [float(number) for part in parts for number in np.asarray(part).ravel()]
            found[f"{kind}: {name}({outputs}, {targets}, {options})"] = flat
    return found
