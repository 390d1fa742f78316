"""How large regions are: volumes, and areas in a section."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.atlas_index import find_atlas
from xarray_atlas.errors import GridError
from xarray_atlas.grid import annotation_of, hemisphere_volume, left_positions, sides, spacing
from xarray_atlas.labels import count_labels, count_pairs, merge_pairs
from xarray_atlas.masks import SIDE, Regions, region_coords, resolve_regions
from xarray_atlas.terminology import Terminology
from xarray_atlas.units import quantity

__all__ = ["area", "volume"]


def volume(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None = None,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
) -> xr.DataArray:
    """Measure the volume of regions, with their descendants, in mm**3.

    The annotation is read once, whatever the number of regions, on the active
    dask scheduler. The size of a voxel is measured from the coordinates, so
    that a part, a stride or a coarser level of the atlas gives the right number.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid.
    regions : str, int, Region, or list of these, optional
        By acronym, full name, or id (int). All regions by default.
    hemisphere : "left", "right" or a list of both, optional
        Only that side. A voxel on the midline is left.
    direct : bool, default: False
        Only voxels labelled with the region itself, without its descendants.

    Returns
    -------
    DataArray of quantities in mm**3
        A scalar for one region, else on a ``region`` dimension; a list of
        hemispheres adds a ``hemisphere`` dimension. A region without a voxel
        has 0 mm**3. The attribute ``voxel_size`` says what it came from.

    Raises
    ------
    GridError
        If a coordinate is unevenly spaced, or a spatial dimension is missing.
    RegionNotFoundError, AmbiguousRegionError
        For a region that is not there, or an acronym that several share.
    HemisphereError
        If left and right cannot be told apart.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("50 um")
    >>> v = xarray_atlas.volume(ds, "RSP")
    >>> f"{v.item():.4f}"
    '10.3866 millimeter ** 3'
    >>> xarray_atlas.volume(ds, ["RSP", "VISp"]).pint.to("uL").values.round(2)
    """
    return _measure(obj, regions, hemisphere, direct, ndim=3)


def area(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None = None,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
) -> xr.DataArray:
    """Measure the area of regions in a section, with their descendants, in mm**2.

    Parameters
    ----------
    obj : Dataset or DataArray
        A plane of an atlas, for example ``ds.isel(z=100)``.
    regions, hemisphere, direct
        As :func:`volume` has them.

    Returns
    -------
    DataArray of quantities in mm**2
        As :func:`volume` has it.

    Raises
    ------
    GridError
        If the object has not two spatial dimensions.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> xarray_atlas.area(ds.sel(z="9 mm"), "RSP").pint.units
    <Unit('millimeter ** 2')>
    """
    return _measure(obj, regions, hemisphere, direct, ndim=2)


def _measure(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None,
    hemisphere: str | Iterable[str] | None,
    direct: bool,
    ndim: int,
) -> xr.DataArray:
    annotation = annotation_of(obj)
    terminology, _ = find_atlas(obj)
    positions, many = (
        (np.arange(len(terminology)), True)
        if regions is None
        else resolve_regions(terminology, regions)
    )
    voxel = _voxel(annotation, ndim)
    names, several = (["whole"], False) if hemisphere is None else sides(obj, hemisphere)
    classes = None if hemisphere is None else _classes(obj, annotation)
    table = _count(annotation.variable, classes)
    wanted = [0] if hemisphere is None else [SIDE[name] for name in names]
    counts = np.stack(
        [_region_counts(terminology, positions, table, side, direct) for side in wanted], axis=1
    )
    dims = ("region", "hemisphere")
    name = {2: "area", 3: "volume"}[ndim]
    attrs = {
        "units": f"mm ** {ndim}",
        "voxel_size": " x ".join(f"{size:.12g}" for size in voxel.values())
        + f" mm ({', '.join(map(str, voxel))})",
    }
    sizes = counts * float(np.prod(list(voxel.values())))
    result = Variable(dims, quantity(sizes, ndim), attrs)
    coords = region_coords(terminology, positions, True)
    if hemisphere is not None:
        coords["hemisphere"] = Variable(("hemisphere",), np.array(names))
    scalars = annotation.drop_vars([c for c, v in annotation.coords.items() if v.ndim]).coords
    array = xr.DataArray(result, coords=coords, name=name).assign_coords(scalars)
    return array.isel(
        {**({} if many else {"region": 0}), **({} if several else {"hemisphere": 0})}
    )


def _voxel(annotation: xr.DataArray, ndim: int) -> dict[Hashable, float]:
    found = spacing(annotation, need=ndim)
    if len(found) > ndim:
        dim = next(iter(found))
        raise GridError(
            f"an area needs a section, this has {len(found)} spatial dimensions; "
            f"select a plane, for example isel({dim}=0), or measure the volume"
        )
    other = [d for d in annotation.dims if d not in found]
    if other:
        raise GridError(
            f"dimension {other[0]!r} of {annotation.name!r} is not a spatial one; "
            f"measure one of its {annotation.sizes[other[0]]} entries at a time"
        )
    return {d: found[d] for d in annotation.dims}


def _classes(obj: xr.Dataset | xr.DataArray, annotation: xr.DataArray) -> Variable:
    """Return the side of each voxel, on as few dimensions as tell it: 1 left, 2 right."""
    given = hemisphere_volume(obj)
    if given is not None:
        return given.transpose(*annotation.dims).variable
    left = left_positions(obj)
    side = np.where(left.values, SIDE["left"], SIDE["right"]).astype(np.uint8)
    return Variable(left.dims, side)


def _count(annotation: Variable, classes: Variable | None) -> Any:
    """Count the voxels of each label and side in one pass."""
    data = annotation.data
    if classes is None:
        classes = Variable((), np.uint8(0))
    dims = [annotation.dims.index(d) for d in classes.dims]
    # as many dimensions as the annotation, of length 1 where the side does not depend on them
    shape = [classes.sizes.get(d, 1) for d in annotation.dims]
    side = classes.data.reshape(shape) if dims else np.full(shape, classes.data)
    if not isinstance(data, da.Array):
        return _block_table(data, np.asarray(side)).item()
    chunks = [c if n > 1 else (1,) * len(c) for c, n in zip(data.chunks, shape, strict=True)]
    if isinstance(side, da.Array):
        side = side.rechunk(data.chunks)
    else:
        # length-1 dimensions broadcast over the blocks
        side = da.from_array(
            side, chunks=tuple(c if n > 1 else (1,) for c, n in zip(chunks, shape, strict=True))
        )
    index = tuple(range(data.ndim))
    meta = np.empty((0,) * data.ndim, object)
    tables = da.blockwise(
        _block_table, index, data, index, side, index,
        adjust_chunks=dict.fromkeys(index, 1), dtype=object, meta=meta, align_arrays=False,
    )  # fmt: skip
    merged = da.reduction(
        tables, chunk=_merge, combine=_merge, aggregate=_merge_all, dtype=object,
        meta=np.empty((), object),
    )  # fmt: skip
    return merged.compute().item()


def _block_table(block: Any, side: Any) -> Any:
    """Count one block; the table is the one element of an object array."""
    if side.size == 1 or block.size == 0:
        labels, counts = count_labels(block)
        only = side.ravel()[0] if side.size else 0
        table = labels, np.full(labels.shape, only, np.int64), counts
    elif side.shape == block.shape:
        table = count_pairs(block, side)
    else:
        axis = int(np.argmax(side.shape))
        flat = side.ravel()
        parts = []
        for value in np.unique(flat):
            labels, counts = count_labels(_take(block, flat == value, axis))
            parts.append((labels, np.full(labels.shape, value, np.int64), counts))
        table = merge_pairs(parts)
    return _boxed(table, block.ndim)


def _boxed(table: Any, ndim: int) -> Any:
    """Put a table into an array of objects, of as many dimensions of length 1."""
    box = np.empty((1,) * ndim, object)
    box[(0,) * ndim] = table
    return box


def _take(block: Any, chosen: Any, axis: int) -> Any:
    where = np.flatnonzero(chosen)
    if where.size and where[-1] - where[0] + 1 == where.size:
        # one side of a plane is a slice, not a copy
        selection: Any = slice(where[0], where[-1] + 1)
    else:
        selection = where
    return block[(slice(None),) * axis + (selection,)]


def _merge(tables: Any, axis: Any = None, keepdims: bool = True) -> Any:
    return _boxed(merge_pairs(list(tables.ravel())), tables.ndim)


def _merge_all(tables: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return _boxed(merge_pairs(list(tables.ravel())), 0)


def _region_counts(
    terminology: Terminology,
    positions: np.ndarray[Any, Any],
    table: Any,
    side: int,
    direct: bool,
) -> np.ndarray[Any, Any]:
    labels, classes, counts = table
    if side:
        labels, counts = labels[classes == side], counts[classes == side]
    fits = labels <= np.iinfo(np.int64).max  # a label above is no region's
    labels, counts = labels[fits].astype(np.int64), counts[fits]
    result = np.zeros(positions.size, np.int64)
    for i, position in enumerate(positions):
        mine = np.isin(labels, terminology.labels_of(int(position), direct=direct), assume_unique=True)
        result[i] = counts[mine].sum()
    return result

