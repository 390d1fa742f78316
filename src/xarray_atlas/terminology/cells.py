"""Cells of a table of regions as text, read from CSV or a DataFrame and written to CSV.

Cells remain text until their meaning is known, so that a region called "NA" is kept, the acronym
"1" stays text, and no id is converted to float.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from xarray_atlas.errors import TerminologyError

__all__ = [
    "COLUMNS",
    "REQUIRED",
    "Cells",
    "cells_from_csv",
    "cells_from_dataframe",
    "counted",
    "csv_from_cells",
    "is_blank",
    "listing",
    "require_columns",
    "rows_of_csv",
    "shown",
    "text_of",
]

Cells: TypeAlias = dict[str, list[str]]
"""A table of regions as text: the cells of each column."""

COLUMNS = (
    "identifier",
    "parent_identifier",
    "annotation_value",
    "name",
    "abbreviation",
    "color_hex_triplet",
    "root_identifier_path",
)
REQUIRED = COLUMNS[:5]

_NOT_MISSING = ("name", "abbreviation")
_IDENTIFIERS = ("identifier", "parent_identifier")


def require_columns(present: Iterable[object]) -> None:
    """Raise a TerminologyError if a column is missing or duplicated."""
    names = [str(column) for column in present]
    missing = [column for column in REQUIRED if column not in names]
    if missing:
        raise TerminologyError(
            f"the table of regions lacks {listing(missing)}; "
            f"its columns are {listing(names) if names else 'none at all'}"
        )
    twice = [column for column in COLUMNS if names.count(column) > 1]
    if twice:
        raise TerminologyError(f"the table of regions has more than one column {listing(twice)}")


def cells_from_csv(text: str) -> Cells:
    """Read the cells of a CSV without converting any."""
    header, rows = rows_of_csv(text.removeprefix("\ufeff"))
    require_columns(header)
    return {column: [row[i] for row in rows] for i, column in enumerate(header)}


def rows_of_csv(text: str, delimiter: str = ",") -> tuple[list[str], list[list[str]]]:
    """Read the header and the non-blank rows of a CSV, all of the same length.

    Raises
    ------
    TerminologyError
        If it is not CSV, or a row and the header differ in length.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = next(reader, [])
        rows = [row for row in reader if not all(map(is_blank, row))]
    except csv.Error as error:
        raise TerminologyError(f"line {reader.line_num} is not CSV: {error}") from error
    for number, row in enumerate(rows):
        while len(row) > len(header) and is_blank(row[-1]):
            row.pop()
        if len(row) != len(header):
            raise TerminologyError(
                f"row {number} has {len(row)} cells and the header has {len(header)}: "
                f"{listing(row[:4])}..."
            )
    return header, rows


def cells_from_dataframe(frame: pd.DataFrame) -> Cells:
    """Convert the columns of a DataFrame to text, refusing values that pandas has corrupted."""
    require_columns(frame.columns)
    cells = {}
    for column in COLUMNS:
        if column in frame.columns:
            # a float represents integers exactly only up to its precision
            exact = {2: 2**11, 4: 2**24}.get(getattr(frame[column].dtype, "itemsize", 8), 2**53)
            cells[column] = [
                _cell(value, column, row, exact) for row, value in enumerate(frame[column].tolist())
            ]
    return cells


def _cell(value: Any, column: str, row: int, exact: int) -> str:
    if isinstance(value, str):
        return value
    where = f"{column} of row {row}"
    if _is_missing(value):
        if column in _NOT_MISSING:
            raise TerminologyError(
                f"{where} is missing: pandas reads a region called 'NA' as missing; "
                "pass keep_default_na=False to read_csv, or read the file with Terminology.from_csv"
            )
        return ""
    if column == "color_hex_triplet":
        return text_of(value)
    if isinstance(value, (list, tuple, np.ndarray)) and column not in (
        *_NOT_MISSING,
        *_IDENTIFIERS,
    ):
        # a path or several labels
        return f"[{', '.join(_cell(element, column, row, exact) for element in value)}]"
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return _digits(int(value), where)
    if column in _NOT_MISSING or not isinstance(value, (float, np.floating)):
        raise TerminologyError(
            f"{where} is {shown(value)}, not text; pass dtype=str and keep_default_na=False to "
            "read_csv, "
            "or read the file with Terminology.from_csv"
        )
    number = float(value)
    if not number.is_integer():
        raise TerminologyError(f"{where} is {value!r}, not an integer")
    if abs(number) >= exact:
        raise TerminologyError(
            f"{where} has gone through a float that cannot hold it exactly: {value!r}"
        )
    return str(int(number))


def text_of(value: Any) -> str:
    """Convert a cell of a DataFrame to text: missing ones to "", integers without ".0"."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple, np.ndarray)):
        return f"[{', '.join(map(text_of, value))}]"
    if _is_missing(value):
        return ""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    try:
        return str(value)
    except ValueError:  # integers of thousands of digits
        return shown(value)


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, (float, np.floating)) and bool(value != value))
    )


def _digits(number: int, where: str) -> str:
    # Python does not format integers of more than 4300 digits
    if number.bit_length() > 1000:
        raise TerminologyError(f"{where} is too large for a 64-bit integer")
    return str(number)


def is_blank(cell: str) -> bool:
    """Return whether a cell is empty or has only spaces."""
    return not cell.strip()


def shown(value: object, most: int = 60) -> str:
    """Format a value for a message, truncated if long."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} that is too large to be shown"
    cut = text[:most]
    quoted = repr(cut) if isinstance(value, str) else cut
    return quoted if len(text) <= most else f"{quoted}... ({len(text)} characters)"


def csv_from_cells(columns: Sequence[Sequence[str]]) -> str:
    """Write BrainGlobe's columns as CSV with minimal quoting."""
    lines = [
        ",".join(COLUMNS),
        *(",".join(map(_quoted, row)) for row in zip(*columns, strict=True)),
        "",
    ]
    return "\n".join(lines)


def _quoted(cell: str) -> str:
    # the csv module leaves a bare carriage return unquoted before Python 3.13
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\r\n') else cell


def counted(number: int, noun: str) -> str:
    """Format a count, such as "1 region" or "3 regions"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listing(items: Sequence[str], quote: bool = True) -> str:
    """Join items with commas, at most ten of them."""
    first = [shown(item) if quote else item for item in items[:10]]
    more = f" and {len(items) - 10} more" if len(items) > 10 else ""
    return ", ".join(first) + more
