"""Base class of the parts of the accessor, which stores the object and nothing else."""

from __future__ import annotations

from typing import Generic, TypeVar

import xarray as xr

__all__ = ["Accessor", "T"]

T = TypeVar("T", xr.Dataset, xr.DataArray)


class Accessor(Generic[T]):
    """Stores a Dataset or a DataArray; other state would be lost at the next operation."""

    def __init__(self, obj: T) -> None:
        self._obj: T = obj
