"""How gradients flow and weights move: numbers for each parameter, at one moment and along a training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from graphgrad.graph.checks import check_count
from graphgrad.graph.errors import describe
from graphgrad.nn.module import Module
from graphgrad.train.callbacks import Callback
from graphgrad.view.numbers import number

if TYPE_CHECKING:
    from graphgrad.train.training import Fit

__all__ = ["ParameterStatistics", "Statistics", "statistics_table", "weight_statistics"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ParameterStatistics:
    """One parameter at one moment; None for what isn't known.

    Attributes
    ----------
    name
        Its path in the model.
    size
        How many numbers it has.
    weight_norm, weight_mean, weight_std
        The Euclidean norm, the mean and the standard deviation of its values: √(Σ(w - mean)² / n), as NumPy's.
    weight_zeros
        The fraction of its values that are exactly 0.
    gradient_norm, gradient_mean, gradient_std, gradient_zeros
        The same of its gradient.
    update_norm
        The norm of what the last step added to it.
    update_ratio
        ``update_norm / weight_norm``, of the weights before the step: about 1e-3 is usual; far less learns hardly
        anything, far more forgets what it has.
    """

    name: str
    size: int
    weight_norm: float
    weight_mean: float
    weight_std: float
    weight_zeros: float
    gradient_norm: float | None = None
    gradient_mean: float | None = None
    gradient_std: float | None = None
    gradient_zeros: float | None = None
    update_norm: float | None = None
    update_ratio: float | None = None


def weight_statistics(
    model: Module, before: Mapping[str, Array] | None = None, gradients: Mapping[str, Array] | None = None
) -> list[ParameterStatistics]:
    """Norms, means, spreads and fractions of zeros of a model's parameters and of their gradients.

    Parameters
    ----------
    model
        The model, after a backward pass if gradients are wanted.
    before
        The parameters' values before the last step, by path: then there is an update.
    gradients
        The gradients by path; by default those that the parameters have.

    Returns
    -------
    list of ParameterStatistics
        One for each parameter, in the model's order: from the first layer to the last, a gradient that fades, or
        explodes, on its way back is seen at a glance.

    Examples
    --------
    >>> import graphgrad as gg
    >>> model = gg.nn.Linear(2, 1)
    >>> _ = model.load_state_dict({"weight": [[3.0, 4.0]], "bias": [0.0]})
    >>> gg.sum(model(gg.tensor([[1.0, 0.0]]))).backward()
    >>> weight, bias = gg.train.weight_statistics(model)
    >>> weight.weight_norm, weight.gradient_norm, weight.gradient_zeros, bias.weight_zeros
    (5.0, 1.0, 0.5, 1.0)
    """
    found = []
    for name, parameter in model.named_parameters():
        gradient = None if parameter.grad is None else parameter.grad.data
        if gradients is not None:
            gradient = gradients.get(name)
        old = None if before is None else before.get(name)
        found.append(_of(name, parameter.data, gradient, old))
    return found


def _of(name: str, weight: Array, gradient: Array | None, old: Array | None) -> ParameterStatistics:
    numbers: dict[str, Any] = {f"weight_{key}": value for key, value in _moments(weight).items()}
    if gradient is not None:
        numbers |= {f"gradient_{key}": value for key, value in _moments(gradient).items()}
    if old is not None:
        with np.errstate(all="ignore"):
            numbers["update_norm"] = norm = _norm(weight - old)
            length = _norm(old)
        numbers["update_ratio"] = norm / length if length > 0 else (math.inf if norm > 0 else 0.0)
    return ParameterStatistics(name, int(weight.size), **numbers)


def _moments(array: Array) -> dict[str, float]:
    if not array.size:
        return {"norm": 0.0, "mean": 0.0, "std": 0.0, "zeros": 0.0}
    with np.errstate(all="ignore"):  # NaN and infinities are what is looked for here
        wide = np.abs(array) if array.dtype.kind == "c" else array
        return {
            "norm": _norm(array),
            "mean": float(wide.mean(dtype=np.float64)),
            "std": float(wide.std(dtype=np.float64)),
            "zeros": 1.0 - int(np.count_nonzero(array)) / array.size,
        }


def _norm(array: Array) -> float:
    flat = np.abs(array).ravel().astype(np.float64)
    return math.sqrt(float(flat @ flat))


def statistics_table(rows: Iterable[ParameterStatistics]) -> str:
    """Statistics as a table for people: a line for each parameter.

    Examples
    --------
    >>> import graphgrad as gg
    >>> model = gg.nn.Linear(2, 1, bias=False)
    >>> _ = model.load_state_dict({"weight": [[3.0, 4.0]]})
    >>> print(gg.train.statistics_table(gg.train.weight_statistics(model)))
    parameter  size  |weight|  zeros  |gradient|  zeros  |update|/|weight|
    weight        2         5     0%           —      —                  —
    """
    head = ["parameter", "size", "|weight|", "zeros", "|gradient|", "zeros", "|update|/|weight|"]
    table = [head]
    table += [
        [
            row.name,
            str(row.size),
            number(row.weight_norm),
            _percent(row.weight_zeros),
            number(row.gradient_norm),
            _percent(row.gradient_zeros),
            number(row.update_ratio),
        ]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])]).rstrip() for cells in table
    )


def _percent(fraction: float | None) -> str:
    return number(None) if fraction is None else f"{100 * fraction:.3g}%"


class Statistics(Callback):
    """Note norms, zeros and the update-to-weight ratio of each parameter along a training (P25.08).

    Gradients are noted as they came, before any clipping.

    Parameters
    ----------
    every
        After how many steps of the optimiser to look; the first step is always looked at. Each look copies all
        parameters.

    Attributes
    ----------
    steps
        The numbers of the steps looked at, from 1.
    records
        What was seen in each: a list of `ParameterStatistics`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> model = gg.nn.Linear(1, 1)
    >>> statistics = gg.train.Statistics(every=2)
    >>> history = gg.train.fit(
    ...     model,
    ...     [[0.0], [1.0], [2.0], [3.0]],
    ...     [[1.0], [3.0], [5.0], [7.0]],
    ...     loss=gg.nn.functional.mse_loss,
    ...     optimizer=gg.optim.SGD(model.parameters(), lr=0.01),
    ...     epochs=2,
    ...     batch_size=2,
    ...     callbacks=[statistics],
    ...     progress=False,
    ... )
    >>> statistics.steps, [len(values) for values in statistics.over_time("weight").values()]
    ([1, 3], [2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """

    def __init__(self, every: int = 100) -> None:
        self.every = check_count("Statistics", "every", every)
        self.steps: list[int] = []
        self.records: list[list[ParameterStatistics]] = []
        self._before: dict[str, Array] | None = None
        self._gradients: dict[str, Array] = {}

    def on_fit_begin(self, fit: Fit) -> None:
        """Begin anew, unless the training goes on from a checkpoint."""
        self._before = None  # of a step that was never made
        if not fit.resumed:
            self.steps, self.records = [], []

    def on_after_backward(self, fit: Fit) -> None:
        """Keep weights and gradients of a step that is looked at."""
        if fit.step % self.every == 0:
            named = list(fit.model.named_parameters())
            self._before = {name: parameter.data.copy() for name, parameter in named}
            self._gradients = {name: p.grad.data.copy() for name, p in named if p.grad is not None}

    def on_batch_end(self, fit: Fit) -> None:
        """Compare with what was kept."""
        if self._before is not None:
            self.steps.append(fit.step)
            self.records.append(weight_statistics(fit.model, self._before, self._gradients))
            self._before, self._gradients = None, {}

    def over_time(self, name: str) -> dict[str, list[float | None]]:
        """All numbers of a parameter, in the order of `steps`.

        Raises
        ------
        KeyError
            If there is no such parameter.
        """
        rows = [row for record in self.records for row in record if row.name == name]
        if not rows:
            known = ", ".join(row.name for row in self.records[0]) if self.records else "none"
            raise KeyError(describe(f"Statistics: there is no parameter {name!r}", f"there are: {known}"))
        return {field.name: [getattr(row, field.name) for row in rows] for field in fields(rows[0])[2:]}

    def table(self, index: int = -1) -> str:
        """One of the records as a table, by default the last."""
        if not self.records:
            return "nothing was looked at"
        return statistics_table(self.records[index])

    def state_dict(self) -> dict[str, Any]:
        """What was seen."""
        return {"steps": list(self.steps), "records": [[asdict(row) for row in record] for record in self.records]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where it was."""
        records: Sequence[Sequence[Mapping[str, Any]]] = state_dict["records"]
        self.steps = list(state_dict["steps"])
        self.records = [[ParameterStatistics(**row) for row in record] for record in records]
