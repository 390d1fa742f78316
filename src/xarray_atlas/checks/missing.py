"""Check for chunks missing in a store, which zarr reads as background.

A missing chunk has the fill value according to the format, also if a server returned 404 once, or a
copy has lost it. Two criteria distinguish it from background: another level of the pyramid has
labels in it; or adjacent labels end at its boundary with the same area as two planes further in,
where the surface of a brain would be curved.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import dask.array as da
import numpy as np

from xarray_atlas.checks.report import Finding, Outcome, done
from xarray_atlas.io.zarr.ome_zarr import Level
from xarray_atlas.kernels.labels import Bools, Int64s
from xarray_atlas.terminology.cells import counted

__all__ = ["StoredLevel", "check_missing_chunks", "find_missing"]

DEEP = 2
"""Planes behind a face of a chunk with which its area is compared."""

KEPT = 0.75
"""Of the area two planes further in: the cap of a sphere has at most a third of it."""

LEAST = 16
"""Labelled voxels of a face; of fewer nothing is concluded."""


IN_MEMORY = 1 << 29
"""Maximum size of another level, in voxels, to hold its mask of labels in memory."""

Box: TypeAlias = tuple[slice, ...]


class StoredLevel(NamedTuple):
    """A stored level of a pyramid."""

    level: Level
    labels: Any
    """A dask array in the chunks of the store."""
    key: Callable[[tuple[int, ...]], str]
    """The key of a chunk, by its place among the chunks."""


class Empty(NamedTuple):
    """Chunks without labels, and the labels at their boundaries."""

    blocks: list[tuple[int, ...]]
    """The place of each among the chunks."""
    broken: dict[tuple[int, ...], int]
    """Labelled voxels of neighbours that break off at its faces; none where they do not."""
    starts: list[Int64s]
    """Where the chunks begin along each axis, and where the last one ends."""


def find_missing(stored: StoredLevel, other: StoredLevel | None) -> tuple[list[str], list[str]]:
    """Find the chunks of a level that may be missing.

    Parameters
    ----------
    stored : StoredLevel
    other : StoredLevel, optional
        Another level of the same pyramid.

    Returns
    -------
    certain, suspected : list of str
        The keys of chunks in which the other level has labels; and of those at which labels end
        abruptly, if there is no other level.
    """
    empty = _empty_chunks(stored.labels)
    if other is None:
        return [], [stored.key(block) for block in empty.blocks if empty.broken.get(block)]
    boxes = {block: _box(block, empty.starts, stored.level, other) for block in empty.blocks}
    compared = {block: box for block, box in boxes.items() if box is not None}
    if not compared:
        return [], []
    labelled = other.labels != 0
    if other.labels.size <= IN_MEMORY:  # there may be as many boxes as chunks
        labelled = np.asarray(labelled.compute())
    there = da.compute(*(labelled[box].any() for box in compared.values()))
    found = [block for block, has in zip(compared, there, strict=True) if has]
    return [stored.key(block) for block in found], []


def _empty_chunks(labels: Any) -> Empty:
    """Find the chunks without labels, and the areas of adjacent labels."""
    ndim = labels.ndim
    # for each block: whether it has a label, then for each side the labelled voxels at its
    # boundary, and two planes further in
    shape = (*labels.numblocks, 1 + 4 * ndim)
    tables = labels.map_blocks(
        _faces,
        dtype=np.int64,
        new_axis=ndim,
        chunks=(*((1,) * n for n in labels.numblocks), (shape[-1],)),
    )
    table = np.asarray(tables.compute()).reshape(shape)
    there = table[..., 0] > 0
    blocks = [tuple(map(int, block)) for block in np.argwhere(~there)]
    broken: dict[tuple[int, ...], int] = {}
    for block in blocks:
        for axis, side in product(range(ndim), (0, 1)):
            near = list(block)
            near[axis] += 1 if side else -1
            if not 0 <= near[axis] < shape[axis] or not there[tuple(near)]:
                continue
            # the side of the neighbour that faces this one is the opposite one
            at = 1 + 4 * axis + 2 * (1 - side)
            face, behind = table[tuple(near)][at : at + 2]
            if face >= LEAST and face >= KEPT * behind:
                broken[block] = broken.get(block, 0) + int(face)
    starts = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in labels.chunks]
    return Empty(blocks, broken, starts)


def _faces(block: Any) -> Any:
    """Count the labels of a block: in total, at its boundaries and in the planes behind them."""
    labelled: Bools = np.asarray(block) != 0
    counts = [int(labelled.any())]
    for axis in range(labelled.ndim):
        planes = np.moveaxis(labelled, axis, 0)
        deep = min(DEEP, len(planes) - 1)
        for at in (0, deep, len(planes) - 1, len(planes) - 1 - deep):
            counts.append(int(np.count_nonzero(planes[at])))
    return np.array(counts).reshape((1,) * labelled.ndim + (-1,))


def _box(
    block: tuple[int, ...], starts: list[Int64s], level: Level, other: StoredLevel
) -> Box | None:
    """Return the voxels of another level within a chunk, excluding a margin of one voxel.

    None if there are none. Voxels at the boundary may be labelled because of what is beyond.
    """
    box = []
    axes = zip(
        level.scale,
        level.translation,
        other.level.scale,
        other.level.translation,
        other.labels.shape,
        strict=True,
    )
    for axis, (size, first, other_size, other_first, length) in enumerate(axes):
        low, high = (first + size * (starts[axis][block[axis] + i] - 0.5) for i in (0, 1))
        margin = max(size, other_size)
        begin = int(np.ceil((low + margin - other_first) / other_size))
        end = int(np.floor((high - margin - other_first) / other_size)) + 1
        begin, end = max(begin, 0), min(end, length)
        if begin >= end:
            return None
        box.append(slice(begin, end))
    return tuple(box)


def check_missing_chunks(levels: list[tuple[StoredLevel, StoredLevel | None]]) -> Outcome:
    """Check levels of a pyramid for missing chunks.

    Parameters
    ----------
    levels : list of (StoredLevel, StoredLevel or None)
        Each level with another one for comparison.
    """
    findings = []
    for stored, other in levels:
        certain, suspected = find_missing(stored, other)
        mend = (
            "fetch the store again, and compare it with its source; if it was opened over HTTP, "
            "ask the server for these chunks: zarr takes the answer 404 for background"
        )
        if certain:
            why = (
                f"level {stored.level.path!r} has no label in {counted(len(certain), 'chunk')} in "
                f"which level {other.level.path if other else ''!r} has labels: these chunks are "
                "missing, and are read as background. Volumes are too small, and symmetry cannot "
                "be judged"
            )
            findings.append(Finding("error", why, mend, tuple(certain)))
        if suspected:
            why = (
                f"the labels of level {stored.level.path!r} break off where "
                f"{counted(len(suspected), 'chunk')} without a label begin, which seem to be "
                "missing: volumes are too small then"
            )
            mend = f"nothing, where the volume was cut there; else {mend}"
            findings.append(Finding("warning", why, mend, tuple(suspected)))
    names = ", ".join(repr(stored.level.path) for stored, _ in levels)
    return done("missing chunks", findings, f"of levels {names}")
