"""Runs of equal labels in the rows of a block, and arithmetic on them.

`compiled_tables` has the same two functions, which return the same arrays.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from xarray_atlas.kernels.labels import PIECE, Int64s, Ints, Positions

__all__ = ["Columns", "measure", "row_runs"]

Columns: TypeAlias = tuple[Int64s, Int64s, Int64s, Int64s, Int64s]
"""Voxels, sums, start, stop and point of a table of labels."""


def row_runs(flat: Ints, length: int) -> Positions:
    """Find where runs of equal values start in rows of a length; none goes on in the next row.

    Parameters
    ----------
    flat : ndarray of int, shape (n_voxels,)
        Labels or sides, in C order.
    length : int
        Of a row.

    Returns
    -------
    ndarray of intp, shape (n_runs,)
        Positions in `flat`, ascending.
    """
    # One large array, of which only what is written to takes memory: after that the C library
    # keeps what smaller ones free, rather than have the system clear it again for each block.
    starts = np.empty(flat.size, np.intp)
    starts[0], n = 0, 1
    changes = np.empty(min(PIECE, flat.size), bool)
    for start in range(0, flat.size - 1, PIECE):
        stop = min(start + PIECE, flat.size - 1)
        # whether a run ends at each voxel
        piece = changes[: stop - start]
        np.not_equal(flat[start + 1 : stop + 1], flat[start:stop], out=piece)
        piece[-(start + 1) % length :: length] = True
        at = np.flatnonzero(piece)
        np.add(at, start + 1, out=starts[n : n + at.size])
        n += at.size
    return starts[:n].copy()


def measure(starts: Positions, codes: Positions, shape: tuple[int, ...]) -> Columns:
    """Count, add up and delimit the voxels of each code, and find one of them.

    Parameters
    ----------
    starts, codes : ndarray of int, shape (n_runs,)
        Where in the flattened block each run begins, and what it is a run of: numbers from
        0 on, none of which is left out.
    shape : tuple of int
        Of the block.

    Returns
    -------
    tuple of ndarray
        The columns of the table from `voxels` on, with one row for each code.
    """
    # Sorting and `reduceat` let go of Python's lock, so that other threads go on; `bincount`
    # does not. The sort is stable: the runs of a code stay in the order of the planes.
    # Numpy sorts 16 bits by radix: in linear time.
    narrow = codes.astype(np.uint16) if codes.max() < 2**16 else codes
    order = np.argsort(narrow, kind="stable")
    sizes = np.bincount(codes)
    after = np.cumsum(sizes)
    first = after - sizes
    lengths = np.diff(starts, append=math.prod(shape)).take(order)
    positions = _positions(starts.take(order), shape)
    planes, row = positions[0], positions[-1]
    voxels = np.add.reduceat(lengths, first)
    sums = [np.add.reduceat(place * lengths, first) for place in positions]
    sums[-1] += np.add.reduceat(lengths * (lengths - 1), first) // 2
    start = [planes[first], *(np.minimum.reduceat(place, first) for place in positions[1:])]
    across = [planes[after - 1], *(np.maximum.reduceat(p, first) for p in positions[1:-1])]
    stop = [*(place + 1 for place in across), np.maximum.reduceat(row + lengths, first)]
    point = _inside(first, after, positions, lengths, [total / voxels for total in sums])
    # of a single axis, which is both the first and the last
    axes = (columns[-len(shape) :] for columns in (sums, start, stop, point))
    return voxels, *(np.stack(columns, axis=1) for columns in axes)  # type: ignore[return-value]


def _positions(starts: Positions, shape: tuple[int, ...]) -> list[Int64s]:
    """Return the position along each axis; faster than np.unravel_index."""
    found = []
    for size in shape[:0:-1]:
        above = starts // size
        found.append(starts - above * size)
        starts = above
    return [starts, *found[::-1]]


def _inside(
    first: Positions,
    after: Positions,
    positions: list[Int64s],
    lengths: Int64s,
    centroid: list[npt.NDArray[np.float64]],
) -> list[Int64s]:
    """Return a voxel of each group of runs, on the plane that holds the middle one of them.

    The runs of a group are neighbours, from `first` on, in the order of the planes.
    """
    planes, low, high = positions[0], first, after
    if len(positions) > 1:
        # the runs of a label on that plane are neighbours
        plane = planes[(first + after) // 2]
        size = int(planes.max()) + 1
        groups = np.arange(0, first.size * size, size)
        keys = np.repeat(groups, after - first) + planes
        low, high = (np.searchsorted(keys, groups + plane, side=side) for side in ("left", "right"))
    sizes = high - low
    begin = np.cumsum(sizes) - sizes
    there = np.repeat(low - begin, sizes) + np.arange(sizes.sum())
    middles = [np.repeat(middle, sizes) for middle in centroid]
    row, length = positions[-1][there], lengths[there]
    column = np.clip(np.rint(middles[-1]).astype(np.int64), row, row + length - 1)
    distance = (column - middles[-1]) ** 2
    for place, middle in zip(positions[1:-1], middles[1:-1], strict=True):
        distance += (place[there] - middle) ** 2
    nearest = np.repeat(np.minimum.reduceat(distance, begin), sizes) == distance
    chosen = np.flatnonzero(nearest)
    chosen = chosen[np.searchsorted(chosen, begin)]
    return [*(place[there[chosen]] for place in positions[:-1]), column[chosen]]
