"""What all optimisers share: parameter groups, state, and the step's frame.

An optimiser computes on plain arrays, so that nothing of an update is ever recorded, and notes its writes, so that a
graph which still needs the old values notices. It moves the parameters of a group together, in one call of a
kernel: see `graphgrad.kernels.optimiser_steps`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar, NoReturn

import numpy as np

from graphgrad.graph.checks import check_writeable, is_number
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.mode import enable_grad
from graphgrad.graph.source import Mark, mark
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import owner, unlocked, wrote
from graphgrad.kernels.choice import kernels_of
from graphgrad.kernels.plain.optimiser_steps import flat

__all__ = ["Optimizer"]

Array = np.ndarray[Any, Any]

_PARAMETERS = "model.parameters() gives all that a model learns"

_FEW = 1 << 15
"""Below so many numbers, and for each parameter `_CALLS` more, a step is made in plain NumPy.

It takes up to 0.1 ms longer there, and needs no numba, which takes 0.3 s to load, and seconds to compile at first.
"""
_CALLS = 1 << 12

_SWITCHES = frozenset(("capturable", "differentiable", "foreach", "fused"))
"""Options of PyTorch that say how it computes, not what."""
_SCHEDULED = frozenset(("base_momentum", "initial_lr", "max_lr", "max_momentum", "min_lr", "swa_lr"))
"""What schedules keep in a group, under PyTorch's names."""
_COMPILED = frozenset(map(np.dtype, ("float32", "float64", "complex64", "complex128")))


class Optimizer:
    """The base of optimisers (P08.09): subclasses say in `update` how parameters move.

    Parameters
    ----------
    params
        The parameters; or groups, dicts that hold ``"params"`` and the options in which the group differs.
    defaults
        The options of groups that don't say otherwise.

    Attributes
    ----------
    param_groups
        A dict for each group: its parameters under ``"params"``, and its options, which may be changed between steps.
    state
        What the optimiser remembers of each parameter: arrays and numbers by name.

    Raises
    ------
    TypeError
        If `params` isn't a collection of tensors or of groups.
    ValueError
        If it is empty, a parameter is there twice or was computed, or an option is out of range.
    """

    counts: ClassVar[frozenset[str]] = frozenset()
    """What in a state is a whole number; PyTorch keeps it in an array of its own."""

    numbers: ClassVar[frozenset[str]] = frozenset()
    """What in a state is one number, not necessarily whole."""

    ours: ClassVar[frozenset[str]] = frozenset()
    """Options that PyTorch hasn't, which its state dicts may therefore lack."""

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any]) -> None:
        name = type(self).__name__
        if isinstance(params, (Tensor, Mapping)):
            raise TypeError(
                describe(
                    f"{name}: params is a collection of tensors, or of groups, got one {type(params).__name__}",
                    hint="[w] for a single one",
                )
            )
        self.defaults = dict(defaults)
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.param_groups: list[dict[str, Any]] = []
        groups = self._listed(params)
        if not groups:
            raise ValueError(
                describe(
                    f"{name}: there are no parameters",
                    hint="model.parameters() gives each parameter once only: a generator that was used up is empty",
                )
            )
        if not isinstance(groups[0], Mapping):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # ---- what an optimiser says

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range, with `refuse`."""

    def update(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        states: Sequence[dict[str, Any]],
        group: Mapping[str, Any],
    ) -> None:
        """Move parameters of a group, in place.

        Parameters
        ----------
        parameters, gradients
            Arrays in C order. None share memory, so that they may be moved in any order, and at the same time. The
            gradients are not to be written.
        states
            What is remembered of each parameter, empty at first; see `memory`.
        group
            The options.
        """
        raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say how a parameter moves"))

    def memory(
        self, name: str, parameters: Sequence[Array], states: Sequence[dict[str, Any]], start: float = 0.0
    ) -> list[Array]:
        """An array of the state of each parameter, of its shape, full of `start` when there is none yet.

        A complex parameter has twice as many numbers, which all begin with `start`.

        Raises
        ------
        ValueError
            If somebody put an array of another shape there.
        """
        found = []
        for parameter, state in zip(parameters, states, strict=True):
            array = state.get(name)
            if array is None:
                array = state[name] = np.zeros_like(parameter)
                if start:
                    flat(array).fill(start)
            elif array.dtype != parameter.dtype or array.shape != parameter.shape or not array.flags.carray:
                if array.shape != parameter.shape:
                    raise ValueError(
                        describe(
                            f"{type(self).__name__}: {name} in the state has another shape than its parameter",
                            f"expected: {parameter.shape}",
                            f"got: {array.shape}",
                        )
                    )
                array = state[name] = np.array(array, parameter.dtype, order="C")
            found.append(array)
        return found

    def refuse(self, reason: str, got: object) -> NoReturn:
        """Raise the error for an option that is out of range."""
        raise ValueError(describe(f"{type(self).__name__}: {reason}", f"got: {got!r:.80}"))

    def check_number(self, group: Mapping[str, Any], name: str, most: float = math.inf) -> None:
        """Refuse an option that isn't a finite number from 0, up to a limit."""
        value = group[name]
        if not is_number(value) or not 0 <= value <= most:
            self.refuse(f"{name} is a number from 0" + f" to {most:g}" * (most < math.inf), value)

    def check_pair(self, group: Mapping[str, Any], name: str, below: float = math.inf) -> None:
        """Refuse an option that isn't two finite numbers from 0, below a limit."""
        pair = group[name]
        fits = isinstance(pair, (tuple, list)) and len(pair) == 2
        if not fits or not all(is_number(one) and 0 <= one < below for one in pair):
            self.refuse(f"{name} are two numbers from 0" + f" and below {below:g}" * (below < math.inf), pair)

    def check_flags(self, group: Mapping[str, Any], *names: str) -> None:
        """Refuse options that aren't True or False."""
        for name in names:
            if not isinstance(group[name], (bool, np.bool_)):
                self.refuse(f"{name} is True or False", group[name])

    def _listed(self, params: Iterable[Any]) -> list[Any]:
        if isinstance(params, (set, frozenset)):
            raise TypeError(
                describe(
                    f"{type(self).__name__}: params is a set, whose order differs from run to run",
                    hint="a list: the order says which state belongs to which parameter when a state is loaded",
                )
            )
        try:
            return list(params)
        except TypeError:
            what = f"{type(self).__name__}: params is a collection of tensors, got {type(params).__name__}"
            hint = _PARAMETERS if hasattr(params, "parameters") else ""
            raise TypeError(describe(what, hint=hint)) from None

    # ---- what a training loop calls

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Take in more parameters, under options of their own.

        Parameters
        ----------
        param_group
            ``"params"``: a tensor or several; and options by name.

        Raises
        ------
        TypeError, ValueError
            As for a new optimiser; nothing is changed then.
        """
        name = type(self).__name__
        if not isinstance(param_group, Mapping):
            got = type(param_group).__name__
            hint = 'all are tensors, or all are groups: {"params": [w], "lr": 0.1}'
            raise TypeError(describe(f"{name}: a group of parameters is a dict, got {got}", hint=hint))
        unknown = sorted(set(param_group) - {"params", *self.defaults} - _SCHEDULED)
        if "params" not in param_group or unknown:
            reason = f"has no option {unknown[0]!r}" if unknown else 'a group holds its parameters under "params"'
            raise ValueError(describe(f"{name}: {reason}", f"options: {', '.join(self.defaults)}"))
        given = param_group["params"]
        params = [given] if isinstance(given, Tensor) else self._listed(given)
        known = {id(parameter) for group in self.param_groups for parameter in group["params"]}
        for i, parameter in enumerate(params):
            if not isinstance(parameter, Tensor):
                raise TypeError(
                    describe(
                        f"{name}: parameter {i} is no Tensor but {type(parameter).__name__}",
                        hint=_PARAMETERS if isinstance(parameter, tuple) or hasattr(parameter, "parameters") else "",
                    )
                )
            if parameter.dtype.kind not in "fc":
                what = f"{name}: parameter {i}, {parameter._title()}, has dtype {parameter.dtype}"
                raise DTypeError(describe(what, "expected: floats or complex numbers"))
            if not parameter.is_leaf:
                raise ValueError(
                    describe(
                        f"{name}: parameter {i}, {parameter._title()}, was computed; only leaves can be moved",
                        hint="give the tensors that it was computed from",
                    )
                )
            if id(parameter) in known:
                raise ValueError(describe(f"{name}: parameter {i}, {parameter._title()}, is there twice"))
            known.add(id(parameter))
        group = {"params": params, **self.defaults, **{k: v for k, v in param_group.items() if k != "params"}}
        self.check(group)
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or make them zeros with ``set_to_none=False``."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none or parameter.grad is None:
                    parameter.grad = None
                else:
                    parameter.grad = Tensor(np.zeros_like(parameter.data))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient.

        Parameters
        ----------
        closure
            Computes the loss anew, with its gradients, and returns it.

        Returns
        -------
        What `closure` returned, None without one.
        """
        loss = None if closure is None else self.evaluate(closure)
        for group in self.param_groups:
            self.check(group)  # options may have been changed since
        moving = [[p for p in group["params"] if p.grad is not None] for group in self.param_groups]
        check_writeable(type(self).__name__, (parameter for parameters in moving for parameter in parameters))
        place = mark()
        for parameters, group in zip(moving, self.param_groups, strict=True):
            owners = {id(_owner(parameter.data)) for parameter in parameters}
            if len(owners) == len(parameters):
                self._move(parameters, owners, group, place)
            else:  # some may share memory: one after the other, so that each finds what the ones before it left
                for parameter in parameters:
                    self._move([parameter], {id(_owner(parameter.data))}, group, place)
        return loss

    def evaluate(self, closure: Callable[[], Any]) -> Any:
        """What the closure returns, which computes under recording."""
        if not callable(closure):
            got = type(closure).__name__
            raise TypeError(describe(f"{type(self).__name__}.step: the closure is a function, got {got}"))
        with enable_grad():
            return closure()

    def _move(
        self, parameters: Sequence[Tensor], owners: set[int], group: Mapping[str, Any], place: Mark | None
    ) -> None:
        arrays, gradients, states = [], [], []
        for parameter in parameters:
            array, gradient = parameter.data, parameter.grad.data  # type: ignore[union-attr]  # those that have one
            arrays.append(array if array.flags.carray else np.array(array, order="C"))
            if not gradient.flags.carray or id(_owner(gradient)) in owners:
                gradient = np.array(gradient, order="C")
            gradients.append(gradient)
            states.append(self.state.setdefault(parameter, {}))
        if not arrays:
            return
        with np.errstate(all="ignore"):  # nan and infinity are values; detect_anomaly finds where they come from
            self.update(arrays, gradients, states, group)
        for parameter, array in zip(parameters, arrays, strict=True):
            put(parameter, array, place)

    # ---- values in and out

    def state_dict(self) -> dict[str, Any]:
        """What it takes to go on later: ``state`` by the parameter's number, and ``param_groups`` of such numbers.

        Arrays are copies, as tensors.
        """
        number = {id(p): i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        return {
            "state": {
                number[id(parameter)]: {name: _copied(value) for name, value in state.items()}
                for parameter, state in self.state.items()
                if state
            },
            "param_groups": [
                {**group, "params": [number[id(parameter)] for parameter in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a `state_dict`: options and state, not the parameters' values.

        Parameters
        ----------
        state_dict
            Of an optimiser of this class with groups of the same sizes; its numbers stand for the parameters in order.

        Raises
        ------
        TypeError
            If it isn't made of dicts and lists as a state dict is.
        ValueError
            If groups, options, shapes or dtypes differ. Nothing is changed by an error.
        """
        name = type(self).__name__
        check_form(name, state_dict)
        sizes = [len(group["params"]) for group in self.param_groups]
        groups = state_dict["param_groups"]
        loaded_sizes = [len(group.get("params", ())) for group in groups]
        if sizes != loaded_sizes:
            raise ValueError(
                describe(
                    f"{name}.load_state_dict: other parameter groups",
                    f"expected: groups of {sizes} parameters",
                    f"got: {loaded_sizes}",
                )
            )
        groups = [{key: value for key, value in group.items() if key not in _SWITCHES} for group in groups]
        for group, own in zip(groups, self.param_groups, strict=True):
            group.update({key: self.defaults[key] for key in self.ours if key not in group})
            if set(group) - _SCHEDULED != {"params", *self.defaults}:
                raise ValueError(
                    describe(
                        f"{name}.load_state_dict: other options",
                        f"expected: {', '.join(self.defaults)}",
                        f"got: {', '.join(key for key in group if key != 'params')}",
                    )
                )
            self.check({**group, "params": own["params"]})
        mine = [parameter for group in self.param_groups for parameter in group["params"]]
        theirs = [number for group in groups for number in group["params"]]
        if len(set(theirs)) < len(theirs):
            raise ValueError(describe(f"{name}.load_state_dict: a parameter's number is there twice", f"got: {theirs}"))
        by_number = dict(zip(theirs, mine, strict=True))
        state: dict[Tensor, dict[str, Any]] = {}
        for number, values in state_dict["state"].items():
            parameter = by_number.get(number)
            if parameter is None:
                raise ValueError(describe(f"{name}.load_state_dict: state of parameter {number}, which is in no group"))
            state[parameter] = {key: self.restored(number, key, value, parameter) for key, value in values.items()}
        self.state = state
        for group, loaded in zip(self.param_groups, groups, strict=True):
            group.update({key: value for key, value in loaded.items() if key != "params"})

    def restored(self, number: object, key: str, value: Any, parameter: Tensor) -> Any:
        """A value of a state dict as it is kept: a number, or a copy of an array, which has the parameter's shape.

        Parameters
        ----------
        number, key
            Whose value it is, for error texts.
        value
            What the state dict has.
        parameter
            Whose state it becomes.

        Raises
        ------
        ValueError
            If it can't be that.
        """
        what = f"{type(self).__name__}.load_state_dict: {key} of parameter {number}"
        if key in self.counts or key in self.numbers:
            array = np.asarray(value.data if isinstance(value, Tensor) else value)
            whole = key in self.counts
            if array.size != 1 or array.dtype.kind not in "iuf" or (whole and (array.item() < 0 or array.item() % 1)):
                raise ValueError(describe(f"{what} is a {'count' if whole else 'number'}", f"got: {value!r:.80}"))
            return int(array.item()) if whole else float(array.item())
        if isinstance(value, (bool, int, float)) or value is None:
            return value
        array = as_array(value.data if isinstance(value, Tensor) else value, copy=False, what=what)
        if array.shape not in (parameter.shape, ()):
            raise ValueError(
                describe(f"{what} has another shape", f"expected: {parameter.shape}", f"got: {array.shape}")
            )
        if not np.can_cast(array.dtype, parameter.dtype, "same_kind"):
            raise ValueError(
                describe(f"{what} has another dtype", f"expected: {parameter.dtype}", f"got: {array.dtype}")
            )
        return np.array(array, parameter.dtype if array.dtype.kind in "fc" else array.dtype, order="C")

    def __repr__(self) -> str:
        lines = []
        for i, group in enumerate(self.param_groups):
            options = ", ".join(f"{key}={value!r}" for key, value in group.items() if key != "params")
            lines.append(f"  group {i}: {len(group['params'])} parameters, {options}")
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


def check_form(name: str, state_dict: Any) -> None:
    """Refuse what isn't made of dicts and lists as the state dict of an optimiser is."""

    def refuse(what: str, got: object) -> NoReturn:
        raise TypeError(describe(f"{name}.load_state_dict: {what}, got {type(got).__name__}"))

    if not isinstance(state_dict, Mapping):
        refuse("a mapping is needed", state_dict)
    absent = [key for key in ("state", "param_groups") if key not in state_dict]
    if absent:
        raise ValueError(describe(f"{name}.load_state_dict: there is no {absent[0]!r} in it"))
    states, groups = state_dict["state"], state_dict["param_groups"]
    if not isinstance(states, Mapping):
        refuse("'state' is a mapping", states)
    if not isinstance(groups, (list, tuple)):
        refuse("'param_groups' is a list", groups)
    for number, state in states.items():
        if not isinstance(state, Mapping):
            refuse(f"the state of parameter {number} is a mapping", state)
    for i, group in enumerate(groups):
        if not isinstance(group, Mapping):
            refuse(f"group {i} is a mapping", group)
        if not isinstance(group.get("params", ()), (list, tuple)):
            refuse(f"'params' of group {i} is a list of numbers", group["params"])


def put(parameter: Tensor, values: Array, place: Mark | None) -> None:
    """Note that a parameter was written, and write the values if they aren't in its memory yet."""
    if values is not parameter.data:
        with unlocked(parameter.data):  # whoever locked it asks the book of writes whether it is what it was
            np.copyto(parameter.data, values)
    wrote(parameter.data, place)


def _copied(value: Any) -> Any:
    if isinstance(value, list):
        return [_copied(one) for one in value]
    return Tensor(value.copy()) if isinstance(value, np.ndarray) else value


def _owner(array: Array) -> Array:
    """The array that owns the memory; most own it themselves."""
    return array if array.base is None else owner(array)


def step_kernels(parameters: Sequence[Array]) -> ModuleType:
    """The kernels that move parameters, or their twins in plain NumPy, which give the same bits."""
    work = sum(p.size + _CALLS for p in parameters)
    return kernels_of("optimiser_steps", work >= _FEW and all(p.dtype in _COMPILED for p in parameters))
