"""How many points lie in each region, and how densely."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr

__all__ = ["count_points"]


def count_points(
    obj: xr.Dataset | xr.DataArray,
    points: Any,
    by: str | Iterable[str] | None = None,
    level: int | None = None,
    hemisphere: str | Iterable[str] | None = None,
    mask: xr.DataArray | None = None,
    *,
    parcellation: Any = None,
    frame: Any = "dataset",
    unit: Any = None,
    axes: Iterable[str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Not written yet."""
    raise NotImplementedError
