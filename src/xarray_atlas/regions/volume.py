"""How large regions are: volumes, and areas in a section."""

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
"""What the size of a region is called, by the number of spatial dimensions."""


def volume(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None = None,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
    progress: bool = False,
) -> xr.DataArray:
    """Measure the volume of regions, with their descendants, in mm**3.

    The annotation is read once, whatever the number of regions: block by block
    on the active dask scheduler, or at once where it is not a dask array. What that
    learns of an opened atlas is kept, so that the next question about it reads nothing
    (see :func:`region_properties`).

    The size of a voxel is measured from the coordinates, so that a part, a stride or a
    coarser level of the atlas gives the right number. An axis of one voxel has
    the size that its coordinate remembers (of a stride or ``coarsen`` too),
    else the voxel size of the atlas.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid. Each entry of a further dimension,
        such as the ages of an atlas of development, is a volume of its own.
    regions : str, int, Region, or list of these, optional
        By acronym, full name, or id (int). All regions by default; of a parcellation its
        parcels, each without its descendants, so that no voxel is counted twice.
    hemisphere : "left", "right" or a list of both, optional
        Only that side. A voxel on the midline is left.
    direct : bool, default: False
        Only voxels labelled with the region itself, without its descendants.
    progress : bool, default: False
        Show a progress bar on stderr while the annotation is read.

    Returns
    -------
    DataArray of quantities in mm**3
        A scalar for one region, else on a ``region`` dimension; a list of
        hemispheres adds a ``hemisphere`` dimension, and further dimensions are
        kept. A region without a voxel has 0 mm**3. ``attrs["voxel_size"]`` says
        which grid it came from, on which the volume of a region depends (CA1
        grows by 8 % from 25 to 100 um).

    Raises
    ------
    GridError
        If a coordinate is unevenly spaced, or a spatial dimension is missing.
    RegionNotFoundError, AmbiguousRegionError
        For a region that does not exist, or an acronym that several share.
    HemisphereError
        If left and right cannot be distinguished; if ``hemispheres`` has another value than 1 and 2
        in much of the brain.
    AtlasMismatchError
        If most of the labelled voxels have labels that no region has: of an image in place of an
        annotation, or with the terminology of another atlas.

    Warns
    -----
    UserWarning
        If labels are scattered as grey values are.

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

    The unit is in the attributes too, so that it is still there in a file:

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
    """Measure the area of regions in a section, with their descendants, in mm**2.

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
        If the object has not two spatial dimensions, or they are unevenly spaced.
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
    for at in np.ndindex(shape):  # each age, subject, ... apart
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
    """What was asked about which regions, and the table that answers it.

    Attributes
    ----------
    annotation : DataArray
    terminology : Terminology
    voxel : dict of hashable to float
        The voxel size along each of the annotation's dimensions, in mm.
    positions : ndarray of int64
        Of the regions in the terminology.
    sides : tuple of str
        The hemispheres asked for; none of them where all voxels are.
    table : LabelTable
    single : dict of str to bool
        Whether the region, and the hemisphere, was not asked for in a list.
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
        """What the table calls the sides asked for: None for all of them."""
        return [HEMISPHERES[name] for name in self.sides] or [None]

    @property
    def attrs(self) -> dict[str, str]:
        """Which grid the numbers come from."""
        return voxel_size_attrs(self.voxel)

    def dataset(
        self, variables: Mapping[str, Variable], coords: Mapping[Any, Any] | None = None
    ) -> xr.Dataset:
        """Make a result of variables on ``region``, ``hemisphere`` and other dimensions.

        A single region or side that was not asked for in a list becomes a scalar.
        """
        names = region_coords(self.terminology, self.positions)
        if self.sides:
            names["hemisphere"] = hemisphere_coord(self.sides)
        result = xr.Dataset(dict(variables), {**names, **(coords or {})})
        result = result.isel({dim: 0 for dim, dropped in self.single.items() if dropped})
        # the position of a section, and whatever else is not on the grid; not the regions of a
        # mask that was applied; and not the hierarchy, with its space: volumes of two
        # resolutions are there to be compared; nor what happens to be called like a result
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
    """Check what is asked, and get the table that answers it: one that is kept, or from a pass.

    Parameters
    ----------
    obj, regions, hemisphere
        Same as in :func:`volume`.
    ndim : int, optional
        How many spatial dimensions there must be; by default two or three.
    progress : bool
        Same as in :func:`volume`.
    read_for_none : bool
        Whether the table is wanted although no region is asked for.
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
        # without sides any table will do
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
    """Refuse an image in place of an annotation, and hemispheres that are not left and right.

    Parameters
    ----------
    obj : Dataset or DataArray
    annotation : DataArray
    table : LabelTable
        What a pass over it has learned.
    sides : Variable, optional
        The hemispheres, where the table distinguishes them.
    """
    terminology, space = find_atlas(obj)
    require_annotation(table, annotation.variable, terminology, space.shape)
    if sides is not None and has_hemispheres(obj):
        whole = sorted(annotation.shape) == sorted(space.shape)
        require_hemispheres(table, sides, whole)


def size_variable(
    found: Measured, counts: Int64s, further: tuple[Hashable, ...] = ()
) -> QuantityVariable:
    """Return counts of voxels, of shape (*further, regions, sides), as volumes or areas."""
    voxel = without_noise(math.prod(found.voxel.values()))
    sizes = quantity(counts * voxel, len(found.voxel))
    return QuantityVariable((*further, "region", "hemisphere"), sizes, found.attrs)


def voxel_sizes(annotation: xr.DataArray, ndim: int | None = None) -> dict[Hashable, float]:
    """Return the voxel size along each dimension, which must be `ndim` spatial ones, in mm.

    By default two or three.
    """
    found = spacing(annotation, need=0 if ndim is None else ndim)
    if ndim is None and len(found) < 2:
        spacing(annotation, need=3)  # which says what is missing
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
