"""Reduce an image by the labels of its voxels in one pass, in memory or with dask.

The labels of a block are sorted once, for all frames. Each block of the image is reduced to a small
table by the worker that has it, and the tables of the same frames are merged in a tree. Workers get
labels and numbers only: the hierarchy is applied to complete tables.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.base import compute
from dask.system import CPU_COUNT
from dask.utils import parse_bytes

from xarray_atlas.kernels.groups import VoxelGroups
from xarray_atlas.kernels.quantiles import Values, image_values, quantiles, stack, values_by_code
from xarray_atlas.kernels.sums import (
    NEEDS,
    Floats,
    Sums,
    add_up,
    image_sums,
    merge,
    statistic,
)
from xarray_atlas.reductions.labels import boxed, without_empty_chunks
from xarray_atlas.reductions.membership import Membership
from xarray_atlas.reductions.plans import Plan, lazy_plans, plan_of, sent_once

__all__ = [
    "Labelled",
    "frames_together",
    "labelled",
    "region_quantiles",
    "region_statistics",
]

SMALL = 2**22
"""Number of voxels of all frames below which threads do not pay off."""

BATCH = 2**20
"""Number of table entries that are summed by region at a time."""


@dataclass(frozen=True)
class Labelled:
    """An image, and the groups of its voxels.

    Attributes
    ----------
    image : ndarray or dask array
    axes : tuple of int
        The spatial axes of the image, in the order of those of the labels.
    plans : Plan or dask array of Plan
        One per spatial chunk of the image.
    membership : Membership
    """

    image: Any
    axes: tuple[int, ...]
    plans: Any
    membership: Membership

    @property
    def lazy(self) -> bool:
        """Return whether the computation is deferred."""
        return isinstance(self.image, da.Array)

    @property
    def frames(self) -> tuple[int, ...]:
        """The non-spatial axes of the image."""
        return tuple(axis for axis in range(self.image.ndim) if axis not in self.axes)


def labelled(
    image: Any, axes: tuple[int, ...], labels: Any, sides: Any, weights: Any, of: Membership
) -> Labelled:
    """Sort the voxels of an image by group.

    Parameters
    ----------
    image : ndarray or dask array
        If it is a dask array the result is lazy; otherwise labels are read.
    axes : tuple of int
        The spatial axes of the image, in the order of those of `labels`.
    labels, sides, weights : ndarray or dask array, of the shape of these axes
        `sides` has length 1 along axes on which it does not depend, and is None if hemispheres are
        not distinguished; `weights` may be None.
    of : Membership
    """
    if not isinstance(image, da.Array):
        labels, sides, weights = compute(labels, sides, weights)
        return Labelled(image, axes, plan_of(labels, sides, weights, of), of)
    image = without_empty_chunks(image)
    chunks = tuple(image.chunks[axis] for axis in axes)
    return Labelled(image, axes, lazy_plans(labels, sides, weights, of, chunks), of)


def region_statistics(data: Labelled, names: Sequence[str], skipna: bool = True) -> Any:
    """Compute statistics of an image by region in one pass.

    Returns
    -------
    array of float64, shape (names, *frames, regions, sides)
        NaN if there is no value; counts are 0.
    """
    names = tuple(names)
    columns = tuple(sorted({column for name in names for column in NEEDS[name]}))
    if not data.lazy:
        sums = _sums(data.image, data.plans, data.axes, skipna, columns, _threads(data.image))
        return _statistics(sums, data.membership, names, _frame_shape(data.image, data.axes))
    tables = _tables(data, _sums_block, skipna=skipna, columns=columns)
    merged = _over_blocks(data, tables, partial(_merge_sums, columns=columns))
    return _by_region(data, merged, _statistics_block, len(names), names=names)


def region_quantiles(data: Labelled, q: Sequence[float], skipna: bool = True) -> Any:
    """Compute quantiles of an image by region.

    As many frames are processed at a time as fit into dask's ``array.chunk-size``; for these, all
    voxels of the given regions are in memory together.

    Returns
    -------
    array of float64, shape (q, *frames, regions, sides)
    """
    q = tuple(q)
    if not data.lazy:
        return _quantiles_of_image(data, q, skipna)
    together = _frames_together(data).items()
    smaller = {axis: n for axis, n in together if n < max(data.image.chunks[axis], default=0)}
    data = replace(data, image=data.image.rechunk(smaller))
    tables = _tables(data, _values_block)
    merged = _over_blocks(data, tables, _merge_values)
    return _by_region(data, merged, _quantiles_block, len(q), q=q, skipna=skipna)


# -- blocks of an image


def _slabs(image: Any, plan: Plan, axes: tuple[int, ...]) -> Iterable[tuple[Any, VoxelGroups]]:
    for slab, groups in plan:
        key = tuple(slab if axis == axes[0] else slice(None) for axis in range(image.ndim))
        yield image[key], groups


def _sums(
    image: Any,
    plan: Plan,
    axes: tuple[int, ...],
    skipna: bool,
    columns: tuple[str, ...],
    threads: int = 1,
) -> Sums:
    parts = (
        image_sums(part, axes, groups, skipna, columns, threads)
        for part, groups in _slabs(image, plan, axes)
    )
    return merge(parts, math.prod(_frame_shape(image, axes)), columns)


def _threads(image: Any) -> int:
    """Return the number of threads for an image in memory, at most dask's."""
    alone = dask.config.get("scheduler", None) in ("sync", "synchronous", "single-threaded")
    if alone or image.size < SMALL:
        return 1
    return int(dask.config.get("num_workers", None) or CPU_COUNT)


def _sums_block(image: Any, plans: Any, axes: tuple[int, ...], **how: Any) -> Any:
    found = _sums(image, plans.item(), axes, **how)
    return boxed((_frame_shape(image, axes), found), (1,) * image.ndim)


def _merge_sums(tables: Any, axis: Any, keepdims: bool, columns: tuple[str, ...]) -> Any:
    frames = tables.flat[0][0]
    merged = merge((sums for _, sums in tables.flat), math.prod(frames), columns)
    return boxed((frames, merged), _kept(tables, axis, keepdims))


def _statistics(
    sums: Sums, of: Membership, names: tuple[str, ...], frames: tuple[int, ...]
) -> Floats:
    """Return the statistics of each region from those of the groups: (names, *frames, *of)."""
    rows, start, places = of.rows(sums.code)
    total = sums.present.shape[1]
    found = np.full((len(names), total, math.prod(of.shape)), np.nan)
    for position, name in enumerate(names):
        found[position] = 0 if name == "count" else np.nan
    step = max(BATCH // max(rows.size, 1), 1)
    for begin in range(0, total if places.size else 0, step):
        part = slice(begin, begin + step)
        regions = add_up(sums.some(part), rows, start)
        for position, name in enumerate(names):
            found[position, part, places] = statistic(regions, name)
    return found.reshape(len(names), *frames, *of.shape)


def _statistics_block(table: Any, of: Any, names: tuple[str, ...]) -> Any:
    frames, sums = table.item()
    return _statistics(sums, of, names, frames)


# -- quantiles


def _frames_together(data: Labelled) -> dict[int, int]:
    """Return the number of entries along each axis of frames to process at a time."""
    sizes = {
        axis: max(data.image.chunks[axis], default=0) if data.lazy else data.image.shape[axis]
        for axis in data.frames
    }
    voxels = math.prod(data.image.shape[axis] for axis in data.axes)
    return frames_together(sizes, voxels * data.image.dtype.itemsize)


def frames_together(sizes: Mapping[int, int], frame: int) -> dict[int, int]:
    """Split axes of frames such that chunks respect dask's ``array.chunk-size``."""
    limit = parse_bytes(dask.config.get("array.chunk-size"))
    together = dict(sizes)
    for axis in together:
        size = math.prod(together.values()) * frame
        if size > limit:
            together[axis] = max(together[axis] * limit // size, 1)
    return together


def _quantiles_of_image(data: Labelled, q: tuple[float, ...], skipna: bool) -> Floats:
    """Compute quantiles of an image in memory, some frames at a time."""
    found = np.full((len(q), *_frame_shape(data.image, data.axes), *data.membership.shape), np.nan)
    steps = [
        [slice(start, start + step) for start in range(0, data.image.shape[axis], step or 1)]
        for axis, step in _frames_together(data).items()
    ]
    for some in itertools.product(*steps):
        key = dict(zip(data.frames, some, strict=True))
        part = data.image[tuple(key.get(axis, slice(None)) for axis in range(data.image.ndim))]
        values = _values(part, data.plans, data.axes)
        frames = _frame_shape(part, data.axes)
        found[(slice(None), *some)] = _quantiles(values, data.membership, q, skipna, frames)
    return found


def _values(image: Any, plan: Plan, axes: tuple[int, ...]) -> Values:
    return stack(image_values(part, axes, groups) for part, groups in _slabs(image, plan, axes))


def _values_block(image: Any, plans: Any, axes: tuple[int, ...]) -> Any:
    found = _values(image, plans.item(), axes)
    return boxed((_frame_shape(image, axes), found), (1,) * image.ndim)


def _merge_values(tables: Any, axis: Any, keepdims: bool) -> Any:
    merged = stack(values for _, values in tables.flat)
    return boxed((tables.flat[0][0], merged), _kept(tables, axis, keepdims))


def _quantiles(
    table: Values, of: Membership, q: tuple[float, ...], skipna: bool, frames: tuple[int, ...]
) -> Floats:
    code, begin, values = values_by_code(table)
    rows, start, places = of.rows(code)
    ends = np.append(begin[1:], values.shape[1])
    found = np.full((len(q), len(values), math.prod(of.shape)), np.nan)
    bounds = itertools.pairwise([*start, rows.size])
    for place, (first, last) in zip(places, bounds, strict=True):
        held = np.concatenate([np.arange(begin[row], ends[row]) for row in rows[first:last]])
        found[:, :, place] = quantiles(values[:, held], q, skipna)
    return found.reshape(len(q), *frames, *of.shape)


def _quantiles_block(table: Any, of: Any, q: tuple[float, ...], skipna: bool) -> Any:
    frames, values = table.item()
    return _quantiles(values, of, q, skipna, frames)


# -- on dask


def _tables(data: Labelled, function: Any, **how: Any) -> da.Array:
    """Reduce each block of a lazy image to a table, the single element of an object array."""
    every = tuple(range(data.image.ndim))
    lazy: da.Array = da.blockwise(
        function, every, data.image, every, data.plans, data.axes, axes=data.axes, **how,
        concatenate=True, adjust_chunks=dict.fromkeys(every, 1), align_arrays=False,
        dtype=object, meta=np.empty((0,) * len(every), object),
    )  # fmt: skip
    return lazy


def _over_blocks(data: Labelled, tables: da.Array, function: Any) -> da.Array:
    """Merge the tables of the same frames."""
    lazy: da.Array = da.reduction(
        tables, chunk=function, aggregate=function, axis=data.axes, dtype=object,
        meta=np.empty((0,) * len(data.frames), object),
    )  # fmt: skip
    return lazy


def _by_region(data: Labelled, tables: da.Array, function: Any, first: int, **how: Any) -> da.Array:
    """Convert complete tables to numbers by region: (first, *frames, regions, sides)."""
    chunks = {place: data.image.chunks[axis] for place, axis in enumerate(data.frames)}
    n = len(chunks)
    new = dict(zip((n, n + 1, n + 2), (first, *data.membership.shape), strict=True))
    lazy: da.Array = da.blockwise(
        function, (n, *chunks, n + 1, n + 2), tables, tuple(chunks), of=sent_once(data.membership),
        **how, new_axes=new, adjust_chunks=chunks, concatenate=True, align_arrays=False,
        dtype=np.float64, meta=np.empty((0,) * (n + 3), np.float64),
    )  # fmt: skip
    return lazy


def _kept(tables: Any, axis: Any, keepdims: bool) -> tuple[int, ...]:
    """Return the shape of a reduced block of tables."""
    merged = range(tables.ndim) if axis is None else axis
    return tuple(1 for a in range(tables.ndim) if keepdims or a not in merged)


def _frame_shape(image: Any, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for axis, n in enumerate(image.shape) if axis not in axes)
