"""A part of an atlas, and an atlas on other coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xarray as xr

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.coords import grid
from xarray_atlas.regions import interpolation, select
from xarray_atlas.regions import mask as masks
from xarray_atlas.regions.reorient import reorient
from xarray_atlas.regions.results import Regions

__all__ = ["SelectingMethods"]


class SelectingMethods(Accessor[T]):
    """Selects by region, by millimetres and by another's coordinates."""

    def mask(
        self,
        regions: Regions,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
    ) -> xr.DataArray:
        """Mark the voxels of regions and their descendants.

        See :func:`xarray_atlas.mask` for the parameters.

        Returns
        -------
        DataArray of bool
            On the annotation's grid, as lazy as it is; a list of regions adds ``region``.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> rest = ds.atlas.mask("HPF") & ~ds.atlas.mask("CA")
        >>> int(rest.sum()), int(ds.atlas.mask("HPF", direct=True).sum())
        (24795, 266)
        """
        return masks.mask(self._obj, regions, hemisphere=hemisphere, direct=direct)

    def sel(
        self,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        method: str | None = None,
        tolerance: Any = None,
    ) -> T:
        """Select along the anatomical axes, by lengths in any unit.

        See :func:`xarray_atlas.sel` for the parameters.

        Returns
        -------
        Dataset or DataArray
            As the object is.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> plane = ds.atlas.sel(dv="2000 um", method="nearest")
        >>> plane.annotation.dims, f"{plane.y.item():.3f}"
        (('z', 'x'), '2.025 millimeter')
        """
        return select.sel(self._obj, ap, dv, ml, method=method, tolerance=tolerance)

    def crop(
        self,
        regions: Regions,
        pad: Any = None,
        hemisphere: str | Iterable[str] | None = None,
        progress: bool = False,
    ) -> T:
        """Cut out the box around regions.

        See :func:`xarray_atlas.crop` for the parameters.

        Returns
        -------
        Dataset or DataArray
            As the object is.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> part = ds.atlas.crop(["RSP", "VISp"])
        >>> dict(part.sizes)
        {'z': 43, 'y': 22, 'x': 72}
        >>> f"{part.atlas.volume('RSP').item():.3f}", f"{ds.atlas.volume('RSP').item():.3f}"
        ('10.174 millimeter ** 3', '10.174 millimeter ** 3')
        """
        return select.crop(self._obj, regions, pad, hemisphere, progress)

    @property
    def spacing(self) -> dict[Any, Any]:
        """The voxel size along each spatial dimension, measured, as quantities in mm.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> f"{ds.isel(z=slice(None, None, 2)).atlas.spacing['z']:.3f}"
        '0.200 millimeter'
        """
        return grid.spacing_quantities(self._obj)

    def interp(
        self, coords: Mapping[Any, Any] | None = None, method: Any = "linear", **kw: Any
    ) -> T:
        """Interpolate onto other coordinates; labels are those of the nearest voxel.

        See :func:`xarray_atlas.interp` for the parameters.

        Returns
        -------
        Dataset or DataArray
            As the object is, decoded.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> plane = ds.atlas.interp({"z": "7.02 mm"})
        >>> plane.annotation.dims, f"{plane.z.item():.2f}"
        (('y', 'x'), '7.02 millimeter')
        """
        return interpolation.interp(self._obj, coords, method=method, **kw)

    def interp_like(self, other: xr.Dataset | xr.DataArray, method: Any = "linear") -> T:
        """Interpolate onto another's grid; labels are those of the nearest voxel.

        See :func:`xarray_atlas.interp_like` for the parameters.

        Returns
        -------
        Dataset or DataArray
            As the object is, decoded.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> part = xarray_atlas.open_sample("50 um").atlas.crop("RSP")
        >>> ds.annotation.atlas.interp_like(part).shape == part.annotation.shape
        True
        """
        return interpolation.interp_like(self._obj, other, method=method)

    def reindex_like(self, other: xr.Dataset | xr.DataArray, method: Any = None) -> T:
        """Take another's coordinates; what is not there is filled.

        See :func:`xarray_atlas.reindex_like` for the parameters.

        Returns
        -------
        Dataset or DataArray
            As the object is, decoded; floats are filled with NaN, labels and masks with 0.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> part = ds.atlas.crop("RSP")
        >>> whole = part.annotation.atlas.reindex_like(ds)
        >>> whole.shape, int(whole[0].max())
        ((132, 80, 114), 0)
        """
        return interpolation.reindex_like(self._obj, other, method=method)

    def reorient(
        self, orientation: str | None = None, *, axcodes: str | Sequence[str] | None = None
    ) -> T:
        """Flip and transpose the axes into another orientation.

        See :func:`xarray_atlas.reorient` for the parameters.

        Returns
        -------
        Dataset or DataArray
            As the object is.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> turned = ds.atlas.reorient("psl")
        >>> turned.atlas.space.direction("ap"), turned.atlas.space.direction("ml")
        ('posterior-to-anterior', 'left-to-right')
        """
        return reorient(self._obj, orientation, axcodes=axcodes)
