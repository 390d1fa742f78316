"""Count the boundaries between voxels of different labels in plain numpy blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from xarray_atlas.kernels.labels import Int64s, Ints, check_integers

__all__ = ["FaceTable", "concatenate_faces", "tabulate_faces"]

SLAB = 2**22
"""Number of voxels processed at a time; larger blocks are processed in slabs."""


class FaceTable(NamedTuple):
    """Table with a row per pair of labels that touch along an axis; several for large blocks."""

    low: Ints
    """The smaller label, shape (n,)."""
    high: Ints
    """The larger label, shape (n,)."""
    axis: Int64s
    """The axis across which the voxels touch, shape (n,)."""
    faces: Int64s
    """Number of pairs of adjacent voxels, shape (n,)."""


def tabulate_faces(block: Ints, own: Sequence[int] | None = None) -> FaceTable:
    """Count the pairs of adjacent voxels in a block that have different labels.

    Parameters
    ----------
    block : ndarray of int
        Labels, with one or more dimensions.
    own : sequence of int, optional
        The shape of the block without its margin; the whole block by default. The margin is at most
        one voxel of the next block along each axis: only pairs with one voxel inside and one in the
        margin are counted there.

    Returns
    -------
    FaceTable

    Raises
    ------
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> block = np.array([[7, 7, 997], [7, 997, 997]], dtype="uint32")
    >>> table = tabulate_faces(block)
    >>> for low, high, axis, faces in zip(*table):
    ...     print(low, high, axis, faces)
    7 997 0 1
    7 997 1 2
    """
    check_integers(block)
    own = block.shape if own is None else own
    planes = max(SLAB // max(math.prod(own[1:]), 1), 1)
    tables = []
    for start in range(0, own[0], planes):
        slab = block[start : start + planes + 1]
        shape = (min(planes, own[0] - start), *own[1:])
        tables += [_faces_across(slab, shape, axis) for axis in range(block.ndim)]
    return concatenate_faces(tables, block)


def concatenate_faces(tables: Iterable[FaceTable], block: Ints | None = None) -> FaceTable:
    """Concatenate tables.

    Parameters
    ----------
    tables : iterable of FaceTable
        Tables of blocks of one type.
    block : ndarray, optional
        Gives the type of the labels if there is no table.
    """
    tables = list(tables)
    if tables:
        return FaceTable(*map(np.concatenate, zip(*tables, strict=True)))
    none = np.empty(0, np.int64)
    labels = none if block is None else np.empty(0, block.dtype)
    return FaceTable(labels, labels, none, none)


def _faces_across(block: Ints, own: Sequence[int], axis: int) -> FaceTable:
    """Count the pairs of adjacent voxels across one axis."""
    part = block[tuple(slice(n + (i == axis)) for i, n in enumerate(own))]
    part = np.moveaxis(part, axis, 0)
    first, second = part[:-1], part[1:]
    differ = first != second
    first, second = first[differ], second[differ]
    # encode a pair as one number, from the labels' ranks: two 64-bit ids do not fit into 64 bits
    ids, ranks = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, other = ranks.reshape(2, -1)
    pairs = np.minimum(one, other) * ids.size + np.maximum(one, other)
    found, faces = np.unique(pairs, return_counts=True)
    low, high = np.divmod(found, max(ids.size, 1))
    return FaceTable(ids[low], ids[high], np.full(found.size, axis), faces.astype(np.int64))
