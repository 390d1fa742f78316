"""Distances from points to the nearest border of their region."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.space import AXES
from xarray_atlas.kernels.borders import nearest_other
from xarray_atlas.kernels.labels import Int64s, Positions
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.parcellation.parcels import Parcels
from xarray_atlas.points.lookup import Found
from xarray_atlas.points.voxels import VoxelAxis, voxel_axes
from xarray_atlas.terminology import Terminology

__all__ = ["border_distances"]

FIRST = 16
"""How many voxels around a point are searched at first."""

WIDER = 3
"""Factor by which the search is extended if no border is found."""

LARGEST = 2**23
"""How many voxels are read at once, where a single point does not need more."""

UNKNOWN = -2
"""The code of labels that no region has; that of background is -1."""


def border_distances(
    obj: xr.Dataset | xr.DataArray,
    placed: FloatArray,
    terminology: Terminology,
    parcels: Parcels | None,
) -> FloatArray:
    """Return how far points are from the nearest voxel of another region, or of background, in mm.

    Parameters
    ----------
    obj : Dataset or DataArray
        The edge of the grid is not a border, since the labels beyond it are unknown.
    placed : float64 array, shape (n, 3)
        In mm of the Dataset, along ap, dv and ml.
    terminology : Terminology
    parcels : Parcels, optional
        The region of each label.

    Returns
    -------
    float64 array, shape (n,)
        NaN outside the grid, and if there is no border at all.

    Notes
    -----
    The voxels within a distance of a point are read and searched; where the nearest border is
    farther away than that, those within three times the distance.
    """
    grid = voxel_axes(obj)
    axes = [grid[axis] for axis in AXES]
    owners = [axis.owners(placed[:, i]) for i, axis in enumerate(axes)]
    inside = np.logical_and.reduce([there for _, there in owners])
    index = np.stack([at for at, _ in owners], axis=1)
    edges = [_stored_edges(axis) for axis in axes]
    lower, upper = [e[0] for e in edges], [e[1] for e in edges]
    result = np.full(len(placed), np.nan)
    radius = FIRST * max(axis.size for axis in axes)
    left = np.flatnonzero(inside)
    shape = np.array([axis.centres.size for axis in axes])
    while left.size:
        reach = [int(np.ceil(radius / axis.size)) + 1 for axis in axes]
        start = np.maximum(index - reach, 0)
        stop = np.minimum(index + np.add(reach, 1), shape)
        for group in _groups(left, start, stop):
            corner = start[group].min(axis=0)
            codes = _codes(obj, axes, corner, stop[group].max(axis=0), terminology, parcels)
            for i in group:
                own = codes[tuple(index[i] - corner)]
                box = [slice(a, b) for a, b in zip(start[i], stop[i], strict=True)]
                part = tuple(
                    slice(s.start - c, s.stop - c) for s, c in zip(box, corner, strict=True)
                )
                result[i] = nearest_other(
                    codes[part],
                    [low[s] for low, s in zip(lower, box, strict=True)],
                    [high[s] for high, s in zip(upper, box, strict=True)],
                    placed[i],
                    own,
                )
        whole = ((start == 0) & (stop == shape)).all(axis=1)
        left = left[(result[left] > radius) & ~whole[left]]
        radius *= WIDER
    return np.where(np.isinf(result), np.nan, result)


def _stored_edges(axis: VoxelAxis) -> tuple[FloatArray, FloatArray]:
    """Return the starts and ends of voxels, in the order of storage."""
    order = np.argsort(axis.centres)
    lower, upper = np.empty_like(axis.centres), np.empty_like(axis.centres)
    lower[order], upper[order] = axis.edges
    return lower, upper


def _groups(points: Positions, start: Any, stop: Any) -> Iterator[Positions]:
    """Put points that follow each other together, as long as the box around them is small."""
    first = 0
    for i in range(1, points.size + 1):
        if i < points.size:
            group = points[first : i + 1]
            extent = stop[group].max(axis=0) - start[group].min(axis=0)
            if np.prod(extent, dtype=np.int64) <= LARGEST:
                continue
        yield points[first:i]
        first = i


def _codes(
    obj: xr.Dataset | xr.DataArray,
    axes: list[VoxelAxis],
    start: Any,
    stop: Any,
    terminology: Terminology,
    parcels: Parcels | None,
) -> Int64s:
    """Return the region of each voxel of a box, along ap, dv and ml."""
    annotation = annotation_of(obj).variable
    box = {
        axis.dim: slice(int(a), int(b))
        for axis, a, b in zip(axes, start, stop, strict=True)
        if axis.dim is not None
    }
    part = annotation.isel(box).transpose(*box)
    labels = np.asarray(part.data).reshape([b - a for a, b in zip(start, stop, strict=True)])
    flat = labels.ravel()
    none = np.zeros(flat.size, np.intp)
    found = Found({}, {}, np.ones(flat.size, bool), flat, none)
    position, _ = found.regions(terminology, parcels)
    known = (found.own_region(terminology) >= 0) | (flat == 0)
    return np.where(known, position, UNKNOWN).reshape(labels.shape)
