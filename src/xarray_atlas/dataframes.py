"""Tables of other libraries as DataFrames of pandas, by the names of their columns."""

from __future__ import annotations

from typing import Any

import pandas as pd

from xarray_atlas.optional import optional

__all__ = ["as_dataframe"]


def as_dataframe(table: Any) -> pd.DataFrame | None:
    """Convert a table of any library to a DataFrame of pandas.

    Tables of polars (also lazy ones), pyarrow, dask and whatever else speaks the Arrow or the
    dataframe protocol or has a method ``to_pandas``. Integers stay exact where cells are missing:
    such a column is of the type Int64.

    Parameters
    ----------
    table : object

    Returns
    -------
    pandas.DataFrame or None
        The same object where it is one of pandas; None where it is not a table.

    Raises
    ------
    ImportError
        If a table can only be converted with pyarrow, which is not installed.
    """
    if isinstance(table, pd.DataFrame):
        return table
    library = type(table).__module__.partition(".")[0]
    if library == "xarray" or isinstance(table, type):
        return None  # to_pandas there makes a table of what is no table
    if library.startswith("dask"):
        # dask's arrays and delayed values are not computed only to see what they are
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
    """Convert through Arrow; None without pyarrow, or where the stream is no table but a column."""
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
    """Convert through the older dataframe protocol; None where pandas does not read it."""
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
