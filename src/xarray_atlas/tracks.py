"""The regions along a probe or a histology track."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr

__all__ = ["along"]


def along(
    obj: xr.Dataset | xr.DataArray,
    track: Any,
    *,
    level: int | None = None,
    parcellation: Any = None,
    frame: Any = "dataset",
    unit: Any = None,
    axes: Iterable[str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Not written yet."""
    raise NotImplementedError
