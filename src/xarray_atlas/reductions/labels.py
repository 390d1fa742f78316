"""Tabulate the labels of an annotation in one pass.

Each chunk is reduced to a small table by the task that reads it; the tables are merged in a tree on
the active dask scheduler. Workers get neither the hierarchy nor the coordinates: tables are in
labels and voxels, and callers sum them by region.
"""

from __future__ import annotations

import itertools
from typing import Any

import dask.array as da
import numpy as np
from xarray import Variable

from xarray_atlas.kernels.tables import LabelTable, concatenate, shifted, tabulate
from xarray_atlas.reductions.schedulers import compute
from xarray_atlas.reductions.stored import stored_array
from xarray_atlas.reductions.stored_labels import can_follow, scan_stored

__all__ = ["boxed", "scan", "without_empty_chunks"]


def scan(annotation: Variable, sides: Variable, progress: bool = False) -> LabelTable:
    """Tabulate the labels of an annotation by hemisphere and chunk, in one pass.

    Parameters
    ----------
    annotation : Variable of int
    sides : Variable of int
        The hemisphere of each voxel, on the annotation's dimensions on which it depends.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    LabelTable
        Positions are counted from the annotation's first voxel, along its dimensions.
    """
    # as many dimensions as the annotation, of length 1 if the hemisphere does not depend on them
    sides = sides.set_dims({dim: sides.sizes.get(dim, 1) for dim in annotation.dims})
    # dask would read a block to take nothing from it
    labels = annotation.data if annotation.size else np.empty(annotation.shape, annotation.dtype)
    if not isinstance(labels, da.Array):
        return tabulate(labels, np.asarray(sides.values))
    stored, beside = stored_array(labels), stored_array(sides._data) or sides._data
    if stored is not None and can_follow(beside, stored):
        return scan_stored(stored, beside, progress)
    labels = without_empty_chunks(labels)
    along = {
        dim: sizes if sides.sizes[dim] == annotation.sizes[dim] else 1
        for dim, sizes in zip(annotation.dims, labels.chunks, strict=True)
    }
    tables = da.map_blocks(
        _tabulate_block,
        labels,
        sides.chunk(along).data,
        starts=[[0, *itertools.accumulate(sizes)] for sizes in labels.chunks],
        chunks=tuple((1,) * n for n in labels.numblocks),
        dtype=object,
        meta=np.empty((0,) * labels.ndim, object),
    )
    merged = da.reduction(
        tables, chunk=_merge, aggregate=_merge, dtype=object, meta=np.empty((), object)
    )
    return compute(merged, progress).item()  # type: ignore[no-any-return]


def _tabulate_block(block: Any, sides: Any, block_id: Any, starts: list[list[int]]) -> Any:
    """Tabulate one block; its table is the single element of an object array."""
    corner = [start[i] for start, i in zip(starts, block_id, strict=True)]
    return boxed(shifted(tabulate(block, sides), corner), (1,) * block.ndim)


def _merge(tables: Any, axis: Any = None, keepdims: bool = True) -> Any:
    """Concatenate the tables of several blocks, as a dask reduction."""
    return boxed(concatenate(tables.ravel()), (1,) * tables.ndim if keepdims else ())


def boxed(table: Any, shape: tuple[int, ...]) -> Any:
    """Wrap one object into an object array, for dask."""
    box = np.empty(shape, object)
    box[(0,) * len(shape)] = table
    return box


def without_empty_chunks(data: Any) -> Any:
    """Drop empty chunks left by slicing: dask broadcasts a length of 1 over them."""
    if not isinstance(data, da.Array) or data.size == 0:
        return data
    full = tuple(tuple(size for size in sizes if size) for sizes in data.chunks)
    return data if full == data.chunks else data.rechunk(full)
