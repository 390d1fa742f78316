"""Tidy tables of values by region: one row for each observation."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from dask.base import compute

from xarray_atlas.coords.atlas_index import find_atlas, find_coordinate
from xarray_atlas.coords.units import unit_text
from xarray_atlas.images.region_values import positions_of, read_values
from xarray_atlas.regions.results import region_coords
from xarray_atlas.terminology import Terminology

__all__ = ["table"]

FIRST = ("region", "region_name", "region_id", "region_parent", "region_depth", "hemisphere")
"""Columns that stand first, in this order; then the other dimensions and their coordinates."""

LAST = ("variable", "value", "unit")
"""Columns that stand last."""


def table(obj: xr.Dataset | xr.DataArray, values: Any) -> pd.DataFrame:
    """Tabulate values by region, with one row for each observation.

    A variable has a row for each entry of its own dimensions and no more: the volume of a region
    is not repeated for each animal, and a number that belongs to no region, such as the points
    ``outside`` of the atlas, is not repeated for each region.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, which names the regions where the values give only their acronyms.
    values : Dataset, DataArray, Series or mapping
        Values by region, as :func:`count_points`, :func:`volume`, :func:`aggregate` and
        :func:`region_properties` return them, or as :func:`paint` takes them.

    Returns
    -------
    pandas.DataFrame
        With the columns ``region`` (acronym), ``region_name``, ``region_id``, ``region_parent``,
        ``region_depth``, ``hemisphere`` where there is one, the other dimensions with their
        coordinates (``animal``, ``group``, ``time``), then ``variable``, ``value`` and ``unit``.
        Cells are missing where a variable does not depend on that column. Where a coordinate has
        a unit, it is in ``attrs["units"]`` by column.

        Regions include their descendants, as in `values`. Rows of a parent and of its children
        must not be added: compute values at one ``level=`` or of a parcellation instead.

    Raises
    ------
    ValueError
        If the values are not by region.
    TypeError
        If the values are of another type.
    RegionNotFoundError, AmbiguousRegionError
        For a region that is not in the atlas, or an acronym that several share.

    See Also
    --------
    paint : Values of regions as an image on the grid of the atlas.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> volumes = ds.atlas.volume(["CA1", "CA3"])
    >>> ds.atlas.table(volumes)[["region", "region_name", "variable", "value", "unit"]].round(2)
      region region_name variable  value     unit
    0    CA1   Field CA1   volume  11.06  mm ** 3
    1    CA3   Field CA3   volume   6.63  mm ** 3

    One variable of several:

    >>> properties = ds.atlas.table(ds.atlas.region_properties(["CA1", "CA3"]))
    >>> properties[properties.variable == "centroid"][["region", "axis", "value", "unit"]].round(2)
      region axis  value unit
    4    CA1    z   8.03   mm
    5    CA1    y   3.14   mm
    6    CA1    x   5.68   mm
    7    CA3    z   7.66   mm
    8    CA3    y   3.71   mm
    9    CA3    x   5.68   mm
    """
    terminology, _ = find_atlas(obj)
    arrays = _variables(values)
    names = {name for array in arrays for name in (*array.dims, *array.coords)}
    if taken := [name for name in LAST if name in names]:
        raise ValueError(
            f"the values have a coordinate {taken[0]!r}, and the table has a column of that name "
            f"for itself; rename the coordinate: values.rename({taken[0]}='{taken[0]}_')"
        )
    arrays = [_named(array, terminology) if "region" in array.dims else array for array in arrays]
    carrier = find_coordinate(arrays[0]) if arrays else None
    units: dict[str, str] = {}
    rows = [_rows(array, carrier, units) for array in _computed(arrays)]
    rows = [part for part in rows if len(part)]
    columns = [name for name in FIRST if any(name in part for part in rows)]
    others = dict.fromkeys(c for part in rows for c in part if c not in (*columns, *LAST))
    columns += [*others, *LAST]
    found = _stacked(rows, columns)
    if units:
        found.attrs["units"] = units
    return found


def _variables(values: Any) -> list[xr.DataArray]:
    """Return the variables of a result, those by region first."""
    if not isinstance(values, xr.Dataset):
        return [read_values(values)]
    arrays = list(values.data_vars.values())
    if "region" not in values.coords or not any("region" in array.coords for array in arrays):
        hint = (
            "; a result of region_at has a row for each point already: to_dataframe()"
            if "region" in values
            else ""
        )
        raise ValueError(
            f"the values have no coordinate 'region' (dimensions: {tuple(map(str, values.dims))})"
            f"{hint}"
        )
    if "region" not in values.dims:
        return arrays
    return sorted(arrays, key=lambda array: "region" not in array.dims)


def _named(array: xr.DataArray, terminology: Terminology) -> xr.DataArray:
    """Add names, ids, parents and depths of regions, where the values do not have them."""
    if "region_name" in array.coords:
        return array
    coords = region_coords(terminology, positions_of(terminology, array))
    return array.drop_vars("region").assign_coords(coords)


def _computed(arrays: list[xr.DataArray]) -> list[xr.DataArray]:
    """Compute lazy values in one pass; units go into the attributes, as text."""
    units = [getattr(array.variable.data, "units", None) for array in arrays]
    lazy = [getattr(array.variable.data, "magnitude", array.variable.data) for array in arrays]
    plain = []
    for array, data, unit in zip(arrays, compute(*lazy), units, strict=True):
        attrs = dict(array.attrs)
        if unit is not None:
            attrs["units"] = unit_text(unit)
        plain.append(xr.DataArray(data, array.coords, array.dims, array.name, attrs))
    return plain


def _rows(
    array: xr.DataArray, carrier: Hashable | None, units: dict[str, str]
) -> dict[str, np.ndarray[Any, Any]]:
    """Return the columns of the rows of one variable; units of coordinates are added to `units`."""
    sizes = dict(array.sizes)
    columns: dict[str, np.ndarray[Any, Any]] = {}
    for name in dict.fromkeys([*array.dims, *array.coords]):
        if name == carrier:
            continue
        if name in array.coords:
            variable = array.coords[name].variable
            unit = getattr(variable.data, "units", variable.attrs.get("units"))
            if unit is not None:
                units[str(name)] = unit_text(unit) if hasattr(unit, "dimensionality") else str(unit)
        else:
            variable = xr.Variable((name,), np.arange(sizes[name]))
        whole = xr.Variable(variable.dims, variable.values).set_dims(sizes)
        columns[str(name)] = whole.transpose(*array.dims).values.ravel()
    values = array.values.ravel()
    columns["variable"] = np.full(values.size, str(array.name or ""), object)
    columns["value"] = values
    columns["unit"] = np.full(values.size, str(array.attrs.get("units", "")), object)
    return columns if values.size else {}


def _stacked(rows: list[dict[str, np.ndarray[Any, Any]]], columns: list[str]) -> pd.DataFrame:
    """Stack columns of several variables; integers stay integers where cells are missing."""
    parts = []
    for part in rows:
        frame = pd.DataFrame(part)
        for name in columns:
            dtype = next(r[name].dtype for r in rows if name in r)
            if dtype.kind in "iu" and any(name not in r for r in rows):
                dtype = pd.UInt64Dtype() if dtype.kind == "u" else pd.Int64Dtype()
                if name in part:
                    frame[name] = frame[name].astype(dtype)
            if name not in part:
                told = dtype if dtype.kind in "iufmM" else object
                frame[name] = pd.Series([None] * len(frame), dtype=told)
        parts.append(frame[columns])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
