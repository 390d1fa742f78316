"""Map the positions of a block of voxels through a transform with fields."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np

from xarray_atlas.kernels.fields import field_box
from xarray_atlas.kernels.interpolation import part_of, slabs
from xarray_atlas.kernels.positions import GivenPositions
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.lazy_fields import BOX
from xarray_atlas.transforms.steps import AffineStep, FieldStep, Step, is_lazy

__all__ = ["warped_positions"]

SCHEDULER = "synchronous"
"""A task of dask reads a field on its own thread."""


def warped_positions(steps: Sequence[Step], centres: Sequence[FloatArray]) -> GivenPositions:
    """Map the voxels of a block.

    Parameters
    ----------
    steps : sequence of Step
        From mm on the target to voxel units of the source.
    centres : three float64 arrays
        The block's voxel centres along each axis, in mm.
    """
    shape = tuple(values.size for values in centres)
    steps = _read(steps, [values[[0, -1]] for values in centres])
    grid = np.ix_(*centres)
    found = [np.empty(shape) for _ in range(3)]
    # slab by slab, so that intermediate arrays stay in the cache; lazy fields are read once
    for slab in [()] if any(map(is_lazy, steps)) else slabs(shape):
        some: Any = [part_of(part, slab) for part in grid]
        for step in steps:
            some = step.apply(some, SCHEDULER)
        for whole, part in zip(found, some, strict=True):
            whole[slab] = part
    return GivenPositions(found)


def _read(steps: Sequence[Step], ends: Sequence[FloatArray]) -> list[Step]:
    """Read the part of a lazy field that a block needs, if it is small and preceded by matrices.

    The extremes of its positions are then at the corners of the block. In the part of the field
    that they need, a position is inside if it is inside the whole field: an end of the part lies
    beyond all positions, or is an end of the field.
    """
    found = list(steps)
    corners: Any = np.ix_(*ends)
    for at, step in enumerate(steps):
        if isinstance(step, AffineStep):
            corners = step.apply(corners)
            continue
        if isinstance(step, FieldStep) and isinstance(step.data, da.Array):
            index = step.to_index.apply(corners)
            box = field_box([np.asarray(part) for part in index], step.data.shape[1:], step.degree)
            if box is not None and _size(step.data, box) <= BOX:
                part = step.data[(slice(None), *(slice(a, b) for a, b in box))]
                grid = step.grid.copy()
                grid[:3, 3] += grid[:3, :3] @ [a for a, _ in box]
                data = part.compute(scheduler=SCHEDULER)
                found[at] = dataclasses.replace(step, data=data, grid=grid)
        break
    return found


def _size(data: da.Array, box: Sequence[tuple[int, int]]) -> int:
    voxels = math.prod(stop - start for start, stop in box)
    return int(3 * data.dtype.itemsize * voxels)
