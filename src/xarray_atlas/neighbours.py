"""The surface that regions share."""

from __future__ import annotations

import xarray as xr

from xarray_atlas.results import Regions

__all__ = ["adjacency"]


def adjacency(obj: xr.Dataset | xr.DataArray, regions: Regions | None = None) -> xr.DataArray:
    """Not written yet."""
    raise NotImplementedError
