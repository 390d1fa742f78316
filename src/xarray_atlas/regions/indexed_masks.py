"""Masks from labels and the index of a pass: chunks without the region are not read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize

from xarray_atlas.kernels.labels import Bools, Int64s, label_mask, lookup, region_masks
from xarray_atlas.kernels.tables import LabelTable
from xarray_atlas.reductions.stored import StoredArray, read_from

__all__ = ["indexed_masks"]


def indexed_masks(
    data: da.Array, source: StoredArray, index: LabelTable, keys: Int64s, table: Bools | None = None
) -> da.Array:
    """Return lazy masks of an annotation, by what a pass over it has learned.

    Parameters
    ----------
    data : dask array of int
        An annotation that is read from a store as it is.
    source : StoredArray
        The array in the store.
    index : LabelTable
        Of the whole of it.
    keys : ndarray of int64, shape (n_keys,)
        Labels, sorted and unique.
    table : ndarray of bool, shape (n_regions, n_keys), optional
        Which of the labels belong to each region. One region of all labels by default.

    Returns
    -------
    dask array of bool
        Of the shape and in the chunks of `data`; with a `table` preceded by one axis for the
        regions, in one chunk, so that each chunk of `data` is read once.
    """
    chunks: Sequence[Any] = data.chunks if table is None else (-1, *data.chunks)
    masks = _StoredMasks(read_from(data), data.shape, index, keys, table)
    name = f"mask-{tokenize(source.snapshot, data.name, keys, table)}"
    # one layer for what is read and what is made of it, and one task a chunk
    lazy: da.Array = da.from_array(
        masks, chunks, name=name, fancy=False, meta=np.empty((0,) * len(chunks), bool)
    )
    return lazy


class _StoredMasks:
    """What dask reads block by block."""

    dtype = np.dtype(bool)

    def __init__(
        self,
        labels: Any,
        shape: tuple[int, ...],
        index: LabelTable,
        keys: Int64s,
        table: Bools | None,
    ) -> None:
        self.labels, self.keys, self.table = labels, keys, table
        self.shape = shape if table is None else (len(table), *shape)
        self.ndim = len(self.shape)
        # the boxes that hold all there is of each of the labels
        at = lookup(index.label, keys)
        known = at >= 0
        self.at, self.start, self.stop = at[known], index.start[known], index.stop[known]
        self.box = (
            list(zip(self.start.min(axis=0).tolist(), self.stop.max(axis=0).tolist(), strict=True))
            if known.any()
            else [(0, 0)] * len(shape)
        )

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        """Make the masks of a part, given by a slice or a position along each axis."""
        places = [
            range(size)[part] if isinstance(part, slice) else range(part, part + 1)
            for part, size in zip(key, self.shape, strict=True)
        ]
        voxels = len(self.box)
        chosen = None if self.table is None else self.table[key[0]]
        if not self._may_hold(chosen, places[-voxels:]):
            kept = [len(p) for p, part in zip(places, key, strict=True) if isinstance(part, slice)]
            return np.zeros(kept, bool)
        block = np.asarray(self.labels[key[-voxels:]])
        if chosen is None:
            return label_mask(block, self.keys)
        masks = region_masks(block, self.keys, np.atleast_2d(chosen))
        return masks if chosen.ndim == 2 else masks[0]

    def _may_hold(self, chosen: Any, places: list[range]) -> bool:
        """Tell whether one of the boxes of wanted labels reaches into a part."""
        # nearly all parts lie outside of what holds all boxes
        for there, (start, stop) in zip(places, self.box, strict=True):
            if not there or max(there[0], there[-1]) < start or min(there[0], there[-1]) >= stop:
                return False
        low = np.array([min(there[0], there[-1]) for there in places])
        high = np.array([max(there[0], there[-1]) for there in places])
        reaches = ((self.start <= high) & (self.stop > low)).all(axis=1)
        if chosen is not None:
            wanted: Bools = np.atleast_2d(chosen)
            reaches &= np.logical_or.reduce(wanted, axis=0)[self.at]
        return bool(reaches.any())
