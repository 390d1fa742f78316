"""Masks that are stored beside the labels, one for each region and its descendants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize

from xarray_atlas.kernels.labels import Int64s, lookup
from xarray_atlas.kernels.tables import LabelTable
from xarray_atlas.reductions.stored import MaskStore, stored_array
from xarray_atlas.terminology import Terminology

__all__ = ["stored_masks"]

SMALL = 2**23
"""Bytes of labels: so few are read sooner than it is asked whether there are masks."""

Box = tuple[tuple[int, int], ...]


def stored_masks(
    data: Any,
    terminology: Terminology,
    positions: Int64s,
    labels: Sequence[Int64s],
    index: LabelTable | None,
) -> da.Array | None:
    """Return lazy masks of regions from the masks of an atlas's store.

    Parameters
    ----------
    data : array
        An annotation.
    terminology : Terminology
    positions : ndarray of int64
        The regions.
    labels : sequence of ndarray of int64
        The labels of each region, its descendants' among them.
    index : LabelTable, optional
        What passes over the annotation have learned.

    Returns
    -------
    dask array of bool, shape (n_regions, ...), or None
        In the chunks of `data`. None where the annotation is not read from a store as it is, the
        store has no mask of one of the regions, or fewer bytes have to be decoded of the labels.
    """
    source = stored_array(data)
    if source is None or not len(positions):
        return None
    boxes = [_box(data.shape, own, index) for own in labels]
    cost = _voxels(_around(boxes), tuple(map(max, data.chunks))) * data.dtype.itemsize
    if cost <= SMALL:
        return None
    store = source.masks()
    if store is None or store.terminology != terminology.fingerprint:
        return None
    found = [_position(store, terminology, int(position)) for position in positions]
    if any(at is None for at in found):
        return None
    chunks = store.chunks[1:]
    if sum(_voxels(box, chunks) for box in boxes) >= cost:
        return None
    parts = [
        _lazy(store, at, box, data.shape, chunks, (source.snapshot, data.name))
        for at, box in zip(found, boxes, strict=True)
        if at is not None
    ]
    stacked: da.Array = da.stack([part.rechunk(data.chunks) for part in parts])
    return stacked


def _position(store: MaskStore, terminology: Terminology, position: int) -> int | None:
    """Return which of the masks is a region's; None where it has no label, or several."""
    own = terminology.labels_of(position, direct=True)
    return store.position(int(own[0])) if len(own) == 1 else None


def _box(shape: tuple[int, ...], labels: Int64s, index: LabelTable | None) -> Box:
    """Return what holds all voxels of some labels, as far as it is known."""
    if index is None:
        return tuple((0, size) for size in shape)
    rows = lookup(index.label, labels) >= 0
    if not rows.any():
        return tuple((0, 0) for _ in shape)
    start, stop = index.start[rows].min(axis=0), index.stop[rows].max(axis=0)
    return tuple(zip(start.tolist(), stop.tolist(), strict=True))


def _around(boxes: Sequence[Box]) -> Box:
    """Return the box around boxes, of which empty ones are passed over."""
    full = [box for box in boxes if all(start < stop for start, stop in box)] or boxes[:1]
    return tuple(
        (min(start for start, _ in axis), max(stop for _, stop in axis))
        for axis in zip(*full, strict=True)
    )


def _voxels(box: Box, chunks: tuple[int, ...]) -> int:
    """Count the voxels of all chunks that a box reaches into."""
    return math.prod(
        (-(-stop // size) - start // size) * size if start < stop else 0
        for (start, stop), size in zip(box, chunks, strict=True)
    )


def _lazy(
    store: MaskStore, at: int, box: Box, shape: tuple[int, ...], chunks: Any, seen: Any
) -> da.Array:
    mask = _StoredMask(store, at, box, shape)
    name = f"stored-mask-{tokenize(store.place, at, box, seen)}"
    lazy: da.Array = da.from_array(
        mask, chunks, name=name, fancy=False, meta=np.empty((0,) * len(shape), bool)
    )
    return lazy


class _StoredMask:
    """What dask reads block by block."""

    dtype = np.dtype(bool)

    def __init__(self, store: MaskStore, at: int, box: Box, shape: tuple[int, ...]) -> None:
        self.store, self.at, self.box, self.shape = store, at, box, shape
        self.ndim = len(shape)

    def __getitem__(self, key: tuple[slice, ...]) -> Any:
        places = [range(size)[part] for part, size in zip(key, self.shape, strict=True)]
        reached = (
            len(there) and min(there[0], there[-1]) < stop and max(there[0], there[-1]) >= start
            for there, (start, stop) in zip(places, self.box, strict=True)
        )
        if not all(reached):
            return np.zeros([len(there) for there in places], bool)
        return self.store.read(self.at, key)
