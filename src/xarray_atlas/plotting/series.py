"""Montage of aligned sections, in the orientation of their images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.errors import GridError
from xarray_atlas.plotting.montage import THIN, AxesArray, grid_of_axes
from xarray_atlas.plotting.outline_options import OutlinesLike, outline_options
from xarray_atlas.plotting.planes import anatomical, only
from xarray_atlas.plotting.section import draw_frame, draw_section, ink_on, show
from xarray_atlas.printable import one_line
from xarray_atlas.sections.positions import axis_of
from xarray_atlas.sections.series import section_nodes
from xarray_atlas.sections.series_images import images_by_section

__all__ = ["montage"]

ON_IMAGES = {"linewidth": 0.6, "color": "tab:orange"}
"""Outlines, seen on bright and dark images."""


def montage(
    tree: xr.DataTree,
    images: Any = None,
    *,
    ax: Any = None,
    outlines: OutlinesLike = True,
    labels: bool = False,
    directions: bool = True,
    scale_bar: bool = True,
    **kwargs: Any,
) -> AxesArray:
    """Draw every section of a tree, in the orientation of its image.

    Parameters
    ----------
    tree : DataTree
        Of sections.
    images : mapping of str to array, or DataTree, optional
        For sections by name, below the outlines. By default sections have the atlas's colours.
    ax : array or list of matplotlib Axes, optional
        One for each section. A figure is made by default.
    outlines, labels, directions, scale_bar
        As :func:`section` has them, the last two in the first picture.
    **kwargs
        Further arguments of :meth:`matplotlib.axes.Axes.imshow`.

    Returns
    -------
    ndarray of matplotlib Axes, shape (n,)

    Raises
    ------
    GridError
        If an image is of no section, or no image, or there are not as many axes as sections.
    """
    nodes = section_nodes(tree)
    shown = {} if images is None else images_by_section(images, nodes)
    pictures = {name: _picture(name, image) for name, image in shown.items()}
    planes = [
        anatomical(only(node), x=axis_of(node, "x"), y=axis_of(node, "y"))
        for node in nodes.values()
    ]
    given = grid_of_axes(planes, full=False) if ax is None else np.asarray(ax, object).ravel()
    if given.size != len(planes):
        raise GridError(f"{given.size} axes were given, and there are {len(planes)} sections")
    if images is not None:
        kwargs = {"cmap": "gray", **_limits(pictures, kwargs), **kwargs}
    style = THIN if images is None else ON_IMAGES
    outlines = outline_options(outlines, **style) or False
    for i, (each, name, plane) in enumerate(zip(given, nodes, planes, strict=True)):
        marks = {"directions": directions and not i, "scale_bar": scale_bar and not i}
        if images is None:
            draw_section(each, plane, outlines=outlines, labels=labels, **marks, **kwargs)
        else:
            dark = name in pictures
            if dark:
                show(each, plane, pictures[name], **kwargs)
            ink = "white" if dark else ink_on(each, plane, False)
            draw_frame(each, plane, outlines, labels, ink=ink, **marks)
        # coordinates are counted from the upper left corner of the image
        each.set(xlim=(plane.x.first, plane.x.last), ylim=(plane.y.last, plane.y.first))
        each.set(xticks=[], yticks=[], xlabel="", ylabel="")
        each.set_title(one_line(name), fontsize="medium")
        each.spines[:].set_visible(False)
    return given


def _picture(name: str, image: Any) -> Any:
    """Return the rows and columns of an image, and its colours if it has any."""
    if isinstance(image, xr.DataArray):
        if {"y", "x"} <= set(image.dims):
            image = image.transpose("y", "x", ...)
        image = image.values
    found = np.asarray(image)
    if found.ndim not in (2, 3) or (found.ndim == 3 and found.shape[2] not in (3, 4)):
        raise GridError(
            f"the image of section {name!r} has the shape {found.shape}; a picture has (rows, "
            "columns), or 3 or 4 colours for each pixel. Choose one channel"
        )
    return found


def _limits(pictures: Mapping[str, Any], kwargs: Mapping[str, Any]) -> dict[str, float]:
    """Return limits of grey values that all images share."""
    flat = [picture for picture in pictures.values() if picture.ndim == 2 and picture.size]
    if not flat or {"norm", "vmin", "vmax"} & set(kwargs):
        return {}
    with np.errstate(invalid="ignore"):
        low = [float(np.nanmin(picture)) for picture in flat]
        high = [float(np.nanmax(picture)) for picture in flat]
    return {"vmin": min(low), "vmax": max(high)}
