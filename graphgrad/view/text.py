"""Text that somebody else wrote, made fit to be shown; and the plain ASCII form of what pictures and captions say."""

from __future__ import annotations

import unicodedata

from graphgrad.view.paint import cell_width, fit

__all__ = ["cell_width", "clean", "fit", "to_ascii"]

# What takes no cell of its own, or does something else than to be seen.
_UNSHOWABLE = ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")

_ASCII = str.maketrans(
    {
        "—": "-",
        "–": "-",
        "−": "-",
        "·": "*",
        "×": "*",
        "÷": "/",
        "∂": "d",
        "σ": "sigmoid",
        "Σ": "sum",
        "√": "sqrt",
        "…": "~",
        "≈": "~",
        "→": ">",
        "←": "<",
        "≥": ">=",
        "≤": "<=",
        "ᵀ": ".T",
        **{digit: f"^{i}" for i, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    }
)


def clean(text: str) -> str:
    r"""Return the text with everything that can't be shown written as an escape, on one line.

    Control characters, escape sequences, line ends, marks that turn the direction of writing, and what no font has
    can't reach a terminal or a file through it. Markup stays as it is: whoever writes markup escapes it.

    Examples
    --------
    >>> clean("w\x1b[31m")
    'w\\x1b[31m'
    >>> clean("two\nlines")
    'two\\nlines'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in _UNSHOWABLE else char for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def to_ascii(text: str) -> str:
    """Return the text for a screen that shows ASCII only; what has no likeness becomes an escape.

    Examples
    --------
    >>> to_ascii("∂h/∂w = 3² · x")
    'dh/dw = 3^2 * x'
    """
    if text.isascii():
        return text
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
