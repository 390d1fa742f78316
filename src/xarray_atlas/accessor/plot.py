"""``.atlas.plot``: a thin front door to the functions that draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xarray_atlas.accessor.overlays import OverlaysMethods
from xarray_atlas.accessor.planes import PlanesMethods
from xarray_atlas.regions.results import Regions
from xarray_atlas.terminology import RegionKey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AtlasPlotAccessor"]


class AtlasPlotAccessor(PlanesMethods, OverlaysMethods):
    """What draws an atlas: it is ``.atlas.plot``.

    All but `surface` take and return matplotlib's axes, and need the extra ``plot``; `surface`
    draws with PyVista, and needs the extra ``surface``.

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
            If there is no voxel of the region, or volumes cannot be measured.
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
        plotter : pyvista.Plotter, optional
            Where to draw. A new one by default. Where it shows something already, its camera and
            marker are left as they are.
        off_screen : bool, optional
            Whether a new plotter opens no window, for a ``screenshot``; as PyVista has it.
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
        RegionNotFoundError, AmbiguousRegionError
            For a region that is not there, or an acronym that several share.
        HemisphereError
            If left and right cannot be told apart.
        StoreError
            If the store cannot be reached, or the mesh in it is not complete.
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
            plotter=plotter,
            off_screen=off_screen,
            window_size=window_size,
            **kwargs,
        )
