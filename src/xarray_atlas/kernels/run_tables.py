"""Runs of equal labels in the rows of a block, and statistics computed from them.

`compiled_tables` has the same two functions, with the same results.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from xarray_atlas.kernels.labels import PIECE, Int64s, Ints, Positions

__all__ = ["Columns", "measure", "row_runs"]

Columns: TypeAlias = tuple[Int64s, Int64s, Int64s, Int64s, Int64s]
"""The columns voxels, sums, start, stop and point of a table of labels."""


def row_runs(flat: Ints, length: int) -> Positions:
    """Find the starts of runs of equal values in rows of a given length.

    Parameters
    ----------
    flat : ndarray of int, shape (n_voxels,)
        Labels or hemispheres, in C order.
    length : int
        Length of a row; no run continues in the next row.

    Returns
    -------
    ndarray of intp, shape (n_runs,)
        Positions in `flat`, ascending.
    """
    # Allocate one large array, which only takes memory where it is written to: the C library then
    # keeps the memory of smaller ones, where the system would clear it for each block.
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
    """Compute the count, sums, extent and one voxel of each code.

    Parameters
    ----------
    starts, codes : ndarray of int, shape (n_runs,)
        The start of each run in the flattened block, and its code: consecutive numbers from 0.
    shape : tuple of int
        Shape of the block.

    Returns
    -------
    tuple of ndarray
        The columns of the table from `voxels` on, with a row per code.
    """
    # Sorting and `reduceat` release the GIL, so that other threads continue; `bincount` does not.
    # The sort is stable, so the runs of a code stay ordered by plane. Numpy sorts 16-bit values by
    # radix, in linear time.
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
    # for a single axis, which is both the first and the last
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
    """Return a voxel of each group of runs, on the plane of its middle run.

    The runs of a group are contiguous, starting at `first`, and ordered by plane.
    """
    planes, low, high = positions[0], first, after
    if len(positions) > 1:
        # the runs of a label on that plane are contiguous
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
