"""Where hyper-parameters are looked for: ranges on the scale that suits them, and lists of values."""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.random import generator_or_default

__all__ = ["Distribution", "check_space", "choice", "draw", "grid", "integers", "loguniform", "plain", "uniform"]

Key = TypeVar("Key")


class Distribution:
    """A range of values with a scale: `uniform`, `loguniform`, `integers` and `choice`.

    As in SciPy, ``ppf(q)`` is the value below which the fraction q lies, and ``rvs`` draws: what scikit-learn's
    ``RandomizedSearchCV`` asks for too.
    """

    def ppf(self, q: float) -> Any:
        """The value below which the fraction `q` of the distribution lies."""
        raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say which value is where, in ppf"))

    def zoom(self, value: Any, fraction: float) -> Distribution:
        """The part of the range around a value that is so large a fraction of it, on its own scale.

        It lies within the range: near an end, the value isn't in its middle.
        """
        raise NotImplementedError(describe(f"{type(self).__name__}: has no part around a value, in zoom"))

    def rvs(self, size: int | None = None, random_state: Any = None) -> Any:
        """Draw a value, or a list of `size` values.

        Parameters
        ----------
        size
            How many; None for one, as it is.
        random_state
            A generator or a seed, as in SciPy; by default what `graphgrad.manual_seed` starts.
        """
        if isinstance(random_state, numbers.Integral):
            random_state = np.random.default_rng(int(random_state))
        uniforms = random_state if isinstance(random_state, np.random.RandomState) else None
        rng = uniforms or generator_or_default(random_state)
        drawn = [self.ppf(float(rng.uniform())) for _ in range(1 if size is None else size)]
        return drawn[0] if size is None else drawn


@dataclass(frozen=True)
class uniform(Distribution):
    """Numbers from `low` to `high`, all alike: the arguments are those of NumPy's generator, not of SciPy.

    Parameters
    ----------
    low, high
        The ends.

    Raises
    ------
    ValueError
        If they aren't finite, or `high` isn't above `low`.

    Examples
    --------
    >>> from graphgrad.train import uniform
    >>> uniform(0.0, 0.5).ppf(0.5), uniform(0.0, 0.5).zoom(0.5, 0.1)
    (0.25, uniform(low=0.45, high=0.5))
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        _check("uniform", self.low, self.high)

    def ppf(self, q: float) -> float:
        """The value at the fraction `q` of the way."""
        return _within(self.low + q * (self.high - self.low), self.low, self.high)

    def zoom(self, value: float, fraction: float) -> uniform:
        """The part around a value."""
        return uniform(*_part(self.low, self.high, value, fraction))


@dataclass(frozen=True)
class loguniform(Distribution):
    """Numbers from `low` to `high` whose logarithms are alike likely: every power of ten as often as the next (P08.29).

    A rate is 10^r with r uniform. With ``complement=True`` it is 1 - value that is so, for numbers of which the
    distance from 1 matters, such as β of an average over 1 / (1 - β) steps: 1 - β = 10^r.

    Parameters
    ----------
    low, high
        The ends, above 0; with `complement`, below 1.
    complement
        Whether the scale is that of 1 - value.

    Raises
    ------
    ValueError
        If the ends aren't finite or have no logarithm, or `high` isn't above `low`.

    Examples
    --------
    >>> from graphgrad.train import loguniform
    >>> [round(loguniform(1e-4, 1.0).ppf(q), 6) for q in (0.0, 0.25, 0.5, 0.75, 1.0)]
    [0.0001, 0.001, 0.01, 0.1, 1.0]
    >>> round(loguniform(0.9, 0.999, complement=True).ppf(0.5), 6)
    0.99
    """

    low: float
    high: float
    complement: bool = False

    def __post_init__(self) -> None:
        _check("loguniform", self.low, self.high)
        if self.high >= 1 if self.complement else self.low <= 0:
            needed = "complement=True needs ends below 1" if self.complement else "the ends are above 0"
            raise ValueError(describe(f"loguniform: {needed}, got {self.low!r} and {self.high!r}"))

    def ppf(self, q: float) -> float:
        """The value at the fraction `q` of the way between the logarithms."""
        if self.complement:
            return _within(1.0 - _between(1.0 - self.high, 1.0 - self.low, 1.0 - q), self.low, self.high)
        return _within(_between(self.low, self.high, q), self.low, self.high)

    def zoom(self, value: float, fraction: float) -> loguniform:
        """The part around a value, between logarithms."""
        if self.complement:
            part = loguniform(1.0 - self.high, 1.0 - self.low).zoom(1.0 - value, fraction)
            return loguniform(1.0 - part.high, 1.0 - part.low, complement=True)
        ends = _part(math.log(self.low), math.log(self.high), math.log(value), fraction)
        low, high = (_within(math.exp(end), self.low, self.high) for end in ends)
        return loguniform(low, high)


@dataclass(frozen=True)
class integers(Distribution):
    """Whole numbers from `low` up to `high`, which isn't one of them: as NumPy's generator has them.

    Parameters
    ----------
    low, high
        The ends.
    endpoint
        Whether `high` is one of them.
    log
        Whether their logarithms are alike likely: for numbers such as those of units, which are doubled and halved.

    Raises
    ------
    ValueError
        If there are no such numbers, or with `log` if some have no logarithm.

    Examples
    --------
    >>> from graphgrad.train import integers
    >>> [integers(1, 4).ppf(q) for q in (0.0, 0.5, 1.0)]
    [1, 2, 3]
    >>> [integers(8, 128, endpoint=True, log=True).ppf(q) for q in (0.0, 0.5, 1.0)]
    [8, 32, 128]
    """

    low: int
    high: int
    endpoint: bool = False
    log: bool = False

    def __post_init__(self) -> None:
        for end in (self.low, self.high):
            if not isinstance(end, numbers.Integral) or isinstance(end, bool):
                raise DTypeError(describe(f"integers: the ends are whole numbers, got {end!r}"))
        if self.low >= self._end or (self.log and self.low < 1):
            what = "from 1, for their logarithms," if self.log else ""
            raise ValueError(describe(f"integers: there are no numbers {what} from {self.low} up to {self.high}"))

    @property
    def _end(self) -> int:
        """The first number above."""
        return int(self.high) + bool(self.endpoint)

    def ppf(self, q: float) -> int:
        """The number at the fraction `q` of the way."""
        place = _between(self.low, self._end, q) if self.log else self.low + q * (self._end - self.low)
        # A logarithm and back may end a hair below a whole number.
        return int(_within(math.floor(place * (1 + 1e-12) if self.log else place), self.low, self._end - 1))

    def zoom(self, value: int, fraction: float) -> integers:
        """The part around a number; at least that number."""
        low, end = float(self.low), float(self._end)
        if self.log:
            ends = _part(math.log(low), math.log(end), math.log(value + 0.5), fraction)
            first, last = (math.exp(place) for place in ends)
        else:
            first, last = _part(low, end, value + 0.5, fraction)
        return integers(
            min(math.floor(first + 1e-9), int(value)), max(math.ceil(last - 1e-9), int(value) + 1), log=self.log
        )


@dataclass(frozen=True, init=False)
class choice(Distribution):
    """One of some values, all alike; a plain list of them means the same.

    Parameters
    ----------
    values
        The values, of any kind.

    Raises
    ------
    ValueError
        If there are none.

    Examples
    --------
    >>> from graphgrad.train import choice
    >>> choice(["relu", "tanh"]).ppf(0.7)
    'tanh'
    """

    values: tuple[Any, ...]

    def __init__(self, values: Iterable[Any]) -> None:
        if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
            raise DTypeError(describe(f"choice: a list of values is needed, got {values!r:.60}"))
        listed = list(plain(dict(enumerate(values))).values())
        if not listed:
            raise ValueError(describe("choice: there are no values"))
        object.__setattr__(self, "values", tuple(listed))

    def ppf(self, q: float) -> Any:
        """The value at the fraction `q` of the way through the list."""
        return self.values[min(int(q * len(self.values)), len(self.values) - 1)]

    def zoom(self, value: Any, fraction: float) -> choice:
        """All of them still: values without an order have no neighbourhood."""
        return self


def check_space(what: str, space: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by name, each a distribution; lists become `choice`.

    Raises
    ------
    DTypeError, ValueError
        If a parameter is neither.
    """
    if not isinstance(space, Mapping) or not space:
        raise DTypeError(
            describe(
                f"{what}: the space is a mapping from names of parameters, got {space!r:.60}",
                hint='such as {"lr": loguniform(1e-4, 1.0), "hidden": [16, 32]}',
            )
        )
    return {_name(what, name): _distribution(what, name, values) for name, values in space.items()}


def _name(what: str, name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        raise DTypeError(describe(f"{what}: parameters have names that a function's can have, got {name!r:.60}"))
    return name


def _distribution(what: str, name: str, values: Any) -> Any:
    if callable(getattr(values, "rvs", None)):
        return values
    if isinstance(values, (Sequence, np.ndarray, set, frozenset)) and not isinstance(values, (str, bytes)):
        if isinstance(values, (set, frozenset)):
            raise DTypeError(describe(f"{what}: {name} is a set, which has no order; a list has"))
        return choice(values)
    raise DTypeError(
        describe(
            f"{what}: {name} is a list of values or a distribution, got {values!r:.60}",
            hint=f"[{values!r:.40}] is a list of one value",
        )
    )


def grid(space: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each combination of values, the last parameter's changing fastest.

    Raises
    ------
    DTypeError
        If a parameter is a range.
    """
    checked = check_space("grid_search", space)
    for name, values in checked.items():
        if not isinstance(values, choice):
            raise DTypeError(
                describe(
                    f"grid_search: {name} is {values!r:.60}, and a grid has values",
                    hint="np.geomspace and np.linspace make lists of a range; random_search draws from it",
                )
            )
    for values in itertools.product(*(one.values for one in checked.values())):
        yield dict(zip(checked, values, strict=True))


def draw(space: Mapping[str, Any], generator: np.random.Generator) -> dict[str, Any]:
    """A value of each parameter, from a space that was checked."""
    return plain({name: values.rvs(random_state=generator) for name, values in space.items()})


def plain(parameters: Mapping[Key, Any]) -> dict[Key, Any]:
    """Parameters with numbers of Python in the place of NumPy's: they go into files, and to other machines."""
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in parameters.items()}


# ---- arithmetic


def _check(what: str, low: float, high: float) -> None:
    for end in (low, high):
        if not isinstance(end, numbers.Real) or isinstance(end, bool):
            raise DTypeError(describe(f"{what}: the ends are numbers, got {end!r}"))
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(describe(f"{what}: a range goes from a number up to a larger one, got {low!r} and {high!r}"))


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _between(low: float, high: float, q: float) -> float:
    """The number at the fraction q of the way between logarithms."""
    return math.exp(math.log(low) + q * (math.log(high) - math.log(low)))


def _part(low: float, high: float, value: float, fraction: float) -> tuple[float, float]:
    """The ends of a part of a range, with a value in its middle as far as that goes."""
    width = (high - low) * fraction
    first = _within(value - width / 2, low, high - width)
    return first, min(first + width, high)
