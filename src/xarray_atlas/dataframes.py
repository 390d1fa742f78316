"""Convert tables of other libraries to pandas DataFrames."""

from __future__ import annotations

from typing import Any

import pandas as pd

from xarray_atlas.optional import optional

__all__ = ["as_dataframe"]


def as_dataframe(table: Any) -> pd.DataFrame | None:
    """Convert a table of any library to a pandas DataFrame.

    Accepts tables of polars (including lazy frames), pyarrow and dask, and any object that supports
    the Arrow or the dataframe interchange protocol or has a ``to_pandas`` method. Integer columns
    with missing cells become Int64, so that their values stay exact.

    Parameters
    ----------
    table : object

    Returns
    -------
    pandas.DataFrame or None
        The same object if it is a DataFrame; None if it is not a table.

    Raises
    ------
    ImportError
        If converting the table needs pyarrow, which is not installed.
    """
    if isinstance(table, pd.DataFrame):
        return table
    library = type(table).__module__.partition(".")[0]
    if library == "xarray" or isinstance(table, type):
        return None  # their to_pandas also converts objects that are not tables
    if library.startswith("dask"):
        # do not compute dask arrays and delayed values only to find out their type
        computed = table.compute() if hasattr(table, "columns") else None
        return computed if isinstance(computed, pd.DataFrame) else None
    if hasattr(table, "collect_schema") and hasattr(table, "collect"):
        table = table.collect()  # polars' LazyFrame
    converted = _from_arrow(table) if hasattr(table, "__arrow_c_stream__") else None
    if converted is None and hasattr(table, "__dataframe__"):
        converted = _from_interchange(table)
    if converted is None and hasattr(table, "to_pandas"):
        converted = _to_pandas(table)
    return converted if isinstance(converted, pd.DataFrame) else None


def _from_arrow(table: Any) -> pd.DataFrame | None:
    """Convert through Arrow; return None without pyarrow or if the stream is a single column."""
    try:
        pyarrow = optional("pyarrow", "pyarrow", "reading the table")
        arrow = pyarrow.table(table)
    except (ImportError, TypeError, ValueError):
        return None
    frame: pd.DataFrame = arrow.to_pandas(integer_object_nulls=True)
    for i, field in enumerate(arrow.schema):
        if arrow.column(i).null_count and pyarrow.types.is_integer(field.type):
            unsigned = pyarrow.types.is_uint64(field.type)
            column = frame.iloc[:, i].astype("UInt64" if unsigned else "Int64")
            frame.isetitem(i, column.array)
    return frame


def _from_interchange(table: Any) -> pd.DataFrame | None:
    """Convert through the interchange protocol; return None if pandas cannot read it."""
    try:
        return pd.api.interchange.from_dataframe(table)
    except (ImportError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return None


def _to_pandas(table: Any) -> Any:
    try:
        return table.to_pandas()
    except ImportError as error:  # polars converts with pyarrow
        kind = f"{type(table).__module__.partition('.')[0]}.{type(table).__name__}"
        raise ImportError(
            f"converting a {kind} to pandas needs pyarrow: pip install pyarrow"
        ) from error
