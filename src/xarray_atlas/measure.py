"""How large regions are: volumes, and areas in a section."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.atlas_index import find_atlas, find_coordinate
from xarray_atlas.errors import GridError
from xarray_atlas.grid import (
    HEMISPHERES,
    annotation_of,
    hemispheres_of,
    resolve_hemispheres,
    spacing,
)
from xarray_atlas.labels import PairCounts, count_labels, count_pairs, lookup, merge_pairs
from xarray_atlas.quantity_variable import QuantityVariable
from xarray_atlas.results import (
    Positions,
    Regions,
    hemisphere_coord,
    region_coords,
    resolve_regions,
)
from xarray_atlas.spacing import without_noise
from xarray_atlas.terminology import Terminology
from xarray_atlas.units import quantity

__all__ = ["area", "volume"]

_NOTHING: PairCounts = merge_pairs([])


def volume(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None = None,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
) -> xr.DataArray:
    """Measure the volume of regions, with their descendants, in mm**3.

    The annotation is read once, whatever the number of regions: block by block
    on the active dask scheduler, or at once where it is no dask array. The size
    of a voxel is measured from the coordinates, so that a part, a stride or a
    coarser level of the atlas gives the right number. An axis of one voxel has
    the size that its coordinate remembers (of a stride or ``coarsen`` too),
    else the voxel size of the atlas.

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
        has 0 mm**3. ``attrs["voxel_size"]`` says which grid it came from, on
        which the volume of a region depends (CA1 grows by 8 % from 25 to 100 um).

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
    >>> both = xarray_atlas.volume(ds, ["RSP", "VISp"])
    >>> both.pint.to("uL").pint.magnitude.round(2)
    array([10.39,  7.03])
    >>> both.attrs["voxel_size"]
    '0.05 x 0.05 x 0.05 mm (z, y, x)'

    The unit is in the attributes too, so that it is still there in a file:

    >>> both.attrs["units"]
    'mm ** 3'
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
        If the object has not two spatial dimensions, or they are unevenly spaced.
    RegionNotFoundError, AmbiguousRegionError, HemisphereError
        As :func:`volume` has them.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> f"{xarray_atlas.area(ds.sel(z='9 mm', method='nearest'), 'RSP').item():.2f}"
    '2.01 millimeter ** 2'
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
    positions, many = resolve_regions(terminology, terminology if regions is None else regions)
    voxel = _voxel(annotation, ndim)
    if hemisphere is None:
        names, both = ["whole"], False
        sides, wanted = Variable((), np.uint8(0)), [0]
    else:
        names, both = resolve_hemispheres(hemisphere)
        sides, wanted = hemispheres_of(obj), [HEMISPHERES[name] for name in names]
    counted = _count(*_crop(annotation.variable, sides, wanted)) if positions.size else _NOTHING
    counts = _by_region(counted, wanted, terminology, positions, direct)
    size = without_noise(math.prod(voxel.values()))
    shown = " x ".join(f"{step:.12g}" for step in voxel.values())
    attrs = {"voxel_size": f"{shown} mm ({', '.join(map(str, voxel))})"}
    coords = region_coords(terminology, positions)
    if hemisphere is not None:
        coords["hemisphere"] = hemisphere_coord(names)
    name = {2: "area", 3: "volume"}[ndim]
    sizes = QuantityVariable(("region", "hemisphere"), quantity(counts * size, ndim), attrs)
    # by way of a Dataset, which keeps the variable as it is
    result = xr.Dataset({name: sizes}, coords)[name]
    single = {"region": not many, "hemisphere": not both}
    result = result.isel({dim: 0 for dim, dropped in single.items() if dropped})
    # the position of a section, and whatever else is not on the grid; not the regions of a mask
    # that was applied; and not the hierarchy, with its space: volumes of two resolutions are
    # there to be compared
    grid = [name for name, coord in annotation.coords.items() if coord.ndim]
    gone = {*grid, find_coordinate(annotation), *coords, "hemisphere"}
    return result.assign_coords(annotation.drop_vars(gone, errors="ignore").coords)


def _voxel(annotation: xr.DataArray, ndim: int) -> dict[Hashable, float]:
    """Return the voxel size along each dimension, which must be `ndim` spatial ones."""
    found = spacing(annotation, need=ndim)
    if len(found) > ndim:
        dim = next(iter(found))
        raise GridError(
            f"an area needs a section, this object has {len(found)} spatial dimensions; "
            f"select a plane, for example isel({dim}=5), or measure the volume"
        )
    for dim in annotation.dims:
        if dim not in found:
            raise GridError(
                f"dimension {dim!r} of {annotation.name!r} is not a spatial one; measure its "
                f"{annotation.sizes[dim]} entries one at a time, for example isel({dim}=0)"
            )
    return {dim: found[dim] for dim in annotation.dims}


def _crop(
    annotation: Variable, sides: Variable, wanted: Sequence[int]
) -> tuple[Variable, Variable]:
    """Leave out the planes at both ends that are on no wanted side: they need not be read."""
    if sides.ndim != 1:
        return annotation, sides
    held = np.flatnonzero(np.isin(sides.values, wanted))
    part = {sides.dims[0]: slice(held[0], held[-1] + 1) if held.size else slice(0)}
    return annotation.isel(part), sides.isel(part)


def _count(annotation: Variable, sides: Variable) -> PairCounts:
    """Count the voxels of each label on each side, in one pass."""
    # as many dimensions as the annotation, of length 1 where the side does not depend on them
    sides = sides.set_dims({dim: sides.sizes.get(dim, 1) for dim in annotation.dims})
    # dask would read a block to take nothing of it
    labels = annotation.data if annotation.size else np.empty(annotation.shape, annotation.dtype)
    if not isinstance(labels, da.Array):
        return _count_block(labels, sides.values).item()  # type: ignore[no-any-return]
    chunks = {
        dim: sizes if sides.sizes[dim] == annotation.sizes[dim] else 1
        for dim, sizes in annotation.chunksizes.items()
    }
    index = tuple(range(labels.ndim))
    tables = da.blockwise(
        _count_block, index, labels, index, sides.chunk(chunks).data, index,
        adjust_chunks=dict.fromkeys(index, 1), align_arrays=False,
        dtype=object, meta=np.empty((0,) * labels.ndim, object),
    )  # fmt: skip
    merged = da.reduction(
        tables, chunk=_merge, aggregate=_merge, dtype=object, meta=np.empty((), object)
    )
    return merged.compute().item()  # type: ignore[no-any-return]


def _count_block(block: Any, sides: Any) -> Any:
    """Count one block; its table is the one element of an array of objects."""
    if sides.size and (sides == sides.flat[0]).all():
        labels, counts = count_labels(block)
        table: PairCounts = labels, np.full(labels.shape, sides.flat[0], np.int64), counts
    else:
        table = count_pairs(block, np.broadcast_to(sides, block.shape))
    return _boxed(table, (1,) * block.ndim)


def _merge(tables: Any, axis: Any = None, keepdims: bool = True) -> Any:
    """Merge the tables of several blocks, as a reduction of dask asks for it."""
    return _boxed(merge_pairs(tables.ravel()), (1,) * tables.ndim if keepdims else ())


def _boxed(table: PairCounts, shape: tuple[int, ...]) -> Any:
    box = np.empty(shape, object)
    box[(0,) * len(shape)] = table
    return box


def _by_region(
    table: PairCounts,
    wanted: Sequence[int],
    terminology: Terminology,
    positions: Positions,
    direct: bool,
) -> Positions:
    """Add up the voxels of each region's labels, of shape (regions, wanted sides)."""
    labels, at = np.unique(table[0], return_inverse=True)
    counts = np.zeros((labels.size, len(wanted)), np.int64)
    for column, side in enumerate(wanted):
        there = table[1] == side
        counts[at[there], column] = table[2][there]
    result = np.zeros((positions.size, len(wanted)), np.int64)
    for row, position in enumerate(positions):
        own = terminology.labels_of(int(position), direct=direct)
        result[row] = counts[lookup(labels, own) >= 0].sum(axis=0)
    return result
