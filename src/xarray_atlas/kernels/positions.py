"""Positions of the voxels of one grid in another grid.

Positions are in *voxel units* of the source: voxel i covers [i, i + 1), counted from the outer
boundary of the first one; a position within a millionth of a voxel below a boundary belongs to the
upper voxel. Positions of a block are computed slab by slab, so that they never need memory all at
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from xarray_atlas.kernels.interpolation import Slab, part_of
from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray

__all__ = [
    "GivenPositions",
    "MatrixPositions",
    "Positions",
    "SourceAxis",
    "Sums",
    "VoxelPositions",
    "box_of",
    "summed",
    "voxel_positions",
    "voxel_units",
]

VoxelPositions = Sequence[FloatArray]
"""Positions along each of the three axes of the source; they broadcast together."""

NEGLIGIBLE = 1e-9
"""Fraction of a voxel: axes along which positions change by less are ignored."""


@dataclass(frozen=True)
class SourceAxis:
    """The voxels of the source along one axis.

    Parameters
    ----------
    low : float
        The lower boundary of the lowest voxel, in mm.
    size : float
        Size of a voxel, in mm.
    count : int
        Number of voxels.
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
    """Return the matrix to voxel units of the source, given the one to its mm."""
    sizes = np.array([axis.size for axis in axes])
    lows = np.array([axis.low for axis in axes])
    found: FloatArray = matrix[:3].copy()
    found[:, 3] -= lows
    scaled: FloatArray = found / sizes[:, None]
    return scaled


Sums = list[tuple[Any, Any]]
"""Positions along each axis, as sums of two arrays that broadcast together or of one and 0.0."""


class Positions(Protocol):
    """Positions of the voxels of a block, in voxel units of the source."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the block."""

    @property
    def extents(self) -> list[tuple[int, ...]]:
        """The shape of the positions along each axis; 1 where they do not vary."""

    def part(self, slab: Slab) -> Sums:
        """Return the positions of a slab; of the whole block for ()."""

    def ends(self, slab: Slab) -> list[tuple[float, float]]:
        """Return the minimum and maximum along each axis; NaN if there is a NaN."""


@dataclass(frozen=True)
class GivenPositions:
    """Positions given as arrays.

    Parameters
    ----------
    arrays : three float64 arrays
        Positions along each axis of the source; they broadcast together.
    """

    arrays: VoxelPositions

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the block."""
        return np.broadcast_shapes(*self.extents)

    @property
    def extents(self) -> list[tuple[int, ...]]:
        """The shape of the positions along each axis; 1 where they do not vary."""
        return [array.shape for array in self.arrays]

    def part(self, slab: Slab) -> Sums:
        """Return the positions of a slab; of the whole block for ()."""
        return [(part_of(array, slab), 0.0) for array in self.arrays]

    def ends(self, slab: Slab) -> list[tuple[float, float]]:
        """Return the minimum and maximum along each axis; NaN if there is a NaN."""
        parts = [part_of(array, slab) for array in self.arrays]
        return [(float(part.min()), float(part.max())) for part in parts]


class MatrixPositions:
    """Positions given by a matrix, as sums of one term per axis of the target.

    Parameters
    ----------
    matrix : float64 array of shape (3, 4)
        From mm on the target to voxel units of the source.
    centres : three float64 arrays
        The block's voxel centres along each axis, in mm, ascending or descending.
    """

    def __init__(self, matrix: FloatArray, centres: Sequence[FloatArray]) -> None:
        self.shape: tuple[int, ...] = tuple(values.size for values in centres)
        self.terms = []
        for row in matrix:
            terms = [np.full((1, 1, 1), row[3])]
            for axis, values in enumerate(centres):
                # remove the residue of rotations by 90 degrees, 6e-17, so that grids stay separable
                if abs(row[axis]) * np.abs(values).max(initial=0) > NEGLIGIBLE:
                    across = [1, 1, 1]
                    across[axis] = -1
                    terms.append((row[axis] * values).reshape(across))
            self.terms.append(terms)

    @property
    def extents(self) -> list[tuple[int, ...]]:
        """The shape of the positions along each axis; 1 where they do not vary."""
        return [np.broadcast_shapes(*(term.shape for term in terms)) for terms in self.terms]

    def part(self, slab: Slab) -> Sums:
        """Return the positions of a slab; of the whole block for ()."""
        found: Sums = []
        for terms in self.terms:
            *parts, last = [part_of(term, slab) for term in terms]
            found.append((sum(parts[1:], parts[0]), last) if parts else (last, 0.0))
        return found

    def ends(self, slab: Slab) -> list[tuple[float, float]]:
        """Return the minimum and maximum along each axis, which are at corners."""
        found = []
        for first, *terms in self.terms:
            low = high = first.item()
            for term in terms:
                values = part_of(term, slab)
                at = values.flat[0].item(), values.flat[-1].item()
                low, high = low + min(at), high + max(at)
            found.append((low, high))
        return found


def summed(sums: Sums) -> VoxelPositions:
    """Add up positions given as sums of two arrays."""
    return [first + last for first, last in sums]


def voxel_positions(matrix: FloatArray, centres: Sequence[FloatArray]) -> VoxelPositions:
    """Return the positions of a block of target voxels, in voxel units of the source.

    Parameters
    ----------
    matrix : float64 array of shape (3, 4)
        From mm on the target to voxel units of the source.
    centres : three float64 arrays
        The block's voxel centres along each axis, in mm.

    Returns
    -------
    list of three float64 arrays
        Each has length 1 along target axes on which it does not depend.
    """
    return summed(MatrixPositions(matrix, centres).part(()))


def box_of(
    positions: VoxelPositions,
    axes: Sequence[SourceAxis],
    method: str,
    margin: Sequence[float] = (0, 0, 0),
) -> list[tuple[int, int]] | None:
    """Return the part of the source to read as (start, stop) per axis; None if it is empty."""
    box = []
    for position, axis, more in zip(positions, axes, margin, strict=True):
        low, high = float(position.min(initial=np.inf)), float(position.max(initial=-np.inf))
        if not (np.isfinite(low) and np.isfinite(high)):
            finite = position[np.isfinite(position)]
            if not finite.size:
                return None
            low, high = float(finite.min()), float(finite.max())
        low, high = low - more, high + more
        if high < -TOLERANCE or low > axis.count - TOLERANCE:
            return None
        reach = 0.5 if method == "linear" else 0.0
        last = min(int(np.floor(min(high + reach, axis.count) + TOLERANCE)), axis.count - 1)
        start = min(int(np.floor(max(low - reach, 0.0) + TOLERANCE)), last)
        box.append((axis.count - 1 - last, axis.count - start) if axis.falls else (start, last + 1))
    return box
