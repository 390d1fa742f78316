"""What can be measured of regions."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from xarray_atlas import distances, measure, meshing, neighbours, properties
from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.results import Regions
from xarray_atlas.surface import Mesh

__all__ = ["MeasuringMethods"]


class MeasuringMethods(Accessor[T]):
    """Measures regions: how large they are, where, and beside which others."""

    def volume(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.DataArray:
        """Measure the volume of regions in mm**3; see :func:`xarray_atlas.volume`."""
        return measure.volume(self._obj, regions, hemisphere, direct, progress)

    def area(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
    ) -> xr.DataArray:
        """Measure the area of regions in a section in mm**2; see :func:`xarray_atlas.area`."""
        return measure.area(self._obj, regions, hemisphere=hemisphere, direct=direct)

    def region_properties(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.Dataset:
        """Measure the size and place of regions; see :func:`xarray_atlas.region_properties`."""
        return properties.region_properties(self._obj, regions, hemisphere, direct, progress)

    def centroid(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.DataArray:
        """Find the mean position of regions in mm; see :func:`xarray_atlas.centroid`."""
        return properties.centroid(self._obj, regions, hemisphere, direct, progress)

    def bounding_box(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.DataArray:
        """Find the box around regions in mm; see :func:`xarray_atlas.bounding_box`."""
        return properties.bounding_box(self._obj, regions, hemisphere, direct, progress)

    def mesh(self, region: Regions, hemisphere: str | None = None) -> Mesh:
        """Return the surface of a region, in mm; see :func:`xarray_atlas.mesh`."""
        return meshing.mesh(self._obj, region, hemisphere)

    def adjacency(self, regions: Regions | None = None) -> xr.DataArray:
        """Measure the surface that regions share; see :func:`xarray_atlas.adjacency`."""
        return neighbours.adjacency(self._obj, regions)

    def distance_to(
        self, regions: Regions, hemisphere: str | Iterable[str] | None = None
    ) -> xr.DataArray:
        """Measure how far each voxel is from regions; see :func:`xarray_atlas.distance_to`."""
        return distances.distance_to(self._obj, regions, hemisphere)
