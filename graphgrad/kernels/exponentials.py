"""The exponential and its relatives within kernels: functions of single numbers, for compiled code only.

In float32 they are polynomials, which become vector instructions; libm's functions don't, and take forty times as long.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

__all__ = ["BELL", "bell", "exp_nonpositive", "sigmoid", "tanh"]

# A division that may raise can't become a vector instruction; a product and a sum in one go is quicker and more exact.
_INLINE: Any = {"error_model": "numpy", "fastmath": {"contract"}}
# What isn't inlined, as it is a long one, keeps the loop that calls it from becoming vector instructions.
_INLINE_LONG: Any = {**_INLINE, "forceinline": True}


def _f(value: float) -> np.float32:
    return np.float32(value)


_ZERO, _ONE = _f(0.0), _f(1.0)

# ---- the exponential -------------------------------------------------------------------------------------------------

_LOG2_E, _LN2_HIGH, _LN2_LOW = _f(1.4426950408889634), _f(0.693359375), _f(-2.12194440e-4)
_ROUND = _f(12582912.0)  # 1.5 · 2²³: added and taken away, it leaves an integer; and its last bits are that
_BIG = _f(87.0)
# exp(r) = 1 + r + r² p(r) for |r| ≤ ln(2) / 2, as in Cephes (Moshier).
_E0, _E1, _E2, _E3, _E4, _E5 = map(
    _f, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)
# And in float64 the first terms of the series.
_D_LN2_HIGH, _D_LN2_LOW = 6.93145751953125e-1, 1.42860682030941723212e-6
_D_ROUND = 6755399441055744.0  # 1.5 · 2⁵²
_D2, _D3, _D4, _D5, _D6, _D7, _D8, _D9, _D10, _D11, _D12, _D13 = (1 / math.factorial(n) for n in range(2, 14))


def _exp(x: Any) -> Any:
    """exp(x) for |x| ≤ 87 in float32, to 1.5e-7 of its value; anything beyond."""
    raise NotImplementedError("compiled code has it")


def exp_nonpositive(x: Any) -> Any:
    """exp(x) for x ≤ 0, to 1.5e-7 of its value in float32; 0 where it is less than the least normal number, about."""
    raise NotImplementedError("compiled code has it")


@overload(_exp, jit_options=_INLINE)
def _compiled_exp(x: Any) -> Any:
    def single(x: Any) -> Any:
        shifted = x * _LOG2_E + _ROUND
        n = shifted - _ROUND
        r = (x - n * _LN2_HIGH) - n * _LN2_LOW
        p = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
        power = np.int32((np.float32(shifted).view(np.int32) + 127) << 23).view(np.float32)  # 2ⁿ, as the exponent
        return (p * r * r + r + _ONE) * power

    return single


@overload(exp_nonpositive, jit_options=_INLINE)
def _compiled_exp_nonpositive(x: Any) -> Any:
    def single(x: Any) -> Any:
        found = _exp(x)
        return _ZERO if x < -_BIG else found

    def double(x: Any) -> Any:
        shifted = x * 1.4426950408889634 + _D_ROUND
        n = shifted - _D_ROUND
        r = (x - n * _D_LN2_HIGH) - n * _D_LN2_LOW
        p = ((((((_D13 * r + _D12) * r + _D11) * r + _D10) * r + _D9) * r + _D8) * r + _D7) * r + _D6
        p = ((((p * r + _D5) * r + _D4) * r + _D3) * r) * r
        power = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)
        return 0.0 if x < -708.0 else (p * r + _D2 * r * r + r + 1.0) * power

    return single if x is types.float32 else double


# ---- the bell curve --------------------------------------------------------------------------------------------------

BELL = {"float32": 1.0, "float64": 2.0**128}
"""What `bell` is multiplied by: where the number itself is less than normal ones, it has all digits still."""
_D_LN2 = math.log(2.0)
_D_BIAS = 1023 + 128
_END, _D_END = 15.0, 38.7


def bell(x: Any) -> Any:
    """
    exp(-x² / 2) times the number in `BELL`, as exact far out as near: in float64, for x of either dtype.

    To 5e-10 of its value for x of float32, and to 3e-16 for x of float64; 0 where x times it is nothing in their dtype.
    """
    raise NotImplementedError("compiled code has it")


@overload(bell, jit_options=_INLINE_LONG)
def _compiled_bell(x: Any) -> Any:
    def single(x: Any) -> Any:
        wide = np.float64(x)  # its square is exact, and no result of float32 is too small
        power = -0.5 * wide * wide
        shifted = power * 1.4426950408889634 + _D_ROUND
        r = power - (shifted - _D_ROUND) * _D_LN2
        p = (((((_D8 * r + _D7) * r + _D6) * r + _D5) * r + _D4) * r + _D3) * r + _D2
        found = ((p * r + 1.0) * r + 1.0) * np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)
        return 0.0 if abs(wide) > _END else found

    # As in SunPro's erf: the square of an x with half its bits is exact, and what it lacks is put in at the end.
    def double(x: Any) -> Any:
        short = np.int64(np.float64(x).view(np.int64) & -(1 << 27)).view(np.float64)
        rest = 0.5 * (x - short) * (x + short)
        power = -0.5 * short * short
        shifted = (power - rest) * 1.4426950408889634 + _D_ROUND
        n = shifted - _D_ROUND
        r = (power - n * _D_LN2_HIGH) - (n * _D_LN2_LOW + rest)
        p = ((((((_D13 * r + _D12) * r + _D11) * r + _D10) * r + _D9) * r + _D8) * r + _D7) * r + _D6
        p = ((((p * r + _D5) * r + _D4) * r + _D3) * r) * r
        p = p * r + _D2 * r * r + r + 1.0
        found = p * np.int64((np.float64(shifted).view(np.int64) + _D_BIAS) << 52).view(np.float64)
        return 0.0 if abs(x) > _D_END else found

    return single if x is types.float32 else double


# ---- activations -----------------------------------------------------------------------------------------------------

# tanh(x) = x p(x²) / q(x²) up to where it is 1, as in Eigen.
_FLAT = _f(7.99881172180175781)
_P0, _P1, _P2, _P3 = map(_f, (4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08))
_P4, _P5, _P6 = map(_f, (-8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16))
_Q0, _Q1, _Q2, _Q3 = map(_f, (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06))


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), in float32 to 1.5e-7 of its value."""
    raise NotImplementedError("compiled code has it")


def tanh(x: Any) -> Any:
    """The hyperbolic tangent, in float32 to 3.3e-7 of its value."""
    raise NotImplementedError("compiled code has it")


@overload(sigmoid, jit_options=_INLINE)
def _compiled_sigmoid(x: Any) -> Any:
    def single(x: Any) -> Any:
        x = _BIG if x > _BIG else x  # noqa: FURB136 - min() and max() would lose a nan
        x = -_BIG if x < -_BIG else x  # noqa: FURB136
        return _ONE / (_ONE + _exp(-x))

    def double(x: Any) -> Any:
        return 1.0 / (1.0 + math.exp(-x))

    return single if x is types.float32 else double


@overload(tanh, jit_options=_INLINE)
def _compiled_tanh(x: Any) -> Any:
    def single(x: Any) -> Any:
        x = _FLAT if x > _FLAT else x  # noqa: FURB136
        x = -_FLAT if x < -_FLAT else x  # noqa: FURB136
        s = x * x
        p = (((((_P6 * s + _P5) * s + _P4) * s + _P3) * s + _P2) * s + _P1) * s + _P0
        return x * p / (((_Q3 * s + _Q2) * s + _Q1) * s + _Q0)

    def double(x: Any) -> Any:
        return math.tanh(x)

    return single if x is types.float32 else double
