"""What can be measured of regions."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.atlases import meshing
from xarray_atlas.regions import adjacency as neighbours
from xarray_atlas.regions import distance, properties
from xarray_atlas.regions import volume as measure
from xarray_atlas.regions.results import Regions
from xarray_atlas.regions.surface import Mesh

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
        """Measure the volume of regions with their descendants.

        See :func:`xarray_atlas.volume` for the parameters.

        Returns
        -------
        DataArray of quantities in mm**3

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.volume(["CA1", "CA3"]).values.round(2)
        array([11.06,  6.63])

        What is labelled with the region itself, as a share of all of it:

        >>> own = ds.atlas.volume("TH", direct=True) / ds.atlas.volume("TH")
        >>> f"{own.item().magnitude:.3f}"
        '0.041'
        """
        return measure.volume(self._obj, regions, hemisphere, direct, progress)

    def area(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
    ) -> xr.DataArray:
        """Measure the area of regions in a section.

        See :func:`xarray_atlas.area` for the parameters.

        Returns
        -------
        DataArray of quantities in mm**2

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> plane = ds.atlas.sel(ap="9 mm", method="nearest")
        >>> plane.atlas.area(["RSP", "VISp", "MB"]).values.round(2)
        array([ 2.01,  3.75, 15.11])
        """
        return measure.area(self._obj, regions, hemisphere=hemisphere, direct=direct)

    def region_properties(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.Dataset:
        """Measure the size and place of regions in one pass.

        See :func:`xarray_atlas.region_properties` for the parameters and what is in the result.

        Returns
        -------
        Dataset
            On ``region``: voxels, volume (mm**3), centroid, bounding box, extent (mm) and more.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> found = ds.atlas.region_properties(["RSP", "TH"])
        >>> found.voxels.values, found.extent.sel(axis="z").values.round(3)
        (array([10174, 20487]), array([4.3, 3.5]))
        >>> found.representative_point.sel(region="RSP").values.round(3)
        array([7.725, 1.225, 5.525])
        """
        return properties.region_properties(self._obj, regions, hemisphere, direct, progress)

    def centroid(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.DataArray:
        """Find the mean position of the voxels of regions.

        See :func:`xarray_atlas.centroid` for the parameters.

        Returns
        -------
        DataArray of quantities in mm
            On ``axis``; a list of regions adds ``region``.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> found = ds.atlas.centroid(["RSP", "TH"])
        >>> found.sel(axis="y").values.round(3)
        array([0.992, 4.   ])
        """
        return properties.centroid(self._obj, regions, hemisphere, direct, progress)

    def bounding_box(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.DataArray:
        """Find the outer faces of the outermost voxels of regions.

        See :func:`xarray_atlas.bounding_box` for the parameters.

        Returns
        -------
        DataArray of quantities in mm
            On ``axis`` and ``bound``; a list of regions adds ``region``.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.bounding_box("TH").sel(bound="upper").values.round(3)
        array([8.975, 5.675, 8.675])
        """
        return properties.bounding_box(self._obj, regions, hemisphere, direct, progress)

    def mesh(self, region: Regions, hemisphere: str | None = None) -> Mesh:
        """Return the surface of a region: that of the store, or one made from the labels.

        See :func:`xarray_atlas.mesh` for the parameters.

        Returns
        -------
        Mesh
            Vertices in mm, and faces.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> th = ds.atlas.mesh("TH")
        >>> th.vertices.shape, f"{th.area:.1f}"
        ((8968, 3), '64.2 millimeter ** 2')
        """
        return meshing.mesh(self._obj, region, hemisphere)

    def adjacency(self, regions: Regions | None = None) -> xr.DataArray:
        """Measure the surface that each two of several disjoint regions share.

        See :func:`xarray_atlas.adjacency` for the parameters.

        Returns
        -------
        DataArray of quantities in mm**2
            On ``region`` and ``neighbour``.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> shared = ds.atlas.parcellate("cosmos").atlas.adjacency()
        >>> shared.sel(region="TH", neighbour=["HPF", "HY", "CB"]).values.round(1)
        array([ 6.8, 12.8,  0. ])
        """
        return neighbours.adjacency(self._obj, regions)

    def distance_to(
        self, regions: Regions, hemisphere: str | Iterable[str] | None = None
    ) -> xr.DataArray:
        """Measure how far the centre of each voxel is from regions.

        See :func:`xarray_atlas.distance_to` for the parameters.

        Returns
        -------
        DataArray of quantities in mm
            On the annotation's grid.

        Examples
        --------
        How far from the retrosplenial area the primary visual area goes:

        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> distance = ds.atlas.distance_to("RSP").where(ds.atlas.mask("VISp"))
        >>> f"{distance.max().compute().item():.2f}"
        '1.84 millimeter'
        """
        return distance.distance_to(self._obj, regions, hemisphere)
