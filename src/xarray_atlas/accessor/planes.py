"""Planes of an atlas, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from xarray_atlas.terminology import RegionKey

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

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
        ax: Axes | None = None,
        template: bool = True,
        outlines: bool | Mapping[str, Any] = True,
        labels: bool = True,
        directions: bool = True,
        scale_bar: bool = True,
        **kwargs: Any,
    ) -> Axes:
        """Draw one plane of the atlas in its colours.

        See :func:`xarray_atlas.plotting.section` for details.

        Parameters
        ----------
        ap, dv, ml : length, optional
            Where the plane lies, across that axis: a quantity, a string such as ``"6 mm"``, or a
            number in mm; the voxels that hold it are drawn. A dimension's own name does as well:
            ``z="6 mm"``.
        region : str, int or Region, optional
            The plane through a point inside of that region (its ``representative_point``). To find
            it takes a pass over the annotation, if none has been made.
        axis : str, default: "ap"
            Across which axis the plane through `region` lies: "ap", "dv", "ml" or a dimension.
        ax : matplotlib Axes, optional
            The current ones by default.
        template : bool, default: True
            Where the Dataset has a ``template``, draw it below, in grey, and the annotation half
            transparent.
        outlines : bool or mapping, default: True
            Draw the faces between voxels of different labels; a mapping goes on to matplotlib's
            LineCollection: ``{"color": "white"}``.
        labels : bool, default: True
            Write acronyms into the parts of regions that have room for them. They are matplotlib's
            texts, in ``ax.texts``.
        directions : bool, default: True
            Write on each rim to which side it lies: A or P, S or I, L or R.
        scale_bar : bool, default: True
            Draw a bar of a round length.
        **kwargs
            Further arguments of :meth:`matplotlib.axes.Axes.imshow`, for the annotation.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        GridError
            If no plane is named, or more than one, or it lies outside the volume.
        RegionNotFoundError, AmbiguousRegionError, UnitsError
            For a region that is not there, and for what is no length.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.plot.section(region="CA1", axis="ml", labels=False).get_title()
        'x = 8.725 mm'
        """
        from xarray_atlas import plotting

        return plotting.section(
            self._obj,
            ap=ap,
            dv=dv,
            ml=ml,
            region=region,
            axis=axis,
            ax=ax,
            template=template,
            outlines=outlines,
            labels=labels,
            directions=directions,
            scale_bar=scale_bar,
            **kwargs,
        )

    def sections(
        self, n: int = 12, axis: str = "ap", *, ax: Any = None, **kwargs: Any
    ) -> np.ndarray[Any, Any]:
        """Draw planes evenly through the whole atlas.

        See :func:`xarray_atlas.plotting.sections` for details.

        Parameters
        ----------
        n : int, default: 12
            How many planes, if there are so many; as many as there are axes where `ax` is given.
        axis : str, default: "ap"
            Across which axis they lie: "ap" (coronal planes), "dv" (horizontal), "ml" (sagittal),
            or a dimension.
        ax : array or list of matplotlib Axes, optional
            A figure is made by default.
        **kwargs
            Further arguments of :func:`xarray_atlas.plotting.section`; its `labels` are left out by
            default.

        Returns
        -------
        ndarray of matplotlib Axes

        Raises
        ------
        GridError
            If there is no such axis, or `n` is no number of planes, or there are fewer than axes.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.plot.sections(4, axis="dv", labels=False).size
        4
        """
        from xarray_atlas import plotting

        return plotting.sections(self._obj, n, axis, ax=ax, **kwargs)

    def ortho(
        self,
        region: RegionKey | None = None,
        *,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> np.ndarray[Any, Any]:
        """Draw the three planes through a point, or through a region.

        See :func:`xarray_atlas.plotting.ortho` for details.

        Parameters
        ----------
        region : str, int or Region, optional
            The point is one inside of that region (its ``representative_point``). To find it takes
            a pass over the annotation, if none has been made.
        ap, dv, ml : length, optional
            The point itself, instead: all three; dimensions' names do as well.
        ax : array or list of three matplotlib Axes, optional
            A figure is made by default.
        **kwargs
            Further arguments of :func:`xarray_atlas.plotting.section`.

        Returns
        -------
        ndarray of matplotlib Axes
            Across ap, dv and ml.

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
        ['z = 7.025 mm', 'y = 2.025 mm', 'x = 4.025 mm']
        """
        from xarray_atlas import plotting

        return plotting.ortho(self._obj, region, ap=ap, dv=dv, ml=ml, ax=ax, **kwargs)

    def values(
        self,
        values: Any,
        *,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        region: RegionKey | None = None,
        axis: str = "ap",
        ax: Axes | None = None,
        outlines: bool | Mapping[str, Any] = True,
        labels: bool = False,
        directions: bool = True,
        scale_bar: bool = True,
        add_colorbar: bool = True,
        **kwargs: Any,
    ) -> Axes:
        """Draw a plane in which each region has the colour of a value.

        See :func:`xarray_atlas.plotting.values` for details.

        Parameters
        ----------
        values : Series, mapping or DataArray
            Numbers by region: a Series or mapping by acronym, name or id, or a DataArray on
            ``region``, as the package's own results are. On ``hemisphere`` too, each side has its
            own.
        ap, dv, ml : length, optional
            Where the plane lies, across that axis: a quantity, a string such as ``"6 mm"``, or a
            number in mm; the voxels that hold it are drawn. A dimension's own name does as well:
            ``z="6 mm"``.
        region : str, int or Region, optional
            The plane through a point inside of that region.
        axis : str, default: "ap"
            Across which axis the plane through `region` lies.
        ax : matplotlib Axes, optional
            The current ones by default.
        outlines : bool or mapping, default: True
            Draw the faces between voxels of different labels; a mapping goes on to matplotlib's
            LineCollection: ``{"color": "white"}``.
        labels : bool, default: False
            Write acronyms into the parts of regions that have room for them. They are matplotlib's
            texts, in ``ax.texts``.
        directions : bool, default: True
            Write on each rim to which side it lies: A or P, S or I, L or R.
        scale_bar : bool, default: True
            Draw a bar of a round length.
        add_colorbar : bool, default: True
            Beside it a colour bar, with the name and the unit of the values.
        **kwargs
            Of :meth:`matplotlib.axes.Axes.imshow`: ``cmap``, ``vmin``, ``vmax``, ``norm``, ...

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        GridError
            If no plane is named, or more than one, or it lies outside the volume.
        ValueError
            If the values have further dimensions, or give a region twice.
        RegionNotFoundError, AmbiguousRegionError
            For a region that is not there, or an acronym that several share.
        HemisphereError
            If left and right cannot be told apart.

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
            ax=ax,
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
        x: Any = None,
        y: Any = None,
        **kwargs: Any,
    ) -> Axes:
        """Draw where regions meet over a picture of one's own.

        See :func:`xarray_atlas.plotting.outlines` for details.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            The current ones by default. Those on which nothing has been drawn are set up as
            :func:`xarray_atlas.plotting.section` does.
        ap, dv, ml : length, optional
            Where the plane lies, across that axis: a quantity, a string such as ``"6 mm"``, or a
            number in mm; the voxels that hold it are drawn. A dimension's own name does as well:
            ``z="6 mm"``.
        region : str, int or Region, optional
            The plane through a point inside of that region.
        axis : str, default: "ap"
            Across which axis the plane through `region` lies.
        x, y : str, optional
            What runs across and up the picture: dimensions, or "ap", "dv", "ml". By default as
            :func:`xarray_atlas.plotting.section` has it: "ml" and "dv" of a coronal plane, "ap" and
            "dv" of a sagittal one, "ml" and "ap" of a horizontal one. A length is a position along
            the dimension of that name.
        **kwargs
            Of :class:`matplotlib.collections.LineCollection`: ``color``, ``linewidth`` in points
            (one pixel of the figure by default), ``transform``, ...

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        GridError
            If no plane is named, or more than one, or it lies outside the volume; and for an `x` or
            `y` that is not in the plane.

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
            self._obj, ax, ap=ap, dv=dv, ml=ml, region=region, axis=axis, x=x, y=y, **kwargs
        )
