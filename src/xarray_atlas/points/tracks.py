"""List the regions along a probe or a histology track."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.space import AXES, FRAME
from xarray_atlas.coords.units import quantity
from xarray_atlas.errors import PointsError
from xarray_atlas.kernels.labels import Bools, Int64s, Positions
from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray
from xarray_atlas.parcellation.parcels import chosen_parcels
from xarray_atlas.points.frames import placement_of
from xarray_atlas.points.hints import warn_of_track
from xarray_atlas.points.lookup import find_placed, status_variable
from xarray_atlas.points.spaces import PointsSpace
from xarray_atlas.points.tables import read_points
from xarray_atlas.points.voxels import VoxelAxis, voxel_axes
from xarray_atlas.regions.results import text_coord
from xarray_atlas.terminology import Terminology
from xarray_atlas.transforms.steps import is_straight

__all__ = ["along"]


def along(
    obj: xr.Dataset | xr.DataArray,
    track: Any,
    *,
    level: int | None = None,
    parcellation: Any = None,
    frame: Any = None,
    transform: Any = None,
    unit: Any = None,
    resolution: Any = None,
    axes: Iterable[str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """List the regions along a track, with the distances of the boundaries between them.

    The track is a straight line between consecutive points. It is followed from voxel to voxel:
    region boundaries are exact, not sampled. Only chunks along the track are read.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid.
    track : DataFrame, Dataset, DataArray, mapping, sequence of DataArrays, or array
        Two or more points in order, on one dimension; the ends of a straight probe are enough. Same
        as `points` of :func:`region_at`.
    level, parcellation, frame, transform, unit, resolution, axes, columns
        Same as in :func:`region_at`.

    Returns
    -------
    Dataset
        With the dimension ``segment``, in the order of the track; consecutive voxels of one region
        are one segment. Segments outside the volume, in background or in an unknown label are
        included, with region "".

        ``region``, ``region_name``, ``region_id``, ``status``
            Same as in :func:`region_at`.
        ``start``, ``stop``, ``length``
            Along the track from the first point, quantities in mm (of the Dataset's coordinates,
            which an affine may have scaled).
        ``start_point``, ``stop_point``
            The corresponding coordinates of the Dataset in mm, on ``axis``.

    Raises
    ------
    PointsError
        If there are fewer than two different points, more than one dimension, or a NaN.
    UnitsError, GridError
        Same as in :func:`region_at`.

    Warns
    -----
    UserWarning
        If the track goes through background only, with the frame, unit, order of axes or sign that
        would put most of it into the brain.

    Notes
    -----
    Every crossing of a straight piece with a voxel boundary is computed, along each axis, and the
    voxel between two crossings is the one that contains their midpoint (Amanatides and Woo, 1987,
    traverse the same voxels one by one).

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> probe = {"ap": [8.1, 8.1], "dv": [0.4, 3.0], "ml": [7.0, 7.0]}
    >>> found = xarray_atlas.along(ds, probe, unit="mm", frame="dataset", level=5)
    >>> for i in range(found.sizes["segment"]):
    ...     one = found.isel(segment=i)
    ...     print(one.region.item(), one.start.values.round(3), one.stop.values.round(3))
    Isocortex 0.0 0.675
    cing 0.675 0.775
    fp 0.775 1.075
    hc 1.075 1.375
    HPF 1.375 1.875
    PRT 1.875 2.6
    """
    terminology, _ = find_atlas(obj)
    parcels = chosen_parcels(terminology, level, parcellation)
    read = read_points(obj, track, frame, unit, resolution, axes, columns, transform)
    if len(read.dims) != 1 or read.shape[0] < 2:
        raise PointsError(
            "a track is two points or more in order, on one dimension; this has the shape "
            f"{dict(zip(read.dims, read.shape, strict=True))}"
        )
    grid = voxel_axes(obj)
    stacked = read.stacked()
    if isinstance(read.frame, PointsSpace) and np.isfinite(stacked).all():
        stacked = _bent(read.frame, stacked, min(axis.size for axis in grid.values()) / 2)
    points = placement_of(obj, read.frame).place(stacked)
    if not np.isfinite(points).all():
        first = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise PointsError(f"point {first} of the track is NaN or infinite; leave it out")
    if (points == points[0]).all():
        raise PointsError("the track goes nowhere: all of its points are the same")
    at, places = _crossings(points, grid)
    halves = (places[1:] + places[:-1]) / 2
    found = find_placed(obj, grid, halves)
    position, status = found.regions(terminology, parcels)
    if not found.labels.any():
        warn_of_track(obj, grid, read.stacked(), read.frame)
    terminology = terminology if parcels is None else parcels.terminology
    begin = _changes(position, status)
    end = np.append(begin[1:], position.size)
    segments = _segments(obj, terminology, position[begin], status[begin], at, places, begin, end)
    return segments.assign_attrs({FRAME: read.stated_frame})


def _crossings(points: FloatArray, grid: Mapping[str, VoxelAxis]) -> tuple[FloatArray, FloatArray]:
    """Find the voxel boundaries along the pieces of a track.

    Returns
    -------
    at : float64 array, shape (n,)
        Distance along the track.
    places : float64 array, shape (n, 3)
        Positions along ap, dv and ml; exact at boundaries.
    """
    shortest = TOLERANCE * min(axis.size for axis in grid.values())
    distances, places, walked = [np.zeros(1)], [points[:1]], 0.0
    for start, stop in pairwise(points):
        step = stop - start
        length = float(np.linalg.norm(step))
        if length == 0:
            continue
        share, where = [np.ones(1)], [stop[None]]
        for i, axis in enumerate(AXES):
            if step[i] == 0:
                continue
            faces = np.unique(np.concatenate(grid[axis].edges))
            t = (faces - start[i]) / step[i]
            inner = (t > 0) & (t < 1)
            on_faces = start + t[inner, None] * step
            on_faces[:, i] = faces[inner]
            share.append(t[inner])
            where.append(on_faces)
        t, crossed = np.concatenate(share), np.concatenate(where)
        order = np.argsort(t, kind="stable")
        t, crossed = t[order], crossed[order]
        # an edge of voxels is crossed once; the end of the piece itself is kept
        apart = np.diff(t, append=np.inf) * length > shortest
        apart &= (t * length > shortest) | (t == 1)
        apart[-1] = True
        distances.append(walked + t[apart] * length)
        places.append(crossed[apart])
        walked += length
    return np.concatenate(distances), np.concatenate(places)


def _bent(space: PointsSpace, track: FloatArray, step: float) -> FloatArray:
    """Return a track with points at every step, for a field that bends its lines."""
    if is_straight(space.transform.steps):
        return track
    parts = [track[:1]]
    for start, stop in pairwise(track):
        count = max(1, int(np.ceil(np.linalg.norm(stop - start) / step)))
        share = np.linspace(0, 1, count + 1)[1:, None]
        parts.append((1 - share) * start + share * stop)
    return np.concatenate(parts)


def _changes(position: Int64s, status: Int64s) -> Positions:
    """Return the start of each run of one region."""
    new: Bools = np.ones(position.size, bool)
    new[1:] = (position[1:] != position[:-1]) | (status[1:] != status[:-1])
    return np.flatnonzero(new)


def _segments(
    obj: xr.Dataset | xr.DataArray,
    terminology: Terminology,
    position: Int64s,
    status: Int64s,
    at: FloatArray,
    places: FloatArray,
    first: Positions,
    last: Positions,
) -> xr.Dataset:
    _, space = find_atlas(obj)
    order = [list(AXES).index(next(a for a in AXES if space.position(a) == i)) for i in range(3)]
    names = space.coordinates(annotation_of(obj))
    labels = [str(names[list(AXES)[i]]) for i in order]
    known = position >= 0

    def text(column: Any) -> Variable:
        values = np.where(known, column[position], "").astype(str)
        return Variable(("segment",), values, encoding={"dtype": np.dtype(object)})

    def length(values: FloatArray, attrs: dict[str, str] | None = None) -> Variable:
        dims = ("segment", "axis")[: values.ndim]
        return QuantityVariable(dims, quantity(values), attrs)

    ids = terminology.ids
    variables = {
        "region": text(terminology.distinct_acronyms),
        "region_name": text(terminology.names),
        "region_id": text(ids)
        if ids.dtype == object
        else Variable(("segment",), np.where(known, ids[position], 0)),
        "status": status_variable(("segment",), status),
        "start": length(at[first]),
        "stop": length(at[last]),
        "length": length(at[last] - at[first]),
        "start_point": length(places[first][:, order], {FRAME: "dataset"}),
        "stop_point": length(places[last][:, order], {FRAME: "dataset"}),
    }
    return xr.Dataset(variables, {"axis": text_coord("axis", labels)})
