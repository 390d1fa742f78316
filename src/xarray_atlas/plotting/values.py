"""A plane of an atlas, coloured by a value of each region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from xarray_atlas.images.paint import paint
from xarray_atlas.plotting.decorations import current_axes
from xarray_atlas.plotting.planes import anatomical, only, read
from xarray_atlas.plotting.section import draw_frame, ink_on, show
from xarray_atlas.plotting.unit_labels import value_label
from xarray_atlas.sections.asked import Asked
from xarray_atlas.sections.placing import cut
from xarray_atlas.terminology import RegionKey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["values"]

WITHOUT = "0.88"
"""The grey of regions that have no value."""


def values(
    obj: xr.Dataset | xr.DataArray,
    values: Any,
    *,
    ap: Any = None,
    dv: Any = None,
    ml: Any = None,
    region: RegionKey | None = None,
    axis: str = "ap",
    frame: Any = None,
    tilt: Any = None,
    roll: Any = None,
    about: Mapping[str, Any] | None = None,
    through: Any = None,
    unit: Any = None,
    ax: Axes | None = None,
    outlines: bool | Mapping[str, Any] = True,
    labels: bool = False,
    directions: bool = True,
    scale_bar: bool = True,
    add_colorbar: bool = True,
    **kwargs: Any,
) -> Axes:
    """Draw a plane of an atlas, coloured by a value of each region: a heat map.

    A voxel has the value of the most specific region that has one and holds it, as
    :func:`~xarray_atlas.paint` has it. Regions of the brain without a value are light grey.
    Only what the plane needs is read.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas or its annotation, whole, cut, or one plane of it, which needs no position.
    values : Series, mapping or DataArray
        Numbers by region: a Series or mapping by acronym, name or id, or a DataArray on
        ``region``, as the package's own results are. On ``hemisphere`` too, each side has its own.
    ap, dv, ml : length, optional
        As :func:`section` has them.
    region : str, int or Region, optional
        The plane through a point inside of that region.
    axis : str, default: "ap"
        Across which axis the plane through `region` lies.
    frame, tilt, roll, about, through, unit
        As :func:`section` has them.
    ax : matplotlib Axes, optional
        The current ones by default.
    outlines : bool or mapping, default: True
        As :func:`section` has it.
    labels : bool, default: False
        As :func:`section` has it.
    directions, scale_bar
        As :func:`section` has them.
    add_colorbar : bool, default: True
        Beside it a colour bar, with the name and the unit of the values.
    **kwargs
        Of :meth:`matplotlib.axes.Axes.imshow`: ``cmap``, ``vmin``, ``vmax``, ``norm``, ...

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    GridError, PointsError, UnitsError
        As :func:`section` does.
    ValueError
        If the values have further dimensions, or give a region twice.
    RegionNotFoundError, AmbiguousRegionError, HemisphereError
        As :func:`~xarray_atlas.paint` does.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> figure, ax = plt.subplots()
    >>> volume = ds.atlas.volume(["RSP", "SSp", "CA1"])
    >>> ax = ds.atlas.plot.values(volume, ap="7 mm", ax=ax, cmap="viridis")
    >>> figure.axes[1].get_ylabel()
    'volume (mm³)'
    """
    asked = Asked.of(
        obj, kwargs, ap=ap, dv=dv, ml=ml, region=region, axis=axis, frame=frame, tilt=tilt,
        roll=roll, about=about, through=through, unit=unit,
    )  # fmt: skip
    sided = ["hemispheres"] if _has_sides(values) else []
    found, view = cut(only(obj, sided), asked)
    plane = anatomical(read(found, sided), view=view)
    painted = paint(plane.obj, values)
    further = [dim for dim in painted.dims if dim not in (plane.x.dim, plane.y.dim)]
    if further:
        raise ValueError(
            f"a picture has one value for each region; these have a dimension {further[0]!r} too: "
            f"select one, values.isel({further[0]}=0), or draw a picture of each"
        )
    ax = current_axes(ax)
    shown = np.ma.masked_invalid(plane.values(painted.pint.dequantify().compute()))
    # what has no value, and the background around it
    brain = np.where(plane.labels != 0, 1.0, np.nan)
    from matplotlib.colors import ListedColormap

    show(ax, plane, brain, cmap=ListedColormap([WITHOUT]), interpolation_stage="rgba")
    image = show(ax, plane, shown, **{"interpolation_stage": "rgba", **kwargs})
    if outlines is True:
        outlines = {"color": "0.4"}  # paler, since there is much that has no value
    ink = ink_on(ax, plane, template=False)
    draw_frame(ax, plane, outlines, labels, directions, scale_bar, ink)
    if add_colorbar:
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
        bar.set_label(value_label(painted), parse_math=False)
    return ax


def _has_sides(values: Any) -> bool:
    """Tell whether values are of left and right apart, so that sides have to be read."""
    if isinstance(values, pd.Series):
        return "hemisphere" in values.index.names
    return isinstance(values, xr.DataArray) and "hemisphere" in values.coords
