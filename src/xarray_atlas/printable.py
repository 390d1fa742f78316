"""Escape text from untrusted sources before it is shown in a terminal, a browser or XML.

Names of regions come from user-supplied tables. They are stored unchanged, and escaped by this
module wherever they are printed or drawn.
"""

from __future__ import annotations

import unicodedata

__all__ = ["one_line", "printable"]


def one_line(text: object) -> str:
    r"""Return a text on one line, with non-printable characters replaced by spaces.

    Examples
    --------
    >>> one_line("CA1\x1b[2J\n field")
    'CA1 [2J field'
    """
    line = str(text)
    if not line.isprintable():
        line = "".join(c if c.isprintable() else " " for c in line)
    return " ".join(line.split())


def printable(text: str, keep: str = "\n") -> str:
    r"""Return a text with its control and formatting characters written as escapes.

    Parameters
    ----------
    text : str
    keep : str, default: newline
        Characters to leave unchanged.

    Returns
    -------
    str

    Examples
    --------
    >>> print(printable("CA1\x1b[2J\nCA2"))
    CA1\x1b[2J
    CA2
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or _is_shown(c) else _escaped(c) for c in text)


def _is_shown(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
