"""Check for chunks that a store has lost, which zarr reads as background.

A chunk that is absent holds the fill value, by the format: so does one for which a server once
answers 404, or that a copy has lost. Two things tell such a chunk from background. Another level of
the pyramid has labels where it has none; and labels that border on it break off there, at the same
area as two planes further in, where the surface of a brain would curve away.
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
"""Voxels of another level of which it is held in memory whether they are labelled."""

Box: TypeAlias = tuple[slice, ...]


class StoredLevel(NamedTuple):
    """A level of a pyramid, as it is stored."""

    level: Level
    labels: Any
    """A dask array in the chunks of the store."""
    key: Callable[[tuple[int, ...]], str]
    """The key of a chunk, by its place among the chunks."""


class Empty(NamedTuple):
    """Chunks without a label, and what is at their faces."""

    blocks: list[tuple[int, ...]]
    """The place of each among the chunks."""
    broken: dict[tuple[int, ...], int]
    """Labelled voxels of neighbours that break off at its faces; none where they do not."""
    starts: list[Int64s]
    """Where the chunks begin along each axis, and where the last one ends."""


def find_missing(stored: StoredLevel, other: StoredLevel | None) -> tuple[list[str], list[str]]:
    """Find the chunks of a level that seem to be missing.

    Parameters
    ----------
    stored : StoredLevel
    other : StoredLevel, optional
        Another level of the same pyramid.

    Returns
    -------
    certain, suspected : list of str
        The keys of chunks where the other level has labels; and of those at which labels only
        break off, where there is no other level.
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
    """Find the chunks without a label, and the areas of labels that border on them."""
    ndim = labels.ndim
    # of each block: whether it has a label, then for each of its faces the labelled voxels there,
    # and two planes further in
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
            # the face of the neighbour that looks at this one is on its other side
            at = 1 + 4 * axis + 2 * (1 - side)
            face, behind = table[tuple(near)][at : at + 2]
            if face >= LEAST and face >= KEPT * behind:
                broken[block] = broken.get(block, 0) + int(face)
    starts = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in labels.chunks]
    return Empty(blocks, broken, starts)


def _faces(block: Any) -> Any:
    """Count the labels of a block: in all, and on its faces and the planes behind them."""
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
    """Return the voxels of another level that lie within a chunk, one voxel away from its faces.

    None if there are none. At its faces a voxel may be labelled by what lies beyond.
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
    """Check levels of a pyramid for chunks that are missing.

    Parameters
    ----------
    levels : list of (StoredLevel, StoredLevel or None)
        Each level with another one that it is compared with.
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
