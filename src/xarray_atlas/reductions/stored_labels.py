"""Tabulate stored labels that are read unchanged.

A task reads many blocks one after the other into the same memory, and tabulates each; for remote
stores the next ones are downloaded meanwhile. Thus dask has a few tasks for a store of any number
of chunks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from dask import config
from dask.delayed import Delayed, delayed
from dask.system import CPU_COUNT
from dask.typing import DaskCollection

from xarray_atlas.kernels.tables import LabelTable, concatenate, shifted, tabulate
from xarray_atlas.reductions.schedulers import client_of, compute
from xarray_atlas.reductions.stored import Block, StoredArray

__all__ = ["can_follow", "scan_stored"]

MOST = 256
"""Maximum number of blocks per task."""

SHARES = {False: 8, True: 2}
"""Tasks per thread for a local and a remote store: few if each begins by waiting."""

SHOWN = 16
"""The same if a progress bar counts them."""

CLUSTER = 8
"""Minimum number of threads assumed for a cluster, which may be about to grow."""


def can_follow(sides: Any, labels: StoredArray) -> bool:
    """Return whether the hemispheres of stored labels can be read block by block with them.

    Parameters
    ----------
    sides : ndarray or StoredArray, of any shape that can be broadcast
    labels : StoredArray
    """
    if isinstance(sides, np.ndarray):
        return True
    return (
        isinstance(sides, StoredArray)
        and sides.shape == labels.shape
        and all(of % own == 0 for of, own in zip(labels.block, sides.chunks, strict=True))
    )


def scan_stored(labels: StoredArray, sides: Any, progress: bool) -> LabelTable:
    """Tabulate stored labels, by hemisphere and block.

    Parameters
    ----------
    labels : StoredArray
    sides : ndarray or StoredArray
        The hemisphere of each voxel, for which :func:`can_follow` is true.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    LabelTable
        Positions are counted from the first voxel. Rows are in the order of the blocks.
    """
    number = math.prod(_numbers(labels))
    reading = labels.reading()
    shared = [delayed(each, pure=False, traverse=False) for each in (labels, sides, reading)]
    size = _share(number, labels, progress, shared[0])
    parts = [
        delayed(_tabulate_blocks, pure=False)(*shared, start, min(start + size, number))
        for start in range(0, number, size)
    ]
    merged: Delayed = delayed(concatenate, pure=False)(parts)
    try:
        table: LabelTable = compute(merged, progress)
    except BaseException as error:  # also Ctrl-C, which dask's threads do not receive
        reading.give_up(error)
        raise
    return table


def _share(number: int, labels: StoredArray, progress: bool, collection: DaskCollection) -> int:
    """Return the number of blocks per task."""
    client = client_of(collection)
    if client is None:
        threads = config.get("num_workers", None) or CPU_COUNT
    else:
        threads = max(sum(client.nthreads().values()), CLUSTER)
    shares = SHOWN if progress else SHARES[labels.reads_apart]
    return max(min(-(-number // (shares * threads)), MOST), 1)


def _tabulate_blocks(
    labels: StoredArray, sides: Any, reading: Any, start: int, stop: int
) -> LabelTable:
    """Tabulate some blocks, by their numbers."""
    blocks = [_block(labels, number) for number in range(start, stop)]
    values = labels.read_through(blocks, reading)
    if isinstance(sides, np.ndarray):
        with_sides = (_part(sides, block) for block in blocks)
    else:
        with_sides = sides.read_through(blocks, reading)
    tables = []
    for block, own, side in zip(blocks, values, with_sides, strict=True):
        tables.append(shifted(tabulate(own, side), [part.start for part in block]))
    return concatenate(tables)


def _numbers(labels: StoredArray) -> list[int]:
    """Return the number of blocks along each axis."""
    return [-(-n // size) for n, size in zip(labels.shape, labels.block, strict=True)]


def _block(labels: StoredArray, number: int) -> Block:
    at = np.unravel_index(number, _numbers(labels))
    starts = [int(i) * size for i, size in zip(at, labels.block, strict=True)]
    return tuple(
        slice(start, min(start + size, n))
        for start, size, n in zip(starts, labels.block, labels.shape, strict=True)
    )


def _part(sides: Any, block: Block) -> Any:
    """Return the hemispheres of a block, of length 1 along axes on which they do not depend."""
    return sides[
        tuple(part if n > 1 else slice(None) for part, n in zip(block, sides.shape, strict=True))
    ]
