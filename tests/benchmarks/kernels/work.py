"""What is measured: one piece of work, written once for graphgrad and PyTorch, whose names are the same.

The others, JAX, autograd and MyGrad, do those works that can be said in them in a few lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.benchmarks.harness import Run

__all__ = ["OURS", "Array", "Library", "Preparation", "Sizes", "Work", "drawn", "library", "of_numpy", "of_same"]

Array = np.ndarray[Any, Any]
Arrays = Mapping[str, Array]
Sizes = Mapping[str, int]

OURS, TORCH = "graphgrad", "torch eager"


@dataclass(frozen=True)
class Library:
    """The parts of graphgrad and of PyTorch that bear the same names.

    Attributes
    ----------
    ours
        Whether it is graphgrad: where a name is another one after all.
    functional, nn, optim
        ``nn.functional``, ``nn`` and ``optim``.
    tensor
        Makes a tensor of an array, which requires a gradient if told so.
    """

    ours: bool
    functional: Any
    nn: Any
    optim: Any
    tensor: Callable[..., Any]


def library(name: str) -> Library | None:
    """The library of that name, None if it isn't installed."""
    if name == OURS:
        import graphgrad as gg

        return Library(True, gg.nn.functional, gg.nn, gg.optim, gg.tensor)
    try:
        import torch
    except ImportError:
        return None
    return Library(False, torch.nn.functional, torch.nn, torch.optim, torch.tensor)


Preparation = Callable[[Arrays], Run | None]
Same = Callable[[Library, Arrays], Run]


@dataclass(frozen=True)
class Work:
    """One piece of work.

    Attributes
    ----------
    name
        What is done.
    sizes
        How large it is, by the names that `arrays` knows.
    arrays
        All that it starts from, drawn from a fixed seed, for sizes.
    same
        Prepares the work in graphgrad or PyTorch. What the work returns, results and gradients, is compared.
    others
        Prepare it in further libraries, by their names; None instead of work if one isn't installed.
    moved
        The arrays that a training step moves. What it returns behind the loss are they, and compared is how far they
        have moved, which is little.
    grows
        The size that makes the work smaller or larger and leaves its kind alone.
    recurrent
        Whether it counts among the recurrent ones.
    """

    name: str
    sizes: Sizes
    arrays: Callable[[Sizes], Arrays]
    same: Same
    others: Mapping[str, Preparation] = field(default_factory=dict)
    moved: Sequence[str] = ()
    grows: str = "batch"
    recurrent: bool = False

    def names(self) -> tuple[str, ...]:
        """Who can do it, if installed."""
        return OURS, TORCH, *self.others

    def results(self, run: Run) -> list[Array]:
        """What a first run gives, to be compared between libraries."""
        results = [np.array(one.detach().numpy() if hasattr(one, "detach") else one) for one in run()]
        if self.moved:
            before = self.arrays(self.sizes)
            first = len(results) - len(self.moved)
            results[first:] = [after - before[name] for after, name in zip(results[first:], self.moved, strict=True)]
        return results

    def prepare(self, name: str, sizes: Sizes) -> Run | None:
        """The work in a library, None if it isn't installed."""
        given = self.arrays(sizes)
        if name not in (OURS, TORCH):
            return self.others[name](given)
        found = library(name)
        return None if found is None else self.same(found, given)


def drawn(shapes: Mapping[str, Sequence[int]], seed: int = 0) -> dict[str, Array]:
    """float32 arrays of such shapes, normally distributed: inputs as they are, weights scaled for their sums."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, shape in shapes.items():
        scale = 1.0 if name == "input" else 1 / math.sqrt(max(math.prod(shape[1:]), 16))
        arrays[name] = (scale * rng.standard_normal(tuple(shape))).astype(np.float32)
    return arrays


def upstream(shape: Sequence[int]) -> Array:
    """The gradient that a backward pass starts from: not ones, for which many a wrong pass is right."""
    return np.random.default_rng(1).standard_normal(tuple(shape)).astype(np.float32)


def tensors(given: Library, arrays: Arrays, learned: Sequence[str]) -> dict[str, Any]:
    """A tensor of each array; those that are learned require a gradient."""
    return {
        name: given.tensor(array, requires_grad=True) if name in learned else given.tensor(array)
        for name, array in arrays.items()
    }


def of_same(function: Callable[..., Any], learned: Sequence[str]) -> Same:
    """Forward and backward of ``function(library, **tensors)``: the result, and the gradients of what is learned."""

    def prepare(given: Library, arrays: Arrays) -> Run:
        named = tensors(given, arrays, learned)
        leaves = [named[name] for name in learned]
        seed = given.tensor(upstream(function(given, **tensors(given, arrays, learned)).shape))

        def run() -> Any:
            for leaf in leaves:
                leaf.grad = None
            out = function(given, **named)
            out.backward(seed)
            return out, *(leaf.grad for leaf in leaves)

        return run

    return prepare


def of_module(
    make: Callable[[Any, Arrays], Any], given_to: Callable[[Any, Any], Any] = lambda module, input: module(input)
) -> Same:
    """Forward and backward of a module: its result, and the gradients of the input and of all parameters, in order.

    Parameters
    ----------
    make
        Makes it from ``nn``, as large as the arrays. Those beside the input are its state.
    given_to
        Gives it its input, and picks the result.
    """

    def prepare(given: Library, arrays: Arrays) -> Run:
        module = make(given.nn, arrays)
        module.load_state_dict({name: given.tensor(array) for name, array in arrays.items() if name != "input"})
        input = given.tensor(arrays["input"], requires_grad=True)
        leaves = [input, *module.parameters()]
        seed = given.tensor(upstream(given_to(module, input).shape))

        def run() -> Any:
            for leaf in leaves:
                leaf.grad = None
            out = given_to(module, input)
            out.backward(seed)
            return out, *(leaf.grad for leaf in leaves)

        return run

    return prepare


def step_of_module(make: Callable[[Any], Any], rate: float = 0.01) -> Same:
    """A training step of a classifier: cross entropy, backward pass, gradient descent. Its parameters after it."""

    def prepare(given: Library, arrays: Arrays) -> Run:
        module = make(given.nn)
        state = {name: given.tensor(array) for name, array in arrays.items() if name not in ("input", "target")}
        module.load_state_dict(state)
        input, target = given.tensor(arrays["input"]), given.tensor(arrays["target"])
        parameters = list(module.parameters())
        optimizer = given.optim.SGD(parameters, lr=rate)

        def run() -> Any:
            optimizer.zero_grad()
            value = given.functional.cross_entropy(module(input), target)
            value.backward()
            optimizer.step()
            return value, *parameters

        return run

    return prepare


# ---- JAX and autograd, which both have NumPy's names -----------------------------------------------------------------


def of_numpy(function: Callable[..., Any], learned: Sequence[str], autograd: bool = True) -> dict[str, Preparation]:
    """Forward and backward of ``function(numpy, **arrays)`` in JAX, compiled, and in autograd."""
    found: dict[str, Preparation] = {"JAX jit": lambda arrays: _in_jax(function, learned, arrays)}
    if autograd:
        found["autograd"] = lambda arrays: _in_autograd(function, learned, arrays)
    return found


def _in_jax(function: Callable[..., Any], learned: Sequence[str], arrays: Arrays) -> Run | None:
    try:
        import jax
    except ImportError:
        return None
    numpy = jax.numpy
    given = {name: numpy.asarray(array) for name, array in arrays.items()}
    moved = {name: given.pop(name) for name in learned}
    seed = numpy.asarray(upstream(jax.eval_shape(lambda: function(numpy, **moved, **given)).shape))

    @jax.jit
    def both(moved: Any, given: Any, seed: Any) -> Any:
        out, back = jax.vjp(lambda moved: function(numpy, **moved, **given), moved)
        return out, back(seed)[0]

    def run() -> Any:
        out, gradients = jax.block_until_ready(both(moved, given, seed))
        return out, *(gradients[name] for name in learned)

    return run


def _in_autograd(function: Callable[..., Any], learned: Sequence[str], arrays: Arrays) -> Run | None:
    try:
        import autograd
        import autograd.numpy as numpy
    except ImportError:
        return None
    moved = [arrays[name] for name in learned]
    fixed = {name: array for name, array in arrays.items() if name not in learned}

    def of_learned(moved: Any) -> Any:
        return function(numpy, **dict(zip(learned, moved, strict=True)), **fixed)

    seed = upstream(of_learned(moved).shape)
    vector_jacobian = autograd.make_vjp(of_learned)

    def run() -> Any:
        back, out = vector_jacobian(moved)
        return out, *back(seed)

    return run


def step_of_numpy(
    loss: Callable[..., Any], learned: Sequence[str], rate: float = 0.01, autograd: bool = True
) -> dict[str, Preparation]:
    """A training step of ``loss(numpy, **arrays)`` in JAX, compiled as a whole, and in autograd."""
    found: dict[str, Preparation] = {"JAX jit": lambda arrays: _step_in_jax(loss, learned, rate, arrays)}
    if autograd:
        found["autograd"] = lambda arrays: _step_in_autograd(loss, learned, rate, arrays)
    return found


def _step_in_jax(loss: Callable[..., Any], learned: Sequence[str], rate: float, arrays: Arrays) -> Run | None:
    try:
        import jax
    except ImportError:
        return None
    numpy = jax.numpy
    given = {name: numpy.asarray(array) for name, array in arrays.items()}
    moved = {name: given.pop(name) for name in learned}

    @jax.jit
    def step(moved: Any, given: Any) -> Any:
        value, gradients = jax.value_and_grad(lambda moved: loss(numpy, **moved, **given))(moved)
        return value, {name: moved[name] - rate * gradients[name] for name in learned}

    def run() -> Any:
        nonlocal moved
        value, moved = jax.block_until_ready(step(moved, given))
        return value, *(moved[name] for name in learned)

    return run


def _step_in_autograd(loss: Callable[..., Any], learned: Sequence[str], rate: float, arrays: Arrays) -> Run | None:
    try:
        import autograd
        import autograd.numpy as numpy
    except ImportError:
        return None
    moved = [arrays[name] for name in learned]
    fixed = {name: array for name, array in arrays.items() if name not in learned}
    both = autograd.value_and_grad(lambda moved: loss(numpy, **dict(zip(learned, moved, strict=True)), **fixed))

    def run() -> Any:
        nonlocal moved
        value, gradients = both(moved)
        moved = [one - np.float32(rate) * gradient for one, gradient in zip(moved, gradients, strict=True)]
        return value, *moved

    return run
