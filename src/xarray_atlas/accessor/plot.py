"""``.atlas.plot``: a thin front door to the functions that draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from xarray_atlas.accessor.charts import ChartsMethods
from xarray_atlas.accessor.overlays import OverlaysMethods
from xarray_atlas.accessor.planes import PlanesMethods
from xarray_atlas.regions.results import Regions
from xarray_atlas.terminology import RegionKey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AtlasPlotAccessor"]


class AtlasPlotAccessor(PlanesMethods, OverlaysMethods, ChartsMethods):
    """Plots of an atlas, as ``.atlas.plot``.

    All methods except `surface` use matplotlib axes, and need the extra ``plot``; `surface` draws
    with PyVista, and needs the extra ``surface``.

    Examples
    --------
    >>> import xarray_atlas
    >>> plane = xarray_atlas.open_sample("100 um").sel(z="6 mm", method="nearest")
    >>> ax = plane.atlas.plot.section()
    """

    def tree(self, root: RegionKey | None = None, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
        """Draw the hierarchy below a region, by volume.

        See :func:`xarray_atlas.plotting.tree` for details.

        Parameters
        ----------
        root : str, int or Region, optional
            The region to begin with, by acronym, full name, or id (int). By default the root, or
            the roots, of the hierarchy.
        ax : matplotlib Axes, optional
            By default that of a new figure.
        **kwargs
            For the regions, as :class:`matplotlib.collections.PolyCollection` has them:
            ``edgecolor``, ``linewidth``, ``alpha``, ...

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        GridError
            If the region does not have voxels, or volumes cannot be measured.
        RegionNotFoundError, AmbiguousRegionError
            If no region has that name, or several have.
        RegionOverlapError
            If a label belongs to several of the regions.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.plot.tree("HPF").get_title(loc="left")
        'Hippocampal formation: 42.9 mm³'
        """
        from xarray_atlas import plotting

        return plotting.tree(self._obj, root, ax=ax, **kwargs)

    def track(
        self,
        contacts: xr.Dataset,
        signals: Any = None,
        *,
        level: int | None = None,
        parcellation: Any = None,
        transform: Any = None,
        ax: Any = None,
        labels: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Draw the regions along each shank of a probe, and signals of its contacts next to them.

        See :func:`xarray_atlas.plotting.track` for details.

        Parameters
        ----------
        contacts : Dataset
            As returned by :func:`xarray_atlas.insert`, or a part of it.
        signals : DataArray, Dataset, or mapping of str to array, optional
            On ``contact``, in the order of `contacts`. What has that dimension alone is drawn as a
            profile; what has one more (time, frequency) as an image.
        level : int, optional
            Return the ancestor at that level of the hierarchy, counted from root = 0; a region
            above the level is returned itself.
        parcellation : str, dict, DataFrame or path, optional
            Return the parcel instead of the region, of a parcellation: ``"beryl"``, ``"cosmos"`` or
            ``"allen-summary"``; a mapping from parcels to their regions, such as
            ``{"visual": ["VISp", "VISl"]}``; or a table with the columns ``region`` and ``parcel``,
            or the path of its CSV. Points in no parcel are background.
        transform : Transform, optional
            Where the contacts are those of another space.
        ax : array of matplotlib Axes, optional
            As many as are returned. A figure is made by default.
        labels : bool, default: True
            Write acronyms into the parts of the column that have room for them.
        **kwargs
            Options of the bars, for :meth:`matplotlib.axes.Axes.bar`: ``edgecolor``, ``linewidth``,
            ``alpha``, ...

        Returns
        -------
        ndarray of matplotlib Axes, shape (shanks, 1 + signals)

        Raises
        ------
        PointsError
            If these are not contacts of a probe, a shank has no two contacts at different heights,
            or a signal is not one of the contacts.

        Examples
        --------
        >>> import xarray_atlas
        >>> source = xarray_atlas.open_sample("100 um").attrs["source"]
        >>> ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
        >>> contacts = ds.atlas.insert(
        ...     [0.2, 1.0, 1.8], probe_unit="mm", probe_tip="0 um", frame="ibl", unit="mm",
        ...     entry={"ml": -1.4, "ap": -2.2, "dv": -0.4},
        ...     tip={"ml": -0.9, "ap": -2.2, "dv": -3.0},
        ... )
        >>> ds.atlas.plot.track(contacts, level=5).shape
        (1, 1)
        """
        from xarray_atlas import plotting

        cut: dict[str, Any] = {"level": level, "parcellation": parcellation}
        options: dict[str, Any] = {"transform": transform, "ax": ax, "labels": labels}
        return plotting.track(self._obj, contacts, signals, **cut, **options, **kwargs)

    def surface(
        self,
        regions: Regions,
        hemisphere: str | None = None,
        *,
        opacity: float | Mapping[RegionKey, float] | None = None,
        contacts: xr.Dataset | None = None,
        plotter: Any = None,
        off_screen: bool | None = None,
        window_size: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Draw surfaces of regions in 3-D, with PyVista.

        See :func:`xarray_atlas.plotting.surface` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these
            By acronym, full name, or id (int); each with its descendants.
        hemisphere : "left" or "right", optional
            Only that side. A voxel on the midline is left.
        opacity : float or mapping, optional
            Of all regions, or of those that are named (by acronym, name or id). By default a region
            that holds another one that is drawn is nearly transparent, 0.12, and others are opaque.
        contacts : Dataset, optional
            Of a probe, as :func:`xarray_atlas.insert` returns it, in whichever frame: its contacts
            are points, with a line along each shank. Within a region that is opaque they are not
            seen.
        plotter : pyvista.Plotter, optional
            Where to draw. A new one by default. Where it shows something already, its camera and
            marker are left as they are.
        off_screen : bool, optional
            Whether a new plotter opens no window, for a ``screenshot``, as in PyVista.
        window_size : (int, int), optional
            Width and height of a new plotter in pixels.
        **kwargs
            For ``plotter.add_mesh``, such as ``color``, ``show_edges`` or ``style``.

        Returns
        -------
        pyvista.Plotter

        Raises
        ------
        GridError
            If none of the regions has a voxel, a coordinate is unevenly spaced, or a spatial
            dimension is missing.
        PointsError
            If `contacts` are not those of a probe.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished.
        StoreError
            If the store cannot be reached, or its mesh is incomplete.
        ImportError
            If PyVista, or what makes the meshes, is not installed:
            ``pip install "xarray-atlas[surface]"``.
        TypeError, ValueError
            Without regions, and for an empty list of them.

        Warns
        -----
        UserWarning
            If one of several regions has no voxel; it is left out.

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
            contacts=contacts,
            plotter=plotter,
            off_screen=off_screen,
            window_size=window_size,
            **kwargs,
        )
