"""Three planes of an atlas through a point."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.units import quantity, unit_factor
from xarray_atlas.errors import GridError
from xarray_atlas.optional import optional
from xarray_atlas.plotting.decorations import add_cross
from xarray_atlas.plotting.montage import (
    WIDTH,
    AxesArray,
    draw_planes,
    further_variables,
)
from xarray_atlas.plotting.palette import INSTALL, region_of
from xarray_atlas.plotting.parts import Choice
from xarray_atlas.plotting.planes import Plane, anatomical, left_sides, only, read_all
from xarray_atlas.plotting.section import ink_on
from xarray_atlas.printable import one_line
from xarray_atlas.regions.results import Regions
from xarray_atlas.sections.asked import Asked, frame_of, take_positions
from xarray_atlas.sections.placing import cut
from xarray_atlas.sections.positions import PICTURES, Atlas, on_axis, point_in
from xarray_atlas.terminology import RegionKey

__all__ = ["ortho"]


def ortho(
    obj: xr.Dataset | xr.DataArray,
    region: RegionKey | None = None,
    *,
    ap: Any = None,
    dv: Any = None,
    ml: Any = None,
    frame: Any = None,
    values: Any = None,
    level: int | None = None,
    regions: Regions | None = None,
    parcellation: Any = None,
    ax: Any = None,
    view: str = "radiological",
    **kwargs: Any,
) -> AxesArray:
    """Draw the coronal, horizontal and sagittal section through a point, with cross hairs.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas or its annotation.
    region : str, int or Region, optional
        Draw sections through a point inside that region (its ``representative_point``). Finding
        it reads the annotation once, unless that has been done.
    ap, dv, ml : length, optional
        The point instead of a region: all three coordinates. Names of dimensions work too. With
        `frame` it is a point of that frame, by the names of its axes.
    frame : optional
        Same as in :func:`section`.
    values, level, regions, parcellation
        Same as in :func:`sections`.
    ax : array or list of three matplotlib Axes, optional
        A figure is made by default.
    view
        Same as in :func:`section`.
    **kwargs
        Further arguments of :func:`section`, with `values` those of
        :func:`~xarray_atlas.plotting.values`.

    Returns
    -------
    ndarray of matplotlib Axes, shape (3,)
        The coronal plane (across "ap"), the horizontal ("dv"), and the sagittal ("ml").

    Raises
    ------
    GridError
        If neither a region nor all of the point is given, or it lies outside the volume.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> axes = ds.atlas.plot.ortho("RSP")
    >>> [ax.get_title() for ax in axes]
    ['AP = 7.725 mm', 'DV = 1.225 mm', 'ML = 5.525 mm']
    """
    choice, left = Choice(level, regions, parcellation), left_sides(view)
    point = take_positions(obj, kwargs, frame, {"ap": ap, "dv": dv, "ml": ml})
    if (region is None) == (len(point) < 3) or (region is not None and point):
        raise GridError("three planes are drawn through a point: give ap=, dv= and ml=, or region=")
    for axis in PICTURES:
        on_axis(obj, axis)  # or an error that lists the available ones
    if region is not None:
        point = _point_of(obj, region, frame)
    kept = further_variables(values, kwargs)
    atlas = only(obj, kept)
    cuts = {axis: cut(atlas, Asked({axis: point[axis]}, frame=frame)) for axis in PICTURES}
    loaded = read_all([plane for plane, _ in cuts.values()], kept)
    planes = {
        axis: anatomical(plane, view=lie, choice=choice, left=left)
        for plane, (axis, (_, lie)) in zip(loaded, cuts.items(), strict=True)
    }
    centre = {axis: _position(plane) for axis, plane in planes.items()}
    axes = _corner(planes, centre) if ax is None else np.asarray(ax, object).ravel()
    if axes.size != 3:
        raise GridError(f"three planes are drawn, on three axes; {axes.size} were given")
    marks = [{"scale_bar": kwargs.get("scale_bar", axis == "ap")} for axis in planes]
    draw_planes(obj, axes, list(planes.values()), values, choice, kwargs, marks)
    for each, (axis, plane) in zip(axes, planes.items(), strict=True):
        horizontal, vertical = PICTURES[axis]
        ink = ink_on(each, plane, "template" in kept)
        add_cross(each, centre[horizontal], centre[vertical], ink)
    return axes


def _point_of(obj: Atlas, region: RegionKey, frame: Any) -> dict[str, Any]:
    """Return a point inside of a region by axis, in the Dataset or in a frame."""
    point = point_in(obj, region)
    if frame is None:
        return dict(point)
    _, space = find_atlas(obj)
    chosen = frame_of(obj, frame)
    numbers = chosen.from_dataset([point[axis] for axis in sorted(AXES, key=space.position)])
    lengths = quantity(numbers * unit_factor(chosen.unit))
    return dict(zip(chosen.anatomical, lengths, strict=True))


def _position(plane: Plane) -> float:
    """Return the position of a plane along its normal, in the unit of its picture."""
    assert plane.shown.position is not None
    return plane.shown.position / plane.factor


def _corner(planes: dict[str, Plane], centre: dict[str, float]) -> AxesArray:
    """Make a figure of planes that share an axis with their neighbour; its fourth part is text."""
    pyplot = optional("matplotlib.pyplot", INSTALL, "a plot")
    coronal, horizontal, sagittal = planes.values()
    wide = [coronal.x.length, sagittal.x.length]
    high = [coronal.y.length, horizontal.y.length]
    figure = pyplot.figure(figsize=(WIDTH, WIDTH * sum(high) / sum(wide)), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=wide, height_ratios=high)
    first = figure.add_subplot(grid[0, 0], anchor="SE")
    below = figure.add_subplot(grid[1, 0], sharex=first, anchor="NE")
    beside = figure.add_subplot(grid[0, 1], sharey=first, anchor="SW")
    row, column = (
        int(np.argmin(np.abs(axis.corners(np.arange(axis.count) + 0.5) - centre[name])))
        for axis, name in ((coronal.y, "dv"), (coronal.x, "ml"))
    )
    at = region_of(coronal.terminology, int(coronal.labels[row, column]))
    text = ", ".join(plane.shown.where for plane in planes.values())
    if coronal.shown.frame:
        text = f"{text} ({one_line(coronal.shown.frame)})"
    if at >= 0:
        terminology = coronal.terminology
        names = (one_line(column[at]) for column in (terminology.acronyms, terminology.names))
        text = "\n".join([*names, "", text])
    rest = figure.add_subplot(grid[1, 1])
    rest.set_axis_off()
    rest.text(0.05, 0.9, text, va="top", wrap=True)
    return np.array([first, below, beside], object)
