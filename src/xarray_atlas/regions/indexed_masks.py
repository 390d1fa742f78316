"""Masks computed with the region index, without reading chunks that lack the region."""

from __future__ import annotations

import itertools
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from xarray_atlas.kernels.labels import Bools, Int64s, label_mask, lookup, region_masks
from xarray_atlas.kernels.tables import LabelTable
from xarray_atlas.reductions.stored import StoredArray

__all__ = ["indexed_masks"]


def indexed_masks(
    data: da.Array, source: StoredArray, index: LabelTable, keys: Int64s, table: Bools | None = None
) -> da.Array:
    """Return lazy masks of an annotation, using the index from a previous pass.

    Parameters
    ----------
    data : dask array of int
        An annotation that is read unchanged from a store.
    source : StoredArray
        The array in the store.
    index : LabelTable
        Index of the whole array.
    keys : ndarray of int64, shape (n_keys,)
        Labels, sorted and unique.
    table : ndarray of bool, shape (n_regions, n_keys), optional
        The labels that belong to each region. A single region of all labels by default.

    Returns
    -------
    dask array of bool
        With the shape and chunks of `data`; with a `table` preceded by one axis for the regions, in
        one chunk, so that each chunk of `data` is read once.
    """
    front = () if table is None else (len(table),)
    name = f"mask-{tokenize(source.snapshot, data.name, keys, table)}"
    shared = f"labels-{name}"
    graph: dict[Any, Any] = {shared: _Labels(keys, table)}
    held = _holding(data.chunks, index.rows(lookup(index.label, keys) >= 0))
    for place, may_hold in np.ndenumerate(held):
        shape = (*front, *(sizes[i] for sizes, i in zip(data.chunks, place, strict=True)))
        graph[(name, *(0 for _ in front), *place)] = (
            (_masks, shared, (data.name, *place)) if may_hold else (np.zeros, shape, bool)
        )
    depends: Any = [data]
    layers = HighLevelGraph.from_collections(name, graph, dependencies=depends)
    chunks = (*((n,) for n in front), *data.chunks)
    return da.Array(layers, name, chunks, dtype=bool)


class _Labels:
    """The labels of masks, as the value of a task: they are sent to each worker once."""

    def __init__(self, keys: Int64s, table: Bools | None) -> None:
        self.keys, self.table = keys, table


def _masks(of: _Labels, block: Any) -> Bools:
    if of.table is None:
        return label_mask(block, of.keys)
    return region_masks(block, of.keys, of.table)


def _holding(chunks: tuple[tuple[int, ...], ...], rows: LabelTable) -> Bools:
    """Return whether each block intersects one of the bounding boxes of the labels."""
    held = np.zeros([len(sizes) for sizes in chunks], bool)
    ends = [np.array([*itertools.accumulate(sizes)]) for sizes in chunks]
    first = [
        np.searchsorted(e, start, "right") for e, start in zip(ends, rows.start.T, strict=True)
    ]
    stop = [np.searchsorted(e, stop, "left") + 1 for e, stop in zip(ends, rows.stop.T, strict=True)]
    for a, b in {*zip(zip(*first, strict=True), zip(*stop, strict=True), strict=True)}:
        held[tuple(map(slice, a, b))] = True
    return held
