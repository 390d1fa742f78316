"""Overlap of the regions of two annotations."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, lengths, refuse_further
from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.units import quantity
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.labels import Ints, lookup
from xarray_atlas.kernels.pairs import PairTable, count_pairs, merge
from xarray_atlas.kernels.spacing import TOLERANCE, same_lengths, without_noise
from xarray_atlas.reductions.labels import boxed, without_empty_chunks
from xarray_atlas.regions.results import region_coords, voxel_size_attrs, without_descendants
from xarray_atlas.regions.volume import SIZES, voxel_sizes
from xarray_atlas.terminology import Terminology

__all__ = ["compare"]

ON = ("region_a", "region_b")


def compare(a: xr.Dataset | xr.DataArray, b: xr.Dataset | xr.DataArray) -> xr.Dataset:
    """Compute the overlap of the regions of two annotations.

    Both are read once, block by block if they are dask arrays. They may be two atlases, or two
    versions or parcellations of one.

    Parameters
    ----------
    a, b : Dataset or DataArray
        Atlases, or their annotations, on the same grid: with the same dimensions (in any order) and
        coordinates that agree within a millionth of a voxel.

    Returns
    -------
    Dataset
        With the dimensions ``region_a`` and ``region_b``: all regions with their descendants, or
        the parcels of a parcellation. Each is labelled like other results by region
        (``region_name_a``, ``region_id_b``, ...).

        ``voxels``
            Number of voxels in both, int64.
        ``volume``
            The same in mm**3; for a section ``area``, in mm**2.
        ``dice``
            Twice the overlap divided by the sum of both regions [1]_: 1 if they are equal, 0 if
            they are disjoint. NaN if neither has voxels.
        ``voxels_a``, ``voxels_b``
            Number of voxels of each region, int64, including those outside the regions of the
            other.

    Raises
    ------
    GridError
        If the grids differ.
    MissingTerminologyError
        If one of them has no hierarchy.

    References
    ----------
    .. [1] L. R. Dice, "Measures of the amount of ecologic association between species",
       Ecology 26, 1945, doi 10.2307/1932409.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> both = xarray_atlas.compare(ds.atlas.parcellate("cosmos"), ds.atlas.parcellate("beryl"))
    >>> both.sizes["region_a"], both.sizes["region_b"]
    (10, 306)
    >>> both.dice.sel(region_a="TH", region_b="PO").round(3).item()
    0.112
    """
    one, other = annotation_of(a), annotation_of(b)
    other = _on_grid(one, other)
    voxel = voxel_sizes(one, None)
    table = _pairs(one.data, other.data)
    first = _members(table.first, find_atlas(a)[0])
    second = _members(table.second, find_atlas(b)[0])
    # integers far below 2**53, which float64 sums exactly
    counts = np.zeros((first.shape[1], second.shape[1]))
    np.add.at(counts, (_codes(table.first), _codes(table.second)), table.voxels)
    voxels = (first @ counts @ second.T).astype(np.int64)
    of_a = (first @ counts.sum(axis=1)).astype(np.int64)
    of_b = (second @ counts.sum(axis=0)).astype(np.int64)
    both = of_a[:, None] + of_b
    size = without_noise(math.prod(voxel.values()))
    attrs = voxel_size_attrs(voxel)
    variables: dict[str, Variable] = {
        "voxels": Variable(ON, voxels),
        SIZES[len(voxel)]: QuantityVariable(ON, quantity(voxels * size, len(voxel)), attrs),
        "dice": Variable(ON, 2 * voxels / np.where(both > 0, both, np.nan)),
        "voxels_a": Variable(ON[:1], of_a),
        "voxels_b": Variable(ON[1:], of_b),
    }
    coords = {**_names(find_atlas(a)[0], "a"), **_names(find_atlas(b)[0], "b")}
    return xr.Dataset(variables, coords, attrs)


def _names(terminology: Terminology, side: str) -> dict[Hashable, Variable]:
    names = region_coords(terminology, terminology.default_positions)
    dim = f"region_{side}"
    return {
        f"{name}_{side}": Variable((dim,), variable.values, encoding=variable.encoding)
        for name, variable in names.items()
    }


def _codes(labels: Ints) -> Any:
    return np.unique(labels, return_inverse=True)[1]


def _members(labels: Ints, terminology: Terminology) -> Any:
    """Return the membership of each distinct label (columns) in regions (rows) as 0 and 1."""
    own, regions = terminology.label_pairs(without_descendants(terminology, None, False))
    keys = np.unique(own)
    places = np.full(len(terminology), -1, np.int64)
    places[terminology.default_positions] = np.arange(terminology.default_positions.size)
    found = lookup(np.unique(labels), keys)
    column = np.full(keys.size + 1, -1, np.int64)  # the last one is for labels of no region
    column[found] = np.arange(found.size)
    column[-1] = -1
    at, row = column[np.searchsorted(keys, own)], places[regions]
    there = (at >= 0) & (row >= 0)
    members = np.zeros((terminology.default_positions.size, found.size))
    members[row[there], at[there]] = 1
    return members


def _on_grid(a: xr.DataArray, b: xr.DataArray) -> xr.DataArray:
    """Return `b` with its dimensions in the order of `a`, or explain how the grids differ."""
    how = (
        "bring one onto the grid of the other first: b.atlas.resample_like(a), or "
        "b.atlas.interp_like(a, method='nearest')"
    )
    for annotation in (a, b):
        refuse_further(annotation, "compare")
    if set(a.dims) != set(b.dims):
        raise GridError(
            f"the annotations have different dimensions, {_sizes(a)} and {_sizes(b)}; {how}"
        )
    b = b.transpose(*a.dims)
    if a.shape != b.shape:
        raise GridError(f"the annotations differ in size, {_sizes(a)} and {_sizes(b)}; {how}")
    steps = voxel_sizes(a, None)
    (_, space), (_, other) = find_atlas(a), find_atlas(b)
    for axis in AXES:
        name, theirs = space.coordinate(a, axis), other.coordinate(b, axis)
        if name is None or (theirs is None and not a.coords[name].ndim):
            continue
        dims = a.coords[name].dims
        if theirs is None or b.coords[theirs].dims != dims:
            raise GridError(
                f"the second annotation has no coordinate {name!r}, which runs "
                f"{space.direction(axis)} along {dims[0]!r}; {how}"
            )
        if space.direction(axis) != other.direction(axis):
            if bool(space.world) != bool(other.world):
                raise GridError(
                    "one of the annotations has the world coordinates of a file and the other "
                    "counts from a corner, so that it is not known where they lie to each other; "
                    "bring one of them onto the other's grid with the matrix that relates them: "
                    "b.atlas.resample_like(a, matrix)"
                )
            raise GridError(
                f"the annotations differ along {name!r}: it runs {space.direction(axis)} in the "
                f"first and {other.direction(axis)} in the second; turn that first: "
                f"b.atlas.reorient({space.orientation!r})"
            )
        here, there = np.atleast_1d(lengths(a, name)), np.atleast_1d(lengths(b, theirs))
        size = steps[dims[0]] if dims else min(steps.values())
        if here.size > 1 and (here[-1] > here[0]) != (there[-1] > there[0]):
            b, there = b.isel({dims[0]: slice(None, None, -1)}), there[::-1]
        if not same_lengths(here, there, TOLERANCE * size):
            off = float(np.abs(here - there).max())
            raise GridError(
                f"the annotations differ along {name!r}: its coordinates are up to {off:g} mm "
                f"apart, of voxels of {size:g} mm; {how}"
            )
    return b


def _sizes(array: xr.DataArray) -> str:
    return "(" + ", ".join(f"{dim}: {size}" for dim, size in array.sizes.items()) + ")"


def _pairs(first: Any, second: Any) -> PairTable:
    first, second = without_empty_chunks(first), without_empty_chunks(second)
    lazy = [data for data in (first, second) if isinstance(data, da.Array)]
    if not lazy or first.size == 0:
        return count_pairs(np.asarray(first), np.asarray(second))
    chunks = lazy[0].chunks
    one, two = (
        data.rechunk(chunks) if isinstance(data, da.Array) else da.from_array(data, chunks)
        for data in (first, second)
    )
    tables = da.map_blocks(
        _pairs_of_block,
        one,
        two,
        chunks=tuple((1,) * n for n in one.numblocks),
        dtype=object,
        meta=np.empty((0,) * one.ndim, object),
    )
    merged = da.reduction(
        tables, chunk=_merged, aggregate=_merged, dtype=object, meta=np.empty((), object)
    )
    return merged.compute().item()  # type: ignore[no-any-return]


def _pairs_of_block(first: Any, second: Any) -> Any:
    return boxed(count_pairs(first, second), (1,) * first.ndim)


def _merged(tables: Any, axis: Any = None, keepdims: bool = True) -> Any:
    return boxed(merge(tables.ravel()), (1,) * tables.ndim if keepdims else ())
