"""An atlas with other data: points, images, parcellations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import xarray as xr

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.images import aggregate as aggregation
from xarray_atlas.images import paint as painting
from xarray_atlas.images import regrid
from xarray_atlas.parcellation import parcellate as parcellating
from xarray_atlas.points import counts, lookup, tracks
from xarray_atlas.regions.results import Regions

__all__ = ["DataMethods"]


class DataMethods(Accessor[T]):
    """Brings an atlas together with points, images and parcellations."""

    def region_at(
        self,
        points: Any,
        *,
        level: int | None = None,
        parcellation: Any = None,
        frame: Any = "dataset",
        unit: Any = None,
        axes: Iterable[str] | None = None,
        columns: Mapping[str, str] | None = None,
        outside: str = "missing",
    ) -> xr.Dataset:
        """Find the region that each of many points lies in.

        See :func:`xarray_atlas.region_at` for the parameters and what is in the result.

        Returns
        -------
        Dataset
            On the points' own dimensions: region, its id and name, hemisphere, status.

        Examples
        --------
        >>> import xarray_atlas
        >>> source = xarray_atlas.open_sample("100 um").attrs["source"]
        >>> ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
        >>> points = {"ap": [8.1, 8.1], "dv": [0.8, 3.0], "ml": [6.1, 5.0]}
        >>> found = ds.atlas.region_at(points, unit="mm", parcellation="cosmos")
        >>> found.region.values.tolist(), found.hemisphere.values.tolist()
        (['Isocortex', 'MB'], ['left', 'right'])
        """
        read = {"frame": frame, "unit": unit, "axes": axes, "columns": columns}
        cut = {"level": level, "parcellation": parcellation}
        return lookup.region_at(self._obj, points, **cut, **read, outside=outside)

    def along(
        self,
        track: Any,
        *,
        level: int | None = None,
        parcellation: Any = None,
        frame: Any = "dataset",
        unit: Any = None,
        axes: Iterable[str] | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> xr.Dataset:
        """List the regions along a track, with the distances at which it enters and leaves them.

        See :func:`xarray_atlas.along` for the parameters and what is in the result.

        Returns
        -------
        Dataset
            On ``segment``: region, start, stop and length (mm) and more.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> probe = {"ap": [8100, 7500], "dv": [400, 3000], "ml": [7000, 7000]}
        >>> found = ds.atlas.along(probe, unit="um", parcellation="cosmos")
        >>> found.region.values.tolist()
        ['Isocortex', '', 'HPF', '', 'TH']
        >>> found.length.values.round(2)
        array([0.69, 0.41, 1.13, 0.1 , 0.33])
        """
        read = {"frame": frame, "unit": unit, "axes": axes, "columns": columns}
        return tracks.along(self._obj, track, level=level, parcellation=parcellation, **read)

    def count_points(
        self,
        points: Any,
        by: str | Iterable[str] | None = None,
        level: int | None = None,
        hemisphere: str | Iterable[str] | None = None,
        mask: xr.DataArray | None = None,
        *,
        parcellation: Any = None,
        frame: Any = "dataset",
        unit: Any = None,
        axes: Iterable[str] | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> xr.Dataset:
        """Count points by region, with densities.

        See :func:`xarray_atlas.count_points` for the parameters and what is in the result.

        Returns
        -------
        Dataset
            On ``region``: count, volume (mm**3) and density (1/mm**3), and what lies in no region.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> cells = {"ap": [8.1, 8.1, 0.0], "dv": [0.8, 3.0, 0.0], "ml": [6.1, 5.0, 0.0]}
        >>> found = ds.atlas.count_points(cells, unit="mm")
        >>> found["count"].sel(region=["root", "RSP", "MB"]).values, found.background.item()
        (array([2, 1, 1]), 1)
        """
        read = {"frame": frame, "unit": unit, "axes": axes, "columns": columns}
        return counts.count_points(
            self._obj, points, by, level, hemisphere, mask, parcellation=parcellation, **read
        )

    def aggregate(
        self,
        image: xr.DataArray,
        regions: Regions | None = None,
        func: str | Iterable[str] = "mean",
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        weights: xr.DataArray | None = None,
        skipna: bool = True,
        *,
        level: int | None = None,
        parcellation: Any = None,
        min_coverage: float | None = None,
        q: float | Iterable[float] | None = None,
    ) -> xr.DataArray | xr.Dataset:
        """Reduce an image on the grid of the atlas by region.

        See :func:`xarray_atlas.aggregate` for the parameters.

        Returns
        -------
        DataArray or Dataset
            With ``region`` in place of the spatial dimensions, in the unit of the image.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> depth = (ds.annotation * 0.0 + ds.y.values[:, None]).compute()
        >>> found = ds.atlas.aggregate(depth, ["RSP", "TH"], func=["mean", "max"])
        >>> found["mean"].values.round(2), found["max"].values.round(2)
        (array([0.99, 4.  ]), array([2.33, 5.63]))
        """
        cut = {"level": level, "parcellation": parcellation}
        return aggregation.aggregate(
            self._obj,
            image,
            regions,
            func,
            hemisphere,
            direct,
            weights,
            skipna,
            **cut,
            min_coverage=min_coverage,
            q=q,
        )

    def paint(self, values: Any, fill: Any = float("nan")) -> xr.DataArray:
        """Put a value for each region back onto the grid.

        See :func:`xarray_atlas.paint` for the parameters.

        Returns
        -------
        DataArray
            On the annotation's grid, in the unit of the values; `fill` where no region has one.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> volumes = ds.atlas.volume(["RSP", "TH"])
        >>> painted = ds.atlas.paint(volumes)
        >>> painted.dims, f"{painted.max().compute().item():.3f}"
        (('z', 'y', 'x'), '20.487 millimeter ** 3')
        """
        return painting.paint(self._obj, values, fill)

    def resample_like(
        self,
        image: xr.Dataset | xr.DataArray,
        image_to_atlas: Any = None,
        method: str | None = None,
        order: str = "dims",
        space: str | None = None,
        *,
        fractions: bool = False,
    ) -> xr.Dataset:
        """Bring the atlas onto an image's grid.

        See :func:`xarray_atlas.resample_like` for the parameters.

        Returns
        -------
        Dataset
            On the image's spatial dimensions, in mm.

        Examples
        --------
        >>> import numpy as np, xarray as xr, xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> um = {"units": "um"}
        >>> section = xr.DataArray(
        ...     np.zeros((60, 80)),
        ...     dims=("y", "x"),
        ...     coords={
        ...         "z": ((), 7000.0, um),
        ...         "y": ("y", 100 + 150.0 * np.arange(60), um),
        ...         "x": ("x", 150.0 * np.arange(80), um),
        ...     },
        ... )
        >>> mine = ds.atlas.resample_like(section)
        >>> mine.annotation.shape, mine.annotation.dtype
        ((60, 80), dtype('uint32'))
        """
        return regrid.resample_like(
            self._obj, image, image_to_atlas, method, order, space, fractions=fractions
        )

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

        See :func:`xarray_atlas.parcellate` for the parameters.

        Returns
        -------
        Dataset or DataArray
            As the object is, with the labels of the parcels.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> parts = ds.atlas.parcellate(regions=["CTX", "BS", "CB"])
        >>> volumes = parts.atlas.volume()
        >>> volumes.region.values.tolist(), volumes.values.round(2)
        (['CTX', 'BS', 'CB'], array([219.31, 119.77,  51.06]))
        """
        return parcellating.parcellate(
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

        See :func:`xarray_atlas.parcel_table` for the parameters.

        Returns
        -------
        DataFrame
            With the columns ``region`` and ``parcel``.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> table = ds.atlas.parcel_table("cosmos")
        >>> table.groupby("parcel").size()[["HPF", "TH"]].tolist()
        [101, 74]
        """
        return parcellating.parcel_table(
            self._obj,
            parcellation,
            level=level,
            regions=regions,
            mapping=mapping,
            leaves=leaves,
            rest=rest,
        )
