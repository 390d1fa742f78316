"""Values and outlines of regions in planes of an atlas, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from xarray_atlas.regions.results import Regions
from xarray_atlas.terminology import RegionKey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from xarray_atlas.plotting.outline_options import OutlinesLike

__all__ = ["OverlaysMethods"]


class OverlaysMethods:
    """Draws values and outlines of regions."""

    _obj: xr.Dataset | xr.DataArray

    def values(
        self,
        values: Any,
        *,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        region: RegionKey | None = None,
        axis: str = "ap",
        frame: Any = None,
        tilt: Any = None,
        roll: Any = None,
        about: Mapping[str, Any] | None = None,
        through: Any = None,
        unit: Any = None,
        level: int | None = None,
        regions: Regions | None = None,
        parcellation: Any = None,
        ax: Axes | None = None,
        view: str = "radiological",
        outlines: OutlinesLike = True,
        labels: bool = False,
        directions: bool = True,
        scale_bar: bool = True,
        add_colorbar: bool = True,
        **kwargs: Any,
    ) -> Axes:
        """Draw a plane with a colour for the value of each region.

        See :func:`xarray_atlas.plotting.values` for details.

        Parameters
        ----------
        values : Series, mapping or DataArray
            Numbers by region: a Series or mapping by acronym, name or id, or a DataArray on
            ``region``, as the package's own results are. On ``hemisphere`` too, each side has its
            own.
        ap, dv, ml : length, optional
            Position of the plane along that axis: a quantity, a string such as ``"6 mm"``, or a
            number in mm; the voxels that contain it are drawn. The name of a dimension works too:
            ``z="6 mm"``. With `frame` it is a position in that frame, by the names of its axes; a
            number then needs a unit unless the frame is in mm.
        region : str, int or Region, optional
            Draw the plane through a point inside that region.
        axis : str, default: "ap"
            Axis perpendicular to the plane through `region`.
        frame : str, Frame or (4, 4) array, optional
            Frame of the position, and of the ticks and labels of the axes: a name of
            ``ds.atlas.frames``, such as "ibl", a Frame, or a matrix from positions in the frame
            (mm, in the order of ``ds.atlas.space.dims``) to the Dataset. A tilted frame gives an
            oblique plane: its pixels, about as large as a voxel, have the label of the voxel that
            contains their centre. By default the coordinates of the Dataset.
        tilt : str or pint.Quantity, optional
            The angle, such as ``"5 deg"``, by which the plane is rotated about the horizontal axis
            of its picture: the right-left axis, of a sagittal plane the anterior-posterior one.
            Positive moves the upper edge (superior; of a horizontal plane anterior) to anterior in
            a coronal plane, to superior in a horizontal one, to the right in a sagittal one.
        roll : str or pint.Quantity, optional
            The angle by which the tilted plane is rotated about the vertical axis of its picture.
            Positive moves the right side of the animal (of a sagittal plane the anterior edge) to
            anterior in a coronal plane, to superior in a horizontal one, to the right in a sagittal
            one.
        about : mapping of str to length, optional
            The point of the plane about which it is rotated, along its two axes:
            ``{"dv": "0 mm", "ml": "0 mm"}``. By default the centre of the whole volume; with
            `region` the point inside it.
        through : points, optional
            Three points that define the plane, in `frame`, as :func:`xarray_atlas.region_at` takes
            points: a table or mapping with the columns ``ap``, ``dv`` and ``ml``, or, in a frame
            with axes x, y and z, an array of shape (3, 3).
        unit : str or pint.Unit, optional
            Unit of these points, unless they have one.
        level : int, optional
            Draw the regions of that level of the hierarchy, counted from root = 0, in their
            colours, with their outlines and acronyms. A region above the level is drawn as itself;
            values are then by the acronyms of these regions, and those of other regions are not
            drawn. By default the regions that have a value are outlined.
        regions : str, int, Region, or list of these, optional
            Draw these regions only, each with its descendants. The rest of the brain is light grey,
            or the template. None may lie in another; values are then by the acronyms of these
            regions, and those of other regions are not drawn. By default the regions that have a
            value are outlined.
        parcellation : str, dict, DataFrame or path, optional
            Draw the parcels of a parcellation, as :func:`xarray_atlas.parcellate` takes it:
            ``"beryl"``, or ``{"visual": ["VISp", "VISl"]}``. The rest is drawn as with `regions`;
            values are then by the acronyms of these regions, and those of other regions are not
            drawn. By default the regions that have a value are outlined.
        ax : matplotlib Axes, optional
            By default the current axes.
        view : {"radiological", "neurological"}, default: "radiological"
            Which side of the animal is on the left of a coronal or horizontal plane: its right side
            ("radiological"), or its left ("neurological"). A sagittal plane is the same in both.
        outlines : bool, "smooth" or mapping, default: True
            Draw the outlines of the regions that are drawn. With "smooth" regions are vectors with
            smoothed boundaries, which lie within half a voxel of the boundaries between voxels and
            leave the centre of each voxel in its region; neighbours share one line. Each region is
            then a group of an SVG file with its acronym as id, and a layer of a PDF file. A mapping
            goes on to matplotlib's LineCollection: ``{"color": "white"}``, or
            ``{"smooth": True, "color": "white"}``.
        labels : bool, default: False
            Write acronyms into regions that have room for them in a figure of this size, and next
            to the brain, with a line, for others. They are texts in ``ax.texts``.
        directions : bool, default: True
            Label each rim with its side: A or P, S or I, L or R.
        scale_bar : bool, default: True
            Draw a scale bar of a round length.
        add_colorbar : bool, default: True
            Draw a colour bar with the name and the unit of the values.
        **kwargs
            Of :meth:`matplotlib.axes.Axes.imshow`: ``cmap``, ``vmin``, ``vmax``, ``norm``, ...

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        GridError
            If no plane is named, or more than one, or it lies outside the volume; if three points
            lie on one line, or the angles make a plane that is nearer to another anatomical one.
        PointsError
            If there is no such frame, or it is not said in which the three points are.
        UnitsError
            If a region does not exist, a value is not a length or angle, or a unit is missing.
        ParcellationError, TypeError
            If the regions to be drawn overlap, or are chosen in several ways.
        ValueError
            If the values have further dimensions, or give a region twice.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished.

        Examples
        --------
        >>> import pandas as pd
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> change = pd.Series({"RSP": 0.2, "SSp": -0.1}, name="change")
        >>> ax = ds.atlas.plot.values(change, ap="7 mm", cmap="RdBu_r", vmin=-0.3, vmax=0.3)
        """
        from xarray_atlas import plotting

        return plotting.values(
            self._obj,
            values,
            ap=ap,
            dv=dv,
            ml=ml,
            region=region,
            axis=axis,
            frame=frame,
            tilt=tilt,
            roll=roll,
            about=about,
            through=through,
            unit=unit,
            level=level,
            regions=regions,
            parcellation=parcellation,
            ax=ax,
            view=view,
            outlines=outlines,
            labels=labels,
            directions=directions,
            scale_bar=scale_bar,
            add_colorbar=add_colorbar,
            **kwargs,
        )

    def outlines(
        self,
        ax: Axes | None = None,
        *,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        region: RegionKey | None = None,
        axis: str = "ap",
        frame: Any = None,
        tilt: Any = None,
        roll: Any = None,
        about: Mapping[str, Any] | None = None,
        through: Any = None,
        unit: Any = None,
        level: int | None = None,
        regions: Regions | None = None,
        parcellation: Any = None,
        x: Any = None,
        y: Any = None,
        smooth: bool = False,
        **kwargs: Any,
    ) -> Axes:
        """Draw the outlines of regions over any picture.

        See :func:`xarray_atlas.plotting.outlines` for details.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            The current ones by default. Those on which nothing has been drawn are set up as
            :func:`xarray_atlas.plotting.section` does.
        ap, dv, ml : length, optional
            Position of the plane along that axis: a quantity, a string such as ``"6 mm"``, or a
            number in mm; the voxels that contain it are drawn. The name of a dimension works too:
            ``z="6 mm"``. With `frame` it is a position in that frame, by the names of its axes; a
            number then needs a unit unless the frame is in mm.
        region : str, int or Region, optional
            The plane through a point inside of that region.
        axis : str, default: "ap"
            The axis perpendicular to the plane through `region`.
        frame : str, Frame or (4, 4) array, optional
            Frame of the position, and of the ticks and labels of the axes: a name of
            ``ds.atlas.frames``, such as "ibl", a Frame, or a matrix from positions in the frame
            (mm, in the order of ``ds.atlas.space.dims``) to the Dataset. A tilted frame gives an
            oblique plane: its pixels, about as large as a voxel, have the label of the voxel that
            contains their centre. By default the coordinates of the Dataset. In a frame the axes of
            the picture are in its coordinates and its unit.
        tilt : str or pint.Quantity, optional
            The angle, such as ``"5 deg"``, by which the plane is rotated about the horizontal axis
            of its picture: the right-left axis, of a sagittal plane the anterior-posterior one.
            Positive moves the upper edge (superior; of a horizontal plane anterior) to anterior in
            a coronal plane, to superior in a horizontal one, to the right in a sagittal one. In a
            frame the axes of the picture are in its coordinates and its unit.
        roll : str or pint.Quantity, optional
            The angle by which the tilted plane is rotated about the vertical axis of its picture.
            Positive moves the right side of the animal (of a sagittal plane the anterior edge) to
            anterior in a coronal plane, to superior in a horizontal one, to the right in a sagittal
            one. In a frame the axes of the picture are in its coordinates and its unit.
        about : mapping of str to length, optional
            The point of the plane about which it is rotated, along its two axes:
            ``{"dv": "0 mm", "ml": "0 mm"}``. By default the centre of the whole volume; with
            `region` the point inside it. In a frame the axes of the picture are in its coordinates
            and its unit.
        through : points, optional
            Three points that define the plane, in `frame`, as :func:`xarray_atlas.region_at` takes
            points: a table or mapping with the columns ``ap``, ``dv`` and ``ml``, or, in a frame
            with axes x, y and z, an array of shape (3, 3). In a frame the axes of the picture are
            in its coordinates and its unit.
        unit : str or pint.Unit, optional
            Unit of these points, unless they have one. In a frame the axes of the picture are in
            its coordinates and its unit.
        level : int, optional
            Outline the regions of that level of the hierarchy, counted from root = 0.
        regions : str, int, Region, or list of these, optional
            Outline these regions only, each with its descendants. They must be disjoint.
        parcellation : str, dict, DataFrame or path, optional
            Outline the parcels of a parcellation, as :func:`xarray_atlas.parcellate` takes it.
        x, y : str, optional
            What runs across and up the picture: dimensions, or "ap", "dv", "ml". By default as in
            :func:`xarray_atlas.plotting.section`: "ml" and "dv" of a coronal plane, "ap" and "dv"
            of a sagittal one, "ml" and "ap" of a horizontal one. A length is a position along the
            dimension of that name.
        smooth : bool, default: False
            Draw smoothed lines. They lie within half a voxel of the boundaries between voxels, do
            not cross, and leave the centre of each voxel in its region.
        **kwargs
            Of :class:`matplotlib.collections.LineCollection`: ``color``, ``linewidth`` in points
            (one pixel of the figure by default), ``transform``, ...

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        GridError
            If no plane is named, or more than one, or it lies outside the volume; if three points
            lie on one line, or the angles make a plane that is nearer to another anatomical one;
            and for an `x` or `y` that is not in the plane.
        PointsError
            If there is no such frame, or it is not said in which the three points are.
        UnitsError
            If a region does not exist, a value is not a length or angle, or a unit is missing.
        ParcellationError, TypeError
            If the regions to be drawn overlap, or are chosen in several ways.

        Warns
        -----
        UserWarning
            If the axes reach over many times the size of the atlas, and so are not in mm.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> figure, ax = plt.subplots()
        >>> drawn = ax.scatter([4.2, 7.1], [1.5, 2.0])  # cells, in mm
        >>> ax = ds.atlas.plot.outlines(ax, ap="7 mm", color="grey")
        """
        from xarray_atlas import plotting

        return plotting.outlines(
            self._obj,
            ax,
            ap=ap,
            dv=dv,
            ml=ml,
            region=region,
            axis=axis,
            frame=frame,
            tilt=tilt,
            roll=roll,
            about=about,
            through=through,
            unit=unit,
            level=level,
            regions=regions,
            parcellation=parcellation,
            x=x,
            y=y,
            smooth=smooth,
            **kwargs,
        )
