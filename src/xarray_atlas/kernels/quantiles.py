"""Medians and other quantiles of an image by label, on plain numpy blocks.

Quantiles need all values of a region at once, as no smaller table determines them. The values of
the wanted labels are gathered, for as many frames as fit into memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xarray_atlas.kernels.groups import VoxelGroups, gathered
from xarray_atlas.kernels.labels import Positions
from xarray_atlas.kernels.sums import Floats, frame_axes, frames

__all__ = ["Values", "image_values", "quantiles", "stack", "values_by_code"]


class Values(NamedTuple):
    """The values of an image in the voxels of some groups."""

    code: Positions
    """Code of the group of each voxel, shape (k,)."""
    values: npt.NDArray[Any]
    """Shape (frames, k)."""


def image_values(image: npt.NDArray[Any], axes: tuple[int, ...], groups: VoxelGroups) -> Values:
    """Gather the values of each frame of an image by group.

    Parameters
    ----------
    image, axes, groups
        Same as in :func:`xarray_atlas.kernels.sums.image_sums`.

    Returns
    -------
    Values
        Frames are flattened in C order.
    """
    order = frame_axes(image, axes)
    shape = [image.shape[axis] for axis in order]
    found = [gathered(part, groups.voxels).T for part in frames(image, axes)]
    found = found or [np.empty((0, groups.voxels.size), image.dtype)]
    given = [*np.argsort(order), len(order)]
    joined = np.concatenate(found).reshape(*shape, groups.voxels.size).transpose(given)
    values = joined.reshape(math.prod(shape), groups.voxels.size)
    return Values(np.repeat(groups.code, groups.sizes), values)


def stack(tables: Iterable[Values]) -> Values:
    """Concatenate the values of several blocks."""
    tables = list(tables)
    if len(tables) == 1:
        return tables[0]
    return Values(
        np.concatenate([table.code for table in tables]),
        np.concatenate([table.values for table in tables], axis=1),
    )


def values_by_code(table: Values) -> tuple[Positions, Positions, npt.NDArray[Any]]:
    """Return the codes that occur, the start of each in the sorted values, and these values."""
    order = np.argsort(table.code, kind="stable")
    code, start = np.unique(table.code[order], return_index=True)
    return code, start, table.values[:, order]


def quantiles(values: npt.NDArray[Any], q: Sequence[float], skipna: bool = True) -> Floats:
    """Return quantiles along the last axis, interpolated linearly like numpy's.

    Parameters
    ----------
    values : ndarray of bool, int or float, shape (frames, n)
    q : sequence of float, shape (m,)
        From 0 to 1.
    skipna : bool
        Whether NaN is left out; otherwise a frame with a NaN gives NaN.

    Returns
    -------
    ndarray of float64, shape (m, frames)
        NaN if there is no value.

    Examples
    --------
    >>> quantiles(np.array([[4.0, 1.0, 2.0, np.nan]]), [0, 0.5, 0.75])
    array([[1.],
           [2.],
           [3.]])
    """
    size = values.shape[1]
    there = np.full(len(values), size)
    if values.dtype.kind == "f":
        there -= np.isnan(values).sum(axis=1)
    # positions in the sorted non-NaN values of each frame
    places = np.asarray(q, np.float64)[:, None] * np.maximum(there - 1, 0)
    low = np.floor(places).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(there - 1, 0))
    if size == 0:
        return np.full(places.shape, np.nan)
    if (there == size).all():
        ordered = np.partition(values, np.unique([low, high]), axis=1)
    else:
        ordered = np.sort(values, axis=1)  # NaN is sorted last
    below, above = (
        np.take_along_axis(ordered, at.T, axis=1).T.astype(np.float64) for at in (low, high)
    )
    found = _between(below, above, places - low)
    enough = there > 0 if skipna else there == size
    return np.where(enough, found, np.nan)


def _between(below: Floats, above: Floats, share: Floats) -> Floats:
    """Interpolate from the nearer end, like numpy, so that both ends are exact."""
    with np.errstate(invalid="ignore", over="ignore"):
        step = above - below
        found = np.where(share < 0.5, below + step * share, above - step * (1 - share))
        # next to an infinite value, or if the difference overflows
        found = np.where(np.isfinite(step), found, below * (1 - share) + above * share)
    return np.where((below == above) | (share == 0), below, found)
