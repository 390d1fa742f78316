"""Disjoint regions of a hierarchy, and the one that each region belongs to."""

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
        The terminology with the parcels as regions: that of the atlas, or a separate one.
    positions : ndarray of int64
        Positions of the parcels in `terminology`, in the order of results.
    of_region : ndarray of int64
        For each region of the atlas's terminology, the index in `positions` of the parcel that
        contains its own voxels, or -1.
    """

    terminology: Terminology
    positions: Int64s
    of_region: Int64s


def parcels_at_level(terminology: Terminology, level: int) -> Parcels:
    """Divide a hierarchy at a level, counted from root = 0.

    The voxels of a region below the level belong to its ancestor there; those of a region above it
    that has voxels of its own remain with that region. No voxel is dropped.

    Parameters
    ----------
    terminology : Terminology
    level : int

    Returns
    -------
    Parcels
        One for each region at the level, and for each one above it with own voxels.

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
    """Interpret the parameters ``level`` and ``parcellation``.

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
        If parcels overlap, or regions or levels do not exist.

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
