"""What can be measured of regions."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.atlases import meshing
from xarray_atlas.regions import distance, properties
from xarray_atlas.regions.adjacency import adjacency
from xarray_atlas.regions.results import Regions
from xarray_atlas.regions.surface import Mesh
from xarray_atlas.regions.volume import area, volume

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

        See :func:`xarray_atlas.volume` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default; of a parcellation its
            parcels, each without its descendants, so that no voxel is counted twice.
        hemisphere : "left", "right" or a list of both, optional
            Only that side. A voxel on the midline is left.
        direct : bool, default: False
            Only voxels labelled with the region itself, without its descendants.
        progress : bool, default: False
            Show a progress bar on stderr while the annotation is read.

        Returns
        -------
        DataArray of quantities in mm**3

        Raises
        ------
        GridError
            If a coordinate is unevenly spaced, or a spatial dimension is missing.
        RegionNotFoundError, AmbiguousRegionError
            For a region that is not there, or an acronym that several share.
        HemisphereError
            If left and right cannot be told apart; if ``hemispheres`` has another value than 1 and
            2 in much of the brain.
        AtlasMismatchError
            If most of the labelled voxels have labels that no region has: of an image in place of
            an annotation, or with the terminology of another atlas.

        Warns
        -----
        UserWarning
            If labels are scattered as grey values are.

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
        return volume(self._obj, regions, hemisphere, direct, progress)

    def area(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
    ) -> xr.DataArray:
        """Measure the area of regions in a section.

        See :func:`xarray_atlas.area` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default; of a parcellation its
            parcels, each without its descendants, so that no voxel is counted twice.
        hemisphere : "left", "right" or a list of both, optional
            Only that side. A voxel on the midline is left.
        direct : bool, default: False
            Only voxels labelled with the region itself, without its descendants.

        Returns
        -------
        DataArray of quantities in mm**2

        Raises
        ------
        GridError
            If the object has not two spatial dimensions, or they are unevenly spaced.
        RegionNotFoundError, AmbiguousRegionError
            For a region that is not there, or an acronym that several share.
        HemisphereError
            If left and right cannot be told apart; if ``hemispheres`` has another value than 1 and
            2 in much of the brain.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> plane = ds.atlas.sel(ap="9 mm", method="nearest")
        >>> plane.atlas.area(["RSP", "VISp", "MB"]).values.round(2)
        array([ 2.01,  3.75, 15.11])
        """
        return area(self._obj, regions, hemisphere=hemisphere, direct=direct)

    def region_properties(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.Dataset:
        """Measure the size and place of regions in one pass.

        See :func:`xarray_atlas.region_properties` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default; of a parcellation its
            parcels, each without its descendants.
        hemisphere : "left", "right" or a list of both, optional
            Only that side. A voxel on the midline is left.
        direct : bool, default: False
            Only voxels labelled with the region itself, without its descendants.
        progress : bool, default: False
            Show a progress bar on stderr while the annotation is read.

        Returns
        -------
        Dataset
            On ``region``: voxels, volume (mm**3), centroid, bounding box, extent (mm) and more.

        Raises
        ------
        GridError
            If a coordinate is unevenly spaced, or spatial dimensions are missing.
        RegionNotFoundError, AmbiguousRegionError
            For a region that is not there, or an acronym that several share.
        HemisphereError
            If left and right cannot be told apart.

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

        See :func:`xarray_atlas.centroid` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default; of a parcellation its
            parcels, each without its descendants.
        hemisphere : "left", "right" or a list of both, optional
            Only that side. A voxel on the midline is left.
        direct : bool, default: False
            Only voxels labelled with the region itself, without its descendants.
        progress : bool, default: False
            Show a progress bar on stderr while the annotation is read.

        Returns
        -------
        DataArray of quantities in mm
            On ``axis``; a list of regions adds ``region``.

        Raises
        ------
        GridError
            If a coordinate is unevenly spaced, or spatial dimensions are missing.
        RegionNotFoundError, AmbiguousRegionError
            For a region that is not there, or an acronym that several share.
        HemisphereError
            If left and right cannot be told apart.

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

        See :func:`xarray_atlas.bounding_box` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default; of a parcellation its
            parcels, each without its descendants.
        hemisphere : "left", "right" or a list of both, optional
            Only that side. A voxel on the midline is left.
        direct : bool, default: False
            Only voxels labelled with the region itself, without its descendants.
        progress : bool, default: False
            Show a progress bar on stderr while the annotation is read.

        Returns
        -------
        DataArray of quantities in mm
            On ``axis`` and ``bound``; a list of regions adds ``region``.

        Raises
        ------
        GridError
            If a coordinate is unevenly spaced, or spatial dimensions are missing.
        RegionNotFoundError, AmbiguousRegionError
            For a region that is not there, or an acronym that several share.
        HemisphereError
            If left and right cannot be told apart.

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

        See :func:`xarray_atlas.mesh` for details.

        Parameters
        ----------
        region : str, int or Region
            By acronym, full name, or id (int).
        hemisphere : "left" or "right", optional
            Only that side. A voxel on the midline is left.

        Returns
        -------
        Mesh
            Vertices in mm, and faces.

        Raises
        ------
        GridError
            If a coordinate is unevenly spaced, or a spatial dimension is missing.
        RegionNotFoundError, AmbiguousRegionError
            For a region that is not there, or an acronym that several share.
        HemisphereError
            If left and right cannot be told apart.
        StoreError
            If the store cannot be reached, or the mesh in it is not complete.
        ImportError
            If DracoPy is not installed, which decodes stored meshes, or scikit-image, which makes
            the others: ``pip install "xarray-atlas[mesh]"``.
        TypeError
            For a list of regions.

        Warns
        -----
        UserWarning
            If the store has a mesh in a form that is not read, or refuses to say whether it has one
            (as a bucket does that may be read but not listed). It is made from the labels then.

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

        See :func:`xarray_atlas.adjacency` for details.

        Parameters
        ----------
        regions : list of str, int or Region, optional
            By acronym, full name, or id (int); each with its descendants. They must not overlap. By
            default, of a parcellation, its parcels; of another atlas, all regions that have a
            label, each without its descendants (as ``direct=True`` has it), since those of a whole
            hierarchy overlap.

        Returns
        -------
        DataArray of quantities in mm**2
            On ``region`` and ``neighbour``.

        Raises
        ------
        RegionOverlapError
            If regions overlap, or one is given twice.
        TypeError
            For a single region.
        GridError
            If a coordinate is unevenly spaced, or a dimension is not spatial.
        RegionNotFoundError, AmbiguousRegionError
            For a region that is not there, or an acronym that several share.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> shared = ds.atlas.parcellate("cosmos").atlas.adjacency()
        >>> shared.sel(region="TH", neighbour=["HPF", "HY", "CB"]).values.round(1)
        array([ 6.8, 12.8,  0. ])
        """
        return adjacency(self._obj, regions)

    def distance_to(
        self, regions: Regions, hemisphere: str | Iterable[str] | None = None
    ) -> xr.DataArray:
        """Measure how far the centre of each voxel is from regions.

        See :func:`xarray_atlas.distance_to` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these
            By acronym, full name, or id (int).
        hemisphere : "left", "right" or a list of both, optional
            Only the voxels of that side count as the region's. A voxel on the midline is left.

        Returns
        -------
        DataArray of quantities in mm
            On the annotation's grid.

        Raises
        ------
        GridError
            If a coordinate is unevenly spaced, a dimension is not spatial, or labels are no
            integers.
        RegionNotFoundError, AmbiguousRegionError
            For a region that is not there, or an acronym that several share.
        HemisphereError
            If left and right cannot be told apart.

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
