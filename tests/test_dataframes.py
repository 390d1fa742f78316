"""Tables of other libraries, converted by the names of their columns."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xarray_atlas.dataframes import as_dataframe

BIG = 2**60 + 1  # no float holds it
COLUMNS = {"id": [1, BIG], "name": ["a", "NA"], "x": [0.5, 2.0]}


def made(kind: str, columns: dict[str, list[object]]) -> object:
    if kind == "pandas":
        return pd.DataFrame(columns)
    if kind == "dask":
        dd = pytest.importorskip("dask.dataframe")
        return dd.from_pandas(pd.DataFrame(columns), npartitions=2)
    if kind.startswith("polars"):
        frame = pytest.importorskip("polars").DataFrame(columns)
        return frame.lazy() if kind.endswith("lazy") else frame
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table(columns)
    return table.to_batches()[0] if kind.endswith("batch") else table


KINDS = ["pandas", "dask", "polars", "polars lazy", "pyarrow", "pyarrow batch"]


@pytest.mark.parametrize("kind", KINDS)
def test_columns_keep_their_names_order_and_values(kind: str) -> None:
    frame = as_dataframe(made(kind, COLUMNS))
    assert frame is not None
    assert list(frame.columns) == ["id", "name", "x"]
    assert frame["id"].tolist() == [1, BIG]
    assert frame["name"].tolist() == ["a", "NA"]
    assert frame["x"].tolist() == [0.5, 2.0]
    assert frame["id"].dtype == np.int64


@pytest.mark.parametrize("kind", ["polars", "polars lazy", "pyarrow", "pyarrow batch"])
def test_integers_stay_exact_where_a_cell_is_missing(kind: str) -> None:
    frame = as_dataframe(made(kind, {"id": [BIG, None], "x": [None, 1.5]}))
    assert frame is not None
    assert frame["id"].dtype == pd.Int64Dtype()
    assert frame["id"].iloc[0] == BIG
    assert frame["id"].isna().tolist() == [False, True]
    assert frame["x"].isna().tolist() == [True, False]


def test_lists_in_cells() -> None:
    polars = pytest.importorskip("polars")
    frame = as_dataframe(polars.DataFrame({"rgb": [[255, 0, 0], [0, 1, 2]]}))
    assert frame is not None
    assert [list(cell) for cell in frame["rgb"]] == [[255, 0, 0], [0, 1, 2]]


def test_what_has_to_pandas_only() -> None:
    class Table:
        def to_pandas(self) -> pd.DataFrame:
            return pd.DataFrame({"id": [1]})

    frame = as_dataframe(Table())
    assert frame is not None
    assert frame["id"].tolist() == [1]


def test_what_is_no_table() -> None:
    dask_array = pytest.importorskip("dask.array").zeros(3)
    for thing in (
        1,
        "text",
        {"id": [1]},
        np.zeros((2, 3)),
        dask_array,
        pd.Series([1]),
        pd.DataFrame,
    ):
        assert as_dataframe(thing) is None
    assert as_dataframe(xr.Dataset({"id": ("row", [1])})) is None
    assert as_dataframe(xr.DataArray([[1, 2]])) is None
    assert as_dataframe(pytest.importorskip("polars").Series("id", [1])) is None
    assert as_dataframe(pytest.importorskip("pyarrow").array([1])) is None


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
import polars
from xarray_atlas.dataframes import as_dataframe
try:
    as_dataframe(polars.DataFrame({"id": [[1], [2]]}))
except ImportError as error:
    print(error)
"""


def test_polars_without_pyarrow() -> None:
    """In a process of its own: pandas decides at its import whether there is a pyarrow."""
    pytest.importorskip("polars")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYARROW], capture_output=True, text=True, timeout=120
    )
    said = "converting a polars.DataFrame to pandas needs pyarrow: pip install pyarrow"
    assert done.stdout.strip() == said, done.stderr[-500:]
