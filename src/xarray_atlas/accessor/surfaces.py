"""Surfaces, neighbours and distances of regions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import xarray as xr

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.atlases import meshing
from xarray_atlas.regions import distance
from xarray_atlas.regions.adjacency import adjacency
from xarray_atlas.regions.results import Regions
from xarray_atlas.regions.surface import Mesh

__all__ = ["SurfaceMethods"]


class SurfaceMethods(Accessor[T]):
    """Methods for surfaces of regions, their neighbours and distances to them."""

    def mesh(
        self,
        region: Regions,
        hemisphere: str | None = None,
        frame: Any = None,
        transform: Any = None,
    ) -> Mesh:
        """Return the surface mesh of a region, stored or computed from the labels.

        See :func:`xarray_atlas.mesh` for details.

        Parameters
        ----------
        region : str, int or Region
            By acronym, full name, or id (int).
        hemisphere : "left" or "right", optional
            Only that hemisphere. A voxel on the midline is left.
        frame : str, Frame or (4, 4) array, optional
            The frame of the vertices, along its axes and in its unit: a name in
            ``ds.atlas.frames``, such as "ibl", or a Frame. A matrix maps its positions (mm, in the
            order of ``ds.atlas.space.dims``) to the Dataset. By default they are coordinates of the
            Dataset.
        transform : Transform, optional
            Between the atlas and another space, such as a registered image, in either direction:
            the vertices are then points of that space, in mm along the axes of the transform's end.
            A transform to the atlas is inverted, including its fields.

        Returns
        -------
        Mesh
            Vertices in mm, or in the unit of the frame, and faces.

        Raises
        ------
        GridError
            If a coordinate is unevenly spaced, a spatial dimension is missing, or the position of
            the frame in the Dataset is unknown.
        PointsError
            If there is no such frame.
        TransformError
            If it is unknown which end of `transform` is the atlas, or a vertex has no inverse.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished.
        StoreError
            If the store cannot be reached, or its mesh is incomplete.
        ImportError
            If DracoPy, which decodes stored meshes, or scikit-image, which computes the others, is
            not installed: ``pip install "xarray-atlas[mesh]"``.
        TypeError
            For a list of regions.

        Warns
        -----
        UserWarning
            If the store has a mesh in an unsupported form, or does not say whether it has one (like
            a bucket that may be read but not listed). It is then computed from the labels.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> th = ds.atlas.mesh("TH")
        >>> th.vertices.shape, f"{th.area:.1f}"
        ((8968, 3), '64.2 millimeter ** 2')
        """
        return meshing.mesh(self._obj, region, hemisphere, frame, transform)

    def adjacency(self, regions: Regions | None = None) -> xr.DataArray:
        """Compute the surface area shared by each pair of disjoint regions.

        See :func:`xarray_atlas.adjacency` for details.

        Parameters
        ----------
        regions : list of str, int or Region, optional
            By acronym, full name, or id (int); each with its descendants. They must not overlap. By
            default the parcels of a parcellation; of another atlas all regions that have a label,
            without their descendants (as with ``direct=True``), since the regions of a whole
            hierarchy overlap.

        Returns
        -------
        DataArray of quantities in mm**2
            With ``region`` and ``neighbour``.

        Raises
        ------
        RegionOverlapError
            If regions overlap, or one is given twice.
        TypeError
            For a single region.
        GridError
            If a coordinate is unevenly spaced, or a dimension is not spatial.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.

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
        """Compute the distance of the centre of each voxel from regions.

        See :func:`xarray_atlas.distance_to` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these
            By acronym, full name, or id (int).
        hemisphere : "left", "right" or a list of both, optional
            Only use the region's voxels in that hemisphere. A voxel on the midline is left.

        Returns
        -------
        DataArray of quantities in mm
            On the annotation's grid.

        Raises
        ------
        GridError
            If a coordinate is unevenly spaced, a dimension is not spatial, or labels are not
            integers.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished.

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
