"""Assign one positive number to each region, as in BrainGlobe's files."""

from __future__ import annotations

import itertools

import numpy as np

from xarray_atlas.errors import TerminologyError
from xarray_atlas.terminology.cells import listing
from xarray_atlas.terminology.parents import Int64Array
from xarray_atlas.terminology.table import NO_COLOR, RegionTable, describe
from xarray_atlas.terminology.terminology import Terminology

__all__ = ["as_brainglobe"]

LARGEST = 2**32 - 1


def as_brainglobe(terminology: Terminology) -> tuple[Terminology, Int64Array, Int64Array]:
    """Convert a table to one that BrainGlobe's API can read, and map its labels.

    In BrainGlobe's files an id is a positive 32-bit number that is also the region's only label,
    every region has a color, and all regions are below one with the acronym "root".

    - Ids that are such numbers are kept, and replace the labels of their regions.
    - If ids are text ("MBA:997"), the smallest label of a region becomes its id, and regions
    without labels get the numbers after the largest.
    - Regions without a color become grey.

    Returns
    -------
    terminology : Terminology
        The same object if nothing had to change.
    labels, ids : ndarray of int64
        The labels of the volume, sorted, and the id that replaces each.

    Raises
    ------
    TerminologyError
        If ids or labels do not fit, a label is 0 or shared by regions, or there is not a single
        root called "root".
    """
    table = terminology._table
    _check_root(terminology)
    shared = np.flatnonzero(np.bincount(np.unique(terminology.labels, return_inverse=True)[1]) > 1)
    if shared.size:
        labels = np.unique(terminology.labels)[shared].astype(str).tolist()
        raise TerminologyError(
            f"labels that several regions have: {listing(labels, quote=False)}; in BrainGlobe's "
            "files a label is the id of one region"
        )
    zero = terminology.label_regions[terminology.labels == 0].tolist()
    if zero:
        raise TerminologyError(
            f"{describe(table, zero[0])} has the label 0, which in BrainGlobe's files is outside"
        )
    ids = _numbers(terminology)
    order = np.argsort(terminology.labels, kind="stable")
    labels, becomes = terminology.labels[order], ids[terminology.label_regions[order]]
    owners = np.unique(terminology.label_regions)
    colors = np.array([color or NO_COLOR for color in table.colors], np.object_)
    changed = table._replace(ids=ids, colors=colors, labels=ids[owners], label_regions=owners)
    if all(map(np.array_equal, table, changed)):
        return terminology, labels, becomes
    return Terminology(changed, terminology.name), labels, becomes


def _check_root(terminology: Terminology) -> None:
    called = [i for i, acronym in enumerate(terminology.acronyms) if acronym == "root"]
    roots = [root.position for root in terminology.roots]
    if roots != called:
        table = terminology._table
        there = listing([describe(table, i) for i in roots], quote=False)
        raise TerminologyError(
            "BrainGlobe's API opens an atlas where one region, with the acronym 'root' that "
            f"no other has, is above all others; at the top are {there}. Add such a region, or "
            "rename the one at the top, in the table (terminology.to_csv) and read it again"
        )


def _numbers(terminology: Terminology) -> Int64Array:
    """Return the number of each region, by position."""
    table = terminology._table
    if table.ids.dtype == np.int64:
        _check_fit(table, table.ids, np.arange(len(terminology)), "id")
        return table.ids
    _check_fit(table, terminology.labels, terminology.label_regions, "label")
    owners, first = np.unique(terminology.label_regions, return_index=True)
    numbers = np.zeros(len(terminology), np.int64)
    numbers[owners] = terminology.labels[first]
    free = itertools.count(int(terminology.labels.max(initial=0)) + 1)
    numbers[numbers == 0] = list(itertools.islice(free, int((numbers == 0).sum())))
    if numbers.max() > LARGEST:
        raise TerminologyError(
            f"no number is left for regions without a label: the largest label is "
            f"{terminology.labels.max()}, and 32 bits hold {LARGEST}"
        )
    return numbers


def _check_fit(table: RegionTable, values: Int64Array, regions: Int64Array, what: str) -> None:
    unfit = np.flatnonzero((values < 1) | (values > LARGEST)).tolist()
    if unfit:
        named = [f"{values[i]} of {str(table.acronyms[regions[i]])!r}" for i in unfit]
        raise TerminologyError(
            f"{what}s that are not from 1 to {LARGEST}, which is what BrainGlobe's files hold: "
            f"{listing(named, quote=False)}"
        )
