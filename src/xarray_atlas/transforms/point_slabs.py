"""Points as arrays, mapped slab by slab so that intermediate arrays stay in the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from dask.system import CPU_COUNT

from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import TransformError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["mapped_points", "point_array"]

SLAB = 2**14

MANY = 2**17
"""Number of points from which on threads pay off."""


def point_array(xyz: Any, axes: Sequence[str]) -> tuple[FloatArray, bool]:
    """Return points as an array of the shape (n, 3) in mm, and whether they are a quantity.

    Raises
    ------
    TransformError
        If they are not numbers, have another shape, or an unknown order of columns.
    UnitsError
        If it is a quantity that is not a length.
    """
    if isinstance(xyz, xr.DataArray | xr.Dataset | pd.DataFrame):
        raise TransformError(
            f"points are an array of the shape (n, 3), not a {type(xyz).__name__}; pass its values "
            f"with the axes in the order {list(axes)}, as of a DataFrame "
            f"df[{list(axes)}].to_numpy()"
        )
    is_quantity = hasattr(xyz, "magnitude")
    given = to_mm(xyz, "points") if is_quantity else xyz
    try:
        array = np.asarray(given)
        if array.dtype.kind in "cmM":
            raise TypeError(f"these are {array.dtype}")
        array = array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise TransformError(f"points are numbers, of the shape (n, 3): {error}") from error
    if np.ma.isMaskedArray(given):
        array = np.where(np.ma.getmaskarray(given), np.nan, array)
    if array.ndim != 2 or array.shape[1] != 3:
        raise TransformError(
            f"points have the shape (n, 3), a column for each of {list(axes)}, not {array.shape}"
        )
    return array, is_quantity


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
        Map all points at once, for steps that read chunks in each call.
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
        slab(slice(0, count))  # raises an error that counts all points
        raise
    found[np.isnan(points).any(axis=1)] = np.nan
    return found
