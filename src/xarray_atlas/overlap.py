"""How much the regions of two annotations overlap."""

from __future__ import annotations

import xarray as xr

__all__ = ["compare"]


def compare(a: xr.Dataset | xr.DataArray, b: xr.Dataset | xr.DataArray) -> xr.Dataset:
    """Not written yet."""
    raise NotImplementedError
