"""Several planes of an atlas: through all of it, and three through a point."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.units import quantity, unit_factor
from xarray_atlas.errors import GridError
from xarray_atlas.optional import optional
from xarray_atlas.plotting.decorations import add_cross
from xarray_atlas.plotting.palette import INSTALL, region_of
from xarray_atlas.plotting.planes import Plane, anatomical, only, read, read_all
from xarray_atlas.plotting.section import draw_section, ink_on
from xarray_atlas.printable import one_line
from xarray_atlas.reductions import cache
from xarray_atlas.sections.asked import Asked, anatomical_name, frame_of, take_positions
from xarray_atlas.sections.placing import cut, placed, span_of
from xarray_atlas.sections.positions import PICTURES, Atlas, axis_of, on_axis, point_in
from xarray_atlas.sections.views import View, view_of
from xarray_atlas.terminology import RegionKey

__all__ = ["AxesArray", "grid_of_axes", "ortho", "sections"]

AxesArray = np.ndarray[Any, Any]

THIN = {"linewidth": 0.4}
"""Of outlines, in points: in a small picture they lie close together."""

WIDTH = 10.0
"""Of a figure that is made, in inches."""


def sections(
    obj: xr.Dataset | xr.DataArray,
    n: int = 12,
    axis: str = "ap",
    *,
    frame: Any = None,
    tilt: Any = None,
    roll: Any = None,
    about: Mapping[str, Any] | None = None,
    ax: Any = None,
    **kwargs: Any,
) -> AxesArray:
    """Draw planes at even distances through the atlas.

    They are spread over the part that has labels where a pass over the annotation has been made
    (:func:`~xarray_atlas.region_properties` makes one), else over the whole volume.
    Only their chunks are read, once.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas or its annotation.
    n : int, default: 12
        How many planes, if there are so many; as many as there are axes where `ax` is given.
    axis : str, default: "ap"
        Across which axis they lie: "ap" (coronal planes), "dv" (horizontal), "ml" (sagittal), or a
        dimension.
    frame, tilt, roll, about
        As :func:`section` has them.
    ax : array or list of matplotlib Axes, optional
        A figure is made by default.
    **kwargs
        Further arguments of :func:`section`; its `labels` are left out by default.

    Returns
    -------
    ndarray of matplotlib Axes, shape (n,)

    Raises
    ------
    GridError
        If there is no such axis, or `n` is no number of planes, or there are fewer than axes.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> axes = ds.atlas.plot.sections(n=3)
    >>> [ax.get_title() for ax in axes]
    ['AP = 2.225 mm', 'AP = 6.625 mm', 'AP = 11.025 mm']
    """
    asked = Asked(frame=frame, tilt=tilt, roll=roll, about=about)
    asked.require_consistent()
    across = axis_of(obj, axis) if frame is None else anatomical_name(frame_of(obj, frame), axis)
    _, dim = on_axis(obj, across)
    if ax is not None:
        given = np.asarray(ax, object).ravel()
        n = given.size
    n = operator.index(n)
    if n < 1:
        raise GridError(f"n is how many planes are drawn: at least 1, not {n!r}")
    names = {*AXES, "region", "through", *map(str, annotation_of(obj).dims)}
    said = (names if frame is None else {*names, *frame_of(obj, frame).axes}) & set(kwargs)
    if said:
        raise TypeError(
            f"sections() draws planes through all of the atlas, and takes no {said.pop()}=; "
            "section() draws the one that is named, and sel() cuts out the part to be drawn"
        )
    first, stop = _labelled(obj, dim)
    if ax is not None and n > stop - first:
        raise GridError(f"{n} axes were given, but there are {stop - first} planes along {dim!r}")
    if stop == first:
        raise GridError(f"no plane across {across!r}: nothing is left along {dim!r}")
    kept = ["template"] if kwargs.get("template", True) else []
    atlas, view = only(obj, kept), None if asked.plain else view_of(obj, asked, across)
    if view is None or view.straight:
        n = min(n, stop - first)
        places = (first + (np.arange(n) + 0.5) * (stop - first) / n).astype(int)
        cut_out = read(atlas.isel({dim: places}), kept)
        planes = [_voxels(cut_out, dim, i, view, frame) for i in range(n)]
    else:
        low, high = span_of(obj.isel({dim: slice(first, stop)}), view)
        positions = low + (np.arange(n) + 0.5) * (high - low) / n
        views = [view_of(obj, replace(asked, positions={across: quantity(at)})) for at in positions]
        found = [placed(atlas, each, None, frame, whole=True) for each in views]
        loaded = read_all([plane for plane, _ in found], kept)
        planes = [anatomical(o, view=v) for o, (_, v) in zip(loaded, found, strict=True)]
    if ax is None:
        given = grid_of_axes(planes)
    kwargs = {"labels": False, "outlines": THIN, **kwargs}
    for i, (each, plane) in enumerate(zip(given, planes, strict=True)):
        first_only = {
            name: kwargs.get(name, True) and i == 0 for name in ("directions", "scale_bar")
        }
        draw_section(each, plane, **{**kwargs, **first_only})
        each.set(xticks=[], yticks=[], xlabel="", ylabel="")
        each.title.set_fontsize("medium")
        each.spines[:].set_visible(False)
    return given


def _voxels(cut_out: Atlas, dim: Any, i: int, view: View | None, frame: Any) -> Plane:
    """Lay out one of several planes of voxels that have been read."""
    if view is None:
        return anatomical(cut_out.isel({dim: i}))
    plane, here = placed(cut_out, view, i, frame)
    return anatomical(read(plane), view=here)


def _labelled(obj: xr.Dataset | xr.DataArray, dim: Any) -> tuple[int, int]:
    """Return the planes between which there are labels, as far as that is known unread."""
    annotation = annotation_of(obj)
    known = cache.find_any(annotation.variable)
    if known is not None:
        rows = known.rows(known.label != 0)
        if rows.label.size:
            at = annotation.dims.index(dim)
            return int(rows.start[:, at].min()), int(rows.stop[:, at].max())
    return 0, annotation.sizes[dim]


def grid_of_axes(planes: list[Plane], full: bool = True) -> AxesArray:
    """Make a figure of axes in rows that fill a page about as wide as high.

    Parameters
    ----------
    planes : list of Plane
    full : bool, default: True
        Rather leave few places empty.
    """
    pyplot = optional("matplotlib.pyplot", INSTALL, "a plot")
    shape = planes[0].y.length / planes[0].x.length
    ideal = np.sqrt(len(planes) * shape * 1.8)
    # of the numbers of columns about as good, the one that leaves fewest places empty
    likely = range(max(round(ideal) - 1, 1), min(round(ideal) + 1, len(planes)) + 1)
    columns = min(likely, key=lambda n: (full and -len(planes) % n, abs(n - ideal)))
    rows = -(-len(planes) // columns)
    height = WIDTH / columns * shape * rows + 0.3 * rows
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(WIDTH, height), layout="constrained", squeeze=False
    )
    flat: AxesArray = axes.ravel()
    for each in flat[len(planes) :]:
        figure.delaxes(each)
    return flat[: len(planes)]


def ortho(
    obj: xr.Dataset | xr.DataArray,
    region: RegionKey | None = None,
    *,
    ap: Any = None,
    dv: Any = None,
    ml: Any = None,
    frame: Any = None,
    ax: Any = None,
    **kwargs: Any,
) -> AxesArray:
    """Draw three planes through a point, on one scale, with cross hairs on it.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas or its annotation.
    region : str, int or Region, optional
        The point is one inside of that region (its ``representative_point``). To
        find it takes a pass over the annotation, if none has been made.
    ap, dv, ml : length, optional
        The point itself, instead: all three; dimensions' names do as well. With `frame` it is a
        point of the frame, and its axes' names are taken instead.
    frame : optional
        As :func:`section` has it.
    ax : array or list of three matplotlib Axes, optional
        A figure is made by default.
    **kwargs
        Further arguments of :func:`section`.

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
    point = take_positions(obj, kwargs, frame, {"ap": ap, "dv": dv, "ml": ml})
    if (region is None) == (len(point) < 3) or (region is not None and point):
        raise GridError("three planes are drawn through a point: give ap=, dv= and ml=, or region=")
    for axis in PICTURES:
        on_axis(obj, axis)  # or an error that says which there are
    if region is not None:
        point = _point_of(obj, region, frame)
    kept = ["template"] if kwargs.get("template", True) else []
    atlas = only(obj, kept)
    cuts = {axis: cut(atlas, Asked({axis: point[axis]}, frame=frame)) for axis in PICTURES}
    loaded = read_all([plane for plane, _ in cuts.values()], kept)
    planes = {
        axis: anatomical(plane, view=view)
        for plane, (axis, (_, view)) in zip(loaded, cuts.items(), strict=True)
    }
    centre = {axis: _position(plane) for axis, plane in planes.items()}
    axes = _corner(planes, centre) if ax is None else np.asarray(ax, object).ravel()
    if axes.size != 3:
        raise GridError(f"three planes are drawn, on three axes; {axes.size} were given")
    for each, (axis, plane) in zip(axes, planes.items(), strict=True):
        draw_section(each, plane, **{"scale_bar": axis == "ap", "outlines": THIN, **kwargs})
        horizontal, vertical = PICTURES[axis]
        ink = ink_on(each, plane, bool(kept))
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
    """Return where a plane lies across, in the unit of its picture."""
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
