"""Displacement fields that are read chunk by chunk.

Nearby positions, such as a block of an image, are read as a single box. Scattered points are
grouped by the chunk that contains them; each group reads its chunk and the neighbouring voxels in a
separate task on the active dask scheduler.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.base import compute
from dask.delayed import delayed

from xarray_atlas.kernels.fields import displacements, field_box
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["displacements_of_lazy"]

BOX = 32 * 2**20
"""Maximum number of bytes of a field to read as a single box."""

Bools = npt.NDArray[np.bool_]


def displacements_of_lazy(
    data: da.Array, index: Sequence[FloatArray], degree: int, scheduler: str | None = None
) -> tuple[list[FloatArray], Bools | None]:
    """Interpolate a lazy displacement field.

    Parameters
    ----------
    data : dask array of shape (3, n, m, k)
    index : three float64 arrays
        Positions in voxels of the field; they broadcast together.
    degree : 1 or 3
    scheduler : str, optional
        Name of a dask scheduler; the active one by default.

    Returns
    -------
    displacements : list of three float64 arrays
    inside : bool array, or None
        None if all positions are inside.
    """
    shape = data.shape[1:]
    box = field_box(index, shape, degree)
    if box is None:  # all NaN
        whole = np.broadcast_shapes(*(np.shape(part) for part in index))
        return [np.full(whole, np.nan) for _ in range(3)], None
    small = 3 * data.dtype.itemsize * math.prod(stop - start for start, stop in box) <= BOX
    if small or all(len(sizes) == 1 for sizes in data.chunks[1:]):
        part = _part(data, box).compute(scheduler=scheduler)
        return displacements(part, index, degree, tuple(start for start, _ in box), shape)
    return _grouped(data, index, degree, scheduler)


def _part(data: da.Array, box: Sequence[tuple[int, int]]) -> da.Array:
    part: da.Array = data[(slice(None), *(slice(start, stop) for start, stop in box))]
    return part


def _grouped(
    data: da.Array, index: Sequence[FloatArray], degree: int, scheduler: str | None
) -> tuple[list[FloatArray], Bools | None]:
    shape = data.shape[1:]
    whole = np.broadcast_shapes(*(np.shape(part) for part in index))
    flat = [np.broadcast_to(part, whole).ravel() for part in index]
    chunk = np.zeros(flat[0].size, np.int64)
    for part, sizes in zip(flat, data.chunks[1:], strict=True):
        stops = np.cumsum(sizes)
        # NaN goes with the points above the last chunk, which reads nothing more
        held = np.clip(np.nan_to_num(part, nan=np.inf), 0, stops[-1] - 1)
        chunk = chunk * len(sizes) + np.searchsorted(stops, np.floor(held), side="right")
    order = np.argsort(chunk, kind="stable")
    bounds = np.flatnonzero(np.diff(chunk[order], prepend=-1, append=-1))
    groups = [order[a:b] for a, b in itertools.pairwise(bounds)]
    tasks = []
    for group in groups:
        points = [part[group] for part in flat]
        box = field_box(points, shape, degree) or ((0, 1),) * 3
        start = tuple(first for first, _ in box)
        tasks.append(_task(_part(data, box), points, degree, start, shape))
    found = [np.empty(flat[0].size) for _ in range(3)]
    inside = np.ones(flat[0].size, bool)
    for group, (parts, within) in zip(groups, compute(*tasks, scheduler=scheduler), strict=True):
        for axis, part in zip(found, parts, strict=True):
            axis[group] = part
        if within is not None:
            inside[group] = within
    shaped = [part.reshape(whole) for part in found]
    return shaped, None if inside.all() else inside.reshape(whole)


_task: Any = delayed(displacements, pure=False, traverse=False)
