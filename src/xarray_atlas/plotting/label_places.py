"""Places in a label image with most room for the name of a region, on plain numpy arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xarray_atlas.kernels.labels import Int64s, Ints
from xarray_atlas.optional import optional
from xarray_atlas.plotting.palette import INSTALL

__all__ = ["Places", "label_places"]

FINE = 500
"""Voxels along an axis; of a finer plane every second, third ... voxel is looked at."""

WIDER = 2.0
"""Width of a name as a multiple of its height, about."""


class Places(NamedTuple):
    """A voxel in each part of a region that hangs together, far from all others."""

    label: Ints
    """Shape (n,)."""
    row: Int64s
    """Shape (n,)."""
    column: Int64s
    """Shape (n,)."""
    bounds: Int64s
    """Shape (n, 4): the first row of the part, the row after its last, and its columns."""
    step: int
    """Every so many voxels were looked at."""


def label_places(labels: Ints, size: tuple[float, float]) -> Places:
    """Find the place with most room for a name in each part of a region.

    Parts of at most two voxels in width do not have one.

    Parameters
    ----------
    labels : ndarray of int, shape (rows, columns)
    size : tuple of float
        Of a voxel along rows and columns.

    Returns
    -------
    Places
        One for each part of a region whose voxels touch, the roomiest first. The
        background, label 0, has none.
    """
    ndimage: Any = optional("scipy.ndimage", INSTALL, "placing the names of regions")
    step = max(-(-max(labels.shape) // FINE), 1)
    part = labels[step // 2 :: step, step // 2 :: step]
    inner = np.zeros((part.shape[0] + 2, part.shape[1] + 2), bool)  # beyond the rim is outside
    inside = inner[1:-1, 1:-1]
    inside[...] = part != 0
    for here, there in (
        (np.s_[1:, :], np.s_[:-1, :]),
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        inside[here] &= part[here] == part[there]
    inside[[0, -1]] = inside[:, [0, -1]] = False
    # voxels next to another label are excluded, so that regions do not merge into one part
    room = ndimage.distance_transform_edt(inner, sampling=(size[0] * WIDER, size[1]))[1:-1, 1:-1]
    parts, _ = ndimage.label(inside)
    row, column = np.nonzero(parts)
    own, space = parts[row, column], room[row, column]
    order = np.lexsort([-space, own])
    roomiest = order[np.diff(own[order], prepend=0) > 0]
    roomiest = roomiest[np.argsort(-space[roomiest], kind="stable")]
    extents = ndimage.find_objects(parts)
    bounds = np.array(
        [
            (rows.start - 1, rows.stop + 1, columns.start - 1, columns.stop + 1)
            for rows, columns in (extents[number - 1] for number in own[roomiest].tolist())
        ],
        np.int64,
    ).reshape(-1, 4)
    bounds = (bounds * step).clip(0, np.repeat(labels.shape, 2))
    row, column = row[roomiest], column[roomiest]
    found = part[row, column], row * step + step // 2, column * step + step // 2
    return Places(*found, bounds, step)
