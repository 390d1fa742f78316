"""Tidy tables: each number of a result once, with the names that belong to it."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pint
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import RegionNotFoundError

pytestmark = pytest.mark.version_independent

ureg = pint.get_application_registry()


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    return xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")


@pytest.fixture(scope="module")
def counts(ds: xr.Dataset) -> xr.Dataset:
    rng = np.random.default_rng(0)
    places = rng.normal([8.0, 2.5, 5.7], [1.5, 1.2, 2.0], (400, 3))
    cells = pd.DataFrame(places, columns=["ap", "dv", "ml"])
    cells["animal"] = rng.choice(["m1", "m2", "m3"], 400)
    cells["group"] = cells.animal.map({"m1": "case", "m2": "control", "m3": "control"})
    found: xr.Dataset = ds.atlas.count_points(
        cells, "animal", parcellation="cosmos", hemisphere=["left", "right"],
        unit="mm", frame="dataset",
    )  # fmt: skip
    return found


def check_rows(table: pd.DataFrame, result: xr.Dataset, names: Any) -> None:
    """Compare each row with what the result holds at its coordinates."""
    for name in names:
        variable = result[name]
        rows = table[table.variable == name]
        assert len(rows) == variable.size
        assert len(rows[list(variable.dims)].drop_duplicates()) == len(rows) or not variable.dims
        absent = [d for d in result.dims if d in table and d not in variable.dims]
        assert rows[absent].isna().all(axis=None)
        for row in rows.to_dict("records"):
            one = variable.sel({dim: row[dim] for dim in variable.dims})
            np.testing.assert_equal(float(row["value"]), float(one.values))
            for coord in one.coords:
                assert row[coord] == one[coord].item()


def test_each_number_of_counts_once(ds: xr.Dataset, counts: xr.Dataset) -> None:
    table = ds.atlas.table(counts)
    check_rows(table, counts, counts.data_vars)
    assert len(table) == sum(variable.size for variable in counts.data_vars.values())
    assert list(table) == [
        "region", "region_name", "region_id", "region_parent", "region_depth", "hemisphere",
        "animal", "group", "variable", "value", "unit",
    ]  # fmt: skip
    units = table.groupby("variable").unit.unique()
    assert units["density"].tolist() == ["1 / mm ** 3"]
    assert units["volume"].tolist() == ["mm ** 3"]
    assert units["count"].tolist() == [""]
    inside = table[table.variable.isin(["count", "background", "unknown_label", "outside"])]
    assert inside.value.sum() == 400  # no point is lost, and none is there twice
    assert table.region_id.dtype == "Int64"


def test_properties_have_no_tripled_rows(ds: xr.Dataset) -> None:
    found = ds.atlas.region_properties(["RSP", "CA1"])
    table = ds.atlas.table(found)
    check_rows(table, found, [n for n in found.data_vars if found[n].size])
    assert (table.variable == "volume").sum() == 2
    assert (table.variable == "centroid").sum() == 6


def test_one_variable_keeps_its_type(ds: xr.Dataset, counts: xr.Dataset) -> None:
    table = ds.atlas.table(counts["count"])
    assert table.value.dtype == np.int64
    assert table.region_id.dtype.kind == "i"
    assert table.value.sum() == counts["count"].sum()


def test_scalars_and_values_of_a_caller(ds: xr.Dataset) -> None:
    one = ds.atlas.table(ds.atlas.volume("RSP", hemisphere="left"))
    assert one.shape == (1, 9)
    assert one.loc[0, ["region", "hemisphere", "value"]].tolist() == ["RSP", "left", 5.098]
    table = ds.atlas.table(pd.Series({"RSP": 1.5, 382: 2.5}, name="score"))
    assert table.region.tolist() == ["RSP", "CA1"]
    assert table.region_name.tolist() == ["Retrosplenial area", "Field CA1"]
    assert table.variable.tolist() == ["score"] * 2
    assert "hemisphere" not in table
    quantities = ds.atlas.table({"RSP": ureg.Quantity(2.0, "um"), "TH": ureg.Quantity(1.0, "mm")})
    assert quantities[["value", "unit"]].values.tolist() == [[2.0, "um"], [1000.0, "um"]]


def test_percents_and_decibels_keep_their_unit(ds: xr.Dataset) -> None:
    registry = pint.get_application_registry()
    for unit, expected in ("percent", "%"), ("um/mm", "um / mm"), ("", ""):
        values = registry.Quantity(np.array([5.0]), unit)
        table = ds.atlas.table(xr.DataArray(values, {"region": ["RSP"]}, "region"))
        assert table[["value", "unit"]].values.tolist() == [[5.0, expected]]
    levels = registry.Quantity(np.array([5.0]), "dB/Hz")
    (unit,) = ds.atlas.table(xr.DataArray(levels, {"region": ["RSP"]}, "region")).unit
    assert registry.Unit(unit) == registry.Unit("dB/Hz")


def test_lazy_values_and_units_of_coordinates(ds: xr.Dataset) -> None:
    time = xr.Variable("time", [0.0, 0.5, 1.0], {"units": "s"})
    values = xr.Dataset(
        {
            "power": (("time", "region"), da.from_array(np.arange(6).reshape(3, 2), chunks=1)),
            "drift": ("time", [0.0, 0.1, 0.2], {"units": "um"}),
            "score": ("region", [7.0, 8.0]),
        },
        {"time": time, "region": ["RSP", "TH"]},
    )
    table = ds.atlas.table(values)
    assert table.attrs["units"] == {"time": "s"}
    power = table[table.variable == "power"].set_index(["region", "time"]).value
    assert power["TH", 0.5] == 3
    assert table[table.variable == "drift"].region.isna().all()
    assert table.time.dtype == np.float64
    assert len(table) == 6 + 3 + 2


def test_errors(ds: xr.Dataset) -> None:
    points = {"ap": [8.0], "dv": [1.0], "ml": [6.0]}
    with pytest.raises(ValueError, match="a row for each point already"):
        ds.atlas.table(ds.atlas.region_at(points, unit="mm", frame="dataset"))
    with pytest.raises(ValueError, match="no coordinate 'region'"):
        ds.atlas.table(xr.Dataset({"a": ("time", [1])}))
    with pytest.raises(RegionNotFoundError, match="RSPx"):
        ds.atlas.table({"RSPx": 1.0})
    for name in ("variable", "value", "unit"):
        values = xr.DataArray([[1.0, 2.0]], {"region": ["RSP"], name: [4, 5]}, ("region", name))
        with pytest.raises(ValueError, match=rf"values\.rename\({name}='{name}_'\)"):
            ds.atlas.table(values)
    with pytest.raises(TypeError, match="type int"):
        ds.atlas.table(3)
