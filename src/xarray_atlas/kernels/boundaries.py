"""Faces between voxels of different labels, counted on plain numpy blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from xarray_atlas.kernels.labels import Int64s, Ints, check_integers

__all__ = ["FaceTable", "concatenate_faces", "tabulate_faces"]

SLAB = 2**22
"""Voxels; of a larger block a slab of so many is worked on at a time."""


class FaceTable(NamedTuple):
    """A row for each pair of labels that touch along an axis; of large blocks, several rows."""

    low: Ints
    """The smaller label, shape (n,)."""
    high: Ints
    """The larger label, shape (n,)."""
    axis: Int64s
    """Across which axis the faces lie, shape (n,)."""
    faces: Int64s
    """Number of faces, shape (n,)."""


def tabulate_faces(block: Ints, own: Sequence[int] | None = None) -> FaceTable:
    """Count the faces between the voxels of a block that have different labels.

    Parameters
    ----------
    block : ndarray of int
        Labels, of one or more dimensions.
    own : sequence of int, optional
        The shape of the voxels that are the block's own, at its start; all by default. Beyond
        them is at most one voxel along each axis, of the next block: the face between the two is
        counted, and nothing else of it.

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
    """Put tables one below the other.

    Parameters
    ----------
    tables : iterable of FaceTable
        Of blocks of one type.
    block : ndarray, optional
        Says the type of the labels where there is no table.
    """
    tables = list(tables)
    if tables:
        return FaceTable(*map(np.concatenate, zip(*tables, strict=True)))
    none = np.empty(0, np.int64)
    labels = none if block is None else np.empty(0, block.dtype)
    return FaceTable(labels, labels, none, none)


def _faces_across(block: Ints, own: Sequence[int], axis: int) -> FaceTable:
    """Count the faces across one axis."""
    part = block[tuple(slice(n + (i == axis)) for i, n in enumerate(own))]
    part = np.moveaxis(part, axis, 0)
    first, second = part[:-1], part[1:]
    differ = first != second
    first, second = first[differ], second[differ]
    # pairs as one number each, of the labels' ranks: ids of 64 bits leave no room for two
    ids, ranks = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, other = ranks.reshape(2, -1)
    pairs = np.minimum(one, other) * ids.size + np.maximum(one, other)
    found, faces = np.unique(pairs, return_counts=True)
    low, high = np.divmod(found, max(ids.size, 1))
    return FaceTable(ids[low], ids[high], np.full(found.size, axis), faces.astype(np.int64))
