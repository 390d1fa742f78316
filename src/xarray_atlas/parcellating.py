"""An atlas cut into disjoint regions."""

from __future__ import annotations

from typing import Any, TypeVar

import xarray as xr

from xarray_atlas.results import Regions

__all__ = ["parcellate"]

T = TypeVar("T", xr.Dataset, xr.DataArray)


def parcellate(
    obj: T,
    parcellation: Any = None,
    *,
    level: int | None = None,
    regions: Regions | None = None,
    mapping: Any = None,
    leaves: bool = False,
    rest: str = "drop",
) -> T:
    """Not written yet."""
    raise NotImplementedError
