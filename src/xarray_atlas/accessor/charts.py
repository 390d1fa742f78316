"""Bars and heat maps of values by region, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import xarray as xr

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ChartsMethods"]


class ChartsMethods:
    """Draws values by region as bars and heat maps."""

    _obj: xr.Dataset | xr.DataArray

    def bars(
        self,
        values: Any,
        *,
        by: str | Iterable[str] | None = None,
        error: str | None = "sem",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Axes:
        """Draw bars of values by region: means of groups of animals, with a point for each animal.

        See :func:`xarray_atlas.plotting.bars` for details.

        Parameters
        ----------
        values : DataArray, DataFrame, Series or mapping
            Numbers by region, as for :func:`xarray_atlas.paint`, drawn in their order. For a
            DataArray on ``region`` and ``animal``, such as the density that
            :func:`xarray_atlas.count_points` returns, bars are means over the animals. Left and
            right hemispheres have separate bars. For a DataFrame the index names the regions, and
            bars are means over its columns.
        by : str or iterable of str, optional
            Draw a bar for each value of these coordinates or dimensions, such as ``"group"``.
        error : "sem", "sd" or None, default: "sem"
            Length of the error bars in each direction: the standard error of the mean or the
            standard deviation, both with n - 1 degrees of freedom. The label of the axis names it.
            Groups with one observation have no error bar.
        ax : matplotlib Axes, optional
            Default: the axes of a new figure.
        **kwargs
            Of :meth:`matplotlib.axes.Axes.bar`: ``color``, ``edgecolor``, ``alpha``, ...

        Returns
        -------
        matplotlib Axes
            The bars of the first region are around 0, those of the second around 1.

        Raises
        ------
        ValueError
            If the values have too many dimensions, or cannot be grouped as asked.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ax = ds.atlas.plot.bars(ds.atlas.volume(["RSP", "CA1"]))
        >>> [bar.get_height().round(2) for bar in ax.patches]
        [np.float64(10.17), np.float64(11.06)]
        """
        from xarray_atlas import plotting

        return plotting.bars(self._obj, values, by=by, error=error, ax=ax, **kwargs)

    def heatmap(
        self,
        values: Any,
        *,
        by: str | Iterable[str] | None = None,
        hierarchy: str | None = "strip",
        ax: Axes | None = None,
        add_colorbar: bool = True,
        **kwargs: Any,
    ) -> Axes:
        """Draw a heat map of values by region: a row for each region, a column for each animal.

        See :func:`xarray_atlas.plotting.heatmap` for details.

        Parameters
        ----------
        values : DataArray, DataFrame, Series or mapping
            Numbers by region, as for :func:`xarray_atlas.paint`. For a DataArray on ``region`` and
            ``animal``, such as the density that :func:`xarray_atlas.count_points` returns, each
            animal is a column. Left and right hemispheres are side by side. For a DataFrame the
            index names the regions.
        by : str or iterable of str, optional
            Group the columns by these coordinates or dimensions, such as ``"group"``; the first is
            the outermost.
        hierarchy : "strip", "dendrogram" or None, default: "strip"
            Draw to the left of the acronyms a strip in the colours of the regions that contain the
            rows, or the tree of the hierarchy. With None the rows are in the order of `values`.
        ax : matplotlib Axes, optional
            Default: the axes of a new figure, which is high enough for all acronyms.
        add_colorbar : bool, default: True
            Draw a colour bar with the name and the unit of the values.
        **kwargs
            Of :meth:`matplotlib.axes.Axes.pcolormesh`: ``cmap``, ``vmin``, ``vmax``, ``norm``, ...

        Returns
        -------
        matplotlib Axes
            The row of the first region is at 0, that of the second at 1, from top to bottom.

        Raises
        ------
        ValueError
            If the values have too many dimensions, or cannot be grouped as asked.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ax = ds.atlas.plot.heatmap(ds.atlas.volume(["TH", "RSP", "CA1"]))
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['RSP', 'CA1', 'TH']
        """
        from xarray_atlas import plotting

        return plotting.heatmap(
            self._obj, values, by=by, hierarchy=hierarchy, ax=ax, add_colorbar=add_colorbar,
            **kwargs,
        )  # fmt: skip
