"""Planes placed in a frame: a grid of pixels, and the atlas resampled onto it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, lengths, refuse_further
from xarray_atlas.coords.length_variable import SPACING
from xarray_atlas.coords.space import FRAME
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.errors import GridError
from xarray_atlas.images.grids import order_of_space
from xarray_atlas.images.resample_like import resample_like
from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray, without_noise
from xarray_atlas.points.frames import placement_of
from xarray_atlas.sections.asked import Asked
from xarray_atlas.sections.positions import (
    PICTURES,
    Atlas,
    Scale,
    axis_of,
    index_at,
    on_axis,
    plane_at,
    point_in,
)
from xarray_atlas.sections.views import SECTION, Box, View, view_of
from xarray_atlas.transforms.any_frame import frame_as_attr, settled_frame
from xarray_atlas.transforms.frames import Frame

__all__ = ["cut", "placed", "span_of"]


def cut(obj: Atlas, asked: Asked) -> tuple[Atlas, View | None]:
    """Return the requested plane, without reading it, and its view in a frame.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or one plane of it.
    asked : Asked

    Returns
    -------
    plane : Dataset or DataArray
        Of two dimensions.
    view : View or None
        None if it is a plane of the Dataset in its own coordinates.
    """
    annotation = annotation_of(obj)
    flat = annotation.ndim == 2
    if flat and (asked.says_where or asked.turns):
        raise GridError(
            f"this {type(obj).__name__} is one plane already, of "
            f"{' and '.join(map(repr, annotation.dims))}: give no position"
        )
    if flat and asked.plain:
        return obj, None
    refuse_further(annotation, "draw")
    if annotation.ndim not in (2, 3):
        raise GridError(
            f"a plane is drawn of three spatial dimensions, or of two; the annotation has "
            f"{annotation.dims}"
        )
    volume = _with_depth(obj) if flat else obj
    if not asked.says_where and not asked.turns:
        sizes = annotation_of(volume).sizes
        thin = [dim for dim, size in sizes.items() if size == 1]
        if len(thin) == 1 and asked.plain:
            return obj.isel({thin[0]: 0}), None
        if len(thin) == 1:
            view = view_of(volume, asked, axis_of(volume, str(thin[0])))
            if view.straight:
                return placed(volume, view, 0, asked.frame)
            raise GridError(
                f"frame {view.frame.name!r} is tilted against this plane, which is therefore none "
                "of it: take a plane of the frame from the whole volume"
            )
    if asked.says_where != 1:
        given = [*asked.positions, *(n for n in ("region",) if asked.region is not None)]
        raise GridError(
            "which plane? Give one of ap=, dv=, ml=, a dimension, or region="
            + (f"; {', '.join(given)} say it more than once" if given else "")
        )
    if asked.plain:
        if asked.region is not None:
            axis = axis_of(obj, asked.axis)
            return plane_at(obj, axis, point_in(obj, asked.region)[axis]), None
        ((axis, position),) = asked.positions.items()
        return plane_at(obj, axis, position), None
    view = view_of(volume, asked)
    return placed(volume, view, None, asked.frame)


def placed(
    obj: Atlas, view: View, index: int | None, frame: Any, whole: bool = False
) -> tuple[Atlas, View]:
    """Return the voxels of a volume on a plane, lazily if they are lazy.

    Parameters
    ----------
    obj : Dataset or DataArray
        Of three dimensions.
    view : View
    index : int, optional
        The index of the plane of voxels, if known.
    frame : optional
        As the caller gave it.
    whole : bool, default: False
        Whether an oblique plane has room for each parallel one, and not only for itself.

    Returns
    -------
    plane : Dataset or DataArray
    view : View
        At the centre of the voxels that were found, where the plane is one of voxels.
    """
    if view.straight:
        volume, view = _voxels(obj, view, index)
        reach = None
    else:
        volume, reach = _oblique(obj, view)
    ds = _as_dataset(volume)
    box = Box.of(ds)
    # in coordinates of the plane; the centre of the first voxel is that of a pixel
    start = view.on_plane(box.first)
    steps = 1 / np.linalg.norm(view.to_dataset[:3, :3] / box.sizes[:, None], axis=0)
    if reach is None or whole:
        reach = _spans(view.on_plane(Box.of(_as_dataset(obj)).corners if reach else box.corners))
    centres = []
    for i, (low, high) in enumerate(reach):
        begin = int(np.floor((low - start[i]) / steps[i] + 0.5 + TOLERANCE))
        stop = int(np.ceil((high - start[i]) / steps[i] + 0.5 - TOLERANCE))
        along = start[i] + steps[i] * np.arange(begin, max(stop, begin + 1))
        centres.append(np.array([view.position]) if i == view.across else along)
    return _resampled(
        ds, isinstance(obj, xr.DataArray), view, centres, steps, box.dims, frame
    ), view


def _with_depth(obj: Atlas) -> Atlas:
    """Return one plane as a volume of one plane."""
    _, space = find_atlas(obj)
    for name in space.coordinates(obj).values():
        if name is not None and obj.coords[name].ndim == 0:
            return obj.expand_dims(name)
    raise GridError(
        "this plane does not say where it lies across, so that it has no place in a frame: select "
        "it with isel or sel, which keep its coordinate"
    )


def _voxels(obj: Atlas, view: View, index: int | None) -> tuple[Atlas, View]:
    """Return the plane of voxels that holds a position, as a volume of one plane."""
    _, space = find_atlas(obj)
    name, dim = on_axis(obj, view.axis)
    row = np.linalg.inv(view.frame.in_mm)[space.position(view.axis)]
    scale, offset = float(row[view.across]), float(row[3])
    if index is None:
        grows = 1
        if view.named:
            grows = dict(zip(PICTURES, _growing(obj, view.frame), strict=True))[view.axis]
        at = scale * view.position + offset
        if not view.named:
            index = index_at(obj, view.axis, at)
        else:
            unit = unit_factor(view.frame.unit) * scale
            told = Scale(1 / unit, -offset / unit, view.frame.unit, view.frame.name)
            index = index_at(obj, view.axis, at, grows, told)
    plane = obj.isel({dim: [index]})
    centre = (float(lengths(plane, name)[0]) - offset) / scale
    position = without_noise(centre)
    return plane, View(view.frame, view.named, view.axis, position, 0.0, 0.0, np.eye(4))


def _growing(obj: Atlas, frame: Frame) -> tuple[int, int, int]:
    return placement_of(obj, frame).grows


def _oblique(obj: Atlas, view: View) -> tuple[Atlas, list[tuple[float, float]]]:
    """Return the part of a volume that a plane cuts, and how far the cut reaches on the plane.

    The plane is cut with the twelve edges of the box of voxels.
    """
    box = Box.of(_as_dataset(obj))
    corners = view.on_plane(box.corners)
    depth = corners[:, view.across] - view.position
    if not depth.min() < 0 < depth.max():
        raise GridError(_outside(view, span_of(obj, view)))
    ends = []
    for i, j in itertools.combinations(range(8), 2):
        is_edge = (box.corners[i] != box.corners[j]).sum() == 1
        if is_edge and depth[i] * depth[j] <= 0 and depth[i] != depth[j]:
            share = depth[i] / (depth[i] - depth[j])
            ends.append(corners[i] + share * (corners[j] - corners[i]))
    found = np.array(ends)
    back = found @ view.to_dataset[:3, :3].T + view.to_dataset[:3, 3]
    slices = {}
    for i, dim in enumerate(box.dims):
        low, high = back[:, i].min() - box.sizes[i], back[:, i].max() + box.sizes[i]
        held = np.flatnonzero((box.values[i] >= low) & (box.values[i] <= high))
        slices[dim] = slice(int(held.min()), int(held.max()) + 1)
    return obj.isel(slices), _spans(found)


def span_of(obj: Atlas, view: View) -> tuple[float, float]:
    """Return from where to where planes parallel to one meet a volume, as their positions in mm."""
    along = view.on_plane(Box.of(_as_dataset(obj)).corners)[:, view.across]
    lean = view.to_frame[view.across, view.across]
    ends = view.position + (along - view.position) / lean
    return float(ends.min()), float(ends.max())


def _spans(points: FloatArray) -> list[tuple[float, float]]:
    return [(float(along.min()), float(along.max())) for along in points.T]


def _as_dataset(obj: Atlas) -> xr.Dataset:
    return obj if isinstance(obj, xr.Dataset) else obj.to_dataset(name=obj.name or "annotation")


def _outside(view: View, reached: tuple[float, float]) -> str:
    unit = unit_factor(view.frame.unit)
    name = f" of frame {view.frame.name!r}" if view.named else ""
    angles = " with these angles" if view.tilt or view.roll else ""
    low, high = (end / unit for end in reached)
    return (
        f"the plane at {view.axis} = {view.position / unit:.6g} {view.frame.unit}{name}{angles} "
        f"lies outside: such planes meet the volume from {low:.6g} to {high:.6g} {view.frame.unit}"
    )


def _resampled(
    ds: xr.Dataset,
    is_array: bool,
    view: View,
    centres: list[FloatArray],
    steps: FloatArray,
    dims: list[Any],
    frame: Any,
) -> Atlas:
    """Bring voxels onto the pixels of a plane: each pixel has the value at its center."""
    _, space = find_atlas(ds)
    names = _names(ds, view)
    horizontal, vertical = (view.frame.anatomical.index(axis) for axis in PICTURES[view.axis])
    order = [view.across, vertical, horizontal]
    coords = {
        names[i]: (
            names[i],
            centres[i],
            {"units": "mm", "direction": view.frame.directions[i], SPACING: float(steps[i])},
        )
        for i in order
    }
    shape = tuple(centres[i].size for i in order)
    image = xr.DataArray(np.broadcast_to(np.int8(0), shape), coords, [names[i] for i in order])
    rows = [space.dims.index(dim) for dim in order_of_space(ds, space, dims)]
    matrix = view.to_dataset[np.ix_([*rows, 3], [*order, 3])]
    plane = resample_like(ds, image, matrix).isel({names[view.across]: 0})
    plane[names[view.across]].attrs[SECTION] = view.to_attr()
    if view.named:
        stated = frame_as_attr(settled_frame(ds, frame))
        for i in order:
            if view.along_frame(i):
                plane[names[i]].attrs[FRAME] = stated
    return plane[next(iter(ds.data_vars))] if is_array else plane


def _names(ds: xr.Dataset, view: View) -> list[str]:
    """Return the names of the plane's coordinates, those of the frame's axes."""
    if view.named:
        return list(view.frame.axes)
    _, space = find_atlas(ds)
    found = space.coordinates(ds)
    return [str(found[axis]) for axis in view.frame.anatomical]
