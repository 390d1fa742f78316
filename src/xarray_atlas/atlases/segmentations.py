"""Reduce segmentations of histological sections by region."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import xarray as xr

from xarray_atlas.errors import GridError
from xarray_atlas.io.files.segmentations import read_segmentation
from xarray_atlas.regions.results import Regions
from xarray_atlas.sections.segmentation import chosen_pixels, counted

__all__ = ["segmented"]


def segmented(
    image: Any,
    section: xr.Dataset | xr.DataTree,
    regions: Regions | None = None,
    *,
    color: Any = None,
    labels: bool = False,
    connectivity: int = 4,
    min_pixels: int = 1,
    mask: xr.DataArray | None = None,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
    level: int | None = None,
    parcellation: Any = None,
) -> xr.Dataset:
    """Count the pixels and objects of a segmentation of a section by region.

    Parameters
    ----------
    image : str, path or array
        A PNG, TIFF or ``.flat`` file (of Nutil), or an array of the shape (rows, columns) or (rows,
        columns, channels). It must show the whole section, at any size.
    section : Dataset or DataTree
        A node of :func:`open_sections`, or its Dataset.
    regions : str, int, Region, or list of these, optional
        By acronym, full name, or id (int). All regions by default.
    color : int, str or sequence of int, optional
        Color of segmented pixels: ``255``, ``"#ff0000"``, ``(255, 0, 0)``. Required except for
        boolean arrays and `labels`.
    labels : bool, default: False
        Whether the image numbers the objects, as Cellpose and StarDist do: each non-zero value is
        one.
    connectivity : 4 or 8, default: 4
        Whether objects are connected by edges of pixels, or also by corners.
    min_pixels : int, default: 1
        Smaller objects are ignored, including their pixels.
    mask : DataArray of bool, optional
        The intact tissue, on the pixels of the section. Pixels and area outside are ignored.
    hemisphere : "left", "right" or a list of both, optional
        Only that hemisphere.
    direct : bool, default: False
        Only the region itself, without its descendants, as in Nutil.
    level, parcellation : optional
        Same as in :func:`aggregate`.

    Returns
    -------
    Dataset
        With the dimension ``region``, then ``hemisphere`` for a list.

        ``pixels``, ``objects``
            int64. An object is in the region that holds most of its pixels.
        ``region_pixels``
            The size of the region in pixels of the image.
        ``area``, ``segmented_area``
            In mm**2 of the section.
        ``area_fraction``
            The fraction of the area that is segmented; NaN for a region that was not seen.
        ``background``, ``background_objects``
            Pixels and objects in no region, without ``region``.

    Raises
    ------
    GridError
        If the color of segmented pixels is unknown (the error lists the colors), or `mask` is not
        on the pixels of the section.
    StoreNotFoundError, StoreFormatError, StoreError
        If the file cannot be read.
    ImportError
        If a package is not installed: ``pip install "xarray-atlas[files]" scipy``.

    Notes
    -----
    A pixel of the image belongs to the pixel of the section that holds its upper left corner.
    Nutil does the same, and leaves out the last row and column of each object.

    Examples
    --------
    >>> import numpy as np, xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> section = ds.atlas.section(ap="7 mm")
    >>> image = np.zeros((160, 228), bool)  # of two pixels in one of the section
    >>> image[20:24, 70:75] = image[60:64, 90:98] = True
    >>> found = xarray_atlas.segmented(image, section, ["root", "CTX", "TH"])
    >>> found.pixels.values, found.objects.values
    (array([52, 20, 32]), array([2, 1, 1]))
    """
    if isinstance(section, xr.DataTree):
        section = section.to_dataset()
    if not isinstance(section, xr.Dataset):
        raise TypeError(f"section is a node of open_sections, not a {type(section).__name__}")
    if isinstance(image, str | os.PathLike):
        image = read_segmentation(image)
    image = getattr(image, "values", image)
    if min_pixels < 1:
        raise GridError(f"min_pixels={min_pixels!r} is not a number of pixels")
    chosen, is_labelled = chosen_pixels(image, color, labels)
    return counted(
        section, chosen, is_labelled, connectivity=connectivity, min_pixels=min_pixels, mask=mask,
        regions=regions, hemisphere=hemisphere, direct=direct, level=level,
        parcellation=parcellation,
    )  # fmt: skip
