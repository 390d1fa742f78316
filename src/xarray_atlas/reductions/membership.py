"""Membership of labels in regions, as pairs, and sums of counts along them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from xarray_atlas.kernels.groups import starts_of
from xarray_atlas.kernels.labels import Bools, Int64s, Ints, Positions, lookup
from xarray_atlas.kernels.tables import LabelTable
from xarray_atlas.terminology import Terminology

__all__ = ["LabelPlaces", "Membership", "label_places", "membership"]


class LabelPlaces(NamedTuple):
    """Pairs of a label and a place in a result: the place includes the voxels of the label."""

    labels: Int64s
    """Sorted, shape (pairs,)."""
    places: Positions
    """Label of each pair, shape (pairs,)."""
    n_places: int
    """Number of places in the result."""

    def rows(self, labels: Ints) -> tuple[Positions, Positions]:
        """Pair each label, by its position, with each of its places.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            In any order, possibly repeated.

        Returns
        -------
        rows, places : ndarray of int, shape (m,)
        """
        keys, first = np.unique(self.labels, return_index=True)
        at = lookup(labels, keys)
        known = np.flatnonzero(at >= 0)
        first = np.append(first, self.labels.size)
        begin, sizes = first[at[known]], np.diff(first)[at[known]]
        offsets = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.repeat(known, sizes), self.places[np.repeat(begin, sizes) + offsets]

    def add_up(self, labels: Ints, counts: Int64s) -> Int64s:
        """Sum counts of labels by place.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
        counts : ndarray of int64, shape (n, ...)

        Returns
        -------
        ndarray of int64, shape (n_places, ...)
        """
        rows, places = self.rows(labels)
        result = np.zeros((self.n_places, *counts.shape[1:]), np.int64)
        np.add.at(result, places, counts[rows])
        return result

    def holds(self, labels: Ints) -> Bools:
        """Return whether each label has a place."""
        held: Bools = lookup(labels, np.unique(self.labels)) >= 0
        return held


@dataclass(frozen=True)
class Membership:
    """Pairs of a group and a place in a result: the place includes the voxels of the group.

    Attributes
    ----------
    keys : ndarray of int64
        The labels of all regions, sorted.
    sides : tuple of int
        The hemispheres that are distinguished; empty if they are not.
    code, place : ndarray of int, shape (pairs,)
        The group, as numbered by :func:`xarray_atlas.kernels.groups.group`, and the place: the
        position of the region times the number of hemispheres, plus that of the hemisphere. Sorted
        by place.
    shape : tuple of int
        Shape of the result: regions and hemispheres (one if they are not distinguished).
    """

    keys: Int64s
    sides: tuple[int, ...]
    code: Positions
    place: Positions
    shape: tuple[int, int]

    def rows(self, codes: Positions) -> tuple[Positions, Positions, Positions]:
        """Find the rows of a table with sorted codes for each place that has any.

        Returns
        -------
        rows : ndarray of int, shape (m,)
            Sorted by place.
        start, places : ndarray of int, shape (n,)
            The places, and the start of the rows of each.
        """
        at = lookup(self.code, codes.astype(np.int64))
        there = at >= 0
        place = self.place[there]
        start = starts_of(place)
        return at[there], start, place[start]

    def voxels(self, table: LabelTable) -> Int64s:
        """Count the voxels of each place in a table of labels, shape (regions, sides)."""
        counts = np.zeros(max(self.keys.size, 1) * self.shape[1], np.int64)
        at = lookup(table.label, self.keys)
        for position, side in enumerate(self.sides or (None,)):
            held = at >= 0 if side is None else (at >= 0) & (table.side == side)
            np.add.at(counts, at[held] * self.shape[1] + position, table.voxels[held])
        return self.counted(np.arange(counts.size), counts)

    def counted(self, codes: Positions, counts: Int64s) -> Int64s:
        """Sum counts of groups that are sorted by code: shape (regions, sides)."""
        rows, start, places = self.rows(codes)
        found = np.zeros(self.shape[0] * self.shape[1], np.int64)
        if places.size:
            found[places] = np.add.reduceat(counts[rows], start)
        return found.reshape(self.shape)


def label_places(
    terminology: Terminology,
    positions: Sequence[int] | Positions | None = None,
    direct: bool = False,
    of_region: Positions | None = None,
) -> LabelPlaces:
    """Pair labels with the places of the given regions.

    Parameters
    ----------
    terminology : Terminology
        Terminology of the atlas, which defines the labels of regions.
    positions : sequence of int, optional
        The regions, in the order of the results; for parcels their positions in the parcellation.
        All by default.
    direct : bool
        Whether a region includes its own labels only.
    of_region : ndarray of int, optional
        The parcel of each region's labels; see :class:`xarray_atlas.parcellation.parcels.Parcels`.
    """
    labels, regions = terminology.label_pairs(direct or of_region is not None)
    if of_region is not None:
        # two regions with the same label may be in one parcel
        labels, regions = np.unique(np.stack([labels, of_region[regions]]), axis=1)
    if positions is None:
        return LabelPlaces(labels, regions, len(terminology))
    positions = np.asarray(positions, np.int64)
    # a region may be given more than once
    order = np.argsort(positions, kind="stable")
    low, high = (np.searchsorted(positions[order], regions, side=s) for s in ("left", "right"))
    times = high - low
    begin = np.repeat(low - (np.cumsum(times) - times), times)
    places = order[begin + np.arange(times.sum())]
    return LabelPlaces(np.repeat(labels, times), places, positions.size)


def membership(
    terminology: Terminology,
    positions: Sequence[int] | Positions,
    direct: bool = False,
    of_region: Positions | None = None,
    sides: tuple[int, ...] = (),
) -> Membership:
    """Pair groups of voxels, by label and hemisphere, with the given regions.

    Parameters
    ----------
    terminology, positions, direct, of_region
        Same as in :func:`label_places`.
    sides : tuple of int
        The hemispheres to distinguish, without duplicates.
    """
    pairs = label_places(terminology, positions, direct, of_region)
    keys, label = np.unique(pairs.labels, return_inverse=True)
    n = max(len(sides), 1)
    code = (label[:, None] * n + np.arange(n)).reshape(-1)
    place = (pairs.places[:, None] * n + np.arange(n)).reshape(-1)
    order = np.lexsort([code, place])
    return Membership(keys, sides, code[order], place[order], (pairs.n_places, n))
