"""Logic, bits and questions about numbers, element by element. None of these passes a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.attributes import keep_flags, keep_numbers
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import UNEVEN, array, sample
from graphgrad.ops.shapes import one_per_element

__all__ = [
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "invert",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "left_shift",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "nextafter",
    "right_shift",
    "signbit",
]


def _shown(ufunc: Callable[..., Any], *operands: Any) -> str:
    return f"tensor({np.array2string(ufunc(*operands), separator=', ')})"


# ---- yes and no ------------------------------------------------------------------------------------------------------


def _truths(n: int) -> Callable[[np.random.Generator], Any]:
    """Bools, and numbers of which zero means no."""

    def samples(rng: np.random.Generator) -> Any:
        yield sample(*(rng.random((2, 3)) > 0.5 for _ in range(n)))
        yield sample(*(np.round(array(rng, 4)) for _ in range(n)))
        yield sample(*(rng.integers(0, 2, (2, 1) if i else (3,)) for i in range(n)))
        yield sample(*(np.array(True) for _ in range(n)))
        yield sample(*(np.zeros((0, 2)) for _ in range(n)))

    return samples


def _logical(ufunc: np.ufunc, symbol: str, words: str) -> Any:
    return op(
        ufunc,
        symbol=symbol,
        formula=f"{ufunc.__name__}({{a}}, {{b}})",
        samples=_truths(2),
        errors=UNEVEN,
        doc=f"""
        Whether {words}, element by element; nonzero means yes. No gradient passes: the result is a bool.

        Examples
        --------
        >>> import graphgrad as gg
        >>> gg.{ufunc.__name__}([True, True, False], [True, False, False])
        {_shown(ufunc, [True, True, False], [True, False, False])}
        """,
    )


logical_and = _logical(np.logical_and, "∧", "both operands hold")
logical_or = _logical(np.logical_or, "∨", "one of the operands holds, or both")
logical_xor = _logical(np.logical_xor, "xor", "one of the operands holds, and not both")

logical_not = op(
    np.logical_not,
    symbol="¬",
    formula="logical_not({x})",
    samples=_truths(1),
    doc="""
    Whether an element doesn't hold; nonzero means that it does. No gradient passes: the result is a bool.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.logical_not([True, False])
    tensor([False,  True])
    """,
)

# ---- questions about numbers -----------------------------------------------------------------------------------------

_SPECIAL = [float("nan"), float("inf"), -float("inf"), -0.0, 1.0]


def _numbers(rng: np.random.Generator) -> Any:
    yield sample(array(rng, 2, 3))
    yield sample(np.array(_SPECIAL))
    yield sample(np.array(-np.inf))
    yield sample(np.zeros((0, 2)))


def _question(ufunc: np.ufunc, words: str) -> Any:
    return op(
        ufunc,
        formula=f"{ufunc.__name__}({{x}})",
        samples=_numbers,
        doc=f"""
        Whether each element {words}. No gradient passes: the result is a bool.

        Examples
        --------
        >>> import graphgrad as gg
        >>> gg.{ufunc.__name__}([float("nan"), float("inf"), -float("inf"), -0.0, 1.0])
        {_shown(ufunc, _SPECIAL)}
        """,
    )


isnan = _question(np.isnan, "is nan, which is not a number")
isinf = _question(np.isinf, "is inf or -inf")
isfinite = _question(np.isfinite, "is a number that is neither infinite nor nan")
signbit = _question(np.signbit, "has a minus sign, which zero and nan can have too")


@op(formula="{x} == inf", samples=_numbers, numpy=np.isposinf)
def isposinf(x: Array) -> Any:
    """
    Whether each element is inf. No gradient passes: the result is a bool.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.isposinf([float("inf"), -float("inf"), 1.0])
    tensor([ True, False, False])
    """
    return np.equal(x, np.inf)


@op(formula="{x} == -inf", samples=_numbers, numpy=np.isneginf)
def isneginf(x: Array) -> Any:
    """
    Whether each element is -inf. No gradient passes: the result is a bool.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.isneginf([float("inf"), -float("inf"), 1.0])
    tensor([False,  True, False])
    """
    return np.equal(x, -np.inf)


def _pairs(rng: np.random.Generator) -> Any:
    a = array(rng, 2, 3)
    yield sample(a, np.where(rng.random((2, 3)) > 0.5, a, a + 1e-3))
    yield sample(array(rng, 3), array(rng))
    yield sample(array(rng), array(rng))
    yield sample(np.zeros((0, 2)), np.zeros((1, 2)))


def _prepare_closeness(attrs: dict[str, Any]) -> None:
    keep_numbers(attrs, "rtol", "atol")
    keep_flags(attrs, "equal_nan")


@op(
    symbol="≈",
    formula="abs({a} - {b}) <= {atol} + {rtol} * abs({b})",
    cost=lambda *shapes, **_: 5 * one_per_element(*shapes),
    samples=lambda rng: [*_pairs(rng), sample(np.ones(3), 1.0 + np.array([0.0, 0.02, 0.2]), rtol=0.0, atol=0.1)],
    errors=(*UNEVEN, ErrorSample((np.ones(2), np.ones(2)), {"rtol": np.ones(2)}, DTypeError, "rtol is a number")),
    prepare=_prepare_closeness,
    numpy=np.isclose,
)
def isclose(a: Array, b: Array, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """
    Whether |a - b| ≤ atol + rtol · |b|, element by element. No gradient passes: the result is a bool.

    An infinity is close to itself only.

    Parameters
    ----------
    rtol, atol
        How far a may be from b: a part of |b|, and a distance.
    equal_nan
        Whether nan is close to nan.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.isclose([1.0, 2.0], [1.000001, 2.1])
    tensor([ True, False])
    """
    return np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


nextafter = op(
    np.nextafter,
    formula="nextafter({a}, {b})",
    samples=_pairs,
    errors=UNEVEN,
    doc="""
    The number next to a on the way to b, element by element. No gradient passes: the gap between them is the dtype's.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nextafter(1.0, 2.0) - 1.0
    tensor(1.1921e-07)
    """,
)

# ---- bits ------------------------------------------------------------------------------------------------------------


def _integers(n: int, most: int = 100) -> Callable[[np.random.Generator], Any]:
    def samples(rng: np.random.Generator) -> Any:
        for shapes in (((2, 3), (3,)), ((4,), ()), ((), ()), ((0, 2), (1, 2))):
            yield sample(*(rng.integers(0 if i else -100, most if i else 100, shapes[i]) for i in range(n)))

    return samples


_REFUSED = (
    ErrorSample((np.zeros((2, 3), int), np.zeros((2, 4), int)), {}, UNEVEN[0].error, UNEVEN[0].says),
    ErrorSample((np.ones(2), np.ones(2)), {}, DTypeError, "not supported for the input types"),
)


def _bitwise(ufunc: np.ufunc, name: str, symbol: str, words: str, most: int = 100) -> Any:
    return op(
        ufunc,
        name=name,
        symbol=symbol,
        formula=f"{name}({{a}}, {{b}})",
        samples=_integers(2, most),
        errors=_REFUSED,
        doc=f"""
        {words}, element by element, of integers. No gradient passes: integers have none.

        Examples
        --------
        >>> import graphgrad as gg
        >>> gg.{name}([12, 5], [10, 1])
        {_shown(ufunc, [12, 5], [10, 1])}
        """,
    )


bitwise_and = _bitwise(np.bitwise_and, "bitwise_and", "&", "The bits that both operands have")
bitwise_or = _bitwise(np.bitwise_or, "bitwise_or", "|", "The bits that one of the operands has, or both")
bitwise_xor = _bitwise(np.bitwise_xor, "bitwise_xor", "xor", "The bits that one of the operands has, and not both")
bitwise_left_shift = _bitwise(
    np.left_shift, "bitwise_left_shift", "<<", "The bits of a moved up by b places, which multiplies by 2 ** b", 8
)
bitwise_right_shift = _bitwise(
    np.right_shift, "bitwise_right_shift", ">>", "The bits of a moved down by b places, which divides by 2 ** b", 8
)

bitwise_not = op(
    np.invert,
    name="bitwise_not",
    symbol="~",
    formula="bitwise_not({x})",
    samples=_integers(1),
    errors=(ErrorSample((np.ones(2),), {}, DTypeError, "not supported for the input types"),),
    doc="""
    The bits that each element doesn't have, which is -x - 1; of bools the opposite. No gradient passes: integers have
    none.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.bitwise_not([0, 5, -1])
    tensor([-1, -6,  0])
    """,
)

bitwise_invert = bitwise_not  # NumPy and the array API have both names

# NumPy's other names.
invert, left_shift, right_shift = bitwise_not, bitwise_left_shift, bitwise_right_shift
