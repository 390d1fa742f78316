"""How far each voxel is from a region."""

from __future__ import annotations

from collections.abc import Iterable

import xarray as xr

from xarray_atlas.results import Regions

__all__ = ["distance_to"]


def distance_to(
    obj: xr.Dataset | xr.DataArray, regions: Regions, hemisphere: str | Iterable[str] | None = None
) -> xr.DataArray:
    """Not written yet."""
    raise NotImplementedError
