"""Another image on the grid of an atlas, reduced by region."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import xarray as xr

from xarray_atlas.results import Regions

__all__ = ["aggregate"]


def aggregate(
    obj: xr.Dataset | xr.DataArray,
    image: xr.DataArray,
    regions: Regions | None = None,
    func: str | Iterable[str] = "mean",
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
    weights: xr.DataArray | None = None,
    skipna: bool = True,
    *,
    level: int | None = None,
    parcellation: Any = None,
    min_coverage: float | None = None,
    q: float | Iterable[float] | None = None,
) -> xr.DataArray | xr.Dataset:
    """Not written yet."""
    raise NotImplementedError
