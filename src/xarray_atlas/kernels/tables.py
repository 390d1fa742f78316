"""What one pass over a block of labels learns of each label: a small table.

How many voxels each label has on each side, the sums and the extremes of their
positions, and a voxel inside. Counts, sums and extremes are arithmetic on the
runs of equal labels, all of it on integers and exact. Tables of several blocks are
put one below the other; whoever needs totals adds up the rows of a label.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from xarray_atlas.kernels.labels import PIECE, Int64s, Ints, Positions, check_integers, runs

__all__ = ["LabelTable", "concatenate", "shifted", "tabulate"]

LARGE = 2**24
"""Voxels; larger blocks are tabulated in slabs, so that what is derived of them stays small."""

NOISY = 2**20
"""Runs; a block of more of them is tabulated in halves. It takes some 100 bytes for a run."""


class LabelTable(NamedTuple):
    """A row for each label on each side in each block.

    Positions are in voxels along each axis. In a table that :func:`tabulate`
    returns they count from the block's first voxel. A block may have several
    rows of one label on one side, where it was worked on in parts.
    """

    label: Ints
    """Shape (n,), int64 (uint64 for uint64 labels)."""
    side: Int64s
    """Shape (n,): 1 left, 2 right, whatever `sides` held."""
    voxels: Int64s
    """Number of voxels, shape (n,)."""
    sums: Int64s
    """Sum of the voxels' positions, shape (n, ndim)."""
    start: Int64s
    """First position, shape (n, ndim)."""
    stop: Int64s
    """One more than the last position, shape (n, ndim)."""
    point: Int64s
    """A voxel of that label and side, near the middle of them, shape (n, ndim)."""

    def rows(self, which: Any) -> LabelTable:
        """Return some of the rows."""
        return LabelTable(*(column[which] for column in self))


def tabulate(block: Ints, sides: Ints, thickness: int | None = None) -> LabelTable:
    """Tabulate the labels of a block, each side apart.

    Parameters
    ----------
    block : ndarray of int
        Labels, of one or more dimensions.
    sides : ndarray of int
        The side of each voxel. As many dimensions as the block; of length 1
        where the side does not depend on them.
    thickness : int, optional
        Planes across the first of several axes; every so many of them have rows of
        their own, as chunks that were read together do. A part that holds one label
        throughout has one row all the same.

    Returns
    -------
    LabelTable
        Empty for a block without a voxel.

    Raises
    ------
    TypeError
        If the labels or the sides are not integers.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    The voxel inside is on the plane across the first axis that holds the middle one
    of the label's runs in the row: there it is the one nearest to their centroid.

    Examples
    --------
    >>> block = np.array([[0, 0, 997], [997, 997, 8]], dtype="uint32")
    >>> table = tabulate(block, np.array([[1, 1, 2]], dtype="uint8"))
    >>> for label, side, count in zip(table.label, table.side, table.voxels):
    ...     print(label, side, count)
    0 1 2
    997 1 2
    997 2 1
    8 2 1
    """
    check_integers(block)
    check_integers(sides, "sides")
    if np.broadcast_shapes(block.shape, sides.shape) != block.shape or block.ndim != sides.ndim:
        raise ValueError(f"sides of the shape {sides.shape} for labels of the shape {block.shape}")
    return _tabulate(block, sides, thickness or max(len(block), 1))


def concatenate(tables: Iterable[LabelTable], block: Ints | None = None) -> LabelTable:
    """Put tables one below the other.

    Parameters
    ----------
    tables : iterable of LabelTable
        Of blocks of one type.
    block : ndarray, optional
        Says the type of the labels and the number of axes where there is no table.
    """
    tables = list(tables)
    if tables:
        return LabelTable(*map(np.concatenate, zip(*tables, strict=True)))
    block = np.empty(0, np.int64) if block is None else block
    none, wide = np.empty(0, np.int64), np.empty((0, block.ndim), np.int64)
    return LabelTable(none.astype(_wide(block)), none, none, wide, wide, wide, wide)


def shifted(table: LabelTable, offset: Any) -> LabelTable:
    """Return a table whose positions count from elsewhere.

    Parameters
    ----------
    table : LabelTable
    offset : array of int, shape (ndim,)
        What is added to each position.
    """
    offset = np.asarray(offset, np.int64)
    return table._replace(
        sums=table.sums + table.voxels[:, None] * offset,
        start=table.start + offset,
        stop=table.stop + offset,
        point=table.point + offset,
    )


def _wide(labels: Ints) -> type[np.int64 | np.uint64]:
    """Type in which labels are tabulated."""
    # can_cast, because a comparison of types would overlook the byte order
    return np.int64 if np.can_cast(labels.dtype, np.int64) else np.uint64


def _tabulate(block: Ints, sides: Ints, thickness: int, before: int = 0) -> LabelTable:
    """Tabulate in parts where a block is too large, and where the side changes along one axis.

    `before` is how many planes of its first slab lie before a part.
    """
    if block.size == 0:
        return concatenate([], block)
    if sides.size > 1 and (sides == sides.flat[0]).all():
        sides = sides[(slice(1),) * sides.ndim]
    varying = [axis for axis, n in enumerate(sides.shape) if n > 1]
    if block.size > LARGE and len(block) > 1:
        planes = max(LARGE * len(block) // block.size, 1)
        return _in_parts(block, sides, thickness, before, 0, range(0, len(block), planes))
    if len(varying) == 1:
        starts = runs(sides.ravel())[0].tolist()
        return _in_parts(block, sides, thickness, before, varying[0], starts)
    return _tabulate_part(block, sides, thickness, before)


def _in_parts(
    block: Ints, sides: Ints, thickness: int, before: int, axis: int, starts: Iterable[int]
) -> LabelTable:
    """Tabulate the parts of a block that begin at some places along an axis."""
    offset = np.zeros(block.ndim, np.int64)
    tables = []
    for start, stop in pairwise([*starts, block.shape[axis]]):
        part = (slice(None),) * axis + (slice(start, stop),)
        side = sides[part] if sides.shape[axis] > 1 else sides
        offset[axis] = start
        # slabs are those of the whole block, wherever a part of it begins
        passed = (before + int(offset[0])) % thickness
        tables.append(shifted(_tabulate(block[part], side, thickness, passed), offset))
    return concatenate(tables)


def _tabulate_part(block: Ints, sides: Ints, thickness: int, before: int) -> LabelTable:
    flat = np.ascontiguousarray(block).reshape(-1)
    if sides.size == 1 and _is_uniform(flat):
        return _uniform_table(flat[:1], int(sides.flat[0]), block.shape)
    starts = _row_runs(flat, block.shape[-1])
    if starts.size > NOISY:
        axis = int(np.argmax(block.shape))
        return _in_parts(block, sides, thickness, before, axis, [0, block.shape[axis] // 2])
    if sides.size == 1:
        codes, labels = _codes(flat[starts])
        kinds = np.full(labels.shape, sides.flat[0], np.int64)
    else:
        side = np.broadcast_to(sides, block.shape).reshape(-1)
        starts = np.union1d(starts, _row_runs(side, block.shape[-1]))
        label_codes, distinct_labels = _codes(flat[starts])
        side_codes, distinct_sides = _codes(side[starts])
        codes, pairs = pd.factorize(label_codes * distinct_sides.size + side_codes)
        at_label, at_side = np.divmod(pairs, distinct_sides.size)
        labels, kinds = distinct_labels[at_label], distinct_sides[at_side].astype(np.int64)
    if labels.size <= 2**16:
        codes = codes.astype(np.uint16)  # which numpy sorts by radix: in linear time
    codes, *measured = _measure(starts, codes, block.shape, thickness, before)
    return LabelTable(labels[codes].astype(_wide(block)), kinds[codes], *measured)


def _codes(values: Ints) -> tuple[Positions, Ints]:
    """Give each distinct value a number, in the order in which they come."""
    codes, distinct = pd.factorize(values.astype(values.dtype.newbyteorder("="), copy=False))
    return codes, distinct


def _is_uniform(flat: Ints) -> bool:
    pieces = (flat[i : i + PIECE] for i in range(0, flat.size, PIECE))
    return all((piece == flat[0]).all() for piece in pieces)


def _uniform_table(label: Ints, side: int, shape: tuple[int, ...]) -> LabelTable:
    sizes = np.array([shape], np.int64)
    count = np.array([math.prod(shape)])
    return LabelTable(
        label=label.astype(_wide(label)),
        side=np.array([side]),
        voxels=count,
        sums=count * (sizes - 1) // 2,
        start=np.zeros_like(sizes),
        stop=sizes,
        point=(sizes - 1) // 2,
    )


def _row_runs(flat: Ints, length: int) -> Positions:
    """Find where runs of equal values start in rows of a length; none goes on in the next row."""
    found = [np.zeros(1, np.intp)]
    changes = np.empty(min(PIECE, flat.size), bool)
    for start in range(0, flat.size - 1, PIECE):
        stop = min(start + PIECE, flat.size - 1)
        # whether a run ends at each voxel
        piece = changes[: stop - start]
        np.not_equal(flat[start + 1 : stop + 1], flat[start:stop], out=piece)
        piece[-(start + 1) % length :: length] = True
        found.append(np.flatnonzero(piece) + (start + 1))
    return np.concatenate(found)


def _measure(
    starts: Positions, codes: Positions, shape: tuple[int, ...], thickness: int, before: int
) -> list[Any]:
    """Count, add up and delimit the voxels of each code in each slab, and find one of them.

    Parameters
    ----------
    starts, codes : ndarray of int, shape (n_runs,)
        Where in the flattened block each run begins, and what it is a run of.
    shape : tuple of int
        Of the block.
    thickness : int
        Of a slab, along the first axis.
    before : int
        How many planes of the first slab lie before the block.

    Returns
    -------
    list of ndarray
        The code of each row, and what :class:`LabelTable` has for it from `voxels` on.
    """
    # Sorting and `reduceat` let go of Python's lock, so that other threads go on; `bincount`
    # does not. The sort is stable: the runs of a code stay in the order of the planes.
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    lengths = np.diff(starts, append=math.prod(shape))[order]
    positions = _positions(starts[order], shape)
    planes, row = positions[0], positions[-1]
    begins = np.ones(codes.size, bool)
    np.not_equal(codes[1:], codes[:-1], out=begins[1:])
    if thickness < before + shape[0]:
        slabs = (planes + before) // thickness
        begins[1:] |= slabs[1:] != slabs[:-1]
    first = np.flatnonzero(begins)
    last = np.append(first[1:], codes.size) - 1
    voxels = np.add.reduceat(lengths, first)
    sums = [np.add.reduceat(place * lengths, first) for place in positions]
    sums[-1] += np.add.reduceat(lengths * (lengths - 1), first) // 2
    start = [planes[first], *(np.minimum.reduceat(place, first) for place in positions[1:])]
    across = [planes[last], *(np.maximum.reduceat(place, first) for place in positions[1:-1])]
    stop = [*(place + 1 for place in across), np.maximum.reduceat(row + lengths, first)]
    point = _inside(first, last, positions, lengths, [total / voxels for total in sums])
    # of a single axis, which is both the first and the last
    axes = [columns[-len(shape) :] for columns in (sums, start, stop, point)]
    return [codes[first], voxels, *(np.stack(columns, axis=1) for columns in axes)]


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
    last: Positions,
    positions: list[Int64s],
    lengths: Int64s,
    centroid: list[Any],
) -> list[Int64s]:
    """Return a voxel of each group of runs, on the plane that holds the middle one of them.

    The runs of a group are neighbours, from `first` to `last`, in the order of the planes.
    """
    planes, after = positions[0], last + 1
    low, high = first, after
    if len(positions) > 1:
        # the runs of a label on that plane are neighbours
        plane = planes[(first + after) // 2]
        size = int(planes.max()) + 1
        keys = np.repeat(np.arange(0, first.size * size, size), after - first) + planes
        wanted = np.arange(0, first.size * size, size) + plane
        low, high = (np.searchsorted(keys, wanted, side=side) for side in ("left", "right"))
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
