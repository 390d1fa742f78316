"""Planes of an atlas, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from xarray_atlas.regions.results import Regions
from xarray_atlas.terminology import RegionKey

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

    from xarray_atlas.plotting.outline_options import OutlinesLike

__all__ = ["PlanesMethods"]


class PlanesMethods:
    """Draws planes of an atlas."""

    def __init__(self, obj: xr.Dataset | xr.DataArray) -> None:
        self._obj = obj

    def section(
        self,
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
        contacts: xr.Dataset | None = None,
        ax: Axes | None = None,
        view: str = "radiological",
        template: bool = True,
        outlines: OutlinesLike = True,
        labels: bool = True,
        directions: bool = True,
        scale_bar: bool = True,
        **kwargs: Any,
    ) -> Axes:
        """Draw a section of the atlas in its colours.

        See :func:`xarray_atlas.plotting.section` for details.

        Parameters
        ----------
        ap, dv, ml : length, optional
            Position of the plane along that axis: a quantity, a string such as ``"6 mm"``, or a
            number in mm; the voxels that contain it are drawn. The name of a dimension works too:
            ``z="6 mm"``. With `frame` it is a position in that frame, by the names of its axes; a
            number then needs a unit unless the frame is in mm.
        region : str, int or Region, optional
            Draw the plane through a point inside that region (its ``representative_point``).
            Finding it reads the annotation once, unless that has been done.
        axis : str, default: "ap"
            Axis perpendicular to the plane through `region`: "ap" (coronal), "dv" (horizontal),
            "ml" (sagittal), or a dimension.
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
            colours, with their outlines and acronyms. A region above the level is drawn as itself.
        regions : str, int, Region, or list of these, optional
            Draw these regions only, each with its descendants. The rest of the brain is light grey,
            or the template. None may lie in another.
        parcellation : str, dict, DataFrame or path, optional
            Draw the parcels of a parcellation, as :func:`xarray_atlas.parcellate` takes it:
            ``"beryl"``, or ``{"visual": ["VISp", "VISl"]}``. The rest is drawn as with `regions`.
        contacts : Dataset, optional
            Contacts of a probe, as :func:`xarray_atlas.insert` returns them. Those more than 0.1 mm
            from the plane are faint. Without a position, the plane is the one that contains the
            shanks, in the frame of the contacts, and as nearly perpendicular to `axis` as possible.
        ax : matplotlib Axes, optional
            By default the current axes.
        view : {"radiological", "neurological"}, default: "radiological"
            Which side of the animal is on the left of a coronal or horizontal plane: its right side
            ("radiological"), or its left ("neurological"). A sagittal plane is the same in both.
        template : bool, default: True
            If the Dataset has a ``template``, draw it in grey, and the annotation half transparent
            over it.
        outlines : bool, "smooth" or mapping, default: True
            Draw the outlines of the regions that are drawn. With "smooth" regions are vectors with
            smoothed boundaries, which lie within half a voxel of the boundaries between voxels and
            leave the centre of each voxel in its region; neighbours share one line. Each region is
            then a group of an SVG file with its acronym as id, and a layer of a PDF file. A mapping
            goes on to matplotlib's LineCollection: ``{"color": "white"}``, or
            ``{"smooth": True, "color": "white"}``.
        labels : bool, default: True
            Write acronyms into regions that have room for them in a figure of this size, and next
            to the brain, with a line, for others. They are texts in ``ax.texts``.
        directions : bool, default: True
            Label each rim with its side: A or P, S or I, L or R.
        scale_bar : bool, default: True
            Draw a scale bar of a round length.
        **kwargs
            Options of :meth:`matplotlib.axes.Axes.imshow` for the annotation.

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
        RegionNotFoundError, AmbiguousRegionError, UnitsError
            If a region does not exist, a value is not a length or angle, or a unit is missing.
        ParcellationError, TypeError
            If the regions to be drawn overlap, or are chosen in several ways.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.plot.section(region="CA1", axis="ml", labels=False).get_title()
        'ML = 8.725 mm'
        >>> ds.atlas.plot.section(ap="-2 mm", frame="ibl").get_xlabel()
        'ML to right (µm, ibl)'
        """
        from xarray_atlas import plotting

        return plotting.section(
            self._obj,
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
            contacts=contacts,
            ax=ax,
            view=view,
            template=template,
            outlines=outlines,
            labels=labels,
            directions=directions,
            scale_bar=scale_bar,
            **kwargs,
        )

    def sections(
        self,
        n: int = 12,
        axis: str = "ap",
        *,
        frame: Any = None,
        tilt: Any = None,
        roll: Any = None,
        about: Mapping[str, Any] | None = None,
        values: Any = None,
        level: int | None = None,
        regions: Regions | None = None,
        parcellation: Any = None,
        ax: Any = None,
        view: str = "radiological",
        **kwargs: Any,
    ) -> np.ndarray[Any, Any]:
        """Draw evenly spaced planes through the whole atlas.

        See :func:`xarray_atlas.plotting.sections` for details.

        Parameters
        ----------
        n : int, default: 12
            Number of sections, or fewer if there are not as many planes of voxels. With `ax` it is
            the number of axes.
        axis : str, default: "ap"
            Axis perpendicular to them: "ap" (coronal), "dv" (horizontal), "ml" (sagittal), or a
            dimension.
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
        values : Series, mapping or DataArray, optional
            Colour regions by a value of each, as :func:`xarray_atlas.plotting.values` takes them.
            All planes have one scale and share a colour bar (``add_colorbar=False`` leaves it out).
        level : int, optional
            Draw the regions of that level of the hierarchy, counted from root = 0, in their
            colours, with their outlines and acronyms. A region above the level is drawn as itself.
        regions : str, int, Region, or list of these, optional
            Draw these regions only, each with its descendants. The rest of the brain is light grey,
            or the template. None may lie in another.
        parcellation : str, dict, DataFrame or path, optional
            Draw the parcels of a parcellation, as :func:`xarray_atlas.parcellate` takes it:
            ``"beryl"``, or ``{"visual": ["VISp", "VISl"]}``. The rest is drawn as with `regions`.
        ax : array or list of matplotlib Axes, optional
            A figure is made by default.
        view : {"radiological", "neurological"}, default: "radiological"
            Which side of the animal is on the left of a coronal or horizontal plane: its right side
            ("radiological"), or its left ("neurological"). A sagittal plane is the same in both.
        **kwargs
            Further arguments of :func:`xarray_atlas.plotting.section`, with `values` those of
            :func:`xarray_atlas.plotting.values`; `labels` are left out by default.

        Returns
        -------
        ndarray of matplotlib Axes

        Raises
        ------
        GridError
            If there is no such axis, or `n` is not a number of planes, or there are fewer than
            axes.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.plot.sections(4, axis="dv", labels=False).size
        4
        """
        from xarray_atlas import plotting

        return plotting.sections(
            self._obj,
            n,
            axis,
            frame=frame,
            tilt=tilt,
            roll=roll,
            about=about,
            values=values,
            level=level,
            regions=regions,
            parcellation=parcellation,
            ax=ax,
            view=view,
            **kwargs,
        )

    def ortho(
        self,
        region: RegionKey | None = None,
        *,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        frame: Any = None,
        values: Any = None,
        level: int | None = None,
        regions: Regions | None = None,
        parcellation: Any = None,
        ax: Any = None,
        view: str = "radiological",
        **kwargs: Any,
    ) -> np.ndarray[Any, Any]:
        """Draw the three planes through a point, or through a region.

        See :func:`xarray_atlas.plotting.ortho` for details.

        Parameters
        ----------
        region : str, int or Region, optional
            Draw sections through a point inside that region (its ``representative_point``). Finding
            it reads the annotation once, unless that has been done.
        ap, dv, ml : length, optional
            The point instead of a region: all three coordinates. Names of dimensions work too. With
            `frame` it is a point of that frame, by the names of its axes.
        frame : optional
            Frame of the position, and of the ticks and labels of the axes: a name of
            ``ds.atlas.frames``, such as "ibl", a Frame, or a matrix from positions in the frame
            (mm, in the order of ``ds.atlas.space.dims``) to the Dataset. A tilted frame gives an
            oblique plane: its pixels, about as large as a voxel, have the label of the voxel that
            contains their centre. By default the coordinates of the Dataset.
        values : Series, mapping or DataArray, optional
            Colour regions by a value of each, as :func:`xarray_atlas.plotting.values` takes them.
            All planes have one scale and share a colour bar (``add_colorbar=False`` leaves it out).
        level : int, optional
            Draw the regions of that level of the hierarchy, counted from root = 0, in their
            colours, with their outlines and acronyms. A region above the level is drawn as itself.
        regions : str, int, Region, or list of these, optional
            Draw these regions only, each with its descendants. The rest of the brain is light grey,
            or the template. None may lie in another.
        parcellation : str, dict, DataFrame or path, optional
            Draw the parcels of a parcellation, as :func:`xarray_atlas.parcellate` takes it:
            ``"beryl"``, or ``{"visual": ["VISp", "VISl"]}``. The rest is drawn as with `regions`.
        ax : array or list of three matplotlib Axes, optional
            A figure is made by default.
        view : {"radiological", "neurological"}, default: "radiological"
            Which side of the animal is on the left of a coronal or horizontal plane: its right side
            ("radiological"), or its left ("neurological"). A sagittal plane is the same in both.
        **kwargs
            Further arguments of :func:`xarray_atlas.plotting.section`, with `values` those of
            :func:`xarray_atlas.plotting.values`.

        Returns
        -------
        ndarray of matplotlib Axes
            Perpendicular to ap, dv and ml.

        Raises
        ------
        GridError
            If neither a region nor all of the point is given, or it lies outside the volume.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> axes = ds.atlas.plot.ortho(ap="7 mm", dv="2 mm", ml="4 mm", labels=False)
        >>> [ax.get_title() for ax in axes]
        ['AP = 7.025 mm', 'DV = 2.025 mm', 'ML = 4.025 mm']
        """
        from xarray_atlas import plotting

        return plotting.ortho(
            self._obj,
            region,
            ap=ap,
            dv=dv,
            ml=ml,
            frame=frame,
            values=values,
            level=level,
            regions=regions,
            parcellation=parcellation,
            ax=ax,
            view=view,
            **kwargs,
        )
