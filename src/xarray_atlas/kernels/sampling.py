"""Values of one grid at the voxels of another: kernels on plain numpy blocks.

Positions are in *voxel units* of the source: voxel i owns [i, i + 1) from the outer face of the
first one, and a position within a millionth of a voxel below a face belongs to the upper voxel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray

__all__ = ["SourceAxis", "box_of", "linear", "nearest", "voxel_positions", "voxel_units"]

VoxelPositions = Sequence[FloatArray]
"""Of voxels along each of the three axes of the source; they broadcast together."""

NEGLIGIBLE = 1e-9
"""Of a voxel: an axis along which positions change by less does not matter."""


@dataclass(frozen=True)
class SourceAxis:
    """Where the voxels of the source lie along one axis.

    Parameters
    ----------
    low : float
        The outer face of its lowest voxel, in mm.
    size : float
        Of a voxel, in mm.
    count : int
        How many voxels there are.
    falls : bool
        Whether the lowest voxel is stored last.
    """

    low: float
    size: float
    count: int
    falls: bool

    @classmethod
    def of(cls, centres: FloatArray, size: float) -> SourceAxis:
        """Describe an axis by the centres of its voxels and their size."""
        falls = bool(centres[-1] < centres[0])
        return cls(float(centres.min()) - size / 2, size, centres.size, falls)


def voxel_units(matrix: FloatArray, axes: Sequence[SourceAxis]) -> FloatArray:
    """Return the matrix to voxel units of the source from one to its mm."""
    sizes = np.array([axis.size for axis in axes])
    lows = np.array([axis.low for axis in axes])
    found: FloatArray = matrix[:3].copy()
    found[:, 3] -= lows
    scaled: FloatArray = found / sizes[:, None]
    return scaled


def voxel_positions(
    matrix: FloatArray, centres: Sequence[FloatArray], displacements: Any = None
) -> VoxelPositions:
    """Find the positions of a block of target voxels, in voxel units of the source.

    Parameters
    ----------
    matrix : float64 array of shape (3, 4)
        From mm on the target to voxel units of the source.
    centres : three float64 arrays
        Of the block's voxels along each axis, in mm.
    displacements : float64 array of shape (..., 3), optional
        What is added, in voxel units.

    Returns
    -------
    list of three float64 arrays
        Each has length 1 along axes of the target that it does not depend on.
    """
    found = []
    for row in matrix:
        position = np.full((1, 1, 1), row[3])
        for axis, values in enumerate(centres):
            # without what a rotation by 90 degrees leaves, 6e-17, grids stay separable
            if abs(row[axis]) * np.abs(values).max(initial=0) > NEGLIGIBLE:
                shape = [1, 1, 1]
                shape[axis] = -1
                position = position + (row[axis] * values).reshape(shape)
        found.append(position)
    if displacements is not None:
        found = [part + displacements[..., axis] for axis, part in enumerate(found)]
    return found


def box_of(
    positions: VoxelPositions,
    axes: Sequence[SourceAxis],
    method: str,
    margin: Sequence[float] = (0, 0, 0),
) -> list[tuple[int, int]] | None:
    """Return what is read of the source, a (start, stop) an axis; None where it is nothing."""
    box = []
    for position, axis, more in zip(positions, axes, margin, strict=True):
        finite = position[np.isfinite(position)]
        if not finite.size:
            return None
        low, high = float(finite.min()) - more, float(finite.max()) + more
        if high < -TOLERANCE or low > axis.count - TOLERANCE:
            return None
        reach = 0.5 if method == "linear" else 0.0
        last = min(int(np.floor(min(high + reach, axis.count) + TOLERANCE)), axis.count - 1)
        start = min(int(np.floor(max(low - reach, 0.0) + TOLERANCE)), last)
        box.append((axis.count - 1 - last, axis.count - start) if axis.falls else (start, last + 1))
    return box


def nearest(
    source: Any,
    start: Sequence[int],
    axes: Sequence[SourceAxis],
    positions: VoxelPositions,
    fill: Any,
) -> Any:
    """Take the value of the voxel that holds each position.

    Parameters
    ----------
    source : array of shape (..., n, m, k)
        A box of the source.
    start : sequence of int
        Its first voxel along the last three axes.
    axes : three SourceAxis
    positions : three float64 arrays
    fill : scalar
        What there is outside.
    """
    places, inside = [], np.ones((1, 1, 1), bool)
    for position, axis, first, size in zip(positions, axes, start, source.shape[-3:], strict=True):
        with np.errstate(invalid="ignore"):
            held = np.floor(position + TOLERANCE)
            within = (held >= 0) & (held < axis.count)  # NaN is not
        voxel = np.where(within, held, 0).astype(np.int64)
        voxel = (axis.count - 1 - voxel if axis.falls else voxel) - first
        places.append(np.clip(voxel, 0, size - 1))
        inside = inside & within
    taken = source[(..., *places)]
    return taken if inside.all() else np.where(inside, taken, np.asarray(fill, source.dtype))


def linear(
    source: Any, start: Sequence[int], axes: Sequence[SourceAxis], positions: VoxelPositions
) -> Any:
    """Interpolate between the centres of the 8 voxels around each position.

    In the outer half of the outermost voxels it is their value, outside of them NaN. A voxel that
    does not matter may be NaN.

    Returns
    -------
    float array
        Of the source's own type where it is a float (at least float32) or complex.
    """
    kind = np.result_type(source.dtype, np.float32)
    sides: list[list[tuple[Any, Any]]] = []
    inside = np.ones((1, 1, 1), bool)
    for position, axis, first, size in zip(positions, axes, start, source.shape[-3:], strict=True):
        with np.errstate(invalid="ignore"):
            # as nearest has it: the first face belongs to the first voxel, the last one to none
            within = (position >= -TOLERANCE) & (position < axis.count - TOLERANCE)
        at = np.clip(np.where(within, position, 0.5) - 0.5, 0, axis.count - 1)
        lower = np.floor(at + TOLERANCE)
        share = np.where(np.abs(at - lower) <= TOLERANCE, 0.0, at - lower)
        lower = lower.astype(np.int64)
        both = []
        for voxel, weight in ((lower, 1 - share), (np.minimum(lower + 1, axis.count - 1), share)):
            stored = (axis.count - 1 - voxel if axis.falls else voxel) - first
            both.append((np.clip(stored, 0, size - 1), weight))
        sides.append(both)
        inside = inside & within
    total: Any = 0
    for voxels_0, weight_0 in sides[0]:
        for voxels_1, weight_1 in sides[1]:
            for voxels_2, weight_2 in sides[2]:
                weight = weight_0 * weight_1 * weight_2
                if not weight.any():
                    continue
                values = source[(..., voxels_0, voxels_1, voxels_2)].astype(kind)
                part = values * weight.astype(kind.type(0).real.dtype)
                # 0 times NaN is NaN
                total = total + (part if weight.all() else np.where(weight != 0, part, 0))
    return np.where(inside, total, np.asarray(np.nan, kind)).astype(kind, copy=False)
