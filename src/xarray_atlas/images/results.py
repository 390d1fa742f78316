"""Dimensions, coordinates and units of images reduced by region."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.alignment import AlignedImage
from xarray_atlas.coords.atlas_index import find_coordinate
from xarray_atlas.coords.grid import spacing
from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.world import WORLD
from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.regions.results import (
    hemisphere_coord,
    region_coords,
    voxel_size_attrs,
)
from xarray_atlas.terminology import Terminology

__all__ = ["by_region", "with_unit"]

PLACES = ("region", "hemisphere")


def by_region(
    found: Mapping[str, Any],
    shown: AlignedImage,
    annotation: xr.DataArray,
    regions: tuple[Terminology, Int64s, bool],
    hemispheres: tuple[Sequence[str], bool],
    views: Mapping[str, Any],
    q: Any = None,
) -> xr.Dataset:
    """Create a Dataset from arrays by region.

    Parameters
    ----------
    found : mapping of str to array, shape (*frames, regions, sides)
        The result of each function. That of "quantile" has a leading axis.
    shown : Shown
        The image that defines other dimensions, coordinates and the unit.
    annotation : DataArray
        Annotation of the atlas.
    regions : Terminology, positions in it, and whether they were a list
    hemispheres : names of the sides asked for, and whether they were a list
    views : mapping of str to array, shape (regions, sides)
        Coordinates.
    q : float or sequence of float, optional
        The requested quantiles.
    """
    image = shown.image
    terminology, positions, many = regions
    names, both = hemispheres
    frames = [dim for dim in image.dims if dim not in shown.dims.values()]
    coords = region_coords(terminology, positions)
    if names:
        coords["hemisphere"] = hemisphere_coord(names)
    if q is not None:
        coords["quantile"] = Variable(("quantile",), np.atleast_1d(np.asarray(q, np.float64)))
    taken = [dim for dim in frames if dim in {*coords, *PLACES, *views}]
    if taken:
        raise ValueError(f"the image has a dimension {taken[0]!r}, as the result has: rename it")
    # hemispheres are distinguished once each, whatever was requested
    sides = [list(dict.fromkeys(names)).index(name) for name in names] or [0]
    scalars = [("region", not many), ("hemisphere", not both), ("quantile", np.ndim(q) == 0)]
    single = {dim: 0 for dim, alone in scalars if alone}
    order = _order(shown, frames)

    def laid_out(dims: Sequence[Hashable], array: Any) -> Variable:
        whole = Variable(dims, array).isel(hemisphere=sides)
        part = whole.isel({dim: 0 for dim in single if dim in dims})
        return part.transpose(*(dim for dim in order if dim in part.dims))

    variables: dict[Hashable, Variable] = {}
    attrs = dict(image.attrs)
    attrs.pop("units", None)
    attrs |= voxel_size_attrs({dim: spacing(annotation, need=0)[dim] for dim in annotation.dims})
    for name, array in found.items():
        first = ("quantile",) if name == "quantile" else ()
        values = laid_out((*first, *frames, *PLACES), array)
        values = values.astype(np.int64) if name == "count" else values
        # it cannot have the name of the coordinate
        called = "quantiles" if name == "quantile" else name
        variables[called] = with_unit(values, *_unit_of(image, name), attrs)
        if name == "count":
            variables[called] = _beside(image, variables[called])
    coords = {name: v.isel({d: 0 for d in single if d in v.dims}) for name, v in coords.items()} | {
        name: _beside(image, laid_out(PLACES, array)) for name, array in views.items()
    }
    kept = _other_coords(shown, {*coords, *PLACES})
    return xr.Dataset(variables, coords).assign_coords(kept)


def _other_coords(shown: AlignedImage, own: set[Hashable]) -> xr.Coordinates:
    """Return the image's coordinates that are not on its grid; the position of a section is kept.

    Dropped are the hierarchy, as results of two atlases may be compared, the regions of a mask that
    was applied, and the world coordinates of the image's grid.
    """
    image = shown.image
    spatial = set(shown.dims.values())
    gone = [name for name, coord in image.coords.items() if spatial & set(coord.dims)]
    carrier = find_coordinate(image)
    gone += [name for name in image.coords if name in (carrier, WORLD) or name in own]
    return image.coords.to_dataset().drop_vars(gone).coords


def _order(shown: AlignedImage, frames: Sequence[Hashable]) -> list[Hashable]:
    """Return the dimensions of a result: regions at the position of the first spatial dimension."""
    order: list[Hashable] = ["quantile"]
    for dim in shown.image.dims:
        if dim in frames:
            order.append(dim)
        elif "region" not in order:
            order += PLACES
    return order


def with_unit(values: Variable, unit: Any, text: Any, attrs: Mapping[Any, Any]) -> Variable:
    """Attach a unit to numbers: as quantities, as text in the attributes, or none."""
    if unit is None:
        told = {} if text is None else {"units": text}
        return Variable(values.dims, values.data, {**attrs, **told})
    quantities = unit._REGISTRY.Quantity(values.data, unit)
    # it cannot be lazy
    kind = Variable if isinstance(values.data, da.Array) else QuantityVariable
    return kind(values.dims, quantities, attrs)


def _unit_of(image: xr.DataArray, name: str) -> tuple[Any, Any]:
    """Return the unit of a statistic of an image, from its data or as text."""
    unit, text = getattr(image.variable._data, "units", None), image.attrs.get("units")
    if name == "count":
        return None, None
    if unit is None:
        return None, text if text is None or name != "var" else _squared(str(text))
    if name in ("var", "std"):  # of a temperature they are differences
        unit = (unit._REGISTRY.Quantity(0.0, unit) - unit._REGISTRY.Quantity(0.0, unit)).units
    return unit**2 if name == "var" else unit, None


def _beside(image: xr.DataArray, numbers: Variable) -> Variable:
    """Convert numbers so that they can be computed together with the values of an image.

    xarray does not compute lazy quantities and other lazy arrays of one object.
    """
    unit = getattr(image.variable._data, "units", None)
    if unit is None or not isinstance(numbers.data, da.Array):
        return numbers
    return Variable(numbers.dims, unit._REGISTRY.Quantity(numbers.data, ""), numbers.attrs)


def _squared(unit: str) -> str:
    """Return the square of a unit as text, even if pint does not know it."""
    if unit.strip() in ("", "1"):
        return unit
    return f"{unit} ** 2" if unit.isalpha() else f"({unit}) ** 2"
