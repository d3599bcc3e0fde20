"""The scores of all classes as a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphgrad.graph.checks import check_count
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.train.metrics.averaging import averaged
from graphgrad.train.metrics.confusion import counted

__all__ = ["classification_report"]


def classification_report(
    outputs: Any,
    targets: Any,
    *,
    labels: Any = None,
    target_names: Sequence[Any] | None = None,
    sample_weight: Any = None,
    digits: int = 2,
    zero_division: float | str = "warn",
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> str:
    """Precision, recall, F1 and the number of samples of each class, and the averages, as a text.

    Parameters
    ----------
    outputs, targets, sample_weight, threshold, ignore_index
        As of `confusion_matrix`.
    labels
        Which classes; by default those that occur.
    target_names
        What they are called.
    digits
        How many decimals are shown.
    zero_division
        As of `precision`.

    Raises
    ------
    ShapeError
        If there are not as many names as classes.

    Warns
    -----
    UndefinedMetricWarning
        If a class has no samples, or was never predicted, and `zero_division` is ``"warn"``.

    Examples
    --------
    >>> import graphgrad as gg
    >>> print(gg.train.metrics.classification_report([0, 0, 1, 1, 0], [0, 0, 1, 1, 1], target_names=["ham", "spam"]))
                  precision    recall  f1-score   support
    <BLANKLINE>
             ham       0.67      1.00      0.80         2
            spam       1.00      0.67      0.80         3
    <BLANKLINE>
        accuracy                           0.80         5
       macro avg       0.83      0.83      0.80         5
    weighted avg       0.87      0.80      0.80         5
    <BLANKLINE>
    """
    what = "classification_report"
    check_count(what, "digits", digits, least=0)
    counts = counted(what, outputs, targets, sample_weight, threshold, ignore_index)
    counts, places = counts.chosen(what, labels)
    chosen = counts.labels[places]
    names = [str(name) for name in (chosen.tolist() if target_names is None else target_names)]
    if len(names) != len(chosen):
        raise ShapeError(describe(f"{what}: there are {len(chosen)} classes and {len(names)} names"))

    def scores(average: str | None) -> list[Any]:
        return [
            averaged(kind, counts, labels=chosen, average=average, zero_division=zero_division)
            for kind in ("precision", "recall", "f1")
        ]

    support = counts.actual[places]
    total = support.sum()
    width = max(map(len, [*names, "weighted avg"]))

    def row(name: str, cells: list[Any], number: Any) -> str:
        shown = [f"{cell:>9.{digits}f}" if cell != "" else " " * 9 for cell in cells]
        return " ".join(
            [f"{name:>{width}s} ", *shown, f"{number:>9}" if number.dtype.kind == "i" else f"{number:>9.6g}"]
        )

    lines = [
        " ".join([" " * width + " ", *(f"{head:>9}" for head in ("precision", "recall", "f1-score", "support"))]),
        "",
    ]
    lines += [
        row(name, list(cells), number) for name, *cells, number in zip(names, *scores(None), support, strict=True)
    ]
    lines.append("")
    everything = set(counts.labels[counts.seen].tolist()) <= set(chosen.tolist())
    if everything:
        lines.append(row("accuracy", ["", "", scores("micro")[2]], total))
    for average in ("macro", "weighted") if everything else ("micro", "macro", "weighted"):
        lines.append(row(f"{average} avg", scores(average), total))
    return "\n".join([*lines, ""])
