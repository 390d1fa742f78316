"""Statistics of each label in a block of labels, as a small table.

The table has the number of voxels of each label in each hemisphere, the sums and extremes of their
positions, and a voxel inside. All are computed exactly, in integers, from runs of equal labels. The
tables of several blocks are concatenated; callers that need totals sum the rows of a label.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from xarray_atlas.kernels import run_tables
from xarray_atlas.kernels.labels import PIECE, Int64s, Ints, Positions, check_integers, runs

__all__ = ["LabelTable", "concatenate", "shifted", "tabulate"]

LARGE = 2**24
"""Number of voxels; larger blocks are tabulated in parts, to keep intermediate arrays small."""

NOISY = 2**20
"""Number of runs; blocks with more are tabulated in halves. A run takes about 100 bytes."""

ENOUGH = 2**30
"""Number of voxels, not counting blocks of one label, that a process tabulates with numpy before it
imports numba; one pass over a mouse atlas of 10 um has fewer. Importing and loading takes 1.2 s,
which numba saves within the next one to three thousand million voxels."""

_tabulated = 0
_kernels: dict[int, ModuleType] = {}
_compiling = threading.Lock()


class LabelTable(NamedTuple):
    """Table with a row per label and hemisphere in each block.

    Positions are in voxels along each axis, counted from the block's first voxel in a table
    returned by :func:`tabulate`. A block that was processed in parts may have several rows of one
    label and hemisphere.
    """

    label: Ints
    """Shape (n,), int64 (uint64 for uint64 labels)."""
    side: Int64s
    """Shape (n,): 1 left, 2 right."""
    voxels: Int64s
    """Number of voxels, shape (n,)."""
    sums: Int64s
    """Sum of the voxels' positions, shape (n, ndim)."""
    start: Int64s
    """First position, shape (n, ndim)."""
    stop: Int64s
    """One more than the last position, shape (n, ndim)."""
    point: Int64s
    """A voxel of that label and hemisphere, near their middle, shape (n, ndim)."""

    def rows(self, which: Any) -> LabelTable:
        """Return some of the rows."""
        return LabelTable(*(column[which] for column in self))


def tabulate(block: Ints, sides: Ints) -> LabelTable:
    """Tabulate the labels of a block, separately for each hemisphere.

    Parameters
    ----------
    block : ndarray of int
        Labels, with one or more dimensions.
    sides : ndarray of int
        The hemisphere of each voxel, with as many dimensions as the block; of length 1 along axes
        on which it does not depend.

    Returns
    -------
    LabelTable
        Empty for an empty block.

    Raises
    ------
    TypeError
        If the labels or the hemispheres are not integers.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    The voxel inside lies on the plane across the first axis that contains the middle one of the
    label's runs, and is the one nearest to their centroid there.

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
    return _tabulate(block, sides)


def concatenate(tables: Iterable[LabelTable], block: Ints | None = None) -> LabelTable:
    """Concatenate tables.

    Parameters
    ----------
    tables : iterable of LabelTable
        Tables of blocks of one type.
    block : ndarray, optional
        Gives the type of the labels and the number of axes if there is no table.
    """
    tables = list(tables)
    if tables:
        return LabelTable(*map(np.concatenate, zip(*tables, strict=True)))
    block = np.empty(0, np.int64) if block is None else block
    none, wide = np.empty(0, np.int64), np.empty((0, block.ndim), np.int64)
    return LabelTable(none.astype(_wide(block)), none, none, wide, wide, wide, wide)


def shifted(table: LabelTable, offset: Any) -> LabelTable:
    """Return a table with its positions shifted.

    Parameters
    ----------
    table : LabelTable
    offset : array of int, shape (ndim,)
        Added to each position.
    """
    offset = np.asarray(offset, np.int64)
    return table._replace(
        sums=table.sums + table.voxels[:, None] * offset,
        start=table.start + offset,
        stop=table.stop + offset,
        point=table.point + offset,
    )


def _wide(labels: Ints) -> type[np.int64 | np.uint64]:
    """Return the type in which labels are tabulated."""
    # can_cast, because comparing types would ignore the byte order
    return np.int64 if np.can_cast(labels.dtype, np.int64) else np.uint64


def _tabulate(block: Ints, sides: Ints) -> LabelTable:
    """Tabulate in parts if a block is too large or the hemisphere changes along one axis."""
    if block.size == 0:
        return concatenate([], block)
    sides = _without_repeats(sides)
    if sides.size > 1 and (sides == sides.flat[0]).all():
        sides = sides[(slice(1),) * sides.ndim]
    varying = [axis for axis, n in enumerate(sides.shape) if n > 1]
    unread = len(varying) < 2 and _without_repeats(block).size == 1
    if unread and not varying:
        return _uniform_table(block.flat[:1], sides, block.shape)
    if block.size > LARGE and len(block) > 1 and not unread:
        planes = max(LARGE * len(block) // block.size, 1)
        return _in_parts(block, sides, 0, range(0, len(block), planes))
    if len(varying) == 1:
        return _in_parts(block, sides, varying[0], runs(sides.ravel())[0].tolist())
    return _tabulate_part(block, sides)


def _without_repeats(array: Ints) -> Ints:
    """Reduce axes without a stride, on which all elements are the same, to length 1."""
    return array[tuple(slice(None if stride else 1) for stride in array.strides)]


def _in_parts(block: Ints, sides: Ints, axis: int, starts: Iterable[int]) -> LabelTable:
    """Tabulate the parts of a block that begin at given positions along an axis."""
    offset = np.zeros(block.ndim, np.int64)
    tables = []
    for start, stop in pairwise([*starts, block.shape[axis]]):
        part = (slice(None),) * axis + (slice(start, stop),)
        side = sides[part] if sides.shape[axis] > 1 else sides
        offset[axis] = start
        tables.append(shifted(_tabulate(block[part], side), offset))
    return concatenate(tables)


def _tabulate_part(block: Ints, sides: Ints) -> LabelTable:
    flat, length = np.ascontiguousarray(block).reshape(-1), block.shape[-1]
    if sides.size == 1 and _is_uniform(flat):
        return _uniform_table(flat[:1], sides, block.shape)
    kernel = _kernel(flat)
    starts = kernel.row_runs(flat, length)
    if starts.size > NOISY:
        axis = int(np.argmax(block.shape))
        return _in_parts(block, sides, axis, [0, block.shape[axis] // 2])
    if sides.size == 1:
        codes, labels = _codes(flat.take(starts))
        kinds = np.full(labels.shape, sides.flat[0], np.int64)
    else:
        side = np.broadcast_to(sides, block.shape).reshape(-1)
        starts = np.union1d(starts, run_tables.row_runs(side, length))
        label_codes, distinct_labels = _codes(flat.take(starts))
        side_codes, distinct_sides = _codes(side.take(starts))
        codes, pairs = pd.factorize(label_codes * distinct_sides.size + side_codes)
        at_label, at_side = np.divmod(pairs, distinct_sides.size)
        labels, kinds = distinct_labels[at_label], distinct_sides[at_side].astype(np.int64)
    return LabelTable(
        labels.astype(_wide(block)), kinds, *kernel.measure(starts, codes, block.shape)
    )


def _codes(values: Ints) -> tuple[Positions, Ints]:
    """Enumerate the distinct values in the order in which they occur."""
    codes, distinct = pd.factorize(values.astype(values.dtype.newbyteorder("="), copy=False))
    return codes, distinct


def _kernel(flat: Ints) -> ModuleType:
    """Return the module that processes the runs of these labels, and count their voxels."""
    global _tabulated
    _tabulated += flat.size  # threads may lose some counts, which does not matter
    if _tabulated <= ENOUGH:
        return run_tables
    size = flat.itemsize  # labels of one size share a kernel
    # Do not wait for compilation: numpy gives the same result. Also, a process forked while a
    # thread of its parent compiles must not block forever.
    if size not in _kernels and _compiling.acquire(blocking=False):
        try:
            _kernels[size] = _load(flat[:1])
        finally:
            _compiling.release()
    return _kernels.get(size, run_tables)


def _load(flat: Ints) -> ModuleType:
    """Compile for labels of this size, and return the module that processes their runs."""
    try:
        from xarray_atlas.kernels import compiled_tables

        starts = compiled_tables.row_runs(flat, 1)
        compiled_tables.measure(starts, starts, (1,))
    except Exception:  # no numba, an unsupported numpy or processor, no writable folder
        return run_tables
    return compiled_tables


def _is_uniform(flat: Ints) -> bool:
    """Return whether all labels are equal, reading little of most blocks in which they are not."""
    if flat[0] != flat[-1]:
        return False
    pieces = (flat[i : i + PIECE] for i in range(0, flat.size, PIECE))
    return all((piece == flat[0]).all() for piece in pieces)


def _uniform_table(label: Ints, sides: Ints, shape: tuple[int, ...]) -> LabelTable:
    sizes = np.array([shape], np.int64)
    count = np.array([math.prod(shape)])
    return LabelTable(
        label=label.astype(_wide(label)),
        side=sides.reshape(-1).astype(np.int64),
        voxels=count,
        sums=count * (sizes - 1) // 2,
        start=np.zeros_like(sizes),
        stop=sizes,
        point=(sizes - 1) // 2,
    )
