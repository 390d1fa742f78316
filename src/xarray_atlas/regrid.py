"""An atlas on the grid of an image, and an image on that of an atlas."""

from __future__ import annotations

from typing import Any

import xarray as xr

__all__ = ["resample_like", "resample"]


def resample_like(
    obj: xr.Dataset | xr.DataArray,
    image: xr.Dataset | xr.DataArray,
    image_to_atlas: Any = None,
    method: str | None = None,
    order: str = "dims",
    space: str | None = None,
    *,
    fractions: bool = False,
) -> xr.Dataset:
    """Not written yet."""
    raise NotImplementedError


def resample(
    image: xr.DataArray,
    like: xr.Dataset | xr.DataArray,
    image_to_atlas: Any = None,
    method: str | None = None,
    order: str = "dims",
    space: str | None = None,
) -> xr.DataArray:
    """Not written yet."""
    raise NotImplementedError
