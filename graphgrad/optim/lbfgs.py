"""L-BFGS: Newton's method with a Hessian that is guessed from the last steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from graphgrad.graph.checks import check_writeable
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import describe
from graphgrad.graph.tensor import Tensor
from graphgrad.optim.line_search import Point, strong_wolfe
from graphgrad.optim.optimizer import Array, check_form
from graphgrad.optim.whole import WholeOptimizer, number_of

__all__ = ["LBFGS"]

_CURVED = 1e-10
"""How much a gradient must have changed along a step for the step to tell of the curvature."""


class LBFGS(WholeOptimizer):
    """The quasi-Newton method of Broyden, Fletcher, Goldfarb and Shanno with limited memory (P09.02).

    Each iteration goes along d = -H⁻¹ · g, where H⁻¹ is what the last `history_size` steps s and the changes y of the
    gradient over them tell of the inverse Hessian: H⁻¹ · y = s. For whole batches, and few parameters: from the noisy
    gradients of mini-batches no curvature can be told.

    Parameters
    ----------
    params
        The parameters, in one group.
    lr
        The length of a step along d; with a line search, of the first that is tried.
    max_iter
        The most iterations in one call of `step`.
    max_eval
        The most times that the loss is computed in one call of `step`, 1.25 · max_iter by default.
    tolerance_grad
        No further when no element of the gradient is larger.
    tolerance_change
        No further when neither the loss nor any parameter changes by more.
    history_size
        How many steps are remembered, each as two vectors as long as all parameters together.
    line_search_fn
        ``"strong_wolfe"``, which tries several lengths of a step, or None for steps of length `lr`.

    Raises
    ------
    ValueError
        If an option is out of range, or there are several groups of parameters.

    Notes
    -----
    Keys of the state, and the numbers, are PyTorch's; the state is that of the first parameter. Where the loss or a
    gradient isn't finite, `step` doesn't begin, and a line search turns back. Nocedal, "Updating
    Quasi-Newton Matrices with Limited Storage", 1980.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([-1.2, 1.0], dtype="float64", requires_grad=True)
    >>> optimizer = gg.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2  # Rosenbrock's valley
    ...     loss.backward()
    ...     return loss
    >>> for _ in range(3):
    ...     loss = optimizer.step(closure)
    >>> [round(v, 4) for v in w.tolist()]
    [1.0, 1.0]
    """

    counts = frozenset({"func_evals", "n_iter"})
    numbers = frozenset({"t", "H_diag", "prev_loss"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if max_eval is None and isinstance(max_iter, (int, np.integer)):
            max_eval = max(1, int(max_iter) * 5 // 4)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range."""
        for name in ("lr", "tolerance_grad", "tolerance_change"):
            self.check_number(group, name)
        for name in ("max_iter", "max_eval", "history_size"):
            if not isinstance(group[name], (int, np.integer)) or isinstance(group[name], bool) or group[name] < 1:
                self.refuse(f"{name} is a whole number from 1", group[name])
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            self.refuse("line_search_fn is 'strong_wolfe' or None", group["line_search_fn"])

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Go on for up to `max_iter` iterations.

        Parameters
        ----------
        closure
            Computes the loss anew, with its gradients, and returns it; it is called several times, at different places.

        Returns
        -------
        What `closure` returned at first.

        Raises
        ------
        TypeError
            If there is no closure, or it returns nothing.
        """
        (group,) = self.param_groups
        self.check(group)
        check_writeable(type(self).__name__, self.parameters)
        first = self.evaluate(closure)
        loss, gradient = number_of(first), self.gradient()
        state = self.state.setdefault(self.parameters[0], {})
        state["func_evals"] = state.get("func_evals", 0) + 1
        state.setdefault("n_iter", 0)
        if not np.isfinite(loss) or not np.isfinite(gradient).all() or _largest(gradient) <= group["tolerance_grad"]:
            return first
        evaluations = 1
        for n in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction(state, gradient, group["history_size"])
            before = loss
            state.update(d=direction, prev_flat_grad=gradient, prev_loss=loss)
            lr = float(group["lr"])
            state["t"] = t = min(1.0, 1.0 / float(np.abs(gradient).sum())) * lr if state["n_iter"] == 1 else lr
            slope = float(gradient @ direction)
            if not slope <= -group["tolerance_change"]:
                break
            here = self.values()
            tried = 0
            if group["line_search_fn"] is not None:
                begin = Point(0.0, loss, slope, gradient)
                most = group["max_eval"] - evaluations
                point, tried = strong_wolfe(
                    self._along(closure, here, direction), begin, t, _largest(direction), max_ls=most
                )
                state["t"] = t = point.t
                loss, gradient = point.value, point.gradient
                self.move_to(here + t * direction)
            else:
                self.move_to(here + t * direction)
                if n < group["max_iter"]:  # the last isn't wanted any more
                    loss, gradient = number_of(self.evaluate(closure)), self.gradient()
                    tried = 1
            evaluations += tried
            state["func_evals"] += tried
            if (
                evaluations >= group["max_eval"]
                or _largest(gradient) <= group["tolerance_grad"]
                or _largest(direction) * t <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        return first

    def _direction(self, state: dict[str, Any], gradient: Array, history_size: int) -> Array:
        """The direction to go, after taking the last step into the memory."""
        if "d" not in state:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -gradient
        change, step = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = float(change @ step)
        changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        if curvature > _CURVED:
            for memory, new in ((changes, change), (steps, step), (inverses, 1.0 / curvature)):
                memory.append(new)
                del memory[:-history_size]
            state["H_diag"] = curvature / float(change @ change)
        # Two loops, from the last step to the first and back, that multiply with the inverse Hessian; see Nocedal.
        q = -gradient
        along: list[float] = []
        for y, s, inverse in zip(reversed(changes), reversed(steps), reversed(inverses), strict=True):
            along.append(float(s @ q) * inverse)
            q -= along[-1] * y
        q *= state["H_diag"]
        for y, s, inverse, a in zip(changes, steps, inverses, reversed(along), strict=True):
            q += (a - float(y @ q) * inverse) * s
        return q

    def _along(self, closure: Callable[[], Any] | None, here: Array, direction: Array) -> Callable[[float], Point]:
        """The loss along a direction."""

        def evaluate(t: float) -> Point:
            self.move_to(here + t * direction)
            loss = number_of(self.evaluate(closure))
            gradient = self.gradient()
            return Point(t, loss, float(gradient @ direction), gradient)

        return evaluate

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a `state_dict`: options and state, not the parameters' values; see `Optimizer`."""
        check_form("LBFGS", state_dict)
        kept = {n: {key: value for key, value in one.items() if key != "al"} for n, one in state_dict["state"].items()}
        super().load_state_dict({**state_dict, "state": kept})  # "al" is where PyTorch computes on the way

    def restored(self, number: object, key: str, value: Any, parameter: Tensor) -> Any:
        """A value of a state dict as it is kept; see `Optimizer`. Vectors are as long as all parameters together."""
        if key == "ro":
            return [number_of(one) for one in value]
        if key in ("old_dirs", "old_stps"):
            return [self._restored_vector(key, one) for one in value]
        if key in ("d", "prev_flat_grad"):
            return self._restored_vector(key, value)
        return super().restored(number, key, value, parameter)

    def _restored_vector(self, key: str, value: Any) -> Array:
        like = self.values()
        array = as_array(value.data if isinstance(value, Tensor) else value, copy=False, what=key)
        if array.shape != like.shape:
            raise ValueError(
                describe(
                    f"LBFGS.load_state_dict: {key} is for other parameters",
                    f"expected: {like.size} numbers",
                    f"got: {array.shape}",
                )
            )
        return array.astype(like.dtype)


def _largest(vector: Array) -> float:
    return float(np.abs(vector).max(initial=0.0))
