"""Which region each of many points lies in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr

__all__ = ["region_at"]


def region_at(
    obj: xr.Dataset | xr.DataArray,
    points: Any,
    *,
    level: int | None = None,
    parcellation: Any = None,
    frame: Any = "dataset",
    unit: Any = None,
    axes: Iterable[str] | None = None,
    columns: Mapping[str, str] | None = None,
    outside: str = "missing",
) -> xr.Dataset:
    """Not written yet."""
    raise NotImplementedError
