"""Sums of products, told by the names of axes: einsum."""

from __future__ import annotations

import functools
import math
import string
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.arithmetic import multiply
from graphgrad.ops.array.axes import permute_dims
from graphgrad.ops.array.diagonals import diagonal
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.declare import Arrays, op

__all__ = ["einsum"]

Shape = tuple[int, ...]
Term = tuple[Any, str]

_SMALL = 32768
"""Up to so many flops one loop over everything is quicker than to bring the operands into the form of matrices."""
_STRATEGIES = ("auto", "auto-hq", "branch-1", "branch-2", "branch-all", "dp", "greedy", "optimal")


# ---- subscripts ------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def _explicit(subscripts: str, ranks: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """A letter for each axis of each operand, and for each axis of the result: dots and what is left out are filled in.

    Raises
    ------
    ValueError
        Saying what doesn't fit.
    """
    text = subscripts.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ranks):
        raise ValueError(f"{subscripts!r} is for {len(terms)} operands, {len(ranks)} are given")
    letters = [_letters(subscripts, term) for term in terms]
    dots = [rank - len(one) for one, rank in zip(letters, ranks, strict=True)]
    for i, (term, one, rank) in enumerate(zip(terms, letters, ranks, strict=True)):
        if dots[i] < 0 or (dots[i] and "..." not in term):
            raise ValueError(f"{term or 'nothing'!r} names {len(one)} axes, operand {i} has {rank}")
    unused = [one for one in string.ascii_letters if one not in text]
    most = max((n for n, term in zip(dots, terms, strict=True) if "..." in term), default=0)
    if most > len(unused):
        raise ValueError(f"there are more axes than the {len(string.ascii_letters)} letters")
    filling = "".join(unused[:most])
    filled = tuple(term.replace("...", filling[most - n :]) for term, n in zip(terms, dots, strict=True))
    if not arrow:
        named = "".join(letters)
        return filled, filling + "".join(sorted(one for one in set(named) if named.count(one) == 1))
    wanted = _letters(subscripts, output)
    for one in wanted:
        if wanted.count(one) > 1:
            raise ValueError(f"{subscripts!r} names axis {one!r} of the result twice")
        if not any(one in term for term in letters):
            raise ValueError(f"{subscripts!r} names axis {one!r} of the result, which no operand has")
    return filled, output.replace("...", filling)


def _letters(subscripts: str, term: str) -> str:
    """The letters of one operand's part."""
    letters = term.replace("...", "", 1)
    for one in letters:
        if one not in string.ascii_letters:
            raise ValueError(f"{subscripts!r} holds {one!r}: axes are named by letters, and others by three dots")
    return letters


def _lengths(terms: Sequence[str], shapes: Sequence[Shape]) -> dict[str, int]:
    """How long the axis of each letter is; an axis of length 1 stretches."""
    lengths: dict[str, int] = {}
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        own: dict[str, int] = {}
        for letter, length in zip(term, shape, strict=True):
            if own.setdefault(letter, length) != length:
                raise ValueError(
                    f"axis {letter!r} of operand {i}, of shape {shape}, has lengths {own[letter]} and {length}"
                )
            before = lengths.get(letter, 1)
            if before != 1 and length not in (1, before):
                raise ValueError(f"axis {letter!r} has length {before}, and {length} in operand {i} of shape {shape}")
            lengths[letter] = length if before == 1 else before
    return lengths


def _result(shapes: Sequence[Shape], /, subscripts: str, optimize: Any) -> Shape:
    terms, output = _explicit(subscripts, tuple(map(len, shapes)))
    lengths = _lengths(terms, shapes)
    return tuple(lengths[one] for one in output)


# ---- the order of the products ---------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def _path(subscripts: str, shapes: tuple[Shape, ...], optimize: bool | str) -> tuple[tuple[tuple[int, ...], ...], int]:
    """Which operands to multiply first, and the flops of that."""
    import opt_einsum

    if not all(map(math.prod, shapes)):
        optimize = False  # nothing to be saved, and sizes of 0 aren't foreseen
    path, info = opt_einsum.contract_path(subscripts, *shapes, shapes=True, optimize=optimize)
    return tuple(map(tuple, path)), int(info.opt_cost)


def _checked(shapes: Sequence[Shape], subscripts: str) -> str:
    """The subscripts with nothing left out, if they fit the shapes."""
    terms, output = _explicit(subscripts, tuple(map(len, shapes)))
    _lengths(terms, shapes)
    return f"{','.join(terms)}->{output}"


def _cost(shapes: Sequence[Shape], /, subscripts: str, optimize: bool | str) -> int:
    return _path(_checked(shapes, subscripts), tuple(shapes), optimize)[1]


@functools.lru_cache(maxsize=1024)
def _contraction(subscripts: str, shapes: tuple[Shape, ...], optimize: bool | str) -> Callable[..., Any]:
    """What computes it from arrays of these shapes; to plan it takes longer than to multiply small ones."""
    import opt_einsum

    whole = _checked(shapes, subscripts)
    path, flops = _path(whole, shapes, optimize)
    if len(path) == 1 and flops <= _SMALL:
        return functools.partial(np.einsum, whole)
    return opt_einsum.contract_expression(whole, *shapes, optimize=list(path))  # type: ignore[no-any-return]


def _prepare(attrs: dict[str, Any]) -> None:
    subscripts, optimize = attrs["subscripts"], attrs["optimize"]
    if not isinstance(subscripts, str):
        got = type(subscripts).__name__
        raise TypeError(f"subscripts is a text such as 'ij,jk->ik', and comes before the operands; got {got}")
    if not isinstance(optimize, (bool, np.bool)) and optimize not in _STRATEGIES:
        raise ValueError(f"optimize is True, False or one of {', '.join(_STRATEGIES)}, got {optimize!r}")
    attrs["optimize"] = optimize if isinstance(optimize, str) else bool(optimize)


# ---- backward --------------------------------------------------------------------------------------------------------


def _joint(
    g: Any,
    operands: Sequence[Any],
    shapes: Sequence[Shape],
    subscripts: str,
    optimize: bool | str,
    needs: Collection[int],
) -> list[Any]:
    """Each operand gets the einsum of g with all other operands, in the place of its own letters."""
    terms, output = _explicit(subscripts, tuple(map(len, shapes)))
    contributions: list[Any] = [None] * len(operands)
    for i in needs:
        others = [
            (g, output),
            *((one, term) for k, (one, term) in enumerate(zip(operands, terms, strict=True)) if k != i),
        ]
        contributions[i] = _for_letters(
            terms[i], dict(zip(terms[i], shapes[i], strict=True)), others, g.dtype, optimize
        )
    return contributions


def _for_letters(
    term: str, lengths: Mapping[str, int], others: list[Term], dtype: np.dtype[Any], optimize: bool | str
) -> Any:
    """The einsum of `others` in the form of one operand."""
    wanted = ""
    for letter in term:
        length = lengths[letter]
        if letter in wanted:
            # A letter that an operand has twice takes its diagonal, so the gradient goes to the diagonal.
            taken = {*term, *wanted, *"".join(letters for _, letters in others)}
            again = next(one for one in string.ascii_letters if one not in taken)
            others.append((np.eye(length, dtype=dtype), letter + again))
            wanted += again
            continue
        elsewhere = [np.shape(one)[letters.index(letter)] for one, letters in others if letter in letters]
        if not elsewhere or (set(elsewhere) == {1} and length != 1):
            # An axis that was summed on its own: every element along it gets the same.
            others.append((np.ones(length, dtype), letter))
        wanted += letter
    inputs = ",".join(letters for _, letters in others)
    return _either(f"{inputs}->{wanted}", [one for one, _ in others], optimize)


def _either(subscripts: str, operands: list[Any], optimize: bool | str) -> Any:
    if any(isinstance(one, Tensor) for one in operands):
        return einsum(subscripts, *operands, optimize=optimize)
    return einsum.op.forward(operands, subscripts=subscripts, optimize=optimize)


# ---- in simpler operations -------------------------------------------------------------------------------------------


def _expanded(operands: Sequence[Any], subscripts: str, optimize: bool | str) -> Any:
    """Along the path: operands side by side with their axes in one order, multiplied, and summed over what is done."""
    shapes = [np.shape(one) for one in operands]
    terms, output = _explicit(subscripts, tuple(map(len, shapes)))
    path, _ = _path(_checked(shapes, subscripts), tuple(shapes), optimize)
    pending: list[Term] = [_without_repeats(one, term) for one, term in zip(operands, terms, strict=True)]
    for places in path:
        chosen = [pending.pop(place) for place in sorted(places, reverse=True)][::-1]
        needed = output + "".join(letters for _, letters in pending)
        pending.append(_multiplied(chosen, needed))
    ((result, letters),) = pending
    order = tuple(letters.index(one) for one in output)
    return result if order == tuple(range(len(order))) else permute_dims(result, order)


def _without_repeats(x: Any, letters: str) -> Term:
    for letter in letters:
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            x = diagonal(x, 0, first, second)
            letters = letters[:first] + letters[first + 1 : second] + letters[second + 1 :] + letter
    return x, letters


def _multiplied(terms: Sequence[Term], needed: str) -> Term:
    letters = "".join(dict.fromkeys("".join(one for _, one in terms)))
    factors = [_aligned(x, one, letters) for x, one in terms]
    product = functools.reduce(multiply, factors)
    summed = tuple(i for i, one in enumerate(letters) if one not in needed)
    kept = "".join(one for one in letters if one in needed)
    return (sum_of(product, summed) if summed else product), kept


def _aligned(x: Any, have: str, want: str) -> Any:
    """The axes in the order of `want`, with length 1 where it has none."""
    order = tuple(have.index(one) for one in want if one in have)
    if order != tuple(range(len(order))):
        x = permute_dims(x, order)
    lengths = iter(np.shape(x))
    shape = tuple(next(lengths) if one in have else 1 for one in want)
    return x if shape == np.shape(x) else reshape(x, shape)


# ---- the operation ---------------------------------------------------------------------------------------------------


def _case(rng: np.random.Generator, subscripts: str, *shapes: Shape, **attrs: Any) -> Sample:
    return Sample(([rng.normal(size=shape) for shape in shapes],), {"subscripts": subscripts, **attrs})


def _refused(subscripts: str, error: type[Exception], says: str, *shapes: Shape, **attrs: Any) -> ErrorSample:
    return ErrorSample(([np.zeros(shape) for shape in shapes],), {"subscripts": subscripts, **attrs}, error, says)


@op(
    symbol="Σ",
    joint=_joint,
    linear="each",
    formula="einsum({subscripts}, {operands})",
    back={"operands": "einsum of {g} with the other operands, in the place of its own letters"},
    shape=_result,
    cost=_cost,
    samples=lambda rng: [
        _case(rng, "ij,jk->ik", (2, 2), (2, 3)),
        _case(rng, "...ij,j...->i...", (2, 3, 2), (2, 2)),
        _case(rng, "iij,k->jk", (2, 2, 3), (2,)),
        _case(rng, "ij,jk,kl,i", (2, 3), (3, 2), (2, 1), (2,)),
        _case(rng, "ab,b->", (2, 3), (1,), optimize=False),
        _case(rng, "ijk->kj", (2, 1, 3)),
        _case(rng, ",ij", (), (3, 1)),
        _case(rng, "ij,jk", (2, 0), (0, 3)),
    ],
    errors=(
        _refused("ij,jk", ShapeError, "is for 2 operands, 1 are given", (2, 2)),
        _refused("ij,jk", ShapeError, "'ij' names 2 axes, operand 0 has 3", (2, 2, 2), (2, 2)),
        _refused("ij,jk", ShapeError, "axis 'j' has length 3, and 4 in operand 1 of shape (4, 2)", (2, 3), (4, 2)),
        _refused("ii", ShapeError, "axis 'i' of operand 0, of shape (2, 3), has lengths 2 and 3", (2, 3)),
        _refused("ij->k", ShapeError, "names axis 'k' of the result, which no operand has", (2, 2)),
        _refused("ij->ii", ShapeError, "names axis 'i' of the result twice", (2, 2)),
        _refused("i1", ShapeError, "holds '1': axes are named by letters", (2, 2)),
        _refused("i", ArgumentError, "optimize is True, False or one of", (2,), optimize="fast"),
        ErrorSample(([np.zeros(2)],), {"subscripts": 1}, DTypeError, "subscripts is a text such as 'ij,jk->ik'"),
    ),
    prepare=_prepare,
    expand=_expanded,
    covers=("P02.01",),
    numpy=np.einsum,
)
def einsum(subscripts: str, *operands: Arrays, optimize: bool | str = True) -> Any:
    """
    Sums of products, told by the names of axes: ``"ij,jk->ik"`` is the product of two matrices.

    Axes of one name are multiplied element by element; what the result doesn't name is summed over. Several operands
    are multiplied in the order that takes the fewest operations, found by opt_einsum.

    Parameters
    ----------
    subscripts
        A letter for each axis of each operand, with commas between the operands; after ``->`` those of the result.
        Without the arrow, the letters that occur once, in alphabetical order. A letter that an operand has twice takes
        its diagonal. Three dots stand for any further axes, which broadcast.
    operands
        As many tensors.
    optimize
        False multiplies all operands at once; a text names one of opt_einsum's ways to search for an order: auto,
        auto-hq, branch-1, branch-2, branch-all, dp, greedy or optimal.

    Notes
    -----
    The gradient of an operand is an einsum too: of the upstream gradient, in the place of the result, and all other
    operands (D. G. A. Smith and J. Gray, "opt_einsum", Journal of Open Source Software 3(26), 2018, for the order).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [10.0, 1.0])
    tensor([12., 34.])
    """
    planned = _contraction(subscripts, tuple(map(np.shape, operands)), optimize)
    if not all(isinstance(one, np.ndarray) for one in operands):  # a number in the code promotes nothing
        operands = tuple(np.asarray(one, np.result_type(*operands)) for one in operands)
    result = planned(*operands)
    return result.copy() if any(np.may_share_memory(result, one) for one in operands) else result
