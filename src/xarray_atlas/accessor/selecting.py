"""A part of an atlas, and an atlas on other coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xarray as xr

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.coords import grid
from xarray_atlas.regions import interpolation, select
from xarray_atlas.regions.mask import mask
from xarray_atlas.regions.reorient import reorient
from xarray_atlas.regions.results import Regions

__all__ = ["SelectingMethods"]


class SelectingMethods(Accessor[T]):
    """Selection by region, by lengths and by another object's coordinates."""

    def mask(
        self,
        regions: Regions,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
    ) -> xr.DataArray:
        """Compute the mask of regions and their descendants.

        See :func:`xarray_atlas.mask` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these
            By acronym, full name, or id (int).
        hemisphere : "left", "right" or a list of both, optional
            Only the voxels in that hemisphere. A voxel on the midline is left.
        direct : bool, default: False
            Only voxels labelled with the region itself, without its descendants.

        Returns
        -------
        DataArray of bool
            On the annotation's grid, lazy if the annotation is; a list of regions adds ``region``.

        Raises
        ------
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        GridError
            If the labels are not integers.
        HemisphereError
            If left and right cannot be distinguished.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> rest = ds.atlas.mask("HPF") & ~ds.atlas.mask("CA")
        >>> int(rest.sum()), int(ds.atlas.mask("HPF", direct=True).sum())
        (24795, 266)
        """
        return mask(self._obj, regions, hemisphere=hemisphere, direct=direct)

    def sel(
        self,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        method: str | None = None,
        tolerance: Any = None,
        frame: Any = None,
    ) -> T:
        """Select along the anatomical axes, by lengths in any unit.

        See :func:`xarray_atlas.sel` for details.

        Parameters
        ----------
        ap, dv, ml : length, list of lengths or slice, optional
            Along the anterior-posterior, dorsal-ventral and medial-lateral axes: quantities,
            strings such as ``"5 mm"``, or numbers in mm. A slice includes both ends, in either
            order, whatever the order of the axis. A single length drops the dimension.
        method : str, optional
            For lengths that are not the centre of a voxel: "nearest", or "ffill" (or "pad") and
            "bfill" in the storage order of the axis, as in xarray's `sel`.
        tolerance : length, optional
            Maximum distance from the given length.
        frame : str, Frame or (4, 4) array, optional
            The frame of the positions: a name in ``ds.atlas.frames``, such as "ibl", or a Frame. A
            matrix maps its positions (mm, in the order of ``ds.atlas.space.dims``) to the Dataset.
            If the frame is not in mm, positions need a unit. By default positions are coordinates
            of the Dataset.

        Returns
        -------
        Dataset or DataArray
            Same type as the object.

        Raises
        ------
        KeyError
            If there is no voxel at a length; for a section use ``method="nearest"``.
        GridError
            If the object lacks the axis; with a method, if a length lies more than half a voxel
            outside and no `tolerance` is given.
        UnitsError
            For a value that is not a length.
        TypeError
            For a slice with a step, which :meth:`xarray.Dataset.isel` supports.
        PointsError
            If there is no such frame, or the axis is tilted against the voxels, so that the plane
            is oblique: ``ds.atlas.plot.section`` draws such planes.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> plane = ds.atlas.sel(dv="2000 um", method="nearest")
        >>> plane.annotation.dims, f"{plane.y.item():.3f}"
        (('z', 'x'), '2.025 millimeter')
        """
        return select.sel(self._obj, ap, dv, ml, method=method, tolerance=tolerance, frame=frame)

    def crop(
        self,
        regions: Regions,
        pad: Any = None,
        hemisphere: str | Iterable[str] | None = None,
        progress: bool = False,
        frame: Any = None,
    ) -> T:
        """Crop to the bounding box of regions.

        See :func:`xarray_atlas.crop` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these
            By acronym, full name, or id (int); the box encloses all of them.
        pad : length or mapping of str to length, optional
            Margin on every side, which includes voxels with a centre within that distance of the
            box: ``"0.2 mm"``, a quantity, or a number in mm; or by axis, "ap", "dv" and "ml", such
            as ``{"ap": "0.5 mm"}``.
        hemisphere : "left", "right" or a list of both, optional
            The box around the voxels in that hemisphere only.
        progress : bool, default: False
            Show a progress bar on stderr if the annotation has to be read.
        frame : str, Frame or (4, 4) array, optional
            The frame that defines the axes and unit of `pad`: a name in ``ds.atlas.frames``, such
            as "ibl", or a Frame. If it is tilted, all voxels within a box parallel to its axes are
            included.

        Returns
        -------
        Dataset or DataArray
            Same type as the object.

        Raises
        ------
        GridError
            If the regions have no voxels.
        UnitsError
            If `pad` is not a length, or negative.
        PointsError
            If there is no such frame.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished.

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
        return select.crop(self._obj, regions, pad, hemisphere, progress, frame)

    @property
    def spacing(self) -> dict[Any, Any]:
        """The voxel size along each spatial dimension, from the coordinates, as quantities in mm.

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
        """Interpolate onto other coordinates; labels are those of the voxel at the position.

        See :func:`xarray_atlas.interp` for details.

        Parameters
        ----------
        coords : mapping of hashable to lengths, optional
            New coordinates by dimension: quantities, strings or numbers (mm). A single length drops
            the dimension, a sequence replaces it, and DataArrays that share a dimension are points,
            as in xarray.
        method : str, default: "linear"
            Method for floats; see :meth:`xarray.Dataset.interp`.
        **kw
            The same as `coords`.

        Returns
        -------
        Dataset or DataArray
            Same type as the object, decoded.

        Raises
        ------
        GridError
            If a dimension has no coordinate that is a length.

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
        """Interpolate onto the grid of another object; labels are those of the enclosing voxel.

        See :func:`xarray_atlas.interp_like` for details.

        Parameters
        ----------
        other : Dataset or DataArray
            The coordinates of `other` may be in any unit of length (mm, um, ...).
        method : str, default: "linear"
            Method for floats; see :meth:`xarray.Dataset.interp`.

        Returns
        -------
        Dataset or DataArray
            Same type as the object, decoded.

        Raises
        ------
        GridError
            If they share no coordinate that is a length.

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
        """Select the labels of another object's coordinates, filling missing ones.

        See :func:`xarray_atlas.reindex_like` for details.

        Parameters
        ----------
        other : Dataset or DataArray
            The coordinates of `other` may be in any unit of length (mm, um, ...).
        method : str, optional
            Same as in :meth:`xarray.Dataset.reindex_like`: "nearest", "ffill", ...

        Returns
        -------
        Dataset or DataArray
            Same type as the object, decoded; floats are filled with NaN, labels and masks with 0.

        Raises
        ------
        GridError
            If they share no coordinate that is a length.

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
        """Reorient the atlas by flipping and transposing its axes.

        See :func:`xarray_atlas.reorient` for details.

        Parameters
        ----------
        orientation : str, optional
            A lower-case letter per axis for the side on which the first voxel lies, as in
            BrainGlobe and ITK-SNAP. ``"asr"`` starts at the anterior, superior, right corner.
        axcodes : str or sequence of str, optional
            Alternative to `orientation`, as in nibabel: the side to which each axis points.
            ``"RAS"`` is the orientation ``"lpi"``.

        Returns
        -------
        Dataset or DataArray
            Same type as the object.

        Raises
        ------
        GridError
            If the letters are not one for each anatomical axis, both or neither are given, or an
            axis cannot be flipped: it has no coordinate, or the size of the whole volume is
            unknown.
        MissingTerminologyError
            If the object carries no hierarchy.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> turned = ds.atlas.reorient("psl")
        >>> turned.atlas.space.direction("ap"), turned.atlas.space.direction("ml")
        ('posterior-to-anterior', 'left-to-right')
        """
        return reorient(self._obj, orientation, axcodes=axcodes)
