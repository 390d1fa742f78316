"""One pass over an annotation: what each of its chunks holds of each label.

Each chunk is reduced to a small table where it is read; the tables are put together
in a tree, on whatever dask scheduler is active. Neither the hierarchy nor the
coordinates go to a worker: tables are in labels and voxels, and whoever asks adds
them up by region.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import sys
from typing import Any

import dask.array as da
import numpy as np
from dask import config
from dask.base import get_scheduler, tokenize
from xarray import Variable

from xarray_atlas.kernels.tables import LabelTable, concatenate, shifted, tabulate
from xarray_atlas.reductions.stored import read_from, stored_array

__all__ = ["boxed", "scan", "without_empty_chunks"]

MANY = 50_000
"""Tasks; of more chunks than that, one task reads as many as it takes."""

TOGETHER = 4
"""Chunks along the first axis that one task reads where they are small: zarr decodes them
side by side, and dask has fewer tasks to look after."""

SMALL = 2**23
"""Voxels that are read together in that way, at the most."""


def scan(annotation: Variable, sides: Variable, progress: bool = False) -> LabelTable:
    """Tabulate the labels of an annotation, each side and chunk apart, in one pass.

    Parameters
    ----------
    annotation : Variable of int
    sides : Variable of int
        The side of each voxel, on as few of the annotation's dimensions as tell it.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    LabelTable
        Positions count from the annotation's first voxel, along its dimensions.
    """
    # as many dimensions as the annotation, of length 1 where the side does not depend on them
    sides = sides.set_dims({dim: sides.sizes.get(dim, 1) for dim in annotation.dims})
    # dask would read a block to take nothing of it
    labels = annotation.data if annotation.size else np.empty(annotation.shape, annotation.dtype)
    if not isinstance(labels, da.Array):
        return tabulate(labels, np.asarray(sides.values))
    labels = without_empty_chunks(labels)
    thickness = int(max(labels.chunks[0]))
    labels = _in_larger_blocks(labels)
    along = {
        dim: sizes if sides.sizes[dim] == annotation.sizes[dim] else 1
        for dim, sizes in zip(annotation.dims, labels.chunks, strict=True)
    }
    tables = da.map_blocks(
        _tabulate_block,
        labels,
        sides.chunk(along).data,
        starts=[[0, *itertools.accumulate(sizes)] for sizes in labels.chunks],
        thickness=thickness,
        chunks=tuple((1,) * n for n in labels.numblocks),
        dtype=object,
        meta=np.empty((0,) * labels.ndim, object),
    )
    merged = da.reduction(
        tables, chunk=_merge, aggregate=_merge, dtype=object, meta=np.empty((), object)
    )
    return _compute(merged, progress).item()  # type: ignore[no-any-return]


def _tabulate_block(
    block: Any, sides: Any, block_id: Any, starts: list[list[int]], thickness: int
) -> Any:
    """Tabulate the chunks of one block; their table is the one element of an array of objects."""
    corner = [start[i] for start, i in zip(starts, block_id, strict=True)]
    return boxed(shifted(tabulate(block, sides, thickness), corner), (1,) * block.ndim)


def _merge(tables: Any, axis: Any = None, keepdims: bool = True) -> Any:
    """Put the tables of several blocks together, as a reduction of dask asks for it."""
    return boxed(concatenate(tables.ravel()), (1,) * tables.ndim if keepdims else ())


def boxed(table: Any, shape: tuple[int, ...]) -> Any:
    """Return an array of objects that holds one, for dask."""
    box = np.empty(shape, object)
    box[(0,) * len(shape)] = table
    return box


def without_empty_chunks(data: Any) -> Any:
    """Drop the chunks of no voxel that slicing leaves: dask broadcasts a length of 1 over them."""
    if not isinstance(data, da.Array) or data.size == 0:
        return data
    full = tuple(tuple(size for size in sizes if size) for sizes in data.chunks)
    return data if full == data.chunks else data.rechunk(full)


def _in_larger_blocks(labels: da.Array) -> da.Array:
    """Read several chunks at once, where they are read from a store as they are."""
    source = stored_array(labels)
    if source is None:
        return labels
    numbers = labels.numblocks
    small = int(SMALL // math.prod(labels.chunksize))
    grouped = [max(min(TOGETHER, small), 1), *([1] * (labels.ndim - 1))]
    while math.prod(-(-n // g) for n, g in zip(numbers, grouped, strict=True)) > MANY:
        # along the axis that has the most blocks left
        axis = max(range(labels.ndim), key=lambda i: numbers[i] / grouped[i])
        grouped[axis] *= 2
    chunks = tuple(
        tuple(int(sum(sizes[i : i + group])) for i in range(0, len(sizes), group))
        for sizes, group in zip(labels.chunks, grouped, strict=True)
    )
    name = f"together-{tokenize(source.snapshot, labels.name, chunks)}"
    larger: da.Array = da.from_array(read_from(labels), chunks, name=name, meta=np.ndarray)
    return larger


def _compute(array: da.Array, progress: bool) -> Any:
    """Compute on the active scheduler, with a progress bar on stderr where that is wanted."""
    if not progress:
        return array.compute()
    client = _client(array)
    if client is None:
        from dask.diagnostics.progress import ProgressBar

        with ProgressBar(out=sys.stderr):
            return array.compute()
    from distributed import progress as show

    array = client.persist(array)
    with contextlib.redirect_stdout(sys.stderr):
        show(array, notebook=False)
    return array.compute()


def _client(array: da.Array) -> Any:
    """Return the client of the cluster on which dask computes; None where it is this process."""
    try:
        from distributed import Client, get_client
    except ImportError:
        return None
    chosen = config.get("scheduler", None)
    if isinstance(chosen, Client):
        return chosen
    try:
        client = get_client()
    except ValueError:  # there is none
        return None
    # there may be one, and another scheduler chosen
    return client if get_scheduler(collections=[array]) == client.get else None
