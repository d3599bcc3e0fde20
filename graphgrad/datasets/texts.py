"""Text to learn from, character by character."""

from __future__ import annotations

from importlib import resources

__all__ = ["sonnets"]


def sonnets() -> str:
    """Load the first sonnets of William Shakespeare, for models of characters (P05.23, P19.07).

    Printed in 1609, here in modern spelling; in the public domain. A blank line stands between sonnets.

    Returns
    -------
    str
        50 sonnets, about 31000 characters, 14 lines each but for the blank ones.

    See Also
    --------
    graphgrad.data.Vocabulary, graphgrad.data.batchify, graphgrad.data.sliding_windows

    Examples
    --------
    >>> import graphgrad as gg
    >>> text = gg.datasets.sonnets()
    >>> text.splitlines()[0]
    'From fairest creatures we desire increase,'
    """
    return (resources.files("graphgrad.datasets") / "data" / "sonnets.txt").read_text(encoding="utf-8")
