"""Outlines of regions over an image."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.plotting.decorations import current_axes, set_up
from xarray_atlas.plotting.edges import face_runs
from xarray_atlas.plotting.parts import Choice
from xarray_atlas.plotting.planes import Plane, anatomical, only, read
from xarray_atlas.regions.results import Regions
from xarray_atlas.sections.asked import Asked, frame_of
from xarray_atlas.sections.placing import cut
from xarray_atlas.terminology import RegionKey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["add_outlines", "outlines"]

FAR = 8
"""Times the size of the atlas: axes in mm do not reach over as much, those in pixels or um do."""


def outlines(
    obj: xr.Dataset | xr.DataArray,
    ax: Axes | None = None,
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
    x: Any = None,
    y: Any = None,
    smooth: bool = False,
    **kwargs: Any,
) -> Axes:
    """Draw the boundaries of a plane's regions over a picture with axes in mm, or in a frame.

    The boundaries between voxels of different labels, and nothing else: limits, aspect and
    direction of the axes stay as they are.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas or its annotation, whole, cut, or one plane of it, which needs no position.
    ax : matplotlib Axes, optional
        The current ones by default. Those on which nothing has been drawn are set up
        as :func:`section` does.
    ap, dv, ml : length, optional
        Same as in :func:`section`.
    region : str, int or Region, optional
        The plane through a point inside of that region.
    axis : str, default: "ap"
        The axis perpendicular to the plane through `region`.
    frame, tilt, roll, about, through, unit
        Same as in :func:`section`. In a frame the axes of the picture are in its coordinates
        and its unit.
    level : int, optional
        Outline the regions of that level of the hierarchy, counted from root = 0.
    regions : str, int, Region, or list of these, optional
        Outline these regions only, each with its descendants. They must be disjoint.
    parcellation : str, dict, DataFrame or path, optional
        Outline the parcels of a parcellation, as :func:`~xarray_atlas.parcellate` takes it.
    x, y : str, optional
        What runs across and up the picture: dimensions, or "ap", "dv", "ml". By default as
        in :func:`section`: "ml" and "dv" of a coronal plane, "ap" and "dv" of a sagittal
        one, "ml" and "ap" of a horizontal one. A length is a position along the dimension of
        that name.
    smooth : bool, default: False
        Draw smoothed lines. They lie within half a voxel of the boundaries between voxels, do not
        cross, and leave the centre of each voxel in its region.
    **kwargs
        Of :class:`matplotlib.collections.LineCollection`: ``color``, ``linewidth`` in points
        (one pixel of the figure by default), ``transform``, ...

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    GridError
        Same as in :func:`section`; and for an `x` or `y` that is not in the plane.
    PointsError, UnitsError, ParcellationError, TypeError
        Same as in :func:`section`.

    Warns
    -----
    UserWarning
        If the axes reach over many times the size of the atlas, and so are not in mm.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> image = (ds.annotation > 0).sel(z="7 mm", method="nearest").astype(float)
    >>> ax = image.plot.imshow(add_colorbar=False).axes
    >>> ds.atlas.plot.outlines(ax, ap="7 mm", color="red") is ax
    True
    """
    dims = [str(dim) for dim in annotation_of(obj).dims]
    if frame is not None:
        dims = list(frame_of(obj, frame).axes)
    shown = {}
    for name, given in {"x": x, "y": y}.items():
        # of a dimension that is called so it may be a position too, as "6 mm"
        if (
            name in dims
            and given is not None
            and not (isinstance(given, str) and given in {*AXES, *dims})
        ):
            kwargs[name] = given
        else:
            shown[name] = given
    asked = Asked.of(
        obj, kwargs, ap=ap, dv=dv, ml=ml, region=region, axis=axis, frame=frame, tilt=tilt,
        roll=roll, about=about, through=through, unit=unit,
    )  # fmt: skip
    found, view = cut(only(obj), asked)
    plane = anatomical(Choice(level, regions, parcellation).cut(read(found)), **shown, view=view)
    ax = current_axes(ax)
    empty = not ax.has_data()
    add_outlines(ax, plane, smooth=smooth, **kwargs)
    if not empty and "transform" not in kwargs:
        _warn_of_other_units(ax, plane)
    if empty:
        set_up(ax, plane)
    return ax


def _warn_of_other_units(ax: Axes, plane: Plane) -> None:
    """Warn where the axes would hold the whole atlas several times: they are in another unit."""
    _, space = find_atlas(plane.obj)
    whole, unit = space.atlas or space, plane.shown.unit
    for axis, (first, last) in ((plane.x, ax.get_xlim()), (plane.y, ax.get_ylim())):
        i = whole.position(axis.axis)
        if not whole.shape:
            return
        if abs(last - first) * plane.factor < FAR * whole.shape[i] * whole.voxel_size[i]:
            return
    warnings.warn(
        f"outlines are drawn in {unit}, and the axes reach over {abs(last - first):g}: are they in "
        f"pixels, or in {'um' if unit == 'mm' else 'another unit'}? imshow(..., extent=(left, "
        f"right, bottom, top)) says where a picture lies, in {unit}",
        UserWarning,
        stacklevel=find_stack_level(),
    )


def add_outlines(ax: Axes, plane: Plane, **kwargs: Any) -> None:
    """Draw the outlines in a plane that has been read; with ``smooth=True`` as smoothed lines."""
    from matplotlib.collections import LineCollection

    smooth = kwargs.pop("smooth", False)
    style = {"capstyle": "projecting"}
    if smooth:
        lines: Iterable[Any] = plane.boundaries.lines(_differing(plane))
        style = {"capstyle": "round", "joinstyle": "round"}
    else:
        lines = face_runs(plane.parts.index)
    ends = [
        np.stack([plane.x.corners(line[:, 1]), plane.y.corners(line[:, 0])], axis=-1)
        for line in lines
    ]
    if not {"linewidth", "linewidths", "lw"} & set(kwargs):
        kwargs["linewidth"] = 72 / ax.figure.dpi
    if not {"color", "colors", "edgecolor", "edgecolors", "ec"} & set(kwargs):
        kwargs["color"] = "0.15"
    ax.add_collection(LineCollection(ends, **{**style, **kwargs}), autolim=False)


def _differing(plane: Plane) -> Callable[[Any, Any], Any] | None:
    """Return what tells outlines from boundaries within a part; None if all are outlines."""
    if plane.own_faces is None:
        return None
    faces, parts = (np.array(each) for each in zip(*plane.parts_of_faces.items(), strict=True))
    return lambda one, other: np.not_equal(
        *(parts[np.searchsorted(faces, each)] for each in (one, other))
    )
