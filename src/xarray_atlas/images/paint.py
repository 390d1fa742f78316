"""Paint values of regions onto the grid of an atlas."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.base import tokenize
from dask.delayed import delayed
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.hemispheres import HEMISPHERES, hemispheres_of, resolve_hemispheres
from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.images.region_values import positions_of, read_values
from xarray_atlas.images.results import with_unit
from xarray_atlas.kernels.labels import Int64s, Ints, Positions, lookup, runs
from xarray_atlas.reductions.images import frames_together
from xarray_atlas.reductions.labels import without_empty_chunks
from xarray_atlas.terminology import Terminology

__all__ = ["paint"]

SLAB = 2**18
"""Voxels that are painted at a time: what is painted is larger than the labels it is made from,
and a plane asks for one slab of a chunk."""


def paint(obj: xr.Dataset | xr.DataArray, values: Any, fill: Any = float("nan")) -> xr.DataArray:
    """Paint values of regions: give each voxel the value of its region.

    A voxel gets the value of the most specific given region that contains it: the region of its
    label, or else the nearest ancestor with a value. Results for all regions, for own labels
    (``direct=True``) and for a level of the hierarchy are therefore painted in the same way. NaN
    values are painted as NaN.

    Lazy if the annotation or the values are a dask array; no label is read before it is computed.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid, including sections.
    values : Series, mapping or DataArray
        Numbers or booleans by region: a Series with acronyms, names or ids in its index, a mapping
        from these, or a DataArray with a dimension ``region``, such as :func:`aggregate` and
        :func:`volume` return, with any further dimensions. If it has a dimension ``hemisphere``,
        each hemisphere gets its values; a missing one is filled.
    fill : number or quantity, default: NaN
        For voxels in no given region, including the background.

    Returns
    -------
    DataArray
        On the annotation's grid, with its hierarchy, and the spatial dimensions in place of
        ``region``: (time, region) gives (time, z, y, x). Integers and booleans keep their type if
        `fill` fits, and otherwise become floats. The name and the unit of the values are kept, the
        latter as quantities or in the attributes like in the values.

    Raises
    ------
    RegionNotFoundError, AmbiguousRegionError
        If a region does not exist, or several share the acronym.
    ValueError
        If a region is given twice, or the values have no ``region``.
    HemisphereError
        If left and right cannot be distinguished.

    See Also
    --------
    aggregate : An image reduced by region.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> painted = xarray_atlas.paint(ds, {"CTX": 1, "RSP": 2}, fill=0)
    >>> painted.dims, painted.dtype
    (('z', 'y', 'x'), dtype('int64'))
    >>> int((painted == 2).sum()), ds.atlas.region_properties("RSP").voxels.item()
    (10174, 10174)
    """
    annotation = annotation_of(obj)
    terminology, _ = find_atlas(obj)
    given = read_values(values)
    positions = positions_of(terminology, given)
    keys, places = _places(terminology, positions)
    taken = [dim for dim in given.dims if dim in annotation.dims]
    if taken:
        raise GridError(f"the values have a dimension {taken[0]!r}, as the grid has: rename it")
    names = _sides(given)
    frames = [dim for dim in given.dims if dim not in ("region", "hemisphere")]
    array = given.transpose(*frames, "region", "hemisphere", missing_dims="ignore").variable.data
    unit = getattr(array, "units", None)
    array = getattr(array, "magnitude", array)
    table = _table(array, len(frames), _fill(fill, unit, given), given)
    sides = None
    if names is not None:
        side_of = hemispheres_of(obj)
        side_of = side_of.set_dims({d: side_of.sizes.get(d, 1) for d in annotation.dims})
        sides = side_of.data
    wanted = tuple(HEMISPHERES[name] for name in names or ())
    brush = _Brush(keys, places, wanted)
    painted = _painted(without_empty_chunks(annotation.data), sides, table, brush)
    order: list[Hashable] = []
    for dim in given.dims:
        order += annotation.dims if dim == "region" else [dim] if dim in frames else []
    variable = Variable((*frames, *annotation.dims), painted).transpose(*order)
    attrs = {
        name: told for name, told in given.attrs.items() if name not in ("units", "voxel_size")
    }
    variable = with_unit(variable, unit, given.attrs.get("units"), attrs)
    own = [n for n, c in given.coords.items() if {"region", "hemisphere"} & {n, *c.dims}]
    own += [n for n in given.coords if n in annotation.coords or str(n).startswith("region_")]
    coords = given.coords.to_dataset().drop_vars(own).coords
    return xr.DataArray(variable, coords=annotation.coords, name=given.name).assign_coords(coords)


def _places(terminology: Terminology, positions: Int64s) -> tuple[Int64s, Positions]:
    """Return the labels of given regions and their descendants, and the value of each."""
    place = np.full(len(terminology), -1)
    place[positions] = np.arange(positions.size)
    depth = np.where(place >= 0, terminology.depths, -1)
    # top down: regions without a value inherit that of their parent
    for region in terminology.preorder.tolist():
        above = terminology.parents[region]
        if place[region] < 0 <= above:
            place[region], depth[region] = place[above], depth[above]
    labels, regions = terminology.label_pairs(direct=True)
    held = place[regions] >= 0
    labels, regions = labels[held], regions[held]
    # of regions that share a label, use the more specific value
    order = np.lexsort([-depth[regions], labels])
    keys, first = np.unique(labels[order], return_index=True)
    return keys, place[regions[order][first]]


def _sides(given: xr.DataArray) -> list[str] | None:
    """Return the hemispheres of the values; None if they are for both."""
    if "hemisphere" not in given.coords:
        if "hemisphere" in given.dims:
            raise ValueError(
                "dimension 'hemisphere' of the values has no coordinate that names sides"
            )
        return None
    names, _ = resolve_hemispheres(np.atleast_1d(given["hemisphere"].values).tolist())
    if len(set(names)) < len(names):
        raise ValueError(f"a side is given twice: {names}")
    return names


def _fill(fill: Any, unit: Any, given: xr.DataArray) -> Any:
    """Return the fill value as a plain number, in the unit of the values."""
    if not hasattr(fill, "units"):
        return fill
    told = given.attrs.get("units") if unit is None else unit
    if told is None:
        raise UnitsError(f"fill is {fill}, but the values have no unit; pass a plain number")
    return fill.to(told).magnitude


def _table(array: Any, frames: int, fill: Any, given: xr.DataArray) -> Any:
    """Return the values of each frame, hemispheres side by side, and `fill` as the last."""
    dtype = _dtype(array.dtype, fill)
    array = array.astype(dtype).reshape(*array.shape[:frames], math.prod(array.shape[frames:]))
    xp = da if isinstance(array, da.Array) else np
    last = xp.full((*array.shape[:-1], 1), fill, dtype=dtype)
    return xp.concatenate([array, last], axis=-1)


def _dtype(dtype: np.dtype[Any], fill: Any) -> np.dtype[Any]:
    """Return the type for values and fill: integers become floats only if fill is one."""
    kind = np.asarray(fill).dtype.kind
    if kind not in "biuf" or np.ndim(fill):
        raise TypeError(f"fill is {fill!r}; pass a number")
    if kind == "f":
        if dtype.kind == "f":
            return dtype
        return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)
    if dtype.kind == "f":
        return dtype
    if dtype.kind == "b" and kind == "b":
        return dtype
    found = np.result_type(dtype, np.min_scalar_type(fill))
    if found.kind == "f":
        raise TypeError(f"no integer type holds {dtype} and fill={fill}; pass fill=float('nan')")
    return found


@dataclass(frozen=True)
class _Brush:
    """The value of each label, as a column of a table; with hemispheres, a column for each."""

    keys: Int64s
    places: Positions
    sides: tuple[int, ...]

    def columns(self, labels: Any, sides: Any) -> tuple[Positions, Ints]:
        """Return the runs of equal values in a block, and their columns: -1 for none."""
        start, found = runs(labels)
        at = lookup(found, self.keys)
        column = np.append(self.places, -1)[at]
        if sides is None:
            return start, column
        of_side = np.full(sides.shape, -1)
        for position, side in enumerate(self.sides):
            of_side[sides == side] = position
        whole = np.repeat(column, np.diff(start, append=labels.size)).reshape(labels.shape)
        return runs(np.where((whole < 0) | (of_side < 0), -1, whole * len(self.sides) + of_side))

    def paint(self, labels: Any, sides: Any, table: Any) -> Any:
        """Return the values of each voxel: shape (*frames, *labels.shape)."""
        start, column = self.columns(labels, sides)
        lengths = np.diff(start, append=labels.size)
        painted = np.repeat(table[..., column], lengths, axis=-1)
        return painted.reshape(*table.shape[:-1], *labels.shape)


def _painted(labels: Any, sides: Any, table: Any, brush: _Brush) -> Any:
    arrays = (labels, sides, table)
    if not any(isinstance(array, da.Array) for array in arrays):
        return brush.paint(labels, sides, table)
    if not isinstance(labels, da.Array):
        labels = da.from_array(labels, chunks=-1)
    labels = _in_slabs(labels)
    frames = table.ndim - 1
    if not isinstance(table, da.Array):
        voxels = math.prod(labels.chunksize)
        together = frames_together(dict(enumerate(table.shape[:-1])), voxels * table.itemsize)
        table = da.from_array(table, chunks=(*together.values(), -1))
    table = table.rechunk({frames: -1})
    spatial = tuple(range(frames, frames + labels.ndim))
    column = frames + labels.ndim
    arguments: list[Any] = [labels, spatial]
    if sides is None:
        arguments += [None, None]
    else:
        chunks = tuple(c if n > 1 else 1 for c, n in zip(labels.chunks, sides.shape, strict=True))
        arguments += [da.asarray(sides).rechunk(chunks), spatial]
    arguments += [table, (*range(frames), column)]
    return da.blockwise(
        _paint_block, (*range(frames), *spatial), *arguments,
        brush=delayed(brush, name=f"brush-{tokenize(brush)}", traverse=False),
        concatenate=True, align_arrays=False,
        dtype=table.dtype, meta=np.empty((0,) * column, table.dtype),
    )  # fmt: skip


def _paint_block(labels: Any, sides: Any, table: Any, brush: Any) -> Any:
    return brush.paint(labels, sides, table)


def _in_slabs(labels: da.Array) -> da.Array:
    """Split chunks along their first axis, to limit the size of painted blocks."""
    if labels.ndim == 0 or labels.size == 0:
        return labels
    planes = max(SLAB // max(int(math.prod(labels.chunksize[1:])), 1), 1)
    cut: list[int] = []
    for size in map(int, labels.chunks[0]):
        cut += [planes] * (size // planes) + [size % planes] * (size % planes > 0)
    slabs: da.Array = labels.rechunk({0: tuple(cut)})
    return slabs
