"""Values by region as a matrix of regions and observations, for bars and heat maps."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from dask.base import compute

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.images.region_values import positions_of, read_values
from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.plotting.unit_labels import value_label
from xarray_atlas.printable import one_line
from xarray_atlas.terminology import Terminology

__all__ = ["Observations", "observe"]


@dataclass(frozen=True)
class Observations:
    """Values of regions in rows and of observations, such as animals, in columns.

    Parameters
    ----------
    values : ndarray of float, shape (regions, columns)
    terminology : Terminology
    positions : ndarray of int64, shape (regions,)
        Of the regions in the terminology.
    names : list of str
        Of the columns; empty if there is one column per group.
    groups : list of tuple of str
        The groups to which each column belongs, the outer one first. Columns of one group are
        adjacent.
    over : str
        The dimension of the observations within a group, or empty.
    label : str
        The name and the unit of the values.
    """

    values: FloatArray
    terminology: Terminology
    positions: Int64s
    names: list[str]
    groups: list[tuple[str, ...]]
    over: str
    label: str

    @property
    def acronyms(self) -> list[str]:
        """The acronyms of the regions."""
        names = self.terminology.distinct_acronyms[self.positions].tolist()
        return [one_line(name) for name in names]


def observe(
    obj: xr.Dataset | xr.DataArray, values: Any, by: str | Iterable[str] | None
) -> Observations:
    """Read values by region, and group their observations.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas.
    values : Series, mapping or DataArray
        Same as in :func:`~xarray_atlas.paint`.
    by : str or iterable of str, optional
        Dimensions, or coordinates along one, by which observations are grouped. A hemisphere that
        is not named is the outermost group.
    """
    terminology, _ = find_atlas(obj)
    if isinstance(values, pd.DataFrame):
        values = _from_dataframe(values)
    given = read_values(values)
    if not given.size:
        raise ValueError("there is nothing to draw: the values are of no region, or of no animal")
    names = [by] if isinstance(by, str) else list(by or [])
    along = {name: _dim_of(given, name) for name in names}
    rest = [dim for dim in given.dims if dim != "region" and dim not in names]
    sides = given.coords["hemisphere"].dims if "hemisphere" in given.coords else ("hemisphere",)
    if "hemisphere" not in names and set(sides) & set(rest):
        along = {"hemisphere": _dim_of(given, "hemisphere"), **along}
        rest = [dim for dim in rest if dim != "hemisphere"]
    if len(rest) > 1:
        raise ValueError(
            f"the values have the dimensions {', '.join(map(repr, rest))} in addition to 'region', "
            f"and one can be drawn: group by the others, by={str(rest[-1])!r}, or select, "
            f"values.isel({rest[-1]}=0)"
        )
    columns = [*dict.fromkeys(dim for dim in along.values() if dim not in rest), *rest]
    array = given.transpose("region", *columns)
    (numbers,) = compute(getattr(array.variable.data, "magnitude", array.variable.data))
    sizes = {dim: array.sizes[dim] for dim in columns}
    count = math.prod(sizes.values())
    groups = list(zip(*(_labels(array, name, sizes) for name in along), strict=True))
    groups = groups or [()] * count
    called = _labels(array, rest[0], sizes) if rest else [""] * count
    # groups in the order in which they first occur, the outer ones first
    ranks = [
        {g: i for i, g in enumerate(dict.fromkeys(level))} for level in zip(*groups, strict=True)
    ]
    order = sorted(
        range(count), key=lambda c: [r[g] for r, g in zip(ranks, groups[c], strict=True)]
    )
    return Observations(
        np.asarray(numbers, np.float64).reshape(array.sizes["region"], count)[:, order],
        terminology, positions_of(terminology, array), [called[c] for c in order],
        [groups[c] for c in order], str(rest[0]) if rest else "", value_label(given),
    )  # fmt: skip


def _from_dataframe(values: pd.DataFrame) -> xr.DataArray:
    """Return a table with a row for each region, and numbers in its columns."""
    kinds = {str(name): str(dtype) for name, dtype in values.dtypes.items()}
    if wrong := [name for name, dtype in kinds.items() if not pd.api.types.is_numeric_dtype(dtype)]:
        raise TypeError(
            f"column {wrong[0]!r} of the table is {kinds[wrong[0]]}; a table has a row for each "
            "region, named by its index, and a column of numbers for each animal: "
            "table.pivot(index='region', columns='animal', values='value')"
        )
    if "region" in values.columns.names:
        raise ValueError(
            "the columns of the table are regions, and its rows are to be; pass it transposed: "
            "table.T"
        )
    if isinstance(values.index, pd.MultiIndex):
        levels = [str(name) for name in values.index.names]
        raise ValueError(
            f"the index of the table has the levels {', '.join(levels)}, and it is to name the "
            f"regions only; make columns of the others: table.unstack({levels[-1]!r})"
        )
    names = [str(name or f"column{i or ''}") for i, name in enumerate(values.columns.names)]
    dim = names[-1]  # the levels of columns are coordinates along it
    coords: dict[str, Any] = {"region": values.index.to_numpy(object)}
    for level, name in enumerate(names):
        coords[name] = (dim, values.columns.get_level_values(level).to_numpy(object))
    return xr.DataArray(values.to_numpy(np.float64, na_value=np.nan), coords, ("region", dim))


def _dim_of(values: xr.DataArray, name: Any) -> Hashable:
    """Return the dimension along which observations are grouped."""
    if name in values.dims and name != "region":
        return str(name)
    if name in values.coords and values[name].ndim == 1 and values[name].dims != ("region",):
        return values[name].dims[0]
    known = [str(n) for n, c in values.coords.items() if c.ndim == 1 and c.dims != ("region",)]
    raise ValueError(
        f"the values cannot be grouped by {name!r}; they have "
        + (", ".join(map(repr, known)) if known else "no coordinate except the regions")
    )


def _labels(array: xr.DataArray, name: Hashable, sizes: dict[Hashable, int]) -> list[str]:
    """Return the value of a dimension or coordinate for each column."""
    if name in array.coords:
        variable = xr.Variable(array[name].dims, array[name].values)
    else:
        variable = xr.Variable((name,), np.arange(sizes[name]))
    whole = variable.set_dims(sizes).transpose(*sizes)
    labels = whole.values.ravel()
    if labels.dtype.kind in "mM":
        labels = pd.Index(labels).astype(str).to_numpy(object)
    return [one_line(label) for label in labels.tolist()]
