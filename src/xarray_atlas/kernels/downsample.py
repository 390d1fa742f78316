"""Downsampling of plain three-dimensional numpy blocks by a factor of 2.

The last voxel along an axis of odd length covers the remaining half of a 2 x 2 x 2 block. Repeating
the last plane gives the same majority and mean as omitting it.
"""

from __future__ import annotations

import itertools
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["halved", "majority", "mean"]

Block: TypeAlias = npt.NDArray[Any]


def halved(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the next level: half of each axis, rounded up.

    >>> halved((5, 4, 1))
    (3, 2, 1)
    """
    return tuple((n + 1) // 2 for n in shape)


def majority(block: Block) -> Block:
    """Return the most frequent label of each 2 x 2 x 2 block; the smallest if several are.

    The background, 0, counts as a label. The coarser levels of the published Allen annotation were
    computed from the finest one in this way.

    Parameters
    ----------
    block : ndarray of int, three dimensions
        Its first voxel must have even indices in the whole array.

    Returns
    -------
    ndarray of block.dtype, half the shape, rounded up

    Examples
    --------
    >>> majority(np.array([[[7, 7, 9], [0, 7, 9]]]))
    array([[[7, 9]]])
    """
    corners = _corners(block)
    result: Block = corners[0].copy()
    # shortcut: most blocks lie within one region
    mixed = (corners[1:] != result).any(axis=0)
    ordered = np.sort(corners[:, mixed], axis=0)
    best, most = ordered[0].copy(), np.ones(ordered.shape[1], np.uint8)
    run = most.copy()
    for before, here in itertools.pairwise(ordered):
        run = np.where(here == before, run + 1, 1).astype(np.uint8)
        # the first of equally frequent labels, which is the smallest
        more = run > most
        best[more], most[more] = here[more], run[more]
    result[mixed] = best
    return result


def mean(block: Block) -> Block:
    """Return the mean of each 2 x 2 x 2 block, in float64; integers are rounded half to even.

    Parameters
    ----------
    block : ndarray of int or float, three dimensions
        Its first voxel must have even indices in the whole array.

    Returns
    -------
    ndarray of block.dtype, half the shape, rounded up

    Examples
    --------
    >>> mean(np.array([[[1, 2, 9], [2, 2, 10]]]))
    array([[[ 2, 10]]])
    """
    means: Block = _corners(block).mean(axis=0, dtype=np.float64)
    if block.dtype.kind in "iu":
        means = np.rint(means)
    return means.astype(block.dtype)


def _corners(block: Block) -> Block:
    """Return the eight voxels of each 2 x 2 x 2 block along a new first axis."""
    odd = [(0, n % 2) for n in block.shape]
    if any(after for _, after in odd):
        block = np.pad(block, odd, mode="edge")
    return np.stack([block[i::2, j::2, k::2] for i, j, k in itertools.product((0, 1), repeat=3)])
