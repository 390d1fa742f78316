"""Masks of regions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from dask.base import tokenize
from dask.delayed import delayed
from dask.utils import parse_bytes
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.hemispheres import (
    HEMISPHERES,
    has_hemispheres,
    hemispheres_of,
    resolve_hemispheres,
    sides_if_known,
)
from xarray_atlas.kernels.labels import Int64s, label_mask, region_masks
from xarray_atlas.kernels.tables import LabelTable
from xarray_atlas.reductions import cache
from xarray_atlas.reductions.labels import without_empty_chunks
from xarray_atlas.reductions.stored import StoredArray, stored_array
from xarray_atlas.regions.indexed_masks import indexed_masks
from xarray_atlas.regions.results import (
    Regions,
    hemisphere_coord,
    region_coords,
    resolve_regions,
    without_descendants,
)
from xarray_atlas.regions.volume import require_plausible

__all__ = ["mask"]


def mask(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
) -> xr.DataArray:
    """Compute the mask of a region and its descendants.

    The mask is lazy if the annotation is a dask array; otherwise it is a numpy array. One pass over
    each block computes the masks of all regions that share a chunk of the result. If a pass over
    the same Dataset has been made before (by :func:`volume`, for example), chunks without the
    regions are not read, in this and every part of the mask. Like the volumes, the mask then
    reflects the store at that time: voxels of the regions that were written since then, into chunks
    that had none, are missed until the atlas is opened again. With
    ``set_options(index_cache=True)`` the first call may list the store. An image in place of the
    annotation, or hemispheres other than 1 and 2, are only detected if such a pass has been made.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid.
    regions : str, int, Region, or list of these
        By acronym, full name, or id (int).
    hemisphere : "left", "right" or a list of both, optional
        Only the voxels in that hemisphere. A voxel on the midline is left.
    direct : bool, default: False
        Only voxels labelled with the region itself, without its descendants.

    Returns
    -------
    DataArray of bool
        Named ``mask``, on the annotation's grid. A list of regions adds a leading ``region``
        dimension, a list of hemispheres a ``hemisphere`` dimension after it. The mask of a region
        without voxels is False everywhere. The ``region`` axis of a lazy mask is chunked such that
        chunks have about the size of dask's ``array.chunk-size``.

    Raises
    ------
    RegionNotFoundError, AmbiguousRegionError
        If a region does not exist, or several share the acronym.
    GridError
        If the labels are not integers.
    HemisphereError
        If left and right cannot be distinguished.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> rsp = xarray_atlas.mask(ds, "RSP")
    >>> rsp.dtype, rsp.dims, int(rsp.sum())
    (dtype('bool'), ('z', 'y', 'x'), 10174)
    >>> xarray_atlas.mask(ds, ["RSP", "VISp"]).dims
    ('region', 'z', 'y', 'x')
    """
    annotation = annotation_of(obj)
    terminology, _ = find_atlas(obj)
    positions, many = resolve_regions(terminology, regions)
    direct = without_descendants(terminology, regions, direct)
    labels = [terminology.labels_of(int(position), direct=direct) for position in positions]
    data = without_empty_chunks(annotation.data)
    known = _known_of(obj, annotation, data)
    if known is not None:  # using the results of previous passes costs nothing
        require_plausible(obj, annotation, known[1], None)
    if many:
        result = Variable(("region", *annotation.dims), _masks(data, labels, known))
    else:
        result = Variable(annotation.dims, _mask(data, labels[0], known))
    coords = region_coords(terminology, positions, many)
    if hemisphere is not None:
        names, both = resolve_hemispheres(hemisphere)
        wanted = Variable(("hemisphere",), [HEMISPHERES[name] for name in names])
        sides = hemispheres_of(obj)
        tabulated = cache.find(annotation.variable, sides) if has_hemispheres(obj) else None
        if tabulated is not None:
            require_plausible(obj, annotation, tabulated, sides)
        on_side = sides == (wanted if both else wanted[0])
        order = (*(("region",) if many else ()), *(("hemisphere",) if both else ()))
        result = (result & on_side).transpose(*order, *annotation.dims)
        coords["hemisphere"] = hemisphere_coord(names, both)
    return xr.DataArray(result, coords=annotation.coords, name="mask").assign_coords(coords)


_Known = tuple[StoredArray, LabelTable]


def _known_of(obj: xr.Dataset | xr.DataArray, annotation: xr.DataArray, data: Any) -> _Known | None:
    """Return the stored array that is read, and the results of previous passes over it, if any."""
    source = stored_array(data)
    if source is None:
        return None
    index = cache.find_any(annotation.variable)
    if index is None:
        index = cache.find(annotation.variable, sides_if_known(obj))
    return None if index is None else (source, index)


def _mask(data: Any, labels: Int64s, known: _Known | None) -> Any:
    if not isinstance(data, da.Array):
        return label_mask(data, labels)
    if known is not None:
        return indexed_masks(data, *known, labels)
    meta = np.empty((0,) * data.ndim, bool)
    return da.map_blocks(label_mask, data, _sent_once(labels), dtype=bool, meta=meta)


def _masks(data: Any, labels: Sequence[Int64s], known: _Known | None) -> Any:
    keys = np.unique(np.concatenate([np.empty(0, np.int64), *labels]))
    # the labels that belong to each region
    table = np.array([np.isin(keys, own) for own in labels], bool).reshape(len(labels), keys.size)
    if not isinstance(data, da.Array):
        return region_masks(data, keys, table)
    block = max(math.prod(max(sizes) for sizes in data.chunks), 1)
    regions = max(parse_bytes(dask.config.get("array.chunk-size")) // block, 1)
    if known is not None and 0 < len(labels) <= regions:
        return indexed_masks(data, *known, keys, table)
    table = da.from_array(table, chunks=(regions, -1))
    voxels = tuple(range(2, data.ndim + 2))
    return da.blockwise(
        _masks_of_block, (0, *voxels), table, (0, 1), data, voxels,
        keys=_sent_once(keys), concatenate=True, align_arrays=False,  # no two share an index
        dtype=bool, meta=np.empty((0,) * (data.ndim + 1), bool),
    )  # fmt: skip


def _sent_once(labels: Int64s) -> Any:
    """Wrap labels into a separate task, so that they are sent to each worker once."""
    return delayed(labels, name=f"labels-{tokenize(labels)}", traverse=False)


def _masks_of_block(table: Any, block: Any, keys: Any) -> Any:
    return region_masks(block, keys, table)
