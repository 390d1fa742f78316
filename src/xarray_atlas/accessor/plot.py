"""``.atlas.plot``: a thin front door to the functions that draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from xarray_atlas.regions.results import Regions
from xarray_atlas.terminology import RegionKey

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

__all__ = ["AtlasPlotAccessor"]


class AtlasPlotAccessor:
    """What draws an atlas: it is ``.atlas.plot``.

    All but `surface` take and return matplotlib's axes, and need the extra ``plot``; `surface`
    draws with PyVista, and needs the extra ``surface``.

    Examples
    --------
    >>> import xarray_atlas
    >>> plane = xarray_atlas.open_sample("100 um").sel(z="6 mm", method="nearest")
    >>> ax = plane.atlas.plot.section()
    """

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

        See :func:`xarray_atlas.plotting.section` for the parameters.

        Returns
        -------
        matplotlib Axes

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

        See :func:`xarray_atlas.plotting.sections` for the parameters.

        Returns
        -------
        ndarray of matplotlib Axes

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

        See :func:`xarray_atlas.plotting.ortho` for the parameters.

        Returns
        -------
        ndarray of matplotlib Axes
            Across ap, dv and ml.

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

        See :func:`xarray_atlas.plotting.values` for the parameters.

        Returns
        -------
        matplotlib Axes

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

        See :func:`xarray_atlas.plotting.outlines` for the parameters.

        Returns
        -------
        matplotlib Axes

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

    def tree(self, root: RegionKey | None = None, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
        """Draw the hierarchy below a region, by volume.

        See :func:`xarray_atlas.plotting.tree` for the parameters.

        Returns
        -------
        matplotlib Axes

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.plot.tree("HPF").get_title(loc="left")
        'Hippocampal formation: 42.9 mm³'
        """
        from xarray_atlas import plotting

        return plotting.tree(self._obj, root, ax=ax, **kwargs)

    def surface(
        self,
        regions: Regions,
        hemisphere: str | None = None,
        *,
        opacity: float | Mapping[RegionKey, float] | None = None,
        plotter: Any = None,
        off_screen: bool | None = None,
        window_size: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Draw surfaces of regions in 3-D, with PyVista.

        See :func:`xarray_atlas.plotting.surface` for the parameters.

        Returns
        -------
        pyvista.Plotter

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> plotter = ds.atlas.plot.surface(["grey", "CA1"], off_screen=True)
        >>> "grey" in plotter.actors, "CA1" in plotter.actors
        (True, True)
        >>> plotter.close()
        """
        from xarray_atlas import plotting

        return plotting.surface(
            self._obj,
            regions,
            hemisphere=hemisphere,
            opacity=opacity,
            plotter=plotter,
            off_screen=off_screen,
            window_size=window_size,
            **kwargs,
        )
