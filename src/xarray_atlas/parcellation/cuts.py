"""Divide a hierarchy into disjoint parts: at a level, into regions, by a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from xarray_atlas.errors import ParcellationError, RegionNotFoundError
from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.regions.results import resolve_regions
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.cells import counted, listing

__all__ = [
    "Cut",
    "Part",
    "at_level",
    "by_table",
    "into_leaves",
    "into_regions",
    "keep_rest",
    "rest_of",
]

Part: TypeAlias = int | str
"""A part: the position of its region, or the name of a new one."""


@dataclass(frozen=True)
class Cut:
    """A division of a hierarchy into disjoint parts.

    Attributes
    ----------
    name : str
        Name of the division, such as "level 5".
    parts : tuple of int or str
        In the order of results.
    of_region : ndarray of int64
        For each region, the index in `parts` of the part that contains the voxels of its own
        labels, or -1.
    """

    name: str
    parts: tuple[Part, ...]
    of_region: Int64s

    def describe(self, terminology: Terminology, place: int) -> str:
        """Return the acronym or name of a part."""
        part = self.parts[place]
        return part if isinstance(part, str) else str(terminology.distinct_acronyms[part])


def at_level(terminology: Terminology, level: int) -> Cut:
    """Divide at a level, counted from root = 0.

    The labels of a region below the level belong to its ancestor there; regions above it keep their
    own. No voxel is dropped.

    Raises
    ------
    RegionNotFoundError
        If the hierarchy has no such level.
    """
    deepest = int(terminology.depths.max())
    if isinstance(level, bool) or not isinstance(level, int | np.integer) or level < 0:
        raise TypeError(f"a level is a number of steps from the root, from 0 on, not {level!r}")
    if level > deepest:
        raise RegionNotFoundError(
            f"no region of {terminology!r} is at level {level}: the deepest is {deepest}. The "
            "finest regions that have labels are those of leaves=True"
        )
    of = np.arange(len(terminology))
    while (deep := terminology.depths[of] > level).any():
        of[deep] = terminology.parents[of[deep]]
    labelled = np.unique(of[terminology.label_regions])
    at = np.union1d(np.flatnonzero(terminology.depths == level), labelled)
    return _into(f"level {level}", at, of)


def into_leaves(terminology: Terminology) -> Cut:
    """Make each region with a label a part that contains only the voxels of its own labels."""
    labelled = np.unique(terminology.label_regions)
    if terminology.parcels is not None:
        labelled = terminology.parcels
    of = np.full(len(terminology), -1, np.int64)
    of[labelled] = labelled
    return _into("leaves", labelled, of)


def _into(name: str, positions: Int64s, of: Int64s) -> Cut:
    """Make a division from regions, and the region to which each belongs (-1: none)."""
    places = np.full(of.size + 1, -1, np.int64)
    places[positions] = np.arange(positions.size)
    return Cut(name, tuple(positions.tolist()), places[of])


def into_regions(terminology: Terminology, regions: Any) -> Cut:
    """Divide into disjoint regions with their descendants.

    Raises
    ------
    ParcellationError
        If they overlap.
    """
    positions, _ = resolve_regions(terminology, regions)
    if not positions.size:
        raise ParcellationError("no region was named; a parcellation needs one at least")
    rows = [(position, position) for position in positions.tolist()]
    if len(dict(rows)) < len(rows):
        twice = [p for i, (p, _) in enumerate(rows) if p in positions[:i]]
        acronyms = terminology.distinct_acronyms[twice].tolist()
        raise ParcellationError(f"named more than once: {listing(acronyms)}")
    return by_table(terminology, rows, counted(len(rows), "region"), complete=False)


def by_table(
    terminology: Terminology,
    rows: Iterable[tuple[int, Part]],
    name: str,
    complete: bool = True,
) -> Cut:
    """Divide by a table of regions and their parts, including descendants.

    Parameters
    ----------
    terminology : Terminology
    rows : iterable of (int, int or str)
        The position of a region, and its part.
    name : str
        Name of the division.
    complete : bool
        Whether a region may be in another part than its descendants if all of them with labels are
        in the table: its row then refers to its own labels only.

    Raises
    ------
    ParcellationError
        If parts overlap.
    """
    rows = list(rows)
    places: dict[Part, int] = {}
    for _, part in rows:
        places.setdefault(part, len(places))
    cut = Cut(name, tuple(places), np.full(len(terminology), -1, np.int64))
    acronyms = terminology.distinct_acronyms
    row_of = np.full(len(terminology), -1, np.int64)
    for position, part in rows:
        place = places[part]
        if row_of[position] >= 0 and row_of[position] != place:
            both = [cut.describe(terminology, int(p)) for p in (row_of[position], place)]
            raise ParcellationError(
                f"{acronyms[position]!r} is in two parcels, {both[0]!r} and {both[1]!r}"
            )
        row_of[position] = place
    # the nearest region in the table, going up
    listed = row_of >= 0
    source = np.where(listed, np.arange(len(terminology)), -1)
    for position in terminology.preorder.tolist():
        if not listed[position] and terminology.parents[position] >= 0:
            source[position] = source[terminology.parents[position]]
    stands_for_more = np.zeros(len(terminology) + 1, bool)
    labelled = np.unique(terminology.label_regions)
    stands_for_more[source[labelled[~listed[labelled]]]] = True
    for position in np.flatnonzero(listed).tolist():
        parent = terminology.parents[position]
        above = source[parent] if parent >= 0 else -1
        if above < 0 or row_of[above] == row_of[position]:
            continue
        if not complete or stands_for_more[above]:
            raise ParcellationError(
                f"parcels overlap: {acronyms[position]!r} (of the parcel "
                f"{cut.describe(terminology, int(row_of[position]))!r}) lies in "
                f"{acronyms[above]!r} (of {cut.describe(terminology, int(row_of[above]))!r}). "
                f"Name the other parts of {acronyms[above]!r} instead of it"
            )
    of = np.where(source >= 0, row_of[source], -1)
    return _checked(terminology, replace(cut, of_region=of))


def _checked(terminology: Terminology, cut: Cut) -> Cut:
    """Raise an error if a part with the name of a region extends beyond it."""
    for place, part in enumerate(cut.parts):
        if isinstance(part, str):
            continue
        inside = np.append(terminology.descendants(part), part)
        beyond = np.setdiff1d(np.flatnonzero(cut.of_region == place), inside)
        if beyond.size:
            acronyms = terminology.distinct_acronyms
            raise ParcellationError(
                f"the parcel {acronyms[part]!r} is called as a region is, but holds "
                f"{listing(acronyms[beyond].tolist())}, which do not lie in that region; "
                "call it otherwise"
            )
    return cut


def rest_of(terminology: Terminology, cut: Cut) -> Int64s:
    """Return the regions with labels that belong to no part.

    Raises
    ------
    ParcellationError
        If a label shared by regions belongs to several parts.
    """
    labels, regions = terminology.label_pairs(direct=True)
    of = cut.of_region[regions]
    keys, at = np.unique(labels, return_inverse=True)
    low, high = np.full(keys.size, len(cut.parts)), np.full(keys.size, -1)
    np.minimum.at(low, at[of >= 0], of[of >= 0])
    np.maximum.at(high, at, of)
    shared = np.flatnonzero((high >= 0) & (low != high)).tolist()
    if shared:
        both = [cut.describe(terminology, int(p[shared[0]])) for p in (low, high)]
        raise ParcellationError(
            f"parcels overlap: the label {keys[shared[0]]} is of both {both[0]!r} and {both[1]!r}"
        )
    return np.unique(regions[high[at] < 0])


def keep_rest(terminology: Terminology, cut: Cut) -> Cut:
    """Make each region with labels that belong to no part a separate part."""
    left = rest_of(terminology, cut)
    named = np.intersect1d(left, [part for part in cut.parts if isinstance(part, int)])
    if named.size:
        acronym = terminology.distinct_acronyms[named[0]]
        raise ParcellationError(
            f"the parcel {acronym!r} leaves out the own voxels of the region {acronym!r}, which "
            "cannot be kept separately: add the region to the parcel, or call the parcel otherwise"
        )
    of = cut.of_region.copy()
    of[left] = len(cut.parts) + np.arange(left.size)
    return Cut(cut.name, (*cut.parts, *left.tolist()), of)


def described(terminology: Terminology, regions: Int64s | Sequence[int]) -> str:
    """List regions by acronym, at most ten of them."""
    return listing(terminology.distinct_acronyms[np.asarray(regions)].tolist(), quote=False)
