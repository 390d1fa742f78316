"""An atlas with other data: points, images, parcellations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import xarray as xr

from xarray_atlas import (
    aggregation,
    painting,
    parcellating,
    point_counts,
    region_lookup,
    regrid,
    tracks,
)
from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.results import Regions

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
        """Find the region that each of many points lies in; see :func:`xarray_atlas.region_at`."""
        read = {"frame": frame, "unit": unit, "axes": axes, "columns": columns}
        cut = {"level": level, "parcellation": parcellation}
        return region_lookup.region_at(self._obj, points, **cut, **read, outside=outside)

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
        """List the regions along a track; see :func:`xarray_atlas.along`."""
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
        """Count points by region, with densities; see :func:`xarray_atlas.count_points`."""
        read = {"frame": frame, "unit": unit, "axes": axes, "columns": columns}
        return point_counts.count_points(
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
        """Reduce an image by region; see :func:`xarray_atlas.aggregate`."""
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
        """Put values of regions back onto the grid; see :func:`xarray_atlas.paint`."""
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
        """Bring the atlas onto an image's grid; see :func:`xarray_atlas.resample_like`."""
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
        """Cut the atlas into disjoint regions; see :func:`xarray_atlas.parcellate`."""
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
        """Return to which parcel each region belongs; see :func:`xarray_atlas.parcel_table`."""
        return parcellating.parcel_table(
            self._obj,
            parcellation,
            level=level,
            regions=regions,
            mapping=mapping,
            leaves=leaves,
            rest=rest,
        )
