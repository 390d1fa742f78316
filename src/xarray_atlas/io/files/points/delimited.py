"""Tables as text, with commas, tabs or semicolons between the columns."""

from __future__ import annotations

import csv
import itertools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from xarray_atlas.errors import PointsError

__all__ = ["column_values", "names_of", "read_delimited"]

PREAMBLE = 20
"""Lines before the header that are looked at: Imaris writes a title."""

SEPARATORS = (",", "\t", ";")

FIRST_LINES = 65536
"""Bytes of the file in which the header must end."""


def read_delimited(path: str, headers: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table of text.

    Parameters
    ----------
    path : str
    headers : sequence of str
        Names of columns that begin a header below a title.

    Raises
    ------
    PointsError
        If it is not a table.
    """
    with open(path, "rb") as file:
        start = file.read(FIRST_LINES)
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = start.decode(encoding, errors="replace")
    if "\0" in text:
        raise PointsError(f"{path} is not a table of text: it holds NUL characters")
    lines = text.splitlines()
    if not any(line.strip() for line in lines):
        raise PointsError(f"{path} is empty")
    skipped = next(
        (
            i
            for i, line in enumerate(lines[:PREAMBLE])
            if any(cell.strip().strip('"') in headers for cell in _cells(line))
        ),
        0,
    )
    header = lines[skipped]
    separator = max(SEPARATORS, key=header.count)
    decimal = "."
    if separator == ";" and any("," in line for line in lines[skipped + 1 : skipped + 50]):
        decimal = ","  # as programs write in countries with a decimal comma
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # a line that ends with a separator is not an index
            table = pd.read_csv(
                path, sep=separator, decimal=decimal, skiprows=skipped, encoding=encoding,
                index_col=False, skip_blank_lines=True, low_memory=False,
            )  # fmt: skip
    except pd.errors.ParserWarning as error:
        raise PointsError(
            f"{path} is not a table of text: it has lines with more cells than its header"
        ) from error
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise PointsError(f"{path} is not a table of text: {error}") from error
    table.columns = [str(name).strip() for name in table.columns]
    empty = [
        name for name in names_of(table) if name.startswith("Unnamed:") and table[name].isna().all()
    ]
    return table.drop(columns=empty)


def _cells(line: str) -> list[str]:
    return list(
        itertools.chain.from_iterable(
            next(csv.reader([line], delimiter=separator), []) for separator in SEPARATORS
        )
    )


def names_of(table: pd.DataFrame) -> list[str]:
    """Return the names of the columns."""
    return [str(name) for name in table.columns]


def column_values(table: pd.DataFrame, name: str) -> Any:
    """Return a column as a numpy array; text as objects, with "" for missing values."""
    values = table[name].to_numpy()
    if values.dtype.kind in "biuf":
        return values
    return np.where(table[name].isna().to_numpy(), "", values.astype(object))
