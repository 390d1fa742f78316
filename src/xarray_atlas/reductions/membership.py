"""Membership of labels in regions: the pairs, and sums of counts along them."""

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
    """Pairs of a label and a place in a result: the place holds the voxels of the label."""

    labels: Int64s
    """Sorted, shape (pairs,)."""
    places: Positions
    """Of each label, shape (pairs,)."""
    n_places: int
    """How many places the result has."""

    def rows(self, labels: Ints) -> tuple[Positions, Positions]:
        """Pair each of some labels, by its position among them, with each of its places.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            In any order, and more than once each.

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
        """Add up counts of labels by place.

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
        """Return which labels have a place."""
        held: Bools = lookup(labels, np.unique(self.labels)) >= 0
        return held


@dataclass(frozen=True)
class Membership:
    """Pairs of a group and a place: the place of a result holds the voxels of the group.

    Attributes
    ----------
    keys : ndarray of int64
        The labels that any of the regions has, sorted.
    sides : tuple of int
        The sides that are distinguished; none where they are not.
    code, place : ndarray of int, shape (pairs,)
        The group, as :func:`xarray_atlas.kernels.groups.group` numbers them, and the place: the
        position of the region times the number of sides, plus that of the side. Sorted by place.
    shape : tuple of int
        Of the places: regions and sides, of which there is one where they are not distinguished.
    """

    keys: Int64s
    sides: tuple[int, ...]
    code: Positions
    place: Positions
    shape: tuple[int, int]

    def rows(self, codes: Positions) -> tuple[Positions, Positions, Positions]:
        """Find the rows of a table, whose codes are sorted, for each place that has any.

        Returns
        -------
        rows : ndarray of int, shape (m,)
            Those of one place beside each other.
        start, places : ndarray of int, shape (n,)
            Where the rows of each of the places begin.
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
        """Add up counts of groups, which are sorted by their codes: shape (regions, sides)."""
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
    """Pair labels with the places of the regions that are asked for.

    Parameters
    ----------
    terminology : Terminology
        Of the atlas, which says what labels regions have.
    positions : sequence of int, optional
        The regions, in the order of the results; of parcels their places in the parcellation.
        All of them by default.
    direct : bool
        Whether a region has its own labels only.
    of_region : ndarray of int, optional
        The parcel that each region's own labels belong to, as
        :class:`xarray_atlas.parcellation.parcels.Parcels` has it.
    """
    labels, regions = terminology.label_pairs(direct or of_region is not None)
    if of_region is not None:
        # two regions with one label may be parts of one parcel
        labels, regions = np.unique(np.stack([labels, of_region[regions]]), axis=1)
    if positions is None:
        return LabelPlaces(labels, regions, len(terminology))
    positions = np.asarray(positions, np.int64)
    # a region may be asked for more than once
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
    """Pair groups of voxels, by label and side, with the regions that are asked for.

    Parameters
    ----------
    terminology, positions, direct, of_region
        Same as in :func:`label_places`.
    sides : tuple of int
        The sides to distinguish, each once.
    """
    pairs = label_places(terminology, positions, direct, of_region)
    keys, label = np.unique(pairs.labels, return_inverse=True)
    n = max(len(sides), 1)
    code = (label[:, None] * n + np.arange(n)).reshape(-1)
    place = (pairs.places[:, None] * n + np.arange(n)).reshape(-1)
    order = np.lexsort([code, place])
    return Membership(keys, sides, code[order], place[order], (pairs.n_places, n))
