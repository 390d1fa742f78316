"""Numbers and densities of points by region."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.alignment import shown_part
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.hemispheres import hemispheres_of
from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.space import FRAME
from xarray_atlas.coords.units import quantity
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.labels import Bools, Int64s, lookup
from xarray_atlas.kernels.spacing import without_noise
from xarray_atlas.kernels.tables import LabelTable
from xarray_atlas.parcellation.parcels import chosen_parcels
from xarray_atlas.points.groups import PointGroups, group_points
from xarray_atlas.points.lookup import Found, find
from xarray_atlas.points.tables import read_points
from xarray_atlas.points.values import values_at
from xarray_atlas.reductions.labels import scan
from xarray_atlas.reductions.membership import LabelPlaces, label_places
from xarray_atlas.reductions.rollup import counts_by_label
from xarray_atlas.regions.volume import SIZES, Measured, measured

__all__ = ["count_points"]

TOGETHER = 8
"""Maximum number of masks for which a pass counts the voxels."""


def count_points(
    obj: xr.Dataset | xr.DataArray,
    points: Any,
    by: str | Iterable[str] | None = None,
    level: int | None = None,
    hemisphere: str | Iterable[str] | None = None,
    mask: xr.DataArray | None = None,
    *,
    parcellation: Any = None,
    frame: Any = None,
    transform: Any = None,
    unit: Any = None,
    resolution: Any = None,
    axes: Iterable[str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Count points by region, including descendants, and by other properties.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid; sections give areas.
    points : DataFrame, Dataset, DataArray, mapping, sequence of DataArrays, or array
        Same as in :func:`region_at`.
    by : str or iterable of str, optional
        Columns or coordinates of the points, such as "animal" or ("animal", "channel"). Each
        becomes a dimension, in this order. Categories of a categorical without points are included,
        with 0.
    level : int, optional
        Count by the disjoint regions at this level of the hierarchy, counted from root = 0; voxels
        labelled with a region above the level belong to that region.
    hemisphere : "left", "right" or a list of both, optional
        Only that hemisphere.
    mask : DataArray of bool, optional
        The tissue that was imaged, on the grid of the atlas (with its coordinates in any unit of
        length; without coordinates its voxels are the atlas's): only voxels inside count for the
        volume, and points outside are counted separately. If it has a dimension named like the
        first of `by`, each entry (animal) has its own mask.
    parcellation : str, dict, DataFrame or path, optional
        Count by the disjoint regions of a parcellation: ``"beryl"``, ``"cosmos"`` or
        ``"allen-summary"``; a mapping from parcels to their regions, such as
        ``{"visual": ["VISp", "VISl"]}``; or a table with the columns ``region`` and ``parcel``,
        or the path of its CSV.
    frame, transform, unit, resolution, axes, columns
        Same as in :func:`region_at`.

    Returns
    -------
    Dataset
        With the dimension ``region``, then ``hemisphere`` for a list, then `by`. Columns of a table
        that are constant within each entry of the first of `by` (the group of an animal) become
        coordinates on it, unless a variable has that name.

        ``count``
            int64, including the points of descendants.
        ``volume``
            In mm**3 (for a section ``area``, in mm**2), inside `mask`.
        ``density``
            In 1/mm**3. NaN if the volume is 0.
        ``background``, ``unknown_label``
            Points in voxels of no region (or parcel), and of labels without a region.
        ``outside``
            Points outside the grid, or NaN.
        ``outside_mask``
            With `mask`: points in voxels outside it. They are excluded from all of the above.
        ``other_side``
            With `hemisphere`: points in the other hemisphere.

        All variables after the first three have no dimension ``region``. Together with the points
        of the roots (or of all parcels) they add up to the number of points.

    Raises
    ------
    PointsError
        If a column of `by` does not exist, or has missing values.
    GridError
        If the mask is not on the grid.
    UnitsError
        Same as in :func:`region_at`.
    HemisphereError
        Same as in :func:`volume`.

    Warns
    -----
    UserWarning
        Same as in :func:`region_at`.

    Examples
    --------
    >>> import pandas as pd, xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> cells = pd.DataFrame(
    ...     {"z": [8.1, 8.1, 7.9], "y": [0.8, 0.8, 3.0], "x": [6.1, 6.2, 4.0],
    ...      "animal": ["m1", "m2", "m2"], "group": ["a", "b", "b"]}
    ... )
    >>> found = xarray_atlas.count_points(ds, cells, "animal", unit="mm", frame="dataset")
    >>> found["count"].sel(region=["root", "Isocortex"]).values
    array([[1, 2],
           [1, 1]])
    >>> found.group.values.tolist(), found.density.attrs["units"]
    (['a', 'b'], '1 / mm ** 3')
    """
    terminology, _ = find_atlas(obj)
    parcels = chosen_parcels(terminology, level, parcellation)
    read = read_points(obj, points, frame, unit, resolution, axes, columns, transform)
    names = _names(by)
    groups = group_points(read, names, None if mask is None else _labels_of(mask, names))
    result = measured(
        obj, [] if mask is not None else None, hemisphere, None, read_for_none=mask is None
    )
    where = find(obj, read, sides=hemisphere is not None)
    tables = [result.table]
    imaged = np.ones(where.inside.size, bool)
    if mask is not None:
        tissue = _on_grid(mask, result.annotation, names)
        imaged, tables = _inside_mask(obj, tissue, where, groups, result)
    if parcels is None:
        held, positions = terminology, terminology.default_positions
        places = label_places(terminology, positions, direct=terminology.parcels is not None)
    else:
        held, positions = parcels.terminology, parcels.positions
        numbers = np.arange(positions.size)
        places = label_places(terminology, numbers, of_region=parcels.of_region)
    result = dataclasses.replace(
        result, terminology=held, positions=positions, single={**result.single, "region": False}
    )
    known_labels = np.unique(terminology.labels)
    variables = _counted(places, known_labels, result, where, imaged, groups, mask is not None)
    sizes = [places.add_up(*counts_by_label(table, result.wanted)) for table in tables]
    dims: tuple[str, ...] = ("region", "hemisphere")
    if mask is not None and names and names[0] in mask.dims:
        voxels = np.stack(sizes, axis=-1)
        dims = (*dims, names[0])
    else:
        voxels = sizes[0]
    name, ndim = SIZES[len(result.voxel)], len(result.voxel)
    voxel = without_noise(math.prod(result.voxel.values()))
    size = QuantityVariable(dims, quantity(voxels * voxel, ndim), result.attrs)
    count = variables["count"]
    wide = Variable(dims, size.values).set_dims(count.sizes).transpose(*count.dims)
    with np.errstate(divide="ignore", invalid="ignore"):
        density = np.where(wide.values > 0, count.values / wide.values, np.nan)
    variables = {
        "count": count,
        name: size,
        "density": QuantityVariable(count.dims, quantity(density, -ndim), result.attrs),
        **{key: value for key, value in variables.items() if key != "count"},
    }
    found = result.dataset(variables, groups.coords)
    return found.assign_attrs({**result.attrs, FRAME: read.stated_frame})


def _counted(
    places: LabelPlaces,
    known_labels: Int64s,
    result: Measured,
    where: Found,
    imaged: Bools,
    groups: PointGroups,
    masked: bool,
) -> dict[str, Variable]:
    """Count the points of each region, and those in none."""
    dims, shape = groups.dims, groups.shape
    cells = math.prod(shape)
    labels, codes = np.unique(where.labels, return_inverse=True)
    known = places.holds(labels)[codes]
    # like in region_at, labels in no parcel are background
    unknown = ((labels != 0) & (lookup(labels, known_labels) < 0))[codes]

    def count(which: Bools) -> Int64s:
        return np.bincount(groups.codes[which], minlength=cells).reshape(shape)

    by_side: dict[str, list[Any]] = {"count": [], "background": [], "unknown_label": []}
    if masked:
        by_side["outside_mask"] = []
    seen = np.zeros(where.inside.size, bool)
    for side in result.wanted:
        here = where.inside if side is None else where.inside & (where.sides == side)
        seen |= here
        held = here & imaged
        counted = held & known
        key = codes[counted] * cells + groups.codes[counted]
        each = np.bincount(key, minlength=labels.size * cells).reshape(labels.size, *shape)
        by_side["count"].append(places.add_up(labels, each))
        by_side["background"].append(count(held & ~known & ~unknown))
        by_side["unknown_label"].append(count(held & unknown))
        if masked:
            by_side["outside_mask"].append(count(here & ~imaged))
    variables = {}
    for name, parts in by_side.items():
        if name == "count":
            variables[name] = Variable(("region", "hemisphere", *dims), np.stack(parts, axis=1))
        else:
            variables[name] = Variable(("hemisphere", *dims), np.stack(parts))
    variables["outside"] = Variable(dims, count(~where.inside))
    if result.sides:
        variables["other_side"] = Variable(dims, count(where.inside & ~seen))
    return variables


# -- the imaged tissue


def _names(by: Any) -> list[str]:
    """Return the columns to count by, which become dimensions."""
    listed = isinstance(by, Iterable) and not isinstance(by, str)
    names = list(by) if listed else [] if by is None else [by]
    for name in names:
        if not isinstance(name, str):
            raise TypeError(
                f"by= names columns by text, not by {name!r}; rename that column, such as "
                f"points.rename(columns={{{name!r}: 'animal'}})"
            )
    return names


def _labels_of(mask: xr.DataArray, by: list[str]) -> Any:
    """Return the labels of a mask along the first of `by`, if it has that dimension."""
    if not isinstance(mask, xr.DataArray):
        raise GridError(
            f"mask is a DataArray on the grid of the atlas, not a {type(mask).__name__}"
        )
    if not by or by[0] not in mask.dims:
        return None
    if by[0] not in mask.coords:
        raise GridError(
            f"dimension {by[0]!r} of the mask has no coordinate that labels its "
            f"entries: mask.assign_coords({by[0]}=[...])"
        )
    return mask[by[0]].values


def _on_grid(mask: xr.DataArray, annotation: xr.DataArray, by: list[str]) -> Variable:
    """Return a mask as a variable on the annotation's dimensions, after the first of `by`."""
    if mask.dtype != np.bool_:
        raise GridError(f"mask is {mask.dtype}; it is boolean, for example mask={mask.name} > 0")
    own = [name for name in by[:1] if name in mask.dims]
    shown = shown_part(annotation, _with_positions(mask, annotation), "mask")
    names: dict[Hashable, Hashable] = {theirs: dim for dim, theirs in shown.dims.items()}
    variable = shown.image.variable
    if more := [dim for dim in variable.dims if dim not in {*names, *own}]:
        raise GridError(
            f"mask has a dimension {more[0]!r}, which the atlas lacks; it may have "
            f"{'one more, ' + repr(by[0]) if by else 'no other'}"
        )
    for dim, part in shown.part.items():
        size = annotation.sizes[dim]
        there = np.size(np.arange(size)[part])
        if there != size:
            raise GridError(
                f"mask is not on the grid of the atlas: {dim!r} has {there} voxels there and "
                f"{size} here; bring it onto it: xarray_atlas.resample(mask, like=ds)"
            )
    variable = Variable([names.get(dim, dim) for dim in variable.dims], variable.data)
    # flip the selected part of the atlas if the mask is reversed
    return variable.isel(shown.part).transpose(*own, *annotation.dims)


def _with_positions(mask: xr.DataArray, annotation: xr.DataArray) -> xr.DataArray:
    """Assign the atlas's coordinates to a mask without coordinates."""
    _, space = find_atlas(annotation)
    found: dict[Hashable, Variable] = {}
    for axis, name in space.coordinates(annotation).items():
        if name is None or space.coordinate(mask, axis) is not None:
            continue
        dims = annotation.coords[name].dims
        if all(mask.sizes.get(dim) == annotation.sizes[dim] for dim in dims):
            found[name] = Variable(dims, lengths(annotation, name), {"units": "mm"})
    return mask.assign_coords(found)


def _inside_mask(
    obj: xr.Dataset | xr.DataArray,
    mask: Variable,
    where: Found,
    groups: PointGroups,
    result: Measured,
) -> tuple[Bools, list[LabelTable]]:
    """Return whether each point is in the mask, and tabulate the voxels inside, for each mask."""
    annotation = result.annotation.variable
    index: dict[Hashable, Any] = {
        axis.dim: where.index[name] for name, axis in where.axes.items() if axis.dim is not None
    }
    own = mask.dims[0] if mask.ndim > annotation.ndim else None
    if own is not None:
        index[own] = groups.first
    (imaged,) = values_at([mask], index, where.inside)
    sides = hemispheres_of(obj) if result.sides else Variable((), np.int64(1))
    masks = [mask] if own is None else [mask.isel({own: at}) for at in groups.mask_rows]
    tables: list[LabelTable] = []
    for begin in range(0, len(masks), TOGETHER):
        # a bit for each mask, above the two of the hemisphere: one pass for several masks
        some = masks[begin : begin + TOGETHER]
        code = sides.astype(np.int64)
        for bit, one in enumerate(some):
            code = code + one * np.int64(4 << bit)
        table = scan(annotation, code.transpose(*annotation.dims))
        for bit in range(len(some)):
            rows = table.rows(table.side & (4 << bit) > 0)
            tables.append(rows._replace(side=rows.side & 3))
    return imaged.astype(bool), tables
