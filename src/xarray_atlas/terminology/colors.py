"""Parse the colors of regions in tables, and format them as "#RRGGBB"."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["read_colors"]

_HEX = re.compile(r"#?([0-9A-Fa-f]{6})(?:[0-9A-Fa-f]{2})?|#([0-9A-Fa-f]{3})")
# remainder of "019399" if a program took it for a number; three letters may also be CSS
_SHORT_HEX = re.compile(r"([0-9A-Fa-f]{1,2}|[0-9A-Fa-f]{4,5}|[0-9]{3})(?:\.0*)?")
_DECIMAL = re.compile(r"([0-9]{6})\.0*")
_NUMBER = r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*"
_TRIPLET = re.compile(
    rf"(?:rgba?\s*)?[\[(]?{_NUMBER}[,;\s]{_NUMBER}[,;\s]{_NUMBER}(?:[,;\s]{_NUMBER})?[\])]?"
)


def read_colors(cells: Sequence[str]) -> list[str | None]:
    """Parse a column of colors.

    A cell is hexadecimal, with or without "#" and leading zeros (which spreadsheets drop), or three
    numbers for red, green and blue, such as "[255, 16, 0]". Numbers range from 0 to 1 if no number
    in the column is larger, and else to 255. A fourth number, the opacity, is ignored.

    Parameters
    ----------
    cells : sequence of str

    Returns
    -------
    list of str or None
        "#RRGGBB", "" for an empty cell, None for an invalid color.
    """
    triplets = [_triplet(cell) for cell in cells]
    numbers = [part for parts in triplets if parts is not None for part in parts]
    scale = 1 if not numbers or max(numbers) > 1 else 255
    return [
        _hexadecimal(cell) if parts is None else _of_triplet(parts, scale)
        for cell, parts in zip(cells, triplets, strict=True)
    ]


def _triplet(cell: str) -> tuple[float, ...] | None:
    match = _TRIPLET.fullmatch(cell.strip()) if len(cell) < 100 else None
    return None if match is None else tuple(float(match[i]) for i in (1, 2, 3))


def _of_triplet(parts: tuple[float, ...], scale: int) -> str | None:
    whole = [round(part * scale) for part in parts]
    return None if max(whole) > 255 else "#" + "".join(f"{part:02X}" for part in whole)


def _hexadecimal(cell: str) -> str | None:
    text = cell.strip()
    if not text:
        return ""
    if match := _HEX.fullmatch(text):
        return f"#{match[1]}" if match[1] else "#" + "".join(2 * digit for digit in match[2])
    if match := _DECIMAL.fullmatch(text) or _SHORT_HEX.fullmatch(text):
        return f"#{match[1]:0>6}"
    return None
