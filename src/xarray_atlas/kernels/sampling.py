"""Sample values of one grid at the voxels of another, on plain numpy blocks.

Blocks are processed slab by slab, so that intermediate arrays stay in the processor's cache.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from xarray_atlas.kernels.interpolation import along_axes, around, separable, slabs
from xarray_atlas.kernels.positions import (
    GivenPositions,
    Positions,
    SourceAxis,
    Sums,
    VoxelPositions,
    summed,
)
from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray

__all__ = ["linear", "nearest"]


def nearest(
    source: Any,
    start: Sequence[int],
    axes: Sequence[SourceAxis],
    positions: Positions,
    fill: Any,
) -> Any:
    """Return the value of the voxel that contains each position.

    Parameters
    ----------
    source : array of shape (..., n, m, k)
        A box of the source.
    start : sequence of int
        The first voxel of the box along the last three axes.
    axes : three SourceAxis
    positions : Positions
    fill : scalar
        The value outside the source.
    """
    flat, front = _flat(source)
    out = np.empty((len(flat), *positions.shape), flat.dtype)
    value = np.asarray(fill, flat.dtype)
    grid = _strided(source.shape[-3:], start, axes)
    ends = positions.ends(())
    if _is_outside(ends, axes) or not len(flat):
        out[...] = value
        return out.reshape(*front, *positions.shape)
    known = _is_within(ends, axes)
    scratch = _Scratch()
    with np.errstate(invalid="ignore"):  # from positions that are not finite
        for slab in slabs(positions.shape):
            parts = [frame[slab] for frame in out]
            if not known:
                ends = positions.ends(slab)
                if _is_outside(ends, axes):
                    for part in parts:
                        part[...] = value
                    continue
            place, inside = _places(positions.part(slab), axes, grid, ends, parts[0].shape, scratch)
            for frame, part in zip(flat, parts, strict=True):
                # outside the box any value may be read
                frame.take(place, out=part, mode="clip")
                if inside is not None:
                    np.copyto(part, value, where=~inside)
    return out.reshape(*front, *positions.shape)


class _Scratch:
    """Reusable arrays for a slab: allocating them each time is slower."""

    def __init__(self) -> None:
        self.rooms: dict[str, Any] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
        size = math.prod(shape)
        room = self.rooms.get(name)
        if room is None or room.size < size:
            room = self.rooms[name] = np.empty(size, dtype)
        return room[:size].reshape(shape)


def _places(
    positions: Sums,
    axes: Sequence[SourceAxis],
    grid: tuple[float, Sequence[float]],
    ends: Sequence[tuple[float, float]],
    shape: tuple[int, ...],
    scratch: _Scratch,
) -> tuple[Any, Any]:
    """Return the flat index of the voxel at each position, and which positions are in the box.

    The second is None if all are inside. Indices are computed as floats, which are exact and
    faster.
    """
    total = scratch.array("total", shape)
    total[...] = grid[0]
    inside: Any = None
    for (first, last), axis, stride, along in zip(positions, axes, grid[1], ends, strict=True):
        extent = np.broadcast_shapes(first.shape, np.shape(last))
        held = scratch.array("held", extent)
        np.add(first + TOLERANCE, last, out=held)
        np.floor(held, out=held)
        if not _is_within([along], [axis]):
            within = held >= 0
            within &= held < axis.count
            inside = within if inside is None else inside & within
        if stride != 1:
            held *= stride
        total += held
    place = scratch.array("place", shape, np.intp)
    np.copyto(place, total, casting="unsafe")
    return place, inside


def linear(
    source: Any, start: Sequence[int], axes: Sequence[SourceAxis], positions: Positions
) -> Any:
    """Interpolate linearly between the centres of the 8 voxels around each position.

    The outer half of the outermost voxels has their value; outside is NaN. Voxels with weight 0 may
    be NaN.

    Returns
    -------
    float array
        The source's type if it is a float (at least float32) or complex.
    """
    kind = np.result_type(source.dtype, np.float32).newbyteorder("=")
    along = separable(positions.extents)
    if along is not None:
        return _linear_on_grid(source, start, axes, summed(positions.part(())), along, kind)
    flat, front = _flat(source)
    out = np.empty((len(flat), *positions.shape), kind)
    strides = (source.shape[-2] * source.shape[-1], source.shape[-1], 1)
    for slab in slabs(positions.shape) if len(flat) else ():
        parts = [frame[slab] for frame in out]
        ends = positions.ends(slab)
        if _is_outside(ends, axes):
            for part in parts:
                part[...] = np.nan
            continue
        some = summed(positions.part(slab))
        base, inside, weights = _around(some, source.shape[-3:], start, axes, ends)
        place = sum(own * stride for own, stride in zip(base, strides, strict=True))
        place = np.broadcast_to(place, parts[0].shape)
        for frame, part in zip(flat, parts, strict=True):
            around(frame, place, strides, weights, part)
            if inside is not None:
                np.copyto(part, np.nan, where=~inside)
    return out.reshape(*front, *positions.shape)


def _linear_on_grid(
    source: Any,
    start: Sequence[int],
    axes: Sequence[SourceAxis],
    positions: VoxelPositions,
    along: Sequence[int],
    kind: Any,
) -> Any:
    """Interpolate if the axes of the target are parallel to those of the source."""
    ends = GivenPositions(positions).ends(())
    first, inside, weights = _around(positions, source.shape[-3:], start, axes, ends)
    shape = np.broadcast_shapes(*(position.shape for position in positions))
    values = along_axes(source, first, weights, along, shape, kind)
    if inside is not None:
        np.copyto(values, np.nan, where=~inside)
    return values


def _around(
    positions: VoxelPositions,
    shape: Sequence[int],
    start: Sequence[int],
    axes: Sequence[SourceAxis],
    ends: Sequence[tuple[float, float]],
) -> tuple[list[Any], Any, list[list[FloatArray]]]:
    """Return the first contributing voxel of a box, which positions are inside, and the weights."""
    base, weights = [], []
    inside: Any = None
    for position, axis, first, size, (low, high) in zip(
        positions, axes, start, shape, ends, strict=True
    ):
        at = position
        # as in nearest: the first boundary belongs to the first voxel, the last one to none
        if not (low >= -TOLERANCE and high < axis.count - TOLERANCE):
            within = (position >= -TOLERANCE) & (position < axis.count - TOLERANCE)
            inside = within if inside is None else inside & within
            at = np.where(within, position, 0.5)
        lower, own = _between(at, axis, first, size)
        base.append(lower)
        weights.append(own)
    return base, inside, weights


def _between(
    position: FloatArray, axis: SourceAxis, first: int, size: int
) -> tuple[Any, list[FloatArray]]:
    """Return the first of the two stored voxels of a box around each position, and the weights.

    A single voxel and weight if the box is one voxel thick.
    """
    share = position - 0.5
    np.clip(share, 0, axis.count - 1, out=share)
    lower = share + TOLERANCE
    np.floor(lower, out=lower)
    share -= lower
    np.copyto(share, 0, where=np.abs(share) <= TOLERANCE)
    if axis.falls:  # the upper voxel is stored first
        lower = axis.count - 2 - lower
        own = [share, 1 - share]
    else:
        own = [1 - share, share]
    stored = lower.astype(np.intp)
    stored -= first
    if size == 1:
        return np.zeros_like(stored), [np.ones_like(share)]
    # at an end of the box the voxel beyond has weight 0
    if stored.min() < 0 or stored.max() > size - 2:
        below, above = stored < 0, stored > size - 2
        own = [
            np.where(below, own[1], np.where(above, 0, own[0])),
            np.where(below, 0, np.where(above, own[0], own[1])),
        ]
        stored = np.clip(stored, 0, size - 2)
    return stored, own


def _is_within(ends: Sequence[tuple[float, float]], axes: Sequence[SourceAxis]) -> bool:
    """Return whether all positions are in a voxel of the source; False if there is a NaN."""
    return all(
        low + TOLERANCE >= 0 and high + TOLERANCE < axis.count
        for (low, high), axis in zip(ends, axes, strict=True)
    )


def _is_outside(ends: Sequence[tuple[float, float]], axes: Sequence[SourceAxis]) -> bool:
    return any(
        high < -TOLERANCE or low >= axis.count - TOLERANCE
        for (low, high), axis in zip(ends, axes, strict=True)
    )


def _flat(source: Any) -> tuple[Any, tuple[int, ...]]:
    """Flatten the leading axes and the box, and return both as contiguous arrays."""
    front = source.shape[:-3]
    native = np.ascontiguousarray(source, source.dtype.newbyteorder("="))
    return native.reshape(math.prod(front), math.prod(source.shape[-3:])), front


def _strided(
    shape: Sequence[int], start: Sequence[int], axes: Sequence[SourceAxis]
) -> tuple[float, list[float]]:
    """Return the offset of voxel (0, 0, 0) in a flat box, and the stride of each axis."""
    origin, strides = 0, []
    for axis, first, stride in zip(axes, start, (shape[1] * shape[2], shape[2], 1), strict=True):
        origin += stride * ((axis.count - 1 if axis.falls else 0) - first)
        strides.append(float(-stride if axis.falls else stride))
    return float(origin), strides
