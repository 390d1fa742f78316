"""The ``.atlas`` accessor of a DataTree of aligned sections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xarray_atlas.regions.results import Regions
from xarray_atlas.sections import series, series_images, series_points

if TYPE_CHECKING:
    from xarray_atlas.plotting.outline_options import OutlinesLike

__all__ = ["SectionsAccessor"]


class SectionsAccessor:
    """Measure a series of aligned sections, as ``tree.atlas``.

    Of a DataTree that :func:`xarray_atlas.open_sections` made, or one that holds several of them:
    ``xarray.DataTree.from_dict({"m1": tree_1, "m2": tree_2})`` holds the sections of the animals
    "m1" and "m2". All else is asked of one section:
    ``tree["name"].to_dataset().atlas``.

    Parameters
    ----------
    tree : DataTree

    Examples
    --------
    >>> import json, tempfile, xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> series = {"target": "ABA_Mouse_CCFv3_2017_25um.cutlas"}
    >>> series["slices"] = [
    ...     {"filename": f"s{i}.png", "nr": i, "width": 1330, "height": 800,
    ...      "anchoring": [28.5, 200 + 8 * i, 290, 399, 0, 0, 0, 0, -240]}
    ...     for i in range(3)
    ... ]
    >>> path = tempfile.mkdtemp() + "/alignment.json"
    >>> with open(path, "w") as file:
    ...     json.dump(series, file)
    >>> tree = xarray_atlas.open_sections(path, ds, thickness="40 um", spacing="200 um")
    >>> tree.atlas.area("CTX").values.round(1)
    array([32. , 31.6, 29.6])
    """

    def __init__(self, tree: xr.DataTree) -> None:
        self._tree = tree

    def area(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
    ) -> xr.DataArray:
        """Compute the area of regions in each section, including their descendants, in mm**2.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default.
        hemisphere : "left", "right" or a list of both, optional
            Only that side.
        direct : bool, default: False
            Only pixels labelled with the region itself, without its descendants.

        Returns
        -------
        DataArray of quantities in mm**2
            On ``section``, then ``region`` and ``hemisphere``, same as :func:`xarray_atlas.area`.
        """
        return series.areas(self._tree, regions, hemisphere, direct)

    def volume(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        *,
        spacing: Any = None,
    ) -> xr.DataArray:
        """Estimate the volume of regions by the Cavalieri principle, in mm**3.

        The sum of the areas in all sections, times the distance between sections. Sections are
        assumed to be parallel and evenly spaced, to cover the region from end to end, and to start
        at a random position, as recorded in ``attrs["assumption"]``.

        Parameters
        ----------
        regions, hemisphere, direct
            As for ``area``.
        spacing : str or pint.Quantity, optional
            From one section of the tree to the next, such as ``"200 um"``. By default that of
            :func:`xarray_atlas.open_sections`.

        Returns
        -------
        DataArray of quantities in mm**3

        Raises
        ------
        GridError
            If the distance is not known, or the numbers of the sections are not evenly spaced.
        """
        return series.cavalieri(self._tree, regions, hemisphere, direct, spacing)

    def region_at(
        self,
        points: Any,
        *,
        level: int | None = None,
        parcellation: Any = None,
        columns: Mapping[str, str] | None = None,
        image_shape: tuple[int, int] | None = None,
        pixel_size: Any = None,
    ) -> xr.Dataset:
        """Return the region of points on sections, and their positions in the atlas.

        Parameters
        ----------
        points : table, or path of a file
            With a column ``section``, which is the name of a node, the file of its image or its
            number, and ``x`` and ``y`` in pixels of that image, to the right and down from its
            outer upper left corner. A column ``animal`` tells trees of several animals apart. Of
            one section, ``tree["name"].atlas``, it takes no column ``section``. A path, a pattern
            of paths, or a list of them is opened by :func:`xarray_atlas.open_points`. Detections
            exported by QuPath have the section in ``Image``, and positions in um, which need
            `pixel_size`.
        level, parcellation : optional
            Same as in :func:`xarray_atlas.region_at`.
        columns : mapping of str to str, optional
            What ``x``, ``y`` and ``section`` are called.
        image_shape : (int, int), optional
            Rows and columns of the images in which the points are, where these are larger or
            smaller than those that were aligned.
        pixel_size : str or pint.Quantity, optional
            Of these images, where the positions are in a unit of length: ``"0.65 um"``.

        Returns
        -------
        Dataset
            ``region``, ``region_id``, ``hemisphere`` and ``status``, as in
            :func:`xarray_atlas.region_at`, and ``ap``, ``dv`` and ``ml``: the position in the
            opened atlas, in mm (``frame="dataset"``). The columns become coordinates.

        Raises
        ------
        PointsError
            If a column is missing, or a point is in no section of the tree.

        Warns
        -----
        UserWarning
            If more than half of the points lie in no region.
        """
        return series_points.regions_on_sections(
            self._tree, points, level=level, parcellation=parcellation, columns=columns,
            image_shape=image_shape, pixel_size=pixel_size,
        )  # fmt: skip

    def count_points(
        self,
        points: Any,
        by: str | Iterable[str] | None = None,
        level: int | None = None,
        hemisphere: str | Iterable[str] | None = None,
        mask: Mapping[str, xr.DataArray] | None = None,
        *,
        parcellation: Any = None,
        columns: Mapping[str, str] | None = None,
        image_shape: tuple[int, int] | None = None,
        pixel_size: Any = None,
    ) -> xr.Dataset:
        """Count points by region, with the areas that were seen as denominators.

        Parameters
        ----------
        points : table, or path of a file
            As for ``region_at``.
        by : str or iterable of str, optional
            ``"section"``, and columns of the points, such as ``["animal", "section"]``.
        level : int, optional
            Count by the disjoint regions at this level of the hierarchy, counted from root = 0.
        hemisphere : "left", "right" or a list of both, optional
            Only that side.
        mask : mapping of str to DataArray of bool, optional
            For sections by name, on their pixels: the tissue that is intact. Areas are
            inside of it, and points outside are counted apart. Other sections are whole.
        parcellation : str, dict, DataFrame or path, optional
            Count by the disjoint regions of a parcellation, as :func:`xarray_atlas.count_points`
            has it.
        columns, image_shape, pixel_size : optional
            As for ``region_at``.

        Returns
        -------
        Dataset
            Same as in :func:`xarray_atlas.count_points`: ``count``; ``area``, mm**2, the sum over
            the sections that were seen; ``density``, in 1/mm**2; where the thickness of sections is
            known ``volume``, in mm**3, and ``volume_density``, in 1/mm**3. A column with
            one value per section, such as the animal, splits the areas too: it is
            ``attrs["animal"]`` of the node, the name of its parent, or that of its points.

        Raises
        ------
        PointsError
            If a column is missing, a point is in no section of the tree, or nothing says to which
            animal a section without points belongs.

        Warns
        -----
        UserWarning
            As for :func:`xarray_atlas.count_points`.
        """
        return series_points.count_on_sections(
            self._tree, points, by, level, hemisphere, mask, parcellation=parcellation,
            columns=columns, image_shape=image_shape, pixel_size=pixel_size,
        )  # fmt: skip

    def aggregate(
        self,
        images: Any,
        regions: Regions | None = None,
        func: str | Iterable[str] = "mean",
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        skipna: bool = True,
        *,
        level: int | None = None,
        parcellation: Any = None,
        min_coverage: float | None = None,
        q: float | Iterable[float] | None = None,
    ) -> xr.DataArray | xr.Dataset:
        """Reduce an image of each section, such as fluorescence, by region.

        Parameters
        ----------
        images : mapping of str to array, or DataTree
            For sections by name: an array of (rows, columns), or a DataArray with more dimensions
            than ``y`` and ``x``, on the pixels of the section. A DataTree has one variable a node.
            Sections without an image are left out. For images as they were aligned open the
            sections with ``pixels="image"``. NaN, such as for damaged tissue, is left out.
        regions, func, hemisphere, direct, skipna, level, parcellation, min_coverage, q : optional
            Same as in :func:`xarray_atlas.aggregate`.

        Returns
        -------
        DataArray or Dataset
            On ``section``, then same as :func:`xarray_atlas.aggregate`, NaN for regions that a
            section does not show. ``voxels``, the number of pixels of a region in each section,
            is the weight with which means of sections have a common mean.

        Raises
        ------
        GridError
            If an image is of no section of the tree, or not on its pixels.
        UnitsError
            If the images have different units.
        """
        return series_images.aggregate_sections(
            self._tree, images, regions, func, hemisphere, direct, None, skipna, level=level,
            parcellation=parcellation, min_coverage=min_coverage, q=q,
        )  # fmt: skip

    def montage(
        self,
        images: Any = None,
        *,
        ax: Any = None,
        outlines: OutlinesLike = True,
        labels: bool = False,
        directions: bool = True,
        scale_bar: bool = True,
        **kwargs: Any,
    ) -> np.ndarray[Any, Any]:
        """Draw every section with the outlines of its regions, in the orientation of its image.

        Parameters
        ----------
        images : mapping of str to array, or DataTree, optional
            For sections by name, an image of (rows, columns) or (rows, columns, colours), of any
            size, which shows what was aligned: it is drawn below the outlines. Grey images share
            the limits of their values, unless ``vmin``, ``vmax`` or ``norm`` is given. By
            default sections have the atlas's colours.
        ax : array or list of matplotlib Axes, optional
            One for each section. A figure is made by default.
        outlines : bool or mapping, default: True
            Draw the faces between pixels of different labels; a mapping goes on to matplotlib's
            LineCollection: ``{"color": "white"}``.
        labels : bool, default: False
            Write acronyms into the parts of regions that have room for them.
        directions, scale_bar : bool, default: True
            In the first picture, letters of the sides and a bar of a round length.
        **kwargs
            Further arguments of :meth:`matplotlib.axes.Axes.imshow`, such as ``cmap``.

        Returns
        -------
        ndarray of matplotlib Axes, shape (n,)

        Raises
        ------
        GridError
            If an image belongs to none of the sections of the tree, or is not a picture, or if the
            number of axes differs from that of the sections.
        """
        from xarray_atlas.plotting.series import montage

        return montage(
            self._tree, images, ax=ax, outlines=outlines, labels=labels, directions=directions,
            scale_bar=scale_bar, **kwargs,
        )  # fmt: skip
