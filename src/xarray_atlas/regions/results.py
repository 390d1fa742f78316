"""Coordinates of results by region."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray import Variable

from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.terminology import Region, RegionKey, Terminology

__all__ = [
    "Regions",
    "hemisphere_coord",
    "region_coords",
    "resolve_regions",
    "text_coord",
    "without_descendants",
    "voxel_size_attrs",
]

Regions = RegionKey | Iterable[RegionKey]

# Fixed-width text is supported by numpy, pandas and xarray, but not specified in zarr format 3:
# there it is written as variable-length text.
_TEXT = {"dtype": np.dtype(object)}


def resolve_regions(terminology: Terminology, regions: Any) -> tuple[Int64s, bool]:
    """Return the positions of regions in the table, and whether they were given as a list.

    None denotes all regions, or the parcels of a parcellation.
    """
    if regions is None:
        return terminology.default_positions, True
    if isinstance(regions, pd.DataFrame | bytes):
        raise TypeError(
            f"regions are named by acronym, name or id, not by a {type(regions).__name__}; "
            "of a table of regions pass a column, table['id']"
        )
    if isinstance(regions, xr.DataArray):
        regions = regions.values
    if isinstance(regions, np.ndarray):
        regions = regions.tolist()
    if isinstance(regions, str | Region) or not isinstance(regions, Iterable):
        return terminology.positions([regions]), False
    return terminology.positions(regions), True


def without_descendants(terminology: Terminology, regions: Any, direct: bool) -> bool:
    """Return whether regions are taken without their descendants.

    This is the case if requested, and for the parcels of a parcellation in a call without regions:
    a parcel above others has the voxels of its own label only.
    """
    return direct or (regions is None and terminology.parcels is not None)


def region_coords(
    terminology: Terminology, positions: Int64s, many: bool = True
) -> dict[Hashable, Variable]:
    """Return the coordinates of a result by region: acronym, name, id, parent and depth.

    Acronyms that several regions share have " #id" appended, so that each can be selected.

    On a ``region`` dimension; scalars for a single region, as after ``.sel(region=...)``.
    """
    parents = terminology.parents[positions]
    columns = {
        "region": terminology.distinct_acronyms[positions],
        "region_name": terminology.names[positions],
        "region_id": terminology.ids[positions],
        "region_parent": np.where(parents < 0, "", terminology.distinct_acronyms[parents]),
        "region_depth": terminology.depths[positions],
    }
    coords: dict[Hashable, Variable] = {}
    for name, column in columns.items():
        text = column.dtype == object  # also ids if they are not integers
        values = column.astype(str) if text else column
        variable = Variable(("region",), values, encoding=_TEXT if text else None)
        coords[name] = variable if many else variable[0]
    return coords


def hemisphere_coord(names: Sequence[str], many: bool = True) -> Variable:
    """Return the ``hemisphere`` coordinate of a result, a scalar for a single hemisphere."""
    variable = text_coord("hemisphere", names)
    return variable if many else variable[0]


def text_coord(dim: str, names: Sequence[str]) -> Variable:
    """Return the coordinate of a dimension labelled by names."""
    return Variable((dim,), np.array(names, dtype=str), encoding=_TEXT)


def voxel_size_attrs(voxel: Mapping[Hashable, float]) -> dict[str, str]:
    """Return the attributes that give the grid of a result, by its voxel size in mm."""
    shown = " x ".join(f"{step:.12g}" for step in voxel.values())
    return {"voxel_size": f"{shown} mm ({', '.join(map(str, voxel))})"}
