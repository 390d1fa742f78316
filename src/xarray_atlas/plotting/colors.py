"""The colours of an atlas for matplotlib: a colour map, and a norm for its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.optional import optional
from xarray_atlas.plotting.palette import INSTALL, palette

if TYPE_CHECKING:
    from matplotlib.colors import ListedColormap

    from xarray_atlas.plotting.label_norm import LabelNorm

__all__ = ["cmap", "norm"]


def cmap(obj: xr.Dataset | xr.DataArray) -> ListedColormap:
    """Return the colours of an atlas's regions, for matplotlib: use it with its `norm`.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas.

    Returns
    -------
    matplotlib.colors.ListedColormap
        A colour for each label, in their order. The background is transparent. A region to which
        the atlas gives no colour has one of its own, made from its place in the
        table; a label that no region has is magenta.

    Examples
    --------
    >>> import matplotlib as mpl
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> mpl.colors.to_hex(ds.atlas.cmap(ds.atlas.norm(ds.atlas.region("RSPd6b").id)))
    '#1aa698'

    Here as a plot of xarray's own:

    >>> plane = ds.annotation.sel(z="6 mm", method="nearest")
    >>> drawn = plane.plot.imshow(
    ...     cmap=ds.atlas.cmap, norm=ds.atlas.norm, add_colorbar=False, yincrease=False
    ... )
    """
    colors = optional("matplotlib.colors", INSTALL, "a colour map")
    terminology, _ = find_atlas(obj)
    table = palette(terminology).colors / 255
    made: ListedColormap = colors.ListedColormap(
        table[:-1], name=terminology.name or "atlas"
    ).with_extremes(over=table[-1], under=table[-1], bad=(0, 0, 0, 0))
    return made


def norm(obj: xr.Dataset | xr.DataArray) -> LabelNorm:
    """Return what takes an atlas's labels to the colours of its `cmap`, for matplotlib.

    Labels are compared as integers, so that ids of 32 bits and more keep apart. Matplotlib's
    ``imshow`` may turn integers to floats before it asks for their colours. Where these
    hold each label as it was, they are taken; where they do not, or were mixed by an
    interpolation, it is an error. Contours (``contour``, ``contourf``) are of amounts, and mean
    nothing for labels: draw :func:`outlines`.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas.

    Returns
    -------
    matplotlib.colors.Normalize
        Called with labels it returns their row of the colour map.

    Raises
    ------
    TypeError
        By the norm, for floats that need not be labels any more; ``imshow(...,
        interpolation_stage="rgba")`` never makes any. And for a colour bar: labels are names.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> int(ds.atlas.norm(0))
    0
    """
    optional("matplotlib.colors", INSTALL, "a norm")
    from xarray_atlas.plotting.label_norm import LabelNorm

    terminology, _ = find_atlas(obj)
    return LabelNorm(palette(terminology))
