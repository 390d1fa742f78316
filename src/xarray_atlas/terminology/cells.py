"""The cells of a table of regions, as text: out of a CSV or a DataFrame, and into a CSV.

Cells stay text until it is known what they mean, so that a region called "NA"
stays a region, an acronym "1" stays text, and no id goes through a float.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xarray_atlas.errors import TerminologyError

__all__ = [
    "COLUMNS",
    "REQUIRED",
    "cells_from_csv",
    "cells_from_dataframe",
    "counted",
    "csv_from_cells",
    "listing",
    "require_columns",
]

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
    """Raise a TerminologyError if a column is missing or stands there twice."""
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


def cells_from_csv(text: str) -> dict[str, list[str]]:
    """Read the cells of a CSV as they stand: no cell becomes a number, none is missing."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        header = next(reader, [])
        require_columns(header)
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise TerminologyError(f"line {reader.line_num} is not CSV: {error}") from error
    if set(map(len, rows)) - {len(header)}:
        number, row = next((i, row) for i, row in enumerate(rows) if len(row) != len(header))
        raise TerminologyError(
            f"row {number} has {len(row)} cells and the header has {len(header)}: {row[:4]}..."
        )
    columns = zip(*rows, strict=True) if rows else ((),) * len(header)
    return {column: list(cells) for column, cells in zip(header, columns, strict=True)}


def cells_from_dataframe(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Turn the columns of a DataFrame into text, refusing what pandas has spoilt on reading."""
    require_columns(frame.columns)
    cells = {}
    for column in COLUMNS:
        if column in frame.columns:
            # a float holds every integer only up to its precision
            exact = {2: 2**11, 4: 2**24}.get(getattr(frame[column].dtype, "itemsize", 8), 2**53)
            cells[column] = [
                _cell(value, column, row, exact) for row, value in enumerate(frame[column].tolist())
            ]
    return cells


def _cell(value: Any, column: str, row: int, exact: int) -> str:
    if isinstance(value, str):
        return value
    where = f"{column} of row {row}"
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        if column in _NOT_MISSING:
            raise TerminologyError(
                f"{where} is missing: pandas reads a region called 'NA' as missing; "
                "pass keep_default_na=False to read_csv, or read the file with Terminology.from_csv"
            )
        return ""
    if isinstance(value, (list, tuple, np.ndarray)) and column not in (
        *_NOT_MISSING,
        *_IDENTIFIERS,
    ):
        # a path or several labels
        return f"[{', '.join(_cell(element, column, row, exact) for element in value)}]"
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(int(value))
    if column in _NOT_MISSING or not isinstance(value, (float, np.floating)):
        raise TerminologyError(
            f"{where} is {value!r}, not text; pass dtype=str and keep_default_na=False to "
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


def csv_from_cells(columns: Sequence[Sequence[str]]) -> str:
    """Write BrainGlobe's columns as CSV, quoting only where it must be."""
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
    """Write "1 region" or "3 regions"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listing(items: Sequence[str], quote: bool = True) -> str:
    """Write items with commas, at most ten of them."""
    shown = [repr(item) if quote else item for item in items[:10]]
    more = f" and {len(items) - 10} more" if len(items) > 10 else ""
    return ", ".join(shown) + more
