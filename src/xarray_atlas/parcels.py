"""Disjoint regions that a hierarchy is cut into, and to which of them each region belongs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xarray_atlas.errors import RegionNotFoundError
from xarray_atlas.results import Positions
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
    positions: Positions
    of_region: Positions


def parcels_at_level(terminology: Terminology, level: int) -> Parcels:
    """Cut a hierarchy at a level, counted from root = 0.

    The voxels of a region below it belong to its ancestor at the level; those of a region
    above it, which has voxels of its own, stay with that region. No voxel is dropped.

    Parameters
    ----------
    terminology : Terminology
    level : int

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
    deepest = int(terminology.depths.max())
    if isinstance(level, bool) or not isinstance(level, int | np.integer) or level < 0:
        raise TypeError(f"a level is a number of steps from the root, from 0 on, not {level!r}")
    if level > deepest:
        raise RegionNotFoundError(
            f"no region of {terminology!r} is at level {level}: the deepest is {deepest}. The "
            "finest regions that have voxels are those of leaves=True"
        )
    of = np.arange(len(terminology))
    while (deep := terminology.depths[of] > level).any():
        of[deep] = terminology.parents[of[deep]]
    labelled = np.unique(of[terminology.label_regions])
    at = np.union1d(np.flatnonzero(terminology.depths == level), labelled)
    places = np.full(len(terminology), -1, np.int64)
    places[at] = np.arange(at.size)
    return Parcels(terminology, at, places[of])


def chosen_parcels(
    terminology: Terminology, level: int | None = None, parcellation: Any = None
) -> Parcels | None:
    """Read the parameters ``level`` and ``parcellation`` of the operations.

    Parameters
    ----------
    terminology : Terminology
    level : int, optional
    parcellation : optional
        As :func:`xarray_atlas.parcellate` has it.

    Returns
    -------
    Parcels or None
        None where neither is given: all regions, each with its descendants.
    """
    if level is not None and parcellation is not None:
        raise ValueError("pass level= or parcellation=, not both: each chooses the regions")
    if level is not None:
        return parcels_at_level(terminology, level)
    if parcellation is not None:
        raise NotImplementedError
    return None
