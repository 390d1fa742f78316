"""Many points mapped slab by slab, so that what is derived of them stays in the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from dask.system import CPU_COUNT

from xarray_atlas.errors import TransformError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["mapped_points"]

SLAB = 2**14

MANY = 2**17
"""Points from which on threads are worth their start."""


def mapped_points(
    apply: Callable[[Sequence[FloatArray]], Sequence[FloatArray]], points: FloatArray, whole: bool
) -> FloatArray:
    """Map points (n, 3); those with a NaN become NaN.

    Parameters
    ----------
    apply : callable
        Maps three arrays of shape (n,).
    points : float64 array of shape (n, 3)
    whole : bool
        Map all at once, as where each call reads chunks.
    """
    found = np.empty(points.shape)

    def slab(part: slice) -> None:
        columns = apply([np.ascontiguousarray(points[part, axis]) for axis in range(3)])
        for axis, column in enumerate(columns):
            found[part, axis] = column

    count = len(points)
    slabs = [slice(0, count)] if whole else [slice(i, i + SLAB) for i in range(0, count, SLAB)]
    try:
        if count < MANY or len(slabs) == 1:
            for part in slabs:
                slab(part)
        else:
            with ThreadPoolExecutor(CPU_COUNT) as pool:
                list(pool.map(slab, slabs))
    except TransformError:
        slab(slice(0, count))  # an error that counts all points
        raise
    found[np.isnan(points).any(axis=1)] = np.nan
    return found
