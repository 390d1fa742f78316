"""Disjoint regions that a hierarchy is cut into, and to which of them each region belongs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.parcellation.cuts import Cut, at_level
from xarray_atlas.parcellation.tables import read_cut
from xarray_atlas.parcellation.terminology import parcel_terminology
from xarray_atlas.terminology import Terminology

__all__ = ["Parcels", "chosen_parcels", "parcels_at_level"]


@dataclass(frozen=True)
class Parcels:
    """A choice of disjoint regions.

    Attributes
    ----------
    terminology : Terminology
        In which the parcels are regions: that of the atlas, or one of their own.
    positions : ndarray of int64
        Of the parcels in `terminology`, in the order of results.
    of_region : ndarray of int64
        For each region of the atlas's own terminology, the place in `positions` of the
        parcel that its own voxels belong to; -1 where they belong to none.
    """

    terminology: Terminology
    positions: Int64s
    of_region: Int64s


def parcels_at_level(terminology: Terminology, level: int) -> Parcels:
    """Cut a hierarchy at a level, counted from root = 0.

    The voxels of a region below it belong to its ancestor at the level; those of a region
    above it, which has voxels of its own, stay with that region. No voxel is dropped.

    Parameters
    ----------
    terminology : Terminology
    level : int

    Returns
    -------
    Parcels
        One for each region at the level, and for each above it.

    Raises
    ------
    RegionNotFoundError
        If the hierarchy has no such level.

    Examples
    --------
    >>> import xarray_atlas
    >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
    >>> parcels = parcels_at_level(terminology, 5)
    >>> of = parcels.positions[parcels.of_region[terminology.position("VISp")]]
    >>> terminology.acronyms[of]
    'Isocortex'
    """
    return _parcels(terminology, at_level(terminology, level))


def chosen_parcels(
    terminology: Terminology, level: int | None = None, parcellation: Any = None
) -> Parcels | None:
    """Read the parameters ``level`` and ``parcellation`` of the operations.

    Parameters
    ----------
    terminology : Terminology
    level : int, optional
    parcellation : optional
        Same as in :func:`xarray_atlas.parcellate`: a name ("beryl"), a mapping, a table of two
        columns or the path of its CSV. Regions that it leaves out belong to no parcel.

    Returns
    -------
    Parcels or None
        None if neither is given: all regions, each with its descendants.

    Raises
    ------
    ValueError
        If both are given.
    ParcellationError, RegionNotFoundError
        If parcels overlap, or regions or levels are not there.

    Examples
    --------
    >>> import xarray_atlas
    >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
    >>> parcels = chosen_parcels(terminology, parcellation="cosmos")
    >>> parcels.terminology.acronyms[parcels.positions].tolist()
    ['Isocortex', 'OLF', 'HPF', 'CTXsp', 'CNU', 'TH', 'HY', 'MB', 'HB', 'CB']
    """
    if level is not None and parcellation is not None:
        raise ValueError("pass level= or parcellation=, not both: each chooses the regions")
    if level is not None:
        return parcels_at_level(terminology, level)
    if parcellation is not None:
        return _parcels(terminology, read_cut(terminology, parcellation))
    return None


def _parcels(terminology: Terminology, cut: Cut) -> Parcels:
    if any(isinstance(part, str) for part in cut.parts):
        own = parcel_terminology(terminology, cut)
        return Parcels(own, own.default_positions, cut.of_region)
    return Parcels(terminology, np.array(cut.parts, np.int64), cut.of_region)
