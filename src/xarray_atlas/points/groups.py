"""Group points by columns, and find columns that are constant within groups."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from xarray import Variable

from xarray_atlas.errors import PointsError
from xarray_atlas.kernels.labels import Int64s, Positions
from xarray_atlas.points.tables import Points

__all__ = ["PointGroups", "group_points"]

OWN = {
    *("region", "region_name", "region_id", "region_parent", "region_depth", "hemisphere"),
    *("count", "volume", "area", "density"),
    *("background", "unknown_label", "outside", "outside_mask", "other_side"),
}
"""Names of dimensions and variables of results by region, which columns cannot have."""


class PointGroups(NamedTuple):
    """The group of each point."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    codes: Int64s
    """The flat index of each point's group in an array of `shape`."""
    coords: dict[Hashable, Any]
    """The labels along each dimension, and columns that are constant within those of the first."""
    first: Positions
    """For each point, the index of its mask along the first dimension."""
    mask_rows: list[int]
    """For each label of the first dimension, the index of its mask."""


def group_points(points: Points, by: list[str], masks: Any = None) -> PointGroups:
    """Group points by columns.

    Parameters
    ----------
    points : Points
    by : list of str
    masks : array, optional
        Labels of the first of `by` that have a mask: they are included even without points.

    Raises
    ------
    PointsError
        If a column does not exist, has the name of a result, or has missing values or a label
        without a mask.
    """
    number = int(np.prod(points.shape))
    codes, shape = np.zeros(number, np.int64), []
    coords: dict[Hashable, Any] = {}
    first: Any = np.zeros(number, np.intp)
    rows: list[int] = []
    if len(set(by)) != len(by):
        raise PointsError(f"by={by!r} names a column twice")
    for name in by:
        if name in OWN:
            raise PointsError(
                f"the result has {name!r} of its own; rename the column to count by it"
            )
        values = _column(points, name)
        wanted = points.categories.get(name)
        if wanted is None:
            wanted = pd.Index(pd.unique(values))
            with contextlib.suppress(TypeError):  # numbers and text remain sorted
                wanted = wanted.sort_values()
        if name == by[0] and masks is not None:
            if pd.Index(masks).has_duplicates:
                raise PointsError(f"the mask has several of one {name}")
            wanted = wanted.append(pd.Index(masks)[~pd.Index(masks).isin(wanted)])
            found = pd.Index(masks).get_indexer(wanted)
            if (found < 0).any():
                raise PointsError(f"the mask has no {name} {wanted[int(np.argmin(found))]!r}")
            rows = found.tolist()
        own = wanted.get_indexer(pd.Index(values))
        if name == by[0]:
            first = np.asarray(rows, np.intp)[own] if rows else own
            coords.update(_constant(points, by, own, len(wanted)))
        codes = codes * len(wanted) + own
        shape.append(len(wanted))
        coords[name] = Variable((name,), wanted.to_numpy())
    return PointGroups(tuple(by), tuple(shape), codes, coords, first, rows)


def _column(points: Points, name: str) -> Any:
    """Return the values of a column, one per point."""
    if name in points.kept.variables:
        column = points.kept[name]
    elif name in points.dims:
        column = xr.DataArray(np.arange(points.shape[points.dims.index(name)]), dims=name)
    else:
        there = ", ".join(repr(n) for n in points.kept.variables) or "none"
        raise PointsError(f"no column {name!r} to count by; the points have {there}")
    values = _spread(points, column.variable)
    missing = pd.isna(values)
    if missing.any():
        raise PointsError(
            f"{int(missing.sum())} of {missing.size} points have no {name!r}; fill it, for example "
            f"with 'unknown', or leave these points out"
        )
    return values


def _spread(points: Points, variable: Variable) -> Any:
    sizes = dict(zip(points.dims, points.shape, strict=True))
    return np.asarray(variable.set_dims(sizes).transpose(*points.dims).values).ravel()


def _constant(points: Points, by: list[str], own: Positions, number: int) -> dict[Hashable, Any]:
    """Return the other columns that are constant within each label of the first of `by`."""
    found: dict[Hashable, Any] = {}
    passed_over = {*by, *points.positions, *points.dims, *OWN}
    for name, column in points.kept.variables.items():
        if name in passed_over or not column.ndim:
            continue
        values = pd.Series(_spread(points, column.to_base_variable()))
        grouped = values.groupby(own)
        if len(values) and (grouped.nunique(dropna=False) <= 1).all():
            one = grouped.first().reindex(range(number))
            if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
                one = one.where(one.notna(), "").astype(object)
            found[name] = (by[0], one.to_numpy())
    return found
