"""Views of an atlas: text, plots, the interactive page and other viewers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.accessor.plot import AtlasPlotAccessor
from xarray_atlas.regions.results import Regions

if TYPE_CHECKING:
    from xarray_atlas.viewers.explorer import Explorer

__all__ = ["LookingMethods"]


class LookingMethods(Accessor[T]):
    """Text and HTML, plots, and views in a browser."""

    def __repr__(self) -> str:
        from xarray_atlas.viewers import formatting

        return formatting.atlas_text(self._obj)

    def _repr_html_(self) -> str:
        from xarray_atlas.viewers import formatting_html

        return formatting_html.atlas_html(self._obj)

    @property
    def plot(self) -> AtlasPlotAccessor:
        """The plotting methods: sections, outlines, heat maps, the hierarchy and surfaces.

        Examples
        --------
        >>> import xarray_atlas
        >>> ax = xarray_atlas.open_sample("100 um").atlas.plot.section(ap="6 mm")
        """
        return AtlasPlotAccessor(self._obj)

    @property
    def cmap(self) -> Any:
        """The atlas's colours, for matplotlib; use it with `norm`.

        See :func:`xarray_atlas.plotting.cmap`.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.cmap(ds.atlas.norm([0, 312782546]), bytes=True).tolist()
        [[0, 0, 0, 0], [0, 159, 172, 255]]
        """
        from xarray_atlas.plotting import colors

        return colors.cmap(self._obj)

    @property
    def norm(self) -> Any:
        """Norm that maps labels to the colours of `cmap`, exact for labels of any size.

        See :func:`xarray_atlas.plotting.norm`.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> int(ds.atlas.norm(997))
        987
        """
        from xarray_atlas.plotting import colors

        return colors.norm(self._obj)

    def explore(
        self,
        regions: Regions | None = None,
        *,
        template: bool = True,
        frame: Any = None,
        contacts: xr.Dataset | None = None,
    ) -> Explorer:
        """Show the atlas in an interactive page that works offline.

        See :func:`xarray_atlas.explore` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            Regions to show as surfaces in 3-D, inside a faint surface around all labelled voxels.
        template : bool, default: True
            Show ``template`` under the annotation, if the Dataset has one.
        frame : str, Frame or (4, 4) array, optional
            The frame in which positions are shown: a name of ``ds.atlas.frames``, such as "ibl", or
            a Frame. A matrix takes its positions (mm, in the order of ``ds.atlas.space.dims``) to
            the Dataset. By default they are coordinates of `obj`. The planes stay those of the
            voxels.
        contacts : Dataset, optional
            Of a probe, as :func:`xarray_atlas.insert` returns it, in whichever frame: a line along
            the contacts of each shank is shown in 3-D, thicker than the shank.

        Returns
        -------
        Explorer
            In a notebook a live widget with the last click in ``point`` and ``regions``;
            `save` writes it as one HTML file.

        Raises
        ------
        GridError
            If a spatial dimension is missing (a page is of a volume), a coordinate is unevenly
            spaced, or there are more than 8191 regions; if it is not known where the frame lies.
        PointsError
            If there is no such frame, or `contacts` are not those of a probe.
        RegionNotFoundError, AmbiguousRegionError
            For a region that does not exist, or an acronym that several share.
        ImportError
            If scikit-image is not installed: ``pip install "xarray-atlas[explore]"``.

        Examples
        --------
        >>> import xarray_atlas
        >>> page = xarray_atlas.open_sample("100 um").atlas.explore("RSP")
        >>> page.save("rsp.html")  # doctest: +SKIP
        """
        from xarray_atlas.viewers import exploring

        return exploring.explore(
            self._obj, regions, template=template, frame=frame, contacts=contacts
        )

    def neuroglancer(self, regions: Regions | None = None, *, template: bool = True) -> Any:
        """Show the atlas in neuroglancer, served from this process to a browser here.

        See :func:`xarray_atlas.neuroglancer` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int): they and their descendants are chosen among the
            labels, and their surfaces are made from the voxels of `obj`. A region around others is
            nearly transparent. Without any all labels are shown, and no surface.
        template : bool, default: True
            Show ``template``, if the Dataset has one.

        Returns
        -------
        neuroglancer.Viewer
            Prints the URL to open; a notebook shows a link. Keep a reference: the data are served
            as long as it exists.

        Raises
        ------
        GridError
            If a spatial dimension is missing or unevenly spaced, the template is on another grid,
            or no region has a voxel in `obj`.
        RegionNotFoundError, AmbiguousRegionError
            For a region that does not exist, or an acronym that several share.
        ImportError
            If neuroglancer is not installed: ``pip install "xarray-atlas[neuroglancer]"``.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> viewer = ds.atlas.neuroglancer(["RSP", "CA1"])  # doctest: +SKIP
        """
        from xarray_atlas.viewers import neuroglancer_server

        return neuroglancer_server.neuroglancer(self._obj, regions, template=template)

    def neuroglancer_url(
        self,
        regions: Regions | None = None,
        *,
        template: bool = True,
        meshes: bool = True,
        base: str = "https://neuroglancer-demo.appspot.com/",
    ) -> str:
        """Return a link that opens the store of the atlas in neuroglancer.

        See :func:`xarray_atlas.neuroglancer_url` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). Without any all regions are shown.
        template : bool, default: True
            Show the template, if the Dataset or its manifest states its location.
        meshes : bool, default: True
            Show surfaces and names, if they are stored next to the annotation.
        base : str, default: "https://neuroglancer-demo.appspot.com/"
            URL of a neuroglancer of version 2.41 or newer.

        Returns
        -------
        str

        Raises
        ------
        StoreError
            If a browser cannot read the store, as a path on this machine or data in memory; or if
            it cannot be reached from here.
        GridError
            If no region has a voxel in this part of the atlas, or the voxels are not those in the
            store: on the grid of an image, or said to be of another size.
        ParcellationError
            For a parcellation, as its labels differ from those in the store.
        RegionNotFoundError, AmbiguousRegionError
            For a region that does not exist, or an acronym that several share.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_atlas("allen_mouse_25um")  # doctest: +SKIP
        >>> link = ds.atlas.neuroglancer_url(["RSP", "CA1"])  # doctest: +SKIP
        """
        from xarray_atlas.viewers import neuroglancer

        return neuroglancer.neuroglancer_url(
            self._obj, regions, template=template, meshes=meshes, base=base
        )

    def to_napari(
        self,
        viewer: Any = None,
        regions: Regions | None = None,
        *,
        points: Any = None,
        frame: Any = None,
        unit: Any = None,
        axes: Any = None,
        columns: Mapping[str, str] | None = None,
        template: bool = True,
    ) -> Any:
        """Add the atlas to a napari viewer, in mm: template, labels, surfaces and points.

        See :func:`xarray_atlas.to_napari` for details.

        Parameters
        ----------
        viewer : napari.Viewer, optional
            To which the layers are added. By default a new window is opened.
        regions : str, int, Region, or list of these, optional
            Regions to add as surfaces for the 3-D view, made from the voxels of `obj` and smoothed.
            A region that contains another of them is nearly transparent.
        points : table, path, Dataset, DataArray, mapping, or array, optional
            As :func:`xarray_atlas.region_at` takes them, or what it returns. The layer's features
            are the region and the hemisphere of each point. Where `obj` is a section, points off it
            are not shown.
        frame, unit, axes, columns : optional
            Of `points`, as :func:`xarray_atlas.region_at` takes them.
        template : bool, default: True
            Add ``template``, if the Dataset has one.

        Returns
        -------
        napari.Viewer
            `viewer`, or the new one.

        Raises
        ------
        GridError
            If a coordinate is unevenly spaced, or the template is on another grid; of surfaces, if
            a spatial dimension is missing.
        PointsError
            If the frame or the axes of the points are not stated.
        RegionNotFoundError, AmbiguousRegionError
            For a region that does not exist, or an acronym that several share.
        ImportError
            If napari is not installed: ``pip install "xarray-atlas[napari]"``.

        Examples
        --------
        >>> import napari, xarray_atlas  # doctest: +SKIP
        >>> viewer = napari.Viewer()  # doctest: +SKIP
        >>> ds = xarray_atlas.open_sample("100 um")  # doctest: +SKIP
        >>> ds.atlas.to_napari(viewer, ["RSP", "CA1"])  # doctest: +SKIP
        """
        from xarray_atlas.viewers import napari_layers

        return napari_layers.to_napari(
            self._obj,
            viewer,
            regions,
            points=points,
            frame=frame,
            unit=unit,
            axes=axes,
            columns=columns,
            template=template,
        )
