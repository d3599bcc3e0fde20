"""The numbers of the operations that the tape of scalars knows, shared by those who record and the compiled passes."""

from __future__ import annotations

__all__ = ["CODES"]

# fmt: off
_NAMES = (
    "add", "subtract", "multiply", "divide", "negative", "power", "square", "sqrt", "abs", "maximum", "exp",
    "log", "log1p", "tanh", "sigmoid", "relu", "softplus", "reciprocal", "cbrt", "exp2", "expm1", "log2", "log10",
    "sin", "cos", "tan", "asin", "acos", "atan", "hypot", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh",
    "erf", "selu", "silu", "swish", "mish", "logsigmoid", "softsign", "relu6", "hardsigmoid", "hardswish",
    "minimum",
)
# fmt: on

CODES = {name: code for code, name in enumerate(_NAMES, 1)}
"""The opcode of each operation that runs on single numbers, by its name; 0 marks leaves and constants.

New ones go to the end: the numbers are part of what is compiled, which is kept on disk until its own file changes.
"""
