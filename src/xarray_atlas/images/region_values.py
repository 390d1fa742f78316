"""Parse values by region: a Series, a mapping or a DataArray."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xarray_atlas.errors import UnitsError
from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.terminology import Terminology

__all__ = ["positions_of", "read_values"]


def read_values(values: Any) -> xr.DataArray:
    """Convert values by region to a DataArray with a dimension ``region``.

    Parameters
    ----------
    values : Series, mapping or DataArray
        Same as in :func:`~xarray_atlas.paint`.
    """
    if isinstance(values, pd.Series):
        if isinstance(values.index, pd.MultiIndex) and "region" in values.index.names:
            levels = {n: values.index.unique(n) for n in values.index.names if n is not None}
            if values.index.has_duplicates:
                twice = values.index[values.index.duplicated()][0]
                raise ValueError(f"there are several values of {', '.join(map(str, twice))}")
            values = xr.DataArray.from_series(values).sel(levels)  # from_series sorts
        else:
            index, numbers = values.index.to_numpy(object), values.to_numpy()
            numbers = _in_one_unit(numbers.tolist()) if numbers.dtype == object else numbers
            values = xr.DataArray(numbers, {"region": index}, ["region"], values.name)
    elif isinstance(values, Mapping) and not isinstance(values, xr.Dataset):
        keys = np.empty(len(values), object)
        keys[:] = list(values)
        values = xr.DataArray(_in_one_unit(list(values.values())), {"region": keys}, ["region"])
    if not isinstance(values, xr.DataArray):
        hint = {
            "Dataset": "pass one of its variables",
            "DataFrame": "pass one of its columns, indexed by region: "
            "table.set_index('acronym')['score']",
        }.get(type(values).__name__, "pass a Series, a mapping, or a DataArray on 'region'")
        raise TypeError(
            f"values of type {type(values).__name__} do not say which region each is of; {hint}"
        )
    if "region" not in values.coords:
        raise ValueError(
            f"the values have no coordinate 'region' (dimensions: {tuple(map(str, values.dims))}), "
            "which says by acronym, name or id what region each is of"
        )
    if "region" not in values.dims and values["region"].ndim:
        (dim,) = values["region"].dims
        raise ValueError(
            f"the values name their regions along a dimension {dim!r}; make that 'region': "
            f"values.swap_dims({dim}='region')"
        )
    if "region" not in values.dims:
        values = values.expand_dims("region", axis=-1)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"the values are {values.dtype}; numbers or booleans can be painted")
    found: xr.DataArray = values
    return found


def _in_one_unit(values: list[Any]) -> Any:
    """Return numbers as an array, and quantities in the unit of the first one."""
    values = [value.data if isinstance(value, xr.DataArray) else value for value in values]
    units: list[Any] = [getattr(value, "units", None) for value in values]
    if all(unit is None for unit in units):
        return np.asarray(values)
    if any(unit is None for unit in units):
        raise UnitsError("some of the values have a unit and some have none; give each a unit")
    numbers = np.asarray([value.to(units[0]).magnitude for value in values])
    return units[0]._REGISTRY.Quantity(numbers, units[0])


def positions_of(terminology: Terminology, given: xr.DataArray) -> Int64s:
    """Return the positions of the regions of values, without duplicates."""
    labels = given["region"].values.tolist()
    positions = terminology.positions(labels)
    first: dict[int, Any] = {}
    for position, label in zip(positions.tolist(), labels, strict=True):
        if position in first:
            raise ValueError(
                f"region {terminology.acronyms[position]!r} is given twice, as {first[position]!r} "
                f"and {label!r}; which of the values is meant cannot be told"
            )
        first[position] = label
    return positions
