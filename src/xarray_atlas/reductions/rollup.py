"""Sum tables of labels along the hierarchy, by region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from xarray_atlas.kernels.labels import Int64s, Ints, Positions, lookup
from xarray_atlas.kernels.tables import LabelTable
from xarray_atlas.reductions.membership import label_places
from xarray_atlas.terminology import Terminology

__all__ = [
    "RegionTotals",
    "counts_by_label",
    "counts_by_region",
    "points_by_region",
    "totals_by_region",
    "unassigned",
]

FAR = np.iinfo(np.int64).max


class RegionTotals(NamedTuple):
    """Statistics of each region of a terminology, by hemisphere.

    Positions are in voxels along each axis; `start` and `stop` are 0 for a region without voxels.
    """

    voxels: Int64s
    """Number of voxels, shape (regions, sides)."""
    sums: Int64s
    """Sum of the voxels' positions, shape (regions, sides, ndim)."""
    start: Int64s
    """First position, shape (regions, sides, ndim)."""
    stop: Int64s
    """One more than the last position, shape (regions, sides, ndim)."""


def counts_by_label(table: LabelTable, sides: Sequence[int | None]) -> tuple[Ints, Int64s]:
    """Count the voxels of each label that occurs, by hemisphere (None: both).

    Returns
    -------
    labels : ndarray of int64 or uint64, shape (n,)
        Sorted.
    counts : ndarray of int64, shape (n, sides)
    """
    labels, at = np.unique(table.label, return_inverse=True)
    counts = np.zeros((labels.size, len(sides)), np.int64)
    for column, side in enumerate(sides):
        rows = _on_side(table.side, side)
        np.add.at(counts[:, column], at[rows], table.voxels[rows])
    return labels, counts


def _on_side(sides: Int64s, wanted: int | None) -> Positions:
    """Return the positions of a hemisphere, or all positions."""
    return np.arange(sides.size) if wanted is None else np.flatnonzero(sides == wanted)


def counts_by_region(
    table: LabelTable, sides: Sequence[int | None], terminology: Terminology, direct: bool
) -> Int64s:
    """Count the voxels of each region, by hemisphere (None: both).

    Returns
    -------
    ndarray of int64, shape (regions, sides)
    """
    labels, counts = counts_by_label(table, sides)
    return label_places(terminology, direct=direct).add_up(labels, counts)


def totals_by_region(
    table: LabelTable, sides: Sequence[int | None], terminology: Terminology, direct: bool
) -> RegionTotals:
    """Return counts, sums and extents of each region, by hemisphere (None: both)."""
    members, regions = label_places(terminology, direct=direct).rows(table.label)
    shape = (len(terminology), len(sides), table.sums.shape[1])
    sums, start, stop = np.zeros(shape, np.int64), np.full(shape, FAR), np.zeros(shape, np.int64)
    for column, side in enumerate(sides):
        there = _on_side(table.side[members], side)
        rows, of = members[there], regions[there]
        np.add.at(sums[:, column], of, table.sums[rows])
        np.minimum.at(start[:, column], of, table.start[rows])
        np.maximum.at(stop[:, column], of, table.stop[rows])
    voxels = counts_by_region(table, sides, terminology, direct)
    return RegionTotals(voxels, sums, np.where(voxels[..., None] > 0, start, 0), stop)


def points_by_region(
    table: LabelTable,
    sides: Sequence[int | None],
    terminology: Terminology,
    direct: bool,
    centres: Any,
    voxel: Any,
) -> Int64s:
    """Return a voxel of each region: the one in the table nearest to a given point.

    Parameters
    ----------
    table, sides, terminology, direct
        Same as in :func:`totals_by_region`.
    centres : ndarray of float, shape (regions, sides, ndim)
        In voxels; NaN for a region without voxels.
    voxel : sequence of float
        Voxel size along each axis.

    Returns
    -------
    ndarray of int64, shape (regions, sides, ndim)
        -1 for a region without voxels. Of equally near voxels, the first one.
    """
    members, regions = label_places(terminology, direct=direct).rows(table.label)
    found = np.full(centres.shape, -1, np.int64)
    for column, side in enumerate(sides):
        there = _on_side(table.side[members], side)
        points, of = table.point[members[there]], regions[there]
        distance = (((points - centres[of, column]) * np.asarray(voxel)) ** 2).sum(axis=1)
        # sort by region, then distance, then position
        order = np.lexsort([*points.T[::-1], distance, of])
        held, first = np.unique(of[order], return_index=True)
        found[held, column] = points[order][first]
    return found


def unassigned(
    table: LabelTable, sides: Sequence[int | None], terminology: Terminology
) -> tuple[Ints, Int64s]:
    """Count the voxels of labels without a region.

    Returns
    -------
    labels : ndarray of int64 or uint64, shape (n,)
        Sorted.
    counts : ndarray of int64, shape (n, sides)
    """
    labels, counts = counts_by_label(table, sides)
    unknown = lookup(labels, np.unique(terminology.labels)) < 0
    return labels[unknown], counts[unknown]
