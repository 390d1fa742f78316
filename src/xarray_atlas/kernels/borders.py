"""Distances from points to the nearest voxel of another region."""

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
    """Return the distance from a point to the nearest voxel with another code, or inf.

    The distance is to the nearest point of that voxel, on its boundary; 0 if the point is in it.

    Parameters
    ----------
    codes : ndarray of int, shape (n, m, k)
        Code of the region of each voxel.
    lower, upper : three float64 arrays
        Lower and upper boundaries of the voxels along each axis.
    point : float64 array, shape (3,)
    code : int
        Code of the region that the point is in.
    """
    away = [
        np.maximum(np.maximum(low - at, at - high), 0) ** 2
        for low, high, at in zip(lower, upper, point, strict=True)
    ]
    squares = away[0][:, None, None] + away[1][:, None] + away[2]
    found = np.min(squares, where=codes != code, initial=np.inf)
    return float(np.sqrt(found))
