"""Measurements of regions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import xarray as xr

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.regions import properties
from xarray_atlas.regions.results import Regions
from xarray_atlas.regions.volume import area, volume

__all__ = ["MeasuringMethods"]


class MeasuringMethods(Accessor[T]):
    """Measures the size, position and neighbours of regions."""

    def volume(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.DataArray:
        """Compute the volume of regions, including their descendants.

        See :func:`xarray_atlas.volume` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default; for a parcellation its
            parcels, each without its descendants, so that no voxel is counted twice.
        hemisphere : "left", "right" or a list of both, optional
            Only that hemisphere. A voxel on the midline is left.
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
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished, or ``hemispheres`` has other values than 1
            and 2 in much of the brain.
        AtlasMismatchError
            If most of the labelled voxels have labels that belong to no region, as with an image in
            place of an annotation or the terminology of another atlas.

        Warns
        -----
        UserWarning
            If labels are scattered like the grey values of an image.

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
        """Compute the area of regions in a section.

        See :func:`xarray_atlas.area` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default; for a parcellation its
            parcels, each without its descendants, so that no voxel is counted twice.
        hemisphere : "left", "right" or a list of both, optional
            Only that hemisphere. A voxel on the midline is left.
        direct : bool, default: False
            Only voxels labelled with the region itself, without its descendants.

        Returns
        -------
        DataArray of quantities in mm**2

        Raises
        ------
        GridError
            If the object does not have two spatial dimensions, or they are unevenly spaced.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished, or ``hemispheres`` has other values than 1
            and 2 in much of the brain.

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
        frame: Any = None,
    ) -> xr.Dataset:
        """Compute the size and position of regions in one pass.

        See :func:`xarray_atlas.region_properties` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default; for a parcellation its
            parcels, each without its descendants.
        hemisphere : "left", "right" or a list of both, optional
            Only that hemisphere. A voxel on the midline is left.
        direct : bool, default: False
            Only voxels labelled with the region itself, without its descendants.
        progress : bool, default: False
            Show a progress bar on stderr while the annotation is read.
        frame : str, Frame or (4, 4) array, optional
            The frame of positions: a name in ``ds.atlas.frames``, such as "ibl", or a Frame. A
            matrix maps its positions (mm, in the order of ``ds.atlas.space.dims``) to the Dataset.
            By default positions are coordinates of the Dataset.

        Returns
        -------
        Dataset
            With ``region``: voxels, volume (mm**3), centroid, bounding box, extent (mm) and more.

        Raises
        ------
        GridError
            If a coordinate is unevenly spaced, or spatial dimensions are missing; if the position
            of the frame in the Dataset is unknown.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished.
        PointsError
            If there is no such frame.

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
        return properties.region_properties(self._obj, regions, hemisphere, direct, progress, frame)

    def centroid(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
        frame: Any = None,
    ) -> xr.DataArray:
        """Compute the mean position of the voxels of regions.

        See :func:`xarray_atlas.centroid` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default; for a parcellation its
            parcels, each without its descendants.
        hemisphere : "left", "right" or a list of both, optional
            Only that hemisphere. A voxel on the midline is left.
        direct : bool, default: False
            Only voxels labelled with the region itself, without its descendants.
        progress : bool, default: False
            Show a progress bar on stderr while the annotation is read.
        frame : str, Frame or (4, 4) array, optional
            The frame of positions: a name in ``ds.atlas.frames``, such as "ibl", or a Frame. A
            matrix maps its positions (mm, in the order of ``ds.atlas.space.dims``) to the Dataset.
            By default positions are coordinates of the Dataset.

        Returns
        -------
        DataArray of quantities in mm
            With ``axis``; a list of regions adds ``region``.

        Raises
        ------
        GridError
            If a coordinate is unevenly spaced, or spatial dimensions are missing; if the position
            of the frame in the Dataset is unknown.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished.
        PointsError
            If there is no such frame.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> found = ds.atlas.centroid(["RSP", "TH"])
        >>> found.sel(axis="y").values.round(3)
        array([0.992, 4.   ])
        """
        return properties.centroid(self._obj, regions, hemisphere, direct, progress, frame)

    def bounding_box(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
        frame: Any = None,
    ) -> xr.DataArray:
        """Compute the bounding box of the voxels of regions.

        See :func:`xarray_atlas.bounding_box` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default; for a parcellation its
            parcels, each without its descendants.
        hemisphere : "left", "right" or a list of both, optional
            Only that hemisphere. A voxel on the midline is left.
        direct : bool, default: False
            Only voxels labelled with the region itself, without its descendants.
        progress : bool, default: False
            Show a progress bar on stderr while the annotation is read.
        frame : str, Frame or (4, 4) array, optional
            The frame of positions: a name in ``ds.atlas.frames``, such as "ibl", or a Frame. A
            matrix maps its positions (mm, in the order of ``ds.atlas.space.dims``) to the Dataset.
            By default positions are coordinates of the Dataset.

        Returns
        -------
        DataArray of quantities in mm
            With ``axis`` and ``bound``; a list of regions adds ``region``.

        Raises
        ------
        GridError
            If a coordinate is unevenly spaced, or spatial dimensions are missing; if the position
            of the frame in the Dataset is unknown.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished.
        PointsError
            If there is no such frame, or it is tilted against the voxels.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.bounding_box("TH").sel(bound="upper").values.round(3)
        array([8.975, 5.675, 8.675])
        """
        return properties.bounding_box(self._obj, regions, hemisphere, direct, progress, frame)
