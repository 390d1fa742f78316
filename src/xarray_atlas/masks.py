"""Masks of regions: which voxels belong to them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from dask.utils import parse_bytes
from xarray import Variable

from xarray_atlas.atlas_index import find_atlas
from xarray_atlas.grid import annotation_of, hemisphere_volume, left_positions, sides
from xarray_atlas.labels import label_mask, region_masks
from xarray_atlas.terminology import Region, RegionKey, Terminology

__all__ = ["mask", "region_coords", "resolve_regions"]

Regions = RegionKey | Iterable[RegionKey]

SIDE = {"left": 1, "right": 2}
"""What a ``hemispheres`` variable holds."""


def resolve_regions(terminology: Terminology, regions: Any) -> tuple[np.ndarray[Any, Any], bool]:
    """Return the positions of regions in the table, and whether they were a list."""
    if isinstance(regions, str | int | np.integer | Region):
        return np.array([terminology.position(regions)], dtype=np.int64), False
    if isinstance(regions, xr.DataArray):
        regions = regions.values
    if np.ndim(regions) == 0 and not isinstance(regions, Iterable):
        return np.array([terminology.position(regions)], dtype=np.int64), False
    keys = [key.item() if isinstance(key, np.generic) else key for key in np.atleast_1d(regions)] \
        if isinstance(regions, np.ndarray) else list(regions)
    return terminology.positions(keys), True


def region_coords(
    terminology: Terminology, positions: np.ndarray[Any, Any], many: bool
) -> dict[Hashable, Variable]:
    """Return the coordinates of a result by region: acronym, name, id, parent and depth.

    On a ``region`` dimension; scalars for a single region, as ``.sel(region=...)`` has it.
    """
    parents = terminology.parents[positions]
    acronyms = terminology.acronyms
    columns = {
        "region": [acronyms[p] for p in positions],
        "region_name": [terminology.names[p] for p in positions],
        "region_id": terminology.ids[positions].tolist(),
        "region_parent": [acronyms[p] if p >= 0 else "" for p in parents],
        "region_depth": terminology.depths[positions].tolist(),
    }
    coords: dict[Hashable, Variable] = {}
    for name, values in columns.items():
        text = bool(values) and isinstance(values[0], str) or name in ("region", "region_name")
        array = np.array(values, dtype=str if text or name == "region_parent" else np.int64)
        coords[name] = Variable(("region",), array) if many else Variable((), array[0])
    return coords


def mask(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
) -> xr.DataArray:
    """Mark the voxels of a region and its descendants.

    Lazy where the annotation is lazy; each block is read once, whatever the
    number of regions.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid.
    regions : str, int, Region, or list of these
        By acronym, full name, or id (int).
    hemisphere : "left", "right" or a list of both, optional
        Only the voxels of that side. A voxel on the midline is left.
    direct : bool, default: False
        Only voxels labelled with the region itself, without its descendants.

    Returns
    -------
    DataArray of bool
        Named ``mask``, on the annotation's grid. A list of regions adds a
        ``region`` dimension in front, a list of hemispheres a ``hemisphere``
        dimension. A region without a voxel gives a mask that is all false.

    Raises
    ------
    RegionNotFoundError, AmbiguousRegionError
        For a region that is not there, or an acronym that several share.
    HemisphereError
        If left and right cannot be told apart.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> rsp = xarray_atlas.mask(ds, "RSP")
    >>> rsp.dtype, rsp.dims, int(rsp.sum())
    (dtype('bool'), ('z', 'y', 'x'), 10202)
    >>> xarray_atlas.mask(ds, ["RSP", "VISp"]).dims
    ('region', 'z', 'y', 'x')
    """
    annotation = annotation_of(obj)
    terminology, _ = find_atlas(obj)
    positions, many = resolve_regions(terminology, regions)
    sets = [terminology.labels_of(int(p), direct=direct) for p in positions]
    if many:
        data = _many(annotation.data, sets)
    else:
        data = _single(annotation.data, sets[0])
    dims = (("region",) if many else ()) + annotation.dims
    result = xr.DataArray(Variable(dims, data), coords=annotation.coords, name="mask")
    result = result.assign_coords(region_coords(terminology, positions, many))
    if hemisphere is None:
        return result
    names, several = sides(obj, hemisphere)
    parts = [result & _on_side(obj, name) for name in names]
    if not several:
        return parts[0].assign_coords(hemisphere=names[0])
    joined = xr.concat(parts, dim=Variable(("hemisphere",), np.array(names)), join="override")
    order = dims[: len(dims) - annotation.ndim] + ("hemisphere", *annotation.dims)
    return joined.transpose(*order).rename("mask")


def _single(data: Any, labels: np.ndarray[Any, Any]) -> Any:
    if isinstance(data, da.Array):
        meta = np.empty((0,) * data.ndim, bool)
        return data.map_blocks(label_mask, labels, dtype=bool, meta=meta)
    return label_mask(data, labels)


def _many(data: Any, sets: list[np.ndarray[Any, Any]]) -> Any:
    keys = np.unique(np.concatenate([np.empty(0, np.int64), *sets]))
    table = np.stack([np.isin(keys, labels) for labels in sets]) if sets else np.empty((0, keys.size), bool)
    if not isinstance(data, da.Array):
        return region_masks(data, keys, table)
    # a chunk of the result is a few regions of one block: bounded, whatever their number
    block = max(math.prod(max(c, default=0) for c in data.chunks), 1)
    limit = parse_bytes(dask.config.get("array.chunk-size"))
    each = int(min(max(limit // block, 1), max(len(sets), 1)))
    index = tuple(range(2, data.ndim + 2))
    meta = np.empty((0,) * (data.ndim + 1), bool)
    if not sets:
        return da.empty((0, *data.shape), dtype=bool, chunks=((0,), *data.chunks))
    return da.blockwise(
        _block_masks, (0, *index),
        da.from_array(table, chunks=(each, -1)), (0, 1),
        data, index,
        keys=keys, concatenate=True, dtype=bool, meta=meta,
    )  # fmt: skip


def _block_masks(table: Any, block: Any, keys: Any) -> Any:
    return region_masks(block, keys, table)


def _on_side(obj: xr.Dataset | xr.DataArray, side: str) -> xr.DataArray:
    volume = hemisphere_volume(obj)
    if volume is not None:
        return volume.drop_vars(list(volume.coords)) == SIDE[side]
    left = left_positions(obj)
    return left if side == "left" else ~left
