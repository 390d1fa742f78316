"""Count the voxels of each pair of labels in two plain numpy blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from xarray_atlas.kernels.labels import Int64s, Ints, check_integers

__all__ = ["PairTable", "count_pairs", "merge"]

PIECE = 2**22
"""Number of voxels processed at a time, such that intermediate arrays stay small."""


class PairTable(NamedTuple):
    """Table with a row per pair of labels that occurs."""

    first: Ints
    second: Ints
    voxels: Int64s


def count_pairs(first: Ints, second: Ints) -> PairTable:
    """Count the voxels of each pair of labels.

    Parameters
    ----------
    first, second : ndarray of int
        Labels, of the same shape.

    Returns
    -------
    PairTable
        A row per pair that occurs.

    Raises
    ------
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> table = count_pairs(np.array([5, 5, 5, 7]), np.array([1, 1, 2, 2], "uint8"))
    >>> list(zip(table.first.tolist(), table.second.tolist(), table.voxels.tolist()))
    [(5, 1, 2), (5, 2, 1), (7, 2, 1)]
    """
    check_integers(first)
    check_integers(second)
    one, two = first.reshape(-1), second.reshape(-1)
    parts = [PairTable(one[:0], two[:0], np.empty(0, np.int64))]
    for start in range(0, one.size, PIECE):
        a, b = one[start : start + PIECE], two[start : start + PIECE]
        changes = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
        starts = np.concatenate([np.zeros(1, np.intp), np.flatnonzero(changes) + 1])
        parts.append(_added_up(PairTable(a[starts], b[starts], np.diff(starts, append=a.size))))
    return merge(parts)


def merge(tables: Iterable[PairTable]) -> PairTable:
    """Merge tables of the same type, so that each pair has one row."""
    return _added_up(PairTable(*map(np.concatenate, zip(*tables, strict=True))))


def _added_up(table: PairTable) -> PairTable:
    of_first, first = pd.factorize(_native(table.first))
    of_second, second = pd.factorize(_native(table.second))
    codes, pairs = pd.factorize(of_first * max(second.size, 1) + of_second)
    voxels = np.zeros(pairs.size, np.int64)
    np.add.at(voxels, codes, table.voxels)
    at, of = np.divmod(pairs, max(second.size, 1))
    return PairTable(first[at], second[of], voxels)


def _native(labels: Ints) -> Ints:
    return labels.astype(labels.dtype.newbyteorder("="), copy=False)
