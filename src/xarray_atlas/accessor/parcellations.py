"""An atlas cut into disjoint regions."""

from __future__ import annotations

from typing import Any

import pandas as pd

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.parcellation.parcellate import parcel_table, parcellate
from xarray_atlas.regions.results import Regions

__all__ = ["ParcellationsMethods"]


class ParcellationsMethods(Accessor[T]):
    """Brings an atlas together with parcellations."""

    def parcellate(
        self,
        parcellation: Any = None,
        *,
        level: int | None = None,
        regions: Regions | None = None,
        mapping: Any = None,
        leaves: bool = False,
        rest: str = "drop",
    ) -> T:
        """Cut the atlas into disjoint regions.

        See :func:`xarray_atlas.parcellate` for details.

        Parameters
        ----------
        parcellation : str, optional
            One by name, of the Allen mouse brain's regions, in upper or lower case: ``"beryl"``
            (306 regions), ``"cosmos"`` (10) or ``"allen-summary"`` (316). What `mapping` takes is
            taken too.
        level : int, optional
            A level of the hierarchy, counted from root = 0. A region below it belongs to its
            ancestor there, the labels of a region above it stay with that region: no voxel is
            dropped.
        regions : list of str, int or Region, optional
            Regions with their descendants. None may lie in another.
        mapping : dict, DataFrame, or path of a CSV, optional
            Which regions each parcel consists of, with their descendants:
            ``{"visual": ["VISp", "VISl"]}``; or to which parcel each region belongs:
            ``{"VISp": "visual", "VISl": "visual"}``. The values tell which: lists, or not. Or a
            table with the columns ``region`` and ``parcel``, which means the second; a CSV is read
            as text (UTF-8). Regions are named as everywhere. A parcel that is called by the acronym
            of a region is that region, and may hold no region outside of it; others are new, below
            the nearest region that holds all of theirs.
        leaves : bool, default: False
            The finest regions that are labelled: each label stays what it is. No voxel is dropped.
        rest : "drop", "keep" or "error", default: "drop"
            What becomes of labels that no parcel covers: 0, parcels of their own under their own
            names, or an error.

        Returns
        -------
        Dataset or DataArray
            As the object is, with the labels of the parcels.

        Raises
        ------
        ParcellationError
            If parcels overlap, there is no parcellation of that name, the terminology lacks its
            regions, or voxels are left out with ``rest="error"``, for which the annotation is read.
        RegionNotFoundError, AmbiguousRegionError
            For a region or level that does not exist, or an acronym that several regions share.
        TypeError
            If not exactly one choice is made.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> parts = ds.atlas.parcellate(regions=["CTX", "BS", "CB"])
        >>> volumes = parts.atlas.volume()
        >>> volumes.region.values.tolist(), volumes.values.round(2)
        (['CTX', 'BS', 'CB'], array([219.31, 119.77,  51.06]))
        """
        return parcellate(
            self._obj,
            parcellation,
            level=level,
            regions=regions,
            mapping=mapping,
            leaves=leaves,
            rest=rest,
        )

    def parcel_table(
        self,
        parcellation: Any = None,
        *,
        level: int | None = None,
        regions: Regions | None = None,
        mapping: Any = None,
        leaves: bool = False,
        rest: str = "drop",
    ) -> pd.DataFrame:
        """Return to which parcel each region belongs.

        See :func:`xarray_atlas.parcel_table` for details.

        Parameters
        ----------
        parcellation : str, optional
            One by name, of the Allen mouse brain's regions, in upper or lower case: ``"beryl"``
            (306 regions), ``"cosmos"`` (10) or ``"allen-summary"`` (316). What `mapping` takes is
            taken too.
        level : int, optional
            A level of the hierarchy, counted from root = 0. A region below it belongs to its
            ancestor there, the labels of a region above it stay with that region: no voxel is
            dropped.
        regions : list of str, int or Region, optional
            Regions with their descendants. None may lie in another.
        mapping : dict, DataFrame, or path of a CSV, optional
            Which regions each parcel consists of, with their descendants:
            ``{"visual": ["VISp", "VISl"]}``; or to which parcel each region belongs:
            ``{"VISp": "visual", "VISl": "visual"}``. The values tell which: lists, or not. Or a
            table with the columns ``region`` and ``parcel``, which means the second; a CSV is read
            as text (UTF-8). Regions are named as everywhere. A parcel that is called by the acronym
            of a region is that region, and may hold no region outside of it; others are new, below
            the nearest region that holds all of theirs.
        leaves : bool, default: False
            The finest regions that are labelled: each label stays what it is. No voxel is dropped.
        rest : "drop", "keep" or "error", default: "drop"
            What becomes of labels that no parcel covers: 0, parcels of their own under their own
            names, or an error; "error" goes by the hierarchy here, and reads no voxel.

        Returns
        -------
        DataFrame
            With the columns ``region`` and ``parcel``.

        Raises
        ------
        ParcellationError
            If parcels overlap, there is no parcellation of that name, the terminology lacks its
            regions, or voxels are left out with ``rest="error"``, for which the annotation is read.
        RegionNotFoundError, AmbiguousRegionError
            For a region or level that does not exist, or an acronym that several regions share.
        TypeError
            If not exactly one choice is made.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> table = ds.atlas.parcel_table("cosmos")
        >>> table.groupby("parcel").size()[["HPF", "TH"]].tolist()
        [101, 74]
        """
        return parcel_table(
            self._obj,
            parcellation,
            level=level,
            regions=regions,
            mapping=mapping,
            leaves=leaves,
            rest=rest,
        )
