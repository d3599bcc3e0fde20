"""Newton's method, with the Hessian itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from graphgrad.autodiff.backward import differentiate
from graphgrad.graph.checks import check_writeable
from graphgrad.graph.errors import GraphError, describe
from graphgrad.graph.mode import enable_grad
from graphgrad.graph.tensor import Tensor
from graphgrad.optim.optimizer import Array
from graphgrad.optim.whole import WholeOptimizer

__all__ = ["Newton"]

_MOST = 4096
"""More parameters than these have a Hessian of more than 128 MB, and take as many backward passes."""


class Newton(WholeOptimizer):
    """Newton's method (P09.02): p -= lr · (H + damping · I)⁻¹ · g, with the gradient g and the Hessian H of the loss.

    On a quadratic the first step ends at the minimum, whatever its condition. Elsewhere it goes to where the quadratic
    with the same slope and curvature is flat, which may be a maximum or a saddle: its Hessian must be positive definite
    for the step to go down. H takes a backward pass for each parameter: this is for small problems.

    Parameters
    ----------
    params
        The parameters, in one group; real, and no more than 4096 numbers.
    lr
        The share of the step that is taken.
    damping
        What is added to the diagonal of H: the larger, the shorter the step, and the more it is one of gradient
        descent, with rate lr / damping. Larger than the most negative eigenvalue is, it makes every step go down.
    saddle_free
        Whether to divide by the sizes of H's eigenvalues, without their signs, so that saddles are left.

    Raises
    ------
    ValueError
        If an option is negative, or there are too many parameters, complex ones, or several groups.

    Notes
    -----
    There is no state. Where the gradient or the Hessian isn't finite, nothing moves. Levenberg, "A method for the
    solution of certain non-linear problems in least squares", 1944, for the damping; Dauphin et al., "Identifying and
    attacking the saddle point problem in high-dimensional non-convex optimization", 2014, for what leaves saddles.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([2.0, 1.0], requires_grad=True)
    >>> optimizer = gg.optim.Newton([w])
    >>> def closure():  # it needs no backward()
    ...     return 0.5 * w[0] ** 2 + 2.0 * w[1] ** 2
    >>> loss = optimizer.step(closure)
    >>> w.tolist()
    [0.0, 0.0]
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, damping: float = 0.0, *, saddle_free: bool = False
    ) -> None:
        super().__init__(params, {"lr": lr, "damping": damping, "saddle_free": saddle_free})

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range, and parameters for which there is no Hessian."""
        for name in ("lr", "damping"):
            self.check_number(group, name)
        self.check_flags(group, "saddle_free")
        for parameter in group.get("params", ()):
            if parameter.dtype.kind == "c":
                self.refuse("parameters are real; gg.view_as_complex makes complex numbers of them", parameter.dtype)
            if not parameter.requires_grad:
                self.refuse("parameters need gradients", parameter._title())
        size = sum(parameter.size for parameter in group.get("params", ()))
        if size > _MOST:
            self.refuse(f"the Hessian of more than {_MOST} numbers is too large; LBFGS guesses it", size)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step.

        Parameters
        ----------
        closure
            Computes the loss and returns it. It is differentiated here, twice: the closure calls no ``backward()``. No
            ``grad`` of a parameter is changed.

        Returns
        -------
        What `closure` returned.

        Raises
        ------
        TypeError
            If there is no closure, or it returns nothing.
        GraphError
            If what it returns is no loss of one number that depends on the parameters, or was differentiated already.
        numpy.linalg.LinAlgError
            If H + damping · I has no inverse; nothing has moved then.
        """
        (group,) = self.param_groups
        self.check(group)
        check_writeable(type(self).__name__, self.parameters)
        loss = self.evaluate(closure)
        gradient, hessian = self._derivatives(loss)
        if not np.isfinite(gradient).all() or not np.isfinite(hessian).all():
            return loss
        damping = float(group["damping"])
        with np.errstate(all="ignore"):
            if group["saddle_free"]:
                curvatures, directions = _checked(np.linalg.eigh, hessian)
                sizes = np.abs(curvatures) + damping
                if not sizes.all():
                    _refuse_flat()
                step = directions @ ((directions.T @ gradient) / sizes)
            else:
                step = _checked(np.linalg.solve, hessian + damping * np.eye(gradient.size), gradient)
            self.move_to(self.values() - float(group["lr"]) * step)
        return loss

    def _derivatives(self, loss: Any) -> tuple[Array, Array]:
        """The gradient and the Hessian of a loss, in float64."""
        if not isinstance(loss, Tensor) or loss.size != 1 or not loss.requires_grad or loss._source is None:
            raise GraphError(
                describe(
                    "Newton.step: the closure returns the loss, a tensor of one number, that depends on the parameters",
                    f"got: {loss!r:.80}",
                )
            )
        targets = self.parameters
        with enable_grad():
            seed = Tensor(np.ones(loss.shape, loss.dtype))
            try:
                slopes = differentiate([(loss._source, seed)], targets, create_graph=True)
            except GraphError as error:
                hint = "Newton differentiates the loss itself: the closure calls no backward()"
                raise GraphError(describe(f"Newton.step: {error}", hint=hint)) from error
        size = sum(parameter.size for parameter in targets)
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        start = 0
        for parameter in targets:
            slope = slopes.get(parameter)
            if slope is not None:
                gradient[start : start + parameter.size] = slope.data.ravel()
                for row in range(parameter.size if slope.requires_grad else 0):
                    unit = np.zeros(slope.size, slope.dtype)
                    unit[row] = 1
                    found = differentiate([(slope._source, unit.reshape(slope.shape))], targets, retain_graph=True)
                    hessian[start + row] = np.concatenate(
                        [np.zeros(p.size) if found.get(p) is None else np.ravel(found[p]) for p in targets]
                    )
            start += parameter.size
        return gradient, (hessian + hessian.T) / 2  # symmetric but for rounding


def _checked(solver: Callable[..., Any], *arrays: Array) -> Any:
    """The answer of a solver, whose error is told with a hint."""
    try:
        return solver(*arrays)
    except np.linalg.LinAlgError:
        _refuse_flat()


def _refuse_flat() -> None:
    raise np.linalg.LinAlgError(
        describe(
            "Newton.step: the Hessian has no inverse: along some direction the loss is no parabola",
            hint="damping above 0 limits the step there; nothing has moved",
        )
    )
