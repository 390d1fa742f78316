"""Values of regions, back on the grid."""

from __future__ import annotations

from typing import Any

import xarray as xr

__all__ = ["paint"]


def paint(obj: xr.Dataset | xr.DataArray, values: Any, fill: Any = float("nan")) -> xr.DataArray:
    """Not written yet."""
    raise NotImplementedError
