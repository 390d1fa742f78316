"""An atlas cut into disjoint regions."""

from __future__ import annotations

from typing import Any

import pandas as pd

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.parcellation.parcellate import parcel_table, parcellate
from xarray_atlas.regions.results import Regions

__all__ = ["ParcellationsMethods"]


class ParcellationsMethods(Accessor[T]):
    """Methods for parcellations."""

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
        """Divide the atlas into disjoint regions.

        See :func:`xarray_atlas.parcellate` for details.

        Parameters
        ----------
        parcellation : str, optional
            Name of a parcellation of the Allen mouse brain's regions, in upper or lower case:
            ``"beryl"`` (306 regions), ``"cosmos"`` (10) or ``"allen-summary"`` (316). The types of
            `mapping` are also accepted.
        level : int, optional
            A level of the hierarchy, counted from root = 0. Regions below it are merged into their
            ancestor at the level, regions above it keep their own labels: no voxel is dropped.
        regions : list of str, int or Region, optional
            Regions with their descendants. They must be disjoint.
        mapping : dict, DataFrame, or path of a CSV, optional
            The regions in each parcel, with their descendants: ``{"visual": ["VISp", "VISl"]}``; or
            the parcel of each region: ``{"VISp": "visual", "VISl": "visual"}``, distinguished by
            whether the values are lists. Or a table with the columns ``region`` and ``parcel``, of
            the second kind; a CSV is read as text (UTF-8). A parcel with the acronym of a region is
            that region, and may not contain regions outside it; other parcels are new, below the
            nearest region that contains all of theirs.
        leaves : bool, default: False
            The finest labelled regions: each label is kept. No voxel is dropped.
        rest : "drop", "keep" or "error", default: "drop"
            Treatment of labels that no parcel covers: set to 0, kept as separate parcels under
            their own names, or an error.

        Returns
        -------
        Dataset or DataArray
            Same type as the object, with the labels of the parcels.

        Raises
        ------
        ParcellationError
            If parcels overlap, there is no parcellation of that name, the terminology lacks its
            regions, or voxels are left out with ``rest="error"``, for which the annotation is read.
        RegionNotFoundError, AmbiguousRegionError
            If a region or level does not exist, or several regions share the acronym.
        TypeError
            If not exactly one of the choices is given.

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
        """Return the parcel of each region as a table.

        See :func:`xarray_atlas.parcel_table` for details.

        Parameters
        ----------
        parcellation : str, optional
            Name of a parcellation of the Allen mouse brain's regions, in upper or lower case:
            ``"beryl"`` (306 regions), ``"cosmos"`` (10) or ``"allen-summary"`` (316). The types of
            `mapping` are also accepted.
        level : int, optional
            A level of the hierarchy, counted from root = 0. Regions below it are merged into their
            ancestor at the level, regions above it keep their own labels: no voxel is dropped.
        regions : list of str, int or Region, optional
            Regions with their descendants. They must be disjoint.
        mapping : dict, DataFrame, or path of a CSV, optional
            The regions in each parcel, with their descendants: ``{"visual": ["VISp", "VISl"]}``; or
            the parcel of each region: ``{"VISp": "visual", "VISl": "visual"}``, distinguished by
            whether the values are lists. Or a table with the columns ``region`` and ``parcel``, of
            the second kind; a CSV is read as text (UTF-8). A parcel with the acronym of a region is
            that region, and may not contain regions outside it; other parcels are new, below the
            nearest region that contains all of theirs.
        leaves : bool, default: False
            The finest labelled regions: each label is kept. No voxel is dropped.
        rest : "drop", "keep" or "error", default: "drop"
            Treatment of labels that no parcel covers: set to 0, kept as separate parcels under
            their own names, or an error; "error" is decided from the hierarchy here, without
            reading voxels.

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
            If a region or level does not exist, or several regions share the acronym.
        TypeError
            If not exactly one of the choices is given.

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
