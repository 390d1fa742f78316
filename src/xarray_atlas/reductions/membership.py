"""Which labels, on which sides, belong to which of the regions that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xarray_atlas.kernels.groups import starts_of
from xarray_atlas.kernels.labels import Int64s, Positions, lookup
from xarray_atlas.kernels.tables import LabelTable
from xarray_atlas.terminology import Terminology

__all__ = ["Membership", "membership"]


@dataclass(frozen=True)
class Membership:
    """Pairs of a group and a place: the place of a result holds the voxels of the group.

    Attributes
    ----------
    keys : ndarray of int64
        The labels that any of the regions has, sorted.
    sides : tuple of int
        The sides that are told apart; none where they are not.
    code, place : ndarray of int, shape (pairs,)
        The group, as :func:`xarray_atlas.kernels.groups.group` numbers them, and the place: the
        position of the region times the number of sides, plus that of the side. Sorted by place.
    shape : tuple of int
        Of the places: regions and sides, of which there is one where they are not told apart.
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


def membership(
    terminology: Terminology,
    positions: Sequence[int] | Positions,
    direct: bool = False,
    of_region: Positions | None = None,
    sides: tuple[int, ...] = (),
) -> Membership:
    """Pair labels with the regions that are asked for.

    Parameters
    ----------
    terminology : Terminology
        Of the atlas, which says what labels regions have.
    positions : sequence of int
        The regions, in the order of the results; of parcels their places in the parcellation.
    direct : bool
        Whether a region has its own labels only.
    of_region : ndarray of int, optional
        The parcel that each region's own labels belong to, as
        :class:`xarray_atlas.parcellation.parcels.Parcels` has it.
    sides : tuple of int
        The sides to tell apart, each once.
    """
    positions = np.asarray(positions, np.int64)
    labels, regions = terminology.label_pairs(direct or of_region is not None)
    if of_region is not None:
        # two regions with one label may be parts of one parcel
        pairs = np.unique(np.stack([labels, of_region[regions]]), axis=1)
        labels, regions = pairs
    # a region may be asked for more than once
    order = np.argsort(positions, kind="stable")
    low, high = (np.searchsorted(positions[order], regions, side=s) for s in ("left", "right"))
    times = high - low
    begin = np.repeat(low - (np.cumsum(times) - times), times)
    place = order[begin + np.arange(times.sum())]
    keys, label = np.unique(np.repeat(labels, times), return_inverse=True)
    n = max(len(sides), 1)
    code = (label[:, None] * n + np.arange(n)).reshape(-1)
    place = (place[:, None] * n + np.arange(n)).reshape(-1)
    order = np.lexsort([code, place])
    return Membership(keys, sides, code[order], place[order], (positions.size, n))
