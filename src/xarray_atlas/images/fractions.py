"""The fraction of each voxel of a grid that each region fills: soft masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np

from xarray_atlas.images.blocks import Mapping3, as_source, block_chunks, by_block
from xarray_atlas.kernels.labels import Int64s, lookup, runs
from xarray_atlas.kernels.positions import (
    GivenPositions,
    Positions,
    SourceAxis,
    summed,
    voxel_positions,
)
from xarray_atlas.kernels.sampling import nearest
from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray

__all__ = ["MOST_POINTS", "label_fractions", "points_along"]

MOST_POINTS = 16
"""Points along each axis of a voxel that are looked up where its faces are oblique, at most."""


def label_fractions(
    labels: Any,
    mapping: Mapping3,
    sizes: Sequence[float],
    keys: Int64s,
    rows: Int64s,
    count: int,
) -> Any:
    """Compute the fraction of each voxel of a target that each region fills.

    Parameters
    ----------
    labels : numpy or dask array of int, shape (n, m, k)
    mapping : Mapping3
    sizes : sequence of float
        Voxel size of the target, in mm.
    keys, rows : ndarray of int64
        Pairs of a label and the region it belongs to, sorted by label.
    count : int
        Number of regions.

    Returns
    -------
    numpy or dask array of float64, shape (count, ...)
        All regions in one chunk, so that labels are read once.
    """
    lazy = isinstance(labels, da.Array) or mapping.is_lazy
    source = as_source(labels, copy=lazy)
    matrix = mapping.linear
    linear = matrix[:, :3]
    sized = np.asarray(sizes, float)
    kernel: _Exact | _Sampled
    if not mapping.steps and _is_aligned(linear * sized):
        kernel = _Exact(matrix, tuple(sizes), keys, rows, count)
    else:
        kernel = _Sampled(matrix, tuple(sizes), keys, rows, count)
    margin = (np.abs(linear) @ sized / 2).tolist()
    # held per source voxel: its label, its place and its weight
    blocks = block_chunks(mapping, 24, beside=max(count // 3, 1), margin=margin)
    zero = np.float64(0)
    result = by_block(source, mapping, kernel, "nearest", blocks, zero, (count,), margin)
    return result if lazy else result.compute(scheduler="threads")


def points_along(matrix: FloatArray, sizes: Sequence[float]) -> tuple[int, ...]:
    """Return the number of sampling points along each axis of an oblique voxel.

    Points are half a voxel of the source apart; at least 4 and at most :data:`MOST_POINTS`.
    """
    spans = np.abs(matrix[:, :3] * np.asarray(sizes, float)).max(axis=0)
    wanted = np.ceil(2 * spans - TOLERANCE).astype(int)
    return tuple(np.clip(wanted, 4, MOST_POINTS).tolist())


def _is_aligned(linear: FloatArray) -> bool:
    """Return whether each axis of one grid is parallel to one of the other."""
    held = np.abs(linear) > 1e-9 * np.abs(linear).max()
    return bool((held.sum(axis=0) == 1).all() and (held.sum(axis=1) == 1).all())


@dataclass(frozen=True)
class _Shares:
    matrix: FloatArray
    sizes: tuple[float, ...]
    keys: Int64s
    rows: Int64s
    count: int

    def _add(self, total: FloatArray, labels: Any, places: Any, weights: Any) -> None:
        """Add weights at some places to the voxels of a block, for the regions of the labels."""
        starts, values = runs(labels)
        distinct, of_run = np.unique(values, return_inverse=True)
        where = np.repeat(of_run.ravel(), np.diff(starts, append=labels.size)).astype(np.int64)
        size = total.shape[1]
        sums = np.bincount(
            where * size + places.ravel(), weights.ravel(), minlength=distinct.size * size
        ).reshape(distinct.size, size)
        unique, first, pairs = np.unique(self.keys, return_index=True, return_counts=True)
        at = lookup(distinct, unique)
        for own, key in zip(sums, at.tolist(), strict=True):
            if key >= 0:
                total[self.rows[first[key] : first[key] + pairs[key]]] += own


@dataclass(frozen=True)
class _Exact(_Shares):
    """Fractions if voxels of one grid are boxes in the other: products of overlaps."""

    def __call__(
        self,
        source: Any,
        start: Sequence[int],
        axes: Sequence[SourceAxis],
        positions: Positions,
    ) -> Any:
        shape = positions.shape
        total = np.zeros((self.count, int(np.prod(shape))))
        spans = np.abs(self.matrix[:, :3] * np.asarray(self.sizes)).sum(axis=1)
        (own_0, at_0, share_0), (own_1, at_1, share_1), (own_2, at_2, share_2) = (
            _overlaps(position.ravel(), float(span), axis, first, size)
            for position, span, axis, first, size in zip(
                summed(positions.part(())), spans, axes, start, source.shape, strict=True
            )
        )
        strides = np.array([shape[1] * shape[2], shape[2], 1])
        # the axis of the target along each axis of the source
        stride_0, stride_1, stride_2 = strides[np.abs(self.matrix[:, :3]).argmax(axis=1)]
        labels = source[np.ix_(own_0, own_1, own_2)]
        if labels.size:
            places = (at_0 * stride_0)[:, None, None] + (at_1 * stride_1)[:, None] + at_2 * stride_2
            weights = share_0[:, None, None] * share_1[:, None] * share_2
            self._add(total, labels, places, weights)
        return total.reshape(self.count, *shape)


def _overlaps(
    centres: FloatArray, span: float, axis: SourceAxis, start: int, held: int
) -> tuple[Int64s, Int64s, FloatArray]:
    """Split an axis at the voxel boundaries of both grids.

    Parameters
    ----------
    centres : ndarray of float64
        The target's voxel centres, in voxel units of the source.
    span : float
        Size of one of them.
    axis : SourceAxis
    start, held : int
        The first voxel of the source that is held, and their number.

    Returns
    -------
    stored, places : ndarray of int64
        The voxel of the source (counted from the first one held) and of the target that contain
        each piece.
    shares : ndarray of float64
        Fraction of the target's voxel.
    """
    low, high = centres - span / 2, centres + span / 2
    first = np.clip(np.floor(low + TOLERANCE), 0, axis.count).astype(np.int64)
    last = np.clip(np.ceil(high - TOLERANCE), 0, axis.count).astype(np.int64)
    numbers = np.maximum(last - first, 0)
    places = np.repeat(np.arange(centres.size), numbers)
    within = np.arange(places.size) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    voxels = first[places] + within
    cut = np.minimum(high[places], voxels + 1) - np.maximum(low[places], voxels)
    # boundaries that only differ by rounding
    shares = np.where(np.abs(cut - np.round(cut)) <= TOLERANCE, np.round(cut), cut) / span
    stored = (axis.count - 1 - voxels if axis.falls else voxels) - start
    kept = (stored >= 0) & (stored < held)
    return stored[kept], places[kept], shares[kept]


@dataclass(frozen=True)
class _Sampled(_Shares):
    """Fractions from evenly spaced points in each voxel, if its boundaries are oblique."""

    def __call__(
        self,
        source: Any,
        start: Sequence[int],
        axes: Sequence[SourceAxis],
        positions: Positions,
    ) -> Any:
        shape = positions.shape
        total = np.zeros((self.count, int(np.prod(shape))))
        centres = summed(positions.part(()))
        numbers = points_along(self.matrix, self.sizes)
        offsets = [
            size * ((np.arange(n) + 0.5) / n - 0.5)
            for size, n in zip(self.sizes, numbers, strict=True)
        ]
        linear = np.hstack([self.matrix[:, :3], np.zeros((3, 1))])
        weight = np.full(shape, 1 / np.prod(numbers))
        places = np.arange(weight.size)
        for point in np.ndindex(*numbers):
            offset = [part[[i]] for part, i in zip(offsets, point, strict=True)]
            moved = voxel_positions(linear, offset)
            there = [p + m.item() for p, m in zip(centres, moved, strict=True)]
            labels = nearest(source, start, axes, GivenPositions(there), 0)
            self._add(total, labels, places, weight)
        return total.reshape(self.count, *shape)
