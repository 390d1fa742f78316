"""Montage of sections at even distances."""

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
from xarray_atlas.coords.units import quantity
from xarray_atlas.errors import GridError
from xarray_atlas.optional import optional
from xarray_atlas.plotting.clipped import add_value_bar
from xarray_atlas.plotting.outline_options import outline_options
from xarray_atlas.plotting.palette import INSTALL
from xarray_atlas.plotting.parts import Choice
from xarray_atlas.plotting.planes import Plane, anatomical, left_sides, only, read, read_all
from xarray_atlas.plotting.section import draw_section
from xarray_atlas.plotting.values import draw_values, has_sides, one_scale, paint_plane
from xarray_atlas.reductions import cache
from xarray_atlas.regions.results import Regions
from xarray_atlas.sections.asked import Asked, anatomical_name, frame_of
from xarray_atlas.sections.placing import placed, span_of
from xarray_atlas.sections.positions import Atlas, axis_of, on_axis
from xarray_atlas.sections.views import View, view_of

__all__ = [
    "THIN",
    "WIDTH",
    "AxesArray",
    "draw_planes",
    "further_variables",
    "grid_of_axes",
    "sections",
]

AxesArray = np.ndarray[Any, Any]

THIN = {"linewidth": 0.4}
"""Width of outlines in points: in a small picture they are close together."""

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
    values: Any = None,
    level: int | None = None,
    regions: Regions | None = None,
    parcellation: Any = None,
    ax: Any = None,
    view: str = "radiological",
    **kwargs: Any,
) -> AxesArray:
    """Draw sections at even distances through the atlas.

    They are spread over the labelled part if the annotation has been read before
    (:func:`~xarray_atlas.region_properties` reads it), and over the whole volume otherwise. Only
    their chunks are read, once.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas or its annotation.
    n : int, default: 12
        Number of sections, or fewer if there are not as many planes of voxels. With `ax` it is
        the number of axes.
    axis : str, default: "ap"
        Axis perpendicular to them: "ap" (coronal), "dv" (horizontal), "ml" (sagittal), or a
        dimension.
    frame, tilt, roll, about
        Same as in :func:`section`.
    values : Series, mapping or DataArray, optional
        Colour regions by a value of each, as :func:`~xarray_atlas.plotting.values` takes them.
        All planes have one scale and share a colour bar (``add_colorbar=False`` leaves it out).
    level, regions, parcellation
        Same as in :func:`section`.
    ax : array or list of matplotlib Axes, optional
        A figure is made by default.
    view
        Same as in :func:`section`.
    **kwargs
        Further arguments of :func:`section`, with `values` those of
        :func:`~xarray_atlas.plotting.values`; `labels` are left out by default.

    Returns
    -------
    ndarray of matplotlib Axes, shape (n,)

    Raises
    ------
    GridError
        If there is no such axis, or `n` is not a number of planes, or there are fewer than axes.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> axes = ds.atlas.plot.sections(n=3)
    >>> [ax.get_title() for ax in axes]
    ['AP = 2.225 mm', 'AP = 6.625 mm', 'AP = 11.025 mm']

    A heat map on one scale:

    >>> axes = ds.atlas.plot.sections(n=3, values={"RSP": 1.2, "CB": -0.4}, cmap="RdBu_r")
    >>> axes[0].images[-1].get_clim() == axes[2].images[-1].get_clim()
    True
    """
    choice, left = Choice(level, regions, parcellation), left_sides(view)
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
    kept = further_variables(values, kwargs)
    atlas, lie = only(obj, kept), None if asked.plain else view_of(obj, asked, across)
    if lie is None or lie.straight:
        n = min(n, stop - first)
        places = (first + (np.arange(n) + 0.5) * (stop - first) / n).astype(int)
        cut_out = read(atlas.isel({dim: places}), kept)
        parts = [_voxels(cut_out, dim, i, lie, frame) for i in range(n)]
    else:
        low, high = span_of(obj.isel({dim: slice(first, stop)}), lie)
        positions = low + (np.arange(n) + 0.5) * (high - low) / n
        views = [view_of(obj, replace(asked, positions={across: quantity(at)})) for at in positions]
        found = [placed(atlas, each, None, frame, whole=True) for each in views]
        loaded = read_all([plane for plane, _ in found], kept)
        parts = [(o, v) for o, (_, v) in zip(loaded, found, strict=True)]
    planes = [anatomical(o, view=v, choice=choice, left=left) for o, v in parts]
    if ax is None:
        given = grid_of_axes(planes)
    kwargs = {"labels": False, **kwargs}
    marks = [
        {name: kwargs.get(name, True) and not i for name in ("directions", "scale_bar")}
        for i in range(n)
    ]
    draw_planes(obj, given, planes, values, choice, kwargs, marks)
    for each in given:
        each.set(xticks=[], yticks=[], xlabel="", ylabel="")
        each.title.set_fontsize("medium")
        each.spines[:].set_visible(False)
    return given


def further_variables(values: Any, kwargs: dict[str, Any]) -> list[str]:
    """Return the variables that are read in addition to the annotation."""
    if values is not None:
        return ["hemispheres"] if has_sides(values) else []
    return ["template"] if kwargs.get("template", True) else []


def draw_planes(
    obj: Atlas,
    axes: AxesArray,
    planes: list[Plane],
    values: Any,
    choice: Choice,
    kwargs: dict[str, Any],
    marks: list[dict[str, Any]],
) -> None:
    """Draw planes in the colours of the atlas, or by values on one scale.

    Parameters
    ----------
    obj : Dataset or DataArray
    axes : array of matplotlib Axes
    planes : list of Plane
    values : Series, mapping or DataArray, or None
    choice : Choice
        By which the planes are cut.
    kwargs : dict
        Further arguments, for all planes.
    marks : list of dict
        Those of each plane.
    """
    outlines = outline_options(kwargs.get("outlines", True), **THIN)
    kwargs = {**kwargs, "outlines": outlines or False}
    if values is None:
        for each, plane, own in zip(axes, planes, marks, strict=True):
            draw_section(each, plane, **{**kwargs, **own})
        return
    bar = kwargs.pop("add_colorbar", True)
    whole, _ = find_atlas(obj)
    painted = [paint_plane(plane, values, choice, whole) for plane in planes]
    scale = one_scale([each.values for each in painted], kwargs)
    for each, one, own in zip(axes, painted, marks, strict=True):
        draw_values(each, one, **{**kwargs, **own, "norm": scale.norm, "cmap": scale.cmap})
    if bar:
        figure, shown = axes[0].figure, scale.get_array()
        add_value_bar(figure, scale, shown, painted[0].name, ax=list(axes), shrink=0.6)


def _voxels(
    cut_out: Atlas, dim: Any, i: int, lie: View | None, frame: Any
) -> tuple[Atlas, View | None]:
    """Return one of several planes of voxels that have been read, and its view in a frame."""
    if lie is None:
        return cut_out.isel({dim: i}), None
    plane, here = placed(cut_out, lie, i, frame)
    return read(plane), here


def _labelled(obj: xr.Dataset | xr.DataArray, dim: Any) -> tuple[int, int]:
    """Return the range of planes with labels, if it is known without reading."""
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
