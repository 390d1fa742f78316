"""A part of an atlas, and an atlas on other coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xarray as xr

from xarray_atlas import grid, interpolation, masks, select
from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.orientation import reorient
from xarray_atlas.results import Regions

__all__ = ["SelectingMethods"]


class SelectingMethods(Accessor[T]):
    """Selects by region, by millimetres and by another's coordinates."""

    def mask(
        self,
        regions: Regions,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
    ) -> xr.DataArray:
        """Mark the voxels of a region and its descendants; see :func:`xarray_atlas.mask`."""
        return masks.mask(self._obj, regions, hemisphere=hemisphere, direct=direct)

    def sel(
        self,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        method: str | None = None,
        tolerance: Any = None,
    ) -> T:
        """Select by anatomical axes; see :func:`xarray_atlas.sel`."""
        return select.sel(self._obj, ap, dv, ml, method=method, tolerance=tolerance)

    def crop(
        self,
        regions: Regions,
        pad: Any = None,
        hemisphere: str | Iterable[str] | None = None,
        progress: bool = False,
    ) -> T:
        """Cut out the part around regions; see :func:`xarray_atlas.crop`."""
        return select.crop(self._obj, regions, pad, hemisphere, progress)

    @property
    def spacing(self) -> dict[Any, Any]:
        """The voxel size along each spatial dimension, measured, as quantities in mm."""
        return grid.spacing_quantities(self._obj)

    def interp(
        self, coords: Mapping[Any, Any] | None = None, method: Any = "linear", **kw: Any
    ) -> T:
        """Interpolate onto other coordinates; see :func:`xarray_atlas.interp`."""
        return interpolation.interp(self._obj, coords, method=method, **kw)

    def interp_like(self, other: xr.Dataset | xr.DataArray, method: Any = "linear") -> T:
        """Interpolate onto another's grid; see :func:`xarray_atlas.interp_like`."""
        return interpolation.interp_like(self._obj, other, method=method)

    def reindex_like(self, other: xr.Dataset | xr.DataArray, method: Any = None) -> T:
        """Take another's labels; see :func:`xarray_atlas.reindex_like`."""
        return interpolation.reindex_like(self._obj, other, method=method)

    def reorient(
        self, orientation: str | None = None, *, axcodes: str | Sequence[str] | None = None
    ) -> T:
        """Flip and transpose the axes; see :func:`xarray_atlas.reorient`."""
        return reorient(self._obj, orientation, axcodes=axcodes)
