"""Parse the voxel size given by the user."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.kernels.spacing import without_noise

__all__ = ["stated_voxel_size"]


def stated_voxel_size(voxel_size: Any) -> tuple[float, ...]:
    """Parse a voxel size with its unit to three lengths in mm.

    Parameters
    ----------
    voxel_size : str, quantity, or one of these an axis
        ``"25 um"``, or ``["50 um", "25 um", "25 um"]``.

    Returns
    -------
    tuple of float
        Along each axis, in mm.

    Raises
    ------
    UnitsError
        If a length has no unit, or a unit that is not one of length.
    GridError
        If it is not one positive length, or three.

    Examples
    --------
    >>> stated_voxel_size(["50 um", "25 um", "25 um"])
    (0.05, 0.025, 0.025)
    """
    many = isinstance(voxel_size, list | tuple)
    for part in voxel_size if many else [voxel_size]:
        is_number = isinstance(part, int | float | np.number) or (
            isinstance(part, np.ndarray) and part.dtype.kind in "iuf"
        )
        unit = getattr(part, "units", getattr(part, "attrs", {}).get("units"))
        if is_number or (isinstance(part, xr.DataArray | xr.Variable) and unit is None):
            raise UnitsError(
                f"voxel_size={voxel_size!r} has no unit; write '25 um', or one length an axis, "
                "['50 um', '25 um', '25 um']"
            )
    lengths = to_mm(voxel_size, "voxel_size")
    sizes = np.ravel(getattr(lengths, "values", lengths))
    sizes = np.repeat(sizes, 3) if sizes.size == 1 else sizes
    if sizes.size != 3 or not np.all(np.isfinite(sizes)) or not np.all(sizes > 0):
        raise GridError(
            f"voxel_size={voxel_size!r} is not one positive length, or three, one an axis"
        )
    return tuple(without_noise(size) for size in sizes.tolist())
