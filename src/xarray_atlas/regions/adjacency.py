"""The surface area of the boundary between regions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.units import quantity
from xarray_atlas.errors import RegionOverlapError
from xarray_atlas.kernels.boundaries import FaceTable, concatenate_faces, tabulate_faces
from xarray_atlas.kernels.labels import Int64s, Ints, lookup
from xarray_atlas.kernels.spacing import without_noise
from xarray_atlas.kernels.tables import concatenate
from xarray_atlas.reductions.labels import boxed, without_empty_chunks
from xarray_atlas.regions.results import Regions, region_coords, resolve_regions
from xarray_atlas.regions.volume import Measured, voxel_sizes
from xarray_atlas.terminology import Terminology

__all__ = ["adjacency"]


def adjacency(obj: xr.Dataset | xr.DataArray, regions: Regions | None = None) -> xr.DataArray:
    """Compute the surface area that regions share with each other, in mm**2.

    The boundary of two regions is counted in pairs of adjacent voxels, one of each region. The
    annotation is read once, block by block on the active dask scheduler, whatever the number of
    regions.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid. In a section (``ds.isel(z=100)``)
        regions share the edges of pixels, with a length in mm.
    regions : list of str, int or Region, optional
        By acronym, full name, or id (int); each with its descendants. They must not overlap. By
        default the parcels of a parcellation; of another atlas all regions that have a label,
        without their descendants (as with ``direct=True``), since the regions of a whole hierarchy
        overlap.

    Returns
    -------
    DataArray of quantities in mm**2
        Named ``adjacency``, with the dimensions ``region`` and ``neighbour``, both labelled by the
        regions; symmetric. It is 0 for regions that do not touch, between a region and itself, and
        for a region without voxels. Boundaries with the background, or with regions that were not
        given, are not included. ``attrs["voxel_size"]`` gives the grid.

    Raises
    ------
    RegionOverlapError
        If regions overlap, or one is given twice.
    TypeError
        For a single region.
    GridError
        If a coordinate is unevenly spaced, or a dimension is not spatial.
    RegionNotFoundError, AmbiguousRegionError
        If a region does not exist, or several share the acronym.

    Notes
    -----
    The boundary of voxels is stepped. The area of an oblique boundary is overestimated by a factor
    of up to the square root of 3, or 1.5 on average over all directions, and finer voxels do not
    change that. Compare only areas on the same grid.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> shared = xarray_atlas.adjacency(ds, ["RSP", "VISp", "ACA", "CB"])
    >>> shared.values.round(2)
    array([[0.  , 4.81, 2.09, 0.  ],
           [4.81, 0.  , 0.  , 0.  ],
           [2.09, 0.  , 0.  , 0.  ],
           [0.  , 0.  , 0.  , 0.  ]])
    >>> f"{shared.sel(region='RSP', neighbour='ACA').item():.2f}"
    '2.09 millimeter ** 2'
    """
    annotation = annotation_of(obj)
    terminology, _ = find_atlas(obj)
    positions, keys, owners = _disjoint(terminology, regions)
    voxel = voxel_sizes(annotation)
    table = _faces(annotation.variable)
    first, second = (_owner(labels, keys, owners) for labels in (table.low, table.high))
    between = (first >= 0) & (second >= 0) & (first != second)
    shared = np.zeros((positions.size, positions.size))
    for axis, size in enumerate(voxel.values()):
        across = between & (table.axis == axis)
        faces = np.zeros(shared.shape, np.int64)
        np.add.at(faces, (first[across], second[across]), table.faces[across])
        shared += (faces + faces.T) * without_noise(math.prod(voxel.values()) / size)
    no_counts = concatenate([], np.empty((0,) * annotation.ndim, np.int64))
    found = Measured(annotation, terminology, voxel, positions, (), no_counts, {})
    surface = QuantityVariable(
        ("region", "neighbour"), quantity(shared, len(voxel) - 1), found.attrs
    )
    return found.dataset({"adjacency": surface}, _neighbour_coords(found))["adjacency"]


def _disjoint(terminology: Terminology, regions: Regions | None) -> tuple[Int64s, Int64s, Int64s]:
    """Return disjoint regions, their labels in ascending order, and the region of each label."""
    positions, many = resolve_regions(terminology, regions)
    if not many:
        raise TypeError(
            f"adjacency is between regions: pass a list of two or more, not {regions!r} alone"
        )
    direct = regions is None  # a parcel may also have the rest of an ancestor of others
    if direct and terminology.parcels is None:
        positions = positions[np.isin(positions, terminology.label_regions)]
    keys, owners = _owners(terminology, positions, direct)
    _check_disjoint(terminology, positions, keys, owners)
    return positions, keys, owners


def _owners(terminology: Terminology, positions: Int64s, direct: bool) -> tuple[Int64s, Int64s]:
    """Return the labels of some regions in ascending order, and the index of the region of each."""
    keys, regions = terminology.label_pairs(direct)
    places = np.full(len(terminology), -1, np.int64)
    places[positions] = np.arange(positions.size)
    wanted = places[regions] >= 0
    return keys[wanted], places[regions[wanted]]


def _check_disjoint(
    terminology: Terminology, positions: Int64s, keys: Int64s, owners: Int64s
) -> None:
    names = terminology.distinct_acronyms[positions]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise RegionOverlapError(f"region {repeated[0]!r} is given more than once; give it once")
    shared = np.flatnonzero(keys[1:] == keys[:-1])
    if shared.size:
        one, other = owners[shared[0] : shared[0] + 2]
        raise RegionOverlapError(
            f"regions {names[one]!r} and {names[other]!r} overlap: both hold the label "
            f"{keys[shared[0]]}. A region is taken with its descendants, and only regions without "
            "a voxel in common have a surface between them: leave one of the two out"
        )


def _owner(labels: Ints, keys: Int64s, owners: Int64s) -> Int64s:
    """Return the index of the region of each label, or -1."""
    return np.append(owners, -1)[lookup(labels, keys)]


def _faces(annotation: Variable) -> FaceTable:
    """Tabulate adjacent voxels of an annotation in one pass, along its dimensions."""
    labels = without_empty_chunks(annotation.data)
    if not isinstance(labels, da.Array) or not labels.size:
        return tabulate_faces(np.asarray(labels))
    ahead = dict.fromkeys(range(labels.ndim), (0, 1))
    tables = da.map_blocks(
        _tabulate_block,
        da.overlap.overlap(labels, ahead, boundary="none"),
        last=[n - 1 for n in labels.numblocks],
        chunks=tuple((1,) * n for n in labels.numblocks),
        dtype=object,
        meta=np.empty((0,) * labels.ndim, object),
    )
    merged = da.reduction(
        tables, chunk=_merge, aggregate=_merge, dtype=object, meta=np.empty((), object)
    )
    return merged.compute().item()  # type: ignore[no-any-return]


def _tabulate_block(block: Any, block_id: Any, last: list[int]) -> Any:
    """Tabulate a block with a margin of one voxel of the next one, except at the end of an axis."""
    own = [size - (i < n) for size, i, n in zip(block.shape, block_id, last, strict=True)]
    return boxed(tabulate_faces(block, own), (1,) * block.ndim)


def _merge(tables: Any, axis: Any = None, keepdims: bool = True) -> Any:
    """Concatenate the tables of several blocks, as a dask reduction."""
    return boxed(concatenate_faces(tables.ravel()), (1,) * tables.ndim if keepdims else ())


def _neighbour_coords(found: Measured) -> dict[Hashable, Variable]:
    """Return the coordinates of the second dimension, named after those of the first."""
    coords = region_coords(found.terminology, found.positions)
    return {
        str(name).replace("region", "neighbour"): Variable(
            ("neighbour",), variable.values, encoding=variable.encoding
        )
        for name, variable in coords.items()
    }
