"""Distances from points to the nearest voxel that belongs to another region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["nearest_other"]


def nearest_other(
    codes: Any,
    lower: Sequence[FloatArray],
    upper: Sequence[FloatArray],
    point: FloatArray,
    code: int,
) -> float:
    """Return the distance from a point to the nearest voxel that has another code; inf without one.

    To the nearest point of that voxel, which is on one of its faces, edges or corners; 0 in it.

    Parameters
    ----------
    codes : ndarray of int, shape (n, m, k)
        Of the region of each voxel.
    lower, upper : three float64 arrays
        Where voxels begin and end along each axis.
    point : float64 array, shape (3,)
    code : int
        Of the point's own region.
    """
    away = [
        np.maximum(np.maximum(low - at, at - high), 0) ** 2
        for low, high, at in zip(lower, upper, point, strict=True)
    ]
    squares = away[0][:, None, None] + away[1][:, None] + away[2]
    found = np.min(squares, where=codes != code, initial=np.inf)
    return float(np.sqrt(found))
