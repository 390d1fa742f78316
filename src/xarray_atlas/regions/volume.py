"""Volumes of regions, and areas in a section."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas, find_coordinate
from xarray_atlas.coords.grid import annotation_of, further_dims, spacing
from xarray_atlas.coords.hemispheres import (
    HEMISPHERES,
    has_hemispheres,
    hemispheres_of,
    resolve_hemispheres,
    sides_if_known,
)
from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.units import quantity
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.kernels.spacing import without_noise
from xarray_atlas.kernels.tables import LabelTable, concatenate
from xarray_atlas.reductions import cache
from xarray_atlas.reductions.plausibility import require_annotation, require_hemispheres
from xarray_atlas.reductions.rollup import counts_by_region
from xarray_atlas.regions.results import (
    Regions,
    hemisphere_coord,
    region_coords,
    resolve_regions,
    voxel_size_attrs,
    without_descendants,
)
from xarray_atlas.terminology import Terminology

__all__ = [
    "SIZES",
    "Measured",
    "area",
    "measured",
    "require_plausible",
    "size_variable",
    "volume",
    "voxel_sizes",
]

SIZES = {2: "area", 3: "volume"}
"""Name of the size of a region by the number of spatial dimensions."""


def volume(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None = None,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
    progress: bool = False,
) -> xr.DataArray:
    """Compute the volume of regions, including their descendants, in mm**3.

    The annotation is read once, whatever the number of regions: block by block on the active dask
    scheduler, or at once if it is not a dask array. The result is cached for an opened atlas, so
    that the next call reads nothing (see :func:`region_properties`).

    The voxel size is computed from the coordinates, so that a part, a stride or a coarser level of
    the atlas gives the right number. An axis of one voxel has the size that its coordinate
    remembers (also of a stride or ``coarsen``), or else the voxel size of the atlas.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid. Each entry of a further dimension,
        such as the ages of a developmental atlas, is processed as a separate volume.
    regions : str, int, Region, or list of these, optional
        By acronym, full name, or id (int). All regions by default; for a parcellation its parcels,
        each without its descendants, so that no voxel is counted twice.
    hemisphere : "left", "right" or a list of both, optional
        Only that hemisphere. A voxel on the midline is left.
    direct : bool, default: False
        Only voxels labelled with the region itself, without its descendants.
    progress : bool, default: False
        Show a progress bar on stderr while the annotation is read.

    Returns
    -------
    DataArray of quantities in mm**3
        A scalar for one region, otherwise with a ``region`` dimension; a list of hemispheres adds a
        ``hemisphere`` dimension, and further dimensions are kept. A region without voxels has 0
        mm**3. ``attrs["voxel_size"]`` gives the grid, on which the volume of a region depends (CA1
        grows by 8 % from 25 to 100 um).

    Raises
    ------
    GridError
        If a coordinate is unevenly spaced, or a spatial dimension is missing.
    RegionNotFoundError, AmbiguousRegionError
        If a region does not exist, or several share the acronym.
    HemisphereError
        If left and right cannot be distinguished, or ``hemispheres`` has other values than 1 and 2
        in much of the brain.
    AtlasMismatchError
        If most of the labelled voxels have labels that belong to no region, as with an image in
        place of an annotation or the terminology of another atlas.

    Warns
    -----
    UserWarning
        If labels are scattered like the grey values of an image.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("50 um")
    >>> v = xarray_atlas.volume(ds, "RSP")
    >>> f"{v.item():.4f}"
    '10.3866 millimeter ** 3'
    >>> both = xarray_atlas.volume(ds, ["RSP", "VISp"])
    >>> both.pint.to("uL").pint.magnitude.round(2)
    array([10.39,  7.03])
    >>> both.attrs["voxel_size"]
    '0.05 x 0.05 x 0.05 mm (z, y, x)'

    E The unit is also in the attributes, so that it is kept in files:

    >>> both.attrs["units"]
    'mm ** 3'
    """
    return _measure(obj, regions, hemisphere, direct, ndim=3, progress=progress)


def area(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None = None,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
) -> xr.DataArray:
    """Compute the area of regions in a section, including their descendants, in mm**2.

    Parameters
    ----------
    obj : Dataset or DataArray
        A plane of an atlas, for example ``ds.isel(z=100)``.
    regions, hemisphere, direct
        Same as in :func:`volume`.

    Returns
    -------
    DataArray of quantities in mm**2
        Same as in :func:`volume`.

    Raises
    ------
    GridError
        If the object does not have two spatial dimensions, or they are unevenly spaced.
    RegionNotFoundError, AmbiguousRegionError, HemisphereError
        Same as in :func:`volume`.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> f"{xarray_atlas.area(ds.sel(z='9 mm', method='nearest'), 'RSP').item():.2f}"
    '2.01 millimeter ** 2'
    """
    return _measure(obj, regions, hemisphere, direct, ndim=2)


def _measure(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None,
    hemisphere: str | Iterable[str] | None,
    direct: bool,
    ndim: int,
    progress: bool = False,
) -> xr.DataArray:
    annotation = annotation_of(obj)
    further = further_dims(annotation)
    shape = tuple(annotation.sizes[dim] for dim in further)
    if 0 in shape:
        raise GridError(f"there is nothing to measure: {further[shape.index(0)]!r} has no entry")
    counts = []
    for at in np.ndindex(shape):  # each age, subject, ... separately
        entry = obj.isel(dict(zip(further, at, strict=True)))
        found = measured(entry, regions, hemisphere, ndim, progress, read_for_none=False)
        own = without_descendants(found.terminology, regions, direct)
        table = counts_by_region(found.table, found.wanted, found.terminology, own)
        counts.append(table[found.positions])
    name = SIZES[ndim]
    together = np.reshape(counts, (*shape, *counts[0].shape))
    along = {
        coord: array.variable
        for coord, array in annotation.coords.items()
        if array.dims and set(array.dims) <= set(further)
    }
    return found.dataset({name: size_variable(found, together, further)}, along)[name]


@dataclass(frozen=True)
class Measured:
    """A request for regions, and the table with the results.

    Attributes
    ----------
    annotation : DataArray
    terminology : Terminology
    voxel : dict of hashable to float
        The voxel size along each of the annotation's dimensions, in mm.
    positions : ndarray of int64
        Positions of the regions in the terminology.
    sides : tuple of str
        The requested hemispheres; empty for both together.
    table : LabelTable
    single : dict of str to bool
        Whether the region, and the hemisphere, was given as a scalar.
    """

    annotation: xr.DataArray
    terminology: Terminology
    voxel: dict[Hashable, float]
    positions: Int64s
    sides: tuple[str, ...]
    table: LabelTable
    single: dict[str, bool]

    @property
    def wanted(self) -> list[int | None]:
        """Return the codes of the requested hemispheres in the table: None for both together."""
        return [HEMISPHERES[name] for name in self.sides] or [None]

    @property
    def attrs(self) -> dict[str, str]:
        """The attributes that give the grid of the numbers."""
        return voxel_size_attrs(self.voxel)

    def dataset(
        self, variables: Mapping[str, Variable], coords: Mapping[Any, Any] | None = None
    ) -> xr.Dataset:
        """Build a result from variables on ``region``, ``hemisphere`` and other dimensions.

        A region or hemisphere that was given as a scalar becomes a scalar coordinate.
        """
        names = region_coords(self.terminology, self.positions)
        if self.sides:
            names["hemisphere"] = hemisphere_coord(self.sides)
        result = xr.Dataset(dict(variables), {**names, **(coords or {})})
        result = result.isel({dim: 0 for dim, dropped in self.single.items() if dropped})
        # keep the position of a section and other coordinates that are not on the grid, except the
        # regions of a mask that was applied, the hierarchy with its space (as volumes of two
        # resolutions may be compared), and names of results
        kept = self.annotation.coords
        grid = [name for name, coord in kept.items() if coord.ndim]
        own = {*result.variables, *result.dims, *names, "hemisphere"}
        gone = {*grid, find_coordinate(self.annotation), *own}
        return result.assign_coords(self.annotation.drop_vars(gone, errors="ignore").coords)


def measured(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None,
    hemisphere: str | Iterable[str] | None,
    ndim: int | None,
    progress: bool = False,
    read_for_none: bool = True,
) -> Measured:
    """Validate a request, and return the table for it, from the cache or a pass.

    Parameters
    ----------
    obj, regions, hemisphere
        Same as in :func:`volume`.
    ndim : int, optional
        Required number of spatial dimensions; two or three by default.
    progress : bool
        Same as in :func:`volume`.
    read_for_none : bool
        Whether the table is needed even if no region is requested.
    """
    annotation = annotation_of(obj)
    terminology, _ = find_atlas(obj)
    positions, many = resolve_regions(terminology, regions)
    voxel = voxel_sizes(annotation, ndim)
    names, both = ([], False) if hemisphere is None else resolve_hemispheres(hemisphere)
    sides = hemispheres_of(obj) if names else sides_if_known(obj)
    only = HEMISPHERES[names[0]] if len(set(names)) == 1 else None
    # the order of the dimensions is that of the annotation
    if positions.size == 0 and not read_for_none:
        table = concatenate([], np.empty((0,) * annotation.ndim, np.int64))
    else:
        # any table will do if hemispheres are not distinguished
        known = None if names else cache.find_any(annotation.variable)
        table = known or cache.learn(annotation.variable, sides, only, progress)
        require_plausible(obj, annotation, table, sides if names else None)
    single = {"region": not many, "hemisphere": not both}
    return Measured(annotation, terminology, voxel, positions, tuple(names), table, single)


def require_plausible(
    obj: xr.Dataset | xr.DataArray,
    annotation: xr.DataArray,
    table: LabelTable,
    sides: Variable | None,
) -> None:
    """Refuse an image in place of an annotation, and hemispheres other than left and right.

    Parameters
    ----------
    obj : Dataset or DataArray
    annotation : DataArray
    table : LabelTable
        Result of a pass over it.
    sides : Variable, optional
        The hemispheres, if the table distinguishes them.
    """
    terminology, space = find_atlas(obj)
    require_annotation(table, annotation.variable, terminology, space.shape)
    if sides is not None and has_hemispheres(obj):
        whole = sorted(annotation.shape) == sorted(space.shape)
        require_hemispheres(table, sides, whole)


def size_variable(
    found: Measured, counts: Int64s, further: tuple[Hashable, ...] = ()
) -> QuantityVariable:
    """Convert voxel counts, of shape (*further, regions, sides), to volumes or areas."""
    voxel = without_noise(math.prod(found.voxel.values()))
    sizes = quantity(counts * voxel, len(found.voxel))
    return QuantityVariable((*further, "region", "hemisphere"), sizes, found.attrs)


def voxel_sizes(annotation: xr.DataArray, ndim: int | None = None) -> dict[Hashable, float]:
    """Return the voxel size along each dimension, which must be `ndim` spatial ones, in mm.

    Two or three by default.
    """
    found = spacing(annotation, need=0 if ndim is None else ndim)
    if ndim is None and len(found) < 2:
        spacing(annotation, need=3)  # raises and says what is missing
    if ndim is not None and len(found) > ndim:
        dim = next(iter(found))
        raise GridError(
            f"an area needs a section, this object has {len(found)} spatial dimensions; "
            f"select a plane, for example isel({dim}=5), or measure the volume"
        )
    for dim in annotation.dims:
        if dim not in found:
            raise GridError(
                f"dimension {dim!r} of {annotation.name!r} is not a spatial one; measure its "
                f"{annotation.sizes[dim]} entries one at a time, for example isel({dim}=0)"
            )
    return {dim: found[dim] for dim in annotation.dims}
