"""One line for each step of a walk."""

from __future__ import annotations

from graphgrad.graph.graph import Operand
from graphgrad.view.formula import Formulas
from graphgrad.view.names import Names, names
from graphgrad.view.numbers import sum_line, summary
from graphgrad.walk.walk import Array, Walk

__all__ = ["arrived", "caption"]


def caption(walk: Walk, step: int, named: Names | None = None) -> str:
    """Say in one line what happens at a step.

    Parameters
    ----------
    walk
        The walk.
    step
        The step's number in ``walk.steps``.
    named
        The names of the graph's values, if they are at hand.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.walk.trace import walk
    >>> x = gg.scalar(3.0, name="x")
    >>> steps = walk(gg.tanh(x * x - 8.0))
    >>> for number in (0, 2, 3, 4, 6):
    ...     print(caption(steps, number))
    forward     multiply = x · x = 3 · 3 = 9
    forward     tanh = tanh(subtract) = tanh(1) = 0.7616
    seed        ∂tanh/∂tanh = 1
    backward    tanh → subtract: ∂tanh/∂subtract = 1 · (1 - 0.7616²) = 0.42
    backward    multiply → x: ∂tanh/∂x += 0.42 · 3 = 1.26 (1 of 2)
    """
    formulas = Formulas(walk.graph, named if named is not None else names(walk.graph))
    happened = walk.steps[step]
    target = happened.target
    if happened.phase == "forward" or target is None:
        text = formulas.equation(happened.vertex, walk)
    elif happened.kind == "seed":
        text = f"{formulas.derivative_of(walk, target)} = {summary(walk.seeds[target])}"
    elif happened.kind == "backward" and happened.contribution is not None:
        text = f"{formulas.names[happened.vertex]} → {formulas.names[target]}: "
        text += formulas.chain_rule(walk, happened.contribution, names=False)
        if happened.n > 1:
            text += f" ({happened.k} of {happened.n})"
    else:
        text = f"{formulas.names[target]}: {happened.k} of {happened.n}, {formulas.derivative_of(walk, target)} = "
        text += sum_line(arrived(walk, target)[: happened.k], walk.at(step).gradient(*target))
    return f"{happened.kind:<12}{text}"


def arrived(walk: Walk, target: Operand) -> list[Array]:
    """Everything that goes into a gradient, in order: the seed, if it begins there, and the contributions."""
    seed = [walk.seeds[target]] if target in walk.seeds else []
    return [*seed, *(walk.contributions[i].value for i in walk.contributions_to(target))]
