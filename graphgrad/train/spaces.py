"""Where hyper-parameters are looked for: ranges on the scale that suits them, and lists of values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from graphgrad.graph.checks import check_count, check_number
from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.random import generator_or_default

__all__ = [
    "Distribution",
    "check_space",
    "choice",
    "draw",
    "grid",
    "integers",
    "loguniform",
    "plain",
    "python_value",
    "uniform",
]

Key = TypeVar("Key")


class Distribution:
    """A range of values with a scale: `uniform`, `loguniform`, `integers` and `choice`.

    As in SciPy, ``ppf(q)`` is the value below which the fraction q lies, and ``rvs`` draws: what scikit-learn's
    ``RandomizedSearchCV`` asks for too.
    """

    def ppf(self, q: float) -> Any:
        """The value below which the fraction `q` of the distribution lies.

        Raises
        ------
        ValueError
            If `q` isn't from 0 to 1.
        """
        return self._at(check_number(f"{type(self).__name__}.ppf", "q", q, 0.0, 1.0))

    def _at(self, q: float) -> Any:
        raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say which value is where, in _at"))

    def zoom(self, value: Any, fraction: float) -> Distribution:
        """The part of the range around a value that is so large a fraction of it, on its own scale.

        It lies within the range: near an end, the value isn't in its middle.

        Raises
        ------
        ValueError
            If the value isn't in the range, or the fraction isn't from 0 to 1.
        """
        raise NotImplementedError(describe(f"{type(self).__name__}: has no part around a value, in zoom"))

    def rvs(self, size: int | None = None, random_state: Any = None) -> Any:
        """Draw a value, or a list of `size` values.

        Parameters
        ----------
        size
            How many; None for one, as it is.
        random_state
            A generator, a ``RandomState`` or a seed, as in SciPy; by default what `graphgrad.manual_seed` starts.

        Raises
        ------
        ValueError, DTypeError
            If `size` is no whole number from 0, or `random_state` none of these.
        """
        rng = random_state
        if isinstance(rng, (int, np.integer)):
            rng = np.random.default_rng(check_count(f"{type(self).__name__}.rvs", "random_state", rng, 0))
        elif not isinstance(rng, np.random.RandomState):
            rng = generator_or_default(rng)
        if size is None:
            return self._at(float(rng.uniform()))
        return [
            self._at(q) for q in rng.uniform(size=check_count(f"{type(self).__name__}.rvs", "size", size, 0)).tolist()
        ]


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
        _check_ends(self)

    def _at(self, q: float) -> float:
        return _within(self.low + q * (self.high - self.low), self.low, self.high)

    def zoom(self, value: float, fraction: float) -> uniform:
        """The part around a value."""
        value, fraction = _checked_zoom(self, value, fraction)
        return uniform(*_apart(*_part(self.low, self.high, value, fraction), self.low, self.high))


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
        _check_ends(self)
        if self.high >= 1 if self.complement else self.low <= 0:
            needed = "complement=True needs ends below 1" if self.complement else "the ends are above 0"
            raise ValueError(describe(f"loguniform: {needed}, got {self.low!r} and {self.high!r}"))

    def _at(self, q: float) -> float:
        if self.complement:
            return _within(1.0 - _between(1.0 - self.high, 1.0 - self.low, 1.0 - q), self.low, self.high)
        return _within(_between(self.low, self.high, q), self.low, self.high)

    def zoom(self, value: float, fraction: float) -> loguniform:
        """The part around a value, between logarithms."""
        value, fraction = _checked_zoom(self, value, fraction)
        if self.complement:
            ends = _part(math.log(1.0 - self.high), math.log(1.0 - self.low), math.log(1.0 - value), fraction)
            high, low = (_within(1.0 - math.exp(end), self.low, self.high) for end in ends)
        else:
            ends = _part(math.log(self.low), math.log(self.high), math.log(value), fraction)
            low, high = (_within(math.exp(end), self.low, self.high) for end in ends)
        return loguniform(*_apart(low, high, self.low, self.high), self.complement)


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
        for name in ("low", "high"):
            end = getattr(self, name)
            if not isinstance(end, (int, np.integer)) or isinstance(end, bool):
                raise DTypeError(describe(f"integers: {name} is a whole number, got {end!r:.60}"))
            object.__setattr__(self, name, int(end))
        if self.low >= self._end:
            raise ValueError(describe(f"integers: there are no numbers from {self.low} up to {self.high}"))
        if self.log and self.low < 1:
            raise ValueError(describe(f"integers: low is at least 1 with log=True, got {self.low}"))

    @property
    def _end(self) -> int:
        """The first number above."""
        return self.high + bool(self.endpoint)

    def _at(self, q: float) -> int:
        if self.log:  # a logarithm and back may end a hair below a whole number
            found = math.floor(_between(self.low, self._end, q) * (1 + 1e-12))
        else:
            found = self.low + math.floor(q * (self._end - self.low))
        return min(max(found, self.low), self._end - 1)

    def zoom(self, value: int, fraction: float) -> integers:
        """The part around a number; at least that number."""
        value = check_count("integers.zoom", "value", value, self.low)
        if value >= self._end:
            raise ValueError(describe(f"integers.zoom: value is a number below {self._end}, got {value}"))
        fraction = check_number("integers.zoom", "fraction", fraction, 0.0, 1.0)
        if self.log:
            ends = _part(math.log(self.low), math.log(self._end), math.log(value + 0.5), fraction)
            first, last = (math.exp(place) - self.low for place in ends)
        else:
            first, last = _part(0.0, self._end - self.low, value - self.low + 0.5, fraction)
        # Whole numbers of which the part has a piece; rounding may have moved its ends by a hair.
        begin, end = self.low + math.floor(first + 1e-9), self.low + math.ceil(last - 1e-9)
        return integers(max(min(begin, value), self.low), min(max(end, value + 1), self._end), log=self.log)


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
        listed = tuple(python_value(value) for value in values)
        if not listed:
            raise ValueError(describe("choice: there are no values"))
        object.__setattr__(self, "values", listed)

    def _at(self, q: float) -> Any:
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
    if callable(getattr(values, "rvs", None)) and not isinstance(values, type):
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
    return {name: python_value(value) for name, value in parameters.items()}


def python_value(value: Any) -> Any:
    """A value, as a number of Python if it is one of NumPy."""
    return value.item() if isinstance(value, np.generic) else value


# ---- arithmetic


def _check_ends(space: uniform | loguniform) -> None:
    """Make both ends floats of Python; refuse those that are no range."""
    what = type(space).__name__
    for name in ("low", "high"):
        object.__setattr__(space, name, check_number(what, name, getattr(space, name)))
    if not space.low < space.high or not math.isfinite(space.high - space.low):
        raise ValueError(
            describe(f"{what}: a range goes from a number up to a larger one, got {space.low!r} and {space.high!r}")
        )


def _checked_zoom(space: uniform | loguniform, value: float, fraction: float) -> tuple[float, float]:
    what = f"{type(space).__name__}.zoom"
    value = check_number(what, "value", value, space.low, space.high)
    return value, check_number(what, "fraction", fraction, 0.0, 1.0)


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


def _apart(first: float, last: float, low: float, high: float) -> tuple[float, float]:
    """The ends of a part, which differ by at least the last bit, however small the part is."""
    if first < last:
        return first, last
    return (first, math.nextafter(first, high)) if first < high else (math.nextafter(high, low), high)
