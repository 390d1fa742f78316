"""Resample one grid onto another block by block, with a task per block of the result.

Along a matrix, the part of the source that a block needs is known when the graph is built: its task
depends on those chunks of the source only. Along a displacement field, it is known when the field
is read: the task reads the source itself if that is an array in a store, and otherwise waits for
all of it. Fields are a single key of the graph, and each task reads what it needs of them.
"""

from __future__ import annotations

import itertools
import math
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.array.core import normalize_chunks
from dask.base import tokenize
from dask.utils import parse_bytes

from xarray_atlas.images.assembled import Room, assembled_array, room_key
from xarray_atlas.images.boxes import Bounds, joined, nested, ranges, touched
from xarray_atlas.images.warped import warped_positions
from xarray_atlas.kernels.positions import (
    GivenPositions,
    MatrixPositions,
    Positions,
    SourceAxis,
    box_of,
    voxel_positions,
    voxel_units,
)
from xarray_atlas.kernels.sampling import linear, nearest
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.reductions.labels import without_empty_chunks
from xarray_atlas.reductions.stored import read_from, stored_array
from xarray_atlas.transforms.steps import AffineStep, Step, is_lazy, matrix_of
from xarray_atlas.transforms.transform import Transform

__all__ = ["Mapping3", "as_source", "block_chunks", "by_block", "resampled"]

MOVED = 0.25
"""The share of a grid's length by which fields are taken to move positions, at most."""

BLOCK = 2**21
"""Voxels of a block of a result, at most: what a few threads hold of the source stays small. Of a
smaller block a larger share of the source is read for its neighbours too."""

Kernel = Callable[[Any, Sequence[int], Sequence[SourceAxis], Positions], Any]


@dataclass(frozen=True)
class Mapping3:
    """The map from the voxels of a target grid to those of a source grid.

    Parameters
    ----------
    matrix : float64 array of shape (3, 4)
        From mm on the target, or the output of the steps, to voxel units of the source.
    centres : tuple of float64 arrays
        The target's voxel centres, in mm.
    axes : tuple of SourceAxis
    steps : tuple of Step, optional
        Steps of a transform with fields, applied before the matrix.
    """

    matrix: FloatArray
    centres: tuple[FloatArray, ...]
    axes: tuple[SourceAxis, ...]
    steps: tuple[Step, ...] = ()

    @classmethod
    def of(
        cls, transform: Transform, centres: Sequence[FloatArray], axes: Sequence[SourceAxis]
    ) -> Mapping3:
        """Create the map from a transform from mm on the target to mm on the source."""
        steps, matrix = transform.steps, np.eye(4)
        last = steps[-1] if steps else None
        if isinstance(last, AffineStep):
            steps, matrix = steps[:-1], last.matrix
        return cls(voxel_units(matrix, axes), tuple(centres), tuple(axes), steps)

    @property
    def linear(self) -> FloatArray:
        """The matrix from mm on the target to voxel units of the source, without the fields."""
        return self.matrix @ matrix_of(self.steps)

    @property
    def meets(self) -> bool:
        """Return whether the bounding boxes of target and source meet, by the matrices alone.

        Fields are assumed to move positions by at most :data:`MOVED`, and are not read.
        """
        ends = []
        for values in self.centres:
            step = abs(values[-1] - values[0]) / max(values.size - 1, 1)
            ends.append(np.array([values.min() - step, values.max() + step]))
        parts = zip(voxel_positions(self.linear, ends), self.axes, strict=True)
        beyond = MOVED if self.steps else 0.0
        return all(
            part.max() >= -(1 + beyond * axis.count) and part.min() <= 1 + (1 + beyond) * axis.count
            for part, axis in parts
        )

    @property
    def is_lazy(self) -> bool:
        """Return whether it reads a lazy field."""
        return any(map(is_lazy, self.steps))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the target."""
        return tuple(values.size for values in self.centres)

    def positions(self, bounds: Bounds) -> Positions:
        """Return the positions of a block of the target, in voxel units of the source."""
        parts = [v[start:stop] for v, (start, stop) in zip(self.centres, bounds, strict=True)]
        if not self.steps:
            return MatrixPositions(self.matrix, parts)
        last = AffineStep(np.vstack([self.matrix, [0, 0, 0, 1]]))
        return warped_positions((*self.steps, last), parts)

    def box(self, bounds: Bounds, method: str, margin: Sequence[float] = (0, 0, 0)) -> Any:
        """Return the part of the source that a block needs, if there is no field."""
        corners = [
            v[[start, stop - 1]] for v, (start, stop) in zip(self.centres, bounds, strict=True)
        ]
        return box_of(voxel_positions(self.matrix, corners), self.axes, method, margin)


def block_chunks(
    mapping: Mapping3,
    itemsize: int,
    chunks: Any = "auto",
    beside: int = 1,
    margin: Sequence[float] = (0, 0, 0),
    largest_block: int = BLOCK,
) -> tuple[tuple[int, ...], ...]:
    """Choose blocks of a result such that neither they nor the source parts are large.

    Parameters
    ----------
    mapping : Mapping3
    itemsize : int
        Bytes per voxel of the source.
    chunks
        The result's along the three axes, as far as they are wanted.
    beside : int
        Number of values for each voxel of the result.
    margin : sequence of float, optional
        Additional voxels of the source on each side of a block, along its axes.
    largest_block : int, optional
        Maximum number of voxels of a block.
    """
    limit = max(parse_bytes(dask.config.get("array.chunk-size")) // itemsize, 1)
    largest_block = max(min(limit // beside, largest_block), 1)
    found = normalize_chunks(
        chunks, mapping.shape, limit=largest_block, dtype=np.uint8, previous_chunks=None
    )
    largest = [max(sizes) for sizes in found]
    # number of source voxels per target voxel, along each axis of the target
    steps = np.array([abs(v[-1] - v[0]) / max(v.size - 1, 1) for v in mapping.centres])
    whole = math.prod(axis.count for axis in mapping.axes)

    def needed(block: Sequence[int]) -> float:
        spans = np.abs(mapping.linear[:, :3]) @ (steps * np.array(block)) + 2 + 2 * np.array(margin)
        counts = [min(s, a.count) for s, a in zip(spans, mapping.axes, strict=True)]
        return float(min(math.prod(counts), whole))

    while max(largest) > 1 and (needed(largest) > limit or math.prod(largest) > largest_block):
        at = int(np.argmax(largest))
        largest[at] = -(-largest[at] // 2)
    return tuple(
        tuple(part for size in sizes for part in _pieces(size, most))
        for sizes, most in zip(found, largest, strict=True)
    )


def _pieces(size: int, most: int) -> list[int]:
    return [min(most, size - start) for start in range(0, size, most)]


def resampled(data: Any, mapping: Mapping3, method: str, fill: Any, chunks: Any = "auto") -> Any:
    """Resample an array onto another grid.

    Parameters
    ----------
    data : numpy or dask array of shape (..., n, m, k)
        The source.
    mapping : Mapping3
    method : "nearest" or "linear"
    fill : array of no dimension
        Value outside the source, of the type of the result.
    chunks
        Of the result along the three axes.

    Returns
    -------
    numpy or dask array
        A dask array if `data` or one of the mapping's fields is.
    """
    kernel = _Kernel(method, fill)
    lazy = isinstance(data, da.Array) or mapping.is_lazy
    source = as_source(data, copy=lazy)
    # frames of a recording that share a chunk share a block
    frames = math.prod(max(sizes) for sizes in source.chunks[:-3])
    size = source.dtype.itemsize * max(frames, 1)
    blocks = block_chunks(mapping, size, chunks, largest_block=BLOCK if lazy else BLOCK // 8)
    result = by_block(source, mapping, kernel, method, blocks, fill)
    return result if lazy else result.compute(scheduler="threads")


def as_source(data: Any, copy: bool = True) -> da.Array:
    """Return an array as a dask array without empty chunks.

    Parameters
    ----------
    data : numpy or dask array
    copy : bool
        Whether a numpy array may change before the result is computed.
    """
    if isinstance(data, da.Array):
        full: da.Array = without_empty_chunks(data)
        return full
    # a single chunk, from which blocks take what they need
    data = np.asarray(data)
    if copy:
        copied: da.Array = da.from_array(data, chunks=-1)
        return copied
    name = f"source-{uuid.uuid4()}"
    chunks = tuple((size,) for size in data.shape)
    return da.Array({(name, *(0,) * data.ndim): data}, name, chunks, dtype=data.dtype)


@dataclass(frozen=True)
class _Kernel:
    """Computes a block of the result from a box of the source."""

    method: str
    fill: Any

    def __call__(
        self,
        source: Any,
        start: Sequence[int],
        axes: Sequence[SourceAxis],
        positions: Positions,
    ) -> Any:
        if self.method == "nearest":
            return nearest(source, start, axes, positions, self.fill)
        values = linear(source, start, axes, positions)
        kind = np.asarray(self.fill).dtype
        if kind.kind in "iu":
            limits = np.iinfo(kind)
            outside = np.isnan(values)
            rounded = np.clip(np.rint(np.where(outside, self.fill, values)), limits.min, limits.max)
            return rounded.astype(kind)
        return np.where(np.isnan(values), np.asarray(self.fill), values).astype(kind, copy=False)


def by_block(
    source: da.Array,
    mapping: Mapping3,
    kernel: Any,
    method: str,
    blocks: tuple[tuple[int, ...], ...],
    fill: Any,
    front: tuple[int, ...] = (),
    margin: Sequence[float] = (0, 0, 0),
) -> da.Array:
    """Compute each block of a result from the part of the source under it, in a separate task.

    Parameters
    ----------
    source : dask array of shape (..., n, m, k)
    mapping : Mapping3
    kernel : callable
        Function of a box of the source, its first voxel, the axes and the positions of the block.
    method : "nearest" or "linear"
        Determines how far around its positions a block extends.
    blocks : tuple of tuples of int
        The chunks of the result along its last three axes.
    fill : numpy scalar
        Value outside the source, of the type of the result.
    front : tuple of int
        Leading axes of the result, of one chunk each, that the kernel adds.
    margin : sequence of float
        Additional margin of a block, in voxels of the source.
    """
    before = source.chunks[:-3]
    chunks = (*((size,) for size in front), *before, *blocks)
    warped = bool(mapping.steps)
    stored = warped and stored_array(source) is not None
    reader = _Opaque(read_from(source), source.name) if stored else None
    chunk_ranges = [ranges(sizes) for sizes in source.chunks[-3:]]
    edges = [ranges(sizes) for sizes in blocks]
    outer = [ranges(sizes) for sizes in before]
    task = _Task(kernel, method, np.asarray(fill), front, reader, tuple(margin))
    token = tokenize(source.name, task, mapping, chunks)
    name, shared = f"resampled-{token}", f"mapping-{token}"
    graph: dict[Any, Any] = {shared: _Opaque(mapping, token)}
    for place in itertools.product(*(range(len(part)) for part in edges)):
        bounds = tuple(edges[axis][at] for axis, at in enumerate(place))
        if not warped:
            box = mapping.box(bounds, method, margin)
        else:
            box = [(0, sum(sizes)) for sizes in source.chunks[-3:]]
        held = [] if box is None or stored else touched(chunk_ranges, box)
        start = tuple(chunk_ranges[axis][at[0]][0] for axis, at in enumerate(held))
        for rest in itertools.product(*(range(len(part)) for part in outer)):
            size = tuple(outer[axis][at] for axis, at in enumerate(rest))
            keys = nested(source.name, rest, held) if held else None
            key = (name, *(0 for _ in front), *rest, *place)
            graph[key] = (task, keys, start, size, bounds, shared, room_key(name))
    depends: Any = [] if stored else [source]
    return assembled_array(name, graph, depends, chunks, np.asarray(fill).dtype)


@dataclass(frozen=True)
class _Opaque:
    """Object that a task reads from, hidden from dask."""

    value: Any
    name: str

    def __dask_tokenize__(self) -> Any:
        return self.name


@dataclass(frozen=True)
class _Task:
    """Computes one block of a result; shared by all blocks."""

    kernel: Any
    method: str
    fill: Any
    front: tuple[int, ...]
    reader: _Opaque | None
    margin: tuple[float, ...]

    def __call__(
        self,
        parts: Any,
        start: tuple[int, ...],
        outer: Bounds,
        bounds: Bounds,
        shared: _Opaque,
        room: Room | None,
    ) -> Any:
        block = (*((0, size) for size in self.front), *outer, *bounds)
        values = self._values(parts, start, outer, bounds, shared)
        if room is not None:
            place = room.part(block)
            place[...] = values
            return place
        shape = tuple(stop - first for first, stop in block)
        whole = np.ascontiguousarray(np.broadcast_to(values, shape))
        return whole.astype(self.fill.dtype, copy=False)  # also if its byte order is swapped

    def _values(
        self, parts: Any, start: tuple[int, ...], outer: Bounds, bounds: Bounds, shared: _Opaque
    ) -> Any:
        """Return the values of a block, or a scalar for all of it."""
        mapping: Mapping3 = shared.value
        positions = mapping.positions(bounds)
        if isinstance(positions, GivenPositions):
            box = box_of(positions.arrays, mapping.axes, self.method, self.margin)
        else:
            box = mapping.box(bounds, self.method, self.margin)
        if box is None:
            return self.fill
        if self.reader is not None:
            start = tuple(first for first, _ in box)
            parts = np.asarray(self.reader.value[tuple(slice(a, b) for a, b in (*outer, *box))])
        else:
            parts, start = joined(parts, start, box)
        return self.kernel(parts, start, mapping.axes, positions)
