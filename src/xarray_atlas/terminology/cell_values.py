"""Parse cells of a table of regions: identifiers, parents and labels."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from xarray_atlas.errors import TerminologyError
from xarray_atlas.printable import one_line
from xarray_atlas.terminology.cells import shown
from xarray_atlas.terminology.parents import Identifier

__all__ = ["id_text", "named", "read_identifiers", "read_labels", "read_parent"]

_INT64 = np.iinfo(np.int64)
_NUMBER = re.compile(r"\s*([+-]?[0-9]+)(?:\.([0-9]*))?\s*")


def named(acronym: str, identifier: Identifier) -> str:
    """Format the acronym and id of a region for a message, truncated if long."""
    return f"{shown(acronym)} (id {id_text(identifier)})"


def id_text(identifier: Identifier) -> str:
    """Format an identifier for a message, truncated if long."""
    return one_line(str(identifier)[:60])


def _integer(cell: str) -> int | None:
    """Parse a cell such as "997" or "997.0"; return None if it is not a number."""
    match = _NUMBER.fullmatch(cell)
    if match is None:
        return None
    if (match[2] or "").strip("0"):
        raise TerminologyError(f"{shown(cell)} is not an integer")
    if len(match[1]) > 1000:  # Python reads no integer of more than 4300 digits
        raise TerminologyError(f"{shown(cell)} is too large for a 64-bit integer")
    return int(match[1])


def read_identifiers(cells: Sequence[object]) -> list[Any]:
    """Parse the identifiers of all rows as integers, or keep them as text if some are not."""
    if not cells:
        raise TerminologyError("the table of regions has no rows")
    kinds = set(map(type, cells))
    ids: list[Any] = list(cells)
    if kinds - {int, str}:
        raise TerminologyError("the identifiers are neither integers nor text")
    if kinds != {int}:
        ids = [str(cell) for cell in cells]
        if any(not cell.strip() for cell in ids):
            row = next(row for row, cell in enumerate(ids) if not cell.strip())
            raise TerminologyError(f"the identifier of row {row} is empty")
        if all(map(_NUMBER.fullmatch, ids)):
            try:
                ids = [_integer(cell) for cell in ids]
            except TerminologyError as error:
                raise TerminologyError(f"identifier {error}") from error
    if type(ids[0]) is int and not _INT64.min <= min(ids) <= max(ids) <= _INT64.max:
        raise TerminologyError("an identifier is too large for a 64-bit integer")
    return ids


def read_parent(cell: str, numeric: bool) -> Identifier | None:
    """Parse the identifier of a parent; return None if there is none."""
    if not cell.strip():
        return None
    if not numeric:
        return cell
    try:
        number = _integer(cell)
    except TerminologyError as error:
        raise TerminologyError(f"parent_identifier {error}") from error
    return cell if number is None else number


def read_labels(cell: str, identifier: Identifier) -> list[int]:
    """Parse the labels of a region, such as "997" or "[1, 2]"."""
    text = cell.strip()
    values: object = [text] if text else []
    try:
        if text.startswith("["):
            values = json.loads(text)
        elif text:
            values = [_integer(text)]
    except (ValueError, RecursionError):  # not JSON, a fraction, or nested too deeply
        values = [text]
    assert isinstance(values, list)
    for value in values:
        if type(value) is not int:
            raise TerminologyError(
                f"annotation_value of the region with id {id_text(identifier)} is not an integer: "
                f"{shown(cell)}"
            )
        if not _INT64.min <= value <= _INT64.max:
            raise TerminologyError(
                f"annotation_value of the region with id {id_text(identifier)} is too large for a "
                f"64-bit integer: {shown(value)}"
            )
    return values
