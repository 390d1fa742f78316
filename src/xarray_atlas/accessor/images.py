"""An atlas with images: reduced by region, painted, and on their grids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
import xarray as xr

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.images.aggregate import aggregate
from xarray_atlas.images.paint import paint
from xarray_atlas.images.resample_like import resample_like
from xarray_atlas.images.tables import table
from xarray_atlas.regions.results import Regions

__all__ = ["ImagesMethods"]


class ImagesMethods(Accessor[T]):
    """Methods for images on the grid of an atlas, and resampling."""

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

        See :func:`xarray_atlas.aggregate` for details.

        Parameters
        ----------
        image : DataArray of bool, int or float
            Its spatial coordinates, in any unit of length, must equal those of the atlas or a
            contiguous range of them, to a millionth of a voxel. A section is compared with that
            plane.
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default.
        func : str or list of str, default: "mean"
            "sum", "mean", "min", "max", "var", "std", "count" (of non-NaN values), "median", or
            "quantile" (with `q`). Variances divide by the number of voxels, as in xarray.
        hemisphere : "left", "right" or a list of both, optional
            Only that hemisphere. A voxel on the midline is left.
        direct : bool, default: False
            Only voxels labelled with the region itself, without its descendants.
        weights : DataArray, optional
            A weight for each voxel, on the grid of the image or a larger part of the atlas, for
            "sum", "mean", "var" and "std". Further dimensions are not supported, and weights should
            not be negative.
        skipna : bool, default: True
            Whether to ignore NaN, in each frame; otherwise a region with a NaN is NaN.
        level : int, optional
            Reduce by the disjoint regions at this level of the hierarchy, counted from root = 0;
            voxels labelled with a region above the level belong to that region.
        parcellation : str, dict, DataFrame or path, optional
            Reduce by the disjoint regions of a parcellation: ``"beryl"``, ``"cosmos"`` or
            ``"allen-summary"``; a mapping from parcels to their regions, such as
            ``{"visual": ["VISp", "VISl"]}``; or a table with the columns ``region`` and ``parcel``,
            or the path of its CSV.
        min_coverage : float, optional
            From 0 to 1. Regions with values in a smaller fraction of their voxels are NaN: voxels
            outside the image, and ignored NaN, count as missing.
        q : float or list of float, optional
            From 0 to 1, for ``func="quantile"``, with linear interpolation.

        Returns
        -------
        DataArray or Dataset
            With ``region`` in place of the spatial dimensions, in the unit of the image.

        Raises
        ------
        GridError
            If the image is not on the grid of the atlas; the message says how they differ.
        UnitsError
            If a spatial coordinate of the image has no unit.
        AtlasMismatchError
            If the image carries another hierarchy in another space.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished.
        ValueError, TypeError
            If a function does not exist, or does not support weights.

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
        return aggregate(
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
        """Paint values of regions onto the grid.

        See :func:`xarray_atlas.paint` for details.

        Parameters
        ----------
        values : Series, mapping or DataArray
            Numbers or booleans by region: a Series with acronyms, names or ids in its index, a
            mapping from these, or a DataArray with a dimension ``region``, such as
            :func:`xarray_atlas.aggregate` and :func:`xarray_atlas.volume` return, with any further
            dimensions. If it has a dimension ``hemisphere``, each hemisphere gets its values; a
            missing one is filled.
        fill : number or quantity, default: NaN
            For voxels in no given region, including the background.

        Returns
        -------
        DataArray
            On the annotation's grid, in the unit of the values; `fill` in regions without a value.

        Raises
        ------
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        ValueError
            If a region is given twice, or the values have no ``region``.
        HemisphereError
            If left and right cannot be distinguished.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> volumes = ds.atlas.volume(["RSP", "TH"])
        >>> painted = ds.atlas.paint(volumes)
        >>> painted.dims, f"{painted.max().compute().item():.3f}"
        (('z', 'y', 'x'), '20.487 millimeter ** 3')
        """
        return paint(self._obj, values, fill)

    def table(self, values: Any) -> pd.DataFrame:
        """Tabulate values by region, with one row for each observation.

        See :func:`xarray_atlas.table` for details.

        Parameters
        ----------
        values : Dataset, DataArray, Series or mapping
            Values by region, as :func:`xarray_atlas.count_points`, :func:`xarray_atlas.volume`,
            :func:`xarray_atlas.aggregate` and :func:`xarray_atlas.region_properties` return them,
            or as :func:`xarray_atlas.paint` takes them.

        Returns
        -------
        pandas.DataFrame
            With the columns ``region``, ``region_name``, ``region_id``, ``region_parent``,
            ``region_depth``, ``hemisphere``, other dimensions and their coordinates, ``variable``,
            ``value`` and ``unit``.

        Raises
        ------
        ValueError
            If the values are not by region.
        TypeError
            If the values are of another type.
        RegionNotFoundError, AmbiguousRegionError
            For a region that is not in the atlas, or an acronym that several share.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> table = ds.atlas.table(ds.atlas.volume(["RSP", "TH"]))
        >>> table[["region", "region_name", "variable", "value", "unit"]].round(2)
          region         region_name variable  value     unit
        0    RSP  Retrosplenial area   volume  10.17  mm ** 3
        1     TH            Thalamus   volume  20.49  mm ** 3
        """
        return table(self._obj, values)

    def resample_like(
        self,
        image: xr.Dataset | xr.DataArray,
        transform: Any = None,
        method: str | None = None,
        order: str = "dims",
        space: str | None = None,
        *,
        fractions: bool = False,
    ) -> xr.Dataset:
        """Resample the atlas onto an image's grid.

        See :func:`xarray_atlas.resample_like` for details.

        Parameters
        ----------
        image : Dataset or DataArray
            Its coordinates must be lengths in any unit, in either form, with a ``direction``
            attribute, like those of :func:`xarray_atlas.open_image`. Names are not interpreted.
            Other dimensions, such as time, are ignored. A scalar coordinate denotes a single plane.
            No value is read.
        transform : Transform, (4, 4) array or DataArray, optional
            A :class:`xarray_atlas.Transform`, as read by :func:`xarray_atlas.open_transform`,
            between the image and the atlas, in either direction: its ends define which is the
            atlas. Or the map from a position in the image to the position in the atlas, as in ITK,
            ANTs and ConfUSIus: a matrix in mm, between the coordinates of the two Datasets; or a
            field of displacements to add to the image's coordinates, with a unit, on the spatial
            dimensions of the image (or others of the same names, with coordinates) and one of
            length 3, labelled with the names of the dimensions (or in their order). By default
            positions are the same in both.
        method : "nearest" or "linear", optional
            For variables other than labels, hemispheres and masks. By default linear for floats and
            the template, nearest for other integers.
        order : "dims" or "xyz", default: "dims"
            Whether columns of the matrix are the spatial dimensions in the order of the image (a
            single plane at the position of the atlas's axis), and rows those of the atlas in its
            order; or both reversed.
        space : "LPS" or "RAS", optional
            The space of the matrix or field if it is between world coordinates: mm to the left,
            posterior and superior, as in ITK and ANTs, or to the right, anterior and superior. For
            an image or an atlas from a file these are defined by its affine. If there are no world
            coordinates, as in BrainGlobe's atlases, they are the coordinates, negated on axes of
            the opposite direction, as in the affine of :func:`xarray_atlas.to_nifti`.
        fractions : bool, default: False
            Add the variable ``fraction``: the fraction of each voxel that each region fills.

        Returns
        -------
        Dataset
            On the image's spatial dimensions, in mm.

        Raises
        ------
        GridError
            If a Transform takes no part of the image into the atlas; if an axis of the image is
            missing or uneven, if the transform is not an invertible 4 x 4 matrix and no field along
            the image's axes, or if labels are asked for linearly.
        UnitsError
            If a coordinate has no unit.

        Warns
        -----
        UserWarning
            If a Transform takes less than 1 % of the smaller of image and atlas into the other, as
            one that is the wrong way round.

        Examples
        --------
        >>> import numpy as np, xarray as xr, xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ap = {"units": "um", "direction": "anterior-to-posterior"}
        >>> dv = {"units": "um", "direction": "superior-to-inferior"}
        >>> ml = {"units": "um", "direction": "right-to-left"}
        >>> section = xr.DataArray(
        ...     np.zeros((60, 80)),
        ...     dims=("y", "x"),
        ...     coords={
        ...         "z": ((), 7000.0, ap),
        ...         "y": ("y", 100 + 150.0 * np.arange(60), dv),
        ...         "x": ("x", 150.0 * np.arange(80), ml),
        ...     },
        ... )
        >>> mine = ds.atlas.resample_like(section)
        >>> mine.annotation.shape, mine.annotation.dtype
        ((60, 80), dtype('uint32'))
        """
        return resample_like(self._obj, image, transform, method, order, space, fractions=fractions)
