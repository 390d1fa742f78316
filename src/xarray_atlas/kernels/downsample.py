"""Half as many voxels along each axis: kernels on plain numpy blocks of three dimensions.

The last voxel of an odd axis covers what is left of a block of 2 x 2 x 2. A plane that is
repeated once gives the same majority and the same mean as leaving it out would.
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
    """Take the label that most voxels of each 2 x 2 x 2 have; of equally many, the smallest.

    0, outside of the brain, is a label like the others. This is how the coarser levels of
    the published Allen annotation come about from the finest one.

    Parameters
    ----------
    block : ndarray of int, three dimensions
        It begins at an even voxel of the whole.

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
    # most blocks lie within one region
    mixed = (corners[1:] != result).any(axis=0)
    ordered = np.sort(corners[:, mixed], axis=0)
    best, most = ordered[0].copy(), np.ones(ordered.shape[1], np.uint8)
    run = most.copy()
    for before, here in itertools.pairwise(ordered):
        run = np.where(here == before, run + 1, 1).astype(np.uint8)
        # of equally many the first stays, which is the smallest
        more = run > most
        best[more], most[more] = here[more], run[more]
    result[mixed] = best
    return result


def mean(block: Block) -> Block:
    """Take the mean of each 2 x 2 x 2, in float64; integers are rounded, halves to even.

    Parameters
    ----------
    block : ndarray of int or float, three dimensions
        It begins at an even voxel of the whole.

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
    """Return the eight voxels of each 2 x 2 x 2, along a new first axis."""
    odd = [(0, n % 2) for n in block.shape]
    if any(after for _, after in odd):
        block = np.pad(block, odd, mode="edge")
    return np.stack([block[i::2, j::2, k::2] for i, j, k in itertools.product((0, 1), repeat=3)])
