"""The perceptron's rule: whoever was wrong is corrected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.checks import is_number
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.optim.arithmetic import Array, options
from graphgrad.optim.optimizer import Optimizer

__all__ = ["Perceptron"]


class Perceptron(Optimizer):
    """The perceptron's learning rule (P06.05), for threshold units ŷ = H(w · x + b).

    H, the unit step, has no slope to descend. The rule takes the error in its place: for one sample after another,
    w -= lr · (ŷ - y) · x and b -= lr · (ŷ - y), which changes nothing where the answer is right. If a plane separates
    the classes, finitely many corrections find one, whatever the rate; else it never ends.

    Parameters
    ----------
    params
        A weight, of shape (n,) or for m units (m, n), and then a bias, of one number or (m,), or none: those of a
        `graphgrad.nn.Linear`.
    lr
        The learning rate. From weights of 0 it changes only their scale.
    at_zero
        H(0), which is 1 or 0.

    Raises
    ------
    ValueError
        If an option is out of range, or the parameters aren't those of a layer of threshold units.

    Notes
    -----
    There is no state. `step` alone moves against gradients as `SGD` does; `learn` computes what takes their place.
    Rosenblatt, "The Perceptron: A Probabilistic Model for Information Storage and Organization in the Brain", 1958.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w, b = gg.zeros(2, requires_grad=True), gg.zeros(1, requires_grad=True)
    >>> rule = gg.optim.Perceptron([w, b])
    >>> x, both = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 1]
    >>> [rule.learn(x, both) for _ in range(6)]  # the errors in each epoch
    [2, 3, 3, 2, 1, 0]
    >>> w.tolist(), b.tolist(), rule.predict(x).tolist()
    ([2.0, 1.0], [-3.0], [0.0, 0.0, 0.0, 1.0])
    """

    def __init__(self, params: Iterable[Any], lr: float = 1.0, *, at_zero: float = 1) -> None:
        super().__init__(params, {"lr": lr, "at_zero": at_zero})

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range, and other parameters than those of a layer."""
        self.check_number(group, "lr")
        if not is_number(group["at_zero"]) or group["at_zero"] not in (0, 1):
            self.refuse("at_zero is 0 or 1", group["at_zero"])
        shapes = [parameter.shape for parameter in group.get("params", ())]
        units = shapes[0][:-1] if shapes else ()
        fits = len(shapes) in (1, 2) and len(shapes[0]) in (1, 2)
        if not fits or (len(shapes) == 2 and shapes[1] not in ((units, (1,)) if units in ((), (1,)) else (units,))):
            self.refuse("params are a weight, (n,) or (m, n), and a bias, of one number or (m,), or none", shapes)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Take in the parameters of the layer; there can't be more than one."""
        if self.param_groups:
            raise ValueError(describe("Perceptron: there is one group of parameters, those of one layer"))
        super().add_param_group(param_group)

    def update(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        states: Sequence[dict[str, Any]],
        group: Mapping[str, Any],
    ) -> None:
        """Move parameters of a group, in place."""
        (lr,) = options(group, "lr")
        for p, g in zip(parameters, gradients, strict=True):
            p -= lr * g

    def predict(self, input: Any) -> Tensor:
        """The answers of the units, 0 or 1.

        Parameters
        ----------
        input
            Shape (n,), or (N, n) for N samples.

        Returns
        -------
        Tensor
            An answer for each sample, and each unit, if the weight has an axis for them.

        Raises
        ------
        ShapeError
            If the last axis has another length than the weight's.
        """
        return Tensor(self._answers(self._inputs("predict", input)))

    def learn(self, input: Any, target: Any) -> int:
        """Go once through samples, in order, and correct each wrong answer where it is given.

        Parameters
        ----------
        input
            Shape (N, n).
        target
            The right answers, 0 or 1: an answer for each sample, and each unit, if the weight has an axis for them.
            For a single unit that axis may be left out.

        Returns
        -------
        int
            How many answers were wrong. 0 says that all is learnt: nothing has changed.

        Raises
        ------
        ShapeError
            If there are other samples, or units.
        ValueError
            If a right answer is neither 0 nor 1.
        """
        inputs = self._inputs("learn", input)
        weight = self.param_groups[0]["params"][0]
        targets = as_array(target.data if isinstance(target, Tensor) else target, copy=False, what="target")
        shape = (len(inputs), *weight.shape[:-1])
        if inputs.ndim != 2 or targets.shape not in (shape, shape[:1] if shape[1:] == (1,) else shape):
            raise ShapeError(
                describe(
                    "Perceptron.learn: input and target don't belong together",
                    f"expected: (N, {weight.shape[-1]}) and {('N', *shape[1:])}".replace("'", ""),
                    f"got: {inputs.shape} and {targets.shape}",
                )
            )
        if not np.isin(targets, (0, 1)).all():
            odd = targets[~np.isin(targets, (0, 1))].flat[0]
            raise ValueError(describe(f"Perceptron.learn: right answers are 0 or 1, got {odd}"))
        wrong = 0
        for x, y in zip(inputs, targets.reshape(shape), strict=True):
            error = self._answers(x) - y
            if error.any():
                wrong += int(np.count_nonzero(error))
                self._correct(x, error)
        return wrong

    def _inputs(self, what: str, input: Any) -> Array:
        (group,) = self.param_groups
        self.check(group)
        weight = group["params"][0]
        array = as_array(input.data if isinstance(input, Tensor) else input, copy=False, what="input")
        if array.ndim not in (1, 2) or array.shape[-1] != weight.shape[-1]:
            raise ShapeError(
                describe(
                    f"Perceptron.{what}: input has another last axis than the weight",
                    f"expected: (..., {weight.shape[-1]})",
                    f"got: {array.shape}",
                )
            )
        return np.asarray(array, weight.dtype)

    def _answers(self, x: Array) -> Array:
        (group,) = self.param_groups
        weight, *bias = group["params"]
        z = x @ weight.data.T
        if bias:
            z = z + (bias[0].data if z.shape[x.ndim - 1 :] else bias[0].data.reshape(()))
        return np.asarray(np.heaviside(z, np.asarray(group["at_zero"], weight.dtype)))

    def _correct(self, x: Array, error: Array) -> None:
        """A step along what stands in the gradient's place; the gradients that were there come back."""
        params = self.param_groups[0]["params"]
        kept = [parameter.grad for parameter in params]
        for parameter, value in zip(params, (np.multiply.outer(error, x), error), strict=False):
            parameter.grad = Tensor(np.array(value, parameter.dtype).reshape(parameter.shape))
        try:
            self.step()
        finally:
            for parameter, gradient in zip(params, kept, strict=True):
                parameter.grad = gradient
