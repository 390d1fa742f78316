"""Sections of an atlas coloured by a value of each region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.images.paint import paint
from xarray_atlas.images.region_values import read_values
from xarray_atlas.plotting.clipped import add_value_bar
from xarray_atlas.plotting.decorations import current_axes
from xarray_atlas.plotting.outline_options import OutlinesLike, is_smooth, outline_options
from xarray_atlas.plotting.parts import REST, WITHOUT, Choice, Parts
from xarray_atlas.plotting.planes import Plane, anatomical, left_sides, only, read
from xarray_atlas.plotting.section import draw_frame, ink_on, show, show_rest
from xarray_atlas.plotting.unit_labels import value_label
from xarray_atlas.regions.results import Regions
from xarray_atlas.sections.asked import Asked
from xarray_atlas.sections.placing import cut
from xarray_atlas.terminology import Region, RegionKey, Terminology

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Painted", "draw_values", "has_sides", "one_scale", "paint_plane", "values"]


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
    level: int | None = None,
    regions: Regions | None = None,
    parcellation: Any = None,
    ax: Axes | None = None,
    view: str = "radiological",
    outlines: OutlinesLike = True,
    labels: bool = False,
    directions: bool = True,
    scale_bar: bool = True,
    add_colorbar: bool = True,
    **kwargs: Any,
) -> Axes:
    """Draw a section coloured by a value of each region: a heat map.

    A voxel has the value of the most specific region that has one and holds it, as
    with :func:`~xarray_atlas.paint`. Regions of the brain without a value are light grey.
    Only what the plane needs is read.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas or its annotation, or any part of it. A single plane needs no position.
    values : Series, mapping or DataArray
        Numbers by region: a Series or mapping by acronym, name or id, or a DataArray on
        ``region``, as the package's own results are. On ``hemisphere`` too, each side has its own.
    ap, dv, ml : length, optional
        Same as in :func:`section`.
    region : str, int or Region, optional
        Draw the plane through a point inside that region.
    axis : str, default: "ap"
        Axis perpendicular to the plane through `region`.
    frame, tilt, roll, about, through, unit
        Same as in :func:`section`.
    level, regions, parcellation
        Same as in :func:`section`; values are then by the acronyms of these regions, and those
        of other regions are not drawn. By default the regions that have a value are outlined.
    ax : matplotlib Axes, optional
        By default the current axes.
    view
        Same as in :func:`section`.
    outlines : bool, "smooth" or mapping, default: True
        Same as in :func:`section`.
    labels : bool, default: False
        Same as in :func:`section`.
    directions, scale_bar
        Same as in :func:`section`.
    add_colorbar : bool, default: True
        Draw a colour bar with the name and the unit of the values.
    **kwargs
        Of :meth:`matplotlib.axes.Axes.imshow`: ``cmap``, ``vmin``, ``vmax``, ``norm``, ...

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    GridError, PointsError, UnitsError, ParcellationError, TypeError
        Same as in :func:`section`.
    ValueError
        If the values have further dimensions, or give a region twice.
    RegionNotFoundError, AmbiguousRegionError, HemisphereError
        Same as in :func:`~xarray_atlas.paint`.

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
    choice, left = Choice(level, regions, parcellation), left_sides(view)
    asked = Asked.of(
        obj, kwargs, ap=ap, dv=dv, ml=ml, region=region, axis=axis, frame=frame, tilt=tilt,
        roll=roll, about=about, through=through, unit=unit,
    )  # fmt: skip
    sided = ["hemispheres"] if has_sides(values) else []
    found, lie = cut(only(obj, sided), asked)
    plane = anatomical(read(found, sided), view=lie, choice=choice, left=left)
    painted = paint_plane(plane, values, choice, find_atlas(obj)[0])
    ax = current_axes(ax)
    image = draw_values(
        ax, painted, outlines=outlines, labels=labels, directions=directions,
        scale_bar=scale_bar, **kwargs,
    )  # fmt: skip
    if add_colorbar:
        add_value_bar(ax.figure, image, image.get_array(), painted.name, ax=ax, shrink=0.8)
    return ax


class Painted(NamedTuple):
    """A plane with the value of each pixel."""

    plane: Plane
    values: Any
    """Masked array of shape (rows, columns)."""
    name: str
    """Of the values, with their unit."""


def paint_plane(plane: Plane, values: Any, choice: Choice, whole: Terminology) -> Painted:
    """Give each pixel of a plane its value, and outline the regions that the values are of.

    Parameters
    ----------
    plane : Plane
    values
        Same as in :func:`values`.
    choice : Choice
        By which the plane is cut; its regions are outlined, where it is made.
    whole : Terminology
        Of the atlas before it is cut.
    """
    given = read_values(values)
    if choice.is_made:
        given = _of_parts(given, plane, whole)
    painted = paint(plane.obj, given)
    further = [dim for dim in painted.dims if dim not in (plane.x.dim, plane.y.dim)]
    if further:
        raise ValueError(
            f"a picture has one value for each region; these have a dimension {further[0]!r} too: "
            f"select one, values.isel({further[0]}=0), or draw a picture of each"
        )
    if not choice.is_made:
        plane = replace(plane, parts=_parts_with_values(plane, given))
    shown = np.ma.masked_invalid(plane.values(painted.pint.dequantify().compute()))
    return Painted(plane, shown, value_label(painted))


def draw_values(
    ax: Axes,
    painted: Painted,
    *,
    outlines: OutlinesLike = True,
    labels: bool = False,
    directions: bool = True,
    scale_bar: bool = True,
    **kwargs: Any,
) -> Any:
    """Draw a plane that has been painted, and return the image of its values."""
    plane = painted.plane
    if is_smooth(outlines):
        plane, image = _show_faces(ax, painted, **kwargs)
    else:
        show_rest(ax, plane, plane.parts.index != 0)
        image = show(ax, plane, painted.values, **{"interpolation_stage": "rgba", **kwargs})
    # paler, since large parts do not have a value
    outlines = outline_options(outlines, color="0.4") or False
    ink = ink_on(ax, plane, template=False)
    draw_frame(ax, plane, outlines, labels, directions, scale_bar, ink)
    return image


def _show_faces(ax: Axes, painted: Painted, **kwargs: Any) -> tuple[Plane, Any]:
    """Draw the smoothed faces of a plane; a region has one for each of its values."""
    from xarray_atlas.plotting.smooth import add_faces

    scale = one_scale([painted.values], kwargs)
    parts, part = np.unique(painted.plane.parts.index, return_inverse=True)
    values, value = np.unique(painted.values.filled(np.nan), return_inverse=True)
    pairs, faces = np.unique(part * values.size + value, return_inverse=True)
    plane = replace(painted.plane, own_faces=faces.reshape(part.shape))
    colors = {}
    for face, pair in enumerate(pairs.tolist()):
        part, value = divmod(pair, values.size)
        if parts[part] != 0:
            colors[face] = WITHOUT if np.isnan(values[value]) else scale.to_rgba(values[value])
    add_faces(ax, plane, colors, **kwargs)
    return plane, scale


def one_scale(values: list[Any], options: dict[str, Any]) -> Any:
    """Return the colour map and the norm of several pictures, by the values in all of them.

    Parameters
    ----------
    values : list of masked arrays
    options : dict
        Of matplotlib's imshow; ``cmap``, ``norm``, ``vmin`` and ``vmax`` are taken out.

    Returns
    -------
    matplotlib.cm.ScalarMappable
    """
    from matplotlib.cm import ScalarMappable

    scale = ScalarMappable(options.pop("norm", None), options.pop("cmap", None))
    scale.set_clim(options.pop("vmin", None), options.pop("vmax", None))
    scale.set_array(np.concatenate([each.compressed() for each in values]))
    scale.autoscale_None()
    return scale


def _of_parts(given: xr.DataArray, plane: Plane, whole: Terminology) -> xr.DataArray:
    """Return the values of the regions to be drawn, where others are given too.

    Raises
    ------
    ValueError
        If a value is of no region that is drawn, and the region that holds it has none: to draw
        one there, values of several regions would have to become one.
    """
    keys = np.empty(given.sizes["region"], object)
    keys[:] = [key.id if isinstance(key, Region) else key for key in given["region"].values]
    own = plane.terminology
    drawn = np.array([key in own for key in keys], bool)
    have = set(own.positions(keys[drawn]).tolist())
    parts = set() if own.parcels is None else set(own.parcels.tolist())
    for position in whole.positions(keys[~drawn]).tolist():
        above = (whole.ids[p] for p in whole.ancestors(position)[::-1].tolist())
        holding = next((own.position(i) for i in above if i in own), None)
        if holding in parts and holding not in have:
            raise ValueError(
                f"there is a value of {whole.acronyms[position]!r}, and none of "
                f"{own.acronyms[holding]!r}, which is drawn and holds it. Reduce the values to the "
                "regions that are drawn first: aggregate(), volume() and count_points() take "
                "level= and parcellation= too"
            )
    return given.assign_coords(region=keys).isel(region=np.flatnonzero(drawn))


def _parts_with_values(plane: Plane, given: xr.DataArray) -> Parts:
    """Return a part for each region that has a value."""
    names = np.atleast_1d(given["region"].values)
    number = xr.DataArray(np.arange(names.size) + 1, {"region": names}, ["region"])
    painted = plane.values(paint(plane.obj, number, fill=0).compute())
    positions = plane.terminology.positions(names.tolist()).tolist()
    index = np.where((painted == 0) & (plane.parts.index != 0), REST, painted)
    return Parts(index, dict(enumerate(positions, start=1)))


def has_sides(values: Any) -> bool:
    """Return whether values differ by hemisphere, so that hemispheres must be read."""
    if isinstance(values, pd.Series):
        return "hemisphere" in values.index.names
    return isinstance(values, xr.DataArray) and "hemisphere" in values.coords
